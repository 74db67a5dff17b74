"""Intraday bars, cut out of the same paths that quotes and daily bars come from.

Bars are dated by their start. Inside a session they add up to its daily bar; before and after it a
few thin ones follow the price outside of hours, which no daily bar counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from stocktracker.markets import Session, calendar_of
from stocktracker.model import Ticker
from stocktracker.simulator.paths import (
    MINUTE,
    Floats,
    after_hours,
    coefficient_on,
    numbers,
    session_path,
    share_of_volume,
)

EASTERN = ZoneInfo("America/New_York")
EXTENDED_OPEN, EXTENDED_CLOSE = time(4), time(20)
THINNESS = 0.25


@dataclass(frozen=True, slots=True)
class IntradayBar:
    """`start` is an instant; a running bar ends at the instant that was asked for."""

    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int


def newest_sessions(ticker: Ticker, at: datetime, count: int) -> list[Session]:
    """Oldest first; the last one has begun at `at` or before."""
    calendar = calendar_of(ticker)
    sessions = [calendar.last_opened(at)]
    while len(sessions) < count:
        sessions.append(calendar.last_closed(sessions[-1].open))
    return sessions[::-1]


def session_bars(
    seed: int, ticker: Ticker, session: Session, step: timedelta, at: datetime
) -> Iterator[IntradayBar]:
    """The bars of one session up to `at`, oldest first."""
    length = (session.close - session.open) / MINUTE
    passed = min((at - session.open) / MINUTE, length)
    if passed <= 0:
        return
    first = _floor(session.open, step)
    offset = (session.open - first) / MINUTE
    cuts = np.arange(1, int((passed + offset) / (step / MINUTE)) + 1) * (step / MINUTE) - offset
    edges = np.unique(np.concatenate(([0.0], cuts[(cuts > 0) & (cuts < passed)], [passed])))
    path = session_path(seed, ticker, session.day)
    knots = path.knots
    opens, highs, lows, closes = _cut(knots, np.linspace(0, length, len(knots)), edges)
    volumes = np.diff((path.volume * share_of_volume(edges / length)).astype(np.int64))
    for index, edge in enumerate(edges[:-1]):
        yield IntradayBar(
            _floor(session.open + float(edge) * MINUTE, step),
            float(opens[index]),
            float(highs[index]),
            float(lows[index]),
            float(closes[index]),
            int(volumes[index]),
        )


def extended_bars(
    seed: int, ticker: Ticker, session: Session, step: timedelta, at: datetime
) -> Iterator[IntradayBar]:
    """The few bars of a day from 04:00 to the open and from the close to 20:00, Eastern time."""
    before = calendar_of(ticker).last_closed(session.open)
    early = datetime.combine(session.day, EXTENDED_OPEN, EASTERN).astimezone(session.open.tzinfo)
    late = datetime.combine(session.day, EXTENDED_CLOSE, EASTERN).astimezone(session.open.tzinfo)
    split = coefficient_on(seed, ticker, session.day)
    yield from _thin_bars(seed, ticker, before, step, (early, min(session.open, at)), split=split)
    yield from _thin_bars(seed, ticker, session, step, (session.close, min(late, at)))


def _thin_bars(
    seed: int,
    ticker: Ticker,
    after: Session,
    step: timedelta,
    span: tuple[datetime, datetime],
    *,
    split: float = 1.0,
) -> Iterator[IntradayBar]:
    """Bars of `span` at the prices after a session; `split` is what has come into effect since."""
    start, end = _ceiling(span[0], step), span[1]
    prices = np.round(after_hours(seed, ticker, after) / split, 2)
    throws = numbers(seed, ticker, "thin", after.day, step, span[0])
    while start + step <= end:
        is_traded, volume = throws.random() < THINNESS, int(throws.integers(10, 500))
        minute = (start - after.close) // MINUTE
        traded = prices[minute : minute + step // MINUTE + 1]
        if is_traded and len(traded):
            yield IntradayBar(
                start,
                float(traded[0]),
                float(traded.max()),
                float(traded.min()),
                float(traded[-1]),
                volume,
            )
        start += step


def _cut(prices: Floats, places: Floats, edges: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Open, high, low and close of a path between each two neighbouring edges."""
    at_edges = np.round(np.interp(edges, places, prices), 2)
    inside = places < edges[-1]
    where = np.concatenate((edges[:-1], places[inside]))
    order = np.argsort(where, kind="stable")
    values = np.concatenate((at_edges[:-1], prices[inside]))[order]
    starts = np.searchsorted(where[order], edges[:-1])
    highs = np.maximum(np.maximum.reduceat(values, starts), at_edges[1:])
    lows = np.minimum(np.minimum.reduceat(values, starts), at_edges[1:])
    return at_edges[:-1], highs, lows, at_edges[1:]


def _floor(at: datetime, step: timedelta) -> datetime:
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (at - midnight) // step * step


def _ceiling(at: datetime, step: timedelta) -> datetime:
    floor = _floor(at, step)
    return floor if floor == at else floor + step
