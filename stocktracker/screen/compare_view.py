"""The Compare page below its controls: the sections, what is missing, exports.

What is compared is computed, and each chart and table drawn, once for each change of what is
stored; other ticks and other viewers have the same again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from stocktracker import frontend, wording
from stocktracker.figures import compare_charts, heatmaps, performance
from stocktracker.figures.adjust import Series
from stocktracker.figures.comparison import (
    Comparison,
    common_series,
    compare,
    monthly,
    risk_points,
    tables,
)
from stocktracker.figures.export import table_csv, tables_xlsx
from stocktracker.figures.history import History
from stocktracker.figures.performance import Statistics
from stocktracker.figures.plotting import to_bytes
from stocktracker.figures.ranges import interval_words
from stocktracker.model import Feed, Interval, Ticker, Want
from stocktracker.palette import Palette
from stocktracker.runtime import Runtime
from stocktracker.screen import asking, plot, ui
from stocktracker.screen.compare_controls import (
    CORRELATION,
    DRAWDOWN,
    GROWTH,
    MONTHLY,
    RISK,
    ROLLING,
    Asked,
    Numbers,
)
from stocktracker.screen.compare_table import columns_of, shown_statistics
from stocktracker.screen.histories import history_of

NAMED = 3  # tickers in a button's label; beyond that it says how many
# The tables that stand behind each section's figures.
TABLES: Mapping[str, tuple[str, ...]] = {
    GROWTH: ("Statistics", "Growth"),
    DRAWDOWN: ("Drawdown",),
    RISK: ("Statistics",),
    CORRELATION: ("Correlation",),
    ROLLING: ("Rolling volatility", "Rolling correlation"),
    MONTHLY: ("Monthly returns",),
}
FRACTIONS = "Returns, volatility and drawdowns are fractions: 0.015 is 1.5 %."


# --- what is compared -------------------------------------------------------------------------


def wants_of(runtime: Runtime, asked: Asked) -> list[Want]:
    """Prices of every line, and what makes them comparable where it needs no question."""
    wants = [Want(feed, ticker) for ticker in asked.lines for feed in (Feed.QUOTE, Feed.DAILY)]
    return asking.wanted(runtime, [*wants, *_longer_bars(asked), *_actions(asked)])


def _longer_bars(asked: Asked) -> list[Want]:
    return [Want(Feed.WEEKLY, ticker) for ticker in asked.offer.weekly]


def _actions(asked: Asked) -> list[Want]:
    feeds = {
        Series.RAW: (),
        Series.SPLITS: (Feed.SPLITS,),
        Series.TOTAL: (Feed.SPLITS, Feed.DIVIDENDS),
    }[asked.series]
    return [Want(feed, ticker) for feed in feeds for ticker in asked.lines]


def compared(runtime: Runtime, asked: Asked) -> Comparison | None:
    """What is stored, side by side; None without any bars. Read-only."""
    histories = _histories(runtime, asked, asked.series)
    lacking = {ticker: each.lacking for ticker, each in histories.items() if each is not None}
    series = common_series(asked.series, list(histories.values()))
    if series is not asked.series:
        histories = _histories(runtime, asked, series)
    parts = [_version(ticker, each) for ticker, each in histories.items()]
    said = (asked.series, asked.offer.range, asked.benchmark, *asked.offer.waiting)
    version = " · ".join([*map(str, said), *parts, str(sorted(lacking.items()))])
    return _compare(version, asked, lacking, histories)


def _histories(runtime: Runtime, asked: Asked, series: Series) -> dict[Ticker, History | None]:
    offer = asked.offer
    return {
        ticker: history_of(runtime, ticker, offer.range, offer.interval, series)
        for ticker in asked.lines
    }


def _version(ticker: Ticker, history: History | None) -> str:
    """As of the minute: figures of a running day need not be made for every quote."""
    if history is None:
        return f"{ticker} –"
    minute = history.fetched_at.replace(second=0, microsecond=0)
    return (
        f"{ticker} {history.series} {minute.isoformat()} {history.first} {len(history.frame)} "
        f"{history.notes}"
    )


@st.cache_resource(show_spinner=False, max_entries=100)
def _compare(
    version: str,
    _asked: Asked,
    _lacking: Mapping[Ticker, Sequence[Feed]],
    _histories: Mapping[Ticker, History | None],
) -> Comparison | None:
    return compare(
        _histories,
        asked=_asked.series,
        benchmark=_asked.benchmark,
        waiting=_asked.offer.waiting,
        lacking=_lacking,
        version=version,
    )


@st.cache_resource(show_spinner=False, max_entries=100)
def _statistics(
    version: str,  # noqa: ARG001 the key
    risk_free: float,
    _comparison: Comparison,
) -> dict[str, Statistics]:
    return performance.statistics(
        _comparison.closes,
        periods=_comparison.periods,
        benchmark=_comparison.benchmark,
        risk_free=risk_free,
    )


# --- sections ---------------------------------------------------------------------------------


def draw_section(section: str, comparison: Comparison, numbers: Numbers) -> None:
    palette = ui.palette()
    {
        GROWTH: _growth,
        DRAWDOWN: _drawdown,
        RISK: _risk,
        CORRELATION: _correlation,
        ROLLING: _rolling,
        MONTHLY: _monthly,
    }[section](comparison, numbers, palette)


def _growth(comparison: Comparison, numbers: Numbers, palette: Palette) -> None:
    _plot(
        "growth",
        comparison,
        lambda: compare_charts.growth_figure(
            performance.rebased(comparison.closes),
            benchmark=comparison.benchmark,
            palette=palette,
            log=numbers.log,
        ),
        options=f"log {numbers.log}",
    )
    _table(comparison.version, numbers.risk_free, _look(), comparison, palette)


def _drawdown(comparison: Comparison, numbers: Numbers, palette: Palette) -> None:  # noqa: ARG001
    _plot(
        "drawdown",
        comparison,
        lambda: compare_charts.drawdown_figure(
            performance.drawdowns(comparison.closes),
            benchmark=comparison.benchmark,
            palette=palette,
        ),
    )


def _risk(comparison: Comparison, numbers: Numbers, palette: Palette) -> None:
    def make() -> go.Figure:
        points, yearly = risk_points(_statistics(comparison.version, numbers.risk_free, comparison))
        return compare_charts.risk_return_figure(
            points, benchmark=comparison.benchmark, yearly=yearly, palette=palette
        )

    _plot("risk", comparison, make)


def _correlation(
    comparison: Comparison,
    numbers: Numbers,  # noqa: ARG001
    palette: Palette,
) -> None:
    if len(comparison.tickers) < 2:
        st.info("Choose another ticker or a benchmark to see what moves together.")
        return
    _plot(
        "correlation",
        comparison,
        lambda: heatmaps.correlation_figure(
            performance.correlations(comparison.closes), palette=palette
        ),
    )


def _rolling(comparison: Comparison, numbers: Numbers, palette: Palette) -> None:
    closes, benchmark = comparison.closes, comparison.benchmark
    window = comparison.window(numbers.window)
    st.markdown(f"**Volatility a year** :gray[of the last {window} returns]")
    _plot(
        "rolling volatility",
        comparison,
        lambda: compare_charts.rolling_volatility_figure(
            performance.rolling_volatility(closes, window=window, periods=comparison.periods),
            benchmark=benchmark,
            palette=palette,
            height=340,
        ),
        options=numbers.window,
    )
    if benchmark is None or len(comparison.tickers) < 2:
        st.caption("Correlation over time needs a benchmark and another ticker.")
        return
    against = wording.escape_markdown(benchmark)
    st.markdown(f"**Correlation with {against}** :gray[of the last {window} returns]")
    _plot(
        "rolling correlation",
        comparison,
        lambda: compare_charts.rolling_correlation_figure(
            performance.rolling_correlation(closes, benchmark, window=window),
            palette=palette,
            height=340,
        ),
        options=numbers.window,
    )


def _monthly(comparison: Comparison, numbers: Numbers, palette: Palette) -> None:
    ticker = numbers.months_of
    if ticker not in comparison.tickers:
        st.info("There are no bars of this ticker to compare.")
        return
    _plot(
        "monthly",
        comparison,
        lambda: heatmaps.monthly_figure(monthly(comparison, ticker), palette=palette),
        options=ticker,
    )
    weekly = comparison.interval is Interval.WEEKLY
    st.caption(
        "In percent, by the last close of each month"
        + (", which is its last week's" if weekly else "")
        + "; * where less than the whole month or year is counted."
    )


def _look() -> str:
    """All that a picture depends on besides what is compared."""
    return f"{'dark' if ui.is_dark() else 'light'} {ui.scheme()}"


def _plot(
    name: str, comparison: Comparison, make: Callable[[], go.Figure], options: str = ""
) -> None:
    """The chart; what the viewer has zoomed to stays while it shows the same tickers and range."""
    first = comparison.closes.index[0] if len(comparison.closes) else ""
    shown = (name, options, *comparison.tickers, comparison.interval, comparison.series, first)
    keeps = " ".join(map(str, shown))
    version = f"{options} {comparison.version}"
    plot.show(_figure(name, version, _look(), keeps, make), key=f"compare {name}")


@st.cache_resource(show_spinner=False, max_entries=300)
def _figure(
    name: str, version: str, look: str, keeps: str, _make: Callable[[], go.Figure]
) -> bytes:
    """Made once for each version and look, and shared by all sessions."""
    del name, version, look  # parts of the key
    return to_bytes(_make(), library=frontend.LIBRARY, keeps=keeps)


@st.cache_resource(show_spinner=False, max_entries=100)
def _table(
    version: str,
    risk_free: float,
    look: str,  # noqa: ARG001 the key
    _comparison: Comparison,
    _palette: Palette,
) -> None:
    st.dataframe(
        shown_statistics(_statistics(version, risk_free, _comparison), _palette),
        key="compare statistics",
        hide_index=True,
        width="stretch",
        placeholder=wording.NOTHING,
        column_config=columns_of(
            weekly=_comparison.interval is Interval.WEEKLY, risk_free=risk_free
        ),
    )


# --- what is said of it -----------------------------------------------------------------------


def explain(comparison: Comparison) -> None:
    """What the figures are made of, and what was aligned, left out or is short."""
    closes = comparison.closes
    parts = [
        f"{interval_words(comparison.interval).capitalize()} of {' and '.join(comparison.sources)}",
        comparison.series.value.lower(),
    ]
    if len(closes):
        first, last = closes.index[0], closes.index[-1]
        parts.append(f"{len(closes) - 1:,} returns from {first:%-d %b %Y} to {last:%-d %b %Y}")
    if len(closes) > compare_charts.MOST_POINTS:
        parts.append("lines are drawn with fewer points, figures count them all")
    texts = [*parts, *comparison.notes]
    st.caption(" · ".join(wording.escape_markdown(text) for text in texts))


def offer_missing(runtime: Runtime, asked: Asked, comparison: Comparison | None) -> None:
    """The buttons for what would make the comparison whole, and why tickers are not in it."""
    if comparison is None or comparison.missing:
        _explain_missing(runtime, comparison.missing if comparison else asked.lines)
    for feed, tickers, what in (
        (Feed.WEEKLY, asked.offer.waiting, "weekly bars"),
        (Feed.SPLITS, comparison.lacks_splits if comparison else (), "splits"),
        (Feed.DIVIDENDS, comparison.lacks_dividends if comparison else (), "dividends"),
    ):
        if tickers:
            wants = [Want(feed, ticker) for ticker in tickers]
            asking.offer(runtime, wants, f"{what} of {_named(tickers)}")


def _named(tickers: Sequence[Ticker]) -> str:
    if len(tickers) > NAMED:
        return f"{len(tickers)} tickers"
    return ", ".join(wording.escape_markdown(ticker) for ticker in tickers)


def _explain_missing(runtime: Runtime, tickers: Sequence[Ticker]) -> None:
    """Why there are no bars yet of these, in a line each."""
    snapshot, now, zone = runtime.read(), runtime.now(), ui.zone()
    for ticker in tickers:
        want = Want(Feed.DAILY, ticker)
        attempt, due = snapshot.attempts.get(want), snapshot.poll.due.get(want)
        if attempt is not None and attempt.words:
            why = attempt.words
        elif due is not None and due.at is not None and due.at > now:
            at = wording.instant(due.at, zone, now=now)
            why = f"no bars are stored yet; they are asked for {at}"
        else:
            why = "no bars are stored yet; they are on their way"
        st.caption(
            f"**{wording.escape_markdown(ticker)}** is not compared: {wording.escape_markdown(why)}"
        )


# --- exports ----------------------------------------------------------------------------------


def csv_of(runtime: Runtime, asked: Asked, numbers: Numbers, table: str) -> bytes:
    """One of the tables, with what is to be known of it below; the notes alone without bars."""
    comparison = compared(runtime, asked)
    found = _tables(comparison, numbers)
    frame = found.get(table)
    return table_csv(pd.DataFrame() if frame is None else frame, notes=_notes(comparison, numbers))


def workbook_of(runtime: Runtime, asked: Asked, numbers: Numbers) -> bytes:
    """All tables, a sheet each."""
    comparison = compared(runtime, asked)
    return tables_xlsx(_tables(comparison, numbers), notes=_notes(comparison, numbers))


def _tables(comparison: Comparison | None, numbers: Numbers) -> dict[str, pd.DataFrame]:
    if comparison is None:
        return {}
    statistics = _statistics(comparison.version, numbers.risk_free, comparison)
    return tables(comparison, statistics, window=numbers.window, months_of=numbers.months_of)


def _notes(comparison: Comparison | None, numbers: Numbers) -> list[str]:
    if comparison is None:
        return ["No bars are stored yet."]
    return [
        f"{interval_words(comparison.interval).capitalize()}, {comparison.series.value.lower()}.",
        FRACTIONS,
        f"Risk-free rate: {numbers.risk_free} a year. Rolling window: {numbers.window}.",
        *(f"{name}: {words}" for name, words in performance.DEFINITIONS.items()),
        *(f"{note[:1].upper()}{note[1:]}." for note in comparison.notes),
    ]
