"""SQLite itself: builds that lack something, files it cannot share, writers that do not let go."""

from __future__ import annotations

import ctypes
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stocktracker.cache import DiskStore, open_store
from stocktracker.errors import StoreError
from stocktracker.model import Attempt, Feed, Outcome, Quote, Record, Ticker
from tests.helpers import quote, utc
from tests.server import App, Session, simulating, starting_apps, until

IBM = Ticker("IBM")
NOW = utc("2026-11-23T15:00")
DQS_DML, DQS_DDL = 1013, 1014  # of sqlite3_db_config


def save_price(store: DiskStore, price: float) -> None:
    data = quote("IBM", price, fetched_at=NOW)
    store.save([Record(Feed.QUOTE, IBM, data, Attempt(NOW, Outcome.NEW))])


def price(store: DiskStore) -> float | None:
    found = store.load(Feed.QUOTE, IBM)
    return found.data.price if found and isinstance(found.data, Quote) else None


@pytest.fixture
def without_dqs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SQLite of some builds of Python: a text in double quotes is a name, and nothing else."""
    loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    library = next((path for path in loaded if "libsqlite3" in path), None)
    if library is None or sys.implementation.name != "cpython":
        pytest.skip("SQLite is a part of this Python, and cannot be set")
    configure = ctypes.CDLL(library).sqlite3_db_config
    connect = sqlite3.connect

    def connect_without(*arguments: Any, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **more)
        # What Python keeps of a connection begins with SQLite's own handle.
        handle = ctypes.c_void_p.from_address(id(connection) + object.__basicsize__)
        for option in (DQS_DML, DQS_DDL):
            assert configure(handle, option, 0, None) == 0
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_without)


def test_a_sqlite_without_texts_in_double_quotes_is_named(
    without_dqs: None, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="SQLITE_DQS=0"):
        open_store(tmp_path / "store")


def test_a_store_from_elsewhere_and_such_a_sqlite_is_named_too(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with closing(open_store(tmp_path / "store")) as store:
        save_price(store, 100.0)
    request.getfixturevalue("without_dqs")
    with pytest.raises(StoreError, match="SQLITE_DQS=0"):
        open_store(tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["store"], "it is not set aside"


def test_shared_memory_that_cannot_be_written_is_named_and_reading_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with closing(open_store(folder)) as store:
        save_price(store, 100.0)
    (folder / "cache.db-shm").mkdir()
    with closing(open_store(folder)) as store:
        assert store.read_only is not None
        assert "cache.db-shm" in store.read_only
        assert price(store) == 100.0


# --- another writer ------------------------------------------------------------------------------

HOLDER = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.fixture
def hold() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """A function that has another process begin to write, and stop there."""
    started: list[subprocess.Popen[str]] = []

    def begin(database: Path) -> subprocess.Popen[str]:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(database)], stdout=subprocess.PIPE, text=True
        )
        started.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        return holder

    yield begin
    for holder in started:
        os.kill(holder.pid, signal.SIGKILL)
        with holder:
            holder.wait(10)


def test_while_a_stopped_process_is_writing_readers_go_on_and_polling_waits(
    hold: Callable[[Path], subprocess.Popen[str]], tmp_path: Path
) -> None:
    with simulating("premium-75") as upstream, starting_apps(tmp_path) as start:
        app: App = start(**upstream.settings, STOCKTRACKER_REFRESH_SECONDS="5")
        with Session(app, "tickers=AAPL") as session:
            until(lambda: app.price("AAPL"), within=15)
            (database,) = app.store.rglob("cache.db")
            holder = hold(database)
            until(lambda: not app.health()["store"]["ok"], within=40, what="the fault is seen")
            calls, shown = upstream.count(), app.price("AAPL")
            beats = {app.health()["poller"]["heartbeat"]}

            def two_tries_later() -> bool:
                session.tick()
                beats.add(app.health()["poller"]["heartbeat"])
                return len(beats) > 2

            until(two_tries_later, within=60)
            assert app.get("/api/history/AAPL.csv").ok, "read from the store"
            assert (upstream.count(), app.price("AAPL")) == (calls, shown)
            assert "is writing" in app.health()["store"]["fault"]
            assert app.log.count("is writing") == 1

            os.kill(holder.pid, signal.SIGKILL)
            until(lambda: upstream.count() > calls, within=20, what="a call")
            until(lambda: app.health()["store"]["ok"], within=10)
        assert app.log.count("the store can be written again") == 1
        assert "Traceback" not in app.log
