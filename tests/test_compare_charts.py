"""What the figures of Compare hold: lines, labels, cells and sizes. How they look is not tested."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from stocktracker.figures import performance
from stocktracker.figures.compare_charts import (
    LINE_HEIGHT,
    MOST_POINTS,
    drawdown_figure,
    growth_figure,
    line_colours,
    risk_return_figure,
    rolling_correlation_figure,
    rolling_volatility_figure,
    spread,
    thinned,
)
from stocktracker.figures.heatmaps import correlation_figure, monthly_figure
from stocktracker.palette import DARK, LIGHT

NAN = float("nan")
DATES = pd.DatetimeIndex(["2026-11-25", "2026-11-27", "2026-11-30"])
GROWTH = pd.DataFrame(
    {"AAPL": [0.0, 0.1, 0.1234], "IBM": [0.0, -0.01, -0.004], "SPY": [0.0, 0.01, 0.0]},
    index=DATES,
)


def labels(figure: go.Figure) -> list[str]:
    return [note.text for note in figure.layout.annotations]


def dashes(figure: go.Figure) -> dict[str, str]:
    return {trace.name: trace.line.dash for trace in figure.data}


def walks(tickers: int, bars: int, freq: str) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    steps = rng.normal(0.001, 0.03, (bars, tickers)).cumsum(axis=0)
    index = pd.date_range(end="2026-11-20", periods=bars, freq=freq)
    return pd.DataFrame(100 * np.exp(steps), index=index, columns=[f"T{n}" for n in range(tickers)])


# --- lines --------------------------------------------------------------------------------------


def test_each_line_is_labelled_with_ticker_and_return_at_its_end() -> None:
    figure = growth_figure(GROWTH, benchmark="SPY", palette=LIGHT)
    assert labels(figure) == ["<b>AAPL</b> +12.3%", "<b>IBM</b> −0.4%", "<b>SPY</b> 0.0%"]
    ends = [note.y for note in figure.layout.annotations]
    assert ends == [0.1234, -0.004, 0.0]


def test_the_benchmark_is_dashed_and_takes_no_colour_from_the_others() -> None:
    figure = growth_figure(GROWTH[["SPY", "AAPL", "IBM"]], benchmark="SPY", palette=LIGHT)
    assert dashes(figure) == {"SPY": "dash", "AAPL": "solid", "IBM": "solid"}
    assert line_colours(["SPY", "AAPL", "IBM"], "SPY", LIGHT) == {
        "SPY": LIGHT.muted,
        "AAPL": LIGHT.lines[0],
        "IBM": LIGHT.lines[1],
    }


def test_colours_that_come_again_are_dotted() -> None:
    frame = performance.rebased(walks(10, 30, "B"))
    figure = growth_figure(frame, benchmark=None, palette=DARK)
    assert [trace.line.dash for trace in figure.data] == ["solid"] * 8 + ["dot"] * 2
    assert figure.data[8].line.color == figure.data[0].line.color


def test_labels_of_lines_that_end_together_do_not_cover_each_other() -> None:
    frame = pd.DataFrame({f"T{n}": [0.0, 0.2 + n / 10_000] for n in range(10)}, index=DATES[:2])
    figure = growth_figure(frame, benchmark=None, palette=LIGHT)
    low, high = figure.layout.yaxis.range
    room = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    places = sorted(
        (note.y - low) / (high - low) * room + note.yshift for note in figure.layout.annotations
    )
    assert np.diff(places).min() >= LINE_HEIGHT - 0.2
    assert places[0] >= 0
    assert places[-1] <= room


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([], []),
        ([50.0], [50.0]),
        ([20.0, 80.0], [20.0, 80.0]),
        ([50.0, 50.0, 50.0], [40.0, 50.0, 60.0]),
        ([52.0, 50.0], [56.0, 46.0]),
        ([0.0, 0.0], [0.0, 10.0]),
        ([100.0, 99.0], [100.0, 90.0]),
        ([-20.0, 130.0], [0.0, 100.0]),
        # No room for ten apart.
        ([1.0] * 21, [5.0 * n for n in range(21)]),
    ],
)
def test_labels_are_spread(wanted: list[float], found: list[float]) -> None:
    assert spread(wanted, 10.0, 0.0, 100.0) == pytest.approx(found)


def test_text_from_outside_stays_text() -> None:
    frame = pd.DataFrame({"<b>&X": [0.0, 0.1, 0.2]}, index=DATES)
    figure = growth_figure(frame, benchmark=None, palette=LIGHT)
    assert labels(figure)[0].startswith("<b>&lt;b&gt;&amp;X</b>")
    assert figure.data[0].name == "&lt;b&gt;&amp;X"
    assert "<b>&X" not in figure.data[0].hovertemplate


def test_a_long_name_is_cut_in_its_label_but_not_when_pointed_at() -> None:
    frame = pd.DataFrame({"0123456789ABC.LON": [0.0, 0.1, 0.2]}, index=DATES)
    figure = growth_figure(frame, benchmark=None, palette=LIGHT)
    assert labels(figure) == ["<b>012345678…</b> +20.0%"]
    assert "0123456789ABC.LON" in figure.data[0].hovertemplate


def test_a_line_that_ends_early_is_labelled_with_its_last_value() -> None:
    frame = pd.DataFrame({"A": [0.0, 0.1, NAN], "B": [0.0, NAN, 0.3]}, index=DATES)
    figure = growth_figure(frame, benchmark=None, palette=LIGHT)
    assert labels(figure) == ["<b>A</b> +10.0%", "<b>B</b> +30.0%"]


def test_what_cannot_be_drawn_is_said() -> None:
    nothing = GROWTH.iloc[:0]
    assert labels(growth_figure(nothing, benchmark=None, palette=LIGHT)) == ["No dates in common"]
    unknown = GROWTH * NAN
    assert labels(rolling_correlation_figure(unknown, palette=LIGHT)) == [
        "Too few bars for this window"
    ]
    assert labels(rolling_volatility_figure(unknown, benchmark="SPY", palette=LIGHT)) == [
        "Too few bars for this window"
    ]


def test_on_the_log_scale_the_axis_tells_how_many_times_the_start() -> None:
    frame = pd.DataFrame({"A": [0.0, 9.0, 99.0], "B": [0.0, -0.5, NAN]}, index=DATES)
    figure = growth_figure(frame, benchmark=None, palette=LIGHT, log=True)
    assert [trace.y.tolist()[:2] for trace in figure.data] == [[1.0, 10.0], [1.0, 0.5]]
    assert labels(figure) == ["<b>A</b> +9,900%", "<b>B</b> −50.0%"]
    # Notes and ranges of a logarithmic axis are in powers of ten.
    assert [note.y for note in figure.layout.annotations] == pytest.approx([2.0, np.log10(0.5)])
    low, high = figure.layout.yaxis.range
    assert (figure.layout.yaxis.type, low < np.log10(0.5), high > 2.0) == ("log", True, True)
    assert {"×0.5", "×1", "×100"} <= set(figure.layout.yaxis.ticktext)


def test_one_bar_is_a_point() -> None:
    figure = growth_figure(GROWTH.iloc[:1], benchmark=None, palette=LIGHT)
    assert {trace.mode for trace in figure.data} == {"markers"}
    low, high = figure.layout.yaxis.range
    assert low < 0 < high


def test_one_tickers_falls_are_shaded_and_several_are_not() -> None:
    falls = pd.DataFrame({"A": [0.0, -0.1, 0.0], "B": [0.0, -0.2, -0.1]}, index=DATES)
    alone = drawdown_figure(falls[["A"]], benchmark=None, palette=LIGHT)
    assert [trace.fill for trace in alone.data] == ["tozeroy"]
    both = drawdown_figure(falls, benchmark=None, palette=LIGHT)
    assert [trace.fill for trace in both.data] == [None, None]


def test_a_label_of_correlation_has_a_real_minus_and_no_minus_zero() -> None:
    frame = pd.DataFrame({"A": [0.9, -0.5], "B": [0.1, -0.001]}, index=DATES[:2])
    figure = rolling_correlation_figure(frame, palette=LIGHT)
    assert labels(figure) == ["<b>A</b> −0.50", "<b>B</b> 0.00"]


# --- size ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bars", "freq"), [(1300, "W-FRI"), (6500, "B")])
def test_ten_tickers_over_25_years_take_less_than_300_kb(bars: int, freq: str) -> None:
    closes = walks(10, bars, freq).assign(SPY=walks(1, bars, freq)["T0"])
    for figure in (
        growth_figure(performance.rebased(closes), benchmark="SPY", palette=LIGHT),
        drawdown_figure(performance.drawdowns(closes), benchmark="SPY", palette=LIGHT),
        rolling_correlation_figure(
            performance.rolling_correlation(closes, "SPY", window=26), palette=LIGHT
        ),
    ):
        assert len(figure.to_json()) < 300_000


def test_few_rows_are_drawn_as_they_are_and_many_by_the_week() -> None:
    few = walks(2, MOST_POINTS, "B")
    assert thinned(few) is few
    many = walks(2, 6500, "B")
    drawn = thinned(many)
    assert len(drawn) <= MOST_POINTS
    assert drawn.index[0] == many.index[0]
    assert drawn.index[-1] == many.index[-1]
    assert set(drawn.index[1:-1].day_name()) == {"Friday"}


def test_dates_are_sent_as_the_milliseconds_that_they_are() -> None:
    figure = growth_figure(GROWTH, benchmark=None, palette=LIGHT)
    sent: dict[str, Any] = json.loads(figure.to_json())["data"][0]["x"]
    stamps = np.frombuffer(base64.b64decode(sent["bdata"]), dtype="float64")
    assert pd.DatetimeIndex(pd.to_datetime(stamps, unit="ms")).equals(DATES)
    assert figure.layout.xaxis.type == "date"


# --- risk and return ----------------------------------------------------------------------------

POINTS = pd.DataFrame(
    {"volatility": [0.2, 0.3, 0.15, NAN], "change": [0.1, -0.05, 0.08, 0.2]},
    index=["AAPL", "IBM", "SPY", "NEW"],
)


def test_each_ticker_is_a_labelled_point_and_the_benchmark_another_sign() -> None:
    figure = risk_return_figure(POINTS, benchmark="SPY", yearly=True, palette=LIGHT)
    assert {trace.name: (trace.x[0], trace.y[0]) for trace in figure.data} == {
        "AAPL": (0.2, 0.1),
        "IBM": (0.3, -0.05),
        "SPY": (0.15, 0.08),
    }
    assert {trace.name: trace.marker.symbol for trace in figure.data} == {
        "AAPL": "circle",
        "IBM": "circle",
        "SPY": "diamond-open",
    }
    assert [trace.text[0] for trace in figure.data] == ["AAPL", "IBM", "SPY"]


def test_the_axis_says_whether_a_return_is_a_yearly_one() -> None:
    yearly = risk_return_figure(POINTS, benchmark=None, yearly=True, palette=LIGHT)
    whole = risk_return_figure(POINTS, benchmark=None, yearly=False, palette=LIGHT)
    assert yearly.layout.yaxis.title.text == "Growth a year (CAGR)"
    assert whole.layout.yaxis.title.text == "Return over the range"


def test_labels_of_points_on_the_same_spot_stand_on_different_sides() -> None:
    points = pd.DataFrame({"volatility": [0.2] * 3, "change": [0.1] * 3}, index=["A", "B", "C"])
    figure = risk_return_figure(points, benchmark=None, yearly=True, palette=LIGHT)
    assert len({trace.textposition for trace in figure.data}) == 3


def test_without_any_volatility_there_is_a_word_instead_of_points() -> None:
    figure = risk_return_figure(POINTS.iloc[3:], benchmark=None, yearly=False, palette=LIGHT)
    assert labels(figure) == ["Too few bars for a volatility"]


# --- heatmaps -----------------------------------------------------------------------------------


def test_a_correlation_stands_in_its_cell_and_a_dash_where_there_is_none() -> None:
    table = pd.DataFrame([[1.0, NAN], [NAN, NAN]], index=["A", "B"], columns=["A", "B"])
    figure = correlation_figure(table, palette=LIGHT)
    cells = figure.data[0]
    assert (cells.zmin, cells.zmax, cells.texttemplate) == (-1, 1, "%{z:.2f}")
    assert cells.z[0][0] == 1.0
    assert [(note.x, note.y, note.text) for note in figure.layout.annotations] == [
        ("B", "A", "–"),
        ("A", "B", "–"),
        ("B", "B", "–"),
    ]


def test_no_tickers_have_no_correlations() -> None:
    assert labels(correlation_figure(pd.DataFrame(), palette=LIGHT)) == ["Nothing to compare"]


def test_months_go_across_and_years_down_with_the_newest_first() -> None:
    closes = pd.Series(
        [100.0, 110.0, 121.0, 60.5, 60.5, 60.6],
        index=pd.DatetimeIndex(
            ["2025-11-20", "2025-11-28", "2025-12-31", "2026-01-30", "2026-02-27", "2026-03-10"]
        ),
    )
    cells = monthly_figure(performance.monthly_returns(closes, weekly=False), palette=LIGHT).data[0]
    assert list(cells.y) == ["2026", "2025"]
    assert [list(cells.x)[place] for place in (0, 11, 12)] == ["Jan", "Dec", "Year"]
    assert list(cells.text[0])[:4] == ["−50", "0.0", "+0.2*", ""]
    assert list(cells.text[1])[10:] == ["+10*", "+10", "+21*"]
    assert cells.customdata[0][2] == "+0.17%, counted in part"
    assert cells.customdata[1][11] == "+10.00%"


def test_a_single_close_has_no_months_to_show() -> None:
    months = performance.monthly_returns(GROWTH["AAPL"].iloc[:1], weekly=False)
    assert labels(monthly_figure(months, palette=LIGHT)) == ["Too few bars for a month"]
