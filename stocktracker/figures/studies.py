"""Indicators as they are drawn: of all bars, in colours, over and below the prices. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from stocktracker.figures.drawn import Line, Pane
from stocktracker.figures.indicator_specs import Indicator, Place
from stocktracker.figures.indicators import compute
from stocktracker.palette import Palette

# A band's values are those of this line; the others are its edges.
MIDDLE = "middle"
HISTOGRAM = "histogram"


def draw_studies(
    indicators: Sequence[Indicator],
    frame: pd.DataFrame,
    *,
    palette: Palette,
    days: pd.Index | None = None,
) -> tuple[list[Line], list[Pane]]:
    """The overlays and the panes for `charts.price_figure`, in the order that was asked for.

    `frame` is all bars there are, the ones before what is shown among them: OHLCV, adjusted for
    splits. `days` is each row's session where the bars are intraday; without it what is intraday
    only is left out. An indicator that has no value anywhere says how many bars it needs.
    """
    overlays: list[Line] = []
    panes: list[Pane] = []
    for indicator in indicators:
        definition = indicator.definition
        if definition.intraday_only and days is None:
            continue
        values = compute(indicator, frame, days=days)
        missing = None if values.notna().to_numpy().any() else _lack(indicator, frame)
        if definition.place is Place.OVERLAY:
            # The first of the lines' colours is that of the closes.
            colour = palette.lines[1 + len(overlays) % (len(palette.lines) - 1)]
            overlays.append(_overlay(indicator.label, values, colour, missing))
        else:
            panes.append(_pane(indicator, values, palette, missing))
    return overlays, panes


def _lack(indicator: Indicator, frame: pd.DataFrame) -> str:
    needed = indicator.warm_up + 1
    return f"needs {needed} bars" if len(frame) < needed else "not defined on these bars"


def _overlay(label: str, values: pd.DataFrame, colour: str, missing: str | None) -> Line:
    if MIDDLE not in values:
        return Line(label, values.iloc[:, 0], colour, missing=missing)
    band = (values["lower"], values["upper"])
    return Line(label, values[MIDDLE], colour, band=band, missing=missing)


def _pane(
    indicator: Indicator, values: pd.DataFrame, palette: Palette, missing: str | None
) -> Pane:
    definition = indicator.definition
    colours = (palette.lines[2], palette.lines[1])
    names = [name for name in definition.lines if name != HISTOGRAM]
    return Pane(
        title=indicator.label,
        lines=[Line(name, values[name], colours[place]) for place, name in enumerate(names)],
        unit=definition.unit,
        histogram=values.get(HISTOGRAM),
        guides=definition.guides,
        span=definition.span,
        missing=missing,
    )
