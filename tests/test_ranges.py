"""What fills each range: from what is stored, what the plan has, and what it would cost."""

from __future__ import annotations

import pandas as pd
import pytest

from stocktracker.figures.analytics import Range
from stocktracker.figures.ranges import Choice, choices
from stocktracker.model import Bars, Feed, Interval
from tests.helpers import daily, intraday, utc, weekly

NOW = utc("2026-11-23T22:00")


def days(count: int) -> Bars:
    dates = pd.bdate_range(end="2026-11-23", periods=count)
    return daily("IBM", {f"{day:%Y-%m-%d}": 100.0 for day in dates}, fetched_at=NOW)


def weeks(count: int) -> Bars:
    dates = pd.date_range(end="2026-11-20", periods=count, freq="W-FRI")
    return weekly("IBM", {f"{day:%Y-%m-%d}": 100.0 for day in dates}, fetched_at=NOW)


def offered(
    *bars: Bars, live: bool = False, calls_left: int = 10
) -> dict[str, tuple[Interval, Feed, int]]:
    stored = {Feed(each.interval.value): each for each in bars}
    found = choices(stored, intraday=live, full_daily=live, calls_left=calls_left)
    return {
        each.value: (choice.interval, choice.feed, choice.cost)
        for each, choice in found.items()
        if choice.blocked is None
    }


FROM_DAYS = (Interval.DAILY, Feed.DAILY, 0)
WEEKS = (Interval.WEEKLY, Feed.WEEKLY, 0)
WEEKS_FOR_A_CALL = (Interval.WEEKLY, Feed.WEEKLY, 1)
WEEKS_OF_DAYS = (Interval.WEEKLY, Feed.DAILY, 0)


def test_on_the_free_plan_a_hundred_days_fill_three_months_and_weeks_the_rest() -> None:
    assert offered(days(100)) == {
        "1M": FROM_DAYS,
        "3M": FROM_DAYS,
        "6M": WEEKS_FOR_A_CALL,
        "YTD": WEEKS_FOR_A_CALL,
        "1Y": WEEKS_FOR_A_CALL,
        "5Y": WEEKS_FOR_A_CALL,
        "Max": WEEKS_FOR_A_CALL,
    }


def test_once_the_weeks_are_stored_no_range_costs_a_call() -> None:
    found = offered(days(100), weeks(1400))
    assert found == {**dict.fromkeys(("1M", "3M"), FROM_DAYS)} | dict.fromkeys(
        ("6M", "YTD", "1Y", "5Y", "Max"), WEEKS
    )


def test_with_full_history_of_days_weeks_are_made_of_them() -> None:
    found = offered(days(6800), live=True)
    assert found["1Y"] == FROM_DAYS
    assert found["5Y"] == WEEKS_OF_DAYS
    assert found["Max"] == WEEKS_OF_DAYS


def test_days_that_have_grown_to_five_years_are_made_weeks_too() -> None:
    found = offered(days(1400))
    assert found["5Y"] == WEEKS_OF_DAYS
    assert found["Max"] == WEEKS_FOR_A_CALL


@pytest.mark.parametrize("also", [(), (weeks(8),)], ids=["by fewer days than asked", "by weeks"])
def test_a_young_ticker_is_drawn_day_by_day_in_every_range(also: tuple[Bars, ...]) -> None:
    found = offered(days(40), *also)
    assert set(found.values()) == {FROM_DAYS}


def test_before_anything_is_stored_long_ranges_are_weeks() -> None:
    found = offered()
    assert found["3M"] == (Interval.DAILY, Feed.DAILY, 1)
    assert found["1Y"] == found["Max"] == WEEKS_FOR_A_CALL
    live = offered(live=True)
    assert live["1Y"] == (Interval.DAILY, Feed.DAILY, 1)
    assert live["Max"] == (Interval.WEEKLY, Feed.DAILY, 1)


def test_intraday_ranges_need_the_plan_or_stored_bars() -> None:
    stored = intraday("IBM", {"2026-11-23T14:30": 100.0}, fetched_at=NOW)
    expected = (Interval.FIVE_MINUTES, Feed.INTRADAY, 0)
    found = choices({Feed.INTRADAY: stored}, intraday=False, full_daily=False, calls_left=5)
    assert (found[Range.DAY].interval, found[Range.DAY].feed, found[Range.DAY].cost) == expected
    assert offered(live=True)["5D"] == (Interval.FIVE_MINUTES, Feed.INTRADAY, 1)
    assert "5D" not in offered()


def test_without_a_call_left_what_is_not_stored_is_blocked() -> None:
    found = choices({Feed.DAILY: days(100)}, intraday=False, full_daily=False, calls_left=0)
    assert found[Range.THREE_MONTHS].blocked is None
    words = "Takes one call, and none is left at the moment"
    assert found[Range.YEAR] == Choice(Range.YEAR, Interval.WEEKLY, Feed.WEEKLY, 1, words)
