"""The figures of the Compare page, from what `performance` computes. Pure: computes no statistics
and never needs streamlit.

Readable from 390 px on: lines are labelled at their ends, labels are spread so that none covers
another, and numbers stand in the cells of heatmaps. Fractions come in, percent is shown.

A line has at most `MOST_POINTS` points, so that a figure of ten tickers over 25 years stays below
300 kB; `thinned` says how.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from stocktracker import wording
from stocktracker.figures.plotting import (
    axis_title,
    inert,
    make_axis,
    make_layout,
    rule,
    say,
    write,
)
from stocktracker.palette import Palette, faint

MOST_POINTS = 1_500
HEIGHT = 420
LINE_HEIGHT = 15  # pixels that a label at a line's end takes
GLYPH = 7.2  # pixels a character of a label takes, at most
LONGEST_NAME = 10  # characters of a ticker in a label; hover texts have it whole
TOP, BOTTOM = 14, 30  # pixels above and below the lines
TIMES = [float(f"{step}e{power}") for power in range(-3, 6) for step in (1, 2, 5)]
# A scatter's labels are laid out for this width, in pixels; wider ones only have more room.
PHONE = 270

Label = Callable[[float], str]


def growth_figure(
    returns: pd.DataFrame,
    *,
    benchmark: str | None,
    palette: Palette,
    log: bool = False,
    height: int = HEIGHT,
) -> go.Figure:
    """Returns since the first common date, from `performance.rebased`; the benchmark is dashed.

    On the `log` scale, where equal growth is equally high, the axis tells how many times the start.
    """
    figure = _lines(
        returns + 1 if log else returns,
        benchmark=benchmark,
        palette=palette,
        height=height,
        label=(lambda times: _signed_percent(times - 1)) if log else _signed_percent,
        hover="×%{y:,.2f}" if log else "%{y:+.1%}",
        empty="No dates in common",
        log=log,
    )
    if log:
        figure.update_yaxes(tickvals=TIMES, ticktext=[f"×{each:,g}" for each in TIMES])
    if len(returns):
        rule(figure, 1.0 if log else 0.0, palette.muted, "dot")
    return figure


def drawdown_figure(
    drawdowns: pd.DataFrame, *, benchmark: str | None, palette: Palette, height: int = HEIGHT
) -> go.Figure:
    """How far each is below its highest close so far; shaded where it is one ticker alone."""
    figure = _lines(
        drawdowns,
        benchmark=benchmark,
        palette=palette,
        height=height,
        label=_signed_percent,
        hover="%{y:.1%}",
        empty="No falls to show",
    )
    if len(drawdowns.columns) == 1 and len(figure.data) == 1:
        figure.data[0].update(fill="tozeroy", fillcolor=faint(palette.lines[0], 0.12))
    return figure


def rolling_volatility_figure(
    volatility: pd.DataFrame, *, benchmark: str | None, palette: Palette, height: int = HEIGHT
) -> go.Figure:
    return _lines(
        volatility,
        benchmark=benchmark,
        palette=palette,
        height=height,
        label=lambda value: f"{100 * value:.0f}%",
        hover="%{y:.1%}",
        empty="Too few bars for this window",
        at_least=(0.0, None),
    )


def rolling_correlation_figure(
    correlation: pd.DataFrame, *, palette: Palette, height: int = HEIGHT
) -> go.Figure:
    """Correlation with the benchmark, which has no line of its own."""
    figure = _lines(
        correlation,
        benchmark=None,
        palette=palette,
        height=height,
        label=_coefficient,
        hover="%{y:.2f}",
        empty="Too few bars for this window",
        at_least=(None, 1.0),
        tickformat=".1f",
    )
    if correlation.notna().to_numpy().any():
        rule(figure, 0.0, palette.muted, "dot")
    return figure


def risk_return_figure(
    points: pd.DataFrame,
    *,
    benchmark: str | None,
    yearly: bool,
    palette: Palette,
    height: int = HEIGHT,
) -> go.Figure:
    """Volatility to the right, return upwards; the benchmark is an open diamond.

    `points` is indexed by ticker with the columns volatility and change; what has not both is left
    out. `yearly` says that the change is a growth a year, and not over the range.
    """
    figure = go.Figure(layout=make_layout(palette, title=None, height=height))
    known = points.dropna()
    if known.empty:
        return say(figure, "Too few bars for a volatility", palette)
    figure.update_layout(hovermode="closest", margin={"l": 8, "r": 12, "t": TOP, "b": 8})
    low_x, high_x = _padded(known["volatility"].tolist(), 0.16)
    low_y, high_y = _padded(known["change"].tolist(), 0.16)
    colours = line_colours(list(points.index), benchmark, palette)
    across = PHONE / (high_x - low_x)
    up = (height - TOP - 50) / (high_y - low_y)
    spots = [
        ((x - low_x) * across, (y - low_y) * up)
        for x, y in known[["volatility", "change"]].itertuples(index=False)
    ]
    names = [_short(str(ticker)) for ticker in known.index]
    for place, (ticker, side) in enumerate(zip(known.index, _sides(spots, names), strict=True)):
        is_benchmark = ticker == benchmark
        figure.add_trace(
            go.Scatter(
                x=[known["volatility"].iloc[place]],
                y=[known["change"].iloc[place]],
                mode="markers+text",
                text=[inert(names[place])],
                textposition=side,
                textfont={"size": 11, "color": palette.text},
                cliponaxis=False,
                marker={
                    "color": colours[str(ticker)],
                    "size": 12 if is_benchmark else 11,
                    "symbol": "diamond-open" if is_benchmark else "circle",
                    "line": {"width": 2 if is_benchmark else 0},
                },
                name=inert(str(ticker)),
                hovertemplate=(
                    f"<b>{inert(str(ticker))}</b><br>Volatility %{{x:.1%}}<br>"
                    f"{'Growth a year' if yearly else 'Return'} %{{y:+.1%}}<extra></extra>"
                ),
            )
        )
    figure.update_xaxes(
        range=[low_x, high_x],
        tickformat=".0%",
        nticks=6,
        showgrid=True,
        title=axis_title("Volatility a year", palette),
    )
    words = "Growth a year (CAGR)" if yearly else "Return over the range"
    figure.update_layout(
        yaxis={
            **make_axis(palette),
            "range": [low_y, high_y],
            "tickformat": _percent_format(low_y, high_y),
            "nticks": 7,
            "automargin": True,
            "title": axis_title(words, palette),
        }
    )
    rule(figure, 0.0, palette.muted, "dot")
    return figure


def thinned(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows to draw: all, or the last of every week, or of every month where weeks are too many.

    Only what is drawn is thinned; no figure is computed from it. The first row stays.
    """
    for unit in ("W-SUN", "M"):
        if len(frame) <= MOST_POINTS:
            break
        periods = pd.DatetimeIndex(frame.index).to_period(unit)
        kept = ~periods.duplicated(keep="last")
        kept[0] = True
        frame = frame[kept]
    return frame


