"""What many viewers with overlapping lists ask of upstream, and what they see of it.

Each viewer watches five of twenty tickers on the plan with 5 calls a second and 75 a minute, whose
answers take a tenth of a second. The same viewers look at stocktracker, at the app with
st.cache_data(ttl=20) and at the one that refreshes in the background.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from benchmarks.report import Row, middle
from benchmarks.servers import TICKERS, Process, ours, query, rival, upstream
from benchmarks.viewers import Viewers

PLAN = "premium-75"
OURS, RIVALS = "ours", ("ttl", "background")
COUNTS = (1, 10, 100)
TOGETHER = 10  # up to so many viewers of each may look at the same time
WINDOW = 20.0  # seconds: one time to live
LIST = 5
FETCHED = r"Fetched at [\d. ]+"


@dataclass
class Seen:
    """What one number of viewers of one app caused and saw."""

    calls: int = 0
    refusals: int = 0
    ages: list[float] = field(default_factory=list)
    told: dict[str, float] = field(default_factory=dict)


def links() -> list[str]:
    """Lists that overlap: each begins one ticker after the last."""
    return [
        query(tuple(TICKERS[(first + place) % len(TICKERS)] for place in range(LIST)))
        for first in range(len(TICKERS))
    ]


def measure(window: float = WINDOW, counts: tuple[int, ...] = COUNTS) -> list[Row]:
    apps = (OURS, *RIVALS)
    seen: dict[tuple[str, int], Seen] = {}
    with ExitStack() as stack:
        sources = {app: stack.enter_context(upstream(PLAN)) for app in apps}
        servers = {OURS: stack.enter_context(ours(PLAN, sources[OURS]))}
        servers |= {app: stack.enter_context(rival(app, sources[app])) for app in RIVALS}
        viewers = stack.enter_context(Viewers())
        there = 0
        for count in counts:
            for app in apps:
                seen[app, count] = Seen(refusals=-_stats(sources[app])[1])
                more = links()[there % len(TICKERS) :] + links()[: there % len(TICKERS)]
                viewers.open(app, servers[app].port, count - there, more, note=FETCHED)
                viewers.settle(app)
            there = count
            together = [apps] if count <= TOGETHER else [(app,) for app in apps]
            for looking in together:
                _look(viewers, looking, servers, sources, seen=seen, count=count, window=window)
    return [row for count in counts for row in _rows(count, seen, window)]


def _look(
    viewers: Viewers,
    apps: tuple[str, ...],
    servers: dict[str, Process],
    sources: dict[str, Process],
    *,
    seen: dict[tuple[str, int], Seen],
    count: int,
    window: float,
) -> None:
    before = {app: _stats(sources[app])[0] for app in apps}
    with _ages(servers[OURS]) as ages:
        told = viewers.look(apps, window)
    for app in apps:
        calls, refusals = _stats(sources[app])
        mine = seen[app, count]
        mine.calls += calls - before[app]
        mine.refusals += refusals
        mine.told = told[app]
        mine.ages = ages if app == OURS else _told_ages(told[app]["noted"])


def _stats(source: Process) -> tuple[int, int]:
    stats = source.get("/stats")
    return stats["calls"], stats["refusals"]


@contextmanager
def _ages(server: Process) -> Iterator[list[float]]:
    """Ages of our quotes while others look: what a tick at that instant would show."""
    ages: list[float] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(1):
            now = time.time()
            for quote in server.get("/api/quotes")["quotes"]:
                ages.append(now - datetime.fromisoformat(quote["fetched_at"]).timestamp())

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    try:
        yield ages
    finally:
        over.set()
        asking.join()


def _told_ages(noted: list[tuple[float, str]]) -> list[float]:
    """A rival writes when each of its quotes was fetched."""
    return [at - float(text) for at, line in noted for text in line.split()[2:]]


def _rows(count: int, seen: dict[tuple[str, int], Seen], window: float) -> Iterator[Row]:
    about = f"{count} viewer{'s' if count > 1 else ''}"
    own = seen[OURS, count]
    for app in RIVALS:
        other = seen[app, count]
        yield Row(
            f"{about}: upstream calls",
            own.calls * 60 / window,
            other.calls * 60 / window,
            "calls/min",
            app,
        )
        yield Row(f"{about}: refused", own.refusals, other.refusals, "calls", app)
        yield Row(
            f"{about}: age of a quote as drawn, p50",
            _at(own.ages, 0.5),
            _at(other.ages, 0.5),
            "s",
            app,
        )
        yield Row(
            f"{about}: age of a quote as drawn, p95",
            _at(own.ages, 0.95),
            _at(other.ages, 0.95),
            "s",
            app,
        )
        yield Row(
            f"{about}: tick, p50", 1000 * own.told["p50"], 1000 * other.told["p50"], "ms", app
        )
        yield Row(
            f"{about}: tick, p95", 1000 * own.told["p95"], 1000 * other.told["p95"], "ms", app
        )
        yield Row(
            f"{about}: tick of the unlucky one",
            1000 * own.told["worst"],
            1000 * other.told["worst"],
            "ms",
            app,
        )


def _at(ages: list[float], part: float) -> float:
    """A quantile; nothing shown at all counts as having no age that could be said."""
    if not ages:
        return float("nan")
    return middle(ages) if part == 0.5 else sorted(ages)[int(len(ages) * part)]
