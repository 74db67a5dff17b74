"""What is made once for all sessions: not again for the same parts, and not by two at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pandas as pd
import pytest

from stocktracker.screen.sharing import Shared
from tests.helpers import daily, utc

NOON = utc("2026-11-23T17:00")
BARS = daily("IBM", {"2026-11-20": 100.0}, fetched_at=NOON)


class Maker:
    """Counts what it makes."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> int:
        self.made += 1
        return self.made


def test_the_same_parts_are_made_into_something_once() -> None:
    shared, make = Shared[int](3), Maker()
    for _ in range(3):
        assert shared.get("IBM", (BARS, None, date(2026, 11, 23)), make) == 1


@pytest.mark.parametrize(
    "parts",
    [
        (daily("IBM", {"2026-11-20": 100.0}, fetched_at=NOON), None, date(2026, 11, 23)),
        (BARS, "a quote", date(2026, 11, 23)),
        (BARS, None, date(2026, 11, 24)),
        (BARS, None),
    ],
)
def test_other_parts_make_something_else_and_take_its_place(parts: tuple[object, ...]) -> None:
    shared, make = Shared[int](3), Maker()
    first = (BARS, None, date(2026, 11, 23))
    assert [shared.get("IBM", each, make) for each in (first, parts, parts, first)] == [1, 2, 2, 3]


def test_frames_are_told_apart_without_being_compared() -> None:
    """Two frames compared by value would be a frame of answers, and an error."""
    shared, make = Shared[int](3), Maker()
    assert isinstance(BARS.frame, pd.DataFrame)
    shared.get("IBM", (BARS,), make)
    shared.get("IBM", (daily("IBM", {"2026-11-20": 1.0}, fetched_at=NOON),), make)
    assert make.made == 2


def test_what_was_not_asked_for_longest_is_let_go() -> None:
    shared, make = Shared[int](2), Maker()
    for key in ("A", "B", "A", "C"):
        shared.get(key, (1,), make)
    assert shared.get("A", (1,), make) == 1
    assert shared.get("B", (1,), make) == 4


def test_who_comes_while_it_is_made_waits_for_it() -> None:
    shared, made = Shared[int](3), []
    begun, may_end = threading.Event(), threading.Event()

    def slowly() -> int:
        begun.set()
        assert may_end.wait(10)
        made.append(1)
        return len(made)

    with ThreadPoolExecutor(4) as people:
        first = people.submit(shared.get, "IBM", (1,), slowly)
        assert begun.wait(10)
        others = [people.submit(shared.get, "IBM", (1,), slowly) for _ in range(3)]
        # Another key does not wait.
        assert shared.get("KO", (1,), lambda: 7) == 7
        may_end.set()
        assert [each.result(10) for each in (first, *others)] == [1, 1, 1, 1]


def test_a_failure_is_not_kept() -> None:
    shared = Shared[int](3)

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        shared.get("IBM", (1,), fail)
    assert shared.get("IBM", (1,), lambda: 3) == 3
