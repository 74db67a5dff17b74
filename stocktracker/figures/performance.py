"""How prices did, and how surely: returns, risk and what moved together. Pure: closes in, figures
out; never fetches, adjusts, aligns or fills anything, and never draws.

Closes are a frame with one column a ticker, oldest first, indexed by exchange dates, of one
interval; adjusted for splits before they come here. All returns, volatilities and drawdowns are
fractions: 0.015 is 1.5 %. A figure that is not defined is None (NaN in a series), never 0 or
infinity.

A close that is unknown, or not above zero, is skipped: the next return spans the hole, and
`Statistics.skipped` says how many were. What compares two tickers uses only dates on which both
have a close, so that the two returns span the same days.

Volatility, Sharpe, Sortino, beta and the depth of drawdowns are empyrical's: sample standard
deviation (ddof 1), annualised by the root of the periods a year; downside deviation about the
risk-free return over all periods. Growth a year goes by the calendar, not by empyrical's count of
periods, as holidays and skipped closes are no time saved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

import empyrical
import numpy as np
import pandas as pd

Floats = np.ndarray[Any, np.dtype[Any]]

DAYS_A_YEAR = 252
WEEKS_A_YEAR = 52
CALENDAR_YEAR = 365.25  # days
# A range of one year begins with its first bar, which stands up to a week after the range does.
ENOUGH_OF_A_YEAR = timedelta(days=365 - 7)
# Fewer returns have no deviation; through fewer pairs than three any correlation is 1 or -1.
FEWEST_RETURNS = 2
FEWEST_PAIRS = 3
# A deviation below this is floating-point dust of returns that are all the same.
DUST = 1e-12
YEAR = "year"
MONTHS = tuple(range(1, 13))

DEFINITIONS: Mapping[str, str] = MappingProxyType(
    {
        "total_return": "Last close ÷ first close − 1, over the range shown; not a figure a year.",
        "cagr": (
            "Compound growth a year: (last close ÷ first close)^(365.25 ÷ calendar days) − 1. "
            "Only for ranges of a year or more; a shorter one is never stretched to a year."
        ),
        "volatility": (
            "Sample standard deviation of the returns × √(periods a year: 252 days or 52 weeks). "
            "Needs two returns."
        ),
        "sharpe": (
            "Mean of the returns above the risk-free rate ÷ their standard deviation × √(periods a "
            "year). Undefined without volatility."
        ),
        "sortino": (
            "Mean return above the risk-free rate × periods a year ÷ downside deviation, "
            "√(mean of min(return − risk-free, 0)²) × √(periods a year). Undefined where no return "
            "was below the risk-free rate."
        ),
        "max_drawdown": (
            "The deepest fall from a peak: the least of close ÷ highest close so far − 1."
        ),
        "peak": "The last date on the peak from which the deepest fall began.",
        "trough": "The date of the lowest close of the deepest fall.",
        "recovery": "The first date after the trough with a close as high as the peak; – if none.",
        "beta": (
            "Covariance of the returns with the benchmark's ÷ variance of the benchmark's: 1.2 "
            "moved 1.2 % on average when the benchmark moved 1 %. Needs three common returns."
        ),
        "correlation": (
            "Pearson's correlation of the returns with the benchmark's, from −1 to 1. Needs three "
            "common returns and undefined where either does not move."
        ),
        "best": "The highest return of a single day (or week, where the bars are weekly).",
        "best_day": "The date of the best return: the day on which it ended.",
        "worst": "The lowest return of a single day (or week, where the bars are weekly).",
        "worst_day": "The date of the worst return: the day on which it ended.",
        "returns": "How many returns the figures are made of.",
        "skipped": "How many closes in the range are unknown; the return after one spans the hole.",
    }
)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall: `depth` is 0.0 or below. Without any fall there are no dates; without
    recovery so far there is none."""

    depth: float
    peak: date | None
    trough: date | None
    recovery: date | None


@dataclass(frozen=True, slots=True)
class Move:
    """One period's return, by the date on which it ended."""

    change: float
    day: date


@dataclass(frozen=True, slots=True)
class Statistics:
    """A ticker over a range; `DEFINITIONS` says what each figure is.

    `first` and `last` are the dates of its first and last known close, None where there is none;
    `returns` is how many returns there are, `skipped` how many closes are unknown.
    """

    first: date | None
    last: date | None
    returns: int
    skipped: int
    total_return: float | None
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    drawdown: Drawdown | None
    beta: float | None
    correlation: float | None
    best: Move | None
    worst: Move | None


@dataclass(frozen=True, slots=True, eq=False)
class MonthlyReturns:
    """One ticker's returns by month.

    `table` has a row for every calendar year, oldest first, with the columns 1 to 12 and `YEAR`;
    NaN where there is none. `partial`, of the same shape, is True where less than the whole month
    or year is counted.
    """

    table: pd.DataFrame
    partial: pd.DataFrame


