"""Figures of performance against plain arithmetic: hand-worked rows, and numpy on recordings."""

from __future__ import annotations

import csv
import math
from dataclasses import fields
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stocktracker.figures import performance
from stocktracker.figures.performance import (
    DAYS_A_YEAR,
    DEFINITIONS,
    WEEKS_A_YEAR,
    YEAR,
    Drawdown,
    Move,
    Statistics,
    correlations,
    drawdowns,
    measure,
    monthly_returns,
    rebased,
    returns_of,
    rolling_correlation,
    rolling_volatility,
    statistics,
)

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
NAN = float("nan")

recorded = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")


def series(closes: dict[str, float]) -> pd.Series[float]:
    return pd.Series(list(closes.values()), index=pd.DatetimeIndex(list(closes)), dtype=float)


def days(*closes: float, first: str = "2026-11-02") -> pd.Series[float]:
    """Closes on weekdays in a row; 2 November 2026 is a Monday."""
    return pd.Series(closes, index=pd.bdate_range(first, periods=len(closes)), dtype=float)


def recording(name: str, column: str) -> pd.Series[float]:
    with (RECORDINGS / f"portfoliotree__{name}.csv").open(encoding="utf-8") as file:
        rows = {row["timestamp"]: float(row[column]) for row in csv.DictReader(file)}
    return series(dict(sorted(rows.items())))


# --- hand-worked rows -------------------------------------------------------------------------

# Returns: +10 %, −10 %, +20 %, −25 %.
FIVE = days(100.0, 110.0, 99.0, 118.8, 89.1)


def test_the_total_return_is_the_last_close_against_the_first() -> None:
    assert measure(FIVE, periods=252).total_return == pytest.approx(-0.109)


def test_volatility_is_the_sample_deviation_by_the_root_of_periods() -> None:
    # The mean is −0.0125; squares of 0.1125, −0.0875, 0.2125, −0.2375 sum up to 0.121875.
    by_hand = math.sqrt(0.121875 / 3)
    assert measure(FIVE, periods=252).volatility == pytest.approx(by_hand * math.sqrt(252))
    assert measure(FIVE, periods=52).volatility == pytest.approx(by_hand * math.sqrt(52))


def test_sharpe_is_the_mean_over_the_deviation_by_the_root_of_periods() -> None:
    by_hand = -0.0125 / math.sqrt(0.121875 / 3) * math.sqrt(252)
    assert measure(FIVE, periods=252).sharpe == pytest.approx(by_hand)


def test_sortino_counts_the_downside_over_all_periods() -> None:
    downside = math.sqrt((0.1**2 + 0.25**2) / 4)
    by_hand = -0.0125 * 252 / (downside * math.sqrt(252))
    assert measure(FIVE, periods=252).sortino == pytest.approx(by_hand)


def test_the_risk_free_rate_is_a_yearly_one_taken_off_each_return() -> None:
    free = 1.04 ** (1 / 252) - 1
    excess = np.array([0.1, -0.1, 0.2, -0.25]) - free
    found = measure(FIVE, periods=252, risk_free=0.04)
    assert found.sharpe == pytest.approx(excess.mean() / excess.std(ddof=1) * math.sqrt(252))
    downside = math.sqrt((np.minimum(excess, 0) ** 2).mean())
    assert found.sortino == pytest.approx(excess.mean() * math.sqrt(252) / downside)
    assert found.volatility == measure(FIVE, periods=252).volatility


def test_the_deepest_fall_has_its_peak_trough_and_no_recovery_yet() -> None:
    found = measure(FIVE, periods=252).drawdown
    assert found is not None
    assert found.depth == pytest.approx(-0.25)
    assert (found.peak, found.trough, found.recovery) == (
        date(2026, 11, 5),
        date(2026, 11, 6),
        None,
    )


def test_a_fall_is_recovered_on_the_first_close_as_high_as_its_peak() -> None:
    # Twice at the peak: the fall begins with the later of the two.
    found = measure(days(90.0, 100.0, 100.0, 80.0, 95.0, 100.0, 130.0), periods=252).drawdown
    assert found is not None
    assert found.depth == pytest.approx(-0.2)
    assert (found.peak, found.trough, found.recovery) == (
        date(2026, 11, 4),
        date(2026, 11, 5),
        date(2026, 11, 9),
    )


