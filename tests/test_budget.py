"""How many calls are left, whatever happens to the process, the machine and its clock.

The ledger decides and is pure; the budget keeps it in a real store. The last part lets Hypothesis
look for any order of ticks, bursts, refusals, restarts and clock changes that exceeds a limit, or
that stands still for longer than a limit's own window.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stocktracker.cache import DiskStore
from stocktracker.clock import SystemClock
from stocktracker.errors import BudgetSpent, StoreError, Window
from stocktracker.plans import DAY, MINUTE, PLANS, SECOND, Limit, parse_limits
from stocktracker.polling.budget import Budget
from stocktracker.polling.ledger import PAUSE, Closure, Ledger, margin
from tests.helpers import FakeClock

FREE = "1/second,5/minute,25/day"
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def spend_all(budget: Budget, clock: FakeClock, length: timedelta) -> list[datetime]:
    """Take every call as soon as it is possible, for that long; when each was taken."""
    taken = []
    end = clock.now() + length
    while clock.now() < end:
        try:
            budget.spend()
            taken.append(clock.now())
        except BudgetSpent as spent:
            clock.tick(wait_of(spent, clock))
    return taken


def wait_of(spent: BudgetSpent, clock: FakeClock) -> timedelta:
    """How long to wait; who is refused now must not be told to come now."""
    wait = spent.next_at - clock.now()
    assert wait > timedelta(0)
    return wait


def most_within(taken: list[datetime], period: timedelta) -> int:
    """The most calls that any window of that length holds."""
    return max(sum(1 for at in taken if start <= at < start + period) for start in taken)


@pytest.fixture
def budget(store: DiskStore, clock: FakeClock) -> Budget:
    return Budget(store, parse_limits(FREE), clock)


# The ledger


@pytest.mark.parametrize(
    ("period", "wider_by"),
    [
        (SECOND, 0.050),
        (seconds(1.25), 0.050),
        (seconds(10), 0.050),
        (MINUTE, 0.300),
        (DAY, 5.0),
        (7 * DAY, 5.0),
    ],
)
def test_a_window_is_wider_than_its_limit_says(period: timedelta, wider_by: float) -> None:
    assert margin(period) == seconds(wider_by)


TWO_A_MINUTE = (Limit(2, MINUTE),)
TOGETHER = parse_limits("1/second,2/minute,3/day")


@pytest.mark.parametrize(
    ("limits", "taken", "up", "possible", "next_at"),
    [
        pytest.param(TWO_A_MINUTE, (), 100, 2, 100, id="nothing taken yet"),
        pytest.param(TWO_A_MINUTE, (100,), 100, 1, 100, id="one taken this instant"),
        pytest.param(TWO_A_MINUTE, (70, 100), 100, 0, 130.3, id="both taken"),
        pytest.param(TWO_A_MINUTE, (70, 100), 130.2, 0, 130.3, id="within the margin"),
        pytest.param(TWO_A_MINUTE, (70, 100), 130.3, 1, 130.3, id="the older one has left"),
        pytest.param(TWO_A_MINUTE, (70, 100), 160.3, 2, 160.3, id="both have left"),
        pytest.param(TWO_A_MINUTE, (70, 80, 90), 100, 0, 140.3, id="more taken than the limit"),
        pytest.param(TOGETHER, (100,), 100.5, 0, 101.05, id="the second is spent"),
        pytest.param(TOGETHER, (100, 102), 110, 0, 160.3, id="the minute is spent"),
        pytest.param(TOGETHER, (1, 100, 200), 300, 0, 86_406, id="the day is spent"),
        pytest.param(TOGETHER, (10, 86_400, 86_408), 86_415, 0, 86_460.3, id="a day's oldest left"),
    ],
)
def test_calls_are_possible_when_every_window_has_room(
    limits: tuple[Limit, ...],
    taken: tuple[float, ...],
    up: float,
    possible: int,
    next_at: float,
) -> None:
    ledger = Ledger(taken)
    assert ledger.possible(limits, seconds(up)) == possible
    assert ledger.next_at(limits, seconds(up)) == seconds(next_at)


def test_what_no_window_reaches_any_more_is_dropped() -> None:
    ledger = Ledger((10.0, 100.0, 130.0)).take(seconds(161), 2, MINUTE)
    assert ledger.taken == (130.0, 161.0, 161.0)


def test_while_upstream_refuses_a_call_is_possible_only_after_the_pause() -> None:
    ledger = Ledger((100.0,), Closure(Window.DAY, seconds(3700)))
    assert ledger.possible(TWO_A_MINUTE, seconds(3699)) == 0
    assert ledger.next_at(TWO_A_MINUTE, seconds(3699)) == seconds(3700)
    assert ledger.possible(TWO_A_MINUTE, seconds(3700)) == 1


def test_a_refusal_for_a_second_does_not_open_a_minute_that_is_spent() -> None:
    ledger = Ledger((100.0, 101.0), Closure(Window.SECOND, seconds(104)))
    assert ledger.possible(TWO_A_MINUTE, seconds(104)) == 0
    assert ledger.next_at(TWO_A_MINUTE, seconds(104)) == seconds(160.3)


# Limits


@pytest.mark.parametrize("limits", [FREE, "5/minute", "3/second,10/minute", "25/day", "2/second"])
def test_no_sliding_window_is_ever_exceeded_and_none_is_left_unused(
    limits: str, store: DiskStore, clock: FakeClock
) -> None:
    parsed = parse_limits(limits)
    length = timedelta(hours=49) if DAY in {limit.period for limit in parsed} else 3 * MINUTE
    taken = spend_all(Budget(store, parsed, clock), clock, length)
    for limit in parsed:
        assert most_within(taken, limit.period) <= limit.count
    longest = parsed[-1]
    assert most_within(taken, longest.period) == longest.count


def test_a_free_key_gets_its_twenty_five_calls_each_day(store: DiskStore, clock: FakeClock) -> None:
    budget = Budget(store, PLANS["free"].limits, clock)
    assert len(spend_all(budget, clock, timedelta(hours=23))) == 25
    assert len(spend_all(budget, clock, timedelta(hours=23))) == 25


def test_several_calls_are_taken_all_or_none(budget: Budget, clock: FakeClock) -> None:
    budget.spend()
    clock.tick(2)
    with pytest.raises(BudgetSpent):
        budget.spend(2)
    assert len(budget.load_ledger().taken) == 1


def test_looking_takes_nothing(budget: Budget) -> None:
    before = budget.allowance()
    assert budget.allowance() == before
    assert before.possible == 1


def test_what_is_left_is_told_for_each_window(budget: Budget, clock: FakeClock) -> None:
    for _ in range(5):
        budget.spend()
        clock.tick(1.1)
    allowance = budget.allowance()
    assert [left for _, left in allowance.left] == [1, 0, 20]
    assert allowance.left_within(DAY) == 20
    assert allowance.left_within(HOUR) is None
    assert allowance.possible == 0
    assert allowance.next_at == clock.now() + seconds(60.3 - 5.5)


def test_a_spent_budget_says_when_to_come_back_and_keeps_its_word(
    budget: Budget, clock: FakeClock
) -> None:
    budget.spend()
    with pytest.raises(BudgetSpent) as refusal:
        budget.spend()
    assert refusal.value.next_at == clock.now() + seconds(1.05)
    clock.tick(seconds(1.05) - MICROSECOND)
    with pytest.raises(BudgetSpent):
        budget.spend()
    clock.tick(MICROSECOND)
    budget.spend()


def test_a_call_that_never_left_this_machine_is_given_back(
    budget: Budget, clock: FakeClock
) -> None:
    budget.spend()
    clock.tick(2)
    budget.spend()
    budget.give_back(clock.uptime().elapsed)
    assert budget.allowance().possible == 1
    assert budget.allowance().left_within(DAY) == 24


@pytest.mark.parametrize(
    ("sent_at", "kept"),
    [
        (9, (10.0, 20.0, 30.0)),
        (10, (20.0, 30.0)),
        (15, (20.0, 30.0)),
        (20, (10.0, 30.0)),
        (99, (10.0, 20.0)),
    ],
)
def test_of_several_calls_that_one_is_given_back_which_was_sent_then(
    sent_at: float, kept: tuple[float, ...]
) -> None:
    assert Ledger((10.0, 20.0, 30.0)).give_back(seconds(sent_at)).taken == kept


def test_nothing_can_be_given_back_that_was_not_taken(budget: Budget, clock: FakeClock) -> None:
    budget.give_back(clock.uptime().elapsed)
    assert budget.allowance().left_within(DAY) == 25


# What happens to processes, machines and clocks


def the_process_is_restarted(budget: Budget, clock: FakeClock, store: DiskStore) -> Budget:
    store.close()
    return Budget(DiskStore(store.folder), budget.limits, clock)


def another_process_asks(budget: Budget, clock: FakeClock, store: DiskStore) -> Budget:
    return Budget(DiskStore(store.folder), budget.limits, clock)


def another_budget_has_the_store(budget: Budget, clock: FakeClock, store: DiskStore) -> Budget:
    return Budget(store, budget.limits, clock)


def the_wall_clock_is_set_25_hours_on(budget: Budget, clock: FakeClock, store: DiskStore) -> Budget:
    clock.set_wall_clock(timedelta(hours=25))
    return budget


def the_wall_clock_is_set_back_an_hour(
    budget: Budget, clock: FakeClock, store: DiskStore
) -> Budget:
    clock.set_wall_clock(-HOUR)
    return budget


def summer_time_comes_and_goes(budget: Budget, clock: FakeClock, store: DiskStore) -> Budget:
    clock.set_wall_clock(HOUR)
    budget.allowance()
    clock.set_wall_clock(-HOUR)
    return budget


def the_clock_is_set_and_the_process_restarted(
    budget: Budget, clock: FakeClock, store: DiskStore
) -> Budget:
    clock.set_wall_clock(timedelta(hours=25))
    return the_process_is_restarted(budget, clock, store)


def the_machine_is_restarted(budget: Budget, clock: FakeClock, store: DiskStore) -> Budget:
    clock.reboot(timedelta(seconds=20))
    return the_process_is_restarted(budget, clock, store)


def the_machine_comes_up_with_its_clock_behind(
    budget: Budget, clock: FakeClock, store: DiskStore
) -> Budget:
    clock.reboot(timedelta(seconds=20))
    clock.set_wall_clock(-timedelta(days=400))
    return the_process_is_restarted(budget, clock, store)


def the_machine_is_restarted_twice(budget: Budget, clock: FakeClock, store: DiskStore) -> Budget:
    clock.reboot(timedelta(seconds=20))
    budget.allowance()
    clock.reboot(timedelta(seconds=20))
    return the_process_is_restarted(budget, clock, store)


EVENTS = [
    the_process_is_restarted,
    another_process_asks,
    another_budget_has_the_store,
    the_wall_clock_is_set_25_hours_on,
    the_wall_clock_is_set_back_an_hour,
    summer_time_comes_and_goes,
    the_clock_is_set_and_the_process_restarted,
    the_machine_is_restarted,
    the_machine_comes_up_with_its_clock_behind,
    the_machine_is_restarted_twice,
]
Event = Callable[[Budget, FakeClock, DiskStore], Budget]


@pytest.mark.parametrize("happens", EVENTS)
def test_spent_calls_are_not_forgotten_when(
    happens: Event, store: DiskStore, clock: FakeClock
) -> None:
    budget = Budget(store, parse_limits("25/day"), clock)
    for _ in range(25):
        budget.spend()
    again = happens(budget, clock, store)
    assert again.allowance().possible == 0
    with pytest.raises(BudgetSpent):
        again.spend()


@pytest.mark.parametrize("happens", EVENTS)
def test_nobody_waits_for_longer_than_the_window_when(
    happens: Event, store: DiskStore, clock: FakeClock
) -> None:
    budget = Budget(store, parse_limits("5/minute"), clock)
    for _ in range(5):
        budget.spend()
    again = happens(budget, clock, store)
    assert again.allowance().next_at - clock.now() <= seconds(60.3)
    clock.tick(60.3)
    assert again.allowance().possible == 5
    again.spend(5)


@pytest.mark.parametrize("happens", EVENTS)
def test_a_refusal_is_not_forgotten_and_does_not_last_for_ever_when(
    happens: Event, store: DiskStore, clock: FakeClock
) -> None:
    budget = Budget(store, parse_limits("5/minute"), clock)
    budget.spend()
    budget.close(Window.DAY)
    again = happens(budget, clock, store)
    assert again.allowance().possible == 0
    assert again.allowance().refused is Window.DAY
    clock.tick(HOUR)
    assert again.allowance().possible == 1


def test_a_suspended_machine_counts_the_time_it_slept(
    store: DiskStore, clock: FakeClock, budget: Budget
) -> None:
    for _ in range(5):
        budget.spend()
        clock.tick(1.1)
    clock.tick(timedelta(hours=10))
    allowance = budget.allowance()
    assert [left for _, left in allowance.left] == [1, 5, 20]


def test_a_machine_that_was_off_for_a_day_has_a_day_of_calls(
    store: DiskStore, clock: FakeClock
) -> None:
    budget = Budget(store, parse_limits("25/day"), clock)
    budget.spend(25)
    clock.reboot(timedelta(hours=24, minutes=1))
    assert budget.allowance().possible == 25


def test_after_a_restart_of_the_machine_the_wait_goes_on_from_where_it_was(
    store: DiskStore, clock: FakeClock
) -> None:
    budget = Budget(store, parse_limits("25/day"), clock)
    budget.spend(25)
    clock.reboot(timedelta(hours=20))
    assert budget.allowance().next_at - clock.now() == timedelta(hours=4, seconds=5)


def test_the_systems_uptime_is_shared_by_all_of_a_machines_processes() -> None:
    one, other = SystemClock(), SystemClock()
    earlier, later = one.uptime(), other.uptime()
    assert later.boot == earlier.boot
    assert later.elapsed >= earlier.elapsed
    assert one.now().utcoffset() == timedelta(0)


class FullDisk:
    """Can be read, not written."""

    def load_document(self, _name: str) -> None:
        return None

    def save_document(self, _name: str, _content: object) -> None:
        raise StoreError("The disk is full.")

    def transaction(self) -> AbstractContextManager[None]:
        return nullcontext()


def test_a_call_that_cannot_be_written_down_is_not_made(clock: FakeClock) -> None:
    budget = Budget(FullDisk(), parse_limits(FREE), clock)
    assert budget.allowance().possible == 1
    with pytest.raises(StoreError):
        budget.spend()


# Refusals


@pytest.mark.parametrize("window", list(Window))
def test_after_a_refusal_nobody_calls_until_it_may_have_passed(
    window: Window, budget: Budget, clock: FakeClock
) -> None:
    budget.spend()
    budget.close(window)
    assert budget.allowance().next_at == clock.now() + PAUSE[window]
    clock.tick(PAUSE[window] - MICROSECOND)
    with pytest.raises(BudgetSpent):
        budget.spend()
    clock.tick(MICROSECOND)
    assert budget.spend() is True


@pytest.mark.parametrize("window", list(Window))
def test_one_call_looks_and_no_other_is_made_until_it_succeeds(
    window: Window, store: DiskStore, clock: FakeClock
) -> None:
    budget = Budget(store, parse_limits("20/second"), clock)
    budget.close(window)
    clock.tick(PAUSE[window])
    assert budget.allowance().possible == 1
    assert budget.spend() is True
    with pytest.raises(BudgetSpent):
        budget.spend()
    clock.tick(1.05)
    assert budget.allowance().possible == 0
    budget.reopen()
    assert budget.allowance().possible == 20
    assert budget.spend() is False


def test_a_spent_day_is_asked_for_once_an_hour_until_upstream_answers(
    store: DiskStore, clock: FakeClock
) -> None:
    budget = Budget(store, parse_limits("75/minute"), clock)
    budget.close(Window.DAY)
    looks = spend_all(budget, clock, timedelta(hours=12))
    assert len(looks) == 11
    assert {later - earlier for earlier, later in pairwise(looks)} == {HOUR}


def test_what_upstream_says_outranks_our_own_count(budget: Budget) -> None:
    budget.close(Window.DAY)
    allowance = budget.allowance()
    assert allowance.left_within(DAY) == 0
    assert allowance.refused is Window.DAY


def test_a_refusal_for_a_second_leaves_the_day_as_it_is(budget: Budget) -> None:
    budget.close(Window.SECOND)
    assert budget.allowance().left_within(DAY) == 25


def test_calls_that_looked_count_too(store: DiskStore, clock: FakeClock) -> None:
    budget = Budget(store, parse_limits("3/day"), clock)
    budget.close(Window.DAY)
    assert len(spend_all(budget, clock, timedelta(hours=20))) == 3


# Anything, in any order


class Machine(RuleBasedStateMachine):
    """Two processes share a store on a machine to which everything happens.

    `at` is the true time, which neither clock tells. Over a restart of the machine only the wall
    clock can say how long that took; so here it may come up behind, but not ahead of where it was
    when the ledger was last written: from a clock that skips hours nobody could tell a long sleep.
    """

    limits = parse_limits("2/second,5/minute,12/day")

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FakeClock("2026-03-07T12:00:00")
        self.at = 0 * SECOND
        self.boot = -DAY
        self.calls: list[timedelta] = []
        self.recalled: list[timedelta] = []  # when the ledger may believe that they were, at most
        self.ahead = 0 * SECOND  # how far the wall was moved since the ledger was written
        self.written = True  # since this start of the machine
        self.refused: tuple[timedelta, Window] | None = None
        self.stores = [DiskStore(Path(self.folder.name) / "store") for _ in range(2)]
        self.budgets = [Budget(store, self.limits, self.clock) for store in self.stores]

    def teardown(self) -> None:
        if hasattr(self, "stores"):
            for store in self.stores:
                store.close()
            self.folder.cleanup()

    def believed(self) -> list[timedelta]:
        """The latest that the ledger may take each call to have been."""
        if self.written:
            return self.recalled
        late = max(-self.ahead, 0 * SECOND)
        return [min(at + late, self.boot) for at in self.recalled]

    def wrote(self, *calls: timedelta) -> None:
        self.recalled = [*self.believed(), *calls]
        self.ahead = 0 * SECOND
        self.written = True

    def pass_time(self, length: timedelta) -> None:
        self.clock.tick(length)
        self.at += length

    @rule(length=st.floats(0.001, 2) | st.floats(2, 90) | st.floats(90, 30_000))
    def tick(self, length: float) -> None:
        self.pass_time(seconds(length))

    @rule(by=st.sampled_from([25 * HOUR, -HOUR, HOUR, -400 * DAY, seconds(-0.5), seconds(1)]))
    def set_the_wall_clock(self, by: timedelta) -> None:
        by = by if self.written else min(by, -self.ahead)
        self.clock.set_wall_clock(by)
        self.ahead += by

    @rule(
        took=st.sampled_from([MINUTE, HOUR, 23 * HOUR, 30 * HOUR]),
        behind=st.sampled_from([0 * SECOND, seconds(0.3), HOUR, 400 * DAY]),
    )
    def restart_the_machine(self, took: timedelta, behind: timedelta) -> None:
        self.clock.reboot(took)
        wrong = max(self.ahead, 0 * SECOND) + behind
        self.clock.set_wall_clock(-wrong)
        self.ahead -= wrong
        self.at += took
        self.boot = self.at - self.clock.uptime().elapsed
        self.written = False

    @rule(which=st.integers(0, 1))
    def restart_a_process(self, which: int) -> None:
        self.stores[which].close()
        self.stores[which] = DiskStore(self.stores[which].folder)
        self.budgets[which] = Budget(self.stores[which], self.limits, self.clock)

    @rule(which=st.integers(0, 1), most=st.integers(1, 20))
    def burst(self, which: int, most: int) -> None:
        for _ in range(most):
            try:
                looks = self.budgets[which].spend()
            except BudgetSpent as spent:
                wait_of(spent, self.clock)
                return
            self.called(looks)

    @rule(which=st.integers(0, 1))
    def come_back_when_told(self, which: int) -> None:
        wait = self.budgets[which].allowance().next_at - self.clock.now()
        self.pass_time(wait)
        self.called(self.budgets[which].spend())

    @rule(which=st.integers(0, 1), window=st.sampled_from(list(Window)))
    def upstream_refuses(self, which: int, window: Window) -> None:
        self.budgets[which].close(window)
        self.refused = (self.at, window)
        self.wrote()

    @precondition(lambda self: self.refused is not None)
    @rule(which=st.integers(0, 1))
    def upstream_answers_again(self, which: int) -> None:
        self.budgets[which].reopen()
        self.refused = None
        self.wrote()

    @precondition(lambda self: any(self.is_on_its_way(at) for at in self.calls))
    @rule(which=st.integers(0, 1), data=st.data())
    def a_call_never_left(self, which: int, data: st.DataObject) -> None:
        """Known only now, when later calls may have been made."""
        sent = [place for place, at in enumerate(self.calls) if self.is_on_its_way(at)]
        place = data.draw(st.sampled_from(sent))
        ago = self.at - self.calls[place]
        self.budgets[which].give_back(self.clock.uptime().elapsed - ago)
        del self.calls[place]
        self.wrote()
        del self.recalled[place]

    def is_on_its_way(self, at: timedelta) -> bool:
        return at > self.boot and self.at - at < 30 * SECOND

    def called(self, looks: bool) -> None:
        assert looks == (self.refused is not None)
        if self.refused is not None:
            since, window = self.refused
            assert self.at - since >= PAUSE[window] - MICROSECOND
            self.refused = (self.at, window)
        self.calls.append(self.at)
        self.wrote(self.at)
        for limit in self.limits:
            if len(self.calls) > limit.count:
                assert self.at - self.calls[-1 - limit.count] >= limit.period

    @invariant()
    def nobody_waits_without_need(self) -> None:
        """Both processes say the same, and that is no later than the windows ask for."""
        one, other = (budget.allowance() for budget in self.budgets)
        assert one == other
        needed = [self.at]
        believed = self.believed()
        for limit in self.limits:
            if len(believed) >= limit.count:
                needed.append(believed[-limit.count] + limit.period + margin(limit.period))
        if self.refused is not None:
            since, window = self.refused
            needed.append(max(since, self.boot) + PAUSE[window])
        wait = one.next_at - self.clock.now()
        assert wait <= max(needed) - self.at + MICROSECOND
        assert (one.possible > 0) == (wait == 0 * SECOND)


Machine.TestCase.settings = settings(
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestWhateverHappens = Machine.TestCase


def test_a_ledger_that_cannot_be_read_counts_as_spent_and_heals(
    store: DiskStore, clock: FakeClock
) -> None:
    """Rather a day without calls than a day with twice as many as are allowed."""
    store.save_document("budget", {"taken": "what is this"})
    budget = Budget(store, (Limit(25, timedelta(days=1)),), clock)
    assert budget.allowance().possible == 0
    clock.tick(timedelta(days=1, minutes=1))
    assert budget.allowance().possible == 25
