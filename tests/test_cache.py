"""The store: what is saved comes back, whole or not at all, whatever happens to the process.

Real databases in temporary folders, real processes that are really killed, and rows planted past
the store by somebody who can write its file.
"""

from __future__ import annotations

import gc
import os
import pickle
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocktracker import encoding
from stocktracker.cache import DiskStore, open_store
from stocktracker.disk import BIGGEST
from stocktracker.errors import StoreError
from stocktracker.model import (
    Attempt,
    Bars,
    Data,
    Feed,
    Listing,
    Outcome,
    Quote,
    Record,
    Ticker,
)
from stocktracker.plans import parse_limits
from stocktracker.polling.budget import Budget
from tests.helpers import FakeClock, daily, quote, utc, weekly

IBM, AAPL = Ticker("IBM"), Ticker("AAPL")
NOW = utc("2026-11-23T15:00:00.123456")
ROOT = os.geteuid() == 0


def record(data: Data | None = None, *, ticker: Ticker = IBM, attempt: bool = True) -> Record:
    feed = {Quote: Feed.QUOTE, Listing: Feed.LISTING, type(None): Feed.QUOTE}.get(type(data))
    if isinstance(data, Bars):
        feed = Feed.DAILY
    assert feed is not None
    return Record(feed, ticker, data, Attempt(NOW, Outcome.NEW) if attempt else None)


def price(store: DiskStore, ticker: Ticker = IBM) -> float | None:
    found = store.load(Feed.QUOTE, ticker)
    return found.data.price if found and isinstance(found.data, Quote) else None


DAYS = {"2026-11-19": 101.5, "2026-11-20": 99.25}

# What any store promises is in test_store_contract.py; here is what disks and SQLite can do to one


def test_what_is_saved_is_there_after_the_store_is_opened_again(store: DiskStore) -> None:
    store.save([record(quote("IBM", 219.3, fetched_at=NOW))])
    store.close()
    with closing(open_store(store.folder)) as again:
        assert price(again) == 219.3


def test_the_revision_grows_with_every_save_for_every_process(store: DiskStore) -> None:
    with closing(DiskStore(store.folder)) as other:
        seen = [store.revision()]
        for writer in (store, other, store):
            writer.save([record()])
            assert store.revision() == other.revision()
            seen.append(store.revision())
    assert seen == [0, 1, 2, 3]


# All or nothing


