"""Figures, ages and states as people read them. Pure; absence is shown as a dash, never as zero.

Signs are real minus signs, small prices get four decimals, and London's pence stay pence. Text from
outside goes through `escape_markdown` before it is part of any Markdown.
"""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Protocol

NOTHING = "–"
MINUS = "−"
UP = "▲"
DOWN = "▼"

# What stands before the figure. GBX stands after it, and other currencies by their code before it.
SYMBOLS = {
    "USD": "$",
    "GBP": "£",
    "EUR": "€",
    "INR": "₹",
    "CAD": "CA$",
    "JPY": "¥",
    "CNY": "CN¥",
}
PENCE = "GBX"

# A change below this is floating-point dust: prices have four decimals at most.
SMALLEST_CHANGE = 0.00005

SECOND = timedelta(seconds=1)
HALF_A_MINUTE = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def price(value: float | None, currency: str) -> str:
    """`$189.30`, `1,234.50p` for pence; four decimals below 1.00; a dash for None and NaN."""
    if value is None or not math.isfinite(value):
        return NOTHING
    sign = MINUS if value < 0 else ""
    return sign + _money(abs(value), currency, _decimals(value))


def change(
    change: float | None,
    percent: float | None,
    currency: str | None = None,
    *,
    price: float | None = None,
) -> str:
    """`▲ +1.23 (+0.85%)`; `0.00 (0.00%)` without an arrow for no change; a dash for None.

    With a `currency` the figure carries it. Decimals follow `price` where it is given: a change of
    a $189 share has two of them even when it is below 1.00, that of a $0.45 share has four.
    """
    if change is None or not math.isfinite(change):
        return NOTHING
    if abs(change) < SMALLEST_CHANGE:
        return f"{_money(0.0, currency, 2)} (0.00%)"
    fine = abs(change) < 0.005 or (price is not None and _decimals(price) == 4)
    sign, arrow = ("+", UP) if change > 0 else (MINUS, DOWN)
    amount = f"{arrow} {sign}{_money(abs(change), currency, 4 if fine else 2)}"
    if percent is None or not math.isfinite(percent):
        return amount
    return f"{amount} ({sign}{abs(percent):,.2f}%)"


def percent(value: float | None) -> str:
    """`+0.85%` for 0.85, `−0.85%`, `0.00%` without a sign; a dash for None and NaN."""
    if value is None or not math.isfinite(value):
        return NOTHING
    shown = f"{abs(value):,.2f}%"
    if shown == "0.00%":
        return shown
    return ("+" if value > 0 else MINUS) + shown


def compact(number: float | None) -> str:
    """Three figures and K, M, B or T: `12.3M`. Whole numbers below 1,000 stay as they are."""
    if number is None or not math.isfinite(number):
        return NOTHING
    sign = MINUS if number < 0 else ""
    rest = abs(number)
    if rest < 999.5:
        return f"{sign}{rest:.3g}"
    for unit in "KMBT":
        rest /= 1000
        # 999.6 thousand would be shown as 1000K: it is the next unit's 1.00.
        if rest < 999.5 or unit == "T":
            break
    decimals = 2 if rest < 9.995 else 1 if rest < 99.95 else 0
    return f"{sign}{rest:,.{decimals}f}{unit}"


def age(since: timedelta) -> str:
    """How old something is, never said to be older than it is: `now`, `12 s`, `2 h 10 min`, `4 d`.

    Below two seconds, and for clocks that disagree about the future, it is `now`.
    """
    if since < 2 * SECOND:
        return "now"
    if since < MINUTE:
        return f"{since // SECOND} s"
    if since < DAY:
        return _hours_and_minutes(since)
    return f"{since // DAY} d"


def rough(since: timedelta) -> timedelta:
    """The same age for a while: 30 s, a minute, an hour or a day long, the longer the older.

    So that what shows it changes when there is news, and not by the second.
    """
    step = HALF_A_MINUTE if since < MINUTE else MINUTE if since < HOUR else HOUR
    step = step if since < DAY else DAY
    return max(since, timedelta(0)) // step * step


def rough_age(since: timedelta) -> str:
    """What `rough` made in words: `< 30 s`, `< 1 min`, `12 min`, `2 h`, `4 d`."""
    if since < HALF_A_MINUTE:
        return "< 30 s"
    return "< 1 min" if since < MINUTE else age(since)


