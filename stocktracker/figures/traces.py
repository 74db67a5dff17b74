"""The price chart's traces. Pure; lays nothing out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from stocktracker import wording
from stocktracker.figures.drawn import Event, Line, Pane
from stocktracker.figures.indicator_specs import Unit
from stocktracker.figures.plotting import inert
from stocktracker.figures.slots import Labels, Slots, has_gap, slim
from stocktracker.palette import Palette, faint

Kind = Literal["candles", "bars", "line", "area"]

# More than these are drawn as dots, since their letters would cover each other.
MOST_LETTERS = 24
# Between the figures of an indicator with several lines.
BETWEEN = " · "
# Where a line of closes has its open, high, low and close.
SOURCES = ("customdata[0]", "customdata[1]", "customdata[2]", "y")


@dataclass(frozen=True, slots=True, eq=False)
class Readout:
    """What is read out of each bar besides its prices: volume, events, that it is not final.

    It is part of the price's own trace, because Plotly reads traces with few points out beside the
    wrong bars: it takes the nearest point that each of them has.
    """

    volume: bool
    texts: Labels

    def template(self, *fields: str) -> str:
        """The readout from open, high, low and close, each as `%{open:,.2f}` or a figure."""
        open_, high, low, close = fields
        volume = "<br>Vol " if self.volume else ""
        return f"O {open_}  H {high}<br>L {low}  C <b>{close}</b>{volume}%{{text}}<extra></extra>"

    def spelled(self, frame: pd.DataFrame, decimals: int) -> list[str]:
        """The readout of each bar, with a dash for what is missing: Plotly would say NaN."""
        prices = frame[["open", "high", "low", "close"]].to_numpy()
        rows = [[_spell(price, decimals) for price in row] for row in prices.tolist()]
        whole = [self.template(*row).removesuffix("%{text}<extra></extra>") for row in rows]
        return [prices + text for prices, text in zip(whole, self.texts, strict=True)]


def readout_of(
    frame: pd.DataFrame,
    placed: Sequence[tuple[int, int, Event]],
    *,
    has_volume: bool,
    not_final: bool,
) -> Readout:
    """The readout of these bars, with the events as `slots.events_by_bar` places them."""
    texts = [wording.compact(volume) if has_volume else "" for volume in frame["volume"].tolist()]
    for bar, _, event in placed:
        texts[bar] += f"<br><b>{inert(event.letter)}</b> {inert(event.text)}"
    if not_final:
        texts[-1] += "<br>not final"
    return Readout(has_volume, np.array(texts, dtype=object))


def candles(
    frame: pd.DataFrame,
    slots: Slots,
    kind: Kind,
    palette: Palette,
    readout: Readout,
    *,
    not_final: bool,
) -> list[Any]:
    """Candles, the one that is not final hollow; or bars with ticks for open and close.

    Rows with a price missing are left out: Plotly breaks on them.
    """
    prices = frame[["open", "high", "low", "close"]]
    whole = prices.notna().all(axis=1).to_numpy()
    last = np.arange(len(frame)) == len(frame) - 1
    # Of a bar by itself Plotly would not know how wide its ticks are.
    hollow = last & whole & not_final & (kind == "candles")
    ending = f":,.{decimals_of(frame)}f}}"
    names = ("open", "high", "low", "close")
    template = readout.template(*(f"%{{{name}{ending}" for name in names))
    traces = []
    for part, faded in ((whole & ~hollow, False), (hollow, True)):
        if not part.any():
            continue
        looks: dict[str, Any] = {}
        for way, colour in (("increasing", palette.up), ("decreasing", palette.down)):
            looks[way] = {"line": {"color": faint(colour, 0.6) if faded else colour, "width": 1}}
            if kind == "candles":
                looks[way]["fillcolor"] = palette.background if faded else colour
        traces.append(
            (go.Candlestick if kind == "candles" else go.Ohlc)(
                x=slots.labels[part],
                **{str(name): slim(column) for name, column in prices[part].items()},
                **looks,
                text=readout.texts[part],
                hovertemplate=template,
            )
        )
    if not_final and kind == "bars":
        traces.append(_open_end(frame, slots, palette))
    return traces


def closes(
    frame: pd.DataFrame,
    slots: Slots,
    kind: Kind,
    palette: Palette,
    readout: Readout,
    *,
    floor: float,
    not_final: bool,
) -> list[Any]:
    """The closes as a line; as an area over a shade that goes down to `floor`."""
    traces = []
    look: dict[str, Any] = {}
    told: dict[str, Any]
    if kind == "area":
        ends = {"x": slots.labels[[0, -1]], "y": [floor, floor]}
        traces.append(go.Scatter(**ends, mode="lines", line={"width": 0}, hoverinfo="skip"))
        look = {"fill": "tonexty", "fillcolor": faint(palette.accent, 0.09)}
    decimals = decimals_of(frame)
    others = frame[["open", "high", "low"]]
    if others[frame["close"].notna()].isna().to_numpy().any():
        told = {
            "text": readout.spelled(frame, decimals),
            "hovertemplate": "%{text}<extra></extra>",
        }
    else:
        fields = [f"%{{{source}:,.{decimals}f}}" for source in SOURCES]
        told = {
            "customdata": slim(others),
            "text": readout.texts,
            "hovertemplate": readout.template(*fields),
        }
    traces.append(
        go.Scatter(
            x=slots.labels,
            y=slim(frame["close"]),
            mode="lines",
            line={"color": palette.accent, "width": 1.8},
            **look,
            **told,
        )
    )
    if not_final:
        traces.append(_open_end(frame, slots, palette))
    return traces


def _open_end(frame: pd.DataFrame, slots: Slots, palette: Palette) -> go.Scatter:
    """A hollow dot on the last close, which is not final."""
    return go.Scatter(
        x=slots.labels[-1:],
        y=[float(frame["close"].iloc[-1])],
        mode="markers",
        marker={"symbol": "circle-open", "size": 7, "color": palette.accent},
        hoverinfo="skip",
    )


def volumes(
    frame: pd.DataFrame, slots: Slots, palette: Palette, *, shapes: bool, not_final: bool
) -> list[Any]:
    """Bars coloured by whether the price rose from open to close; without `shapes` one area.

    There is a trace for each colour: Plotly 4.1 takes the numbers of a colour scale in bars for
    names of colours too, and complains about each of them.
    """
    # As exact as it is drawn; the readout has it in words.
    drawn = frame["volume"].to_numpy(dtype="float32")
    if not shapes:
        return [
            go.Scatter(
                **slots.line(drawn),
                yaxis="y2",
                mode="lines",
                line={"color": palette.volume, "width": 1},
                fill="tozeroy",
                fillcolor=faint(palette.volume, 0.4),
                hoverinfo="skip",
            )
        ]
    rose = np.sign((frame["close"] - frame["open"]).fillna(0).to_numpy())
    final = np.ones(len(frame), dtype=bool)
    final[-1] = not not_final
    traces = []
    for way, colour in ((1, palette.up), (-1, palette.down), (0, palette.volume)):
        for settled, opacity in ((True, 0.5), (False, 0.22)):
            part = (rose == way) & (final == settled)
            if part.any():
                traces.append(
                    go.Bar(
                        x=slots.labels[part],
                        y=drawn[part],
                        yaxis="y2",
                        width=slots.width,
                        marker={"color": colour, "opacity": opacity, "line": {"width": 0}},
                        hoverinfo="skip",
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
    # Plotly's shade would cross a gap from corner to corner.
    shade = {} if has_gap(lower) else {"fill": "tonexty", "fillcolor": faint(line.colour, 0.06)}
    return [
        go.Scatter(**slots.line(slim(upper, decimals)), **edge),
        go.Scatter(**slots.line(slim(lower, decimals)), **edge, **shade),
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
                    **slots.bars(part.astype("float32")),
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
    # What is told in three figures needs no more of them to be drawn.
    drawn = line.values.astype("float32") if decimals is None else slim(line.values, decimals)
    if not readout:
        return go.Scatter(**slots.line(drawn), **look, hoverinfo="skip")
    others = [each for each in readout if each is not line.values]
    values: Any = None
    whole = all(each.notna()[line.values.notna()].all() for each in others)
    if decimals is not None and whole:
        numbers = iter(range(len(others)))
        sources = [
            "y" if each is line.values else f"customdata[{next(numbers)}]" for each in readout
        ]
        fields = [f"%{{{source}:,.{decimals}f}}" for source in sources]
        values = slim(np.column_stack(others), decimals) if others else None
    else:
        # Plotly would show what is missing as NaN.
        fields = ["%{customdata}"]
        columns = [[_spell(value, decimals) for value in each.tolist()] for each in readout]
        values = [BETWEEN.join(row) for row in zip(*columns, strict=True)]
    return go.Scatter(
        **slots.line(drawn, values),
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
                hoverinfo="skip",
            )
        )
    return traces
