"""Figures of companies as people read them: compact money, shares of one, ratios, days. Pure.

What `wording` says of prices and changes, this says of balance sheets and key figures. Absence is
a dash, never a zero.
"""

from __future__ import annotations

import math
from datetime import date

from stocktracker.wording import MINUS, NOTHING, PENCE, SYMBOLS, compact, percent

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def money(value: float | None, currency: str) -> str:
    """`$206B`, `−€1.29B`, `TWD 2.89T`: three figures and the currency; a dash for None and NaN."""
    if value is None or not math.isfinite(value):
        return NOTHING
    sign = MINUS if value < 0 else ""
    figure = compact(abs(value))
    if currency == PENCE:
        return f"{sign}{figure}p"
    return f"{sign}{SYMBOLS.get(currency, currency + ' ')}{figure}"


def share(value: float | None) -> str:
    """A share of one as it stands, without a plus: `15.60%` for 0.156, `−3.10%`."""
    if value is None or not math.isfinite(value):
        return NOTHING
    shown = f"{abs(100 * value):,.2f}%"
    return MINUS + shown if value < 0 and shown != "0.00%" else shown


def growth(value: float | None) -> str:
    """A share of one as a change: `+14.20%` for 0.142."""
    return NOTHING if value is None else percent(100 * value)


def ratio(value: float | None) -> str:
    """`19.42`, `1,234.50`, `−3.10`."""
    if value is None or not math.isfinite(value):
        return NOTHING
    shown = f"{abs(value):,.2f}"
    return MINUS + shown if value < 0 and shown != "0.00" else shown


def per_share(value: float | None) -> str:
    """An amount a share whose currency upstream does not tell: `1.91`, `−0.05`, `0.0125`."""
    if value is None or not math.isfinite(value):
        return NOTHING
    # Two decimals, more where upstream has them and they say something.
    rest = abs(value)
    shown = f"{rest:,.2f}" if rest >= 1 or round(rest, 2) == round(rest, 4) else f"{rest:.4f}"
    return MINUS + shown if value < 0 else shown


def signed(value: float | None) -> str:
    """The same with a sign in any case but zero: `+0.10`."""
    shown = per_share(value)
    return f"+{shown}" if value is not None and value > 0 and shown != NOTHING else shown


def day(value: date | None) -> str:
    """`15 May 2026`, whatever the server's locale."""
    return NOTHING if value is None else f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def weekday(value: date) -> str:
    """`Fri 15 May`."""
    return f"{_WEEKDAYS[value.weekday()]} {value.day} {_MONTHS[value.month - 1]}"
