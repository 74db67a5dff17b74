"""What can still be read of a damaged database: its good rows, one by one.

Reads and never writes: the damaged file stays as it was. Each value has a checksum of its own
(zlib's), so that a row is either whole or passed over.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stocktracker.disk import unpack
from stocktracker.stored import SCHEMA

PAGE = 4096
HEADER = 100
MOST = 512 << 20  # a database that is looked at in memory
MOST_ROWS = 200_000  # looked for where nothing says how many there are
MOST_FAILURES = 20_000  # so that a start takes no longer than a second or two, whatever is broken
ROWS = "SELECT key, raw, mode, filename, value FROM Cache WHERE rowid BETWEEN ? AND ?"


@dataclass(frozen=True, slots=True)
class Salvaged:
    """The good rows by their keys. `newest`: none of them was left in a journal unread."""

    rows: dict[str, bytes]
    newest: bool


def read_rows(damaged: Path, sound: Path) -> Salvaged:
    """What is good of `damaged`. `sound` is a whole database of the same shape.

    Where the head of the file is broken, that of the sound one stands in for it; the journal,
    which belongs to the head, is then not read.
    """
    found = _read_file(damaged)
    if found:
        return Salvaged(found, newest=True)
    try:
        content, whole = damaged.read_bytes(), sound.read_bytes()
    except OSError:
        return Salvaged({}, newest=False)
    if PAGE < len(content) <= MOST and len(whole) >= PAGE:
        for kept in (HEADER, PAGE):  # as little as possible of the stand-in
            found = _read_bytes(_with_head(whole[:kept], content))
            if found:
                break
    journal = damaged.with_name(f"{damaged.name}-wal")
    return Salvaged(found, newest=not (journal.exists() and journal.stat().st_size))


def _with_head(head: bytes, content: bytes) -> bytes:
    patched = bytearray(content[: len(content) // PAGE * PAGE])
    patched[: len(head)] = head
    patched[18:20] = b"\x01\x01"  # no journal beside it: there is none in memory
    patched[28:32] = (len(patched) // PAGE).to_bytes(4, "big")
    patched[92:96] = patched[24:28]  # the page count above is valid
    patched[32:40] = bytes(8)  # no list of free pages
    return bytes(patched)


def _read_file(path: Path) -> dict[str, bytes]:
    """With its journal, as it stands."""
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
            return good_rows(connection)
    except sqlite3.Error:
        return {}


def _read_bytes(content: bytes) -> dict[str, bytes]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        try:
            connection.deserialize(content)
            return good_rows(connection)
        except sqlite3.Error:
            return {}


def good_rows(connection: sqlite3.Connection) -> dict[str, bytes]:
    """Our rows that are whole, unpacked, by their keys. Raises sqlite3.Error."""
    connection.execute("PRAGMA writable_schema = ON")  # which forgives a file that is cut short
    found = {}
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    for key, raw, mode, filename, value in _each(connection, 1, _last(connection)):
        if raw == 1 and type(key) is str and key.startswith(f"{SCHEMA}:"):
            with suppress(ValueError, zlib.error):
                found[key] = unpack(mode, filename, value)
    return found


def _last(connection: sqlite3.Connection) -> int:
    """The greatest number of a row, as far as it can be found out."""
    known = []
    for question in ("SELECT max(rowid) FROM Cache", "SELECT max(rowid) FROM Cache NOT INDEXED"):
        with suppress(sqlite3.DatabaseError):
            known.append(connection.execute(question).fetchone()[0])
    return max((last for last in known if type(last) is int), default=MOST_ROWS)


def _each(connection: sqlite3.Connection, first: int, last: int) -> Iterator[Any]:
    """The rows of a range; where it cannot be read as a whole, those of its halves."""
    waiting, failures = [(first, last)], 0
    while waiting and failures < MOST_FAILURES:
        low, high = waiting.pop()
        try:
            yield from connection.execute(ROWS, (low, high)).fetchall()
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            failures += 1
            if low < high:
                middle = (low + high) // 2
                waiting += [(middle + 1, high), (low, middle)]