def test_what_never_fell_has_a_drawdown_of_zero_without_dates() -> None:
    assert measure(days(1.0, 2.0, 2.0, 3.0), periods=252).drawdown == Drawdown(
        0.0, None, None, None
    )


def test_best_and_worst_are_dated_by_the_day_on_which_they_ended() -> None:
    found = measure(FIVE, periods=252)
    assert found.best is not None
    assert found.worst is not None
    assert (found.best.change, found.best.day) == (pytest.approx(0.2), date(2026, 11, 5))
    assert (found.worst.change, found.worst.day) == (pytest.approx(-0.25), date(2026, 11, 6))


def test_what_moves_twice_as_far_as_the_benchmark_has_a_beta_of_two() -> None:
    # Returns 1 %, −2 %, 3 % and their doubles.
    benchmark = days(100.0, 101.0, 98.98, 101.9494)
    double = days(100.0, 102.0, 97.92, 103.7952)
    found = measure(double, periods=252, benchmark=benchmark)
    assert found.beta == pytest.approx(2.0)
    assert found.correlation == pytest.approx(1.0)


def test_what_moves_against_the_benchmark_has_a_correlation_of_minus_one() -> None:
    benchmark = days(100.0, 101.0, 98.98, 101.9494)
    against = days(100.0, 99.0, 100.98, 97.9506)
    found = measure(against, periods=252, benchmark=benchmark)
    assert found.beta == pytest.approx(-1.0)
    assert found.correlation == pytest.approx(-1.0)
    assert found.correlation is not None
    assert found.correlation >= -1.0


# --- growth a year ----------------------------------------------------------------------------


def test_growth_a_year_goes_by_calendar_days() -> None:
    # 730 days; twice the money.
    found = measure(
        series({"2024-11-21": 50.0, "2025-05-01": 70.0, "2026-11-21": 100.0}), periods=52
    )
    assert found.cagr == pytest.approx(2 ** (365.25 / 730) - 1)


def test_a_range_shorter_than_a_year_is_never_annualised() -> None:
    found = measure(series({"2026-01-02": 50.0, "2026-11-20": 100.0}), periods=252)
    assert found.total_return == pytest.approx(1.0)
    assert found.cagr is None


def test_a_year_may_begin_up_to_a_week_late_as_ranges_do() -> None:
    a_week_late = series({"2025-11-27": 50.0, "2026-11-20": 60.0})
    later = series({"2025-11-28": 50.0, "2026-11-20": 60.0})
    assert measure(a_week_late, periods=252).cagr == pytest.approx(1.2 ** (365.25 / 358) - 1)
    assert measure(later, periods=252).cagr is None


# --- what is not defined is None --------------------------------------------------------------


def test_a_single_bar_has_no_figures() -> None:
    found = measure(days(100.0), periods=252, benchmark=days(50.0))
    assert found == Statistics(
        first=date(2026, 11, 2),
        last=date(2026, 11, 2),
        returns=0,
        skipped=0,
        **dict.fromkeys(figures_of(found)),  # type: ignore[arg-type]
    )


def test_no_bar_at_all_has_no_dates_either() -> None:
    found = measure(days(NAN, NAN), periods=252)
    assert (found.first, found.last, found.returns, found.skipped) == (None, None, 0, 2)
    assert all(getattr(found, name) is None for name in figures_of(found))


def test_one_return_is_a_return_but_has_no_deviation() -> None:
    found = measure(days(100.0, 110.0), periods=252, benchmark=days(50.0, 51.0))
    assert found.total_return == pytest.approx(0.1)
    assert found.best == found.worst
    assert (found.volatility, found.sharpe, found.sortino) == (None, None, None)
    assert (found.beta, found.correlation) == (None, None)


def test_two_returns_in_common_say_nothing_of_what_moves_together() -> None:
    found = measure(days(100.0, 110.0, 99.0), periods=252, benchmark=days(50.0, 51.0, 50.0))
    assert found.volatility is not None
    assert (found.beta, found.correlation) == (None, None)


