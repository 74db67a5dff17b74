"""Alpha Vantage over HTTP: query → get → classify → parse. Each `fetch_` is one request, no more.

The only module that knows the key. Decides nothing: whether a call may be made and what its failure
means for the next one is the poller's business. Never retries, never caches, never logs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from stocktracker.clock import Clock
from stocktracker.errors import UnreadableReply
from stocktracker.journal import make_redactor
from stocktracker.model import (
    WHOLE_MARKET,
    Bars,
    Call,
    Facts,
    Feed,
    Fetched,
    Listing,
    Quote,
    Ticker,
)
from stocktracker.plans import Liveness
from stocktracker.upstream import fundamental_replies, market_replies
from stocktracker.upstream.notices import load_json, raise_if_refused
from stocktracker.upstream.queries import FUNCTIONS, entitlement, facts_query
from stocktracker.upstream.replies import parse_bars, parse_bulk, parse_listing, parse_quote
from stocktracker.upstream.transport import DEADLINE, MAX_BYTES, Transport
from stocktracker.upstream.values import UNEXPECTED

BULK_AT_MOST = 100
# The listing is free with the demonstration key, so the owner's is not shown for it.
DEMO_KEY = "demo"

T = TypeVar("T")


class ParseFacts(Protocol):
    """Takes JSON, and for the calendar the text of its CSV."""

    def __call__(
        self, body: object, ticker: Ticker, *, fetched_at: datetime, source: str
    ) -> Facts: ...


PARSERS: Mapping[Feed, ParseFacts] = {
    Feed.SPLITS: fundamental_replies.parse_splits,
    Feed.DIVIDENDS: fundamental_replies.parse_dividends,
    Feed.COMPANY: fundamental_replies.parse_company,
    Feed.EARNINGS: fundamental_replies.parse_earnings,
    Feed.INCOME: fundamental_replies.parse_statement,
    Feed.BALANCE: fundamental_replies.parse_statement,
    Feed.CASH_FLOW: fundamental_replies.parse_statement,
    Feed.NEWS: market_replies.parse_news,
    Feed.MOVERS: market_replies.parse_movers,
    Feed.CALENDAR: market_replies.parse_calendar,
    Feed.MARKETS: market_replies.parse_markets,
}


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

    def fetch(self, call: Call) -> Fetched:
        """Carry out a call of the plan. Raises FetchError."""
        if call.feed is Feed.LISTING:
            return self.fetch_listing()
        if call.feed is Feed.QUOTE and call.bulk:
            return self.fetch_quotes(call.tickers)
        (ticker,) = call.tickers
        if call.feed is Feed.QUOTE:
            return [self.fetch_quote(ticker)]
        if call.feed in PARSERS:
            return self.fetch_facts(call.feed, ticker)
        return self._fetch_bars(call.feed, ticker, full=call.full)

    def _fetch_bars(self, feed: Feed, ticker: Ticker, *, full: bool) -> Bars:
        if feed is Feed.DAILY:
            return self.fetch_daily(ticker, full=full)
        if feed is Feed.WEEKLY:
            return self.fetch_weekly(ticker)
        return self.fetch_intraday(ticker, full=full)

    def fetch_quote(self, ticker: Ticker) -> Quote:
        """The ticker's quote; of the last trading day where the plan has no live ones."""
        liveness = self.liveness

        def read(content: bytes, fetched_at: datetime, source: str) -> Quote:
            body = self._load(content, ticker)
            quote = parse_quote(
                body, ticker, fetched_at=fetched_at, liveness=liveness, source=source
            )
            return self._timed(quote)

        return self._ask("GLOBAL_QUOTE", read, ticker, symbol=ticker, **entitlement(liveness))

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
            **entitlement(self.liveness),
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
            **entitlement(self.liveness),
        )

    def fetch_listing(self) -> Listing:
        """All active US tickers."""

        def read(content: bytes, fetched_at: datetime, source: str) -> Listing:
            text = self._load_table(content)
            return parse_listing(text, fetched_at=fetched_at, source=source)

        return self._ask("LISTING_STATUS", read, None, key=DEMO_KEY)

    def fetch_facts(self, feed: Feed, ticker: Ticker) -> Facts:
        """What else is known of a ticker or of WHOLE_MARKET, of the kind that KINDS has."""
        parse = PARSERS[feed]
        about = None if ticker == WHOLE_MARKET else ticker

        def read(content: bytes, fetched_at: datetime, source: str) -> Facts:
            is_table = feed is Feed.CALENDAR
            body = self._load_table(content) if is_table else self._load(content, about)
            return parse(body, ticker, fetched_at=fetched_at, source=source)

        query = facts_query(feed, ticker, self.liveness)
        return self._ask(FUNCTIONS[feed], read, about, **query)

    def _bars(self, function: str, feed: Feed, ticker: Ticker, **query: str) -> Bars:
        def read(content: bytes, fetched_at: datetime, source: str) -> Bars:
            body = self._load(content, ticker)
            return parse_bars(body, ticker, feed, fetched_at=fetched_at, source=source)

        return self._ask(function, read, ticker, symbol=ticker, **query)

    def _load(self, content: bytes, ticker: Ticker | None) -> object:
        body: object = load_json(content, ticker)
        raise_if_refused(body, ticker, redact=self._redact)
        return body

    def _load_table(self, content: bytes) -> str:
        """The text of a CSV. Refusals come as JSON all the same."""
        if content.lstrip()[:1] in (b"{", b"<"):
            self._load(content, None)
            raise UnreadableReply
        return content.decode("utf-8-sig")

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


def _size(full: bool) -> str:
    return "full" if full else "compact"
