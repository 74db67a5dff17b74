"""What raw bars of one ticker tell of an event: the closes around it. Pure; adjusts nothing."""

from __future__ import annotations

import math
from datetime import date, timedelta, tzinfo

import numpy as np
import pandas as pd

# Between an event's named day and the session that shows it a long weekend may stand.
NEXT_SESSION = timedelta(days=4)
# How far upstream's rounded weekly figures may lead out of the week's span of prices.
ROUNDING = 1.05

Floats = np.ndarray[tuple[int], np.dtype[np.floating]]
Days = np.ndarray[tuple[int], np.dtype[np.datetime64]]


class Reader:
    """Closes around an event, read off daily or intraday bars.

    Weekly bars from before them stand in front, so that what falls on their first day is told too.
    `taken` has the split factors that were found already, by the place of the first bar after them.
    """

    def __init__(self, frame: pd.DataFrame, days: Days, weekly: Reader | None = None) -> None:
        self.frame = frame
        self.days, self.closes, self.opens = days, floats(frame["close"]), floats(frame["open"])
        self.earlier = 0
        if weekly is not None:
            self.earlier = end = int(np.searchsorted(weekly.days, days[0]))
            self.days = np.concatenate([weekly.days[:end], self.days])
            self.closes = np.concatenate([weekly.closes[:end], self.closes])
            self.opens = np.concatenate([weekly.opens[:end], self.opens])
        self.taken: dict[int, float] = {}

    def place(self, day: date) -> int:
        """The first bar on or after the day."""
        return place_of(self.days, day)

    def tells(self, day: date) -> bool:
        """Whether there are bars both before the day and from it on."""
        return max(self.earlier, 1) <= self.place(day) < len(self.days)

    def previous(self, place: int) -> float:
        """The close before this bar, on the footing of this bar's close."""
        return float(self.closes[place - 1]) / self.taken.get(place, 1.0)

    def jump(self, place: int) -> float:
        """The log of the fall from the last close to this bar's open, less the splits taken."""
        after = self.opens[place]
        return log_of(self.previous(place) / (self.closes[place] if np.isnan(after) else after))

    def close_on(self, ex_day: date, amount: float) -> float:  # noqa: ARG002
        """The close of the first session on or after the ex-day."""
        session = self.days[self.place(ex_day)]
        return float(self.closes[int(np.searchsorted(self.days, session, side="right")) - 1])

    def day(self, place: int) -> date:
        return pd.Timestamp(self.days[place]).date()

    def neighbours(self, day: date) -> list[tuple[int, date]]:
        """The bars a session away that an event of this day may belong to, each with its day."""
        place = self.place(day)
        found = [(place + 1, self.day(place + 1))] if place + 1 < len(self.days) else []
        found += [(place - 1, self.day(place - 1))] if place > 1 else []
        return [each for each in found if abs(each[1] - day) <= NEXT_SESSION]


class WeekReader(Reader):
    """The same off weekly bars, which are dated by their last session."""

    def tells(self, day: date) -> bool:
        place = self.place(day)
        if place == 0:
            return monday_of(self.day(0)) <= day
        return place < len(self.days)

    def neighbours(self, day: date) -> list[tuple[int, date]]:
        place = self.place(day)
        found = [(place + 1, monday_of(self.day(place + 1)))] if place + 1 < len(self.days) else []
        found += [(place - 1, self.day(place - 1))] if place > 1 else []
        return [each for each in found if abs(each[1] - day) <= NEXT_SESSION]

    def jump(self, place: int) -> float:
        """From close to close, as the split may be anywhere in the week."""
        return log_of(self.previous(place) / self.closes[place])

    def close_on(self, ex_day: date, amount: float) -> float:
        place = self.place(ex_day)
        close = float(self.closes[place])
        if ex_day == self.day(place):
            return close
        solved = self._solved(place, amount)
        if solved is not None:
            return solved
        sessions = max(self.day(place).weekday() + 1, 1)
        return self.previous(place) + (close - self.previous(place)) * min(
            1.0, (ex_day.weekday() + 1) / sessions
        )

    def _solved(self, place: int, amount: float) -> float | None:
        """The ex-day's close that upstream must have used; None where its figures do not fit.

        Upstream rounds to four decimals, so for cheap shares it is held within the week's span.
        """
        if "adjusted_close" not in self.frame.columns:
            return None
        shares = floats(self.frame["adjusted_close"])[place - 1 : place + 1]
        shares = shares / self.closes[place - 1 : place + 1]
        kept = float(shares[0] / shares[1]) * self.taken.get(place, 1.0)
        if not 0 < kept < 1:
            return None
        low, high = (float(floats(self.frame[name])[place]) for name in ("low", "high"))
        solved = amount * kept / (1 - kept)
        if not low / ROUNDING <= solved <= high * ROUNDING:
            return None
        return min(max(solved, low), high)


def days_of(frame: pd.DataFrame, zone: tzinfo | None) -> Days:
    """The exchange date of every bar, as numpy's days."""
    index = pd.DatetimeIndex(frame.index)
    if index.tz is not None:
        if zone is None:
            raise ValueError("intraday bars need the exchange's time zone")
        index = index.tz_convert(zone).tz_localize(None)
    return index.to_numpy().astype("datetime64[D]")


def place_of(days: Days, day: date) -> int:
    return int(np.searchsorted(days, np.datetime64(day), side="left"))


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def floats(column: pd.Series[float]) -> Floats:
    values: Floats = column.to_numpy(dtype=float)
    return values


def log_of(ratio: float) -> float:
    return math.log(ratio) if math.isfinite(ratio) and ratio > 0 else math.nan
