"""Adjusted series equal upstream's own, and what they promise holds on any series."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocktracker.figures.adjust import PRICES, Series, adjust, problems
from stocktracker.fundamentals import Dividend, Dividends, Split, Splits
from stocktracker.model import Ticker

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
recorded = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")
NOW = datetime(2026, 11, 23, 22, tzinfo=UTC)
NAN = float("nan")
NEW_YORK = ZoneInfo("America/New_York")


def splits(*rows: tuple[str, float]) -> Splits:
    found = tuple(Split(date.fromisoformat(day), factor) for day, factor in rows)
    return Splits(ticker=Ticker("IBM"), fetched_at=NOW, source="test", rows=found)


def dividends(*rows: tuple[str, float]) -> Dividends:
    found = tuple(Dividend(date.fromisoformat(day), amount) for day, amount in rows)
    return Dividends(ticker=Ticker("IBM"), fetched_at=NOW, source="test", rows=found)


def bars(rows: dict[str, tuple[float, float, float, float, float]]) -> pd.DataFrame:
    """Rows of open, high, low, close, volume by date."""
    columns = [*PRICES, "volume"]
    index = pd.DatetimeIndex(list(rows), name="date")
    return pd.DataFrame(list(rows.values()), columns=columns, index=index, dtype=float)


def flat(closes: dict[str, float]) -> pd.DataFrame:
    """Bars that open, rest and close at one price; a hundred shares each."""
    return bars({day: (close, close, close, close, 100.0) for day, close in closes.items()})


def closes(frame: pd.DataFrame) -> list[float]:
    return [round(close, 6) for close in frame["close"]]


# --- against upstream's own adjusted closes ---------------------------------------------------


def recording(name: str, index: str = "timestamp") -> pd.DataFrame:
    path = RECORDINGS / f"portfoliotree__{name}_IBM.csv"
    frame = pd.read_csv(path, index_col=index, parse_dates=[index]).sort_index()
    return frame.rename(columns={"adjusted close": "adjusted_close"})


def recorded_events() -> tuple[Splits, Dividends]:
    factors = recording("splits", "effective_date")["split_factor"]
    amounts = recording("dividends", "ex_dividend_date")["amount"]
    return (
        splits(*((f"{day:%Y-%m-%d}", factor) for day, factor in factors.items())),
        dividends(*((f"{day:%Y-%m-%d}", amount) for day, amount in amounts.items())),
    )


def furthest(ours: pd.DataFrame, theirs: pd.DataFrame) -> float:
    return float((ours["close"] / theirs["adjusted_close"] - 1).abs().max())


@recorded
def test_daily_bars_are_adjusted_as_upstream_does_to_the_last_digit() -> None:
    raw = recording("daily_adjusted_compact")
    assert furthest(adjust(raw, *recorded_events(), Series.TOTAL), raw) < 1e-12
    assert problems(raw, *recorded_events(), Series.TOTAL) == ()


@recorded
def test_25_years_of_weekly_bars_with_a_spin_off_are_adjusted_as_upstream_does() -> None:
    raw = recording("weekly_adjusted")
    ours = adjust(raw, *recorded_events(), Series.TOTAL, weekly=True)
    assert furthest(ours, raw) < 1e-5
    assert problems(raw, *recorded_events(), Series.TOTAL, weekly=True) == ()


@recorded
def test_without_upstreams_column_a_weeks_dividends_are_near() -> None:
    raw = recording("weekly_adjusted")
    bare = raw.drop(columns="adjusted_close")
    ours = adjust(bare, *recorded_events(), Series.TOTAL, weekly=True)
    assert furthest(ours, raw) < 4e-3


@recorded
def test_upstreams_dividends_are_as_they_were_paid_before_a_split_too() -> None:
    """IBM raised its quarterly dividend from 0.22 to 0.24, then split 2:1 and paid 0.12."""
    _, paid = recorded_events()
    by_day = {row.ex_day: row.amount for row in paid.rows}
    assert [by_day[date(1999, 2, 8)], by_day[date(1999, 5, 6)], by_day[date(1999, 8, 6)]] == [
        0.22,
        0.24,
        0.12,
    ]
    weekly = recording("weekly_adjusted")["dividend amount"]
    begins = weekly.index[0] - pd.Timedelta(days=4)
    assert weekly[weekly > 0].tolist() == [
        row.amount for row in paid.rows if pd.Timestamp(row.ex_day) >= begins
    ]


# --- hand-worked rows -------------------------------------------------------------------------


def test_a_split_divides_what_was_before_it_and_multiplies_the_volume() -> None:
    raw = bars(
        {
            "2026-06-05": (1180.0, 1240.0, 1160.0, 1200.0, 1000.0),
            "2026-06-08": (121.0, 125.0, 119.0, 122.0, 11_000.0),
        }
    )
    ours = adjust(raw, splits(("2026-06-08", 10.0)), None, Series.SPLITS)
    assert ours.iloc[0].tolist() == pytest.approx([118, 124, 116, 120, 10_000])
    assert ours.iloc[1].tolist() == raw.iloc[1].tolist()


def test_a_reverse_split_multiplies_what_was_before_it() -> None:
    raw = flat({"2026-06-05": 0.5, "2026-06-08": 10.0})
    ours = adjust(raw, splits(("2026-06-08", 0.05)), None, Series.SPLITS)
    assert closes(ours) == [10.0, 10.0]
    assert ours["volume"].tolist() == pytest.approx([5.0, 100.0])


def test_a_dividend_lowers_what_was_before_it_by_its_share_of_the_ex_day() -> None:
    raw = flat({"2026-06-05": 102.0, "2026-06-08": 98.0, "2026-06-09": 97.0})
    paid = dividends(("2026-06-08", 2.0))
    assert closes(adjust(raw, splits(), paid, Series.TOTAL)) == [102 * 98 / 100, 98.0, 97.0]
    assert closes(adjust(raw, splits(), paid, Series.SPLITS)) == [102.0, 98.0, 97.0]
    assert adjust(raw, splits(), paid, Series.TOTAL)["volume"].tolist() == [100.0] * 3


def test_a_dividend_before_a_split_is_of_the_shares_of_its_time() -> None:
    """98 + 2 against 100 is no gain and no loss, whatever becomes of the shares later."""
    raw = flat({"2026-06-04": 100.0, "2026-06-05": 98.0, "2026-06-08": 49.0})
    ours = adjust(raw, splits(("2026-06-08", 2.0)), dividends(("2026-06-05", 2.0)), Series.TOTAL)
    assert closes(ours) == [49.0, 49.0, 49.0]


def test_a_dividend_on_a_splits_day_is_for_the_new_share() -> None:
    raw = flat({"2026-06-05": 100.0, "2026-06-08": 49.0})
    ours = adjust(raw, splits(("2026-06-08", 2.0)), dividends(("2026-06-08", 1.0)), Series.TOTAL)
    assert closes(ours) == [49.0, 49.0]


def test_as_traded_is_as_traded() -> None:
    raw = flat({"2026-06-05": 100.0, "2026-06-08": 50.0})
    ours = adjust(raw, splits(("2026-06-08", 2.0)), dividends(("2026-06-08", 1.0)), Series.RAW)
    pd.testing.assert_frame_equal(ours, raw)
    assert ours is not raw


@pytest.mark.parametrize("day", ["2026-06-09", "2027-01-04", "2026-06-05", "2020-01-02"])
def test_events_after_the_last_bar_and_up_to_the_first_have_no_effect(day: str) -> None:
    raw = flat({"2026-06-05": 100.0, "2026-06-08": 50.0})
    ours = adjust(raw, splits((day, 2.0)), dividends((day, 1.0)), Series.TOTAL)
    pd.testing.assert_frame_equal(ours, raw)
    assert problems(raw, splits((day, 2.0)), dividends((day, 1.0)), Series.TOTAL) == ()


def test_an_event_on_a_day_without_a_session_belongs_to_the_next() -> None:
    raw = flat({"2026-06-05": 100.0, "2026-06-08": 49.0})
    ours = adjust(raw, splits(("2026-06-06", 2.0)), dividends(("2026-06-07", 1.0)), Series.TOTAL)
    assert closes(ours) == [49.0, 49.0]


def test_two_dividends_of_a_day_are_both_paid_but_the_same_one_only_once() -> None:
    raw = flat({"2026-06-05": 100.0, "2026-06-08": 95.0})
    day = "2026-06-08"
    assert closes(adjust(raw, splits(), dividends((day, 1.0), (day, 4.0)), Series.TOTAL)) == [
        95,
        95,
    ]
    assert closes(adjust(raw, splits(), dividends((day, 5.0), (day, 5.0)), Series.TOTAL)) == [
        95,
        95,
    ]


@pytest.mark.parametrize("day", ["2026-06-05", "2026-06-09"])
def test_a_split_that_is_told_a_session_off_is_put_where_the_prices_show_it(day: str) -> None:
    raw = flat({"2026-06-04": 100.0, "2026-06-05": 100.0, "2026-06-08": 25.0, "2026-06-09": 25.0})
    assert closes(adjust(raw, splits((day, 4.0)), None, Series.SPLITS)) == [25.0] * 4


def test_a_split_that_is_told_twice_is_taken_once() -> None:
    raw = flat({"2026-06-04": 100.0, "2026-06-05": 100.0, "2026-06-08": 25.0})
    told = splits(("2026-06-07", 4.0), ("2026-06-08", 4.0))
    assert closes(adjust(raw, told, None, Series.SPLITS)) == [25.0] * 3
    assert problems(raw, told, None, Series.SPLITS) == (
        "the split of 8 Jun 2026 (4:1) is left out: the prices do not show it",
    )


def test_bars_that_came_adjusted_are_not_adjusted_again() -> None:
    raw = flat({"2026-06-05": 25.0, "2026-06-08": 24.0})
    told = splits(("2026-06-08", 4.0))
    assert closes(adjust(raw, told, None, Series.SPLITS)) == [25.0, 24.0]
    assert len(problems(raw, told, None, Series.SPLITS)) == 1


@pytest.mark.parametrize(
    ("before", "amount", "why"),
    [
        (10.0, 10.0, "it is no share of the price before it, 10"),
        (10.0, 12.5, "it is no share of the price before it, 10"),
        (10.0, -1.0, "it is no share of the price before it, 10"),
        (10.0, NAN, "it is no share of the price before it, 10"),
        (NAN, 1.0, "the close before or on that day is unknown"),
    ],
)
def test_a_dividend_that_cannot_be_right_is_left_out_and_said(
    before: float, amount: float, why: str
) -> None:
    raw = flat({"2026-06-05": before, "2026-06-08": 9.0})
    paid = dividends(("2026-06-08", amount))
    pd.testing.assert_frame_equal(adjust(raw, splits(), paid, Series.TOTAL), raw)
    (said,) = problems(raw, splits(), paid, Series.TOTAL)
    assert said.startswith("the dividend of 8 Jun 2026 (")
    assert said.endswith(why)


@pytest.mark.parametrize("factor", [0.0, -2.0, NAN, math.inf])
def test_a_split_that_makes_no_sense_is_left_out_and_said(factor: float) -> None:
    raw = flat({"2026-06-05": 10.0, "2026-06-08": 9.0})
    told = splits(("2026-06-08", factor))
    pd.testing.assert_frame_equal(adjust(raw, told, None, Series.SPLITS), raw)
    assert problems(raw, told, None, Series.SPLITS)[0].endswith("it makes no sense")


def test_intraday_bars_are_adjusted_by_the_exchanges_days() -> None:
    """8 June begins in New York at 04:00 UTC; a bar of 00:30 UTC is still of the 7th."""
    raw = flat({"2026-06-07T18:00": 100.0, "2026-06-08T00:30": 100.0, "2026-06-08T13:30": 50.0})
    raw.index = pd.DatetimeIndex(raw.index).tz_localize("UTC")
    told = splits(("2026-06-08", 2.0))
    assert closes(adjust(raw, told, None, Series.SPLITS, zone=NEW_YORK)) == [50.0] * 3
    with pytest.raises(ValueError, match="time zone"):
        adjust(raw, told, None, Series.SPLITS)


def test_no_bars_are_no_trouble() -> None:
    none = flat({})
    told = splits(("2026-06-08", 2.0))
    assert adjust(none, told, dividends(("2026-06-08", 2.0)), Series.TOTAL).empty


# --- the week of an event ---------------------------------------------------------------------

# The week before is at 100; the split's week runs to Friday 12 June 2026.
BEFORE = (99.0, 103.0, 97.0, 100.0, 5000.0)


def split_week(day: str, week: tuple[float, ...], factor: float = 2.0) -> list[float]:
    raw = bars({"2026-06-05": BEFORE, "2026-06-12": week})  # type: ignore[dict-item]
    ours = adjust(raw, splits((day, factor)), None, Series.SPLITS, weekly=True)
    assert ours["close"].iloc[0] == pytest.approx(100 / factor)
    return [float(value) for value in ours.iloc[1]]


def test_a_split_on_a_weeks_monday_leaves_its_bar_as_it_is() -> None:
    assert split_week("2026-06-08", (50.0, 53.0, 48.0, 52.0, 9000.0)) == [50, 53, 48, 52, 9000]


def test_a_split_in_a_weeks_midst_halves_its_open_and_high_and_its_volume_is_unknown() -> None:
    *prices, volume = split_week("2026-06-10", (101.0, 104.0, 48.0, 52.0, 9000.0))
    assert prices == [50.5, 52.0, 48.0, 52.0]
    assert math.isnan(volume)


def test_a_reverse_split_in_a_weeks_midst_multiplies_its_open_and_low() -> None:
    *prices, _ = split_week("2026-06-10", (101.0, 1040.0, 96.0, 1010.0, 9000.0), factor=0.1)
    assert prices == pytest.approx([1010, 1040, 960, 1010])


def test_after_a_holiday_on_monday_the_open_shows_that_the_split_was_before_it() -> None:
    assert split_week("2026-06-09", (50.0, 53.0, 48.0, 52.0, 9000.0)) == [50, 53, 48, 52, 9000]


def test_a_partial_week_that_ends_before_the_event_is_wholly_before_it() -> None:
    raw = bars({"2026-06-05": BEFORE, "2026-06-09": BEFORE, "2026-06-19": (50, 53, 48, 52, 9)})
    ours = adjust(raw, splits(("2026-06-15", 2.0)), None, Series.SPLITS, weekly=True)
    assert ours["volume"].tolist() == [10_000, 10_000, 9]
    assert closes(ours) == [50, 50, 52]


def test_a_split_in_the_first_week_changes_its_open() -> None:
    raw = bars({"2026-06-12": (101.0, 104.0, 48.0, 52.0, 9000.0)})
    ours = adjust(raw, splits(("2026-06-10", 2.0)), None, Series.SPLITS, weekly=True)
    assert ours["open"].tolist() == [50.5]


def test_the_ex_days_close_is_known_when_it_ends_the_week() -> None:
    raw = flat({"2026-06-05": 100.0, "2026-06-12": 95.0})
    ours = adjust(raw, splits(), dividends(("2026-06-12", 5.0)), Series.TOTAL, weekly=True)
    assert closes(ours) == [95.0, 95.0]


def test_upstreams_weekly_figures_are_not_believed_where_they_do_not_fit() -> None:
    """An adjusted close from before the dividend was known says nothing of it."""
    raw = flat({"2026-06-05": 100.0, "2026-06-12": 95.0}).assign(adjusted_close=[100.0, 95.0])
    ours = adjust(raw, splits(), dividends(("2026-06-10", 5.0)), Series.TOTAL, weekly=True)
    assert ours["close"].iloc[0] == pytest.approx(100 * 97 / 102)  # three fifths of the way


# --- on any series ----------------------------------------------------------------------------

FACTORS = st.sampled_from([1.5, 2.0, 3.0, 4.0, 10.0, 20.0, 0.5, 0.1, 0.02, 1.046])
EVENTS = st.lists(st.integers(1, 119), min_size=0, max_size=6, unique=True)
DAYS = pd.bdate_range("2026-01-01", periods=120, name="date")


def smooth(seed: int) -> pd.DataFrame:
    """A walk of 1.5 % a day, as it would have been without any event."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.015, len(DAYS))))
    open_ = close * np.exp(rng.normal(0, 0.005, len(DAYS)))
    frame = pd.DataFrame({"open": open_, "close": close}, index=DAYS)
    frame["high"] = frame.max(axis=1) * 1.004
    frame["low"] = frame[["open", "close"]].min(axis=1) * 0.996
    frame["volume"] = rng.integers(1000, 9000, len(DAYS)).astype(float)
    return frame[[*PRICES, "volume"]]


