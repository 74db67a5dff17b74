"""Which bars fill a range of history, and why a range cannot be had. Pure.

Intraday bars where the plan has them; daily ones while they reach; weekly ones for what is longer,
and for 5Y and Max. Those are made of daily bars where the plan has them all, and else asked for:
they go back to 1999 on every plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from stocktracker.figures.analytics import Range, reaches
from stocktracker.model import Bars, Feed, Interval

INTRADAY_RANGES = (Range.DAY, Range.FIVE_DAYS)
LONG_RANGES = (Range.FIVE_YEARS, Range.MAX)
# Upstream's short answer has the newest hundred daily bars; where there are fewer, there are fewer.
SHORT_ANSWER = 100
# The history of a ticker younger than this is drawn day by day in long ranges too.
FEW = 520
# Where the whole history is this much shorter than asked, the ticker is younger than the range.
YOUNG = pd.Timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the button of a range would show.

    `interval` is the span of the bars that are drawn and `feed` where they come from: weekly bars
    may be made of daily ones. `cost` is 1 where the feed has to be asked for first, once for
    everybody. `blocked` says why the button cannot be pressed.
    """

    range: Range
    interval: Interval
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
            words = "Intraday bars are not in this key's plan"
            return Choice(asked, Interval.FIVE_MINUTES, Feed.INTRADAY, 1, words)
        return _priced(asked, Interval.FIVE_MINUTES, Feed.INTRADAY, stored, calls_left)
    daily, weekly = bars.get(Feed.DAILY), bars.get(Feed.WEEKLY)
    if daily is None:
        # The first daily bars are on their way in any case.
        feed = Feed.DAILY if full_daily or asked in SHORT else Feed.WEEKLY
        is_weekly = feed is Feed.WEEKLY or asked in LONG_RANGES
        interval = Interval.WEEKLY if is_weekly else Interval.DAILY
        return _priced(asked, interval, feed, bars.get(feed), calls_left)
    if full_daily or reaches(daily.frame, asked, daily.last) or _is_whole(daily, weekly):
        is_few = _is_whole(daily, weekly) and len(daily.frame) <= FEW
        is_weekly = asked in LONG_RANGES and not is_few
        interval = Interval.WEEKLY if is_weekly else Interval.DAILY
        return Choice(asked, interval, Feed.DAILY, 0, None)
    return _priced(asked, Interval.WEEKLY, Feed.WEEKLY, weekly, calls_left)


SHORT = (Range.MONTH, Range.THREE_MONTHS)


def _is_whole(daily: Bars, weekly: Bars | None) -> bool:
    """Whether the daily bars are all there is: the weekly history begins no earlier.

    Without weekly bars, fewer daily ones than upstream would have given show it.
    """
    if weekly is None:
        return len(daily.frame) < SHORT_ANSWER
    return weekly.first >= daily.first - YOUNG


def _priced(
    asked: Range, interval: Interval, feed: Feed, stored: Bars | None, calls_left: int
) -> Choice:
    if stored is not None:
        return Choice(asked, interval, feed, 0, None)
    if calls_left < 1:
        words = "Takes one call, and none is left at the moment"
        return Choice(asked, interval, feed, 1, words)
    return Choice(asked, interval, feed, 1, None)


def interval_words(interval: Interval) -> str:
    return {
        Interval.FIVE_MINUTES: "5-minute bars",
        Interval.DAILY: "daily bars",
        Interval.WEEKLY: "weekly bars",
    }[interval]