def span(ahead: timedelta) -> str:
    """How long until something: `under a minute`, `10 min`, `2 h 10 min`, `18 h`, `3 d`.

    Minutes are given for half a day and no further, hours for two days; all rounded to the nearest.
    """
    if ahead < MINUTE:
        return "under a minute"
    if ahead < 12 * HOUR:
        return _hours_and_minutes(_rounded(ahead, MINUTE))
    if ahead < 2 * DAY:
        return f"{_rounded(ahead, HOUR) // HOUR} h"
    return f"{_rounded(ahead, DAY) // DAY} d"


def instant(at: datetime, zone: tzinfo, *, now: datetime | None = None) -> str:
    """A local time with its zone: `23 Nov 2026 15:30 CET`.

    With `now`, as short as it can be without being mistaken: `15:30 CET` on the same local day,
    `Fri 15:30 CET` within six days.
    """
    local = at.astimezone(zone)
    return f"{_day_and_time(local, now)} {_zone_name(local)}"


class _Exchange(Protocol):
    @property
    def name(self) -> str: ...


class State(Protocol):
    """What `market` needs to know of an exchange; markets.MarketState has it."""

    @property
    def exchange(self) -> _Exchange: ...
    @property
    def is_open(self) -> bool: ...
    @property
    def changes_at(self) -> datetime: ...
    @property
    def why(self) -> str | None: ...


def market(state: State, *, now: datetime, zone: tzinfo) -> str:
    """`NYSE open · closes in 2 h 10 min`, or why it is closed and when it opens in `zone`."""
    ahead = span(state.changes_at - now)
    name = state.exchange.name
    if state.is_open:
        return f"{name} open · closes in {ahead}"
    why = f" – {state.why}" if state.why else ""
    opens = _day_and_time(state.changes_at.astimezone(zone), now)
    return f"{name} closed{why} · opens {opens} (in {ahead})"


# Characters that a backslash makes plain in CommonMark: all ASCII punctuation.
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Streamlit looks for icons, emoji, web and mail addresses in the text that Markdown leaves behind,
# where no backslash is left to stop it. An invisible word joiner breaks them apart.
_JOINER = "\u2060"
_AFTER_MARKDOWN = re.compile(r"(?i)(?<=www)(?=\.)|(?<=[:@])(?=\S)")


@lru_cache(maxsize=2048)  # a page says the same names at every refresh
def escape_markdown(text: str) -> str:
    """Text from outside on one line, shown by Streamlit's Markdown as the characters it has.

    No directive (`:red[`), icon, emoji, formula, link, image, HTML or list comes of it. Line ends
    and other control characters become a space; characters without a width, among them those that
    turn the direction of writing, go.
    """
    plain = " ".join("".join(_visible(character) for character in text).split())
    return _PUNCTUATION.sub(r"\\\1", _AFTER_MARKDOWN.sub(_JOINER, plain))


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "" if category in ("Cf", "Cs", "Co", "Cn") else character


def _decimals(value: float) -> int:
    return 4 if 0 < abs(value) < 1 else 2


def _money(amount: float, currency: str | None, decimals: int) -> str:
    figure = f"{amount:,.{decimals}f}"
    if currency is None:
        return figure
    if currency == PENCE:
        return f"{figure}p"
    return f"{SYMBOLS[currency]}{figure}" if currency in SYMBOLS else f"{currency} {figure}"


def _hours_and_minutes(long: timedelta) -> str:
    hours, minutes = long // HOUR, long % HOUR // MINUTE
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _rounded(long: timedelta, unit: timedelta) -> timedelta:
    return (long + unit / 2) // unit * unit


def _day_and_time(local: datetime, now: datetime | None) -> str:
    time = f"{local.hour:02}:{local.minute:02}"  # strftime takes ten times as long
    days = None if now is None else (local.date() - now.astimezone(local.tzinfo).date()).days
    if days == 0:
        return time
    # strftime would follow the server's locale; the rest of the screen is English.
    if days is not None and abs(days) <= 6:
        return f"{_WEEKDAYS[local.weekday()]} {time}"
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year} {time}"


_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _zone_name(local: datetime) -> str:
    """The zone's short name; where the tz database has only digits for one, `UTC+3`."""
    name = local.tzname() or ""
    offset = local.utcoffset()
    if name[:1].isalpha() or offset is None:
        return name
    sign = MINUS if offset < timedelta(0) else "+"
    hours, minutes = divmod(abs(offset) // MINUTE, 60)
    return f"UTC{sign}{hours}:{minutes:02}" if minutes else f"UTC{sign}{hours}"


def zone_words(zone: tzinfo) -> str:
    """A zone for an axis or a heading: `New York time`, `UTC`."""
    key = str(zone)
    if "/" not in key or key.startswith("Etc/"):
        return key.removeprefix("Etc/")
    return key.rpartition("/")[2].replace("_", " ") + " time"
