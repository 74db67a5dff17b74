"""What the poller asks for, in which order, and what becomes of the replies.

Everything but upstream is real here: the budget, the store on disk, the planner, the board.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from stocktracker.board import Board
from stocktracker.cache import DiskStore
from stocktracker.errors import (
    EmptyReply,
    KeyRejected,
    NoAccess,
    RateLimited,
    UnknownTicker,
    Unreachable,
    UnreadableReply,
    Window,
)
from stocktracker.model import LISTING_WANT, Attempt, Feed, Outcome, Record, Ticker, Want
from stocktracker.plans import PLANS, parse_limits
from stocktracker.polling.budget import Budget
from stocktracker.polling.knowledge import LAST_PROBE, Knowledge
from stocktracker.polling.poller import Poller
from stocktracker.polling.roster import Roster
from stocktracker.polling.wants import Wants
from tests.helpers import AtOnce, FakeClock, FakeUpstream, quote


@dataclass
class Bench:
    """A poller with its parts at hand, and verbs."""

    clock: FakeClock
    store: DiskStore
    upstream: FakeUpstream
    board: Board
    budget: Budget
    wants: Wants
    knowledge: Knowledge
    poller: Poller

    def watch(self, *tickers: str, viewer: str = "one") -> None:
        self.wants.renew(viewer, [Want(Feed.QUOTE, Ticker(ticker)) for ticker in tickers])

    def run(self, length: timedelta, *, keep_watching: bool = True) -> None:
        """Step whenever the poller would wake; leases are renewed as an open page does."""
        end = self.clock.now() + length
        held = self.wants.union()
        while self.clock.now() < end:
            if keep_watching:
                self.wants.renew("one", held)
            again = self.poller.step()
            self.clock.tick_to(min(again or end, self.clock.now() + timedelta(seconds=30), end))


def make_bench(
    store: DiskStore,
    clock: FakeClock,
    *,
    plan: str = "premium-75",
    limits: str | None = None,
    who: str = "this process",
) -> Bench:
    chosen = PLANS[plan]
    upstream = FakeUpstream(clock)
    board, wants = Board(), Wants(clock)
    budget = Budget(store, parse_limits(limits) if limits else chosen.limits, clock)
    knowledge = Knowledge(chosen, chosen.liveness, refresh=timedelta(seconds=20), always=True)
    poller = Poller(
        upstream,
        budget,
        store,
        board,
        roster=Roster(wants, store, clock, who),
        knowledge=knowledge,
        clock=clock,
        executor=AtOnce(),
        side_by_side=16,
    )
    # The listing is another test's business: it was got just now.
    board.publish([Record(*_pair(LISTING_WANT), None, Attempt(clock.now(), Outcome.SAME))])
    return Bench(clock, store, upstream, board, budget, wants, knowledge, poller)


def _pair(want: Want) -> tuple[Feed, Ticker]:
    return want.feed, want.ticker


@pytest.fixture
def bench(store: DiskStore, clock: FakeClock) -> Bench:
    return make_bench(store, clock)


def nobody_watches(bench: Bench) -> None:
    pass


def everything_is_fresh(bench: Bench) -> None:
    bench.watch("IBM")
    bench.poller.step()
    bench.upstream.calls.clear()


def the_lease_has_lapsed(bench: Bench) -> None:
    bench.watch("IBM")
    bench.clock.tick(91)


def the_viewer_has_gone(bench: Bench) -> None:
    bench.watch("IBM")
    bench.wants.release("one")


def the_budget_is_spent(bench: Bench) -> None:
    bench.watch("IBM")
    for _ in range(75):
        bench.budget.spend()
        bench.clock.tick(0.3)


def upstream_has_refused_for_the_day(bench: Bench) -> None:
    bench.watch("IBM")
    bench.budget.close(Window.DAY)


def the_key_is_rejected(bench: Bench) -> None:
    bench.watch("IBM", "AAPL")
    bench.upstream.faults["AAPL"] = KeyRejected("AAPL")
    bench.poller.step()
    bench.upstream.calls.clear()
    bench.clock.tick(60)


@pytest.mark.parametrize(
    "why",
    [
        nobody_watches,
        everything_is_fresh,
        the_lease_has_lapsed,
        the_viewer_has_gone,
        the_budget_is_spent,
        upstream_has_refused_for_the_day,
        the_key_is_rejected,
    ],
)
def test_no_call_is_made_when(why: Callable[[Bench], None], bench: Bench) -> None:
    why(bench)
    bench.poller.step()
    assert bench.upstream.calls == []


def test_many_viewers_of_a_ticker_share_one_call(bench: Bench) -> None:
    for viewer in range(100):
        bench.watch("IBM", "AAPL", viewer=f"viewer {viewer}")
    bench.poller.step()
    assert sorted(bench.upstream.asked(Feed.QUOTE)) == ["AAPL", "IBM"]


def test_a_watched_ticker_is_refreshed_every_twenty_seconds(bench: Bench) -> None:
    bench.watch("IBM")
    bench.run(timedelta(minutes=5))
    asked = [at for at, _ in bench.upstream.calls]
    gaps = {later - earlier for earlier, later in itertools.pairwise(asked)}
    assert gaps == {timedelta(seconds=20)}
    assert len(asked) == 15


def test_five_calls_a_minute_are_used_and_shared_by_five_tickers(
    store: DiskStore, clock: FakeClock
) -> None:
    bench = make_bench(store, clock, limits="5/minute")
    bench.watch("A", "B", "C", "D", "E")
    bench.run(timedelta(minutes=60))
    asked = bench.upstream.asked(Feed.QUOTE)
    assert 5 * 60 * 0.99 <= len(asked) <= 5 * 60
    assert {asked.count(ticker) for ticker in "ABCDE"} <= {len(asked) // 5, len(asked) // 5 + 1}


def test_with_more_tickers_than_calls_each_waits_its_turn_and_no_longer(
    store: DiskStore, clock: FakeClock
) -> None:
    bench = make_bench(store, clock, limits="5/minute")
    tickers = [f"T{number}" for number in range(20)]
    bench.watch(*tickers)
    bench.run(timedelta(minutes=60))
    best = timedelta(minutes=4)
    for ticker in tickers:
        asked = [at for at, call in bench.upstream.calls if ticker in call.tickers]
        waits = [later - earlier for earlier, later in itertools.pairwise(asked)]
        assert max(waits) <= best * 1.05


def test_a_new_tickers_first_quote_comes_before_every_refresh(
    store: DiskStore, clock: FakeClock
) -> None:
    bench = make_bench(store, clock, limits="5/minute")
    bench.watch("A", "B", "C", "D", "E", "F", "G")
    bench.run(timedelta(seconds=90))
    bench.watch("A", "B", "C", "D", "E", "F", "G", "NEW")
    bench.upstream.calls.clear()
    bench.run(timedelta(seconds=60))
    assert bench.upstream.asked(Feed.QUOTE)[0] == "NEW"


def test_what_is_fetched_is_on_the_board_and_in_the_store(bench: Bench) -> None:
    bench.upstream.prices["IBM"] = 219.3
    bench.watch("IBM")
    bench.poller.step()
    shown = bench.board.read_quote(Ticker("IBM"))
    stored = bench.store.load(Feed.QUOTE, Ticker("IBM"))
    assert shown is not None
    assert shown.price == 219.3
    assert stored is not None
    assert stored.data == shown


def test_after_a_restart_the_stored_quote_is_shown_and_not_asked_for_again(
    bench: Bench, clock: FakeClock
) -> None:
    bench.watch("IBM")
    bench.poller.step()
    bench.store.close()
    clock.tick(5)
    again = make_bench(DiskStore(Path(bench.store.folder)), clock)
    again.watch("IBM")
    again.poller.step()
    assert again.board.read_quote(Ticker("IBM")) == bench.board.read_quote(Ticker("IBM"))
    assert again.upstream.calls == []
    again.store.close()


@pytest.mark.parametrize(
    "fault",
    [
        Unreachable("IBM"),
        UnknownTicker("IBM"),
        EmptyReply("IBM"),
        UnreadableReply("IBM"),
        RateLimited("IBM", window=Window.MINUTE),
    ],
)
def test_a_failure_leaves_the_last_quote_and_says_what_failed(
    fault: Exception, bench: Bench
) -> None:
    bench.watch("IBM")
    bench.poller.step()
    before = bench.store.load(Feed.QUOTE, Ticker("IBM"))
    bench.upstream.faults["IBM"] = fault
    bench.clock.tick(20)
    bench.poller.step()
    after = bench.store.load(Feed.QUOTE, Ticker("IBM"))
    assert before is not None
    assert after is not None
    assert after.data == before.data
    assert after.attempt is not None
    assert after.attempt.words == str(fault)
    assert bench.board.read_quote(Ticker("IBM")) == before.data


def test_a_failing_ticker_backs_off_alone(bench: Bench) -> None:
    bench.watch("BAD", "GOOD")
    bench.upstream.faults["BAD"] = UnreadableReply("BAD")
    bench.run(timedelta(minutes=30))
    asked = bench.upstream.asked(Feed.QUOTE)
    assert asked.count("GOOD") == 90
    assert asked.count("BAD") <= 7


def test_an_unknown_ticker_costs_one_call_a_day(bench: Bench) -> None:
    bench.watch("NOSUCH")
    bench.upstream.faults["NOSUCH"] = UnknownTicker("NOSUCH")
    bench.run(timedelta(hours=30))
    assert len(bench.upstream.asked(Feed.QUOTE)) == 2


def test_a_refusal_stops_everybody_until_it_may_have_passed(bench: Bench) -> None:
    bench.watch("A", "B", "C")
    bench.upstream.faults["A"] = RateLimited("A", window=Window.MINUTE)
    bench.poller.step()
    asked = len(bench.upstream.calls)
    bench.upstream.faults.clear()
    bench.clock.tick(60)
    bench.poller.step()
    assert len(bench.upstream.calls) == asked
    bench.clock.tick(2)
    bench.poller.step()
    assert len(bench.upstream.calls) > asked


def test_bulk_quotes_are_used_where_the_plan_has_them(store: DiskStore, clock: FakeClock) -> None:
    bench = make_bench(store, clock, plan="premium-150")
    bench.watch("A", "B", "C", "TSCO.LON")
    bench.poller.step()
    sizes = sorted(len(call.tickers) for _, call in bench.upstream.calls)
    assert sizes == [1, 3]


def test_where_bulk_is_refused_single_quotes_take_its_place_and_that_is_remembered(
    store: DiskStore, clock: FakeClock
) -> None:
    bench = make_bench(store, clock, plan="premium-150")
    bench.watch("A", "B")
    bench.upstream.faults["A"] = NoAccess()
    bench.poller.step()
    bench.upstream.faults.clear()
    bench.poller.step()
    assert [call.tickers for _, call in bench.upstream.calls] == [("A", "B"), ("A",), ("B",)]
    again = make_bench(store, clock, plan="premium-150")
    again.watch("C", "D")
    again.poller.step()
    assert [call.tickers for _, call in again.upstream.calls] == [("C",), ("D",)]


def test_when_upstream_is_down_one_call_at_a_time_looks_and_all_recover_together(
    bench: Bench,
) -> None:
    tickers = [f"T{number}" for number in range(10)]
    bench.watch(*tickers)
    bench.upstream.faults = {ticker: Unreachable(ticker, sent=False) for ticker in tickers}
    bench.run(timedelta(hours=2))
    assert len(bench.upstream.calls) < 60
    bench.upstream.faults.clear()
    bench.upstream.calls.clear()
    bench.run(timedelta(minutes=6))
    assert set(bench.upstream.asked(Feed.QUOTE)) == set(tickers)


def test_a_day_without_upstream_is_two_lines_in_the_log_and_no_price_is_lost(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    tickers = [f"T{number}" for number in range(10)]
    bench.watch(*tickers)
    bench.run(timedelta(minutes=1))
    shown = dict(bench.board.read().quotes)
    assert len(shown) == len(tickers)
    bench.upstream.faults = {ticker: Unreachable(ticker) for ticker in tickers}
    bench.upstream.calls.clear()
    caplog.clear()
    caplog.set_level("INFO", logger="stocktracker")
    bench.run(timedelta(hours=24))
    assert dict(bench.board.read().quotes) == shown
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    instants = [at for at, _ in bench.upstream.calls]
    assert max(b - a for a, b in itertools.pairwise(instants)) <= timedelta(minutes=60)
    bench.upstream.faults.clear()
    back_at = bench.clock.now()
    # The listing, which is due by now, is another test's business.
    bench.board.publish([Record(*_pair(LISTING_WANT), None, Attempt(back_at, Outcome.SAME))])
    bench.run(LAST_PROBE + timedelta(seconds=20))
    assert len(caplog.records) == 2
    assert "answers again" in caplog.records[1].message
    again = bench.board.read().quotes.values()
    assert all(quote.fetched_at >= back_at for quote in again)


def test_calls_that_never_left_this_machine_are_not_counted(bench: Bench) -> None:
    bench.watch("IBM")
    bench.upstream.faults["IBM"] = Unreachable("IBM", why="refused", sent=False)
    bench.poller.step()
    assert bench.budget.load_ledger().taken == ()


def test_an_older_quote_never_replaces_a_newer_one(bench: Bench) -> None:
    bench.watch("IBM")
    bench.poller.step()
    newer = bench.board.read_quote(Ticker("IBM"))
    assert newer is not None
    yesterday = newer.as_of - timedelta(days=1)
    stale = quote("IBM", 50.0, fetched_at=yesterday)
    bench.upstream.fetch = lambda _call: [stale]  # type: ignore[method-assign]
    bench.clock.tick(20)
    bench.poller.step()
    assert bench.board.read_quote(Ticker("IBM")) == newer


def test_a_fault_of_our_own_is_not_asked_for_again_at_once(bench: Bench) -> None:
    def broken(call: object) -> None:
        raise ZeroDivisionError

    bench.upstream.fetch = broken  # type: ignore[method-assign, assignment]
    bench.watch("IBM")
    bench.poller.step()
    attempt = bench.board.read().attempts[Want(Feed.QUOTE, Ticker("IBM"))]
    assert attempt.outcome is Outcome.FAILED
    assert attempt.retry_at is not None
    assert attempt.retry_at > bench.clock.now() + timedelta(seconds=20)


def test_only_one_process_polls_a_store_and_the_other_takes_over(
    bench: Bench, clock: FakeClock
) -> None:
    bench.watch("IBM")
    bench.poller.step()
    other_store = DiskStore(bench.store.folder)
    other = make_bench(other_store, clock, who="another process")
    other.watch("AAPL")
    other.poller.step()
    assert other.upstream.calls == []
    clock.tick(2)
    other.poller.step()
    bench.poller.step()
    assert "AAPL" in bench.upstream.asked(Feed.QUOTE)
    clock.tick(1)
    other.poller.step()
    assert other.board.read_quote(Ticker("AAPL")) == bench.board.read_quote(Ticker("AAPL"))
    bench.store.close()
    clock.tick(30)
    other.poller.step()
    assert other.upstream.asked(Feed.QUOTE) != []
    other_store.close()
