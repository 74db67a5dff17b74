"""Overlays, lower panes, events, benchmark and what else the price chart takes besides its bars."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from stocktracker.figures.charts import price_figure
from stocktracker.figures.drawn import Event, Line, Pane
from stocktracker.figures.indicator_specs import CATALOGUE, Unit, make, parse_indicators
from stocktracker.figures.studies import draw_studies
from stocktracker.palette import DARK, LIGHT

NEW_YORK = ZoneInfo("America/New_York")
NAN = float("nan")
FOUR_AND_THREE = "sma.20,ema.50,bb.20.2,sma.200,rsi.14,macd.12.26.9,stoch.14.3.3"
DAY_MS = 86_400_000


def make_bars(count: int, *, freq: str = "B", price: float = 100.0) -> pd.DataFrame:
    """Bars that rise and fall in waves, ending on Friday 20 November 2026."""
    index = pd.date_range(end="2026-11-20", periods=count, freq=freq, name="date")
    close = price * (1 + 0.2 * np.sin(np.arange(count) / 9) + np.arange(count) / 1000)
    return pd.DataFrame(
        {
            "open": close * 0.99,
            "high": close * 1.02,
            "low": close * 0.98,
            "close": close,
            "volume": 1e6 + 1000.0 * np.arange(count),
        },
        index=index,
    )


def draw(frame: pd.DataFrame, **changes: Any) -> Any:
    asked: dict[str, Any] = {
        "kind": "candles",
        "intraday": False,
        "zone": NEW_YORK,
        "previous_close": None,
        "palette": LIGHT,
        "currency": "USD",
        "height": 620,
    }
    return price_figure(frame, **(asked | changes))


def studied(text: str, frame: pd.DataFrame, shown: int | None = None, **changes: Any) -> Any:
    """The chart of the last bars, with indicators of all of them."""
    overlays, panes = draw_studies(parse_indicators(text), frame, palette=LIGHT)
    part = frame if shown is None else frame.iloc[-shown:]
    return draw(part, overlays=overlays, panes=panes, **changes)


def on(figure: Any, axis: str) -> list[Any]:
    return [trace for trace in figure.data if (trace.yaxis or "y") == axis]


def words(figure: Any) -> list[str]:
    return [note.text for note in figure.layout.annotations]


def xs(trace: Any) -> list[str]:
    """Where a trace's points are, whether by their own times or by a start and a step."""
    if trace.x is not None:
        return list(trace.x)
    steps = pd.to_timedelta(np.arange(len(trace.y)) * trace.dx, unit="ms")
    return list((pd.Timestamp(trace.x0) + steps).strftime("%Y-%m-%d"))


def points(trace: Any) -> dict[str, float]:
    pairs = zip(xs(trace), np.asarray(trace.y, dtype=float), strict=True)
    return {x: float(y) for x, y in pairs if np.isfinite(y)}


# --- overlays ---------------------------------------------------------------------------------


def test_an_overlay_is_computed_before_the_range_and_drawn_within_it() -> None:
    frame = make_bars(60)
    figure = studied("sma.20", frame, shown=10)
    (line,) = (trace for trace in on(figure, "y") if trace.type == "scatter")
    expected = frame["close"].rolling(20).mean().iloc[-10:]
    assert points(line) == pytest.approx(
        {f"{day:%Y-%m-%d}": mean for day, mean in expected.items()}, abs=0.005
    )
    assert line.hovertemplate == "SMA 20  <b>%{y:,.2f}</b><extra></extra>"


def test_overlays_are_named_at_the_top_left_in_their_colours() -> None:
    figure = studied("sma.20,ema.50", make_bars(60))
    lines = [trace for trace in on(figure, "y") if trace.type == "scatter"]
    (head,) = (text for text in words(figure) if "SMA 20" in text)
    for name, line in zip(("SMA 20", "EMA 50"), lines, strict=True):
        assert f'<span style="color:{line.line.color}">{name}</span>' in head
    assert lines[0].line.color != lines[1].line.color


def test_bollinger_bands_are_two_edges_with_a_shade_and_one_row_of_the_readout() -> None:
    frame = make_bars(60)
    upper, lower, middle = (
        trace for trace in on(studied("bb.20.2", frame), "y") if trace.type == "scatter"
    )
    assert (upper.hoverinfo, lower.hoverinfo, lower.fill) == ("skip", "skip", "tonexty")
    template = (
        "BB 20 2  <b>%{customdata[0]:,.2f} · %{y:,.2f} · %{customdata[1]:,.2f}</b><extra></extra>"
    )
    assert middle.hovertemplate == template
    assert middle.customdata[-1].tolist() == pytest.approx([upper.y[-1], lower.y[-1]])
    mean, spread = frame["close"].iloc[-20:].mean(), frame["close"].iloc[-20:].std(ddof=0)
    assert upper.y[-1] == pytest.approx(mean + 2 * spread, abs=0.005)
    assert lower.y[-1] == pytest.approx(mean - 2 * spread, abs=0.005)


