"""What does not fit what is known is kept aside, and believed once something else says the same.

Household tests run the real poller against the simulator over HTTP; only their clock jumps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocktracker import encoding
from stocktracker.board import Board, Snapshot
from stocktracker.cache import DiskStore
from stocktracker.config import Hours
from stocktracker.errors import EmptyReply
from stocktracker.fundamentals import Split, Splits
from stocktracker.model import Attempt, Call, Doubt, Feed, Outcome, Quote, Ticker, Want
from stocktracker.plans import PLANS
from stocktracker.polling.budget import Budget
from stocktracker.polling.doubts import (
    Closes,
    closes_of,
    confirmed,
    contradiction,
    heard_again,
    judge,
)
from stocktracker.polling.knowledge import Knowledge
from stocktracker.polling.outcome import Reply, digest
from stocktracker.rows import make_rows
from tests.helpers import FakeClock, daily, quote, utc
from tests.household import Household, household

NOW = utc("2026-11-23T15:00")
MONDAY, FRIDAY = date(2026, 11, 23), date(2026, 11, 20)
IBM = Ticker("IBM")
MINUTE = timedelta(minutes=1)
ALWAYS: Mapping[str, Any] = {"plan": "premium-75", "hours": Hours.ALWAYS}


def heard(price: float, **more: Any) -> Quote:
    figures = {"open": price, "high": price * 1.01, "low": price * 0.99, "previous_close": None}
    return quote("IBM", price, **{"fetched_at": NOW, **figures, **more})


def split(day: date, factor: float) -> Splits:
    return Splits(ticker=IBM, fetched_at=NOW, source="test", rows=(Split(day, factor),))


# --- the judgement --------------------------------------------------------------------------

SHOWN = heard(150.0, trading_day=FRIDAY, previous_close=149.0)
CLOSES = Closes(FRIDAY, 150.0, date(2026, 11, 19), 149.0)


@pytest.mark.parametrize(
    ("fresh", "words"),
    [
        (heard(151.0), None),
        (heard(75.0), None),  # a bad day, and no more
        (heard(1400.0), None),  # below ten times
        (heard(1500.0), "is 10 times the last good price"),
        (heard(15000.0), "is 100 times the last good price"),
        (heard(1.5), "is a 100th of the last good price"),
        (heard(151.0, previous_close=150.0), None),
        (heard(151.0, previous_close=100.0), None),
        (heard(151.0, previous_close=320.0), "comes with a previous close that is 2.133 times"),
        (heard(151.0, high=150.5, low=149.0), None),  # rounded
        (heard(151.0, high=149.0, low=148.0), "is outside of its own day's range"),
        (heard(151.0, high=160.0, low=152.0), "is outside of its own day's range"),
        (heard(151.0, high=150.0, low=152.0), "has a high below its low"),
    ],
)
def test_a_quote_is_held_against_what_is_known(fresh: Quote, words: str | None) -> None:
    found = judge(fresh, SHOWN, CLOSES)
    assert (found or "").startswith(words or "")
    assert (found is None) is (words is None)


@pytest.mark.parametrize(
    ("shown", "price", "shown_on", "fits"),
    [
        (0.02, 0.5, FRIDAY, True),  # a warrant that comes to life
        (0.02, 2.0, FRIDAY, False),  # pence for pounds all the same
        (0.5, 0.02, FRIDAY, True),
        (50.0, 0.5, FRIDAY, False),
        (10.0, 150.0, date(2026, 10, 1), True),  # nobody has asked for weeks
        (10.0, 1000.0, date(2026, 10, 1), False),
    ],
)
def test_what_is_cheap_or_long_unseen_may_go_farther(
    shown: float, price: float, shown_on: date, fits: bool
) -> None:
    assert (judge(heard(price), heard(shown, trading_day=shown_on)) is None) is fits


@pytest.mark.parametrize(
    ("factor", "day", "price", "fits"),
    [
        (10, MONDAY, 15.2, True),
        (0.05, MONDAY, 3010.0, True),  # twenty old shares have become one
        (10, FRIDAY, 15.0, False),  # in the last price already
        (10, MONDAY, 2.0, True),  # a bad day besides
        (2, MONDAY, 1.5, False),  # not by this ratio
        (10, MONDAY, 1.5, False),
    ],
)
def test_a_split_of_that_ratio_explains_a_jump(
    factor: float, day: date, price: float, fits: bool
) -> None:
    assert (judge(heard(price), SHOWN, CLOSES, split(day, factor)) is None) is fits


def test_the_first_quote_of_all_is_believed_unless_it_contradicts_itself() -> None:
    assert judge(heard(15000.0, previous_close=1.0), None) is None
    assert judge(heard(150.0, high=100.0, low=99.0), None) == "is outside of its own day's range"


def test_what_has_been_believed_is_not_doubted_again() -> None:
    """Else a figure that upstream has for all of the day would stop every third price."""
    odd = heard(150.0, high=140.0, low=139.0)
    assert judge(replace(odd, price=150.1), odd) is None
    other = heard(150.0, previous_close=700.0)
    assert judge(heard(150.1, previous_close=700.0), other, CLOSES) is None


def test_a_bar_newer_than_the_quote_is_what_a_price_is_held_against() -> None:
    bars = Closes(FRIDAY, 15.0)
    old = heard(150.0, trading_day=date(2026, 11, 18))
    assert judge(heard(15.1), old, bars) is None
    assert judge(heard(150.0), old, bars) == "is 10 times the last good price"


def test_closes_are_the_last_two_of_the_bars() -> None:
    bars = daily("IBM", {"2026-11-19": 149.0, "2026-11-20": 150.0}, fetched_at=NOW)
    assert closes_of(bars) == CLOSES
    assert closes_of(None) is None


# --- what ends a doubt ----------------------------------------------------------------------


def doubt_after(*answers: tuple[int, float]) -> Doubt:
    """(seconds, price) of doubtful answers in a row."""
    doubt: Doubt | None = None
    for seconds, price in answers:
        at = NOW + timedelta(seconds=seconds)
        doubt = heard_again(doubt, heard(price), "does not fit", at)
    assert doubt is not None
    return doubt


@pytest.mark.parametrize(
    ("answers", "daily_close", "believed"),
    [
        ([(0, 1500)], None, False),
        ([(0, 1500)], 1501.0, False),  # one answer is one answer
        ([(0, 1500), (59, 1500)], 1501.0, False),  # may be from the same cache
        ([(0, 1500), (60, 1500)], 1501.0, True),
        ([(0, 1500), (60, 1500)], 15.0, False),
        ([(0, 1500), (60, 1500)], None, False),
        ([(0, 1500), (60, 1520), (120, 1490)], None, True),  # a moving price
        ([(0, 1500), (20, 1500), (40, 1500)], None, False),
        ([(0, 1500), (60, 15000), (120, 1500)], None, False),
        ([(0, 1500), (60, 15000), (120, 15000), (180, 15000)], None, True),
    ],
)
def test_a_second_call_and_another_kind_of_call_or_three_answers_end_a_doubt(
    answers: list[tuple[int, float]], daily_close: float | None, believed: bool
) -> None:
    assert (confirmed(doubt_after(*answers), daily_close) is not None) is believed


def test_a_doubt_survives_the_store_and_what_was_stored_before_has_none() -> None:
    doubt = doubt_after((0, 1500), (60, 1500))
    attempt = Attempt(NOW, Outcome.SAME, retry_at=NOW + MINUTE, doubt=doubt)
    assert encoding.decode_attempt(encoding.encode_attempt(attempt)) == attempt
    plain = Attempt(NOW, Outcome.NEW)
    assert b"doubt" not in encoding.encode_attempt(plain)
    assert encoding.decode_attempt(encoding.encode_attempt(plain)) == plain


# --- the household: live quotes -------------------------------------------------------------


def attempt_of(house: Household, feed: Feed = Feed.QUOTE) -> Attempt:
    return house.board.read().attempts[Want(feed, IBM)]


def price_of(house: Household) -> float:
    shown = house.board.read_quote(IBM)
    assert shown is not None
    return shown.price


@contextmanager
def showing_a_price(tmp_path: Path) -> Iterator[tuple[Household, float]]:
    """On a live plan, and the price that it shows."""
    with household(tmp_path / "store", "2026-11-23T15:00", **ALWAYS) as house:
        house.watch(IBM)
        house.step()
        yield house, price_of(house)


def look_again(house: Household, after: timedelta = MINUTE) -> None:
    house.clock.tick(after)
    house.watch(IBM)
    house.step()


@pytest.mark.parametrize("fault", ["hundredfold-price", "hundredth-price", "hundredfold-figures"])
def test_a_wrong_magnitude_is_never_shown_and_ends_with_the_next_good_answer(
    fault: str, tmp_path: Path
) -> None:
    with showing_a_price(tmp_path) as (house, good):
        house.simulator.faults.next(fault, 2, function="GLOBAL_QUOTE")
        look_again(house)
        doubt = house.board.read().doubt(IBM)
        assert doubt is not None
        assert price_of(house) == good
        assert not 0.1 < doubt.quote.price / good < 10 or contradiction(doubt.quote)
        look_again(house)
        assert (again := house.board.read().doubt(IBM)) is not None
        assert again.times == 2
        assert price_of(house) == good
        look_again(house, 2 * MINUTE)
        assert house.board.read().doubt(IBM) is None
        assert 0.5 < price_of(house) / good < 2


def test_a_negative_price_is_a_failure_and_no_price(tmp_path: Path) -> None:
    with showing_a_price(tmp_path) as (house, good):
        house.simulator.faults.next("negative-price", function="GLOBAL_QUOTE")
        look_again(house)
        assert attempt_of(house).outcome is Outcome.FAILED
        assert price_of(house) == good


def test_a_jump_that_stays_is_believed_after_three_answers_and_no_sooner(tmp_path: Path) -> None:
    with showing_a_price(tmp_path) as (house, good):
        house.simulator.faults.always("hundredfold-figures", function="GLOBAL_QUOTE")
        shown = []
        for _ in range(5):
            look_again(house)
            shown.append(price_of(house) > 50 * good)
        # Looked for after one minute and after two more.
        assert shown == [False, False, False, True, True]
        assert house.board.read().doubt(IBM) is None


def test_a_doubt_outlives_a_restart(tmp_path: Path) -> None:
    with showing_a_price(tmp_path) as (house, good):
        house.simulator.faults.next("hundredfold-figures", function="GLOBAL_QUOTE")
        look_again(house)
        house.clock.tick(MINUTE / 2)
        house.poller.step()
        doubt = house.board.read().doubt(IBM)
    with household(tmp_path / "store", "2026-11-23T15:01:31", **ALWAYS) as house:
        house.watch(IBM)
        house.poller.step()
        assert house.asked == () or house.asked[-1].function != "GLOBAL_QUOTE"
        assert house.board.read().doubt(IBM) == doubt
        assert doubt is not None
        assert price_of(house) == good


def test_a_failure_does_not_make_a_doubtful_price_forgotten(tmp_path: Path) -> None:
    with showing_a_price(tmp_path) as (house, _):
        house.simulator.faults.next("hundredfold-figures", function="GLOBAL_QUOTE")
        look_again(house)
        doubt = house.board.read().doubt(IBM)
        house.simulator.faults.next("html", function="GLOBAL_QUOTE")
        look_again(house)
        assert attempt_of(house).outcome is Outcome.FAILED
        assert house.board.read().doubt(IBM) == doubt != None  # noqa: E711


def test_a_row_has_the_good_price_and_the_doubtful_one_beside_it(tmp_path: Path) -> None:
    with showing_a_price(tmp_path) as (house, good):
        house.simulator.faults.next("hundredfold-figures", function="GLOBAL_QUOTE")
        look_again(house)
        row = make_rows(
            house.board.read(),
            [IBM],
            house.clock.now(),
            turn=MINUTE,
            always=True,
            is_open=lambda _: True,
        )[0]
        assert row.quote is not None
        assert row.doubt is not None
        assert row.quote.price == good
        assert row.doubt.quote.price > 50 * good
        assert row.trouble is None


# --- the household: closes of the day -------------------------------------------------------


def have_all_asked(house: Household) -> None:
    """A free key has one call a second."""
    for _ in range(4):
        look_again(house, timedelta(seconds=2))


def closes_shown(house: Household) -> list[float]:
    bars = house.board.read().bars[Want(Feed.DAILY, IBM)]
    return [float(close) for close in bars.frame["close"]]


def test_a_close_of_another_magnitude_is_kept_out_of_the_bars(tmp_path: Path) -> None:
    with household(tmp_path / "store", "2026-11-23T15:00") as house:
        have_all_asked(house)
        good, before = price_of(house), closes_shown(house)
        house.clock.tick_to(utc("2026-11-24T03:30"))
        house.simulator.faults.next("hundredfold-figures", function="TIME_SERIES_DAILY", ticker=IBM)
        have_all_asked(house)
        doubt = house.board.read().doubt(IBM)
        assert doubt is not None
        assert doubt.quote.trading_day == MONDAY
        assert price_of(house) == good
        assert closes_shown(house) == before
        # It may be a split, and that costs one call.
        assert [call.function for call in house.asked].count("SPLITS") == 1
        look_again(house, timedelta(hours=1))
        assert house.board.read().doubt(IBM) is None
        assert len(closes_shown(house)) == len(before) + 1
        assert 0.5 < price_of(house) / good < 2
        assert [call.function for call in house.asked].count("SPLITS") == 1


def test_a_close_that_stays_doubtful_costs_few_calls(tmp_path: Path) -> None:
    """One after an hour, one after two more; then three have said the same."""
    with household(tmp_path / "store", "2026-11-23T15:00") as house:
        house.watch(IBM)
        house.step()
        good = price_of(house)
        house.clock.tick_to(utc("2026-11-24T03:30"))
        house.simulator.faults.always("hundredfold-figures", function="TIME_SERIES_DAILY")
        asked = len(house.asked)
        while house.clock.now() < utc("2026-11-24T12:00"):
            look_again(house, timedelta(minutes=30))
        daily_calls = [call for call in house.asked[asked:] if call.function != "LISTING_STATUS"]
        assert [call.function for call in daily_calls].count("TIME_SERIES_DAILY") == 3
        assert price_of(house) > 50 * good


# --- splits, and calls of two kinds, by replies alone --------------------------------------


class Desk:
    """Takes in replies as the poller does, on a given plan."""

    def __init__(self, folder: Path, plan: str) -> None:
        chosen = PLANS[plan]
        self.clock = FakeClock("2026-11-23T22:00")
        self.board = Board()
        self.knowledge = Knowledge(
            chosen, chosen.liveness, refresh=timedelta(seconds=20), always=False
        )
        self.budget = Budget(DiskStore(folder), chosen.limits, self.clock)

    def hear(self, feed: Feed, result: Any, *, after: timedelta = MINUTE) -> Snapshot:
        self.clock.tick(after)
        call = Call(feed, (IBM,))
        reply = Reply(call, self.clock.uptime().elapsed, self.clock.now(), result)
        self.board.publish(digest(reply, self.board.read(), self.knowledge, self.budget))
        return self.board.read()

    def hear_closes(self, closes: dict[str, float], **more: Any) -> Snapshot:
        bars = daily("IBM", closes, fetched_at=self.clock.now())
        close = bars.frame["close"]
        frame = bars.frame.assign(high=close * 1.01, low=close * 0.99)
        return self.hear(Feed.DAILY, replace(bars, frame=frame), **more)

    def hear_price(self, price: float, **more: Any) -> Snapshot:
        fresh = heard(price, as_of=self.clock.now(), fetched_at=self.clock.now())
        return self.hear(Feed.QUOTE, [fresh], **more)

    def closes(self) -> list[float]:
        frame = self.board.read().bars[Want(Feed.DAILY, IBM)].frame
        return [float(close) for close in frame["close"]]


OLD = {"2026-11-19": 149.0, "2026-11-20": 150.0}


def test_a_split_lets_the_bar_in_that_was_kept_aside_for_no_further_call(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "store", "free")
    desk.hear_closes(OLD)
    after = desk.hear_closes({**OLD, "2026-11-23": 14.9})
    assert after.doubt(IBM) is not None
    assert after.quotes[IBM].price == 150.0
    after = desk.hear(Feed.SPLITS, split(MONDAY, 10))
    assert after.doubt(IBM) is None
    assert (after.quotes[IBM].price, after.quotes[IBM].previous_close) == (14.9, 15.0)
    assert desk.closes() == [149.0, 150.0, 14.9]


def test_other_splits_do_not_let_it_in(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "store", "free")
    desk.hear_closes(OLD)
    desk.hear_closes({**OLD, "2026-11-23": 1.51})
    after = desk.hear(Feed.SPLITS, split(MONDAY, 2))
    assert after.doubt(IBM) is not None
    assert desk.closes() == [149.0, 150.0]


def test_a_history_of_another_magnitude_changes_nothing_that_is_stored(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "store", "free")
    desk.hear_closes(OLD)
    after = desk.hear_closes({day: 100 * close for day, close in OLD.items()} | {"2026-11-23": 1.0})
    assert desk.closes() == [149.0, 150.0]
    doubt = after.doubt(IBM)
    assert doubt is not None
    assert doubt.words == "comes with closes of earlier days that are not the stored ones"


def test_a_wrong_newest_bar_does_not_keep_corrections_of_others_out(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "store", "free")
    desk.hear_closes(OLD)
    desk.hear_closes(
        {"2026-11-18": 148.0, "2026-11-19": 149.5, "2026-11-20": 150.0} | {"2026-11-23": 15200.0}
    )
    assert desk.closes() == [148.0, 149.5, 150.0]


def test_two_kinds_of_calls_that_agree_are_enough(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "store", "premium-75")
    desk.hear_closes(OLD)
    desk.hear_price(151.0)
    assert desk.hear_price(1510.0).doubt(IBM) is not None
    # The bar of that day says the same, and is one answer of its own kind.
    assert desk.hear_closes({**OLD, "2026-11-23": 1512.0}).quotes[IBM].price == 151.0
    after = desk.hear_price(1511.0)
    assert after.quotes[IBM].price == 1511.0
    assert after.doubt(IBM) is None
    # And a bar that says what is shown is none to doubt.
    desk.hear_closes({**OLD, "2026-11-23": 1512.0})
    assert desk.closes() == [149.0, 150.0, 1512.0]


def test_the_next_good_answer_ends_a_doubt(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "store", "premium-75")
    desk.hear_price(151.0)
    assert desk.hear_price(15100.0).doubt(IBM) is not None
    after = desk.hear_price(151.2)
    assert after.doubt(IBM) is None
    assert after.quotes[IBM].price == 151.2


def test_one_doubtful_quote_of_a_bulk_reply_leaves_the_others_good(tmp_path: Path) -> None:
    with household(
        tmp_path / "store", "2026-11-23T15:00", plan="premium-150", hours=Hours.ALWAYS
    ) as house:
        three = [IBM, Ticker("KO"), Ticker("MSFT")]
        house.watch(*three)
        house.step()
        good = {ticker: house.board.read().quotes[ticker].price for ticker in three}
        house.simulator.faults.next("hundredfold-figures", function="REALTIME_BULK_QUOTES")
        house.clock.tick(MINUTE)
        house.watch(*three)
        house.step()
        board = house.board.read()
        doubted = [ticker for ticker in three if board.doubt(ticker) is not None]
        assert len(doubted) == 1
        assert all(0.5 < board.quotes[ticker].price / good[ticker] < 2 for ticker in three)


# --- properties -----------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from([0.001, 0.01, 1.0, 10.0, 100.0]), st.integers(1, 200)), max_size=30
)


@given(STEPS)
def test_nothing_doubtful_is_shown_without_three_answers_that_agree(
    steps: list[tuple[float, int]],
) -> None:
    """The rules alone, as the poller applies them; a shown price changes its magnitude only after
    three of the newest answers named it, over two minutes and more."""
    shown, doubt, at = heard(150.0), None, NOW
    answers: list[tuple[float, timedelta]] = []
    for factor, seconds in steps:
        at += timedelta(seconds=seconds)
        fresh = replace(heard(150.0 * factor), fetched_at=at, as_of=at)
        answers.append((fresh.price, at - NOW))
        words = judge(fresh, shown)
        doubt = None if words is None else heard_again(doubt, fresh, words, at)
        if doubt is not None and confirmed(doubt) is None:
            continue
        if not 0.1 < fresh.price / shown.price < 10:
            run = answers
            same = 0
            for price, _ in reversed(run):
                if price != fresh.price:
                    break
                same += 1
            assert same >= 3
            assert run[-1][1] - run[-same][1] >= 2 * MINUTE
        shown, doubt = fresh, None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["quote", "bars", "failure"]),
            st.sampled_from([0.01, 1.0, 100.0]),
            st.integers(20, 400),
        ),
        max_size=15,
    )
)
def test_replies_of_two_kinds_in_any_order_never_show_a_price_that_came_once(
    tmp_path_factory: pytest.TempPathFactory, replies: list[tuple[str, float, int]]
) -> None:
    """Through digest and board, as the poller has it: what is shown is of the magnitude before, or
    of one that at least two answers have named."""
    desk = Desk(tmp_path_factory.mktemp("store") / "store", "premium-75")
    desk.hear_closes(OLD)
    desk.hear_price(150.0)
    named: list[float] = []
    magnitude = 1.0
    for kind, factor, seconds in replies:
        after = timedelta(seconds=seconds)
        price = 150.0 * factor
        if kind == "failure":
            shown = desk.hear(Feed.QUOTE, EmptyReply("IBM"), after=after).quotes[IBM]
        elif kind == "quote":
            named.append(factor)
            shown = desk.hear_price(price, after=after).quotes[IBM]
        else:
            named.append(factor)
            shown = desk.hear_closes({**OLD, "2026-11-23": price}, after=after).quotes[IBM]
        now_shown = shown.price / 150.0
        if now_shown != magnitude:
            assert named.count(now_shown) >= 2
            magnitude = now_shown
