"""What kind of company a ticker is: its trade, its fiscal year, its size at the anchor day.

Figures of well-known companies are round guesses for late 2026, those of all others are thrown.
Funds, preferred shares, warrants, units and tickers from outside the US are no companies here, as
upstream has no figures for them. No period's figures: those are in `books`.
"""

from __future__ import annotations

import random
from calendar import month_name
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from stocktracker.model import Ticker
from stocktracker.simulator import listing
from stocktracker.simulator.paths import character_of

MILLION, BILLION = 1_000_000, 1_000_000_000
TECHNOLOGY, HEALTH, FINANCE = "TECHNOLOGY", "HEALTHCARE", "FINANCIAL SERVICES"
CYCLICAL, DEFENSIVE = "CONSUMER CYCLICAL", "CONSUMER DEFENSIVE"
ENERGY, MATERIALS = "ENERGY", "BASIC MATERIALS"
INDUSTRIALS, COMMUNICATION = "INDUSTRIALS", "COMMUNICATION SERVICES"
REAL_ESTATE, UTILITIES = "REAL ESTATE", "UTILITIES"

# Ticker, sector, industry, last month of the fiscal year, millions of shares, earnings per share,
# billions of revenue and gross margin of the last twelve months.
WELL_KNOWN = f"""
AAPL|{TECHNOLOGY}|CONSUMER ELECTRONICS|9|14750|7.5|425|0.47
ABBV|{HEALTH}|DRUG MANUFACTURERS - GENERAL|12|1767|6.9|63|0.71
ADBE|{TECHNOLOGY}|SOFTWARE - APPLICATION|11|419|17.2|25|0.89
ALL|{FINANCE}|INSURANCE - PROPERTY & CASUALTY|12|262|22.1|67|0.26
AMD|{TECHNOLOGY}|SEMICONDUCTORS|12|1628|3.1|39|0.51
AMZN|{CYCLICAL}|INTERNET RETAIL|12|10690|7.4|740|0.50
AVGO|{TECHNOLOGY}|SEMICONDUCTORS|10|4720|6.1|78|0.67
BA|{INDUSTRIALS}|AEROSPACE & DEFENSE|12|760|-3.4|92|0.06
BAC|{FINANCE}|BANKS - DIVERSIFIED|12|7400|3.9|111|0.93
BC|{CYCLICAL}|RECREATIONAL VEHICLES|12|65|2.6|5.4|0.25
BRK-A|{FINANCE}|INSURANCE - DIVERSIFIED|12|1.438|46900|374|0.24
BRK-B|{FINANCE}|INSURANCE - DIVERSIFIED|12|2157|31.3|374|0.24
C|{FINANCE}|BANKS - DIVERSIFIED|12|1790|7.6|84|0.88
CAT|{INDUSTRIALS}|FARM & HEAVY CONSTRUCTION MACHINERY|12|468|20.4|67|0.33
COST|{DEFENSIVE}|DISCOUNT STORES|8|443|19.4|285|0.13
CRM|{TECHNOLOGY}|SOFTWARE - APPLICATION|1|945|7.4|41|0.77
CSCO|{TECHNOLOGY}|COMMUNICATION EQUIPMENT|7|3950|2.8|59|0.65
CVX|{ENERGY}|OIL & GAS INTEGRATED|12|2010|7.2|190|0.30
DIS|{COMMUNICATION}|ENTERTAINMENT|9|1785|6.5|96|0.37
F|{CYCLICAL}|AUTO MANUFACTURERS|12|3985|1.2|188|0.08
GE|{INDUSTRIALS}|AEROSPACE & DEFENSE|12|1055|7.6|46|0.37
GM|{CYCLICAL}|AUTO MANUFACTURERS|12|933|6.1|187|0.11
GOOG|{COMMUNICATION}|INTERNET CONTENT & INFORMATION|12|12090|10.6|412|0.59
GOOGL|{COMMUNICATION}|INTERNET CONTENT & INFORMATION|12|12090|10.6|412|0.59
GS|{FINANCE}|CAPITAL MARKETS|12|300|50.2|59|0.83
HD|{CYCLICAL}|HOME IMPROVEMENT RETAIL|1|995|14.8|168|0.33
IBM|{TECHNOLOGY}|INFORMATION TECHNOLOGY SERVICES|12|940|11.6|70|0.58
INTC|{TECHNOLOGY}|SEMICONDUCTORS|12|4770|-0.6|53|0.34
JNJ|{HEALTH}|DRUG MANUFACTURERS - GENERAL|12|2410|10.2|95|0.69
JPM|{FINANCE}|BANKS - DIVERSIFIED|12|2720|20.5|182|0.90
KO|{DEFENSIVE}|BEVERAGES - NON-ALCOHOLIC|12|4303|3.0|48|0.61
LLY|{HEALTH}|DRUG MANUFACTURERS - GENERAL|12|945|23.5|66|0.83
MA|{FINANCE}|CREDIT SERVICES|12|898|16.4|33|0.78
MCD|{CYCLICAL}|RESTAURANTS|12|713|12.1|27|0.57
META|{COMMUNICATION}|INTERNET CONTENT & INFORMATION|12|2520|27.6|205|0.82
MRK|{HEALTH}|DRUG MANUFACTURERS - GENERAL|12|2490|7.6|65|0.77
MSFT|{TECHNOLOGY}|SOFTWARE - INFRASTRUCTURE|6|7432|14.9|305|0.69
NA|{TECHNOLOGY}|SEMICONDUCTORS|12|15|-1.3|0.005|0.12
NFLX|{COMMUNICATION}|ENTERTAINMENT|12|4240|2.7|46|0.48
NKE|{CYCLICAL}|FOOTWEAR & ACCESSORIES|5|1476|1.9|47|0.42
NVDA|{TECHNOLOGY}|SEMICONDUCTORS|1|24300|4.9|205|0.70
ON|{TECHNOLOGY}|SEMICONDUCTORS|12|409|1.1|6.1|0.37
ORCL|{TECHNOLOGY}|SOFTWARE - INFRASTRUCTURE|5|2810|4.6|62|0.69
PEP|{DEFENSIVE}|BEVERAGES - NON-ALCOHOLIC|12|1370|5.9|93|0.54
PFE|{HEALTH}|DRUG MANUFACTURERS - GENERAL|12|5690|1.8|63|0.75
PG|{DEFENSIVE}|HOUSEHOLD & PERSONAL PRODUCTS|6|2340|6.8|85|0.51
T|{COMMUNICATION}|TELECOM SERVICES|12|7150|2.1|125|0.60
TSLA|{CYCLICAL}|AUTO MANUFACTURERS|12|3325|1.6|98|0.17
UNH|{HEALTH}|HEALTHCARE PLANS|12|906|17.9|440|0.20
V|{FINANCE}|CREDIT SERVICES|9|1930|11.2|41|0.81
VZ|{COMMUNICATION}|TELECOM SERVICES|12|4220|4.7|138|0.60
WMT|{DEFENSIVE}|DISCOUNT STORES|1|7975|2.9|705|0.25
XOM|{ENERGY}|OIL & GAS INTEGRATED|12|4265|7.0|330|0.31
"""

