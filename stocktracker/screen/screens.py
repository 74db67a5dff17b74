"""All quotes that the board holds, as one frame: made once for each change, for all sessions.

Where a whole listing is kept up to date quotes come several times a second. A frame of them is made
every five seconds at most, and only while somebody looks; whoever looks meanwhile sees the same.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from stocktracker.board import Board, Snapshot
from stocktracker.config import Hours
from stocktracker.figures.screener import Coverage, Filters, coverage, make_frame, screen, standings
from stocktracker.runtime import Runtime
from stocktracker.wording import MINUTE

PACE = timedelta(seconds=5)
_NUMBERS = itertools.count()


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """The frame of `screener.make_frame` with `freshness` and `age` (seconds), true at `now`.

    Shared by all sessions: read-only. `version` is another one for each that is made.
    """

    frame: pd.DataFrame
    coverage: Coverage
    exchanges: tuple[str, ...]
    kinds: tuple[str, ...]
    snapshot: Snapshot
    now: datetime
    turn: timedelta
    always: bool
    version: int

    @property
    def is_young(self) -> bool:
        """Whether some age is counted in seconds."""
        return bool(len(self.frame) and self.frame["age"].min() < MINUTE.total_seconds())


def market_of(runtime: Runtime) -> Market:
    """What can be screened now; ages and freshness may be five seconds old, and say so."""
    return _keeper(runtime.board).read(runtime)


def found_in(market: Market, filters: Filters) -> npt.NDArray[np.int64]:
    """`screener.screen`, worked out once for all sessions that ask for the same."""
    return _found(market.version, filters, market)


@st.cache_resource(show_spinner=False, max_entries=60)
def _found(version: int, filters: Filters, _market: Market) -> npt.NDArray[np.int64]:  # noqa: ARG001
    return screen(_market.frame, filters)


class _Keeper:
    """Holds the newest market of a board; it holds the board too, so that its id stays its own."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._lock = threading.Lock()
        self._held: Market | None = None

    def read(self, runtime: Runtime) -> Market:
        with self._lock:
            held, snapshot, now = self._held, self._board.read(), runtime.now()
            same = held is not None and _shows_the_same(held.snapshot, snapshot)
            if held is None or not _is_still_good(held, now, same=same):
                held = self._held = _make(runtime, snapshot, now, _frame(snapshot, held))
            return held


@st.cache_resource(show_spinner=False, max_entries=1, hash_funcs={Board: id})
def _keeper(board: Board) -> _Keeper:
    return _Keeper(board)


def _shows_the_same(held: Snapshot, snapshot: Snapshot) -> bool:
    # The board replaces its quotes and its listing when any of them changes, and only then.
    return held.quotes is snapshot.quotes and held.listing is snapshot.listing


def _is_still_good(held: Market, now: datetime, *, same: bool) -> bool:
    if not len(held.frame) and not same:
        return False  # the first price of all is worth no wait
    # Nothing to see in it changes within five seconds when all ages are told in minutes.
    pace = MINUTE if same and not held.is_young else PACE
    return timedelta(0) <= now - held.now < pace


def _frame(snapshot: Snapshot, held: Market | None) -> pd.DataFrame:
    """With as much of the frame before as is still true."""
    if held is None:
        return make_frame(snapshot.quotes, snapshot.listing)
    before = held.snapshot
    if _shows_the_same(before, snapshot):
        return held.frame
    same = before.listing is snapshot.listing and before.quotes.keys() == snapshot.quotes.keys()
    return make_frame(snapshot.quotes, snapshot.listing, held.frame if same else None)


def _make(runtime: Runtime, snapshot: Snapshot, now: datetime, frame: pd.DataFrame) -> Market:
    forecast = snapshot.poll.forecast
    turn = forecast.turn if forecast else runtime.settings.refresh
    always = runtime.settings.hours is Hours.ALWAYS
    quotes = (snapshot.quotes[ticker] for ticker in sorted(snapshot.quotes))
    age = (pd.Timestamp(now) - frame["as_of"]).dt.total_seconds().clip(lower=0)
    frame = frame.assign(
        freshness=pd.Series(standings(quotes, now, turn, always=always), dtype="str"), age=age
    )
    return Market(
        frame=frame,
        coverage=coverage(frame, snapshot.listing),
        exchanges=_names(frame["exchange"]),
        kinds=_names(frame["kind"]),
        snapshot=snapshot,
        now=now,
        turn=turn,
        always=always,
        version=next(_NUMBERS),
    )


def _names(column: pd.Series[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in column.unique() if name))
