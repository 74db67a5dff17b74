"""Upstream's own counting of calls: who called too often, and in which words it is refused.

Windows slide: a call counts for exactly its limit's period. All keys of one simulator share one
count, as upstream counts by address besides by key.
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta

from stocktracker.clock import Clock
from stocktracker.errors import Window
from stocktracker.plans import DAY, MINUTE, SECOND, Limit, Plan
from stocktracker.simulator.refusals import REFUSALS

# The plan table keeps a margin for us; upstream itself counts whole seconds.
FREE_LIMITS = (Limit(1, SECOND), Limit(25, DAY))


def upstream_limits(plan: Plan) -> tuple[Limit, ...]:
    return FREE_LIMITS if plan.name == "free" else plan.limits


class Limiter:
    """Counts calls within sliding windows. Not for several threads at once."""

    def __init__(
        self, limits: tuple[Limit, ...], clock: Clock, *, count_refused: bool = False
    ) -> None:
        self._limits = limits
        self._stopwatch = _Stopwatch(clock)
        self._count_refused = count_refused
        self._counted: dict[Limit, deque[timedelta]] = {limit: deque() for limit in limits}

    def refuse(self) -> Limit | None:
        """Count one call, or name the longest limit that it breaks."""
        now = self._stopwatch.elapsed()
        broken = None
        for limit, times in self._counted.items():
            while times and now - times[0] >= limit.period:
                times.popleft()
            if len(times) >= limit.count and (broken is None or limit.period > broken.period):
                broken = limit
        if broken is None or self._count_refused:
            for times in self._counted.values():
                times.append(now)
        return broken


class _Stopwatch:
    """Time passed since the start, also across what the clock calls a reboot."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._elapsed = timedelta(0)
        self._uptime, self._now = clock.uptime(), clock.now()

    def elapsed(self) -> timedelta:
        uptime, now = self._clock.uptime(), self._clock.now()
        if uptime.boot == self._uptime.boot:
            passed = uptime.elapsed - self._uptime.elapsed
        else:
            passed = now - self._now
        self._elapsed += max(passed, timedelta(0))
        self._uptime, self._now = uptime, now
        return self._elapsed


def window_of(limit: Limit) -> Window:
    if limit.period < MINUTE:
        return Window.SECOND
    return Window.MINUTE if limit.period < DAY else Window.DAY


def refusal_body(limit: Limit, plan: Plan, key: str) -> dict[str, str]:
    """What the plan's users read when this limit is broken."""
    names = {
        (True, Window.SECOND): "second",
        (True, Window.MINUTE): "minute-2018",
        (True, Window.DAY): "day",
        (False, Window.SECOND): "premium-second",
        (False, Window.MINUTE): "premium-minute",
        (False, Window.DAY): "day-2024",
    }
    name = names[plan.name == "free", window_of(limit)]
    return REFUSALS[name].body(key=key, count=limit.count)
