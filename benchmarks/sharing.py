"""What many viewers with overlapping lists ask of upstream, and what they see of it.

Each viewer watches five of twenty tickers on the plan with 5 calls a second and 75 a minute, whose
answers take a tenth of a second. The same viewers look at stocktracker, at the app with
st.cache_data(ttl=20) and at the one that refreshes in the background.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime

from benchmarks.report import Row, middle
from benchmarks.servers import TICKERS, Process, ours, query, rival, upstream
from benchmarks.viewers import Viewers

PLAN = "premium-75"
OURS, RIVALS = "ours", ("ttl", "background")
COUNTS = (1, 10, 100)
WINDOW = 21.0  # seconds; quotes live for 20, and ticks are 5 apart
LIST = 5
FETCHED = r"Fetched at [\d. ]+"


@dataclass
class Seen:
    """What one number of viewers of one app caused and saw."""

    calls: int
    refusals: int
    ages: list[float]
    told: dict[str, float]


def links() -> list[str]:
    """Lists that overlap: each begins one ticker after the last."""
    return [
        query(tuple(TICKERS[(first + place) % len(TICKERS)] for place in range(LIST)))
        for first in range(len(TICKERS))
    ]


def measure(counts: tuple[int, ...] = COUNTS) -> list[Row]:
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
                more = links()[there % len(TICKERS) :] + links()[: there % len(TICKERS)]
                viewers.open(app, servers[app].port, count - there, more, note=FETCHED)
                viewers.settle(app)
            there = count
            for app, mine in _look(viewers, apps, servers, sources).items():
                seen[app, count] = mine
    return [row for count in counts for row in _rows(count, seen)]


def _look(
    viewers: Viewers,
    apps: Sequence[str],
    servers: dict[str, Process],
    sources: dict[str, Process],
) -> dict[str, Seen]:
    """All at the same time: what one server takes from the others, it takes from all."""
    before = {app: _stats(sources[app])[0] for app in apps}
    with _ages(servers[OURS]) as ages:
        told = viewers.look(apps, WINDOW)
    seen = {}
    for app in apps:
        calls, refusals = _stats(sources[app])
        shown = ages if app == OURS else _told_ages(told[app]["noted"])
        seen[app] = Seen(calls - before[app], refusals, shown, told[app])
    return seen


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


def _rows(count: int, seen: dict[tuple[str, int], Seen]) -> Iterator[Row]:
    about = f"{count} viewer{'s' if count > 1 else ''}"
    figures = {app: _figures(seen[app, count]) for app in (OURS, *RIVALS)}
    for (what, unit), own in figures[OURS].items():
        for app in RIVALS:
            yield Row(f"{about}: {what}", own, figures[app][what, unit], unit, app)


def _figures(seen: Seen) -> dict[tuple[str, str], float]:
    return {
        ("upstream calls", "calls/min"): seen.calls * 60 / WINDOW,
        ("refused since the first came", "calls"): seen.refusals,
        ("age of a quote as drawn, p50", "s"): _at(seen.ages, 0.5),
        ("age of a quote as drawn, p95", "s"): _at(seen.ages, 0.95),
        ("tick, p50", "ms"): _milliseconds(seen, "p50"),
        ("tick, p95", "ms"): _milliseconds(seen, "p95"),
        ("tick of the unlucky one", "ms"): _milliseconds(seen, "worst"),
        ("ticks not answered in 2 s", "ticks"): seen.told["unanswered"],
    }


def _milliseconds(seen: Seen, which: str) -> float:
    """Where nothing at all was answered, it was not within the time of the measurement."""
    return 1000 * (seen.told[which] or WINDOW)


def _at(ages: list[float], part: float) -> float:
    """A quantile; nothing shown at all counts as having no age that could be said."""
    if not ages:
        return float("nan")
    return middle(ages) if part == 0.5 else sorted(ages)[int(len(ages) * part)]
