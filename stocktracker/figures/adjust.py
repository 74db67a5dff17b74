"""Raw bars turned into split-adjusted and total-return ones. Pure: frames in, frames out.

Upstream's free bars are as traded: a 4:1 split is a fall of 75 %, a dividend a loss. Here the bars
before each event are put on the footing of the newest one, whose prices never change.

- A split of factor f on its day: earlier prices ÷ f, earlier volumes × f.
- A dividend D on its ex-day: earlier prices × C / (C + D), C being the ex-day's close. That is
  Alpha Vantage's own method, found in its adjusted closes: every return is (C + D) / previous close
  − 1, price return and dividend in one, as CRSP defines it. (Yahoo's 1 − D / previous close differs
  by the ex-day's move.) Both figures are as they stood that day, so splits do not matter to them.
- A spin-off is told as a split (IBM 2021: 1.0460) and treated as one, as upstream does. Its volumes
  are scaled too, although the number of shares stayed; the two cannot be told apart.
- A dividend whose ex-day is a split's day is taken to be for a share after the split.

On daily bars this gives upstream's adjusted closes to the last digit. On weekly bars the ex-day's
close is not known unless the ex-day ends the week or daily bars tell it: then it is solved from
upstream's weekly adjusted close where that is there (25 years of IBM: within 1.1e-5, which comes
of its four decimals), else drawn between the two weeks' closes (within 4e-3 over those 25 years).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from enum import StrEnum

import numpy as np
import pandas as pd

from stocktracker.figures.events_in_bars import (
    Days,
    Floats,
    Reader,
    WeekReader,
    days_of,
    floats,
    log_of,
    monday_of,
    place_of,
)
from stocktracker.fundamentals import Dividend, Dividends, Split, Splits

PRICES = ("open", "high", "low", "close")
# Smaller ones (stock dividends, spin-offs) drown in a day's move and are believed unseen.
VISIBLE = math.log(1.4)


class Series(StrEnum):
    """What the prices of a history stand for."""

    RAW = "As traded"
    SPLITS = "Split-adjusted"
    TOTAL = "Total return"


@dataclass(frozen=True, slots=True)
class Step:
    """Prices before `day` are multiplied by `price` and volumes by `volume`."""

    day: date
    price: float
    volume: float = 1.0


@dataclass(frozen=True, slots=True)
class Steps:
    """What a series takes, oldest first, and in plain words which events were left out and why."""

    rows: tuple[Step, ...] = ()
    problems: tuple[str, ...] = ()


def adjust(
    frame: pd.DataFrame,
    splits: Splits | None,
    dividends: Dividends | None,
    series: Series,
    *,
    weekly: bool = False,
    zone: tzinfo | None = None,
) -> pd.DataFrame:
    """A copy of raw bars as `series`; the newest prices and all other columns stay as they are.

    Events after the last bar have no effect. `weekly` bars of a week with an event in it: see
    `apply_steps`. Intraday bars, indexed in UTC, need the exchange's `zone`.
    """
    steps = find_steps(
        splits,
        dividends,
        series,
        frame=None if weekly else frame,
        weekly=frame if weekly else None,
        zone=zone,
    )
    return apply_steps(frame, steps.rows, weekly=weekly, zone=zone)


def problems(
    frame: pd.DataFrame,
    splits: Splits | None,
    dividends: Dividends | None,
    series: Series,
    *,
    weekly: bool = False,
    zone: tzinfo | None = None,
) -> tuple[str, ...]:
    """The events that `adjust` leaves out of these bars, in plain words; mostly none."""
    daily, weeks = (None, frame) if weekly else (frame, None)
    return find_steps(splits, dividends, series, frame=daily, weekly=weeks, zone=zone).problems


def find_steps(
    splits: Splits | None,
    dividends: Dividends | None,
    series: Series,
    *,
    frame: pd.DataFrame | None = None,
    weekly: pd.DataFrame | None = None,
    zone: tzinfo | None = None,
) -> Steps:
    """The steps that lead to `series`, their closes read off raw bars of one ticker.

    `frame` has daily or intraday bars, `weekly` weekly ones; where both reach an event the finer
    ones tell. So steps for both are the same, and a history of both has no seam.
    """
    if series is Series.RAW:
        return Steps()
    readers: list[Reader] = []
    if weekly is not None and not weekly.empty:
        readers.append(WeekReader(weekly, days_of(weekly, None)))
    if frame is not None and not frame.empty:
        readers.insert(0, Reader(frame, days_of(frame, zone), readers[0] if readers else None))
    found = [_split_step(split, readers) for split in dict.fromkeys(splits.rows if splits else ())]
    if series is Series.TOTAL and dividends is not None:
        found += [_dividend_step(*paid) for paid in _by_bar(dividends.rows, readers)]
    rows = sorted((step for step in found if isinstance(step, Step)), key=lambda step: step.day)
    return Steps(tuple(rows), tuple(text for text in found if isinstance(text, str)))


def apply_steps(
    frame: pd.DataFrame,
    steps: Iterable[Step],
    *,
    weekly: bool = False,
    zone: tzinfo | None = None,
) -> pd.DataFrame:
    """A copy of raw bars with every step taken by the bars before its day.

    A weekly bar whose week has the event in its midst is mixed. Its close is after the event; its
    open is before it, unless that was the week's first session; of its high and low the narrowest
    span is taken that agrees with the bar, as no price is invented then; its volume is unknown if
    the event was a split. So high ≥ open and close ≥ low always hold.
    """
    result = frame.copy()
    if frame.empty:
        return result
    days = days_of(frame, zone)
    price, volume = np.ones(len(frame) + 1), np.ones(len(frame) + 1)
    own = {name: np.ones(len(frame)) for name in (*PRICES, "volume")}
    for step in steps:
        place = place_of(days, step.day)
        price[place] *= step.price
        volume[place] *= step.volume
        if weekly and _is_mixed(frame, days, place, step):
            own["open"][place] *= step.price
            own["high"][place] *= min(step.price, 1.0)
            own["low"][place] *= max(step.price, 1.0)
            own["volume"][place] *= 1.0 if step.volume == 1.0 else math.nan
    for name in PRICES:
        result[name] = floats(frame[name]) * own[name] * _product_after(price)
    result["volume"] = floats(frame["volume"]) * own["volume"] * _product_after(volume)
    if weekly:
        ends = result[["open", "close"]]
        result["high"] = np.fmax(floats(result["high"]), floats(ends.max(axis=1)))
        result["low"] = np.fmin(floats(result["low"]), floats(ends.min(axis=1)))
    return result


def _split_step(split: Split, readers: Sequence[Reader]) -> Step | str | None:
    """The step of a split; a text where the prices show none, None where no bars are that old.

    A visible split must be where the prices fall; a session off is put right. So bars that come
    adjusted already, and a split that is told twice, are not adjusted again.
    """
    reader = next((each for each in readers if each.tells(split.day)), None)
    if reader is None:
        return None
    words = f"the split of {split.day:%-d %b %Y} ({split.factor:g}:1)"
    if not (math.isfinite(split.factor) and split.factor > 0):
        return f"{words} is left out: it makes no sense"
    size = math.log(split.factor)
    day = split.day
    if abs(size) >= VISIBLE:
        place = reader.place(day)
        if not _fits(reader, place, size):
            off = next(
                (each for each in reader.neighbours(day) if _agrees(reader, *each, size)), None
            )
            if off is None:
                return f"{words} is left out: the prices do not show it"
            day = off[1]
    for each in readers:
        place = each.place(day)
        each.taken[place] = each.taken.get(place, 1.0) * split.factor
    return Step(day, 1 / split.factor, split.factor)


def _fits(reader: Reader, place: int, size: float) -> bool:
    """Whether the prices' jump is nearer to the split's than to none; so is an unknown one."""
    jump = reader.jump(place) if place > 0 else math.nan
    return math.isnan(jump) or abs(jump - size) < abs(jump)


def _agrees(reader: Reader, place: int, _: date, size: float) -> bool:
    """Whether the prices of another session than the named one jump by just the split."""
    return abs(reader.jump(place) - size) < abs(size) / 4


def _by_bar(
    dividends: Iterable[Dividend], readers: Sequence[Reader]
) -> Iterable[tuple[date, float, Reader]]:
    """The dividends as (ex-day, sum, who can tell), those of the same bar taken together."""
    found: dict[tuple[Reader, int], tuple[date, float]] = {}
    for dividend in dict.fromkeys(dividends):
        reader = next((each for each in readers if each.tells(dividend.ex_day)), None)
        if reader is None or reader.place(dividend.ex_day) == 0:
            continue
        bar = reader, reader.place(dividend.ex_day)
        ex_day, amount = found.get(bar, (dividend.ex_day, 0.0))
        found[bar] = min(ex_day, dividend.ex_day), amount + dividend.amount
    return [(ex_day, amount, reader) for (reader, _), (ex_day, amount) in found.items()]


def _dividend_step(ex_day: date, amount: float, reader: Reader) -> Step | str | None:
    """The step of a dividend; a text where it cannot be right, None where nothing was paid."""
    if amount == 0:
        return None
    words = f"the dividend of {ex_day:%-d %b %Y} ({amount:g}) is left out"
    previous = reader.previous(reader.place(ex_day))
    close = reader.close_on(ex_day, amount)
    if not (math.isfinite(previous) and math.isfinite(close)):
        return f"{words}: the close before or on that day is unknown"
    if not 0 < amount < previous or close <= 0:
        return f"{words}: it is no share of the price before it, {previous:g}"
    return Step(ex_day, close / (close + amount))


def _is_mixed(frame: pd.DataFrame, days: Days, place: int, step: Step) -> bool:
    """Whether a weekly bar's open is from before the step and its close from after it."""
    if place == len(days) or step.day.weekday() == 0:
        return False
    if monday_of(pd.Timestamp(days[place]).date()) > step.day:
        return False
    if place == 0 or abs(math.log(step.price)) < VISIBLE:
        return True
    # After a holiday on Monday the split may be on the first session: then the open shows it.
    gap = log_of(frame["open"].iloc[place] / frame["close"].iloc[place - 1])
    return not abs(gap - math.log(step.price)) < abs(gap)


def _product_after(factors: Floats) -> Floats:
    """For each bar the product of the factors that stand after it."""
    product: Floats = np.cumprod(factors[::-1])[::-1][1:]
    return product
