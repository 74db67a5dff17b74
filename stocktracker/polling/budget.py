"""How many calls are left this second, this minute, today; and taking them.

`ledger.py` decides and is pure; here it is read, decided and written in one transaction, before the
call, so that a restart, a kill or a second process forgets nothing. Calls are logged in uptime,
which nobody can set: a jump of the wall clock changes nothing. Only over a restart of the machine
itself is the wall clock asked how long that took.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from stocktracker.clock import Clock
from stocktracker.errors import BudgetSpent, Window
from stocktracker.plans import DAY, Limit
from stocktracker.polling.joining import DOCUMENT
from stocktracker.polling.ledger import PAUSE, Allowance, Closure, Ledger

log = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Documents(Protocol):
    """The little that the budget needs of a store."""

    def load_document(self, name: str) -> dict[str, Any] | None: ...
    def save_document(self, name: str, content: dict[str, Any]) -> None: ...
    def transaction(self) -> AbstractContextManager[None]: ...


class Budget:
    """Takes calls from the store's one ledger. Raises StoreError where it cannot be written."""

    def __init__(self, store: Documents, limits: Sequence[Limit], clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.limits = tuple(limits)
        self._longest_limit = max(limits, key=lambda limit: limit.period)
        self._longest = self._longest_limit.period

    def allowance(self) -> Allowance:
        """Look, and take nothing."""
        return self.describe(self.load_ledger())

    def describe(self, ledger: Ledger) -> Allowance:
        """What `ledger` allows now; for a page that has the ledger from the board."""
        up, now = self._clock.uptime().elapsed, self._clock.now()
        closed = ledger.closure is not None and ledger.closure.window is not Window.SECOND
        limits = self.limits
        # Only days are planned by when calls come back; a minute has too many of them to look at.
        returns = ledger.returns(self._longest_limit, up) if self._longest >= DAY else ()
        return Allowance(
            possible=ledger.possible(limits, up),
            next_at=now + (ledger.next_at(limits, up) - up),
            left=tuple((limit, 0 if closed else ledger.left(limit, up)) for limit in limits),
            refused=None if ledger.closure is None else ledger.closure.window,
            returns=tuple(now + (at - up) for at in returns),
        )

    def load_ledger(self) -> Ledger:
        """The calls taken. A ledger that cannot be read counts as one that is spent."""
        content = self._store.load_document(DOCUMENT)
        if content is None:
            return Ledger()
        try:
            return self._decode(content)
        except (KeyError, TypeError, ValueError, AttributeError):
            log.error("the budget's ledger cannot be read: every call counts as taken just now")
            up = self._clock.uptime().elapsed.total_seconds()
            spent = Ledger((up,) * max(limit.count for limit in self.limits))
            self._save(spent)
            return spent

    def _decode(self, content: dict[str, Any]) -> Ledger:
        uptime = self._clock.uptime()
        shift = self._shift(content, uptime.boot, uptime.elapsed)
        up = uptime.elapsed.total_seconds()
        closure = content.get("closure")
        taken: list[float] = content["taken"]
        if shift or any(type(stamp) is not float for stamp in taken) or (taken and taken[-1] > up):
            # To the microsecond, as timedelta is, lest a call be refused until this very instant.
            taken = [min(round(stamp + shift, 6), up) for stamp in taken]
        return Ledger(
            taken=tuple(taken),
            closure=closure
            and Closure(
                Window(closure["window"]),
                timedelta(seconds=min(closure["until"] + shift, up + 3600)),
            ),
        )

    def spend(self, count: int = 1) -> bool:
        """Take `count` calls, all or none, and only then make them. Raises BudgetSpent.

        True where it is the one call that looks whether an earlier refusal still holds.
        """
        with self._store.transaction():
            ledger = self.load_ledger()
            up = self._clock.uptime().elapsed
            if ledger.possible(self.limits, up) < count:
                next_at = ledger.next_at(self.limits, up)
                raise BudgetSpent(self._clock.now() + (next_at - up))
            self._save(ledger.take(up, count, self._longest))
        return ledger.closure is not None

    def close(self, window: Window) -> None:
        """Upstream has refused for this window: what it says outranks our own count."""
        with self._store.transaction():
            until = self._clock.uptime().elapsed + PAUSE[window]
            self._save(replace(self.load_ledger(), closure=Closure(window, until)))

    def reopen(self) -> None:
        """Upstream answers again."""
        with self._store.transaction():
            self._save(replace(self.load_ledger(), closure=None))

    def give_back(self, sent_at: timedelta) -> None:
        """The call that was sent at this uptime never left the machine, so nobody has counted it.

        Others that were taken after it may have left, and stay counted.
        """
        with self._store.transaction():
            self._save(self.load_ledger().give_back(sent_at))

    def _save(self, ledger: Ledger) -> None:
        self._store.save_document(DOCUMENT, self.to_document(ledger))

    def to_document(self, ledger: Ledger) -> dict[str, Any]:
        """A ledger in this machine's uptime, as a store on disk keeps it."""
        uptime = self._clock.uptime()
        closure = ledger.closure
        return {
            "boot": uptime.boot,
            "booted_at": self._booted_at(uptime.elapsed),
            "taken": list(ledger.taken),
            "closure": closure
            and {"window": closure.window.value, "until": closure.until.total_seconds()},
        }

    def _shift(self, content: dict[str, Any], boot: str, up: timedelta) -> float:
        """What to add to a stored uptime to have it in this boot's terms."""
        if content["boot"] == boot:
            return 0.0
        # Another boot: only the wall clock knows how long ago that was. It may have been set, but
        # calls and refusals were before this boot, so at least its uptime has passed since.
        by_wall_clock: float = content["booted_at"] - self._booted_at(up)
        newest = max(content["taken"], default=0.0)
        closure = content["closure"]
        if closure:
            refused_at = closure["until"] - PAUSE[Window(closure["window"])].total_seconds()
            newest = max(newest, refused_at)
        return min(by_wall_clock, -newest)

    def _booted_at(self, up: timedelta) -> float:
        return (self._clock.now() - up - EPOCH).total_seconds()
