"""From the command to the first quote on a screen, and a first visit to a server that is warm."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

import requests

from benchmarks.chromium import visit
from benchmarks.report import Row, at_most, middle
from benchmarks.servers import Process, ours, query, rival, upstream, wait_until_quiet
from benchmarks.viewers import Viewers

PLAN = "premium-1200"
PRICE = r"\$\d[\d,]*\.\d\d"  # on a tile or a card
FIVE = query(("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL"))
TILE = "one bare tile"
PACE = 0.02  # seconds between two looks whether the server answers
Start = Callable[[Process], AbstractContextManager[Process]]


def measure(times: int = 2) -> list[Row]:
    """The files are in the system's cache, as on a machine where it has run before."""
    quoted: dict[str, list[float]] = {}
    visited: dict[str, list[float]] = {}
    starts: dict[str, Start] = {
        "ours": lambda source: ours(PLAN, source, wait=False),
        "ttl": lambda source: rival("ttl", source, wait=False),
    }
    with Viewers() as viewers:
        for _ in range(times):
            for name, start in starts.items():
                with upstream(PLAN) as source:
                    first, visit = _started(viewers, name, start, source)
                quoted.setdefault(name, []).append(first)
                visited.setdefault(name, []).append(visit)
    return [
        Row(
            "start to the first quote",
            middle(quoted["ours"]),
            middle(quoted["ttl"]),
            "s",
            "ttl",
            at_most(4),
        ),
        Row(
            "first visit, warm: page, socket, run",
            middle(visited["ours"]),
            middle(visited["ttl"]),
            "s",
            "ttl",
            at_most(1),
        ),
        *_in_a_browser(starts),
    ]


def _in_a_browser(starts: dict[str, Start]) -> list[Row]:
    """The first page of a server that is warm, until a price is on the screen."""
    with ExitStack() as stack:
        viewers = stack.enter_context(Viewers())
        servers = {
            name: stack.enter_context(start(stack.enter_context(upstream(PLAN))))
            for name, start in starts.items()
        }
        servers[TILE] = stack.enter_context(rival("floor_tile", None))
        for name, server in servers.items():
            server.wait_until_up()
            viewers.open(name, server.port, 1, [FIVE])
            viewers.close(name)
        wait_until_quiet([server.pid for server in servers.values()])
        urls = {name: f"{server.url}/?{FIVE}" for name, server in servers.items()}
        visits = visit(urls, bare={TILE})
    if not visits:
        return []
    own, other, tile = visits["ours"], visits["ttl"], visits[TILE]
    here, new = "first page in Chromium, been here", "first page in Chromium, a new browser"
    whole = "whole page in Chromium, been here"
    return [
        Row(here, middle(own.again), middle(tile.again), "s", TILE, at_most(1)),
        Row(here, middle(own.again), middle(other.again), "s", "ttl"),
        Row(whole, middle(own.whole), middle(other.whole), "s", "ttl"),
        Row(new, middle(own.new), middle(tile.new), "s", TILE),
        Row(new, middle(own.new), middle(other.new), "s", "ttl"),
    ]


def _started(viewers: Viewers, name: str, start: Start, source: Process) -> tuple[float, float]:
    """Seconds to the first quote, and of a second visitor's first page."""
    began = time.time()
    with start(source) as server:
        server.wait_until_up(PACE)
        told = viewers.open(name, server.port, 1, [FIVE], note=PRICE)
        while not told["noted"]:
            told = viewers.tick(name)
        first = told["noted"][0][0] - began
        viewers.settle(name, 10)
        visit = time.monotonic()
        requests.get(f"{server.url}/", timeout=30).raise_for_status()
        viewers.open(name, server.port, 1, [FIVE])
        visit = time.monotonic() - visit
        viewers.close(name)
    return first, visit
