"""What the pages about companies and the market share: records, figures, cards, where data is from.

Draws from the board's records and pure modules; wants nothing and asks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, TypeVar

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from stocktracker import wording
from stocktracker.figures.key_figures import Group
from stocktracker.figures.plotting import CONFIG
from stocktracker.model import Facts, Feed, Outcome, Ticker, Want
from stocktracker.palette import Palette
from stocktracker.runtime import Runtime
from stocktracker.screen.styling import styled

F = TypeVar("F", bound=Facts)

STYLE = """<style>
.groups { columns: 270px 3; column-gap: .9rem; }
.group { break-inside: avoid; margin-bottom: .9rem; padding: .8rem 1rem .5rem;
  border: 1px solid var(--line); border-radius: .5rem; }
.group b { font-size: .95rem; font-weight: 600; }
.figure { display: flex; justify-content: space-between; gap: .75rem; padding: .28rem 0;
  border-top: 1px solid var(--grid); font-size: .9rem; font-variant-numeric: tabular-nums; }
.group b + .figure { margin-top: .4rem; }
.figure span:first-child { color: var(--muted); }
.figure span:last-child { font-weight: 500; text-align: right; white-space: nowrap; }
</style>"""


def read(runtime: Runtime, feed: Feed, ticker: Ticker, kind: type[F]) -> F | None:
    """The board's record of that feed, if it is of that kind."""
    facts = runtime.board.read_facts(feed, ticker)
    return facts if isinstance(facts, kind) else None


def heard_at(runtime: Runtime, feed: Feed, facts: Facts) -> datetime:
    """When upstream last said this: the last good attempt may have brought nothing new."""
    attempt = runtime.read().attempts.get(Want(feed, facts.ticker))
    if attempt is None or attempt.outcome is Outcome.FAILED:
        return facts.fetched_at
    return max(attempt.at, facts.fetched_at)


def provenance(runtime: Runtime, feed: Feed, facts: Facts, *more: str) -> None:
    """Where the data is from and how old it is; `more` is text of ours."""
    now = runtime.now()
    parts = [f"{wording.escape_markdown(facts.source)}, fetched {_ago(now, facts.fetched_at)}"]
    heard = heard_at(runtime, feed, facts)
    if heard - facts.fetched_at >= wording.MINUTE:
        parts.append(f"unchanged when asked {_ago(now, heard)}")
    st.caption(" · ".join([*parts, *more]))


def _ago(now: datetime, then: datetime) -> str:
    age = wording.age(now - then)
    return "just now" if age == "now" else f"{age} ago"


@st.cache_resource(show_spinner=False, max_entries=300)
def draw(key: str, version: str, palette: Palette, _make: Callable[[Palette], Any]) -> None:  # noqa: ARG001
    """Draw a figure once for each version and palette; other sessions replay the element.

    `key` says which figure of which ticker it is, `version` what its picture depends on besides.
    """
    st.plotly_chart(_make(palette), key=key, theme=None, config={**CONFIG, "displayModeBar": False})


def cards(groups: Iterable[Group], palette: Palette) -> str:
    """Groups of figures as HTML cards that find room side by side, or below each other."""
    body = "".join(_card(group) for group in groups)
    colours = f"--line:{palette.border};--grid:{palette.grid};--muted:{palette.muted}"
    return f'{STYLE}<div class="groups" style="{colours}">{body}</div>'


def _card(group: Group) -> str:
    lines = "".join(
        f'<div class="figure" title="{escape(figure.help)}"><span>{escape(figure.label)}</span>'
        f"<span>{escape(figure.text)}</span></div>"
        for figure in group.figures
    )
    return f'<div class="group"><b>{escape(group.title)}</b>{lines}</div>'


def coloured(
    frame: pd.DataFrame,
    palette: Palette,
    *,
    signed: Sequence[str],
    formats: Mapping[str, Callable[[Any], str]],
) -> Styler:
    """Numbers underneath, so that sorting is by value, text on top; `signed` columns by sign."""

    def colour(value: Any) -> str:
        if value is None or pd.isna(value):
            return f"color: {palette.muted}"
        if round(float(value), 4) == 0:
            return f"color: {palette.flat}"
        return f"color: {palette.up if value > 0 else palette.down}"

    return styled(frame).format(dict(formats)).map(colour, subset=list(signed))


def arrow(text: str) -> str:
    """A signed figure with the arrow that says the same: `▲ +5.52%`."""
    if text.startswith("+"):
        return f"{wording.UP} {text}"
    return f"{wording.DOWN} {text}" if text.startswith(wording.MINUS) else text


def section(title: str, help_text: str | None = None) -> None:
    st.markdown(f"##### {title}", help=help_text)


def quote_of(runtime: Runtime, ticker: Ticker) -> tuple[float | None, str]:
    """The latest price and its currency, where there is one."""
    quote = runtime.board.read_quote(ticker)
    return (quote.price, quote.currency) if quote else (None, "")


def version(*facts: Facts | None) -> str:
    """What changes when any of the records does."""
    return " ".join(each.fetched_at.isoformat() if each else wording.NOTHING for each in facts)
