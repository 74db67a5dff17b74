"""Many browser tabs at once, in a process of their own: `python -m benchmarks.viewers`.

It takes one command a line as JSON and answers each with one line. Groups of tabs have names, so
that tabs of several servers can look at the same time. `Viewers` is the other end of the pipe.

- closed loop: each tab ticks again as soon as the last tick is answered; for CPU per tick;
- open loop: each timer fires at its interval, answered or not, as in a browser; for latencies.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.browser import WHOLE, Browser

ROOT = Path(__file__).parent.parent
OPENING = 50  # tabs that are opened side by side
LATE = 2.0  # seconds, after which a tick counts as unanswered
SETTLED = 1.5  # seconds: a page that still waits for something looks more often


class Viewers:
    """The process with the tabs, as seen from outside. A context manager that ends it."""

    def __init__(self) -> None:
        with machine.on(machine.OTHER_CORES):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.viewers"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )

    def __enter__(self) -> Viewers:
        return self

    def __exit__(self, *_fault: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def open(self, group: str, port: int, count: int, queries: Sequence[str], **more: Any) -> Any:
        """Open tabs, one query after another in turn. `page` and `note` (a regular expression
        whose finds in what comes in are kept) are optional. What the first runs took."""
        return self._ask("open", group=group, port=port, count=count, queries=queries, **more)

    def settle(self, group: str, seconds: float = 40) -> Any:
        """Tick in real time until the page has all it waits for."""
        return self._ask("settle", group=group, seconds=seconds)

    def tick(self, group: str) -> Any:
        """Each tab waits for its page's timer once, and ticks once."""
        return self._ask("tick", group=group)

    def closed(self, group: str, seconds: float, what: str = "page") -> Any:
        """Tick as fast as answers come. `what`: `page`, its fragment; `rerun`, the whole script."""
        return self._ask("closed", group=group, seconds=seconds, what=what)

    def look(self, groups: Sequence[str], seconds: float) -> Any:
        """Let timers fire at their own pace, each tab in its own phase. By group, what came."""
        return self._ask("look", groups=groups, seconds=seconds)

    def close(self, group: str) -> Any:
        return self._ask("close", group=group)

    def _ask(self, verb: str, **arguments: Any) -> Any:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("no pipe")
        self._process.stdin.write(json.dumps({"verb": verb, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the viewers' process has ended")
        answer = json.loads(line)
        if "fault" in answer:
            raise RuntimeError(f"viewers: {answer['fault']}")
        return answer


# --- inside the process -------------------------------------------------------------------------

Verb = Callable[..., Awaitable[Any]]
GROUPS: dict[str, list[Browser]] = {}


async def _open(
    group: str,
    port: int,
    count: int,
    queries: Sequence[str],
    *,
    page: str = "",
    note: str | None = None,
) -> dict[str, Any]:
    tabs = [Browser(port, page, queries[place % len(queries)], note) for place in range(count)]
    waiting = iter(tabs)

    async def open_one_after_another() -> None:
        for tab in waiting:
            await tab.open()

    await asyncio.gather(*(open_one_after_another() for _ in range(OPENING)))
    GROUPS.setdefault(group, []).extend(tabs)
    return _told(tabs)


async def _settle(group: str, seconds: float) -> dict[str, Any]:
    tabs = GROUPS[group]

    async def settle(tab: Browser) -> None:
        until = time.monotonic() + seconds
        while (fragment := tab.page_fragment) is not None and time.monotonic() < until:
            pace = tab.timers[fragment]
            if pace > SETTLED:
                break
            await asyncio.sleep(pace)
            await tab.run(fragment)

    await asyncio.gather(*(settle(tab) for tab in tabs))
    return {"timers": sorted(tabs[0].timers.values())}


async def _tick(group: str) -> dict[str, Any]:
    tabs = GROUPS[group]
    _begin(tabs)

    async def tick(tab: Browser) -> None:
        fragment = tab.page_fragment
        await asyncio.sleep(tab.timers[fragment] if fragment else LATE)
        await tab.run(fragment or WHOLE)

    await asyncio.gather(*(tick(tab) for tab in tabs))
    return _told(tabs)


async def _closed(group: str, seconds: float, what: str) -> dict[str, Any]:
    tabs = GROUPS[group]
    counts = dict.fromkeys(range(len(tabs)), 0)
    until = time.monotonic() + seconds
    _begin(tabs)

    async def tick(place: int, tab: Browser) -> None:
        while time.monotonic() < until:
            await tab.run(WHOLE if what == "rerun" else tab.page_fragment or WHOLE)
            counts[place] += 1

    await asyncio.gather(*(tick(place, tab) for place, tab in enumerate(tabs)))
    return {**_told(tabs), "ticks": sum(counts.values())}


async def _look(groups: Sequence[str], seconds: float) -> dict[str, Any]:
    chosen = {group: GROUPS[group] for group in groups}
    everybody = [tab for tabs in chosen.values() for tab in tabs]
    _begin(everybody)
    for tab in everybody:
        tab.play(phase=random.random())  # noqa: S311
    await asyncio.sleep(seconds)
    for tab in everybody:
        tab.stop()
    unanswered = {
        group: sum(tab.unanswered(LATE) for tab in tabs) for group, tabs in chosen.items()
    }
    await asyncio.sleep(LATE)
    answered = {group: _told(tabs)["answered"] for group, tabs in chosen.items()}
    for tab in everybody:
        # Not to be left out: of those that nobody answered, at least this long is known.
        tab.tally.latencies += tab.waiting()
    return {
        group: {
            **_told(tabs),
            "answered": answered[group],
            "unanswered": unanswered[group],
        }
        for group, tabs in chosen.items()
    }


async def _close(group: str) -> dict[str, Any]:
    await asyncio.gather(*(tab.close() for tab in GROUPS.pop(group, [])))
    return {}


def _begin(tabs: Sequence[Browser]) -> None:
    for tab in tabs:
        tab.begin()


def _told(tabs: Sequence[Browser]) -> dict[str, Any]:
    latencies = sorted(each for tab in tabs for each in tab.tally.latencies)
    answered = len(latencies)
    return {
        "answered": answered,
        "p50": latencies[answered // 2] if latencies else None,
        "p95": latencies[int(answered * 0.95)] if latencies else None,
        "worst": latencies[-1] if latencies else None,
        "bytes": sum(tab.tally.bytes for tab in tabs),
        "messages": sum(tab.tally.messages for tab in tabs),
        "references": sum(tab.tally.references for tab in tabs),
        "wholes": sum(tab.tally.wholes for tab in tabs),
        "noted": [each for tab in tabs for each in tab.noted],
    }


VERBS: dict[str, Verb] = {
    "open": _open,
    "settle": _settle,
    "tick": _tick,
    "closed": _closed,
    "look": _look,
    "close": _close,
}


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        try:
            answer = await VERBS[command.pop("verb")](**command)
        except Exception as fault:  # noqa: BLE001 it is told at the other end
            answer = {"fault": f"{type(fault).__name__}: {fault}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for group in list(GROUPS):
        await _close(group)


if __name__ == "__main__":
    asyncio.run(_serve())
