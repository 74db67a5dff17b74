"""Bodies about a company to records: splits, dividends, key figures, earnings, statements.

Pure, as replies.py is, and as strict: a body about another ticker is not believed, a row that
cannot be right is left out, and where such rows are many the whole body is. A shape that nobody
thought of may also come out as a KeyError or the like, of which the fetcher makes UnreadableReply.

Each `parse_` takes the JSON of one function of upstream's, the ticker that was asked for, and when
and where from it came. Records are oldest first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from stocktracker.errors import EmptyReply, UnreadableReply
from stocktracker.fundamentals import (
    Company,
    Dividend,
    Dividends,
    Earnings,
    FiscalYear,
    Periods,
    Quarter,
    Split,
    Splits,
    Statement,
)
from stocktracker.model import Ticker
from stocktracker.upstream.values import (
    as_object,
    check_ticker,
    check_wrong,
    first_of_each,
    is_missing,
    is_sane,
    need_day,
    read_rows,
    to_currency,
    to_day,
    to_float,
    to_number,
    to_text,
    to_url,
)

# How far ahead splits, dividends and reports are announced at most.
AHEAD = timedelta(days=366)
# What has ended or been reported, has so somewhere in the world.
TODAY = timedelta(days=1)
LARGEST_FACTOR = 10_000
# Upstream rounds reported, estimated and surprise to two decimals, each by itself.
EPS_ROUNDING = 0.01
SMALLEST_EPS = 0.0001  # of what is less, a percentage says nothing
TIMES = ("pre-market", "post-market")

# Ours → upstream's, in lower case as letters have changed case over the years, and the longest.
TEXTS: Mapping[str, tuple[str, int]] = {
    "name": ("name", 200),
    "description": ("description", 5000),
    "kind": ("assettype", 60),
    "exchange": ("exchange", 60),
    "country": ("country", 60),
    "sector": ("sector", 120),
    "industry": ("industry", 120),
    "address": ("address", 300),
    "fiscal_year_end": ("fiscalyearend", 20),
}
DAYS: Mapping[str, tuple[str, timedelta]] = {
    "latest_quarter": ("latestquarter", TODAY),
    "dividend_day": ("dividenddate", AHEAD),
    "ex_dividend_day": ("exdividenddate", AHEAD),
}
FIGURES: Mapping[str, str] = {
    "market_cap": "marketcapitalization",
    "ebitda": "ebitda",
    "pe_ratio": "peratio",
    "trailing_pe": "trailingpe",
    "forward_pe": "forwardpe",
    "peg_ratio": "pegratio",
    "price_to_sales": "pricetosalesratiottm",
    "price_to_book": "pricetobookratio",
    "ev_to_revenue": "evtorevenue",
    "ev_to_ebitda": "evtoebitda",
    "book_value": "bookvalue",
    "eps": "eps",
    "diluted_eps": "dilutedepsttm",
    "revenue_per_share": "revenuepersharettm",
    "revenue": "revenuettm",
    "gross_profit": "grossprofitttm",
    "profit_margin": "profitmargin",
    "operating_margin": "operatingmarginttm",
    "return_on_assets": "returnonassetsttm",
    "return_on_equity": "returnonequityttm",
    "quarterly_earnings_growth": "quarterlyearningsgrowthyoy",
    "quarterly_revenue_growth": "quarterlyrevenuegrowthyoy",
    "dividend_per_share": "dividendpershare",
    "dividend_yield": "dividendyield",
    "beta": "beta",
    "high_52_weeks": "52weekhigh",
    "low_52_weeks": "52weeklow",
    "average_50_days": "50daymovingaverage",
    "average_200_days": "200daymovingaverage",
    "shares_outstanding": "sharesoutstanding",
    "shares_float": "sharesfloat",
    "held_by_insiders": "percentinsiders",
    "held_by_institutions": "percentinstitutions",
    "target_price": "analysttargetprice",
    "ratings_strong_buy": "analystratingstrongbuy",
    "ratings_buy": "analystratingbuy",
    "ratings_hold": "analystratinghold",
    "ratings_sell": "analystratingsell",
    "ratings_strong_sell": "analystratingstrongsell",
}
# Upstream's one pair of percentages (65.315) among fractions.
PERCENTAGES = ("held_by_insiders", "held_by_institutions")
# What a company of any worth has more than none of; upstream writes 0 where it does not know.
POSITIVE = frozenset(
    {
        "market_cap",
        "high_52_weeks",
        "low_52_weeks",
        "average_50_days",
        "average_200_days",
        "shares_outstanding",
        "shares_float",
        "target_price",
    }
)
NOT_NEGATIVE = frozenset(
    {
        "dividend_per_share",
        "dividend_yield",
        *PERCENTAGES,
        *(name for name in FIGURES if name.startswith("ratings_")),
    }
)
# A price over something is never nothing.
NOT_ZERO = frozenset({"pe_ratio", "trailing_pe", "forward_pe", "price_to_sales", "price_to_book"})

# What a statement's report says besides amounts, and how the names of those are spelt.
ABOUT_REPORT = frozenset({"fiscalDateEnding", "reportedCurrency"})
LINE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,79}")
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def parse_splits(body: Any, ticker: Ticker, *, fetched_at: datetime, source: str) -> Splits:
    """SPLITS. A ticker that never split has no rows; two factors of one day are not believed."""
    latest = fetched_at.date() + AHEAD

    def read(row: Any) -> Split:
        fields = as_object(row, ticker)
        day = need_day(fields["effective_date"], latest, ticker)
        factor = to_number(fields["split_factor"], ticker)
        if factor is None or not 1 / LARGEST_FACTOR <= factor <= LARGEST_FACTOR:
            raise UnreadableReply(ticker, why="a split that cannot be right")
        return Split(day, factor)

    content = _about(body, ticker, "data")
    told = set(read_rows(content["data"], read, ticker))
    rows = sorted((row for row in told if row.factor != 1), key=lambda row: row.day)
    if len({row.day for row in rows}) < len(rows):
        raise UnreadableReply(ticker, why="two splits on one day")
    return Splits(ticker=ticker, fetched_at=fetched_at, source=source, rows=tuple(rows))


def parse_dividends(body: Any, ticker: Ticker, *, fetched_at: datetime, source: str) -> Dividends:
    """DIVIDENDS. A ticker that never paid has no rows; a day may have two, a special one beside."""
    latest = fetched_at.date() + AHEAD

    def read(row: Any) -> Dividend:
        fields = as_object(row, ticker)
        amount = to_number(fields["amount"], ticker)
        if amount is None or amount <= 0:
            raise UnreadableReply(ticker, why="a dividend that cannot be right")
        return Dividend(
            ex_day=need_day(fields["ex_dividend_date"], latest, ticker),
            amount=amount,
            declared=to_day(fields.get("declaration_date"), latest),
            recorded=to_day(fields.get("record_date"), latest),
            paid=to_day(fields.get("payment_date"), latest + AHEAD),
        )

    content = _about(body, ticker, "data")
    rows = dict.fromkeys(read_rows(content["data"], read, ticker))
    return Dividends(
        ticker=ticker,
        fetched_at=fetched_at,
        source=source,
        rows=tuple(sorted(rows, key=lambda row: row.ex_day)),
    )


def parse_company(body: Any, ticker: Ticker, *, fetched_at: datetime, source: str) -> Company:
    """OVERVIEW. What cannot be right is left out; names that we do not know are passed over."""
    fields: dict[str, Any] = {}
    for name, value in as_object(body, ticker).items():
        fields.setdefault(name.lower(), value)
    if "symbol" not in fields:
        raise UnreadableReply(ticker)
    check_ticker(fields["symbol"], ticker)
    texts = {
        "currency": to_currency(fields.get("currency")),
        "site": to_url(fields.get("officialsite")),
        **{ours: to_text(fields.get(name), most) for ours, (name, most) in TEXTS.items()},
    }
    days = {
        ours: to_day(fields.get(name), fetched_at.date() + ahead)
        for ours, (name, ahead) in DAYS.items()
    }
    company = Company(
        ticker=ticker,
        fetched_at=fetched_at,
        source=source,
        texts={name: text for name, text in texts.items() if text is not None},
        figures=_figures(fields, ticker),
        days={name: day for name, day in days.items() if day is not None},
    )
    if not company.figures and "name" not in company.texts:
        raise EmptyReply(ticker)
    return company


def _figures(fields: Mapping[str, Any], ticker: Ticker) -> dict[str, float]:
    said = {
        ours: to_float(fields[name])
        for ours, name in FIGURES.items()
        if not is_missing(fields.get(name))
    }
    read = {name: value for name, value in said.items() if is_sane(value)}
    check_wrong(len(said) - len(read), len(said), ticker)
    figures = {
        name: value / 100 if name in PERCENTAGES else value
        for name, value in read.items()
        if not (
            (value <= 0 and name in POSITIVE)
            or (value < 0 and name in NOT_NEGATIVE)
            or (value == 0 and name in NOT_ZERO)
        )
    }
    low, high = figures.get("low_52_weeks"), figures.get("high_52_weeks")
    if low is not None and high is not None and low > high:
        del figures["low_52_weeks"], figures["high_52_weeks"]
    return figures


def parse_earnings(body: Any, ticker: Ticker, *, fetched_at: datetime, source: str) -> Earnings:
    """EARNINGS. The newest year may be a part of one."""
    today = fetched_at.date()

    def read_quarter(row: Any) -> Quarter:
        return _quarter(as_object(row, ticker), ticker, today)

    def read_year(row: Any) -> FiscalYear:
        fields = as_object(row, ticker)
        ends = need_day(fields["fiscalDateEnding"], today + AHEAD, ticker)
        return FiscalYear(ends, to_number(fields.get("reportedEPS"), ticker))

    content = _about(body, ticker, "quarterlyEarnings", "annualEarnings")
    quarters = read_rows(content["quarterlyEarnings"], read_quarter, ticker)
    years = read_rows(content["annualEarnings"], read_year, ticker)
    if not quarters and not years:
        raise EmptyReply(ticker)
    return Earnings(
        ticker=ticker,
        fetched_at=fetched_at,
        source=source,
        quarters=tuple(sorted(first_of_each(quarters, _ends), key=_ends)),
        years=tuple(sorted(first_of_each(years, _ends), key=_ends)),
    )


def _quarter(fields: Mapping[str, Any], ticker: Ticker, today: date) -> Quarter:
    """Upstream's surprise stands where it is what reported and estimated come to."""
    ends = need_day(fields["fiscalDateEnding"], today + AHEAD, ticker)
    reported_on = to_day(fields.get("reportedDate"), today + AHEAD)
    reported = to_number(fields.get("reportedEPS"), ticker)
    estimated = to_number(fields.get("estimatedEPS"), ticker)
    surprise = percent = None
    if reported is not None and estimated is not None:
        surprise = round(reported - estimated, 4)
        told = to_number(fields.get("surprise"), ticker)
        if told is not None and math.isclose(told, surprise, rel_tol=0, abs_tol=EPS_ROUNDING):
            surprise = told
        size = abs(estimated)  # a smaller loss than the one expected is a good surprise
        if size >= SMALLEST_EPS:
            percent = round(100 * surprise / size, 4)
            told = to_number(fields.get("surprisePercentage"), ticker)
            rounding = 100 * EPS_ROUNDING / size
            if told is not None and math.isclose(told, percent, rel_tol=0, abs_tol=rounding):
                percent = told
    time = fields.get("reportTime")
    return Quarter(
        ends=ends,
        reported_on=reported_on if reported_on and reported_on >= ends else None,
        reported=reported,
        estimated=estimated,
        surprise=surprise,
        surprise_percent=percent,
        time=time if time in TIMES else None,
    )


