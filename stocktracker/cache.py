"""The store: what survives a restart, keyed by feed and ticker.

Two levels, as one is about bytes and the other about meaning. `disk.py` keeps diskcache from
writing anything but plain bytes inside SQLite. `DiskStore` turns records into bytes and back.

Nothing expires and nothing is evicted; freshness is judged by whoever reads. An entry that cannot
be read is a miss and is logged; it stays where it is until a good one replaces it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Protocol

import diskcache

from stocktracker import encoding
from stocktracker.disk import BytesDisk
from stocktracker.errors import StoreError
from stocktracker.model import Attempt, Data, Feed, Outcome, Quote, Record, Ticker, Want

log = logging.getLogger(__name__)

BUSY = timedelta(seconds=5)  # how long SQLite waits for another writer
SCHEMA = "v1"  # part of every key, so that another shape is not found rather than misread
LOCK = "poller.lock"
AT_ONCE = 5000  # wants that one statement looks up
# A quote that came within this time of being asked for tells by itself when it was last tried.
IMPLIED = timedelta(seconds=5)
DECODERS = {"data": encoding.decode_data, "attempt": encoding.decode_attempt}
SELECT = "SELECT key, mode, filename, value FROM Cache WHERE raw = 1 AND key IN"
UPSERT = (
    "INSERT INTO Cache (key, raw, store_time, access_time, size, mode, value)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key, raw) DO UPDATE SET"
    " store_time = excluded.store_time, expire_time = NULL, access_time = excluded.access_time,"
    " access_count = 0, tag = NULL, size = excluded.size, mode = excluded.mode, filename = NULL,"
    " value = excluded.value"
)
# What a foreign or damaged entry can make of decoding it.
UNREADABLE = (ValueError, KeyError, TypeError, OverflowError, RecursionError, zlib.error)


class Store(Protocol):
    """What the other parts need of a store. Every method may raise StoreError."""

    def load(self, feed: Feed, ticker: Ticker) -> Record | None:
        """The record, or None where there is none or it cannot be read."""
        ...

    def load_many(self, wants: Iterable[Want]) -> list[Record]:
        """The readable records of these, in one go."""
        ...

    def load_all(self, feed: Feed) -> list[Record]:
        """Every readable record of a feed."""
        ...

    def save(
        self, records: Iterable[Record], documents: Mapping[str, dict[str, Any]] | None = None
    ) -> None:
        """All of it or nothing. A record without data leaves the stored data as it is."""
        ...

    def load_document(self, name: str) -> dict[str, Any] | None: ...

    def load_documents(self, prefix: str) -> dict[str, dict[str, Any]]: ...

    def save_document(self, name: str, content: dict[str, Any]) -> None: ...

    def drop_document(self, name: str) -> None: ...

    def transaction(self) -> Any:
        """A context in which nobody else writes; what it wrote is undone if it raises."""
        ...

    def revision(self) -> int:
        """Grows with every save, so that another process knows when to look."""
        ...

    def lead(self) -> bool:
        """Be the one process that polls, if nobody else is; ask again as often as you like."""
        ...

    def size(self) -> int:
        """Bytes on disk."""
        ...

    def release_thread(self) -> None:
        """Give back what this thread holds; call it before the thread ends."""
        ...

    def close(self) -> None: ...


class DiskStore:
    """A folder with a SQLite database, for the processes of one machine."""

    def __init__(self, folder: Path, *, busy: timedelta = BUSY) -> None:
        self.folder = folder
        self._lock_file: IO[str] | None = None
        self._lead_lock = threading.Lock()
        self._complained: set[str] = set()
        _make_private(folder)
        with _as_store_errors("The store could not be opened"):
            self._cache = diskcache.Cache(
                str(folder),
                timeout=busy.total_seconds(),
                disk=BytesDisk,
                eviction_policy="none",
                cull_limit=0,
                statistics=0,
                sqlite_synchronous=2,  # FULL: the budget must outlive a power cut too
            )

    def load(self, feed: Feed, ticker: Ticker) -> Record | None:
        data = self._read(_key("data", feed, ticker), encoding.decode_data)
        attempt = self._read(_key("attempt", feed, ticker), encoding.decode_attempt)
        return _record(feed, ticker, data, attempt)

    def load_many(self, wants: Iterable[Want]) -> list[Record]:
        wants = list(wants)
        found: dict[str, Any] = {}
        for start in range(0, len(wants), AT_ONCE):
            keys = [
                _key(kind, want.feed, want.ticker)
                for want in wants[start : start + AT_ONCE]
                for kind in DECODERS
            ]
            marks = ",".join("?" * len(keys))
            with _as_store_errors("The store could not be read"):
                rows = self._cache._sql(f"{SELECT} ({marks})", keys).fetchall()
            for key, *row in rows:
                if type(key) is str:
                    found[key] = self._decoded(key, DECODERS[key.split(":", 2)[1]], *row)
        records = (
            _record(want.feed, want.ticker, *(found.get(key) for key in _keys_of(want)))
            for want in wants
        )
        return [record for record in records if record is not None]

    def load_all(self, feed: Feed) -> list[Record]:
        prefix = _key("data", feed, Ticker(""))
        return self.load_many(
            Want(feed, Ticker(key.removeprefix(prefix))) for key in self._keys(prefix)
        )

    def save(
        self, records: Iterable[Record], documents: Mapping[str, dict[str, Any]] | None = None
    ) -> None:
        rows: dict[str, bytes] = {}
        implied: list[tuple[str]] = []
        for record in records:
            if record.data is not None:
                rows[_key("data", record.feed, record.ticker)] = encoding.encode_data(record.data)
            if record.attempt is not None:
                key = _key("attempt", record.feed, record.ticker)
                if _is_implied(record.attempt, record.data):
                    implied.append((key,))
                else:
                    rows[key] = encoding.encode_attempt(record.attempt)
        for name, content in (documents or {}).items():
            rows[_document(name)] = encoding.encode_document(content)
        with self.transaction():
            rows[_document("revision")] = encoding.encode_document({"number": self.revision() + 1})
            self._write(rows)
            if implied:
                self._cache._con.executemany("DELETE FROM Cache WHERE raw = 1 AND key = ?", implied)

    def _write(self, rows: Mapping[str, bytes]) -> None:
        """As the cache's own `set` would, but in one statement, as there may be ten thousand."""
        now = time.time()
        store, put = self._cache.disk.store, self._cache.disk.put
        self._cache._con.executemany(
            UPSERT,
            (
                (*put(key), now, now, *self._columns(store(value, False, key=key)))
                for key, value in rows.items()
            ),
        )

    @staticmethod
    def _columns(stored: tuple[int, int, None, Any]) -> tuple[int, int, Any]:
        size, mode, _, value = stored
        return size, mode, value

    def load_document(self, name: str) -> dict[str, Any] | None:
        content: dict[str, Any] | None = self._read(_document(name), encoding.decode_document)
        return content

    def load_documents(self, prefix: str) -> dict[str, dict[str, Any]]:
        found = {}
        for key in self._keys(_document(prefix)):
            content = self._read(key, encoding.decode_document)
            if content is not None:
                found[key.removeprefix(_document(""))] = content
        return found

    def save_document(self, name: str, content: dict[str, Any]) -> None:
        with _as_store_errors("The store could not be written"):
            self._cache.set(_document(name), encoding.encode_document(content), retry=False)

    def drop_document(self, name: str) -> None:
        with _as_store_errors("The store could not be written"):
            self._cache.delete(_document(name), retry=False)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with _as_store_errors("The store could not be written"), self._cache.transact(retry=False):
            yield

    def revision(self) -> int:
        content = self.load_document("revision")
        return 0 if content is None else int(content["number"])

    def lead(self) -> bool:
        # The kernel gives the lock back when a process ends, however it ends.
        with self._lead_lock:
            if self._lock_file is not None:
                return True
            path = self.folder / LOCK
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as fault:
                raise StoreError(f"The store cannot be locked: {fault.strerror}.") from fault
            file = os.fdopen(handle, "w")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return False
            self._lock_file = file
            return True

    def size(self) -> int:
        return sum(path.stat().st_size for path in self.folder.glob("cache.db*"))

    def release_thread(self) -> None:
        self._cache.close()

    def close(self) -> None:
        self._cache.close()
        with self._lead_lock:
            if self._lock_file is not None:
                self._lock_file.close()
                self._lock_file = None

    def check(self) -> None:
        """Prove that the database is whole and takes a write. Raises StoreError."""
        with _as_store_errors("The store failed its check at start"):
            answer = self._cache._sql("PRAGMA quick_check(1)").fetchone()[0]
            if answer != "ok":
                raise sqlite3.DatabaseError(answer)
        self.save_document("probe", {"ok": True})
        if self.load_document("probe") != {"ok": True}:
            raise StoreError("The store does not give back what was written.")

    def _keys(self, prefix: str) -> list[str]:
        """Our keys with that prefix, in order."""
        with _as_store_errors("The store could not be read"):
            rows = self._cache._sql(
                "SELECT key FROM Cache WHERE raw = 1 AND key >= ? AND key < ? ORDER BY key",
                (prefix, prefix + "\U0010ffff"),
            ).fetchall()
        return [key for (key,) in rows if type(key) is str]

    def _read(self, key: str, decode: Any) -> Any:
        """The decoded entry; None where there is none, and where it cannot be read."""
        try:
            with _as_store_errors("The store could not be read"):
                content = self._cache.get(key, retry=False)
            return None if content is None else decode(content)
        except UNREADABLE as fault:
            self._complain(key, fault)
            return None

    def _decoded(self, key: str, decode: Any, mode: int, filename: object, value: object) -> Any:
        """What a row holds; None where that cannot be read."""
        try:
            return decode(self._cache.disk.fetch(mode, filename, value, False))
        except UNREADABLE as fault:
            self._complain(key, fault)
            return None

    def _complain(self, key: str, fault: Exception) -> None:
        if key not in self._complained:
            self._complained.add(key)
            log.warning("store entry %s cannot be read: %s", key, type(fault).__name__)


