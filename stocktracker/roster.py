"""The wants of every process that shares the store, added up.

Each process publishes the sum of its own viewers' wants as one entry, so that whichever of them
polls knows what the others' viewers look at. An entry that is not renewed lapses, as its process
has gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from stocktracker.clock import Clock
from stocktracker.model import LISTING_WANT, Feed, Want
from stocktracker.wants import Wanted, Wants

PREFIX = "wants:"
RENEW = timedelta(seconds=30)
LAPSE = timedelta(seconds=90)
LOOK = timedelta(seconds=1)


class Documents(Protocol):
    def load_documents(self, prefix: str) -> dict[str, dict[str, Any]]: ...
    def save_document(self, name: str, content: dict[str, Any]) -> None: ...
    def drop_document(self, name: str) -> None: ...


class Roster:
    """Used by the poller's thread only; `wants` is what its viewers write."""

    def __init__(self, wants: Wants, store: Documents, clock: Clock, who: str) -> None:
        self._wants = wants
        self._store = store
        self._clock = clock
        self._name = PREFIX + who
        self._shared: list[list[Any]] | None = None
        self._shared_at = -LAPSE
        self._looked_at = -LAPSE
        self._others: dict[Want, Wanted] = {}
        self._seen: set[Want] = set()
        self._union: Mapping[Want, Wanted] = {}

    def union(self) -> Mapping[Want, Wanted]:
        """What anybody looks at, in any process."""
        total = dict(self._wants.union())
        for want, theirs in self._others.items():
            ours = total.get(want)
            total[want] = theirs if ours is None else _added(ours, theirs)
        daily = {Want(Feed.DAILY, want.ticker) for want in total}
        self._seen &= {*total, *daily, LISTING_WANT}
        self._union = total
        return total

    def known(self) -> Iterable[Want]:
        """The wants as of the last look."""
        return self._union

    def unseen(self, wants: Iterable[Want]) -> list[Want]:
        """Those not seen while they were wanted: each is looked up in the store once."""
        return [want for want in wants if want not in self._seen]

    def saw(self, wants: Iterable[Want]) -> None:
        """These have been looked up, with success; one that could not be read is not seen yet."""
        self._seen.update(wants)

    def share(self, now: datetime) -> None:
        """Tell the others what is wanted here, and hear what they want. Raises StoreError."""
        uptime = self._clock.uptime()
        if uptime.elapsed - self._looked_at < LOOK:
            return
        self._looked_at = uptime.elapsed
        ours = sorted(
            [want.feed.value, want.ticker, wanted.viewers]
            for want, wanted in self._wants.union().items()
        )
        if ours != self._shared or (ours and uptime.elapsed - self._shared_at >= RENEW):
            self._shared, self._shared_at = ours, uptime.elapsed
            content = {
                "boot": uptime.boot,
                "up": uptime.elapsed.total_seconds(),
                "wants": ours,
            }
            if ours:
                self._store.save_document(self._name, content)
            else:
                self._store.drop_document(self._name)
        self._hear(now)

    def leave(self) -> None:
        """This process ends, and its viewers with it."""
        self._store.drop_document(self._name)

    def _hear(self, now: datetime) -> None:
        uptime = self._clock.uptime()
        heard: dict[Want, Wanted] = {}
        for name, content in self._store.load_documents(PREFIX).items():
            if name == self._name:
                continue
            try:
                age = uptime.elapsed - timedelta(seconds=content["up"])
                if content["boot"] != uptime.boot or age >= LAPSE:
                    self._store.drop_document(name)
                    continue
                said = [(Want(Feed(feed), ticker), int(n)) for feed, ticker, n in content["wants"]]
            except (KeyError, TypeError, ValueError):
                continue  # of another version of this program, which may want other feeds
            for want, viewers in said:
                before = self._others.get(want)
                theirs = Wanted(viewers, before.since if before else now)
                known = heard.get(want)
                heard[want] = theirs if known is None else _added(known, theirs)
        self._others = heard


def _added(one: Wanted, other: Wanted) -> Wanted:
    return Wanted(one.viewers + other.viewers, min(one.since, other.since))
