"""When an exchange's closes come out, learnt from the replies; and how the calls were used."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocktracker.markets import US, Session, calendar
from stocktracker.model import Outcome
from stocktracker.polling import publication, usage
from stocktracker.polling.publication import CLOSE_ENOUGH, FIRST_GUESS, LAST_CHANCE, Publication
from stocktracker.polling.usage import KEPT, WEEK, Usage
from tests.helpers import utc

NYSE = calendar(US)
MONDAY = NYSE.last_closed(utc("2026-11-23T21:00"))
TUESDAY = NYSE.next_session(MONDAY.close)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def after_close(number: float, session: Session = MONDAY) -> datetime:
    return session.close + hours(number)


def monday_denied(number: float) -> tuple[date, timedelta]:
    return MONDAY.day, hours(number)


# When to ask


@pytest.mark.parametrize(
    ("known", "explore", "expected"),
    [
        pytest.param(Publication(), True, 6, id="nothing known: the first guess"),
        pytest.param(Publication(), False, 6, id="nothing known, no calls to waste"),
        pytest.param(Publication(not_by=hours(9)), True, 9, id="too early at 9 h, another day"),
        pytest.param(Publication(not_by=hours(2)), True, 6, id="too early at 2 h, another day"),
        pytest.param(Publication(by=hours(5)), False, 5, id="out by 5 h"),
        pytest.param(Publication(by=hours(5)), True, 2.5, id="out by 5 h, perhaps earlier"),
        pytest.param(
            Publication(by=hours(5), not_by=hours(4)), True, 4.5, id="between 4 and 5 h: half way"
        ),
        pytest.param(
            Publication(by=hours(5), not_by=hours(4.5)), True, 5, id="known closely enough"
        ),
        pytest.param(Publication(denied=monday_denied(6)), True, 9, id="not at 6 h: half as long"),
        pytest.param(Publication(denied=monday_denied(0.1)), True, 0.35, id="at least 15 min more"),
        pytest.param(Publication(denied=monday_denied(10)), True, 14, id="at most 4 h more"),
        pytest.param(
            Publication(by=hours(5), denied=monday_denied(4)), True, 5, id="too early: by then"
        ),
        pytest.param(
            Publication(by=hours(5), denied=monday_denied(5)), True, 7.5, id="later than ever"
        ),
        pytest.param(
            Publication(by=hours(5), denied=(date(2026, 11, 20), hours(4))),
            False,
            5,
            id="another day's refusal",
        ),
        pytest.param(
            Publication(denied=monday_denied(16)), True, 17 + 1 / 6, id="before the next open"
        ),
        pytest.param(
            Publication(by=hours(30)), False, 17 + 1 / 6, id="before the next open, however late"
        ),
        pytest.param(Publication(denied=monday_denied(17.5)), True, 17.75, id="late: every 15 min"),
    ],
)
def test_an_exchange_is_asked(known: Publication, explore: bool, expected: float) -> None:
    at = known.ask_at(MONDAY, TUESDAY, explore=explore)
    assert abs(at - after_close(expected)) < timedelta(seconds=1)


def test_over_a_weekend_there_is_more_time() -> None:
    friday = NYSE.last_closed(utc("2026-11-20T21:00"))
    late = Publication(denied=(friday.day, hours(40)))
    assert late.ask_at(friday, MONDAY, explore=True) == friday.close + hours(44)


# What a reply teaches


@pytest.mark.parametrize(
    ("before", "at", "there", "not_by", "by"),
    [
        pytest.param(Publication(), 6, True, 0, 6, id="there at once"),
        pytest.param(Publication(), 6, False, 6, None, id="not yet"),
        pytest.param(
            Publication(not_by=hours(6), denied=monday_denied(6)), 9, True, 6, 9, id="now it is"
        ),
        pytest.param(
            Publication(not_by=hours(6), by=hours(9)), 7.5, True, 6, 7.5, id="earlier than known"
        ),
        pytest.param(
            Publication(not_by=hours(6), by=hours(9)), 7.5, False, 7.5, 9, id="not that early"
        ),
        pytest.param(
            Publication(not_by=hours(6), by=hours(9)), 9, False, 9, None, id="later than known"
        ),
        pytest.param(
            Publication(not_by=hours(6), by=hours(9)), 5, True, 2.5, 5, id="earlier than refused"
        ),
        pytest.param(Publication(), 15, True, 0, None, id="late, as nobody looked before"),
        pytest.param(
            Publication(not_by=hours(12), denied=monday_denied(12)), 15, True, 12, 15, id="late"
        ),
        pytest.param(
            Publication(not_by=hours(13), by=hours(17)),
            15,
            True,
            13,
            15,
            id="late, but earlier than known",
        ),
        pytest.param(Publication(by=hours(9)), 15, True, 0, 9, id="late, and known to be earlier"),
    ],
)
def test_a_reply_teaches(
    before: Publication, at: float, there: bool, not_by: float, by: float | None
) -> None:
    learnt = before.after(MONDAY, after_close(at), there=there)
    assert learnt.not_by == hours(not_by)
    assert learnt.by == (None if by is None else hours(by))
    assert learnt.published == (MONDAY.day if there else None)
    assert learnt.published_at == (after_close(at) if there else None)
    if not there:
        assert learnt.denied == monday_denied(at)


@pytest.mark.parametrize("there", [True, False])
def test_what_is_published_stays_published(there: bool) -> None:
    known = Publication().after(MONDAY, after_close(6), there=True)
    assert known.after(MONDAY, after_close(8), there=there) == known


@dataclass
class Days:
    """What an exchange that publishes after `delay` teaches, session after session."""

    delay: timedelta
    known: Publication = field(default_factory=Publication)
    session: Session = MONDAY
    wasted: int = 0
    late: timedelta = timedelta(0)

    def pass_one(self, *, explore: bool) -> None:
        """Ask until the close is there; it must be before the next session opens."""
        following = NYSE.next_session(self.session.close)
        there = False
        while not there:
            at = self.known.ask_at(self.session, following, explore=explore)
            assert at < following.open
            there = at >= self.session.close + self.delay
            self.known = self.known.after(self.session, at, there=there)
            self.wasted += not there
        self.late = at - self.session.close - self.delay
        self.session = following


@settings(deadline=None, max_examples=200)
@given(st.floats(0.1, 17.0))
def test_the_hour_is_found_within_few_wasted_calls(delay: float) -> None:
    days = Days(hours(delay))
    for _ in range(12):
        days.pass_one(explore=True)
    assert days.wasted <= 8
    assert days.late <= CLOSE_ENOUGH
    wasted = days.wasted
    for _ in range(12):
        days.pass_one(explore=True)
    assert days.wasted == wasted, "once it is known, no call is wasted"


@settings(deadline=None, max_examples=100)
@given(st.floats(0.1, 17.0))
def test_without_calls_to_waste_the_first_days_hour_serves(delay: float) -> None:
    days = Days(hours(delay))
    days.pass_one(explore=False)
    first, late = days.wasted, days.late
    for _ in range(5):
        days.pass_one(explore=False)
    assert days.wasted == first <= 4
    assert days.late == late <= max(FIRST_GUESS, hours(4))


@settings(deadline=None, max_examples=100)
@given(st.tuples(st.floats(0.1, 17.0), st.floats(0.1, 17.0)).map(sorted))
def test_when_it_comes_out_later_than_before_the_hour_is_found_again(both: list[float]) -> None:
    before, now = both
    days = Days(hours(before))
    for _ in range(12):
        days.pass_one(explore=True)
    days.delay, days.wasted = hours(now), 0
    for _ in range(12):
        days.pass_one(explore=True)
    assert days.late <= CLOSE_ENOUGH
    assert days.wasted <= 15


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.floats(0, 17), st.booleans()), max_size=8),
    st.booleans(),
)
def test_whatever_was_learnt_the_next_look_is_later_and_soon_enough(
    looks: list[tuple[float, bool]], explore: bool
) -> None:
    known = Publication()
    for delay, there in sorted(looks):
        known = known.after(MONDAY, after_close(delay), there=there)
    wednesday = NYSE.next_session(TUESDAY.close)
    at = known.ask_at(TUESDAY, wednesday, explore=explore)
    assert TUESDAY.close <= at <= wednesday.open - LAST_CHANCE
    assert known.not_by <= (known.by or known.not_by)
    if known.published is None and known.denied is not None:
        again = known.ask_at(MONDAY, TUESDAY, explore=explore)
        assert again > MONDAY.close + known.denied[1]


PUBLICATIONS = [
    Publication(),
    Publication(denied=monday_denied(6.123456), not_by=hours(6.123456)),
    Publication(MONDAY.day, after_close(9.5), hours(6), hours(9.5), monday_denied(6)),
]


@pytest.mark.parametrize("known", PUBLICATIONS)
def test_what_was_learnt_can_be_written_down(known: Publication) -> None:
    assert publication.from_document(known.to_document()) == known


@pytest.mark.parametrize(
    "content",
    [
        {},
        {**Publication().to_document(), "not_by": None},
        {**Publication().to_document(), "not_by": "soon"},
        {**Publication().to_document(), "published": "Monday"},
        {**Publication().to_document(), "denied": []},
        {**Publication().to_document(), "denied": ["2026-11-23"]},
    ],
)
def test_a_damaged_note_of_it_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError, TypeError)):
        publication.from_document(content)


# How the calls were used

NOON = utc("2026-11-23T12:34:56")


def used(*calls: tuple[datetime, Outcome]) -> Usage:
    found = Usage({})
    for at, outcome in calls:
        found = found.after(at, outcome)
    return found


def test_calls_are_counted_by_hour_and_outcome() -> None:
    counted = used((NOON, Outcome.NEW), (NOON, Outcome.NEW), (NOON, Outcome.FAILED))
    counted = counted.after(NOON + hours(1), Outcome.SAME)
    assert counted.hours == {
        utc("2026-11-23T12:00"): {Outcome.NEW: 2, Outcome.FAILED: 1},
        utc("2026-11-23T13:00"): {Outcome.SAME: 1},
    }
    assert counted.total(NOON) == 4
    assert counted.total(NOON, Outcome.NEW) == 2


def test_counting_changes_nothing_that_was_counted_before() -> None:
    before = used((NOON, Outcome.NEW))
    before.after(NOON, Outcome.NEW)
    assert before.total(NOON) == 1


def test_a_week_counts_and_what_is_older_is_dropped_after_eight_days() -> None:
    counted = used((NOON, Outcome.NEW))
    later = NOON + WEEK + hours(1)
    assert counted.after(later, Outcome.NEW).total(later) == 1
    assert len(counted.after(later, Outcome.NEW).hours) == 2
    assert len(counted.after(NOON + KEPT + hours(1), Outcome.NEW).hours) == 1


@pytest.mark.parametrize(
    ("new", "same", "may"),
    [(0, 0, True), (30, 0, True), (0, 1, False), (65, 1, False), (66, 1, True), (66, 2, False)],
)
def test_one_call_or_three_in_a_hundred_may_be_wasted_on_looking(
    new: int, same: int, may: bool
) -> None:
    counted = used(*[(NOON, Outcome.NEW)] * new, *[(NOON, Outcome.SAME)] * same)
    assert counted.may_explore(NOON) is may


def test_usage_can_be_written_down() -> None:
    counted = used((NOON, Outcome.NEW), (NOON + hours(2), Outcome.SAME))
    assert usage.from_document(counted.to_document()) == counted


@pytest.mark.parametrize(
    "content", [{"today": {}}, {"2026-11-23T12:00:00": {"lost": 1}}, {"2026-11-23T12:00:00": 5}]
)
def test_a_damaged_note_of_usage_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)):
        usage.from_document(content)
