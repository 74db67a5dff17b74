"""A company's key figures in groups, each with its unit, its format and what it means. Pure.

Takes `fundamentals.Company`; a figure that upstream does not say is a dash. Whatever sets a figure
beside a price asks for the currencies of both, and says nothing where they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from stocktracker import wording
from stocktracker.figures import amounts
from stocktracker.fundamentals import Company

Write = Callable[[float | None, str], str]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a group: text only, already in its unit."""

    label: str
    text: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    figures: tuple[Figure, ...]


def _ratio(value: float | None, _: str) -> str:
    return amounts.ratio(value)


def _share(value: float | None, _: str) -> str:
    return amounts.share(value)


def _growth(value: float | None, _: str) -> str:
    return amounts.growth(value)


def _count(value: float | None, _: str) -> str:
    return wording.compact(value)


_money, _price = amounts.money, wording.price

# Title → (label, names in the order of preference, how it is written, what it means).
Line = tuple[str, tuple[str, ...], Write, str]
GROUPS: Mapping[str, tuple[Line, ...]] = {
    "Valuation": (
        ("Market cap", ("market_cap",), _money, "Price times shares outstanding"),
        (
            "P/E, trailing",
            ("trailing_pe", "pe_ratio"),
            _ratio,
            "Price over the earnings per share of the last four quarters",
        ),
        ("P/E, forward", ("forward_pe",), _ratio, "Price over the earnings expected for a year"),
        ("PEG", ("peg_ratio",), _ratio, "P/E over the expected growth of earnings, in percent"),
        ("Price to sales", ("price_to_sales",), _ratio, "Market cap over twelve months' revenue"),
        ("Price to book", ("price_to_book",), _ratio, "Price over book value per share"),
        ("EV to revenue", ("ev_to_revenue",), _ratio, "Enterprise value over revenue"),
        ("EV to EBITDA", ("ev_to_ebitda",), _ratio, "Enterprise value over EBITDA"),
    ),
    "Profitability": (
        ("Revenue, 12 months", ("revenue",), _money, "Of the last four quarters"),
        ("Gross profit, 12 months", ("gross_profit",), _money, "Revenue less cost of revenue"),
        (
            "EBITDA",
            ("ebitda",),
            _money,
            "Earnings before interest, taxes, depreciation and amortisation",
        ),
        ("Profit margin", ("profit_margin",), _share, "Net income over revenue"),
        ("Operating margin", ("operating_margin",), _share, "Operating income over revenue"),
        ("Return on assets", ("return_on_assets",), _share, "Income over total assets"),
        ("Return on equity", ("return_on_equity",), _share, "Net income over equity"),
    ),
    "Growth": (
        (
            "Earnings, quarter",
            ("quarterly_earnings_growth",),
            _growth,
            "The latest quarter against the same one a year before",
        ),
        (
            "Revenue, quarter",
            ("quarterly_revenue_growth",),
            _growth,
            "The latest quarter against the same one a year before",
        ),
    ),
    "Per share": (
        ("Earnings (EPS)", ("eps",), _price, "Of the last four quarters"),
        ("Earnings, diluted", ("diluted_eps",), _price, "As if all options were shares"),
        ("Revenue", ("revenue_per_share",), _price, "Of the last four quarters"),
        ("Book value", ("book_value",), _price, "Equity per share"),
    ),
    "Dividend": (
        ("Dividend per share", ("dividend_per_share",), _price, "A year's"),
        ("Dividend yield", ("dividend_yield",), _share, "A year's dividend over the price"),
    ),
    "Ownership and shares": (
        ("Shares outstanding", ("shares_outstanding",), _count, ""),
        ("Float", ("shares_float",), _count, "Shares that are free to trade"),
        ("Held by insiders", ("held_by_insiders",), _share, "Of the shares outstanding"),
        ("Held by institutions", ("held_by_institutions",), _share, "Of the shares outstanding"),
    ),
    "Price": (
        ("Beta", ("beta",), _ratio, "How far the price moves with the market's; 1 is as far"),
        ("52-week high", ("high_52_weeks",), _price, ""),
        ("52-week low", ("low_52_weeks",), _price, ""),
        ("50-day average", ("average_50_days",), _price, ""),
        ("200-day average", ("average_200_days",), _price, ""),
    ),
}

