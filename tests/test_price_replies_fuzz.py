"""Prices out of damaged bodies: a typed error, or what the body says at that place, and sound.

Real bodies where the recordings are there, and hand-made ones in the same shapes everywhere. What
is damaged: values, keys, order, dates, and the bytes themselves.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import math
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocktracker.encoding import decode_data, encode_data
from stocktracker.errors import FetchError
from stocktracker.markets import calendar_of, closed_at
from stocktracker.model import Bars, Feed, Listing, Quote, Ticker
from stocktracker.plans import Liveness
from stocktracker.upstream.notices import load_json, raise_if_refused
from stocktracker.upstream.replies import SERIES, parse_bars, parse_bulk, parse_listing, parse_quote
from stocktracker.upstream.values import CLOCK_SKEW, EASTERN, OLDEST, UNEXPECTED
from tests.vendor import RECORDINGS, Desk

IBM = Ticker("IBM")
ASKED = (IBM, Ticker("AAPL"), Ticker("MSFT"))
NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)  # in New York
LINES = 1200
FROM: dict[str, Any] = {"fetched_at": NOW, "source": "test"}
BAR_FEEDS = {
    Feed.DAILY: ("TIME_SERIES_DAILY", {}),
    Feed.WEEKLY: ("TIME_SERIES_WEEKLY_ADJUSTED", {}),
    Feed.INTRADAY: ("TIME_SERIES_INTRADAY", {"interval": "5min"}),
}
RECORDED = {
    Feed.DAILY: "portfoliotree__daily_compact_IBM.csv",
    Feed.WEEKLY: "portfoliotree__weekly_adjusted_IBM.csv",
    Feed.INTRADAY: "portfoliotree__intraday_5min_IBM.csv",
}
LIVE = Desk("premium-1200")

ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 10**17, 10**18, 1e300, -1e-300, 5e-324, {}, [], [[]], ""),
    *("NaN", "nan", "Infinity", "-inf", "1e400", "-1e400", "-12.5", "0", "0.0000", "1e18", "1e19"),
    *("1,234.5", "12.5 ", "0x1F", "1_000", "\u0661\u0662", "12.5.1", "--", "None", "-", "$12"),
    *("WRONG", "ibm", " IBM ", "AAPL", "\u202eIBM", "IBM\n", "\ud800", "x" * 500, "=1+1"),
    *("2026-11-20", "2026-11-24", "2026-12-24", "9999-12-31", "0001-01-01", "1969-12-31"),
    *("2026-02-30", "2026-11-20 16:00:00", "2026-11-29 01:30:00", "20261120", "2026-W47-5"),
]


def series_of(feed: Feed, rows: list[dict[str, str]]) -> dict[str, Any]:
    """A recorded CSV in the shape that the JSON of the same function has."""
    spelt = {theirs.split(". ", 1)[1]: theirs for theirs in SERIES[feed].columns.values()}
    return {
        "Meta Data": {"2. Symbol": "IBM", "6. Time Zone": "US/Eastern"},
        SERIES[feed].key: {
            row["timestamp"]: {theirs: row[ours] for ours, theirs in spelt.items()} for row in rows
        },
    }


def bodies_of(feed: Feed) -> list[dict[str, Any]]:
    function, more = BAR_FEEDS[feed]
    made = LIVE.json(function, "IBM", **more)
    name = SERIES[feed].key
    made[name] = dict(list(made[name].items())[:40])
    bodies = [made]
    path = RECORDINGS / RECORDED[feed]
    if path.exists():
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))[:40]
        bodies.append(series_of(feed, rows))
    return bodies


BARS = {feed: bodies_of(feed) for feed in BAR_FEEDS}
QUOTES: list[dict[str, Any]] = [LIVE.json("GLOBAL_QUOTE", "IBM")]
BULK: dict[str, Any] = LIVE.json("REALTIME_BULK_QUOTES", ",".join(ASKED))
LISTING = "symbol,name,exchange,assetType,ipoDate,delistingDate,status\r\n" + "".join(
    f'T{number},"Name {number}, Inc",NYSE,Stock,2001-01-01,null,Active\r\n'
    for number in range(LINES)
)


def damaged(body: Any, data: Any) -> Any:
    """Up to five of: a value swapped, a key dropped, doubled or renamed, rows in another order."""
    body = copy.deepcopy(body)
    for _ in range(data.draw(st.integers(1, 5))):
        places = list(places_in(body))
        if not places:
            break
        container, place = data.draw(st.sampled_from(places))
        what = data.draw(
            st.sampled_from(["odd", "odd", "odd", "drop", "double", "rename", "order", "scale"])
        )
        if what == "odd":
            container[place] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
        elif what == "drop":
            del container[place]
        elif what == "order":
            shuffle(container, data.draw(st.integers(0, 99)))
        elif what == "scale":
            with suppress(TypeError, ValueError):
                container[place] = str(float(container[place]) * 100)
        elif isinstance(container, list):
            container.insert(place, copy.deepcopy(container[place]))
        else:
            name = data.draw(st.sampled_from([text for text in ODD if isinstance(text, str)]))
            value = container.pop(place) if what == "rename" else copy.deepcopy(container[place])
            container[name] = value
    return body


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a JSON value, with each of its keys or positions."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        for place in list(value) if isinstance(value, dict) else range(len(value)):
            found += [(value, place), *places_in(value[place])]
    return found


def shuffle(container: Any, seed: int) -> None:
    chance = random.Random(seed)
    if isinstance(container, list):
        chance.shuffle(container)
    else:
        items = list(container.items())
        chance.shuffle(items)
        container.clear()
        container.update(items)


def read(body: Any, parse: Callable[[Any], Any]) -> Any:
    """As the fetcher reads: over bytes; None where it is refused by a typed error."""
    try:
        loaded = load_json(json.dumps(body).encode())
        raise_if_refused(loaded)
        return parse(loaded)
    except (FetchError, *UNEXPECTED):  # the fetcher makes one UnreadableReply of the latter
        return None


def says(value: Any, number: float | None) -> bool:
    """Whether a body's value is this number, read as plainly as can be; None: says of none."""
    if number is None:
        return value is None or not _plain(value) > 0
    return _plain(value) == number


