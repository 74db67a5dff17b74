"""What a shareholder was paid, and what became of a share: dividends and splits. Pure.

Dividends are told as they were paid. Before they are compared over the years they are put on one
base: an amount is divided by the factors of all splits after it. Without knowing the splits there
is no comparison.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from stocktracker.figures import amounts
from stocktracker.fundamentals import Dividend, Dividends, Splits

YEAR = timedelta(days=365)
# Upstream writes factors with four decimals: a third is 0.3333.
DECIMALS = 4
LARGEST_PART = 10


def split_words(factor: float) -> str:
    """`4:1`, `1:10`, `3:2`; `1.046` for what is no ratio of small numbers, such as a spin-off's."""
    for small in range(1, LARGEST_PART + 1):
        large = round(small * max(factor, 1 / factor))
        pair = (large, small) if factor >= 1 else (small, large)
        if round(pair[0] / pair[1], DECIMALS) == round(factor, DECIMALS):
            return f"{pair[0]}:{pair[1]}"
    return f"{factor:g}"


def split_meaning(factor: float) -> str:
    """A sentence on what a factor does to whoever holds shares."""
    words = split_words(factor)
    if ":" not in words:
        return "A spin-off or another event: prices before it are divided by this"
    after, before = words.split(":")
    if factor >= 1:
        return f"{after} shares for each {before} held"
    return f"{after} for each {before} held: a reverse split"


def splits_table(splits: Splits) -> pd.DataFrame:
    """Newest first: day, ratio, meaning, as text."""
    return pd.DataFrame(
        [
            (row.day, split_words(row.factor), split_meaning(row.factor))
            for row in splits.rows[::-1]
        ],
        columns=["day", "ratio", "meaning"],
    )


def adjusted(dividends: Dividends, splits: Splits) -> pd.DataFrame:
    """Payments on the base of today's shares: columns ex_day, amount (as paid), adjusted.

    `adjusted` is the amount over the product of the factors of the splits after its ex-day; one on
    the split's own day is for the shares after it.
    """
    rows = []
    for paid in dividends.rows:
        factor = math.prod(split.factor for split in splits.rows if split.day > paid.ex_day)
        rows.append((paid.ex_day, paid.amount, paid.amount / factor))
    return pd.DataFrame(rows, columns=["ex_day", "amount", "adjusted"])


def by_year(payments: pd.DataFrame) -> pd.Series[float]:
    """The adjusted amounts of each calendar year by ex-day; years in between without any are 0."""
    if payments.empty:
        return pd.Series(dtype="float64")
    years = pd.Index([day.year for day in payments["ex_day"]], name="year")
    total = payments.set_index(years)["adjusted"].groupby("year").sum()
    return total.reindex(range(int(total.index[0]), int(total.index[-1]) + 1), fill_value=0.0)


@dataclass(frozen=True, slots=True)
class Summary:
    """What dividends come to on a day; fractions, None where it cannot be said.

    `last_12_months` is what went ex in the 365 days up to the day; `growth` is the last whole year
    over the one before, `growth_5_years` the yearly rate over five of them. The year in which the
    records begin may be a part of one and is never compared with.
    """

    last_12_months: float | None
    payments: int
    dividend_yield: float | None
    growth: float | None
    growth_5_years: float | None
    following: Dividend | None
    latest: Dividend | None


def summarise(
    dividends: Dividends, splits: Splits | None, *, price: float | None, today: date
) -> Summary:
    """`price` is in the quotes' currency, as dividends are; `today` the exchange's date."""
    gone = [paid for paid in dividends.rows if paid.ex_day <= today]
    ahead = [paid for paid in dividends.rows if paid.ex_day > today]
    recent = [paid for paid in gone if paid.ex_day > today - YEAR]
    total: float | None = None
    growth = growth_5 = None
    if splits is not None:
        payments = adjusted(dividends, splits)
        is_recent = [today - YEAR < day <= today for day in payments["ex_day"]]
        total = float(payments["adjusted"][is_recent].sum()) if gone else None
        years = by_year(payments)
        growth = _rate(years, today.year - 1, 1)
        growth_5 = _rate(years, today.year - 1, 5)
    return Summary(
        last_12_months=total,
        payments=len(recent),
        dividend_yield=total / price if total is not None and price else None,
        growth=growth,
        growth_5_years=growth_5,
        following=ahead[0] if ahead else None,
        latest=gone[-1] if gone else None,
    )


def _rate(years: pd.Series[float], last: int, span: int) -> float | None:
    """The yearly growth from `last - span` to `last`, both whole years with payments."""
    first = last - span
    if years.empty or first <= int(years.index[0]) or last > int(years.index[-1]):
        return None
    before, after = float(years[first]), float(years[last])
    return None if before <= 0 or after <= 0 else float((after / before) ** (1 / span) - 1)


def dividends_table(dividends: Dividends) -> pd.DataFrame:
    """Newest first, as paid, with its four days; text, a dash for a day that is not known."""
    rows = [
        (
            amounts.day(paid.ex_day),
            amounts.per_share(paid.amount),
            amounts.day(paid.declared),
            amounts.day(paid.recorded),
            amounts.day(paid.paid),
        )
        for paid in dividends.rows[::-1]
    ]
    return pd.DataFrame(rows, columns=["ex_day", "amount", "declared", "recorded", "paid"])


def dividends_numbers(dividends: Dividends) -> pd.DataFrame:
    """The same for files: ISO days, numbers, None for what is not known."""
    columns = ["ex_day", "amount", "declared", "recorded", "paid"]
    rows = [
        [
            paid.ex_day.isoformat(),
            paid.amount,
            *(day and day.isoformat() for day in (paid.declared, paid.recorded, paid.paid)),
        ]
        for paid in dividends.rows[::-1]
    ]
    return pd.DataFrame(rows, columns=columns)
