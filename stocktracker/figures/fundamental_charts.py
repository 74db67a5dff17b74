"""Plotly figures of what is known of a company besides its prices. Pure: frames in, figures out.

The look that all figures share is in plotting.py. Green and red stand for change only; what means
neither takes the palette's lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from stocktracker import wording
from stocktracker.figures import amounts
from stocktracker.figures.key_figures import YearRange
from stocktracker.figures.plotting import axis_title, inert, make_axis, make_layout, say
from stocktracker.palette import Palette, faint

HEIGHT = 320
NO_GRID: Mapping[str, Any] = {"visible": False, "fixedrange": True}


def range_figure(span: YearRange, palette: Palette, *, height: int = 150) -> go.Figure:
    """The 52 weeks' low to high as a bar, with the price's place in it and the averages'."""
    figure = go.Figure(layout=make_layout(palette, title=None, height=height))
    shown: list[tuple[str, float | None, str, str, int]] = [
        ("200-day", span.average_200_days, palette.lines[1], "line-ns-open", 16),
        ("50-day", span.average_50_days, palette.lines[2], "line-ns-open", 16),
        ("Price", span.price, palette.accent, "circle", 15),
    ]
    track: dict[str, Any] = {
        "type": "rect",
        "x0": span.low,
        "x1": span.high,
        "y0": -0.16,
        "y1": 0.16,
        "line": {"width": 0},
    }
    figure.add_shape(**track, fillcolor=palette.border, layer="below")
    if span.price is not None:
        reached = min(max(span.price, span.low), span.high)
        fill = faint(palette.accent, 0.45)
        figure.add_shape(**{**track, "x1": reached}, fillcolor=fill, layer="below")
    for name, value, colour, symbol, size in shown:
        if value is None:
            continue
        text = inert(f"{name} {wording.price(value, span.currency)}")
        marker = {"color": colour, "symbol": symbol, "size": size, "line": {"width": 3}}
        if symbol == "circle":
            marker["line"] = {"width": 3, "color": palette.background}
        figure.add_trace(
            go.Scatter(
                x=[value],
                y=[0],
                mode="markers",
                name=text,
                marker=marker,
                cliponaxis=False,
                hovertemplate=f"{text}<extra></extra>",
            )
        )
    for value, word, anchor in ((span.low, "Low", "left"), (span.high, "High", "right")):
        figure.add_annotation(
            x=value,
            y=-0.3,
            yanchor="top",
            xanchor=anchor,
            showarrow=False,
            text=inert(f"{word} {wording.price(value, span.currency)}"),
            font={"size": 11, "color": palette.muted},
        )
    drawn = [value for _, value, *_ in shown if value is not None] + [span.low, span.high]
    room = 0.03 * ((max(drawn) - min(drawn)) or 1.0)
    figure.update_xaxes(**NO_GRID, range=[min(drawn) - room, max(drawn) + room])
    figure.update_yaxes(**NO_GRID, range=[-0.9, 0.5])
    return figure.update_layout(
        **_legend(),
        hovermode="closest",
        plot_bgcolor=palette.background,
        margin={"l": 4, "r": 4, "t": 48, "b": 4},
    )


def ratings_figure(counts: Mapping[str, int], palette: Palette, *, height: int = 96) -> go.Figure:
    """Analysts' ratings as one stacked bar, from strong buy on the left to strong sell."""
    figure = go.Figure(layout=make_layout(palette, title=None, height=height))
    buy, sell = palette.lines[0], palette.lines[1]
    colours = (buy, faint(buy, 0.55), palette.volume, faint(sell, 0.55), sell)
    for (label, count), colour in zip(counts.items(), colours, strict=True):
        if not count:
            continue
        figure.add_trace(
            go.Bar(
                x=[count],
                y=[""],
                orientation="h",
                name=f"{inert(label)} {count}",
                marker={"color": colour, "line": {"width": 0}},
                hovertemplate=f"{inert(label)} <b>{count}</b><extra></extra>",
            )
        )
    figure.update_xaxes(**NO_GRID, range=[0, sum(counts.values())])
    figure.update_yaxes(**NO_GRID)
    return figure.update_layout(
        **_legend(),
        barmode="stack",
        bargap=0.2,
        hovermode="closest",
        margin={"l": 4, "r": 4, "t": 48, "b": 4},
    )


