"""What Alpha Vantage answers to each function: who may see what, and how late.

Pure: an answer follows from the query, the plan and the instant. Limits are counted elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from stocktracker.markets import Session, calendar_of
from stocktracker.model import Ticker
from stocktracker.plans import Capability, Liveness, Plan
from stocktracker.simulator import bodies, bulk, listing, movers, search
from stocktracker.simulator.bodies import Answer, Column
from stocktracker.simulator.corporate import CORPORATE
from stocktracker.simulator.intraday import (
    EASTERN,
    IntradayBar,
    extended_bars,
    newest_sessions,
    session_bars,
)
from stocktracker.simulator.prices import PriceWorld, Table
from stocktracker.simulator.query import Query, Refused

COMPACT = 100
FULL_INTRADAY_SESSIONS = 21
STEPS = {f"{minutes}min": timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60)}
QUOTE_HEADER = "symbol,open,high,low,price,volume,latestDay,previousClose,change,changePercent"

Publication = timedelta | Callable[[Session], timedelta]


@dataclass(frozen=True, slots=True)
class Vendor:
    """Alpha Vantage as the owner of a key with `plan` sees it."""

    plan: Plan
    world: PriceWorld
    publication: Publication

    def answer(self, query: Query) -> Answer:
        try:
            if query.function in CORPORATE:
                return CORPORATE[query.function](self.world, query, self._published_close(query))
            if query.function not in FUNCTIONS:
                raise Refused("no-function", function=query.function)
            return FUNCTIONS[query.function](self, query)
        except Refused as refused:
            return refused.answer

    def listing_status(self, query: Query) -> Answer:
        day = query.day
        if query.get("date"):
            if query.key == "demo":
                return bodies.json_answer({})
            try:
                day = min(date.fromisoformat(query.get("date")), day)
            except ValueError:
                raise Refused("invalid-call", function=query.function) from None
        make = listing.delisted_csv if query.get("state") == "delisted" else listing.active_csv
        return Answer(make(day), bodies.CSV)

    def global_quote(self, query: Query) -> Answer:
        envelope = "Global Quote" + self._delay_notice(query)
        at = self._visible_at(query)
        ticker = query.ticker
        if not ticker:
            raise Refused("invalid-call", function=query.function)
        if not listing.is_listed(ticker, query.day):
            if query.wants_csv:
                return bodies.csv_answer(QUOTE_HEADER, [])
            return bodies.json_answer({envelope: {}})
        moment = self.world.at(ticker, at)
        figures = {
            "symbol": ticker,
            "open": f"{moment.open:.4f}",
            "high": f"{moment.high:.4f}",
            "low": f"{moment.low:.4f}",
            "price": f"{moment.price:.4f}",
            "volume": str(moment.volume),
            "latest trading day": str(moment.session.day),
            "previous close": f"{moment.previous_close:.4f}",
            "change": f"{moment.change:.4f}",
            "change percent": f"{moment.change_percent:.4f}%",
        }
        if query.wants_csv:
            return bodies.csv_answer(QUOTE_HEADER, [",".join(figures.values())])
        numbered = {f"{at:02}. {name}": text for at, (name, text) in enumerate(figures.items(), 1)}
        return bodies.json_answer({envelope: numbered})

    def realtime_bulk_quotes(self, query: Query) -> Answer:
        if Capability.BULK_QUOTES not in self.plan.capabilities:
            return bulk.SAMPLE
        late = timedelta(minutes=15) if query.get("entitlement") == "delayed" else timedelta(0)
        known = [
            ticker
            for ticker in dict.fromkeys(query.tickers[: bulk.MOST_TICKERS])
            if listing.is_listed(ticker, query.day)
        ]
        if not known:
            raise Refused("invalid-call", function=query.function)
        return bulk.answer(self.world, known, query.now - late, as_csv=query.wants_csv)

    def daily(self, query: Query) -> Answer:
        ticker = self._series_ticker(query)
        newest, size = self._size(query)
        table = self.world.daily(ticker, self._visible_at(query), newest)
        return self._series(
            query,
            "Daily Prices (open, high, low, close) and Volumes",
            "Time Series (Daily)",
            table,
            [*_prices(table), bodies.volume_column(table.volumes.tolist())],
            size=size,
        )

    def daily_adjusted(self, query: Query) -> Answer:
        self._require(Capability.FULL_DAILY)
        ticker = self._series_ticker(query)
        newest, size = self._size(query)
        table = self.world.daily(ticker, self._visible_at(query), newest)
        named = {"open": table.opens, "high": table.highs, "low": table.lows, "close": table.closes}
        columns = [
            *(Column(name, name, bodies.as_they_are(them)) for name, them in named.items()),
            Column("adjusted close", "adjusted_close", bodies.as_they_are(table.adjusted)),
            bodies.volume_column(table.volumes.tolist()),
            Column(
                "dividend amount", "dividend_amount", bodies.four_decimals(table.dividends.tolist())
            ),
            Column(
                "split coefficient",
                "split_coefficient",
                bodies.as_they_are(table.splits.tolist()),
            ),
        ]
        return self._series(
            query,
            "Daily Time Series with Splits and Dividend Events",
            "Time Series (Daily)",
            table,
            columns,
            size=size,
        )

    def weekly(self, query: Query) -> Answer:
        table = self.world.weekly(self._series_ticker(query), self._visible_at(query))
        return self._series(
            query,
            "Weekly Prices (open, high, low, close) and Volumes",
            "Weekly Time Series",
            table,
            [*_prices(table), bodies.volume_column(table.volumes.tolist())],
        )

    def weekly_adjusted(self, query: Query) -> Answer:
        table = self.world.weekly(self._series_ticker(query), self._visible_at(query))
        adjusted = bodies.four_decimals(table.adjusted.tolist())
        dividends = bodies.four_decimals(table.dividends.tolist())
        columns = [
            *_prices(table),
            Column("adjusted close", "adjusted close", adjusted),
            bodies.volume_column(table.volumes.tolist()),
            Column("dividend amount", "dividend amount", dividends),
        ]
        return self._series(
            query,
            "Weekly Adjusted Prices and Volumes",
            "Weekly Adjusted Time Series",
            table,
            columns,
        )

    def intraday(self, query: Query) -> Answer:
        self._require(Capability.INTRADAY)
        ticker = self._series_ticker(query)
        interval = query.get("interval")
        if interval not in STEPS:
            raise Refused("invalid-call", function=query.function)
        full = query.get("outputsize") == "full" or bool(query.get("month"))
        bars = self._intraday_bars(query, ticker, STEPS[interval])
        if not bars:  # a month that has not begun
            raise Refused("invalid-call", function=query.function)
        bars = bars if full else bars[-COMPACT:]
        stamps = [str(bar.start.astimezone(EASTERN).replace(tzinfo=None)) for bar in bars]
        columns = [
            *bodies.price_columns(
                [bar.open for bar in bars],
                [bar.high for bar in bars],
                [bar.low for bar in bars],
                [bar.close for bar in bars],
            ),
            bodies.volume_column([bar.volume for bar in bars]),
        ]
        if query.wants_csv:
            return bodies.series_csv(stamps, columns)
        about = f"Intraday ({interval}) open, high, low, close prices and volume"
        meta = {
            "1. Information": about + self._delay_notice(query),
            "2. Symbol": ticker,
            "3. Last Refreshed": stamps[-1],
            "4. Interval": interval,
            "5. Output Size": "Full size" if full else "Compact",
            "6. Time Zone": "US/Eastern",
        }
        return bodies.series_json(meta, f"Time Series ({interval})", stamps, columns)

    def market_status(self, query: Query) -> Answer:
        return bodies.json_answer(search.market_status(query.now))

    def symbol_search(self, query: Query) -> Answer:
        matches = search.best_matches(query.get("keywords"), query.day)
        if query.wants_csv:
            return bodies.csv_answer(search.HEADER, [",".join(match) for match in matches])
        return bodies.json_answer({"bestMatches": search.numbered(matches)})

    def top_gainers_losers(self, query: Query) -> Answer:
        return movers.answer(self.world, self._visible_at(query))

    def _intraday_bars(self, query: Query, ticker: Ticker, step: timedelta) -> list[IntradayBar]:
        at = self._visible_at(query)
        month = query.get("month")
        if month:
            sessions = _sessions_of_month(ticker, month, at)
        else:
            sessions = newest_sessions(ticker, at, FULL_INTRADAY_SESSIONS)
        bars: list[IntradayBar] = []
        for session in sessions:
            bars += session_bars(self.world.seed, ticker, session, step, at)
            if query.get("extended_hours") != "false":
                bars += extended_bars(self.world.seed, ticker, session, step, at)
        return sorted(bars, key=lambda bar: bar.start)

    def _series(
        self,
        query: Query,
        about: str,
        name: str,
        table: Table,
        columns: list[Column],
        *,
        size: str | None = None,
    ) -> Answer:
        stamps = [day.isoformat() for day in table.days]
        if query.wants_csv:
            return bodies.series_csv(stamps, columns)
        entries = {
            "Information": about + self._delay_notice(query),
            "Symbol": query.ticker,
            "Last Refreshed": stamps[-1],
            **({"Output Size": size} if size else {}),
            "Time Zone": "US/Eastern",
        }
        meta = {f"{at}. {entry}": text for at, (entry, text) in enumerate(entries.items(), 1)}
        return bodies.series_json(meta, name, stamps, columns)

    def _series_ticker(self, query: Query) -> Ticker:
        if not listing.is_listed(query.ticker, query.day):
            raise Refused("invalid-call", function=query.function)
        return query.ticker

    def _size(self, query: Query) -> tuple[int | None, str]:
        """How many daily rows, and what upstream calls that."""
        if query.get("outputsize") != "full":
            return COMPACT, "Compact"
        if Capability.FULL_DAILY not in self.plan.capabilities:
            raise Refused("full-is-premium", function=query.function)
        return None, "Full size"

    def _require(self, capability: Capability) -> None:
        if capability not in self.plan.capabilities:
            raise Refused("premium-endpoint")

    def _is_delayed(self, query: Query) -> bool:
        return (
            query.get("entitlement") == "delayed" and self.plan.liveness is not Liveness.END_OF_DAY
        )

    def _delay_notice(self, query: Query) -> str:
        return bodies.DELAYED if self._is_delayed(query) else ""

    def _visible_at(self, query: Query) -> datetime:
        """The instant that the answer shows; a published session's close unless entitled."""
        if self._is_delayed(query):
            return query.now - Liveness.DELAYED.delay
        if query.get("entitlement") == "realtime":
            if self.plan.liveness is not Liveness.REALTIME:
                raise Refused("not-entitled")
            return query.now
        return self._published_close(query)

    def _published_close(self, query: Query) -> datetime:
        calendar = calendar_of(query.ticker)
        session = calendar.last_closed(query.now)
        while session.close + self._publication_of(session) > query.now:
            session = calendar.last_closed(session.open)
        return session.close

    def _publication_of(self, session: Session) -> timedelta:
        if isinstance(self.publication, timedelta):
            return self.publication
        return self.publication(session)


