"""EARNINGS and EARNINGS_CALENDAR: what companies have earned a share, and when they say it next.

Earnings per share are told in the shares of one day, past ones too, as upstream does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from zlib import crc32

from stocktracker.model import Ticker
from stocktracker.simulator import listing
from stocktracker.simulator.bodies import Answer, csv_answer
from stocktracker.simulator.books import (
    Quarter,
    ends_between,
    is_year_end,
    quarter_of,
    shares_of_anchor,
)
from stocktracker.simulator.companies import Company, company_of
from stocktracker.simulator.known import LISTED
from stocktracker.simulator.query import Query, Refused

HEADER = "symbol,name,reportDate,fiscalDateEnding,estimate,currency,timeOfTheDay"
# Of the invented companies one in three announces its day; all of them would cost seconds.
ANNOUNCING = 3
HORIZONS = {"": 91, "3month": 91, "6month": 182, "12month": 365}


def earnings(company: Company, quarters: Sequence[Quarter], day: date) -> dict[str, object]:
    """The reply about what has been reported, given oldest first, in the shares of `day`."""
    shares = shares_of_anchor(company.seed, company.ticker, day)
    return {
        "symbol": company.ticker,
        "annualEarnings": _years(company, quarters, shares),
        "quarterlyEarnings": [_quarter(each, shares) for each in reversed(quarters)],
    }


def no_earnings(ticker: Ticker) -> dict[str, object]:
    """About what is listed and no company."""
    return {"symbol": ticker, "annualEarnings": [], "quarterlyEarnings": []}


def shown_eps(quarter: Quarter, shares: float) -> float:
    """As upstream shows it: to the cent, in shares of which one was `shares` of the anchor's."""
    return round(quarter.eps * shares, 2)


def calendar_answer(query: Query, seed: int, day: date) -> Answer:
    """All expected reports within the horizon, the soonest first, in the shares of `day`.

    CSV, whatever is asked for.
    """
    days = HORIZONS.get(query.get("horizon"))
    if days is None:
        raise Refused("invalid-call", function=query.function)
    last = query.day + timedelta(days=days)
    shares_by_ticker: dict[Ticker, float] = {}
    lines = []
    for year, month in _months(query.day, last):
        for company, quarter in _reports_of(seed, year, month):
            ticker = company.ticker
            if (query.ticker and ticker != query.ticker) or not _is_expected(quarter, query, last):
                continue
            if listing.is_listed(ticker, query.day):
                if ticker not in shares_by_ticker:
                    shares_by_ticker[ticker] = shares_of_anchor(seed, ticker, day)
                lines.append(_line(company, quarter, shares_by_ticker[ticker]))
    return csv_answer(HEADER, lines)


def _is_expected(quarter: Quarter, query: Query, last: date) -> bool:
    return query.day <= quarter.reported_on <= last and query.now < quarter.reported_at


def _months(first: date, last: date) -> list[tuple[int, int]]:
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [(number // 12, number % 12 + 1) for number in numbers]


@lru_cache(maxsize=32)
def _reports_of(seed: int, year: int, month: int) -> list[tuple[Company, Quarter]]:
    """Every report of a month, by day and ticker: a tenth of a second's work, once a month."""
    first = date(year, month, 1)
    until = first + timedelta(days=31)
    found = []
    for ticker in _announcing(until):
        company = company_of(seed, ticker)
        if company is None:
            continue
        for ends in ends_between(company, first - timedelta(days=70), until):
            quarter = quarter_of(company, ends)
            if (quarter.reported_on.year, quarter.reported_on.month) == (year, month):
                found.append((company, quarter))
    return sorted(found, key=lambda each: (each[1].reported_on, each[0].ticker))


def _announcing(day: date) -> list[Ticker]:
    """Those listed until `day` that upstream knows the day of the next report of."""
    return [
        Ticker(row.ticker)
        for row in listing.rows_on(day)
        if row.ticker in LISTED or crc32(row.ticker.encode()) % ANNOUNCING == 0
    ]


def _years(company: Company, quarters: Sequence[Quarter], shares: float) -> list[dict[str, str]]:
    """Whole years newest first, before them what there is of the running one."""
    ends = [place for place, each in enumerate(quarters) if is_year_end(company, each.ends)]
    spans = [quarters[place - 3 : place + 1] for place in ends if place >= 3]
    running = quarters[ends[-1] + 1 :] if ends else quarters
    return [
        {
            "fiscalDateEnding": str(span[-1].ends),
            "reportedEPS": plain(sum(shown_eps(each, shares) for each in span)),
        }
        for span in reversed([*spans, running])
        if span
    ]


def _quarter(quarter: Quarter, shares: float) -> dict[str, str]:
    eps = shown_eps(quarter, shares)
    row = {
        "fiscalDateEnding": str(quarter.ends),
        "reportedDate": str(quarter.reported_on),
        "reportedEPS": plain(eps),
    }
    if quarter.estimate is None:
        row |= {"estimatedEPS": "None", "surprise": "0", "surprisePercentage": "None"}
    else:
        estimate = round(quarter.estimate * shares, 2)
        surprise = round(eps - estimate, 4)
        percent = plain(100 * surprise / abs(estimate)) if estimate else "None"
        row |= {
            "estimatedEPS": plain(estimate),
            "surprise": plain(surprise),
            "surprisePercentage": percent,
        }
    return row | {"reportTime": "pre-market" if quarter.reports_early else "post-market"}


def _line(company: Company, quarter: Quarter, shares: float) -> str:
    estimate = "" if quarter.estimate is None else plain(round(quarter.estimate * shares, 2))
    hour = "pre-market" if quarter.reports_early else "post-market"
    cells = (
        company.ticker,
        company.name.upper().replace(",", ""),
        str(quarter.reported_on),
        str(quarter.ends),
        estimate,
        "USD",
        hour if company.is_followed else "",
    )
    return ",".join(cells)


def plain(value: float) -> str:
    """At most four decimals and no idle ones: 0.1, 5.5249, 0."""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