def test_constant_prices_have_no_volatility_and_no_ratios() -> None:
    benchmark = days(100.0, 101.0, 99.0, 102.0)
    found = measure(days(7.0, 7.0, 7.0, 7.0), periods=252, benchmark=benchmark)
    assert (found.total_return, found.volatility, found.beta) == (0.0, 0.0, 0.0)
    assert (found.sharpe, found.sortino, found.correlation) == (None, None, None)
    assert found.drawdown == Drawdown(0.0, None, None, None)
    assert found.best == Move(0.0, date(2026, 11, 3))


def test_a_benchmark_that_stands_still_gives_neither_beta_nor_correlation() -> None:
    found = measure(FIVE, periods=252, benchmark=days(7.0, 7.0, 7.0, 7.0, 7.0))
    assert (found.beta, found.correlation) == (None, None)


def test_even_growth_has_no_sharpe_from_rounding_dust() -> None:
    found = measure(days(*(100 * 1.01**n for n in range(50))), periods=252)
    assert found.volatility == 0.0
    assert (found.sharpe, found.sortino) == (None, None)


def test_what_never_lost_has_a_sharpe_but_no_sortino() -> None:
    found = measure(days(100.0, 101.0, 103.0, 104.0), periods=252)
    assert found.sharpe is not None
    assert found.sortino is None


@pytest.mark.parametrize("bad", [NAN, float("inf"), 0.0, -3.0])
def test_a_close_without_a_meaning_is_skipped_and_counted(bad: float) -> None:
    found = measure(days(100.0, bad, 121.0, 110.0), periods=252)
    assert (found.returns, found.skipped) == (2, 1)
    assert found.best is not None
    assert (found.best.change, found.best.day) == (pytest.approx(0.21), date(2026, 11, 4))


def figures_of(found: Statistics) -> list[str]:
    given = {"first", "last", "returns", "skipped"}
    return [field.name for field in fields(found) if field.name not in given]


# --- several tickers --------------------------------------------------------------------------


def test_two_tickers_are_compared_over_the_dates_they_share() -> None:
    one = days(100.0, NAN, 102.0, 99.96, 103.9584, 100.0)
    other = days(100.0, 150.0, 101.0, 99.99, 101.9898, NAN)
    # Over the shared dates one has +2 %, −2 %, +4 %, the other half of each.
    found = measure(one, periods=252, benchmark=other)
    assert found.beta == pytest.approx(2.0)
    assert found.correlation == pytest.approx(1.0)
    assert found.returns == 4


def test_statistics_keep_the_order_and_the_benchmark_is_its_own_yardstick() -> None:
    frame = pd.DataFrame({"B": FIVE, "A": days(10.0, 11.0, 10.0, 12.0, 12.5)})
    found = statistics(frame, periods=252, benchmark="A")
    assert list(found) == ["B", "A"]
    assert found["A"].beta == pytest.approx(1.0)
    assert found["A"].correlation == pytest.approx(1.0)
    assert statistics(frame, periods=252)["B"].beta is None


def test_lines_start_at_zero_on_the_first_common_date() -> None:
    frame = pd.DataFrame(
        {"OLD": [50.0, 100.0, 110.0, NAN], "YOUNG": [NAN, 20.0, 30.0, 10.0]},
        index=pd.bdate_range("2026-11-02", periods=4),
    )
    found = rebased(frame)
    assert found.index[0] == pd.Timestamp("2026-11-03")
    assert found["OLD"].tolist()[:2] == [0.0, pytest.approx(0.1)]
    assert math.isnan(found["OLD"].iloc[-1])
    assert found["YOUNG"].tolist() == [0.0, pytest.approx(0.5), pytest.approx(-0.5)]


def test_without_a_common_date_nothing_can_be_rebased() -> None:
    frame = pd.DataFrame({"A": days(1.0, NAN), "B": days(NAN, 1.0)})
    assert rebased(frame).empty
    assert list(rebased(frame).columns) == ["A", "B"]


def test_drawdowns_are_below_the_highest_close_so_far() -> None:
    found = drawdowns(pd.DataFrame({"A": FIVE}))["A"]
    assert found.tolist() == pytest.approx([0.0, 0.0, -0.1, 0.0, -0.25])


def test_correlations_are_taken_pair_by_pair() -> None:
    frame = pd.DataFrame(
        {
            "A": days(100.0, 101.0, 98.98, 101.9494),
            "TWICE": days(100.0, 102.0, 97.92, 103.7952),
            "STILL": days(5.0, 5.0, 5.0, 5.0),
        }
    )
    found = correlations(frame)
    assert found.loc["A", "TWICE"] == found.loc["TWICE", "A"] == pytest.approx(1.0)
    assert found.loc["A", "A"] == pytest.approx(1.0)
    assert found["STILL"].isna().all()


