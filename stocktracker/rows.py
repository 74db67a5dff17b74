"""What a viewer sees of each chosen ticker, put together from a snapshot. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from weakref import WeakKeyDictionary

from stocktracker.board import Snapshot
from stocktracker.freshness import freshness
from stocktracker.model import (
    Attempt,
    Bars,
    Doubt,
    Feed,
    Freshness,
    Listed,
    Outcome,
    Quote,
    Ticker,
    Want,
)
from stocktracker.polling.schedule import Due

SPARKLINE = 30  # closes, about six weeks


@dataclass(frozen=True, slots=True)
class Row:
    """One ticker as it stands. `trouble` says in words what its last try failed of.

    `doubt` is a newer price that is not believed; `quote` is the last good one. `held` says why the
    ticker is not followed though it is wanted.
    """

    ticker: Ticker
    listed: Listed | None
    quote: Quote | None
    freshness: Freshness
    age: timedelta | None
    closes: tuple[float, ...]
    is_open: bool
    due: Due | None
    trouble: str | None
    doubt: Doubt | None = None
    held: str | None = None

    @property
    def name(self) -> str:
        return self.listed.name if self.listed else ""


def make_rows(
    snapshot: Snapshot,
    tickers: Iterable[Ticker],
    now: datetime,
    *,
    turn: timedelta,
    always: bool,
    is_open: Callable[[Ticker], bool],
) -> list[Row]:
    """A row for each ticker, in that order, whether anything is known of it or not."""
    return [
        _row(snapshot, ticker, now, turn=turn, always=always, trades=is_open(ticker))
        for ticker in tickers
    ]


def _row(
    snapshot: Snapshot,
    ticker: Ticker,
    now: datetime,
    *,
    turn: timedelta,
    always: bool,
    trades: bool,
) -> Row:
    quote = snapshot.quotes.get(ticker)
    wants = Want(Feed.QUOTE, ticker), Want(Feed.DAILY, ticker)
    return Row(
        ticker=ticker,
        listed=snapshot.listing.rows.get(ticker) if snapshot.listing else None,
        quote=quote,
        freshness=freshness(quote, now, turn, always=always),
        age=None if quote is None else max(now - quote.as_of, timedelta(0)),
        closes=_closes(snapshot, ticker, quote),
        is_open=trades,
        due=next((snapshot.poll.due[want] for want in wants if want in snapshot.poll.due), None),
        trouble=_trouble([snapshot.attempts.get(want) for want in wants]),
        doubt=snapshot.doubt(ticker),
        held=snapshot.poll.held.get(ticker),
    )


def _closes(snapshot: Snapshot, ticker: Ticker, quote: Quote | None) -> tuple[float, ...]:
    """The last daily closes, oldest first, with the quote as the running day's."""
    bars = snapshot.bars.get(Want(Feed.DAILY, ticker))
    if bars is None:
        return ()
    closes, last_day = _taken_from(bars)
    if quote is None or quote.trading_day < last_day:
        return closes
    before = closes if quote.trading_day > last_day else closes[:-1]
    return (*before, quote.price)[-SPARKLINE:]


# Taken from each frame once, as it takes longer than the rest of a row.
_taken: WeakKeyDictionary[Bars, tuple[tuple[float, ...], date]] = WeakKeyDictionary()


def _taken_from(bars: Bars) -> tuple[tuple[float, ...], date]:
    """The last closes, oldest first, and the day of the newest."""
    known = _taken.get(bars)
    if known is None:
        closes = tuple(bars.frame["close"].iloc[-SPARKLINE:].tolist())
        known = _taken[bars] = closes, bars.last_day
    return known


def _trouble(attempts: Sequence[Attempt | None]) -> str | None:
    """The newest attempt's failure, if it was one."""
    made = [attempt for attempt in attempts if attempt is not None]
    newest = max(made, key=lambda attempt: attempt.at, default=None)
    if newest is None or newest.outcome is not Outcome.FAILED:
        return None
    return newest.words
