"""The wants of every process that shares the store, added up.

Each process publishes the sum of its own viewers' wants as one entry, so that whichever of them
polls knows what the others' viewers look at. An entry that is not renewed lapses, as its process
has gone. What the operator wants is no viewer's: the process that polls adds it from its own
settings. Ages are told by a clock that all processes have in common.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from operator import is_
from typing import Any, Protocol

from stocktracker.clock import Clock
from stocktracker.config import Watch
from stocktracker.model import LISTING_WANT, Feed, Listing, Ticker, Want
from stocktracker.polling.wants import Standing, Wanted, Wants, marks

PREFIX = "wants:"
RENEW = timedelta(seconds=15)
LAPSE = timedelta(seconds=50)  # so that a dead process is forgotten within a minute
LOOK = timedelta(seconds=1)


class Documents(Protocol):
    def load_documents(self, prefix: str) -> dict[str, dict[str, Any]]: ...
    def save_document(self, name: str, content: dict[str, Any]) -> None: ...
    def drop_document(self, name: str) -> None: ...


class Roster:
    """Used by the poller's thread only; `wants` is what its viewers write."""

    def __init__(
        self,
        wants: Wants,
        store: Documents,
        clock: Clock,
        who: str,
        standing: Standing | None = None,
        *,
        common: Clock | None = None,
    ) -> None:
        """`common` is the clock that all processes have, where that is not this machine's."""
        self._wants = wants
        self._standing = standing or Standing(Watch(), clock)
        self._store = store
        self._clock = clock
        self._common = common or clock
        self._name = PREFIX + who
        self._told: Mapping[Want, Wanted] | None = None
        self._ours: list[list[Any]] = []
        self._shared: list[list[Any]] | None = None
        self._shared_at = -LAPSE
        self._looked_at = -LAPSE
        self._others: dict[Want, Wanted] = {}
        self._seen: set[Want] = set()
        self._standing_wants: Mapping[Want, Wanted] | None = None
        self._operators: set[Ticker] = set()
        self._parts: tuple[Mapping[Want, Wanted], ...] = ()
        self._union: Mapping[Want, Wanted] = {}

    def union(self, listing: Listing | None = None) -> Mapping[Want, Wanted]:
        """What anybody looks at, in any process, and what the operator wants besides.

        The same object as long as that is the same.
        """
        parts = (self._standing.wants(listing), self._wants.union(), self._others)
        if len(self._parts) == len(parts) and all(map(is_, parts, self._parts)):
            return self._union
        total = dict(parts[0])
        for part in parts[1:]:
            for want, theirs in part.items():
                ours = total.get(want)
                total[want] = theirs if ours is None else _added(ours, theirs)
        looked_up = {
            Want(feed, want.ticker) for want in total for feed in (Feed.DAILY, Feed.SPLITS)
        }
        self._seen &= {*total, *looked_up, LISTING_WANT}
        self._parts, self._union = parts, total
        return total

    def operators(self, listing: Listing | None = None) -> Collection[Ticker]:
        """What the operator wants, whoever looks at it besides."""
        wants = self._standing.wants(listing)
        if wants is not self._standing_wants:
            self._standing_wants = wants
            self._operators = {want.ticker for want in wants if want != LISTING_WANT}
        return self._operators

    def viewers(self) -> Iterable[Want]:
        """What viewers look at, in any process."""
        return dict.fromkeys([*self._wants.union(), *self._others])

    def known(self) -> Collection[Want]:
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
        union = self._wants.union()
        if union is not self._told:
            self._told = union
            self._ours = sorted(
                [want.feed.value, want.ticker, wanted.viewers, *wanted.who]
                for want, wanted in union.items()
            )
        ours = self._ours
        if ours != self._shared or (ours and uptime.elapsed - self._shared_at >= RENEW):
            self._shared, self._shared_at = ours, uptime.elapsed
            common = self._common.uptime()
            content = {"boot": common.boot, "up": common.elapsed.total_seconds(), "wants": ours}
            if ours:
                self._store.save_document(self._name, content)
            else:
                self._store.drop_document(self._name)
        self._hear(now)

    def leave(self) -> None:
        """This process ends, and its viewers with it."""
        self._store.drop_document(self._name)

    def _hear(self, now: datetime) -> None:
        uptime = self._common.uptime()
        heard: dict[Want, Wanted] = {}
        for name, content in self._store.load_documents(PREFIX).items():
            if name == self._name:
                continue
            try:
                age = uptime.elapsed - timedelta(seconds=content["up"])
                # From the future: the clock that all have was set back since.
                if content["boot"] != uptime.boot or not -LAPSE < age < LAPSE:
                    self._store.drop_document(name)
                    continue
                said = [
                    (Want(Feed(feed), ticker), int(n), marks(map(str, who)))
                    for feed, ticker, n, *who in content["wants"]
                ]
            except (KeyError, TypeError, ValueError):
                continue  # of another version of this program, which may want other feeds
            for want, viewers, who in said:
                before = self._others.get(want)
                theirs = Wanted(viewers, before.since if before else now, who)
                known = heard.get(want)
                heard[want] = theirs if known is None else _added(known, theirs)
        if heard != self._others:
            self._others = heard


def _added(one: Wanted, other: Wanted) -> Wanted:
    who = marks((*one.who, *other.who))
    return Wanted(one.viewers + other.viewers, min(one.since, other.since), who)
