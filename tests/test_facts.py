"""What is asked besides prices: how often, after a jump that looks like a split, with what effect.

On the free plan the newest close is that of Monday 23 November 2026; on that day the price fell to
a quarter.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stocktracker.board import Board, Snapshot
from stocktracker.cache import DiskStore
from stocktracker.errors import EmptyReply, FetchError, Unreachable
from stocktracker.fundamentals import KINDS
from stocktracker.model import (
    Attempt,
    Bars,
    Call,
    Facts,
    Feed,
    Fetched,
    Outcome,
    Record,
    Ticker,
    Want,
)
from stocktracker.plans import DAY, PLANS, Rights
from stocktracker.polling.agenda import needed
from stocktracker.polling.budget import Budget
from stocktracker.polling.due import FACTS_AGAIN, Known, turn_of
from stocktracker.polling.knowledge import Knowledge
from stocktracker.polling.outcome import Reply, digest
from stocktracker.polling.wants import Wanted
from tests.helpers import FakeClock, daily, quote, splits, utc

IBM = Ticker("IBM")
CLOSES = {"2026-11-19": 398.0, "2026-11-20": 400.0, "2026-11-23": 101.0}
TUESDAY = utc("2026-11-24T09:00")
FREE, PAID = PLANS["free"], PLANS["premium-150"]


def with_opens(bars: Bars) -> Bars:
    """As upstream has them: the open of a day is where the day began, not its close."""
    bars.frame["open"] = bars.frame["close"]
    return bars


def board_with(*records: Record) -> Board:
    board = Board()
    board.publish(records)
    return board


def known(board: Board, **more: Any) -> Known:
    plan = more.pop("plan", FREE)
    usual: dict[str, Any] = {
        "now": TUESDAY,
        "board": board.read(),
        "rights": Rights(plan, plan.liveness, {}),
        "refresh": timedelta(seconds=20),
        "always": False,
        "publications": {},
        "may_explore": True,
        "counted": plan is FREE,
    }
    return Known(**{**usual, **more})


def fallen() -> Record:
    bars = with_opens(daily("IBM", CLOSES, fetched_at=TUESDAY))
    return Record(Feed.DAILY, IBM, bars, Attempt(TUESDAY, Outcome.NEW))


def asked(feed: Feed, at: str, data: Facts | None = None) -> Record:
    return Record(feed, IBM, data, Attempt(utc(at), Outcome.NEW))


# How often


def test_every_kind_of_facts_has_its_pace() -> None:
    assert FACTS_AGAIN.keys() == KINDS.keys()


@pytest.mark.parametrize("feed", sorted(FACTS_AGAIN.keys() - {Feed.MOVERS}))
@pytest.mark.parametrize(("plan", "place"), [(FREE, 0), (PAID, 1)], ids=["counted", "not counted"])
def test_facts_are_asked_at_once_and_then_after_their_time(
    feed: Feed, plan: Any, place: int
) -> None:
    want, wanted = Want(feed, IBM), Wanted(1, TUESDAY)
    first = turn_of(want, wanted, known(Board(), plan=plan), timedelta(0))
    assert first.at == TUESDAY
    assert not first.first  # a price goes before it
    board = board_with(asked(feed, "2026-11-24T08:00"))
    later = turn_of(want, wanted, known(board, plan=plan), timedelta(0))
    assert later.at == utc("2026-11-24T08:00") + FACTS_AGAIN[feed][place]


@pytest.mark.parametrize(
    ("last", "due"),
    [
        # Six hours after Monday's close, at 21:00, nobody has looked since.
        ("2026-11-23T20:00", "2026-11-24T03:00"),
        ("2026-11-24T04:00", "2026-11-25T03:00"),
    ],
)
def test_movers_of_an_end_of_day_plan_are_asked_once_after_each_close(last: str, due: str) -> None:
    board = board_with(asked(Feed.MOVERS, last))
    turn = turn_of(Want(Feed.MOVERS, IBM), Wanted(1, utc(last)), known(board), timedelta(0))
    assert turn.at == utc(due)


def test_movers_of_a_live_plan_rest_while_the_market_does() -> None:
    board = board_with(asked(Feed.MOVERS, "2026-11-23T21:30"))
    turn = turn_of(
        Want(Feed.MOVERS, IBM), Wanted(1, TUESDAY), known(board, plan=PAID), timedelta(0)
    )
    assert turn.at is not None
    assert turn.at > utc("2026-11-24T14:30")


# A jump


def test_a_jump_like_a_split_asks_for_splits_though_nobody_looks_at_them() -> None:
    wants = {Want(Feed.QUOTE, IBM): Wanted(1, TUESDAY)}
    assert Want(Feed.SPLITS, IBM) in needed(wants, known(board_with(fallen())))


@pytest.mark.parametrize(
    "answered",
    [
        splits("IBM", {"2026-11-23": 4.0}, fetched_at=utc("2026-11-01T00:00")),
        None,
    ],
    ids=["the split is known", "asked the day after"],
)
def test_a_jump_that_is_explained_or_was_asked_about_asks_no_more(answered: Facts | None) -> None:
    board = board_with(fallen(), asked(Feed.SPLITS, "2026-11-24T08:00", answered))
    wants = {Want(Feed.QUOTE, IBM): Wanted(1, TUESDAY)}
    assert Want(Feed.SPLITS, IBM) not in needed(wants, known(board))


def test_a_split_that_upstream_did_not_know_that_day_is_asked_for_again_half_a_day_later() -> None:
    board = board_with(fallen(), asked(Feed.SPLITS, "2026-11-23T22:00"))
    turn = turn_of(Want(Feed.SPLITS, IBM), Wanted(1, TUESDAY), known(board), timedelta(0))
    assert turn.at == utc("2026-11-24T10:00")


# What a reply means


class Desk:
    """Takes in replies as the poller does."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock("2026-11-24T09:00")
        self.board = Board()
        self.knowledge = Knowledge(FREE, FREE.liveness, refresh=timedelta(seconds=20), always=False)
        self.budget = Budget(DiskStore(folder), FREE.limits, self.clock)

    def take_in(self, feed: Feed, result: Fetched | FetchError) -> Snapshot:
        call = Call(feed, (IBM,))
        reply = Reply(call, self.clock.uptime().elapsed, self.clock.now(), result)
        self.board.publish(digest(reply, self.board.read(), self.knowledge, self.budget))
        return self.board.read()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "store")


