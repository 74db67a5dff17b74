"""What the sidebar's choice among 13,000 tickers costs a session: CPU, wire, memory.

Ours with the listing against ours without it, as upstream refuses the listing to the second
server; beside it a bare multiselect of the labels against a page without one.
"""

from __future__ import annotations

from contextlib import ExitStack

import requests

from benchmarks.report import Row, at_most, middle, ratio_at_most
from benchmarks.servers import Process, ours, query, rival, upstream
from benchmarks.viewers import Viewers

PLAN = "premium-1200"
WITH, WITHOUT, MULTISELECT, EMPTY = "with", "without", "multiselect", "floor_empty"
EMPTY_LIST = "tickers="  # the sidebar with nothing chosen, above a page with nothing on it
TABS = 8
FIRST, MORE = 30, 80  # sessions before and while memory is measured
FAULT = {"name": "empty-object", "count": None, "function": "LISTING_STATUS"}


def measure(seconds: float = 1.0, blocks: int = 5) -> list[Row]:
    with ExitStack() as stack:
        source = stack.enter_context(upstream(PLAN))
        refusing = stack.enter_context(upstream(PLAN))
        requests.post(f"{refusing.url}/faults", json=FAULT, timeout=10).raise_for_status()
        servers = {
            WITH: stack.enter_context(ours(PLAN, source)),
            WITHOUT: stack.enter_context(ours(PLAN, refusing)),
            MULTISELECT: stack.enter_context(rival(MULTISELECT, source)),
            EMPTY: stack.enter_context(rival(EMPTY, None)),
        }
        viewers = stack.enter_context(Viewers())
        first, memory = {}, {}
        for group, server in servers.items():
            first[group], memory[group] = _opened(viewers, group, server)
            viewers.open(f"{group}, empty", server.port, TABS, [EMPTY_LIST])
        cpu: dict[str, list[float]] = {group: [] for group in servers}
        size: dict[str, list[float]] = {group: [] for group in servers}
        for _ in range(blocks):
            for group, server in servers.items():
                before = server.cpu()
                told = viewers.closed(f"{group}, empty", seconds, "rerun")
                cpu[group].append(1000 * (server.cpu() - before) / told["ticks"])
                size[group].append(told["bytes"] / told["ticks"])
    costs = {group: middle(figures) for group, figures in cpu.items()}
    sent = {group: middle(figures) for group, figures in size.items()}
    return [
        Row(
            "13,000 options: more for a rerun",
            costs[WITH] - costs[WITHOUT],
            costs[MULTISELECT] - costs[EMPTY],
            "ms CPU",
            "multiselect",
            at_most(5),
        ),
        Row(
            "13,000 options: more on the wire at first",
            first[WITH] - first[WITHOUT],
            first[MULTISELECT] - first[EMPTY],
            "bytes",
            "multiselect",
        ),
        Row(
            "13,000 options: more on the wire later",
            sent[WITH] - sent[WITHOUT],
            sent[MULTISELECT] - sent[EMPTY],
            "bytes",
            "multiselect",
            at_most(2000),
        ),
        Row(
            "a rerun with nothing chosen", costs[WITH], costs[MULTISELECT], "ms CPU", "multiselect"
        ),
        Row(
            "a rerun with nothing chosen, on the wire",
            sent[WITH],
            sent[MULTISELECT],
            "bytes",
            "multiselect",
        ),
        Row(
            "a session's memory",
            memory[WITH],
            memory[MULTISELECT],
            "kB",
            "multiselect",
            ratio_at_most(1.3),
        ),
    ]


def _opened(viewers: Viewers, group: str, server: Process) -> tuple[float, float]:
    """Bytes of a session's first run, and its memory in kB."""
    viewers.open(group, server.port, 1, [query()])
    viewers.settle(group, 15)
    viewers.open(group, server.port, FIRST - 1, [query()])
    before = server.rss()
    told = viewers.open(group, server.port, MORE, [query()])
    return told["bytes"] / MORE, (server.rss() - before) / 1024 / MORE