def _plain(value: Any) -> float:
    """A finite number, or one in plain ASCII digits; NaN for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        return math.nan
    try:
        number = float(value)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def check_quote(quote: Quote, fields: dict[str, Any], names: dict[str, str]) -> None:
    assert 0 < quote.price <= 1e18
    for ours, theirs in names.items():
        shown = getattr(quote, ours)
        assert shown is None or (math.isfinite(shown) and shown >= 0), (ours, shown)
        if ours == "volume" and shown is not None:
            assert shown == int(_plain(fields[theirs]))
        else:
            assert says(fields.get(theirs), shown), (ours, shown, fields.get(theirs))
    assert OLDEST <= quote.trading_day <= TODAY
    assert quote.as_of <= min(quote.fetched_at, closed_at(quote.ticker, quote.trading_day))
    assert decode_data(encode_data(quote)) == quote


def is_of(row: dict[str, Any], quote: Quote) -> bool:
    """Whether a bulk reply's row says what the quote does."""
    day = str(row.get("timestamp"))[:10]
    return day == quote.trading_day.isoformat() and all(
        says(row.get(theirs), getattr(quote, ours)) for ours, theirs in BULK_NAMES.items()
    )


QUOTE_NAMES = {
    "price": "05. price",
    "previous_close": "08. previous close",
    "open": "02. open",
    "high": "03. high",
    "low": "04. low",
    "volume": "06. volume",
}
BULK_NAMES = {
    "price": "close",
    **{name: name for name in ("previous_close", "open", "high", "low", "volume")},
}


@settings(deadline=None, max_examples=250)
@given(st.data())
def test_a_damaged_quote_is_what_it_says_or_an_error(data: Any) -> None:
    body = damaged(data.draw(st.sampled_from(QUOTES)), data)

    def parse(loaded: Any) -> Quote:
        return parse_quote(loaded, IBM, liveness=Liveness.REALTIME, **FROM)

    quote = read(body, parse)
    if quote is not None:
        fields = next(body[name] for name in body if name.startswith("Global Quote"))
        assert str(fields["01. symbol"]).strip().upper() == quote.ticker == IBM
        assert date.fromisoformat(fields["07. latest trading day"]) == quote.trading_day
        check_quote(quote, fields, QUOTE_NAMES)


@settings(deadline=None, max_examples=250)
@given(st.data())
def test_damaged_bulk_quotes_are_what_they_say_or_an_error(data: Any) -> None:
    body = damaged(BULK, data)

    def parse(loaded: Any) -> list[Quote]:
        return parse_bulk(loaded, set(ASKED), liveness=Liveness.REALTIME, **FROM)

    quotes = read(body, parse) or []
    assert len({quote.ticker for quote in quotes}) == len(quotes)
    for quote in quotes:
        assert quote.ticker in ASKED
        # A ticker may be there twice, and only one of its rows be whole.
        rows = [row for row in body["data"] if row["symbol"] == quote.ticker]
        row = next((row for row in rows if is_of(row, quote)), rows[0])
        assert datetime.fromisoformat(row["timestamp"]).date() == quote.trading_day
        check_quote(quote, row, BULK_NAMES)


@pytest.mark.parametrize("feed", BARS, ids=str)
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_damaged_bars_are_what_they_say_or_an_error(feed: Feed, data: Any) -> None:
    body = damaged(data.draw(st.sampled_from(BARS[feed])), data)
    bars = read(body, lambda loaded: parse_bars(loaded, IBM, feed, **FROM))
    if bars is not None:
        check_bars(bars, feed, body)


