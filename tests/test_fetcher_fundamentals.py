"""What is asked for facts besides prices, over HTTP on loopback, and what comes of the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta

import pytest

from stocktracker.errors import (
    EmptyReply,
    KeyRejected,
    NoAccess,
    RateLimited,
    UnreadableReply,
)
from stocktracker.fetcher import PARSERS, Fetcher
from stocktracker.fundamentals import KINDS, EarningsCalendar, News
from stocktracker.model import WHOLE_MARKET, Call, Feed, Ticker
from stocktracker.plans import Liveness
from stocktracker.upstream.queries import FUNCTIONS
from tests.fact_bodies import AAPL, BODIES, SUNDAY, article_row, calendar_text, news_body
from tests.helpers import FakeClock
from tests.test_fetcher import Behaviour, Server, reply, reply_json

KEY = "SENTINEL0KEY42"
Open = Callable[..., tuple[Server, Fetcher]]


@pytest.fixture
def open_both() -> Iterator[Open]:
    """A server that behaves as told and a fetcher that asks it; both end with the test."""
    with ExitStack() as stack:

        def start(
            behave: Behaviour, liveness: Liveness = Liveness.END_OF_DAY
        ) -> tuple[Server, Fetcher]:
            server = stack.enter_context(closing(Server(behave)))
            fetcher = Fetcher(
                upstream=server.url,
                key=KEY,
                clock=FakeClock("2026-05-17T12:00:00"),
                liveness=liveness,
                source="Alpha Vantage",
                deadline=timedelta(seconds=5),
            )
            return server, stack.enter_context(closing(fetcher))

        yield start


def answer(feed: Feed) -> Behaviour:
    body = BODIES[feed][1]
    return reply(body.encode()) if isinstance(body, str) else reply_json(body)


QUERIES = {
    Feed.SPLITS: {"function": "SPLITS", "symbol": "IBM"},
    Feed.DIVIDENDS: {"function": "DIVIDENDS", "symbol": "IBM"},
    Feed.COMPANY: {"function": "OVERVIEW", "symbol": "IBM"},
    Feed.EARNINGS: {"function": "EARNINGS", "symbol": "IBM"},
    Feed.INCOME: {"function": "INCOME_STATEMENT", "symbol": "IBM"},
    Feed.BALANCE: {"function": "BALANCE_SHEET", "symbol": "IBM"},
    Feed.CASH_FLOW: {"function": "CASH_FLOW", "symbol": "IBM"},
    Feed.NEWS: {"function": "NEWS_SENTIMENT", "tickers": "AAPL", "limit": "50"},
    Feed.MOVERS: {"function": "TOP_GAINERS_LOSERS"},
    Feed.CALENDAR: {"function": "EARNINGS_CALENDAR", "horizon": "3month"},
    Feed.MARKETS: {"function": "MARKET_STATUS"},
}


@pytest.mark.parametrize("feed", QUERIES)
def test_a_call_is_one_request_with_the_owners_key(feed: Feed, open_both: Open) -> None:
    server, fetcher = open_both(answer(feed))
    ticker = BODIES[feed][0]
    found = fetcher.fetch(Call(feed, (ticker,)))
    assert server.queries == [{**QUERIES[feed], "apikey": KEY}]
    assert type(found) is KINDS[feed]
    assert (found.ticker, found.fetched_at) == (ticker, SUNDAY)
    assert found.source == f"Alpha Vantage {QUERIES[feed]['function']}"


def test_every_kind_of_facts_can_be_asked_for() -> None:
    assert set(PARSERS) == set(FUNCTIONS) == set(KINDS) == set(QUERIES)


def test_news_of_the_whole_market_are_asked_for_by_topic(open_both: Open) -> None:
    server, fetcher = open_both(reply_json(news_body(article_row(ticker_sentiment=[]))))
    found = fetcher.fetch(Call(Feed.NEWS, (WHOLE_MARKET,)))
    assert isinstance(found, News)
    assert found.ticker == WHOLE_MARKET
    assert server.queries == [
        {
            "function": "NEWS_SENTIMENT",
            "topics": "financial_markets",
            "limit": "50",
            "apikey": KEY,
        }
    ]


@pytest.mark.parametrize("feed", QUERIES)
def test_of_these_only_movers_are_asked_for_live(feed: Feed, open_both: Open) -> None:
    server, fetcher = open_both(answer(feed), Liveness.DELAYED)
    fetcher.fetch(Call(feed, (BODIES[feed][0],)))
    (query,) = server.queries
    assert query.get("entitlement") == ("delayed" if feed is Feed.MOVERS else None)


REFUSALS = [
    ({}, EmptyReply),
    ({"Information": "Our standard API rate limit is 25 requests per day."}, RateLimited),
    ({"Information": "This is a premium endpoint."}, NoAccess),
    ({"Error Message": "the parameter apikey is invalid or missing."}, KeyRejected),
    ({"Information": "Invalid inputs. Please refer to the API documentation"}, EmptyReply),
    ({"Information": "No articles found. Please adjust the time range"}, EmptyReply),
    ({"symbol": "GOOG"}, UnreadableReply),
    ([], UnreadableReply),
]


@pytest.mark.parametrize("feed", QUERIES)
@pytest.mark.parametrize(("body", "error"), REFUSALS)
def test_a_refusal_is_told_for_what_it_is(
    feed: Feed, body: object, error: type[Exception], open_both: Open
) -> None:
    _, fetcher = open_both(reply_json(body))
    with pytest.raises(error):
        fetcher.fetch(Call(feed, (BODIES[feed][0],)))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Application Error</html>",
        b"",
        b"symbol\xff\n",
        b'{"symbol": "IBM", "data": [1e999]}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("feed", QUERIES)
def test_what_is_no_answer_is_unreadable(feed: Feed, body: bytes, open_both: Open) -> None:
    _, fetcher = open_both(reply(body))
    with pytest.raises(UnreadableReply):
        fetcher.fetch(Call(feed, (BODIES[feed][0],)))


def test_a_calendar_with_a_byte_order_mark_is_read(open_both: Open) -> None:
    text = "\ufeff" + calendar_text("AGYS,AGILYSYS,2026-05-18,2026-03-31,0.37,USD,")
    _, fetcher = open_both(reply(text.encode()))
    found = fetcher.fetch(Call(Feed.CALENDAR, (WHOLE_MARKET,)))
    assert isinstance(found, EarningsCalendar)
    assert [row.ticker for row in found.rows] == ["AGYS"]


def test_an_error_about_the_market_names_no_ticker(open_both: Open) -> None:
    server, fetcher = open_both(reply_json({}))
    with pytest.raises(EmptyReply) as caught:
        fetcher.fetch(Call(Feed.MOVERS, (WHOLE_MARKET,)))
    assert caught.value.ticker is None
    server.behave = reply_json(news_body(article_row(ticker_sentiment=[])))
    with pytest.raises(UnreadableReply) as other:
        fetcher.fetch(Call(Feed.NEWS, (AAPL,)))
    assert other.value.ticker == AAPL


def test_a_hostile_ticker_cannot_add_parameters(open_both: Open) -> None:
    server, fetcher = open_both(reply_json({}))
    hostile = Ticker("BC/P&apikey=evil#+")
    for feed in (Feed.COMPANY, Feed.NEWS):
        with pytest.raises(EmptyReply):
            fetcher.fetch(Call(feed, (hostile,)))
    company, news = server.queries
    assert company == {"function": "OVERVIEW", "symbol": hostile, "apikey": KEY}
    assert (news["tickers"], news["apikey"]) == (hostile, KEY)
