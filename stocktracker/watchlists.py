"""Named watchlists: what they are and how they change.

The server keeps them for all its viewers. Everything here is pure: a verb takes the watchlists and
returns new ones, or raises BadWatchlist with words for people and leaves all as it was. Never reads
or writes the store, and never asks whether a ticker exists.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from stocktracker.errors import BadTicker, StocktrackerError
from stocktracker.model import Ticker

LONGEST_NAME = 40
MOST_LISTS = 100
DOCUMENT = "watchlists"  # the name under which the store keeps them


class BadWatchlist(StocktrackerError):
    """A change that cannot be made, or text that cannot be read. Nothing was changed.

    `words` may name what was typed: it is without control characters, and is escaped like any text
    from outside before it is shown as Markdown.
    """

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True, slots=True)
class Watchlist:
    """Tickers under a name, each once, in the order in which they are shown."""

    name: str
    tickers: tuple[Ticker, ...]


@dataclass(frozen=True, slots=True)
class Watchlists:
    """Every watchlist, in the order of their making.

    `default` names the one that a visitor without a link sees, None where there is none.
    `revision` grows with each change.
    """

    lists: tuple[Watchlist, ...] = ()
    default: str | None = None
    revision: int = 0

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.lists]

    @property
    def default_tickers(self) -> tuple[Ticker, ...]:
        """The default's tickers; empty where there is no default."""
        found = self.find(self.default) if self.default is not None else None
        return found.tickers if found else ()

    def find(self, name: str) -> Watchlist | None:
        """The one of that name, in whatever case it is written."""
        return next((each for each in self.lists if _same(each.name, name)), None)


def create(
    held: Watchlists, name: str, tickers: Sequence[Ticker], *, max_tickers: int
) -> Watchlists:
    """One more, at the end."""
    fresh = Watchlist(_free_name(held, name), _checked(tickers, max_tickers))
    if len(held.lists) >= MOST_LISTS:
        raise BadWatchlist(f"There are {MOST_LISTS} watchlists already. Delete one first.")
    return _changed(held, (*held.lists, fresh), held.default)


def rename(held: Watchlists, name: str, new_name: str) -> Watchlists:
    """The same tickers under another name; the default stays the default."""
    old = _existing(held, name)
    fresh = replace(old, name=_free_name(held, new_name, but=old))
    default = fresh.name if held.default == old.name else held.default
    return _changed(held, _put(held, old, fresh), default)


def delete(held: Watchlists, name: str) -> Watchlists:
    """Without it; where it was the default, there is none afterwards."""
    old = _existing(held, name)
    default = None if held.default == old.name else held.default
    return _changed(held, tuple(each for each in held.lists if each is not old), default)


def replace_tickers(
    held: Watchlists, name: str, tickers: Sequence[Ticker], *, max_tickers: int
) -> Watchlists:
    """The same name over other tickers."""
    old = _existing(held, name)
    fresh = replace(old, tickers=_checked(tickers, max_tickers))
    return _changed(held, _put(held, old, fresh), held.default)


def set_default(held: Watchlists, name: str | None) -> Watchlists:
    """What a visitor without a link sees from now on; None for no default."""
    return _changed(held, held.lists, None if name is None else _existing(held, name).name)


def clean_name(name: str) -> str:
    """On one line, composed (NFC), without control, invisible and direction-turning characters.

    Raises BadWatchlist where nothing is left, or more than LONGEST_NAME characters are.
    """
    clean = plain(unicodedata.normalize("NFC", name))
    if not clean:
        raise BadWatchlist("A watchlist needs a name.")
    if len(clean) > LONGEST_NAME:
        raise BadWatchlist(f"A watchlist's name has at most {LONGEST_NAME} characters.")
    return clean


def plain(text: str) -> str:
    """On one line, without the characters that cannot be seen."""
    return " ".join("".join(_visible(character) for character in text).split())


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "" if category[0] == "C" else character


def _same(one: str, other: str) -> bool:
    """Whether people would take two names for the same: compatible forms, whatever the case."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _free_name(held: Watchlists, name: str, but: Watchlist | None = None) -> str:
    clean = clean_name(name)
    taken = held.find(clean)
    if taken is not None and taken is not but:
        raise BadWatchlist(f"There is already a watchlist “{taken.name}”.")
    return clean


def _existing(held: Watchlists, name: str) -> Watchlist:
    found = held.find(name)
    if found is None:
        raise BadWatchlist(
            "This watchlist is gone: somebody else has renamed or deleted it meanwhile."
        )
    return found


def _checked(tickers: Sequence[Ticker], most: int) -> tuple[Ticker, ...]:
    unique = tuple(dict.fromkeys(tickers))
    if not unique:
        raise BadWatchlist("A watchlist needs at least one ticker.")
    if len(unique) > most:
        raise BadWatchlist(f"These are {len(unique):,} tickers; a watchlist has at most {most}.")
    return unique


def _put(held: Watchlists, old: Watchlist, fresh: Watchlist) -> tuple[Watchlist, ...]:
    return tuple(fresh if each is old else each for each in held.lists)


def _changed(held: Watchlists, lists: tuple[Watchlist, ...], default: str | None) -> Watchlists:
    return Watchlists(lists, default, held.revision + 1)


# --- in the store ---------------------------------------------------------------------------


def to_document(held: Watchlists) -> dict[str, Any]:
    """What the store keeps, as JSON takes it."""
    return {
        "lists": [{"name": each.name, "tickers": list(each.tickers)} for each in held.lists],
        "default": held.default,
        "revision": held.revision,
    }


def from_document(document: object) -> Watchlists:
    """The watchlists of a stored document, none where there is none.

    A document may be damaged or of another version: a watchlist that cannot be read is left out,
    and the others stay.
    """
    if not isinstance(document, dict):
        return Watchlists()
    rows, revision = document.get("lists"), document.get("revision")
    held = Watchlists(revision=revision if type(revision) is int and revision > 0 else 0)
    for row in rows if isinstance(rows, list) else []:
        found = _read_list(row)
        if found is not None and held.find(found.name) is None and len(held.lists) < MOST_LISTS:
            held = replace(held, lists=(*held.lists, found))
    default = document.get("default")
    known = held.find(default) if isinstance(default, str) else None
    return replace(held, default=known.name if known else None)


def _read_list(row: object) -> Watchlist | None:
    if not isinstance(row, dict) or not isinstance(row.get("name"), str):
        return None
    tickers = row.get("tickers")
    try:
        name = clean_name(row["name"])
        if not isinstance(tickers, list) or not tickers:
            return None
        # Listed spellings are odder than typed ones, and the listing is not at hand here.
        read = tuple(dict.fromkeys(_read_ticker(each) for each in tickers))
    except (BadWatchlist, BadTicker):
        return None
    return Watchlist(name, read)


STORED_TICKER = re.compile(r"[ -~]{1,40}")


def _read_ticker(text: object) -> Ticker:
    if not isinstance(text, str) or STORED_TICKER.fullmatch(text) is None:
        raise BadTicker(str(text))
    return Ticker(text)
