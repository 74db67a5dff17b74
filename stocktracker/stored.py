"""The reading half of the store: rows of the database as records and documents.

Knows the keys and how a row is decoded; whoever has a database lends it `_rows`. Never writes, and
never asks how the database was opened.
"""

from __future__ import annotations

import logging
import re
import sqlite3
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import diskcache

from stocktracker import encoding
from stocktracker.disk import unpack
from stocktracker.errors import StoreError
from stocktracker.model import Attempt, Data, Feed, Outcome, Quote, Record, Ticker, Want

log = logging.getLogger(__name__)

SCHEMA = "v1"  # part of every key, so that another shape is not found rather than misread
AT_ONCE = 5000  # wants that one statement looks up
# A quote that came within this time of being asked for tells by itself when it was last tried.
IMPLIED = timedelta(seconds=5)
DECODERS = {"data": encoding.decode_data, "attempt": encoding.decode_attempt}
SELECT = "SELECT key, mode, filename, value FROM Cache WHERE raw = 1 AND key IN"
# What such a build says of diskcache's triggers.
WITHOUT_DQS = re.compile(r"no such column: \"?(size|count)\b")
# What a foreign or damaged entry can make of decoding it.
UNREADABLE = (ValueError, KeyError, TypeError, OverflowError, RecursionError, zlib.error)


class StoredRows(ABC):
    """What is read of a store. Every method may raise StoreError."""

    def __init__(self) -> None:
        self._complained: set[str] = set()

    @abstractmethod
    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows that a SELECT finds. Raises StoreError."""

    def load(self, feed: Feed, ticker: Ticker) -> Record | None:
        data = self._read(data_key(feed, ticker), encoding.decode_data)
        attempt = self._read(attempt_key(feed, ticker), encoding.decode_attempt)
        return _record(feed, ticker, data, attempt)

    def load_many(self, wants: Iterable[Want]) -> list[Record]:
        wants = list(wants)
        found: dict[str, Any] = {}
        for start in range(0, len(wants), AT_ONCE):
            keys = [key for want in wants[start : start + AT_ONCE] for key in _keys_of(want)]
            marks = ",".join("?" * len(keys))
            for key, *row in self._rows(f"{SELECT} ({marks})", keys):
                if type(key) is str:
                    found[key] = self._decoded(key, DECODERS[key.split(":", 2)[1]], *row)
        records = (
            _record(want.feed, want.ticker, *(found.get(key) for key in _keys_of(want)))
            for want in wants
        )
        return [record for record in records if record is not None]

    def load_all(self, feed: Feed) -> list[Record]:
        prefix = data_key(feed, Ticker(""))
        return self.load_many(
            Want(feed, Ticker(key.removeprefix(prefix))) for key in self._keys(prefix)
        )

    def load_document(self, name: str) -> dict[str, Any] | None:
        content: dict[str, Any] | None = self._read(document_key(name), encoding.decode_document)
        return content

    def load_documents(self, prefix: str) -> dict[str, dict[str, Any]]:
        found = {}
        for key in self._keys(document_key(prefix)):
            content = self._read(key, encoding.decode_document)
            if content is not None:
                found[key.removeprefix(document_key(""))] = content
        return found

    def revision(self) -> int:
        content = self.load_document("revision")
        return 0 if content is None else int(content["number"])

    def _keys(self, prefix: str) -> list[str]:
        """Our keys with that prefix, in order."""
        rows = self._rows(
            "SELECT key FROM Cache WHERE raw = 1 AND key >= ? AND key < ? ORDER BY key",
            (prefix, prefix + "\U0010ffff"),
        )
        return [key for (key,) in rows if type(key) is str]

    def _read(self, key: str, decode: Callable[[bytes], Any]) -> Any:
        """The decoded entry; None where there is none, and where it cannot be read."""
        for _, *row in self._rows(f"{SELECT} (?)", (key,)):
            return self._decoded(key, decode, *row)
        return None

    def _decoded(
        self,
        key: str,
        decode: Callable[[bytes], Any],
        mode: object,
        filename: object,
        value: object,
    ) -> Any:
        """What a row holds; None where that cannot be read."""
        try:
            return decode(unpack(mode, filename, value))
        except UNREADABLE as fault:
            if key not in self._complained:
                self._complained.add(key)
                log.warning("store entry %s cannot be read: %s", key, type(fault).__name__)
            return None


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


def is_implied(attempt: Attempt, data: Data | None) -> bool:
    """Whether the attempt says no more than the quote that it brought just now."""
    return (
        isinstance(data, Quote)
        and attempt.failures == 0
        and attempt.outcome is not Outcome.FAILED
        and timedelta(0) <= attempt.at - data.fetched_at < IMPLIED
    )


def data_key(feed: Feed, ticker: Ticker) -> str:
    return f"{SCHEMA}:data:{feed.value}:{ticker}"


def attempt_key(feed: Feed, ticker: Ticker) -> str:
    return f"{SCHEMA}:attempt:{feed.value}:{ticker}"


def document_key(name: str) -> str:
    return f"{SCHEMA}:document:{name}"


def _keys_of(want: Want) -> tuple[str, str]:
    return data_key(want.feed, want.ticker), attempt_key(want.feed, want.ticker)


def _record(
    feed: Feed, ticker: Ticker, data: Data | None, attempt: Attempt | None
) -> Record | None:
    if attempt is None and isinstance(data, Quote):
        attempt = Attempt(data.fetched_at, Outcome.NEW)
    return None if data is None and attempt is None else Record(feed, ticker, data, attempt)
