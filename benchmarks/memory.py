"""Whether memory stays flat: over 25,000 ticks, and over 1,000 viewers who come and go."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.machine import MIB
from benchmarks.report import Row, at_most, middle
from benchmarks.servers import Process, ours, query, upstream
from benchmarks.viewers import Viewers

PLAN = "premium-1200"
TABS = 16  # on each of two pages
TICKS, COMINGS = 25_000, 2_000  # of the comings the first half fills what is kept
AT_ONCE = 25
PAGES = {"Live": "", "History": "history"}
LONGEST_COMING, LONGEST_TICKING = 60.0, 80.0  # seconds; what was not done by then is said
# Streamlit keeps this many sessions for a minute after they have gone, in case they come back.
KEPT = 128
# A size is the middle of so many: Python looks for what holds only itself once a minute.
LOOKS = 9
FLAT = 10.0  # MiB more at the end than after the first part


@dataclass(frozen=True)
class Growth:
    """By how much memory grew between so many times and so many."""

    first: int
    last: int
    bytes: float


def measure(ticks: int = TICKS, comings: int = COMINGS) -> list[Row]:
    """Of one server: viewers come and go first, then others stay and tick on two pages."""
    with Viewers() as viewers, upstream(PLAN) as source, ours(PLAN, source) as server:
        for group, page in PAGES.items():
            viewers.open(group, server.port, 1, [query()], page=page)
            viewers.settle(group)

        def come_and_go() -> int:
            viewers.open("guests", server.port, AT_ONCE, [query()])
            viewers.close("guests")
            return AT_ONCE

        left_by_guests = _growth(
            server, come_and_go, comings, part=0.5, longest=LONGEST_COMING, least=2 * KEPT
        )
        for group, page in PAGES.items():
            viewers.open(group, server.port, TABS - 1, [query()], page=page)

        def tick() -> int:
            done = 0
            for group in PAGES:
                done += viewers.closed(group, 1, "page")["ticks"]
            return done

        left_by_ticks = _growth(server, tick, ticks, part=0.2, longest=LONGEST_TICKING, least=500)
        end = server.rss() / MIB
    guests, ticking = left_by_guests, left_by_ticks
    return [
        Row(
            f"memory left by guests {guests.first:,} to {guests.last:,}",
            guests.bytes / MIB,
            None,
            "MiB",
            target=at_most(FLAT),
        ),
        Row(
            f"memory left by ticks {ticking.first:,} to {ticking.last:,}",
            ticking.bytes / MIB,
            None,
            "MiB",
            target=at_most(FLAT),
        ),
        Row("memory of the server in the end", end, None, "MiB"),
    ]


def _growth(
    server: Process,
    work: Callable[[], int],
    times: int,
    *,
    part: float,
    longest: float,
    least: int,
) -> Growth:
    """Do it so often, or for so long; what it grew by since the first part of either.

    The first part is of `least` times at least, and so is what comes after it.
    """
    began = time.monotonic()
    done = first = 0
    before, sizes = 0.0, deque[int](maxlen=LOOKS)
    while done < times and (time.monotonic() - began < longest or done < first + least):
        done += work()
        sizes.append(server.rss())
        late = time.monotonic() - began > longest * part
        if not before and done >= min(least, times * part) and (late or done >= times * part):
            first, before = done, middle(sizes)
    return Growth(first, done, middle(sizes) - before)
