"""Stores on a Redis of the tests', and what belongs to them."""

from __future__ import annotations

from stocktracker.clock import SystemClock
from stocktracker.fleet.connection import Link
from stocktracker.fleet.fleet_clock import FleetClock
from stocktracker.fleet.redis_store import RedisStore
from stocktracker.fleet.url import parse_url
from tests.redis_server import RedisServer


def redis_store(server: RedisServer | str, source: str = "test") -> RedisStore:
    """One more process on that server. It tells the time by the machine, as Redis does."""
    url = server if isinstance(server, str) else server.url
    clock = SystemClock()
    return RedisStore(Link(parse_url(url)), source, clock, FleetClock(clock))
