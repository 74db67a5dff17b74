"""Who wants what, as leases that lapse. Never fetches; forgets a viewer who is silent.

Streamlit tells us late, or never, that a tab was closed. So a page renews its lease while it is
looked at, and silence is how we learn that nobody is looking. A hidden tab's timers fire once a
minute, which the lease outlasts.
"""

from __future__ import annotations

import hashlib
import ipaddress
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from stocktracker.clock import Clock
from stocktracker.config import Watch
from stocktracker.model import LISTING_WANT, Feed, Listing, Ticker, Want

LEASE = timedelta(seconds=90)
MARKS = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many viewers look at something, and since when somebody does without a break.

    No viewer: only the operator wants it. `who` are some of the viewers' addresses, as marks.
    """

    viewers: int
    since: datetime
    who: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    wants: frozenset[Want]
    lapses_at: timedelta
    who: str | None = None


@lru_cache(maxsize=2048)  # each refresh of a viewer's asks
def mark_of(address: str | None) -> str:
    """A short mark of an address, the same for all of a household's IPv6 ones; not the address, as
    it is stored. Streamlit names no address for this machine's own."""
    try:
        found = ipaddress.ip_address(address or "::1")
    except ValueError:
        return "unknown"
    net = ipaddress.ip_network((found, 64 if found.version == 6 else 32), strict=False)
    return hashlib.sha256(str(net).encode()).hexdigest()[:10]


class Wants:
    """The leases of this process's viewers. Safe to use from any thread."""

    def __init__(self, clock: Clock, lease: timedelta = LEASE) -> None:
        self._clock = clock
        self._lease = lease
        self._lock = threading.Lock()
        self._leases: dict[str, Lease] = {}
        self._since: dict[Want, datetime] = {}
        self._union: Mapping[Want, Wanted] | None = {}  # None: to be made anew

    def renew(self, viewer: str, wants: Iterable[Want], who: str | None = None) -> bool:
        """This viewer looks at exactly these now. True where somebody wants something new.

        `who` is the mark of the viewer's address.
        """
        wanted = frozenset(wants)
        now = self._clock.now()
        with self._lock:
            until = self._clock.uptime().elapsed + self._lease
            before = self._leases.get(viewer)
            self._leases[viewer] = Lease(wanted, until, who)
            # The same object, mostly: to compare forty takes longer than all else here.
            if before is not None and (before.wants is wanted or before.wants == wanted):
                return False
            self._union = None
            new = [want for want in wanted if want not in self._since]
            self._since.update(dict.fromkeys(new, now))
        return bool(new)

    def release(self, viewer: str) -> None:
        """The viewer has gone; unknown ones are none. Cheap: it runs on the server's event loop."""
        with self._lock:
            if self._leases.pop(viewer, None) is not None:
                self._union = None

    def union(self) -> Mapping[Want, Wanted]:
        """What anybody looks at now; the same object as long as that is the same.

        Lapsed leases are forgotten here.
        """
        with self._lock:
            up = self._clock.uptime().elapsed
            for viewer in [who for who, lease in self._leases.items() if lease.lapses_at <= up]:
                del self._leases[viewer]
                self._union = None
            if self._union is not None:
                return self._union
            viewers: dict[Want, int] = {}
            who: dict[Want, tuple[str, ...]] = {}
            for lease in self._leases.values():
                for want in lease.wants:
                    viewers[want] = viewers.get(want, 0) + 1
                    if lease.who is not None:
                        who[want] = marks((*who.get(want, ()), lease.who))
            self._since = {want: since for want, since in self._since.items() if want in viewers}
            self._union = {
                want: Wanted(count, self._since[want], who.get(want, ()))
                for want, count in viewers.items()
            }
            return self._union

    def viewers(self) -> int:
        """How many hold a lease, lapsed ones apart."""
        with self._lock:
            up = self._clock.uptime().elapsed
            return sum(1 for lease in self._leases.values() if lease.lapses_at > up)


def marks(who: Iterable[str]) -> tuple[str, ...]:
    """A few are enough: what many want costs each of them little."""
    return tuple(dict.fromkeys(who))[:MARKS]


class Standing:
    """What the operator wants even when nobody looks: some tickers, or all that are listed."""

    def __init__(self, watch: Watch, clock: Clock) -> None:
        self._everything = watch.everything
        self._clock = clock
        self._since = clock.now()
        self._listing: Listing | None = None
        # Of everything only the listing can be wanted before it is known.
        first = [LISTING_WANT] if watch.everything else _quotes(watch.tickers)
        self._wants = dict.fromkeys(first, Wanted(0, self._since))

    def wants(self, listing: Listing | None) -> Mapping[Want, Wanted]:
        """The quotes of these; the same object as long as the listing is the same."""
        if self._everything and listing is not None and listing is not self._listing:
            self._listing = listing
            new = Wanted(0, self._clock.now())
            self._wants = {want: self._wants.get(want, new) for want in _quotes(listing.rows)}
        return self._wants


def _quotes(tickers: Iterable[Ticker]) -> list[Want]:
    return [Want(Feed.QUOTE, ticker) for ticker in tickers]
