"""How many calls are on their way, how far apart scarce ones are, what is known of latency."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stocktracker.plans import MINUTE, PLANS, SECOND, parse_limits
from stocktracker.polling.ledger import Ledger
from stocktracker.polling.pace import (
    CATCH_UP,
    KEPT,
    MOST_SIDE_BY_SIDE,
    SURE,
    Latency,
    next_slot,
    side_by_side,
    spacing,
)

MILLISECOND = SECOND / 1000


def measured(*milliseconds: float) -> Latency:
    return Latency().after(each * MILLISECOND for each in milliseconds)


def test_latency_is_what_the_last_calls_took() -> None:
    assert Latency().usual is None
    assert measured(100, 300).usual == 200 * MILLISECOND
    assert measured(*[100] * SURE, 500, 300).spread == 400 * MILLISECOND
    assert measured(9000, *[100] * KEPT).spread == timedelta(0)


def test_first_calls_that_are_slow_together_do_not_say_how_quick_one_can_be() -> None:
    assert (Latency().shortest, Latency().spread) == (timedelta(0), timedelta(0))
    few, enough = measured(*[900] * (SURE - 1)), measured(*[900] * SURE)
    assert (few.shortest, few.spread) == (timedelta(0), 900 * MILLISECOND)
    assert (enough.shortest, enough.spread) == (900 * MILLISECOND, timedelta(0))


@pytest.mark.parametrize(
    ("plan", "latency", "expected"),
    [
        ("free", 500, 2),
        ("premium-75", 50, 2),
        ("premium-75", 500, 5),
        ("premium-300", 200, 7),
        ("premium-1200", 50, 4),
        ("premium-1200", 200, 10),
        ("premium-1200", 500, 24),
        ("premium-1200", 20_000, MOST_SIDE_BY_SIDE),
    ],
)
def test_as_many_calls_are_on_their_way_as_rate_times_latency_needs(
    plan: str, latency: int, expected: int
) -> None:
    assert side_by_side(PLANS[plan].limits, measured(latency)) == expected


@pytest.mark.parametrize(
    ("limits", "apart"),
    [
        ("5/second,75/minute", 60.3 / 75),
        ("30/second,1200/minute", 60.3 / 1200),
        ("1/second,5/minute,25/day", 60.3 / 5),
        ("5/second", 1.05 / 5),
        ("25/day", 0),
    ],
)
def test_calls_that_go_on_and_on_are_as_far_apart_as_the_tightest_limit_asks(
    limits: str, apart: float
) -> None:
    assert spacing(parse_limits(limits)) == pytest.approx(
        apart * SECOND, abs=timedelta(microseconds=2)
    )


def test_a_call_that_is_late_does_not_put_off_those_that_follow() -> None:
    slot = next_slot(None, 10 * SECOND, SECOND, 1)
    assert slot == 11 * SECOND
    assert next_slot(slot, 11.2 * SECOND, SECOND, 1) == 12 * SECOND


def test_what_was_missed_for_long_is_not_made_up_for() -> None:
    assert next_slot(11 * SECOND, 60 * SECOND, SECOND, 1) == 60 * SECOND - CATCH_UP + SECOND


def test_calls_that_went_ahead_of_their_slots_put_off_the_next_one() -> None:
    assert next_slot(11 * SECOND, 10 * SECOND, SECOND, 4) == 15 * SECOND


def test_a_ledger_remembers_for_as_long_as_the_widest_window() -> None:
    limits = parse_limits("2/minute")
    ledger = Ledger((100.0, 100.0)).take(timedelta(seconds=160.2), 1, MINUTE)
    assert ledger.possible(limits, timedelta(seconds=160.2)) == 0