def test_rolling_volatility_begins_when_the_window_is_full() -> None:
    found = rolling_volatility(pd.DataFrame({"A": FIVE}), window=2, periods=252)["A"]
    assert found.isna().tolist() == [True, True, False, False, False]
    by_hand = np.std([0.1, -0.1], ddof=1) * math.sqrt(252)
    assert found.iloc[2] == pytest.approx(by_hand)


def test_rolling_correlation_has_a_column_for_all_but_the_benchmark() -> None:
    frame = pd.DataFrame(
        {
            "SPY": days(100.0, 101.0, 98.98, 101.9494, 101.0),
            "TWICE": days(100.0, 102.0, 97.92, 103.7952, 100.0),
            "STILL": days(5.0, 5.0, 5.0, 5.0, 5.0),
        }
    )
    found = rolling_correlation(frame, "SPY", window=3)
    assert list(found.columns) == ["TWICE", "STILL"]
    assert found["TWICE"].isna().tolist() == [True, True, True, False, False]
    assert found["TWICE"].iloc[3] == pytest.approx(1.0)
    spy, twice = (frame[name].pct_change().to_numpy()[2:] for name in ("SPY", "TWICE"))
    assert found["TWICE"].iloc[4] == pytest.approx(np.corrcoef(twice, spy)[0, 1])
    assert found["STILL"].isna().all()


# --- months -----------------------------------------------------------------------------------


def test_a_month_is_its_last_close_against_the_last_of_the_month_before() -> None:
    closes = series(
        {
            "2025-11-20": 100.0,
            "2025-11-28": 110.0,
            "2025-12-31": 121.0,
            "2026-01-30": 60.5,
            "2026-02-10": 66.55,
        }
    )
    found = monthly_returns(closes, weekly=False)
    assert found.table.index.tolist() == [2025, 2026]
    assert found.table.loc[2025, [11, 12]].tolist() == pytest.approx([0.1, 0.1])
    assert found.table.loc[2026, [1, 2]].tolist() == pytest.approx([-0.5, 0.1])
    assert found.table[YEAR].tolist() == pytest.approx([0.21, -0.45])
    assert found.table.notna().sum().sum() == 6
    partial = found.partial.stack()
    assert set(partial[partial].index) == {(2025, 11), (2026, 2), (2025, YEAR), (2026, YEAR)}


def test_the_last_month_is_whole_once_its_last_weekday_is_there() -> None:
    # 31 October 2026 is a Saturday.
    through_friday = series({"2026-09-30": 10.0, "2026-10-30": 11.0})
    assert not monthly_returns(through_friday, weekly=False).partial.loc[2026, 10]
    through_thursday = series({"2026-09-30": 10.0, "2026-10-29": 11.0})
    assert monthly_returns(through_thursday, weekly=False).partial.loc[2026, 10]


def test_weekly_bars_end_a_month_when_the_next_one_falls_into_another() -> None:
    ended = series({"2026-09-25": 10.0, "2026-10-30": 11.0})
    assert not monthly_returns(ended, weekly=True).partial.loc[2026, 10]
    running = series({"2026-09-25": 10.0, "2026-10-23": 11.0})
    assert monthly_returns(running, weekly=True).partial.loc[2026, 10]


def test_a_month_after_one_without_closes_has_no_return_of_its_own() -> None:
    closes = series(
        {"2026-01-30": 10.0, "2026-02-27": 11.0, "2026-04-30": 22.0, "2026-05-29": 33.0}
    )
    found = monthly_returns(closes, weekly=False).table.loc[2026]
    assert found[2] == pytest.approx(0.1)
    assert math.isnan(found[3])
    assert math.isnan(found[4])
    assert found[5] == pytest.approx(0.5)
    assert found[YEAR] == pytest.approx(2.3)


def test_a_single_close_has_no_months() -> None:
    found = monthly_returns(days(100.0), weekly=False)
    assert found.table.empty
    assert found.partial.empty


# --- a split in the range ---------------------------------------------------------------------


