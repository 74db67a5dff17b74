"""Bodies about the market to records: news, movers, expected reports, the world's exchanges.

Pure, as replies.py is, and as strict: a row that cannot be right is left out, and where such rows
are many the whole body is. All text in them is from outside: it is cut to a sane length and made
plain here, and escaped by whoever shows it.

Each `parse_` takes one body of upstream's, what was asked for (WHOLE_MARKET for what belongs to no
ticker), and when and where from it came.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from stocktracker.errors import EmptyReply, UnreadableReply
from stocktracker.fundamentals import (
    Article,
    EarningsCalendar,
    Mention,
    Mover,
    Movers,
    News,
    Report,
    WorldMarket,
    WorldMarkets,
)
from stocktracker.model import WHOLE_MARKET, Ticker
from stocktracker.upstream.values import (
    CLOCK_SKEW,
    EASTERN,
    EASTERN_NAMES,
    OLDEST,
    as_object,
    first_of_each,
    need_day,
    read_rows,
    to_code,
    to_count,
    to_currency,
    to_day,
    to_number,
    to_text,
    to_url,
)

ARTICLES_AT_MOST = 50
MENTIONS_AT_MOST = 50
LONGEST_TITLE = 300
LONGEST_SUMMARY = 1000
LONGEST_NAME = 200
# Publishers' clocks and zones differ; beyond this an article is not from here.
ARTICLES_AHEAD = timedelta(days=1)
LABELS = ("Bearish", "Somewhat-Bearish", "Neutral", "Somewhat-Bullish", "Bullish")

TIMES = ("pre-market", "post-market")
REPORTS_AHEAD = timedelta(days=400)
CALENDAR_COLUMNS = {"symbol", "name", "reportDate", "fiscalDateEnding", "estimate", "currency"}

STATUSES = {"open": True, "closed": False}
HOUR = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def parse_news(body: Any, ticker: Ticker, *, fetched_at: datetime, source: str) -> News:
    """NEWS_SENTIMENT, for a ticker or for the market; newest first, fifty at most.

    The body does not say what was asked for. News of which no article names the ticker are not its.
    """
    about = _about(ticker)
    content = as_object(body, about)
    if "feed" not in content:
        raise UnreadableReply(about)
    latest = fetched_at + ARTICLES_AHEAD
    read = read_rows(content["feed"], lambda row: _article(as_object(row, about), latest), about)
    articles = first_of_each(read, lambda article: (article.title, article.url))
    if about is not None and articles and not any(_names(each, about) for each in articles):
        raise UnreadableReply(about, why="answer is about another ticker")
    articles.sort(key=lambda article: article.published_at, reverse=True)
    return News(
        ticker=ticker,
        fetched_at=fetched_at,
        source=source,
        articles=tuple(articles[:ARTICLES_AT_MOST]),
    )


def _article(fields: Mapping[str, Any], latest: datetime) -> Article:
    title = to_text(fields["title"], LONGEST_TITLE)
    published_at = datetime.fromisoformat(fields["time_published"])
    if published_at.tzinfo is None:
        published_at = published_at.replace(tzinfo=UTC)
    if title is None or not _instant(OLDEST) <= published_at <= latest:
        raise UnreadableReply(why="an article that cannot be right")
    label = str(fields.get("overall_sentiment_label")).replace("_", "-")
    told = fields.get("ticker_sentiment")
    mentions = [_mention(row) for row in told if isinstance(row, dict)] if told else []
    return Article(
        title=title,
        url=to_url(fields.get("url")),
        published_at=published_at.astimezone(UTC),
        source=to_text(fields.get("source"), LONGEST_NAME) or "",
        summary=to_text(fields.get("summary"), LONGEST_SUMMARY) or "",
        sentiment=_within(fields.get("overall_sentiment_score"), -1, 1),
        label=label if label in LABELS else None,
        mentions=tuple(each for each in mentions[:MENTIONS_AT_MOST] if each.ticker),
    )


def _mention(fields: Mapping[str, Any]) -> Mention:
    return Mention(
        ticker=to_code(fields.get("ticker")) or "",
        relevance=_within(fields.get("relevance_score"), 0, 1),
        sentiment=_within(fields.get("ticker_sentiment_score"), -1, 1),
    )


def _within(value: Any, least: float, most: float) -> float | None:
    number = to_number(value, None)
    return number if number is not None and least <= number <= most else None


def _names(article: Article, ticker: str) -> bool:
    """Share classes are spelt both `BRK.B` and `BRK-B`."""
    asked = ticker.replace(".", "-")
    return any(mention.ticker.replace(".", "-") == asked for mention in article.mentions)


def parse_movers(body: Any, ticker: Ticker, *, fetched_at: datetime, source: str) -> Movers:
    """TOP_GAINERS_LOSERS. Its time is US/Eastern."""
    content = as_object(body, None)
    lists = [
        first_of_each(read_rows(content[key], _mover, None), lambda mover: mover.ticker)
        for key in ("top_gainers", "top_losers", "most_actively_traded")
    ]
    if not any(lists):
        raise EmptyReply
    gainers, losers, active = lists
    return Movers(
        ticker=ticker,
        fetched_at=fetched_at,
        source=source,
        as_of=min(_last_updated(content["last_updated"], fetched_at + CLOCK_SKEW), fetched_at),
        gainers=tuple(gainers),
        losers=tuple(losers),
        active=tuple(active),
    )


def _last_updated(text: str, latest: datetime) -> datetime:
    """`2026-05-15 16:16:00 US/Eastern` as an instant."""
    stamp, _, zone = text.strip().rpartition(" ")
    if zone not in EASTERN_NAMES:
        raise UnreadableReply(why="a time of another zone")
    instant = datetime.fromisoformat(stamp).replace(tzinfo=EASTERN).astimezone(UTC)
    if not _instant(OLDEST) <= instant <= latest:
        raise UnreadableReply(why="a time that cannot be right")
    return instant


def _mover(row: Any) -> Mover:
    fields = as_object(row, None)
    ticker = to_code(fields["ticker"])
    price = to_number(fields["price"], None)
    change = to_number(fields["change_amount"], None)
    percent = to_number(str(fields["change_percentage"]).strip().removesuffix("%"), None)
    if ticker is None or price is None or change is None or percent is None:
        raise UnreadableReply(why="a mover without its figures")
    # It came from a price above nothing, and moved one way only.
    if price <= 0 or price - change <= 0 or change * percent < 0:
        raise UnreadableReply(why="a move that cannot be right")
    return Mover(ticker, price, change, percent, to_count(fields.get("volume"), None))


def parse_calendar(
    body: Any, ticker: Ticker, *, fetched_at: datetime, source: str
) -> EarningsCalendar:
    """EARNINGS_CALENDAR, a CSV whose columns come and go; by day, within one in upstream's order.

    A download that was cut short is not let through, lest expected reports seem to be off.
    """
    text = str(body)
    if not text.endswith("\n"):
        raise UnreadableReply(why="cut off")
    try:
        header, *lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    except csv.Error:
        raise UnreadableReply(why="not CSV") from None
    if not CALENDAR_COLUMNS.issubset(header):
        raise UnreadableReply
    latest = fetched_at.date() + REPORTS_AHEAD
    rows = read_rows(
        [line for line in lines if line],
        lambda line: _expected(dict(zip(header, line, strict=True)), latest),
        None,
    )
    if not rows:
        raise EmptyReply
    rows.sort(key=lambda row: row.day)
    return EarningsCalendar(
        ticker=ticker, fetched_at=fetched_at, source=source, rows=tuple(dict.fromkeys(rows))
    )


def _expected(fields: Mapping[str, str], latest: date) -> Report:
    ticker = to_code(fields["symbol"])
    if ticker is None:
        raise UnreadableReply(why="a report of nobody")
    told = fields.get("timeOfTheDay", "").strip()
    return Report(
        ticker=ticker,
        name=to_text(fields["name"], LONGEST_NAME) or ticker,
        day=need_day(fields["reportDate"], latest, None),
        period_ends=to_day(fields["fiscalDateEnding"], latest),
        estimate=to_number(fields["estimate"], None),
        currency=to_currency(fields["currency"].strip()) or "",
        time=told if told in TIMES else None,
    )


def parse_markets(body: Any, ticker: Ticker, *, fetched_at: datetime, source: str) -> WorldMarkets:
    """MARKET_STATUS, in upstream's order. It does not say as of when: it is when it was asked."""
    content = as_object(body, None)
    if "markets" not in content:
        raise UnreadableReply
    rows = read_rows(content["markets"], _market, None)
    if not rows:
        raise EmptyReply
    return WorldMarkets(ticker=ticker, fetched_at=fetched_at, source=source, rows=tuple(rows))


def _market(row: Any) -> WorldMarket:
    fields = as_object(row, None)
    kind = to_text(fields["market_type"], LONGEST_NAME)
    region = to_text(fields["region"], LONGEST_NAME)
    opens, closes = fields["local_open"].strip(), fields["local_close"].strip()
    if kind is None or region is None:
        raise UnreadableReply(why="a market without a name")
    if not HOUR.fullmatch(opens) or not HOUR.fullmatch(closes):
        raise UnreadableReply(why="an hour that cannot be right")
    return WorldMarket(
        kind=kind,
        region=region,
        exchanges=to_text(fields.get("primary_exchanges"), LONGEST_TITLE) or "",
        opens=opens,
        closes=closes,
        is_open=STATUSES[fields["current_status"].strip().lower()],
        notes=to_text(fields.get("notes"), LONGEST_TITLE) or "",
    )


def _about(ticker: Ticker) -> Ticker | None:
    """What an error is about: no one ticker, where it is the market."""
    return None if ticker == WHOLE_MARKET else ticker


def _instant(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
