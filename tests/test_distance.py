"""All that the limits allow, and nothing that is refused, from an upstream that is far away.

Time is virtual: a call arrives at upstream after a part of its latency, where upstream's own
limiter counts it, and is answered after the whole. Budget, planner, poller and store are the real
ones. More is always due than the limits allow.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from stocktracker.board import Board
from stocktracker.cache import DiskStore
from stocktracker.config import Watch
from stocktracker.errors import NoAccess, RateLimited
from stocktracker.markets import calendar
from stocktracker.model import (
    LISTING_WANT,
    Attempt,
    Bars,
    Call,
    Feed,
    Outcome,
    Quote,
    Record,
    Ticker,
    Want,
)
from stocktracker.plans import DAY, MINUTE, PLANS, SECOND, Capability, Liveness, Plan
from stocktracker.polling.budget import Budget
from stocktracker.polling.knowledge import Knowledge
from stocktracker.polling.pace import most_side_by_side
from stocktracker.polling.poller import Poller
from stocktracker.polling.roster import Roster
from stocktracker.polling.wants import Standing, Wants
from stocktracker.simulator.limits import Limiter, upstream_limits, window_of
from tests.helpers import FakeClock, daily, quote, utc

MONDAY = "2026-11-23T15:00:00"
LIVE = [name for name, plan in PLANS.items() if plan.liveness is not Liveness.END_OF_DAY]


class Travelling(Executor):
    """Runs what is submitted when it has arrived, and answers when that has come back."""

    def __init__(self, clock: FakeClock, latency: Callable[[], timedelta]) -> None:
        self._clock = clock
        self._latency = latency
        self._serial = count()
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self.most = 0  # how many were on their way at once
        self._away = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        sent, latency = self._clock.now(), self._latency()
        self._away += 1
        self.most = max(self.most, self._away)

        def arrive() -> None:
            try:
                result = fn(*args, **kwargs)
            except Exception as fault:  # noqa: BLE001 as an executor does
                self._at(sent + latency, lambda fault=fault: self._end(future, fault=fault))
            else:
                self._at(sent + latency, lambda: self._end(future, result))

        self._at(sent + latency / 2, arrive)
        return future

    def _end(self, future: Future[Any], result: Any = None, fault: Exception | None = None) -> None:
        self._away -= 1
        if fault is None:
            future.set_result(result)
        else:
            future.set_exception(fault)

    def _at(self, instant: datetime, what: Callable[[], None]) -> None:
        heappush(self._events, (instant, next(self._serial), what))

    def pass_time(self, until: datetime) -> None:
        """Until then, or until something is answered."""
        away = self._away
        while self._events and self._events[0][0] <= until and self._away == away:
            instant, _, happens = heappop(self._events)
            self._clock.tick_to(instant)
            happens()
        if self._away == away:
            self._clock.tick_to(until)


@dataclass
class Upstream:
    """Counts what arrives as Alpha Vantage does, and answers what is within the limits."""

    clock: FakeClock
    plan: Plan
    bulk: bool = False
    liveness: Liveness = Liveness.REALTIME
    arrived: list[tuple[datetime, Call]] = field(default_factory=list)
    refused: int = 0

    def __post_init__(self) -> None:
        self._limiter = Limiter(upstream_limits(self.plan), self.clock)

    def fetch(self, call: Call) -> list[Quote] | Bars:
        now = self.clock.now()
        self.arrived.append((now, call))
        broken = self._limiter.refuse()
        if broken is not None:
            self.refused += 1
            raise RateLimited(window=window_of(broken))
        if call.bulk and not self.bulk:
            raise NoAccess
        if call.feed is Feed.QUOTE:
            return [quote(ticker, 100.0, fetched_at=now) for ticker in call.tickers]
        session = calendar().last_closed(now - timedelta(hours=2))
        (ticker,) = call.tickers
        return daily(ticker, {"2026-11-02": 100.0, f"{session.day}": 101.0}, fetched_at=now)


@dataclass
class Far:
    clock: FakeClock
    upstream: Upstream
    travelling: Travelling
    wants: Wants
    board: Board
    store: DiskStore
    poller: Poller

    def live(self, length: timedelta, *tickers: str) -> None:
        """Time passes; an open page looks at these."""
        end = self.clock.now() + length
        renew = self.clock.now()
        while self.clock.now() < end:
            if self.clock.now() >= renew:
                self.wants.renew("viewer", [Want(Feed.QUOTE, Ticker(each)) for each in tickers])
                renew += 30 * SECOND
            again = self.poller.step()
            self.travelling.pass_time(min(again or end, end, renew if tickers else end))

    def clock_seconds(self) -> float:
        return (self.clock.now() - utc(MONDAY)).total_seconds()

    def answers(self) -> dict[str, list[datetime]]:
        """When upstream was asked about each ticker."""
        seen: dict[str, list[datetime]] = {}
        for at, call in self.upstream.arrived:
            for ticker in call.tickers:
                seen.setdefault(ticker, []).append(at)
        return seen

    def longest_wait(self) -> timedelta:
        """The longest time between two answers about the same ticker."""
        return max(
            later - earlier for each in self.answers().values() for earlier, later in pairwise(each)
        )


@contextmanager
def far_away(
    name: str, latency: Callable[[], timedelta], watched: Sequence[str] = (), *, bulk: bool = False
) -> Iterator[Far]:
    """The operator watches these. Where bulk quotes are not given, that is known from the start."""
    clock, plan = FakeClock(MONDAY), PLANS[name]
    upstream, travelling = Upstream(clock, plan, bulk), Travelling(clock, latency)
    board, wants = Board(), Wants(clock)
    knowledge = Knowledge(plan, plan.liveness, refresh=20 * SECOND, always=True)
    if not bulk:
        knowledge.refuse(Capability.BULK_QUOTES, clock.now())
    board.publish([Record(Feed.LISTING, LISTING_WANT.ticker, None, LISTED)])
    standing = Standing(Watch(tuple(map(Ticker, watched))), clock)
    # In memory where there is such a place: thousands of calls are written down, each on its own.
    with (
        TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder,
        closing(DiskStore(Path(folder) / "store")) as store,
    ):
        poller = Poller(
            upstream,
            Budget(store, plan.limits, clock),
            store,
            board,
            roster=Roster(wants, store, clock, "far away", standing),
            knowledge=knowledge,
            clock=clock,
            executor=travelling,
            side_by_side=most_side_by_side(plan.limits),
        )
        yield Far(clock, upstream, travelling, wants, board, store, poller)


MEMORY = Path("/dev/shm")  # noqa: S108
# The listing is another test's business: it was got long after these.
LISTED = Attempt(utc("2027-11-23T15:00:00"), Outcome.SAME)


def steady(milliseconds: int) -> Callable[[], timedelta]:
    """About as long each time: within a tenth."""
    dice = random.Random(milliseconds)
    return lambda: timedelta(milliseconds=milliseconds * dice.uniform(0.9, 1.1))


def mixed() -> Callable[[], timedelta]:
    dice = random.Random(7)
    return lambda: timedelta(milliseconds=dice.uniform(50, 500))


LATENCIES: dict[str, Callable[[], Callable[[], timedelta]]] = {
    "50 ms": lambda: steady(50),
    "200 ms": lambda: steady(200),
    "500 ms": lambda: steady(500),
    "mixed": mixed,
}


@pytest.mark.parametrize("latency", list(LATENCIES))
@pytest.mark.parametrize("name", LIVE)
def test_all_calls_are_used_none_is_refused_and_no_quote_is_older_than_need_be(
    name: str, latency: str
) -> None:
    """A round takes half a minute, though each ticker is due after twenty seconds."""
    minute, second = PLANS[name].limits[1].count, PLANS[name].limits[0].count
    watched = [f"T{number}" for number in range(minute // 2)]
    best = len(watched) * MINUTE / minute
    with far_away(name, LATENCIES[latency](), watched) as far:
        far.live(75 * SECOND)
        assert far.upstream.refused == 0
        assert len(far.upstream.arrived) >= 0.99 * minute * 1.25 - 1
        assert far.longest_wait() <= 1.05 * best
        # As many on their way as rate × latency needs, and half more for chance.
        assert far.travelling.most <= 1.5 * second * 0.55 + 3


@pytest.mark.parametrize("slow", [3, 9, 12])
@pytest.mark.parametrize("name", ["premium-75", "premium-600", "premium-1200"])
def test_first_calls_that_set_out_late_on_a_busy_machine_are_not_overtaken_by_too_many(
    name: str, slow: int
) -> None:
    """They arrive together with the next ones, unless those are held back for a while."""
    sent = count()

    def latency() -> timedelta:
        return 1.2 * SECOND if next(sent) < slow else SECOND / 10

    with far_away(name, latency) as far:
        far.live(12 * SECOND, *(f"T{number}" for number in range(60)))
        assert far.upstream.refused == 0
        assert len(far.answers()) >= min(60, PLANS[name].limits[0].count * 5)


@pytest.mark.parametrize("seconds", [0.4, 1.2, 3.0, 9.0])
@pytest.mark.parametrize("slow", [1, 3, 20])
@pytest.mark.parametrize("name", ["premium-75", "premium-600", "premium-1200"])
def test_calls_that_are_slower_than_any_before_are_not_overtaken_by_too_many(
    name: str, slow: int, seconds: float
) -> None:
    """Nobody could have measured it: they are on their way, and may arrive at any moment."""
    burst, sent = PLANS[name].limits[0].count, count()

    def latency() -> timedelta:
        is_slow = 2 * burst <= next(sent) < 2 * burst + slow
        return seconds * SECOND if is_slow else SECOND / 100

    with far_away(name, latency) as far:
        far.live(60 * SECOND, *(f"T{number}" for number in range(6 * burst)))
        assert far.upstream.refused == 0
        assert len(far.answers()) == 6 * burst


def test_a_newcomers_first_quote_does_not_wait_for_the_round() -> None:
    watched = [f"T{number}" for number in range(60)]
    with far_away("premium-75", LATENCIES["200 ms"](), watched) as far:
        far.live(70 * SECOND)
        came = far.clock.now()
        far.live(10 * SECOND, "NEW", "ALSO")
        first = far.answers()
        assert first["ALSO"][0] - came < 2 * SECOND
        assert first["NEW"][0] - came < 2 * SECOND
        assert far.upstream.refused == 0


def test_what_a_viewer_looks_at_goes_before_what_only_the_operator_watches() -> None:
    """All calls of the minute serve a tenth of what is watched; viewers wait for a slot each."""
    watched = [f"T{number}" for number in range(750)]
    with far_away("premium-75", LATENCIES["mixed"](), watched) as far:
        far.live(90 * SECOND, "T700", "T701", "NEW")
        answers = far.answers()
        for ticker in ("T700", "T701", "NEW"):
            waits = [later - earlier for earlier, later in pairwise(answers[ticker])]
            assert max(waits) <= (20 + 0.5 + 3 * 61 / 75) * SECOND
        assert len(far.upstream.arrived) >= 0.99 * 75 * 1.5 - 1


def test_viewers_first_quotes_go_at_once_while_there_are_calls_for_all() -> None:
    """Forty are more than can be kept up to date; five a second may go all the same."""
    tickers = [f"T{number}" for number in range(40)]
    with far_away("premium-75", LATENCIES["50 ms"]()) as far:
        far.live(11 * SECOND, *tickers)
        assert set(far.answers()) == set(tickers)
        far.live(100 * SECOND, *tickers)
        assert far.upstream.refused == 0


def test_a_bulk_round_over_thousands_is_no_older_than_need_be() -> None:
    """On 150 a minute 6,000 tickers are sixty calls, and these take 24 s."""
    watched = [f"T{number}" for number in range(6000)]
    with far_away("premium-150", LATENCIES["mixed"](), watched, bulk=True) as far:
        far.live(75 * SECOND)
        assert far.upstream.refused == 0
        assert far.longest_wait() <= 1.05 * 24 * SECOND
        assert {len(call.tickers) for _, call in far.upstream.arrived} == {100}


def test_a_kill_at_any_time_loses_at_most_the_quotes_of_one_cycle_and_no_call() -> None:
    """What is on disk, while nobody has stopped the poller: little more than a save a cycle."""
    watched = [f"T{number}" for number in range(20)]
    with far_away("premium-75", LATENCIES["mixed"](), watched) as far:
        for _ in range(20):
            far.live(timedelta(seconds=4.7))
            stored = {each.ticker: each.data for each in far.store.load_all(Feed.QUOTE)}
            for ticker, shown in far.board.read().quotes.items():
                kept = stored.get(ticker)
                first = len(far.answers()[ticker]) == 1
                assert first or isinstance(kept, Quote)
                if isinstance(kept, Quote):
                    assert shown.fetched_at - kept.fetched_at <= 21 * SECOND
            assert far.store.revision() <= far.clock_seconds() / 20 + 2
            budget = far.store.load_document("budget")
            assert budget is not None
            minute_ago = far.clock.now() - MINUTE
            recent = [at for at, _ in far.upstream.arrived if at > minute_ago]
            assert len(budget["taken"]) >= len(recent)


def test_all_calls_of_a_day_are_used_on_the_free_plan() -> None:
    """More closes are waited for than there are calls in two days."""
    watched = [f"T{number}" for number in range(60)]
    with far_away("free", LATENCIES["mixed"](), watched) as far:
        far.live(2 * DAY)
        assert far.upstream.refused == 0
        assert len(far.upstream.arrived) >= 0.99 * 50
        assert set(far.answers()) <= set(watched)
