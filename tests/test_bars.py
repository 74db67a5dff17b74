"""How stored bars take in fresh ones, and what a quote has to do with bars.

The weeks of the tables: Monday 16 to Friday 20 November 2026, and the week of Thanksgiving after
it, which has no Thursday and a Friday that closes at 18:00 UTC instead of 21:00.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocktracker.bars import end_of_day_quote, is_final, merge, with_running_day
from stocktracker.board import MOST_BARS, Board
from stocktracker.model import Attempt, Bars, Feed, Outcome, Record, Ticker, Want
from stocktracker.plans import Liveness
from tests.helpers import daily, intraday, quote, utc, weekly

FRIDAY_NIGHT = utc("2026-11-20T23:00")
MONDAY_NIGHT = utc("2026-11-23T23:00")
TUESDAY_NIGHT = utc("2026-11-24T23:00")


def week(*closes: float, fetched_at: datetime = FRIDAY_NIGHT) -> Bars:
    """Daily bars from Monday 16 November on."""
    days = pd.bdate_range("2026-11-16", periods=len(closes))
    return daily("IBM", dict(zip(map(str, days.date), closes, strict=True)), fetched_at=fetched_at)


def closes(bars: Bars) -> dict[str, float]:
    return {f"{day:%m-%d}": close for day, close in bars.frame["close"].items()}


def stamps(bars: Bars) -> list[datetime]:
    return [stamp.to_pydatetime() for stamp in bars.frame["fetched_at"]]


# Merging


def test_the_first_bars_are_taken_as_they_are() -> None:
    fresh = week(1, 2, 3)
    assert merge(None, fresh) is fresh
    assert merge(replace(fresh, frame=fresh.frame.iloc[:0]), fresh) is fresh


def test_new_days_are_added_and_old_ones_stay_beyond_the_fresh_window() -> None:
    stored = daily("IBM", {"2026-11-18": 1, "2026-11-19": 2}, fetched_at=FRIDAY_NIGHT)
    fresh = daily("IBM", {"2026-11-19": 2, "2026-11-20": 3}, fetched_at=MONDAY_NIGHT)
    merged = merge(stored, fresh)
    assert closes(merged) == {"11-18": 1, "11-19": 2, "11-20": 3}
    assert merged.fetched_at == MONDAY_NIGHT


def test_older_days_are_added_too() -> None:
    stored = daily("IBM", {"2026-11-19": 2, "2026-11-20": 3}, fetched_at=FRIDAY_NIGHT)
    fresh = daily("IBM", {"2026-11-17": 1, "2026-11-19": 2}, fetched_at=MONDAY_NIGHT)
    assert closes(merge(stored, fresh)) == {"11-17": 1, "11-19": 2, "11-20": 3}


def test_days_of_between_are_added_in_their_place() -> None:
    stored = daily("IBM", {"2026-11-18": 1, "2026-11-20": 3}, fetched_at=FRIDAY_NIGHT)
    fresh = daily("IBM", {"2026-11-19": 2}, fetched_at=MONDAY_NIGHT)
    assert closes(merge(stored, fresh)) == {"11-18": 1, "11-19": 2, "11-20": 3}


def test_a_wrong_or_partial_bar_heals() -> None:
    stored, fresh = week(1, 2, 2.5), week(1, 2, 3, fetched_at=MONDAY_NIGHT)
    merged = merge(stored, fresh)
    assert closes(merged) == {"11-16": 1, "11-17": 2, "11-18": 3}
    assert stamps(merged) == [FRIDAY_NIGHT, FRIDAY_NIGHT, MONDAY_NIGHT]


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
def test_any_figure_that_changes_makes_a_row_new(column: str) -> None:
    stored, fresh = week(1, 2), week(1, 2, fetched_at=MONDAY_NIGHT)
    fresh.frame.loc[fresh.last, column] = 7.5
    merged = merge(stored, fresh)
    assert merged.frame.loc[merged.last, column] == 7.5
    assert stamps(merged) == [FRIDAY_NIGHT, MONDAY_NIGHT]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_where_nothing_is_new_the_stored_bars_are_returned_themselves(count: int) -> None:
    stored = week(1, 2, 3, 4, 5)
    fresh = week(1, 2, 3, 4, 5, fetched_at=MONDAY_NIGHT)
    fresh = replace(fresh, frame=fresh.frame.iloc[-count:])
    assert merge(stored, fresh) is stored


def test_an_unknown_volume_that_stays_unknown_is_nothing_new() -> None:
    stored, fresh = week(1, 2), week(1, 2, fetched_at=MONDAY_NIGHT)
    for bars in (stored, fresh):
        bars.frame["volume"] = float("nan")
    assert merge(stored, fresh) is stored


def test_merging_again_changes_nothing() -> None:
    fresh = week(1, 2, 3, 4, fetched_at=MONDAY_NIGHT)
    merged = merge(week(1, 2, 3), fresh)
    assert merge(merged, fresh) is merged


def test_merging_leaves_what_was_stored_and_what_came_as_they_were() -> None:
    stored, fresh = week(1, 2, 2.5), week(1, 2, 3, 4, fetched_at=MONDAY_NIGHT)
    before = stored.frame.copy(), fresh.frame.copy()
    merge(stored, fresh)
    pd.testing.assert_frame_equal(stored.frame, before[0])
    pd.testing.assert_frame_equal(fresh.frame, before[1])


def test_bars_of_minutes_merge_by_their_start() -> None:
    stored = intraday(
        "IBM", {"2026-11-20T14:30": 1, "2026-11-20T14:35": 2}, fetched_at=FRIDAY_NIGHT
    )
    fresh = intraday("IBM", {"2026-11-20T14:35": 3, "2026-11-20T14:40": 4}, fetched_at=MONDAY_NIGHT)
    merged = merge(stored, fresh)
    assert merged.frame["close"].tolist() == [1, 3, 4]
    assert merged.frame.index.dtype == stored.frame.index.dtype


@pytest.mark.parametrize(
    ("stored", "fresh", "expected"),
    [
        pytest.param(
            {"2026-11-13": 1, "2026-11-18": 2},
            {"2026-11-13": 1, "2026-11-20": 3},
            {"11-13": 1, "11-20": 3},
            id="the running week goes on",
        ),
        pytest.param(
            {"2026-11-20": 1, "2026-11-23": 2},
            {"2026-11-20": 1, "2026-11-25": 3},
            {"11-20": 1, "11-25": 3},
            id="from Monday to Wednesday",
        ),
        pytest.param(
            {"2026-11-13": 1, "2026-11-20": 2},
            {"2026-11-20": 2, "2026-11-23": 3},
            {"11-13": 1, "11-20": 2, "11-23": 3},
            id="a new week begins",
        ),
        pytest.param(
            {"2026-11-06": 1, "2026-11-11": 2},
            {"2026-11-27": 5},
            {"11-06": 1, "11-11": 2, "11-27": 5},
            id="weeks were missed",
        ),
        pytest.param(
            {"2026-12-30": 1},
            {"2026-12-31": 2},
            {"12-31": 2},
            id="the last week of a year",
        ),
    ],
)
def test_a_week_has_one_bar_whatever_day_it_is_dated_by(
    stored: dict[str, float], fresh: dict[str, float], expected: dict[str, float]
) -> None:
    merged = merge(
        weekly("IBM", stored, fetched_at=FRIDAY_NIGHT),
        weekly("IBM", fresh, fetched_at=MONDAY_NIGHT),
    )
    assert closes(merged) == expected


def test_a_dividend_adjusts_all_weeks_at_once() -> None:
    days = {"2026-11-13": 1.0, "2026-11-20": 2.0}
    stored = weekly("IBM", days, fetched_at=FRIDAY_NIGHT)
    fresh = weekly("IBM", days, fetched_at=MONDAY_NIGHT)
    fresh.frame["adjusted_close"] *= 0.99
    assert stamps(merge(stored, fresh)) == [MONDAY_NIGHT, MONDAY_NIGHT]


DAYS = [str(day.date()) for day in pd.bdate_range("2026-10-05", periods=12)]
ANSWERS = st.lists(
    st.dictionaries(st.sampled_from(DAYS), st.integers(1, 9), min_size=1), min_size=1, max_size=6
)


@settings(deadline=None, max_examples=60)
@given(ANSWERS, st.none() | st.integers(1, 5))
def test_of_each_day_the_last_answer_that_had_it_counts(
    answers: list[dict[str, int]], split_after: int | None
) -> None:
    """Whatever is in the answers, and where prices are a fourth from one answer on: what a split
    does to prices as traded is seen only where upstream itself changes a day."""
    said: dict[str, float] = {}
    since: dict[str, datetime] = {}
    merged: Bars | None = None
    for at, answer in enumerate(answers):
        fetched_at = FRIDAY_NIGHT + at * timedelta(hours=1)
        factor = 4.0 if split_after is not None and at >= split_after else 1.0
        closes = {day: close / factor for day, close in sorted(answer.items())}
        before = dict(said)
        said |= closes
        since |= {day: fetched_at for day in closes if before.get(day) != closes[day]}
        was = merged
        merged = merge(merged, daily("IBM", closes, fetched_at=fetched_at))
        assert (merged is was) == (said == before)
    assert merged is not None
    shown = {str(day.date()): close for day, close in merged.frame["close"].items()}
    assert shown == said
    assert list(shown) == sorted(said)
    assert stamps(merged) == [since[day] for day in sorted(said)]
    assert (merged.frame["high"] == merged.frame["close"] + 1).all()


TRUE_DAYS = pd.bdate_range("2026-01-01", periods=60)
TRUE = daily(
    "IBM",
    {str(day.date()): 100.0 + at for at, day in enumerate(TRUE_DAYS)},
    fetched_at=FRIDAY_NIGHT,
)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_overlapping_windows_in_any_order_give_the_true_series(data: Any) -> None:
    """Cut anywhere, merged in any order: each row once, dated by the first reply that had it."""
    cuts = data.draw(
        st.lists(st.tuples(st.integers(0, 59), st.integers(1, 60)), min_size=1, max_size=8)
    )
    first_seen: dict[pd.Timestamp, datetime] = {}
    merged: Bars | None = None
    for at, (start, length) in enumerate(cuts):
        fetched_at = FRIDAY_NIGHT + at * timedelta(hours=1)
        frame = TRUE.frame.iloc[start : start + length].assign(fetched_at=pd.Timestamp(fetched_at))
        frame = frame.astype(TRUE.frame.dtypes.to_dict())
        grown = any(day not in first_seen for day in frame.index)
        for day in frame.index:
            first_seen.setdefault(day, fetched_at)
        before = merged
        merged = merge(merged, replace(TRUE, frame=frame, fetched_at=fetched_at))
        assert (merged is before) == (not grown)
    assert merged is not None
    expected = TRUE.frame.loc[sorted(first_seen)]
    figures = expected.columns.drop("fetched_at")
    pd.testing.assert_frame_equal(merged.frame[figures], expected[figures], check_freq=False)
    assert stamps(merged) == [first_seen[day] for day in expected.index]
    assert merged.frame.dtypes.to_dict() == TRUE.frame.dtypes.to_dict()
    assert merged.frame.index.name == "date"


# The quote in the bars


def test_the_newest_bar_is_the_quote_of_the_end_of_its_day() -> None:
    bars = week(1, 2, 2.5)
    found = end_of_day_quote(bars)
    assert found.price == 2.5
    assert found.previous_close == 2
    assert found.change_percent == 25
    assert (found.open, found.high, found.low, found.volume) == (2.5, 3.5, 1.5, 1000)
    assert found.trading_day == date(2026, 11, 18)
    assert found.as_of == utc("2026-11-18T21:00")
    assert found.fetched_at == FRIDAY_NIGHT
    assert found.liveness is Liveness.END_OF_DAY
    assert (found.ticker, found.source, found.currency) == ("IBM", "test", "USD")


def test_the_only_bar_has_no_previous_close() -> None:
    assert end_of_day_quote(week(1)).previous_close is None


def test_an_unknown_volume_is_none() -> None:
    bars = week(1, 2)
    bars.frame["volume"] = float("nan")
    assert end_of_day_quote(bars).volume is None


@pytest.mark.parametrize(
    ("ticker", "day", "as_of"),
    [
        ("IBM", "2026-11-27", "2026-11-27T18:00"),
        ("IBM", "2026-07-01", "2026-07-01T20:00"),
        ("TSCO.LON", "2026-11-20", "2026-11-20T16:30"),
        ("IBM", "2026-11-26", "2026-11-27T00:00"),  # no session: by the end of that day
    ],
)
def test_the_quote_was_true_at_the_close(ticker: str, day: str, as_of: str) -> None:
    assert end_of_day_quote(daily(ticker, {day: 1}, fetched_at=MONDAY_NIGHT)).as_of == utc(as_of)


# The running day

MONDAY_NOON = utc("2026-11-23T17:00")


def test_a_live_quote_is_the_running_days_bar() -> None:
    bars = week(1, 2, 3, 4, 5)
    live = quote("IBM", 6.5, fetched_at=MONDAY_NOON, open=6.0, high=7.0, low=5.5, volume=10)
    shown = with_running_day(bars, live)
    assert closes(shown) == {**closes(bars), "11-23": 6.5}
    assert shown.frame.iloc[-1].drop("fetched_at").tolist() == [6.0, 7.0, 5.5, 6.5, 10.0]
    assert shown.fetched_at == MONDAY_NOON
    assert shown.frame.dtypes.to_dict() == bars.frame.dtypes.to_dict()
    assert shown.frame.index.name == "date"
    assert len(bars.frame) == 5


def test_of_a_running_day_whose_volume_is_unknown_it_is_nan() -> None:
    live = quote("IBM", 6.5, fetched_at=MONDAY_NOON, volume=None)
    assert pd.isna(with_running_day(week(1, 2), live).frame["volume"].iloc[-1])


def test_a_bar_that_was_got_while_its_day_ran_gives_way_to_a_later_quote() -> None:
    bars = daily("IBM", {"2026-11-20": 5, "2026-11-23": 6}, fetched_at=MONDAY_NOON)
    live = quote("IBM", 6.5, fetched_at=MONDAY_NOON + timedelta(hours=1))
    assert closes(with_running_day(bars, live)) == {"11-20": 5, "11-23": 6.5}


@pytest.mark.parametrize(
    "stands",
    [
        pytest.param(None, id="no quote"),
        pytest.param({"liveness": Liveness.END_OF_DAY}, id="of the end of the day"),
        pytest.param({"open": None}, id="no open"),
        pytest.param({"high": None}, id="no high"),
        pytest.param({"low": None}, id="no low"),
        pytest.param({"trading_day": date(2026, 11, 19)}, id="of an earlier day"),
        pytest.param(
            {"trading_day": date(2026, 11, 20), "as_of": utc("2026-11-20T21:00")},
            id="of the last day, which is final",
        ),
    ],
)
def test_the_bars_stay_as_they_are_where_the_quote_is(stands: dict[str, Any] | None) -> None:
    bars = week(1, 2, 3, 4, 5)
    live = None if stands is None else quote("IBM", 9.0, fetched_at=MONDAY_NOON, **stands)
    assert with_running_day(bars, live) is bars


@pytest.mark.parametrize(
    ("ticker", "day", "fetched_at", "final"),
    [
        ("IBM", "2026-11-20", "2026-11-20T20:59:59", False),
        ("IBM", "2026-11-20", "2026-11-20T21:00:00", True),
        ("IBM", "2026-11-27", "2026-11-27T17:59:00", False),
        ("IBM", "2026-11-27", "2026-11-27T18:00:00", True),
        ("TSCO.LON", "2026-11-20", "2026-11-20T16:29", False),
        ("TSCO.LON", "2026-11-20", "2026-11-20T16:30", True),
    ],
)
def test_a_bar_is_final_when_it_was_got_after_the_close(
    ticker: str, day: str, fetched_at: str, final: bool
) -> None:
    bars = daily(ticker, {day: 1.0}, fetched_at=utc(fetched_at))
    assert is_final(bars, date.fromisoformat(day)) is final
    assert is_final(bars, date(2026, 11, 2)) is False


# In memory

IBM = Want(Feed.DAILY, Ticker("IBM"))


def test_bars_that_are_let_go_from_memory_can_be_adopted_again() -> None:
    """Else they would be asked for anew, and their history be lost when the reply is stored."""
    board = Board()
    kept = Record(*split(IBM), week(1, 2, 3), Attempt(FRIDAY_NIGHT, Outcome.NEW))
    board.publish([kept])
    others = [Want(Feed.DAILY, Ticker(f"T{number}")) for number in range(MOST_BARS)]
    for other in others:
        bars = replace(week(1), ticker=other.ticker)
        attempt = Attempt(FRIDAY_NIGHT, Outcome.NEW)
        board.publish([Record(*split(other), bars, attempt)], wanted=others)
    assert not board.read().knows(IBM)
    board.adopt([kept])
    assert board.read_bars(*split(IBM)) is not None
    assert board.read().attempts[IBM] == kept.attempt


def test_what_a_page_does_to_its_bars_no_other_page_sees() -> None:
    board = Board()
    board.publish([Record(*split(IBM), week(1, 2, 3), None)])
    mine = board.read_bars(*split(IBM))
    assert mine is not None
    mine.frame["close"] = 0.0
    mine.frame["mean"] = 1.0
    other = board.read_bars(*split(IBM))
    assert other is not None
    assert closes(other) == {"11-16": 1, "11-17": 2, "11-18": 3}
    assert "mean" not in other.frame


def split(want: Want) -> tuple[Feed, Ticker]:
    return want.feed, want.ticker
