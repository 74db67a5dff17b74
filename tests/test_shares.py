"""Guard rails of a shared server: an allow list, how many tickers in all, a viewer's share."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocktracker.board import Snapshot
from stocktracker.config import load_settings
from stocktracker.errors import SettingsError
from stocktracker.markets import calendar
from stocktracker.model import LISTING_WANT, Feed, Ticker, Want
from stocktracker.plans import DAY
from stocktracker.polling.shares import (
    NO_SHARE,
    NOT_ALLOWED,
    TOO_MANY,
    First,
    Followed,
    Rules,
    Shares,
    first_calls,
    follow,
    share_of,
)
from stocktracker.polling.wants import Wanted, mark_of
from tests.helpers import utc
from tests.household import household
from tests.server import Session, simulating, starting_apps, until

NOW = utc("2026-11-23T15:00")
FREE = Rules(most=22, a_day=25)
KO, IBM, AAPL = Ticker("KO"), Ticker("IBM"), Ticker("AAPL")


def names(count: int, prefix: str = "T") -> list[Ticker]:
    return [Ticker(f"{prefix}{number:03}") for number in range(count)]


def wanted(*tickers: Ticker, who: str = "a", since: datetime = NOW) -> dict[Want, Wanted]:
    return {Want(Feed.QUOTE, ticker): Wanted(1, since, (who,)) for ticker in tickers}


def followed(
    wants: Mapping[Want, Wanted],
    rules: Rules = FREE,
    *,
    known: tuple[Ticker, ...] = (),
    operators: tuple[Ticker, ...] = (),
    firsts: Mapping[Ticker, First] | None = None,
    now: datetime = NOW,
) -> Followed:
    return follow(
        wants,
        rules,
        operators=operators,
        is_known=lambda ticker: ticker in known,
        firsts=firsts or {},
        now=now,
    )


# --- the rules ------------------------------------------------------------------------------


def test_without_rules_everything_is_followed() -> None:
    wants = wanted(*names(500))
    assert followed(wants, Rules()).wants is wants


def test_what_is_not_allowed_is_not_followed_and_the_market_is_everybodys() -> None:
    wants = {**wanted(KO, IBM), LISTING_WANT: Wanted(0, NOW)}
    found = followed(wants, Rules(allow=frozenset([KO])))
    assert {want.ticker for want in found.wants} == {KO, "*"}
    assert found.held == {IBM: NOT_ALLOWED}


def test_those_who_came_first_stay_when_there_are_too_many() -> None:
    wants = wanted(KO) | wanted(AAPL, since=NOW - DAY) | wanted(IBM, since=NOW + DAY)
    assert followed(wants, Rules(most=2)).held == {IBM: TOO_MANY}
    # What is known already goes before what is new, also after a restart, when all come at once.
    assert followed(wants, Rules(most=2), known=(IBM,)).held == {KO: TOO_MANY}


@pytest.mark.parametrize(
    ("a_day", "closes", "left", "share"),
    [(25, 0, 22, 11), (25, 2, 20, 10), (25, 15, 7, 5), (25, 20, 2, 2), (25, 30, 0, 0)],
)
def test_a_share_is_half_of_what_the_closes_leave_over_and_five_where_there_are(
    a_day: int, closes: int, left: int, share: int
) -> None:
    assert first_calls(a_day, closes) == left
    assert share_of(left) == share


def test_a_viewer_has_a_share_of_first_calls_and_the_rest_waits() -> None:
    found = followed(wanted(*names(20)))
    assert len(found.firsts) == 11
    assert set(found.held.values()) == {NO_SHARE}
    assert len(found.held) == 9


def test_two_viewers_have_two_shares_and_never_more_than_is_left_over() -> None:
    three = (
        wanted(*names(20, "A"), who="a")
        | wanted(*names(20, "B"), who="b")
        | wanted(*names(20, "C"), who="c")
    )
    found = followed(three, Rules(most=500, a_day=25))
    assert len(found.firsts) == 22
    assert sorted({first.who for first in found.firsts.values()}) == ["a", "b"]


def test_what_is_known_and_what_the_operator_watches_costs_no_share() -> None:
    old, ours = tuple(names(9, "K")), tuple(names(4, "W"))
    found = followed(wanted(*old, *ours, *names(9)), known=old, operators=ours)
    assert len(found.firsts) == share_of(first_calls(25, 13)) == 5
    assert len(found.held) == 4


def test_a_share_comes_back_a_day_later_and_a_first_call_is_granted_once() -> None:
    wants = wanted(*names(20))
    first = followed(wants)
    again = followed(wants, firsts=first.firsts, now=NOW + DAY - timedelta(seconds=1))
    assert again.firsts == first.firsts
    later = followed(wants, known=tuple(first.firsts), firsts=first.firsts, now=NOW + DAY)
    assert len(later.firsts) == share_of(first_calls(25, 11))
    assert not later.firsts.keys() & first.firsts.keys()


def test_one_address_is_one_viewer_and_an_ipv6_household_is_one_address() -> None:
    assert mark_of("192.0.2.7") != mark_of("192.0.2.8")
    assert mark_of("2001:db8::1") == mark_of("2001:db8::ffff:2")
    assert mark_of("2001:db8::1") != mark_of("2001:db8:0:1::1")
    assert mark_of(None) == mark_of("::1")
    assert mark_of("nonsense") == "unknown"
    assert "192" not in mark_of("192.0.2.7")


def test_shares_outlive_a_restart_and_a_damaged_note_of_them_is_none() -> None:
    shares = Shares(FREE)
    shares.follow(wanted(*names(20)), (), Snapshot(), NOW)
    document = shares.changed_document()
    assert document is not None
    assert len(document) == 11
    restarted = Shares(FREE)
    restarted.load(document)
    restarted.follow(wanted(*names(20, "U")), (), Snapshot(), NOW + timedelta(hours=1))
    assert len(restarted.held) == 20
    for damaged in ({"T": 1}, {"T": ["a", "no time"]}, {"T": [1]}, None):
        restarted.load(damaged)


def test_the_same_wants_are_followed_as_the_same_object() -> None:
    """As the agenda tells by it that nothing has changed."""
    shares, wants = Shares(FREE), wanted(*names(20))
    one = shares.follow(wants, (), Snapshot(), NOW)
    assert shares.follow(wants, (), Snapshot(), NOW + timedelta(hours=1)) is one
    assert len(shares.follow(wants, (), Snapshot(), NOW + DAY)) > 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(1, 30)), max_size=25))
def test_no_day_grants_more_first_calls_than_a_share_to_anybody(
    visits: list[tuple[int, int, int]],
) -> None:
    """(viewer, first ticker, hours since the visit before); ten tickers each."""
    firsts: Mapping[Ticker, First] = {}
    granted: list[tuple[str, datetime]] = []
    now = NOW
    for viewer, start, hours in visits:
        now += timedelta(hours=hours)
        tickers = names(60)[start : start + 10]
        before = firsts
        found = followed(wanted(*tickers, who=f"v{viewer}"), firsts=firsts, now=now)
        firsts = found.firsts
        granted += [
            (first.who, first.at) for ticker, first in firsts.items() if ticker not in before
        ]
        day = [who for who, at in granted if now - at < DAY]
        assert len(day) <= first_calls(25, 0)
        assert all(day.count(who) <= share_of(first_calls(25, 0)) for who in day)


# --- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "most"),
    [
        ({"ALPHAVANTAGE_API_KEY": "K"}, 22),
        ({"ALPHAVANTAGE_API_KEY": "K", "STOCKTRACKER_LIMITS": "5/minute,500/day"}, 497),
        ({"ALPHAVANTAGE_API_KEY": "K", "STOCKTRACKER_PLAN": "premium-75"}, 4500),
        ({}, 20_000),
        ({"STOCKTRACKER_MAX_WATCHED": "7"}, 7),
    ],
)
def test_as_many_tickers_are_followed_as_the_plan_keeps_up_to_date(
    values: dict[str, str], most: int
) -> None:
    assert load_settings(values, Path("no secrets here")).max_watched == most


def test_an_allow_list_lets_its_tickers_and_the_operators_be_chosen() -> None:
    values = {"STOCKTRACKER_ALLOW": "ko, ibm", "STOCKTRACKER_WATCH": "AAPL"}
    chosen = load_settings(values, Path("no secrets here"))
    assert [chosen.follows(each) for each in (KO, IBM, AAPL, Ticker("X"))] == [
        True,
        True,
        True,
        False,
    ]
    with pytest.raises(SettingsError, match="STOCKTRACKER_ALLOW"):
        load_settings({"STOCKTRACKER_ALLOW": "KO,<b>"}, Path("no secrets here"))


# --- floods ---------------------------------------------------------------------------------


def test_a_flood_does_not_cost_others_their_closes(tmp_path: Path) -> None:
    """A week in which fifty sessions of one address want 500 other new tickers every hour."""
    mine = [KO, IBM, AAPL]
    with household(tmp_path / "store", "2026-11-23T15:00", guard=FREE) as house:
        house.live_until(utc("2026-11-23T16:00"), mine)
        end, number = utc("2026-11-28T15:00"), 0
        opens = calendar().next_session(house.clock.now()).open
        while house.clock.now() < end:
            number += 1
            for session in range(50):
                house.watch(
                    *names(10, f"X{number % 7}{session:02}"),
                    viewer=f"s{session}",
                    address="192.0.2.7",
                )
            house.watch(*mine, feeds=(Feed.QUOTE, Feed.DAILY))
            again = house.poller.step()
            house.clock.tick_to(
                min(again or end, opens, end, house.clock.now() + timedelta(hours=1))
            )
            if house.clock.now() >= opens:
                house._look_at(opens, mine)
                opens = calendar().next_session(house.clock.now()).open
        assert house.late == []
        calls = [call for call in house.asked if call.refused is None]
        assert len(calls) == len(house.asked)
        for call in calls:
            day = [each for each in calls if call.at <= each.at < call.at + DAY]
            strangers = {
                ticker for each in day for ticker in each.tickers if ticker.startswith("X")
            }
            assert len(strangers) <= 22


def test_an_unknown_ticker_costs_everybody_together_one_call_a_day(tmp_path: Path) -> None:
    with household(tmp_path / "store", "2026-11-23T15:00", guard=FREE) as house:
        for _ in range(47):
            for viewer in range(5):
                house.watch(
                    Ticker("NOSUCH"),
                    viewer=f"v{viewer}",
                    feeds=(Feed.QUOTE, Feed.DAILY),
                    address=f"192.0.2.{viewer}",
                )
            house.step()
            house.clock.tick(timedelta(hours=1))
        assert sum("NOSUCH" in call.tickers for call in house.asked) == 2


def test_fifty_sessions_with_links_of_500_tickers_stay_within_one_share(tmp_path: Path) -> None:
    """Over the raw websocket, on the free plan; what others watch stays as it is."""
    with ExitStack() as opening:
        upstream = opening.enter_context(simulating("free"))
        start = opening.enter_context(starting_apps(tmp_path))
        app = start(**{**upstream.settings, "STOCKTRACKER_WATCH": "KO,IBM"})
        until(lambda: app.price("KO") and app.price("IBM"), within=30)
        ours = {"KO", "IBM"}

        def flood(number: int) -> Session:
            query = "&".join(f"tickers={each}" for each in names(500, f"Z{number:02}"))
            return Session(app, query, keep=False)

        with ThreadPoolExecutor(4) as pool:
            for session in pool.map(flood, range(50)):
                opening.enter_context(session)

        def strangers() -> set[Any]:
            return {each for call in upstream.calls for each in call.tickers} - ours

        def beat() -> datetime:
            return datetime.fromisoformat(app.health()["poller"]["heartbeat"])

        share = share_of(first_calls(25, 2))
        until(lambda: len(strangers()) >= share, within=60)
        # Were there more to come, they would: a free key has a call every 1.25 seconds.
        last = len(upstream.calls)
        seen = beat()
        until(lambda: beat() - seen > timedelta(seconds=4), within=30)
        with Session(app, "tickers=KO") as mine:
            for _ in range(5):
                mine.tick()
        assert len(strangers()) == share == 10
        assert len(upstream.calls) - last <= 1  # the listing, if it had not come
        assert app.left_today() >= 25 - 2 - 1 - share
        assert app.price("KO") is not None
