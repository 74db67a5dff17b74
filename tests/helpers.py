"""Small stand-ins with verbs, and builders of records, for all tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from stocktracker.clock import Uptime
from stocktracker.errors import FetchError
from stocktracker.fundamentals import Split, Splits
from stocktracker.model import Bars, Call, Feed, Interval, Listing, Quote, Ticker
from stocktracker.plans import Liveness


def utc(text: str) -> datetime:
    """`2026-11-23T15:00` as an aware instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class FakeClock:
    """Stands still until it is told to `tick`; the wall can be moved without time passing."""

    def __init__(self, start: str) -> None:
        self._now = utc(start)
        self._uptime = Uptime("first boot", timedelta(days=3))

    def now(self) -> datetime:
        return self._now

    def uptime(self) -> Uptime:
        return self._uptime

    def tick(self, passed: timedelta | float) -> None:
        """Time passes: a timedelta, or seconds."""
        delta = passed if isinstance(passed, timedelta) else timedelta(seconds=passed)
        self._now += delta
        self._uptime = Uptime(self._uptime.boot, self._uptime.elapsed + delta)

    def tick_to(self, instant: datetime) -> None:
        if instant > self._now:
            self.tick(instant - self._now)

    def set_wall_clock(self, by: timedelta) -> None:
        """Somebody sets the clock; no time passes."""
        self._now += by

    def reboot(self, took: timedelta = timedelta(minutes=1)) -> None:
        self._now += took
        self._uptime = Uptime(f"{self._uptime.boot}, and again", timedelta(seconds=20))


class AtOnce(Executor):
    """Runs what is submitted before `submit` returns, so that a step needs no waiting."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as fault:  # noqa: BLE001 as an executor does
            future.set_exception(fault)
        return future


@dataclass
class FakeUpstream:
    """A fetcher that answers from what the test said; `calls` tells what was asked."""

    clock: FakeClock
    liveness: Liveness = Liveness.REALTIME
    calls: list[tuple[datetime, Call]] = field(default_factory=list)
    prices: dict[str, float] = field(default_factory=dict)
    faults: dict[str, FetchError] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, call: Call) -> list[Quote] | Bars | Listing:
        with self.lock:
            self.calls.append((self.clock.now(), call))
            for ticker in call.tickers:
                if ticker in self.faults:
                    raise self.faults[ticker]
            if call.feed is Feed.QUOTE:
                return [
                    quote(ticker, self.prices.get(ticker, 100.0), fetched_at=self.clock.now())
                    for ticker in call.tickers
                ]
            raise AssertionError(f"the test did not say what to answer to {call}")

    def asked(self, feed: Feed) -> list[str]:
        return [ticker for _, call in self.calls if call.feed is feed for ticker in call.tickers]


def quote(ticker: str, price: float, *, fetched_at: datetime, **more: Any) -> Quote:
    return Quote(
        **{
            "ticker": Ticker(ticker),
            "price": price,
            "previous_close": 99.0,
            "open": 99.5,
            "high": max(101.0, price),
            "low": min(99.0, price),
            "volume": 1000,
            "trading_day": fetched_at.date(),
            "as_of": fetched_at,
            "fetched_at": fetched_at,
            "liveness": Liveness.REALTIME,
            "source": "test",
            "currency": "USD",
            **more,
        }
    )


def daily(ticker: str, closes: dict[str, float], *, fetched_at: datetime) -> Bars:
    """Daily bars from `{"2026-11-20": 101.5}`; open, high and low follow the close."""
    index = pd.DatetimeIndex(list(closes), name="date")
    values = [float(close) for close in closes.values()]
    frame = pd.DataFrame(
        {
            "open": values,
            "high": [value + 1 for value in values],
            "low": [value - 1 for value in values],
            "close": values,
            "volume": [1000.0] * len(values),
            "fetched_at": pd.to_datetime([fetched_at] * len(values), utc=True),
        },
        index=index,
    )
    return Bars(Ticker(ticker), Interval.DAILY, frame, fetched_at, "test", "USD")


def weekly(ticker: str, closes: dict[str, float], *, fetched_at: datetime) -> Bars:
    """Weekly bars, dated by each week's last trading day; adjusted ones are half of the others."""
    bars = daily(ticker, closes, fetched_at=fetched_at)
    frame = bars.frame.assign(adjusted_close=bars.frame["close"] / 2, dividend=0.0)
    return replace(bars, interval=Interval.WEEKLY, frame=frame)


def intraday(ticker: str, closes: dict[str, float], *, fetched_at: datetime) -> Bars:
    """Bars of five minutes from `{"2026-11-20T14:30": 101.5}`, in UTC."""
    bars = daily(ticker, closes, fetched_at=fetched_at)
    frame = bars.frame.tz_localize("UTC")
    return replace(bars, interval=Interval.FIVE_MINUTES, frame=frame)


def splits(ticker: str, factors: dict[str, float], *, fetched_at: datetime) -> Splits:
    """Splits from `{"2026-11-20": 4.0}`."""
    rows = tuple(Split(date.fromisoformat(day), factor) for day, factor in factors.items())
    return Splits(ticker=Ticker(ticker), fetched_at=fetched_at, source="test", rows=rows)
