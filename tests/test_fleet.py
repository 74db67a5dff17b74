"""Several servers, one Redis, one key: who polls, what the others show, and what any fault costs.

Everything is real: redis-server, the simulator over HTTP, runtimes with their threads, and other
processes where one has to be killed or stopped. Requirement 27 is here.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from stocktracker.board import Poll
from stocktracker.clock import SystemClock
from stocktracker.errors import StoreError
from stocktracker.model import Feed, Quote, Ticker, Want
from stocktracker.plans import PLANS
from stocktracker.polling.bulletin import Bulletin, from_document, to_document
from stocktracker.polling.roster import LAPSE, Roster
from stocktracker.polling.schedule import Due, Forecast
from stocktracker.polling.wants import Wants
from stocktracker.runtime import Runtime
from stocktracker.watchlists import Watchlists, create
from tests.fleet import REFRESH, Fleet, Member, begin_ledger, fleet, member, redis_store, the_leader
from tests.helpers import FakeClock
from tests.redis_server import RedisServer, need_redis, redis_server
from tests.server import LOOPBACK, free_port, until

IBM, AAPL, KO = Ticker("IBM"), Ticker("AAPL"), Ticker("KO")
PAGE_WAITS = timedelta(seconds=1.5)
HEAD_START = timedelta(milliseconds=300)  # for a machine that has other work
REPLACED_WITHIN = 10.0


def quotes(*tickers: Ticker) -> list[Want]:
    return [Want(Feed.QUOTE, ticker) for ticker in tickers]


# Steps, one by one


@pytest.fixture
def pair(redis: RedisServer) -> Iterator[tuple[Member, Member]]:
    """The first of them leads."""
    begin_ledger(redis)
    both = member(redis, "one"), member(redis, "two")
    for each in both:
        each.poller.step()
    yield both
    for each in both:
        each.store.close()


def look_again(one: Member) -> None:
    """A step, however short ago the last one was."""
    one.poller._bulletin._told_at = -timedelta(seconds=1)
    one.poller._following._looked_at = -timedelta(seconds=1)
    one.poller._following._learnt_at = -timedelta(seconds=1)
    one.poller._roster._looked_at = -LAPSE
    one.poller.step()


def lose_the_lead(redis: RedisServer, one: Member) -> None:
    """As after a pause that was longer than the lease."""
    redis.client.delete(one.store.keys.lease)
    one.store._renewed_at = -timedelta(seconds=5)


def test_one_leads_and_the_other_shows_what_it_saves(pair: tuple[Member, Member]) -> None:
    leader, follower = pair
    assert (leader.leads, follower.leads) == (True, False)
    follower.watch("IBM")
    look_again(follower)
    look_again(leader)
    assert leader.upstream.asked(Feed.QUOTE) == ["IBM"]
    look_again(follower)
    assert follower.price("IBM") == 100.0
    assert follower.upstream.calls == []


def test_a_follower_shows_the_plan_the_budget_and_the_faults_as_the_leader_does(
    pair: tuple[Member, Member],
) -> None:
    leader, follower = pair
    leader.watch("IBM", "KO")
    look_again(leader)
    look_again(leader)
    look_again(follower)
    ours, theirs = leader.board.read().poll, follower.board.read().poll
    assert theirs.due.keys() == ours.due.keys() >= {*quotes(IBM, KO)}
    for name in ("who", "since", "forecast", "held", "halted", "outage_since", "viewers"):
        assert getattr(theirs, name) == getattr(ours, name), name
    left = [each.budget.describe(each.board.read().poll.ledger).left for each in pair]
    assert left[0] == left[1]


def test_a_follower_loads_what_has_changed_and_is_of_use_to_it(
    pair: tuple[Member, Member],
) -> None:
    leader, follower = pair
    leader.watch("IBM", "KO")
    look_again(leader)
    follower.watch("IBM")
    look_again(follower)
    assert follower.price("IBM") == 100.0
    assert follower.price("KO") == 100.0  # somebody in the fleet looks at it
    loaded: list[Want] = []
    whole = follower.store.load_many

    def load_many(wants: object) -> object:
        loaded.extend(wants)  # type: ignore[arg-type]
        return whole(loaded)

    follower.store.load_many = load_many  # type: ignore[method-assign, assignment]
    leader.store.save([], {"note": {}})
    look_again(follower)
    assert loaded == []


def test_who_lost_the_lead_stops_at_once_and_shows_what_the_other_saves(
    redis: RedisServer, pair: tuple[Member, Member]
) -> None:
    one, two = pair
    one.watch("IBM")
    one.poller.step()
    lose_the_lead(redis, one)
    look_again(two)
    assert two.leads
    two.upstream.prices["IBM"] = 222.0
    two.watch("IBM", "AAPL")
    look_again(two)
    asked = len(one.upstream.calls)
    one.watch("KO")
    one.poller.step()
    assert not one.leads
    look_again(one)
    assert not one.leads
    assert len(one.upstream.calls) == asked
    assert one.price("AAPL") == 100.0


def test_a_reply_that_comes_in_after_the_lead_was_lost_is_let_go(
    redis: RedisServer, pair: tuple[Member, Member]
) -> None:
    """The lease runs out while the call is on its way."""
    one, two = pair
    whole = one.upstream.fetch

    def fetch(call: object) -> object:
        lose_the_lead(redis, one)
        assert two.store.lead()
        return whole(call)  # type: ignore[arg-type]

    one.upstream.fetch = fetch  # type: ignore[method-assign, assignment]
    one.watch("IBM")
    one.poller.step()
    assert not one.leads
    assert two.store.load(Feed.QUOTE, IBM) is None
    one.upstream.fetch = whole  # type: ignore[method-assign]
    look_again(one)
    assert one.poller._sent == []
    assert one.poller._saving.left() is None


def test_no_quote_gives_way_to_an_older_one_of_a_redis_that_went_back(
    redis: RedisServer, pair: tuple[Member, Member]
) -> None:
    leader, follower = pair
    leader.watch("IBM")
    leader.poller.step()
    kind, field = leader.store.keys.place("v1:data:quote:IBM")
    old, revision = redis.client.hget(kind, field), redis.client.get(leader.store.keys.revision)
    later = leader.board.read().quotes[IBM]
    leader.upstream.prices["IBM"] = 111.0
    leader.poller._budget.reopen()
    until(lambda: leader.poller.step() and leader.price("IBM") == 111.0, within=8)
    look_again(follower)
    assert follower.price("IBM") == 111.0
    redis.client.hset(kind, field, old)
    redis.client.set(leader.store.keys.revision, revision)
    for each in pair:
        each.store._looked_at = None
    look_again(follower)
    look_again(follower)
    assert follower.price("IBM") == 111.0
    leader.poller.step()
    found = follower.store.load(Feed.QUOTE, IBM)
    assert found is not None
    assert isinstance(found.data, Quote)
    assert found.data.as_of > later.as_of, "and Redis gets the newer one back"


def test_a_dead_server_takes_its_viewers_with_it_within_a_minute_by_the_common_clock(
    redis: RedisServer,
) -> None:
    """Whose machine was started at another time."""
    ours, theirs = FakeClock("2026-11-23T15:00"), FakeClock("2026-11-23T15:00")
    theirs.reboot()
    stores = redis_store(redis), redis_store(redis)
    common = FakeClock("2026-11-23T15:00")
    rosters = []
    for clock, store, who in zip((ours, theirs), stores, ("ours", "theirs"), strict=True):
        wants = Wants(clock)
        rosters.append(Roster(wants, store, clock, who, common=common))
        wants.renew("viewer", quotes(IBM if who == "ours" else AAPL))
    rosters[1].share(theirs.now())
    for passed, viewers in ((0, {IBM, AAPL}), (45, {IBM, AAPL}), (10, {IBM})):
        for clock in (ours, common):
            clock.tick(passed)
        ours.tick(1)
        rosters[0].share(ours.now())
        assert {want.ticker for want in rosters[0].union()} == viewers
    assert timedelta(minutes=1) >= LAPSE


# What is told of the polling

INSTANTS = st.datetimes().map(lambda instant: instant.replace(tzinfo=SystemClock().now().tzinfo))
LENGTHS = st.timedeltas(timedelta(0), timedelta(days=400))
TEXTS = st.text(max_size=20)
WANTS = st.builds(Want, st.sampled_from(Feed), st.text(min_size=1, max_size=8).map(Ticker))
POLLS = st.builds(
    Poll,
    who=TEXTS,
    since=st.none() | INSTANTS,
    halted=st.none() | st.text(min_size=1, max_size=20),
    outage_since=st.none() | INSTANTS,
    latency=st.none() | LENGTHS,
    held=st.dictionaries(st.text(max_size=8).map(Ticker), TEXTS, max_size=5),
    refused=st.dictionaries(TEXTS, INSTANTS, max_size=5),
    due=st.dictionaries(WANTS, st.builds(Due, st.none() | INSTANTS, TEXTS), max_size=5),
    forecast=st.none()
    | st.builds(
        Forecast,
        turn=LENGTHS,
        turn_with_one_more=LENGTHS,
        calls_a_day=st.none() | st.integers(0, 10**6),
        spare=st.none() | st.integers(0, 10**6),
        spare_at=st.none() | INSTANTS,
        for_operator=st.integers(0, 10**6),
        turn_of_all=st.none() | LENGTHS,
    ),
)


@given(POLLS)
def test_what_is_told_of_the_polling_comes_back_as_it_was(poll: Poll) -> None:
    told = from_document(json.loads(json.dumps(to_document(poll))))
    assert told == {name: getattr(poll, name) for name in told}
    assert set(told) == set(to_document(poll))


def test_the_whole_listing_that_the_operator_watches_is_not_told() -> None:
    tickers = tuple(Ticker(f"T{number}") for number in range(13_000))
    due = {Want(Feed.QUOTE, ticker): Due(None, "watched") for ticker in tickers}
    looked_at = Want(Feed.QUOTE, tickers[0])
    poll = Poll(due=due, operators=tickers[1:], viewers={looked_at: 1})
    assert list(from_document(to_document(poll))["due"]) == [looked_at]


def test_news_are_told_where_there_are_any_and_once_a_second_at_most() -> None:
    told, second = Bulletin(), timedelta(seconds=1)
    assert told.news(Poll(who="a"), 5 * second) is not None
    assert told.news(Poll(who="b"), 5.5 * second) is None
    assert told.news(Poll(who="b"), 6 * second) is not None
    assert told.news(Poll(who="b"), 8 * second) is None


@pytest.mark.parametrize("content", [{}, {"forecast": 1}, {"due": [[]]}, {"forecast": None}])
def test_what_another_version_tells_is_passed_over(
    content: dict[str, object], pair: tuple[Member, Member]
) -> None:
    leader, follower = pair
    leader.store.save([], {"poll": content})
    look_again(follower)
    assert not follower.leads


# Whole servers


@pytest.fixture
def house(redis_of_its_own: RedisServer) -> Iterator[Fleet]:
    with fleet(redis_of_its_own.url) as found:
        begin_ledger(redis_of_its_own, found.source)
        yield found


def look(runtime: Runtime, *tickers: Ticker) -> None:
    runtime.watch("viewer", quotes(*tickers))


def shows(runtime: Runtime, *tickers: Ticker) -> bool:
    return all(runtime.board.read_quote(ticker) is not None for ticker in tickers)


def stamp(runtime: Runtime, ticker: Ticker) -> datetime | None:
    """When its quote came; by night the price itself may stand still."""
    quote = runtime.board.read_quote(ticker)
    return quote and quote.fetched_at


def test_two_servers_cost_what_one_costs_and_show_the_same(house: Fleet) -> None:
    one, two = house.open(), house.open()
    look(one, IBM, AAPL)
    look(two, AAPL, KO)
    until(lambda: shows(one, IBM, AAPL) and shows(two, AAPL, KO), within=10)
    leads = [each.read().poll.leads for each in (one, two)]
    assert sorted(leads) == [False, True]
    before = stamp(two, AAPL)
    until(lambda: stamp(one, AAPL) != before, within=10, what="another round")
    until(lambda: stamp(two, AAPL) == stamp(one, AAPL), within=1, what="both show it")
    asked = house.upstream.simulator.stats()["functions"]
    # The listing, and the quotes of all in one call for each round; a first one may have gone
    # before all that is wanted was known.
    assert asked["LISTING_STATUS"] == 1
    assert asked["REALTIME_BULK_QUOTES"] <= 4
    assert house.refusals() == 0


def test_a_leader_that_is_killed_is_replaced_again_and_again(house: Fleet) -> None:
    doomed = [house.start("IBM"), house.start("IBM")]
    for _ in range(2):
        leader = until(
            lambda: next((each for each in doomed if each.leads()), None), within=REPLACED_WITHIN
        )
        leader.kill()
        doomed.remove(leader)
    last = house.open()
    look(last, IBM)
    the_leader(last, within=REPLACED_WITHIN)
    asked = house.calls()
    until(lambda: house.calls() > asked, within=10)
    assert shows(last, IBM)
    assert house.refusals() == 0


def test_a_leader_that_is_stopped_is_replaced_and_follows_when_it_goes_on(house: Fleet) -> None:
    stopped = house.start("IBM")
    until(stopped.leads, within=10)
    ours = house.open()
    look(ours, IBM)
    until(lambda: shows(ours, IBM), within=10)
    stopped.stop()
    the_leader(ours, within=REPLACED_WITHIN)
    stopped.go_on()
    before = stamp(ours, IBM)
    until(lambda: stamp(ours, IBM) != before, within=10)
    assert ours.read().poll.leads
    assert not stopped.leads()
    assert house.refusals() == 0


def page(runtime: Runtime) -> None:
    """What a page does with the store, in the thread of a viewer."""
    look(runtime, IBM, Ticker("NEW"))
    runtime.load_stored(Ticker("OTHER"), [Feed.DAILY, Feed.QUOTE])
    runtime.read_watchlists()
    runtime.load_size()
    with pytest.raises(StoreError):
        runtime.change_watchlists(lambda held: create(held, "X", [IBM], max_tickers=5))


def test_a_redis_that_answers_nothing_keeps_no_page_and_nobody_polls(
    house: Fleet, redis_of_its_own: RedisServer
) -> None:
    servers = house.open(), house.open()
    for each in servers:
        look(each, IBM)
    until(lambda: all(shows(each, IBM) for each in servers), within=10)
    before = [stamp(each, IBM) for each in servers]
    redis_of_its_own.stop()
    clock = SystemClock()
    for each in servers:
        started = clock.uptime().elapsed
        page(each)
        assert clock.uptime().elapsed - started < PAGE_WAITS + HEAD_START
    until(lambda: all(each.read().poll.store_fault for each in servers), within=5)
    asked = house.calls()
    for each in servers:  # and again, at once
        started = clock.uptime().elapsed
        page(each)
        assert clock.uptime().elapsed - started < HEAD_START
        assert shows(each, IBM)
    until(lambda: clock.uptime().elapsed - started > 2 * REFRESH, within=8)
    assert house.calls() == asked, "longer than the interval, and nobody asked"
    redis_of_its_own.go_on()
    until(lambda: all(not each.read().poll.store_fault for each in servers), within=15)
    until(lambda: all(stamp(each, IBM) not in before for each in servers), within=15)
    assert house.refusals() == 0


def no_call_is_forgotten_and_none_counts_twice(house: Fleet, server: RedisServer) -> None:
    """Within a minute, which is the longest limit here. A call is taken before it is made."""
    assert house.calls() <= server.client.zcard(house.keys.calls)
    until(lambda: server.client.zcard(house.keys.calls) == house.calls(), within=3)


def flushed(server: RedisServer) -> None:
    server.flush()


def killed_and_started_empty(server: RedisServer) -> None:
    server.kill()
    server.start()


@pytest.mark.parametrize("happens", [flushed, killed_and_started_empty])
def test_an_emptied_redis_gets_all_back_and_no_call_is_forgotten(
    happens: Callable[[RedisServer], None], redis_of_its_own: RedisServer
) -> None:
    with fleet(redis_of_its_own.url) as house:
        begin_ledger(redis_of_its_own, house.source)
        servers = house.open(), house.open()
        for each in servers:
            look(each, IBM, AAPL)
        until(lambda: all(shows(each, IBM, AAPL) for each in servers), within=10)
        servers[1].change_watchlists(lambda held: create(held, "Tech", [IBM], max_tickers=5))
        before = [stamp(each, IBM) for each in servers]
        happens(redis_of_its_own)
        until(lambda: redis_of_its_own.client.exists(house.keys.identity), within=5)
        leader = the_leader(*servers, within=REPLACED_WITHIN)
        until(lambda: all(stamp(each, IBM) not in before for each in servers), within=15)
        no_call_is_forgotten_and_none_counts_twice(house, redis_of_its_own)
        for each in servers:
            assert each.read_watchlists().names == ["Tech"]
            assert not each.read().poll.store_fault
        with closing(redis_store(redis_of_its_own, house.source)) as store:
            assert store.load_document("watchlists") is not None
            assert {each.ticker for each in store.load_all(Feed.QUOTE)} == {IBM, AAPL}
        assert leader.read().poll.leads
        assert house.refusals() == 0


def test_a_server_starts_without_redis_says_so_and_goes_on_once_it_is_there(
    tmp_path: Path,
) -> None:
    server = RedisServer(tmp_path / "redis")
    with fleet(server.url) as house:
        ours = house.open()
        look(ours, IBM)
        until(lambda: ours.read().poll.heartbeat, within=5)
        assert "cannot be reached" in str(ours.read().poll.store_fault)
        assert ours.read_watchlists() == Watchlists()
        assert house.calls() == 0
        server.start()
        until(lambda: shows(ours, IBM), within=15)
        assert ours.read().poll.store_fault is None
        ours.close()
    server.close()


# A replica that takes over

AT_ONCE = ("--repl-diskless-sync-delay", "0")  # to its replicas


@pytest.fixture
def watched_over(tmp_path: Path) -> Iterator[tuple[RedisServer, RedisServer, str]]:
    """A master, its replica, and the address of a sentinel that knows them."""
    port = free_port()
    folder = tmp_path / "sentinel"
    folder.mkdir()
    with (
        redis_server(tmp_path / "one", *AT_ONCE) as one,
        redis_server(
            tmp_path / "two",
            "--replicaof",
            LOOPBACK,
            str(one.port),
        ) as two,
    ):
        (folder / "sentinel.conf").write_text(
            f"port {port}\nbind {LOOPBACK}\ndir {folder}\n"
            f"sentinel monitor main {LOOPBACK} {one.port} 1\n"
            "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
        )
        with subprocess.Popen(
            [need_redis(), str(folder / "sentinel.conf"), "--sentinel"], stdout=subprocess.DEVNULL
        ) as sentinel:
            try:
                until(
                    lambda: two.client.info("replication")["master_link_status"] == "up", within=15
                )
                yield one, two, f"redis+sentinel://{LOOPBACK}:{port}/main"
            finally:
                sentinel.kill()


def is_master(server: RedisServer) -> bool:
    """The sentinel cuts all lines when it promotes one, this one too."""
    try:
        return bool(server.client.info("replication")["role"] == "master")
    except redis.exceptions.ConnectionError:
        return False


def test_a_replica_that_takes_over_is_found_and_no_call_is_forgotten(
    watched_over: tuple[RedisServer, RedisServer, str],
) -> None:
    one, two, url = watched_over
    with fleet(url) as house:
        begin_ledger(one, house.source)
        servers = house.open(), house.open()
        for each in servers:
            look(each, IBM)
        until(lambda: all(shows(each, IBM) for each in servers), within=15)
        before = [stamp(each, IBM) for each in servers]
        one.kill()
        # Not both at the same time: one may have found the other Redis before the other one looks.
        until(lambda: any(each.read().poll.store_fault for each in servers), within=10)
        until(lambda: is_master(two), within=20)
        the_leader(*servers, within=REPLACED_WITHIN)
        until(lambda: all(stamp(each, IBM) not in before for each in servers), within=20)
        no_call_is_forgotten_and_none_counts_twice(house, two)
        assert house.refusals() == 0


def test_a_promoted_replica_that_lagged_is_told_what_it_missed(
    redis_of_its_own: RedisServer, tmp_path: Path
) -> None:
    """By hand, as REPLICAOF NO ONE: calls that it never heard of are told by who made them."""
    redis_of_its_own.client.config_set(AT_ONCE[0].strip("-"), AT_ONCE[1])
    begin_ledger(redis_of_its_own)
    leader = member(redis_of_its_own, "one", plan="free")
    leader.poller.step()
    with redis_server(
        tmp_path / "two", "--replicaof", LOOPBACK, str(redis_of_its_own.port),
    ) as two:  # fmt: skip
        until(lambda: two.client.info("replication")["master_link_status"] == "up", within=15)
        two.client.replicaof("NO", "ONE")
        leader.poller.step()
        leader.budget.spend()
        lines = leader.store.link._client.connection_pool
        lines.disconnect()
        lines.reset()
        lines.connection_kwargs["port"] = two.port
        assert two.client.zcard(leader.store.keys.calls) == 0
        left = leader.budget.allowance().left_within(PLANS["free"].limits[-1].period)
        assert left == 24
        assert two.client.zcard(leader.store.keys.calls) == 1
        leader.store.close()
