"""Keeps diskcache to plain bytes inside SQLite.

No object serialisation that could run code, no value files that a kill could lose. Knows nothing of
what the bytes mean.
"""

from __future__ import annotations

import sqlite3
import zlib
from typing import Any

import diskcache

BIGGEST = 64 << 20


class BytesDisk(diskcache.Disk):  # type: ignore[misc]
    """Rows are text keys and bytes inside the database; any other row is refused on reading."""

    def __init__(self, directory: str, **_ignored: Any) -> None:
        super().__init__(directory, min_file_size=BIGGEST * 2)

    def put(self, key: object) -> tuple[str, bool]:
        if type(key) is not str:
            raise TypeError("keys are text")
        return key, True

    def get(self, key: object, raw: bool) -> str:
        if not raw or type(key) is not str:
            raise ValueError("a key that is not ours")
        return key

    def store(self, value: object, read: bool, key: object = None) -> Any:  # noqa: ARG002
        if read or type(value) is not bytes:
            raise TypeError("values are bytes")
        return 0, diskcache.core.MODE_RAW, None, sqlite3.Binary(zlib.compress(value, 1))

    def fetch(self, mode: int, filename: object, value: object, read: bool) -> bytes:
        if read:
            raise ValueError("a row that is not ours")
        return unpack(mode, filename, value)

    def remove(self, file_path: object) -> None:
        """No row of ours has a file, so there is none to remove, whatever a row says."""


def unpack(mode: object, filename: object, value: object) -> bytes:
    """What a row holds. Raises ValueError or zlib.error where it is not ours, too big, or torn."""
    if mode != diskcache.core.MODE_RAW or filename is not None or type(value) is not bytes:
        raise ValueError("a row that is not ours")
    inflater = zlib.decompressobj()
    content = inflater.decompress(value, BIGGEST)
    if inflater.unconsumed_tail or not inflater.eof:
        raise ValueError("too big or torn")
    return content
