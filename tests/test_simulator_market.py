"""NEWS_SENTIMENT and TOP_GAINERS_LOSERS: recorded shapes, invented content, hostile text."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.vendor import Desk, recorded

DESK = Desk()
LABELS = {"Bearish", "Somewhat-Bearish", "Neutral", "Somewhat-Bullish", "Bullish"}
LISTS = ["top_gainers", "top_losers", "most_actively_traded"]
NO_ARTICLES = "No articles found."
INVALID_INPUTS = "Invalid inputs."


def feed(**wishes: str) -> list[dict[str, Any]]:
    return list(DESK.json("NEWS_SENTIMENT", **wishes)["feed"])


def published_at(article: dict[str, Any]) -> datetime:
    return datetime.strptime(article["time_published"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def kinds(value: Any) -> Any:
    """Names, their order, and the types of what they hold; of a list the first."""
    if isinstance(value, dict):
        return {name: kinds(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [kinds(value[0])] if value else []
    return type(value).__name__


def test_news_has_the_recorded_shape() -> None:
    expected = json.loads(recorded("portfoliotree__news_sentiment_AAPL.json"))
    body = DESK.json("NEWS_SENTIMENT", tickers="AAPL")
    assert list(body) == list(expected)
    for name in ("sentiment_score_definition", "relevance_score_definition", "items"):
        assert body[name] == expected[name]
    whole = [
        next(row for row in each["feed"] if row["authors"] and row["banner_image"])
        for each in (body, expected)
    ]
    assert kinds(whole[0]) == kinds(whole[1])


def test_news_is_newest_first_and_none_is_of_the_future() -> None:
    stamps = [article["time_published"] for article in feed(tickers="AAPL")]
    assert len(stamps) == 50
    assert stamps == sorted(stamps, reverse=True)
    newest = published_at(feed(tickers="AAPL")[0])
    assert DESK.now - timedelta(days=2) < newest <= DESK.now


def test_an_article_appears_in_its_second_and_stays_as_it_is() -> None:
    article = feed(tickers="IBM")[0]
    published = published_at(article)
    before, after = (
        Desk(at=f"{published + timedelta(seconds=late):%Y-%m-%dT%H:%M:%S}").json(
            "NEWS_SENTIMENT", tickers="IBM"
        )["feed"]
        for late in (-1, 0)
    )
    assert after[0] == article
    assert after[1:] == before[:49]


def test_everything_says_that_it_is_invented_and_leads_to_nobody() -> None:
    for article in [*feed(tickers="AAPL", limit="300"), *feed(limit="300"), *feed(tickers="BC/PB")]:
        assert "Simulated:" in article["title"]
        assert article["summary"].startswith("Simulated:")
        assert article["url"].startswith("https://example.com/simulated/")
        assert article["url"].isascii()
        assert article["url"].count("/") == 6
        image = article["banner_image"]
        assert image in ("", None) or image.startswith("https://example.com/simulated/")


def test_urls_are_unique() -> None:
    urls = [article["url"] for article in feed(tickers="AAPL", limit="1000")]
    assert len(urls) == len(set(urls)) == 1000


@pytest.mark.parametrize("wishes", [{"tickers": "AAPL"}, {}], ids=["of a ticker", "of the market"])
def test_some_texts_are_hostile(wishes: dict[str, str]) -> None:
    titles = [article["title"] for article in feed(**wishes, limit="200")]
    assert any("<script>" in title for title in titles)
    assert any("onerror=" in title for title in titles)
    assert any(title.startswith("=HYPERLINK(") for title in titles)
    assert any("**" in title and "](https://" in title for title in titles)
    assert any("\n# " in title and "\u202e" in title for title in titles)
    hostile = [
        title for title in titles[:50] if not title.startswith("Simulated: ") or "**" in title
    ]
    assert 1 <= len(hostile) <= 6


def test_banners_may_be_missing_in_both_of_upstreams_ways() -> None:
    images = [article["banner_image"] for article in feed(tickers="AAPL", limit="200")]
    assert None in images
    assert "" in images
    assert sum(bool(image) for image in images) > 100


def test_scores_are_numbers_and_texts_where_upstream_has_them_so() -> None:
    for article in feed(tickers="AAPL", limit="300"):
        score = article["overall_sentiment_score"]
        assert isinstance(score, float)
        assert -1 <= score <= 1
        assert article["overall_sentiment_label"] in LABELS
        assert (article["overall_sentiment_label"] == "Neutral") == (-0.15 < score < 0.15)
        assert (article["overall_sentiment_label"] == "Bullish") == (score >= 0.35)
        for mention in article["ticker_sentiment"]:
            assert 0 < float(mention["relevance_score"]) <= 1
            assert -1 <= float(mention["ticker_sentiment_score"]) <= 1
            assert mention["ticker_sentiment_label"] in LABELS


def test_all_asked_tickers_are_mentioned_in_every_article() -> None:
    for article in feed(tickers="MSFT,AAPL"):
        mentioned = {mention["ticker"] for mention in article["ticker_sentiment"]}
        assert {"AAPL", "MSFT"} <= mentioned
    assert all(article["ticker_sentiment"] for article in feed())
    assert len({each["ticker_sentiment"][0]["ticker"] for each in feed()}) > 15


def test_topics_choose_among_the_same_articles() -> None:
    chosen = feed(tickers="AAPL", topics="technology", limit="20")
    assert len(chosen) == 20
    for article in chosen:
        assert "technology" in [each["topic"] for each in article["topics"]]
    assert [each for each in feed(tickers="AAPL", limit="500") if each in chosen] == chosen
    both = feed(topics="technology,earnings", limit="5")
    assert {"technology", "earnings"} <= {each["topic"] for each in both[0]["topics"]}


@pytest.mark.parametrize(("limit", "count"), [("1", 1), ("7", 7), ("1000", 1000), ("5000", 1000)])
def test_the_limit_is_kept_up_to_a_thousand(limit: str, count: int) -> None:
    body = DESK.json("NEWS_SENTIMENT", tickers="AAPL", limit=limit)
    assert (len(body["feed"]), body["items"]) == (count, str(count))


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"tickers": "NOPE1"}, INVALID_INPUTS),
        ({"tickers": "AAPL,NOPE1"}, INVALID_INPUTS),
        ({"topics": "gossip"}, INVALID_INPUTS),
        ({"limit": "many"}, INVALID_INPUTS),
        ({"limit": "0"}, INVALID_INPUTS),
        ({"topics": "technology,earnings,finance,ipo,blockchain"}, NO_ARTICLES),
    ],
)
def test_what_cannot_be_answered_is_refused_as_upstream_does(
    wishes: dict[str, str], words: str
) -> None:
    assert DESK.json("NEWS_SENTIMENT", **wishes)["Information"].startswith(words)


def test_movers_have_the_recorded_shape() -> None:
    expected = json.loads(recorded("portfoliotree__top_gainers_losers_2026-05-15.json"))
    body = DESK.json("TOP_GAINERS_LOSERS")
    assert kinds(body) == kinds(expected)
    assert body["metadata"] == expected["metadata"]
    assert {name: len(body[name]) for name in LISTS} == dict.fromkeys(LISTS, 20)


def test_movers_are_of_the_last_session_that_is_out() -> None:
    assert DESK.json("TOP_GAINERS_LOSERS")["last_updated"] == "2026-11-23 16:16:00 US/Eastern"
    stamps = {
        "2026-11-23T22:59": "2026-11-20 16:16:00 US/Eastern",
        "2026-11-23T23:00": "2026-11-23 16:16:00 US/Eastern",
        "2026-11-28T12:00": "2026-11-27 13:16:00 US/Eastern",
    }
    for at, stamp in stamps.items():
        assert Desk(at=at).json("TOP_GAINERS_LOSERS")["last_updated"] == stamp


def test_movers_are_ranked() -> None:
    body = DESK.json("TOP_GAINERS_LOSERS")
    gains, losses = (
        [float(row["change_percentage"].rstrip("%")) for row in body[name]] for name in LISTS[:2]
    )
    assert gains == sorted(gains, reverse=True)
    assert losses == sorted(losses)
    assert min(gains) > 0 > max(losses)
    volumes = [int(row["volume"]) for row in body["most_actively_traded"]]
    assert volumes == sorted(volumes, reverse=True)
    for name in LISTS:
        for row in body[name]:
            change, price = float(row["change_amount"]), float(row["price"])
            percent = 100 * change / (price - change)
            assert float(row["change_percentage"].rstrip("%")) == pytest.approx(percent, abs=1e-3)


def test_movers_have_the_prices_of_their_quotes_and_some_have_no_quote() -> None:
    body = DESK.json("TOP_GAINERS_LOSERS")
    strangers = set()
    for row in [row for name in LISTS for row in body[name]]:
        quote = DESK.json("GLOBAL_QUOTE", row["ticker"])["Global Quote"]
        if not quote:
            strangers.add(row["ticker"])
            continue
        assert float(row["price"]) == float(quote["05. price"])
        assert float(row["change_amount"]) == pytest.approx(float(quote["09. change"]), abs=1e-4)
        assert row["volume"] == quote["06. volume"]
    assert any(ticker.endswith(("+", "^")) for ticker in strangers)
    assert {"NVDA", "TSLA"} <= {row["ticker"] for row in body["most_actively_traded"]}


def test_a_split_is_no_move() -> None:
    body = Desk(at="2026-10-15T01:00").json("TOP_GAINERS_LOSERS")
    assert "COST" not in {row["ticker"] for row in body["top_losers"]}


def test_an_entitled_key_sees_the_running_session() -> None:
    desk = Desk("premium-150", "2026-11-23T16:00")
    body = desk.json("TOP_GAINERS_LOSERS", entitlement="realtime")
    assert body["last_updated"] == "2026-11-23 11:00:00 US/Eastern"
    row = next(row for row in body["most_actively_traded"] if row["ticker"] == "NVDA")
    quote = desk.json("GLOBAL_QUOTE", "NVDA", entitlement="realtime")["Global Quote"]
    assert float(row["price"]) == float(quote["05. price"])
    assert desk.json("TOP_GAINERS_LOSERS")["last_updated"].startswith("2026-11-20")
    refused = Desk().json("TOP_GAINERS_LOSERS", entitlement="realtime")
    assert "not yet entitled" in refused["Information"]


@pytest.mark.parametrize("function", ["NEWS_SENTIMENT", "TOP_GAINERS_LOSERS"])
def test_answers_are_the_same_each_time_and_quick(function: str) -> None:
    first = DESK.answer(function, limit="1000").body
    begun = time.process_time()
    assert Desk().answer(function, limit="1000").body == first
    assert time.process_time() - begun < 0.1
    assert Desk(seed=2).answer(function, limit="1000").body != first


def test_the_first_list_of_a_day_is_quick_too() -> None:
    DESK.answer("TOP_GAINERS_LOSERS")
    begun = time.process_time()
    Desk(at="2026-09-30T01:00").answer("TOP_GAINERS_LOSERS")
    assert time.process_time() - begun < 0.3