# What the names of invented companies say about their trade, by a word of `listing.TRADES`.
TRADES = {
    FINANCE: "Acquisition Bancorp Capital Financial Insurance",
    HEALTH: "Biosciences Devices Genomics Health Laboratories Medical Pharmaceuticals Therapeutics",
    TECHNOLOGY: "Analytics Interactive Networks Robotics Semiconductor Software Storage Systems "
    "Technologies Wireless",
    MATERIALS: "Chemical Materials Metals Mining Steel",
    INDUSTRIALS: "Aerospace Environmental Holdings Industries Logistics",
    CYCLICAL: "Motors",
    DEFENSIVE: "Brands Foods",
    ENERGY: "Energy Oil Resources",
    REAL_ESTATE: "Properties Realty",
    UTILITIES: "Power Utilities Water",
}
SECTOR_OF = {word: sector for sector, words in TRADES.items() for word in words.split()}
NO_COMPANY = ("-P-", "-WS", "-U", ":", "/", "(", " ")


@dataclass(frozen=True, slots=True)
class Company:
    """A company at the anchor day: amounts in USD of twelve months, counts in shares of that day.

    `growth` and `dilution` are yearly, as logarithms; all shares and margins are fractions.
    `seasons` are the weights of the four quarters of a calendar year.
    """

    seed: int
    ticker: Ticker
    name: str
    exchange: str
    sector: str
    industry: str
    year_end: int
    shares: float
    revenue: float
    margin: float
    gross_margin: float
    growth: float
    dilution: float
    seasons: tuple[float, ...]
    leverage: float
    research: float
    report_lag: int
    reports_early: bool
    is_followed: bool

    @property
    def fiscal_year_end(self) -> str:
        return month_name[self.year_end]


