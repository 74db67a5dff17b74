"""Whatever upstream sends: a record fit for the store, or an error that the fetcher knows."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stocktracker.encoding import decode_data, encode_data
from stocktracker.errors import FetchError
from stocktracker.fetcher import PARSERS
from stocktracker.fundamentals import KINDS
from stocktracker.model import Feed
from stocktracker.upstream.notices import load_json, raise_if_refused
from stocktracker.upstream.values import UNEXPECTED
from tests.fact_bodies import BODIES, FROM

ODD: list[Any] = [
    *(None, True, 0, -1, 10**17, 1e300, -1e-300, {}, [], [[]], {"a": {"a": []}}, "", "None", "-"),
    *("nan", "1e999", "-1e308", "9" * 400, "0000-00-00", "9999-12-31", "0001-01-01", "2026-02-30"),
    *(
        "99991231T235959",
        "9999-12-31 23:59:59 US/Eastern",
        "\ud800",
        "\u202e\x00",
        "=1+1",
        "x" * 9999,
    ),
    *("2026-W20-1", "20260517T110100+14:00", "AAPL", "IBM", "USD", "https://[", "open", "12:00"),
]
JSON_FEEDS = [feed for feed in BODIES if feed is not Feed.CALENDAR]


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a JSON value, with each of its keys or positions."""
    if isinstance(value, dict | list):
        for place in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, place
            yield from places_in(value[place])


def floats_in(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from floats_in(each)
    elif isinstance(value, dict):
        yield from floats_in(tuple(value.values()))
    elif is_dataclass(value):
        for field in fields(value):
            yield from floats_in(getattr(value, field.name))


def instants_in(value: Any) -> Iterator[datetime]:
    if isinstance(value, datetime):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from instants_in(each)
    elif is_dataclass(value):
        for field in fields(value):
            yield from instants_in(getattr(value, field.name))


def check(feed: Feed, body: Any) -> bool:
    """Whether there is a record, which is then a sound one."""
    ticker, _ = BODIES[feed]
    try:
        record = PARSERS[feed](body, ticker, **FROM)
    except (FetchError, *UNEXPECTED):
        return False
    assert type(record) is KINDS[feed]
    assert all(math.isfinite(number) for number in floats_in(record))
    assert all(instant.tzinfo is not None for instant in instants_in(record))
    assert decode_data(encode_data(record)) == record
    assert record.says_the_same_as(PARSERS[feed](body, ticker, **FROM))
    return True


def damage(body: Any, data: Any) -> Any:
    """Drop, replace, repeat or wrap up to four of its values."""
    body = copy.deepcopy(body)
    for _ in range(data.draw(st.integers(1, 4))):
        places = list(places_in(body))
        if not places:
            break
        container, place = data.draw(st.sampled_from(places))
        what = data.draw(st.sampled_from(["drop", "odd", "odd", "odd", "wrap", "repeat", "spread"]))
        if what == "drop":
            del container[place]
        elif what == "odd":
            container[place] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
        elif what == "wrap":
            container[place] = [container[place]]
        elif isinstance(container, list):
            container.insert(place, copy.deepcopy(container[place]))
        else:
            container[data.draw(st.text(max_size=8))] = copy.deepcopy(container[place])
    return body


@settings(deadline=None, max_examples=600)
@given(st.sampled_from(JSON_FEEDS), st.data())
def test_a_damaged_body_is_read_or_refused_and_nothing_else(feed: Feed, data: Any) -> None:
    body = damage(BODIES[feed][1], data)
    with suppress(FetchError):
        loaded = load_json(json.dumps(body).encode())
        raise_if_refused(loaded)
        check(feed, loaded)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_damaged_calendar_is_read_or_refused_and_nothing_else(data: Any) -> None:
    text: str = BODIES[Feed.CALENDAR][1]
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 8)))
        odd = data.draw(st.sampled_from(["", ",", '"', "\n", "\r", "\0", "nan", "-", "\u202e"]))
        text = text[:start] + odd + text[end:]
    check(Feed.CALENDAR, text)


@settings(deadline=None)
@given(
    st.sampled_from(list(Feed)).filter(PARSERS.__contains__),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
)
def test_any_value_at_all_is_read_or_refused(feed: Feed, body: Any) -> None:
    check(feed, body)


def test_the_bodies_that_are_damaged_are_sound_before() -> None:
    assert set(BODIES) == set(KINDS) == set(PARSERS)
    for feed, (_, body) in BODIES.items():
        assert check(feed, body)
