"""The quarters of a company: what it has earned in each, and when it says so.

A quarter follows from the seed, the ticker and its last day alone, so it is the same before it is
reported (the calendar's estimate) and after. Earnings grow as the price does, so that the ratio of
the two stays believable. Amounts are whole USD; shares are told in those of the anchor day, and
`shares_of_anchor` turns them into those of another day.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from stocktracker.model import Ticker
from stocktracker.simulator.companies import BILLION, MILLION, Company
from stocktracker.simulator.intraday import EASTERN
from stocktracker.simulator.paths import ANCHOR_DAY, FIRST_DAY
from stocktracker.simulator.splits import factor_until

EARLY, LATE = time(7), time(16, 30)
WITHOUT_ESTIMATE = date(2002, 1, 1)
DAY = timedelta(days=1)
# Asking an exchange's calendar would cost a second for each year that nobody has asked for yet.
HOLIDAYS = frozenset([(1, 1), (6, 19), (7, 4), (12, 24), (12, 25)])


@dataclass(frozen=True, slots=True)
class Quarter:
    """One quarter. `estimate` is earnings per share, as they were expected; None if by nobody."""

    ends: date
    reported_on: date
    reports_early: bool
    revenue: int
    net_income: int
    shares: int
    estimate: float | None

    @property
    def eps(self) -> float:
        return self.net_income / self.shares

    @property
    def reported_at(self) -> datetime:
        return datetime.combine(self.reported_on, EARLY if self.reports_early else LATE, EASTERN)


def shares_of_anchor(seed: int, ticker: Ticker, day: date) -> float:
    """How many shares of the anchor day stand for one of `day`."""
    return factor_until(seed, ticker, ANCHOR_DAY) / factor_until(seed, ticker, day)


def unit_of(revenue: float) -> int:
    """Companies count in millions, small ones in thousands."""
    return MILLION if revenue > BILLION else 1000


def quarter_of(company: Company, ends: date) -> Quarter:
    rng = random.Random(f"{company.seed}/{company.ticker}/{ends}")
    years = (ends - ANCHOR_DAY).days / 365.25
    # The company's figures are of the year up to the anchor, whose middle is half a year earlier.
    growth = math.exp((company.growth + company.dilution) * (years + 0.5))
    season = company.seasons[(ends.month - 1) // 3]
    revenue = company.revenue / 4 * growth * season * (1 + rng.gauss(0, 0.02))
    margin = company.margin * (1 + 0.08 * rng.gauss(0, 1))
    unit = unit_of(revenue)
    shares = max(round(company.shares * math.exp(company.dilution * years), -3), 1000)
    net_income = round(revenue * margin / unit) * unit
    eps = net_income / shares
    surprise = abs(eps) * rng.gauss(0.03, 0.06)
    if rng.random() < 0.05:
        surprise = 0.0
    is_estimated = company.is_followed and ends >= WITHOUT_ESTIMATE
    return Quarter(
        ends=ends,
        reported_on=_reported_on(ends, company.report_lag + rng.randint(-2, 2)),
        reports_early=company.reports_early,
        revenue=max(round(revenue / unit), 1) * unit,
        net_income=net_income,
        shares=int(shares),
        estimate=eps - surprise if is_estimated else None,
    )


def reported(company: Company, at: datetime) -> list[Quarter]:
    """All quarters that have been reported at an instant, oldest first."""
    quarters = [quarter_of(company, ends) for ends in ends_between(company, FIRST_DAY, at.date())]
    while quarters and quarters[-1].reported_at > at:
        quarters.pop()
    return quarters


def ends_between(company: Company, first: date, last: date) -> Iterator[date]:
    """The last days of the company's quarters, both ends included."""
    year, month = first.year, first.month
    while (ends := _end_of_month(year, month)) <= last:
        if (month - company.year_end) % 3 == 0:
            yield ends
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def is_year_end(company: Company, ends: date) -> bool:
    return ends.month == company.year_end


def _end_of_month(year: int, month: int) -> date:
    following = date(year, month + 1, 1) if month < 12 else date(year + 1, 1, 1)
    return following - DAY


def _reported_on(ends: date, lag: int) -> date:
    """From Tuesday to Thursday and on no holiday, of which few fall on these days."""
    day = ends + timedelta(days=lag)
    while day.weekday() in (0, 4, 5, 6) or _is_holiday(day):
        day += DAY
    return day


def _is_holiday(day: date) -> bool:
    is_thanksgiving = day.month == 11 and day.weekday() == 3 and 22 <= day.day <= 28
    return (day.month, day.day) in HOLIDAYS or is_thanksgiving
