"""What the figures hold: traces, axes, breaks, marks and colours. How they look is not tested."""

from __future__ import annotations

import json
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from stocktracker.figures import charts
from stocktracker.figures.plotting import CONFIG, inert
from stocktracker.palette import DARK, LIGHT, faint

NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
NAN = float("nan")

# Wednesday, Friday (Thursday was Thanksgiving), Monday: up, down, flat.
ROWS = [
    ("2026-11-25", 187.0, 190.25, 186.4, 189.3, 1000.0),
    ("2026-11-27", 189.3, 189.9, 186.0, 186.5, 2000.0),
    ("2026-11-30", 186.5, 187.0, 186.0, 186.5, 3000.0),
]


def make_frame(rows=ROWS) -> pd.DataFrame:
    columns = ["date", "open", "high", "low", "close", "volume"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.set_index(pd.DatetimeIndex(frame.pop("date"), name="date"))


def make_intraday(*starts: str) -> pd.DataFrame:
    """Bars by their New York starts, indexed in UTC."""
    frame = make_frame([(start, 10.0, 12.0, 9.0, 11.0, 500.0) for start in starts])
    frame.index = frame.index.tz_localize(NEW_YORK).tz_convert("UTC")
    return frame


def make_long(bars: int) -> pd.DataFrame:
    index = pd.bdate_range(end="2026-11-20", periods=bars, name="date")
    close = 100 + np.cumsum(np.sin(np.arange(bars)))
    volume = 1e6 + 12_345.0 * np.arange(bars)
    return pd.DataFrame(
        {"open": close - 0.5, "high": close + 1.0, "low": close - 1.0, "close": close}
        | {"volume": volume},
        index=index,
    )


def draw(frame, **changes):
    asked = {
        "kind": "candles",
        "intraday": False,
        "zone": NEW_YORK,
        "previous_close": None,
        "palette": LIGHT,
        "currency": "USD",
    }
    return charts.price_figure(frame, **(asked | changes))


def kinds(figure):
    return [trace.type for trace in figure.data]


def tags(figure):
    """What is written, but for the volume pane's name."""
    return [note.text for note in figure.layout.annotations if note.text != "Vol"]


def levels(figure):
    """Where the price pane has lines across."""
    return [shape.y0 for shape in figure.layout.shapes if shape.yref != "paper"]


def volume_bars(figure):
    """Each volume bar's day and colour, oldest first."""
    bars = [trace for trace in figure.data if trace.yaxis == "y2"]
    return sorted((day, trace.marker.color) for trace in bars for day in trace.x)


def test_candles_stand_above_volume_on_one_shared_x_axis():
    figure = draw(make_frame())
    candles, volume, *_ = figure.data
    assert kinds(figure) == ["candlestick", "bar", "bar", "bar"]
    days = ["2026-11-25", "2026-11-27", "2026-11-30"]
    assert list(candles.x) == [day for day, _ in volume_bars(figure)] == days
    assert candles.close.tolist() == pytest.approx([189.3, 186.5, 186.5])
    assert (candles.xaxis, volume.xaxis, volume.yaxis) == (None, None, "y2")
    low, high = figure.layout.yaxis.domain
    assert 0.7 < high - low < 0.85
    assert figure.layout.yaxis2.domain[1] < low


def test_a_line_shows_the_closes_and_reads_out_the_rest():
    figure = draw(make_frame(), kind="line")
    line = figure.data[0]
    assert kinds(figure) == ["scatter", "bar", "bar", "bar"]
    assert line.y.tolist() == pytest.approx([189.3, 186.5, 186.5])
    assert line.customdata[0].tolist() == pytest.approx([187.0, 190.25, 186.4])
    for part in ("O %{", "H %{", "L %{", "C <b>%{", "Vol %{text}"):
        assert part in line.hovertemplate


def test_an_area_is_a_line_over_a_shade_down_to_the_bottom_of_the_pane():
    figure = draw(make_frame(), kind="area")
    ground, line = figure.data[:2]
    assert line.fill == "tonexty"
    assert ground.y == (figure.layout.yaxis.range[0],) * 2


def test_bars_have_ticks_for_open_and_close():
    assert kinds(draw(make_frame(), kind="bars"))[0] == "ohlc"


@pytest.mark.parametrize("volumes", [[NAN, NAN, NAN], [0.0, 0.0, 0.0], [0.0, NAN, 0.0]])
@pytest.mark.parametrize("kind", ["candles", "line", "area", "bars"])
def test_without_volume_the_price_has_the_whole_height(volumes, kind):
    frame = make_frame()
    frame["volume"] = volumes
    figure = draw(frame, kind=kind)
    assert "bar" not in kinds(figure)
    assert list(figure.layout.yaxis.domain) == [0.0, 1.0]


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_colours_come_from_the_palette(palette):
    figure = draw(make_frame(), palette=palette)
    candles = figure.data[0]
    assert candles.increasing.fillcolor == palette.up
    assert candles.decreasing.fillcolor == palette.down
    colours = [colour for _, colour in volume_bars(figure)]
    assert colours == [palette.up, palette.down, palette.volume]


def test_no_bar_has_numbers_for_colours():
    """Plotly 4.1 takes them for names of colours, and complains about each in the console."""
    for trace in draw(make_long(50)).data:
        if trace.type == "bar":
            assert isinstance(trace.marker.color, str)


def test_weekends_and_holidays_leave_no_gap_between_daily_bars():
    breaks = draw(make_frame()).layout.xaxis.rangebreaks
    assert breaks[0].bounds == ("sat", "mon")
    assert breaks[1]["values"] == ("2026-11-26",)


def test_bars_of_a_weekend_are_not_hidden_with_it():
    days = ["2026-11-06", "2026-11-08", "2026-11-10", "2026-11-11"]
    frame = make_frame([(day, 1.0, 1.0, 1.0, 1.0, 1.0) for day in days])
    (one,) = draw(frame).layout.xaxis.rangebreaks
    assert one.bounds is None
    assert one["values"] == ("2026-11-07", "2026-11-09")


def test_missing_history_stays_to_be_seen():
    frame = make_frame([("2026-09-01", 1.0, 1.0, 1.0, 1.0, 1.0), *ROWS])
    named = draw(frame).layout.xaxis.rangebreaks[1]["values"]
    assert named == ("2026-11-26",)


def test_weekly_bars_need_no_breaks():
    fridays = ["2026-11-06", "2026-11-13", "2026-11-20"]
    frame = make_frame([(day, 1.0, 1.0, 1.0, 1.0, 1.0) for day in fridays])
    assert draw(frame).layout.xaxis.rangebreaks == ()


def test_intraday_bars_are_in_exchange_time_without_nights_or_half_days():
    frame = make_intraday(
        "2026-11-25 15:50",
        "2026-11-25 15:55",
        "2026-11-27 12:55",
        "2026-11-30 09:30",
    )
    figure = draw(frame, intraday=True)
    assert figure.data[0].x[0] == "2026-11-25 15:50"
    assert figure.layout.xaxis.title.text == "New York time"
    assert [one.bounds for one in figure.layout.xaxis.rangebreaks] == [
        ("2026-11-25 16:00:00", "2026-11-27 12:55:00"),
        ("2026-11-27 13:00:00", "2026-11-30 09:30:00"),
    ]


def test_daily_bars_name_no_zone():
    assert draw(make_frame()).layout.xaxis.title.text is None


@pytest.mark.parametrize(
    ("closes", "previous_close", "colour"),
    [
        ([10.0, 11.0], None, LIGHT.up),
        ([10.0, 9.0], None, LIGHT.down),
        ([10.0, 10.0], None, LIGHT.flat),
        ([10.0, 11.0], 12.0, LIGHT.down),
        ([10.0], None, LIGHT.up),  # from 9.0, its open
    ],
)
def test_last_price_is_tagged_in_the_colour_of_its_change(closes, previous_close, colour):
    days = ["2026-11-20", "2026-11-23"]
    rows = [(day, 9.0, 13.0, 8.0, close, 1.0) for day, close in zip(days, closes, strict=False)]
    figure = draw(make_frame(rows), previous_close=previous_close)
    tag = figure.layout.annotations[-1]
    assert tag.text == f"${closes[-1]:.2f}"
    assert tag.bgcolor == colour
    assert figure.layout.shapes[-1].y0 == figure.layout.shapes[-1].y1 == closes[-1]


def test_previous_close_is_a_line_of_its_own_where_it_is_given():
    figure = draw(make_frame(), previous_close=188.07)
    assert levels(figure) == [188.07, 186.5]
    assert tags(figure) == ["Previous close $188.07", "$186.50"]
    assert tags(draw(make_frame())) == ["$186.50"]


def test_pence_and_small_prices_keep_their_spelling():
    frame = make_frame([("2026-11-20", 0.44, 0.46, 0.43, 0.45, 1.0)])
    figure = draw(frame, currency="GBX")
    assert tags(figure) == ["0.4500p"]
    assert ".4f" in figure.data[0].hovertemplate


def test_zoom_outlives_new_data():
    first = draw(make_frame()).layout.uirevision
    assert first is not None
    assert draw(make_frame(ROWS[:2]), kind="line", palette=DARK).layout.uirevision == first


def test_the_page_shows_around_the_chart_and_prices_are_on_the_right():
    layout = draw(make_frame()).layout
    assert layout.paper_bgcolor == faint("#000000", 0)
    assert layout.yaxis.side == layout.yaxis2.side == "right"
    assert layout.hovermode == "x unified"


def test_no_line_has_an_entry_in_a_legend():
    """There is one without entries, since only a legend says the readout's order."""
    figure = draw(make_frame())
    assert figure.layout.legend.traceorder == "normal"
    assert not any(trace.showlegend for trace in figure.data)


def test_no_button_sends_a_chart_to_anybody():
    assert CONFIG["showSendToCloud"] is False


def test_text_from_outside_is_no_html():
    hostile = '<a href="https://evil.test">AT&amp;T</a>'
    shown = '&lt;a href="https://evil.test"&gt;AT&amp;amp;T&lt;/a&gt;'
    assert inert(hostile) == shown
    assert draw(make_frame(), title=hostile).layout.title.text == shown
    assert tags(draw(make_frame(), currency="<b>")) == ["&lt;b&gt; 186.50"]


@pytest.mark.parametrize("kind", ["candles", "line"])
def test_no_bars_are_said_in_words(kind):
    figure = draw(make_frame([]), kind=kind)
    assert figure.data == ()
    assert tags(figure) == ["No bars yet"]


@pytest.mark.parametrize("kind", ["candles", "line"])
def test_unknown_volumes_among_known_ones_are_dashes(kind):
    frame = make_frame()
    frame.loc[frame.index[1], "volume"] = NAN
    told = [text for text in draw(frame, kind=kind).data[0].text if text]
    assert told == ["1.00K", "–", "3.00K"]


def test_candles_without_a_price_are_left_out_and_lines_say_a_dash():
    frame = make_frame()
    frame.loc[frame.index[1], "open"] = NAN
    assert list(draw(frame).data[0].x) == ["2026-11-25", "2026-11-30"]
    line = draw(frame, kind="line").data[0]
    told = [text for text in line.text if text]
    assert told[1] == "O –  H 189.90<br>L 186.00  C <b>186.50</b><br>Vol 2.00K"
    assert "NaN" not in "".join(told)


def test_only_missing_closes_are_no_bars():
    frame = make_frame()
    frame["close"] = NAN
    assert tags(draw(frame)) == ["No bars yet"]


def test_a_last_close_that_is_missing_leaves_the_one_before_as_the_last_price():
    frame = make_frame()
    frame.loc[frame.index[-1], "close"] = NAN
    assert tags(draw(frame)) == ["$186.50"]
    assert levels(draw(frame)) == [186.5]


@pytest.mark.parametrize("kind", ["candles", "line"])
def test_seven_thousand_bars_are_a_few_shapes_and_below_400_kilobytes(kind):
    figure = draw(make_long(7_000), kind=kind)
    assert set(kinds(figure)) == {"scatter"}
    assert len(figure.to_json()) < 400_000


def test_ten_years_of_candles_are_candles_below_300_kilobytes():
    figure = draw(make_long(2_600))
    assert set(kinds(figure)) == {"candlestick", "bar"}
    assert len(figure.to_json()) < 300_000


@pytest.mark.parametrize("price", [0.4321, 219.3, 837.1234, 742_345.6789])
def test_four_decimals_of_a_price_stay_right(price):
    frame = make_frame([("2026-11-20", price, price, price, price, 1.0)])
    assert f"{float(draw(frame).data[0].close[0]):.4f}" == f"{price:.4f}"


def test_frames_are_left_as_they_were():
    frame = make_frame()
    draw(frame)
    draw(frame, kind="line")
    pd.testing.assert_frame_equal(frame, make_frame())


def make_hours(*starts: str) -> pd.DataFrame:
    index = pd.DatetimeIndex(list(starts)).tz_localize("UTC")
    numbers = range(1, len(starts) + 1)
    return pd.DataFrame({"new": numbers, "same": 0, "failed": 1}, index=index)


def test_usage_is_stacked_by_the_hour_in_the_viewers_zone():
    hours = make_hours("2026-11-23 14:00", "2026-11-23 15:00")
    figure = charts.usage_figure(hours, zone=BERLIN, palette=DARK)
    assert [(bar.name, list(bar.y)) for bar in figure.data] == [
        ("New data", [1, 2]),
        ("Nothing new", [0, 0]),
        ("Failed", [1, 1]),
    ]
    assert list(figure.data[0].x) == ["2026-11-23 15:00", "2026-11-23 16:00"]
    assert figure.layout.barmode == "stack"
    assert figure.layout.xaxis.title.text == "Berlin time"
    assert tags(figure) == []


def test_the_hour_that_clocks_repeat_is_one_bar():
    hours = make_hours("2026-10-25 00:00", "2026-10-25 01:00")
    figure = charts.usage_figure(hours, zone=BERLIN, palette=LIGHT)
    assert list(figure.data[0].x) == ["2026-10-25 02:00"]
    assert list(figure.data[0].y) == [3]


def test_the_days_limit_is_a_line():
    figure = charts.usage_figure(
        make_hours("2026-11-23 14:00"), zone=BERLIN, palette=LIGHT, limit=25
    )
    assert figure.layout.shapes[0].y0 == 25
    assert tags(figure) == ["25 a day"]


def test_no_calls_are_said_in_words():
    figure = charts.usage_figure(make_hours(), zone=BERLIN, palette=LIGHT, limit=25)
    assert tags(figure) == ["No calls yet"]


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_can_be_read_on_their_backgrounds(palette):
    for name in ("text", "muted", "accent", "up", "down", "flat"):
        for ground in (palette.background, palette.surface):
            assert contrast(getattr(palette, name), ground) >= 4.5, name
    assert contrast("#FFFFFF", palette.primary) >= 4.5
    assert contrast(palette.primary, palette.background) >= 3
    for line in palette.lines:
        assert contrast(line, palette.background) >= 3, line
    assert len(set(palette.lines)) == 8


def test_json_holds_plain_dates_and_no_python_names():
    text = draw(make_frame()).to_json()
    assert json.loads(text)["data"][0]["x"][0] == date(2026, 11, 25).isoformat()
