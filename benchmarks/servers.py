"""What is measured, each in a process of its own: stocktracker, a rival, a simulated upstream.

Both kinds of server run with the project's own .streamlit/config.toml, so that they differ in
nothing but their scripts.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from benchmarks import machine

ROOT = Path(__file__).parent.parent
HOST = "127.0.0.1"
KEY = "BENCHKEY"
LATENCY = 100  # milliseconds that each answer of upstream takes
START_WITHIN = 60.0
QUIET_WITHIN = 20.0
LOOK, IDLE = 2.0, 0.15  # seconds, and which part of a core is next to nothing
PAUSE = threading.Event()  # never set: it is waited for
# fmt: off
TICKERS = (
    "AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "JPM", "V", "JNJ",
    "WMT", "XOM", "KO", "PEP", "DIS", "NFLX", "AMD", "INTC", "IBM", "SPY",
)
# fmt: on


def query(tickers: tuple[str, ...] = TICKERS, **more: str) -> str:
    """The query of a link to a page that shows these."""
    parts = [f"tickers={ticker}" for ticker in tickers]
    return "&".join([*parts, *(f"{name}={value}" for name, value in more.items())])


class Process:
    """A program that answers over HTTP; a context manager that ends it."""

    def __init__(
        self, command: list[str], port: int, health: str, cores: frozenset[int], **settings: str
    ) -> None:
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self._health = health
        self._command = command
        self._folder = tempfile.TemporaryDirectory(prefix="stocktracker-bench-")
        self.folder = Path(self._folder.name)
        self._terminal = (self.folder / "terminal.log").open("w+")
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        named = {name: value.format(folder=self.folder) for name, value in settings.items()}
        with machine.on(cores):
            self._process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env={**kept, "HOME": str(self.folder), **named},
                stdin=subprocess.DEVNULL,
                stdout=self._terminal,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._terminal.close()
        self._folder.cleanup()

    def get(self, path: str) -> Any:
        answer = requests.get(self.url + path, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def wait_until_up(self, pace: float = 0.05) -> Process:
        until = time.monotonic() + START_WITHIN
        while time.monotonic() < until:
            if self._process.poll() is not None:
                self._terminal.seek(0)
                raise RuntimeError(
                    f"{' '.join(self._command)} ended:\n{self._terminal.read()[-2000:]}"
                )
            try:
                if requests.get(self.url + self._health, timeout=5).ok:
                    return self
            except (requests.ConnectionError, requests.Timeout):
                pass
            PAUSE.wait(pace)
        raise RuntimeError(f"{' '.join(self._command)} is not up after {START_WITHIN} s")

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        return machine.cpu_seconds(self.pid)

    def rss(self) -> int:
        return machine.rss(self.pid)


def wait_until_quiet(pids: Sequence[int]) -> None:
    """Until none has anything to do of its own: ours imports what other pages need after its
    first visitor, who has to have come."""
    until = time.monotonic() + QUIET_WITHIN
    while time.monotonic() < until:
        before = list(map(machine.cpu_seconds, pids))
        PAUSE.wait(LOOK)
        spent = [machine.cpu_seconds(pid) - was for pid, was in zip(pids, before, strict=True)]
        if max(spent) < IDLE * LOOK:
            return


@contextmanager
def upstream(plan: str, *, latency: int = LATENCY) -> Iterator[Process]:
    """A simulator of Alpha Vantage whose market never closes."""
    port = free_port()
    arguments = ["--plan", plan, "--port", str(port), "--latency-ms", str(latency)]
    command = ["-m", "stocktracker.simulator", *arguments, "--hours", "always"]
    with Process(command, port, "/stats", machine.OTHER_CORES) as process:
        yield process.wait_until_up()


@contextmanager
def ours(
    plan: str, source: Process, *flags: str, wait: bool = True, **more: str
) -> Iterator[Process]:
    """`streamlit run app.py` with an empty store."""
    settings = {
        "ALPHAVANTAGE_API_KEY": KEY,
        "STOCKTRACKER_UPSTREAM": f"{source.url}/query",
        "STOCKTRACKER_PLAN": plan,
        "STOCKTRACKER_HOURS": "always",
        "STOCKTRACKER_STORE": "{folder}/store",
        **more,
    }
    port = free_port()
    with Process(
        _streamlit("app.py", port, flags), port, "/healthz", machine.SERVER_CORES, **settings
    ) as process:
        yield process.wait_until_up() if wait else process


@contextmanager
def rival(name: str, source: Process | None, *flags: str, wait: bool = True) -> Iterator[Process]:
    """One of benchmarks/rivals."""
    settings = {"UPSTREAM": f"{source.url}/query", "API_KEY": KEY} if source else {}
    port = free_port()
    command = _streamlit(f"benchmarks/rivals/{name}.py", port, flags)
    with Process(command, port, "/_stcore/health", machine.SERVER_CORES, **settings) as process:
        yield process.wait_until_up() if wait else process


def _streamlit(script: str, port: int, flags: tuple[str, ...]) -> list[str]:
    return ["-m", "streamlit", "run", script, f"--server.port={port}", *flags]


def free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port
