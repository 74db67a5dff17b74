"""Reading a store that cannot be written: on a disk that is full, or read-only.

SQLite reads through the memory that it shares with writers, where that is there or can be made;
where it cannot, nobody can be writing either, and the file is read as one that never changes.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stocktracker.errors import StoreError

# SQLite's result codes of a disk that takes no writes, without their extensions.
UNWRITABLE = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
)
MODES = ("mode=ro", "mode=ro&immutable=1")


def rows(database: Path, statement: str, values: Sequence[Any] = ()) -> list[Any]:
    """All rows of a SELECT, over a connection of its own. Raises sqlite3.Error."""
    with opened(database) as connection:
        return connection.execute(statement, values).fetchall()


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection that writes nothing. Raises sqlite3.Error."""
    with closing(_connect(database)) as connection:
        yield connection


def _connect(database: Path) -> sqlite3.Connection:
    *usual, last = MODES
    for mode in usual:
        connection = _connection(database, mode)
        try:
            connection.execute("SELECT 1 FROM Cache LIMIT 1").fetchone()
        except sqlite3.OperationalError as fault:
            connection.close()
            if fault.sqlite_errorcode & 0xFF not in UNWRITABLE:
                raise
        except sqlite3.Error:
            connection.close()
            raise
        else:
            return connection
    return _connection(database, last)


def _connection(database: Path, mode: str) -> sqlite3.Connection:
    address = f"file:{quote(str(database))}?{mode}"
    return sqlite3.connect(address, uri=True, isolation_level=None)


def why_unwritable(fault: StoreError, folder: Path) -> str | None:
    """In words, why the store in there takes no writes; None where that is not what is wrong."""
    cause = fault.__cause__
    if not isinstance(cause, sqlite3.OperationalError):
        return None
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None or code & 0xFF not in UNWRITABLE:
        return None
    return f"The store is read-only, as {_reason(code & 0xFF, folder)}. It shows what it has."


def _reason(code: int, folder: Path) -> str:
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return "its disk is mounted read-only"
    if code == sqlite3.SQLITE_FULL or os.statvfs(folder).f_bavail == 0:
        return "its disk is full"
    shared = folder / "cache.db-shm"
    if shared.exists() and not _opens(shared):
        return f"{shared.name}, the memory that SQLite shares, cannot be opened for writing"
    if code == sqlite3.SQLITE_READONLY:
        return "its database may not be written"
    return "SQLite cannot open or write its files"


def _opens(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError as fault:
        return fault.errno == errno.EINTR
    return True
