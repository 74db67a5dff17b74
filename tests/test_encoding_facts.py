"""What is known besides prices, to bytes and back: the same again, or refused."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocktracker.encoding import FACTS, decode_data, encode_data
from stocktracker.fetcher import PARSERS
from stocktracker.fundamentals import KINDS, Periods, Splits
from stocktracker.model import Facts, Ticker
from tests.fact_bodies import BODIES, FROM, IBM, SUNDAY

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
DAYS = st.dates(date(1970, 1, 1), date(2100, 1, 1))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@st.composite
def periods(draw: st.DrawFn) -> Periods:
    ends = tuple(draw(st.lists(DAYS, max_size=4)))
    amounts = st.tuples(*[st.none() | NUMBERS for _ in ends])
    return Periods(ends, draw(TEXTS), draw(st.dictionaries(TEXTS, amounts, max_size=4)))


EMPTY = (type(None), ...)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    float: NUMBERS,
    int: st.integers(-(2**62), 2**62),
    bool: st.booleans(),
    str: TEXTS,
    Ticker: TEXTS,
    date: DAYS,
    datetime: INSTANTS,
    Periods: periods(),
}


def of_type(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that a record is made of."""
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, type) and is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{each.name: of_type(hints[each.name]) for each in fields(kind)})
    first, *others = (of_type(each) for each in typing.get_args(kind) if each not in EMPTY)
    if isinstance(kind, types.UnionType):
        return first | st.none()
    if typing.get_origin(kind) is tuple:
        return st.lists(first, max_size=3).map(tuple)
    return st.dictionaries(first, *others, max_size=3)


RECORDS = st.sampled_from(list(FACTS.values())).flatmap(of_type)


@settings(deadline=None)
@given(RECORDS)
def test_any_record_comes_back_as_it_was(record: Facts) -> None:
    found = decode_data(encode_data(record))
    assert type(found) is type(record)
    assert found == record


@pytest.mark.parametrize("feed", KINDS)
def test_what_a_feed_brings_comes_back_as_it_was(feed: Any) -> None:
    ticker, body = BODIES[feed]
    record = PARSERS[feed](body, ticker, **FROM)
    content = encode_data(record)
    assert decode_data(content) == record
    assert json.loads(content.split(b"\n")[0]) == {
        "kind": "facts",
        "type": KINDS[feed].__name__,
    }


def test_every_kind_has_a_name_of_its_own() -> None:
    assert set(FACTS.values()) == set(KINDS.values())


def facts(kind: str, **content: Any) -> bytes:
    head = {"kind": "facts", "type": kind}
    about = {"ticker": "IBM", "fetched_at": "2026-05-17T12:00:00Z", "source": "test"}
    return json.dumps(head).encode() + b"\n" + json.dumps(about | content).encode()


def test_a_record_is_read_by_its_types() -> None:
    found = decode_data(facts("Splits", rows=[{"day": "2021-11-04", "factor": 2}]))
    assert isinstance(found, Splits)
    assert (found.ticker, found.fetched_at, found.rows[0].factor) == (IBM, SUNDAY, 2.0)


ARTICLE: dict[str, Any] = {
    "title": "t",
    "url": None,
    "published_at": "2026-05-17T11:01:00",
    "source": "",
    "summary": "",
    "sentiment": None,
    "label": None,
    "mentions": [],
}
PERIODS = {"ends": ["2025-12-31"], "currency": "USD", "lines": {"net_income": [1.0]}}
TORN = {**PERIODS, "lines": {"net_income": [1.0, 2.0]}}
MOVERS: dict[str, Any] = {"gainers": [], "losers": [], "active": []}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(facts("Splits"), id="a field is missing"),
        pytest.param(facts("Splits", rows=None), id="null"),
        pytest.param(facts("Splits", rows=[{"day": "2021-11-04", "factor": "2"}]), id="text"),
        pytest.param(facts("Splits", rows=[{"day": "2021-11-04", "factor": True}]), id="truth"),
        pytest.param(facts("Splits", rows=[{"day": "2021-11-04", "factor": None}]), id="none"),
        pytest.param(facts("Splits", rows=[{"day": "2021-11-31", "factor": 2}]), id="no day"),
        pytest.param(facts("Splits", rows=[{"day": 1, "factor": 2}]), id="a number for a day"),
        pytest.param(facts("Splits", rows=[], ticker=7), id="a number for a ticker"),
        pytest.param(facts("Splits", rows=[], fetched_at="2026-05-17T12:00:00"), id="naive"),
        pytest.param(facts("News", articles=[ARTICLE]), id="naive article"),
        pytest.param(facts("Movers", as_of="2026-05-17T12:00:00", **MOVERS), id="naive movers"),
        pytest.param(facts("Statement", annual=PERIODS, quarterly=TORN), id="torn periods"),
        pytest.param(facts("Company", texts={}, figures={"eps": "1"}, days={}), id="company"),
        pytest.param(facts("Attempt"), id="not a kind of facts"),
        pytest.param(b'{"kind":"facts"}\n{}', id="no type"),
        pytest.param(b'{"kind":"facts","type":["Splits"]}\n{}', id="a list for a type"),
        pytest.param(b'{"kind":"facts","type":"Splits"}', id="torn off"),
        pytest.param(b'{"kind":"facts","type":"Splits"}\n[[[', id="not JSON"),
        pytest.param(b'{"kind":"facts","type":"Splits"}\n\xff', id="not text"),
        pytest.param(b'{"kind":"facts","type":"Splits"}\n' + b"[" * 100_000, id="deep"),
        pytest.param(facts("Splits", rows=[]).replace(b"[]", b"[NaN]"), id="NaN"),
    ],
)
def test_what_has_not_its_shape_is_refused(content: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, RecursionError)):
        decode_data(content)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(BODIES)), st.data())
def test_damaged_bytes_are_a_whole_record_or_refused(feed: Any, data: Any) -> None:
    ticker, body = BODIES[feed]
    damaged = bytearray(encode_data(PARSERS[feed](body, ticker, **FROM)))
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    kept = bytes(damaged[: data.draw(st.integers(len(damaged) - 9, len(damaged)))])
    try:
        found = decode_data(kept)
    except (ValueError, KeyError, TypeError):
        return
    assert isinstance(found, Facts)
    assert decode_data(encode_data(found)) == found


def instant_fields(kind: Any) -> Iterator[str]:
    """Where in a record there are instants, by class and name."""
    for name, hint in typing.get_type_hints(kind).items():
        if hint is datetime:
            yield f"{kind.__name__}.{name}"
        for inner in typing.get_args(hint):
            if is_dataclass(inner):
                yield from instant_fields(inner)


def test_no_kind_has_an_instant_whose_zone_is_not_checked() -> None:
    found = {name for kind in FACTS.values() for name in instant_fields(kind)}
    own = {f"{kind.__name__}.fetched_at" for kind in FACTS.values()}
    assert found - own == {"Movers.as_of", "Article.published_at"}