def test_a_band_with_a_gap_has_no_shade_that_would_cross_it() -> None:
    frame = make_bars(60)
    frame.iloc[50, 3] = NAN
    _, lower, middle = (
        trace for trace in on(studied("bb.20.2", frame), "y") if trace.type == "scatter"
    )
    assert lower.fill is None
    assert not middle.connectgaps
    assert f"{frame.index[50]:%Y-%m-%d}" not in points(middle)


def test_days_without_bars_are_bridged_and_bars_without_a_value_are_not() -> None:
    frame = make_bars(30)
    whole = on(studied("sma.2", frame), "y")[-1]
    assert whole.connectgaps
    assert list(points(whole)) == [f"{day:%Y-%m-%d}" for day in frame.index[1:]]
    frame.iloc[20, 3] = NAN
    broken = on(studied("sma.2", frame), "y")[-1]
    assert not broken.connectgaps
    assert xs(broken) == [f"{day:%Y-%m-%d}" for day in frame.index]
    assert np.isnan(broken.y[20])


def test_too_few_bars_are_said_instead_of_drawn() -> None:
    figure = studied("sma.50,rsi.14", make_bars(10))
    assert any("SMA 50</span> (needs 50 bars)" in text for text in words(figure))
    assert any("RSI 14</span> (needs 15 bars)" in text for text in words(figure))
    assert [trace.type for trace in figure.data] == ["candlestick", "bar"]


def test_vwap_is_left_out_where_there_are_no_sessions() -> None:
    assert draw_studies([make("vwap")], make_bars(30), palette=LIGHT) == ([], [])


def test_vwap_is_drawn_over_intraday_bars() -> None:
    stamps = pd.date_range("2026-11-20 09:30", periods=6, freq="5min", tz=NEW_YORK)
    frame = make_bars(6).set_index(stamps.tz_convert("UTC"))
    overlays, panes = draw_studies([make("vwap")], frame, palette=LIGHT, days=pd.Index(stamps.date))
    figure = draw(frame, intraday=True, overlays=overlays, panes=panes)
    line = on(figure, "y")[-1]
    assert (line.x0, line.dx) == ("2026-11-20 09:30", 300_000)
    assert line.y[0] == pytest.approx(frame[["high", "low", "close"]].iloc[0].mean())


# --- panes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("height", [520, 620])
@pytest.mark.parametrize("panes", [0, 1, 2, 3])
@pytest.mark.parametrize("volume", [True, False])
def test_panes_stand_below_each_other_and_stay_readable(
    panes: int, volume: bool, height: int
) -> None:
    text = ",".join(["rsi.14", "macd.12.26.9", "atr.14"][:panes])
    figure = studied(text, make_bars(80), volume=volume, height=height)
    axes = ["yaxis", *(["yaxis2"] if volume else []), "yaxis3", "yaxis4", "yaxis5"]
    domains = [figure.layout[axis].domain for axis in axes[: 1 + volume + panes]]
    assert domains[0][1] == 1
    assert domains[-1][0] == pytest.approx(0, abs=1e-9)
    for above, below in pairwise(domains):
        assert above[0] > below[1]
    pixels = [(high - low) * (height - 46) for low, high in domains]
    assert pixels[0] >= 190
    assert all(each >= 45 for each in pixels)
    assert figure.layout.xaxis.anchor == axes[volume + panes].replace("axis", "")


def test_one_pane_is_higher_than_each_of_three() -> None:
    one = studied("rsi.14", make_bars(80)).layout.yaxis3.domain
    three = studied("rsi.14,atr.14,obv", make_bars(80)).layout.yaxis3.domain
    assert one[1] - one[0] > 1.2 * (three[1] - three[0])


def test_panes_share_the_time_axis_and_have_lines_between_them() -> None:
    figure = studied("rsi.14,obv", make_bars(80))
    assert {trace.xaxis for trace in figure.data} == {None}
    assert figure.layout.hoversubplots == "axis"
    assert sum(shape.yref == "paper" for shape in figure.layout.shapes) == 3