def test_a_split_that_was_adjusted_for_is_no_return() -> None:
    raw = np.array([400.0, 404.0, 101.0, 102.01])
    adjusted = days(*(raw / np.array([4.0, 4.0, 1.0, 1.0])))
    assert returns_of(adjusted).tolist() == pytest.approx([0.01, 0.0, 0.01])
    assert measure(adjusted, periods=252).total_return == pytest.approx(0.0201)


# --- recordings -------------------------------------------------------------------------------


@recorded
def test_26_years_of_ibm_by_the_week_equal_plain_numpy() -> None:
    closes = recording("weekly_adjusted_IBM", "adjusted close")
    found = measure(closes, periods=WEEKS_A_YEAR)
    values = closes.to_numpy()
    returns = values[1:] / values[:-1] - 1
    assert found.returns == len(returns) > 1300
    assert found.total_return == pytest.approx(values[-1] / values[0] - 1)
    years = (closes.index[-1] - closes.index[0]).days / 365.25
    assert found.cagr == pytest.approx((values[-1] / values[0]) ** (1 / years) - 1)
    assert found.volatility == pytest.approx(returns.std(ddof=1) * math.sqrt(52))
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(52))
    downside = math.sqrt((np.minimum(returns, 0) ** 2).mean())
    assert found.sortino == pytest.approx(returns.mean() / downside * math.sqrt(52))
    falls = values / np.maximum.accumulate(values) - 1
    assert found.drawdown is not None
    assert found.drawdown.depth == pytest.approx(falls.min())
    trough = int(falls.argmin())
    peak = int(values[: trough + 1].argmax())
    recovery = trough + int((values[trough:] >= values[peak]).argmax())
    stamps = [stamp.date() for stamp in closes.index]
    assert (found.drawdown.peak, found.drawdown.trough, found.drawdown.recovery) == (
        stamps[peak],
        stamps[trough],
        stamps[recovery],
    )
    assert found.best is not None
    assert found.worst is not None
    assert (found.best.change, found.best.day) == (
        pytest.approx(returns.max()),
        stamps[1 + int(returns.argmax())],
    )
    assert (found.worst.change, found.worst.day) == (
        pytest.approx(returns.min()),
        stamps[1 + int(returns.argmin())],
    )


@recorded
def test_ibm_against_the_euro_equals_plain_numpy_over_their_common_days() -> None:
    ibm, euro = recording("daily_compact_IBM", "close"), recording("fx_daily_EUR_USD", "close")
    frame = pd.DataFrame({"IBM": ibm, "EUR": euro})
    assert frame["IBM"].isna().any()
    common = frame.dropna().to_numpy()
    mine, theirs = (common[1:] / common[:-1] - 1).T
    found = statistics(frame, periods=DAYS_A_YEAR, benchmark="EUR")["IBM"]
    covariance = ((mine - mine.mean()) * (theirs - theirs.mean())).mean()
    assert found.beta == pytest.approx(covariance / theirs.var())
    assert found.correlation == pytest.approx(covariance / (mine.std() * theirs.std()))
    assert correlations(frame).loc["IBM", "EUR"] == pytest.approx(found.correlation)
    assert found.skipped == frame["IBM"].isna().sum()
    rolled = rolling_correlation(frame, "EUR", window=20)["IBM"].dropna()
    assert rolled.iloc[-1] == pytest.approx(np.corrcoef(mine[-20:], theirs[-20:])[0, 1])


@recorded
def test_monthly_returns_of_ibm_multiply_up_to_the_year_and_to_the_whole() -> None:
    closes = recording("weekly_adjusted_IBM", "adjusted close")
    found = monthly_returns(closes, weekly=True).table
    assert len(found) == 28
    by_month = (1 + found[list(performance.MONTHS)]).prod(axis=1)
    assert by_month.to_numpy() == pytest.approx((1 + found[YEAR]).to_numpy())
    whole = float((1 + found[YEAR]).prod())
    assert whole == pytest.approx(closes.iloc[-1] / closes.iloc[0])


def test_every_figure_that_is_shown_is_defined() -> None:
    shown = {field.name for field in fields(Statistics)} - {"first", "last", "drawdown"}
    drawn = {"max_drawdown", "peak", "trough", "recovery", "best_day", "worst_day"}
    assert set(DEFINITIONS) == shown | drawn
