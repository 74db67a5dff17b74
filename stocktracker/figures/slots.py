"""Where the bars of a chart stand on its time axis, in few bytes. Pure, and draws nothing.

A chart travels to every browser that looks at it, and the times of each line would be most of it.
So lines stand on a grid where they can, which Plotly knows by its start and step; bars of a week on
the Monday of their week. Times are text: a browser would move Plotly's dates in milliseconds by its
own time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stocktracker.figures.drawn import Event

Labels = np.ndarray[Any, Any]

DAY_MS = 86_400_000
DAY = pd.Timedelta(days=1)
WEEK = pd.Timedelta(days=7)
# A grid with more steps a bar takes more than the bars' own times would.
MOST_STEPS = 4
# So much of the distance between two bars is bar.
FILLED = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Where the bars stand: `labels` is the x of each, `width` of a bar in milliseconds.

    With a `start` they stand on a grid: bar i `places[i]` steps of `step` milliseconds after it.
    """

    labels: Labels
    width: float
    start: str | None
    step: float
    places: np.ndarray[tuple[int], np.dtype[np.int64]]

    def line(self, values: Any, readout: Any = None) -> dict[str, Any]:
        """x, y and customdata (a row or text for each bar) of a line that breaks at a NaN."""
        numbers = slim(values)
        if self.start is None or has_gap(numbers):
            return {"x": self.labels, "y": numbers, "customdata": readout}
        # Days without a bar are no gaps.
        return {**self.bars(numbers, readout), "connectgaps": True}

    def bars(self, values: Any, readout: Any = None) -> dict[str, Any]:
        """x, y and customdata of bars; a NaN is none."""
        numbers = slim(values)
        if self.start is None:
            return {"x": self.labels, "y": numbers, "customdata": readout}
        return {
            "x0": self.start,
            "dx": self.step,
            "y": self._spread(numbers),
            "customdata": None if readout is None else self._spread(np.asarray(readout)),
        }

    def _spread(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A row for every step, those without a bar among them."""
        shape = (int(self.places[-1]) + 1, *rows.shape[1:])
        numbers = rows.dtype.kind == "f"
        every: np.ndarray[Any, Any] = np.full(
            shape, np.nan if numbers else "", dtype=rows.dtype if numbers else object
        )
        every[self.places] = rows
        return every


def slots_of(stamps: pd.DatetimeIndex, *, intraday: bool) -> Slots:
    """Slots of bars by their local times, oldest first and each once; at least one."""
    step = DAY
    if intraday:
        step = min(stamps[1:] - stamps[:-1], default=DAY)
    elif is_weekly(stamps) and weeks_of(stamps).is_unique:
        step, stamps = WEEK, weeks_of(stamps)
    pattern = "%Y-%m-%d %H:%M" if intraday else "%Y-%m-%d"
    labels = stamps.strftime(pattern).to_numpy(dtype=object)
    since = stamps - stamps[0]
    places = (since // step).to_numpy()
    regular = bool((since % step == pd.Timedelta(0)).all()) and places[-1] < MOST_STEPS * len(
        stamps
    )
    milliseconds = step / pd.Timedelta(milliseconds=1)
    start = str(labels[0]) if regular else None
    return Slots(labels, milliseconds * FILLED, start, milliseconds, places)


def whole(slots: Slots) -> dict[str, str]:
    """Bounds for the axis: plotly would leave years of room beside many bars."""
    half = pd.Timedelta(milliseconds=slots.width)
    first, last = (pd.Timestamp(label) for label in slots.labels[[0, -1]])
    return {"clipmin": (first - half).isoformat(" "), "clipmax": (last + half).isoformat(" ")}


def is_weekly(stamps: pd.DatetimeIndex) -> bool:
    return len(stamps) > 1 and stamps.to_series().diff().median() >= pd.Timedelta(days=4)


def weeks_of(stamps: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The Mondays of their weeks."""
    return stamps.normalize() - pd.to_timedelta(stamps.day_of_week, unit="D")


def has_gap(values: Any) -> bool:
    """Whether something is missing between the first value and the last."""
    known = np.flatnonzero(np.isfinite(values))
    return len(known) > 0 and bool(known[-1] - known[0] >= len(known))


def slim(values: Any, decimals: int = 4) -> np.ndarray[Any, Any]:
    """float32 where so many decimals stay right, else float64. Prices have four at most."""
    exact = np.asarray(values, dtype="float64")
    short = exact.astype("float32")
    off = np.abs(short.astype("float64") - exact)
    return short if np.nanmax(off, initial=0.0) < 0.45 * 10.0**-decimals else exact


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
