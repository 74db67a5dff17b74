"""What a refresh of a page costs the server: CPU and bytes, against a bare fragment that writes
the same elements from constants, and against what a competent author writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from benchmarks.report import Row, middle, ratio_at_most
from benchmarks.servers import Process, ours, query, rival, upstream, wait_until_quiet
from benchmarks.viewers import Viewers

PLAN = "premium-1200"
TABS = 8
LOOK = 5.0  # seconds, a round of all timers
WARMING = 0.15  # seconds in which a server finds its things again, after those that had the core
MANY = 40  # tabs whose ticks are timed, each at its own pace
LIVE, HISTORY = "live", "history"
LIVE_FLOOR, HISTORY_FLOOR, EMPTY = "floor_live", "floor_history", "floor_empty"
TTL, TTL_GC, BACKGROUND = "ttl", "ttl, default GC", "background"
COLLECTS = "--runner.postScriptGC=true"
SELDOM = "86400"  # seconds between two quotes where nothing new is to come


@dataclass
class Cost:
    """What blocks of ticks cost, one figure a block."""

    milliseconds: list[float] = field(default_factory=list)
    bytes: list[float] = field(default_factory=list)

    def add(self, server: Process, viewers: Viewers, group: str, seconds: float) -> None:
        viewers.closed(group, WARMING, "page")
        before = server.cpu()
        told = viewers.closed(group, seconds, "page")
        self.milliseconds.append(1000 * (server.cpu() - before) / told["ticks"])
        self.bytes.append(told["bytes"] / told["ticks"])


def measure(seconds: float = 0.4, blocks: int = 7) -> list[Row]:
    """The blocks of all servers take turns, so that a noisy minute is everybody's."""
    with ExitStack() as stack:
        servers = dict(_started(stack))
        viewers = stack.enter_context(Viewers())
        for group, server in servers.items():
            address, link = _looked_at(group)
            viewers.open(group, server.port, 1, [link], page=address)
            viewers.settle(group)
            viewers.open(group, server.port, TABS - 1, [link], page=address)
        wait_until_quiet([server.pid for server in servers.values()])
        page = {group: Cost() for group in servers}
        for _ in range(blocks):
            for group, cost in page.items():
                cost.add(servers[group], viewers, group, seconds)
        paced = {}
        for group in (LIVE, LIVE_FLOOR, TTL):
            link = _looked_at(group)[1]
            viewers.open(group, servers[group].port, MANY - TABS, [link])
            paced[group] = viewers.look([group], LOOK)[group]
    return _rows(page, paced)


def _started(stack: ExitStack) -> Iterator[tuple[str, Process]]:
    source = stack.enter_context(upstream(PLAN))
    enter = stack.enter_context
    servers = {
        LIVE: enter(ours(PLAN, source, wait=False)),
        LIVE_FLOOR: enter(rival(LIVE_FLOOR, None, wait=False)),
        HISTORY: enter(ours(PLAN, source, wait=False, STOCKTRACKER_REFRESH_SECONDS=SELDOM)),
        HISTORY_FLOOR: enter(rival(HISTORY_FLOOR, None, wait=False)),
        EMPTY: enter(rival(EMPTY, None, wait=False)),
        TTL: enter(rival(TTL, source, wait=False)),
        BACKGROUND: enter(rival(BACKGROUND, source, wait=False)),
        TTL_GC: enter(rival(TTL, source, COLLECTS, wait=False)),
    }
    for group, server in servers.items():
        yield group, server.wait_until_up()


def _looked_at(group: str) -> tuple[str, str]:
    """Page and query of a group's tabs."""
    if group == HISTORY:
        return "history", query(range="1Y")
    return "", query()


def _rows(page: dict[str, Cost], paced: dict[str, Any]) -> list[Row]:
    cpu = {group: middle(cost.milliseconds) for group, cost in page.items()}
    size = {group: middle(cost.bytes) for group, cost in page.items()}
    live, history = cpu[LIVE], cpu[HISTORY]
    rows = [
        Row(
            "tick of Live, 20 tickers", live, cpu[LIVE_FLOOR], "ms CPU", "floor", ratio_at_most(1.3)
        ),
        Row("tick of Live, 20 tickers", live, cpu[TTL], "ms CPU", TTL),
        Row("tick of Live, 20 tickers", live, cpu[BACKGROUND], "ms CPU", BACKGROUND),
        Row("tick of Live, 20 tickers", live, cpu[TTL_GC], "ms CPU", TTL_GC),
        Row(
            "tick of History, nothing new",
            history,
            cpu[HISTORY_FLOOR],
            "ms CPU",
            "floor",
            ratio_at_most(1.2),
        ),
        Row("tick of History, nothing new", history, cpu[EMPTY], "ms CPU", "empty fragment"),
        Row("tick of Live on the wire", size[LIVE], size[LIVE_FLOOR], "bytes", "floor"),
        Row("tick of Live on the wire", size[LIVE], size[TTL], "bytes", TTL),
        Row("tick of History on the wire", size[HISTORY], size[HISTORY_FLOOR], "bytes", "floor"),
    ]
    for name, key in (("p50", "p50"), ("p95", "p95")):
        rows += [
            Row(
                f"tick of Live, {MANY} viewers, {name}",
                1000 * paced[LIVE][key],
                1000 * paced[other][key],
                "ms",
                beside,
            )
            for other, beside in ((LIVE_FLOOR, "floor"), (TTL, TTL))
        ]
    return rows
