"""Where the bars of a chart stand on its time axis, in few bytes. Pure, and draws nothing.

A chart travels to every browser that looks at it. Bars of a week stand on the Monday of their week,
so that all have the same distance and lines need no x of their own. Times are text: a browser would
move Plotly's dates in milliseconds by its own time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stocktracker.drawn import Event

Labels = np.ndarray[Any, Any]

DAY_MS = 86_400_000
WEEK = pd.Timedelta(days=7)
# Plotly shows four decimals at most.
FINEST = 0.00005
# So much of the distance between two bars is bar.
FILLED = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Where the bars stand: `labels` is the x of each, `width` of a bar in milliseconds.

    With a `start`, bar i stands `places[i]` weeks after it.
    """

    labels: Labels
    width: float
    start: str | None
    places: np.ndarray[tuple[int], np.dtype[np.int64]]

    def draw(self, values: Any, readout: Any = None) -> dict[str, Any]:
        """x and y of a trace, and its customdata: an array or texts, a row for each bar."""
        numbers = slim(values)
        if self.start is None:
            return {"x": self.labels, "y": numbers, "customdata": readout}
        return {
            "x0": self.start,
            "dx": 7 * DAY_MS,
            "y": self._spread(numbers),
            "customdata": None if readout is None else self._spread(np.asarray(readout)),
        }

    def _spread(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A row for every week, those without a bar among them."""
        shape = (int(self.places[-1]) + 1, *rows.shape[1:])
        numbers = rows.dtype.kind == "f"
        every: np.ndarray[Any, Any] = np.full(
            shape, np.nan if numbers else "", dtype=rows.dtype if numbers else object
        )
        every[self.places] = rows
        return every


def slots_of(stamps: pd.DatetimeIndex, *, intraday: bool) -> Slots:
    """Slots of bars by their local times, oldest first; at least one."""
    steps = stamps[1:] - stamps[:-1]
    places = np.arange(len(stamps))
    if is_weekly(stamps):
        mondays = weeks_of(stamps)
        if mondays.is_unique:
            places = ((mondays - mondays[0]) // WEEK).to_numpy()
            start = f"{mondays[0]:%Y-%m-%d}"
            return Slots(_texts(mondays, "%Y-%m-%d"), 7 * DAY_MS * FILLED, start, places)
    step = steps.min() / pd.Timedelta(milliseconds=1) if len(steps) else DAY_MS
    pattern = "%Y-%m-%d %H:%M" if intraday else "%Y-%m-%d"
    return Slots(_texts(stamps, pattern), step * FILLED, None, places)


def is_weekly(stamps: pd.DatetimeIndex) -> bool:
    return len(stamps) > 1 and stamps.to_series().diff().median() >= pd.Timedelta(days=4)


def weeks_of(stamps: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The Mondays of their weeks."""
    return stamps.normalize() - pd.to_timedelta(stamps.day_of_week, unit="D")


def _texts(stamps: pd.DatetimeIndex, pattern: str) -> Labels:
    return stamps.strftime(pattern).to_numpy(dtype=object)


def slim(values: Any) -> np.ndarray[Any, Any]:
    """float32 where no figure that is shown changes by it, else float64."""
    exact = np.asarray(values, dtype="float64")
    short = exact.astype("float32")
    off = np.abs(short.astype("float64") - exact)
    return short if np.nanmax(off, initial=0.0) < FINEST * 0.9 else exact


def events_by_bar(
    events: Sequence[Event], stamps: pd.DatetimeIndex
) -> list[tuple[int, int, Event]]:
    """Each event with the number of its bar and of its row there, from 0.

    An event belongs to the first bar of its day, or else of the first day after it that has bars:
    that is the day on which it shows. Events before the first bar's day or week, or after the last
    bar, are left out.
    """
    days = stamps.normalize()
    first = weeks_of(days[:1])[0] if is_weekly(stamps) else days[0]
    rows: dict[int, int] = {}
    found = []
    for event in sorted(events, key=lambda event: (event.day, event.letter)):
        day = pd.Timestamp(event.day)
        bar = int(days.searchsorted(day))
        if day >= first and bar < len(days):
            row = rows.get(bar, 0)
            rows[bar] = row + 1
            found.append((bar, row, event))
    return found
