"""What happens to disks: full, read-only, deleted, replaced. Real mounts, the real server."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from stocktracker import readonly
from stocktracker.cache import DiskStore, open_store
from stocktracker.errors import RateLimited, StoreError, Window
from stocktracker.model import (
    Attempt,
    Bars,
    Call,
    Feed,
    Listing,
    Outcome,
    Quote,
    Record,
    Ticker,
)
from stocktracker.plans import parse_limits
from stocktracker.polling.budget import Budget
from tests.disks import Disk, mounted
from tests.helpers import FakeClock, FakeUpstream, quote, utc
from tests.server import App, Session, simulating, starting_apps, until
from tests.test_poller import Bench, make_bench

Start = Callable[..., App]
IBM = Ticker("IBM")
NOW = utc("2026-11-23T15:00")
DAY = timedelta(days=1)
REFRESH = {"STOCKTRACKER_REFRESH_SECONDS": "5"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    try:
        with mounted(tmp_path / "disk", 4) as disk:
            yield disk
    except OSError as fault:
        pytest.skip(f"mounting is not allowed here: {fault}")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with starting_apps(tmp_path) as start:
        yield start


def save_price(store: DiskStore, price: float, ticker: str = "IBM") -> None:
    data = quote(ticker, price, fetched_at=NOW)
    store.save([Record(Feed.QUOTE, Ticker(ticker), data, Attempt(NOW, Outcome.NEW))])


def price(store: DiskStore) -> float | None:
    found = store.load(Feed.QUOTE, IBM)
    return found.data.price if found and isinstance(found.data, Quote) else None


# --- full ------------------------------------------------------------------------------------


def test_while_the_disk_is_full_prices_stay_and_no_call_is_made(start: Start, disk: Disk) -> None:
    """And when there is room again it goes on by itself, within an interval."""
    with simulating("premium-75") as upstream:
        app = start(**upstream.settings, **REFRESH, STOCKTRACKER_STORE=str(disk.folder / "store"))
        session = Session(app, "tickers=AAPL")
        until(lambda: app.price("AAPL"), within=15)

        disk.fill()
        until(lambda: not app.health()["store"]["ok"], within=30, what="the fault is seen")
        shown, calls = app.price("AAPL"), upstream.count()
        beats = {app.health()["poller"]["heartbeat"]}

        def three_tries_later() -> bool:
            session.tick()
            beats.add(app.health()["poller"]["heartbeat"])
            return len(beats) > 3

        until(three_tries_later, within=60)
        assert upstream.count() == calls
        assert app.price("AAPL") == shown
        session.rerun()
        assert session.says("nothing is asked for that could not be written down")
        assert app.get("/healthz").status_code == 503
        assert app.log.count("No call is made until it can be.") <= 1
        assert "Traceback" not in app.log

        disk.make_room()
        until(lambda: upstream.count() > calls, within=15, what="a call")
        until(lambda: app.health()["store"]["ok"], within=15)
        assert app.log.count("the store can be written again") == 1
        session.close()


def go_on_for_ever(bench: Bench) -> None:
    while True:
        bench.poller.step()
        bench.clock.tick(20)
        bench.watch("IBM")


def test_a_reservation_that_cannot_be_written_makes_no_call(disk: Disk, clock: FakeClock) -> None:
    with closing(open_store(disk.folder / "store")) as store:
        bench = make_bench(store, clock)
        bench.watch("IBM")
        disk.fill()
        with pytest.raises(StoreError, match="full"):
            go_on_for_ever(bench)  # until what SQLite had in hand is used up
        made = len(bench.upstream.calls)
        for _ in range(5):
            bench.clock.tick(20)
            bench.watch("IBM")
            with pytest.raises(StoreError):
                bench.poller.step()
        assert len(bench.upstream.calls) == made
        disk.make_room()
        bench.poller.step()
        assert len(bench.upstream.calls) == made + 1


# --- opened where nothing can be written --------------------------------------------------------


def full(disk: Disk) -> None:
    disk.fill()


def read_only(disk: Disk) -> None:
    disk.make_read_only()


def full_and_killed(disk: Disk) -> None:
    """With the journal of a process that was killed left behind."""
    folder = disk.folder / "store"
    copy = disk.folder / "copy"
    with closing(DiskStore(folder)) as store:
        save_price(store, 100.0)
        shutil.copytree(folder, copy)
    shutil.rmtree(folder)
    copy.rename(folder)
    disk.fill()


REASONS = {full: "disk is full", read_only: "mounted read-only", full_and_killed: "disk is full"}


@pytest.mark.parametrize("happens", list(REASONS))
def test_a_store_that_cannot_be_written_is_opened_for_reading(
    happens: Callable[[Disk], None], disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(open_store(disk.folder / "store")) as store:
        save_price(store, 100.0)
    happens(disk)
    with closing(open_store(disk.folder / "store")) as store:
        assert store.read_only is not None
        assert REASONS[happens] in store.read_only
        assert price(store) == 100.0
        assert [each.ticker for each in store.load_all(Feed.QUOTE)] == ["IBM"]
        for write in (
            lambda: save_price(store, 200.0),
            lambda: store.save_document("note", {}),
            lambda: store.drop_document("note"),
            store.lead,
            store.prove,
        ):
            with pytest.raises(StoreError, match="read-only"):
                write()
        store.tend()
        assert price(store) == 100.0
        assert len(caplog.records) == 1

        if happens is read_only:
            disk.make_writable()
        else:
            disk.make_room()
        assert store.tend() is False
        assert store.read_only is None
        save_price(store, 300.0)
        assert store.lead()
        assert price(store) == 300.0


def test_a_fresh_start_where_nothing_can_be_written_is_refused(disk: Disk) -> None:
    disk.fill()
    with pytest.raises(StoreError):
        open_store(disk.folder / "store")


@pytest.mark.parametrize("happens", [full, read_only])
def test_the_server_starts_read_only_and_shows_what_is_stored(
    happens: Callable[[Disk], None], start: Start, disk: Disk
) -> None:
    store = {"STOCKTRACKER_STORE": str(disk.folder / "store")}
    with simulating("premium-75") as upstream:
        app = start(**upstream.settings, **store)
        with Session(app, "tickers=AAPL"):
            shown = until(lambda: app.price("AAPL"), within=15)
        until(lambda: app.metric("watched_tickers") == 0, within=5)
        app.stop()
        calls = upstream.count()
        happens(disk)

        app = start(**upstream.settings, **store, wait=False)
        until(lambda: "No call is made" in app.log, within=30)
        with Session(app, "tickers=AAPL") as session:
            assert app.price("AAPL") == pytest.approx(shown)
            assert session.says("nothing is asked for that could not be written down")
            assert upstream.count() == calls
            if happens is full:
                disk.make_room()
            else:
                disk.make_writable()
            until(lambda: upstream.count() > calls, within=20, what="polling")
        assert app.health()["store"]["ok"]


NO_BYTE_MORE = """
import resource, sys
from pathlib import Path
from stocktracker.cache import open_store
from stocktracker.model import Feed, Ticker
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
store = open_store(Path(sys.argv[1]))
print(store.load(Feed.QUOTE, Ticker("IBM")).data.price, store.read_only, file=sys.stderr)
"""


def test_a_process_that_may_write_no_file_reads_the_store(tmp_path: Path) -> None:
    """The same where nothing can be mounted."""
    folder = tmp_path / "store"
    with closing(open_store(folder)) as store:
        save_price(store, 100.0)
    done = subprocess.run(
        [sys.executable, "-c", NO_BYTE_MORE, folder], capture_output=True, text=True, check=True
    )
    assert "100.0 The store is read-only" in done.stderr


# --- deleted and replaced ------------------------------------------------------------------------


def deleted(folder: Path) -> None:
    shutil.rmtree(folder)


def emptied(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def replaced_by_an_empty_folder(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))
    folder.mkdir(mode=0o700)


def replaced_by_another_store(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))
    with closing(open_store(folder)) as other:
        save_price(other, 1.0)


def replaced_by_rubbish(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))
    folder.mkdir(mode=0o700)
    (folder / "cache.db").write_bytes(b"rubbish" * 1000)


@pytest.mark.parametrize(
    "happens",
    [
        deleted,
        emptied,
        replaced_by_an_empty_folder,
        replaced_by_another_store,
        replaced_by_rubbish,
    ],
)
def test_a_store_that_is_gone_is_made_again_with_what_is_in_memory(
    happens: Callable[[Path], None], tmp_path: Path, clock: FakeClock
) -> None:
    folder = tmp_path / "store"
    with closing(open_store(folder)) as store:
        bench = make_bench(store, clock, limits="25/day")
        store.save_document("watchlists", {"mine": ["IBM"]})
        bench.watch("IBM")
        bench.poller.step()
        left, asked = bench.budget.allowance().left_within(DAY), len(bench.upstream.calls)
        assert left == 25 - asked < 25

        happens(folder)
        with pytest.raises(StoreError, match="deleted or replaced"):
            bench.budget.spend()  # nothing is taken from a ledger that is gone
        store.load_document("watchlists")
        bench.poller.step()

        assert len(bench.upstream.calls) == asked
        with closing(open_store(folder)) as other:
            assert price(other) == 100.0
            assert other.load_document("watchlists") == {"mine": ["IBM"]}
            left_there = Budget(other, parse_limits("25/day"), clock).allowance()
            assert left_there.left_within(DAY) in (
                (0, left) if "rubbish" in happens.__name__ else (left,)
            )
            assert not other.lead(), "the lock is on the new file"
        assert (folder.stat().st_mode & 0o777) == 0o700


class Deleting(FakeUpstream):
    """Answers, and meanwhile somebody deletes the store."""

    folder: Path

    def fetch(self, call: Call) -> list[Quote] | Bars | Listing:
        shutil.rmtree(self.folder, ignore_errors=True)
        return super().fetch(call)


def test_a_reply_to_a_store_that_is_gone_is_taken_in_once_it_is_back(
    store: DiskStore, clock: FakeClock
) -> None:
    """Also beside a refusal, which has to be written down."""
    bench = make_bench(store, clock)
    upstream = Deleting(clock)
    upstream.folder = store.folder
    upstream.faults["AAPL"] = RateLimited("AAPL", window=Window.MINUTE)
    bench.poller._fetcher = upstream
    bench.watch("AAPL", "IBM")
    with pytest.raises(StoreError, match="deleted or replaced"):
        bench.poller.step()
    assert sorted(upstream.asked(Feed.QUOTE)) == ["AAPL", "IBM"]
    bench.poller.step()
    with closing(DiskStore(store.folder)) as other:
        assert price(other) == 100.0
        assert Budget(other, bench.budget.limits, clock).allowance().refused is Window.MINUTE
    assert len(upstream.calls) == 2


def test_of_two_processes_the_one_that_led_leads_the_store_that_is_made_again(
    store: DiskStore, clock: FakeClock
) -> None:
    """It knows of calls that the other has not heard of yet."""
    with closing(DiskStore(store.folder)) as other:
        ours = make_bench(store, clock, limits="25/day", who="ours")
        theirs = make_bench(other, clock, limits="25/day", who="theirs")
        ours.poller.step()
        theirs.poller.step()
        ours.budget.spend(7)
        shutil.rmtree(store.folder)
        theirs.poller.step()
        assert not theirs.board.read().poll.leads
        clock.tick(5)
        theirs.poller.step()
        ours.poller.step()
        theirs.poller.step()
        assert ours.board.read().poll.leads
        assert not theirs.board.read().poll.leads
        assert theirs.budget.allowance().left_within(DAY) == 25 - 7
        # Where it is gone as well, the other one takes over.
        store.close()
        clock.tick(2)
        theirs.poller.step()
        assert theirs.board.read().poll.leads


def has_bars(folder: Path) -> bool:
    for database in folder.rglob("cache.db"):
        with suppress(sqlite3.Error):
            found = readonly.rows(database, "SELECT 1 FROM Cache WHERE key LIKE '%:daily:AAPL'")
            return len(found) > 0
    return False


def test_a_deleted_store_comes_back_within_an_interval_and_no_call_is_forgotten(
    start: Start, tmp_path: Path
) -> None:
    with simulating("free", publication=timedelta(0)) as upstream:
        app = start(**upstream.settings)
        with Session(app, "tickers=AAPL"):
            until(lambda: app.price("AAPL"), within=15)
            until(lambda: app.metric("calls_total") == 2, within=15)
            shown = app.price("AAPL")
            shutil.rmtree(app.store)
            until(lambda: has_bars(app.store), within=15, what="made again and written")
            until(lambda: app.health()["ok"], within=10)
        assert app.log.count("it has been made again") == 1
        app.kill()
        again = start(**upstream.settings)
        assert again.price("AAPL") == shown
        until(lambda: again.left_today() == 23, within=5)
        assert upstream.count() == 2
