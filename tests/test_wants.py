"""Who wants what: leases that are renewed and lapse, added up over processes that share a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from stocktracker.cache import DiskStore
from stocktracker.config import Watch
from stocktracker.model import LISTING_WANT, Feed, Listed, Listing, Ticker, Want
from stocktracker.polling.roster import LAPSE, PREFIX, RENEW, Roster
from stocktracker.polling.wants import LEASE, Standing, Wanted, Wants
from tests.helpers import FakeClock, utc

IBM = Want(Feed.QUOTE, Ticker("IBM"))
AAPL = Want(Feed.QUOTE, Ticker("AAPL"))
IBM_BARS = Want(Feed.DAILY, Ticker("IBM"))


@pytest.fixture
def wants(clock: FakeClock) -> Wants:
    return Wants(clock)


# Leases


def test_at_first_nobody_wants_anything(wants: Wants) -> None:
    assert wants.union() == {}
    assert wants.viewers() == 0


def test_each_viewer_of_a_want_counts_once(wants: Wants) -> None:
    wants.renew("one", [IBM, AAPL, IBM])
    wants.renew("two", [IBM])
    wants.renew("one", [IBM, AAPL])
    assert {want: wanted.viewers for want, wanted in wants.union().items()} == {IBM: 2, AAPL: 1}
    assert wants.viewers() == 2


def test_feeds_of_a_ticker_are_wants_of_their_own(wants: Wants) -> None:
    wants.renew("one", [IBM, IBM_BARS])
    assert set(wants.union()) == {IBM, IBM_BARS}


def test_a_viewer_looks_at_what_was_said_last_and_at_nothing_else(wants: Wants) -> None:
    wants.renew("one", [IBM])
    wants.renew("one", [AAPL])
    assert set(wants.union()) == {AAPL}


def test_a_viewer_of_nothing_is_still_a_viewer(wants: Wants) -> None:
    wants.renew("one", [])
    assert wants.union() == {}
    assert wants.viewers() == 1


@pytest.mark.parametrize(
    ("first", "second", "new"),
    [
        ([], [IBM], True),
        ([IBM], [IBM], False),
        ([IBM], [], False),
        ([IBM, AAPL], [AAPL], False),
        ([IBM], [IBM, AAPL], True),
    ],
)
def test_it_is_said_whether_somebody_wants_something_new(
    first: list[Want], second: list[Want], new: bool, wants: Wants
) -> None:
    wants.renew("one", first)
    assert wants.renew("two", second) is new


@pytest.mark.parametrize(("silent", "viewers"), [(0, 1), (89.999, 1), (90, 0), (3600, 0)])
def test_a_lease_lapses_after_ninety_seconds_of_silence(
    silent: float, viewers: int, wants: Wants, clock: FakeClock
) -> None:
    wants.renew("one", [IBM])
    clock.tick(silent)
    assert wants.viewers() == viewers
    assert len(wants.union()) == viewers


def test_a_hidden_tab_that_renews_once_a_minute_stays(wants: Wants, clock: FakeClock) -> None:
    opened = clock.now()
    for _ in range(60):
        wants.renew("hidden", [IBM])
        clock.tick(60)
        assert wants.union() == {IBM: Wanted(1, opened)}


def test_a_viewer_who_leaves_is_forgotten_at_once(wants: Wants) -> None:
    wants.renew("one", [IBM])
    wants.renew("two", [IBM, AAPL])
    wants.release("two")
    assert {want: wanted.viewers for want, wanted in wants.union().items()} == {IBM: 1}
    wants.release("one")
    assert wants.union() == {}


def test_who_is_not_there_may_leave_and_leave_again(wants: Wants) -> None:
    wants.release("nobody")
    wants.renew("one", [IBM])
    wants.release("one")
    wants.release("one")
    assert wants.viewers() == 0


def test_a_want_is_as_old_as_the_unbroken_looking_at_it(wants: Wants, clock: FakeClock) -> None:
    opened = clock.now()
    wants.renew("one", [IBM])
    clock.tick(60)
    wants.renew("two", [IBM])
    clock.tick(60)
    # The first viewer's lease has lapsed; the second one has looked all along.
    assert wants.union() == {IBM: Wanted(1, opened)}


def test_a_want_begins_anew_after_nobody_looked(wants: Wants, clock: FakeClock) -> None:
    wants.renew("one", [IBM])
    clock.tick(LEASE)
    assert wants.union() == {}
    assert wants.renew("one", [IBM]) is True
    assert wants.union() == {IBM: Wanted(1, clock.now())}


@pytest.mark.parametrize("by", [timedelta(hours=25), -timedelta(hours=25)])
def test_setting_the_wall_clock_ends_no_lease_and_prolongs_none(
    by: timedelta, wants: Wants, clock: FakeClock
) -> None:
    wants.renew("one", [IBM])
    clock.set_wall_clock(by)
    assert wants.viewers() == 1
    clock.tick(90)
    assert wants.union() == {}


# Several processes


class Process:
    """A process with viewers of its own on the shared store."""

    def __init__(self, store: DiskStore, clock: FakeClock, name: str) -> None:
        self.store = DiskStore(store.folder)
        self.clock = clock
        self.wants = Wants(clock)
        self.roster = Roster(self.wants, self.store, clock, name)

    def look(self, *wants: Want, viewer: str = "one") -> None:
        self.wants.renew(viewer, wants)

    def share(self) -> None:
        self.roster.share(self.clock.now())

    def viewers(self) -> dict[Want, int]:
        return {want: wanted.viewers for want, wanted in self.roster.union().items()}


@pytest.fixture
def ours(store: DiskStore, clock: FakeClock) -> Iterator[Process]:
    process = Process(store, clock, "ours")
    with closing(process.store):
        yield process


@pytest.fixture
def theirs(store: DiskStore, clock: FakeClock) -> Iterator[Process]:
    process = Process(store, clock, "theirs")
    with closing(process.store):
        yield process


def share_for(length: float, clock: FakeClock, *processes: Process) -> None:
    """Each shares every five seconds, as pollers do, and its viewers keep looking."""
    looked_at = [process.wants.union() for process in processes]
    for _ in range(int(length / 5)):
        clock.tick(5)
        for process, wants in zip(processes, looked_at, strict=True):
            process.look(*wants)
            process.share()


def test_a_process_alone_wants_what_its_viewers_want(ours: Process) -> None:
    ours.look(IBM)
    ours.share()
    ours.share()
    assert ours.viewers() == {IBM: 1}


def test_viewers_of_all_processes_are_added_up(ours: Process, theirs: Process) -> None:
    ours.look(IBM)
    theirs.look(IBM, AAPL)
    theirs.look(IBM, viewer="two")
    theirs.share()
    ours.share()
    assert ours.viewers() == {IBM: 3, AAPL: 1}


def test_a_want_is_as_old_as_it_is_in_any_process(
    ours: Process, theirs: Process, clock: FakeClock
) -> None:
    theirs.look(IBM)
    theirs.share()
    ours.share()
    heard = clock.now()
    clock.tick(30)
    ours.look(IBM, AAPL)
    ours.share()
    assert ours.roster.union() == {IBM: Wanted(2, heard), AAPL: Wanted(1, clock.now())}


def test_what_another_process_wants_from_now_on_is_heard_within_a_second(
    ours: Process, theirs: Process, clock: FakeClock
) -> None:
    ours.share()
    theirs.share()
    theirs.look(AAPL)
    clock.tick(1)
    theirs.share()
    ours.share()
    assert ours.viewers() == {AAPL: 1}


def test_the_store_is_asked_at_most_once_a_second(
    ours: Process, theirs: Process, clock: FakeClock
) -> None:
    ours.share()
    theirs.look(AAPL)
    theirs.share()
    clock.tick(0.9)
    ours.share()
    assert ours.viewers() == {}
    clock.tick(0.1)
    ours.share()
    assert ours.viewers() == {AAPL: 1}


def test_what_another_process_no_longer_wants_goes(
    ours: Process, theirs: Process, clock: FakeClock
) -> None:
    theirs.look(IBM, AAPL)
    share_for(10, clock, ours, theirs)
    theirs.look(AAPL)
    share_for(10, clock, theirs, ours)
    assert ours.viewers() == {AAPL: 1}


def the_process_ends(process: Process) -> None:
    process.roster.leave()


def its_viewers_leave(process: Process) -> None:
    process.wants.release("one")
    process.clock.tick(1)
    process.share()


def it_is_killed(process: Process) -> None:
    process.store.close()
    process.clock.tick(LAPSE)


def the_machine_is_restarted(process: Process) -> None:
    process.clock.reboot()
    process.clock.tick(5)


@pytest.mark.parametrize(
    "happens", [the_process_ends, its_viewers_leave, it_is_killed, the_machine_is_restarted]
)
def test_another_process_wants_nothing_any_more_when(
    happens: Callable[[Process], None],
    store: DiskStore,
    clock: FakeClock,
    theirs: Process,
) -> None:
    theirs.look(IBM)
    theirs.share()
    happens(theirs)
    late = Process(store, clock, "started late")
    with closing(late.store):
        late.share()
        assert late.viewers() == {}
        assert store.load_documents(PREFIX) == {}


def test_a_dead_process_is_believed_for_fifty_seconds_and_no_longer(
    ours: Process, theirs: Process, clock: FakeClock
) -> None:
    theirs.look(IBM)
    theirs.share()
    share_for(45, clock, ours)
    assert ours.viewers() == {IBM: 1}
    share_for(5, clock, ours)
    assert ours.viewers() == {}


def test_a_living_process_is_believed_for_as_long_as_it_lives(
    ours: Process, theirs: Process, clock: FakeClock
) -> None:
    theirs.look(IBM)
    for _ in range(12):
        share_for(100, clock, theirs, ours)
        assert ours.viewers() == {IBM: 1}


def test_what_is_wanted_is_written_again_only_now_and_then(
    ours: Process, clock: FakeClock, store: DiskStore
) -> None:
    ours.look(IBM)
    ours.share()
    written = store.load_documents(PREFIX)
    share_for(RENEW.total_seconds() - 5, clock, ours)
    assert store.load_documents(PREFIX) == written
    share_for(5, clock, ours)
    assert store.load_documents(PREFIX) != written


@pytest.mark.parametrize("by", [timedelta(hours=25), -timedelta(hours=25)])
def test_setting_the_wall_clock_ends_no_process(
    by: timedelta, ours: Process, theirs: Process, clock: FakeClock
) -> None:
    theirs.look(IBM)
    theirs.share()
    clock.set_wall_clock(by)
    ours.share()
    assert ours.viewers() == {IBM: 1}


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"boot": "first boot", "up": "yesterday", "wants": []},
        {"boot": "first boot", "up": 259_200.0, "wants": [["no such feed", "IBM", 1]]},
        {"boot": "first boot", "up": 259_200.0, "wants": [["quote", "IBM"]]},
        {"boot": "first boot", "up": 259_200.0, "wants": None},
    ],
)
def test_what_cannot_be_understood_is_passed_over(
    content: dict[str, object], ours: Process, theirs: Process, store: DiskStore
) -> None:
    store.save_document(f"{PREFIX}another version", content)
    theirs.look(IBM)
    theirs.share()
    ours.share()
    assert ours.viewers() == {IBM: 1}


# What is looked up in the store once


def look_up(process: Process, *more: Want) -> set[Want]:
    """What had to be looked up."""
    unseen = process.roster.unseen([*process.roster.union(), *more])
    process.roster.saw(unseen)
    return set(unseen)


def test_each_want_is_looked_up_once_while_it_is_wanted(ours: Process) -> None:
    ours.look(IBM, AAPL)
    assert look_up(ours) == {IBM, AAPL}
    assert look_up(ours) == set()


def test_a_want_that_comes_back_is_looked_up_again(ours: Process) -> None:
    ours.look(IBM)
    assert look_up(ours) == {IBM}
    ours.look(AAPL)
    assert look_up(ours) == {AAPL}
    ours.look(IBM, AAPL)
    assert look_up(ours) == {IBM}


def test_what_could_not_be_looked_up_is_looked_up_again(ours: Process) -> None:
    ours.look(IBM)
    assert ours.roster.unseen(ours.roster.union()) == [IBM]
    assert look_up(ours) == {IBM}


def test_the_listing_is_looked_up_once_though_nobody_wants_it_by_itself(ours: Process) -> None:
    assert look_up(ours, LISTING_WANT) == {LISTING_WANT}
    assert look_up(ours, LISTING_WANT) == set()


def test_the_wants_of_the_last_look_are_known(ours: Process) -> None:
    ours.look(IBM)
    assert list(ours.roster.known()) == []
    ours.roster.union()
    assert list(ours.roster.known()) == [IBM]


# What the operator wants

OPERATORS = Watch((Ticker("IBM"), Ticker("KO")))
KO = Want(Feed.QUOTE, Ticker("KO"))


def listing(*tickers: str) -> Listing:
    rows = {Ticker(each): Listed(Ticker(each), each, "NYSE", "Stock") for each in tickers}
    return Listing(rows, utc("2026-11-23T15:00"), "test")


def test_what_the_operator_wants_is_wanted_with_nobody_there(
    store: DiskStore, clock: FakeClock
) -> None:
    roster = Roster(Wants(clock), store, clock, "ours", Standing(OPERATORS, clock))
    since = clock.now()
    clock.tick(500)
    assert roster.union() == {IBM: Wanted(0, since), KO: Wanted(0, since)}


def test_a_viewer_who_leaves_leaves_what_the_operator_wants_and_no_more(
    store: DiskStore, clock: FakeClock
) -> None:
    wants = Wants(clock)
    roster = Roster(wants, store, clock, "ours", Standing(OPERATORS, clock))
    alone = roster.union()
    wants.renew("one", [IBM, AAPL])
    assert {want: each.viewers for want, each in roster.union().items()} == {
        IBM: 1,
        AAPL: 1,
        KO: 0,
    }
    wants.release("one")
    assert roster.union() == alone


def test_everything_is_what_is_listed_and_before_that_the_listing(clock: FakeClock) -> None:
    standing = Standing(Watch(everything=True), clock)
    since = clock.now()
    assert standing.wants(None) == {LISTING_WANT: Wanted(0, since)}
    clock.tick(60)
    assert set(standing.wants(listing("IBM", "KO"))) == {IBM, KO}
    clock.tick(60)
    later = standing.wants(listing("IBM", "AAPL"))
    assert later == {IBM: Wanted(0, since + timedelta(seconds=60)), AAPL: Wanted(0, clock.now())}


def test_while_nothing_changes_the_same_object_is_wanted(
    store: DiskStore, clock: FakeClock
) -> None:
    """Which is how the poller knows that it need not look through thousands."""
    wants = Wants(clock)
    roster = Roster(wants, store, clock, "ours", Standing(OPERATORS, clock))
    wants.renew("one", [AAPL])
    before = roster.union()
    clock.tick(30)
    wants.renew("one", [AAPL])
    roster.share(clock.now())
    assert roster.union() is before
    clock.tick(90)
    assert roster.union() is not before
    assert AAPL not in roster.union()


def test_what_the_operator_wants_is_not_told_to_other_processes(
    theirs: Process, store: DiskStore, clock: FakeClock
) -> None:
    roster = Roster(Wants(clock), store, clock, "ours", Standing(OPERATORS, clock))
    roster.share(clock.now())
    theirs.share()
    assert theirs.viewers() == {}