def test_rsi_has_a_fixed_scale_with_its_guides() -> None:
    figure = studied("rsi.14", make_bars(80))
    axis = figure.layout.yaxis3
    assert axis.fixedrange
    assert axis.range[0] <= 0
    assert axis.range[1] >= 100
    assert axis.tickvals == (30, 70)
    guides = [shape.y0 for shape in figure.layout.shapes if shape.yref == "y3"]
    assert guides == [30, 70, 30]
    assert any("RSI 14" in text for text in words(figure))


def test_macd_is_two_lines_over_a_histogram_in_the_colours_of_up_and_down() -> None:
    traces = on(studied("macd.12.26.9", make_bars(80)), "y3")
    rising, falling = (trace for trace in traces if trace.type == "bar")
    assert (rising.marker.color, falling.marker.color) == (LIGHT.up, LIGHT.down)
    assert all(each >= 0 for each in points(rising).values())
    assert all(each < 0 for each in points(falling).values())
    macd = traces[-1]
    assert macd.hovertemplate.startswith("MACD 12 26 9  <b>%{y:,.2f} · %{customdata[0]:,.2f}")
    assert [trace.hoverinfo for trace in traces] == ["skip", "skip", "skip", None]


def test_obv_is_spelled_as_volume_is() -> None:
    figure = studied("obv", make_bars(80))
    (line,) = on(figure, "y3")
    assert next(text for text in line.customdata if text) == "1.00M"
    assert all(text[-1] in "KMBT0" for text in figure.layout.yaxis3.ticktext)


def test_a_row_with_one_of_its_lines_missing_has_a_dash_for_it() -> None:
    frame = make_bars(4)
    first = Line("%K", pd.Series([1.0, 2.0, 3.0, -4.5], frame.index), LIGHT.lines[2])
    second = Line("%D", pd.Series([NAN, NAN, 5.0, 6.0], frame.index), LIGHT.lines[1])
    figure = draw(frame, panes=[Pane("Stoch", [first, second], unit=Unit.PERCENT)])
    told = [text for text in on(figure, "y3")[-1].customdata if text]
    assert told == ["1.00 · –", "2.00 · –", "3.00 · 5.00", "−4.50 · 6.00"]


@pytest.mark.parametrize("name", sorted(CATALOGUE))
@pytest.mark.parametrize("bars", [1, 2, 40])
def test_every_indicator_draws_on_any_bars(name: str, bars: int) -> None:
    frame = make_bars(bars)
    days = pd.DatetimeIndex(frame.index)
    overlays, panes = draw_studies([make(name)], frame, palette=DARK, days=days)
    figure = draw(frame, overlays=overlays, panes=panes, palette=DARK)
    assert make(name).label in " ".join(words(figure))
    assert "NaN" not in " ".join(words(figure))


# --- events -----------------------------------------------------------------------------------


def marks(figure: Any) -> list[tuple[str, str]]:
    return [(x, trace.text) for trace in on(figure, "y9") for x in trace.x]


def told(figure: Any) -> dict[str, str]:
    return dict(zip(figure.data[0].x, figure.data[0].text, strict=True))


def test_events_are_letters_below_their_bars_and_words_in_its_readout() -> None:
    event = Event(date(2026, 11, 18), "D", "Dividend $1.68")
    figure = draw(make_bars(10), events=[event])
    assert marks(figure) == [("2026-11-18", "D")]
    assert told(figure)["2026-11-18"].endswith("M<br><b>D</b> Dividend $1.68")
    assert "Dividend" not in told(figure)["2026-11-17"]
    assert on(figure, "y9")[0].hoverinfo == "skip"
    assert figure.layout.yaxis9.overlaying == "y"


def test_an_event_on_a_day_without_a_bar_belongs_to_the_next() -> None:
    figure = draw(make_bars(10), events=[Event(date(2026, 11, 15), "E", "Earnings")])
    assert marks(figure) == [("2026-11-16", "E")]


def test_an_event_belongs_to_the_week_that_it_is_in() -> None:
    weeks = make_bars(5, freq="W-FRI")
    for day, monday in ((date(2026, 11, 16), "2026-11-16"), (date(2026, 10, 19), "2026-10-19")):
        assert marks(draw(weeks, events=[Event(day, "S", "Split 2:1")])) == [(monday, "S")]


def test_events_outside_of_the_bars_are_left_out() -> None:
    events = [Event(date(2026, 11, 1), "D", "before"), Event(date(2026, 11, 23), "E", "after")]
    figure = draw(make_bars(10), events=events)
    assert marks(figure) == []
    assert not any("before" in text or "after" in text for text in told(figure).values())


