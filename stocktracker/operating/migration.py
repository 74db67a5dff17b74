"""A store moved into another one: from a folder to Redis, and back. The first one stays as it is.

Every entry goes over byte for byte, the budget's ledger in the other's terms, and no call is given
back: what the target knows of calls counts besides. What belongs to running processes stays behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from stocktracker.cache import open_store
from stocktracker.clock import Clock
from stocktracker.errors import StoreError
from stocktracker.fleet.url import StoreUrl
from stocktracker.folder import DATABASE
from stocktracker.plans import Limit
from stocktracker.polling import joining
from stocktracker.polling.budget import Budget
from stocktracker.polling.ledger import Ledger
from stocktracker.store import Store
from stocktracker.stored import document_key

RUNNING = "A server runs on {}. Stop it, and move the store then."
FULL = "{} is not empty: {} entries are in it. Name another one, or empty it."
# What is another thing in each store, or of processes that run.
STAYS = tuple(map(document_key, ("wants:", joining.DOCUMENT, "revision", "probe", "poll")))
AT_ONCE = 8 << 20  # bytes that are written together
AS_MANY = 500

Place = tuple[Path, StoreUrl | None]


@dataclass(frozen=True, slots=True)
class End:
    """One of the two stores, and what differs by its kind."""

    name: str
    store: Store
    entries: Callable[[], Iterator[tuple[str, bytes]]]
    put: Callable[[Mapping[str, bytes | None]], None]
    load_ledger: Callable[[], Ledger]
    join_ledger: Callable[[Ledger], None]


def migrate(
    source: Place, target: Place, folder: str, limits: Sequence[Limit], clock: Clock
) -> str:
    """Copy everything; what was done, in words. Raises StoreError, and has moved nothing then.

    `folder` names the source of the prices: each has a store of its own.
    """
    if source[1] is None and not (source[0] / folder / DATABASE).exists():
        raise StoreError(f"There is no store in {source[0] / folder}.")
    with ExitStack() as opened:
        ends = [_open(place, folder, limits, clock, opened) for place in (source, target)]
        for end in ends:
            if not end.store.lead():
                raise StoreError(RUNNING.format(end.name))
        here, there = ends
        full = sum(1 for key, _ in there.entries() if not key.startswith(STAYS))
        if full:
            raise StoreError(FULL.format(there.name, full))
        try:
            marks = _copy(here, there)
        except StoreError:
            there.put({key: None for key, _ in there.entries() if not key.startswith(STAYS)})
            raise
        ledger = here.load_ledger()
        there.join_ledger(ledger)
        if _marks_of(there) != marks:
            raise StoreError(f"{there.name} does not give back what was written.")
        known = there.load_ledger()
    if len(known.taken) < len(ledger.taken):
        raise StoreError(f"{there.name} does not give back the budget's ledger.")
    return (
        f"{len(marks)} entries and {len(ledger.taken)} calls of the budget's ledger are in "
        f"{there.name}. {here.name} is as it was."
    )


def _copy(here: End, there: End) -> dict[str, bytes]:
    """Write all of it, some at a time; a mark of each entry by its key."""
    marks: dict[str, bytes] = {}
    waiting: dict[str, bytes | None] = {}
    size = 0
    for key, value in here.entries():
        if key.startswith(STAYS):
            continue
        marks[key], waiting[key] = hashlib.sha256(value).digest(), value
        size += len(value)
        if size > AT_ONCE or len(waiting) >= AS_MANY:
            _put(here, there, waiting)
            waiting, size = {}, 0
    _put(here, there, waiting)
    return marks


def _put(here: End, there: End, entries: Mapping[str, bytes | None]) -> None:
    for end in (here, there):  # a lease has to be renewed
        if not end.store.lead():
            raise StoreError(RUNNING.format(end.name))
    there.put(entries)


def _marks_of(end: End) -> dict[str, bytes]:
    return {
        key: hashlib.sha256(value).digest()
        for key, value in end.entries()
        if not key.startswith(STAYS)
    }


def _open(
    place: Place, folder: str, limits: Sequence[Limit], clock: Clock, opened: ExitStack
) -> End:
    path, url = place
    if url is not None:
        return _open_redis(url, folder, limits, clock, opened)
    store = opened.enter_context(closing(open_store(path / folder)))
    if store.read_only is not None:
        raise StoreError(store.read_only)
    budget = Budget(store, limits, clock)

    def join(ledger: Ledger) -> None:
        with store.transaction():
            known = store.load_document(joining.DOCUMENT)
            joined = joining.join(known, budget.to_document(ledger))
            store.save_document(joining.DOCUMENT, joined or joining.LOST)

    return End(
        str(path / folder),
        store,
        store.entries,
        store.add_entries,
        budget.load_ledger,
        join,
    )


def _open_redis(
    url: StoreUrl, folder: str, limits: Sequence[Limit], clock: Clock, opened: ExitStack
) -> End:
    from stocktracker.fleet.membership import join_fleet  # noqa: PLC0415 only where it is used

    member = join_fleet(url, folder, limits, clock)
    store, budget = opened.enter_context(closing(member.store)), member.budget
    store.tend()

    def join(ledger: Ledger) -> None:
        calls = {
            f"moved:{store.fleet.there(timedelta(seconds=up))}:{number}": up
            for number, up in enumerate(ledger.taken)
        }
        budget.join(calls, ledger.closure)

    return End(
        f"Redis at {url}",
        store,
        store.entries,
        store.add_entries,
        budget.load_ledger,
        join,
    )
