"""The simulator answers as Alpha Vantage does: shapes, rights, publication, listing, bulk.

Over real HTTP. Recorded bodies, where they are at hand, are the measure.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from stocktracker.config import Hours
from stocktracker.plans import PLANS
from stocktracker.simulator import Server, Simulator, serve
from tests.helpers import FakeClock

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
FRIDAY_11_AM = "2026-11-20T16:00:00"
THURSDAY, FRIDAY = "2026-11-19", "2026-11-20"
NOTICE = " - DATA DELAYED BY 15 MINUTES"
QUOTE_ENTRIES = [
    "01. symbol",
    "02. open",
    "03. high",
    "04. low",
    "05. price",
    "06. volume",
    "07. latest trading day",
    "08. previous close",
    "09. change",
    "10. change percent",
]


class Client:
    """Asks a simulator, on a clock that stands still."""

    def __init__(self, plan: str, at: str = FRIDAY_11_AM, **more: Any) -> None:
        self.clock = FakeClock(at)
        self.simulator = Simulator(PLANS[plan], (), self.clock, **more)
        self.server: Server = serve(self.simulator)
        self._session = requests.Session()

    def get(self, function: str, symbol: str = "", **more: str) -> requests.Response:
        wanted = {"function": function, "symbol": symbol, "apikey": "KEY", **more}
        return self._session.get(self.server.url, params=wanted, timeout=10)

    def json(self, function: str, symbol: str = "", **more: str) -> Any:
        return self.get(function, symbol, **more).json()

    def rows(self, function: str, symbol: str = "", **more: str) -> list[dict[str, str]]:
        text = self.get(function, symbol, datatype="csv", **more).text
        return list(csv.DictReader(io.StringIO(text)))

    def trading_day(self, **more: str) -> str:
        return str(self.rows("GLOBAL_QUOTE", "IBM", **more)[0]["latestDay"])

    def close(self) -> None:
        self._session.close()
        self.server.close()


@pytest.fixture(scope="module")
def free() -> Iterator[Client]:
    client = Client("free")
    yield client
    client.close()


@pytest.fixture(scope="module")
def delayed() -> Iterator[Client]:
    client = Client("premium-75")
    yield client
    client.close()


@pytest.fixture(scope="module")
def realtime() -> Iterator[Client]:
    client = Client("premium-150")
    yield client
    client.close()


def recorded(name: str) -> str:
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip("no recorded bodies here")
    return path.read_text()


def shape(value: Any) -> Any:
    """Names and their order; of dated rows and of lists only the first."""
    if isinstance(value, dict):
        first = next(iter(value), "")
        if first[:2] in ("19", "20"):
            return {"dated": shape(value[first])}
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def test_a_quote_has_upstreams_entries_in_order(realtime: Client) -> None:
    body = realtime.json("GLOBAL_QUOTE", "IBM", entitlement="realtime")
    assert list(body) == ["Global Quote"]
    assert list(body["Global Quote"]) == QUOTE_ENTRIES
    assert body["Global Quote"]["10. change percent"].endswith("%")


@pytest.mark.parametrize(
    ("function", "more", "recording"),
    [
        ("GLOBAL_QUOTE", {}, "RomelTorres__global_quote_MSFT_2018.json"),
        ("MARKET_STATUS", {}, "portfoliotree__market_status_2026-05-17_sunday.json"),
        ("SYMBOL_SEARCH", {"keywords": "BA"}, "RomelTorres__symbol_search_BA_2018.json"),
        ("REALTIME_BULK_QUOTES", {}, "portfoliotree__realtime_bulk_quotes_NOT_ENTITLED.json"),
        ("TIME_SERIES_INTRADAY", {"interval": "1min"}, "RomelTorres__intraday_1min_MSFT_2017.json"),
    ],
)
def test_json_has_the_recorded_shape(
    realtime: Client, function: str, more: dict[str, str], recording: str
) -> None:
    expected = json.loads(recorded(recording))
    assert shape(realtime.json(function, "IBM", **more)) == shape(expected)


@pytest.mark.parametrize(
    ("function", "more", "recording"),
    [
        ("GLOBAL_QUOTE", {}, "portfoliotree__global_quote_IBM.csv"),
        ("TIME_SERIES_DAILY", {}, "portfoliotree__daily_compact_IBM.csv"),
        ("TIME_SERIES_DAILY_ADJUSTED", {}, "portfoliotree__daily_adjusted_compact_IBM.csv"),
        ("TIME_SERIES_WEEKLY", {}, "portfoliotree__weekly_IBM.csv"),
        ("TIME_SERIES_WEEKLY_ADJUSTED", {}, "portfoliotree__weekly_adjusted_IBM.csv"),
        ("TIME_SERIES_INTRADAY", {"interval": "5min"}, "portfoliotree__intraday_5min_IBM.csv"),
        ("SYMBOL_SEARCH", {"keywords": "tesco"}, "portfoliotree__symbol_search_tesco.csv"),
        ("LISTING_STATUS", {}, "portfoliotree__listing_status_active_2026-05-17.csv"),
    ],
)
def test_csv_has_the_recorded_header(
    realtime: Client, function: str, more: dict[str, str], recording: str
) -> None:
    reply = realtime.get(function, "IBM", datatype="csv", **more)
    assert reply.headers["Content-Type"] == "application/x-download"
    assert reply.text.endswith("\r\n")
    assert reply.text.split("\r\n")[0] == recorded(recording).splitlines()[0]


def test_daily_bars_are_a_hundred_newest_first(free: Client) -> None:
    body = free.json("TIME_SERIES_DAILY", "IBM")
    assert body["Meta Data"] == {
        "1. Information": "Daily Prices (open, high, low, close) and Volumes",
        "2. Symbol": "IBM",
        "3. Last Refreshed": THURSDAY,
        "4. Output Size": "Compact",
        "5. Time Zone": "US/Eastern",
    }
    bars = body["Time Series (Daily)"]
    assert len(bars) == 100
    assert list(bars) == sorted(bars, reverse=True)
    assert list(bars[THURSDAY]) == ["1. open", "2. high", "3. low", "4. close", "5. volume"]


def test_json_is_indented_by_four_as_json_dumps_does_it(free: Client) -> None:
    for function in ("TIME_SERIES_DAILY", "TIME_SERIES_WEEKLY", "GLOBAL_QUOTE"):
        text = free.get(function, "IBM").text
        assert text == json.dumps(json.loads(text), indent=4)


def test_weekly_bars_reach_back_to_1999_on_any_plan(free: Client) -> None:
    body = free.json("TIME_SERIES_WEEKLY_ADJUSTED", "IBM")
    weeks = list(body["Weekly Adjusted Time Series"])
    assert len(body["Meta Data"]) == 4
    assert (weeks[0], weeks[-1]) == (THURSDAY, "1999-11-05")


@pytest.mark.parametrize(
    ("function", "more", "words"),
    [
        ("TIME_SERIES_DAILY", {"outputsize": "full"}, "outputsize=full parameter value is a prem"),
        ("TIME_SERIES_DAILY_ADJUSTED", {}, "This is a premium endpoint."),
        ("TIME_SERIES_INTRADAY", {"interval": "5min"}, "This is a premium endpoint."),
        ("GLOBAL_QUOTE", {"entitlement": "realtime"}, "not yet entitled to realtime US market"),
    ],
)
def test_a_free_key_is_refused_also_in_json_to_csv_calls(
    free: Client, function: str, more: dict[str, str], words: str
) -> None:
    reply = free.get(function, "IBM", datatype="csv", **more)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/json")
    assert words in reply.json()["Information"]


def test_unknown_tickers_and_functions_are_answered_as_upstream_does(free: Client) -> None:
    assert free.json("GLOBAL_QUOTE", "NOPE1") == {"Global Quote": {}}
    documentation = "(https://www.alphavantage.co/documentation/)"
    assert free.json("TIME_SERIES_DAILY", "NOPE1") == {
        "Error Message": f"Invalid API call. Please retry or visit the documentation "
        f"{documentation} for TIME_SERIES_DAILY."
    }
    assert free.json("BATCH_STOCK_QUOTES") == {
        "Error Message": "This API function (BATCH_STOCK_QUOTES) does not exist."
    }


@pytest.mark.parametrize("ticker", ["TSCO.LON", "SHOP.TRT", "MBG.DEX", "BRK-B", "-P-HIZ", "BC/PB"])
def test_foreign_and_odd_tickers_have_prices(free: Client, ticker: str) -> None:
    assert free.json("GLOBAL_QUOTE", ticker)["Global Quote"]["01. symbol"] == ticker
    assert len(free.rows("TIME_SERIES_DAILY", ticker)) == 100


def test_keys_are_asked_for_and_the_demo_key_opens_the_listing_only(free: Client) -> None:
    assert "apikey is invalid" in free.json("GLOBAL_QUOTE", "IBM", apikey="")["Error Message"]
    assert "demo purposes only" in free.json("GLOBAL_QUOTE", "IBM", apikey="demo")["Information"]
    assert free.get("LISTING_STATUS", apikey="demo").text.startswith("symbol,name,")


def test_delayed_quotes_have_another_envelope_and_are_a_quarter_of_an_hour_old() -> None:
    client = Client("premium-75")
    body = client.json("GLOBAL_QUOTE", "IBM", entitlement="delayed")
    assert list(body) == ["Global Quote" + NOTICE]
    series = client.json("TIME_SERIES_DAILY", "IBM", entitlement="delayed")
    assert series["Meta Data"]["1. Information"].endswith(NOTICE)
    client.close()

    client = Client("premium-150", "2026-11-20T15:45:00")
    before = client.json("GLOBAL_QUOTE", "IBM", entitlement="realtime")["Global Quote"]
    assert before == body["Global Quote" + NOTICE]
    client.close()


def test_paid_keys_without_entitlement_see_the_end_of_day(
    delayed: Client, realtime: Client
) -> None:
    assert delayed.trading_day() == realtime.trading_day() == THURSDAY
    assert delayed.trading_day(entitlement="delayed") == FRIDAY
    assert realtime.rows("TIME_SERIES_DAILY", "IBM")[0]["timestamp"] == THURSDAY
    live = realtime.rows("TIME_SERIES_DAILY", "IBM", entitlement="realtime")
    assert live[0]["timestamp"] == FRIDAY


def test_a_session_appears_when_it_has_been_published() -> None:
    client = Client("free", "2026-11-20T22:59:59", publication=timedelta(hours=2))
    assert client.trading_day() == THURSDAY
    client.clock.tick(1)
    assert client.trading_day() == FRIDAY
    client.clock.tick(timedelta(days=2))
    assert client.trading_day() == FRIDAY
    client.close()


def test_publication_may_depend_on_the_session() -> None:
    def late_on_fridays(session: Any) -> timedelta:
        return timedelta(hours=9 if session.day.weekday() == 4 else 1)

    client = Client("free", "2026-11-21T05:00:00", publication=late_on_fridays)
    assert client.trading_day() == THURSDAY
    client.clock.tick(timedelta(hours=1))
    assert client.trading_day() == FRIDAY
    client.close()


def test_bulk_quotes_are_real_with_the_right_plan(realtime: Client) -> None:
    body = realtime.json("REALTIME_BULK_QUOTES", "AAPL,IBM,NOPE1")
    assert body["message"] == "success"
    assert [row["symbol"] for row in body["data"]] == ["AAPL", "IBM"]
    assert body["data"][0]["timestamp"].startswith("2026-11-20 10:59:59.")
    quote = realtime.json("GLOBAL_QUOTE", "AAPL", entitlement="realtime")["Global Quote"]
    assert float(body["data"][0]["close"]) == float(quote["05. price"])


def test_bulk_quotes_are_at_most_a_hundred(realtime: Client) -> None:
    listed = realtime.rows("LISTING_STATUS")
    wanted = ",".join(row["symbol"] for row in listed[:120])
    assert len(realtime.json("REALTIME_BULK_QUOTES", wanted)["data"]) == 100


@pytest.mark.parametrize("plan", ["free", "premium-75"])
def test_bulk_quotes_are_invented_on_other_plans(plan: str) -> None:
    client = Client(plan)
    body = client.json("REALTIME_BULK_QUOTES", "TSLA")
    client.close()
    assert "ARTIFICIAL" in body["message"]
    assert [row["symbol"] for row in body["data"]] == ["MSFT", "AAPL", "IBM"]
    assert body == json.loads(recorded("portfoliotree__realtime_bulk_quotes_NOT_ENTITLED.json"))


def test_the_listing_has_upstreams_size_order_and_quirks(free: Client) -> None:
    reply = free.get("LISTING_STATUS")
    lines = reply.content.decode("ascii").split("\r\n")
    rows = {line.split(",")[0]: line.split(",") for line in lines[1:-1]}
    names = [row[1] for row in rows.values()]
    assert 13_300 < len(rows) < 13_600
    assert len(rows) == len(lines) - 2
    assert list(rows) == sorted(rows)
    assert all(len(row) == 7 and row[5:] == ["null", "Active"] for row in rows.values())
    assert rows["AAPL"][1:4] == ["Apple Inc", "NASDAQ", "Stock"]
    assert {"NA", "NAN", "ON", "ALL", "-P-HIZ", "BC/PB", "BRK-B", "SPY"} <= set(rows)
    assert 50 <= names.count("") <= 70
    assert any(name.endswith(" ") for name in names)
    assert any("&AMP;" in name for name in names)
    assert any(" & " in name for name in names)
    for suffix in (":BAT", "-WS", "-P-A", "-U"):
        assert sum(ticker.endswith(suffix) for ticker in rows) > 20


def test_the_listing_grows_with_each_trading_day() -> None:
    client = Client("free")
    friday = client.get("LISTING_STATUS").text
    client.clock.tick(timedelta(hours=12))
    assert client.get("LISTING_STATUS").text == friday
    client.clock.tick(timedelta(days=2, hours=12))
    monday = client.get("LISTING_STATUS").text
    assert set(friday.splitlines()) < set(monday.splitlines())
    client.close()


def test_the_package_runs_by_itself_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "stocktracker.simulator", "--port", "0", "--hours", "always"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split(" ")[0]
        reply = requests.get(url, {"function": "MARKET_STATUS", "apikey": "K"}, timeout=10)
        process.terminate()
        assert process.wait(10) == 0
    assert "plan free, limits 1/second,25/day, hours always" in line
    assert reply.json()["endpoint"] == "Global Market Open & Close Status"


def test_the_help_lists_the_functions() -> None:
    command = [sys.executable, "-m", "stocktracker.simulator", "--help"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    for function in ("CASH_FLOW", "EARNINGS_CALENDAR", "GLOBAL_QUOTE", "NEWS_SENTIMENT", "SPLITS"):
        assert function in ended.stdout


def test_what_is_known_of_companies_is_free_and_its_calls_tell_the_tickers(free: Client) -> None:
    for function in ("DIVIDENDS", "OVERVIEW", "EARNINGS", "INCOME_STATEMENT", "TOP_GAINERS_LOSERS"):
        reply = free.get(function, "IBM")
        assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/json")
        assert "Information" not in reply.json()
    assert free.get("NEWS_SENTIMENT", tickers="AAPL,IBM").json()["items"] == "50"
    assert free.simulator.calls[-1].tickers == ("AAPL", "IBM")


def test_wrong_arguments_end_the_program_with_2() -> None:
    command = [sys.executable, "-m", "stocktracker.simulator", "--limits", "5/hour"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "'5/hour' is not like" in ended.stderr


def test_hours_always_are_a_setting_of_the_same_market() -> None:
    weekend = "2026-11-21T18:00:00"
    still, moving = (
        Client("premium-150", weekend),
        Client("premium-150", weekend, hours=Hours.ALWAYS),
    )
    close = still.json("GLOBAL_QUOTE", "IBM", entitlement="realtime")["Global Quote"]
    price = moving.json("GLOBAL_QUOTE", "IBM", entitlement="realtime")["Global Quote"]
    still.close()
    moving.close()
    assert price["05. price"] != close["05. price"]
    for same in ("02. open", "06. volume", "07. latest trading day", "08. previous close"):
        assert price[same] == close[same]
