"""Several tickers side by side: which bars all need, what is compared, and the tables of it. Pure.

All are compared at one interval and as one kind of series where that can be had; what is left out,
short or different is said in `Comparison.notes`, and nothing is filled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from stocktracker.figures import performance
from stocktracker.figures.adjust import Series
from stocktracker.figures.analytics import Range
from stocktracker.figures.history import History, aligned_closes
from stocktracker.figures.performance import (
    DAYS_A_YEAR,
    WEEKS_A_YEAR,
    MonthlyReturns,
    Statistics,
)
from stocktracker.figures.ranges import INTRADAY_RANGES, Choice
from stocktracker.model import Feed, Interval, Ticker

# A day or five of them are too few returns for any of the figures.
RANGES = tuple(each for each in Range if each not in INTRADAY_RANGES)
# More lines than these cannot be told apart, and would take more than 300 kB.
MOST = 10
PERIODS = {Interval.DAILY: DAYS_A_YEAR, Interval.WEEKLY: WEEKS_A_YEAR}
# How many returns a rolling figure looks back over.
WINDOWS: Mapping[Interval, Mapping[str, int]] = {
    Interval.DAILY: {"3 months": 63, "6 months": 126, "1 year": 252},
    Interval.WEEKLY: {"3 months": 13, "6 months": 26, "1 year": 52},
}
WINDOW_NAMES = tuple(WINDOWS[Interval.DAILY])


@dataclass(frozen=True, slots=True)
class Offer:
    """What the button of a range would compare.

    `weekly` are the tickers whose bars of the range are asked for as weekly ones, and `waiting`
    those of them that have none yet, a call each. `blocked` says why the button cannot be pressed.
    """

    range: Range
    interval: Interval
    weekly: tuple[Ticker, ...]
    waiting: tuple[Ticker, ...]
    blocked: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What is compared. Treat the frame as read-only.

    `closes` are those of `history.aligned_closes`: a column a ticker, the benchmark's among them.
    `benchmark` is None where none was asked for or it has no bars. `missing` have no bars at all,
    `left_out` would have made the comparison short. `lacks_splits` and `lacks_dividends` could be
    compared better with these known. Notes are for people; tickers in them are not escaped.
    `version` differs whenever anything differs, for keys of what is drawn from it.
    """

    version: str

    closes: pd.DataFrame
    interval: Interval
    series: Series
    benchmark: Ticker | None
    missing: tuple[Ticker, ...]
    left_out: tuple[Ticker, ...]
    lacks_splits: tuple[Ticker, ...]
    lacks_dividends: tuple[Ticker, ...]
    sources: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def periods(self) -> int:
        return PERIODS[self.interval]

    def window(self, name: str) -> int:
        """How many returns one of `WINDOW_NAMES` has."""
        return WINDOWS[self.interval][name]

    @property
    def tickers(self) -> list[str]:
        return [str(ticker) for ticker in self.closes.columns]


def offers(chosen: Mapping[Ticker, Mapping[Range, Choice]]) -> dict[Range, Offer]:
    """For every range that can be compared, what each ticker's own choice comes to together.

    All are weekly as soon as one is. A range is blocked only where no ticker could be shown.
    """
    return {
        each: _offer(each, {t: ranges[each] for t, ranges in chosen.items()}) for each in RANGES
    }


def _offer(asked: Range, choices: Mapping[Ticker, Choice]) -> Offer:
    intervals = {choice.interval for choice in choices.values()}
    # Daily bars are wanted in any case.
    weekly = tuple(t for t, choice in choices.items() if choice.feed is Feed.WEEKLY)
    blocked = {choice.blocked for choice in choices.values()}
    return Offer(
        range=asked,
        interval=Interval.WEEKLY if Interval.WEEKLY in intervals else Interval.DAILY,
        weekly=weekly,
        waiting=tuple(ticker for ticker in weekly if choices[ticker].cost),
        blocked=None if None in blocked else next(iter(blocked), None),
    )


def common_series(asked: Series, histories: Sequence[History | None]) -> Series:
    """Total return only where all have it: with and without dividends cannot be compared."""
    if asked is Series.TOTAL and any(h is not None and h.series is not asked for h in histories):
        return Series.SPLITS
    return asked


