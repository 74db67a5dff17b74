"""What is read off bars: the ranges of history, small series, places between two figures.

Pure pandas: frames in, frames and numbers out; never fetches and never draws. Frames are those of
`model.Bars`: oldest first, indexed by exchange dates (daily, weekly) or starts in UTC (intraday).
"""

from __future__ import annotations

from datetime import date, timedelta, tzinfo
from enum import StrEnum

import pandas as pd


class Range(StrEnum):
    """How much history a viewer asks to see, ending with the newest bar."""

    DAY = "1D"
    FIVE_DAYS = "5D"
    MONTH = "1M"
    THREE_MONTHS = "3M"
    SIX_MONTHS = "6M"
    YEAR_TO_DATE = "YTD"
    YEAR = "1Y"
    FIVE_YEARS = "5Y"
    MAX = "Max"


SESSIONS = {Range.DAY: 1, Range.FIVE_DAYS: 5}
MONTHS = {
    Range.MONTH: 1,
    Range.THREE_MONTHS: 3,
    Range.SIX_MONTHS: 6,
    Range.YEAR: 12,
    Range.FIVE_YEARS: 60,
}
# Weekends and holidays may stand between the start of a range and its first bar.
GAP = timedelta(days=7)
# A longer hole in the bars is missing history, not a holiday.
LONGEST_HOLIDAY = pd.Timedelta(days=14)


def start_of(range: Range, last_day: date) -> date | None:
    """The first calendar day of a range that ends on `last_day`; None for Max, which has none.

    Months and years go by the calendar: one month before 31 March is 28 February. The year to date
    begins on 1 January. Five days reach back over one weekend; `cut` counts sessions instead.
    """
    if range is Range.MAX:
        return None
    if range is Range.DAY:
        return last_day
    if range is Range.FIVE_DAYS:
        return last_day - timedelta(days=6)
    if range is Range.YEAR_TO_DATE:
        return date(last_day.year, 1, 1)
    return (pd.Timestamp(last_day) - pd.DateOffset(months=MONTHS[range])).date()


def cut(
    frame: pd.DataFrame, range: Range, last: pd.Timestamp, *, zone: tzinfo | None = None
) -> pd.DataFrame:
    """The rows of `frame` within the range that ends with the bar at `last`, that one included.

    1D and 5D are the last one and five sessions that the frame has. An intraday frame needs the
    exchange's `zone` to tell its sessions apart: raises ValueError without it.
    """
    frame = frame[frame.index <= last]
    days = _days(frame, zone)
    if range in SESSIONS:
        sessions = days.unique()[-SESSIONS[range] :]
        return frame[days.isin(sessions)]
    start = start_of(range, _day(last, zone))
    return frame if start is None else frame[days >= pd.Timestamp(start)]


def reaches(
    frame: pd.DataFrame,
    range: Range,
    last: pd.Timestamp,
    *,
    whole_history: bool = False,
    zone: tzinfo | None = None,
) -> bool:
    """Whether the bars go back far enough to fill the range that ends with the bar at `last`.

    Up to seven days may be missing at its start. `whole_history` says that there are no older bars
    than these anywhere: then any bars will do, which a young listing needs, and Max always.
    """
    frame = frame[frame.index <= last]
    if frame.empty or whole_history:
        return not frame.empty
    days = _days(frame, zone)
    if range in SESSIONS:
        return days.nunique() >= SESSIONS[range]
    start = start_of(range, _day(last, zone))
    return start is not None and days[0] <= pd.Timestamp(start) + GAP


def sparkline(frame: pd.DataFrame, n: int = 30) -> list[float]:
    """The last `n` closes, oldest first, without those that are unknown."""
    return [float(close) for close in frame["close"].dropna().iloc[-n:]]


def day_position(low: float | None, high: float | None, price: float | None) -> float | None:
    """Where the price is between the day's low (0.0) and high (1.0), held within the two.

    None where one is unknown, or where the two are the same and there is no between.
    """
    if low is None or high is None or price is None or not low < high:
        return None
    return min(1.0, max(0.0, (price - low) / (high - low)))


def days_off(stamps: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The days without a bar between daily bars: weekends, holidays. None between weekly bars.

    Days of a hole of more than two weeks are not among them: that is history which we do not have.
    """
    if len(stamps) < 2 or stamps.to_series().diff().median() >= pd.Timedelta(days=4):
        return stamps[:0]
    missing = pd.date_range(stamps[0], stamps[-1], freq="D").difference(stamps)
    following = stamps.searchsorted(missing)
    hole = stamps[following] - stamps[following - 1]
    return missing[hole <= LONGEST_HOLIDAY]


def nights(stamps: pd.DatetimeIndex) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """The times between the sessions of intraday bars, given by the bars' starts in local time.

    They are read off the bars, so early closes and holidays need no calendar. Half a bar is left on
    either side, for a bar that is drawn around its start. Holes of over two weeks are not nights.
    """
    if len(stamps) < 2:
        return []
    ends, starts = stamps[:-1], stamps[1:]
    steps = starts - ends
    half = steps.min() / 2
    between = (ends.normalize() != starts.normalize()) & (steps <= LONGEST_HOLIDAY)
    return [
        (end + half, start - half)
        for end, start in zip(ends[between], starts[between], strict=True)
    ]


def _days(frame: pd.DataFrame, zone: tzinfo | None) -> pd.DatetimeIndex:
    """The exchange date of every bar, at midnight and without a time zone."""
    index = pd.DatetimeIndex(frame.index)
    if index.tz is None:
        return index.normalize()
    if zone is None:
        raise ValueError("intraday bars need the exchange's time zone")
    return index.tz_convert(zone).tz_localize(None).normalize()


def _day(at: pd.Timestamp, zone: tzinfo | None) -> date:
    return at.date() if at.tz is None or zone is None else at.tz_convert(zone).date()
