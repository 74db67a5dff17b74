"""What is known of a company and of the market besides prices: frozen records, without I/O.

Each kind is the data of one feed (`KINDS`). Dates are the exchange's or the company's own, without
a time zone; instants are aware and in UTC; absence is None or a missing entry, never zero. Text is
from outside: whoever shows it, escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from stocktracker.model import Facts, Feed


@dataclass(frozen=True, slots=True)
class Split:
    """From `day` on `factor` shares stand for each one before: 4.0 for 4:1, 0.1 for 1:10.

    A spin-off is told as a split too, by the ratio of prices (IBM 2021: 1.0460).
    """

    day: date
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits(Facts):
    """All splits of a ticker, oldest first; none is an empty tuple."""

    rows: tuple[Split, ...]


@dataclass(frozen=True, slots=True)
class Dividend:
    """`amount` a share as it was paid, in the currency of the quotes; not adjusted for splits."""

    ex_day: date
    amount: float
    declared: date | None = None
    recorded: date | None = None
    paid: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dividends(Facts):
    """All dividends of a ticker, oldest first by ex-day; announced ones may be ahead."""

    rows: tuple[Dividend, ...]


# The names of a company's figures and texts, ours; upstream's are in fundamental_replies.py.
# Shares of one are fractions: a profit margin of 15.6 % is 0.156.
COMPANY_TEXTS = (
    "name",
    "description",
    "kind",
    "exchange",
    "currency",
    "country",
    "sector",
    "industry",
    "address",
    "site",
    "fiscal_year_end",
)
COMPANY_DAYS = ("latest_quarter", "dividend_day", "ex_dividend_day")
COMPANY_FIGURES = (
    "market_cap",
    "ebitda",
    "pe_ratio",
    "trailing_pe",
    "forward_pe",
    "peg_ratio",
    "price_to_sales",
    "price_to_book",
    "ev_to_revenue",
    "ev_to_ebitda",
    "book_value",
    "eps",
    "diluted_eps",
    "revenue_per_share",
    "revenue",
    "gross_profit",
    "profit_margin",
    "operating_margin",
    "return_on_assets",
    "return_on_equity",
    "quarterly_earnings_growth",
    "quarterly_revenue_growth",
    "dividend_per_share",
    "dividend_yield",
    "beta",
    "high_52_weeks",
    "low_52_weeks",
    "average_50_days",
    "average_200_days",
    "shares_outstanding",
    "shares_float",
    "held_by_insiders",
    "held_by_institutions",
    "target_price",
    "ratings_strong_buy",
    "ratings_buy",
    "ratings_hold",
    "ratings_sell",
    "ratings_strong_sell",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company(Facts):
    """A company's key figures, by the names above; what upstream does not say is left out."""

    texts: Mapping[str, str]
    figures: Mapping[str, float]
    days: Mapping[str, date]


@dataclass(frozen=True, slots=True)
class Quarter:
    """One quarter's earnings per share; `surprise` = reported − estimated, its percentage of the
    estimate. `time` is "pre-market", "post-market" or None."""

    ends: date
    reported_on: date | None
    reported: float | None
    estimated: float | None
    surprise: float | None
    surprise_percent: float | None
    time: str | None = None


@dataclass(frozen=True, slots=True)
class FiscalYear:
    """Earnings per share of a year; the newest may be a part of one."""

    ends: date
    reported: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earnings(Facts):
    """Oldest first."""

    quarters: tuple[Quarter, ...]
    years: tuple[FiscalYear, ...]


@dataclass(frozen=True, slots=True)
class Periods:
    """A statement over several periods, oldest first: `lines[name][i]` belongs to `ends[i]`.

    Names are upstream's in snake case (`total_revenue`), in upstream's order; amounts are in
    `currency`, not in thousands; None where upstream says none.
    """

    ends: tuple[date, ...]
    currency: str
    lines: Mapping[str, tuple[float | None, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Facts):
    """An income statement, a balance sheet or a cash-flow statement."""

    annual: Periods
    quarterly: Periods


@dataclass(frozen=True, slots=True)
class Mention:
    """How an article speaks of a ticker: relevance 0 to 1, sentiment −1 to 1."""

    ticker: str
    relevance: float | None
    sentiment: float | None


@dataclass(frozen=True, slots=True)
class Article:
    """`url` is http or https, or None; `sentiment` is from −1 (bearish) to 1 (bullish)."""

    title: str
    url: str | None
    published_at: datetime
    source: str
    summary: str
    sentiment: float | None
    label: str | None
    mentions: tuple[Mention, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class News(Facts):
    """Newest first; about a ticker, or about the market (WHOLE_MARKET)."""

    articles: tuple[Article, ...]


@dataclass(frozen=True, slots=True)
class Mover:
    """`ticker` may be one that no other feed knows (`OPFI+`). Percent: 1.5 means 1.5 %."""

    ticker: str
    price: float
    change: float
    change_percent: float
    volume: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Movers(Facts):
    """The US market's top twenties at `as_of`."""

    as_of: datetime
    gainers: tuple[Mover, ...]
    losers: tuple[Mover, ...]
    active: tuple[Mover, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """An expected earnings report. `time` is "pre-market", "post-market" or None."""

    ticker: str
    name: str
    day: date
    period_ends: date | None
    estimate: float | None
    currency: str
    time: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EarningsCalendar(Facts):
    """The next three months' expected reports, by day."""

    rows: tuple[Report, ...]


@dataclass(frozen=True, slots=True)
class WorldMarket:
    """An exchange of the world; hours are local, `HH:MM`."""

    kind: str
    region: str
    exchanges: str
    opens: str
    closes: str
    is_open: bool
    notes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldMarkets(Facts):
    """Upstream's word on which exchanges trade, as of `fetched_at`."""

    rows: tuple[WorldMarket, ...]


KINDS: Mapping[Feed, type[Facts]] = {
    Feed.SPLITS: Splits,
    Feed.DIVIDENDS: Dividends,
    Feed.COMPANY: Company,
    Feed.EARNINGS: Earnings,
    Feed.INCOME: Statement,
    Feed.BALANCE: Statement,
    Feed.CASH_FLOW: Statement,
    Feed.NEWS: News,
    Feed.MOVERS: Movers,
    Feed.CALENDAR: EarningsCalendar,
    Feed.MARKETS: WorldMarkets,
}
