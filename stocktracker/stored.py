"""The reading half of every store: values under keys as records and documents.

Knows the keys and how a value is decoded; whoever keeps them lends it the values of keys, and the
keys of a prefix. Never writes, and never asks where they are kept.
"""

from __future__ import annotations

import logging
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from stocktracker import encoding
from stocktracker.model import Attempt, Data, Feed, Outcome, Quote, Record, Ticker, Want

log = logging.getLogger(__name__)

SCHEMA = "v1"  # part of every key, so that another shape is not found rather than misread
AT_ONCE = 5000  # wants that are looked up together
FEW = 50  # entries of any size that are in memory together
# A quote that came within this time of being asked for tells by itself when it was last tried.
IMPLIED = timedelta(seconds=5)
DECODERS = {"data": encoding.decode_data, "attempt": encoding.decode_attempt}
# What a foreign or damaged entry can make of decoding it.
UNREADABLE = (ValueError, KeyError, TypeError, OverflowError, RecursionError, zlib.error)


class StoredEntries(ABC):
    """What is read of a store. Every method may raise StoreError."""

    def __init__(self) -> None:
        self._complained: set[str] = set()

    @abstractmethod
    def _values(self, keys: Sequence[str]) -> Mapping[str, Any]:
        """What is kept under those of these keys that are there. Raises StoreError."""

    @abstractmethod
    def _keys(self, prefix: str) -> list[str]:
        """Our keys with that prefix, in order. Raises StoreError."""

    @abstractmethod
    def _bytes(self, kept: Any) -> bytes:
        """The bytes of one of `_values`. Raises ValueError or zlib.error where it is not ours."""

    def load(self, feed: Feed, ticker: Ticker) -> Record | None:
        return next(iter(self.load_many([Want(feed, ticker)])), None)

    def load_many(self, wants: Iterable[Want]) -> list[Record]:
        wants = list(wants)
        found: dict[str, Any] = {}
        for start in range(0, len(wants), AT_ONCE):
            keys = [key for want in wants[start : start + AT_ONCE] for key in _keys_of(want)]
            for key, kept in self._values(keys).items():
                found[key] = self._decoded(key, DECODERS[key.split(":", 2)[1]], kept)
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
        key = document_key(name)
        for kept in self._values([key]).values():
            content: dict[str, Any] | None = self._decoded(key, encoding.decode_document, kept)
            return content
        return None

    def load_documents(self, prefix: str) -> dict[str, dict[str, Any]]:
        keys = self._keys(document_key(prefix))
        values = self._values(keys) if keys else {}
        found = {}
        for key in keys:
            if key in values:
                content = self._decoded(key, encoding.decode_document, values[key])
                if content is not None:
                    found[key.removeprefix(document_key(""))] = content
        return found

    def entries(self) -> Iterator[tuple[str, bytes]]:
        """Everything that is kept, by its keys, as bytes. What is not ours is passed over."""
        keys = self._all_keys()
        for start in range(0, len(keys), FEW):
            for key, kept in self._values(keys[start : start + FEW]).items():
                with suppress(*UNREADABLE):
                    yield key, self._bytes(kept)

    def _all_keys(self) -> list[str]:
        return self._keys(f"{SCHEMA}:")

    def _decoded(self, key: str, decode: Callable[[bytes], Any], kept: Any) -> Any:
        """What is kept under a key; None where that cannot be read."""
        try:
            return decode(self._bytes(kept))
        except UNREADABLE as fault:
            if key not in self._complained:
                self._complained.add(key)
                log.warning("store entry %s cannot be read: %s", key, type(fault).__name__)
            return None


def entries_of(records: Iterable[Record]) -> tuple[dict[str, bytes], list[str]]:
    """What is to be kept of these, by its keys; and the keys of attempts that go without saying."""
    kept: dict[str, bytes] = {}
    implied: list[str] = []
    for record in records:
        if record.data is not None:
            kept[data_key(record.feed, record.ticker)] = encoding.encode_data(record.data)
        if record.attempt is not None:
            key = attempt_key(record.feed, record.ticker)
            if is_implied(record.attempt, record.data):
                implied.append(key)
            else:
                kept[key] = encoding.encode_attempt(record.attempt)
    return kept, implied


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
