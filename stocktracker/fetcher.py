"""Alpha Vantage over HTTP: query → get → classify → parse. Each `fetch_` is one request, no more.

The only module that knows the key. Decides nothing: whether a call may be made and what its failure
means for the next one is the poller's business. Never retries, never caches, never logs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from stocktracker.clock import Clock
from stocktracker.errors import UnreadableReply
from stocktracker.journal import make_redactor
from stocktracker.model import Bars, Call, Feed, Listing, Quote, Ticker
from stocktracker.notices import load_json, raise_if_refused
from stocktracker.plans import Liveness
from stocktracker.replies import parse_bars, parse_bulk, parse_listing, parse_quote
from stocktracker.transport import DEADLINE, MAX_BYTES, Transport

BULK_AT_MOST = 100
# The listing is free with the demonstration key, so the owner's is not shown for it.
DEMO_KEY = "demo"

# What parsing raises for a shape that nobody thought of.
UNEXPECTED = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError)

T = TypeVar("T")


class Fetcher:
    """One key's calls. May be used from several threads.

    `liveness` is what quotes and bars are asked for, and may be set to less while it is in use,
    when upstream turns out not to give as much. `around_the_clock` is for a source whose prices
    move while the exchange is closed, as simulated ones do: they are as of when they were fetched.
    """

    def __init__(
        self,
        *,
        upstream: str,
        key: str,
        clock: Clock,
        liveness: Liveness,
        source: str,
        deadline: timedelta = DEADLINE,
        max_bytes: int = MAX_BYTES,
        around_the_clock: bool = False,
    ) -> None:
        self.liveness = liveness
        self._around_the_clock = around_the_clock
        self._upstream = upstream
        self._key = key
        self._clock = clock
        self._source = source
        self._redact = make_redactor([key])
        self._transport = Transport(deadline=deadline, max_bytes=max_bytes)

    def __repr__(self) -> str:
        return f"<Fetcher of {self._source}>"

    def close(self) -> None:
        """Cut off calls under way; later ones fail. May be called twice."""
        self._transport.close()

    def fetch(self, call: Call) -> list[Quote] | Bars | Listing:
        """Carry out a call of the plan. Raises FetchError."""
        if call.feed is Feed.LISTING:
            return self.fetch_listing()
        if call.feed is Feed.QUOTE and call.bulk:
            return self.fetch_quotes(call.tickers)
        (ticker,) = call.tickers
        if call.feed is Feed.QUOTE:
            return [self.fetch_quote(ticker)]
        if call.feed is Feed.DAILY:
            return self.fetch_daily(ticker, full=call.full)
        if call.feed is Feed.WEEKLY:
            return self.fetch_weekly(ticker)
        return self.fetch_intraday(ticker, full=call.full)

    def fetch_quote(self, ticker: Ticker) -> Quote:
        """The ticker's quote; of the last trading day where the plan has no live ones."""
        liveness = self.liveness

        def read(content: bytes, fetched_at: datetime, source: str) -> Quote:
            body = self._load(content, ticker)
            quote = parse_quote(
                body, ticker, fetched_at=fetched_at, liveness=liveness, source=source
            )
            return self._timed(quote)

        return self._ask("GLOBAL_QUOTE", read, ticker, symbol=ticker, **_entitlement(liveness))

    def fetch_quotes(self, tickers: Sequence[Ticker]) -> list[Quote]:
        """Quotes of up to a hundred US tickers; those that upstream has nothing for are missing."""
        if not 0 < len(tickers) <= BULK_AT_MOST:
            raise ValueError(f"{len(tickers)} tickers in one call")
        liveness = self.liveness

        def read(content: bytes, fetched_at: datetime, source: str) -> list[Quote]:
            body = self._load(content, None)
            quotes = parse_bulk(
                body, set(tickers), fetched_at=fetched_at, liveness=liveness, source=source
            )
            return [self._timed(quote) for quote in quotes]

        return self._ask("REALTIME_BULK_QUOTES", read, None, symbol=",".join(tickers))

    def _timed(self, quote: Quote) -> Quote:
        if not self._around_the_clock or quote.liveness is Liveness.END_OF_DAY:
            return quote
        return replace(quote, as_of=quote.fetched_at - quote.liveness.delay)

    def fetch_daily(self, ticker: Ticker, *, full: bool) -> Bars:
        """Daily bars, unadjusted: the newest hundred, or all."""
        return self._bars(
            "TIME_SERIES_DAILY",
            Feed.DAILY,
            ticker,
            outputsize=_size(full),
            **_entitlement(self.liveness),
        )

    def fetch_weekly(self, ticker: Ticker) -> Bars:
        """All weekly bars, with adjusted closes and dividends; the last is the running week."""
        return self._bars("TIME_SERIES_WEEKLY_ADJUSTED", Feed.WEEKLY, ticker)

    def fetch_intraday(self, ticker: Ticker, *, full: bool) -> Bars:
        """Bars of five minutes in regular hours, unadjusted: the newest hundred, or 30 days."""
        return self._bars(
            "TIME_SERIES_INTRADAY",
            Feed.INTRADAY,
            ticker,
            interval="5min",
            extended_hours="false",
            adjusted="false",
            outputsize=_size(full),
            **_entitlement(self.liveness),
        )

    def fetch_listing(self) -> Listing:
        """All active US tickers."""

        def read(content: bytes, fetched_at: datetime, source: str) -> Listing:
            if content.lstrip()[:1] in (b"{", b"<"):
                self._load(content, None)
                raise UnreadableReply
            text = content.decode("utf-8-sig")
            return parse_listing(text, fetched_at=fetched_at, source=source)

        return self._ask("LISTING_STATUS", read, None, key=DEMO_KEY)

    def _bars(self, function: str, feed: Feed, ticker: Ticker, **query: str) -> Bars:
        def read(content: bytes, fetched_at: datetime, source: str) -> Bars:
            body = self._load(content, ticker)
            return parse_bars(body, ticker, feed, fetched_at=fetched_at, source=source)

        return self._ask(function, read, ticker, symbol=ticker, **query)

    def _load(self, content: bytes, ticker: Ticker | None) -> object:
        body: object = load_json(content, ticker)
        raise_if_refused(body, ticker, redact=self._redact)
        return body

    def _ask(
        self,
        function: str,
        read: Callable[[bytes, datetime, str], T],
        ticker: Ticker | None,
        *,
        key: str | None = None,
        **query: str,
    ) -> T:
        """Get and read. The time is from before the call, so that no data seems newer than it is.

        A bar of the running day, asked for a moment before the close and here a moment after it,
        would otherwise pass for the day's final one.
        """
        asked_at = self._clock.now()
        content = self._transport.get(
            self._upstream,
            {"function": function, **query},
            secret={"apikey": key or self._key},
            ticker=ticker,
        )
        try:
            return read(content, asked_at, f"{self._source} {function}")
        except UNEXPECTED as error:
            why = f"unexpected {type(error).__name__}"
        # Raised out here, so that it does not carry the error along, whose text quotes the body.
        raise UnreadableReply(ticker, why=why)


def _entitlement(liveness: Liveness) -> dict[str, str]:
    """Without it even a paid key is given yesterday's data."""
    return {} if liveness is Liveness.END_OF_DAY else {"entitlement": liveness.value}


def _size(full: bool) -> str:
    return "full" if full else "compact"
