"""What the figures of fundamentals hold: values, colours, labels. How they look is not tested."""

from __future__ import annotations

from datetime import date

import pandas as pd
import plotly.graph_objects as go
import pytest

from stocktracker.figures import fundamental_charts as charts
from stocktracker.figures.key_figures import YearRange
from stocktracker.palette import DARK, LIGHT, Palette

NAN = float("nan")


def texts(figure: go.Figure) -> list[str]:
    return [note.text for note in figure.layout.annotations]


def year_range(price: float | None = 236.0) -> YearRange:
    return YearRange(200.0, 300.0, price, 240.0, None, "USD")


# --- the year's range and ratings -------------------------------------------------------------


def test_the_range_marks_price_and_averages_that_are_known() -> None:
    figure = charts.range_figure(year_range(), LIGHT)
    assert {trace.name: trace.x[0] for trace in figure.data} == {
        "50-day $240.00": 240.0,
        "Price $236.00": 236.0,
    }
    assert texts(figure) == ["Low $200.00", "High $300.00"]


def test_a_price_beyond_the_range_is_still_within_the_picture() -> None:
    figure = charts.range_figure(year_range(350.0), LIGHT)
    low, high = figure.layout.xaxis.range
    assert low < 200.0
    assert high > 350.0
    # What is filled ends where the year does.
    assert [shape.x1 for shape in figure.layout.shapes] == [300.0, 300.0]


def test_a_range_without_a_price_has_none() -> None:
    figure = charts.range_figure(year_range(None), LIGHT)
    assert [trace.name for trace in figure.data] == ["50-day $240.00"]


def test_ratings_stack_in_order_and_leave_out_what_nobody_says() -> None:
    counts = {"Strong buy": 1, "Buy": 10, "Hold": 9, "Sell": 0, "Strong sell": 1}
    figure = charts.ratings_figure(counts, LIGHT)
    assert [trace.x[0] for trace in figure.data] == [1, 10, 9, 1]
    assert figure.data[-1].name == "Strong sell 1"
    assert figure.layout.xaxis.range == (0, 21)


# --- earnings ---------------------------------------------------------------------------------

QUARTERS = pd.DataFrame(
    {
        "ends": [date(2025, 9, 30), date(2025, 12, 31), date(2026, 3, 31), date(2026, 6, 30)],
        "reported": [2.65, 4.2, 1.91, NAN],
        "estimated": [2.45, 4.29, NAN, 2.0],
        "surprise": [0.2, -0.09, NAN, NAN],
        "percent": [8.16, -2.1, NAN, NAN],
    }
)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_reported_earnings_are_coloured_by_the_surprise(palette: Palette) -> None:
    estimate, reported = charts.surprises_figure(QUARTERS, palette).data
    assert list(reported.marker.color) == [palette.up, palette.down, palette.flat, palette.flat]
    assert list(reported.x) == ["Sep 2025", "Dec 2025", "Mar 2026", "Jun 2026"]
    assert estimate.y[0] == 2.45
    assert pd.isna(reported.y[3])
    assert [row[2] for row in reported.customdata] == [
        "+0.20 (+8.16%)",
        "−0.09 (−2.10%)",
        "–",
        "–",
    ]


def test_only_the_newest_quarters_are_drawn() -> None:
    figure = charts.surprises_figure(QUARTERS, LIGHT, most=2)
    assert list(figure.data[0].x) == ["Mar 2026", "Jun 2026"]


def test_no_earnings_at_all_say_so() -> None:
    figure = charts.surprises_figure(QUARTERS.iloc[:0], LIGHT)
    assert texts(figure) == ["No quarter's earnings are known"]
    years = pd.DataFrame({"ends": [], "reported": [], "whole": []})
    assert texts(charts.years_figure(years, LIGHT)) == ["No year's earnings are known"]


def test_a_part_of_a_year_is_paler_and_says_so() -> None:
    years = pd.DataFrame(
        {
            "ends": [date(2025, 12, 31), date(2026, 3, 31)],
            "reported": [11.57, 1.91],
            "whole": [True, False],
        }
    )
    (bars,) = charts.years_figure(years, LIGHT).data
    assert list(bars.x) == ["2025", "2026"]
    assert bars.marker.color[0] == LIGHT.accent
    assert bars.marker.color[1] != LIGHT.accent
    assert list(bars.customdata[1]) == ["1.91", " (part of a year)"]


