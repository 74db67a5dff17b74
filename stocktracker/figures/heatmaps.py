"""Tables of numbers in colour: correlations, and one ticker's returns by month. Pure: computes no
statistics and never needs streamlit.

The number stands in every cell, so that the colour only helps; a phone of 390 px shows them all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from stocktracker import wording
from stocktracker.figures.performance import MONTHS, YEAR, MonthlyReturns
from stocktracker.figures.plotting import inert, make_axis, make_layout, say
from stocktracker.palette import Palette, faint

ROW_HEIGHT = 26
MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Months and years beyond these have the full colour: few are, and one crash would pale the rest.
LOUD_MONTH = 0.15
LOUD_YEAR = 0.5
LOUDEST = 0.6  # opacity, at which the text still reads well on every cell
WIDE = 6  # tickers beyond which names stand upright and numbers get smaller


def correlation_figure(table: pd.DataFrame, *, palette: Palette) -> go.Figure:
    """Each two tickers' correlation, from `performance.correlations`; a dash where there is none.

    Orange over the background to petrol, which colour-blind people tell apart.
    """
    height = max(220, 70 + 34 * len(table))
    figure = go.Figure(layout=make_layout(palette, title=None, height=height))
    if table.empty:
        return say(figure, "Nothing to compare", palette)
    names = [inert(str(ticker)) for ticker in table.columns]
    values = table.to_numpy(dtype=float)
    figure.add_trace(
        go.Heatmap(
            z=values,
            x=names,
            y=names,
            texttemplate="%{z:.2f}",
            textfont={"size": 12 if len(table) <= WIDE else 9, "color": palette.text},
            zmin=-1,
            zmax=1,
            colorscale=_colours(palette.lines[1], palette.lines[0], palette),
            showscale=False,
            xgap=1,
            ygap=1,
            hovertemplate="%{y} and %{x} <b>%{z:.2f}</b><extra></extra>",
            hoverongaps=False,
        )
    )
    for row, column in np.argwhere(np.isnan(values)).tolist():
        figure.add_annotation(
            x=names[column],
            y=names[row],
            text=wording.NOTHING,
            showarrow=False,
            font={"size": 11, "color": palette.muted},
        )
    _as_table(figure, palette, tickangle=0 if len(table) <= WIDE else -60)
    return figure


def monthly_figure(months: MonthlyReturns, *, palette: Palette) -> go.Figure:
    """Years down, newest first, months across, each year's total on the right, in percent.

    What counts less than the whole month or year has an asterisk.
    """
    height = 40 + ROW_HEIGHT * max(len(months.table), 3)
    figure = go.Figure(layout=make_layout(palette, title=None, height=height))
    if months.table.empty:
        return say(figure, "Too few bars for a month", palette)
    values = months.table[[*MONTHS, YEAR]].iloc[::-1].to_numpy(dtype=float)
    partial = months.partial[[*MONTHS, YEAR]].iloc[::-1].to_numpy(dtype=bool)
    cells = [
        list(zip(row, marks, strict=True))
        for row, marks in zip(values.tolist(), partial.tolist(), strict=True)
    ]
    figure.add_trace(
        go.Heatmap(
            z=values / np.array([LOUD_MONTH] * len(MONTHS) + [LOUD_YEAR]),
            x=[*MONTH_NAMES, "Year"],
            y=[str(year) for year in reversed(months.table.index)],
            text=[[_cell(value, partial=mark) for value, mark in row] for row in cells],
            customdata=[[_in_full(value, partial=mark) for value, mark in row] for row in cells],
            texttemplate="%{text}",
            textfont={"size": 9, "color": palette.text},
            zmin=-1,
            zmax=1,
            colorscale=_colours(palette.down, palette.up, palette),
            showscale=False,
            xgap=1,
            ygap=1,
            hovertemplate="%{x} %{y} <b>%{customdata}</b><extra></extra>",
            hoverongaps=False,
        )
    )
    _as_table(figure, palette, tickangle=0)
    figure.update_xaxes(tickfont={"size": 10})
    figure.update_yaxes(tickfont={"size": 10})
    between = len(MONTHS) - 0.5
    line = {"color": palette.muted, "width": 2}
    figure.add_shape(type="line", yref="paper", x0=between, x1=between, y0=0, y1=1, line=line)
    return figure


def _colours(low: str, high: str, palette: Palette) -> list[list[Any]]:
    """From one colour over the background to the other, faint enough for text upon them."""
    return [[0, faint(low, LOUDEST)], [0.5, palette.background], [1, faint(high, LOUDEST)]]


def _as_table(figure: go.Figure, palette: Palette, *, tickangle: int) -> None:
    shared: dict[str, Any] = {"type": "category", "showgrid": False, "fixedrange": True}
    figure.update_layout(
        hovermode="closest",
        margin={"l": 4, "r": 8, "t": 4, "b": 4},
        yaxis={**make_axis(palette), **shared, "autorange": "reversed", "automargin": True},
    )
    figure.update_xaxes(**shared, side="top", ticks="", tickangle=tickangle, automargin=True)


def _cell(value: float, *, partial: bool) -> str:
    """Short enough for a phone: `+3.4`, `−12`, `+123`; `*` after what is counted in part."""
    if not np.isfinite(value):
        return ""
    percent = 100 * value
    text = f"{abs(percent):.1f}" if abs(percent) < 9.95 else f"{abs(percent):,.0f}"
    sign = "" if text == "0.0" else "+" if percent > 0 else wording.MINUS
    return f"{sign}{text}{'*' if partial else ''}"


def _in_full(value: float, *, partial: bool) -> str:
    return wording.percent(100 * value) + (", counted in part" if partial else "")
