"""What the key's owner pays for: limits, and which data is live.

This table is where we start. What a key may really do is learnt from the replies and remembered
(`Rights`), because Alpha Vantage moves functions in and out of its free plan about once a year.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
PERIODS = {"second": SECOND, "minute": MINUTE, "day": DAY}


class Liveness(StrEnum):
    """How old a quote is at best."""

    END_OF_DAY = "end of day"
    DELAYED = "delayed"
    REALTIME = "realtime"

    @property
    def delay(self) -> timedelta:
        """How far behind the exchange a live quote is; nothing for the end of day."""
        return timedelta(minutes=15) if self is Liveness.DELAYED else timedelta(0)


class Capability(StrEnum):
    """What a plan may or may not include."""

    LIVE_QUOTES = "live quotes"
    BULK_QUOTES = "bulk quotes"
    INTRADAY = "intraday bars"
    FULL_DAILY = "full daily history"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` calls within any `period`."""

    count: int
    period: timedelta

    def __str__(self) -> str:
        names = {period: name for name, period in PERIODS.items()}
        name = names.get(self.period, f"{self.period.total_seconds():g}s")
        return f"{self.count}/{name}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One row of the vendor's price list."""

    name: str
    limits: tuple[Limit, ...]
    liveness: Liveness
    capabilities: frozenset[Capability]


LIVE = frozenset({Capability.LIVE_QUOTES, Capability.INTRADAY, Capability.FULL_DAILY})
BULK = LIVE | {Capability.BULK_QUOTES}

# A free key's limit is 1 a second, and exactly 1.0 s between calls has been refused: hence 1.25 s.
# Of the bursts, 5, 20 and 30 a second have been seen in refusals; those between are the lower one.
PLANS: Mapping[str, Plan] = {
    plan.name: plan
    for plan in (
        Plan(
            "free",
            (Limit(1, 1.25 * SECOND), Limit(25, DAY)),
            Liveness.END_OF_DAY,
            frozenset(),
        ),
        Plan("premium-75", (Limit(5, SECOND), Limit(75, MINUTE)), Liveness.DELAYED, LIVE),
        Plan("premium-150", (Limit(5, SECOND), Limit(150, MINUTE)), Liveness.REALTIME, BULK),
        Plan("premium-300", (Limit(20, SECOND), Limit(300, MINUTE)), Liveness.REALTIME, BULK),
        Plan("premium-600", (Limit(20, SECOND), Limit(600, MINUTE)), Liveness.REALTIME, BULK),
        Plan("premium-1200", (Limit(30, SECOND), Limit(1200, MINUTE)), Liveness.REALTIME, BULK),
    )
}

RETRY_REFUSED = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Rights:
    """What the plan promises, less what upstream has refused within the last 30 days."""

    plan: Plan
    liveness: Liveness
    refused: Mapping[Capability, datetime]

    def has(self, capability: Capability, now: datetime) -> bool:
        if capability not in self.plan.capabilities:
            return False
        refused_at = self.refused.get(capability)
        return refused_at is None or now - refused_at >= RETRY_REFUSED

    def quote_liveness(self, now: datetime) -> Liveness:
        """How live quotes are in fact: end of day where live ones have been refused."""
        if self.has(Capability.LIVE_QUOTES, now):
            return self.liveness
        return Liveness.END_OF_DAY

    def without(self, capability: Capability, now: datetime) -> Rights:
        return Rights(self.plan, self.liveness, {**self.refused, capability: now})

    def with_proof_of(self, capability: Capability) -> Rights:
        """The capability was used with success, so an old refusal no longer holds."""
        kept = {known: at for known, at in self.refused.items() if known is not capability}
        return Rights(self.plan, self.liveness, kept)


def parse_limits(text: str) -> tuple[Limit, ...]:
    """`1/second,5/minute,25/day` → limits, shortest period first. Raises ValueError."""
    limits: dict[timedelta, Limit] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*([1-9]\d{0,6})\s*/\s*(second|minute|day)\s*", part)
        if match is None:
            raise ValueError(part)
        period = PERIODS[match[2]]
        if period in limits:
            raise ValueError(part)
        limits[period] = Limit(int(match[1]), period)
    return tuple(limits[period] for period in sorted(limits))
