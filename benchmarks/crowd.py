"""A thousand viewers of the Live page on one core, each refreshing every five seconds."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report import Row, at_most
from benchmarks.servers import Process, ours, query, rival, upstream
from benchmarks.viewers import LATE, Viewers

PLAN = "premium-1200"
COUNTS = (1000,)
OURS, FLOOR = "ours", "floor"


def measure(counts: Sequence[int] = COUNTS, seconds: float = 10) -> list[Row]:
    """Open loop, as browsers do: a tick is asked for at its time, answered or not."""
    with Viewers() as viewers:
        with upstream(PLAN) as source, ours(PLAN, source) as server:
            own, memory = _looked_at(viewers, OURS, server, counts, seconds)
        with rival("floor_live", None) as server:
            floor, floor_memory = _looked_at(viewers, FLOOR, server, counts, seconds)
    rows = [Row("a session of Live", memory, floor_memory, "kB", FLOOR)]
    for count in counts:
        most = count == max(counts)
        for (what, unit), figure in own[count].items():
            target = TARGETS.get(what) if most else None
            name = f"{count:,} viewers at 5 s: {what}"
            rows.append(Row(name, figure, floor[count][what, unit], unit, FLOOR, target))
    return rows


P95, UNANSWERED = "tick, p95", "not answered in 2 s"
TARGETS = {P95: at_most(500), UNANSWERED: at_most(0)}
Figures = dict[tuple[str, str], float]


def _looked_at(
    viewers: Viewers, group: str, server: Process, counts: Sequence[int], seconds: float
) -> tuple[dict[int, Figures], float]:
    """Figures for each number of viewers, and kB a session."""
    viewers.open(group, server.port, 1, [query()])
    viewers.settle(group)
    there, before, memory = 1, server.rss(), 0.0
    figures: dict[int, Figures] = {}
    for count in counts:
        viewers.open(group, server.port, count - there, [query()])
        if there == 1:
            memory = (server.rss() - before) / 1024 / (count - 1)
        there = count
        spent = server.cpu()
        told = viewers.look([group], seconds)[group]
        spent = server.cpu() - spent
        figures[count] = {
            # Where nothing at all was answered, it was not within the time of the measurement.
            ("tick, p50", "ms"): 1000 * (told["p50"] or seconds),
            (P95, "ms"): 1000 * (told["p95"] or seconds),
            (UNANSWERED, "ticks"): told["unanswered"],
            ("answered", "ticks/s"): told["answered"] / seconds,
            ("of one core", "% CPU"): 100 * spent / (seconds + LATE),
        }
    viewers.close(group)
    return figures, memory
