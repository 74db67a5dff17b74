"""Bodies to records, and refusals to errors: recorded bodies, and hostile ones."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from stocktracker.errors import (
    EmptyReply,
    KeyRejected,
    NoAccess,
    RateLimited,
    UnknownRefusal,
    UnknownTicker,
    UnreadableReply,
    Window,
)
from stocktracker.journal import make_redactor
from stocktracker.model import Feed, Interval, Ticker
from stocktracker.plans import Liveness
from stocktracker.upstream.notices import load_json, raise_if_refused
from stocktracker.upstream.replies import parse_bars, parse_bulk, parse_listing, parse_quote

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
IBM = Ticker("IBM")
SUNDAY = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)
FRIDAYS_CLOSE = datetime(2026, 5, 15, 20, 0, tzinfo=UTC)
SOURCE = "Alpha Vantage X"
PREMIUM = "https://www.alphavantage.co/premium/"
PLANS = f"Please subscribe to any of the premium plans at {PREMIUM} to instantly"

recorded = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")


# --- refusals ---------------------------------------------------------------------------------

SECOND, MINUTE, DAY = Window.SECOND, Window.MINUTE, Window.DAY
REFUSALS = [
    (
        "Information",
        "We have detected your API key as ABC123 and our standard API rate limit is 25 requests "
        f"per day. {PLANS} remove all daily rate limits.",
        DAY,
    ),
    (
        "Information",
        "Thank you for using Alpha Vantage! Our standard API rate limit is 25 requests per day. "
        f"{PLANS} remove all daily rate limits.",
        DAY,
    ),
    (
        "Information",
        "Thank you for using Alpha Vantage! Please consider spreading out your free API requests "
        "more sparingly (1 request per second). You may subscribe to any of the premium plans at "
        f"{PREMIUM} to lift the free key rate limit (25 requests per day), raise the per-second "
        "burst limit, and instantly unlock all premium endpoints",
        SECOND,
    ),
    (
        "Information",
        "Thank you for using Alpha Vantage! Please consider spreading out your free API requests "
        f"more sparingly. You may subscribe to any of the premium plans at {PREMIUM} to lift the "
        "free key rate limit (25 requests per day) and instantly unlock all premium endpoints",
        SECOND,
    ),
    (
        "Note",
        "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per minute "
        f"and 500 calls per day. Please visit {PREMIUM} if you would like to target a higher API "
        "call frequency.",
        MINUTE,
    ),
    (
        "Information",
        "Thank you for using Alpha Vantage! Please kindly contact support@alphavantage.co if you "
        "would like to have a higher API call volume",
        MINUTE,
    ),
    (
        "Information",
        f"Thank you for using Alpha Vantage! Please visit {PREMIUM} if you would like to have a "
        "higher API call volume.",
        MINUTE,
    ),
    (
        "Information",
        "Burst pattern detected. Please consider spreading out your API requests more evenly "
        "across a 1-minute window and query no more than 5 requests per second. Please contact "
        "support@alphavantage.co if you are targeting a higher API request volume.",
        SECOND,
    ),
    (
        "Information",
        "Minute-level rate limit exceed. Please stay under the number of API requests per minute "
        "for your premium subscription plan. Please contact support@alphavantage.co if you are "
        "targeting a higher API request volume.",
        MINUTE,
    ),
    (
        "Information",
        "Thank you for using Alpha Vantage! Please contact premium@alphavantage.co if you are "
        "targeting a higher API call volume.",
        MINUTE,
    ),
    (
        "Information",
        "Thank you for using Alpha Vantage! This is a premium endpoint. You may subscribe to any "
        f"of the premium plans at {PREMIUM} to instantly unlock all premium endpoints",
        NoAccess,
    ),
    (
        "Information",
        "Thank you for using Alpha Vantage! The outputsize=full parameter value is a premium "
        "feature for the TIME_SERIES_DAILY endpoint. You may subscribe to any of the premium "
        f"plans at {PREMIUM} to instantly unlock all premium features",
        NoAccess,
    ),
    (
        "Information",
        "You are not yet entitled to realtime US market data access.",
        NoAccess,
    ),
    (
        "Note",
        "You are not yet entitled to index data access. Please subscribe to any of our 150, 300, "
        f"600, or 1200 requests per minute premium plans at {PREMIUM}",
        NoAccess,
    ),
    (
        "Information",
        "The **demo** API key is for demo purposes only. Please claim your free API key at "
        "(https://www.alphavantage.co/support/#api-key) to explore our full API offerings. It "
        "takes fewer than 20 seconds.",
        KeyRejected,
    ),
    (
        "Error Message",
        "the parameter apikey is invalid or missing. Please claim your free API key on "
        "(https://www.alphavantage.co/support/#api-key). It should take less than 20 seconds.",
        KeyRejected,
    ),
    (
        "Error Message",
        "Invalid API call. Please retry or visit the documentation "
        "(https://www.alphavantage.co/documentation/) for TIME_SERIES_DAILY.",
        UnknownTicker,
    ),
    (
        "Error Message",
        "This API function (BATCH_STOCK_QUOTES) does not exist.",
        NoAccess,
    ),
    (
        "Information",
        "Invalid inputs. Please refer to the API documentation "
        "https://www.alphavantage.co/documentation#newsapi and try again.",
        EmptyReply,
    ),
    ("Information", "No articles found. Please adjust the time range and try again.", EmptyReply),
    ("detail", "Could not satisfy the request Accept header.", UnknownRefusal),
    ("Information", "We have moved to the moon.", UnknownRefusal),
]

RECORDED_REFUSALS = {
    "RomelTorres__error_function_does_not_exist.json": NoAccess,
    "RomelTorres__error_information_2018-04.json": MINUTE,
    "RomelTorres__error_information_2018-08.json": MINUTE,
    "beanprice__error_free_spread_out_2025-12-13.json": SECOND,
    "corsair__empty_object.json": EmptyReply,
    "finance-quote__error_note_5pm_500pd_2018-11.json": MINUTE,
    "finexia__error_burst_1rps_information.json": SECOND,
    "finexia__error_daily_25_key_echo_information.json": DAY,
    "finexia__error_demo_key_information.json": KeyRejected,
    "finexia__error_invalid_api_call_GLOBAL_QUOTE.json": UnknownTicker,
    "finexia__error_premium_endpoint_information.json": NoAccess,
    "misc__error_burst_pattern_20rps.json": SECOND,
    "misc__error_entitlement_index_data.json": NoAccess,
    "misc__error_entitlement_realtime.json": NoAccess,
    "misc__error_information_25pd_no_key_echo_2024.json": DAY,
    "misc__error_information_premium_volume.json": MINUTE,
    "misc__error_minute_level.json": MINUTE,
    "misc__error_news_invalid_inputs.json": EmptyReply,
    "misc__error_outputsize_full_premium.json": NoAccess,
    "portfoliotree__error_accept_header_detail.json": UnknownRefusal,
    "portfoliotree__error_apikey_invalid_or_missing.json": KeyRejected,
    "portfoliotree__error_invalid_api_call_BOP.json": UnknownTicker,
    "time-series-forecasting__error_premium_endpoint_2022-02.json": NoAccess,
}


def assert_refused(body, meaning):
    expected = RateLimited if isinstance(meaning, Window) else meaning
    with pytest.raises(expected) as caught:
        raise_if_refused(body, IBM, redact=make_redactor(["ABC123"]))
    assert type(caught.value) is expected
    assert caught.value.ticker == IBM
    assert "ABC123" not in str(caught.value)
    if isinstance(caught.value, RateLimited):
        assert caught.value.window is meaning


@pytest.mark.parametrize(("name", "text", "meaning"), REFUSALS)
def test_a_refusal_is_told_by_its_words_under_any_name(name, text, meaning):
    for key in (name, "Note", "Information"):
        assert_refused({key: text}, meaning)


@recorded
@pytest.mark.parametrize("file", RECORDED_REFUSALS)
def test_a_recorded_refusal_is_told(file):
    body = load_json((RECORDINGS / file).read_bytes())
    assert_refused(body, RECORDED_REFUSALS[file])


@recorded
def test_every_recorded_error_body_is_in_the_table():
    found = {path.name for path in RECORDINGS.glob("*error*.json")}
    assert found <= set(RECORDED_REFUSALS)


def test_an_unknown_notice_is_quoted_redacted_escaped_and_short():
    notice = "Dear ABC123,\r\n\x1b[31m\u202ewe moved. " + "x" * 500
    with pytest.raises(UnknownRefusal) as caught:
        raise_if_refused({"Information": notice}, redact=make_redactor(["ABC123"]))
    quoted = caught.value.notice
    assert quoted.startswith(r"Dear [redacted],\r\n\x1b[31m\u202ewe moved. xxx")
    assert len(quoted) == 200


@pytest.mark.parametrize("body", [None, [], [{}], "text", 3, True])
def test_what_is_no_object_is_unreadable(body):
    with pytest.raises(UnreadableReply):
        raise_if_refused(body)


def test_data_is_no_refusal():
    raise_if_refused({"Global Quote": {}})


# --- JSON -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"a": NaN}', "a number out of bounds"),
        (b'{"a": -Infinity}', "a number out of bounds"),
        (b'{"a": 1e400}', "a number out of bounds"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number out of bounds"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b'{"a": "b', "not JSON"),
        (b"", "not JSON"),
        (b'{"a": "\xff"}', "not text"),
        (b"\n<!DOCTYPE html><html></html>", "a web page"),
    ],
)
def test_a_body_that_is_not_sound_json_is_unreadable(content, why):
    with pytest.raises(UnreadableReply) as caught:
        load_json(content, IBM)
    assert caught.value.why == why
    assert caught.value.ticker == IBM
    assert caught.value.__context__ is None


@recorded
def test_a_recorded_error_page_is_unreadable():
    page = RECORDINGS / "RomelTorres__error_503_heroku_application_error_2018-05-02.html"
    with pytest.raises(UnreadableReply, match="a web page"):
        load_json(page.read_bytes())


def test_json_may_begin_with_a_byte_order_mark_and_the_first_of_two_keys_counts():
    assert load_json(b'\xef\xbb\xbf{"a": 1, "b": 2, "a": 3}') == {"a": 1, "b": 2}


# --- quotes -----------------------------------------------------------------------------------


def quote_body(envelope="Global Quote", **changes):
    fields = {
        "01. symbol": "IBM",
        "02. open": "218.2000",
        "03. high": "220.9100",
        "04. low": "217.6150",
        "05. price": "219.3000",
        "06. volume": "6154450",
        "07. latest trading day": "2026-05-15",
        "08. previous close": "218.3700",
        "09. change": "0.9300",
        "10. change percent": "0.4259%",
    }
    by_name = {name.split(". ")[1].replace(" ", "_"): name for name in fields}
    return {envelope: fields | {by_name[name]: value for name, value in changes.items()}}


def read_quote(body, ticker=IBM, *, at=SUNDAY, liveness=Liveness.END_OF_DAY):
    return parse_quote(body, ticker, fetched_at=at, liveness=liveness, source=SOURCE)


def test_a_quote_is_read():
    quote = read_quote(quote_body())
    assert (quote.price, quote.previous_close) == (219.3, 218.37)
    assert (quote.open, quote.high, quote.low, quote.volume) == (218.2, 220.91, 217.615, 6154450)
    assert quote.trading_day == date(2026, 5, 15)
    assert quote.as_of == FRIDAYS_CLOSE
    assert quote.fetched_at == SUNDAY
    assert (quote.liveness, quote.source, quote.currency) == (Liveness.END_OF_DAY, SOURCE, "USD")
    assert round(quote.change_percent, 4) == 0.4259


@recorded
def test_a_recorded_quote_is_read():
    body = load_json((RECORDINGS / "RomelTorres__global_quote_MSFT_2018.json").read_bytes())
    quote = read_quote(body, Ticker("MSFT"))
    assert (quote.price, quote.previous_close, quote.volume) == (112.13, 112.79, 29062853)
    assert quote.as_of == datetime(2018, 10, 5, 20, 0, tzinfo=UTC)


NOON = datetime(2026, 5, 15, 16, 0, tzinfo=UTC)
JUST_CLOSED = FRIDAYS_CLOSE + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("liveness", "at", "as_of"),
    [
        (Liveness.REALTIME, NOON, NOON),
        (Liveness.DELAYED, NOON, NOON - timedelta(minutes=15)),
        (Liveness.DELAYED, JUST_CLOSED, FRIDAYS_CLOSE - timedelta(minutes=10)),
        (Liveness.REALTIME, JUST_CLOSED, FRIDAYS_CLOSE),
        (Liveness.DELAYED, SUNDAY, FRIDAYS_CLOSE),
        (Liveness.END_OF_DAY, JUST_CLOSED, FRIDAYS_CLOSE),
    ],
)
def test_a_quote_is_as_fresh_as_the_plan_promises_and_never_later_than_the_close(
    liveness, at, as_of
):
    assert read_quote(quote_body(), at=at, liveness=liveness).as_of == as_of


def test_yesterdays_quote_got_while_trading_is_of_yesterdays_close():
    body = quote_body(latest_trading_day="2026-05-14")
    quote = read_quote(body, at=NOON, liveness=Liveness.REALTIME)
    assert quote.as_of == datetime(2026, 5, 14, 20, 0, tzinfo=UTC)


def test_a_delayed_envelope_makes_a_delayed_quote_whatever_was_asked():
    body = quote_body("Global Quote - DATA DELAYED BY 15 MINUTES")
    quote = read_quote(body, at=NOON, liveness=Liveness.REALTIME)
    assert quote.liveness is Liveness.DELAYED
    assert quote.as_of == NOON - timedelta(minutes=15)


def test_london_is_quoted_in_pence():
    quote = read_quote(quote_body(symbol="TSCO.LON"), Ticker("TSCO.LON"))
    assert quote.currency == "GBX"
    assert quote.as_of == datetime(2026, 5, 15, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["None", "-", "", "nan", "NaN", None])
def test_a_figure_that_is_missing_is_none(text):
    body = quote_body(open=text, high=text, low=text, volume=text, previous_close=text)
    quote = read_quote(body)
    assert (quote.open, quote.high, quote.low, quote.volume) == (None,) * 4
    assert quote.previous_close is None


def test_a_previous_close_of_nothing_is_none():
    assert read_quote(quote_body(previous_close="0.0000")).previous_close is None


@pytest.mark.parametrize(
    "changes",
    [
        {"price": "0.0000"},
        {"price": "-1"},
        {"price": "None"},
        {"price": "nan"},
        {"price": "inf"},
        {"price": "1e400"},
        {"price": "1_000"},
        {"price": "one"},
        {"price": True},
        {"price": ["219"]},
        {"open": "1e400"},
        {"volume": "many"},
        {"symbol": "MSFT"},
        {"symbol": None},
        {"latest_trading_day": "2026-05-18"},
        {"latest_trading_day": "2099-99-99"},
        {"latest_trading_day": "0001-01-01"},
        {"latest_trading_day": "None"},
        {"latest_trading_day": 20260515},
    ],
)
def test_a_quote_that_cannot_be_right_is_unreadable(changes):
    with pytest.raises(UnreadableReply) as caught:
        read_quote(quote_body(**changes))
    assert caught.value.ticker == IBM


@pytest.mark.parametrize("body", [{"Quote": {}}, {"Global Quote": []}, {"Global Quote": "x"}, []])
def test_another_shape_than_a_quotes_is_unreadable(body):
    with pytest.raises(UnreadableReply):
        read_quote(body)


def test_an_empty_quote_means_an_unknown_ticker():
    with pytest.raises(UnknownTicker):
        read_quote({"Global Quote": {}})


# --- bulk quotes ------------------------------------------------------------------------------


def bulk_row(symbol="IBM", **changes):
    return {
        "symbol": symbol,
        "timestamp": "2024-10-30 14:30:57.644",
        "open": "204.5",
        "high": "206.29",
        "low": "203.51",
        "close": "204.9",
        "volume": "5134212",
        "previous_close": "205.04",
        "change": "-0.14",
        "change_percent": "-0.0683",
        "extended_hours_quote": "",
        "extended_hours_change": "",
        "extended_hours_change_percent": "",
    } | changes


def bulk_body(*rows, message="success"):
    return {"endpoint": "Realtime Bulk Quotes", "message": message, "data": list(rows)}


def read_bulk(body, *asked, at=SUNDAY):
    return parse_bulk(
        body, asked or (IBM,), fetched_at=at, liveness=Liveness.REALTIME, source=SOURCE
    )


def test_bulk_quotes_are_read():
    (quote, other) = read_bulk(bulk_body(bulk_row(), bulk_row("MSFT", close="411")), IBM, "MSFT")
    assert (quote.ticker, quote.price, quote.previous_close) == ("IBM", 204.9, 205.04)
    assert (quote.open, quote.high, quote.low, quote.volume) == (204.5, 206.29, 203.51, 5134212)
    assert quote.trading_day == date(2024, 10, 30)
    assert quote.as_of == datetime(2024, 10, 30, 18, 30, 57, 644000, tzinfo=UTC)
    assert (other.ticker, other.price) == ("MSFT", 411)


def test_bulk_times_are_of_new_york_in_winter_too_and_not_later_than_the_close():
    (winter,) = read_bulk(bulk_body(bulk_row(timestamp="2025-01-15 14:30:00.000")))
    assert winter.as_of == datetime(2025, 1, 15, 19, 30, tzinfo=UTC)
    (evening,) = read_bulk(bulk_body(bulk_row(timestamp="2024-10-30 19:59:57.644")))
    assert evening.as_of == datetime(2024, 10, 30, 20, 0, tzinfo=UTC)


def test_bulk_rows_without_a_price_or_with_a_wrong_one_are_left_out():
    rows = [bulk_row(), bulk_row("A", close=""), bulk_row("B", close="-1"), bulk_row()]
    assert [quote.ticker for quote in read_bulk(bulk_body(*rows), IBM, "A", "B")] == ["IBM"]


def test_bulk_quotes_about_a_ticker_that_was_not_asked_are_not_believed():
    with pytest.raises(UnreadableReply, match="another ticker"):
        read_bulk(bulk_body(bulk_row(), bulk_row("MSFT")))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (bulk_body(bulk_row(), message="This is a premium endpoint. ***SAMPLE***"), NoAccess),
        (bulk_body(bulk_row(), message="partial"), UnreadableReply),
        ({"data": [bulk_row()]}, UnreadableReply),
        (bulk_body(), EmptyReply),
        (bulk_body(bulk_row(close="")), EmptyReply),
        (bulk_body(bulk_row(close="0")), UnreadableReply),
        (bulk_body(bulk_row(timestamp="2099-01-01 10:00:00")), UnreadableReply),
    ],
)
def test_bulk_quotes_are_refused(body, error):
    with pytest.raises(error):
        read_bulk(body)


@recorded
def test_the_recorded_invented_bulk_quotes_mean_no_access():
    file = RECORDINGS / "portfoliotree__realtime_bulk_quotes_NOT_ENTITLED.json"
    body = load_json(file.read_bytes())
    raise_if_refused(body)
    with pytest.raises(NoAccess):
        read_bulk(body, "MSFT", "AAPL", "IBM")


# --- bars -------------------------------------------------------------------------------------

KEYS = {
    Feed.DAILY: "Time Series (Daily)",
    Feed.WEEKLY: "Weekly Adjusted Time Series",
    Feed.INTRADAY: "Time Series (5min)",
}


def bar(close="219.3000", **changes):
    names = {"open": "1. open", "high": "2. high", "low": "3. low", "close": "4. close"}
    row = {"1. open": "218.2000", "2. high": "220.9100", "3. low": "217.6150", "4. close": close}
    row["5. volume"] = "6154450"
    return row | {names.get(name, "5. volume"): value for name, value in changes.items()}


def bars_body(rows, feed=Feed.DAILY, symbol="IBM"):
    meta = {"1. Information": "Prices", "2. Symbol": symbol, "3. Last Refreshed": "2026-05-15"}
    return {"Meta Data": meta | {"6. Time Zone": "US/Eastern"}, KEYS[feed]: rows}


def read_bars(body, feed=Feed.DAILY, *, at=SUNDAY, ticker=IBM):
    return parse_bars(body, ticker, feed, fetched_at=at, source=SOURCE)


def many(count, *, upto=date(2026, 5, 15)):
    return {str(upto - timedelta(days=age)): bar() for age in range(count)}


def from_csv(file: str, names: dict[str, str]):
    """A recorded CSV as the JSON that the same function answers with."""
    lines = csv.DictReader(io.StringIO((RECORDINGS / file).read_text()))
    return {
        line["timestamp"]: {theirs: line[column] for column, theirs in names.items()}
        for line in lines
    }


OHLC = {"open": "1. open", "high": "2. high", "low": "3. low", "close": "4. close"}


def test_daily_bars_are_read_oldest_first():
    rows = {"2026-05-15": bar(), "2026-05-14": bar("218.3700", volume="5906199")}
    bars = read_bars(bars_body(rows))
    frame = bars.frame
    assert bars.interval is Interval.DAILY
    assert (bars.source, bars.currency, bars.fetched_at) == (SOURCE, "USD", SUNDAY)
    assert list(frame.columns) == ["open", "high", "low", "close", "volume", "fetched_at"]
    assert list(frame["close"]) == [218.37, 219.3]
    assert list(frame["volume"]) == [5906199.0, 6154450.0]
    assert (frame.dtypes.iloc[:5] == "float64").all()
    assert frame.dtypes["fetched_at"] == "datetime64[us, UTC]"
    assert (frame["fetched_at"] == SUNDAY).all()
    assert frame.index.name == "date"
    assert frame.index.dtype == "datetime64[us]"
    assert bars.last_day == date(2026, 5, 15)


@recorded
def test_recorded_daily_bars_are_read():
    rows = from_csv("portfoliotree__daily_compact_IBM.csv", OHLC | {"volume": "5. volume"})
    bars = read_bars(bars_body(rows))
    assert len(bars.frame) == 100
    assert bars.frame["close"].loc["2026-05-14"] == 218.37
    assert bars.first == pd.Timestamp(min(rows))


@recorded
def test_recorded_weekly_bars_are_read_with_adjusted_closes_and_dividends():
    names = {"adjusted close": "5. adjusted close", "volume": "6. volume"}
    names |= {"dividend amount": "7. dividend amount"}
    rows = from_csv("portfoliotree__weekly_adjusted_IBM.csv", OHLC | names)
    bars = read_bars(bars_body(rows, Feed.WEEKLY), Feed.WEEKLY)
    assert bars.interval is Interval.WEEKLY
    week = bars.frame.loc["2026-05-01"]
    assert (week["close"], week["adjusted_close"], week["dividend"]) == (232.2, 230.5045, 0)
    assert bars.frame["dividend"].loc["2026-05-08"] == 1.69
    assert bars.frame["volume"].loc["2026-05-15"] == 33144274
    assert (bars.frame["adjusted_close"].dtype, bars.frame["dividend"].dtype) == ("f8", "f8")
    assert len(bars.frame) == len(rows)


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-05-15 09:30:00", "2026-05-15 13:30"),
        ("2026-01-15 09:30:00", "2026-01-15 14:30"),
        ("2026-03-06 15:55:00", "2026-03-06 20:55"),  # the Friday before daylight saving
        ("2026-03-09 15:55:00", "2026-03-09 19:55"),  # the Monday after it
    ],
)
def test_intraday_bars_are_in_utc_in_summer_and_winter(local, utc):
    bars = read_bars(bars_body({local: bar()}, Feed.INTRADAY), Feed.INTRADAY)
    assert bars.interval is Interval.FIVE_MINUTES
    assert bars.last == pd.Timestamp(utc, tz="UTC")
    assert bars.frame.index.dtype == "datetime64[us, UTC]"


def test_an_intraday_bar_from_the_future_is_wrong():
    body = bars_body({"2026-05-15 12:30:00": bar()}, Feed.INTRADAY)
    with pytest.raises(UnreadableReply):
        read_bars(body, Feed.INTRADAY, at=NOON)


def test_intraday_times_of_an_unknown_zone_are_not_believed():
    body = bars_body({"2026-05-15 12:30:00": bar()}, Feed.INTRADAY)
    body["Meta Data"]["6. Time Zone"] = "Mars/Olympus"
    with pytest.raises(UnreadableReply, match="zone"):
        read_bars(body, Feed.INTRADAY)


def test_a_volume_that_is_not_known_is_nan():
    assert math.isnan(
        read_bars(bars_body({"2026-05-15": bar(volume="None")})).frame["volume"].iloc[0]
    )


@pytest.mark.parametrize(
    "wrong",
    [
        bar("0.0000"),
        bar("nan"),
        bar("1e400"),
        bar("None"),
        bar(open="-1"),
        bar(high="1", low="2"),
        bar(volume="-1"),
        bar(volume="1e400"),
        {},
        "text",
        None,
    ],
)
def test_a_row_that_cannot_be_right_is_left_out_and_many_are_not_believed(wrong):
    rows = many(20)
    rows["2026-05-14"] = wrong
    frame = read_bars(bars_body(rows)).frame
    assert len(frame) == 19
    assert pd.Timestamp("2026-05-14") not in frame.index
    for day in ("2026-05-13", "2026-05-12"):
        rows[day] = wrong
    with pytest.raises(UnreadableReply, match="cannot be right"):
        read_bars(bars_body(rows))


@pytest.mark.parametrize("day", ["2026-05-18", "9999-12-31", "0001-01-01", "2026-13-45", "x", ""])
def test_a_row_of_an_impossible_day_is_left_out(day):
    frame = read_bars(bars_body({day: bar(), **many(20)})).frame
    assert len(frame) == 20
    assert frame.index.is_monotonic_increasing


def test_of_two_rows_of_a_day_the_first_counts():
    rows = ",".join(
        f'"{day}": {json.dumps(bar(close))}'
        for day, close in (("2026-05-15", "220"), ("2026-05-15", "218"), ("2026-05-14", "217.9"))
    )
    head = '{"Meta Data": {"2. Symbol": "IBM"}, "Time Series (Daily)": {'
    frame = read_bars(load_json(f"{head}{rows}}}}}".encode())).frame
    assert list(frame["close"]) == [217.9, 220.0]


def test_bars_about_another_ticker_are_not_believed():
    with pytest.raises(UnreadableReply, match="another ticker"):
        read_bars(bars_body(many(5), symbol="MSFT"))


@pytest.mark.parametrize("feed", KEYS)
def test_an_empty_series_is_an_empty_reply(feed):
    with pytest.raises(EmptyReply):
        read_bars(bars_body({}, feed), feed)


@pytest.mark.parametrize(
    "body",
    [
        bars_body(many(5), Feed.WEEKLY),
        {"Meta Data": {"2. Symbol": "IBM"}},
        {"Meta Data": [], "Time Series (Daily)": many(5)},
        {"Meta Data": {"2. Symbol": "IBM"}, "Time Series (Daily)": [bar()]},
        [],
    ],
)
def test_another_shape_than_the_feeds_is_unreadable(body):
    with pytest.raises(UnreadableReply):
        read_bars(body)


# --- the listing ------------------------------------------------------------------------------

HEADER = "symbol,name,exchange,assetType,ipoDate,delistingDate,status"


def listing_text(*lines, header=HEADER, count=1000, end="\r\n"):
    filler = [f"T{n},Name {n},NYSE,Stock,2020-01-01,null,Active" for n in range(count)]
    return "\r\n".join([header, *lines, *filler]) + end


def read_listing(text):
    return parse_listing(text, fetched_at=SUNDAY, source=SOURCE)


@recorded
def test_the_recorded_listing_is_read():
    file = RECORDINGS / "portfoliotree__listing_status_active_2026-05-17.csv"
    listing = read_listing(file.read_text(encoding="utf-8"))
    assert len(listing.rows) == 13_411
    assert next(iter(listing.rows)) == "-P-HIZ"
    assert listing.rows[Ticker("NA")].name == "Nano Labs Ltd"
    assert listing.rows[Ticker("AA")].exchange == "NYSE"
    assert sum(row.kind == "ETF" for row in listing.rows.values()) == 5_002
    assert all(row.name == row.name.strip() for row in listing.rows.values())
    assert (listing.fetched_at, listing.source) == (SUNDAY, SOURCE)


def test_a_listings_line_is_read():
    listing = read_listing(
        listing_text(
            "NAN,Nuveen Fund  ,NYSE,ETF,1999-05-26,null,Active",
            "SPX,S&AMP;P&NBSP;500 &amp; more\u202e,BATS,ETF,1999-05-26,null,Active",
            "OLD,Gone Inc,NYSE,Stock,1999-05-26,2020-01-01,Delisted",
            "EMPTY,,NYSE,Stock,1999-05-26,null,Active",
        )
    )
    assert listing.rows[Ticker("NAN")].name == "Nuveen Fund"
    assert listing.rows[Ticker("SPX")].name == "S&P 500 & more"
    assert listing.rows[Ticker("EMPTY")].name == ""
    assert "OLD" not in listing.rows


def test_the_order_of_the_listings_columns_does_not_matter():
    lines = ["status,symbol,name,exchange,assetType,ipoDate,delistingDate"]
    lines += [f"Active,T{n},Name {n},NYSE,Stock,2020-01-01,null" for n in range(1000)]
    assert read_listing("\n".join(lines) + "\n").rows[Ticker("T7")].name == "Name 7"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        HEADER + "\n",
        listing_text(count=999),
        listing_text(header=HEADER.replace("status", "state")),
        listing_text(header=HEADER + ",more"),
        listing_text()[:-10],
        listing_text(end=""),
        listing_text("A,Agilent,NYSE"),
        listing_text('A,"Agilent'),
        listing_text('A,"Agilent"x,NYSE,Stock,1999-11-18,null,Active'),
        "<html>\n",
    ],
)
def test_a_listing_that_is_not_whole_is_unreadable(text):
    with pytest.raises(UnreadableReply):
        read_listing(text)
