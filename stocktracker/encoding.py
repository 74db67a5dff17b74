"""Records to bytes and back: a line of JSON, and after it, for bars, an Arrow stream.

Decoding trusts nothing: what does not have the shape it must have raises ValueError, KeyError or
TypeError, which the store turns into a miss.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec
import pandas as pd
import pyarrow as pa

from stocktracker.fundamentals import KINDS, Movers, News, Statement
from stocktracker.model import (
    Attempt,
    Bars,
    Data,
    Doubt,
    Facts,
    Interval,
    Listed,
    Listing,
    Outcome,
    Quote,
    Ticker,
)
from stocktracker.plans import Liveness

T = TypeVar("T")

BAR_COLUMNS = frozenset({"open", "high", "low", "close", "volume", "fetched_at"})
# By name of the class, as several feeds have data of one kind.
FACTS = {kind.__name__: kind for kind in KINDS.values()}


def encode_document(content: dict[str, Any]) -> bytes:
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def decode_document(content: bytes) -> dict[str, Any]:
    document = msgspec.json.decode(content)
    if type(document) is not dict:
        raise ValueError("not a document")
    return document


def encode_key(shown: Sequence[Any]) -> bytes:
    """Records as bytes that are equal exactly when they are; for keys of caches, never stored."""
    return msgspec.msgpack.encode(shown)


def encode_attempt(attempt: Attempt) -> bytes:
    content: dict[str, Any] = {
        "at": attempt.at.isoformat(),
        "outcome": attempt.outcome.value,
        "failures": attempt.failures,
        "retry_at": attempt.retry_at and attempt.retry_at.isoformat(),
        "kind": attempt.kind,
        "words": attempt.words,
    }
    doubt = attempt.doubt
    if doubt is not None:
        content["doubt"] = {
            "quote": _quote_content(doubt.quote),
            "words": doubt.words,
            "since": doubt.since.isoformat(),
            "heard_at": doubt.heard_at.isoformat(),
            "times": doubt.times,
            "answers": doubt.answers,
        }
    return encode_document(content)


def decode_attempt(content: bytes) -> Attempt:
    found = decode_document(content)
    return Attempt(
        at=_instant(found["at"]),
        outcome=Outcome(found["outcome"]),
        failures=int(found["failures"]),
        retry_at=found["retry_at"] and _instant(found["retry_at"]),
        kind=found["kind"],
        words=found["words"],
        doubt=_maybe(_decode_doubt, found.get("doubt")),  # attempts of before have none
    )


def _decode_doubt(found: dict[str, Any]) -> Doubt:
    return Doubt(
        quote=_decode_quote(found["quote"], b""),
        words=str(found["words"]),
        since=_instant(found["since"]),
        heard_at=_instant(found["heard_at"]),
        times=int(found["times"]),
        answers=int(found["answers"]),
    )


def encode_data(data: Data) -> bytes:
    if isinstance(data, Quote):
        return _encode_quote(data)
    if isinstance(data, Bars):
        return _encode_bars(data)
    if isinstance(data, Listing):
        return _encode_listing(data)
    return _encode_facts(data)


def decode_data(content: bytes) -> Data:
    head, _, rest = content.partition(b"\n")
    found = decode_document(head)
    decoders: dict[str, Callable[[dict[str, Any], bytes], Data]] = {
        "quote": _decode_quote,
        "bars": _decode_bars,
        "listing": _decode_listing,
        "facts": _decode_facts,
    }
    return decoders[found["kind"]](found, rest)


def _encode_quote(quote: Quote) -> bytes:
    return encode_document(_quote_content(quote))


def _quote_content(quote: Quote) -> dict[str, Any]:
    return {
        "kind": "quote",
        "ticker": quote.ticker,
        "price": quote.price,
        "previous_close": quote.previous_close,
        "open": quote.open,
        "high": quote.high,
        "low": quote.low,
        "volume": quote.volume,
        "trading_day": quote.trading_day.isoformat(),
        "as_of": quote.as_of.isoformat(),
        "fetched_at": quote.fetched_at.isoformat(),
        "liveness": quote.liveness.value,
        "source": quote.source,
        "currency": quote.currency,
    }


def _decode_quote(found: dict[str, Any], _rest: bytes) -> Quote:
    return Quote(
        ticker=Ticker(found["ticker"]),
        price=float(found["price"]),
        previous_close=_maybe(float, found["previous_close"]),
        open=_maybe(float, found["open"]),
        high=_maybe(float, found["high"]),
        low=_maybe(float, found["low"]),
        volume=_maybe(int, found["volume"]),
        trading_day=date.fromisoformat(found["trading_day"]),
        as_of=_instant(found["as_of"]),
        fetched_at=_instant(found["fetched_at"]),
        liveness=Liveness(found["liveness"]),
        source=str(found["source"]),
        currency=str(found["currency"]),
    )


def _encode_bars(bars: Bars) -> bytes:
    head = {
        "kind": "bars",
        "ticker": bars.ticker,
        "interval": bars.interval.value,
        "fetched_at": bars.fetched_at.isoformat(),
        "source": bars.source,
        "currency": bars.currency,
    }
    table = pa.Table.from_pandas(bars.frame.reset_index(), preserve_index=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    stream: bytes = sink.getvalue().to_pybytes()
    return encode_document(head) + b"\n" + stream


def _decode_bars(found: dict[str, Any], rest: bytes) -> Bars:
    try:
        with pa.ipc.open_stream(pa.py_buffer(rest)) as reader:
            table = reader.read_all()
        table.validate(full=True)
        frame: pd.DataFrame = table.to_pandas().set_index("date")
    except (pa.ArrowException, OSError) as fault:
        raise ValueError("not an Arrow stream, or a torn one") from fault
    if not isinstance(frame.index, pd.DatetimeIndex) or not BAR_COLUMNS.issubset(frame.columns):
        raise ValueError("not the columns of bars")
    if not frame.index.is_monotonic_increasing or not frame.index.is_unique:
        raise ValueError("bars out of order")
    return Bars(
        ticker=Ticker(found["ticker"]),
        interval=Interval(found["interval"]),
        frame=frame,
        fetched_at=_instant(found["fetched_at"]),
        source=str(found["source"]),
        currency=str(found["currency"]),
    )


def _encode_listing(listing: Listing) -> bytes:
    head = {
        "kind": "listing",
        "fetched_at": listing.fetched_at.isoformat(),
        "source": listing.source,
    }
    rows = [[row.ticker, row.name, row.exchange, row.kind] for row in listing.rows.values()]
    return encode_document(head) + b"\n" + json.dumps(rows).encode()


def _decode_listing(found: dict[str, Any], rest: bytes) -> Listing:
    rows = {
        Ticker(ticker): Listed(Ticker(ticker), name, exchange, kind)
        for ticker, name, exchange, kind in json.loads(rest)
    }
    return Listing(rows, _instant(found["fetched_at"]), str(found["source"]))


def _encode_facts(facts: Facts) -> bytes:
    head = {"kind": "facts", "type": type(facts).__name__}
    return encode_document(head) + b"\n" + msgspec.json.encode(facts)


def _decode_facts(found: dict[str, Any], rest: bytes) -> Facts:
    """msgspec checks types, and raises ValueError; what it does not check is checked here."""
    facts = msgspec.json.decode(rest, type=FACTS[found["type"]])
    if any(instant.tzinfo is None for instant in _instants_of(facts)):
        raise ValueError("an instant without a time zone")
    if isinstance(facts, Statement):
        for periods in (facts.annual, facts.quarterly):
            if any(len(amounts) != len(periods.ends) for amounts in periods.lines.values()):
                raise ValueError("amounts that belong to no period")
    return facts


def _instants_of(facts: Facts) -> Iterator[datetime]:
    yield facts.fetched_at
    if isinstance(facts, Movers):
        yield facts.as_of
    if isinstance(facts, News):
        yield from (article.published_at for article in facts.articles)


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone")
    return instant


def _maybe(kind: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else kind(value)
