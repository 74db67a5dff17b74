"""The table of statistics as the Compare page shows it: words on top, numbers underneath.

Sorting is by the numbers; each column says what it is in `performance.DEFINITIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from stocktracker import wording
from stocktracker.figures.comparison import statistics_table
from stocktracker.figures.performance import DEFINITIONS, Statistics
from stocktracker.palette import Palette
from stocktracker.screen.styling import styled

PERCENT = ("total_return", "cagr", "volatility", "max_drawdown", "best", "worst")
RATIOS = ("sharpe", "sortino", "beta", "correlation")
DATES = ("peak", "trough", "recovery", "best_day", "worst_day")
COLOURED = ("total_return", "cagr", "best", "worst")
LABELS: Mapping[str, str] = {
    "total_return": "Return",
    "cagr": "CAGR",
    "volatility": "Volatility",
    "sharpe": "Sharpe",
    "sortino": "Sortino",
    "max_drawdown": "Max drawdown",
    "beta": "Beta",
    "correlation": "Correlation",
    "best": "Best",
    "best_day": "Best on",
    "worst": "Worst",
    "worst_day": "Worst on",
    "peak": "Fell from",
    "trough": "Fell until",
    "recovery": "Recovered",
}


def shown_statistics(statistics: Mapping[str, Statistics], palette: Palette) -> Styler:
    """One line a ticker, percentages as 1.5 for 1.5 %."""
    frame = statistics_table(statistics)[["ticker", *LABELS]]
    frame[list(PERCENT)] *= 100

    def colour(value: Any) -> str:
        if pd.isna(value):
            return f"color: {palette.muted}"
        if round(float(value), 2) == 0:
            return f"color: {palette.flat}"
        return f"color: {palette.up if value > 0 else palette.down}"

    forms: dict[Any, str | Callable[[Any], str] | None] = {
        **dict.fromkeys(PERCENT, _percent),
        "volatility": _share,
        **dict.fromkeys(RATIOS, _ratio),
        **dict.fromkeys(DATES, _day),
    }
    return styled(frame).format(forms).map(colour, subset=list(COLOURED))


def columns_of(*, weekly: bool, risk_free: float) -> dict[str, Any]:
    """The columns' heads and helps. `risk_free` is the yearly rate that was used, a fraction."""
    column = st.column_config
    rate = f" The risk-free rate is {100 * risk_free:.2f}% a year."
    found: dict[str, Any] = {"ticker": column.TextColumn("Ticker", pinned=True, width=90)}
    for name, label in LABELS.items():
        words = DEFINITIONS[name] + (rate if name in ("sharpe", "sortino") else "")
        unit = f" {'week' if weekly else 'day'}" if name in ("best", "worst") else ""
        kind = column.DateColumn if name in DATES else column.NumberColumn
        found[name] = kind(label + unit, help=words, width=100)
    return found


def _percent(value: Any) -> str:
    return wording.percent(None if pd.isna(value) else float(value))


def _share(value: Any) -> str:
    """A percentage that has no direction, so no sign."""
    return wording.NOTHING if pd.isna(value) else f"{value:,.2f}%"


def _ratio(value: Any) -> str:
    if pd.isna(value):
        return wording.NOTHING
    text = f"{abs(value):,.2f}"
    return f"{wording.MINUS}{text}" if value < 0 and text != "0.00" else text


def _day(value: date | None) -> str:
    return wording.NOTHING if value is None or pd.isna(value) else f"{value:%-d %b %Y}"