def check_bars(bars: Bars, feed: Feed, body: dict[str, Any]) -> None:
    frame, series = bars.frame, SERIES[feed]
    assert str(body["Meta Data"]["2. Symbol"]).strip().upper() == bars.ticker
    assert frame.index.is_unique
    assert frame.index.is_monotonic_increasing
    assert frame.index.name == "date"
    prices = frame[["open", "high", "low", "close"]].to_numpy()
    assert (np.isfinite(prices) & (prices > 0)).all()
    assert (frame["high"] >= frame["low"]).all()
    assert not (frame["volume"] < 0).any()
    assert not np.isinf(frame.drop(columns="fetched_at").to_numpy(dtype=float)).any()
    rows = body[series.key]
    for stamp, row in frame.iterrows():
        told = pd.Timestamp(str(stamp))
        if feed is Feed.INTRADAY:
            assert told <= pd.Timestamp(NOW + CLOCK_SKEW)
            told = told.tz_convert(EASTERN).tz_localize(None)
        else:
            assert OLDEST <= told.date() <= TODAY
        said = rows[told.strftime(series.dates)]
        for ours, theirs in series.columns.items():
            if math.isnan(row[ours]):
                assert ours not in ("open", "high", "low", "close")
                assert math.isnan(_plain(said.get(theirs)))
            else:
                assert _plain(said[theirs]) == row[ours], (stamp, ours)
    assert isinstance(decode_data(encode_data(bars)), Bars)


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from([*QUOTES, *(bodies[0] for bodies in BARS.values())]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_flipped_bytes_are_read_or_refused_and_nothing_else(
    body: dict[str, Any], flips: list[tuple[float, int]]
) -> None:
    """What a flipped byte left readable is read as it stands: a digit is a digit."""
    content = bytearray(json.dumps(body).encode())
    for place, byte in flips:
        content[int(place * (len(content) - 1))] = byte
    with suppress(FetchError):
        loaded = load_json(bytes(content))
        raise_if_refused(loaded)
        with suppress(*UNEXPECTED):
            feed = next((feed for feed in BARS if SERIES[feed].key in loaded), None)
            if feed is None:
                parse_quote(loaded, IBM, liveness=Liveness.REALTIME, **FROM)
            else:
                check_bars(parse_bars(loaded, IBM, feed, **FROM), feed, loaded)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_damaged_listing_is_whole_or_an_error(data: Any) -> None:
    """Never a line in which columns have moved: a name stays beside its ticker."""
    text = LISTING
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 12))
        odd = data.draw(st.sampled_from(["", ",", '"', "\n", "\r\n", "\0", "NaN", "\u202e", "é"]))
        text = text[:start] + odd + text[start + cut :]
    listing = None
    with suppress(FetchError, *UNEXPECTED):
        listing = parse_listing(text, **FROM)
    if listing is not None:
        check_listing(listing, text)


def check_listing(listing: Listing, text: str) -> None:
    assert len(listing.rows) >= 1000
    lines = csv.DictReader(io.StringIO(text, newline=""))
    said = {
        (line["symbol"].strip(), line["exchange"].strip(), line["assetType"].strip())
        for line in lines
        if line["status"].strip() == "Active"
    }
    for ticker, listed in listing.rows.items():
        assert listed.ticker == ticker
        assert (ticker, listed.exchange, listed.kind) in said
        assert listed.name.isprintable()


NOTICE = (
    "Thank you for using Alpha Vantage! Please consider spreading out your free API requests more "
    "sparingly (1 request per second). You may subscribe to any of the premium plans to lift the "
    "free key rate limit (25 requests per day) on ABCKEY"
)


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(["Information", "Note", "Error Message", "detail"]),
    st.lists(st.tuples(st.integers(0, len(NOTICE)), st.text(max_size=6)), max_size=6),
    st.sampled_from([QUOTES[0], BULK, {}]),
)
def test_a_damaged_notice_is_a_refusal_whatever_else_is_in_the_body(
    name: str, edits: list[tuple[int, str]], beside: dict[str, Any]
) -> None:
    text = NOTICE
    for place, more in edits:
        text = text[:place] + more + text[place + len(more) :]
    loaded = load_json(json.dumps({**beside, name: text}).encode())
    with pytest.raises(FetchError) as refusal:
        raise_if_refused(loaded, redact=lambda said: said.replace("ABCKEY", "***"))
    assert "ABCKEY" not in str(refusal.value)
    assert "ABCKEY" not in refusal.value.words


def test_the_bodies_that_are_damaged_are_sound_before() -> None:
    assert calendar_of(IBM).is_open(NOW - timedelta(hours=6))
    for body in QUOTES:
        check_quote(
            parse_quote(body, IBM, liveness=Liveness.REALTIME, **FROM),
            next(iter(body.values())),
            QUOTE_NAMES,
        )
    assert len(parse_bulk(BULK, set(ASKED), liveness=Liveness.REALTIME, **FROM)) == len(ASKED)
    for feed, bodies in BARS.items():
        for body in bodies:
            bars = parse_bars(body, IBM, feed, **FROM)
            assert len(bars.frame) == len(body[SERIES[feed].key])
            check_bars(bars, feed, body)
    assert len(parse_listing(LISTING, **FROM).rows) == LINES
