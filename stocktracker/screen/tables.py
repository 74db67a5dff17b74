"""Rows as the Live page shows them: tiles, a table for wide screens, cards for narrow ones.

Makes what is drawn, from cells that say all of it; draws nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import partial
from html import escape
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from stocktracker import wording
from stocktracker.figures.export import QuoteRow
from stocktracker.model import Freshness
from stocktracker.palette import FLAT_NAME, Palette, Scheme, change_name
from stocktracker.rows import Row
from stocktracker.screen.styling import styled

CLOCK = "◷"
DOUBTFUL = f"{CLOCK} doubtful"
NARROW = 640  # pixels, below which the table gives way to cards
# Whole elements, with the room around them: the tiles, the cards, and the table, which comes after
# those and has no name in the page. Containers with names would be more messages in every tick.
TILE_GRID = '[data-testid="stLayoutWrapper"]:has(> * > * > .st-key-wide)'
CARD_LIST = '[data-testid="stElementContainer"]:has(> * > .cards)'

STYLE = f"""<style>
@media (max-width: {NARROW}px) {{ {TILE_GRID}, {CARD_LIST} + * {{ display: none; }} }}
@media (min-width: {NARROW + 1}px) {{ {CARD_LIST} {{ display: none; }} }}
.card {{ display: grid; grid-template-columns: 1fr auto; gap: 0 .75rem; padding: .6rem 0;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }}
.card b {{ font-size: 1.05rem; }}
.card .muted {{ color: var(--muted); font-size: .82rem; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }}
.card .right {{ text-align: right; white-space: nowrap; }}
</style>"""


@dataclass(frozen=True, slots=True)
class Cells:
    """What is shown of one ticker. Equal cells look equal, so nothing in it changes by the second.

    `age` is rough and in words, `since` the seconds from which on it is said, to sort by.
    """

    ticker: str
    name: str
    price: float | None
    currency: str
    change: float | None
    percent: float | None
    low: float | None
    high: float | None
    volume: int | None
    closes: tuple[float, ...]
    age: str
    since: float | None
    status: str
    quiet: bool
    trouble: str
    doubt: str = ""
    held: str = ""


def cells_of(row: Row) -> Cells:
    quote = row.quote
    since = None if row.age is None else wording.rough(row.age)
    return Cells(
        ticker=row.ticker,
        name=row.name,
        price=quote.price if quote else None,
        currency=quote.currency if quote else "USD",
        change=quote.change if quote else None,
        percent=quote.change_percent if quote else None,
        low=quote.low if quote else None,
        high=quote.high if quote else None,
        volume=quote.volume if quote else None,
        closes=row.closes,
        age=wording.NOTHING if since is None else wording.rough_age(since),
        since=None if since is None else since.total_seconds(),
        status=status_of(row),
        quiet=quote is None or row.freshness is Freshness.STALE or row.doubt is not None,
        trouble=row.trouble or "",
        doubt=doubt_words(row),
        held=row.held or "",
    )


def status_of(row: Row) -> str:
    """What the age means, in a word or two; a healthy live row says only that."""
    quote = row.quote
    if row.doubt is not None:
        return DOUBTFUL
    if quote is None:
        return "failed" if row.trouble else "waiting"
    return {
        Freshness.LIVE: "live",
        Freshness.DELAYED: "15 min delayed",
        Freshness.END_OF_DAY: f"close {quote.trading_day:%a} {quote.trading_day.day} "
        f"{quote.trading_day:%b}",
        Freshness.STALE: f"{CLOCK} stale",
        Freshness.MISSING: wording.NOTHING,
    }[row.freshness]


def doubt_words(row: Row) -> str:
    """What was heard, when and from where, and why it is not shown; empty where nothing was.

    In UTC, as the same cells are shown to viewers of all zones.
    """
    doubt, quote = row.doubt, row.quote
    if doubt is None:
        return ""
    heard = doubt.quote
    price = wording.price(heard.price, heard.currency)
    words = (
        f"{price} was heard from {heard.source} at {wording.instant(heard.fetched_at, UTC)} "
        f"and is doubtful: it {doubt.words}."
    )
    if quote is None:
        return f"{words} There is no good price yet."
    good = wording.price(quote.price, quote.currency)
    return (
        f"{words} Until another answer agrees, {good} stays, heard from {quote.source} "
        f"at {wording.instant(quote.fetched_at, UTC)}."
    )


def tile(cells: Cells, scheme: Scheme = Scheme.GREEN_RED) -> dict[str, Any]:
    """The arguments of `st.metric` for one ticker; its sparkline has the colour of its change."""
    name = f" :gray[{wording.escape_markdown(cells.name)}]" if cells.name else ""
    mark = f" :orange[{DOUBTFUL}]" if cells.doubt else ""
    arguments: dict[str, Any] = {
        "label": f"**{wording.escape_markdown(cells.ticker)}**{mark}{name}",
        "value": wording.price(cells.price, cells.currency),
        "border": True,
        "height": "stretch",
    }
    if len(cells.closes) > 1:
        arguments |= {"chart_data": list(cells.closes), "chart_type": "line"}
    if cells.change is None:
        return arguments | {"delta": wording.NOTHING, "delta_color": "off", "delta_arrow": "off"}
    # The sign is read off the text by the metric, so it is a plain hyphen here.
    text = wording.change(cells.change, cells.percent).lstrip("▲▼ ").replace("−", "-")
    colour = change_name(cells.change, scheme)
    if colour == FLAT_NAME:
        return arguments | {"delta": text, "delta_color": "off", "delta_arrow": "off"}
    return arguments | {"delta": text, "delta_color": colour}


def quote_table(shown: Sequence[Cells], palette: Palette) -> Styler:
    """One line a ticker: numbers underneath, so that sorting is by value, text on top."""
    frame = pd.DataFrame(
        {
            "ticker": [cells.ticker for cells in shown],
            "name": [cells.name for cells in shown],
            "last": _numbers(cells.price for cells in shown),
            "change": _numbers(cells.change for cells in shown),
            "percent": _numbers(cells.percent for cells in shown),
            "range": [_day_range(cells) for cells in shown],
            "volume": _numbers(cells.volume for cells in shown),
            "trend": [list(cells.closes) for cells in shown],
            "age": _numbers(cells.since for cells in shown),
            "status": [cells.status for cells in shown],
        }
    )
    style = styled(frame).format(
        {
            "change": lambda value: wording.change(_number(value), None),
            "percent": lambda value: wording.percent(_number(value)),
            "volume": lambda value: wording.compact(_number(value)),
            "age": _age,
        }
    )
    for currency in {cells.currency for cells in shown}:
        places = [place for place, cells in enumerate(shown) if cells.currency == currency]
        style = style.format(partial(_price, currency), subset=(places, ["last"]))
    looks = pd.DataFrame("", index=frame.index, columns=frame.columns)
    for place, cells in enumerate(shown):
        looks.loc[place, ["change", "percent"]] = f"color: {_colour(cells.change, palette)}"
        if cells.quiet:
            looks.loc[place, ["last", "age", "status"]] = f"color: {palette.muted}"
    return style.apply(lambda _: looks, axis=None)


def _numbers(values: Iterable[float | None]) -> pd.Series[float]:
    return pd.Series(list(values), dtype="float64")


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _price(currency: str, value: Any) -> str:
    return wording.price(_number(value), currency)


def _age(value: Any) -> str:
    since = _number(value)
    return wording.NOTHING if since is None else wording.rough_age(timedelta(seconds=since))


def _colour(change: float | None, palette: Palette) -> str:
    if change is None:
        return palette.muted
    if round(change, 4) == 0:
        return palette.flat
    return palette.up if change > 0 else palette.down


def _day_range(cells: Cells) -> str:
    if cells.low is None or cells.high is None:
        return wording.NOTHING
    low, high = (wording.price(each, cells.currency) for each in (cells.low, cells.high))
    return f"{low} – {high}"


def quote_columns() -> dict[str, Any]:
    column = st.column_config
    return {
        "ticker": column.TextColumn("Ticker", pinned=True, width=90),
        "name": column.TextColumn("Name", width="medium"),
        "last": column.NumberColumn("Last", width="small"),
        "change": column.NumberColumn("Change", width="small"),
        "percent": column.NumberColumn("Change %", width="small"),
        "range": column.TextColumn("Day range", width=170, alignment="right"),
        "volume": column.NumberColumn("Volume", width="small"),
        "trend": column.LineChartColumn("30 days", width="small"),
        "age": column.NumberColumn(
            "Age", width="small", help="How long ago this price was true on the exchange."
        ),
        "status": column.TextColumn("Status", width=125),
    }


def cards(shown: Iterable[Cells], palette: Palette) -> str:
    """The same for a phone: two lines a ticker."""
    lines = "".join(_card(cells, palette) for cells in shown)
    colours = f"--line:{palette.border};--muted:{palette.muted}"
    return f'<div class="cards" style="{colours}">{lines}</div>'


def _card(cells: Cells, palette: Palette) -> str:
    colour = palette.flat if cells.change is None else _colour(cells.change, palette)
    price = wording.price(cells.price, cells.currency)
    text = wording.change(cells.change, cells.percent)
    age = "" if cells.since is None else f" · {cells.age}"
    return (
        f'<div class="card"><b>{escape(cells.ticker)}</b><b class="right">{escape(price)}</b>'
        f'<span class="muted">{escape(cells.name or wording.NOTHING)}</span>'
        f'<span class="right" style="color:{colour}">{escape(text)}</span>'
        f'<span class="muted">{escape(cells.status + age)}</span></div>'
    )


def export_rows(rows: Iterable[Row]) -> list[QuoteRow]:
    return [QuoteRow(row.ticker, row.name or None, row.quote, row.freshness) for row in rows]