def _prices(table: Table) -> list[Column]:
    return bodies.price_columns(
        table.opens.tolist(), table.highs.tolist(), table.lows.tolist(), table.closes.tolist()
    )


def _sessions_of_month(ticker: Ticker, month: str, at: datetime) -> list[Session]:
    """Those that have begun at `at`. Raises Refused for what is not a month."""
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise Refused("invalid-call", function="TIME_SERIES_INTRADAY") from None
    calendar = calendar_of(ticker)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    sessions = [calendar.session_on(day) for day in calendar.days_between(first, last)]
    return [session for session in sessions if session is not None and session.open <= at]


FUNCTIONS: Mapping[str, Callable[[Vendor, Query], Answer]] = {
    "GLOBAL_QUOTE": Vendor.global_quote,
    "LISTING_STATUS": Vendor.listing_status,
    "MARKET_STATUS": Vendor.market_status,
    "REALTIME_BULK_QUOTES": Vendor.realtime_bulk_quotes,
    "SYMBOL_SEARCH": Vendor.symbol_search,
    "TIME_SERIES_DAILY": Vendor.daily,
    "TIME_SERIES_DAILY_ADJUSTED": Vendor.daily_adjusted,
    "TIME_SERIES_INTRADAY": Vendor.intraday,
    "TIME_SERIES_WEEKLY": Vendor.weekly,
    "TIME_SERIES_WEEKLY_ADJUSTED": Vendor.weekly_adjusted,
    "TOP_GAINERS_LOSERS": Vendor.top_gainers_losers,
}
NAMES = sorted([*FUNCTIONS, *CORPORATE])
