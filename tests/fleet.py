"""Servers of a fleet: stores, pollers and whole runtimes on a Redis of the tests'."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from stocktracker.board import Board
from stocktracker.clock import SystemClock
from stocktracker.config import Hours, Settings, load_settings
from stocktracker.fleet.connection import Link
from stocktracker.fleet.fleet_budget import FleetBudget
from stocktracker.fleet.fleet_clock import FleetClock
from stocktracker.fleet.keys import Keys
from stocktracker.fleet.redis_store import RedisStore
from stocktracker.fleet.url import parse_url
from stocktracker.model import LISTING_WANT, Attempt, Feed, Outcome, Record, Ticker, Want
from stocktracker.plans import PLANS, SECOND
from stocktracker.polling.knowledge import Knowledge
from stocktracker.polling.poller import Poller
from stocktracker.polling.roster import Roster
from stocktracker.polling.wants import Wants
from stocktracker.runtime import Runtime, open_runtime, source_folder
from stocktracker.simulator import Server, Simulator, serve
from tests.helpers import AtOnce, FakeUpstream
from tests.redis_server import RedisServer
from tests.server import ROOT, until

REFRESH = 2 * SECOND


def redis_store(server: RedisServer | str, source: str = "test") -> RedisStore:
    """One more process on that server. It tells the time by the machine, as Redis does."""
    url = server if isinstance(server, str) else server.url
    clock = SystemClock()
    return RedisStore(Link(parse_url(url), clock), source, clock, FleetClock(clock))


def begin_ledger(server: RedisServer, source: str = "test") -> None:
    """As if calls had been made long ago, so that there is nothing to be quiet for."""
    budget = Keys(source).budget
    server.client.hset(budget, mapping={"version": 1, "generation": 1, "quiet_until": 0})


@dataclass
class Member:
    """A process of the fleet without its thread: `poller.step()` is up to the test."""

    store: RedisStore
    board: Board
    budget: FleetBudget
    wants: Wants
    knowledge: Knowledge
    upstream: FakeUpstream
    poller: Poller

    def watch(self, *tickers: str) -> None:
        self.wants.renew("one", [Want(Feed.QUOTE, Ticker(ticker)) for ticker in tickers])

    def price(self, ticker: str) -> float | None:
        quote = self.board.read_quote(Ticker(ticker))
        return quote.price if quote else None

    @property
    def leads(self) -> bool:
        return self.board.read().poll.leads


def member(server: RedisServer, who: str, plan: str = "premium-150") -> Member:
    clock, chosen = SystemClock(), PLANS[plan]
    store = redis_store(server)
    board, wants = Board(), Wants(clock)
    budget = FleetBudget(store, chosen.limits, clock)
    upstream = FakeUpstream(clock)  # type: ignore[arg-type]  # of a clock it needs no more
    knowledge = Knowledge(chosen, chosen.liveness, refresh=SECOND, always=True)
    poller = Poller(
        upstream,
        budget,
        store,
        board,
        roster=Roster(wants, store, clock, who, common=store.fleet),
        knowledge=knowledge,
        clock=clock,
        executor=AtOnce(),
        side_by_side=16,
        who=who,
    )
    attempt = Attempt(clock.now(), Outcome.SAME)  # the listing is another test's business
    board.publish([Record(LISTING_WANT.feed, LISTING_WANT.ticker, None, attempt)])
    return Member(store, board, budget, wants, knowledge, upstream, poller)


@dataclass
class Fleet:
    """Servers before one upstream, and what they are told."""

    upstream: Server
    environment: Mapping[str, str]
    opened: ExitStack

    @property
    def settings(self) -> Settings:
        return load_settings(self.environment, Path("no secrets"))

    @property
    def source(self) -> str:
        return source_folder(self.settings)

    @property
    def keys(self) -> Keys:
        return Keys(self.source)

    def open(self) -> Runtime:
        """One more server, in this process, and faster than the settings allow."""
        runtime = open_runtime(replace(self.settings, refresh=REFRESH))
        self.opened.callback(runtime.close)
        return runtime

    def start(self, *tickers: str) -> Replica:
        """One more server, in a process of its own, whose viewer looks at these."""
        return self.opened.enter_context(replica(self.environment, tickers))

    def calls(self) -> int:
        return int(self.upstream.simulator.stats()["calls"])

    def refusals(self) -> int:
        return int(self.upstream.simulator.stats()["refusals"])


@contextmanager
def fleet(url: str, plan: str = "premium-1200", **settings: str) -> Iterator[Fleet]:
    with ExitStack() as opened:
        upstream = serve(Simulator(PLANS[plan], hours=Hours.ALWAYS))
        opened.callback(upstream.close)
        environment = {
            "ALPHAVANTAGE_API_KEY": "FLEETKEY",
            "STOCKTRACKER_PLAN": plan,
            "STOCKTRACKER_HOURS": "always",
            "STOCKTRACKER_REFRESH_SECONDS": "5",
            "STOCKTRACKER_UPSTREAM": upstream.url,
            "STOCKTRACKER_STORE": url,
            **settings,
        }
        yield Fleet(upstream, environment, opened)


REPLICA = """
import os, sys
from pathlib import Path
from stocktracker.config import load_settings
from stocktracker.model import Feed, Ticker, Want
from stocktracker.runtime import open_runtime
runtime = open_runtime(load_settings(os.environ, Path("no secrets")))
wants = [Want(Feed.QUOTE, Ticker(ticker)) for ticker in sys.argv[1:]]
runtime.watch("viewer", wants)
print("up", flush=True)
for _ in sys.stdin:
    runtime.watch("viewer", wants)
    print(int(runtime.read().poll.leads), flush=True)
"""


class Replica:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def leads(self) -> bool:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        return self.process.stdout.readline() == "1\n"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def replica(environment: Mapping[str, str], tickers: tuple[str, ...]) -> Iterator[Replica]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-c", REPLICA, *tickers],
        cwd=ROOT,
        env={**kept, **environment, "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            yield Replica(process)
        finally:
            process.kill()


def the_leader(*servers: Runtime, within: float = 10) -> Runtime:
    """Whichever polls; there has to be one within that time, and no second."""
    return until(
        lambda: next((each for each in servers if each.read().poll.leads), None),
        within=within,
        what="one leads",
    )
