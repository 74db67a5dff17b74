"""The reading half of the store on disk: rows of diskcache's table as the values of keys.

Knows SQL and how a row is unpacked; whoever has a database lends it `_rows`. Never writes, and
never asks how the database was opened.
"""

from __future__ import annotations

import re
import sqlite3
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import diskcache

from stocktracker.disk import unpack
from stocktracker.errors import StoreError
from stocktracker.stored import StoredEntries

SELECT = "SELECT key, mode, filename, value FROM Cache WHERE raw = 1 AND key IN"
REVISION = "revision"
# What such a build says of diskcache's triggers.
WITHOUT_DQS = re.compile(r"no such column: \"?(size|count)\b")


class SqliteRows(StoredEntries):
    """What is read of a database. Every method may raise StoreError."""

    @abstractmethod
    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows that a SELECT finds. Raises StoreError."""

    def revision(self) -> int:
        content = self.load_document(REVISION)
        return 0 if content is None else int(content["number"])

    def _values(self, keys: Sequence[str]) -> Mapping[str, Any]:
        marks = ",".join("?" * len(keys))
        rows = self._rows(f"{SELECT} ({marks})", keys)
        return {key: row for key, *row in rows if type(key) is str}

    def _keys(self, prefix: str) -> list[str]:
        rows = self._rows(
            "SELECT key FROM Cache WHERE raw = 1 AND key >= ? AND key < ? ORDER BY key",
            (prefix, prefix + "\U0010ffff"),
        )
        return [key for (key,) in rows if type(key) is str]

    def _bytes(self, kept: Any) -> bytes:
        return unpack(*kept)


@contextmanager
def as_store_errors(what: str) -> Iterator[None]:
    """What goes wrong in here is a StoreError that says `what`, and why."""
    try:
        yield
    except diskcache.Timeout as fault:
        raise StoreError(f"{what}: another process is writing.") from fault
    except sqlite3.Error as fault:
        words = str(fault)
        if isinstance(fault, sqlite3.OperationalError) and WITHOUT_DQS.match(words):
            words = (
                "this SQLite takes no texts in double quotes (SQLITE_DQS=0), which diskcache "
                "needs; use a Python with another build of SQLite"
            )
        raise StoreError(f"{what}: {words}.") from fault
