"""The records that the parts hand to each other: frozen, without I/O.

Instants are aware and in UTC, durations are timedelta, absence is None. The words are explained in
ARCHITECTURE.md under Vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NewType

import pandas as pd

from stocktracker.errors import BadTicker
from stocktracker.plans import Liveness

Ticker = NewType("Ticker", str)

# What people type. The listing has odder ones (`-P-HIZ`, `BC/PB`), which are taken as they stand.
TYPED_TICKER = re.compile(r"[A-Z0-9][A-Z0-9.\-=^:]{0,19}")


def parse_ticker(text: str, listed: Mapping[Ticker, Listed] | None = None) -> Ticker:
    """Trimmed, in capitals; listed spellings pass as they are. Raises BadTicker."""
    ticker = Ticker(text.strip(" ").upper())
    if listed is not None and ticker in listed:
        return ticker
    if ".." in ticker or TYPED_TICKER.fullmatch(ticker) is None:
        raise BadTicker(text)
    return ticker


class Feed(StrEnum):
    """A kind of data. The values are part of the store's keys."""

    QUOTE = "quote"
    DAILY = "daily"
    WEEKLY = "weekly"
    INTRADAY = "intraday"
    LISTING = "listing"
    SPLITS = "splits"
    DIVIDENDS = "dividends"
    COMPANY = "company"
    EARNINGS = "earnings"
    INCOME = "income"
    BALANCE = "balance"
    CASH_FLOW = "cash flow"
    NEWS = "news"
    MOVERS = "movers"
    CALENDAR = "calendar"
    MARKETS = "markets"

    # Wants are looked up by the ten thousand: the text's own hash, and not Enum's by name.
    __hash__ = str.__hash__


# What belongs to no ticker, as the listing and the market's news, is kept under this one.
WHOLE_MARKET = Ticker("*")


class Interval(StrEnum):
    """The span of one bar, as it is written in exports."""

    FIVE_MINUTES = "5min"
    DAILY = "daily"
    WEEKLY = "weekly"


class Freshness(StrEnum):
    """What a figure's age means to whoever reads it."""

    LIVE = "live"
    DELAYED = "delayed"
    END_OF_DAY = "end of day"
    STALE = "stale"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Want:
    """A feed of a ticker that some viewer looks at."""

    feed: Feed
    ticker: Ticker


LISTING_WANT = Want(Feed.LISTING, WHOLE_MARKET)


@dataclass(frozen=True, slots=True)
class Quote:
    """The latest price that is known for a ticker; its day may be before today.

    `as_of` is the instant the price was true on the exchange, as far as upstream says; `fetched_at`
    is when we got it. Prices are in the currency's unit that the exchange quotes (GBX for London).
    """

    ticker: Ticker
    price: float
    previous_close: float | None
    open: float | None
    high: float | None
    low: float | None
    volume: int | None
    trading_day: date
    as_of: datetime
    fetched_at: datetime
    liveness: Liveness
    source: str
    currency: str

    @property
    def change(self) -> float | None:
        """Price less the previous close, in the quote's currency."""
        if self.previous_close is None:
            return None
        return self.price - self.previous_close

    @property
    def change_percent(self) -> float | None:
        """The change as a percentage of the previous close: 1.5 means 1.5 %."""
        change = self.change
        if change is None or not self.previous_close:
            return None
        return 100 * change / self.previous_close

    def says_the_same_as(self, other: Quote) -> bool:
        """Equal but for when it was fetched."""
        return replace(self, fetched_at=other.fetched_at, as_of=other.as_of) == other


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Bars:
    """OHLCV of one ticker, oldest first, unadjusted unless a column says otherwise.

    `frame` has a unique, increasing DatetimeIndex named `date`: exchange dates without a time zone
    for daily and weekly bars, the bar's start in UTC for intraday ones. Columns: open, high, low,
    close (float), volume (float, NaN where unknown), fetched_at (UTC; when that row last changed),
    and for weekly bars adjusted_close and dividend. A weekly bar is dated by its last trading day.

    `fetched_at` is when `frame` last changed, and so serves as its version. Treat the frame as
    read-only; `copy()` before adding columns.
    """

    ticker: Ticker
    interval: Interval
    frame: pd.DataFrame
    fetched_at: datetime
    source: str
    currency: str

    @property
    def first(self) -> pd.Timestamp:
        return pd.Timestamp(self.frame.index[0])

    @property
    def last(self) -> pd.Timestamp:
        return pd.Timestamp(self.frame.index[-1])

    @property
    def last_day(self) -> date:
        """The exchange date of the newest daily or weekly bar."""
        return self.last.date()


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the listing. `name` is text from outside."""

    ticker: Ticker
    name: str
    exchange: str
    kind: str


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """All active US tickers, in upstream's order."""

    rows: Mapping[Ticker, Listed]
    fetched_at: datetime
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What else upstream tells of a ticker, or of WHOLE_MARKET; the kinds are in fundamentals.py.

    `fetched_at` is when its content last changed, and so serves as its version.
    """

    ticker: Ticker
    fetched_at: datetime
    source: str

    def says_the_same_as(self, other: Facts) -> bool:
        """Equal but for when it was fetched."""
        return replace(self, fetched_at=other.fetched_at) == other


Data = Quote | Bars | Listing | Facts
# What a call brings: quotes come as a list, as several may be had in one call.
Fetched = list[Quote] | Bars | Listing | Facts


class Outcome(StrEnum):
    """What a try came to."""

    NEW = "new"
    SAME = "same"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A quote that does not fit what is known, kept beside the good one. Never shown as a price.

    `words` say what does not fit, after "it". `times` counts answers that said the same, at least a
    minute apart, the last of them at `heard_at`; `answers` all doubtful ones in a row.
    """

    quote: Quote
    words: str
    since: datetime
    heard_at: datetime
    times: int = 1
    answers: int = 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try, whatever came of it.

    `failures` counts the failed tries in a row, this one included; `retry_at` is the earliest time
    for the next try where a failure or a doubt put it off; `kind` and `words` tell what failed.
    `doubt` is what the last answer said, where that was not believed.
    """

    at: datetime
    outcome: Outcome
    failures: int = 0
    retry_at: datetime | None = None
    kind: str | None = None
    words: str | None = None
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What the store keeps for a feed and ticker: the last good data, the last attempt."""

    feed: Feed
    ticker: Ticker
    data: Data | None
    attempt: Attempt | None

    @property
    def want(self) -> Want:
        return Want(self.feed, self.ticker)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to upstream: a feed for one ticker, or quotes for up to a hundred.

    `full` asks for the whole history where the feed has it. `reason` is for people.
    """

    feed: Feed
    tickers: tuple[Ticker, ...]
    full: bool = False
    bulk: bool = False
    reason: str = ""

    @property
    def wants(self) -> tuple[Want, ...]:
        return tuple(Want(self.feed, ticker) for ticker in self.tickers)
