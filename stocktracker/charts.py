"""Plotly figures from frames. Pure: reads, fetches and caches nothing, and never needs streamlit.

The look that all figures share is in plotting.py.
"""

from __future__ import annotations

from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from stocktracker import wording
from stocktracker.analytics import days_off, nights
from stocktracker.palette import Palette, faint
from stocktracker.plotting import (
    axis_title,
    inert,
    make_axis,
    make_layout,
    note,
    rule,
    say,
    write,
)

Kind = Literal["candles", "line"]

DAY_MS = 86_400_000
# Each candle and volume bar is a shape of its own in the browser: 7,000 took 1.5 s to draw where a
# line and an area took 0.3 s. They are narrower than a pixel by then.
MOST_SHAPES = 2_600
SATURDAY = 5
# Short ones, for a phone; the readout has the whole date.
INTRADAY_TICKS = [
    {"dtickrange": [None, DAY_MS - 1], "value": "%H:%M"},
    {"dtickrange": [DAY_MS, 5 * DAY_MS], "value": "%a %-d"},
    {"dtickrange": [6 * DAY_MS, None], "value": "%-d %b"},
]
PRICE_PANE = [0.26, 1.0]
VOLUME_PANE = [0.0, 0.19]


def price_figure(
    frame: pd.DataFrame,
    *,
    kind: Kind,
    intraday: bool,
    zone: ZoneInfo,
    previous_close: float | None,
    palette: Palette,
    currency: str,
    title: str | None = None,
    height: int = 460,
) -> go.Figure:
    """Prices with a volume pane below, from bars as in `model.Bars`: oldest first, OHLCV columns.

    Intraday bars are shown in the exchange's `zone`. Nights, weekends and holidays leave no gap.
    `previous_close` is drawn where it is given, as suits a chart of one day. Beyond `MOST_SHAPES`
    bars candles become a line. Without volume there is no pane for it, without bars a chart that
    says so.
    """
    figure = go.Figure(layout=make_layout(palette, title=title, height=height))
    if frame.empty:
        return say(figure, "No bars yet", palette)
    stamps = pd.DatetimeIndex(frame.index)
    if stamps.tz is not None:
        stamps = stamps.tz_convert(zone).tz_localize(None)
    x = stamps.strftime("%Y-%m-%d %H:%M" if intraday else "%Y-%m-%d").to_numpy(dtype=object)
    few = len(frame) <= MOST_SHAPES
    if kind == "candles" and few:
        figure.add_trace(_candles(frame, x, palette))
    else:
        floor = _floor(frame, previous_close)
        figure.add_traces(_line(frame, x, palette, floor))
        figure.update_yaxes(autorangeoptions={"minallowed": floor})
    has_volume = bool((frame["volume"].fillna(0) != 0).any())
    if has_volume:
        figure.add_trace(_volume(frame, x, palette, bars=few))
    figure.update_xaxes(
        type="date",
        rangebreaks=_breaks(stamps, intraday=intraday),
        hoverformat="%a %-d %b %Y %H:%M" if intraday else "%a %-d %b %Y",
        tickformatstops=INTRADAY_TICKS if intraday else None,
        rangeslider_visible=False,
        anchor="y2" if has_volume else "y",
        title=axis_title(wording.zone_words(zone), palette) if intraday else None,
    )
    figure.update_layout(
        yaxis=_price_axis(palette, PRICE_PANE if has_volume else [0.0, 1.0]),
        yaxis2=_volume_axis(frame, palette) if has_volume else None,
    )
    before = previous_close
    if before is None:
        before = float(frame["close"].iloc[-2] if len(frame) > 1 else frame["open"].iloc[-1])
    else:
        rule(figure, before, palette.muted, "dot")
        note(figure, before, f"Previous close {_label(before, currency)}", palette)
    _mark_last_price(figure, float(frame["close"].iloc[-1]), before, palette, currency)
    return figure