def surprises_figure(quarters: pd.DataFrame, palette: Palette, *, most: int = 16) -> go.Figure:
    """Reported against estimated earnings a share, quarter by quarter.

    `quarters` is `earnings.quarters`. An open ring is the estimate; the dot is what was reported,
    coloured by the surprise.
    """
    figure = go.Figure(layout=make_layout(palette, title=None, height=HEIGHT))
    shown = quarters.iloc[-most:]
    if not (shown["reported"].notna() | shown["estimated"].notna()).any():
        return say(figure, "No quarter's earnings are known", palette)
    labels = [_month(end) for end in shown["ends"]]
    columns = ["reported", "estimated", "surprise", "percent"]
    texts = [
        [amounts.per_share(reported), amounts.per_share(estimated), _surprise(surprise, percent)]
        for reported, estimated, surprise, percent in shown[columns].to_numpy().tolist()
    ]
    figure.add_trace(
        go.Scatter(
            x=labels,
            y=shown["estimated"].to_numpy(),
            mode="markers",
            name="Estimate",
            marker={
                "symbol": "circle-open",
                "size": 15,
                "color": palette.muted,
                "line": {"width": 2},
            },
            customdata=texts,
            hovertemplate="Estimate %{customdata[1]}<extra></extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=labels,
            y=shown["reported"].to_numpy(),
            mode="markers",
            name="Reported",
            marker={
                "size": 11,
                "color": [_sign_colour(value, palette) for value in shown["surprise"]],
                "line": {"width": 0},
            },
            customdata=texts,
            hovertemplate="Reported <b>%{customdata[0]}</b><br>Surprise %{customdata[2]}"
            "<extra></extra>",
        )
    )
    figure.update_xaxes(**_few(labels, 6))
    return figure.update_layout(
        **_legend(), margin_t=36, yaxis=_value_axis(palette, "Earnings per share")
    )


def years_figure(years: pd.DataFrame, palette: Palette, *, most: int = 15) -> go.Figure:
    """Earnings a share by fiscal year; a part of a year is paler and says so.

    `years` is `earnings.years`.
    """
    figure = go.Figure(layout=make_layout(palette, title=None, height=HEIGHT))
    shown = years.iloc[-most:]
    if not shown["reported"].notna().any():
        return say(figure, "No year's earnings are known", palette)
    colour = palette.accent
    labels = _labels(shown["ends"].tolist(), annual=True)
    figure.add_trace(
        go.Bar(
            x=labels,
            y=shown["reported"].to_numpy(),
            marker={
                "color": [colour if whole else faint(colour, 0.4) for whole in shown["whole"]],
                "line": {"width": 0},
            },
            customdata=[
                [amounts.per_share(reported), "" if whole else " (part of a year)"]
                for reported, whole in zip(shown["reported"], shown["whole"], strict=True)
            ],
            hovertemplate="<b>%{customdata[0]}</b>%{customdata[1]}<extra></extra>",
        )
    )
    figure.update_xaxes(**_few(labels, 8))
    return figure.update_layout(
        bargap=0.35, margin_t=20, yaxis=_value_axis(palette, "Earnings per share")
    )


def dividend_years_figure(
    years: pd.Series[float], palette: Palette, *, currency: str, running: int
) -> go.Figure:
    """Dividends a share by calendar year of the ex-day; the year `running` is not over, and paler.

    `years` is `payouts.by_year`.
    """
    figure = go.Figure(layout=make_layout(palette, title=None, height=HEIGHT))
    if years.empty:
        return say(figure, "No dividends are on record", palette)
    colour = palette.accent
    over = [year < running for year in years.index.tolist()]
    figure.add_trace(
        go.Bar(
            x=[str(year) for year in years.index],
            y=years.to_numpy(),
            marker={
                "color": [colour if whole else faint(colour, 0.4) for whole in over],
                "line": {"width": 0},
            },
            customdata=[
                [inert(wording.price(amount, currency)), "" if whole else " so far"]
                for amount, whole in zip(years.tolist(), over, strict=True)
            ],
            hovertemplate="<b>%{customdata[0]}</b>%{customdata[1]}<extra></extra>",
        )
    )
    figure.update_xaxes(**_few([str(year) for year in years.index], 10))
    return figure.update_layout(
        bargap=0.3, margin_t=20, yaxis=_value_axis(palette, f"{inert(currency)} a share")
    )


