"""The market as one frame, and which of its rows a screen asks for, in which order. Pure.

Takes quotes and the listing as the board holds them. Everything is worked out for all rows at once,
so that thirteen thousand of them cost milliseconds. What is unknown is NaN or empty, and no bound
ever lets it through: whether an unknown change is above 2 % nobody can say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stocktracker import wording
from stocktracker.freshness import freshness
from stocktracker.markets import BY_SUFFIX
from stocktracker.model import Freshness, Listing, Quote, Ticker

Floats = npt.NDArray[np.float64]


class Preset(StrEnum):
    """In which order the rows stand. The values are part of links."""

    GAINERS = "Top gainers"
    LOSERS = "Top losers"
    ACTIVE = "Most active"
    HIGH = "Near the day's high"
    LOW = "Near the day's low"


@dataclass(frozen=True, slots=True)
class Order:
    """By which column, and which of two equal rows comes first; what is unknown comes last."""

    column: str
    falling: bool
    then: str
    then_falling: bool


ORDERS: Mapping[Preset, Order] = {
    Preset.GAINERS: Order("percent", True, "volume", True),
    Preset.LOSERS: Order("percent", False, "volume", True),
    Preset.ACTIVE: Order("volume", True, "percent", True),
    Preset.HIGH: Order("place", True, "percent", True),
    Preset.LOW: Order("place", False, "percent", False),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a row must be; None and empty ask for nothing. Changes and places are in percent."""

    preset: Preset = Preset.GAINERS
    text: str = ""
    change_from: float | None = None
    change_to: float | None = None
    least_volume: float | None = None
    least_price: float | None = None
    place_from: float | None = None
    place_to: float | None = None
    exchanges: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    fresh_only: bool = False


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the listing has a price, where from, and when the oldest of it came.

    `listed` is None while there is no listing; `beside` counts prices of tickers not in it.
    """

    priced: int
    listed: int | None
    beside: int
    stale: int
    sources: tuple[str, ...]
    oldest: datetime | None


NAMES = ["ticker", "name", "exchange", "kind", "listed", "find"]


def make_frame(
    quotes: Mapping[Ticker, Quote], listing: Listing | None, names: pd.DataFrame | None = None
) -> pd.DataFrame:
    """A row for each quote, by ticker: what the listing and the quote say, and what follows.

    Columns: ticker, name, exchange, kind (texts, empty where unknown), listed (bool), find (what a
    search looks through), currency, source, last, previous_close, change, percent, volume, low,
    high, place (floats, NaN where unknown), as_of, fetched_at (UTC), trading_day (date).

    `names` may be an earlier frame of the same tickers and listing, to take their texts from.
    """
    ordered = [quotes[ticker] for ticker in sorted(quotes)]
    last = _floats(quote.price for quote in ordered)
    previous = _floats(quote.previous_close for quote in ordered)
    low = _floats(quote.low for quote in ordered)
    high = _floats(quote.high for quote in ordered)
    change = last - previous
    with np.errstate(divide="ignore", invalid="ignore"):
        percent = 100 * change / np.where(previous == 0, np.nan, previous)
    return (make_names(quotes, listing) if names is None else names[NAMES]).assign(
        currency=_texts(quote.currency for quote in ordered),
        source=_texts(quote.source for quote in ordered),
        last=last,
        previous_close=previous,
        change=change,
        percent=percent,
        volume=_floats(quote.volume for quote in ordered),
        low=low,
        high=high,
        place=places(last, low, high),
        as_of=_instants(quote.as_of for quote in ordered),
        fetched_at=_instants(quote.fetched_at for quote in ordered),
        trading_day=pd.Series([quote.trading_day for quote in ordered], dtype=object),
    )


def make_names(tickers: Iterable[Ticker], listing: Listing | None) -> pd.DataFrame:
    """What the listing says of each ticker, in their order by name; the columns are NAMES."""
    ordered = sorted(tickers)
    rows = listing.rows if listing else {}
    known = [rows.get(ticker) for ticker in ordered]
    names = [each.name if each else "" for each in known]
    exchanges = (
        each.exchange if each else _abroad(ticker)
        for each, ticker in zip(known, ordered, strict=True)
    )
    return pd.DataFrame(
        {
            "ticker": _texts(ordered),
            "name": _texts(names),
            "exchange": _texts(exchanges),
            "kind": _texts(each.kind if each else "" for each in known),
            "listed": np.array([each is not None for each in known], dtype=bool),
            "find": _texts(
                f"{ticker} {name}".casefold() for ticker, name in zip(ordered, names, strict=True)
            ),
        }
    )


def places(last: Floats, low: Floats, high: Floats) -> Floats:
    """Where a price stands in its day's range: 0 at the low, 100 at the high.

    NaN where low or high is unknown, where the range is none (a place in nothing is nowhere), and
    where the price is outside of it: then one of the three is not of the same day.
    """
    sound = (high > low) & (low <= last) & (last <= high)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sound, 100 * (last - low) / (high - low), np.nan)


def standings(
    quotes: Iterable[Quote], now: datetime, turn: timedelta, *, always: bool
) -> list[Freshness]:
    """What `freshness` says of each quote, asked once for all that came together.

    It judges a quote by its exchange, liveness, trading day and when it was fetched; a bulk call's
    hundred quotes share all four.
    """
    found: dict[tuple[Any, ...], Freshness] = {}
    said = []
    for quote in quotes:
        ticker = quote.ticker
        suffix = ticker.rpartition(".")[2] if "." in ticker else ""
        key = (
            suffix if suffix in BY_SUFFIX else "",
            quote.liveness,
            quote.trading_day,
            quote.fetched_at,
        )
        if key not in found:
            found[key] = freshness(quote, now, turn, always=always)
        said.append(found[key])
    return said


def screen(frame: pd.DataFrame, filters: Filters) -> npt.NDArray[np.int64]:
    """The positions of the rows that fit, in the preset's order; equal ones by ticker.

    Needs `freshness` in the frame where only fresh rows are asked for.
    """
    fits = np.ones(len(frame), dtype=bool)
    for column, least, most in (
        ("percent", filters.change_from, filters.change_to),
        ("volume", filters.least_volume, None),
        ("last", filters.least_price, None),
        ("place", filters.place_from, filters.place_to),
    ):
        values = _column(frame, column)
        if least is not None:
            fits &= values >= least
        if most is not None:
            fits &= values <= most
    for column, wanted in (("exchange", filters.exchanges), ("kind", filters.kinds)):
        if wanted:
            fits &= frame[column].isin(wanted).to_numpy(dtype=bool)
    if filters.fresh_only:
        fits &= (frame["freshness"] != Freshness.STALE).to_numpy(dtype=bool)
    text = " ".join(filters.text.casefold().split())
    if text:
        fits &= frame["find"].str.contains(text, regex=False).to_numpy(dtype=bool)
    positions = np.flatnonzero(fits)
    order = ORDERS[filters.preset]
    first = _key(frame, order.column, positions, falling=order.falling)
    second = _key(frame, order.then, positions, falling=order.then_falling)
    return positions[np.lexsort((second, first))]


def coverage(frame: pd.DataFrame, listing: Listing | None) -> Coverage:
    """Of a frame with `freshness`."""
    within = int(frame["listed"].sum())
    return Coverage(
        priced=within if listing else len(frame),
        listed=len(listing.rows) if listing else None,
        beside=len(frame) - within if listing else 0,
        stale=int((frame["freshness"] == Freshness.STALE).sum()),
        sources=tuple(sorted(frame["source"].unique())),
        oldest=frame["fetched_at"].min().to_pydatetime() if len(frame) else None,
    )


def coverage_words(found: Coverage) -> str:
    """`12,980 of 13,411 listed tickers have a price, and 2 others`."""
    have = "has" if found.priced == 1 and found.listed is None else "have"
    if found.listed is None:
        tickers = "ticker" if found.priced == 1 else "tickers"
        return f"{found.priced:,} {tickers} {have} a price"
    words = f"{found.priced:,} of {found.listed:,} listed tickers {have} a price"
    if found.beside:
        words += f", and {found.beside:,} other{'s' if found.beside > 1 else ''}"
    return words


def filter_words(filters: Filters) -> list[str]:
    """Each condition as people say it; texts that were typed stand as they are."""
    words = []
    if filters.text.strip():
        words.append(f"“{filters.text.strip()}”")
    words += _bounds("change", filters.change_from, filters.change_to, wording.percent)
    words += _bounds("place in the range", filters.place_from, filters.place_to, _share)
    if filters.least_volume is not None:
        words.append(f"volume from {wording.compact(filters.least_volume)}")
    if filters.least_price is not None:
        words.append(f"price from {filters.least_price:,.2f}")
    if filters.exchanges:
        words.append(" or ".join(filters.exchanges))
    if filters.kinds:
        words.append(" or ".join(filters.kinds))
    if filters.fresh_only:
        words.append("no stale price")
    return words


def export_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of a frame with `freshness`, for a spreadsheet: bare figures, UTC, else empty."""
    return pd.DataFrame(
        {
            "ticker": rows["ticker"],
            "name": rows["name"],
            "exchange": rows["exchange"],
            "type": rows["kind"],
            "price": rows["last"],
            "previous_close": rows["previous_close"],
            # Differences of floats would be exported as 1.2300000000000182.
            "change": rows["change"].round(6),
            "change_percent": rows["percent"].round(4),
            "volume": rows["volume"].astype("Int64"),
            "low": rows["low"],
            "high": rows["high"],
            "place_in_range_percent": rows["place"].round(2),
            "trading_day": rows["trading_day"],
            "as_of": rows["as_of"],
            "fetched_at": rows["fetched_at"],
            "freshness": rows["freshness"],
            "source": rows["source"],
            "currency": rows["currency"],
        }
    )


