"""The store: what survives a restart, keyed by feed and ticker.

Three levels: `disk.py` keeps diskcache from writing anything but plain bytes inside SQLite,
`sqlite_rows.py` reads such rows, and `DiskStore` has the database, writes, and stands up again
after what happens to disks: full, read-only, damaged, deleted.

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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import diskcache

from stocktracker import encoding, readonly, salvage
from stocktracker.disk import BytesDisk
from stocktracker.errors import StoreError
from stocktracker.folder import DATABASE, identity, make_private, set_aside, was_set_aside
from stocktracker.model import Record, Want
from stocktracker.polling import joining
from stocktracker.sqlite_rows import REVISION, SqliteRows, as_store_errors
from stocktracker.stored import document_key, entries_of

log = logging.getLogger(__name__)

BUSY = timedelta(seconds=5)  # how long SQLite waits for another writer
LOCK = "poller.lock"
UPSERT = (
    "INSERT INTO Cache (key, raw, store_time, access_time, size, mode, value)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key, raw) DO UPDATE SET"
    " store_time = excluded.store_time, expire_time = NULL, access_time = excluded.access_time,"
    " access_count = 0, tag = NULL, size = excluded.size, mode = excluded.mode, filename = NULL,"
    " value = excluded.value"
)
UNWRITTEN = "The store could not be written"
UNREAD = "The store could not be read"
GONE = "The store's folder was deleted or replaced; it is made again."


class DiskStore(SqliteRows):
    """A folder with a SQLite database, for the processes of one machine.

    `read_only` is why it cannot be written for now, or None. What documents it has seen it
    remembers, so that a store that was deleted gets them back.
    """

    is_shared = False

    def __init__(self, folder: Path, *, busy: timedelta = BUSY, serving: bool = False) -> None:
        """`serving`: as `open_store` says. Raises StoreError."""
        super().__init__()
        self.folder = folder
        self.read_only: str | None = None
        self.warn_at: int | None = None  # bytes
        self._busy = busy
        self._lock_file: IO[str] | None = None
        self._lead_lock = threading.Lock()
        self._documents: dict[str, dict[str, Any]] = {}
        self._cache: Any = None
        self._identity: tuple[int, int] | None = None
        if serving:
            self._open_for_serving()
        else:
            make_private(folder)
            self._open()

    def _open(self) -> None:
        with as_store_errors("The store could not be opened"):
            self._cache = diskcache.Cache(
                str(self.folder),
                timeout=self._busy.total_seconds(),
                disk=BytesDisk,
                eviction_policy="none",
                cull_limit=0,
                statistics=0,
                sqlite_synchronous=2,  # FULL: the budget must outlive a power cut too
            )
        self._identity = identity(self.folder)
        self.read_only = None

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with as_store_errors(UNREAD):
            if self.read_only is not None:
                return readonly.rows(self.folder / DATABASE, statement, values)
            found: list[Any] = self._cache._sql(statement, values).fetchall()
            return found

    def save(
        self, records: Iterable[Record], documents: Mapping[str, dict[str, Any]] | None = None
    ) -> None:
        rows, implied = entries_of(records)
        for name, content in (documents or {}).items():
            rows[document_key(name)] = encoding.encode_document(content)
        with self.transaction():
            revision = {"number": self.revision() + 1}
            rows[document_key(REVISION)] = encoding.encode_document(revision)
            self._write(rows)
            if implied:
                self._cache._con.executemany(
                    "DELETE FROM Cache WHERE raw = 1 AND key = ?", [(key,) for key in implied]
                )
        self._documents |= documents or {}

    def changed_since(self, revision: int) -> frozenset[Want] | None:  # noqa: ARG002
        return None  # SQLite keeps no note of it, and looking everything up is quick

    def add_entries(self, entries: Mapping[str, bytes | None]) -> None:
        """Put these in; None drops one. All of it or nothing."""
        with self.transaction():
            self._write({key: value for key, value in entries.items() if value is not None})
            for key, value in entries.items():
                if value is None:
                    self._cache.delete(key, retry=False)

    def replace_all(self, rows: Mapping[str, bytes]) -> None:
        """These entries, by their keys, in the place of all that are there; or nothing."""
        with self.transaction():
            revision = {"number": self.revision() + 1}
            self._cache._sql("DELETE FROM Cache")
            self._write({**rows, document_key(REVISION): encoding.encode_document(revision)})
        self._documents.clear()

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
        content = super().load_document(name)
        if content is None and name == joining.DOCUMENT and self._keys(document_key(name)):
            content = dict(joining.LOST)  # a ledger that is torn is not one that never was
        if content is not None:
            self._documents[name] = content
        return content

    def save_document(self, name: str, content: dict[str, Any]) -> None:
        cache = self._writable()
        with as_store_errors(UNWRITTEN):
            cache.set(document_key(name), encoding.encode_document(content), retry=False)
        self._documents[name] = content

    def drop_document(self, name: str) -> None:
        cache = self._writable()
        with as_store_errors(UNWRITTEN):
            cache.delete(document_key(name), retry=False)
        self._documents.pop(name, None)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        cache = self._writable()
        with as_store_errors(UNWRITTEN), cache.transact(retry=False):
            yield

    def _writable(self) -> Any:
        """The database, for a write that will be found again: not one that was deleted."""
        if self.read_only is not None:
            raise StoreError(self.read_only)
        if not self._is_there():
            raise StoreError(GONE)
        return self._cache

    def _is_there(self) -> bool:
        return identity(self.folder) == self._identity

    def tend(self) -> bool:
        if self.read_only is not None:
            self._try_to_write(self.read_only)
            return False
        if self._is_there():
            return False
        self.close()  # and with it the lock on a file that nobody else will ever find
        self._open_proven()
        with self.transaction():
            self._write(dict(self._remembered()))
        log.warning("the store's folder was deleted or replaced; it has been made again")
        return True

    def _try_to_write(self, why: str) -> None:
        """Go on as usual where the disk takes writes again."""
        try:
            self._open()
            self.check()
        except StoreError:
            self._become_read_only(why)

    def _remembered(self) -> Iterator[tuple[str, bytes]]:
        """The documents that the store lacks, and what calls were taken in either."""
        for name, content in list(self._documents.items()):
            there = super().load_document(name)
            if name == joining.DOCUMENT:
                yield (
                    document_key(name),
                    encoding.encode_document(joining.join(there, content) or content),
                )
            elif there is None:
                yield document_key(name), encoding.encode_document(content)

    def lead(self) -> bool:
        # The kernel gives the lock back when a process ends, however it ends.
        with self._lead_lock:
            if self.read_only is not None:
                raise StoreError(self.read_only)
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
        total = 0
        for path in self.folder.glob(f"{DATABASE}*"):
            with suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def remark(self) -> str | None:
        if self.warn_at is None or self.size() < self.warn_at:
            return None
        # To the megabyte of the limit and not of the size, so that it is said once.
        return f"The store has grown beyond {self.warn_at >> 20} MB. Nothing is thrown away."

    def release_thread(self) -> None:
        if self._cache is not None:
            self._cache.close()

    def close(self) -> None:
        self.release_thread()
        with self._lead_lock:
            if self._lock_file is not None:
                self._lock_file.close()
                self._lock_file = None

    def prove(self) -> None:
        self.save_document("probe", {"ok": True})

    def check(self) -> None:
        """Prove that the database is whole and takes a write. Raises StoreError."""
        with as_store_errors("The store failed its check at start"):
            answer = self._cache._sql("PRAGMA quick_check(1)").fetchone()[0]
            if answer != "ok":
                raise sqlite3.DatabaseError(answer)
        self.prove()
        if self.load_document("probe") != {"ok": True}:
            raise StoreError("The store does not give back what was written.")

    def _open_proven(self) -> None:
        """Open it and prove it; set a broken one aside, begin anew with what can be read of it."""
        make_private(self.folder)
        try:
            self._open()
            self.check()
            self._miss_ledger()
            return
        except StoreError as fault:
            self.release_thread()
            if not _is_corrupt(fault):
                raise
        aside = set_aside(self.folder)
        make_private(self.folder)
        self._open()
        salvaged = salvage.read_rows(aside / DATABASE, self.folder / DATABASE)
        rows, ledger = salvaged.rows, document_key(joining.DOCUMENT)
        kept = salvaged.newest and ledger in rows
        if not kept:
            rows[ledger] = encoding.encode_document(joining.LOST)
        with self.transaction():
            self._write(rows)
        self.check()
        log.error(
            "the store was damaged and has been kept as %s; a new one is begun with %d entries"
            " that could be read, and %s",
            aside.name,
            len(rows) - (not kept),
            "the budget's ledger is among them"
            if kept
            else "as the budget's ledger is lost, every call counts as taken",
        )

    def _miss_ledger(self) -> None:
        """Where a damaged store was set aside but nothing taken over: killed in between."""
        if self.load_document(joining.DOCUMENT) is None and was_set_aside(self.folder):
            self.save_document(joining.DOCUMENT, joining.LOST)

    def _open_for_serving(self) -> None:
        try:
            self._open_proven()
        except StoreError as fault:
            why = readonly.why_unwritable(fault, self.folder)
            if why is None:
                raise
            self._become_read_only(why)
            try:
                self.revision()
            except StoreError:
                raise fault from None  # there is nothing to read either
            log.error("%s", why)

    def _become_read_only(self, why: str) -> None:
        self.release_thread()
        self.read_only = why


def open_store(folder: Path, *, busy: timedelta = BUSY) -> DiskStore:
    """Open and prove the store; a broken database is set aside and a new one begun.

    One that cannot be written, on a disk that is full or read-only, is opened for reading: see
    `read_only`. Raises StoreError where the folder cannot be used at all: foreign, too open, or
    nothing to read in it.
    """
    return DiskStore(folder, busy=busy, serving=True)


def _is_corrupt(fault: StoreError) -> bool:
    """Damaged content, as opposed to a disk that is full, locked or read-only."""
    cause = fault.__cause__
    return isinstance(cause, sqlite3.DatabaseError) and not isinstance(
        cause, sqlite3.OperationalError
    )