def line_colours(tickers: Sequence[str], benchmark: str | None, palette: Palette) -> dict[str, str]:
    """The same colour for a ticker in every figure: by its place, the benchmark's left out."""
    others = [str(ticker) for ticker in tickers if ticker != benchmark]
    colours = {
        ticker: palette.lines[place % len(palette.lines)] for place, ticker in enumerate(others)
    }
    return colours if benchmark is None else {**colours, benchmark: palette.muted}


def spread(wanted: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Places at least `apart` from each other and within `low` and `high`, near to those wanted.

    They keep the order of those wanted. Where there is no room for all, they are as far apart as
    there is room.
    """
    last = len(wanted) - 1
    apart = min(apart, (high - low) / max(1, last))
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    # Pushed upwards from the lowest, and downwards from the highest; the mean of two that keep
    # their distances keeps them too, and stands in the middle of where it was crowded.
    upwards, floor = [], low
    for n, place in enumerate(order):
        upwards.append(min(max(wanted[place], floor), high - apart * (last - n)))
        floor = upwards[-1] + apart
    downwards, ceiling = [], high
    for n, place in reversed(list(enumerate(order))):
        downwards.append(max(min(wanted[place], ceiling), low + apart * n))
        ceiling = downwards[-1] - apart
    found = [0.0] * len(wanted)
    for place, up, down in zip(order, upwards, reversed(downwards), strict=True):
        found[place] = (up + down) / 2
    return found


def _lines(
    frame: pd.DataFrame,
    *,
    benchmark: str | None,
    palette: Palette,
    height: int,
    label: Label,
    hover: str,
    empty: str,
    at_least: tuple[float | None, float | None] = (None, None),
    tickformat: str | None = None,
    log: bool = False,
) -> go.Figure:
    """One line a column, labelled at its end. `at_least` are values that the y axis has to show."""
    figure = go.Figure(layout=make_layout(palette, title=None, height=height))
    drawn = thinned(frame.dropna(how="all")).dropna(axis="columns", how="all")
    if drawn.empty:
        return say(figure, empty, palette)
    # Milliseconds, as arrays that plotly sends as bytes; dates would be text, twice as long.
    x = pd.DatetimeIndex(drawn.index).as_unit("ms").asi8.astype("float64")
    colours = line_colours(list(frame.columns), benchmark, palette)
    others = [ticker for ticker in frame.columns if ticker != benchmark]
    for ticker in drawn.columns:
        is_benchmark = ticker == benchmark
        # When the colours are used up they come again, dotted.
        again = not is_benchmark and others.index(ticker) >= len(palette.lines)
        figure.add_trace(
            go.Scatter(
                x=x,
                y=drawn[ticker].to_numpy(dtype="float32"),
                mode="lines" if len(drawn) > 1 else "markers",
                connectgaps=True,
                name=inert(str(ticker)),
                line={
                    "color": colours[str(ticker)],
                    "width": 1.6 if is_benchmark else 1.8,
                    "dash": "dash" if is_benchmark else "dot" if again else "solid",
                },
                hovertemplate=f"{inert(str(ticker))} <b>{hover}</b><extra></extra>",
            )
        )
    # Ranges and notes of a logarithmic axis are told in powers of ten.
    scaled = drawn.map(math.log10, na_action="ignore") if log else drawn
    values = scaled.to_numpy(dtype=float)
    shown = [value for value in at_least if value is not None]
    low, high = _padded([float(np.nanmin(values)), float(np.nanmax(values)), *shown], 0.04)
    figure.update_xaxes(type="date", hoverformat="%a %-d %b %Y", nticks=5)
    figure.update_layout(
        yaxis={
            **make_axis(palette),
            "type": "log" if log else "linear",
            "range": [low, high],
            "tickformat": tickformat or _percent_format(low, high),
            "nticks": 7,
            "automargin": True,
        }
    )
    texts = {ticker: label(float(drawn[ticker].dropna().iloc[-1])) for ticker in drawn.columns}
    _label_ends(figure, scaled, texts, colours=colours, bounds=(low, high), palette=palette)
    return figure


def _label_ends(
    figure: go.Figure,
    scaled: pd.DataFrame,
    texts: Mapping[str, str],
    *,
    colours: dict[str, str],
    bounds: tuple[float, float],
    palette: Palette,
) -> None:
    """A label right of each line's end, moved by as many pixels as keeps it off the others."""
    low, high = bounds
    room = figure.layout.height - TOP - BOTTOM
    ends = {ticker: float(scaled[ticker].dropna().iloc[-1]) for ticker in scaled.columns}
    pixels = [(value - low) / (high - low) * room for value in ends.values()]
    for (ticker, value), at, to in zip(
        ends.items(), pixels, spread(pixels, LINE_HEIGHT, 4, room), strict=True
    ):
        write(
            figure,
            f"<b>{inert(_short(str(ticker)))}</b> {texts[ticker]}",
            _blend(colours[str(ticker)], palette.text, 0.65),
            x=1,
            y=value,
            yref="y",
            xanchor="left",
            yanchor="middle",
            align="left",
            yshift=round(to - at, 1),
            xshift=6,
        )
    longest = max(len(_short(str(ticker))) + 1 + len(text) for ticker, text in texts.items())
    figure.update_layout(margin={"l": 4, "r": round(14 + GLYPH * longest), "t": TOP, "b": BOTTOM})


def _sides(spots: Sequence[tuple[float, float]], names: Sequence[str]) -> list[str]:
    """Where each point's label stands so that it covers no other label nor point, if it can."""
    points = [(x - 7, x + 7, y - 7, y + 7) for x, y in spots]
    taken: list[tuple[float, float, float, float]] = []
    found = []
    for place, ((x, y), name) in enumerate(zip(spots, names, strict=True)):
        wide = GLYPH * len(name)
        options = {
            "top center": (x - wide / 2, x + wide / 2, y + 7, y + 21),
            "bottom center": (x - wide / 2, x + wide / 2, y - 21, y - 7),
            "middle right": (x + 8, x + 8 + wide, y - 7, y + 7),
            "middle left": (x - 8 - wide, x - 8, y - 7, y + 7),
        }
        obstacles = [*taken, *points[:place], *points[place + 1 :]]
        side = min(options, key=lambda each: sum(_overlap(options[each], box) for box in obstacles))
        taken.append(options[side])
        found.append(side)
    return found


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    left, right, bottom, top = one
    return left < other[1] and other[0] < right and bottom < other[3] and other[2] < top


def _padded(values: Sequence[float], share: float) -> tuple[float, float]:
    """The least and the greatest with some room around; never of no height."""
    low, high = min(values), max(values)
    around = share * ((high - low) or abs(high) or 0.1)
    return low - around, high + around


def _percent_format(low: float, high: float) -> str:
    """Decimals where the axis spans so little that its ticks would be the same without."""
    return ".1%" if high - low < 0.05 else ",.0%"


def _short(ticker: str) -> str:
    return ticker if len(ticker) <= LONGEST_NAME else ticker[: LONGEST_NAME - 1] + "…"


def _blend(colour: str, into: str, share: float) -> str:
    """`share` of a #RRGGBB colour over another."""
    pairs = [(int(colour[at : at + 2], 16), int(into[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(share * one + (1 - share) * other):02X}" for one, other in pairs)


def _signed_percent(value: float) -> str:
    """`+12.3%`, `−0.4%`, `+1,234%`; `0.0%` without a sign. Shorter than `wording.percent`."""
    percent = 100 * value
    text = f"{abs(percent):.1f}%" if abs(percent) < 1000 else f"{abs(percent):,.0f}%"
    return text if text == "0.0%" else f"{'+' if percent > 0 else wording.MINUS}{text}"


def _coefficient(value: float) -> str:
    text = f"{abs(value):.2f}"
    return f"{wording.MINUS}{text}" if value < 0 and text != "0.00" else text
