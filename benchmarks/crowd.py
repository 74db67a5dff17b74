"""A thousand viewers of the Live page on one core, each refreshing every five seconds."""

from __future__ import annotations

from typing import Any

from benchmarks.report import Row, at_most
from benchmarks.servers import Process, ours, query, rival, upstream
from benchmarks.viewers import Viewers

PLAN = "premium-1200"
MANY = 1000


def measure(count: int = MANY, seconds: float = 15) -> list[Row]:
    """Open loop, as browsers do: a tick is asked for at its time, answered or not."""
    with Viewers() as viewers:
        with upstream(PLAN) as source, ours(PLAN, source) as server:
            own = _looked_at(viewers, "ours", server, count, seconds)
        with rival("floor_live", None) as server:
            floor = _looked_at(viewers, "floor", server, count, seconds)
    about = f"{count:,} viewers at 5 s"
    return [
        Row(f"{about}, p50", own["p50"], floor["p50"], "ms", "floor"),
        Row(f"{about}, p95", own["p95"], floor["p95"], "ms", "floor", at_most(500)),
        Row(
            f"{about}, not answered in 2 s",
            own["unanswered"],
            floor["unanswered"],
            "ticks",
            "floor",
            at_most(0),
        ),
        Row(f"{about}, answered", own["answered"], floor["answered"], "ticks/s", "floor"),
        Row(f"{about}, of one core", own["cpu"], floor["cpu"], "% CPU", "floor"),
        Row("a session of Live", own["memory"], floor["memory"], "kB", "floor"),
    ]


def _looked_at(
    viewers: Viewers, group: str, server: Process, count: int, seconds: float
) -> dict[str, Any]:
    viewers.open(group, server.port, 1, [query()])
    viewers.settle(group)
    empty = server.rss()
    viewers.open(group, server.port, count - 1, [query()])
    memory = (server.rss() - empty) / 1024 / (count - 1)
    before = server.cpu()
    told = viewers.look([group], seconds)[group]
    spent = server.cpu() - before
    viewers.close(group)
    return {
        # Where nothing at all was answered, it was not within the time of the measurement.
        "p50": 1000 * (told["p50"] or seconds),
        "p95": 1000 * (told["p95"] or seconds),
        "unanswered": told["unanswered"],
        "answered": told["answered"] / seconds,
        "cpu": 100 * spent / seconds,
        "memory": memory,
    }
