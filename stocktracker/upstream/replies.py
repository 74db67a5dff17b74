"""Bodies to records. Upstream's spelling stops here: `"4. close"` is in no other file.

Pure: no network, no clock. What cannot be right is not let through: a body about another ticker, a
price of nothing, a day that has not been. A shape that nobody thought of may also come out as a
KeyError or the like; the fetcher turns those into UnreadableReply, in one place.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stocktracker.errors import EmptyReply, NoAccess, UnknownTicker, UnreadableReply
from stocktracker.markets import calendar_of, closed_at, exchange_of
from stocktracker.model import Bars, Feed, Interval, Listed, Listing, Quote, Ticker
from stocktracker.plans import Liveness
from stocktracker.upstream.values import (
    CLOCK_SKEW,
    EASTERN,
    EASTERN_NAMES,
    OLDEST,
    WRONG_AT_MOST,
    as_object,
    check_ticker,
    is_missing,
    plain,
    to_count,
    to_float,
    to_number,
)

DELAYED_ENVELOPE = "DATA DELAYED BY 15 MINUTES"

LISTING_HEADER = ("symbol", "name", "exchange", "assetType", "ipoDate", "delistingDate", "status")
LISTED_AT_LEAST = 1000


@dataclass(frozen=True, slots=True)
class Series:
    """How upstream spells a kind of bars: where they are, their dates, their columns."""

    interval: Interval
    key: str
    dates: str
    columns: dict[str, str]


PRICES = {"open": "1. open", "high": "2. high", "low": "3. low", "close": "4. close"}
SERIES = {
    Feed.DAILY: Series(
        Interval.DAILY, "Time Series (Daily)", "%Y-%m-%d", {**PRICES, "volume": "5. volume"}
    ),
    Feed.INTRADAY: Series(
        Interval.FIVE_MINUTES,
        "Time Series (5min)",
        "%Y-%m-%d %H:%M:%S",
        {**PRICES, "volume": "5. volume"},
    ),
    Feed.WEEKLY: Series(
        Interval.WEEKLY,
        "Weekly Adjusted Time Series",
        "%Y-%m-%d",
        {
            **PRICES,
            "volume": "6. volume",
            "adjusted_close": "5. adjusted close",
            "dividend": "7. dividend amount",
        },
    ),
}


def parse_quote(
    body: Any, ticker: Ticker, *, fetched_at: datetime, liveness: Liveness, source: str
) -> Quote:
    """GLOBAL_QUOTE. Its day may be before today; the envelope may say that it is delayed.

    Upstream gives a day and no time, so `as_of` is worked out: as fresh as the plan promises while
    the session runs, and the close from then on.
    """
    names = as_object(body, ticker)
    envelope = next((name for name in names if name.startswith("Global Quote")), "")
    if not envelope:
        raise UnreadableReply(ticker)
    fields = as_object(body[envelope], ticker)
    if not fields:
        raise UnknownTicker(ticker)
    if DELAYED_ENVELOPE in envelope.upper():
        liveness = Liveness.DELAYED
    check_ticker(fields["01. symbol"], ticker)
    day = _day(fields["07. latest trading day"], ticker, fetched_at)
    return Quote(
        ticker=ticker,
        price=_price(fields["05. price"], ticker),
        previous_close=_positive(fields.get("08. previous close"), ticker),
        open=_positive(fields.get("02. open"), ticker),
        high=_positive(fields.get("03. high"), ticker),
        low=_positive(fields.get("04. low"), ticker),
        volume=to_count(fields.get("06. volume"), ticker),
        trading_day=day,
        as_of=min(fetched_at - liveness.delay, closed_at(ticker, day)),
        fetched_at=fetched_at,
        liveness=liveness,
        source=source,
        currency=exchange_of(ticker).currency,
    )


def parse_bulk(
    body: Any,
    asked: Collection[Ticker],
    *,
    fetched_at: datetime,
    liveness: Liveness,
    source: str,
) -> list[Quote]:
    """REALTIME_BULK_QUOTES. Without access it answers in the same shape, with invented prices.

    Tickers without a price are left out, and so are rows that cannot be right.
    """
    message = str(as_object(body, None).get("message", ""))
    if message != "success":
        if "premium endpoint" in message.lower():
            raise NoAccess
        raise UnreadableReply
    quotes: dict[Ticker, Quote] = {}
    wrong = 0
    for row in body["data"]:
        ticker = Ticker(str(as_object(row, None)["symbol"]))
        if ticker not in asked:
            raise UnreadableReply(why="answer is about another ticker")
        if ticker in quotes or is_missing(row["close"]):
            continue
        try:
            quotes[ticker] = _bulk_quote(row, ticker, fetched_at, liveness, source)
        except (UnreadableReply, ValueError, KeyError, TypeError):
            wrong += 1
    if not quotes:
        raise UnreadableReply(why="figures that cannot be right") if wrong else EmptyReply()
    return list(quotes.values())


def _bulk_quote(
    row: dict[str, Any], ticker: Ticker, fetched_at: datetime, liveness: Liveness, source: str
) -> Quote:
    told = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=EASTERN)
    day = _day(str(told.date()), ticker, fetched_at)
    return Quote(
        ticker=ticker,
        price=_price(row["close"], ticker),
        previous_close=_positive(row.get("previous_close"), ticker),
        open=_positive(row.get("open"), ticker),
        high=_positive(row.get("high"), ticker),
        low=_positive(row.get("low"), ticker),
        volume=to_count(row.get("volume"), ticker),
        trading_day=day,
        # Its clock runs on after the close, for the extended hours that have fields of their own.
        as_of=min(told.astimezone(UTC), closed_at(ticker, day), fetched_at),
        fetched_at=fetched_at,
        liveness=liveness,
        source=source,
        currency=exchange_of(ticker).currency,
    )


def parse_bars(body: Any, ticker: Ticker, feed: Feed, *, fetched_at: datetime, source: str) -> Bars:
    """TIME_SERIES_DAILY, _WEEKLY_ADJUSTED or _INTRADAY (5min), as `feed` says; oldest first.

    Single rows that cannot be right are left out. Where they are many, nothing of it is believed.
    """
    series = SERIES[feed]
    content = as_object(body, ticker)
    if series.key not in content:
        raise UnreadableReply(ticker)
    about = as_object(content["Meta Data"], ticker)
    check_ticker(about["2. Symbol"], ticker)
    rows = as_object(content[series.key], ticker)
    if not rows:
        raise EmptyReply(ticker)
    frame = _frame(series, rows)
    if feed is Feed.INTRADAY:
        if about.get("6. Time Zone", "US/Eastern") not in EASTERN_NAMES:
            raise UnreadableReply(ticker, why="times of another zone")
        # The hour that a clock change repeats or leaves out is in the night: no bar is from it.
        starts = pd.DatetimeIndex(frame.index).tz_localize(
            EASTERN, ambiguous="NaT", nonexistent="NaT"
        )
        frame.index = starts.tz_convert("UTC")
        newest = pd.Timestamp(fetched_at + CLOCK_SKEW)
    else:
        newest = pd.Timestamp(_today(ticker, fetched_at))
    oldest = pd.Timestamp(OLDEST, tz=newest.tz)
    right = _right(frame) & np.asarray((frame.index >= oldest) & (frame.index <= newest))
    if (~right).sum() > WRONG_AT_MOST * len(frame) or not right.any():
        raise UnreadableReply(ticker, why="figures that cannot be right")
    frame = frame[right]
    frame = frame[~frame.index.duplicated(keep="first")].sort_index()
    frame.index.name = "date"
    frame["fetched_at"] = pd.Series(
        pd.Timestamp(fetched_at).tz_convert("UTC"), index=frame.index, dtype="datetime64[us, UTC]"
    )
    return Bars(
        ticker=ticker,
        interval=series.interval,
        frame=frame,
        fetched_at=fetched_at,
        source=source,
        currency=exchange_of(ticker).currency,
    )


def _frame(series: Series, rows: dict[str, Any]) -> pd.DataFrame:
    """The rows as they came, numbers as float64; what is no number or date is NaN or NaT."""
    kept = [row if isinstance(row, dict) else {} for row in rows.values()]
    columns = {
        ours: np.array([to_float(row.get(theirs)) for row in kept], dtype="float64")
        for ours, theirs in series.columns.items()
    }
    dates = pd.to_datetime(list(rows), format=series.dates, errors="coerce")
    return pd.DataFrame(columns, index=pd.DatetimeIndex(dates).as_unit("us"))


def _right(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """For each row, whether its figures can be true. What is unknown is so only beside a price."""
    prices = frame[list(PRICES)].to_numpy()
    others = frame.drop(columns=list(PRICES)).to_numpy()
    high, low = frame["high"].to_numpy(), frame["low"].to_numpy()
    right: NDArray[np.bool_] = (
        (np.isfinite(prices) & (prices > 0)).all(axis=1)
        & (high >= low)
        & ~np.isinf(others).any(axis=1)
        & ~(frame["volume"].to_numpy() < 0)
    )
    return right


def parse_listing(text: str, *, fetched_at: datetime, source: str) -> Listing:
    """LISTING_STATUS, a CSV: the active tickers in upstream's order, spelt as they stand there.

    There are tickers such as NA and NAN, so nothing is taken for a missing value. A download that
    was cut short is not let through, lest half of the market seem to have gone.
    """
    if not text.endswith("\n"):
        raise UnreadableReply(why="cut off")
    rows: dict[Ticker, Listed] = {}
    for line in _table(text):
        ticker = Ticker(line["symbol"].strip())
        if ticker and line["status"].strip() == "Active" and ticker not in rows:
            rows[ticker] = Listed(
                ticker=ticker,
                name=plain(line["name"]),
                exchange=line["exchange"].strip(),
                kind=line["assetType"].strip(),
            )
    if len(rows) < LISTED_AT_LEAST:
        raise UnreadableReply(why="too few tickers")
    return Listing(rows=rows, fetched_at=fetched_at, source=source)


def _table(text: str) -> Iterator[dict[str, str]]:
    """The lines of the listing's CSV by column; each of them whole."""
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(lines, [])
        if sorted(header) != sorted(LISTING_HEADER):
            raise UnreadableReply
        for line in lines:
            if len(line) != len(header):
                raise UnreadableReply(why="an incomplete line")
            yield dict(zip(header, line, strict=True))
    except csv.Error:
        raise UnreadableReply(why="not CSV") from None


def _day(text: Any, ticker: Ticker, fetched_at: datetime) -> date:
    """A date of the exchange that has begun there."""
    try:
        day = date.fromisoformat(text)
    except (ValueError, TypeError):
        day = date.min
    if not OLDEST <= day <= _today(ticker, fetched_at):
        raise UnreadableReply(ticker, why="a day that cannot be right")
    return day


def _today(ticker: Ticker, at: datetime) -> date:
    return at.astimezone(calendar_of(ticker).zone).date()


def _price(value: Any, ticker: Ticker) -> float:
    price = to_number(value, ticker)
    if price is None or price <= 0:
        raise UnreadableReply(ticker, why="a price that cannot be right")
    return price


def _positive(value: Any, ticker: Ticker) -> float | None:
    """A price that need not be there; before a first trading day upstream says 0.0000."""
    number = to_number(value, ticker)
    return number if number is not None and number > 0 else None