def open_store(folder: Path) -> DiskStore:
    """Open and prove the store; a broken database is set aside and a new one begun.

    Raises StoreError where the folder cannot be used at all: foreign, too open, full, read-only.
    """
    try:
        return _open_and_check(folder)
    except StoreError as fault:
        if not _is_corrupt(fault):
            raise
    aside = _set_aside(folder)
    log.error("the store was damaged and has been kept as %s; a new one is begun", aside.name)
    return _open_and_check(folder)


def _open_and_check(folder: Path) -> DiskStore:
    store = DiskStore(folder)
    try:
        store.check()
    except StoreError:
        store.close()
        raise
    return store


def _is_corrupt(fault: StoreError) -> bool:
    """Damaged content, as opposed to a disk that is full, locked or read-only."""
    cause = fault.__cause__
    return isinstance(cause, sqlite3.DatabaseError) and not isinstance(
        cause, sqlite3.OperationalError
    )


def _set_aside(folder: Path) -> Path:
    aside = folder.with_name(f"{folder.name}.corrupt-{int(folder.stat().st_mtime)}-{os.getpid()}")
    folder.rename(aside)
    return aside


def _make_private(folder: Path) -> None:
    """Only the owner may look: what is in the folder is trusted, and lists what people watch."""
    os.umask(0o077)  # for the files that SQLite makes beside the database, now and later
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as fault:
        raise StoreError(f"The store's folder {folder} cannot be made: {fault.strerror}.") from None
    if status.st_uid != os.geteuid():
        raise StoreError(f"The store's folder {folder} belongs to somebody else.")
    if status.st_mode & 0o077:
        raise StoreError(
            f"The store's folder {folder} is open to others; close it with chmod 700 {folder}"
        )


