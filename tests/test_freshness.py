"""What an age means, by plan, hour and weekday; and the rows that viewers see.

In winter New York trades from 14:30 to 21:00 UTC; Thursday 26 November 2026 is a holiday, and on
Friday 27 it closes at 18:00.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from stocktracker.board import Board
from stocktracker.freshness import freshness
from stocktracker.model import (
    LISTING_WANT,
    Attempt,
    Feed,
    Freshness,
    Listed,
    Listing,
    Outcome,
    Quote,
    Record,
    Ticker,
    Want,
)
from stocktracker.plans import Liveness
from stocktracker.polling.schedule import Due
from stocktracker.rows import SPARKLINE, Row, make_rows
from tests.helpers import daily, quote, utc

LIVE, DELAYED, END_OF_DAY, STALE = (
    Freshness.LIVE,
    Freshness.DELAYED,
    Freshness.END_OF_DAY,
    Freshness.STALE,
)
TURN = timedelta(seconds=20)
IBM = Ticker("IBM")


def test_what_was_never_got_is_missing() -> None:
    assert freshness(None, utc("2026-11-23T15:00"), TURN, always=False) is Freshness.MISSING


@pytest.mark.parametrize(
    ("liveness", "age", "turn", "expected"),
    [
        (Liveness.REALTIME, 0, 20, LIVE),
        (Liveness.REALTIME, 100, 20, LIVE),
        (Liveness.REALTIME, 101, 20, STALE),
        (Liveness.REALTIME, 1260, 600, LIVE),
        (Liveness.REALTIME, 1261, 600, STALE),
        (Liveness.DELAYED, 100, 20, DELAYED),
        (Liveness.DELAYED, 101, 20, STALE),
    ],
)
@pytest.mark.parametrize("always", [False, True])
def test_in_session_a_live_quote_is_stale_after_two_rounds_and_a_minute(
    liveness: Liveness, age: float, turn: float, always: bool, expected: Freshness
) -> None:
    now = utc("2026-11-23T17:00")
    got = quote("IBM", 1.0, fetched_at=now - timedelta(seconds=age), liveness=liveness)
    assert freshness(got, now, timedelta(seconds=turn), always=always) is expected


REAL, LATE = Liveness.REALTIME, Liveness.DELAYED


@pytest.mark.parametrize(
    ("liveness", "ticker", "got", "now", "expected"),
    [
        # the close
        (REAL, "IBM", "2026-11-23T20:59:50", "2026-11-23T20:59:59", LIVE),
        (REAL, "IBM", "2026-11-23T20:59:50", "2026-11-23T21:00:30", LIVE),
        (REAL, "IBM", "2026-11-23T20:59:50", "2026-11-23T21:01:31", STALE),
        (REAL, "IBM", "2026-11-23T21:00:00", "2026-11-23T21:00:30", END_OF_DAY),
        (REAL, "IBM", "2026-11-23T21:01:00", "2026-11-24T14:29:59", END_OF_DAY),
        # at the open it is the last close until the first round is through
        (REAL, "IBM", "2026-11-23T21:01:00", "2026-11-24T14:30:00", END_OF_DAY),
        (REAL, "IBM", "2026-11-23T21:01:00", "2026-11-24T14:31:41", STALE),
        # through the delay of a quarter of an hour
        (LATE, "IBM", "2026-11-23T21:14:50", "2026-11-23T21:14:59", DELAYED),
        (LATE, "IBM", "2026-11-23T21:14:50", "2026-11-23T21:15:30", DELAYED),
        (LATE, "IBM", "2026-11-23T21:14:50", "2026-11-23T21:17:00", STALE),
        (LATE, "IBM", "2026-11-23T21:16:00", "2026-11-24T14:44:59", END_OF_DAY),
        (LATE, "IBM", "2026-11-23T21:16:00", "2026-11-24T14:45:00", END_OF_DAY),
        (LATE, "IBM", "2026-11-23T21:16:00", "2026-11-24T14:46:41", STALE),
        # weekend, holiday, early close
        (REAL, "IBM", "2026-11-20T21:01:00", "2026-11-22T12:00:00", END_OF_DAY),
        (REAL, "IBM", "2026-11-20T15:00:00", "2026-11-22T12:00:00", STALE),
        (REAL, "IBM", "2026-11-25T21:01:00", "2026-11-26T17:00:00", END_OF_DAY),
        (REAL, "IBM", "2026-11-25T21:01:00", "2026-11-27T14:29:00", END_OF_DAY),
        (REAL, "IBM", "2026-11-27T18:01:00", "2026-11-27T19:00:00", END_OF_DAY),
        (REAL, "IBM", "2026-11-27T18:01:00", "2026-11-30T14:29:00", END_OF_DAY),
        # London has hours of its own
        (REAL, "TSCO.LON", "2026-11-23T16:31:00", "2026-11-23T17:00:00", END_OF_DAY),
        (REAL, "TSCO.LON", "2026-11-23T16:31:00", "2026-11-24T08:00:00", END_OF_DAY),
        (REAL, "TSCO.LON", "2026-11-23T16:31:00", "2026-11-24T08:01:41", STALE),
    ],
)
def test_after_the_close_a_live_quote_is_of_the_end_of_the_day(
    liveness: Liveness, ticker: str, got: str, now: str, expected: Freshness
) -> None:
    shown = quote(ticker, 1.0, fetched_at=utc(got), liveness=liveness)
    assert freshness(shown, utc(now), TURN, always=False) is expected


def test_without_regard_to_hours_a_quote_ages_at_night_too() -> None:
    now = utc("2026-11-22T03:00")
    for age, expected in ((100, LIVE), (101, STALE)):
        got = quote("IBM", 1.0, fetched_at=now - timedelta(seconds=age))
        assert freshness(got, now, TURN, always=True) is expected


@pytest.mark.parametrize(
    ("ticker", "day", "now", "expected"),
    [
        # Friday's close serves until shortly before Tuesday's open, when Monday's is promised
        ("IBM", "2026-11-20", "2026-11-20T22:00", END_OF_DAY),
        ("IBM", "2026-11-20", "2026-11-22T12:00", END_OF_DAY),
        ("IBM", "2026-11-20", "2026-11-23T17:00", END_OF_DAY),
        ("IBM", "2026-11-20", "2026-11-23T22:00", END_OF_DAY),
        ("IBM", "2026-11-20", "2026-11-24T14:14:59", END_OF_DAY),
        ("IBM", "2026-11-20", "2026-11-24T14:15:00", STALE),
        ("IBM", "2026-11-20", "2026-12-24T12:00", STALE),
        ("IBM", "2026-11-23", "2026-11-24T14:15:00", END_OF_DAY),
        # the day's own close may be there already
        ("IBM", "2026-11-23", "2026-11-23T22:00", END_OF_DAY),
        # Thanksgiving
        ("IBM", "2026-11-25", "2026-11-26T17:00", END_OF_DAY),
        ("IBM", "2026-11-25", "2026-11-27T17:00", END_OF_DAY),
        ("IBM", "2026-11-25", "2026-11-28T17:00", END_OF_DAY),
        ("IBM", "2026-11-25", "2026-11-30T14:15", STALE),
        ("IBM", "2026-11-24", "2026-11-26T17:00", END_OF_DAY),
        ("IBM", "2026-11-24", "2026-11-27T14:15", STALE),
        # London opens at 8:00
        ("TSCO.LON", "2026-11-20", "2026-11-24T07:44:59", END_OF_DAY),
        ("TSCO.LON", "2026-11-20", "2026-11-24T07:45:00", STALE),
    ],
)
@pytest.mark.parametrize("always", [False, True])
def test_an_end_of_day_quote_is_stale_when_a_newer_close_was_promised(
    ticker: str, day: str, now: str, always: bool, expected: Freshness
) -> None:
    shown = end_of_day(ticker, day)
    assert freshness(shown, utc(now), TURN, always=always) is expected


def end_of_day(ticker: str, day: str) -> Quote:
    close = utc(f"{day}T21:00")
    return quote(
        ticker,
        1.0,
        fetched_at=close + timedelta(hours=6),
        trading_day=date.fromisoformat(day),
        as_of=close,
        liveness=Liveness.END_OF_DAY,
    )


# Rows

NOW = utc("2026-11-23T17:00")
QUOTE, BARS = Want(Feed.QUOTE, IBM), Want(Feed.DAILY, IBM)


def record(want: Want, data: Any = None, attempt: Attempt | None = None) -> Record:
    return Record(want.feed, want.ticker, data, attempt)


def row(*records: Record, **poll: Any) -> Row:
    board = Board()
    board.publish(records)
    board.publish_poll(**poll)
    (found,) = make_rows(
        board.read(), [IBM], NOW, turn=TURN, always=False, is_open=lambda _ticker: True
    )
    return found


def test_there_is_a_row_for_each_ticker_in_the_order_chosen() -> None:
    tickers = [Ticker(text) for text in ("ZZZ", "IBM", "A")]
    rows = make_rows(
        Board().read(),
        tickers,
        NOW,
        turn=TURN,
        always=False,
        is_open=lambda ticker: ticker == IBM,
    )
    assert [each.ticker for each in rows] == tickers
    assert [each.is_open for each in rows] == [False, True, False]


def test_a_row_of_which_nothing_is_known_is_there_all_the_same() -> None:
    found = row()
    assert found.freshness is Freshness.MISSING
    assert (found.quote, found.age, found.due, found.trouble) == (None, None, None, None)
    assert found.closes == ()
    assert found.name == ""


def test_a_row_has_the_listed_name() -> None:
    listed = Listed(IBM, "International Business Machines", "NYSE", "Stock")
    assert row(record(LISTING_WANT, Listing({IBM: listed}, NOW, "test"))).name == listed.name


def test_a_quote_is_as_old_as_the_instant_it_was_true_at() -> None:
    shown = quote("IBM", 1.0, fetched_at=NOW, as_of=NOW - timedelta(minutes=15))
    assert row(record(QUOTE, shown)).age == timedelta(minutes=15)


def test_an_age_is_never_negative() -> None:
    shown = quote("IBM", 1.0, fetched_at=NOW + timedelta(seconds=5))
    assert row(record(QUOTE, shown)).age == timedelta(0)


FRIDAY_AND_MONDAY = {"2026-11-19": 5.0, "2026-11-20": 6.0, "2026-11-23": 7.0}


@pytest.mark.parametrize(
    ("day", "closes"),
    [
        ("2026-11-24", (5.0, 6.0, 7.0, 9.5)),
        ("2026-11-23", (5.0, 6.0, 9.5)),
        ("2026-11-20", (5.0, 6.0, 7.0)),
    ],
)
def test_the_small_curve_ends_with_the_quote(day: str, closes: tuple[float, ...]) -> None:
    bars = daily("IBM", FRIDAY_AND_MONDAY, fetched_at=NOW)
    shown = quote("IBM", 9.5, fetched_at=NOW, trading_day=date.fromisoformat(day))
    assert row(record(BARS, bars), record(QUOTE, shown)).closes == closes


def test_the_small_curve_holds_six_weeks() -> None:
    days = {f"2026-{month:02}-{day:02}": 1.0 for month in (9, 10) for day in range(1, 29)}
    bars = daily("IBM", days, fetched_at=NOW)
    assert len(row(record(BARS, bars)).closes) == SPARKLINE
    shown = quote("IBM", 9.5, fetched_at=NOW)
    assert len(row(record(BARS, bars), record(QUOTE, shown)).closes) == SPARKLINE


EARLIER = NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("quote_attempt", "bars_attempt", "trouble"),
    [
        (None, None, None),
        (Attempt(NOW, Outcome.SAME), None, None),
        (Attempt(NOW, Outcome.FAILED, words="No answer."), None, "No answer."),
        (None, Attempt(NOW, Outcome.FAILED, words="No answer."), "No answer."),
        (Attempt(NOW, Outcome.NEW), Attempt(EARLIER, Outcome.FAILED, words="Old."), None),
        (Attempt(EARLIER, Outcome.NEW), Attempt(NOW, Outcome.FAILED, words="New."), "New."),
    ],
)
def test_a_row_says_what_its_last_try_failed_of(
    quote_attempt: Attempt | None, bars_attempt: Attempt | None, trouble: str | None
) -> None:
    found = row(record(QUOTE, attempt=quote_attempt), record(BARS, attempt=bars_attempt))
    assert found.trouble == trouble


def test_a_row_says_when_its_price_is_asked_next() -> None:
    soon, later = Due(NOW, "every 20 s"), Due(NOW + timedelta(hours=9), "the close")
    assert row(due={QUOTE: soon, BARS: later}).due == soon
    assert row(due={BARS: later}).due == later