def is_company(row: listing.Row) -> bool:
    return row.kind == "Stock" and not any(mark in row.ticker for mark in NO_COMPANY)


@lru_cache(maxsize=16384)
def company_of(seed: int, ticker: Ticker) -> Company | None:
    """The company behind a listed ticker; None for what is none. It may be listed later only."""
    row = listing.all_rows().get(ticker)
    if row is None or not is_company(row):
        return None
    rng = random.Random(f"{seed}/{ticker}/company")
    character = character_of(seed, ticker)
    known = _well_known().get(ticker)
    if known is None:
        shares, earnings, revenue, gross_margin = _thrown_size(rng, character.price)
        sector = _sector_of(row.name) or rng.choice(list(TRADES))
        industry, year_end = sector, 12 if rng.random() < 0.8 else rng.choice((3, 6, 9))
    else:
        _, sector, industry, *figures = known
        year_end = int(figures[0])
        shares, earnings = float(figures[1]) * MILLION, float(figures[2])
        revenue, gross_margin = float(figures[3]) * BILLION, float(figures[4])
    margin = earnings * shares / revenue
    return Company(
        seed=seed,
        ticker=ticker,
        name=row.name.strip() or ticker,
        exchange=row.exchange,
        sector=sector,
        industry=industry,
        year_end=year_end,
        shares=shares,
        revenue=revenue,
        margin=margin,
        gross_margin=gross_margin,
        growth=character.log_growth,
        dilution=rng.uniform(-0.03, 0.015),
        seasons=_seasons(rng, 0.12 if sector in (CYCLICAL, TECHNOLOGY) else 0.04),
        leverage=rng.uniform(0.5, 1.3),
        research=rng.uniform(0.2, 0.6) if sector in (TECHNOLOGY, HEALTH) else 0.0,
        report_lag=rng.randint(18, 45),
        reports_early=rng.random() < 0.45,
        is_followed=known is not None or rng.random() < 0.45,
    )


def listed_company(seed: int, ticker: Ticker, day: date) -> Company | None:
    """As `company_of`, of those that are listed on an exchange date."""
    return company_of(seed, ticker) if listing.is_listed(ticker, day) else None


def _thrown_size(rng: random.Random, price: float) -> tuple[float, float, float, float]:
    """Shares, earnings per share, revenue and gross margin of an invented company."""
    shares = round(1.5 * BILLION * rng.lognormvariate(0, 1.3) / price, -5) + 1e5
    gross_margin = rng.uniform(0.2, 0.8)
    if rng.random() < 0.25:
        return shares, -price * rng.uniform(0.02, 0.15), shares * price / 6, gross_margin
    earnings = price / rng.uniform(9, 38)
    return shares, earnings, shares * earnings / rng.uniform(0.03, 0.18), gross_margin


def _seasons(rng: random.Random, most: float) -> tuple[float, ...]:
    weights = [1 + rng.uniform(-most, most) for _ in range(4)]
    return tuple(4 * weight / sum(weights) for weight in weights)


def _sector_of(name: str) -> str | None:
    return next((SECTOR_OF[word] for word in name.split() if word in SECTOR_OF), None)


@lru_cache(maxsize=1)
def _well_known() -> dict[str, list[str]]:
    rows = (line.split("|") for line in WELL_KNOWN.strip().splitlines())
    return {row[0]: row for row in rows}
