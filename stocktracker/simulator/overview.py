"""OVERVIEW: a company's key figures, from its prices, its quarters and its dividends.

What upstream's recorded body of IBM shows of its ways: the 52-week range is of prices adjusted for
splits and dividends, the moving averages are of closes adjusted for splits alone. A ratio that
makes no sense is "None" or "-", never zero.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice

import numpy as np

from stocktracker.model import Ticker
from stocktracker.simulator.books import (
    DAY,
    Quarter,
    ends_between,
    quarter_of,
    shares_of_anchor,
)
from stocktracker.simulator.companies import Company
from stocktracker.simulator.paths import ANCHOR_DAY, Floats, daily_path
from stocktracker.simulator.payouts import Payout, payouts
from stocktracker.simulator.prices import PriceWorld, Table, adjustments
from stocktracker.simulator.reports import shown_eps
from stocktracker.simulator.statements import balance, income

FIELDS = (
    "Symbol",
    "AssetType",
    "Name",
    "Description",
    "CIK",
    "Exchange",
    "Currency",
    "Country",
    "Sector",
    "Industry",
    "Address",
    "OfficialSite",
    "FiscalYearEnd",
    "LatestQuarter",
    "MarketCapitalization",
    "EBITDA",
    "PERatio",
    "PEGRatio",
    "BookValue",
    "DividendPerShare",
    "DividendYield",
    "EPS",
    "RevenuePerShareTTM",
    "ProfitMargin",
    "OperatingMarginTTM",
    "ReturnOnAssetsTTM",
    "ReturnOnEquityTTM",
    "RevenueTTM",
    "GrossProfitTTM",
    "DilutedEPSTTM",
    "QuarterlyEarningsGrowthYOY",
    "QuarterlyRevenueGrowthYOY",
    "AnalystTargetPrice",
    "AnalystRatingStrongBuy",
    "AnalystRatingBuy",
    "AnalystRatingHold",
    "AnalystRatingSell",
    "AnalystRatingStrongSell",
    "TrailingPE",
    "ForwardPE",
    "PriceToSalesRatioTTM",
    "PriceToBookRatio",
    "EVToRevenue",
    "EVToEBITDA",
    "Beta",
    "52WeekHigh",
    "52WeekLow",
    "50DayMovingAverage",
    "200DayMovingAverage",
    "SharesOutstanding",
    "SharesFloat",
    "PercentInsiders",
    "PercentInstitutions",
    "DividendDate",
    "ExDividendDate",
)
VOTES = tuple(f"AnalystRating{name}" for name in ("StrongBuy", "Buy", "Hold", "Sell", "StrongSell"))
NONE, DASH = "None", "-"
DESCRIPTION = (
    "Simulated: {name} is shown here with invented figures, which agree with its simulated prices "
    "and with nothing else. This text is as long as a reader needs to see how several lines of it "
    "are laid out, and it says no more about the company of that name."
)
A_YEAR_OF_DAYS = 260
BETA_DAYS = 5 * 252
MARKET = Ticker("SPY")
YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class _Year:
    """The last twelve months of a company, in the shares of the day of its price."""

    price: float
    shares: float
    eps: float
    forward_eps: float
    growth: float
    revenue: int
    gross_profit: int
    operating_income: int
    net_income: int
    ebitda: int
    equity: int
    assets: int
    debt: int
    cash: int

    @property
    def worth(self) -> int:
        return round(self.price * self.shares)

    @property
    def enterprise(self) -> float:
        return self.worth + self.debt - self.cash


def body(
    world: PriceWorld, company: Company, quarters: Sequence[Quarter], at: datetime, day: date
) -> dict[str, str]:
    """The reply of an exchange date; `at` is the instant whose prices may be seen.

    `quarters` are those that have been reported, oldest first, five at least.
    """
    prices = world.daily(company.ticker, at, A_YEAR_OF_DAYS)
    year = _year(company, quarters, prices)
    texts = {
        **_about(company, quarters[-1].ends),
        **_earned(company, quarters, year),
        **_valued(year),
        **_rated(company, quarters[-1].ends, year.price),
        **_priced(prices),
        **_paid(payouts(world.seed, company.ticker, day), prices),
        "Beta": _text(_beta(world.seed, company.ticker, prices.days[-1]), 3),
    }
    return {field: texts.get(field, NONE) for field in FIELDS}


def _year(company: Company, quarters: Sequence[Quarter], prices: Table) -> _Year:
    shares = shares_of_anchor(company.seed, company.ticker, prices.days[-1])
    last = quarters[-4:]
    lines = [income(company, quarter) for quarter in last]
    sheet = balance(company, last[-1])
    coming = islice(ends_between(company, last[-1].ends + DAY, last[-1].ends + 2 * YEAR), 4)

    def total(line: str) -> int:
        return sum(each[line] or 0 for each in lines)

    return _Year(
        price=float(prices.closes[-1]),
        shares=round(last[-1].shares / shares),
        eps=round(sum(shown_eps(quarter, shares) for quarter in last), 2),
        forward_eps=sum(shown_eps(quarter_of(company, ends), shares) for ends in coming),
        growth=100 * company.growth,
        revenue=total("totalRevenue"),
        gross_profit=total("grossProfit"),
        operating_income=total("operatingIncome"),
        net_income=total("netIncome"),
        ebitda=total("ebitda"),
        equity=sheet["totalShareholderEquity"] or 0,
        assets=sheet["totalAssets"] or 0,
        debt=sheet["shortLongTermDebtTotal"] or 0,
        cash=sheet["cashAndShortTermInvestments"] or 0,
    )


def _about(company: Company, latest_quarter: date) -> dict[str, str]:
    return {
        "Symbol": company.ticker,
        "AssetType": "Common Stock",
        "Name": company.name,
        "Description": DESCRIPTION.format(name=company.name),
        "CIK": str(random.Random(company.ticker).randint(1_000, 1_999_999)),
        "Exchange": company.exchange,
        "Currency": "USD",
        "Country": "USA",
        "Sector": company.sector,
        "Industry": company.industry,
        "Address": "1 SIMULATION PLAZA, SPRINGFIELD, UNITED STATES, 00000",
        "OfficialSite": f"https://example.com/{company.ticker.lower()}",
        "FiscalYearEnd": company.fiscal_year_end,
        "LatestQuarter": str(latest_quarter),
    }


def _earned(company: Company, quarters: Sequence[Quarter], year: _Year) -> dict[str, str]:
    newest, year_ago = quarters[-1], quarters[-5]
    return {
        "EBITDA": str(year.ebitda),
        "EPS": _text(year.eps, 2),
        "DilutedEPSTTM": _text(year.eps, 2),
        "RevenueTTM": str(year.revenue),
        "GrossProfitTTM": str(year.gross_profit),
        "RevenuePerShareTTM": _text(year.revenue / year.shares, 2),
        "ProfitMargin": _text(year.net_income / year.revenue, 3),
        "OperatingMarginTTM": _text(year.operating_income / year.revenue, 3),
        "ReturnOnAssetsTTM": _text(year.net_income / year.assets, 4),
        "ReturnOnEquityTTM": _text(year.net_income / year.equity, 3, year.equity > 0),
        "BookValue": _text(year.equity / year.shares, 2),
        "QuarterlyEarningsGrowthYOY": _text(
            newest.eps / year_ago.eps - 1 if year_ago.eps else 0, 3, year_ago.eps > 0
        ),
        "QuarterlyRevenueGrowthYOY": _text(newest.revenue / year_ago.revenue - 1, 3),
        "SharesOutstanding": str(year.shares),
        "SharesFloat": str(round(year.shares * 0.998)),
        **_held(company),
    }


def _valued(year: _Year) -> dict[str, str]:
    """Ratios of the price; a loss has none."""
    pe = _ratio(year.price, year.eps, 2)
    peg = _ratio(year.price / year.eps, year.growth, 3) if year.eps > 0 else None
    return {
        "MarketCapitalization": str(year.worth),
        "PERatio": pe or NONE,
        "TrailingPE": pe or DASH,
        "ForwardPE": _ratio(year.price, year.forward_eps, 2) or DASH,
        "PEGRatio": peg or NONE,
        "PriceToSalesRatioTTM": _ratio(year.worth, year.revenue, 3) or DASH,
        "PriceToBookRatio": _ratio(year.worth, year.equity, 2) or DASH,
        "EVToRevenue": _ratio(year.enterprise, year.revenue, 3) or DASH,
        "EVToEBITDA": _ratio(year.enterprise, year.ebitda, 2) or DASH,
    }


def _rated(company: Company, latest_quarter: date, price: float) -> dict[str, str]:
    """What analysts say, once a quarter; of a company that nobody follows they say nothing."""
    if not company.is_followed:
        return dict.fromkeys(VOTES, DASH)
    rng = random.Random(f"{company.seed}/{company.ticker}/{latest_quarter}/analysts")
    votes = [rng.randint(0, most) for most in (8, 14, 10, 3, 1)]
    return {
        "AnalystTargetPrice": _text(price * rng.uniform(0.95, 1.3), 2),
        **{name: str(vote) for name, vote in zip(VOTES, votes, strict=True)},
    }


def _held(company: Company) -> dict[str, str]:
    rng = random.Random(f"{company.seed}/{company.ticker}/holders")
    return {
        "PercentInsiders": _text(rng.uniform(0.05, 12), 3),
        "PercentInstitutions": _text(rng.uniform(35, 85), 3),
    }


def _priced(prices: Table) -> dict[str, str]:
    within = np.array([day > prices.days[-1] - YEAR for day in prices.days])
    adjusted = prices.adjusted / prices.closes
    no_dividends = np.zeros_like(prices.closes)
    closes = prices.closes * adjustments(prices.closes, no_dividends, prices.splits)
    return {
        "52WeekHigh": _text(float((prices.highs * adjusted)[within].max()), 2),
        "52WeekLow": _text(float((prices.lows * adjusted)[within].min()), 2),
        "50DayMovingAverage": _text(float(closes[-50:].mean()), 2),
        "200DayMovingAverage": _text(float(closes[-200:].mean()), 2),
    }


def _paid(known: Sequence[Payout], prices: Table) -> dict[str, str]:
    """The newest dividend, announced ones included, four times a year."""
    if not known:
        return {}
    newest = known[-1]
    since = [day > newest.ex_day for day in prices.days]
    shares = float(np.prod(prices.splits[since]))
    a_year = 4 * newest.amount / shares
    return {
        "DividendPerShare": _text(a_year, 2),
        "DividendYield": _text(a_year / float(prices.closes[-1]), 4),
        "DividendDate": str(newest.paid),
        "ExDividendDate": str(newest.ex_day),
    }


def _beta(seed: int, ticker: Ticker, last: date) -> float:
    """The slope of five years' daily changes on the market's."""
    own, market = _changes(seed, ticker, last), _changes(seed, MARKET, last)
    return float(np.cov(own, market)[0, 1] / market.var(ddof=1))


def _changes(seed: int, ticker: Ticker, last: date) -> Floats:
    path = daily_path(seed, ticker, max(last.year, ANCHOR_DAY.year))
    end = path.trading.index[last] + 1
    closes, splits = path.closes[end - BETA_DAYS : end], path.splits[end - BETA_DAYS : end]
    changes: Floats = closes[1:] * splits[1:] / closes[:-1] - 1
    return changes


def _ratio(upper: float, lower: float, decimals: int) -> str | None:
    return _text(upper / lower, decimals) if lower > 0 else None


def _text(value: float, decimals: int, makes_sense: bool = True) -> str:
    """No idle noughts: 320.7, 6.0 becomes 6."""
    if not makes_sense:
        return NONE
    text = f"{value:.{decimals}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
