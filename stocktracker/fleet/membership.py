"""What a server needs to be one of several: the shared store, budget, clock and an ear.

`runtime` imports this, and so everything of Redis's, only where a store on Redis is named.
"""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from stocktracker.clock import Clock
from stocktracker.fleet.connection import Link
from stocktracker.fleet.fleet_budget import FleetBudget
from stocktracker.fleet.fleet_clock import FleetClock
from stocktracker.fleet.listener import Listener
from stocktracker.fleet.redis_store import RedisStore
from stocktracker.fleet.url import StoreUrl
from stocktracker.plans import Limit


@dataclass(frozen=True, slots=True)
class Membership:
    """The parts that differ from a lonely server's. `who` is its name among the others."""

    store: RedisStore
    budget: FleetBudget
    clock: FleetClock
    listener: Listener
    who: str


def join_fleet(url: StoreUrl, source: str, limits: Sequence[Limit], clock: Clock) -> Membership:
    """Connects to nothing yet, so that a server starts also while Redis is away."""
    fleet = FleetClock(clock)
    store = RedisStore(Link(url, clock), source, clock, fleet)
    who = f"{platform.node()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    return Membership(store, FleetBudget(store, limits, clock), fleet, Listener(store), who)