@dataclass(frozen=True, slots=True)
class _Report:
    """One period of a statement."""

    ends: date
    currency: str
    amounts: Mapping[str, float | None]


def parse_statement(body: Any, ticker: Ticker, *, fetched_at: datetime, source: str) -> Statement:
    """INCOME_STATEMENT, BALANCE_SHEET or CASH_FLOW, whose bodies do not say which they are."""
    latest = fetched_at.date() + TODAY
    content = _about(body, ticker, "annualReports", "quarterlyReports")
    annual = _periods(content["annualReports"], ticker, latest)
    quarterly = _periods(content["quarterlyReports"], ticker, latest)
    if not annual.ends and not quarterly.ends:
        raise EmptyReply(ticker)
    return Statement(
        ticker=ticker, fetched_at=fetched_at, source=source, annual=annual, quarterly=quarterly
    )


def _periods(rows: Any, ticker: Ticker, latest: date) -> Periods:
    """Periods in another currency than the newest one's are left out: they do not compare."""
    read = read_rows(rows, lambda row: _report(as_object(row, ticker), ticker, latest), ticker)
    reports = sorted(first_of_each(read, _ends), key=_ends, reverse=True)
    currency = next((report.currency for report in reports if report.currency), "")
    kept = [
        report
        for report in reports
        if report.currency == currency and any(map(_is_said, report.amounts.values()))
    ]
    names = dict.fromkeys(name for report in kept for name in report.amounts)
    lines = {name: tuple(report.amounts.get(name) for report in kept[::-1]) for name in names}
    return Periods(
        ends=tuple(report.ends for report in kept[::-1]),
        currency=currency,
        lines={name: amounts for name, amounts in lines.items() if any(map(_is_said, amounts))},
    )


def _report(fields: Mapping[str, Any], ticker: Ticker, latest: date) -> _Report:
    amounts: dict[str, float | None] = {}
    for name, value in fields.items():
        if name not in ABOUT_REPORT and LINE_NAME.fullmatch(name):
            amounts.setdefault(HUMP.sub("_", name).lower(), to_number(value, ticker))
    return _Report(
        ends=need_day(fields["fiscalDateEnding"], latest, ticker),
        currency=to_currency(fields.get("reportedCurrency")) or "",
        amounts=amounts,
    )


def _is_said(amount: float | None) -> bool:
    return amount is not None


def _ends(row: Quarter | FiscalYear | _Report) -> date:
    return row.ends


def _about(body: Any, ticker: Ticker, *keys: str) -> dict[str, Any]:
    """The body, if it is the ticker's and has what it must have."""
    content = as_object(body, ticker)
    if not content.keys() >= {"symbol", *keys}:
        raise UnreadableReply(ticker)
    check_ticker(content["symbol"], ticker)
    return content
