"""Which bars fill a range of history, and why a range cannot be had. Pure.

Intraday bars where the plan has them; daily ones while they reach; else the weekly ones, which go
back to 1999 on every plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from stocktracker.analytics import Range, reaches
from stocktracker.model import Bars, Feed, Interval

INTRADAY_RANGES = (Range.DAY, Range.FIVE_DAYS)
# Where the whole history is this much shorter than asked, the ticker is younger than the range.
YOUNG = pd.Timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the button of a range would show.

    `feed` is where its bars come from; `cost` is 1 where they have to be asked for first, once for
    everybody. `blocked` says why the button cannot be pressed.
    """

    range: Range
    feed: Feed
    cost: int
    blocked: str | None


def choices(
    bars: Mapping[Feed, Bars | None], *, intraday: bool, full_daily: bool, calls_left: int
) -> dict[Range, Choice]:
    """For every range, what would fill it, from what is stored and what the plan allows.

    `calls_left` is how many calls may be made before the day is over, at least.
    """
    return {
        each: _choice(each, bars, intraday=intraday, full_daily=full_daily, calls_left=calls_left)
        for each in Range
    }


def _choice(
    asked: Range,
    bars: Mapping[Feed, Bars | None],
    *,
    intraday: bool,
    full_daily: bool,
    calls_left: int,
) -> Choice:
    if asked in INTRADAY_RANGES:
        stored = bars.get(Feed.INTRADAY)
        if not intraday and stored is None:
            return Choice(asked, Feed.INTRADAY, 1, "Intraday bars are not in this key's plan")
        return _priced(asked, Feed.INTRADAY, stored, calls_left)
    daily, weekly = bars.get(Feed.DAILY), bars.get(Feed.WEEKLY)
    if daily is None:
        # The first daily bars are on their way in any case.
        feed = Feed.DAILY if full_daily or asked in SHORT else Feed.WEEKLY
        return _priced(asked, feed, bars.get(feed), calls_left)
    if full_daily or reaches(daily.frame, asked, daily.last) or _is_younger(daily, weekly):
        return Choice(asked, Feed.DAILY, 0, None)
    return _priced(asked, Feed.WEEKLY, weekly, calls_left)


SHORT = (Range.MONTH, Range.THREE_MONTHS)


def _is_younger(daily: Bars, weekly: Bars | None) -> bool:
    """Whether the daily bars are all there is: the weekly history begins no earlier."""
    return weekly is not None and weekly.first >= daily.first - YOUNG


def _priced(asked: Range, feed: Feed, stored: Bars | None, calls_left: int) -> Choice:
    if stored is not None:
        return Choice(asked, feed, 0, None)
    if calls_left < 1:
        return Choice(asked, feed, 1, "Takes one call, and none is left at the moment")
    return Choice(asked, feed, 1, None)


def interval_words(interval: Interval) -> str:
    return {
        Interval.FIVE_MINUTES: "5-minute bars",
        Interval.DAILY: "daily bars",
        Interval.WEEKLY: "weekly bars",
    }[interval]
