"""Rows as the Live page shows them: tiles, a table for wide screens, cards for narrow ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from html import escape
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from stocktracker import wording
from stocktracker.export import QuoteRow
from stocktracker.model import Freshness
from stocktracker.palette import FLAT_NAME, Palette, Scheme, change_name
from stocktracker.rows import Row

CLOCK = "◷"
NARROW = 640  # pixels, below which the table gives way to cards

STYLE = f"""<style>
@media (max-width: {NARROW}px) {{ .st-key-wide {{ display: none; }} }}
@media (min-width: {NARROW + 1}px) {{ .st-key-narrow {{ display: none; }} }}
.card {{ display: grid; grid-template-columns: 1fr auto; gap: 0 .75rem; padding: .6rem 0;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }}
.card b {{ font-size: 1.05rem; }}
.card .muted {{ color: var(--muted); font-size: .82rem; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }}
.card .right {{ text-align: right; white-space: nowrap; }}
</style>"""


def tile(row: Row, scheme: Scheme = Scheme.GREEN_RED) -> dict[str, Any]:
    """The arguments of `st.metric` for one ticker; its sparkline has the colour of its change."""
    quote = row.quote
    change = quote.change if quote else None
    name = f" :gray[{wording.escape_markdown(row.name)}]" if row.name else ""
    arguments: dict[str, Any] = {
        "label": f"**{wording.escape_markdown(row.ticker)}**{name}",
        "value": wording.price(quote.price if quote else None, quote.currency if quote else "USD"),
        "border": True,
        "height": "stretch",
    }
    if len(row.closes) > 1:
        arguments |= {"chart_data": list(row.closes), "chart_type": "line"}
    if quote is None or change is None:
        return arguments | {"delta": wording.NOTHING, "delta_color": "off", "delta_arrow": "off"}
    # The sign is read off the text by the metric, so it is a plain hyphen here.
    text = wording.change(change, quote.change_percent).lstrip("▲▼ ").replace("−", "-")
    colour = change_name(change, scheme)
    if colour == FLAT_NAME:
        return arguments | {"delta": text, "delta_color": "off", "delta_arrow": "off"}
    return arguments | {"delta": text, "delta_color": colour}


def status_of(row: Row) -> str:
    """What the age means, in a word or two; a healthy live row says only that."""
    quote = row.quote
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


def quote_table(rows: Sequence[Row], palette: Palette) -> Styler:
    """One line a ticker: numbers underneath, so that sorting is by value, text on top."""
    frame = pd.DataFrame([_cells(row) for row in rows])
    style = frame.style.format(
        {
            "change": lambda value: wording.change(_number(value), None),
            "percent": lambda value: wording.percent(_number(value)),
            "volume": lambda value: wording.compact(_number(value)),
            "age": lambda value: _age(_number(value)),
        }
    )
    currencies = [row.quote.currency if row.quote else "USD" for row in rows]
    for currency in set(currencies):
        places = [place for place, each in enumerate(currencies) if each == currency]
        style = style.format(partial(_price, currency), subset=(places, ["last"]))

    def colour(value: Any) -> str:
        number = _number(value)
        if number is None:
            return f"color: {palette.muted}"
        if round(number, 4) == 0:
            return f"color: {palette.flat}"
        return f"color: {palette.up if number > 0 else palette.down}"

    quiet = frame["status"].map(
        lambda text: text.startswith(CLOCK) or text in ("failed", "waiting")
    )
    style = style.map(colour, subset=["change", "percent"])
    return style.map(
        lambda _: f"color: {palette.muted}", subset=(frame.index[quiet], ["last", "age", "status"])
    )


def _cells(row: Row) -> dict[str, Any]:
    quote = row.quote
    return {
        "ticker": row.ticker,
        "name": row.name,
        "last": quote.price if quote else None,
        "change": quote.change if quote else None,
        "percent": quote.change_percent if quote else None,
        "range": _day_range(row),
        "volume": quote.volume if quote else None,
        "trend": list(row.closes),
        "age": row.age.total_seconds() if row.age is not None else None,
        "status": status_of(row),
    }


def _day_range(row: Row) -> str:
    quote = row.quote
    if quote is None or quote.low is None or quote.high is None:
        return wording.NOTHING
    return (
        f"{wording.price(quote.low, quote.currency)} – {wording.price(quote.high, quote.currency)}"
    )


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _price(currency: str, value: Any) -> str:
    return wording.price(_number(value), currency)


def _age(seconds: float | None) -> str:
    if seconds is None:
        return wording.NOTHING
    return wording.age(pd.Timedelta(seconds=seconds).to_pytimedelta())


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


def cards(rows: Iterable[Row], palette: Palette) -> str:
    """The same for a phone: two lines a ticker."""
    lines = "".join(_card(row, palette) for row in rows)
    return f'<div style="--line:{palette.border};--muted:{palette.muted}">{lines}</div>'


def _card(row: Row, palette: Palette) -> str:
    quote = row.quote
    change = quote.change if quote else None
    colour = palette.flat
    if change is not None and round(change, 4) != 0:
        colour = palette.up if change > 0 else palette.down
    price = wording.price(quote.price if quote else None, quote.currency if quote else "USD")
    text = wording.change(change, quote.change_percent if quote else None)
    age = "" if row.age is None else f" · {wording.age(row.age)}"
    return (
        f'<div class="card"><b>{escape(row.ticker)}</b><b class="right">{escape(price)}</b>'
        f'<span class="muted">{escape(row.name or wording.NOTHING)}</span>'
        f'<span class="right" style="color:{colour}">{escape(text)}</span>'
        f'<span class="muted">{escape(status_of(row) + age)}</span></div>'
    )


def export_rows(rows: Iterable[Row]) -> list[QuoteRow]:
    return [QuoteRow(row.ticker, row.name or None, row.quote, row.freshness) for row in rows]
