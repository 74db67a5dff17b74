"""Plotly figures from frames. Pure: reads, fetches and caches nothing, and never needs streamlit.

The look that all figures share is in plotting.py, the price chart's traces are in traces.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from stocktracker import wording
from stocktracker.figures import traces
from stocktracker.figures.axes import (
    AROUND_PX,
    INTRADAY_TICKS,
    Floats,
    Top,
    breaks,
    events_axis,
    heights,
    hover_format,
    pane_axis,
    price_axis,
    price_range,
    volume_axis,
)
from stocktracker.figures.drawn import Event, Line, Pane
from stocktracker.figures.plotting import (
    axis_title,
    inert,
    make_axis,
    make_layout,
    note,
    rule,
    say,
    write,
)
from stocktracker.figures.slots import Slots, events_by_bar, is_weekly, slots_of, weeks_of, whole
from stocktracker.figures.traces import Kind
from stocktracker.palette import Palette, faint

# Each candle and volume bar is a shape of its own in the browser: 7,000 took 1.5 s to draw where a
# line and an area took 0.3 s. They are narrower than a pixel by then.
MOST_SHAPES = 2_600
NAMES_IN_A_ROW = 4
PANE_AXES = ("y3", "y4", "y5")
EVENTS_AXIS = "y9"


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
    overlays: Sequence[Line] = (),
    panes: Sequence[Pane] = (),
    log: bool = False,
    volume: bool = True,
    events: Sequence[Event] = (),
    benchmark: tuple[str, pd.Series] | None = None,
    not_final: bool = False,
) -> go.Figure:
    """Prices over volume and up to three panes, from bars as in `model.Bars`: oldest first, OHLCV.

    Intraday bars are shown in the exchange's `zone`. Nights, weekends and holidays leave no gap.
    `previous_close` is drawn where it is given, as suits a chart of one day. Beyond `MOST_SHAPES`
    bars candles become a line. Without volume there is no pane for it, without bars a chart that
    says so.

    `overlays` and `panes` have values by the index of `frame`; what they have besides is not drawn.
    `log` is a logarithmic price axis, unless a price is zero or below. `benchmark` is the name and
    the closes of another ticker, drawn so that both begin together. `not_final` says that the last
    bar may still change. Events outside of the bars are left out. All text is shown as text.
    """
    figure = go.Figure(layout=make_layout(palette, title=title, height=height))
    if not frame["close"].notna().any():
        return say(figure, "No bars yet", palette)
    stamps = pd.DatetimeIndex(frame.index)
    if stamps.tz is not None:
        stamps = stamps.tz_convert(zone).tz_localize(None)
    slots = slots_of(stamps, intraday=intraday)
    decimals = traces.decimals_of(frame)
    over = [_on(line, frame.index) for line in overlays]
    other = _rebased(benchmark, frame, stamps, zone, palette) if benchmark else None
    named = over if other is None else [*over, other]
    drawn = _drawn(frame, named, previous_close)
    log = log and float(drawn.min()) > 0
    has_volume = volume and bool((frame["volume"].fillna(0) != 0).any())
    domains = heights(has_volume, len(panes))
    top = Top(domains[0], height - AROUND_PX - (32 if title else 0))
    placed = events_by_bar(events, stamps)
    names = _names(named)
    rows = 1 + max((row for _, row, _ in placed), default=-1)
    ends = price_range(drawn, log=log, below=top.part(rows), above=top.part(len(names)))

    few = len(frame) <= MOST_SHAPES
    readout = traces.readout_of(frame, placed, has_volume=has_volume, not_final=not_final)
    if kind in ("candles", "bars") and few:
        shapes = traces.candles(frame, slots, kind, palette, readout, not_final=not_final)
        figure.add_traces(shapes)
    else:
        shape: Kind = "line" if kind == "line" else "area"
        floor = 10 ** ends[0] if log else ends[0]
        figure.add_traces(
            traces.closes(frame, slots, shape, palette, readout, floor=floor, not_final=not_final)
        )
    if has_volume:
        figure.add_traces(traces.volumes(frame, slots, palette, shapes=few, not_final=not_final))
        figure.update_layout(yaxis2=volume_axis(frame, palette, domains[1]))
        _write_head(figure, "Vol", palette, axis="y2")
    for line in named:
        dash = "dash" if line is other else None
        figure.add_traces(traces.overlay(line, slots, decimals, dash=dash))
    below = domains[len(domains) - len(panes) :]
    for axis, pane, domain in zip(PANE_AXES, panes, below, strict=False):
        _add_pane(
            figure,
            _pane_on(pane, frame.index),
            axis=axis,
            slots=slots,
            domain=domain,
            decimals=decimals,
            palette=palette,
        )
    if placed:
        figure.add_traces(traces.marks(placed, slots, palette, axis=EVENTS_AXIS, step=top.part(1)))
        figure.update_layout(yaxis9=events_axis())
    lowest = PANE_AXES[len(panes) - 1] if panes else "y2" if has_volume else "y"
    figure.update_xaxes(
        type="date",
        rangebreaks=breaks(stamps, intraday=intraday),
        hoverformat=hover_format(slots, intraday=intraday),
        tickformatstops=INTRADAY_TICKS if intraday else None,
        rangeslider_visible=False,
        autorangeoptions=whole(slots),
        anchor=lowest,
        title=axis_title(wording.zone_words(zone), palette) if intraday else None,
    )
    figure.update_layout(
        barmode="overlay", yaxis=price_axis(palette, domains[0], ends, drawn, log=log)
    )
    # A shade between lines turns the readout's order around, unless a legend says its own. It has
    # no entry, so it is not drawn.
    figure.update_layout(showlegend=True, legend_traceorder="normal")
    figure.update_traces(showlegend=False)
    for upper, lower in pairwise(domains):
        _separate(figure, (upper[0] + lower[1]) / 2, palette)
    if names:
        _write_head(figure, "<br>".join(names), palette, axis="y")
    _mark_levels(
        figure, frame, previous_close, other=other, palette=palette, currency=currency, log=log
    )
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


def _on(line: Line, index: pd.Index) -> Line:
    """The line's part over these bars."""
    lower_upper = line.band and (line.band[0].reindex(index), line.band[1].reindex(index))
    return replace(line, values=line.values.reindex(index), band=lower_upper)


