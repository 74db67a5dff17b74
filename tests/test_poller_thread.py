"""The one thread that polls does not end, whatever hits it, and says when it cannot work.

The fault is thrown into the running thread of a real server's parts, as the interpreter itself
throws one: wherever the thread is when it next does anything.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request

from stocktracker import routes
from stocktracker.config import load_settings
from stocktracker.model import Feed, Ticker, Want
from stocktracker.runtime import Runtime, anchor, open_runtime
from tests.server import until

NAME = "stocktracker-poller"


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    settings = {"STOCKTRACKER_STORE": str(tmp_path / "store"), "STOCKTRACKER_HOURS": "always"}
    runtime = open_runtime(load_settings(settings, Path("no secrets")))
    anchor(runtime)
    yield runtime
    anchor(None)
    runtime.close()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


def health() -> int:
    request = Request({"type": "http", "method": "GET", "path": "/healthz", "headers": []})
    return asyncio.run(routes.healthz(request)).status_code


def throw_into(thread: threading.Thread, fault: type[BaseException]) -> None:
    hit = ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident or 0), ctypes.py_object(fault)
    )
    assert hit == 1


@pytest.mark.parametrize("fault", [MemoryError, SystemExit])
def test_a_thread_that_is_hit_says_so_and_polls_again_within_five_seconds(
    fault: type[BaseException], runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    until(lambda: health() == 200, within=10)
    (thread,) = threads()
    throw_into(thread, fault)
    runtime.watch("a viewer", [Want(Feed.QUOTE, Ticker("IBM"))])  # which wakes it
    until(lambda: health() == 503, within=5, what="it is told")
    until(lambda: health() == 200, within=5, what="it polls again")
    until(lambda: runtime.board.read_quote(Ticker("IBM")), within=5)
    assert threads() == [thread]
    told = [record for record in caplog.records if "poller failed" in record.message]
    assert len(told) == 1
    assert told[0].exc_info is not None


def test_a_thread_that_is_hit_again_and_again_can_still_be_stopped(runtime: Runtime) -> None:
    until(lambda: health() == 200, within=10)
    (thread,) = threads()
    for _ in range(3):
        throw_into(thread, MemoryError)
        runtime.watch("a viewer", [Want(Feed.QUOTE, Ticker("IBM"))])
    until(lambda: health() == 503, within=5)
    runtime.close()
    assert not thread.is_alive()
