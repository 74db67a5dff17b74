"""The free plan, on a clock that jumps: what is asked, refused, and late at the next open.

Real are the simulator over HTTP with its limits, planner, budget, store and board; only the time
is not. The rival is the app with st.cache_data(ttl=20), open on one screen while New York trades:
its requests are counted by upstream's own limiter, on a clock that jumps too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from benchmarks import machine
from benchmarks.report import Row, at_most
from benchmarks.servers import ROOT, TICKERS
from stocktracker.markets import calendar
from stocktracker.model import Ticker
from stocktracker.plans import PLANS
from stocktracker.simulator.limits import Limiter, upstream_limits
from tests.helpers import FakeClock, utc
from tests.household import household

BEGIN, END = "2025-11-23T12:00:00", "2026-11-22T12:00:00"
WEEK = timedelta(days=7)
TTL, LATENCY = 20.0, 0.1


class Year:
    """Begins in a process of its own, which gives way to whatever else wants its core: the year
    measures no time, and so can pass beside what does."""

    def __init__(self, seconds: float) -> None:
        with machine.on(machine.OTHER_CORES):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.year", str(seconds)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )

    def rows(self) -> list[Row]:
        """Wait for its end. What was not simulated in its seconds is left out, and said."""
        told, _ = self._process.communicate()
        if self._process.returncode != 0:
            raise RuntimeError("the year could not be simulated")
        days, asked, refused, late = json.loads(told)
        their_calls, their_refusals, their_late = _rival_day()
        about = f"free plan, {days} trading days"
        return [
            Row(f"{about}: calls", asked, their_calls * days, "calls", "ttl"),
            Row(f"{about}: refused", refused, their_refusals * days, "calls", "ttl", at_most(0)),
            Row(
                f"{about}: closes missing at the next open",
                late,
                their_late * days,
                "closes",
                "ttl",
                at_most(0),
            ),
        ]


def simulate(seconds: float) -> tuple[int, int, int, int]:
    """Trading days, calls, refusals, and closes that were missing at the next open."""
    tickers = [Ticker(text) for text in TICKERS]
    until = time.monotonic() + seconds
    with (
        tempfile.TemporaryDirectory(prefix="stocktracker-bench-") as folder,
        household(Path(folder) / "store", BEGIN) as house,
    ):
        while house.clock.now() < utc(END) and time.monotonic() < until:
            house.live_until(min(house.clock.now() + WEEK, utc(END)), tickers)
        days = len(calendar().days_between(utc(BEGIN).date(), house.clock.now().date()))
        return days, len(house.asked), house.simulator.refusals, len(house.late)


def _rival_day() -> tuple[int, int, int]:
    """Calls, refusals and closes not seen, on one day like any other: a second, so that the first
    day's calls are already in upstream's window."""
    clock = FakeClock("2026-11-18T14:30:00")
    limiter = Limiter(upstream_limits(PLANS["free"]), clock)
    calls = refusals = 0
    closes: set[str] = set()
    for day in range(2):
        calls = refusals = 0
        closes = set()
        opens = utc("2026-11-18T14:30:00") + timedelta(days=day)
        closed = opens + timedelta(hours=6.5)
        clock.tick_to(opens)
        expires = dict.fromkeys(TICKERS, opens)
        while clock.now() < closed + timedelta(minutes=5):
            for ticker, at in expires.items():
                if at > clock.now():
                    continue
                calls += 1
                clock.tick(LATENCY)
                if limiter.refuse() is not None:
                    # Streamlit keeps no failure, so the next tick asks again.
                    refusals += 1
                    continue
                expires[ticker] = clock.now() + timedelta(seconds=TTL)
                if clock.now() > closed:
                    closes.add(ticker)
            clock.tick(5)
    return calls, refusals, len(TICKERS) - len(closes)


if __name__ == "__main__":
    os.nice(19)
    sys.stdout.write(json.dumps(simulate(float(sys.argv[1]))))
