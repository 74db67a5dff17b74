"""Whether an answer that can be read can also be right, by what is known already. Pure.

A body that is well formed may still be wrong: pence for pounds, another share under this name, a
digit too many. Such a quote is kept aside as a Doubt, beside the last good one, until a second
answer or a split says that it is right. Decides nothing about when to ask again, and costs
microseconds, as bulk quotes come by the hundred.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from weakref import WeakKeyDictionary

import pandas as pd

from stocktracker.fundamentals import Splits
from stocktracker.model import Bars, Doubt, Quote

# A price may be less than ten times the last good one, and more than a tenth of it: in a session
# hardly any share moves that far, while pence for pounds, a lost decimal point and most reverse
# splits do. What costs less than one is known to jump by tens, as warrants before they lapse, and
# whoever has not been asked about for a month had the time for it. Pence for pounds, a hundred,
# stay out with either.
JUMP, JUMP_OF_LOOSE = 10.0, 50.0
PENNY = 1.0
LONG_AGO = timedelta(days=30)
# Upstream's previous close is the stored one but for corrections and spin-offs: twice is too far.
CLOSE_OFF = 2.0
NEIGHBOURS = timedelta(days=5)  # sessions that follow each other are not farther apart
# A price may be beyond its own day's range by this part: what is rounded, and figures of a reply
# that upstream brought up to date one after the other.
ROUNDING = 0.005
TICK = 0.0001  # upstream's last decimal

APART = timedelta(minutes=1)  # answers that are closer may come from one cache of upstream's
AGREES = 1.25  # two answers about one moving price
TIMES = 3


@dataclass(frozen=True, slots=True)
class Closes:
    """The newest daily close that is stored, and the one before it."""

    day: date
    close: float
    day_before: date | None = None
    close_before: float | None = None


_taken: WeakKeyDictionary[Bars, Closes] = WeakKeyDictionary()


def closes_of(bars: Bars | None) -> Closes | None:
    """Taken from each frame once, as it takes longer than all the rest."""
    if bars is None or bars.frame.empty:
        return None
    known = _taken.get(bars)
    if known is None:
        closes, days = bars.frame["close"], bars.frame.index
        known = Closes(pd.Timestamp(days[-1]).date(), float(closes.iloc[-1]))
        if len(closes) > 1:
            before = pd.Timestamp(days[-2]).date()
            known = replace(known, day_before=before, close_before=float(closes.iloc[-2]))
        _taken[bars] = known
    return known


def judge(
    fresh: Quote, shown: Quote | None, closes: Closes | None = None, splits: Splits | None = None
) -> str | None:
    """Why `fresh` does not fit what is known, in words that follow "it"; None where it fits.

    The first quote of a ticker is believed unless it contradicts itself. What has been believed of
    the shown quote, as a previous close that is not ours, is not doubted anew.
    """
    words = contradiction(fresh)
    if words is not None:
        believed = shown is not None and contradiction(shown) is not None
        return None if believed and shown and shown.trading_day == fresh.trading_day else words
    if shown is not None and (closes is None or closes.day <= shown.trading_day):
        words = jump(fresh, shown.price, shown.trading_day, splits)
    elif closes is not None and closes.day <= fresh.trading_day:
        words = jump(fresh, closes.close, closes.day, splits)
    if words is not None or closes is None or fresh.previous_close is None:
        return words
    if shown is not None and shown.previous_close == fresh.previous_close:
        return None
    return _other_close(fresh, closes, splits)


def contradiction(quote: Quote) -> str | None:
    """What of a quote does not fit the rest of the same quote."""
    low, high, price = quote.low, quote.high, quote.price
    if low is None or high is None:
        return None
    if high < low:
        return "has a high below its low"
    if low * (1 - ROUNDING) - TICK <= price <= high * (1 + ROUNDING) + TICK:
        return None
    return "is outside of its own day's range"


def jump(fresh: Quote, price: float, day: date, splits: Splits | None) -> str | None:
    """Whether the price is too far from a good one of `day`, splits since then taken in."""
    ratio = fresh.price / price
    if 1 / JUMP < ratio < JUMP:
        return None
    loose = max(fresh.price, price) < PENNY or fresh.trading_day - day > LONG_AGO
    limit = JUMP_OF_LOOSE if loose else JUMP
    split = ratio * _factor(splits, day, fresh.trading_day)
    if 1 / limit < ratio < limit or 1 / JUMP < split < JUMP:
        return None
    return f"is {_times(ratio)} the last good price"


def _other_close(fresh: Quote, closes: Closes, splits: Splits | None) -> str | None:
    """Whether the previous close that the reply names is far from the one that is stored."""
    day: date | None = closes.day
    close: float | None = closes.close
    if closes.day >= fresh.trading_day:
        day, close = closes.day_before, closes.close_before
    if day is None or close is None or not fresh.previous_close:
        return None
    if not timedelta(0) < fresh.trading_day - day <= NEIGHBOURS:
        return None
    ratio = fresh.previous_close / close
    split = ratio * _factor(splits, day, fresh.trading_day)
    if 1 / CLOSE_OFF < ratio < CLOSE_OFF or 1 / CLOSE_OFF < split < CLOSE_OFF:
        return None
    return f"comes with a previous close that is {_times(ratio)} the stored one"


def heard_again(before: Doubt | None, fresh: Quote, words: str, at: datetime) -> Doubt:
    """The doubt after this answer: another time, if it says the same at least a minute later."""
    answers = 1 if before is None else before.answers + 1
    if before is None or not agree(before.quote.price, fresh.price):
        return Doubt(fresh, words, since=at, heard_at=at, answers=answers)
    if at - before.heard_at < APART:
        return replace(before, quote=fresh, words=words)
    return replace(
        before, quote=fresh, words=words, heard_at=at, times=before.times + 1, answers=answers
    )


def confirmed(doubt: Doubt, daily_close: float | None = None) -> str | None:
    """What says that the doubtful price is right after all; None where nothing does yet.

    `daily_close` is what another kind of call says of the same ticker and day.
    """
    if doubt.times >= TIMES:
        return f"the same came {TIMES} times"
    if doubt.times > 1 and daily_close is not None and agree(doubt.quote.price, daily_close):
        return "the price of that day from another call agrees"
    return None


def agree(one: float, other: float) -> bool:
    return 1 / AGREES < one / other < AGREES


def _factor(splits: Splits | None, after: date, until: date) -> float:
    """How many shares of `until` one of `after` has become."""
    rows = splits.rows if splits is not None else ()
    return math.prod(split.factor for split in rows if after < split.day <= until)


def _times(ratio: float) -> str:
    return f"{ratio:,.4g} times" if ratio >= 1 else f"a {1 / ratio:,.4g}th of"
