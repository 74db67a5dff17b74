"""The histories that pages show: made once for each change, and shared by all sessions."""

from __future__ import annotations

from datetime import datetime

from stocktracker.figures.adjust import Series
from stocktracker.figures.analytics import Range
from stocktracker.figures.history import History, make_history
from stocktracker.fundamentals import Dividends, Earnings, Splits
from stocktracker.model import Feed, Interval, Outcome, Ticker, Want
from stocktracker.runtime import Runtime
from stocktracker.screen.sharing import Shared

FEEDS = (Feed.DAILY, Feed.WEEKLY, Feed.INTRADAY)
_made: Shared[History | None] = Shared(200)


def history_of(
    runtime: Runtime, ticker: Ticker, asked: Range, interval: Interval, series: Series
) -> History | None:
    """What is stored, as the chart, the statistics and the exports take it; None without bars.

    Made once for each change and shared by all sessions: treat it as read-only.
    """
    snapshot = runtime.read()
    bars = {feed: snapshot.bars.get(Want(feed, ticker)) for feed in FEEDS}
    quote, splits = snapshot.quotes.get(ticker), splits_of(runtime, ticker)
    dividends, asked_at = dividends_of(runtime, ticker), _splits_asked(runtime, ticker)
    now = runtime.now()

    def make() -> History | None:
        return make_history(
            asked,
            series,
            interval=interval,
            bars=bars,
            quote=quote,
            splits=splits,
            dividends=dividends,
            zone=runtime.read_zone(ticker),
            now=now,
            splits_asked_at=asked_at,
        )

    parts = (*bars.values(), quote, splits, dividends, asked_at, now.date())
    return _made.get((ticker, asked, interval, series), parts, make)


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
