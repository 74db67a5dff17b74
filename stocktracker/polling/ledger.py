"""When calls were taken, and what the limits still allow. Pure: the deciding half of the budget.

Exact sliding windows over all limits together, in uptime: a clock that nobody can set.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from stocktracker.errors import Window
from stocktracker.plans import Limit

# What a refusal costs. The day's reset is not documented, so it is asked for, once an hour.
PAUSE = {
    Window.SECOND: timedelta(seconds=3),
    Window.MINUTE: timedelta(seconds=61),
    Window.DAY: timedelta(hours=1),
}


def margin(period: timedelta) -> timedelta:
    """What a window is widened by, as clocks differ: 0.5 %, at least 50 ms, at most 5 s.

    That calls arrive later than they are sent, and not all equally late, is `arrivals.py`'s.
    """
    return min(max(period / 200, timedelta(milliseconds=50)), timedelta(seconds=5))


@dataclass(frozen=True, slots=True)
class Closure:
    """Upstream has refused: no call before `until`, then one at a time, until one succeeds."""

    window: Window
    until: timedelta


@dataclass(frozen=True, slots=True)
class Ledger:
    """When calls were taken, as uptimes in seconds, oldest first; and whether upstream refuses.

    Before `quiet_until` nothing is asked, as others may have calls to tell of.
    """

    taken: tuple[float, ...] = ()
    closure: Closure | None = None
    quiet_until: timedelta | None = None

    def left(self, limit: Limit, up: timedelta) -> int:
        """Calls left within this limit at `up`, closures apart."""
        start = (up - limit.period - margin(limit.period)).total_seconds()
        used = len(self.taken) - bisect_right(self.taken, start)
        return max(limit.count - used, 0)

    def possible(self, limits: Sequence[Limit], up: timedelta) -> int:
        """How many calls may be made at this very instant."""
        if self.quiet_until is not None and up < self.quiet_until:
            return 0
        if self.closure is not None:
            return 1 if self.next_at(limits, up) <= up else 0
        return min(self.left(limit, up) for limit in limits)

    def next_at(self, limits: Sequence[Limit], up: timedelta) -> timedelta:
        """The uptime at which the next call becomes possible; `up` itself where one is."""
        earliest = [up]
        for limit in limits:
            if len(self.taken) >= limit.count:
                oldest = timedelta(seconds=self.taken[-limit.count])
                earliest.append(oldest + limit.period + margin(limit.period))
        if self.closure is not None:
            earliest.append(self.closure.until)
        if self.quiet_until is not None:
            earliest.append(self.quiet_until)
        return max(earliest)

    def returns(self, limit: Limit, up: timedelta) -> tuple[timedelta, ...]:
        """The uptimes at which the calls within this limit come back, the earliest first."""
        start = (up - limit.period - margin(limit.period)).total_seconds()
        widened = limit.period + margin(limit.period)
        return tuple(
            timedelta(seconds=stamp) + widened
            for stamp in self.taken[-limit.count :]
            if stamp > start
        )

    def take(self, up: timedelta, count: int, longest: timedelta) -> Ledger:
        """`count` calls more at `up`; what no window reaches any more is dropped."""
        start = (up - longest - margin(longest)).total_seconds()
        stamps = [stamp for stamp in self.taken if stamp > start]
        closure = self.closure
        if closure is not None:
            # The one call that looks whether the refusal still holds: none beside it.
            closure = replace(closure, until=up + PAUSE[closure.window])
        return Ledger((*stamps, *[up.total_seconds()] * count), closure)

    def give_back(self, up: timedelta) -> Ledger:
        """Without the newest call that was taken by `up`; a later one may well have been made."""
        place = bisect_right(self.taken, up.total_seconds())
        if place == 0:
            return self
        return replace(self, taken=self.taken[: place - 1] + self.taken[place:])


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the budget says at an instant, for the planner and for people.

    `returns` are the times at which the calls of the longest limit come back, the earliest first.
    """

    possible: int
    next_at: datetime
    left: tuple[tuple[Limit, int], ...]
    refused: Window | None
    returns: tuple[datetime, ...] = ()

    def left_within(self, period: timedelta) -> int | None:
        """Calls left in the window of that length; None where the plan has no such limit."""
        return next((left for limit, left in self.left if limit.period == period), None)
