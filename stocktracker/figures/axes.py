"""The price chart's axes: which pane is where, what they reach from and to, their ticks. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stocktracker import wording
from stocktracker.figures.analytics import days_off, nights
from stocktracker.figures.drawn import Pane
from stocktracker.figures.indicator_specs import Unit
from stocktracker.figures.plotting import make_axis
from stocktracker.figures.slots import DAY_MS, Slots
from stocktracker.palette import Palette

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]

SATURDAY = 5
# Short ones, for a phone. The day stands below an hour where it is another than before.
INTRADAY_TICKS = [
    {"dtickrange": [None, DAY_MS - 1], "value": "%H:%M\n%a %-d %b"},
    {"dtickrange": [DAY_MS, 5 * DAY_MS], "value": "%a %-d"},
    {"dtickrange": [6 * DAY_MS, None], "value": "%-d %b"},
]
# Heights of panes, the price's being 1; the more there are, the less each has.
VOLUME_HEIGHT = 0.24
PANE_HEIGHTS = {1: 0.42, 2: 0.36, 3: 0.32}
GAP = 0.024
# The height of a row of letters or words, and what is around the panes: title, ticks.
ROW_PX = 17
AROUND_PX = 46
# From here on a log scale has ticks at 1, 2 and 5 and not at equal steps.
DECADES = 3.0
# What is kept free above and below the prices.
MARGIN = 0.04


@dataclass(frozen=True, slots=True)
class Top:
    """The price's pane: where it is, and how many pixels the panes have together."""

    domain: list[float]
    inner_px: float

    def part(self, rows: int) -> float:
        """How much of its height so many rows of letters take."""
        return rows * ROW_PX / (self.inner_px * (self.domain[1] - self.domain[0]))


def heights(has_volume: bool, panes: int) -> list[list[float]]:
    """The panes' domains from the top: price, volume where there is one, the others."""
    wanted = [
        1.0,
        *([VOLUME_HEIGHT] if has_volume else []),
        *[PANE_HEIGHTS.get(panes, 0.3)] * panes,
    ]
    unit = (1 - GAP * (len(wanted) - 1)) / sum(wanted)
    domains, top = [], 1.0
    for each in wanted:
        domains.append([max(0.0, top - each * unit), top])
        top -= each * unit + GAP
    return domains


def price_range(drawn: Floats, *, log: bool, below: float, above: float) -> tuple[float, float]:
    """The ends of the price axis, as Plotly wants them: exponents of ten on a log scale.

    `below` and `above` are the parts of its height that are kept free for letters.
    """
    low, high = float(drawn.min()), float(drawn.max())
    if log:
        low, high = math.log10(low), math.log10(high)
    span = (high - low) or abs(high) * 0.02 or 1.0
    unit = span / max(0.3, 1 - below - above - 2 * MARGIN)
    return low - unit * (below + MARGIN), high + unit * (above + MARGIN)


def price_axis(
    palette: Palette,
    domain: list[float],
    ends: tuple[float, float],
    drawn: Floats,
    *,
    log: bool,
) -> dict[str, Any]:
    return {
        **_crosshair(palette),
        "domain": domain,
        "range": list(ends),
        # For a double click.
        "autorangeoptions": {"minallowed": ends[0], "maxallowed": ends[1]},
        "nticks": 7,
        "separatethousands": True,
        "exponentformat": "none",
        **(_log_ticks(float(drawn.min()), float(drawn.max())) if log else {}),
    }


def _crosshair(palette: Palette) -> dict[str, Any]:
    return {
        **make_axis(palette),
        "side": "right",
        "showspikes": True,
        "spikemode": "across",
        "spikesnap": "cursor",
    }


def _log_ticks(low: float, high: float) -> dict[str, Any]:
    """Round prices; plotly's own would be spelt 2 and 5 for 20 and 50. Equal steps when close."""
    if high / low < DECADES:
        return {"type": "log"}
    steps = (1, 1.5, 2, 3, 5, 7) if high / low < 10 else (1, 2, 5)
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    values = [step * 10.0**power for power in powers for step in steps]
    return {"type": "log", "tickvals": values, "ticktext": [f"{value:,.10g}" for value in values]}


def pane_axis(pane: Pane, palette: Palette, domain: list[float]) -> dict[str, Any]:
    axis = {**_crosshair(palette), "domain": domain, "anchor": "x", "nticks": 4}
    if pane.missing is not None:
        return axis | {"showticklabels": False, "showgrid": False}
    if pane.span is not None:
        low, high = pane.span
        # Room for the pane's name, and for a line along the edge.
        ends = [low - 0.05 * (high - low), high + 0.15 * (high - low)]
        axis |= {"range": ends, "fixedrange": True, "tickvals": list(pane.guides)}
    if pane.unit is Unit.SHARES:
        axis |= _compact_ticks(pane.lines[0].values)
    return axis | {"separatethousands": True, "exponentformat": "none"}


def _compact_ticks(values: pd.Series) -> dict[str, Any]:
    """Two ticks in our spelling: plotly's own would be 500k, and B is no prefix of SI."""
    low, high = float(values.min()), float(values.max())
    if not low < high:
        return {"nticks": 1}
    step = 10.0 ** math.floor(math.log10(high - low))
    step *= next(each for each in (5, 2, 1, 0.5) if step * each <= (high - low) * 0.6)
    ticks = np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step
    return {"tickvals": ticks, "ticktext": [wording.compact(tick) for tick in ticks.tolist()]}


def volume_axis(frame: pd.DataFrame, palette: Palette, domain: list[float]) -> dict[str, Any]:
    """One tick, at the most: plotly's own would be spelt 500k, and B is no prefix of SI."""
    most = float(frame["volume"].max())
    return {
        **make_axis(palette),
        "domain": domain,
        "anchor": "x",
        "side": "right",
        "rangemode": "tozero",
        "tickvals": [most],
        "ticktext": [wording.compact(most)],
        "fixedrange": True,
    }


def events_axis() -> dict[str, Any]:
    return {"overlaying": "y", "range": [0, 1], "fixedrange": True, "visible": False}


def hover_format(slots: Slots, *, intraday: bool) -> str:
    """The readout's first line: an instant, a day or a week, which stands on its Monday."""
    if intraday:
        return "%a %-d %b %Y %H:%M"
    return "Week of %-d %b %Y" if slots.step > DAY_MS else "%a %-d %b %Y"


def breaks(stamps: pd.DatetimeIndex, *, intraday: bool) -> list[dict[str, Any]]:
    """What the x axis leaves out. Weekends are one rule, unless some have bars (Bombay's do)."""
    if intraday:
        # Half a bar later than the night, so that there can be a tick at the session's start.
        half = (stamps[1:] - stamps[:-1]).min() / 2
        return [
            {"bounds": [(end + half).isoformat(sep=" "), (start + half).isoformat(sep=" ")]}
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
