"""A copy of the store in one file, while the server runs; and the way back.

A backup is what SQLite's own backup makes of one moment, so nothing that was saved before is
missing and nothing is half there. A restore is one transaction, and never gives back calls that
have been made since the backup: the ledgers of both are joined.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from stocktracker import encoding, readonly, salvage
from stocktracker.cache import open_store
from stocktracker.errors import StoreError
from stocktracker.folder import DATABASE
from stocktracker.polling import joining
from stocktracker.stored import document_key

LEASES = document_key("wants:")  # of processes that ran when the backup was made
RUNNING = (
    "A server runs on this store. Stop it, restore, and start it again: what it has in memory "
    "would overwrite what is restored."
)


def backup(folder: Path, file: Path) -> str:
    """Copy the store in `folder` to a new `file`; what was done, in words. Raises StoreError."""
    if not (folder / DATABASE).exists():
        raise StoreError(f"There is no store in {folder}.")
    if file.exists():
        raise StoreError(f"{file} is there already, and is left as it is.")
    part = file.with_name(f"{file.name}.part-{os.getpid()}")
    try:
        count = _copy(folder / DATABASE, part)
        os.link(part, file)  # unlike a rename, never over somebody else's file
    except FileExistsError:
        raise StoreError(f"{file} is there already, and is left as it is.") from None
    except OSError as fault:
        raise StoreError(f"{file} cannot be written: {fault.strerror}.") from fault
    except sqlite3.Error as fault:
        raise StoreError(f"The store could not be copied: {fault}.") from fault
    finally:
        part.unlink(missing_ok=True)
    return f"{count} entries are in {file}."


def _copy(database: Path, part: Path) -> int:
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    with (
        readonly.opened(database) as source,
        closing(sqlite3.connect(part, isolation_level=None)) as target,
    ):
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")  # one file, that nothing belongs to
        _raise_if_broken(target)
        count: int = target.execute("SELECT count(*) FROM Cache").fetchone()[0]
    with part.open("rb") as written:
        os.fsync(written.fileno())
    return count


def restore(folder: Path, file: Path) -> str:
    """Put a backup in the place of the store in `folder`; what was done. Raises StoreError.

    All of it or nothing. Refused while a server runs on the store.
    """
    rows = _rows_of(file)
    was_there = (folder / DATABASE).exists()
    store = open_store(folder)
    with closing(store):
        if store.read_only is not None:
            raise StoreError(store.read_only)
        if not store.lead():
            raise StoreError(RUNNING)
        known = store.load_document(joining.DOCUMENT)
        ledger = document_key(joining.DOCUMENT)
        kept = None
        if ledger in rows:
            kept = encoding.decode_document(rows[ledger])
        joined = joining.join(known, kept) if was_there else joining.LOST
        if joined is not None:
            rows[ledger] = encoding.encode_document(joined)
        store.replace_all(rows)
    words = f"{len(rows)} entries are restored from {file}."
    if not was_there:
        words += (
            " There was no store to tell what has been called since the backup, so every call "
            "counts as taken."
        )
    return words


def _rows_of(file: Path) -> dict[str, bytes]:
    if not file.is_file():
        raise StoreError(f"There is no file {file}.")
    with _as_no_backup(file), readonly.opened(file) as source:
        _raise_if_broken(source)
        found = salvage.good_rows(source)
    rows = {key: value for key, value in found.items() if not key.startswith(LEASES)}
    if not rows:
        raise StoreError(f"{file} is no backup of a store, or an empty one.")
    return rows


@contextmanager
def _as_no_backup(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as fault:
        raise StoreError(f"{file} is no backup of a store, or a damaged one: {fault}.") from fault


def _raise_if_broken(connection: sqlite3.Connection) -> None:
    answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if answer != "ok":
        raise sqlite3.DatabaseError(answer)
