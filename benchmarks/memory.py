"""Whether memory stays flat: over 25,000 ticks, and over 1,000 viewers who come and go."""

from __future__ import annotations

import time

from benchmarks.machine import MIB
from benchmarks.report import Row, at_most
from benchmarks.servers import ours, query, upstream
from benchmarks.viewers import Viewers

PLAN = "premium-1200"
TABS = 32
TICKS, FIRST_TICKS = 25_000, 5_000
COMINGS, FIRST_COMINGS, AT_ONCE = 1_000, 250, 25
LONGEST = 90.0  # seconds for each of the two; what was not done by then is said
FLAT = 10.0  # MiB more at the end than after the first part


def measure(ticks: int = TICKS, comings: int = COMINGS, longest: float = LONGEST) -> list[Row]:
    """Of one server: viewers come and go first, then others stay and tick."""
    with Viewers() as viewers, upstream(PLAN) as source, ours(PLAN, source) as server:
        viewers.open("stays", server.port, 1, [query()])
        viewers.settle("stays")
        until = time.monotonic() + longest
        gone, first = 0, 0
        while gone < comings and time.monotonic() < until:
            viewers.open("comes", server.port, AT_ONCE, [query()])
            viewers.close("comes")
            gone += AT_ONCE
            if first == 0 and gone >= min(FIRST_COMINGS, comings // 4):
                first = server.rss()
        left_by_comings = (server.rss() - first) / MIB
        viewers.open("stays", server.port, TABS - 1, [query()])
        done, first = 0, 0
        until = time.monotonic() + longest
        while done < ticks and time.monotonic() < until:
            viewers.closed("stays", 0.05, "other")
            done += viewers.closed("stays", 2, "page")["ticks"]
            if (first == 0 and done >= min(FIRST_TICKS, ticks // 5)) or (
                not first and time.monotonic() > until - longest * 0.8
            ):
                first, counted = server.rss(), done
        left_by_ticks = (server.rss() - first) / MIB
        end = server.rss() / MIB
    return [
        Row(
            f"memory left by viewers {FIRST_COMINGS} to {gone:,} who came and went",
            left_by_comings,
            None,
            "MiB",
            "",
            at_most(FLAT),
        ),
        Row(
            f"memory left by ticks {counted:,} to {done:,}",
            left_by_ticks,
            None,
            "MiB",
            "",
            at_most(FLAT),
        ),
        Row("memory of the server at the end", end, None, "MiB"),
    ]
