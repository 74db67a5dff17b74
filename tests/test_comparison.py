"""Which bars a comparison needs, what is compared, what is left out and said; its tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from stocktracker.figures import performance
from stocktracker.figures.adjust import Series
from stocktracker.figures.analytics import Range
from stocktracker.figures.comparison import (
    RANGES,
    WINDOW_NAMES,
    Comparison,
    common_series,
    compare,
    offers,
    risk_points,
    statistics_table,
    tables,
)
from stocktracker.figures.export import table_csv, tables_xlsx
from stocktracker.figures.history import History, make_history
from stocktracker.figures.performance import DEFINITIONS
from stocktracker.figures.ranges import choices
from stocktracker.fundamentals import Dividend, Dividends, Split, Splits
from stocktracker.model import Bars, Feed, Interval, Ticker
from stocktracker.palette import LIGHT
from stocktracker.screen.compare_table import LABELS, columns_of, shown_statistics
from tests.helpers import daily, utc, weekly

NOW = utc("2026-11-23T22:00")
NEW_YORK = ZoneInfo("America/New_York")
A, B, SPY = Ticker("A"), Ticker("B"), Ticker("SPY")


def bars(ticker: Ticker, *closes: float, end: str = "2026-11-23") -> Bars:
    stamps = [f"{day:%Y-%m-%d}" for day in pd.bdate_range(end=end, periods=len(closes))]
    return daily(ticker, dict(zip(stamps, closes, strict=True)), fetched_at=NOW)


def weeks(ticker: Ticker, count: int) -> Bars:
    stamps = [
        f"{day:%Y-%m-%d}" for day in pd.date_range(end="2026-11-20", periods=count, freq="W-FRI")
    ]
    closes = {stamp: 100.0 + place % 7 for place, stamp in enumerate(stamps)}
    return weekly(ticker, closes, fetched_at=NOW)


def splits(ticker: Ticker, *rows: tuple[str, float]) -> Splits:
    found = tuple(Split(date.fromisoformat(day), factor) for day, factor in rows)
    return Splits(ticker=ticker, fetched_at=NOW, source="test", rows=found)


def history(
    *stored: Bars,
    series: Series = Series.SPLITS,
    interval: Interval = Interval.DAILY,
    asked: Range = Range.THREE_MONTHS,
    known: Splits | None = None,
    dividends: Dividends | None = None,
) -> History:
    feeds = {Interval.DAILY: Feed.DAILY, Interval.WEEKLY: Feed.WEEKLY}
    found = make_history(
        asked,
        series,
        interval=interval,
        bars={feeds[each.interval]: each for each in stored},
        quote=None,
        splits=known,
        dividends=dividends,
        zone=NEW_YORK,
        now=NOW,
    )
    assert found is not None
    return found


def compared(
    histories: Mapping[Ticker, History | None],
    *,
    benchmark: Ticker | None = None,
    asked: Series = Series.SPLITS,
    waiting: tuple[Ticker, ...] = (),
) -> Comparison:
    lacking = {ticker: each.lacking for ticker, each in histories.items() if each is not None}
    found = compare(
        histories,
        asked=asked,
        benchmark=benchmark,
        waiting=waiting,
        lacking=lacking,
        version="1",
    )
    assert found is not None
    return found


# --- ranges -------------------------------------------------------------------------------------


def offered(stored: Mapping[Ticker, Mapping[Feed, Bars]], *, calls_left: int = 10):
    return offers(
        {
            ticker: choices(
                {feed: each.get(feed) for feed in (Feed.DAILY, Feed.WEEKLY)},
                intraday=False,
                full_daily=False,
                calls_left=calls_left,
            )
            for ticker, each in stored.items()
        }
    )


HUNDRED = [100.0 + place % 5 for place in range(100)]


def test_the_ranges_that_can_be_compared_are_a_month_and_longer() -> None:
    found = offered({A: {Feed.DAILY: bars(A, *HUNDRED)}})
    assert tuple(found) == RANGES
    assert [each.value for each in RANGES] == ["1M", "3M", "6M", "YTD", "1Y", "5Y", "Max"]


def test_what_daily_bars_fill_is_compared_by_the_day_and_costs_nothing() -> None:
    stored = {ticker: {Feed.DAILY: bars(ticker, *HUNDRED)} for ticker in (A, B)}
    found = offered(stored)[Range.THREE_MONTHS]
    assert (found.interval, found.weekly, found.waiting) == (Interval.DAILY, (), ())


def test_all_are_weekly_as_soon_as_one_is_and_those_without_weekly_bars_wait() -> None:
    stored = {
        A: {Feed.DAILY: bars(A, *HUNDRED), Feed.WEEKLY: weeks(A, 300)},
        B: {Feed.DAILY: bars(B, *HUNDRED)},
    }
    found = offered(stored)[Range.YEAR]
    assert (found.interval, found.weekly, found.waiting) == (Interval.WEEKLY, (A, B), (B,))
    assert found.blocked is None


def test_a_young_ticker_is_compared_by_the_week_with_old_ones_and_needs_no_call() -> None:
    stored = {
        A: {Feed.DAILY: bars(A, *HUNDRED), Feed.WEEKLY: weeks(A, 300)},
        B: {Feed.DAILY: bars(B, *HUNDRED[:40])},
    }
    found = offered(stored)[Range.YEAR]
    assert (found.interval, found.waiting) == (Interval.WEEKLY, ())


def test_a_range_is_blocked_only_where_no_ticker_could_be_shown() -> None:
    daily_only = {ticker: {Feed.DAILY: bars(ticker, *HUNDRED)} for ticker in (A, B)}
    blocked = offered(daily_only, calls_left=0)[Range.MAX].blocked
    assert blocked == "Takes one call, and none is left at the moment"
    one_is_here = {**daily_only, A: {**daily_only[A], Feed.WEEKLY: weeks(A, 300)}}
    assert offered(one_is_here, calls_left=0)[Range.MAX].blocked is None


# --- what is compared ---------------------------------------------------------------------------


def test_lines_keep_their_order_and_the_benchmark_is_one_of_them() -> None:
    histories = {t: history(bars(t, 1.0, 2.0, 3.0), known=splits(t)) for t in (B, A, SPY)}
    found = compared(histories, benchmark=SPY)
    assert found.tickers == ["B", "A", "SPY"]
    assert (found.benchmark, found.periods, found.series) == (SPY, 252, Series.SPLITS)


def test_without_any_bars_there_is_nothing_to_compare() -> None:
    nothing = compare(
        {A: None, SPY: None},
        asked=Series.RAW,
        benchmark=SPY,
        waiting=(),
        lacking={},
        version="1",
    )
    assert nothing is None


def test_a_ticker_without_bars_is_missing_and_the_others_are_compared() -> None:
    found = compared(
        {A: history(bars(A, 1.0, 2.0), known=splits(A)), B: None, SPY: None}, benchmark=SPY
    )
    assert found.tickers == ["A"]
    assert found.missing == (B, SPY)
    assert found.benchmark is None


def test_a_ticker_that_waits_for_its_weekly_bars_does_not_cut_the_others_short() -> None:
    whole = {
        ticker: history(
            weeks(ticker, 300), interval=Interval.WEEKLY, asked=Range.MAX, known=splits(ticker)
        )
        for ticker in (A, SPY)
    }
    short = history(bars(B, *HUNDRED), interval=Interval.WEEKLY, asked=Range.MAX, known=splits(B))
    found = compared({**whole, B: short}, benchmark=SPY, waiting=(B,))
    assert found.tickers == ["A", "SPY"]
    assert found.left_out == (B,)
    assert len(found.closes) == 300
    assert "left out until their weekly bars are here: B" in found.notes
    assert found.periods == 52


def test_where_all_tickers_wait_what_is_stored_is_compared() -> None:
    spy = history(weeks(SPY, 300), interval=Interval.WEEKLY, asked=Range.MAX, known=splits(SPY))
    short = history(bars(A, *HUNDRED), interval=Interval.WEEKLY, asked=Range.MAX, known=splits(A))
    found = compared({A: short, SPY: spy}, benchmark=SPY, waiting=(A,))
    assert found.tickers == ["A", "SPY"]
    assert len(found.closes) < 25
    assert any(note.startswith("A begins") for note in found.notes)


def test_total_return_is_compared_only_where_all_have_it() -> None:
    paid = Dividends(
        ticker=A, fetched_at=NOW, source="test", rows=(Dividend(date(2026, 11, 20), 1.0),)
    )
    with_dividends = history(
        bars(A, 10.0, 11.0, 12.0), series=Series.TOTAL, known=splits(A), dividends=paid
    )
    without = history(bars(B, 10.0, 11.0, 12.0), series=Series.TOTAL, known=splits(B))
    assert with_dividends.series is Series.TOTAL
    assert common_series(Series.TOTAL, [with_dividends, None]) is Series.TOTAL
    assert common_series(Series.TOTAL, [with_dividends, without, None]) is Series.SPLITS
    assert common_series(Series.RAW, [without]) is Series.RAW


def test_the_fall_back_from_total_return_says_whose_dividends_are_not_known() -> None:
    asked_for = history(bars(B, 10.0, 11.0, 12.0), series=Series.TOTAL, known=splits(B))
    histories = {t: history(bars(t, 10.0, 11.0, 12.0), known=splits(t)) for t in (A, B)}
    found = compare(
        histories,
        asked=Series.TOTAL,
        benchmark=None,
        waiting=(),
        lacking={B: asked_for.lacking},
        version="1",
    )
    assert found is not None
    assert found.series is Series.SPLITS
    assert found.lacks_dividends == (B,)
    assert "dividends are not counted, as those of B are not known yet" in found.notes


def test_a_split_in_the_range_is_no_fall() -> None:
    found = compared(
        {
            A: history(bars(A, 400.0, 404.0, 101.0, 102.01), known=splits(A, ("2026-11-20", 4.0))),
            SPY: history(bars(SPY, 10.0, 10.1, 10.2, 10.3), known=splits(SPY)),
        },
        benchmark=SPY,
    )
    figures = performance.statistics(found.closes, periods=found.periods, benchmark=SPY)
    assert figures["A"].total_return == pytest.approx(0.0201)
    assert figures["A"].drawdown is not None
    assert figures["A"].drawdown.depth == 0.0


def test_unknown_splits_are_said_once_for_all_who_lack_them() -> None:
    histories = {t: history(bars(t, 1.0, 2.0, 3.0)) for t in (A, B)}
    found = compared(histories)
    assert found.series is Series.RAW
    assert found.lacks_splits == (A, B)
    assert "splits are not known yet: prices are as traded" in found.notes
    mixed = compared({A: histories[A], B: history(bars(B, 1.0, 2.0, 3.0), known=splits(B))})
    assert "A: splits are not known yet: prices are as traded" in mixed.notes


def test_tickers_without_a_date_in_common_have_no_closes_and_it_is_said() -> None:
    found = compared(
        {
            A: history(bars(A, 1.0, 2.0), known=splits(A)),
            B: history(bars(B, 1.0, 2.0, end="2026-10-30"), known=splits(B)),
        }
    )
    assert found.closes.empty
    assert "there is no date that all have in common" in found.notes
    figures = performance.statistics(found.closes, periods=found.periods)
    assert figures["A"].total_return is None


# --- tables -------------------------------------------------------------------------------------

PAIR = {
    A: history(bars(A, 100.0, 110.0, 99.0, 118.8, 89.1), known=splits(A)),
    SPY: history(bars(SPY, 7.0, 7.0, 7.0, 7.0, 7.0), known=splits(SPY)),
}


def test_the_table_has_every_defined_figure_and_nan_where_there_is_none() -> None:
    found = compared(PAIR, benchmark=SPY)
    table = statistics_table(performance.statistics(found.closes, periods=252, benchmark=SPY))
    assert set(table.columns) == {"ticker", "first", "last", *DEFINITIONS}
    row = table.set_index("ticker").loc["A"]
    assert row["total_return"] == pytest.approx(-0.109)
    assert (row["best_day"], row["worst_day"]) == (date(2026, 11, 20), date(2026, 11, 23))
    assert math.isnan(row["cagr"])
    assert math.isnan(row["beta"])


def test_on_screen_figures_have_signs_and_what_is_not_defined_is_a_dash() -> None:
    found = compared(PAIR, benchmark=SPY)
    figures = performance.statistics(found.closes, periods=252, benchmark=SPY)
    shown = shown_statistics(figures, LIGHT).to_html()
    for text in ("−10.90%", "+20.00%", "−25.00%", "–", "23 Nov 2026"):
        assert f">{text}<" in shown
    assert "nan" not in shown.lower()
    assert f"color: {LIGHT.down}" in shown


def test_every_column_has_its_definition_as_help() -> None:
    columns = columns_of(weekly=True, risk_free=0.04)
    assert set(columns) == {"ticker", *LABELS}
    assert columns["beta"]["help"] == DEFINITIONS["beta"]
    assert columns["sharpe"]["help"].endswith("The risk-free rate is 4.00% a year.")
    assert (columns["best"]["label"], columns["worst"]["label"]) == ("Best week", "Worst week")


def test_a_risk_chart_shows_growth_a_year_only_where_all_have_it() -> None:
    short = performance.statistics(compared(PAIR, benchmark=SPY).closes, periods=252)
    points, yearly = risk_points(short)
    assert not yearly
    assert points.loc["A", "change"] == pytest.approx(-0.109)
    long = pd.DataFrame(
        {"A": [50.0, 70.0, 100.0]},
        index=pd.DatetimeIndex(["2024-11-21", "2025-06-02", "2026-11-20"]),
    )
    points, yearly = risk_points(performance.statistics(long, periods=52))
    assert yearly
    assert points.loc["A", "change"] == pytest.approx(2 ** (365.25 / 729) - 1)


def test_every_table_can_be_exported() -> None:
    found = compared(PAIR, benchmark=SPY)
    figures = performance.statistics(found.closes, periods=252, benchmark=SPY)
    made = tables(found, figures, window=WINDOW_NAMES[0], months_of="A")
    assert list(made) == [
        "Statistics",
        "Closes",
        "Growth",
        "Drawdown",
        "Correlation",
        "Rolling volatility",
        "Rolling correlation",
        "Monthly returns",
    ]
    assert table_csv(made["Growth"]).decode().splitlines()[:3] == [
        "date,A,SPY",
        "2026-11-17,0.0,0.0",
        "2026-11-18,0.10000000000000009,0.0",
    ]
    assert table_csv(made["Monthly returns"]).decode().startswith('"A, calendar year",1,2,')
    assert tables_xlsx(made).startswith(b"PK")


def test_without_benchmark_there_is_no_table_of_correlation_with_it() -> None:
    found = compared({A: PAIR[A]})
    figures = performance.statistics(found.closes, periods=252)
    made = tables(found, figures, window=WINDOW_NAMES[0], months_of="GONE")
    assert "Rolling correlation" not in made
    assert "Monthly returns" not in made