def traded(frame: pd.DataFrame, factors: dict[int, float]) -> pd.DataFrame:
    """The same as it was traded, with a split at each of these places."""
    raw = frame.copy()
    for place, factor in factors.items():
        raw.iloc[:place, :4] *= factor
        raw.iloc[:place, 4] /= factor
    return raw


def told(factors: dict[int, float]) -> Splits:
    return splits(*((f"{DAYS[place]:%Y-%m-%d}", each) for place, each in factors.items()))


@settings(deadline=None)
@given(
    seed=st.integers(0, 10_000), factors=st.dictionaries(st.integers(1, 119), FACTORS, max_size=5)
)
def test_splits_that_are_told_leave_no_trace(seed: int, factors: dict[int, float]) -> None:
    apart = {place: each for place, each in factors.items() if place % 2}
    truth = smooth(seed)
    ours = adjust(traded(truth, apart), told(apart), None, Series.SPLITS)
    pd.testing.assert_frame_equal(ours, truth, rtol=1e-9)


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), places=EVENTS, amount=st.floats(0.01, 20.0))
def test_a_total_return_is_the_price_return_and_the_dividend(
    seed: int, places: list[int], amount: float
) -> None:
    raw = smooth(seed)
    paid = pd.Series(0.0, index=DAYS)
    paid.iloc[places] = amount
    rows = [(f"{DAYS[place]:%Y-%m-%d}", amount) for place in places]
    ours = adjust(raw, splits(), dividends(*rows), Series.TOTAL)
    expected = (raw["close"] + paid) / raw["close"].shift(1) - 1
    np.testing.assert_allclose(ours["close"].pct_change()[1:], expected[1:], atol=1e-9)


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), places=EVENTS, cut=st.integers(2, 119))
def test_what_comes_later_changes_earlier_prices_by_one_factor_only(
    seed: int, places: list[int], cut: int
) -> None:
    """Returns of the first bars are the same whether or not later bars are known."""
    factors = {place: 2.0 for place in places if place % 2}
    raw = traded(smooth(seed), factors)
    paid = dividends(*((f"{DAYS[place]:%Y-%m-%d}", 0.5) for place in places))
    whole = adjust(raw, told(factors), paid, Series.TOTAL)
    part = adjust(raw.iloc[:cut], told(factors), paid, Series.TOTAL)
    ratio = (whole["close"].iloc[:cut] / part["close"]).to_numpy()
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
    pd.testing.assert_series_equal(part.iloc[-1], raw.iloc[cut - 1])


@settings(deadline=None)
@given(
    seed=st.integers(0, 10_000), factors=st.dictionaries(st.integers(1, 119), FACTORS, max_size=4)
)
def test_highs_and_lows_of_weeks_hold_their_opens_and_closes(
    seed: int, factors: dict[int, float]
) -> None:
    raw = traded(smooth(seed), factors)
    weeks = raw.resample("W-FRI").agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    )
    paid = dividends(*((f"{DAYS[place]:%Y-%m-%d}", 0.5) for place in factors))
    ours = adjust(weeks, told(factors), paid, Series.TOTAL, weekly=True)
    assert (ours["high"] >= ours[["open", "close"]].max(axis=1)).all()
    assert (ours["low"] <= ours[["open", "close"]].min(axis=1)).all()
    pd.testing.assert_series_equal(
        ours.iloc[-1][["close"]], weeks.iloc[-1][["close"]], check_names=False
    )
