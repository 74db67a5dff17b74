"""From simulated bodies to the figures on the screen, against plain numpy on upstream's own series.

Upstream tells adjusted closes in a function that the free plan has not; here they are the yardstick
for what is worked out from bars, splits and dividends. COST splits 3:1 within the range.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from stocktracker.figures.adjust import Series
from stocktracker.figures.analytics import Range
from stocktracker.figures.history import History, aligned_closes, make_history
from stocktracker.figures.indicator_specs import Indicator
from stocktracker.figures.performance import DAYS_A_YEAR, statistics
from stocktracker.markets import calendar_of
from stocktracker.model import Feed, Interval, Ticker
from stocktracker.upstream.fundamental_replies import parse_dividends, parse_splits
from stocktracker.upstream.replies import parse_bars
from tests.test_indicators import agree, by_indicator
from tests.vendor import Desk

TICKERS = ("COST", "NVDA", "SPY")
DESK = Desk("premium-150")


@cache
def history(ticker: str, asked: Range = Range.YEAR, series: Series = Series.TOTAL) -> History:
    """A year of the ticker as the pages have it."""
    named, at = Ticker(ticker), DESK.now
    body = DESK.json("TIME_SERIES_DAILY", ticker, outputsize="full")
    found = make_history(
        asked,
        series,
        interval=Interval.DAILY,
        bars={Feed.DAILY: parse_bars(body, named, Feed.DAILY, fetched_at=at, source="test")},
        quote=None,
        splits=parse_splits(DESK.json("SPLITS", ticker), named, fetched_at=at, source="test"),
        dividends=parse_dividends(
            DESK.json("DIVIDENDS", ticker), named, fetched_at=at, source="test"
        ),
        zone=calendar_of(named).zone,
        now=at,
    )
    assert found is not None
    return found


@cache
def upstreams(ticker: str) -> pd.Series:
    """Upstream's adjusted closes, oldest first."""
    rows = DESK.rows("TIME_SERIES_DAILY_ADJUSTED", ticker, outputsize="full")
    closes = {pd.Timestamp(row["timestamp"]): float(row["adjusted_close"]) for row in rows}
    return pd.Series(closes).sort_index()


@pytest.mark.parametrize("ticker", TICKERS)
def test_total_return_closes_are_those_of_upstream(ticker: str) -> None:
    ours = history(ticker).frame["close"]
    theirs = upstreams(ticker).reindex(ours.index)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_a_split_lies_within_the_range() -> None:
    assert history("COST").splits
    raw = history("COST", Range.YEAR, Series.RAW).frame["close"].pct_change()
    assert raw.min() < -0.6
    assert history("COST").frame["close"].pct_change().min() > -0.2


@pytest.mark.parametrize("ticker", TICKERS)
def test_statistics_equal_plain_numpy_on_upstreams_closes(ticker: str) -> None:
    histories = [history(each) for each in TICKERS]
    closes = aligned_closes(histories).frame
    found = statistics(closes, periods=DAYS_A_YEAR, benchmark="SPY")[ticker]

    theirs = upstreams(ticker).reindex(closes.index).to_numpy()
    market = upstreams("SPY").reindex(closes.index).to_numpy()
    returns, others = theirs[1:] / theirs[:-1] - 1, market[1:] / market[:-1] - 1
    deviation = returns.std(ddof=1)
    downside = np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2))
    fall = (theirs / np.maximum.accumulate(theirs) - 1).min()
    covariance = np.cov(returns, others)

    assert found.returns == len(returns)
    assert found.total_return == pytest.approx(theirs[-1] / theirs[0] - 1, rel=1e-3)
    assert found.volatility == pytest.approx(deviation * np.sqrt(252), rel=1e-3)
    assert found.sharpe == pytest.approx(returns.mean() / deviation * np.sqrt(252), rel=1e-3)
    assert found.sortino == pytest.approx(returns.mean() / downside * np.sqrt(252), rel=1e-3)
    assert found.drawdown is not None
    assert found.drawdown.depth == pytest.approx(fall, rel=1e-3)
    assert found.beta == pytest.approx(covariance[0, 1] / covariance[1, 1], rel=1e-3)
    assert found.correlation == pytest.approx(np.corrcoef(returns, others)[0, 1], rel=1e-3)
    assert found.best is not None
    assert found.best.change == pytest.approx(returns.max(), rel=1e-3)
    assert found.worst is not None
    assert found.worst.change == pytest.approx(returns.min(), rel=1e-3)


@by_indicator
def test_indicators_of_a_ticker_that_split_equal_those_by_hand(indicator: Indicator) -> None:
    whole = history("COST", Range.YEAR, Series.SPLITS).frame
    agree(indicator, whole[["open", "high", "low", "close", "volume"]].astype("float64"))
