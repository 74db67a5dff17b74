"""The budget that several servers share: what Redis itself refuses, and what outlives Redis.

A real redis-server, whose stamps are what counts: nothing here believes a clock of ours. Windows
are short, as Redis's time cannot be moved.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from stocktracker.clock import SystemClock
from stocktracker.errors import BudgetSpent, LostLead, StoreError, Window
from stocktracker.fleet.fleet_budget import QUIET, FleetBudget
from stocktracker.fleet.fleet_clock import FleetClock
from stocktracker.fleet.keys import Keys
from stocktracker.fleet.redis_store import RedisStore
from stocktracker.plans import DAY, MINUTE, SECOND, Limit, parse_limits
from stocktracker.polling.ledger import margin
from tests.fleet import redis_store
from tests.helpers import FakeClock
from tests.redis_server import RedisServer
from tests.server import until

FREE = parse_limits("1/second,5/minute,25/day")
KEYS = Keys("test")
MILLI = timedelta(milliseconds=1)


@dataclass
class Process:
    store: RedisStore
    budget: FleetBudget

    def left_today(self) -> int | None:
        return self.budget.allowance().left_within(DAY)


def process(server: RedisServer, limits: tuple[Limit, ...] = FREE) -> Process:
    store = redis_store(server)
    store.tend()
    return Process(store, FleetBudget(store, limits, SystemClock()))


def no_quiet(server: RedisServer) -> None:
    """Have the ledger begin, and let no time pass until calls may be made."""
    server.client.hset(KEYS.budget, mapping={"version": 1, "generation": 1, "quiet_until": 0})


@pytest.fixture
def ours(redis: RedisServer) -> Iterator[Process]:
    """The one who leads, on a ledger that has begun."""
    no_quiet(redis)
    found = process(redis)
    assert found.store.lead()
    yield found
    found.store.close()


@pytest.fixture
def theirs(redis: RedisServer, ours: Process) -> Iterator[Process]:
    found = process(redis)
    yield found
    found.store.close()


def taken(server: RedisServer) -> int:
    return int(server.client.zcard(KEYS.calls))


# One ledger for all


def test_what_one_spends_all_see_spent(ours: Process, theirs: Process) -> None:
    assert theirs.left_today() == 25
    assert ours.budget.spend() is False
    assert theirs.left_today() == ours.left_today() == 24
    with pytest.raises(BudgetSpent):
        ours.budget.spend()
    assert theirs.budget.allowance().possible == 0


def test_a_spent_budget_says_when_to_come_back(ours: Process) -> None:
    ours.budget.spend()
    with pytest.raises(BudgetSpent) as refusal:
        ours.budget.spend()
    wait = refusal.value.next_at - SystemClock().now()
    assert timedelta(0) < wait <= SECOND + margin(SECOND) + 100 * MILLI


def test_several_calls_are_taken_all_or_none(redis: RedisServer) -> None:
    no_quiet(redis)
    found = process(redis, parse_limits("5/minute"))
    found.store.lead()
    found.budget.spend(3)
    with pytest.raises(BudgetSpent):
        found.budget.spend(3)
    assert taken(redis) == 3
    found.budget.spend(2)
    assert found.budget.allowance().possible == 0


def test_only_a_call_of_ones_own_is_given_back(ours: Process, theirs: Process) -> None:
    ours.budget.spend()
    sent_at = SystemClock().uptime().elapsed
    assert theirs.left_today() == 24
    ours.budget.give_back(sent_at)
    assert ours.left_today() == theirs.left_today() == 25
    ours.budget.give_back(sent_at)
    assert ours.left_today() == 25


def test_a_refusal_of_upstreams_closes_it_for_all_until_it_answers(
    ours: Process, theirs: Process
) -> None:
    ours.budget.close(Window.DAY)
    for each in (ours, theirs):
        allowance = each.budget.allowance()
        assert allowance.refused is Window.DAY
        assert allowance.possible == 0
        assert allowance.left_within(DAY) == 0
    with pytest.raises(BudgetSpent):
        ours.budget.spend()
    ours.budget.reopen()
    assert theirs.budget.allowance().refused is None
    assert ours.budget.spend() is False


def test_after_the_pause_one_call_looks_and_none_beside_it(
    redis: RedisServer, ours: Process
) -> None:
    ours.budget.close(Window.MINUTE)
    redis.client.hset(KEYS.budget, "until", 1)  # long ago
    assert ours.budget.allowance().possible == 1
    assert ours.budget.spend() is True
    with pytest.raises(BudgetSpent):
        ours.budget.spend()


# Whoever does not lead


def the_lease_was_never_ours(ours: Process, theirs: Process, server: RedisServer) -> Process:
    return theirs


def another_leads_by_now(ours: Process, theirs: Process, server: RedisServer) -> Process:
    server.client.delete(KEYS.lease)
    assert theirs.store.lead()
    return ours


def the_lease_has_run_out(ours: Process, theirs: Process, server: RedisServer) -> Process:
    server.client.delete(KEYS.lease)
    return ours


def redis_was_emptied(ours: Process, theirs: Process, server: RedisServer) -> Process:
    server.flush()
    return ours


WRITES: dict[str, Callable[[Process], object]] = {
    "spend": lambda who: who.budget.spend(),
    "close": lambda who: who.budget.close(Window.DAY),
    "reopen": lambda who: who.budget.reopen(),
    "give back": lambda who: who.budget.give_back(SystemClock().uptime().elapsed),
    "save": lambda who: who.store.save([], {"note": {}}),
}


@pytest.mark.parametrize(
    "happens",
    [the_lease_was_never_ours, another_leads_by_now, the_lease_has_run_out, redis_was_emptied],
)
@pytest.mark.parametrize("write", list(WRITES))
def test_nothing_is_written_by_one_who_does_not_lead_as(
    write: str,
    happens: Callable[[Process, Process, RedisServer], Process],
    ours: Process,
    theirs: Process,
    redis: RedisServer,
) -> None:
    ours.budget.spend()
    stale = happens(ours, theirs, redis)
    before = taken(redis)
    if write == "give back" and stale is theirs:
        return  # it has no call to give back
    with pytest.raises(LostLead):
        WRITES[write](stale)
    assert taken(redis) == before
    assert redis.client.hget(KEYS.budget, "window") is None
    assert redis_store(redis).load_document("note") is None


def test_a_token_is_never_given_out_again_also_after_a_flush(redis: RedisServer) -> None:
    tokens = []
    for _ in range(3):
        store = redis_store(redis)
        assert store.lead()
        tokens.append(int(store.token or 0))
        redis.flush()
        store.close()
    assert tokens == sorted(set(tokens))


# What outlives Redis


def spend_some(found: Process, count: int = 3) -> None:
    """The limits of a day alone, so that it does not take seconds."""
    for _ in range(count):
        found.budget.spend()


@pytest.fixture
def by_the_day(redis: RedisServer) -> Iterator[tuple[Process, Process]]:
    no_quiet(redis)
    pair = process(redis, parse_limits("25/day")), process(redis, parse_limits("25/day"))
    assert pair[0].store.lead()
    yield pair
    for each in pair:
        each.store.close()


def test_a_redis_that_was_emptied_is_told_what_is_known_before_anything_is_spent(
    by_the_day: tuple[Process, Process], redis: RedisServer
) -> None:
    leader, follower = by_the_day
    spend_some(leader)
    assert follower.left_today() == 22
    redis.flush()
    leader.store.close()  # and has no say any more
    fresh = process(redis, parse_limits("25/day"))
    assert fresh.store.lead()
    with pytest.raises(BudgetSpent) as refusal:
        fresh.budget.spend()
    assert refusal.value.next_at - SystemClock().now() > QUIET - SECOND
    assert follower.left_today() == 22
    assert fresh.left_today() == 22
    fresh.store.close()


def test_that_it_is_quiet_is_said_and_ends(redis: RedisServer) -> None:
    found = process(redis)
    found.budget.load_ledger()
    until(lambda: found.store.tend() or found.store.remark() is not None, within=2)
    assert found.store.lead()
    with pytest.raises(BudgetSpent):
        found.budget.spend()
    assert found.budget.allowance().possible == 0
    redis.client.hset(KEYS.budget, "quiet_until", 1)
    until(lambda: found.store.tend() or found.store.remark() is None, within=2)
    assert found.budget.spend() is False
    found.store.close()


def test_calls_that_are_told_twice_count_once(
    by_the_day: tuple[Process, Process], redis: RedisServer
) -> None:
    leader, follower = by_the_day
    spend_some(leader)
    assert follower.left_today() == 22
    redis.flush()
    for _ in range(2):
        for each in by_the_day:
            assert each.left_today() == 22
    assert taken(redis) == 3


def forget_two_of_four(redis: RedisServer, leader: Process, follower: Process) -> None:
    """Four calls are made, and Redis is put back to what it was after two."""
    spend_some(leader, 2)
    before = redis.client.dump(KEYS.calls), redis.client.dump(KEYS.budget)
    spend_some(leader, 2)
    assert follower.left_today() == 21
    for key, content in zip((KEYS.calls, KEYS.budget), before, strict=True):
        redis.client.restore(key, 0, content, replace=True)


def test_a_redis_that_went_back_is_told_the_calls_that_it_forgot(
    by_the_day: tuple[Process, Process], redis: RedisServer
) -> None:
    """As a replica that lagged when it took over, or a backup of an hour ago."""
    leader, follower = by_the_day
    forget_two_of_four(redis, leader, follower)
    with pytest.raises(BudgetSpent):  # it is quiet, as others may know more
        leader.budget.spend()
    assert leader.left_today() == follower.left_today() == 21


def test_a_redis_that_forgot_is_told_though_others_have_called_since(
    by_the_day: tuple[Process, Process], redis: RedisServer
) -> None:
    """So that it has changed more often than it had, as who was cut off knows it."""
    leader, follower = by_the_day
    forget_two_of_four(redis, leader, follower)
    call_with_another(redis, 5)
    assert follower.left_today() == 25 - 2 - 2 - 5
    assert taken(redis) == 2 + 2 + 5


def test_an_emptied_redis_is_told_though_others_have_called_since(
    by_the_day: tuple[Process, Process], redis: RedisServer
) -> None:
    leader, follower = by_the_day
    leader.budget.close(Window.DAY)
    leader.budget.reopen()
    spend_some(leader, 2)
    assert follower.left_today() == 23
    leader.budget.give_back(SystemClock().uptime().elapsed)
    leader.budget.give_back(SystemClock().uptime().elapsed)
    leader.budget.close(Window.DAY)  # which is all that the follower knows of
    assert follower.budget.allowance().refused is Window.DAY
    redis.flush()
    no_quiet(redis)
    call_with_another(redis, 20)
    assert follower.budget.allowance().refused is Window.DAY


def call_with_another(redis: RedisServer, count: int) -> None:
    """A server that has just started, and knows of nothing."""
    redis.client.delete(KEYS.lease)
    fresh = process(redis, parse_limits("25/day"))
    assert fresh.store.lead()
    spend_some(fresh, count)
    fresh.store.close()


def test_a_refusal_that_redis_forgot_is_told(
    by_the_day: tuple[Process, Process], redis: RedisServer
) -> None:
    leader, follower = by_the_day
    leader.budget.load_ledger()
    before = redis.client.dump(KEYS.budget)
    leader.budget.close(Window.DAY)
    assert follower.budget.allowance().refused is Window.DAY
    redis.client.restore(KEYS.budget, 0, before, replace=True)
    assert follower.budget.allowance().refused is Window.DAY
    assert leader.budget.allowance().refused is Window.DAY


def test_a_refusal_is_told_too(by_the_day: tuple[Process, Process], redis: RedisServer) -> None:
    leader, follower = by_the_day
    leader.budget.close(Window.DAY)
    assert follower.budget.allowance().refused is Window.DAY
    redis.flush()
    assert follower.budget.allowance().refused is Window.DAY
    assert leader.budget.allowance().refused is Window.DAY


@pytest.mark.parametrize(
    "spoil",
    [
        lambda server: server.client.set(KEYS.calls, "rubbish"),
        lambda server: server.client.set(KEYS.budget, "rubbish"),
        lambda server: server.client.hset(KEYS.budget, "version", "rubbish"),
    ],
)
def test_a_ledger_that_cannot_be_read_counts_as_spent(
    spoil: Callable[[RedisServer], object], redis: RedisServer
) -> None:
    no_quiet(redis)
    spoil(redis)
    found = process(redis)
    found.store.lead()
    assert found.left_today() == 0
    with pytest.raises(BudgetSpent):
        found.budget.spend()
    assert found.left_today() == 0
    found.store.close()


def test_without_redis_nothing_is_spent(redis_of_its_own: RedisServer) -> None:
    no_quiet(redis_of_its_own)
    found = process(redis_of_its_own)
    found.store.lead()
    redis_of_its_own.kill()
    with pytest.raises(StoreError, match="cannot be reached"):
        found.budget.spend()


# The clock


def test_uptimes_are_redis_s_and_can_be_told_here(clock: FakeClock) -> None:
    fleet = FleetClock(clock)
    fleet.hear(1_000_000_000)
    clock.tick(5)
    assert fleet.uptime().elapsed == timedelta(seconds=1005)
    assert fleet.here(1_002_000_000) == clock.uptime().elapsed - 3 * SECOND
    assert fleet.there(clock.uptime().elapsed) == 1_005_000_000
    clock.set_wall_clock(timedelta(hours=1))
    assert fleet.uptime().elapsed == timedelta(seconds=1005)


@pytest.mark.parametrize(("says", "jumps"), [(1005, 0), (1004, 0), (1007, 0), (1009, 1), (900, 1)])
def test_a_clock_of_redis_s_that_jumps_is_noticed(says: int, jumps: int, clock: FakeClock) -> None:
    fleet = FleetClock(clock)
    fleet.hear(1_000_000_000)
    clock.tick(5)
    fleet.hear(says * 1_000_000)
    assert fleet.jumps == jumps
    assert fleet.uptime().elapsed == timedelta(seconds=says)


@pytest.mark.parametrize("hours", [-1, 1])
def test_calls_are_not_forgotten_and_nobody_waits_longer_when_redis_s_clock_is_set(
    hours: int, redis: RedisServer
) -> None:
    """All stamps are moved instead of the clock, and with them what the process believes of it."""
    no_quiet(redis)
    found = process(redis, parse_limits("5/minute"))
    found.store.lead()
    spend_some(found, 5)
    by = timedelta(hours=hours)
    for call, score in redis.client.zrange(KEYS.calls, 0, -1, withscores=True):
        redis.client.zadd(KEYS.calls, {call: score - by / (MILLI / 1000)})
    found.store.fleet._ahead -= by
    for _ in range(2):
        with pytest.raises(BudgetSpent):
            found.budget.spend()
        redis.client.hset(KEYS.budget, "quiet_until", 0)
    allowance = found.budget.allowance()
    assert allowance.possible == 0
    assert allowance.next_at - SystemClock().now() <= MINUTE + margin(MINUTE) + SECOND
    seconds, _ = redis.client.time()
    assert redis.client.zcount(KEYS.calls, (seconds + 2) * 1_000_000, "+inf") == 0
    found.store.close()


# Any order of events

TIGHT = (Limit(2, 10 * MILLI), Limit(6, 150 * MILLI))


@dataclass
class Seen:
    """Every call that Redis has ever had, by its own stamps in microseconds."""

    calls: dict[str, int] = field(default_factory=dict)


class TwoServers(RuleBasedStateMachine):
    server: RedisServer

    @initialize()
    def open(self) -> None:
        self.server.flush()
        no_quiet(self.server)
        self.pair = [process(self.server, TIGHT) for _ in range(2)]
        assert self.pair[0].store.lead()
        self.seen: dict[str, int] = {}
        self.granted = 0
        self.given_back = 0

    def teardown(self) -> None:
        for each in getattr(self, "pair", []):
            each.store.close()

    def look(self) -> None:
        for call, score in self.server.client.zrange(KEYS.calls, 0, -1, withscores=True):
            self.seen[call.decode()] = int(score)

    @rule(who=st.integers(0, 1), count=st.integers(1, 3))
    def spend(self, who: int, count: int) -> None:
        try:
            self.pair[who].budget.spend(count)
        except (LostLead, BudgetSpent):
            return
        self.granted += count
        self.look()

    @rule(who=st.integers(0, 1), count=st.integers(1, 2))
    def spend_as_soon_as_it_is_possible(self, who: int, count: int) -> None:
        for _ in range(60):
            before = self.granted
            self.spend(who, count)
            if self.granted > before or self.pair[who].store.token is None:
                return
            threading.Event().wait(0.004)

    @rule(who=st.integers(0, 1))
    def lead(self, who: int) -> None:
        self.pair[who].store.tend()
        self.pair[who].store.lead()

    @rule()
    def the_lease_runs_out(self) -> None:
        self.server.client.delete(KEYS.lease)

    @rule(who=st.integers(0, 1))
    def read(self, who: int) -> None:
        ledger = self.pair[who].budget.load_ledger()
        assert len(ledger.taken) >= self.server.client.zcount(
            KEYS.calls, self.now() - self.reach(), "+inf"
        )

    @rule(wait=st.sampled_from([0.005, 0.06, 0.2]))
    def time_passes(self, wait: float) -> None:
        threading.Event().wait(wait)

    @rule()
    def redis_is_emptied(self) -> None:
        for each in self.pair:  # what nobody has seen, nobody can tell
            each.budget.load_ledger()
        self.server.flush()
        for each in self.pair:
            each.store._looked_at = None
            each.store.tend()
            each.budget.load_ledger()
        self.server.client.hset(KEYS.budget, "quiet_until", 0)

    @precondition(lambda self: self.granted > 0)
    @rule(who=st.integers(0, 1))
    def upstream_answers(self, who: int) -> None:
        try:
            self.pair[who].budget.reopen()
        except LostLead:
            return

    def now(self) -> int:
        seconds, micros = self.server.client.time()
        return int(seconds) * 1_000_000 + int(micros)

    def reach(self) -> int:
        return (TIGHT[-1].period + margin(TIGHT[-1].period)) // (MILLI / 1000)

    @invariant()
    def no_window_of_redis_s_time_holds_more_than_its_limit(self) -> None:
        stamps = sorted(getattr(self, "seen", {}).values())
        assert len(stamps) == getattr(self, "granted", 0)
        for limit in TIGHT:
            width = (limit.period + margin(limit.period)) // (MILLI / 1000)
            for at, start in enumerate(stamps):
                later = stamps[at + limit.count : at + limit.count + 1]
                assert not later or later[0] - start >= width


def test_no_order_of_events_exceeds_a_limit(redis: RedisServer) -> None:
    TwoServers.server = redis
    run_state_machine_as_test(
        TwoServers,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
