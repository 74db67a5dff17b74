"""The histories that pages show: made once for each change, and shared by all sessions."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from stocktracker.figures.adjust import Series
from stocktracker.figures.analytics import Range
from stocktracker.figures.history import History, make_history
from stocktracker.fundamentals import Dividends, Earnings, Splits
from stocktracker.model import Feed, Interval, Outcome, Ticker, Want
from stocktracker.runtime import Runtime

FEEDS = (Feed.DAILY, Feed.WEEKLY, Feed.INTRADAY)


def history_of(
    runtime: Runtime, ticker: Ticker, asked: Range, interval: Interval, series: Series
) -> History | None:
    """What is stored, as the chart, the statistics and the exports take it; None without bars.

    Made once for each change and shared by all sessions: treat it as read-only.
    """
    snapshot = runtime.read()
    bars = [snapshot.bars.get(Want(feed, ticker)) for feed in FEEDS]
    quote, splits = snapshot.quotes.get(ticker), splits_of(runtime, ticker)
    dividends = dividends_of(runtime, ticker)
    # What it is made of, by the times at which each last changed. One text, which is hashed sooner
    # than its parts.
    version = " ".join(
        str(part)
        for part in (
            ticker,
            *(each and each.fetched_at for each in bars),
            quote and quote.as_of,
            splits and splits.fetched_at,
            dividends and dividends.fetched_at,
            _splits_asked(runtime, ticker),
            runtime.now().date(),
        )
    )
    return _make_history(version, asked.value, interval.value, series.value, ticker, runtime)


@st.cache_resource(show_spinner=False, max_entries=200)
def _make_history(
    version: str, asked: str, interval: str, series: str, _ticker: Ticker, _runtime: Runtime
) -> History | None:
    del version  # part of the key
    return make_history(
        Range(asked),
        Series(series),
        interval=Interval(interval),
        bars={feed: _runtime.board.read_bars(feed, _ticker) for feed in FEEDS},
        quote=_runtime.board.read_quote(_ticker),
        splits=splits_of(_runtime, _ticker),
        dividends=dividends_of(_runtime, _ticker),
        zone=_runtime.read_zone(_ticker),
        now=_runtime.now(),
        splits_asked_at=_splits_asked(_runtime, _ticker),
    )


def splits_of(runtime: Runtime, ticker: Ticker) -> Splits | None:
    known = runtime.board.read_facts(Feed.SPLITS, ticker)
    return known if isinstance(known, Splits) else None


def dividends_of(runtime: Runtime, ticker: Ticker) -> Dividends | None:
    known = runtime.board.read_facts(Feed.DIVIDENDS, ticker)
    return known if isinstance(known, Dividends) else None


def earnings_of(runtime: Runtime, ticker: Ticker) -> Earnings | None:
    known = runtime.board.read_facts(Feed.EARNINGS, ticker)
    return known if isinstance(known, Earnings) else None


def _splits_asked(runtime: Runtime, ticker: Ticker) -> datetime | None:
    attempt = runtime.read().attempts.get(Want(Feed.SPLITS, ticker))
    return attempt.at if attempt and attempt.outcome is not Outcome.FAILED else None