# --- dividends --------------------------------------------------------------------------------


def test_the_running_year_of_dividends_is_paler() -> None:
    years = pd.Series([6.71, 3.37], index=[2025, 2026])
    (bars,) = charts.dividend_years_figure(years, LIGHT, currency="USD", running=2026).data
    assert list(bars.y) == [6.71, 3.37]
    assert bars.marker.color[0] == LIGHT.accent != bars.marker.color[1]
    assert [list(row) for row in bars.customdata] == [["$6.71", ""], ["$3.37", " so far"]]


def test_a_dividend_that_is_ahead_is_paler() -> None:
    payments = pd.DataFrame(
        {"ex_day": [date(2026, 5, 8), date(2026, 8, 10)], "adjusted": [1.69, 1.70]}
    )
    (bars,) = charts.payments_figure(payments, LIGHT, currency="GBX", today=date(2026, 5, 8)).data
    assert list(bars.x) == ["2026-05-08", "2026-08-10"]
    assert bars.marker.color[0] == LIGHT.accent != bars.marker.color[1]
    assert list(bars.customdata) == ["1.69p", "1.70p"]


def test_without_dividends_the_figures_say_so() -> None:
    none = pd.Series(dtype="float64")
    empty = pd.DataFrame({"ex_day": [], "adjusted": []})
    words = ["No dividends are on record"]
    by_year = charts.dividend_years_figure(none, LIGHT, currency="USD", running=2026)
    assert texts(by_year) == words
    by_day = charts.payments_figure(empty, LIGHT, currency="USD", today=date(2026, 5, 8))
    assert texts(by_day) == words


# --- statements -------------------------------------------------------------------------------


def statement(*ends: str) -> pd.DataFrame:
    index = pd.DatetimeIndex(ends, name="end")
    size = len(ends)
    return pd.DataFrame(
        {"Revenue": [6.7535e10] * size, "Net income": [NAN] * (size - 1) + [-2e9]}, index=index
    )


def test_lines_stand_side_by_side_and_a_missing_figure_has_no_bar() -> None:
    frame = statement("2024-12-31", "2025-12-31")
    revenue, income = charts.statement_figure(frame, LIGHT, currency="USD", annual=True).data
    assert list(revenue.x) == ["2024", "2025"]
    assert list(revenue.customdata) == ["67.5B", "67.5B"]
    assert pd.isna(income.y[0])
    assert list(income.customdata) == ["–", "−2.00B"]
    assert revenue.marker.color != income.marker.color


def test_quarters_are_named_by_month_and_so_are_two_ends_in_a_year() -> None:
    quarterly = charts.statement_figure(
        statement("2025-12-31", "2026-03-31"), LIGHT, currency="USD", annual=False
    )
    assert list(quarterly.data[0].x) == ["Dec 2025", "Mar 2026"]
    moved = charts.statement_figure(
        statement("2025-06-30", "2025-12-31"), LIGHT, currency="USD", annual=True
    )
    assert list(moved.data[0].x) == ["Jun 2025", "Dec 2025"]


def test_the_axis_names_some_of_many_periods_and_always_the_newest() -> None:
    ends = [f"{year}-12-31" for year in range(2002, 2026)]
    figure = charts.statement_figure(statement(*ends), LIGHT, currency="USD", annual=True)
    named = figure.layout.xaxis.tickvals
    assert len(named) <= 10
    assert named[-1] == "2025"


def test_a_currency_from_outside_is_no_markup() -> None:
    figure = charts.statement_figure(
        statement("2025-12-31"), LIGHT, currency="<b>USD</b>", annual=True
    )
    assert figure.layout.yaxis.title.text == "&lt;b&gt;USD&lt;/b&gt;"


def test_a_statement_without_its_main_lines_says_so() -> None:
    empty = pd.DataFrame(index=pd.DatetimeIndex([], name="end"))
    figure = charts.statement_figure(empty, LIGHT, currency="USD", annual=True)
    assert texts(figure) == ["None of the main lines is reported"]