def statistics(
    closes: pd.DataFrame, *, periods: int, benchmark: str | None = None, risk_free: float = 0.0
) -> dict[str, Statistics]:
    """The figures of every column, in the columns' order.

    `periods` is how many returns a year has: `DAYS_A_YEAR` or `WEEKS_A_YEAR`. `benchmark` is a
    column of `closes`; without it beta and correlation are None. `risk_free` is a yearly rate.
    """
    yardstick = None if benchmark is None else closes[benchmark]
    return {
        str(ticker): measure(
            closes[ticker], periods=periods, benchmark=yardstick, risk_free=risk_free
        )
        for ticker in closes.columns
    }


def measure(
    closes: pd.Series[float],
    *,
    periods: int,
    benchmark: pd.Series[float] | None = None,
    risk_free: float = 0.0,
) -> Statistics:
    """The figures of one ticker's closes; `benchmark` holds closes too."""
    known = known_closes(closes)
    returns = returns_of(known)
    values = returns.to_numpy(dtype=float)
    moves = _deviates(values)
    free = (1 + risk_free) ** (1 / periods) - 1
    beta, correlation = (None, None) if benchmark is None else _together(known, benchmark)
    return Statistics(
        first=None if known.empty else _date(known.index[0]),
        last=None if known.empty else _date(known.index[-1]),
        returns=len(values),
        skipped=len(closes) - len(known),
        total_return=_number(known.iloc[-1] / known.iloc[0] - 1) if len(values) else None,
        cagr=_cagr(known),
        volatility=_volatility(values, periods),
        sharpe=_number(empyrical.sharpe_ratio(values, free, annualization=periods))
        if moves
        else None,
        sortino=_sortino(values, free, periods),
        drawdown=_deepest(known) if len(values) else None,
        beta=beta,
        correlation=correlation,
        best=Move(float(values.max()), _date(returns.idxmax())) if len(values) else None,
        worst=Move(float(values.min()), _date(returns.idxmin())) if len(values) else None,
    )


def known_closes(closes: pd.Series[float]) -> pd.Series[float]:
    """Without those that are unknown, infinite, or not above zero, from which no return follows."""
    return closes[np.isfinite(closes) & (closes > 0)].astype(float)


def returns_of(closes: pd.Series[float]) -> pd.Series[float]:
    """Simple returns from each known close to the next, by the date on which they end."""
    known = known_closes(closes)
    return known.pct_change().iloc[1:]


def rebased(closes: pd.DataFrame) -> pd.DataFrame:
    """Returns since the first date on which every ticker has a close; empty where there is none."""
    known = closes.apply(known_closes).reindex(closes.index)
    common = known.dropna()
    if common.empty:
        return known.iloc[:0]
    start = common.index[0]
    return known.loc[start:] / common.iloc[0] - 1


def drawdowns(closes: pd.DataFrame) -> pd.DataFrame:
    """Close ÷ highest close so far − 1 for every ticker: 0.0 on a peak, below it elsewhere."""
    known = closes.apply(known_closes).reindex(closes.index)
    return known / known.cummax() - 1


def correlations(closes: pd.DataFrame) -> pd.DataFrame:
    """Correlation of each two tickers' returns; NaN where it is not defined.

    Each pair is taken over the dates that the two have in common. A ticker with itself is 1.
    """
    tickers = list(closes.columns)
    table = pd.DataFrame(np.nan, index=tickers, columns=tickers, dtype=float)
    known = {ticker: known_closes(closes[ticker]) for ticker in tickers}
    for place, one in enumerate(tickers):
        for other in tickers[place:]:
            _, correlation = _together(known[one], known[other])
            if correlation is not None:
                table.loc[one, other] = table.loc[other, one] = correlation
    return table


def rolling_volatility(closes: pd.DataFrame, *, window: int, periods: int) -> pd.DataFrame:
    """Annualised volatility of the last `window` returns at each date; NaN until there are so many.

    It is each ticker's own returns that are counted, so a skipped close makes the window longer.
    """
    columns = {
        ticker: returns_of(closes[ticker]).rolling(window).std(ddof=1) * math.sqrt(periods)
        for ticker in closes.columns
    }
    return pd.DataFrame(columns, index=closes.index, columns=closes.columns)


def rolling_correlation(closes: pd.DataFrame, benchmark: str, *, window: int) -> pd.DataFrame:
    """Correlation of the last `window` returns with the benchmark's; a column for all but it.

    NaN until there are so many returns in common, and where either does not move.
    """
    columns = {}
    for ticker in closes.columns:
        if ticker == benchmark:
            continue
        one, other = _pair(known_closes(closes[ticker]), closes[benchmark])
        correlation = one.rolling(window).corr(other)
        still = (one.rolling(window).std() < DUST) | (other.rolling(window).std() < DUST)
        columns[ticker] = correlation.mask(still).clip(-1.0, 1.0)
    return pd.DataFrame(columns, index=closes.index)


