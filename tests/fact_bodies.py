"""Bodies of upstream's about a company and the market, made by hand in its shapes, and how to read
them. Two rows where one would do, oddities spread over them."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stocktracker.model import WHOLE_MARKET, Feed, Ticker
from stocktracker.upstream.notices import load_json

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
IBM = Ticker("IBM")
AAPL = Ticker("AAPL")
SUNDAY = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)
FROM: dict[str, Any] = {"fetched_at": SUNDAY, "source": "Alpha Vantage X"}


def recorded_json(name: str) -> Any:
    return load_json((RECORDINGS / name).read_bytes())


def recorded_rows(name: str) -> dict[str, Any]:
    """A recorded CSV in the shape that the JSON of the same function has."""
    with (RECORDINGS / name).open(encoding="utf-8", newline="") as file:
        return {"symbol": "IBM", "data": list(csv.DictReader(file))}


def splits_body(*rows: tuple[Any, Any], symbol: str = "IBM") -> dict[str, Any]:
    data = [{"effective_date": day, "split_factor": factor} for day, factor in rows]
    return {"symbol": symbol, "data": data}


def dividend_row(ex_day: Any, amount: Any, **more: Any) -> dict[str, Any]:
    blank = dict.fromkeys(("declaration_date", "record_date", "payment_date"), "None")
    return {"ex_dividend_date": ex_day, **blank, "amount": amount, **more}


def dividends_body(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"symbol": "IBM", "data": list(rows)}


def overview_body(**fields: Any) -> dict[str, Any]:
    return {"Symbol": "IBM", "Name": "International Business Machines", **fields}


def quarter_row(ends: Any, reported: Any, estimated: Any, **more: Any) -> dict[str, Any]:
    return {
        "fiscalDateEnding": ends,
        "reportedDate": "2026-04-22",
        "reportedEPS": reported,
        "estimatedEPS": estimated,
        "surprise": "None",
        "surprisePercentage": "None",
        "reportTime": "post-market",
        **more,
    }


def earnings_body(*quarters: dict[str, Any]) -> dict[str, Any]:
    annual = [{"fiscalDateEnding": "2025-12-31", "reportedEPS": "11.57"}]
    return {"symbol": "IBM", "annualEarnings": annual, "quarterlyEarnings": list(quarters)}


def report_row(ends: Any, currency: Any = "USD", **amounts: Any) -> dict[str, Any]:
    return {"fiscalDateEnding": ends, "reportedCurrency": currency, **amounts}


def statement_body(*annual: dict[str, Any]) -> dict[str, Any]:
    return {"symbol": "IBM", "annualReports": list(annual), "quarterlyReports": []}


def article_row(title: Any = "Apple rises", **more: Any) -> dict[str, Any]:
    mention = {
        "ticker": "AAPL",
        "relevance_score": "0.9",
        "ticker_sentiment_score": "0.2",
        "ticker_sentiment_label": "Somewhat-Bullish",
    }
    return {
        "title": title,
        "url": "https://example.com/apple",
        "time_published": "20260517T110100",
        "summary": "It rose.",
        "banner_image": None,
        "source": "Example",
        "overall_sentiment_score": 0.2,
        "overall_sentiment_label": "Somewhat_Bullish",
        "ticker_sentiment": [mention],
        **more,
    }


def news_body(*articles: dict[str, Any]) -> dict[str, Any]:
    return {"items": str(len(articles)), "feed": list(articles)}


def mover_row(ticker: Any = "AAPL", **more: Any) -> dict[str, Any]:
    return {
        "ticker": ticker,
        "price": "1.5",
        "change_amount": "0.5",
        "change_percentage": "50.0%",
        "volume": "1000",
        **more,
    }


def movers_body(*gainers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "metadata": "Top gainers, losers, and most actively traded US tickers",
        "last_updated": "2026-05-15 16:16:00 US/Eastern",
        "top_gainers": list(gainers),
        "top_losers": [],
        "most_actively_traded": [],
        **more,
    }


def market_row(region: Any = "Japan", **more: Any) -> dict[str, Any]:
    return {
        "market_type": "Equity",
        "region": region,
        "primary_exchanges": "Tokyo",
        "local_open": "09:00",
        "local_close": "15:00",
        "current_status": "closed",
        "notes": "",
        **more,
    }


HEADER = "symbol,name,reportDate,fiscalDateEnding,estimate,currency,timeOfTheDay"


def calendar_text(*lines: str, header: str = HEADER) -> str:
    return "".join(f"{line}\r\n" for line in (header, *lines))


# One whole body for each feed, and the ticker that it was asked for.
BODIES: dict[Feed, tuple[Ticker, Any]] = {
    Feed.SPLITS: (IBM, splits_body(("2021-11-04", "1.0460"), ("1999-05-27", "2.0000"))),
    Feed.DIVIDENDS: (
        IBM,
        dividends_body(
            dividend_row("2026-05-08", "1.69", payment_date="2026-06-10"),
            dividend_row("1999-02-08", "0.22"),
        ),
    ),
    Feed.COMPANY: (
        IBM,
        overview_body(
            OfficialSite="https://www.ibm.com",
            Currency="USD",
            LatestQuarter="2026-03-31",
            MarketCapitalization="206116848000",
            PERatio="19.42",
            PercentInsiders="0.117",
            EPS="None",
            Beta="-",
        ),
    ),
    Feed.EARNINGS: (
        IBM,
        earnings_body(
            quarter_row("2026-03-31", "1.91", "1.81", surprise="0.1", surprisePercentage="5.5249"),
            quarter_row("2025-12-31", "None", "4.29"),
        ),
    ),
    Feed.INCOME: (
        IBM,
        statement_body(
            report_row("2025-12-31", totalRevenue="67535000000", netIncome="10593000000"),
            report_row("2024-12-31", totalRevenue="62753000000", netIncome="None"),
        ),
    ),
    Feed.BALANCE: (IBM, statement_body(report_row("2025-12-31", totalAssets="1"))),
    Feed.CASH_FLOW: (IBM, statement_body(report_row("2025-12-31", operatingCashflow="-1"))),
    Feed.NEWS: (AAPL, news_body(article_row(), article_row("Apple falls", url=""))),
    Feed.MOVERS: (WHOLE_MARKET, movers_body(mover_row("OPFI+"), mover_row("AAPL"))),
    Feed.CALENDAR: (
        WHOLE_MARKET,
        calendar_text(
            "AGYS,AGILYSYS INCORPORATED,2026-05-18,2026-03-31,0.37,USD,post-market",
            "HEI.A,HEICO,2026-05-26,2026-04-30,,USD,",
        ),
    ),
    Feed.MARKETS: (WHOLE_MARKET, {"markets": [market_row(), market_row("Canada")]}),
}
