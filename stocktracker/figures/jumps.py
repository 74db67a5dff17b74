"""Jumps of raw daily bars that look like splits nobody told us of. Pure.

A split that is not known makes every figure before it wrong, so it is said on the chart, and is a
reason to ask for SPLITS again. What the jump means is not decided here, and no bar is changed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd

from stocktracker.fundamentals import Splits

# Jumps below 30 % are no splits that anybody would make by halves.
SMALLEST = math.log(1.3)
LARGE = math.log(4) - 0.01
MANY = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18, 20, 25, 30, 35, 40, 50, 60, 75, 80, 100)
RATIOS = ((3, 2), (5, 2), *((n, 1) for n in MANY), *((1, n) for n in MANY))
USUAL = 20  # sessions whose median says what money usually changes hands
RUSH = 5
LONGEST_HOLIDAY = np.timedelta64(14, "D")


@dataclass(frozen=True, slots=True)
class Suspect:
    """A jump of raw daily bars on `day` that looks like an `n`:`m` split which is not known.

    `ratio` is the close before over the day's open: near n / m.
    """

    day: date
    n: int
    m: int
    ratio: float

    def __str__(self) -> str:
        return f"{self.n}:{self.m}"


def suspects(frame: pd.DataFrame, splits: Splits | None) -> list[Suspect]:
    """The jumps of raw daily bars that look like splits, without those known within a session.

    A split happens overnight and leaves the day as quiet as any other. So the open must be n:m
    below (or above) the close before within 6 %, and the close within 12 %: a crash in the course
    of a session never counts. Of crashes overnight, as of biotech shares after a failed trial, some
    four in ten are near 3:2, 2:1, 5:2 or 3:1 by chance; but then many times the usual money changes
    hands, which on a split's day it does not: above five times its median it is a crash. From 4:1
    on honest crashes are rare, and penny shares restless after a reverse split, so that 25 % is
    allowed and money is not asked. A wrong suspect costs one call for SPLITS and a remark.
    Jumps over a hole of more than two weeks are not looked at.
    """
    if len(frame) < 2:
        return []
    days = pd.DatetimeIndex(frame.index).to_numpy()
    opens, closes = frame["open"].to_numpy(dtype=float), frame["close"].to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = np.log(closes[:-1] / opens[1:])
        falls = np.log(closes[:-1] / closes[1:])
    near = np.diff(days) <= LONGEST_HOLIDAY
    found = []
    for before in np.flatnonzero(near & (np.abs(gaps) >= SMALLEST) & (np.abs(falls) >= SMALLEST)):
        n, m = min(RATIOS, key=lambda ratio: abs(math.log(ratio[0] / ratio[1]) - gaps[before]))
        size = math.log(n / m)
        off, drift = abs(gaps[before] - size), abs(falls[before] - size)
        if abs(size) < LARGE:
            fits = off <= 0.06 and drift <= 0.12 and not _is_rush(frame, int(before) + 1)
        else:
            fits = off <= 0.25 and drift <= 0.25
        if fits and math.isfinite(gaps[before]):
            day = pd.Timestamp(days[before + 1]).date()
            found.append(Suspect(day, n, m, round(math.exp(gaps[before]), 4)))
    known = np.array([_place(frame, split.day) for split in splits.rows] if splits else [], int)
    return [each for each in found if not (abs(known - _place(frame, each.day)) <= 1).any()]


def needs_splits(
    frame: pd.DataFrame, splits: Splits | None, *, asked_at: datetime | None = None
) -> bool:
    """Whether a jump is a reason to ask for SPLITS: one from after they were last asked for.

    `asked_at` is the last answered try; without it, when the splits last changed. A try on the very
    day of the jump is not enough, as it may have been before upstream knew.
    """
    found = suspects(frame, splits)
    asked = asked_at or (splits.fetched_at if splits is not None else None)
    if asked is None:
        return bool(found)
    return any(
        datetime.combine(each.day, time(), UTC) + timedelta(days=1) > asked for each in found
    )


def _is_rush(frame: pd.DataFrame, place: int) -> bool:
    """Whether many times the usual money changed hands; unknown volumes say no."""
    money = frame["close"].to_numpy(dtype=float) * frame["volume"].to_numpy(dtype=float)
    usual = money[max(0, place - USUAL) : place]
    usual = usual[np.isfinite(usual) & (usual > 0)]
    return len(usual) >= 5 and bool(money[place] > RUSH * np.median(usual))


def _place(frame: pd.DataFrame, day: date) -> int:
    """The first bar on or after the day."""
    return int(pd.DatetimeIndex(frame.index).searchsorted(pd.Timestamp(day)))
