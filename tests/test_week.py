"""Weeks on the free plan, on a clock that jumps from one thing to do to the next.

Everything is real but the time: the simulator answers over HTTP with the free plan's limits and its
end-of-day data, published at an hour that nobody tells us.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from stocktracker.markets import calendar
from stocktracker.model import Outcome, Ticker
from tests.helpers import utc
from tests.household import household

NAMES = (
    "AAPL MSFT NVDA AMZN GOOGL META TSLA JPM V JNJ",
    "WMT XOM KO PEP DIS NFLX AMD INTC IBM SPY",
)
TICKERS = [Ticker(text) for line in NAMES for text in line.split()]
DAY = timedelta(days=1)


def most_within(instants: list[datetime], span: timedelta) -> int:
    """The most calls in any window of that length."""
    return max(
        sum(1 for other in instants[place:] if other < first + span)
        for place, first in enumerate(instants)
    )


@pytest.mark.parametrize(
    "published",
    [
        timedelta(minutes=5),
        timedelta(hours=1, minutes=40),
        timedelta(hours=4),
        timedelta(hours=8),
        timedelta(hours=13),
        timedelta(hours=16, minutes=30),
    ],
    ids=str,
)
def test_a_week_on_the_free_plan(published: timedelta, tmp_path: Path) -> None:
    """Twenty tickers: within the limits, every close in time, hardly a call for nothing."""
    with household(tmp_path / "store", "2026-11-08T12:00:00", published=published) as house:
        house.live_until(utc("2026-11-16T14:31:00"), TICKERS)
        asked = house.asked
        assert [call for call in asked if call.refused] == []
        assert most_within([call.at for call in asked], DAY) <= 25
        assert house.late == []
        usage = house.knowledge.usage
        now = house.clock.now()
        wasted = sum(counts.get(Outcome.SAME, 0) for counts in usage.hours.values())
        assert len(asked) >= 20 * 6
        assert wasted / len(asked) < 0.05, f"{wasted} of {len(asked)} calls by {now}"


def test_the_hour_is_learnt_and_closes_come_sooner(tmp_path: Path) -> None:
    """At the end of the week the close is shown within half an hour of its publication."""
    published = timedelta(hours=2)
    with household(tmp_path / "store", "2026-11-08T12:00:00", published=published) as house:
        house.live_until(utc("2026-11-20T14:31:00"), TICKERS)
        first_seen: dict[date, datetime] = {}
        for call in house.asked:
            if call.function == "TIME_SERIES_DAILY":
                session = calendar().last_closed(call.at)
                if call.at >= session.close + published:
                    first_seen.setdefault(session.day, call.at)
        delays = [
            at - calendar().last_closed(at).close - published
            for day, at in sorted(first_seen.items())
        ]
        assert delays[-1] <= timedelta(minutes=30)
        assert delays[-1] < delays[1]


def test_a_week_with_thanksgiving_asks_nothing_for_the_holiday(tmp_path: Path) -> None:
    with household(
        tmp_path / "store", "2026-11-22T12:00:00", published=timedelta(hours=2)
    ) as house:
        house.live_until(utc("2026-11-30T14:31:00"), TICKERS)
        assert house.late == []
        assert [call for call in house.asked if call.refused] == []
        holiday = [
            call
            for call in house.asked
            if utc("2026-11-26T14:30:00") < call.at < utc("2026-11-27T14:30:00")
            and call.function == "TIME_SERIES_DAILY"
        ]
        assert holiday == []


def test_after_a_start_in_mid_session_the_closes_catch_up_within_the_week(tmp_path: Path) -> None:
    """The first prices take most of the day's calls, so some closes of that day come late."""
    with household(
        tmp_path / "store", "2026-11-09T16:00:00", published=timedelta(hours=2)
    ) as house:
        house.live_until(utc("2026-11-20T14:31:00"), TICKERS)
        assert [call for call in house.asked if call.refused] == []
        assert most_within([call.at for call in house.asked], DAY) <= 25
        late = [
            sum(1 for each in house.late if each.endswith(f"{day:%a %d %b}"))
            for day in calendar().days_between(date(2026, 11, 10), date(2026, 11, 20))
        ]
        assert late[:4] == sorted(late[:4], reverse=True)
        assert late[0] == 16
        assert late[4:] == [0] * 5


def test_nobody_watching_costs_nothing(tmp_path: Path) -> None:
    with household(
        tmp_path / "store", "2026-11-08T12:00:00", published=timedelta(hours=2)
    ) as house:
        house.live_until(utc("2026-11-13T12:00:00"), [])
        assert house.asked == ()
