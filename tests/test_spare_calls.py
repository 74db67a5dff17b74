"""Which of a day's calls can be spared for what is no price: the closes come first."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from stocktracker.plans import DAY, Limit
from stocktracker.polling.ledger import Ledger, margin
from stocktracker.polling.spare import LOOKS, spare_at, spare_calls
from tests.helpers import utc

NOON = utc("2026-11-23T12:00")
EVENING = utc("2026-11-23T22:00")
HOUR = timedelta(hours=1)


def test_all_calls_but_those_for_looking_are_spare_when_no_price_is_to_come() -> None:
    assert spare_calls(NOON, 25, [], []) == ((NOON, 25 - LOOKS),)


def test_calls_for_the_closes_of_the_evening_are_kept() -> None:
    spare = spare_calls(NOON, 25, [], [EVENING] * 6)
    assert spare[0] == (NOON, 25 - 6 - LOOKS)


def test_calls_that_come_back_before_they_are_needed_need_not_be_kept() -> None:
    # Yesterday's twenty closes, asked at ten, are back an hour before this evening's are due.
    returns = [EVENING - HOUR] * 20
    spare = spare_calls(NOON, 5, returns, [EVENING] * 20)
    assert spare[0] == (NOON, 5 - LOOKS)


def test_calls_that_come_back_after_they_are_needed_do_not_help() -> None:
    returns = [EVENING + HOUR] * 20
    spare = spare_calls(NOON, 20, returns, [EVENING] * 20)
    assert spare[0] == (NOON, 0)
    assert spare_at(spare, 1) == EVENING + HOUR


def test_what_is_due_now_comes_first() -> None:
    assert spare_calls(NOON, 6, [], [NOON] * 6)[0] == (NOON, 0)


def test_it_is_said_when_there_will_be_one() -> None:
    spare = spare_calls(NOON, 0, [NOON + HOUR * hour for hour in range(1, 6)], [])
    assert spare_at(spare, 1) == NOON + HOUR * (LOOKS + 1)
    assert spare_at(spare, 2) == NOON + HOUR * (LOOKS + 2)
    assert spare_at(spare, 99) is None


def test_a_call_comes_back_a_day_after_it_was_made() -> None:
    limit, up = Limit(25, DAY), timedelta(days=2)
    ledger = Ledger().take(up - timedelta(hours=30), 1, DAY).take(up - timedelta(hours=20), 2, DAY)
    back = up + timedelta(hours=4) + margin(DAY)
    assert ledger.returns(limit, up) == (back, back)
    assert ledger.left(limit, back - timedelta(seconds=1)) == 23
    assert ledger.left(limit, back) == 25


HOURS = st.lists(st.integers(0, 23), max_size=25)
# What comes back this instant is counted as left.
LATER = st.lists(st.integers(1, 23), max_size=25)


@given(left=st.integers(0, 25), returns=LATER, needed=HOURS, asked=st.integers(0, 30))
def test_whoever_spends_what_is_spare_never_misses_a_close(
    left: int, returns: list[int], needed: list[int], asked: int
) -> None:
    """Hour by hour: the spared calls are made now, and every close that could be had before still
    can be."""
    back = [NOON + HOUR * hour for hour in returns]
    due = [NOON + HOUR * hour for hour in needed]
    spare = spare_calls(NOON, left, back, due)[0][1]
    spent = min(spare, asked)
    for hour in range(24):
        at = NOON + HOUR * hour
        have = left + sum(each <= at for each in back) - sum(each <= at for each in due)
        assert have - spent >= 0 or have < 0
    assert spare <= left


@given(left=st.integers(0, 25), returns=LATER, needed=HOURS)
def test_never_fewer_can_be_spared_later(left: int, returns: list[int], needed: list[int]) -> None:
    back = [NOON + HOUR * hour for hour in returns]
    due = [NOON + HOUR * hour for hour in needed]
    spare = spare_calls(NOON, left, back, due)
    assert [can for _, can in spare] == sorted(can for _, can in spare)
    assert all(NOON <= at < NOON + DAY for at, _ in spare)