def test_two_events_of_a_day_stand_above_each_other() -> None:
    day = date(2026, 11, 18)
    figure = draw(make_bars(10), events=[Event(day, "S", "Split"), Event(day, "D", "Dividend")])
    heights = [trace.y[0] for trace in on(figure, "y9")]
    assert heights[1] > heights[0]
    assert told(figure)["2026-11-18"].endswith("<br><b>D</b> Dividend<br><b>S</b> Split")


def test_the_prices_leave_room_for_the_letters() -> None:
    frame = make_bars(10)
    low, high = draw(frame).layout.yaxis.range
    lower, _ = draw(frame, events=[Event(date(2026, 11, 18), "D", "x")]).layout.yaxis.range
    assert low < frame["low"].min() < frame["high"].max() < high
    assert lower < low


def test_a_hundred_dividends_are_dots() -> None:
    days = pd.date_range("2001-11-23", "2026-11-20", freq="91D")
    figure = draw(
        make_bars(1_300, freq="W-FRI"), events=[Event(day.date(), "D", "x") for day in days]
    )
    (trace,) = on(figure, "y9")
    assert (trace.mode, trace.text) == ("markers", None)


def test_a_suspect_is_marked_in_the_colour_of_warnings() -> None:
    event = Event(date(2026, 11, 18), "?", "Looks like a 2:1 split that is not known")
    (trace,) = on(draw(make_bars(10), events=[event]), "y9")
    assert (trace.text, trace.marker.line.color) == ("?", LIGHT.down)


def test_text_of_events_and_names_is_no_html() -> None:
    hostile = '<a href="https://evil.test">x</a>'
    frame = make_bars(10)
    figure = draw(
        frame,
        events=[Event(date(2026, 11, 18), "E", hostile)],
        overlays=[Line(hostile, frame["close"], LIGHT.lines[1])],
        panes=[Pane(hostile, [Line("a", frame["close"], LIGHT.lines[1])])],
        benchmark=(hostile, frame["close"]),
    )
    assert "<a" not in figure.to_json().replace("\\u003c", "<")
    assert "&lt;a" in figure.to_json().replace("\\u0026", "&").replace("\\u003c", "<")


# --- benchmark, log, not final ----------------------------------------------------------------


def test_the_benchmark_begins_at_the_first_close_and_says_its_change_at_its_end() -> None:
    frame = make_bars(4)
    closes = pd.Series([NAN, 400.0, 410.0, 440.0], frame.index)
    figure = draw(frame, benchmark=("SPY", closes))
    line = on(figure, "y")[-1]
    second = frame["close"].iloc[1]
    expected = [second, second * 410 / 400, second * 440 / 400]
    assert list(points(line).values()) == pytest.approx(expected, abs=0.005)
    assert line.line.dash == "dash"
    assert line.line.color == LIGHT.muted
    assert "SPY +10.00%" in words(figure)


def test_weeks_of_a_benchmark_meet_by_their_monday() -> None:
    weeks = make_bars(3, freq="W-FRI")
    closes = pd.Series([100.0, 110.0, 120.0], weeks.index - pd.Timedelta(days=1))
    figure = draw(weeks, benchmark=("SPY", closes))
    assert list(points(on(figure, "y")[-1])) == ["2026-11-02", "2026-11-09", "2026-11-16"]
    assert "SPY +20.00%" in words(figure)


def test_a_benchmark_without_bars_in_the_range_is_said() -> None:
    other = pd.Series([1.0], [pd.Timestamp("1999-01-04")])
    figure = draw(make_bars(10), benchmark=("SPY", other))
    assert any("SPY</span> (no bars in this range)" in text for text in words(figure))


def test_missing_bars_of_a_benchmark_are_not_filled() -> None:
    frame = make_bars(4)
    closes = pd.Series([100.0, 110.0, 120.0, 130.0], frame.index).drop(frame.index[2])
    line = on(draw(frame, benchmark=("SPY", closes)), "y")[-1]
    assert not line.connectgaps
    assert f"{frame.index[2]:%Y-%m-%d}" not in points(line)


def test_a_log_axis_has_its_marks_at_exponents_and_round_ticks() -> None:
    frame = make_bars(200)
    frame.loc[frame.index[:100], ["open", "high", "low", "close"]] /= 10
    figure = draw(frame, log=True, previous_close=50.0)
    axis = figure.layout.yaxis
    assert axis.type == "log"
    assert 10 ** axis.range[0] < frame["low"].min() < frame["high"].max() < 10 ** axis.range[1]
    assert {"10", "20", "50", "100"} <= set(axis.ticktext)
    last = figure.layout.annotations[-1]
    assert last.y == pytest.approx(np.log10(frame["close"].iloc[-1]))
    across = [shape.y0 for shape in figure.layout.shapes if shape.yref is None]
    assert across == [50.0, pytest.approx(frame["close"].iloc[-1])]


