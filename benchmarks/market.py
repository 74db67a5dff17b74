"""The whole listing watched by the real program: CPU time, memory, age of the oldest quote.

A simulator with the limits of premium-1200 in a
process of its own, and the server twice: idle, and with STOCKTRACKER_WATCH=all. CPU time is of the
server's process over whole cycles, after the first one. Linux only, as it reads /proc.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import requests

from benchmarks.report import Row, at_most

ROOT = Path(__file__).parent.parent
LOOPBACK = "127.0.0.1"
PLAN = "premium-1200"
LATENCY_MS = 100
CYCLE = 20.0  # seconds
CYCLES = 2
START_WITHIN = 180.0  # seconds; machines may be busy
PAGE = 500  # tickers that one request for quotes may name


def measure(cycles: int = CYCLES) -> list[Row]:
    found = look(cycles)
    targets = {
        "share of a core": at_most(25),
        "MB over the idle server": at_most(300),
        "refused calls": at_most(0),
    }
    units = {"share of a core": "% CPU", "MB over the idle server": "MB", "oldest quote": "s"}
    idle = {"share of a core": found.pop("share of a core, idle")}
    return [
        Row(
            f"all {found['tickers']:,.0f} tickers every 20 s: {name}",
            figure,
            idle.get(name),
            units.get(name, ""),
            "idle server" if name in idle else "",
            targets.get(name),
        )
        for name, figure in found.items()
        if name != "tickers"
    ]


def look(cycles: int) -> dict[str, float]:
    """Shares of a core in percent, memory in MB, ages in seconds, the rest in counts."""
    with _simulator() as upstream, tempfile.TemporaryDirectory() as folder:
        tickers = _warm_up(upstream)
        store = Path(folder) / "all"
        with _server(upstream, store, {"STOCKTRACKER_WATCH": "all"}) as (server, url):
            # Beside the other one's first cycles, as it is CPU time that is measured.
            with _server(upstream, Path(folder) / "idle", {}) as (idle, _):
                _until(lambda: _calls(upstream) > 2 * len(tickers) // 100, "the first cycle")
                before = _seconds(idle)
                time.sleep(CYCLE)
                idle_core, idle_memory = (_seconds(idle) - before) / CYCLE, _megabytes(idle)
            shares, memories, oldest, commits = [], [], [], []
            for _ in range(cycles):
                began, before, saved = time.monotonic(), _seconds(server), _revision(store)
                time.sleep(CYCLE)
                shares.append((_seconds(server) - before) / (time.monotonic() - began))
                memories.append(_megabytes(server))
                commits.append(_revision(store) - saved)
                oldest.append(_oldest(url, tickers))
            before, began = _seconds(server), time.monotonic()
            served = len(requests.get(f"{url}/api/quotes", timeout=60).json()["quotes"])
            serving = _seconds(server) - before - (time.monotonic() - began) * max(shares)
        stats = requests.get(upstream.replace("/query", "/stats"), timeout=60).json()
    return {
        "tickers": float(len(tickers)),
        "quotes served": float(served),
        "share of a core": 100 * sum(shares) / len(shares),
        "share of a core, idle": 100 * idle_core,
        "CPU seconds to serve all quotes once": max(serving, 0.0),
        "MB over the idle server": max(memories) - idle_memory,
        "MB": max(memories),
        "oldest quote": max(oldest),
        "saves a cycle": sum(commits) / len(commits),
        "refused calls": float(stats["refusals"]),
        "most calls in a minute": float(stats["most_in_a_minute"]),
    }


def _oldest(url: str, tickers: list[str]) -> float:
    """Age in seconds of the oldest quote that the server has, since it was asked for."""
    fetched = []
    for start in range(0, len(tickers), PAGE):
        named = {"tickers": ",".join(tickers[start : start + PAGE])}
        answer = requests.get(f"{url}/api/quotes", params=named, timeout=60)
        now = datetime.now(UTC)
        fetched += [
            (now - datetime.fromisoformat(quote["fetched_at"])).total_seconds()
            for quote in answer.json()["quotes"]
        ]
    return max(fetched)


def _warm_up(upstream: str) -> list[str]:
    """Have the simulator invent each ticker's past before anything is measured."""
    asked = {"function": "LISTING_STATUS", "apikey": "ANY"}
    lines = requests.get(upstream, params=asked, timeout=60).text.split("\r\n")[1:-1]
    tickers = [line.split(",")[0] for line in lines]
    for start in range(0, len(tickers), 100):
        named = {"symbol": ",".join(tickers[start : start + 100])}
        query = {"function": "REALTIME_BULK_QUOTES", "apikey": "ANY"} | named
        requests.get(upstream, params=query, timeout=60)
    # What the program takes as it stands; odder ones cannot be asked for by name.
    return [each for each in tickers if re.fullmatch(r"[A-Z0-9][A-Z0-9.\-=^:]{0,19}", each)]


@contextmanager
def _simulator() -> Iterator[str]:
    port = _free_port()
    flags = ["--plan", PLAN, "--hours", "always", "--latency-ms", str(LATENCY_MS)]
    command = [sys.executable, "-m", "stocktracker.simulator", *flags, "--port", str(port)]
    url = f"http://{LOOPBACK}:{port}"
    with _running(command, {}, f"{url}/stats"):
        yield f"{url}/query"


@contextmanager
def _server(upstream: str, store: Path, more: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    port = _free_port()
    settings = {
        "ALPHAVANTAGE_API_KEY": "ANY",
        "STOCKTRACKER_PLAN": PLAN,
        "STOCKTRACKER_HOURS": "always",
        "STOCKTRACKER_UPSTREAM": upstream,
        "STOCKTRACKER_STORE": str(store),
        **more,
    }
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    url = f"http://{LOOPBACK}:{port}"
    with _running(command, settings, f"{url}/healthz") as pid:
        yield pid, url


@contextmanager
def _running(command: list[str], settings: Mapping[str, str], url: str) -> Iterator[int]:
    ours = {name: text for name, text in os.environ.items() if "STOCKTRACKER" not in name}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**ours, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _until(lambda: _answers(url), url)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _until(question: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + START_WITHIN
    while not question():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.25)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code < 600
    except requests.ConnectionError:
        return False


def _calls(upstream: str) -> int:
    calls: int = requests.get(upstream.replace("/query", "/stats"), timeout=60).json()["calls"]
    return calls


def _revision(store: Path) -> int:
    """How often the store was saved to; budget and shared wants apart."""
    from stocktracker.cache import DiskStore  # noqa: PLC0415

    (folder,) = (path for path in store.iterdir() if path.is_dir())
    opened = DiskStore(folder)
    try:
        return opened.revision()
    finally:
        opened.close()


def _seconds(pid: int) -> float:
    """CPU seconds of a process, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(pid: int) -> float:
    """Memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    if found is None:
        raise ValueError("no VmRSS")
    return int(found[1]) / 1024


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        port: int = found.getsockname()[1]
        return port
