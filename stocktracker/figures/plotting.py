"""The look that all figures share: layout, axes, rules and notes, from the palette. Pure.

Figures bring all of their look with them: show them with `theme=None` and `config=CONFIG`. Plotly
takes text for HTML, so what comes from outside goes through `inert` first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from stocktracker.palette import Palette, faint

CONFIG: Mapping[str, Any] = {
    "displaylogo": False,
    # Plotly 4's own default is a button that uploads the chart to Plotly's servers.
    "showSendToCloud": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}
FONT = "Inter, 'Source Sans', system-ui, sans-serif"
CLEAR = "rgba(0,0,0,0)"


def inert(text: str) -> str:
    """Text that plotly shows as it is: its `<a>`, `<br>` and `&…;` are no HTML any more."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def make_layout(palette: Palette, *, title: str | None, height: int) -> go.Layout:
    return go.Layout(
        template="none",
        height=height,
        autosize=True,
        title=None if title is None else {"text": inert(title), "x": 0.005, "xanchor": "left"},
        margin={"l": 4, "r": 44, "t": 12 if title is None else 44, "b": 8},
        paper_bgcolor=CLEAR,
        # Not transparent: the crosshair would get a white edge, also in the dark.
        plot_bgcolor=palette.background,
        font={"family": FONT, "size": 12, "color": palette.muted},
        title_font={"size": 15, "color": palette.text},
        separators=".,",
        showlegend=False,
        hovermode="x unified",
        hoversubplots="axis",
        hoversort="trace",
        hoverlabel={
            "bgcolor": palette.surface,
            "bordercolor": palette.border,
            "font": {"family": FONT, "size": 12, "color": palette.text},
        },
        # Zoom and pan outlive new data, as long as this does not change.
        uirevision="stocktracker",
        modebar={"bgcolor": CLEAR, "color": palette.muted, "activecolor": palette.accent},
        xaxis={**make_axis(palette), "showgrid": False, "ticks": "outside", "ticklen": 4},
    )


def make_axis(palette: Palette) -> dict[str, Any]:
    return {
        "automargin": "height",
        "gridcolor": palette.grid,
        "gridwidth": 1,
        "zeroline": False,
        "linecolor": palette.border,
        "tickcolor": palette.border,
        "tickangle": 0,
        "spikecolor": palette.muted,
        "spikethickness": 1,
        "spikedash": "dot",
    }


def axis_title(words: str, palette: Palette) -> dict[str, Any]:
    return {"text": words, "standoff": 6, "font": {"size": 11, "color": palette.muted}}


def rule(figure: go.Figure, y: float, colour: str, dash: str) -> None:
    line = {"color": colour, "width": 1, "dash": dash}
    figure.add_shape(
        type="line", xref="paper", x0=0, x1=1, y0=y, y1=y, line=line, opacity=0.8, layer="below"
    )


def note(figure: go.Figure, y: float, text: str, palette: Palette) -> None:
    where = {"x": 0, "y": y, "yref": "y", "xanchor": "left", "yanchor": "bottom"}
    write(figure, text, palette.muted, **where, bgcolor=faint(palette.background, 0.7))


def say(figure: go.Figure, words: str, palette: Palette) -> go.Figure:
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    write(figure, words, palette.muted, x=0.5, y=0.5, yref="paper")
    return figure


def write(figure: go.Figure, text: str, colour: str, **where: Any) -> None:
    font = {"size": 11, "color": colour}
    figure.add_annotation(text=text, xref="paper", showarrow=False, font=font, **where)


def to_bytes(figure: go.Figure, *, library: str, keeps: str, mode_bar: bool = True) -> bytes:
    """The figure for `plot.show`. While `keeps` stays the same, so does what is zoomed to.

    `library` is the address of Plotly's script on this server.
    """
    config = {**CONFIG, "responsive": True, "displayModeBar": "hover" if mode_bar else False}
    figure.update_layout(uirevision=keeps)
    head = json.dumps({"library": library, "config": config})[:-1]
    return f"{head},{figure.to_json()[1:]}".encode()
