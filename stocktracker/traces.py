"""The price chart's traces. Pure; lays nothing out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from stocktracker import wording
from stocktracker.drawn import Event, Line, Pane
from stocktracker.indicator_specs import Unit
from stocktracker.palette import Palette, faint
from stocktracker.plotting import inert
from stocktracker.slots import Labels, Slots, slim

Kind = Literal["candles", "bars", "line", "area"]

# More than these are drawn as dots, since their letters would cover each other.
MOST_LETTERS = 24
# Between the figures of an indicator with several lines.
BETWEEN = " · "


def candles(
    frame: pd.DataFrame, slots: Slots, kind: Kind, palette: Palette, *, not_final: bool
) -> list[Any]:
    """Candles, the one that is not final hollow; or bars with ticks for open and close.

    Rows with a price missing are left out: Plotly breaks on them.
    """
    prices = frame[["open", "high", "low", "close"]]
    whole = prices.notna().all(axis=1).to_numpy()
    readout = _readout(decimals_of(frame), "%{open", "%{high", "%{low", "%{close")
    if not not_final or kind == "bars" or not whole[-1]:
        # Of a bar by itself Plotly would not know how wide its ticks are.
        shapes = [_shapes(prices[whole], slots.labels[whole], kind, palette, readout)]
        return [*shapes, _open_end(frame, slots, palette)] if not_final else shapes
    last = np.arange(len(frame)) == len(frame) - 1
    settled = whole & ~last
    hollow = f"{readout}<br>not final"
    parts = [_shapes(prices[last], slots.labels[last], kind, palette, hollow, faded=True)]
    if settled.any():
        parts.insert(0, _shapes(prices[settled], slots.labels[settled], kind, palette, readout))
    return parts


def _shapes(
    prices: pd.DataFrame,
    labels: Labels,
    kind: Kind,
    palette: Palette,
    readout: str,
    *,
    faded: bool = False,
) -> Any:
    looks: dict[str, Any] = {}
    for way, colour in (("increasing", palette.up), ("decreasing", palette.down)):
        looks[way] = {"line": {"color": faint(colour, 0.6) if faded else colour, "width": 1}}
        if kind == "candles":
            looks[way]["fillcolor"] = palette.background if faded else colour
    return (go.Candlestick if kind == "candles" else go.Ohlc)(
        x=labels,
        **{str(name): slim(column) for name, column in prices.items()},
        **looks,
        hovertemplate=f"{readout}<extra></extra>",
    )


def _open_end(frame: pd.DataFrame, slots: Slots, palette: Palette) -> go.Scatter:
    """A hollow dot on the last close."""
    return go.Scatter(
        x=slots.labels[-1:],
        y=[float(frame["close"].iloc[-1])],
        mode="markers",
        marker={"symbol": "circle-open", "size": 7, "color": palette.accent},
        hovertemplate="not final<extra></extra>",
    )


def closes(
    frame: pd.DataFrame,
    slots: Slots,
    kind: Kind,
    palette: Palette,
    floor: float,
    *,
    not_final: bool,
) -> list[Any]:
    """The closes as a line; as an area over a shade that goes down to `floor`."""
    traces = []
    look: dict[str, Any] = {}
    if kind == "area":
        ends = {"x": slots.labels[[0, -1]], "y": [floor, floor]}
        traces.append(go.Scatter(**ends, mode="lines", line={"width": 0}, hoverinfo="skip"))
        look = {"fill": "tonexty", "fillcolor": faint(palette.accent, 0.09)}
    fields = ("%{customdata[0]", "%{customdata[1]", "%{customdata[2]", "%{y")
    traces.append(
        go.Scatter(
            x=slots.labels,
            y=slim(frame["close"]),
            customdata=slim(frame[["open", "high", "low"]]),
            mode="lines",
            line={"color": palette.accent, "width": 1.8},
            **look,
            hovertemplate=f"{_readout(decimals_of(frame), *fields)}<extra></extra>",
        )
    )
    if not_final:
        traces.append(_open_end(frame, slots, palette))
    return traces


def volumes(
    frame: pd.DataFrame, slots: Slots, palette: Palette, *, shapes: bool, not_final: bool
) -> list[Any]:
    """Bars coloured by whether the price rose from open to close; without `shapes` one area.

    There is a trace for each colour: Plotly 4.1 takes the numbers of a colour scale in bars for
    names of colours too, and complains about each of them.
    """
    shown = [wording.compact(number) for number in frame["volume"].tolist()]
    shared: dict[str, Any] = {"yaxis": "y2", "hovertemplate": "Vol %{customdata}<extra></extra>"}
    if not shapes:
        return [
            go.Scatter(
                **slots.draw(frame["volume"], shown),
                **shared,
                mode="lines",
                line={"color": palette.volume, "width": 1},
                fill="tozeroy",
                fillcolor=faint(palette.volume, 0.4),
            )
        ]
    rose = np.sign((frame["close"] - frame["open"]).fillna(0).to_numpy())
    final = np.ones(len(frame), dtype=bool)
    final[-1] = not not_final
    texts = np.array(shown, dtype=object)
    drawn = frame["volume"].to_numpy(dtype="float32")
    traces = []
    for way, colour in ((1, palette.up), (-1, palette.down), (0, palette.volume)):
        for settled, opacity in ((True, 0.5), (False, 0.22)):
            part = (rose == way) & (final == settled)
            if part.any():
                traces.append(
                    go.Bar(
                        x=slots.labels[part],
                        y=drawn[part],
                        customdata=texts[part],
                        width=slots.width,
                        marker={"color": colour, "opacity": opacity, "line": {"width": 0}},
                        **shared,
                    )
                )
    return traces


def overlay(line: Line, slots: Slots, decimals: int, *, dash: str | None = None) -> list[Any]:
    """A line over the prices; the edges of its band are read out with it."""
    if line.missing is not None:
        return []
    if line.band is None:
        stroke = _stroke(line, slots, readout=[line.values], decimals=decimals)
        return [stroke.update(line={"dash": dash})]
    lower, upper = line.band
    pen = {"color": faint(line.colour, 0.75), "width": 0.9}
    edge = {"mode": "lines", "line": pen, "hoverinfo": "skip"}
    shade = {"fill": "tonexty", "fillcolor": faint(line.colour, 0.06)}
    return [
        go.Scatter(**slots.draw(upper), **edge),
        go.Scatter(**slots.draw(lower), **edge, **shade),
        _stroke(line, slots, readout=[upper, line.values, lower], decimals=decimals),
    ]


def pane(shown: Pane, slots: Slots, axis: str, decimals: int, palette: Palette) -> list[Any]:
    """The lines and the histogram of a pane, read out in one row."""
    if shown.missing is not None:
        return []
    traces: list[Any] = []
    if shown.histogram is not None:
        for part, colour in (
            (shown.histogram.where(shown.histogram >= 0), palette.up),
            (shown.histogram.where(shown.histogram < 0), palette.down),
        ):
            traces.append(
                go.Bar(
                    **slots.draw(part),
                    yaxis=axis,
                    width=slots.width,
                    marker={"color": colour, "opacity": 0.5, "line": {"width": 0}},
                    hoverinfo="skip",
                )
            )
    figures = [line.values for line in shown.lines]
    figures += [] if shown.histogram is None else [shown.histogram]
    places = {Unit.PRICE: decimals, Unit.PERCENT: 2, Unit.SHARES: None}[shown.unit]
    for line in reversed(shown.lines):
        named = Line(shown.title, line.values, line.colour)
        readout = figures if line is shown.lines[0] else []
        traces.append(_stroke(named, slots, readout=readout, decimals=places).update(yaxis=axis))
    return traces


def _stroke(
    line: Line, slots: Slots, *, readout: Sequence[pd.Series], decimals: int | None
) -> go.Scatter:
    """A line whose row in the readout has all of `readout`; none of it has no row.

    `decimals` None spells large numbers by K, M and B.
    """
    look = {"mode": "lines", "line": {"color": line.colour, "width": 1.4}}
    if not readout:
        return go.Scatter(**slots.draw(line.values), **look, hoverinfo="skip")
    others = [each for each in readout if each is not line.values]
    values: Any = None
    whole = all(each.notna()[line.values.notna()].all() for each in others)
    if decimals is not None and whole:
        numbers = iter(range(len(others)))
        sources = [
            "y" if each is line.values else f"customdata[{next(numbers)}]" for each in readout
        ]
        fields = [f"%{{{source}:,.{decimals}f}}" for source in sources]
        values = slim(np.column_stack(others)) if others else None
    else:
        # Plotly would show what is missing as NaN.
        fields = ["%{customdata}"]
        columns = [[_spell(value, decimals) for value in each.tolist()] for each in readout]
        values = [BETWEEN.join(row) for row in zip(*columns, strict=True)]
    return go.Scatter(
        **slots.draw(line.values, values),
        **look,
        hovertemplate=f"{inert(line.name)}  <b>{BETWEEN.join(fields)}</b><extra></extra>",
    )


def _spell(value: float, decimals: int | None) -> str:
    if decimals is None or not np.isfinite(value):
        return wording.compact(value)
    return f"{value:,.{decimals}f}".replace("-", wording.MINUS)


def decimals_of(frame: pd.DataFrame) -> int:
    """Four below 1.00, by the last close that is known."""
    return 4 if float(frame["close"].dropna().iloc[-1]) < 1 else 2


def _readout(decimals: int, *fields: str) -> str:
    parts = [
        f"{letter} {field}:,.{decimals}f}}" for letter, field in zip("OHLC", fields, strict=True)
    ]
    return f"{parts[0]}  {parts[1]}<br>{parts[2]}  <b>{parts[3]}</b>"


def marks(
    placed: Sequence[tuple[int, int, Event]],
    slots: Slots,
    palette: Palette,
    *,
    axis: str,
    step: float,
) -> list[Any]:
    """The events' letters in rows from the bottom of the axis, `step` of its height apart."""
    colours = {
        "S": palette.lines[5],
        "D": palette.accent,
        "E": palette.lines[1],
        "?": palette.down,
    }
    traces = []
    for letter in dict.fromkeys(event.letter for _, _, event in placed):
        own = [each for each in placed if each[2].letter == letter]
        colour = colours.get(letter, palette.muted)
        few = len(own) <= MOST_LETTERS
        traces.append(
            go.Scatter(
                x=slots.labels[[bar for bar, _, _ in own]],
                y=[(row + 0.55) * step for _, row, _ in own],
                yaxis=axis,
                mode="markers+text" if few else "markers",
                marker={
                    "symbol": "circle",
                    "size": 14 if few else 5,
                    "color": palette.background if few else colour,
                    "line": {"color": colour, "width": 1.2 if few else 0},
                },
                text=inert(letter) if few else None,
                textfont={"size": 9, "color": colour},
                customdata=[inert(event.text) for _, _, event in own],
                hovertemplate=f"<b>{inert(letter)}</b>  %{{customdata}}<extra></extra>",
            )
        )
    return traces