def test_prices_of_zero_have_no_log_axis() -> None:
    frame = make_bars(5)
    frame.iloc[2, 2] = 0.0
    assert draw(frame, log=True).layout.yaxis.type is None


def test_a_candle_that_is_not_final_is_hollow_and_says_so() -> None:
    figure = draw(make_bars(5), not_final=True)
    settled, open_ = (trace for trace in figure.data if trace.type == "candlestick")
    assert open_.increasing.fillcolor == LIGHT.background
    assert list(open_.x) == ["2026-11-20"]
    assert len(settled.x) == 4
    assert open_.text[0].endswith("<br>not final")
    assert not any("not final" in text for text in settled.text)
    faint = [trace for trace in on(figure, "y2") if "2026-11-20" in trace.x]
    assert faint[0].marker.opacity < 0.5


@pytest.mark.parametrize("kind", ["line", "area", "bars"])
def test_a_line_that_is_not_final_ends_in_a_hollow_dot(kind: str) -> None:
    figure = draw(make_bars(5), kind=kind, not_final=True)
    dot = next(trace for trace in on(figure, "y")[::-1] if trace.type == "scatter")
    assert (list(dot.x), dot.marker.symbol) == (["2026-11-20"], "circle-open")
    (texts,) = (trace.text for trace in on(figure, "y") if trace.text is not None)
    assert texts[-1].endswith("<br>not final")


def test_one_bar_that_is_not_final_is_drawn() -> None:
    assert [trace.type for trace in draw(make_bars(1), not_final=True).data] == [
        "candlestick",
        "bar",
    ]


def test_volume_can_be_switched_off() -> None:
    figure = draw(make_bars(5), volume=False)
    assert on(figure, "y2") == []
    assert figure.data[0].text[0] == ""
    assert "Vol" not in figure.data[0].hovertemplate


# --- places and bytes -------------------------------------------------------------------------


def test_bars_of_a_week_stand_on_its_monday_and_say_so() -> None:
    weeks = make_bars(30, freq="W-FRI")
    weeks.index = weeks.index.where(weeks.index != "2026-07-03", pd.Timestamp("2026-07-02"))
    figure = studied("sma.2", weeks)
    candles, line = figure.data[0], on(figure, "y")[-1]
    assert {date.fromisoformat(day).weekday() for day in candles.x} == {0}
    assert line.dx == 7 * DAY_MS
    assert xs(line) == list(candles.x)
    assert figure.layout.xaxis.hoverformat == "Week of %-d %b %Y"


def test_numbers_are_never_times() -> None:
    """A browser would move them by its own time zone."""
    figure = studied(FOUR_AND_THREE, make_bars(300))
    for trace in figure.data:
        assert isinstance(trace.x0 if trace.x is None else trace.x[0], str)


@pytest.mark.parametrize("price", [100.0, 3_000.0])
def test_25_years_of_weeks_with_everything_are_below_300_kilobytes(price: float) -> None:
    weeks = make_bars(1_305, freq="W-FRI", price=price)
    events = [
        Event(day.date(), "D", "Dividend $1.6800")
        for day in pd.date_range("2002-01-01", periods=99, freq="91D")
    ]
    figure = studied(FOUR_AND_THREE, weeks, log=True, events=events)
    assert figure.data[0].type == "candlestick"
    assert len(figure.to_json()) < 300_000


def test_a_year_of_days_with_everything_is_below_100_kilobytes() -> None:
    figure = studied(FOUR_AND_THREE, make_bars(500), shown=252)
    assert len(figure.to_json()) < 100_000


def test_five_days_of_five_minutes_with_everything_are_below_300_kilobytes() -> None:
    """With the hours before and after the market's: 192 bars a day."""
    days = pd.bdate_range(end="2026-11-20", periods=5, tz=NEW_YORK)
    stamps = [day + pd.Timedelta(hours=4, minutes=5 * bar) for day in days for bar in range(192)]
    frame = make_bars(len(stamps)).set_index(pd.DatetimeIndex(stamps).tz_convert("UTC"))
    figure = studied(FOUR_AND_THREE, frame, intraday=True)
    assert len(figure.to_json()) < 300_000


def test_frames_and_lines_are_left_as_they_were() -> None:
    frame = make_bars(60)
    before = frame.copy()
    studied(FOUR_AND_THREE, frame, not_final=True, benchmark=("SPY", frame["close"]))
    pd.testing.assert_frame_equal(frame, before)