def usage_figure(
    hours: pd.DataFrame, *, zone: ZoneInfo, palette: Palette, limit: int | None = None
) -> go.Figure:
    """Calls spent by the hour, stacked by what they brought.

    `hours` is indexed by the UTC hour, with whole numbers in the columns new, same and failed; it
    is shown in the viewer's `zone`. `limit` is the day's calls, a line that no hour passes; then a
    column left says how many of them were left at each hour's end.
    """
    figure = go.Figure(layout=make_layout(palette, title=None, height=260))
    if hours.empty:
        return say(figure, "No calls yet", palette)
    local = pd.DatetimeIndex(hours.index).tz_convert(zone).tz_localize(None)
    # The hour that clocks repeat in autumn is one bar.
    counts = hours.groupby(local).sum()
    x = pd.DatetimeIndex(counts.index).strftime("%Y-%m-%d %H:%M").to_numpy(dtype=object)
    for column, name, colour in (
        ("new", "New data", palette.accent),
        ("same", "Nothing new", palette.volume),
        ("failed", "Failed", palette.down),
    ):
        figure.add_trace(
            go.Bar(
                x=x,
                y=counts[column].to_numpy(),
                name=name,
                marker={"color": colour, "line": {"width": 0}},
                offset=0,
                width=3_600_000 * 0.86,
                hovertemplate=f"{name} <b>%{{y}}</b><extra></extra>",
            )
        )
    figure.update_layout(
        barmode="stack",
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
        margin_t=34,
        yaxis={**make_axis(palette), "side": "right", "rangemode": "tozero", "tickformat": ",d"},
    )
    figure.update_xaxes(
        type="date",
        hoverformat="%a %-d %b %H:%M",
        title=axis_title(wording.zone_words(zone), palette),
    )
    if "left" in hours.columns:
        ends = pd.DatetimeIndex(local + pd.Timedelta(hours=1)).strftime("%Y-%m-%d %H:%M")
        figure.add_trace(
            go.Scatter(
                x=ends.to_numpy(dtype=object),
                y=hours["left"].to_numpy(),
                name="Left of the day",
                mode="lines",
                line={"color": palette.lines[1], "width": 2, "shape": "hv"},
                hovertemplate="Left <b>%{y}</b><extra></extra>",
            )
        )
    if limit is not None:
        rule(figure, limit, palette.muted, "dash")
        note(figure, limit, f"{limit:,} a day", palette)
    return figure


def _price_axis(palette: Palette, domain: list[float]) -> dict[str, Any]:
    return {
        **make_axis(palette),
        "domain": domain,
        "side": "right",
        "nticks": 7,
        "separatethousands": True,
        "exponentformat": "none",
        "showspikes": True,
        "spikemode": "across",
        "spikesnap": "cursor",
    }


def _volume_axis(frame: pd.DataFrame, palette: Palette) -> dict[str, Any]:
    """One tick, at the most: plotly's own would be spelt 500k, and B is no prefix of SI."""
    most = float(frame["volume"].max())
    return {
        **make_axis(palette),
        "domain": VOLUME_PANE,
        "anchor": "x",
        "side": "right",
        "rangemode": "tozero",
        "tickvals": [most],
        "ticktext": [wording.compact(most)],
        "fixedrange": True,
    }


def _candles(frame: pd.DataFrame, x: np.ndarray[Any, Any], palette: Palette) -> go.Candlestick:
    return go.Candlestick(
        x=x,
        **{name: frame[name].to_numpy() for name in ("open", "high", "low", "close")},
        increasing={"line": {"color": palette.up, "width": 1}, "fillcolor": palette.up},
        decreasing={"line": {"color": palette.down, "width": 1}, "fillcolor": palette.down},
        hovertemplate=_readout(frame, "%{open", "%{high", "%{low", "%{close"),
    )