def _pane_on(pane: Pane, index: pd.Index) -> Pane:
    histogram = None if pane.histogram is None else pane.histogram.reindex(index)
    return replace(pane, lines=[_on(line, index) for line in pane.lines], histogram=histogram)


def _rebased(
    benchmark: tuple[str, pd.Series],
    frame: pd.DataFrame,
    stamps: pd.DatetimeIndex,
    zone: ZoneInfo,
    palette: Palette,
) -> Line:
    """Another's closes, scaled to meet the first close that both have.

    Weeks are the same by their Monday, as their last trading days may differ.
    """
    name, closes = benchmark
    theirs = pd.DatetimeIndex(closes.index)
    theirs = theirs if theirs.tz is None else theirs.tz_convert(zone).tz_localize(None)
    ours = stamps
    if is_weekly(stamps):
        ours, theirs = weeks_of(stamps), weeks_of(theirs)
    values = closes.groupby(theirs).last().reindex(ours).astype("float64").set_axis(frame.index)
    both = frame["close"].notna() & (values > 0)
    if not both.any():
        return Line(name, values, palette.muted, missing="no bars in this range")
    first = int(both.to_numpy().argmax())
    factor = float(frame["close"].iloc[first]) / float(values.iloc[first])
    return Line(name, values * factor, palette.muted)


def _drawn(frame: pd.DataFrame, lines: Sequence[Line], previous_close: float | None) -> Floats:
    """All prices that the price pane shows."""
    parts = [frame[name] for name in ("low", "high", "close")]
    for line in lines:
        parts += [line.values, *(line.band or ())]
    if previous_close is not None:
        parts.append(pd.Series([previous_close]))
    every: Floats = np.concatenate([part.to_numpy(dtype="float64") for part in parts])
    return every[np.isfinite(every)]