def payments_figure(
    payments: pd.DataFrame, palette: Palette, *, currency: str, today: date, most: int = 60
) -> go.Figure:
    """Each dividend on its ex-day, on the base of today's shares; those ahead are paler.

    `payments` is `payouts.adjusted`.
    """
    figure = go.Figure(layout=make_layout(palette, title=None, height=HEIGHT))
    shown = payments.iloc[-most:]
    if shown.empty:
        return say(figure, "No dividends are on record", palette)
    colour = palette.accent
    figure.add_trace(
        go.Bar(
            x=[day.isoformat() for day in shown["ex_day"]],
            y=shown["adjusted"].to_numpy(),
            marker={
                "color": [
                    colour if day <= today else faint(colour, 0.4) for day in shown["ex_day"]
                ],
                "line": {"width": 0},
            },
            customdata=[inert(wording.price(amount, currency)) for amount in shown["adjusted"]],
            hovertemplate="<b>%{customdata}</b><extra></extra>",
        )
    )
    figure.update_xaxes(type="date", hoverformat="%a %-d %b %Y")
    return figure.update_layout(
        margin_t=20, bargap=0.3, yaxis=_value_axis(palette, f"{inert(currency)} a share")
    )


def statement_figure(
    lines: pd.DataFrame, palette: Palette, *, currency: str, annual: bool
) -> go.Figure:
    """A statement's main lines side by side for each period.

    `lines` is `statements.main_lines`. A period without a figure has no bar.
    """
    figure = go.Figure(layout=make_layout(palette, title=None, height=HEIGHT + 30))
    if lines.empty or not lines.notna().any().any():
        return say(figure, "None of the main lines is reported", palette)
    ends: Sequence[date] = [end.date() for end in pd.DatetimeIndex(lines.index)]
    labels = _labels(ends, annual=annual)
    for (name, values), colour in zip(lines.items(), palette.lines, strict=False):
        figure.add_trace(
            go.Bar(
                x=labels,
                y=values.to_numpy(),
                name=inert(str(name)),
                marker={"color": colour, "line": {"width": 0}},
                customdata=[wording.compact(value) for value in values],
                hovertemplate=f"{inert(str(name))} <b>%{{customdata}}</b><extra></extra>",
            )
        )
    figure.update_xaxes(**_few(labels, 10 if annual else 6))
    return figure.update_layout(
        **_legend(),
        barmode="group",
        bargap=0.28,
        bargroupgap=0.08,
        margin_t=40,
        yaxis=_value_axis(palette, inert(currency)),
    )


def _value_axis(palette: Palette, title: str) -> dict[str, Any]:
    return {
        **make_axis(palette),
        "side": "right",
        "zeroline": True,
        "zerolinecolor": palette.muted,
        "zerolinewidth": 1,
        # B is a billion here, not SI's G.
        "exponentformat": "B",
        "nticks": 6,
        "title": axis_title(title, palette),
        "automargin": True,
    }


def _legend() -> dict[str, Any]:
    return {
        "showlegend": True,
        "legend": {
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "traceorder": "normal",
            "itemsizing": "constant",
        },
    }


def _labels(ends: Sequence[date], *, annual: bool) -> list[str]:
    """Each period's name, no two alike: `2026` where there is one a year, else `Mar 2026`."""
    by_year = annual and len({end.year for end in ends}) == len(ends)
    return [str(end.year) if by_year else _month(end) for end in ends]


def _few(labels: Sequence[str], most: int) -> dict[str, Any]:
    """A category axis that names `most` of its labels, the newest among them: all would collide."""
    step = -(-len(labels) // most)
    return {"type": "category", "tickvals": list(labels[::-1][::step])[::-1]}


def _month(end: date) -> str:
    """`Mar 2026`; category axes take it as text."""
    return amounts.day(end).split(" ", 1)[1]


def _sign_colour(value: float, palette: Palette) -> str:
    if pd.isna(value) or value == 0:
        return palette.flat
    return palette.up if value > 0 else palette.down


def _surprise(surprise: float, percent: float) -> str:
    if pd.isna(surprise):
        return wording.NOTHING
    behind = "" if pd.isna(percent) else f" ({wording.percent(percent)})"
    return f"{amounts.signed(surprise)}{behind}"
