"""Ranges of history by the calendar, whether bars fill them, and what is read off bars."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from stocktracker.figures.analytics import (
    Range,
    cut,
    day_position,
    days_off,
    nights,
    reaches,
    sparkline,
    start_of,
)

NEW_YORK = ZoneInfo("America/New_York")
SYDNEY = ZoneInfo("Australia/Sydney")


def daily(*days: str) -> pd.DataFrame:
    """Daily bars of these dates; their closes count up from 1."""
    index = pd.DatetimeIndex(list(days), name="date")
    return pd.DataFrame({"close": [float(n + 1) for n in range(len(days))]}, index=index)


def intraday(*starts: str, zone: ZoneInfo = NEW_YORK) -> pd.DataFrame:
    """Intraday bars by their local starts, indexed in UTC."""
    frame = daily(*starts)
    frame.index = pd.DatetimeIndex(frame.index).tz_localize(zone).tz_convert("UTC")
    return frame


def closes(frame: pd.DataFrame) -> list[float]:
    return list(frame["close"])


@pytest.mark.parametrize(
    ("range", "last_day", "start"),
    [
        ("1D", date(2026, 11, 23), date(2026, 11, 23)),
        ("5D", date(2026, 11, 23), date(2026, 11, 17)),
        ("1M", date(2026, 11, 23), date(2026, 10, 23)),
        ("1M", date(2026, 3, 31), date(2026, 2, 28)),
        ("3M", date(2026, 1, 15), date(2025, 10, 15)),
        ("6M", date(2026, 11, 23), date(2026, 5, 23)),
        ("YTD", date(2026, 11, 23), date(2026, 1, 1)),
        ("1Y", date(2024, 2, 29), date(2023, 2, 28)),
        ("5Y", date(2026, 11, 23), date(2021, 11, 23)),
        ("Max", date(2026, 11, 23), None),
    ],
)
def test_ranges_start_by_the_calendar(range, last_day, start):
    assert start_of(Range(range), last_day) == start


@pytest.mark.parametrize(
    ("range", "kept"),
    [
        ("1D", [8]),
        ("5D", [4, 5, 6, 7, 8]),
        ("1M", [3, 4, 5, 6, 7, 8]),
        ("YTD", [2, 3, 4, 5, 6, 7, 8]),
        ("1Y", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("Max", [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_cut_keeps_the_bars_within_the_range(range, kept):
    frame = daily(
        "2025-12-31",
        "2026-01-02",
        "2026-10-23",
        "2026-11-17",
        "2026-11-18",
        "2026-11-19",
        "2026-11-20",
        "2026-11-23",
    )
    assert closes(cut(frame, Range(range), frame.index[-1])) == kept


def test_cut_leaves_out_what_is_newer_than_the_last_bar_asked_for():
    frame = daily("2026-11-18", "2026-11-19", "2026-11-20")
    assert closes(cut(frame, Range.MONTH, frame.index[1])) == [1, 2]


def test_one_day_of_intraday_bars_is_the_last_session():
    frame = intraday("2026-11-20 15:55", "2026-11-23 09:30", "2026-11-23 15:55")
    assert closes(cut(frame, Range.DAY, frame.index[-1], zone=NEW_YORK)) == [2, 3]


def test_a_session_that_spans_two_utc_days_is_one_session():
    frame = intraday("2026-11-20 15:55", "2026-11-23 10:00", "2026-11-23 15:55", zone=SYDNEY)
    assert closes(cut(frame, Range.DAY, frame.index[-1], zone=SYDNEY)) == [2, 3]


def test_five_days_are_the_last_five_sessions_across_a_holiday():
    days = ["11-19", "11-20", "11-23", "11-24", "11-25", "11-27"]
    frame = intraday(*(f"2026-{day} {time}" for day in days for time in ("09:30", "12:55")))
    assert closes(cut(frame, Range.FIVE_DAYS, frame.index[-1], zone=NEW_YORK))[0] == 3


def test_intraday_bars_cannot_be_cut_without_a_zone():
    frame = intraday("2026-11-23 09:30")
    with pytest.raises(ValueError, match="time zone"):
        cut(frame, Range.DAY, frame.index[-1])


@pytest.mark.parametrize("range", list(Range))
def test_an_empty_frame_is_cut_to_an_empty_frame_and_reaches_nothing(range):
    frame = daily()
    last = pd.Timestamp("2026-11-23")
    assert cut(frame, range, last).empty
    assert not reaches(frame, range, last, whole_history=True)


@pytest.mark.parametrize(
    ("first", "range", "enough"),
    [
        ("2026-10-23", "1M", True),
        ("2026-10-30", "1M", True),
        ("2026-10-31", "1M", False),
        ("2026-01-02", "YTD", True),
        ("2026-01-02", "1Y", False),
        ("2020-01-02", "5Y", True),
        ("1999-11-01", "Max", False),
    ],
)
def test_bars_reach_when_at_most_a_week_is_missing_at_the_start(first, range, enough):
    frame = daily(first, "2026-11-23")
    assert reaches(frame, Range(range), frame.index[-1]) is enough


@pytest.mark.parametrize("range", list(Range))
def test_a_young_listing_reaches_only_when_its_history_is_known_to_be_whole(range):
    frame = daily("2026-11-23")
    last = frame.index[-1]
    assert reaches(frame, range, last, whole_history=True)
    assert reaches(frame, range, last) is (range is Range.DAY)


def test_five_days_need_five_sessions():
    frame = daily("2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20", "2026-11-23")
    assert reaches(frame, Range.FIVE_DAYS, frame.index[-1])
    assert not reaches(frame.iloc[1:], Range.FIVE_DAYS, frame.index[-1])


def test_sparkline_is_the_last_known_closes():
    frame = daily("2026-11-18", "2026-11-19", "2026-11-20", "2026-11-23")
    frame.loc["2026-11-20", "close"] = float("nan")
    assert sparkline(frame, 2) == [2.0, 4.0]
    assert sparkline(frame) == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("low", "high", "price", "position"),
    [
        (10.0, 20.0, 15.0, 0.5),
        (10.0, 20.0, 10.0, 0.0),
        (10.0, 20.0, 25.0, 1.0),
        (10.0, 20.0, 5.0, 0.0),
        (10.0, 10.0, 10.0, None),
        (None, 20.0, 15.0, None),
        (10.0, None, 15.0, None),
        (10.0, 20.0, None, None),
    ],
)
def test_day_position_is_between_low_and_high(low, high, price, position):
    assert day_position(low, high, price) == position


def test_days_off_are_weekends_and_holidays_but_no_missing_history():
    frame = daily("2026-09-01", "2026-11-25", "2026-11-27", "2026-11-30", "2026-12-01")
    off = days_off(frame.index)
    assert list(off.strftime("%m-%d")) == ["11-26", "11-28", "11-29"]


def test_weekly_bars_have_no_days_off_between_them():
    assert days_off(daily("2026-11-06", "2026-11-13", "2026-11-20").index).empty


def test_nights_follow_the_bars_over_early_closes_and_holidays():
    stamps = daily(
        "2026-11-25 15:50", "2026-11-25 15:55", "2026-11-27 09:30", "2026-11-27 12:55"
    ).index
    assert nights(stamps) == [
        (pd.Timestamp("2026-11-25 15:57:30"), pd.Timestamp("2026-11-27 09:27:30"))
    ]


@pytest.mark.parametrize("days", [[], ["2026-11-23"]])
def test_fewer_than_two_bars_have_nothing_between_them(days):
    stamps = daily(*days).index
    assert days_off(stamps).empty
    assert nights(stamps) == []
