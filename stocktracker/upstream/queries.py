"""What upstream is asked for the facts beside prices, and for live data: functions, parameters.

Pure. The key is not in it: only the fetcher knows that.
"""

from __future__ import annotations

from collections.abc import Mapping

from stocktracker.model import WHOLE_MARKET, Feed, Ticker
from stocktracker.plans import Liveness

FUNCTIONS: Mapping[Feed, str] = {
    Feed.SPLITS: "SPLITS",
    Feed.DIVIDENDS: "DIVIDENDS",
    Feed.COMPANY: "OVERVIEW",
    Feed.EARNINGS: "EARNINGS",
    Feed.INCOME: "INCOME_STATEMENT",
    Feed.BALANCE: "BALANCE_SHEET",
    Feed.CASH_FLOW: "CASH_FLOW",
    Feed.NEWS: "NEWS_SENTIMENT",
    Feed.MOVERS: "TOP_GAINERS_LOSERS",
    Feed.CALENDAR: "EARNINGS_CALENDAR",
    Feed.MARKETS: "MARKET_STATUS",
}
ARTICLES = "50"


def facts_query(feed: Feed, ticker: Ticker, liveness: Liveness) -> dict[str, str]:
    """The parameters besides the function; of the whole market where the ticker is that."""
    if feed is Feed.NEWS:
        about = {"tickers": ticker} if ticker != WHOLE_MARKET else {"topics": "financial_markets"}
        return {**about, "limit": ARTICLES}
    if feed is Feed.CALENDAR:
        return {"horizon": "3month"}
    if feed is Feed.MOVERS:
        return entitlement(liveness)
    return {} if feed is Feed.MARKETS else {"symbol": ticker}


def entitlement(liveness: Liveness) -> dict[str, str]:
    """Without it even a paid key is given yesterday's data."""
    return {} if liveness is Liveness.END_OF_DAY else {"entitlement": liveness.value}
