"""The budget of several servers: one ledger on Redis, by Redis's clock.

Decided in Redis, in one piece with the lease: of two who believe that they lead, one is refused.
What a process has seen of the ledger it remembers, in its own uptime, and tells a Redis that knows
less: nothing is spent before. Calls are only ever added by that.
"""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from stocktracker.clock import Clock
from stocktracker.errors import BudgetSpent, LostLead, StoreError, Window
from stocktracker.fleet import budget_scripts as scripts
from stocktracker.fleet.fleet_clock import JUMP, MICROSECOND
from stocktracker.fleet.redis_store import RedisStore
from stocktracker.plans import Limit
from stocktracker.polling.budget import Budget
from stocktracker.polling.ledger import PAUSE, Closure, Ledger, margin

log = logging.getLogger(__name__)

QUIET = timedelta(seconds=3)
SURE = timedelta(seconds=2)  # of before the last look are looked up again
MOST_OWN = 1000
TRIES = 3


class FleetBudget(Budget):
    """Takes calls for whoever leads. Raises StoreError, and LostLead where another one does.

    Used by the poller's thread only, but for `describe`.
    """

    def __init__(self, store: RedisStore, limits: Sequence[Limit], clock: Clock) -> None:
        super().__init__(store, limits, clock)
        self._redis = store
        self._fleet = store.fleet
        keys = store.keys
        self._keys = [keys.lease, keys.identity, keys.calls, keys.budget]
        self._name = uuid.uuid4().hex[:12]
        self._number = 0
        self._own: deque[tuple[timedelta, str]] = deque(maxlen=MOST_OWN)
        self._jumps = 0
        self._loaded_at, self._loaded_as = 0, (0, 0)
        self._identity = self._outlived = ""
        self._version = self._generation = 0
        self._taken: dict[str, float] = {}  # uptimes of this machine's, in seconds
        self._closure: Closure | None = None

    @property
    def calls(self) -> Mapping[str, float]:
        """The calls as of the last look, and when they were taken, in this machine's uptime."""
        return self._taken

    def load_ledger(self) -> Ledger:
        """The calls taken, in this machine's uptime. One that cannot be read counts as spent."""
        _, at, version, generation, quiet, window, until, is_all, calls = self._ask(
            scripts.LOAD, lambda: [*self._known(), _micros(QUIET), *self._loaded()]
        )
        fleet, known = self._fleet, self._taken
        pairs = zip(calls[::2], calls[1::2], strict=True)
        found = {
            call.decode(errors="replace"): fleet.here(int(float(taken_at))).total_seconds()
            for call, taken_at in pairs
        }
        # As it was seen first: each answer of Redis's tells its time a little differently.
        now = self._clock.uptime().elapsed.total_seconds()
        found = {call: min(max(up, known.get(call, up)), now) for call, up in found.items()}
        start = now - self._reach().total_seconds()
        together = found if is_all else known | found
        self._taken = {call: up for call, up in together.items() if up > start}
        self._loaded_at, self._loaded_as = at, (version, generation)
        self._identity = self._store_identity()
        self._version, self._generation = version, generation
        self._closure = None
        if window:
            self._closure = Closure(_window(window.decode(errors="replace")), fleet.here(until))
        up = self._clock.uptime().elapsed
        rests = fleet.here(quiet)
        return Ledger(
            tuple(sorted(self._taken.values())), self._closure, rests if rests > up else None
        )

    def spend(self, count: int = 1) -> bool:
        windows = [
            part
            for limit in self.limits
            for part in (limit.count, _micros(limit.period + margin(limit.period)))
        ]
        self._number += count
        answer, _, *more = self._ask(
            scripts.SPEND,
            lambda: [
                self._token(),
                *self._known(),
                _micros(QUIET),
                self._name,
                self._number - count,
                count,
                _micros(self._reach()),
                *(_micros(PAUSE[window]) for window in Window),
                self._fleet.there(self._clock.uptime().elapsed),
                _micros(JUMP),
                *windows,
            ],
        )
        if answer == b"spent":
            up, ledger = self._clock.uptime().elapsed, self.load_ledger()
            next_at = ledger.next_at(self.limits, up)
            raise BudgetSpent(self._clock.now() + max(next_at - up, MICROSECOND))
        up = self._clock.uptime().elapsed
        names = [f"{self._name}:{self._number - one}" for one in range(count)]
        self._own.extend((up, name) for name in names)
        self._taken |= dict.fromkeys(names, up.total_seconds())
        self._identity = self._identity or self._store_identity()
        is_probe, self._version, self._generation = more
        return bool(is_probe)

    def close(self, window: Window) -> None:
        self._ask(scripts.CLOSE, lambda: [self._token(), window.value, _micros(PAUSE[window])])

    def reopen(self) -> None:
        self._ask(scripts.CLOSE, lambda: [self._token(), "", 0])

    def give_back(self, sent_at: timedelta) -> None:
        call = next((call for up, call in reversed(self._own) if up <= sent_at), None)
        if call is None:
            return
        self._ask(scripts.GIVE_BACK, lambda: [self._token(), call])
        self._own = deque((each for each in self._own if each[1] != call), maxlen=MOST_OWN)
        self._taken.pop(call, None)

    def join(self, calls: Mapping[str, float], closure: Closure | None = None) -> None:
        """Tell Redis of calls that it may not know, by this machine's uptime; whoever leads."""
        there = self._fleet.there
        self._run(
            scripts.JOIN,
            [
                self._version,
                _micros(QUIET),
                closure.window.value if closure else "",
                there(closure.until) if closure else 0,
                *(
                    part
                    for call, at in calls.items()
                    for part in (there(timedelta(seconds=at)), call)
                ),
            ],
        )

    def _ask(self, script: str, values: Callable[[], list[str | int]]) -> list[Any]:
        """The script's answer, once Redis knows all that is known here."""
        for _ in range(TRIES):
            answer = self._run(script, values())
            said, jumped = answer[0], self._jumps != self._fleet.jumps
            self._jumps = self._fleet.jumps
            if said == b"lost":
                raise LostLead
            if said == b"unreadable":
                self._count_as_spent()
            elif said == b"behind" or jumped:
                # Also where Redis's clock was set: the same calls, by the clock as it is now.
                self.join(self._taken, self._closure)
                self._outlived = self._identity if said == b"behind" else ""
                self._identity, self._version, self._generation = "", 0, 0
                self._loaded_as = (0, 0)
                if said != b"behind":
                    return answer
                log.warning("Redis did not know of all calls that were made; it has been told")
            else:
                return answer
        raise StoreError("The budget's ledger on Redis changes too fast to be read.")

    def _run(self, script: str, values: Iterable[str | int]) -> list[Any]:
        answer: list[Any] = self._redis.link.run(script, self._keys, list(values))
        self._fleet.hear(answer[1])
        return answer

    def _count_as_spent(self) -> None:
        log.error("the budget's ledger cannot be read: every call counts as taken just now")
        up = self._clock.uptime().elapsed.total_seconds()
        most = max(limit.count for limit in self.limits)
        self.join(self._taken | {f"{self._name}:spent:{one}": up for one in range(most)})

    def _store_identity(self) -> str:
        """Nothing while the store has not seen yet that Redis is another one."""
        found = self._redis.identity or ""
        return found if found != self._outlived else ""

    def _token(self) -> str:
        if self._redis.token is None:
            raise LostLead
        return self._redis.token

    def _known(self) -> list[str | int]:
        recent = (self._clock.uptime().elapsed - self._reach() + SURE).total_seconds()
        newest = max(self._taken.items(), key=lambda each: each[1], default=("", 0.0))
        name = newest[0] if newest[1] > recent else ""
        return [self._identity, self._version, self._generation, name]

    def _loaded(self) -> list[str | int]:
        """What the last look had all calls of, by Redis's clock; and as which state."""
        return [self._loaded_at - _micros(SURE), *self._loaded_as]

    def _reach(self) -> timedelta:
        return self._longest + margin(self._longest)


def _micros(length: timedelta) -> int:
    return length // MICROSECOND


def _window(text: str) -> Window:
    try:
        return Window(text)
    except ValueError:
        return Window.DAY