def the_database_refuses_a_row(store: DiskStore, batch: list[Record]) -> None:
    plant(
        store,
        "CREATE TRIGGER full BEFORE UPDATE ON Cache WHEN NEW.key LIKE '%:AAPL' "
        "BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    )
    store.save(batch, {"note": {"number": 2}})


def test_nothing_of_a_batch_is_saved_when_the_database_refuses_a_row(store: DiskStore) -> None:
    store.save(batch_at(100.0), {"note": {"number": 1}})
    with pytest.raises(StoreError):
        the_database_refuses_a_row(store, batch_at(200.0))
    assert price(store, IBM) == price(store, AAPL) == 100.0
    assert store.load_document("note") == {"number": 1}
    assert store.revision() == 1


def batch_at(at: float) -> list[Record]:
    return [record(quote(each, at, fetched_at=NOW), ticker=each) for each in (IBM, AAPL)]


# Rows that are not ours


def plant(store: DiskStore, statement: str, values: tuple[Any, ...] = ()) -> None:
    """Write into the database past the store."""
    with closing(sqlite3.connect(store.folder / "cache.db", isolation_level=None)) as connection:
        connection.execute(statement, values)


def plant_row(store: DiskStore, **row: Any) -> None:
    """Put this in the place of IBM's quote, or beside it under another key."""
    row = {"key": "v1:data:quote:IBM", "raw": 1, "store_time": 0.0, **row}
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    statement = f"INSERT OR REPLACE INTO Cache ({names}) VALUES ({marks})"  # noqa: S608
    plant(store, statement, tuple(row.values()))


class Bomb:
    """Makes a file where it is deserialised."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


def compressed(content: bytes) -> bytes:
    return zlib.compress(content, 1)


def rows_that_are_not_ours(folder: Path) -> dict[str, dict[str, Any]]:
    bomb = pickle.dumps(Bomb(folder / "exploded"))
    secret = str(Path("..") / "secret")
    ours = compressed(encoding.encode_data(quote("IBM", 1.0, fetched_at=NOW)))
    return {
        "a serialised object": {"mode": 4, "value": bomb},
        "a serialised object, compressed": {"mode": 1, "value": compressed(bomb)},
        "a serialised object in a file": {"mode": 4, "filename": "../bomb", "value": None},
        "a file elsewhere": {"mode": 2, "filename": secret, "value": None},
        "a text file elsewhere": {"mode": 3, "filename": secret, "value": None},
        "our mode with a file": {"mode": 1, "filename": secret, "value": None},
        "our content in another mode": {"mode": 4, "value": ours},
        "our content with a file": {"mode": 1, "filename": secret, "value": ours},
        "text": {"mode": 1, "value": "text"},
        "a number": {"mode": 1, "value": 17},
        "nothing": {"mode": 1, "value": None},
        "not compressed": {"mode": 1, "value": b"{}"},
        "no JSON": {"mode": 1, "value": compressed(b"{")},
        "no document": {"mode": 1, "value": compressed(b"[1]")},
        "an unknown kind": {"mode": 1, "value": compressed(b'{"kind":"bomb"}')},
        "a quote without figures": {"mode": 1, "value": compressed(b'{"kind":"quote"}')},
        "bars without bars": {"mode": 1, "value": compressed(b'{"kind":"bars"}\n')},
        "very deep JSON": {"mode": 1, "value": compressed(b"[" * 1_000_000)},
    }


@pytest.mark.parametrize("which", list(rows_that_are_not_ours(Path())))
def test_a_row_that_is_not_ours_is_a_miss_and_does_nothing(
    which: str, store: DiskStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "bomb").write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    store.save(batch_at(100.0))
    plant_row(store, **rows_that_are_not_ours(tmp_path)[which])
    for _ in range(3):
        assert price(store, IBM) is None
    assert [each.ticker for each in store.load_all(Feed.QUOTE) if each.data] == ["AAPL"]
    assert price(store, AAPL) == 100.0
    assert [each.levelname for each in caplog.records] in ([], ["WARNING"])
    assert "secret" not in caplog.text
    # A good one takes its place, and nothing outside is touched by that either.
    store.save(batch_at(200.0))
    assert price(store, IBM) == 200.0
    store.drop_document("note")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bomb", "secret", "store"]
    assert (tmp_path / "secret").read_text() == "secret"


def test_dropping_a_row_with_a_file_leaves_the_file(store: DiskStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    plant_row(store, key="v1:document:note", mode=2, filename="../secret", value=None)
    assert store.load_document("note") is None
    store.drop_document("note")
    assert (tmp_path / "secret").read_text() == "secret"


@pytest.mark.parametrize("key", ["pickle", b"v1:data:quote:ZZZ", 17, 1.5, "v1:data:quote:ZZZ"])
def test_a_key_that_is_not_ours_is_passed_over(key: Any, store: DiskStore, tmp_path: Path) -> None:
    store.save(batch_at(100.0))
    content = pickle.dumps(Bomb(tmp_path / "exploded")) if key == "pickle" else key
    plant_row(store, key=content, raw=0, mode=4, value=b"")
    if isinstance(key, bytes):
        plant_row(store, key=key, raw=1, mode=1, value=b"")
    assert [each.ticker for each in store.load_all(Feed.QUOTE)] == ["AAPL", "IBM"]
    assert store.load_documents("wants:") == {}
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("left", [0, 1, 10, 40])
def test_a_torn_value_is_a_miss(left: int, store: DiskStore) -> None:
    whole = compressed(encoding.encode_data(quote("IBM", 1.0, fetched_at=NOW)))
    plant_row(store, mode=1, value=whole[:left])
    assert price(store) is None


def test_a_value_that_grows_too_big_is_a_miss(store: DiskStore) -> None:
    content = encoding.encode_data(quote("IBM", 1.0, fetched_at=NOW))
    blanks = b" " * (1 << 20)
    packer = zlib.compressobj(1)
    bomb = packer.compress(content)
    bomb += b"".join(packer.compress(blanks) for _ in range((BIGGEST >> 20) + 1)) + packer.flush()
    plant_row(store, mode=1, value=bomb)
    assert price(store) is None


@pytest.mark.parametrize(
    "lacks", ["open", "close", "volume", "fetched_at", "date", pytest.param("order", id="order")]
)
def test_bars_that_lack_something_are_a_miss(lacks: str, store: DiskStore) -> None:
    bars = daily("IBM", DAYS, fetched_at=NOW)
    frame = bars.frame
    if lacks == "order":
        frame = frame.iloc[::-1]
    elif lacks == "date":
        frame = frame.set_axis([1, 2]).rename_axis("date")
    else:
        frame = frame.drop(columns=lacks)
    store.save([record(Bars(IBM, bars.interval, frame, NOW, "test", "USD"))])
    found = store.load(Feed.DAILY, IBM)
    assert found is not None
    assert found.data is None


WHOLE = [
    encoding.encode_data(quote("IBM", 1.0, fetched_at=NOW)),
    encoding.encode_data(daily("IBM", DAYS, fetched_at=NOW)),
    encoding.encode_data(weekly("IBM", DAYS, fetched_at=NOW)),
    encoding.encode_attempt(Attempt(NOW, Outcome.NEW)),
]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(WHOLE), st.data())
def test_damaged_bytes_are_read_or_refused_and_nothing_else(whole: bytes, data: Any) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    kept = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    decode = encoding.decode_attempt if whole is WHOLE[-1] else encoding.decode_data
    with suppress(ValueError, KeyError, TypeError, OverflowError):
        decode(kept)


# The folder


def test_only_the_owner_can_look(store: DiskStore) -> None:
    store.save(batch_at(100.0))
    store.lead()
    assert store.folder.stat().st_mode & 0o777 == 0o700
    names = {path.name for path in store.folder.iterdir()}
    assert {"cache.db", "cache.db-wal", "cache.db-shm", "poller.lock"} <= names
    for path in store.folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path.name


def test_folders_above_are_made_too(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b" / "c"
    with closing(open_store(folder)):
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o770, 0o777, 0o1777])
def test_a_folder_that_is_open_to_others_is_refused(mode: int, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(StoreError, match=f"open to others; close it with chmod 700 {folder}"):
        open_store(folder)
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(not ROOT, reason="only root can give a folder away")
def test_somebody_elses_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)
    with pytest.raises(StoreError, match="belongs to somebody else"):
        open_store(folder)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "store"):
        with pytest.raises(StoreError, match="cannot be made"):
            open_store(folder)


@pytest.mark.skipif(ROOT, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    open_store(folder).close()
    folder.chmod(0o500)
    with pytest.raises(StoreError):
        open_store(folder)
    folder.chmod(0o700)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


# A damaged database


def zeroed_header(content: bytearray) -> None:
    content[:100] = bytes(100)


def truncated(content: bytearray) -> None:
    del content[len(content) // 2 :]


def truncated_to_a_page(content: bytearray) -> None:
    del content[4096:]


def random_bytes(content: bytearray) -> None:
    content[:] = random.Random(1).randbytes(len(content))


def random_first_pages(content: bytearray) -> None:
    content[100:12_288] = random.Random(2).randbytes(12_188)


def random_pages_in_the_middle(content: bytearray) -> None:
    chance = random.Random(3)
    pages = len(content) // 4096
    for page in chance.sample(range(pages // 4, pages), pages // 10):
        content[page * 4096 : (page + 1) * 4096] = chance.randbytes(4096)


def another_kind_of_file(content: bytearray) -> None:
    content[:] = b"%PDF-1.7\n" * 1000


@pytest.mark.parametrize(
    ("damage", "least", "keeps_ledger"),
    [
        (zeroed_header, 200, True),
        (truncated, 60, None),
        (truncated_to_a_page, 0, False),
        (random_bytes, 0, False),
        (random_first_pages, 60, None),
        (random_pages_in_the_middle, 60, None),
        (another_kind_of_file, 0, False),
    ],
)
def test_a_damaged_database_is_kept_aside_and_its_readable_rows_are_taken_over(
    damage: Callable[[bytearray], None],
    least: int,
    keeps_ledger: bool | None,
    *,
    tmp_path: Path,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = tmp_path / "store"
    limits = parse_limits("25/day")
    with closing(open_store(folder)) as store:
        Budget(store, limits, clock).spend()
        for number in range(200):
            ticker = Ticker(f"T{number}")
            store.save([record(daily(ticker, DAYS, fetched_at=NOW), ticker=ticker)])
    database = folder / "cache.db"
    content = bytearray(database.read_bytes())
    damage(content)
    database.write_bytes(content)

    with closing(open_store(folder)) as store:
        taken_over = store.load_all(Feed.DAILY)
        assert least <= len(taken_over) <= 200
        assert all((each.data.frame["close"] == list(DAYS.values())).all() for each in taken_over)
        # What was spent is known still, or all counts as spent.
        left = Budget(store, limits, clock).allowance().left_within(timedelta(days=1))
        assert left in {True: (24,), False: (0,), None: (24, 0)}[keeps_ledger]
        store.save(batch_at(100.0))
        assert price(store) == 100.0
        assert folder.stat().st_mode & 0o777 == 0o700
    (aside,) = [path for path in tmp_path.iterdir() if path != folder]
    assert aside.name.startswith("store.corrupt-")
    assert (aside / "cache.db").read_bytes()[-100:] == bytes(content[-100:])
    errors = [each for each in caplog.records if each.name == "stocktracker.cache"]
    assert len(errors) == 1
    assert aside.name in errors[0].getMessage()
    with closing(open_store(folder)) as store:
        assert price(store) == 100.0
    assert len(list(tmp_path.iterdir())) == 2


def test_a_store_that_is_damaged_again_and_again_is_kept_each_time(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    for _ in range(3):
        with closing(open_store(folder)) as store:
            store.save(batch_at(100.0))
        (folder / "cache.db").write_bytes(b"rubbish" * 1000)
        os.utime(folder, (1, 1))
    open_store(folder).close()
    assert len(list(tmp_path.iterdir())) == 4


def test_a_kill_while_a_damaged_store_is_replaced_gives_no_call_back(
    tmp_path: Path, clock: FakeClock
) -> None:
    """Between the new folder and what is written into it there is nothing but the old one."""
    folder = tmp_path / "store"
    with closing(open_store(folder)) as store:
        Budget(store, parse_limits("25/day"), clock).spend()
    folder.rename(tmp_path / "store.corrupt-1-1")
    with closing(open_store(folder)) as store:
        allowance = Budget(store, parse_limits("25/day"), clock).allowance()
        assert allowance.left_within(timedelta(days=1)) == 0


# Nothing is evicted, nobody waits for ever


def test_nothing_is_evicted_whatever_somebody_set_the_limit_to(store: DiskStore) -> None:
    plant(store, "UPDATE Settings SET value = 20000 WHERE key = 'size_limit'")
    plant(store, "UPDATE Settings SET value = 10 WHERE key = 'cull_limit'")
    plant(store, "UPDATE Settings SET value = 'least-recently-stored' WHERE key LIKE 'eviction%'")
    store.close()
    with closing(DiskStore(store.folder)) as again:
        tickers = [Ticker(f"T{number}") for number in range(300)]
        for ticker in tickers:
            again.save([record(daily(ticker, DAYS, fetched_at=NOW), ticker=ticker)])
        assert again.size() > 20_000
        assert {each.ticker for each in again.load_all(Feed.DAILY)} == set(tickers)


@pytest.fixture
def busy_store(tmp_path: Path) -> Iterator[DiskStore]:
    """Somebody else is writing, and goes on for longer than the store waits."""
    with closing(DiskStore(tmp_path / "busy", busy=timedelta(milliseconds=50))) as store:
        store.save(batch_at(100.0), {"note": {"number": 1}})
        with closing(sqlite3.connect(store.folder / "cache.db", isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            yield store
            if writer.in_transaction:
                writer.execute("COMMIT")


WRITES: dict[str, Callable[[DiskStore], object]] = {
    "save": lambda store: store.save(batch_at(200.0)),
    "save_document": lambda store: store.save_document("note", {"number": 2}),
    "drop_document": lambda store: store.drop_document("note"),
    "transaction": lambda store: store.transaction().__enter__(),
}


@pytest.mark.parametrize("method", list(WRITES))
def test_while_somebody_else_writes_a_write_fails_soon(method: str, busy_store: DiskStore) -> None:
    with pytest.raises(StoreError, match="another process is writing"):
        WRITES[method](busy_store)


def test_while_somebody_else_writes_reading_goes_on(busy_store: DiskStore) -> None:
    with pytest.raises(StoreError):
        busy_store.save(batch_at(200.0))
    assert price(busy_store) == 100.0
    assert busy_store.load_document("note") == {"number": 1}
    assert busy_store.revision() == 1


def test_once_the_other_has_written_saving_works_again(tmp_path: Path) -> None:
    with closing(DiskStore(tmp_path / "store", busy=timedelta(milliseconds=50))) as store:
        with closing(sqlite3.connect(store.folder / "cache.db", isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError):
                store.save(batch_at(100.0))
            writer.execute("COMMIT")
        store.save(batch_at(200.0))
        assert price(store) == 200.0


# Threads and processes


def open_databases(folder: Path) -> int:
    links = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            links.append(link.readlink())
        except FileNotFoundError:
            continue
    return links.count(folder / "cache.db")


def test_threads_that_end_leave_nothing_open(store: DiskStore) -> None:
    seen = []

    def read_and_release() -> None:
        seen.append(price(store))
        store.release_thread()

    def run_one() -> int:
        thread = threading.Thread(target=read_and_release)
        thread.start()
        thread.join()
        return open_databases(store.folder)

    store.save(batch_at(100.0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # SQLite keeps a descriptor that it must not close yet, and uses it for the next one.
        once = run_one()
        assert {run_one() for _ in range(10)} == {once}
        gc.collect()
    assert seen == [100.0] * 11
    assert caught == []
    assert price(store) == 100.0


def test_many_threads_save_side_by_side_and_lose_nothing(store: DiskStore) -> None:
    def save_some(which: int) -> None:
        for number in range(20):
            ticker = Ticker(f"T{which}.{number}")
            store.save([record(quote(ticker, 1.0 + number, fetched_at=NOW), ticker=ticker)])
        store.release_thread()

    threads = [threading.Thread(target=save_some, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.load_all(Feed.QUOTE)) == 80
    assert store.revision() == 80


LEADER = """
import sys
from pathlib import Path
from stocktracker.cache import DiskStore
store = DiskStore(Path(sys.argv[1]))
print(store.lead(), flush=True)
sys.stdin.read()
"""

SAVER = """
import sys
from pathlib import Path
from stocktracker.cache import DiskStore
from stocktracker.model import Attempt, Feed, Outcome, Record, Ticker
from tests.helpers import daily, quote, utc
store = DiskStore(Path(sys.argv[1]))
now = utc("2026-11-23T15:00")
first = int(sys.argv[2])
for number in range(first, first + 1000):
    days = {f"2026-11-{day:02}": float(number) for day in range(1, 31)}
    records = [
        Record(feed, Ticker(name), data, Attempt(now, Outcome.NEW, number))
        for name in ("A", "B", "C", "D")
        for feed, data in (
            (Feed.QUOTE, quote(name, float(number), fetched_at=now)),
            (Feed.DAILY, daily(name, days, fetched_at=now)),
        )
    ]
    store.save(records, {"note": {"number": number}})
    print(number, flush=True)
"""


def run(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill(process: subprocess.Popen[str]) -> str:
    """kill -9; what it had still said."""
    process.send_signal(signal.SIGKILL)
    assert process.wait(20) == -signal.SIGKILL
    # Not communicate(), which passes over what readline() has read ahead.
    with process:
        assert process.stdout is not None
        return process.stdout.read()


def test_a_killed_leader_leads_no_longer(store: DiskStore) -> None:
    leader = run(LEADER, store.folder)
    assert leader.stdout is not None
    assert leader.stdout.readline() == "True\n"
    assert not store.lead()
    kill(leader)
    assert store.lead()


def test_nothing_that_was_acknowledged_is_lost_by_ten_kills(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    chance = random.Random()
    number = 1
    for _ in range(10):
        saver = run(SAVER, folder, number)
        assert saver.stdout is not None
        for _ in range(chance.randint(1, 25)):
            acknowledged = int(saver.stdout.readline())
        threading.Event().wait(chance.random() * 0.01)  # anywhere within a save
        said = kill(saver).splitlines(keepends=True)
        whole = [line for line in said if line.endswith("\n")]
        acknowledged = int(whole[-1]) if whole else acknowledged
        number = check_after_kill(folder, acknowledged) + 1


def check_after_kill(folder: Path, acknowledged: int) -> int:
    """All there, all of one batch, and that the last acknowledged one or the next; which one."""
    with closing(DiskStore(folder)) as store:
        store.check()
        note = store.load_document("note")
        assert note is not None
        number: int = note["number"]
        assert number in (acknowledged, acknowledged + 1)
        assert store.revision() == number
        records = [*store.load_all(Feed.QUOTE), *store.load_all(Feed.DAILY)]
    assert len(records) == 8
    for each in records:
        assert each.attempt is not None
        assert each.attempt.failures == number
        if isinstance(each.data, Quote):
            assert each.data.price == number
        else:
            assert isinstance(each.data, Bars)
            assert (each.data.frame["close"] == number).all()
    return number
