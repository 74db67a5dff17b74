"""What a second server brings, and what Redis costs: CPU for each tick of servers that share one.

On two cores, of which the viewers need one, two servers cannot show twice the ticks of one. What
they take for a tick can be compared: where it is the same, twice the cores carry twice the viewers.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import machine
from benchmarks.report import Row, ratio_at_most
from benchmarks.servers import KEY, query, upstream, wait_until_quiet
from benchmarks.viewers import Viewers
from scripts.fleet import PATHS, Fleet

PLAN = "premium-1200"
EACH = 60  # viewers of each server, looking every five seconds
SECONDS = 6.0
# Twice the servers carry 1.8 times the viewers where a tick costs at most 2 / 1.8 of what it did.
MOST = 2 / 1.8


def measure() -> list[Row]:
    if not all(shutil.which(name, path=PATHS) for name in ("redis-server", "nginx")):
        return []
    with Viewers() as viewers:
        shared = {}
        for count in (1, 2):
            with upstream(PLAN) as source, tempfile.TemporaryDirectory() as folder:
                settings = {
                    "ALPHAVANTAGE_API_KEY": KEY,
                    "STOCKTRACKER_UPSTREAM": f"{source.url}/query",
                    "STOCKTRACKER_PLAN": PLAN,
                    "STOCKTRACKER_HOURS": "always",
                }
                with ExitStack() as stack:
                    with machine.on(machine.SERVER_CORES):
                        fleet = stack.enter_context(Fleet(Path(folder), count, settings))
                    names = [f"server {place}" for place in range(count)]
                    ports = {f"{count} {name}": fleet.ports[i] for i, name in enumerate(names)}
                    pids = [fleet.pid(name) for name in (*names, "redis")]
                    shared[count] = _look(viewers, ports, pids)
    return [
        Row(
            "a tick, two servers on one Redis",
            shared[2],
            shared[1],
            "ms CPU",
            "one",
            ratio_at_most(MOST),
        ),
    ]


def _look(viewers: Viewers, ports: dict[str, int], pids: list[int]) -> float:
    """Milliseconds of CPU for each tick, of all these processes together."""
    for group, port in ports.items():
        viewers.open(group, port, 1, [query()])
        viewers.settle(group)
        viewers.open(group, port, EACH - 1, [query()])
    wait_until_quiet(pids)
    before = sum(map(machine.cpu_seconds, pids))
    told = viewers.look(list(ports), SECONDS)
    spent = sum(map(machine.cpu_seconds, pids)) - before
    answered = sum(each["answered"] for each in told.values())
    for group in ports:
        viewers.close(group)
    return float(1000 * spent / answered)