def compare(
    histories: Mapping[Ticker, History | None],
    *,
    asked: Series,
    benchmark: Ticker | None,
    waiting: Collection[Ticker],
    lacking: Mapping[Ticker, Collection[Feed]],
    version: str,
) -> Comparison | None:
    """The histories that can be compared; None without any.

    They come as one series and in the order of the lines, the benchmark's among them. `waiting` are
    tickers whose longer bars are still to come: they are left out, so that the others are not cut
    short with them, unless that would leave nothing but the benchmark. `lacking` are the feeds
    that each ticker misses for the series that was `asked` for.
    """
    stored = {ticker: each for ticker, each in histories.items() if each is not None}
    whole = {ticker: each for ticker, each in stored.items() if ticker not in waiting}
    used = whole if set(whole) - {benchmark} else stored
    if not used:
        return None
    alignment = aligned_closes(list(used.values()))
    series = _weakest(each.series for each in used.values())
    lacks = {
        feed: tuple(ticker for ticker in used if feed in lacking.get(ticker, ()))
        for feed in (Feed.SPLITS, Feed.DIVIDENDS)
    }
    notes = [*alignment.notes]
    if asked is Series.TOTAL and series is not asked and lacks[Feed.DIVIDENDS]:
        names = ", ".join(lacks[Feed.DIVIDENDS])
        notes.append(f"dividends are not counted, as those of {names} are not known yet")
    if whole is used and set(stored) - set(used):
        names = ", ".join(ticker for ticker in stored if ticker not in used)
        notes.append(f"left out until their weekly bars are here: {names}")
    notes.extend(_own_notes(used))
    return Comparison(
        version=version,
        closes=alignment.frame,
        interval=alignment.interval,
        series=series,
        benchmark=benchmark if benchmark in used else None,
        missing=tuple(ticker for ticker in histories if ticker not in stored),
        left_out=tuple(ticker for ticker in stored if ticker not in used),
        lacks_splits=lacks[Feed.SPLITS],
        lacks_dividends=lacks[Feed.DIVIDENDS],
        sources=tuple(dict.fromkeys(name for each in used.values() for name in each.sources)),
        notes=tuple(notes),
    )


def _weakest(found: Iterable[Series]) -> Series:
    held = set(found)
    return next(each for each in Series if each in held)


def _own_notes(histories: Mapping[Ticker, History]) -> list[str]:
    """What each history has to say, once for all who say the same."""
    said: dict[str, list[str]] = {}
    for ticker, history in histories.items():
        for note in history.notes:
            said.setdefault(note, []).append(ticker)
    return [
        note if len(tickers) == len(histories) > 1 else f"{', '.join(tickers)}: {note}"
        for note, tickers in said.items()
    ]


def statistics_table(statistics: Mapping[str, Statistics]) -> pd.DataFrame:
    """A row a ticker, the columns of `performance.DEFINITIONS` behind ticker and the dates.

    Fractions, not percent; NaN and None where a figure is not defined.
    """
    return pd.DataFrame([{"ticker": ticker, **_row(each)} for ticker, each in statistics.items()])


def _row(each: Statistics) -> dict[str, Any]:
    fall, best, worst = each.drawdown, each.best, each.worst
    figures = asdict(each)
    return {
        "first": each.first,
        "last": each.last,
        **{
            name: _figure(figures[name])
            for name in ("total_return", "cagr", "volatility", "sharpe", "sortino")
        },
        "max_drawdown": _figure(fall and fall.depth),
        "peak": fall and fall.peak,
        "trough": fall and fall.trough,
        "recovery": fall and fall.recovery,
        "beta": _figure(each.beta),
        "correlation": _figure(each.correlation),
        "best": _figure(best and best.change),
        "best_day": best and best.day,
        "worst": _figure(worst and worst.change),
        "worst_day": worst and worst.day,
        "returns": each.returns,
        "skipped": each.skipped,
    }


def _figure(value: Any) -> float:
    return float("nan") if value is None else float(value)


def risk_points(statistics: Mapping[str, Statistics]) -> tuple[pd.DataFrame, bool]:
    """Volatility and change of each ticker, and whether the change is a growth a year.

    It is so only where the range is long enough for all that have a return.
    """
    yearly = all(
        each.cagr is not None for each in statistics.values() if each.total_return is not None
    )
    rows = {
        ticker: {
            "volatility": _figure(each.volatility),
            "change": _figure(each.cagr if yearly else each.total_return),
        }
        for ticker, each in statistics.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["volatility", "change"]), yearly


def tables(
    comparison: Comparison,
    statistics: Mapping[str, Statistics],
    *,
    window: str,
    months_of: str,
) -> dict[str, pd.DataFrame]:
    """Every table of the page by its name, for exports: fractions, not percent.

    Those by date have it as their index. `window` is one of `WINDOW_NAMES`; `months_of` is the
    ticker whose months are among them.
    """
    closes, benchmark = comparison.closes, comparison.benchmark
    returns = comparison.window(window)
    found = {
        "Statistics": statistics_table(statistics),
        "Closes": closes,
        "Growth": performance.rebased(closes),
        "Drawdown": performance.drawdowns(closes),
        "Correlation": performance.correlations(closes).rename_axis("ticker"),
        "Rolling volatility": performance.rolling_volatility(
            closes, window=returns, periods=comparison.periods
        ),
    }
    if benchmark is not None:
        found["Rolling correlation"] = performance.rolling_correlation(
            closes, benchmark, window=returns
        )
    if months_of in closes.columns:
        months = monthly(comparison, months_of).table
        found["Monthly returns"] = months.rename(columns=str).rename_axis(
            f"{months_of}, calendar year"
        )
    return found


def monthly(comparison: Comparison, ticker: str) -> MonthlyReturns:
    return performance.monthly_returns(
        comparison.closes[ticker], weekly=comparison.interval is Interval.WEEKLY
    )