def _bounds(
    what: str, least: float | None, most: float | None, say: Callable[[float], str]
) -> list[str]:
    if least is not None and most is not None:
        return [f"{what} from {say(least)} to {say(most)}"]
    if least is not None:
        return [f"{what} from {say(least)}"]
    return [f"{what} to {say(most)}"] if most is not None else []


def _share(value: float) -> str:
    return f"{value:g}%"


def _abroad(ticker: Ticker) -> str:
    """The exchange that a suffix names, for what is not listed; empty where nothing says it."""
    exchange = BY_SUFFIX.get(ticker.rpartition(".")[2]) if "." in ticker else None
    return exchange.name if exchange else ""


def _floats(values: Iterable[float | None]) -> Floats:
    """None becomes NaN, and so does what is not finite."""
    found = np.array(list(values), dtype=np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def _texts(values: Iterable[str]) -> pd.Series[str]:
    # With its type said, as nothing could be told from a column without rows.
    return pd.Series(list(values), dtype="str")


def _instants(values: Iterable[datetime]) -> pd.DatetimeIndex:
    # By way of numbers: parsing thirteen thousand datetimes would take most of the time.
    seconds = np.array([value.timestamp() for value in values], dtype=np.float64)
    micros = np.round(seconds * 1e6).astype("datetime64[us]")
    return pd.DatetimeIndex(micros).tz_localize("UTC")


def _column(frame: pd.DataFrame, name: str) -> Floats:
    return frame[name].to_numpy(dtype=np.float64)


def _key(
    frame: pd.DataFrame, name: str, positions: npt.NDArray[np.int64], *, falling: bool
) -> Floats:
    """To be sorted upwards; NaN stays NaN, which numpy sorts last either way."""
    values = _column(frame, name)[positions]
    return -values if falling else values
