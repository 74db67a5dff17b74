"""What is wrong with a store on Redis, in words: whether it is there, and keeps what it has.

Looks, and changes nothing but the probe; a store that is new gets its identity by that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from stocktracker.clock import Clock
from stocktracker.errors import StoreError
from stocktracker.fleet.connection import Link
from stocktracker.fleet.fleet_clock import EPOCH, FleetClock
from stocktracker.fleet.redis_store import RedisStore
from stocktracker.fleet.url import StoreUrl
from stocktracker.operating.findings import Finding, Grade
from stocktracker.signin import is_loopback

OLDEST = (6, 2)
FAR = timedelta(seconds=10)


def examine_redis(url: StoreUrl, source: str, clock: Clock) -> Iterator[Finding]:
    """One finding at a time; the last is about the clock, where Redis answers."""
    store = RedisStore(Link(url, clock), source, clock, FleetClock(clock))
    try:
        store.tend()
        facts: Mapping[str, Any] = store.link.call(lambda client: client.info())
        yield from _doubts(facts)
        if url.password and not url.is_encrypted and not all(map(_is_here, url.hosts)):
            words = "its password crosses the network in the clear; use rediss:// or a tunnel"
            yield Finding(Grade.DOUBTFUL, "store", words)
        store.prove()
        kind = "Valkey" if "valkey_version" in facts else "Redis"
        version = facts.get("valkey_version") or facts.get("redis_version")
        words = f"{kind} {version} at {url} answers and takes writes; {store.size() >> 10} kB"
        yield Finding(Grade.WELL, "store", words)
        yield _clock(store, clock)
    except StoreError as fault:
        yield Finding(Grade.WRONG, "store", fault.words)
    finally:
        store.close()


def _is_here(host: tuple[str, int]) -> bool:
    return is_loopback(host[0])


def _doubts(facts: Mapping[str, Any]) -> Iterator[Finding]:
    version = str(facts.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST:
        words = f"Redis {version} is too old; 6.2 is the oldest that will do"
        yield Finding(Grade.WRONG, "store", words)
    if facts.get("cluster_enabled"):
        yield Finding(Grade.DOUBTFUL, "store", "it is a Redis Cluster, which nobody has tried")
    if not facts.get("aof_enabled"):
        words = (
            "appendonly is off, so a Redis that is started again has lost what came since its last "
            "snapshot; servers that run give it back"
        )
        yield Finding(Grade.DOUBTFUL, "store", words)
    policy = facts.get("maxmemory_policy", "noeviction")
    if facts.get("maxmemory") and policy != "noeviction":
        words = f"maxmemory-policy is {policy}, so Redis may forget calls; set noeviction"
        yield Finding(Grade.WRONG, "store", words)


def _clock(store: RedisStore, clock: Clock) -> Finding:
    ahead = clock.now() - EPOCH - store.fleet.uptime().elapsed
    if abs(ahead) < FAR:
        words = f"it says {clock.now():%Y-%m-%d %H:%M} UTC, as Redis's does"
        return Finding(Grade.WELL, "clock", words)
    where = "ahead of" if ahead > timedelta(0) else "behind"
    words = f"it is {abs(ahead).total_seconds():.0f} s {where} Redis's: one is wrong, and ages are"
    return Finding(Grade.DOUBTFUL, "clock", words)
