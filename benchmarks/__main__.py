"""`make bench`, or `python -m benchmarks ticks options`: run all or the named ones, print a table.

The table of a run of all is kept in README.md. A target that is missed is said to be; only what
could not be measured makes the exit code other than 0.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from benchmarks import machine, report
from benchmarks.report import Row
from benchmarks.year import Year

# In the order of the table. `year` measures no time, and so passes beside all the others.
TOPICS = (
    "start",
    "ticks",
    "crowd",
    "options",
    "sharing",
    "memory",
    "year",
    "store",
    "histories",
    "planner",
    "fleet",
    "market",
)
YEAR_WITHIN = 380.0  # seconds, so that all is done in ten minutes
# First, with nothing beside them: what somebody waits for is timed there, and the viewers' process
# has its core for itself.
QUIET = ("start", "crowd", "ticks")
# Market measures CPU and memory of processes of its own, and no time: it runs beside memory, which
# measures memory.
GUEST, HOST = "market", "memory"
LAST = (GUEST, "year")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("topics", nargs="*", help=f"some of {', '.join(TOPICS)}; all by default")
    chosen = parser.parse_args(arguments).topics or list(TOPICS)
    unknown = [name for name in chosen if name not in TOPICS]
    if unknown:
        parser.error(f"{unknown[0]}: one of {', '.join(TOPICS)}")
    began = time.monotonic()
    with machine.on(machine.OTHER_CORES):
        found, failed = run(chosen)
    rows = [row for name in chosen for row in found.get(name, [])]
    table = report.lines(rows)
    about = f"{machine.describe()}; in {time.monotonic() - began:.0f} s."
    say("", *table, "", about)
    if failed:
        say(f"not measured: {', '.join(failed)}")
        return 1
    if set(chosen) == set(TOPICS):
        report.keep(table, about)
    return 0


def run(chosen: Sequence[str]) -> tuple[dict[str, list[Row]], list[str]]:
    """Rows by topic, and the topics that could not be measured."""
    found: dict[str, list[Row]] = {}
    failed: list[str] = []
    beside: Year | None = None
    with ThreadPoolExecutor(1) as other:
        together: Future[list[Row]] | None = None
        for name in sorted(chosen, key=lambda each: (each in LAST, each not in QUIET)):
            began = time.monotonic()
            if beside is None and "year" in chosen and name not in QUIET:
                beside = Year(YEAR_WITHIN)
            if name == HOST and GUEST in chosen:
                together = other.submit(_measured, GUEST)
            try:
                if name == "year" and beside is not None:
                    found[name] = beside.rows()
                elif name == GUEST and together is not None:
                    found[name] = together.result()
                else:
                    found[name] = _measured(name)
            except Exception:  # noqa: BLE001 the other topics are still worth measuring
                traceback.print_exc()
                failed.append(name)
            say(f"{name}: {time.monotonic() - began:.0f} s")
    return found, failed


def _measured(name: str) -> list[Row]:
    rows: list[Row] = importlib.import_module(f"benchmarks.{name}").measure()
    return rows


def say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
