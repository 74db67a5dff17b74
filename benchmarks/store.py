"""Reading and writing: the board in memory, the store on disk, and what others would take.

In this process, by the public classes alone; CPU time of this process, and for the store time on
the clock besides, as it waits for the disk.
"""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import diskcache
import pandas as pd

from benchmarks.report import Row, middle
from benchmarks.servers import TICKERS
from stocktracker.board import Board
from stocktracker.cache import DiskStore
from stocktracker.encoding import encode_data
from stocktracker.model import (
    Attempt,
    Bars,
    Data,
    Feed,
    Interval,
    Outcome,
    Quote,
    Record,
    Ticker,
    Want,
)
from stocktracker.plans import Liveness

NOW = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
BARS = 250


def quote(ticker: Ticker, price: float, at: datetime = NOW) -> Quote:
    return Quote(
        ticker=ticker,
        price=price,
        previous_close=price - 1,
        open=price,
        high=price + 1,
        low=price - 1,
        volume=55_638_360,
        trading_day=at.date(),
        as_of=at,
        fetched_at=at,
        liveness=Liveness.REALTIME,
        source="bench",
        currency="USD",
    )


def record(ticker: Ticker, price: float, at: datetime = NOW) -> Record:
    return Record(Feed.QUOTE, ticker, quote(ticker, price, at), _attempt(at))


def _attempt(at: datetime) -> Attempt:
    return Attempt(at=at, outcome=Outcome.NEW)


def _bars(ticker: Ticker) -> Record:
    index = pd.bdate_range(end=pd.Timestamp(NOW.date()), periods=BARS, name="date")
    closes = [200 + place / 10 for place in range(BARS)]
    frame = pd.DataFrame(
        dict.fromkeys(("open", "high", "low", "close"), closes)
        | {"volume": [1e6] * BARS, "fetched_at": pd.to_datetime([NOW] * BARS, utc=True)},
        index=index,
    )
    data = Bars(ticker, Interval.DAILY, frame, NOW, "bench", "USD")
    return Record(Feed.DAILY, ticker, data, _attempt(NOW))


def measure() -> list[Row]:
    tickers = [Ticker(text) for text in TICKERS]
    quotes = [record(ticker, 100 + place) for place, ticker in enumerate(tickers)]
    bars = [_bars(ticker) for ticker in tickers]
    board = Board()
    board.publish([*quotes, *bars])
    wants = [Want(Feed.DAILY, ticker) for ticker in tickers]
    with tempfile.TemporaryDirectory(prefix="stocktracker-bench-") as folder:
        store = DiskStore(Path(folder) / "store")
        plain = diskcache.Cache(str(Path(folder) / "plain"))
        store.save([*quotes, *bars])
        for each in quotes:
            plain.set(f"quote {each.ticker}", each.data)
        for each in bars:
            plain.set(f"daily {each.ticker}", each.data)

        def in_single_writes() -> None:
            for each in quotes:
                plain.set(f"quote {each.ticker}", each.data)

        rows = [
            Row(
                "board: 20 quotes read",
                _each(lambda: [board.read_quote(ticker) for ticker in tickers], 5000),
                _each(lambda: [plain.get(f"quote {ticker}") for ticker in tickers], 50),
                "µs",
                "diskcache as it comes",
            ),
            Row(
                "board: 20 series read",
                _each(lambda: [board.read_bars(Feed.DAILY, want.ticker) for want in wants], 200),
                _each(lambda: [plain.get(f"daily {ticker}") for ticker in tickers], 50),
                "µs",
                "diskcache as it comes",
            ),
            Row(
                "board: 20 quotes published",
                _each(lambda: board.publish(quotes), 500),
                None,
                "µs",
            ),
            Row(
                "store: 20 quotes loaded",
                _each(lambda: [store.load(Feed.QUOTE, ticker) for ticker in tickers], 50),
                _each(lambda: [plain.get(f"quote {ticker}") for ticker in tickers], 50),
                "µs",
                "diskcache as it comes",
            ),
            Row(
                "store: 20 series loaded",
                _each(lambda: [store.load(Feed.DAILY, ticker) for ticker in tickers], 20),
                _each(lambda: [plain.get(f"daily {ticker}") for ticker in tickers], 20),
                "µs",
                "diskcache as it comes",
            ),
            Row(
                "store: 20 quotes saved, to the disk",
                _each(lambda: store.save(quotes), 20),
                _each(in_single_writes, 20),
                "µs",
                "diskcache as it comes",
            ),
            Row(
                "store: a year of bars, bytes kept",
                len(encode_data(_data(bars[0]))),
                len(pickle.dumps(bars[0].data)),
                "bytes",
                "pickle",
            ),
        ]
        plain.close()
        store.close()
    return rows


def _data(kept: Record) -> Data:
    if kept.data is None:
        raise ValueError("a record without data")
    return kept.data


def _each(work: Callable[[], object], times: int, rounds: int = 5) -> float:
    """Microseconds a call on the clock, the middle of some rounds."""
    work()
    figures = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(times):
            work()
        figures.append((time.perf_counter() - began) / times * 1e6)
    return middle(figures)
