"""What 25 years of a ticker take to be adjusted and made weeks of, beside one pass of pandas."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.report import Row, middle
from stocktracker.figures.adjust import Series, adjust
from stocktracker.figures.analytics import Range
from stocktracker.figures.history import make_history
from stocktracker.model import Feed, Interval
from tests.helpers import daily, utc
from tests.test_adjust import NEW_YORK, dividends, splits

NOW = utc("2026-11-23T22:00")
DAYS = 6500


def measure(times: int = 15) -> list[Row]:
    closes = pd.Series(
        100 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 0.01, DAYS))),
        index=pd.bdate_range(end="2026-11-23", periods=DAYS, name="date"),
    )
    named = {f"{day:%Y-%m-%d}": close for day, close in closes.items()}
    bars = daily("IBM", named, fetched_at=NOW)
    paid = dividends(*((day, 0.01) for day in list(named)[60::63]))
    told = splits(("2014-06-09", 1.05), ("2020-08-31", 1.02))
    raw = bars.frame.drop(columns="fetched_at")

    def weeks() -> None:
        make_history(
            Range.MAX,
            Series.SPLITS,
            interval=Interval.WEEKLY,
            bars={Feed.DAILY: bars},
            quote=None,
            splits=told,
            dividends=None,
            zone=NEW_YORK,
            now=NOW,
        )

    adjusted = _took(lambda: adjust(raw, told, paid, Series.TOTAL), times)
    aggregated = _took(weeks, times)
    resampled = _took(lambda: raw.resample("W").last(), times)
    return [
        Row("25 years of days adjusted", adjusted, resampled, "ms CPU", "pandas' resample"),
        Row("25 years of days as weeks", aggregated, resampled, "ms CPU", "pandas' resample"),
    ]


def _took(work: Callable[[], object], times: int) -> float:
    figures = []
    for _ in range(times):
        began = time.process_time()
        work()
        figures.append(1000 * (time.process_time() - began))
    return middle(figures)