@contextmanager
def _as_store_errors(what: str) -> Iterator[None]:
    try:
        yield
    except diskcache.Timeout as fault:
        raise StoreError(f"{what}: another process is writing.") from fault
    except sqlite3.Error as fault:
        raise StoreError(f"{what}: {fault}.") from fault


def _record(
    feed: Feed, ticker: Ticker, data: Data | None, attempt: Attempt | None
) -> Record | None:
    if attempt is None and isinstance(data, Quote):
        attempt = Attempt(data.fetched_at, Outcome.NEW)
    return None if data is None and attempt is None else Record(feed, ticker, data, attempt)


def _is_implied(attempt: Attempt, data: Data | None) -> bool:
    """Whether the attempt says no more than the quote that it brought just now."""
    return (
        isinstance(data, Quote)
        and attempt.failures == 0
        and attempt.outcome is not Outcome.FAILED
        and timedelta(0) <= attempt.at - data.fetched_at < IMPLIED
    )


def _keys_of(want: Want) -> Iterator[str]:
    return (_key(kind, want.feed, want.ticker) for kind in DECODERS)


def _key(kind: str, feed: Feed, ticker: Ticker) -> str:
    return f"{SCHEMA}:{kind}:{feed.value}:{ticker}"


def _document(name: str) -> str:
    return f"{SCHEMA}:document:{name}"