def _add_pane(
    figure: go.Figure,
    pane: Pane,
    *,
    axis: str,
    slots: Slots,
    domain: list[float],
    decimals: int,
    palette: Palette,
) -> None:
    """A pane with its guides, and its name at the top left in the colours of its lines."""
    figure.add_traces(traces.pane(pane, slots, axis, decimals, palette))
    figure.update_layout({f"yaxis{axis[1:]}": pane_axis(pane, palette, domain)})
    ends: dict[str, Any] = {"xref": "paper", "x0": 0, "x1": 1, "yref": axis, "layer": "below"}
    for guide in pane.guides:
        line = {"color": palette.muted, "width": 1, "dash": "dot"}
        figure.add_shape(type="line", y0=guide, y1=guide, line=line, opacity=0.6, **ends)
    if len(pane.guides) == 2:
        shade = {"fillcolor": faint(palette.volume, 0.1), "line": {"width": 0}}
        figure.add_shape(type="rect", y0=pane.guides[0], y1=pane.guides[1], **shade, **ends)
    words = _coloured(pane.title, pane.lines[0].colour if len(pane.lines) == 1 else palette.text)
    if len(pane.lines) > 1:
        words += "".join(f"   {_coloured(line.name, line.colour)}" for line in pane.lines)
    if pane.missing:
        words += f" ({inert(pane.missing)})"
    _write_head(figure, words, palette, axis=axis)


def _names(lines: Sequence[Line]) -> list[str]:
    """The rows at the top left of the prices: the lines' names in their colours."""
    words = [
        _coloured(line.name, line.colour) + (f" ({inert(line.missing)})" if line.missing else "")
        for line in lines
    ]
    starts = range(0, len(words), NAMES_IN_A_ROW)
    return ["   ".join(words[start : start + NAMES_IN_A_ROW]) for start in starts]


def _coloured(text: str, colour: str) -> str:
    return f'<span style="color:{colour}">{inert(text)}</span>'


def _write_head(figure: go.Figure, words: str, palette: Palette, *, axis: str) -> None:
    where = {"x": 0, "y": 1, "yref": f"{axis} domain", "xanchor": "left", "yanchor": "top"}
    look = {"bgcolor": faint(palette.background, 0.75), "borderpad": 1, "align": "left"}
    write(figure, words, palette.muted, **where, **look)


def _separate(figure: go.Figure, y: float, palette: Palette) -> None:
    line = {"color": palette.border, "width": 1}
    figure.add_shape(type="line", xref="paper", yref="paper", x0=0, x1=1, y0=y, y1=y, line=line)


def _mark_levels(
    figure: go.Figure,
    frame: pd.DataFrame,
    previous_close: float | None,
    *,
    other: Line | None,
    palette: Palette,
    currency: str,
    log: bool,
) -> None:
    """The previous close, the end of the benchmark, and the last price as a tag on the axis.

    The last price's colour is that of its change from the price before.
    """
    known = frame["close"].dropna()
    last = float(known.iloc[-1])
    before = previous_close
    if before is None:
        before = float(known.iloc[-2] if len(known) > 1 else frame["open"].iloc[-1])
    else:
        rule(figure, before, palette.muted, "dot")
        words = f"Previous close {_label(before, currency)}"
        note(figure, _place(before, log=log), words, palette)
    if other is not None and other.missing is None:
        _name_end(figure, other, last, palette, log=log)
    colour = palette.up if last > before else palette.down if last < before else palette.flat
    tag = _label(last, currency)
    rule(figure, last, colour, "dash")
    look = {"bgcolor": colour, "borderpad": 2, "xshift": 3}
    at = {"x": 1, "y": _place(last, log=log), "yref": "y", "xanchor": "left"}
    write(figure, tag, palette.background, **at, **look)
    figure.update_layout(margin_r=max(52, 12 + 7 * len(tag)))


def _name_end(figure: go.Figure, line: Line, last: float, palette: Palette, *, log: bool) -> None:
    """The benchmark's name and change over the range at its end, away from the last price."""
    known = line.values.dropna()
    end = float(known.iloc[-1])
    words = f"{inert(line.name)} {wording.percent(100 * (end / float(known.iloc[0]) - 1))}"
    write(
        figure,
        words,
        line.colour,
        x=1,
        y=_place(end, log=log),
        yref="y",
        xanchor="right",
        yanchor="bottom" if end >= last else "top",
        bgcolor=faint(palette.background, 0.75),
        borderpad=1,
    )


def _place(price: float, *, log: bool) -> float:
    """Where a note is put: Plotly wants an exponent of ten on a log axis, unlike for shapes."""
    return math.log10(price) if log else price


def _label(value: float, currency: str) -> str:
    return inert(wording.price(value, currency))
