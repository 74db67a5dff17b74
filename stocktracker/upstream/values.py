"""Upstream's texts as values: numbers, names, addresses, rows, and which of them say nothing.

What every reader of bodies needs. Pure: no network, no clock. Knows no body's shape; what cannot be
read raises UnreadableReply.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Hashable, Iterable
from datetime import date, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from stocktracker.errors import UnreadableReply

EASTERN = ZoneInfo("America/New_York")
EASTERN_NAMES = ("US/Eastern", EASTERN.key)
NO_NUMBER = frozenset({"", "-", ".", "none", "null", "nan", "n/a"})
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
CURRENCY = re.compile(r"[A-Z]{3}")
ENTITY = re.compile(r"&#?\w+;")

# Before upstream's history, and within what calendars reach.
OLDEST = date(1970, 1, 1)
# By how much our clock may lag behind theirs before something counts as from the future.
CLOCK_SKEW = timedelta(minutes=5)
# No price, count or amount of money in any currency is more; sums of these stay finite.
LARGEST = 1e18
WRONG_AT_MOST = 0.1  # of a body's rows; beyond that the whole of it is not to be trusted
LONGEST_URL = 2000
LONGEST_CODE = 30

# What reading raises for a shape that nobody thought of.
UNEXPECTED = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError)

T = TypeVar("T")


def as_object(value: Any, ticker: str | None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnreadableReply(ticker)
    return value


def check_ticker(told: Any, ticker: str) -> None:
    if str(told).strip().upper() != ticker.upper():
        raise UnreadableReply(ticker, why="answer is about another ticker")


def read_rows(rows: Any, read: Callable[[Any], T], ticker: str | None) -> list[T]:
    """What `read` makes of each row, in their order; those that cannot be right are left out.

    Raises UnreadableReply where they are many, as nothing of such a body is to be believed.
    """
    if not isinstance(rows, list):
        raise UnreadableReply(ticker)
    kept: list[T] = []
    for row in rows:
        try:
            kept.append(read(row))
        except (UnreadableReply, *UNEXPECTED):
            continue
    check_wrong(len(rows) - len(kept), len(rows), ticker)
    return kept


def check_wrong(wrong: int, rows: int, ticker: str | None) -> None:
    """Raise UnreadableReply where too many of the rows are wrong."""
    if wrong > WRONG_AT_MOST * rows:
        raise UnreadableReply(ticker, why="figures that cannot be right")


def first_of_each(rows: Iterable[T], key: Callable[[T], Hashable]) -> list[T]:
    """Of rows with the same key only the first."""
    found: dict[Hashable, T] = {}
    for row in rows:
        found.setdefault(key(row), row)
    return list(found.values())


def is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in NO_NUMBER)


def to_float(value: Any) -> float:
    """A number or its text as float; NaN for what says that there is none, and for all else."""
    if isinstance(value, str):
        text = value.strip()
        return float(text) if NUMBER.fullmatch(text) else float("nan")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return float("nan")


def is_sane(number: float) -> bool:
    """Whether it is a number at all, and of a size that a figure can have."""
    return math.isfinite(number) and abs(number) <= LARGEST


def to_number(value: Any, ticker: str | None) -> float | None:
    """None where upstream says that there is no number."""
    if is_missing(value):
        return None
    number = to_float(value)
    if not is_sane(number):
        raise UnreadableReply(ticker, why="a figure that is no number")
    return number


def to_count(value: Any, ticker: str | None) -> int | None:
    number = to_number(value, ticker)
    return int(number) if number is not None and number >= 0 else None


def to_day(value: Any, latest: date) -> date | None:
    """A day from OLDEST to `latest`; None for what says that there is none, and for all else."""
    if not isinstance(value, str):
        return None
    try:
        day = date.fromisoformat(value.strip())
    except ValueError:
        return None
    return day if OLDEST <= day <= latest else None


def need_day(value: Any, latest: date, ticker: str | None) -> date:
    """A day from OLDEST to `latest`, without which its row is nothing. Raises UnreadableReply."""
    day = to_day(value, latest)
    if day is None:
        raise UnreadableReply(ticker, why="a day that cannot be right")
    return day


def to_text(value: Any, longest: int) -> str | None:
    """A plain text, cut to `longest` characters; None where upstream says that there is none."""
    if not isinstance(value, str) or is_missing(value):
        return None
    text = plain(value).strip()
    if is_missing(text):
        return None
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def to_code(value: Any) -> str | None:
    """A ticker as it is written, of which NAN and NONE are ones; None for what cannot be one."""
    code = plain(value).strip() if isinstance(value, str) else ""
    return code if 0 < len(code) <= LONGEST_CODE else None


def to_currency(value: Any) -> str | None:
    """A currency's three capitals; None for all else."""
    return value if isinstance(value, str) and CURRENCY.fullmatch(value) else None


def plain(text: str) -> str:
    """A text without leftovers of HTML, doubled blanks, and characters that cannot be seen."""
    if "&" in text:
        text = ENTITY.sub(lambda entity: html.unescape(entity[0].lower()), text)
    text = " ".join(text.split())
    return text if text.isprintable() else "".join(filter(str.isprintable, text))


def to_url(value: Any) -> str | None:
    """An http or https address of a named host, without a user in it; None for all else."""
    if not isinstance(value, str) or not 0 < len(value.strip()) <= LONGEST_URL:
        return None
    url = value.strip()
    if not url.isprintable() or any(map(str.isspace, url)):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        return None
    return url
