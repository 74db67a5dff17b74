"""`streamlit run app.py`: the server, its one runtime, and the routes beside the dashboard.

The runtime lives as long as the server does: it is opened before the first viewer comes, and closed
on SIGTERM. Settings are checked here, once; a wrong one ends the program with exit code 2.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import streamlit as st

from stocktracker import frontend
from stocktracker.config import load_settings
from stocktracker.errors import SettingsError, StoreError
from stocktracker.guard import GUARD
from stocktracker.journal import tame_libraries
from stocktracker.markets import BY_SUFFIX, calendar
from stocktracker.routes import SECURITY_HEADERS, make_routes
from stocktracker.runtime import Runtime, anchor, open_runtime

FOLDER = Path(__file__).parent


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


# What a page imports at its first visit takes a second or two, most of it numeric libraries.
HEAVY = ("history_view", "compare_view", "company_view", "market_view", "screener_view")


def warm_up(runtime: Runtime) -> None:
    """Have ready what the pages need, while nobody waits for it."""
    for name in HEAVY:
        importlib.import_module(f"stocktracker.screen.{name}")
    frontend.library_gzipped()
    for exchange in BY_SUFFIX.values():  # a calendar takes half a second
        calendar(exchange).state(runtime.now())


@asynccontextmanager
async def serve_runtime(_app: st.App) -> AsyncIterator[dict[str, object]]:
    """One runtime, and so one poller, for every viewer of this server."""
    try:
        runtime = await anyio.to_thread.run_sync(open_runtime, SETTINGS)
    except StoreError as fault:
        stop(fault.words)
    anchor(runtime)
    threading.Thread(
        target=warm_up, args=[runtime], name="stocktracker-warm-up", daemon=True
    ).start()
    if SETTINGS.demo:
        print("stocktracker: no ALPHAVANTAGE_API_KEY, so prices are simulated.", flush=True)  # noqa: T201
    try:
        yield {"runtime": runtime}
    finally:
        anchor(None)
        await anyio.to_thread.run_sync(runtime.close)


app = st.App(
    FOLDER / "stocktracker" / "dashboard.py",
    lifespan=serve_runtime,
    routes=make_routes(),
    middleware=[*SECURITY_HEADERS, *GUARD],
    # Streamlit reads its own file too; what was checked is what counts.
    secrets={"auth": dict(SETTINGS.sign_in.auth)} if SETTINGS.sign_in else None,
)
