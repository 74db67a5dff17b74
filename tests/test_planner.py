"""What is asked next, and when: tables over plans, feeds and hours, and what holds for all of them.

Nothing here but values: what is known and wanted goes in, the calls and the time to wake come out.
In the week of the tables New York trades from 14:30 to 21:00 UTC; Thursday 26 November is a
holiday, and on Friday 27 it closes at 18:00.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocktracker.board import Board
from stocktracker.model import (
    LISTING_WANT,
    Attempt,
    Bars,
    Call,
    Data,
    Feed,
    Outcome,
    Record,
    Ticker,
    Want,
)
from stocktracker.plans import (
    DAY,
    MINUTE,
    PLANS,
    RETRY_REFUSED,
    SECOND,
    Capability,
    Limit,
    Rights,
    parse_limits,
)
from stocktracker.polling.agenda import needed
from stocktracker.polling.due import Known, Turn, turn_of
from stocktracker.polling.ledger import Ledger
from stocktracker.polling.planner import BULK_SIZE, TOGETHER, Allowed, Plan, make_plan
from stocktracker.polling.publication import Publication
from stocktracker.polling.schedule import Forecast
from stocktracker.polling.wants import Wanted
from tests.helpers import daily, intraday, quote, utc

HOUR = timedelta(hours=1)
MONDAY_NOON = "2026-11-23T17:00"
END_OF_DAY, DELAYED, REALTIME, BULK = "free", "premium-75", "realtime without bulk", "premium-150"

TEST_PLANS = {
    **PLANS,
    REALTIME: replace(
        PLANS["premium-150"],
        capabilities=PLANS["premium-150"].capabilities - {Capability.BULK_QUOTES},
    ),
}


def want(feed: Feed, ticker: str = "IBM") -> Want:
    return Want(feed, Ticker(ticker))


def quotes(*tickers: str) -> list[Want]:
    return [want(Feed.QUOTE, ticker) for ticker in tickers]


@dataclass
class Desk:
    """All that a plan depends on, with verbs to say what is known."""

    now: datetime
    plan: str = REALTIME
    refresh: timedelta = 20 * SECOND
    always: bool = False
    explore: bool = True
    publications: dict[str, Publication] = field(default_factory=dict)
    refused: dict[Capability, datetime] = field(default_factory=dict)
    board: Board = field(default_factory=Board)
    wants: dict[Want, Wanted] = field(default_factory=dict)
    possible: int = 100
    limits: tuple[Limit, ...] | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # The listing is the business of its own tests: it was got just now.
        self.asked(LISTING_WANT)

    def watch(self, *wants: Want, since: datetime | None = None) -> None:
        for each in wants:
            self.wants[each] = Wanted(1, since or self.now)

    def asked(
        self, *wants: Want, at: datetime | str | None = None, data: Data | None = None
    ) -> None:
        """These were asked with success, and brought `data` or what was known before."""
        at = utc(at) if isinstance(at, str) else at or self.now
        self.tell(wants, Attempt(at, Outcome.NEW), data)

    def failed(
        self, *wants: Want, retry_in: timedelta, failures: int = 1, kind: str = "empty"
    ) -> None:
        retry_at = self.now + retry_in
        attempt = Attempt(self.now, Outcome.FAILED, failures, retry_at, kind, "Nothing.")
        self.tell(wants, attempt, None)

    def tell(self, wants: Iterable[Want], attempt: Attempt, data: Data | None) -> None:
        self.board.publish([Record(each.feed, each.ticker, data, attempt) for each in wants])

    def has_daily(self, ticker: str, last: str, *, asked: str) -> None:
        """Daily bars up to `last` were got when the ticker was asked."""
        bars = daily(ticker, {"2026-11-02": 100.0, last: 101.0}, fetched_at=utc(asked))
        self.asked(want(Feed.DAILY, ticker), at=asked, data=bars)

    def known(self) -> Known:
        plan = TEST_PLANS[self.plan]
        return Known(
            now=self.now,
            board=self.board.read(),
            rights=Rights(plan, plan.liveness, self.refused),
            refresh=self.refresh,
            always=self.always,
            publications=self.publications,
            may_explore=self.explore,
        )

    def allowed(self) -> Allowed:
        usual: dict[str, Any] = {
            "possible": self.possible,
            "next_at": self.now,
            "left_today": None,
            "limits": self.limits or TEST_PLANS[self.plan].limits,
        }
        return Allowed(**{**usual, **self.extra})

    def make_plan(self, *in_flight: Want) -> Plan:
        return make_plan(self.known(), self.wants, self.allowed(), frozenset(in_flight))

    def calls(self, *in_flight: Want) -> list[tuple[Feed, str]]:
        """What is asked now, in order."""
        return [(call.feed, ",".join(call.tickers)) for call in self.make_plan(*in_flight).calls]

    def tickers(self, *in_flight: Want) -> list[str]:
        return [tickers for _, tickers in self.calls(*in_flight)]

    def due(self, want: Want) -> datetime | None:
        return self.make_plan().due[want].at

    def live_until(self, end: str) -> list[tuple[datetime, Call]]:
        """Wake when told, and have every call answered at once; what was asked when."""
        asked = []
        while self.now < utc(end):
            plan = self.make_plan()
            for call in plan.calls:
                asked.append((self.now, call))
                self.asked(*call.wants)
            if not plan.calls:
                assert plan.wake_at is not None
                assert plan.wake_at > self.now
                self.now = min(plan.wake_at, utc(end))
        return asked


@pytest.fixture
def desk() -> Desk:
    return Desk(utc(MONDAY_NOON))


# No call


def nobody_watches(desk: Desk) -> None:
    desk.wants.clear()


def the_key_is_rejected(desk: Desk) -> None:
    desk.extra["halted"] = True


def no_call_is_left(desk: Desk) -> None:
    desk.possible = 0
    desk.extra["next_at"] = desk.now + 40 * SECOND


def upstream_is_down(desk: Desk) -> None:
    desk.extra["outage_until"] = desk.now + 40 * SECOND


def all_were_asked_just_now(desk: Desk) -> None:
    for each in list(desk.wants):
        desk.asked(each)
        desk.has_daily(each.ticker, "2026-11-20", asked=MONDAY_NOON)


@pytest.mark.parametrize(
    ("why", "wakes_after"),
    [
        (nobody_watches, None),
        (the_key_is_rejected, None),
        (no_call_is_left, 40),
        (upstream_is_down, 40),
        (all_were_asked_just_now, 20),
    ],
)
@pytest.mark.parametrize("plan", [END_OF_DAY, DELAYED, REALTIME, BULK])
def test_nothing_is_asked_when(
    why: Callable[[Desk], None], wakes_after: float | None, plan: str
) -> None:
    desk = Desk(utc(MONDAY_NOON), plan=plan)
    desk.watch(*quotes("IBM", "AAPL"))
    why(desk)
    made = desk.make_plan()
    assert made.calls == ()
    if plan == END_OF_DAY and why is all_were_asked_just_now:
        assert made.wake_at == utc("2026-11-24T03:00")
    else:
        assert made.wake_at == (wakes_after and desk.now + wakes_after * SECOND)


def test_the_listing_is_asked_for_by_nobody_who_watches_nothing(desk: Desk) -> None:
    desk.board = Board()
    assert desk.calls() == []


def test_while_upstream_is_down_one_call_at_a_time_looks(desk: Desk) -> None:
    desk.watch(*quotes("IBM", "AAPL", "MSFT"))
    desk.extra["outage_until"] = desk.now
    assert len(desk.calls()) == 1
    assert desk.calls(want(Feed.QUOTE, "IBM")) == []
    assert desk.make_plan(want(Feed.QUOTE, "IBM")).wake_at == desk.now + SECOND


def test_no_more_is_asked_than_is_possible_and_the_rest_waits_its_turn(desk: Desk) -> None:
    desk.watch(*quotes(*"ABCDEFG"))
    desk.possible = 3
    desk.extra["next_at"] = desk.now
    assert desk.tickers() == ["A", "B", "C"]
    assert desk.make_plan().wake_at == desk.now + timedelta(milliseconds=10)


def test_what_is_on_its_way_is_not_asked_again(desk: Desk) -> None:
    desk.watch(*quotes("IBM", "AAPL"))
    assert desk.tickers(*quotes("IBM")) == ["AAPL"]
    assert desk.tickers(*quotes("IBM", "AAPL")) == []


def test_what_is_on_its_way_does_not_go_along_with_a_bulk_call_either() -> None:
    desk = Desk(utc(MONDAY_NOON), plan=BULK)
    desk.watch(*quotes("IBM", "AAPL", "MSFT"))
    desk.asked(*quotes("MSFT"), at=desk.now - 19 * SECOND)
    assert desk.tickers() == ["AAPL,IBM,MSFT"]
    assert desk.tickers(*quotes("MSFT")) == ["AAPL,IBM"]


# Order


def test_a_tickers_first_quote_comes_before_every_refresh(desk: Desk) -> None:
    desk.watch(*quotes("OLD", "NEW"), want(Feed.WEEKLY, "AAA"))
    desk.asked(*quotes("OLD"), at=desk.now - HOUR)
    assert desk.calls() == [
        (Feed.QUOTE, "NEW"),
        (Feed.QUOTE, "OLD"),
        (Feed.WEEKLY, "AAA"),
    ]


def test_what_has_waited_longest_comes_first(desk: Desk) -> None:
    for place, ticker in enumerate("CADB"):
        desk.watch(*quotes(ticker), since=desk.now - HOUR)
        desk.asked(*quotes(ticker), at=desk.now - HOUR + place * SECOND)
    assert desk.tickers() == ["C", "A", "D", "B"]


def test_what_a_viewer_looks_at_goes_before_what_only_the_operator_watches(desk: Desk) -> None:
    """A viewer's first quote before all, then refreshes for viewers, then the operator's."""
    desk.watch(*quotes("NEW", "OLD"))
    desk.asked(*quotes("OLD", "THEIRS"), at=desk.now - HOUR)
    for ticker in ("THEIRS", "FIRST"):
        desk.wants[want(Feed.QUOTE, ticker)] = Wanted(0, desk.now - DAY)
    desk.possible = 3
    assert desk.tickers() == ["NEW", "OLD", "FIRST"]
    desk.possible = 4
    assert desk.tickers() == ["NEW", "OLD", "FIRST", "THEIRS"]


def test_where_bulk_is_refused_thousands_of_the_operators_starve_no_viewer(desk: Desk) -> None:
    desk.limits, desk.always = parse_limits("1200/minute"), True
    for number in range(2000):
        desk.wants[want(Feed.QUOTE, f"T{number}")] = Wanted(0, desk.now - DAY)
    desk.watch(*quotes("IBM"))
    asked, slot = [], desk.now
    for _ in range(900):  # three quarters of a minute
        desk.extra["slot"] = slot
        for call in desk.make_plan().calls:
            asked += [desk.now] if "IBM" in call.tickers else []
            desk.asked(*call.wants)
        slot += MINUTE / 1200
        desk.now = slot
    assert [at - asked[0] for at in asked] == [0 * SECOND, 20 * SECOND, 40 * SECOND]


@pytest.mark.parametrize(
    ("plan", "operators", "viewers", "calls"),
    [
        (BULK, 250, 0, 3),
        (BULK, 250, 60, 3),
        (BULK, 30, 60, 0),
        (REALTIME, 30, 60, 30),
        (END_OF_DAY, 7, 3, 7),
    ],
)
def test_people_are_told_what_the_operators_watch_takes(
    plan: str, operators: int, viewers: int, calls: int
) -> None:
    desk = Desk(utc(MONDAY_NOON), plan=plan)
    desk.watch(*quotes(*(f"V{number}" for number in range(viewers))))
    for number in range(operators):
        desk.wants[want(Feed.QUOTE, f"T{number}")] = Wanted(0, desk.now)
    forecast = desk.make_plan().forecast
    assert forecast is not None
    assert forecast.for_operator == calls


def test_of_those_that_were_never_asked_the_first_wanted_comes_first(desk: Desk) -> None:
    desk.watch(*quotes("LATE"), since=desk.now - SECOND)
    desk.watch(*quotes("EARLY"), since=desk.now - MINUTE)
    desk.watch(*quotes("ALSO"), since=desk.now - MINUTE)
    assert desk.tickers() == ["ALSO", "EARLY", "LATE"]


def test_what_failed_is_asked_again_when_its_time_has_come(desk: Desk) -> None:
    desk.watch(*quotes("IBM"))
    desk.failed(*quotes("IBM"), retry_in=30 * SECOND)
    assert desk.tickers() == []
    assert desk.make_plan().wake_at == desk.now + 30 * SECOND
    desk.now += 30 * SECOND
    assert desk.tickers() == ["IBM"]


# Bulk


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (2, [2]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])]
)
def test_quotes_are_asked_for_by_the_hundred(count: int, sizes: list[int]) -> None:
    desk = Desk(utc(MONDAY_NOON), plan=BULK)
    desk.watch(*quotes(*(f"T{number}" for number in range(count))))
    calls = desk.make_plan().calls
    assert [len(call.tickers) for call in calls] == sizes
    assert {call.bulk for call in calls} == {count > 1}


def test_what_cannot_go_in_bulk_goes_by_itself() -> None:
    desk = Desk(utc("2026-11-23T15:00"), plan=BULK)
    desk.watch(*quotes("A", "B", "C", "TSCO.LON", "LEFTOUT"), want(Feed.WEEKLY, "A"))
    desk.failed(*quotes("LEFTOUT"), retry_in=0 * SECOND)
    assert sorted(desk.calls()) == [
        (Feed.QUOTE, "A,B,C"),
        (Feed.QUOTE, "LEFTOUT"),
        (Feed.QUOTE, "TSCO.LON"),
        (Feed.WEEKLY, "A"),
    ]


@pytest.mark.parametrize("kind", ["unreachable", "rate limited", "unreadable", "refused"])
def test_a_bulk_call_that_failed_as_a_whole_is_made_again_as_a_whole(kind: str) -> None:
    """A hundred single calls for each of them would starve everybody after any outage."""
    desk = Desk(utc("2026-11-23T15:00"), plan=BULK)
    desk.watch(*quotes("A", "B", "C"))
    desk.failed(*quotes("A", "B", "C"), retry_in=0 * SECOND, kind=kind)
    assert desk.calls() == [(Feed.QUOTE, "A,B,C")]


def test_quotes_that_are_nearly_due_go_along() -> None:
    desk = Desk(utc(MONDAY_NOON), plan=BULK)
    desk.watch(*quotes("DUE", "ALSO", "SOON", "LATER"))
    desk.asked(*quotes("DUE", "ALSO"), at=desk.now - 20 * SECOND)
    desk.asked(*quotes("SOON"), at=desk.now - 18 * SECOND)
    desk.asked(*quotes("LATER"), at=desk.now - 9 * SECOND)
    assert desk.tickers() == ["ALSO,DUE,SOON"]


@pytest.mark.parametrize(
    ("ago", "asked"), [(DAY, ["A", "B"]), (RETRY_REFUSED, ["A,B"]), (RETRY_REFUSED * 2, ["A,B"])]
)
def test_where_bulk_was_refused_quotes_go_one_by_one_for_a_month(
    ago: timedelta, asked: list[str]
) -> None:
    desk = Desk(utc(MONDAY_NOON), plan=BULK)
    desk.refused = {Capability.BULK_QUOTES: desk.now - ago}
    desk.watch(*quotes("A", "B"))
    assert desk.tickers() == asked


# Live quotes by the hour

FRIDAY_CLOSE, MONDAY_OPEN = "2026-11-27T18:01", "2026-11-30T14:30"


@pytest.mark.parametrize(
    ("plan", "ticker", "asked", "now", "due"),
    [
        # while it trades
        (REALTIME, "IBM", "2026-11-23T15:00:00", "2026-11-23T15:00:10", "2026-11-23T15:00:20"),
        (DELAYED, "IBM", "2026-11-23T15:00:00", "2026-11-23T15:00:10", "2026-11-23T15:00:20"),
        (REALTIME, "IBM", "2026-11-20T21:01:00", "2026-11-23T14:30:00", "2026-11-23T14:30:00"),
        (DELAYED, "IBM", "2026-11-20T21:16:00", "2026-11-23T14:45:00", "2026-11-23T14:45:00"),
        # before the open
        (REALTIME, "IBM", "2026-11-20T21:01:00", "2026-11-23T14:00:00", "2026-11-23T14:30:00"),
        (DELAYED, "IBM", "2026-11-20T21:16:00", "2026-11-23T14:40:00", "2026-11-23T14:45:00"),
        # the close, once
        (REALTIME, "IBM", "2026-11-23T20:59:50", "2026-11-23T21:00:00", "2026-11-23T21:01:00"),
        (REALTIME, "IBM", "2026-11-23T21:01:00", "2026-11-23T22:00:00", "2026-11-24T14:30:00"),
        (DELAYED, "IBM", "2026-11-23T21:14:50", "2026-11-23T21:15:00", "2026-11-23T21:16:00"),
        (DELAYED, "IBM", "2026-11-23T21:01:00", "2026-11-23T22:00:00", "2026-11-23T21:16:00"),
        (DELAYED, "IBM", "2026-11-23T21:16:00", "2026-11-23T22:00:00", "2026-11-24T14:45:00"),
        (REALTIME, "IBM", "2026-11-23T15:00:00", "2026-11-24T03:00:00", "2026-11-23T21:01:00"),
        # Thanksgiving
        (REALTIME, "IBM", "2026-11-25T21:01:00", "2026-11-26T15:00:00", "2026-11-27T14:30:00"),
        # the early close after it
        (REALTIME, "IBM", "2026-11-27T17:59:55", "2026-11-27T18:00:10", "2026-11-27T18:01:00"),
        (DELAYED, "IBM", "2026-11-27T18:14:55", "2026-11-27T18:15:10", "2026-11-27T18:16:00"),
        (REALTIME, "IBM", FRIDAY_CLOSE, "2026-11-27T20:00:00", MONDAY_OPEN),
        # the weekend
        (REALTIME, "IBM", FRIDAY_CLOSE, "2026-11-28T15:00:00", MONDAY_OPEN),
        (REALTIME, "IBM", "2026-11-27T17:00:00", "2026-11-29T15:00:00", FRIDAY_CLOSE),
        # London, from 8:00 to 16:30, with no Thanksgiving
        (REALTIME, "TSCO.LON", "2026-11-26T16:00", "2026-11-26T16:30:10", "2026-11-26T16:31:00"),
        (REALTIME, "TSCO.LON", "2026-11-26T16:31", "2026-11-26T17:00:00", "2026-11-27T08:00:00"),
    ],
)
def test_a_live_quote_is_due(plan: str, ticker: str, asked: str, now: str, due: str) -> None:
    desk = Desk(utc(now), plan=plan)
    desk.watch(*quotes(ticker))
    desk.asked(*quotes(ticker), at=asked)
    assert desk.due(want(Feed.QUOTE, ticker)) == utc(due)
    assert (desk.tickers() == [ticker]) == (utc(due) <= utc(now))


@pytest.mark.parametrize(
    ("plan", "times"),
    [
        (
            REALTIME,
            "25T20:00 25T21:01 27T14:30 27T15:30 27T16:30 27T17:30 27T18:01 30T14:30 30T15:30",
        ),
        (
            DELAYED,
            "25T20:00 25T21:00 25T21:16 27T14:45 27T15:45 27T16:45 27T17:45 27T18:16 "
            "30T14:45 30T15:45",
        ),
        (
            BULK,
            "25T20:00 25T21:01 27T14:30 27T15:30 27T16:30 27T17:30 27T18:01 30T14:30 30T15:30",
        ),
    ],
)
def test_over_thanksgiving_and_the_weekend_only_trading_hours_and_the_close_are_asked(
    plan: str, times: str
) -> None:
    desk = Desk(utc("2026-11-25T20:00"), plan=plan, refresh=HOUR)
    desk.watch(*quotes("AAPL", "IBM"))
    asked = [(at, call) for at, call in desk.live_until("2026-11-30T16:00") if is_quote(call)]
    assert [f"{at:%dT%H:%M}" for at, call in asked if "IBM" in call.tickers] == times.split()
    assert len(asked) == len(times.split()) * (1 if plan == BULK else 2)


def is_quote(call: Call) -> bool:
    return call.feed is Feed.QUOTE


def test_without_regard_to_hours_a_quote_is_due_on_sundays_too() -> None:
    desk = Desk(utc("2026-11-29T03:00"), always=True)
    desk.watch(*quotes("IBM"))
    desk.asked(*quotes("IBM"), at=desk.now - 5 * SECOND)
    assert desk.due(want(Feed.QUOTE)) == desk.now + 15 * SECOND


def test_a_ticker_that_was_never_asked_is_asked_at_night_as_well() -> None:
    desk = Desk(utc("2026-11-29T03:00"))
    desk.watch(*quotes("IBM"))
    assert desk.tickers() == ["IBM"]


# The day's limit


@pytest.mark.parametrize(
    ("plan", "watched", "left", "now", "apart"),
    [
        (REALTIME, "A B", 10, "2026-11-23T15:00", 2 * 6 * HOUR / 10),
        (REALTIME, "A B", 10, "2026-11-27T15:00", 2 * 3 * HOUR / 10),
        (REALTIME, "A B C", 3, "2026-11-23T20:00", HOUR),
        (REALTIME, "A", 0, "2026-11-23T20:00", HOUR),
        (REALTIME, "A B", 100_000, "2026-11-23T20:00", 20 * SECOND),
        (BULK, "A B", 10, "2026-11-23T15:00", 6 * HOUR / 10),
        (BULK, "A B TSCO.LON", 10, "2026-11-23T15:00", 2 * 6 * HOUR / 10),
    ],
)
def test_a_days_limit_is_spread_over_what_is_left_of_the_session(
    plan: str, watched: str, left: int, now: str, apart: timedelta
) -> None:
    desk = Desk(utc(now), plan=plan, limits=parse_limits("25/day"))
    desk.extra["left_today"] = left
    desk.watch(*quotes(*watched.split()))
    desk.asked(*quotes(*watched.split()))
    assert desk.due(want(Feed.QUOTE, "A")) == desk.now + apart


def test_without_regard_to_hours_a_days_limit_is_spread_over_the_day() -> None:
    desk = Desk(utc(MONDAY_NOON), always=True, limits=parse_limits("5/minute,24/day"))
    desk.extra["left_today"] = 3
    desk.watch(*quotes("A", "B"))
    desk.asked(*quotes("A", "B"))
    assert desk.due(want(Feed.QUOTE, "A")) == desk.now + 2 * HOUR


def test_a_days_calls_last_until_the_close() -> None:
    """Five tickers share 25 calls: the last are made in the last hour, and none is left over."""
    desk = Desk(utc("2026-11-23T14:30"), limits=parse_limits("25/day"))
    desk.watch(*quotes(*"ABCDE"))
    asked: list[tuple[datetime, Call]] = []
    while desk.now < utc("2026-11-23T21:00"):
        desk.possible = desk.extra["left_today"] = 25 - len(asked)
        if desk.possible == 0:
            break
        made = desk.make_plan()
        for call in made.calls:
            asked.append((desk.now, call))
            desk.asked(*call.wants)
        if not made.calls:
            assert made.wake_at is not None
            desk.now = made.wake_at
    assert 20 <= len(asked) <= 25
    assert asked[-1][0] >= utc("2026-11-23T19:00")


# The end of the day


def free_desk(now: str, *tickers: str) -> Desk:
    """On the free plan, with the bars of Friday 20 November, asked for on Saturday."""
    desk = Desk(utc(now), plan=END_OF_DAY)
    for place, ticker in enumerate(tickers):
        desk.watch(*quotes(ticker), since=utc("2026-11-21T09:00"))
        desk.has_daily(ticker, "2026-11-20", asked=f"2026-11-21T10:00:{place:02}")
    return desk


OUT = Publication(utc(MONDAY_NOON).date(), utc("2026-11-24T03:00:05"), by=6 * HOUR)


def test_on_an_end_of_day_plan_quotes_are_never_asked_for() -> None:
    desk = Desk(utc(MONDAY_NOON), plan=END_OF_DAY)
    desk.watch(*quotes("IBM", "AAPL"), want(Feed.DAILY, "IBM"), want(Feed.WEEKLY, "IBM"))
    assert sorted(desk.calls()) == [
        (Feed.DAILY, "AAPL"),
        (Feed.DAILY, "IBM"),
        (Feed.WEEKLY, "IBM"),
    ]


def test_a_live_plan_whose_quotes_are_refused_is_an_end_of_day_plan() -> None:
    desk = Desk(utc(MONDAY_NOON), plan=BULK)
    desk.refused = {Capability.LIVE_QUOTES: desk.now}
    desk.watch(*quotes("IBM", "AAPL"))
    assert desk.calls() == [(Feed.DAILY, "AAPL"), (Feed.DAILY, "IBM")]


@pytest.mark.parametrize(
    ("now", "asked"),
    [
        ("2026-11-23T15:00", []),  # Friday's is the newest close there is
        ("2026-11-23T21:01", []),  # just closed
        ("2026-11-24T02:59:59", []),  # not yet
        ("2026-11-24T03:00", ["A"]),  # six hours after the close, one goes ahead
        ("2026-11-24T14:00", ["A"]),
    ],
)
def test_one_ticker_goes_ahead_and_asks_for_its_exchange(now: str, asked: list[str]) -> None:
    desk = free_desk(now, "A", "B", "C")
    assert desk.tickers() == asked


def test_each_exchange_has_one_that_goes_ahead() -> None:
    desk = free_desk("2026-11-24T03:00", "A", "B", "TSCO.LON", "VOD.LON", "BMW.DEX")
    assert sorted(desk.tickers()) == ["A", "BMW.DEX", "TSCO.LON"]


def test_while_one_is_on_its_way_no_other_goes_ahead() -> None:
    desk = free_desk("2026-11-24T03:00", "A", "B", "TSCO.LON")
    assert desk.tickers(want(Feed.DAILY, "A")) == ["TSCO.LON"]


def test_once_the_close_is_out_all_others_follow() -> None:
    desk = free_desk("2026-11-24T03:00:06", "A", "B", "C")
    desk.has_daily("A", "2026-11-23", asked="2026-11-24T03:00:05")
    desk.publications["XNYS"] = OUT
    assert desk.tickers() == ["B", "C"]
    for ticker in ("B", "C"):
        desk.has_daily(ticker, "2026-11-23", asked="2026-11-24T03:00:06")
    assert desk.tickers() == []


def test_after_a_close_that_was_not_out_yet_nobody_asks_until_it_may_be() -> None:
    desk = free_desk("2026-11-24T03:00:06", "A", "B")
    desk.has_daily("A", "2026-11-20", asked="2026-11-24T03:00:05")
    desk.publications["XNYS"] = Publication(denied=(utc(MONDAY_NOON).date(), 6 * HOUR))
    assert desk.tickers() == []
    assert desk.make_plan().wake_at == utc("2026-11-24T06:00")
    desk.now = utc("2026-11-24T06:00")
    assert desk.tickers() == ["B"]


def test_a_halted_ticker_that_went_ahead_lets_another_go_next() -> None:
    desk = free_desk("2026-11-24T03:00:06", "A", "HALTED")
    desk.has_daily("HALTED", "2026-11-12", asked="2026-11-24T03:00:05")
    assert desk.tickers() == ["A"]


def test_a_halted_ticker_is_not_asked_again_when_the_others_have_the_close() -> None:
    desk = free_desk("2026-11-24T03:00:08", "A", "HALTED")
    desk.has_daily("A", "2026-11-23", asked="2026-11-24T03:00:05")
    desk.has_daily("HALTED", "2026-11-12", asked="2026-11-24T03:00:07")
    desk.publications["XNYS"] = OUT
    assert desk.tickers() == []
    assert desk.due(want(Feed.DAILY, "HALTED")) == desk.due(want(Feed.DAILY, "A"))


def test_a_ticker_that_missed_days_is_asked_without_anybody_going_ahead() -> None:
    desk = free_desk("2026-11-24T00:00", "A", "B")
    for ticker in ("A", "B"):
        desk.has_daily(ticker, "2026-11-13", asked="2026-11-14T10:00")
    assert desk.tickers() == ["A", "B"]


def test_a_ticker_that_is_first_wanted_while_it_trades_is_asked_at_once_and_then_waits() -> None:
    desk = Desk(utc(MONDAY_NOON), plan=END_OF_DAY)
    desk.watch(*quotes("NEW"))
    assert desk.tickers() == ["NEW"]
    desk.has_daily("NEW", "2026-11-20", asked=MONDAY_NOON)
    assert desk.tickers() == []
    assert desk.due(want(Feed.DAILY, "NEW")) == utc("2026-11-24T03:00")


# Daily, weekly, intraday bars and the listing on a live plan


@pytest.mark.parametrize(
    ("plan", "last", "asked", "now", "due"),
    [
        (REALTIME, "2026-11-20", "2026-11-20T22:00", MONDAY_NOON, "2026-11-23T21:30"),
        (DELAYED, "2026-11-20", "2026-11-20T22:00", MONDAY_NOON, "2026-11-23T21:45"),
        (REALTIME, "2026-11-20", "2026-11-20T22:00", "2026-11-23T22:00", "2026-11-23T21:30"),
        # got while it traded: the running day's bar is there, and not the last word
        (REALTIME, "2026-11-23", MONDAY_NOON, "2026-11-23T22:00", "2026-11-23T21:30"),
        # got after the close, before the usual time
        (REALTIME, "2026-11-23", "2026-11-23T21:05", "2026-11-23T22:00", "2026-11-24T21:30"),
        # asked after the close, and not out: once is enough
        (REALTIME, "2026-11-20", "2026-11-23T21:30", "2026-11-23T22:00", "2026-11-24T21:30"),
        # over the holiday, to the early close
        (REALTIME, "2026-11-25", "2026-11-25T21:30", "2026-11-26T15:00", "2026-11-27T18:30"),
        (REALTIME, "2026-11-27", "2026-11-27T18:30", "2026-11-28T15:00", "2026-11-30T21:30"),
    ],
)
def test_daily_bars_on_a_live_plan_are_due_once_after_the_close(
    plan: str, last: str, asked: str, now: str, due: str
) -> None:
    desk = Desk(utc(now), plan=plan)
    desk.watch(want(Feed.DAILY))
    desk.has_daily("IBM", last, asked=asked)
    assert desk.due(want(Feed.DAILY)) == utc(due)


def test_weekly_bars_are_asked_for_once_a_month() -> None:
    desk = Desk(utc(MONDAY_NOON), plan=END_OF_DAY)
    desk.watch(want(Feed.WEEKLY))
    assert desk.calls() == [(Feed.WEEKLY, "IBM")]
    desk.asked(want(Feed.WEEKLY))
    assert desk.due(want(Feed.WEEKLY)) == desk.now + timedelta(days=30)


@pytest.mark.parametrize(
    ("plan", "refused", "asked"),
    [
        (END_OF_DAY, False, []),
        (DELAYED, False, [(Feed.INTRADAY, "IBM")]),
        (DELAYED, True, []),
        (BULK, False, [(Feed.INTRADAY, "IBM")]),
    ],
)
def test_intraday_bars_are_asked_for_only_where_the_plan_has_them(
    plan: str, refused: bool, asked: list[tuple[Feed, str]]
) -> None:
    desk = Desk(utc(MONDAY_NOON), plan=plan)
    if refused:
        desk.refused = {Capability.INTRADAY: desk.now}
    desk.watch(want(Feed.INTRADAY))
    assert desk.calls() == asked
    assert (desk.due(want(Feed.INTRADAY)) is None) == (asked == [])


@pytest.mark.parametrize(
    ("plan", "asked", "now", "due"),
    [
        (REALTIME, "2026-11-23T15:00", "2026-11-23T15:01", "2026-11-23T15:05"),
        (REALTIME, "2026-11-20T21:01", "2026-11-23T14:00", "2026-11-23T14:35"),
        (REALTIME, "2026-11-20T21:01", "2026-11-23T14:32", "2026-11-23T14:35"),
        (DELAYED, "2026-11-20T21:16", "2026-11-23T14:46", "2026-11-23T14:50"),
        (REALTIME, "2026-11-23T20:58", "2026-11-23T21:00", "2026-11-23T21:01"),
        (REALTIME, "2026-11-23T20:58", "2026-11-23T20:59", "2026-11-23T21:01"),
        (REALTIME, "2026-11-27T18:01", "2026-11-28T12:00", "2026-11-30T14:35"),
    ],
)
def test_intraday_bars_are_due_every_five_minutes_while_it_trades(
    plan: str, asked: str, now: str, due: str
) -> None:
    desk = Desk(utc(now), plan=plan)
    desk.watch(want(Feed.INTRADAY))
    desk.asked(want(Feed.INTRADAY), at=asked)
    assert desk.due(want(Feed.INTRADAY)) == utc(due)


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        ("2026-11-23T10:00", "2026-11-24T10:01"),  # a day later, when its call has come back
        ("2026-11-23T22:00", "2026-11-24T22:01"),
        ("2026-11-20T22:00", "2026-11-23T14:30"),  # nothing is listed at the weekend
        ("2026-11-25T22:00", "2026-11-27T14:30"),  # nor on Thanksgiving
    ],
)
def test_the_listing_is_due_once_a_trading_day(asked: str, due: str) -> None:
    desk = Desk(utc(asked))
    desk.watch(*quotes("IBM"))
    assert desk.due(LISTING_WANT) == utc(due)


def test_the_listing_is_asked_for_as_soon_as_anybody_is_there_and_after_the_prices() -> None:
    desk = Desk(utc(MONDAY_NOON))
    desk.board = Board()
    desk.watch(*quotes("ZZZ"))
    assert desk.calls() == [(Feed.QUOTE, "ZZZ"), (Feed.LISTING, "*")]


# How much of the history


@pytest.mark.parametrize(
    ("plan", "last", "full"),
    [
        (REALTIME, None, True),
        (REALTIME, "2026-11-20", False),
        (REALTIME, "2026-07-01", True),
        (END_OF_DAY, None, False),
        (END_OF_DAY, "2026-07-01", False),
    ],
)
def test_all_of_the_daily_history_is_asked_for_where_the_newest_bars_do_not_reach(
    plan: str, last: str | None, full: bool
) -> None:
    desk = Desk(utc("2026-11-23T22:00"), plan=plan)
    desk.watch(want(Feed.DAILY))
    if last is not None:
        desk.has_daily("IBM", last, asked=f"{last}T22:00")
    made = desk.make_plan()
    fulls = {call.full for call in made.calls if call.feed is Feed.DAILY}
    assert fulls <= {full}
    assert turn(desk, want(Feed.DAILY)).full is full


def turn(desk: Desk, each: Want) -> Turn:
    return turn_of(each, Wanted(1, desk.now), desk.known(), timedelta(0))


@pytest.mark.parametrize(
    ("newest", "full"), [("2026-11-23T16:00", False), ("2026-11-23T10:00", True), (None, True)]
)
def test_a_month_of_intraday_bars_is_asked_for_where_the_newest_do_not_reach(
    newest: str | None, full: bool
) -> None:
    desk = Desk(utc(MONDAY_NOON))
    if newest is not None:
        bars: Bars = intraday("IBM", {newest: 1.0}, fetched_at=utc(newest))
        desk.asked(want(Feed.INTRADAY), at=newest, data=bars)
    assert turn(desk, want(Feed.INTRADAY)).full is full


# What people are told


def live(turn: int, with_one_more: int) -> Forecast:
    """Where only viewers watch, theirs is the round of all."""
    round_takes = turn * SECOND
    return Forecast(round_takes, with_one_more * SECOND, None, turn_of_all=round_takes)


@pytest.mark.parametrize(
    ("plan", "limits", "watched", "expected"),
    [
        (END_OF_DAY, "1/second,25/day", 3, Forecast(DAY, DAY, 4)),
        (REALTIME, "5/minute", 1, live(20, 24)),
        (REALTIME, "5/minute", 10, live(120, 132)),
        (BULK, "5/minute", 10, live(20, 20)),
        (REALTIME, "300/minute", 10, live(20, 20)),
    ],
)
def test_people_are_told_how_long_a_round_takes(
    plan: str, limits: str, watched: int, expected: Forecast
) -> None:
    desk = Desk(utc(MONDAY_NOON), plan=plan, limits=parse_limits(limits))
    desk.watch(*quotes(*(f"T{number}" for number in range(watched))))
    assert desk.make_plan().forecast == expected


def test_everything_that_is_wanted_has_a_time_and_a_reason(desk: Desk) -> None:
    desk.watch(*quotes("IBM"), want(Feed.DAILY), want(Feed.WEEKLY), want(Feed.INTRADAY))
    due = desk.make_plan().due
    assert set(due) == {*desk.wants, LISTING_WANT}
    assert all(each.reason for each in due.values())


# Whatever is known

TICKERS = ["A", "AA", "BRK.B", "C", "IBM", "TSCO.LON", "VOD.LON", "BMW.DEX"]
FEEDS = [Feed.QUOTE, Feed.DAILY, Feed.WEEKLY, Feed.INTRADAY]
any_want = st.builds(want, st.sampled_from(FEEDS), st.sampled_from(TICKERS))
a_while = st.floats(0, 400_000).map(lambda number: number * SECOND)


@st.composite
def desks(draw: st.DrawFn) -> Desk:
    desk = Desk(
        utc("2026-11-20T00:00") + draw(st.floats(0, 11)) * DAY,
        plan=draw(st.sampled_from(sorted(TEST_PLANS))),
        refresh=draw(st.sampled_from([5 * SECOND, 20 * SECOND, HOUR])),
        always=draw(st.booleans()),
        explore=draw(st.booleans()),
        possible=draw(st.integers(0, 30)),
    )
    desk.refused = dict.fromkeys(draw(st.sets(st.sampled_from(list(Capability)))), desk.now)
    for each in draw(st.lists(any_want, max_size=12, unique=True)):
        desk.watch(each, since=desk.now - draw(a_while))
    for each in draw(st.lists(any_want, max_size=12, unique=True)):
        at = desk.now - draw(a_while)
        if draw(st.booleans()):
            desk.tell([each], Attempt(at, Outcome.FAILED, 1, at + draw(a_while), "empty"), None)
        elif each.feed is Feed.DAILY and at.hour >= 1:
            last = draw(st.sampled_from(["2026-11-12", f"{at - DAY:%Y-%m-%d}"]))
            desk.has_daily(each.ticker, last, asked=f"{at:%Y-%m-%dT%H:%M:%S}")
        else:
            data = quote(each.ticker, 1.0, fetched_at=at) if each.feed is Feed.QUOTE else None
            desk.asked(each, at=at, data=data)
    if draw(st.booleans()):
        session = draw(st.sampled_from(["2026-11-20", "2026-11-23", "2026-11-25"]))
        at = min(utc(f"{session}T23:00"), desk.now)
        desk.publications["XNYS"] = Publication(at.date(), at, by=2 * HOUR)
    desk.extra["left_today"] = draw(st.none() | st.integers(0, 25))
    desk.extra["outage_until"] = draw(
        st.sampled_from([None, None, desk.now - SECOND, desk.now + SECOND])
    )
    return desk


@settings(deadline=None, max_examples=300)
@given(desks(), st.data())
def test_whatever_is_known(desk: Desk, data: Any) -> None:
    needs = needed(desk.wants, desk.known())
    choice = st.sets(st.sampled_from(sorted(needs, key=str))) if needs else st.just(set())
    in_flight = data.draw(choice)
    made = desk.make_plan(*in_flight)

    asked = Counter(each for call in made.calls for each in call.wants)
    assert len(made.calls) <= desk.possible
    assert set(asked) <= set(needs)
    assert set(asked.values()) <= {1}
    assert not set(asked) & in_flight
    assert made.wake_at is None or made.wake_at > desk.now
    scouts = Counter()
    for call in made.calls:
        assert len(call.tickers) == 1 or (call.bulk and len(call.tickers) <= BULK_SIZE)
        assert not call.bulk or desk.plan in BULK_PLANS
        for each in call.wants:
            due = made.due[each].at
            assert due is not None
            assert due <= desk.now + (TOGETHER * desk.refresh if call.bulk else timedelta(0))
            scout = turn_of(each, needs[each], desk.known(), timedelta(0)).scouts
            scouts.update([scout] if scout else [])
    assert set(scouts.values()) <= {1}

    # Where something is due and nothing forbids it, something is asked; and what is left to do is
    # not slept over.
    ready = [
        each
        for each, due in made.due.items()
        if due.at is not None and due.at <= desk.now and each not in in_flight
    ]
    outage = desk.extra["outage_until"]
    if ready and desk.possible > 0 and outage is None and not in_flight:
        assert made.calls
    if ready and not made.calls and not in_flight:
        assert made.wake_at is not None


BULK_PLANS = [
    name for name, plan in TEST_PLANS.items() if Capability.BULK_QUOTES in plan.capabilities
]


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 14),
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(0, 13), st.floats(1, 600)), max_size=4),
)
def test_nobody_starves(watched: int, calls: int, failing: list[tuple[int, float]]) -> None:
    """With few calls a minute every ticker has its turn, also beside some that fail for a while."""
    limits = (Limit(calls, MINUTE),)
    desk = Desk(utc(MONDAY_NOON), always=True, limits=limits)
    tickers = [f"T{number}" for number in range(watched)]
    desk.watch(*quotes(*tickers))
    fails = {f"T{number}": length * SECOND for number, length in failing}
    round_takes = ceil(watched / calls) * MINUTE
    asked: dict[str, list[datetime]] = {ticker: [] for ticker in tickers}
    ledger, start = Ledger(), desk.now
    while desk.now - start < 4 * round_takes + MINUTE:
        up = desk.now - start
        desk.possible = ledger.possible(limits, up)
        desk.extra["next_at"] = start + ledger.next_at(limits, up)
        made = desk.make_plan()
        for call in made.calls:
            ledger = ledger.take(up, 1, MINUTE)
            (ticker,) = call.tickers
            asked[ticker].append(desk.now)
            if ticker in fails:
                desk.failed(*call.wants, retry_in=fails[ticker])
            else:
                desk.asked(*call.wants)
        if not made.calls:
            assert made.wake_at is not None
            desk.now = made.wake_at
    for ticker in set(tickers) - set(fails):
        assert len(asked[ticker]) >= 4
        waits = [later - earlier for earlier, later in pairwise(asked[ticker])]
        assert max(waits) <= round_takes * 1.01 + MINUTE
