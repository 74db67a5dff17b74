"""Who wants what, as leases that lapse. Never fetches; forgets a viewer who is silent.

Streamlit tells us late, or never, that a tab was closed. So a page renews its lease while it is
looked at, and silence is how we learn that nobody is looking. A hidden tab's timers fire once a
minute, which the lease outlasts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from stocktracker.clock import Clock
from stocktracker.model import Want

LEASE = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many viewers look at something, and since when somebody does without a break."""

    viewers: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    wants: frozenset[Want]
    lapses_at: timedelta


class Wants:
    """The leases of this process's viewers. Safe to use from any thread."""

    def __init__(self, clock: Clock, lease: timedelta = LEASE) -> None:
        self._clock = clock
        self._lease = lease
        self._lock = threading.Lock()
        self._leases: dict[str, Lease] = {}
        self._since: dict[Want, datetime] = {}

    def renew(self, viewer: str, wants: Iterable[Want]) -> bool:
        """This viewer looks at exactly these now. True where somebody wants something new."""
        wanted = frozenset(wants)
        now = self._clock.now()
        with self._lock:
            until = self._clock.uptime().elapsed + self._lease
            self._leases[viewer] = Lease(wanted, until)
            new = [want for want in wanted if want not in self._since]
            self._since.update(dict.fromkeys(new, now))
        return bool(new)

    def release(self, viewer: str) -> None:
        """The viewer has gone; unknown ones are none. Cheap: it runs on the server's event loop."""
        with self._lock:
            self._leases.pop(viewer, None)

    def union(self) -> Mapping[Want, Wanted]:
        """What anybody looks at now. Lapsed leases are forgotten here."""
        with self._lock:
            up = self._clock.uptime().elapsed
            for viewer in [who for who, lease in self._leases.items() if lease.lapses_at <= up]:
                del self._leases[viewer]
            viewers: dict[Want, int] = {}
            for lease in self._leases.values():
                for want in lease.wants:
                    viewers[want] = viewers.get(want, 0) + 1
            self._since = {want: since for want, since in self._since.items() if want in viewers}
            return {want: Wanted(count, self._since[want]) for want, count in viewers.items()}

    def viewers(self) -> int:
        """How many hold a lease, lapsed ones apart."""
        with self._lock:
            up = self._clock.uptime().elapsed
            return sum(1 for lease in self._leases.values() if lease.lapses_at > up)
