"""A household: one key, one poller, viewers, and a simulator of Alpha Vantage over HTTP.

Everything is real but the time, which jumps from one thing to do to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from stocktracker.board import Board
from stocktracker.cache import DiskStore
from stocktracker.config import Hours
from stocktracker.fetcher import Fetcher
from stocktracker.markets import calendar
from stocktracker.model import Feed, Ticker, Want
from stocktracker.plans import PLANS, Limit, parse_limits
from stocktracker.polling.budget import Budget
from stocktracker.polling.knowledge import Knowledge
from stocktracker.polling.poller import Poller
from stocktracker.polling.roster import Roster
from stocktracker.polling.shares import Rules, Shares
from stocktracker.polling.wants import Wants, mark_of
from stocktracker.simulator import ReceivedCall, Simulator, serve
from tests.helpers import AtOnce, FakeClock

AN_HOUR = timedelta(hours=1)


@dataclass
class Household:
    """What a test looks at, with verbs."""

    clock: FakeClock
    simulator: Simulator
    store: DiskStore
    board: Board
    budget: Budget
    wants: Wants
    knowledge: Knowledge
    poller: Poller
    late: list[str] = field(default_factory=list)

    def watch(
        self,
        *tickers: Ticker,
        viewer: str = "viewer",
        feeds: tuple[Feed, ...] = (Feed.QUOTE,),
        address: str | None = None,
    ) -> None:
        wants = [Want(feed, ticker) for ticker in tickers for feed in feeds]
        self.wants.renew(viewer, wants, mark_of(address))

    def step(self) -> datetime | None:
        """Step until nothing is left to do at this instant."""
        again = self.poller.step()
        while again is not None and again <= self.clock.now():
            again = self.poller.step()
        return again

    def live_until(
        self,
        end: datetime,
        tickers: list[Ticker],
        feeds: tuple[Feed, ...] = (Feed.QUOTE, Feed.DAILY),
    ) -> None:
        """Keep a page open. At each open note whose close is missing."""
        opens = calendar().next_session(self.clock.now()).open
        while self.clock.now() < end:
            self.watch(*tickers, feeds=feeds)
            again = self.poller.step()
            # An open page renews its lease every minute; on a jumping clock, whenever we look.
            self.clock.tick_to(min(again or end, opens, end, self.clock.now() + AN_HOUR))
            if self.clock.now() >= opens:
                self._look_at(opens, tickers)
                opens = calendar().next_session(self.clock.now()).open

    def _look_at(self, opens: datetime, tickers: list[Ticker]) -> None:
        expected = calendar().last_closed(opens).day
        for ticker in tickers:
            shown = self.board.read_quote(ticker)
            if shown is None or shown.trading_day < expected:
                self.late.append(f"{ticker} at the open of {opens:%a %d %b}")

    @property
    def asked(self) -> tuple[ReceivedCall, ...]:
        return tuple(self.simulator.calls)


@contextmanager
def household(
    folder: Path,
    start: str,
    *,
    plan: str = "free",
    limits: str | None = None,
    hours: Hours = Hours.EXCHANGE,
    published: timedelta = timedelta(hours=2),
    guard: Rules | None = None,
) -> Iterator[Household]:
    """Open one; `limits` are both upstream's and ours. Without `guard` everybody is trusted."""
    clock, chosen = FakeClock(start), PLANS[plan]
    own = None if limits is None else parse_limits(limits)
    simulator = Simulator(chosen, own, clock, hours=hours, publication=published)
    with (
        serve(simulator) as server,
        moved_in(
            folder, clock, simulator, server.url, limits=own, hours=hours, guard=guard
        ) as house,
    ):
        yield house


@contextmanager
def moved_in(
    folder: Path,
    clock: FakeClock,
    simulator: Simulator,
    url: str,
    *,
    limits: tuple[Limit, ...] | None = None,
    hours: Hours = Hours.EXCHANGE,
    guard: Rules | None = None,
) -> Iterator[Household]:
    """All of one process, before a simulator that was there before it and will be after it."""
    chosen = simulator.plan
    store = DiskStore(folder)
    board, wants = Board(), Wants(clock)
    budget = Budget(store, limits or chosen.limits, clock)
    knowledge = Knowledge(
        chosen,
        chosen.liveness,
        refresh=timedelta(seconds=20),
        always=hours is Hours.ALWAYS,
    )
    fetcher = Fetcher(
        upstream=url,
        key="HOUSEKEY",
        clock=clock,
        liveness=chosen.liveness,
        source="test",
        deadline=timedelta(seconds=1),
    )
    poller = Poller(
        fetcher,
        budget,
        store,
        board,
        roster=Roster(wants, store, clock, "house"),
        knowledge=knowledge,
        clock=clock,
        executor=AtOnce(),
        side_by_side=16,
        guard=Shares(guard),
    )
    try:
        yield Household(clock, simulator, store, board, budget, wants, knowledge, poller)
    finally:
        fetcher.close()
        store.close()
