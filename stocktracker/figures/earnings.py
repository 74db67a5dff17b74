"""Earnings per share, reported and expected, as frames. Pure.

Upstream does not tell the currency of what a quarter earned, so none is written beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import pandas as pd

from stocktracker.fundamentals import Earnings, EarningsCalendar, FiscalYear, Quarter, Report
from stocktracker.model import Ticker

# Reports of whole years are a year apart, give or take a week of a 53-week one.
WHOLE_YEAR = timedelta(days=350)

HOURS = {"pre-market": "before the open", "post-market": "after the close"}


def surprise_percent(quarter: Quarter) -> float | None:
    """What was reported beyond the estimate, as a percentage of the estimate's size.

    Its size and not the estimate: a loss smaller than the one expected is a good surprise.
    """
    if quarter.reported is None or not quarter.estimated:
        return None
    return 100 * (quarter.reported - quarter.estimated) / abs(quarter.estimated)


def quarters(earnings: Earnings) -> pd.DataFrame:
    """Oldest first: ends, reported_on (dates), time, reported, estimated, surprise, percent."""
    rows = [
        (
            each.ends,
            each.reported_on,
            HOURS.get(each.time or "", ""),
            each.reported,
            each.estimated,
            _surprise(each),
            surprise_percent(each),
        )
        for each in earnings.quarters
    ]
    columns = ["ends", "reported_on", "time", "reported", "estimated", "surprise", "percent"]
    frame = pd.DataFrame(rows, columns=columns)
    numeric = ["reported", "estimated", "surprise", "percent"]
    return frame.astype(dict.fromkeys(numeric, "float64"))


def years(earnings: Earnings) -> pd.DataFrame:
    """Oldest first: ends (date), reported (NaN where unknown), whole (False for a part of one)."""
    rows = [
        (each.ends, each.reported, not is_part(before, each))
        for before, each in zip((None, *earnings.years), earnings.years, strict=False)
    ]
    frame = pd.DataFrame(rows, columns=["ends", "reported", "whole"])
    return frame.astype({"reported": "float64", "whole": "bool"})


def is_part(before: FiscalYear | None, each: FiscalYear) -> bool:
    """Whether a year's figure is of a part: it ends too soon after the year before it."""
    return before is not None and each.ends - before.ends < WHOLE_YEAR


def beats(frame: pd.DataFrame, most: int = 8) -> tuple[int, int]:
    """Of the newest quarters with both figures: how many beat the estimate, and of how many."""
    known = frame["surprise"].dropna().iloc[-most:]
    return int((known > 0).sum()), len(known)


def next_report(calendar: EarningsCalendar | None, ticker: Ticker, today: date) -> Report | None:
    """The next report that is expected of a ticker, today's included."""
    if calendar is None:
        return None
    ahead = [row for row in reports_of(calendar, [ticker]) if row.day >= today]
    return min(ahead, key=lambda row: row.day, default=None)


def reports_of(calendar: EarningsCalendar, tickers: Iterable[Ticker]) -> list[Report]:
    """The reports of these tickers. Share classes are spelt both `HEI.A` and `HEI-A` there."""
    asked = {_spelt(ticker) for ticker in tickers}
    return [row for row in calendar.rows if _spelt(row.ticker) in asked]


def _surprise(quarter: Quarter) -> float | None:
    if quarter.reported is None or quarter.estimated is None:
        return None
    # Upstream rounds to two decimals what it has in four.
    return round(quarter.reported - quarter.estimated, 4)


def _spelt(ticker: str) -> str:
    return ticker.replace(".", "-")
