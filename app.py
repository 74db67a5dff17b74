"""`streamlit run app.py`: the server, its one runtime, and the routes beside the dashboard.

The runtime lives as long as the server does: it is opened before the first viewer comes, and closed
on SIGTERM. Settings are checked here, once; a wrong one ends the program with exit code 2.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import streamlit as st

from stocktracker import frontend, garbage
from stocktracker.clock import SystemClock
from stocktracker.config import load_settings
from stocktracker.errors import SettingsError, StoreError
from stocktracker.guard import GUARD
from stocktracker.journal import tame_libraries
from stocktracker.markets import BY_SUFFIX, Exchange, calendar
from stocktracker.routes import SECURITY_HEADERS, make_routes
from stocktracker.runtime import Runtime, anchor, open_runtime
from stocktracker.screen.thrift import be_thrifty

FOLDER = Path(__file__).parent
CLOCK = SystemClock()


def stop(words: str) -> None:
    """Say on the terminal what is wrong, and end with exit code 2."""
    print(f"stocktracker: {words}", file=sys.stderr, flush=True)  # noqa: T201
    # Not sys.exit: inside the server that would be one more error to be reported.
    os._exit(2)


tame_libraries()
try:
    SETTINGS = load_settings(os.environ, FOLDER / ".streamlit" / "secrets.toml")
except SettingsError as fault:
    stop(fault.words)


# What a page imports at its first visit takes a second, most of it numeric libraries.
HEAVY = (
    "plotly.graph_objects",
    "talib",
    "empyrical",
    "stocktracker.screen.history_view",
    "stocktracker.screen.compare_view",
    "stocktracker.screen.company_view",
    "stocktracker.screen.market_view",
    "stocktracker.screen.screener_view",
)
QUIET, PAUSE = 8.0, 0.25  # seconds


def warm_up(runtime: Runtime, closing: threading.Event) -> None:
    """Have ready what the pages need, while nobody waits for it.

    It begins when somebody has seen a first price, or nobody has come for a while, and rests after
    each piece: the first page and the first calls need the interpreter more.
    """
    looks = round(QUIET / PAUSE)
    while looks > 0 and not runtime.read().quotes:
        if closing.wait(PAUSE):
            return
        looks -= 1
    pieces: list[Callable[[], object]] = [
        *(partial(importlib.import_module, name) for name in HEAVY),
        frontend.library_gzipped,
        *(partial(_look_at, exchange, runtime) for exchange in BY_SUFFIX.values()),
    ]
    for piece in pieces:
        if closing.wait(PAUSE):
            return
        piece()


def _look_at(exchange: Exchange, runtime: Runtime) -> None:
    """A calendar is made when it is first looked at, which takes a tenth of a second."""
    calendar(exchange).state(runtime.now())


@asynccontextmanager
async def serve_runtime(_app: st.App) -> AsyncIterator[dict[str, object]]:
    """One runtime, and so one poller, for every viewer of this server."""
    try:
        runtime = await anyio.to_thread.run_sync(open_runtime, SETTINGS, CLOCK)
    except StoreError as fault:
        stop(fault.words)
    anchor(runtime)
    closing = threading.Event()
    for name, work in (
        ("stocktracker-warm-up", partial(warm_up, runtime, closing)),
        ("stocktracker-garbage", partial(garbage.look_now_and_then, CLOCK, closing)),
    ):
        threading.Thread(target=work, name=name, daemon=True).start()
    if SETTINGS.demo:
        print("stocktracker: no ALPHAVANTAGE_API_KEY, so prices are simulated.", flush=True)  # noqa: T201
    try:
        yield {"runtime": runtime}
    finally:
        closing.set()
        anchor(None)
        await anyio.to_thread.run_sync(runtime.close)


be_thrifty(CLOCK)
app = st.App(
    FOLDER / "stocktracker" / "dashboard.py",
    lifespan=serve_runtime,
    routes=make_routes(),
    middleware=[*SECURITY_HEADERS, *GUARD],
    # Streamlit reads its own file too; what was checked is what counts.
    secrets={"auth": dict(SETTINGS.sign_in.auth)} if SETTINGS.sign_in else None,
)