def _line(
    frame: pd.DataFrame, x: np.ndarray[Any, Any], palette: Palette, floor: float
) -> list[go.Scatter]:
    """The closes, over a shade that goes down to the bottom of the pane."""
    ground = go.Scatter(
        x=x[[0, -1]], y=[floor, floor], mode="lines", line={"width": 0}, hoverinfo="skip"
    )
    line = go.Scatter(
        x=x,
        y=frame["close"].to_numpy(),
        customdata=frame[["open", "high", "low"]].to_numpy(),
        mode="lines",
        line={"color": palette.accent, "width": 1.8},
        fill="tonexty",
        fillcolor=faint(palette.accent, 0.09),
        hovertemplate=_readout(
            frame, "%{customdata[0]", "%{customdata[1]", "%{customdata[2]", "%{y"
        ),
    )
    return [ground, line]


def _floor(frame: pd.DataFrame, previous_close: float | None) -> float:
    """A little below all that is drawn."""
    closes = [float(frame["close"].min()), float(frame["close"].max())]
    drawn = closes if previous_close is None else [*closes, previous_close]
    return min(drawn) - 0.06 * ((max(drawn) - min(drawn)) or abs(max(drawn)) or 1.0)


def _readout(frame: pd.DataFrame, *fields: str) -> str:
    decimals = 4 if float(frame["close"].iloc[-1]) < 1 else 2
    parts = [
        f"{letter} {field}:,.{decimals}f}}" for letter, field in zip("OHLC", fields, strict=True)
    ]
    return f"{parts[0]}  {parts[1]}<br>{parts[2]}  <b>{parts[3]}</b><extra></extra>"


def _volume(
    frame: pd.DataFrame, x: np.ndarray[Any, Any], palette: Palette, *, bars: bool
) -> go.Bar | go.Scatter:
    """Bars coloured by whether the price rose from open to close; many of them as one area."""
    shared: dict[str, Any] = {
        "x": x,
        "y": frame["volume"].to_numpy(),
        "yaxis": "y2",
        "customdata": [wording.compact(number) for number in frame["volume"].tolist()],
        "hovertemplate": "Vol %{customdata}<extra></extra>",
    }
    if not bars:
        return go.Scatter(
            **shared,
            mode="lines",
            line={"color": palette.volume, "width": 1},
            fill="tozeroy",
            fillcolor=faint(palette.volume, 0.4),
        )
    rose = np.sign((frame["close"] - frame["open"]).fillna(0).to_numpy()).astype("int8")
    return go.Bar(
        **shared,
        marker={
            # One small number a bar instead of its colour's name.
            "color": rose,
            "cmin": -1,
            "cmax": 1,
            "colorscale": [[0, palette.down], [0.5, palette.volume], [1, palette.up]],
            "opacity": 0.5,
            "line": {"width": 0},
        },
    )


def _breaks(stamps: pd.DatetimeIndex, *, intraday: bool) -> list[dict[str, Any]]:
    """What the x axis leaves out. Weekends are one rule, unless some have bars (Bombay's do)."""
    if intraday:
        return [
            {"bounds": [end.isoformat(sep=" "), start.isoformat(sep=" ")]}
            for end, start in nights(stamps)
        ]
    missing = days_off(stamps)
    if missing.empty:
        return []
    if not (stamps.day_of_week < SATURDAY).all():
        return [{"values": _days(missing)}]
    holidays = _days(missing[missing.day_of_week < SATURDAY])
    return [{"bounds": ["sat", "mon"]}, *([{"values": holidays}] if holidays else [])]


def _days(stamps: pd.DatetimeIndex) -> list[str]:
    return list(stamps.strftime("%Y-%m-%d"))


def _mark_last_price(
    figure: go.Figure, last: float, before: float, palette: Palette, currency: str
) -> None:
    """A dashed line and a tag on the axis, coloured by the change from the price before."""
    colour = palette.up if last > before else palette.down if last < before else palette.flat
    tag = _label(last, currency)
    rule(figure, last, colour, "dash")
    look = {"bgcolor": colour, "borderpad": 2, "xshift": 3}
    write(figure, tag, palette.background, x=1, y=last, yref="y", xanchor="left", **look)
    figure.update_layout(margin_r=max(52, 12 + 7 * len(tag)))


def _label(value: float, currency: str) -> str:
    return inert(wording.price(value, currency))
