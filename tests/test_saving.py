"""When what has come in gets to the disk: live quotes by the cycle, all that is scarce at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from stocktracker.board import Board
from stocktracker.cache import DiskStore
from stocktracker.model import Attempt, Data, Feed, Outcome, Quote, Record, Ticker, Want
from stocktracker.plans import PLANS, SECOND, Capability
from stocktracker.polling.knowledge import Knowledge
from stocktracker.polling.saving import AGAIN, Saving
from tests.helpers import FakeClock, daily, quote, utc
from tests.server import until

NOW = utc("2026-11-23T15:00")
REFRESH = 20 * SECOND


@dataclass
class Desk:
    clock: FakeClock
    store: DiskStore
    board: Board
    knowledge: Knowledge
    saving: Saving

    def take(self, *records: Record, counted: bool = False) -> None:
        self.saving.take({record.want: record for record in records}, counted=counted)

    def is_stored(self, ticker: str, feed: Feed = Feed.QUOTE) -> bool:
        return self.store.load(feed, Ticker(ticker)) is not None


@pytest.fixture
def desk(store: DiskStore, clock: FakeClock) -> Desk:
    return desk_on(store, clock)


def desk_on(store: DiskStore, clock: FakeClock) -> Desk:
    plan, board = PLANS["premium-1200"], Board()
    knowledge = Knowledge(plan, plan.liveness, refresh=REFRESH, always=True)
    return Desk(clock, store, board, knowledge, Saving(store, board, knowledge, clock))


def came(ticker: str, price: float = 1.0) -> Record:
    return of(Feed.QUOTE, ticker, quote(ticker, price, fetched_at=NOW))


def of(feed: Feed, ticker: str, data: Data | None) -> Record:
    return Record(feed, Ticker(ticker), data, Attempt(NOW, Outcome.NEW))


def failed(ticker: str) -> Record:
    attempt = Attempt(NOW, Outcome.FAILED, 1, NOW, "empty", "Nothing.")
    return Record(Feed.QUOTE, Ticker(ticker), None, attempt)


def test_live_quotes_wait_for_each_other_and_go_in_one_transaction(desk: Desk) -> None:
    for number in range(50):
        desk.take(came(f"T{number}"))
        desk.clock.tick(0.1)
    assert desk.store.revision() == 0
    assert desk.saving.left() == REFRESH - 5 * SECOND
    desk.saving.save()
    assert desk.store.revision() == 1
    assert len(desk.store.load_all(Feed.QUOTE)) == 50
    assert desk.saving.left() is None


def test_no_quote_waits_for_longer_than_the_interval(desk: Desk) -> None:
    desk.take(came("A"))
    desk.clock.tick(15)
    desk.take(came("B"))
    desk.clock.tick(6)
    assert desk.saving.left() == timedelta(0)


def daily_bars_come(desk: Desk) -> None:
    desk.take(of(Feed.DAILY, "IBM", daily("IBM", {"2026-11-20": 1.0}, fetched_at=NOW)))


def a_ticker_fails(desk: Desk) -> None:
    desk.take(failed("IBM"))


def a_call_is_one_of_the_days(desk: Desk) -> None:
    desk.take(came("IBM"), counted=True)


def upstream_teaches_something(desk: Desk) -> None:
    desk.knowledge.refuse(Capability.INTRADAY, NOW)
    desk.take(came("IBM"))


def quotes_are_of_the_end_of_day(desk: Desk) -> None:
    desk.knowledge.refuse(Capability.LIVE_QUOTES, desk.clock.now())
    desk.knowledge.saved()
    desk.take(came("IBM"))


@pytest.mark.parametrize(
    "happens",
    [
        daily_bars_come,
        a_ticker_fails,
        a_call_is_one_of_the_days,
        upstream_teaches_something,
        quotes_are_of_the_end_of_day,
    ],
)
def test_it_is_saved_at_once_when(happens: object, desk: Desk) -> None:
    assert callable(happens)
    desk.take(came("HELD"))
    happens(desk)
    assert desk.store.revision() == 1
    assert desk.is_stored("HELD")
    assert desk.saving.left() is None


def test_what_cannot_be_saved_is_kept_and_tried_again_soon(
    clock: FakeClock, tmp_path: Path
) -> None:
    with closing(DiskStore(tmp_path / "full", busy=timedelta(milliseconds=50))) as store:
        desk = desk_on(store, clock)
        with closing(DiskStore(tmp_path / "full")) as other, other.transaction():
            desk.take(failed("A"))
            assert desk.board.read().poll.store_fault is not None
            assert desk.saving.left() == AGAIN
        desk.saving.save()
        assert desk.board.read().poll.store_fault is None
        assert desk.is_stored("A")


# In the store


def test_a_quote_that_came_at_once_tells_by_itself_when_it_was_tried(store: DiskStore) -> None:
    store.save([failed("IBM")])
    store.save([came("IBM")])
    found = store.load(Feed.QUOTE, Ticker("IBM"))
    assert found is not None
    assert found.attempt == Attempt(NOW, Outcome.NEW)


def test_many_records_are_looked_up_at_once_and_those_that_are_not_there_are_left_out(
    store: DiskStore,
) -> None:
    tickers = [Ticker(f"T{number}") for number in range(20)]
    store.save([*map(came, tickers), of(Feed.DAILY, "T3", None), failed("BAD")])
    wants = [Want(feed, each) for each in [*tickers, "NONE"] for feed in (Feed.QUOTE, Feed.DAILY)]
    found = store.load_many(wants)
    assert [each.want for each in found] == [each for each in wants if found_one(store, each)]
    assert [each.data for each in found if isinstance(each.data, Quote)] == [
        quote(each, 1.0, fetched_at=NOW) for each in tickers
    ]


def found_one(store: DiskStore, want: Want) -> bool:
    return store.load(want.feed, want.ticker) is not None


# A kill

POLLER = """
import sys
from contextlib import ExitStack
from pathlib import Path
from stocktracker.config import load_settings
from stocktracker.plans import PLANS
from stocktracker.runtime import open_runtime
from stocktracker.simulator import Simulator, serve
from stocktracker.config import Hours
server = serve(Simulator(PLANS["premium-1200"], hours=Hours.ALWAYS))
settings = {
    "ALPHAVANTAGE_API_KEY": "ANY",
    "STOCKTRACKER_PLAN": "premium-1200",
    "STOCKTRACKER_HOURS": "always",
    "STOCKTRACKER_UPSTREAM": server.url,
    "STOCKTRACKER_STORE": sys.argv[1],
    "STOCKTRACKER_WATCH": "AAPL,MSFT,IBM",
    "STOCKTRACKER_LIMITS": "30/second,1200/minute",
}
runtime = open_runtime(load_settings(settings, Path("no secrets")))
print("up", flush=True)
for _ in sys.stdin:
    print(server.simulator.stats()["calls"], flush=True)
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", POLLER, str(tmp_path / "kept")],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_a_kill_loses_no_call_that_was_taken(
    process: subprocess.Popen[str], tmp_path: Path
) -> None:
    """What the operator watches is asked for with nobody there; what was sent is written down."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    asking, answers = process.stdin, process.stdout

    def sent() -> int:
        asking.write("?\n")
        asking.flush()
        return int(answers.readline())

    # The listing, and three quotes in one call.
    until(lambda: sent() >= 2, within=30)
    said = sent()
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    (folder,) = (tmp_path / "kept").iterdir()
    with closing(DiskStore(folder)) as store:
        budget = store.load_document("budget")
        assert budget is not None
        assert len(budget["taken"]) >= said


def test_a_store_that_has_grown_is_remarked_on_once_and_keeps_everything(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.store.warn_at = 1 << 20
    days = {f"{year}-{month:02}-01": 1.5 for year in range(1950, 2026) for month in range(1, 13)}
    tickers = [f"T{number}" for number in range(60)]
    for ticker in tickers:
        desk.take(of(Feed.DAILY, ticker, daily(ticker, days, fetched_at=NOW)))
        desk.saving.tend()
        desk.clock.tick(61)
    assert [each.getMessage() for each in caplog.records if "grown" in each.getMessage()] == [
        "The store has grown beyond 1 MB. Nothing is thrown away."
    ]
    assert desk.board.read().poll.store_remark is not None
    assert all(desk.is_stored(ticker, Feed.DAILY) for ticker in tickers)