DAYS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Dividend": (("Ex-dividend day", "ex_dividend_day"), ("Payment day", "dividend_day")),
}

HIGHLIGHTS = ("Market cap", "P/E, trailing", "Earnings (EPS)", "Dividend yield", "Beta")

RATINGS = (
    ("Strong buy", "ratings_strong_buy"),
    ("Buy", "ratings_buy"),
    ("Hold", "ratings_hold"),
    ("Sell", "ratings_sell"),
    ("Strong sell", "ratings_strong_sell"),
)


def groups(company: Company) -> list[Group]:
    """All figures, in the order of reading."""
    currency = currency_of(company) or ""
    made = []
    for title, lines in GROUPS.items():
        figures = [
            Figure(label, write(_first(company.figures, names), currency).strip(), meaning)
            for label, names, write, meaning in lines
        ]
        figures += [
            Figure(label, amounts.day(company.days.get(name)))
            for label, name in DAYS.get(title, ())
        ]
        made.append(Group(title, tuple(figures)))
    return made


def highlights(company: Company) -> list[Figure]:
    """The few that stand on top."""
    by_label = {figure.label: figure for group in groups(company) for figure in group.figures}
    return [by_label[label] for label in HIGHLIGHTS]


def currency_of(company: Company) -> str | None:
    return company.texts.get("currency") or None


def ratings(company: Company) -> dict[str, int]:
    """How many analysts say what, from strong buy to strong sell; empty where nobody is counted."""
    counts = {label: company.figures.get(name) for label, name in RATINGS}
    known = {label: round(count) for label, count in counts.items() if count and count > 0}
    return {label: known.get(label, 0) for label in counts} if known else {}


def ratings_words(counts: Mapping[str, int]) -> str:
    """`11 buy · 9 hold · 1 sell`."""
    buy = counts["Strong buy"] + counts["Buy"]
    sell = counts["Sell"] + counts["Strong sell"]
    return f"{buy} buy · {counts['Hold']} hold · {sell} sell"


@dataclass(frozen=True, slots=True)
class YearRange:
    """The price within its 52 weeks, all in one currency. What is not known is None."""

    low: float
    high: float
    price: float | None
    average_50_days: float | None
    average_200_days: float | None
    currency: str

    @property
    def place(self) -> float | None:
        """Where the price is between low (0.0) and high (1.0); beyond them where it has left."""
        if self.price is None or self.high == self.low:
            return None
        return (self.price - self.low) / (self.high - self.low)

    @property
    def words(self) -> str:
        """`36% of the way from low to high`, or that the range is behind."""
        place = self.place
        if place is None:
            return "no price to place in it"
        if place > 1:
            return "above the high that is stored"
        if place < 0:
            return "below the low that is stored"
        return f"{100 * place:.0f}% of the way from low to high"


def year_range(company: Company, price: float | None, price_currency: str) -> YearRange | None:
    """None where low or high is unknown; no price in it where that is in another currency."""
    figures = company.figures
    low, high = figures.get("low_52_weeks"), figures.get("high_52_weeks")
    if low is None or high is None or not 0 < low <= high:
        return None
    currency = currency_of(company)
    return YearRange(
        low=low,
        high=high,
        price=price if currency == price_currency else None,
        average_50_days=figures.get("average_50_days"),
        average_200_days=figures.get("average_200_days"),
        currency=currency or "",
    )


def target_distance(company: Company, price: float | None, price_currency: str) -> float | None:
    """Analysts' target over the price less one: 0.1 is 10 % above it; None in other currencies."""
    target = company.figures.get("target_price")
    if target is None or not price or currency_of(company) != price_currency:
        return None
    return target / price - 1


def place_words(company: Company) -> list[str]:
    """Exchange, sector and industry as text from outside; capitals all over are tamed."""
    texts = [company.texts.get(name) for name in ("exchange", "sector", "industry")]
    exchange, *rest = texts
    return [text for text in (exchange, *(_tame(text) for text in rest)) if text]


def latest_quarter(company: Company) -> date | None:
    return company.days.get("latest_quarter")


def _tame(text: str | None) -> str | None:
    return text.capitalize() if text and text.isupper() else text


def _first(figures: Mapping[str, float], names: tuple[str, ...]) -> float | None:
    return next((figures[name] for name in names if name in figures), None)
