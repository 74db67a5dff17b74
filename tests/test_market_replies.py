"""News, movers, expected reports and the world's exchanges, from recorded bodies and hostile ones.

What people read here was written by anybody: it must come out short, plain and in order.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest

from stocktracker.errors import EmptyReply, UnreadableReply
from stocktracker.fundamentals import Article, Mention, Mover, Report, WorldMarket
from stocktracker.model import WHOLE_MARKET, Ticker
from stocktracker.upstream.market_replies import (
    parse_calendar,
    parse_markets,
    parse_movers,
    parse_news,
)
from tests.fact_bodies import (
    AAPL,
    FROM,
    HEADER,
    RECORDINGS,
    SUNDAY,
    article_row,
    calendar_text,
    market_row,
    mover_row,
    movers_body,
    news_body,
    recorded_json,
)

recorded = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")


def articles_of(*rows: dict[str, Any], ticker: Ticker = AAPL) -> tuple[Article, ...]:
    return parse_news(news_body(*rows), ticker, **FROM).articles


def article_of(**more: Any) -> Article:
    (article,) = articles_of(article_row(**more))
    return article


def gainers_of(*rows: dict[str, Any]) -> tuple[Mover, ...]:
    return parse_movers(movers_body(*rows), WHOLE_MARKET, **FROM).gainers


def reports_of(*lines: str, header: str = HEADER) -> tuple[Report, ...]:
    text = calendar_text(*lines, header=header)
    return parse_calendar(text, WHOLE_MARKET, **FROM).rows


def markets_of(*rows: dict[str, Any]) -> tuple[WorldMarket, ...]:
    return parse_markets({"markets": list(rows)}, WHOLE_MARKET, **FROM).rows


@pytest.mark.parametrize("parse", [parse_news, parse_movers, parse_markets])
@pytest.mark.parametrize("body", [[], None, "feed", {"feed": {}, "markets": 1, "top_gainers": 0}])
def test_a_body_without_what_it_must_have_is_not_read(parse: Any, body: Any) -> None:
    with pytest.raises(UnreadableReply):
        parse(body, WHOLE_MARKET, **FROM)


# --- news ---------------------------------------------------------------------------------------


@recorded
def test_the_recorded_news_of_apple() -> None:
    found = parse_news(recorded_json("portfoliotree__news_sentiment_AAPL.json"), AAPL, **FROM)
    first, last = found.articles[0], found.articles[-1]
    assert len(found.articles) == 50
    assert first.title.startswith("Tim Cook Finds Purpose, OpenAI-Apple Relationship Sours")
    assert first.published_at == datetime(2026, 5, 17, 11, 1, tzinfo=UTC)
    assert (first.source, first.sentiment, first.label) == ("Benzinga", 0.22902, "Somewhat-Bullish")
    assert first.mentions[0] == Mention("AAPL", 1.0, 0.061509)
    assert len(first.mentions) == 5
    assert last.published_at == datetime(2026, 5, 15, 15, 40, 35, tzinfo=UTC)
    assert all(article.url and article.url.startswith("https://") for article in found.articles)
    labels = Counter(article.label for article in found.articles)
    assert (labels["Bullish"], labels["Neutral"], labels["Bearish"]) == (13, 14, 1)


def test_news_come_newest_first_once_and_fifty_at_most() -> None:
    times = [f"202605{day:02}T1101{second:02}" for day in (14, 15, 16) for second in range(20)]
    rows = [article_row(f"At {each}", time_published=each) for each in times]
    found = articles_of(*rows, rows[-1])
    assert len(found) == 50
    assert found[0].title == "At 20260516T110119"
    assert found[-1].title == "At 20260514T110110"


def test_no_news_is_an_answer() -> None:
    assert articles_of() == ()


def test_news_that_do_not_name_the_ticker_are_about_another() -> None:
    rows = [article_row(), article_row("Another", ticker_sentiment=[])]
    assert len(articles_of(*rows)) == 2
    with pytest.raises(UnreadableReply, match="another ticker"):
        articles_of(*rows, ticker=Ticker("MSFT"))
    assert len(articles_of(*rows, ticker=WHOLE_MARKET)) == 2


def test_share_classes_are_recognised_in_both_spellings() -> None:
    rows = [article_row(ticker_sentiment=[{"ticker": "BRK-B"}])]
    (article,) = articles_of(*rows, ticker=Ticker("BRK.B"))
    assert article.mentions == (Mention("BRK-B", None, None),)


@pytest.mark.parametrize(
    "url",
    [
        *("", None, "javascript:alert(1)", "data:text/html,x", "//example.com", "http:///x", 7),
        "https://user:word@example.com/",
        "https://example.com/\u202e",
        "https://e.com/" + "x" * 2000,
    ],
)
def test_an_address_that_is_not_of_the_web_is_none(url: Any) -> None:
    assert article_of(url=url).url is None


def test_texts_are_plain_and_of_a_length_for_reading() -> None:
    found = article_of(
        title=" S&amp;P\u200b 500 \n rises " + "x" * 400, summary="y" * 3000, source=None
    )
    assert found.title.startswith("S&P 500 rises xxx")
    assert (len(found.title), len(found.summary), found.source) == (300, 1000, "")
    assert found.summary.endswith("…")


@pytest.mark.parametrize("score", ["None", None, "", 1.5, "-2"])
def test_a_sentiment_out_of_bounds_is_none(score: Any) -> None:
    mention = {"ticker": "AAPL", "relevance_score": score, "ticker_sentiment_score": score}
    found = article_of(overall_sentiment_score=score, ticker_sentiment=[mention])
    assert found.sentiment is None
    assert found.mentions == (Mention("AAPL", None, None),)


def test_a_label_is_one_of_five_in_one_spelling() -> None:
    assert article_of(overall_sentiment_label="Somewhat_Bearish").label == "Somewhat-Bearish"
    assert article_of(overall_sentiment_label="<b>Buy!</b>").label is None


@pytest.mark.parametrize(
    "broken",
    [
        {"title": ""},
        {"title": None},
        {"title": "\u200b"},
        {"time_published": "yesterday"},
        {"time_published": ""},
        {"time_published": 20260517},
        {"time_published": "20260519T110100"},
        {"time_published": "19690101T000000"},
        {"overall_sentiment_score": {}},
        {"ticker_sentiment": 5},
    ],
)
def test_an_article_that_cannot_be_right_is_left_out_of_many(broken: dict[str, Any]) -> None:
    good = [article_row(f"Number {number}") for number in range(9)]
    assert len(articles_of(*good, article_row(**broken))) == 9
    with pytest.raises(UnreadableReply):
        articles_of(article_row(**broken))


# --- movers -------------------------------------------------------------------------------------


@recorded
def test_the_recorded_movers_of_a_friday() -> None:
    body = recorded_json("portfoliotree__top_gainers_losers_2026-05-15.json")
    found = parse_movers(body, WHOLE_MARKET, **FROM)
    assert found.as_of == datetime(2026, 5, 15, 20, 16, tzinfo=UTC)
    assert [len(each) for each in (found.gainers, found.losers, found.active)] == [20, 20, 20]
    assert found.gainers[0] == Mover("DUKRW", 1.8, 1.79, 17900.0, 166_004)
    assert found.losers[0] == Mover("ELPW", 0.95, -0.99, -51.0309, 9_633_227)
    assert found.active[0] == Mover("SOXS", 9.255, 0.985, 11.9105, 394_664_097)


def test_in_winter_the_clock_of_new_york_is_five_hours_behind() -> None:
    body = movers_body(mover_row(), last_updated="2026-01-15 16:16:00 US/Eastern")
    found = parse_movers(body, WHOLE_MARKET, **FROM)
    assert found.as_of == datetime(2026, 1, 15, 21, 16, tzinfo=UTC)


def test_our_clock_may_lag_a_little_but_nothing_is_from_the_future() -> None:
    body = movers_body(mover_row(), last_updated="2026-05-17 08:03:00 US/Eastern")
    assert parse_movers(body, WHOLE_MARKET, **FROM).as_of == SUNDAY


@pytest.mark.parametrize(
    "time",
    [
        "2026-05-17 08:06:00 US/Eastern",
        "2026-05-15 16:16:00 UTC",
        "2026-05-15 16:16:00",
        "1950-05-15 16:16:00 US/Eastern",
    ],
)
def test_a_time_that_cannot_be_right_is_not_believed(time: str) -> None:
    with pytest.raises((UnreadableReply, ValueError)):
        parse_movers(movers_body(mover_row(), last_updated=time), WHOLE_MARKET, **FROM)


def test_odd_tickers_are_kept_as_they_are_and_come_once() -> None:
    rows = [mover_row(ticker) for ticker in ("OPFI+", "CELG^", "NAN", "OPFI+")]
    assert [mover.ticker for mover in gainers_of(*rows)] == ["OPFI+", "CELG^", "NAN"]


@pytest.mark.parametrize(
    "broken",
    [
        {"price": "0"},
        {"price": "None"},
        {"change_amount": "1.5"},  # from a price of nothing
        {"change_amount": "-0.5"},  # and up by 50 %
        {"change_percentage": "inf%"},
        {"change_percentage": None},
        {"ticker": ""},
        {"ticker": "X" * 31},
        {"volume": "many"},
    ],
)
def test_a_move_that_cannot_be_right_is_left_out_of_many(broken: dict[str, Any]) -> None:
    good = [mover_row(f"T{number}") for number in range(9)]
    assert len(gainers_of(*good, mover_row(**broken))) == 9
    with pytest.raises(UnreadableReply):
        gainers_of(mover_row(**broken))


def test_a_volume_that_nobody_says_is_none() -> None:
    assert gainers_of(mover_row(volume="None"))[0].volume is None


def test_no_movers_at_all_is_no_data() -> None:
    with pytest.raises(EmptyReply):
        gainers_of()


# --- the earnings calendar ----------------------------------------------------------------------


@recorded
def test_the_recorded_calendar() -> None:
    file = RECORDINGS / "portfoliotree__earnings_calendar_3month_2026-05-17.csv"
    rows = parse_calendar(file.read_text(encoding="utf-8"), WHOLE_MARKET, **FROM).rows
    assert len(rows) == 4526
    assert sum(row.estimate is None for row in rows) == 2473
    assert rows[4] == Report(
        ticker="AGYS",
        name="AGILYSYS INCORPORATED",
        day=date(2026, 5, 18),
        period_ends=date(2026, 3, 31),
        estimate=0.37,
        currency="USD",
        time="post-market",
    )
    assert Counter(row.time for row in rows) == {None: 4283, "pre-market": 142, "post-market": 101}
    assert rows[-1].day == date(2026, 8, 14)


def test_columns_are_found_by_name_and_the_hour_may_be_missing() -> None:
    header = "name,symbol,currency,estimate,mood,fiscalDateEnding,reportDate"
    (row,) = reports_of("HEICO,HEI.A,EUR,-0.5,fine,2026-04-30,2026-05-26", header=header)
    assert row == Report("HEI.A", "HEICO", date(2026, 5, 26), date(2026, 4, 30), -0.5, "EUR")


def test_reports_come_by_day_and_once() -> None:
    lines = ["B,B,2026-06-02,,,USD,", "A,A,2026-06-01,,,USD,", "B,B,2026-06-02,,,USD,"]
    assert [row.ticker for row in reports_of(*lines)] == ["A", "B"]


def test_tickers_that_look_like_nothing_are_tickers() -> None:
    assert [(row.ticker, row.name) for row in reports_of("NAN,NAN,2026-06-02,,,USD,")] == [
        ("NAN", "NAN")
    ]


@pytest.mark.parametrize(
    "line",
    [
        "X,X,soon,,,USD,",
        "X,X,2028-01-01,,,USD,",
        ",X,2026-06-02,,,USD,",
        "X,X,2026-06-02",
        "X,X,2026-06-02,,lots,USD,",
        "X,X, Inc.,2026-06-02,,,USD,",
    ],
)
def test_a_report_that_cannot_be_right_is_left_out_of_many(line: str) -> None:
    good = [f"T{number},Name,2026-06-01,,,USD," for number in range(9)]
    assert len(reports_of(*good, line)) == 9
    with pytest.raises(UnreadableReply):
        reports_of(line)


@pytest.mark.parametrize(
    "text", ["", "\n", "symbol,name\n", f'{HEADER}\nA,"A,', f'{HEADER}\n"A"b\n']
)
def test_what_is_not_this_csv_is_not_read(text: str) -> None:
    with pytest.raises(UnreadableReply):
        parse_calendar(text, WHOLE_MARKET, **FROM)


def test_a_calendar_without_reports_is_no_data() -> None:
    with pytest.raises(EmptyReply):
        reports_of()


# --- the world's exchanges ----------------------------------------------------------------------


@recorded
def test_the_recorded_markets_of_a_sunday() -> None:
    body = recorded_json("portfoliotree__market_status_2026-05-17_sunday.json")
    rows = parse_markets(body, WHOLE_MARKET, **FROM).rows
    assert len(rows) == 16
    assert rows[0] == WorldMarket(
        kind="Equity",
        region="United States",
        exchanges="NASDAQ, NYSE, AMEX, BATS",
        opens="09:30",
        closes="16:15",
        is_open=False,
        notes="",
    )
    assert [row.kind for row in rows if row.is_open] == ["Cryptocurrency"]
    assert rows[7].notes == "Noon trading break from 11:30 to 12:30 local time"


@pytest.mark.parametrize(
    "broken",
    [
        {"current_status": "perhaps"},
        {"current_status": None},
        {"local_open": "9am"},
        {"local_close": "24:00"},
        {"local_close": None},
        {"region": ""},
    ],
)
def test_a_market_that_cannot_be_right_is_left_out_of_many(broken: dict[str, Any]) -> None:
    good = [market_row(f"Region {number}") for number in range(9)]
    assert len(markets_of(*good, market_row(**broken))) == 9
    with pytest.raises(UnreadableReply):
        markets_of(market_row(**broken))


def test_no_markets_is_no_data() -> None:
    with pytest.raises(EmptyReply):
        markets_of()
