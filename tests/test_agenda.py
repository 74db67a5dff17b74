"""What is kept from one plan to the next never differs from what is found anew.

Any state, then any order of replies, viewers, refusals and hours: an agenda that has seen it all
decides as one that sees only the last of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stocktracker.model import Attempt, Feed, Outcome, Want
from stocktracker.plans import SECOND, Capability
from stocktracker.polling.agenda import Agenda
from stocktracker.polling.planner import Plan, make_plan
from stocktracker.polling.wants import Wanted
from tests.helpers import quote
from tests.test_planner import Desk, any_want, desks

HOUR = timedelta(hours=1)


class Kept:
    """A desk whose agenda is kept, and what of its plans is on its way."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.agenda = Agenda()
        self.away: set[Want] = set()

    def plan(self) -> Plan:
        desk = self.desk
        self.agenda.touch(desk.board.take_changes())
        kept = make_plan(
            desk.known(), desk.wants, desk.allowed(), frozenset(self.away), self.agenda
        )
        anew = make_plan(desk.known(), desk.wants, desk.allowed(), frozenset(self.away))
        assert kept == anew
        return kept


def some_time_passes(kept: Kept, data: st.DataObject) -> None:
    kept.desk.now += data.draw(
        st.sampled_from([SECOND / 10, SECOND, 5 * SECOND, 20 * SECOND, HOUR, 9 * HOUR])
    )


def it_wakes_when_told(kept: Kept, data: st.DataObject) -> None:
    wake_at = kept.plan().wake_at
    if wake_at is not None:
        kept.desk.now = wake_at


def calls_are_sent(kept: Kept, data: st.DataObject) -> None:
    for call in kept.plan().calls:
        if data.draw(st.booleans()):  # the others are not, as the budget has none after all
            kept.away.update(call.wants)


def replies_come(kept: Kept, data: st.DataObject) -> None:
    for want in sorted(kept.away, key=str):
        outcome = data.draw(st.sampled_from(["new", "failed", "put off", "not yet", "no record"]))
        if outcome == "not yet":
            continue
        kept.away.discard(want)
        desk = kept.desk
        if outcome == "new":
            found = quote(want.ticker, 1.0, fetched_at=desk.now)
            desk.asked(want, data=found if want.feed is Feed.QUOTE else None)
        elif outcome == "failed":
            desk.failed(want, retry_in=30 * SECOND)
        elif outcome == "put off":
            put_off = Attempt(desk.now, Outcome.FAILED, 0, desk.now, "limit", "Wait.")
            desk.tell([want], put_off, None)


def somebody_comes(kept: Kept, data: st.DataObject) -> None:
    more = data.draw(st.lists(any_want, max_size=4))
    wanted = Wanted(data.draw(st.integers(0, 2)), kept.desk.now)
    kept.desk.wants = {**kept.desk.wants, **dict.fromkeys(more, wanted)}


def somebody_goes(kept: Kept, data: st.DataObject) -> None:
    stays = {want: wanted for want, wanted in kept.desk.wants.items() if data.draw(st.booleans())}
    kept.desk.wants = stays


def upstream_refuses_something(kept: Kept, data: st.DataObject) -> None:
    what = data.draw(st.sampled_from(list(Capability)))
    kept.desk.refused = {**kept.desk.refused, what: kept.desk.now}


def splits_are_looked_for(kept: Kept, data: st.DataObject) -> None:
    """The bars jump by half."""
    ticker = data.draw(st.sampled_from(["A", "IBM"]))
    kept.desk.has_daily(ticker, "2026-11-19", asked="2026-11-19T23:00:00")


def fewer_calls_are_left(kept: Kept, data: st.DataObject) -> None:
    kept.desk.possible = data.draw(st.integers(0, 5))


EVENTS: list[Callable[[Kept, st.DataObject], None]] = [
    some_time_passes,
    it_wakes_when_told,
    calls_are_sent,
    replies_come,
    somebody_comes,
    somebody_goes,
    upstream_refuses_something,
    splits_are_looked_for,
    fewer_calls_are_left,
]


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(desks(), st.lists(st.sampled_from(EVENTS), max_size=15), st.data())
def test_whatever_happens_a_kept_agenda_decides_as_a_fresh_one(
    desk: Desk, events: list[Callable[[Kept, Any], None]], data: Any
) -> None:
    kept = Kept(desk)
    kept.plan()
    for happens in events:
        happens(kept, data)
        kept.plan()