def test_after_a_jump_there_is_no_change_until_splits_were_asked(desk: Desk) -> None:
    shown = desk.take_in(Feed.DAILY, with_opens(daily("IBM", CLOSES, fetched_at=TUESDAY)))
    assert shown.quotes[IBM].price == 101.0
    assert shown.quotes[IBM].change_percent is None


def test_after_a_split_the_change_is_against_the_price_of_a_new_share(desk: Desk) -> None:
    desk.take_in(Feed.DAILY, with_opens(daily("IBM", CLOSES, fetched_at=TUESDAY)))
    shown = desk.take_in(
        Feed.SPLITS, splits("IBM", {"2026-11-23": 4.0}, fetched_at=desk.clock.now())
    )
    assert shown.quotes[IBM].previous_close == 100.0
    assert shown.quotes[IBM].change_percent == pytest.approx(1.0)


def test_a_fall_that_was_no_split_is_shown_as_one_once_that_is_known(desk: Desk) -> None:
    desk.take_in(Feed.DAILY, with_opens(daily("IBM", CLOSES, fetched_at=TUESDAY)))
    shown = desk.take_in(Feed.SPLITS, splits("IBM", {}, fetched_at=desk.clock.now()))
    assert shown.quotes[IBM].change_percent == pytest.approx(-74.75)


def test_the_same_facts_again_are_no_news_and_keep_their_version(desk: Desk) -> None:
    first = splits("IBM", {"2020-01-02": 2.0}, fetched_at=desk.clock.now())
    desk.take_in(Feed.SPLITS, first)
    desk.clock.tick(DAY)
    shown = desk.take_in(
        Feed.SPLITS, splits("IBM", {"2020-01-02": 2.0}, fetched_at=desk.clock.now())
    )
    assert shown.facts[Want(Feed.SPLITS, IBM)] is first
    assert shown.attempts[Want(Feed.SPLITS, IBM)].outcome is Outcome.SAME
    assert shown.attempts[Want(Feed.SPLITS, IBM)].at == desk.clock.now()


def test_an_etf_without_earnings_is_not_asked_again_that_day(desk: Desk) -> None:
    shown = desk.take_in(Feed.EARNINGS, EmptyReply("IBM"))
    assert shown.attempts[Want(Feed.EARNINGS, IBM)].retry_at == desk.clock.now() + DAY


def test_facts_that_could_not_be_fetched_leave_those_that_are_there(desk: Desk) -> None:
    desk.take_in(Feed.SPLITS, splits("IBM", {"2020-01-02": 2.0}, fetched_at=desk.clock.now()))
    shown = desk.take_in(Feed.SPLITS, Unreachable("IBM"))
    assert shown.facts[Want(Feed.SPLITS, IBM)] == splits(
        "IBM", {"2020-01-02": 2.0}, fetched_at=desk.clock.now()
    )
    assert shown.attempts[Want(Feed.SPLITS, IBM)].outcome is Outcome.FAILED


def test_a_quote_is_no_fact_and_a_fact_no_bars() -> None:
    board = board_with(
        Record(Feed.QUOTE, IBM, quote("IBM", 1.0, fetched_at=TUESDAY), None),
        Record(Feed.SPLITS, IBM, splits("IBM", {}, fetched_at=TUESDAY), None),
    )
    assert board.read_facts(Feed.QUOTE, IBM) is None
    assert board.read_bars(Feed.SPLITS, IBM) is None
    assert isinstance(board.read().data(Want(Feed.SPLITS, IBM)), Facts)