def monthly_returns(closes: pd.Series[float], *, weekly: bool) -> MonthlyReturns:
    """Each month's last close against the last close of the month before; years likewise.

    The first month counts from its first close, so it is partial; so is the last one while the next
    bar would still belong to it (the next weekday's; with `weekly` bars the one a week later). A
    month after one without any close has no return of its own.
    """
    known = known_closes(closes)
    if len(known) < 2:
        empty = pd.DataFrame(columns=[*MONTHS, YEAR], dtype=float)
        return MonthlyReturns(empty, empty.astype(bool))
    stamps = pd.DatetimeIndex(known.index)
    following = stamps[-1] + (pd.Timedelta(days=7) if weekly else pd.offsets.BDay())
    months, month_partial = _by_period(known, "M", following)
    years, year_partial = _by_period(known, "Y", following)
    every = range(stamps[0].year, stamps[-1].year + 1)
    table = pd.DataFrame(np.nan, index=every, columns=[*MONTHS, YEAR], dtype=float)
    partial = pd.DataFrame(False, index=every, columns=[*MONTHS, YEAR])
    for period, change in months.items():
        table.loc[period.year, period.month] = change
        partial.loc[period.year, period.month] = period in month_partial
    for period, change in years.items():
        table.loc[period.year, YEAR] = change
        partial.loc[period.year, YEAR] = period in year_partial
    return MonthlyReturns(table, partial)


def _by_period(
    known: pd.Series[float], unit: str, following: pd.Timestamp
) -> tuple[dict[pd.Period, float], set[pd.Period]]:
    """The returns of the calendar's months or years that have one, and those that are partial."""
    periods = pd.DatetimeIndex(known.index).to_period(unit)
    last = known.groupby(periods).last()
    before = last.shift(1)
    before.iloc[0] = known.iloc[0]
    found: dict[pd.Period, float] = {}
    for place, period in enumerate(last.index):
        gap = place > 0 and last.index[place - 1] != period - 1
        alone = place == 0 and int((periods == period).sum()) == 1
        if not gap and not alone:
            found[period] = float(last.iloc[place] / before.iloc[place] - 1)
    partial = {periods[0]}
    if following.to_period(unit) == periods[-1]:
        partial.add(periods[-1])
    return found, partial


def _cagr(known: pd.Series[float]) -> float | None:
    if len(known) < 2:
        return None
    spanned = known.index[-1] - known.index[0]
    if spanned < ENOUGH_OF_A_YEAR:
        return None
    return _number((known.iloc[-1] / known.iloc[0]) ** (CALENDAR_YEAR / spanned.days) - 1)


def _volatility(returns: Floats, periods: int) -> float | None:
    if len(returns) < FEWEST_RETURNS:
        return None
    if not _deviates(returns):
        return 0.0
    return _number(empyrical.annual_volatility(returns, annualization=periods))


def _sortino(returns: Floats, free: float, periods: int) -> float | None:
    if len(returns) < FEWEST_RETURNS:
        return None
    risk = empyrical.downside_risk(returns, free, annualization=periods)
    if risk < DUST:
        return None
    return _number(
        empyrical.sortino_ratio(returns, free, annualization=periods, _downside_risk=risk)
    )


def _deepest(known: pd.Series[float]) -> Drawdown:
    falls = known / known.cummax() - 1
    depth = float(empyrical.max_drawdown(known.pct_change().iloc[1:]))
    if falls.min() == 0:
        return Drawdown(0.0, None, None, None)
    trough = falls.idxmin()
    before = known.loc[:trough]
    top = before.max()
    after = known.loc[trough:]
    higher = after[after >= top]
    return Drawdown(
        depth=depth,
        peak=_date(before[before == top].index[-1]),
        trough=_date(trough),
        recovery=None if higher.empty else _date(higher.index[0]),
    )


def _pair(
    one: pd.Series[float], other: pd.Series[float]
) -> tuple[pd.Series[float], pd.Series[float]]:
    """Two tickers' returns over the same spans: between the dates that both have a close of."""
    other = known_closes(other)
    common = one.index.intersection(other.index)
    return one.loc[common].pct_change().iloc[1:], other.loc[common].pct_change().iloc[1:]


def _together(one: pd.Series[float], other: pd.Series[float]) -> tuple[float | None, float | None]:
    """Beta to, and correlation with, the other's returns."""
    mine, theirs = (returns.to_numpy(dtype=float) for returns in _pair(one, other))
    if len(mine) < FEWEST_PAIRS or not _deviates(theirs):
        return None, None
    beta = _number(empyrical.beta_aligned(mine, theirs))
    if not _deviates(mine):
        return 0.0, None
    correlation = float(np.corrcoef(mine, theirs)[0, 1])
    return beta, _number(max(-1.0, min(1.0, correlation)))


def _deviates(returns: Floats) -> bool:
    return len(returns) >= FEWEST_RETURNS and float(np.std(returns, ddof=1)) > DUST


def _number(value: float) -> float | None:
    value = float(value)
    return value if math.isfinite(value) else None


def _date(stamp: object) -> date:
    return pd.Timestamp(str(stamp)).date()
