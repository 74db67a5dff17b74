"""The program as a process: how it starts, answers, shares calls, ends, and what it lets out.

The server is the real one and so is the network to it; only Alpha Vantage is a simulator.
"""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from stocktracker.plans import parse_limits
from tests.server import (
    AT_ONCE,
    KEY,
    LOOPBACK,
    App,
    Session,
    Upstream,
    simulating,
    starting_apps,
    until,
)

Start = Callable[..., App]
EVIL = "evil.example"
FOLLOWED = ("AAPL", "MSFT")
# fmt: off
TWENTY = (
    "AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "AVGO", "LLY", "JPM",
    "V", "XOM", "UNH", "MA", "COST", "HD", "PG", "JNJ", "ORCL", "KO",
)
# fmt: on
TYPES = {
    "ticker": str,
    "price": float,
    "previous_close": float,
    "change": float,
    "change_percent": float,
    "open": float,
    "high": float,
    "low": float,
    "volume": int,
    "trading_day": str,
    "as_of": str,
    "fetched_at": str,
    "freshness": str,
    "source": str,
    "currency": str,
    "doubtful": type(None),
}


def link(*tickers: str) -> str:
    """The query of a link to a page that shows these."""
    return urlencode([("tickers", ticker) for ticker in tickers])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with starting_apps(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def start_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    with starting_apps(tmp_path_factory.mktemp("servers")) as start:
        yield start


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with simulating("premium-75") as upstream:
        yield upstream


@pytest.fixture(scope="module")
def app(start_once: Start, upstream: Upstream) -> App:
    """A server on which AAPL and MSFT have been looked at, and nobody looks any more."""
    app = start_once(**upstream.settings, STOCKTRACKER_REFRESH_SECONDS="3600")
    look_at(app, *FOLLOWED)
    until(
        lambda: app.metric("calls_total") == 5,
        within=15,
        what="two quotes, two histories and the listing",
    )
    return app


def look_at(app: App, *tickers: str) -> None:
    """Somebody opens the page, stays until there are prices and history, and goes."""
    with Session(app, link(*tickers)):
        for ticker in tickers:
            wait_for(app, ticker)


def wait_for(app: App, ticker: str) -> None:
    until(lambda: app.price(ticker), within=15, what=f"a price of {ticker}")
    until(
        lambda: app.get(f"/api/history/{ticker}.csv").ok, within=15, what=f"a history of {ticker}"
    )


def instant(text: str) -> datetime:
    """`2026-11-23T15:00:00.000Z`; everything else is an error."""
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


# --- starting -------------------------------------------------------------------------------

WRONG = {
    "unknown-plan": (
        {"STOCKTRACKER_PLAN": "gold"},
        "STOCKTRACKER_PLAN: 'gold' is not a plan. Allowed: free, premium-75",
    ),
    "misspelt-name": ({"STOCKTRACKER_PLANS": "free"}, "STOCKTRACKER_PLANS: is not a setting."),
    "impossible-key": (
        {"ALPHAVANTAGE_API_KEY": f"{KEY}!"},
        "ALPHAVANTAGE_API_KEY: has characters that no key has.",
    ),
    "key-in-the-open": (
        {"ALPHAVANTAGE_API_KEY": KEY, "STOCKTRACKER_UPSTREAM": f"http://{EVIL}/query"},
        "STOCKTRACKER_UPSTREAM: would send the key in the open.",
    ),
    "open-store": ({}, "is open to others; close it with chmod 700"),
}


@pytest.mark.parametrize("why", WRONG)
def test_wrong_setting_ends_the_program_with_a_word(why: str, start: Start, tmp_path: Path) -> None:
    settings, words = WRONG[why]
    if why == "open-store":
        (tmp_path / "store" / "demo").mkdir(parents=True)
        (tmp_path / "store" / "demo").chmod(0o755)
    app = start(**settings, wait=False)
    assert app.wait(30) == 2
    assert words in app.log
    assert "Traceback" not in app.log
    assert KEY not in app.log


def test_without_a_key_it_starts_and_says_that_prices_are_simulated(start: Start) -> None:
    app = start()
    assert "no ALPHAVANTAGE_API_KEY, so prices are simulated" in app.log
    assert app.health()["source"] == "simulated"
    look_at(app, "AAPL")
    assert app.price("AAPL") is not None


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux says who listens so")
def test_by_default_it_listens_on_loopback_only(app: App) -> None:
    """We gave no address: it is the project's own configuration."""
    port = f"{app.port:04X}"
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port}")
    ]
    assert listening == [f"0100007F:{port}"]


# --- answering ------------------------------------------------------------------------------


def test_healthz_is_json_that_tells_poller_store_and_budget(app: App) -> None:
    reply = app.get("/healthz")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    body = reply.json()
    assert body["ok"] is True
    assert body["poller"]["alive"] is True
    assert body["poller"]["leads"] is True
    assert body["poller"]["halted"] is None
    assert body["store"] == {"ok": True, "fault": None}
    assert set(body["budget"]["left"]) == {"5/second", "75/minute"}
    assert body["viewers"] == 0
    assert body["source"] == "alphavantage"
    age = datetime.now(UTC) - instant(body["poller"]["heartbeat"])
    assert age < timedelta(seconds=30)


def test_metrics_are_prometheus_text(app: App) -> None:
    families = {
        family.name: family for family in text_string_to_metric_families(app.get("/metrics").text)
    }
    calls = {
        sample.labels["outcome"]: sample.value for sample in families["stocktracker_calls"].samples
    }
    assert calls == {"new": 5, "same": 0, "failed": 0}
    left = {
        sample.labels["limit"]: sample.value
        for sample in families["stocktracker_calls_left"].samples
    }
    assert set(left) == {"5/second", "75/minute"}
    assert families["stocktracker_calls"].type == "counter"
    assert app.metric("viewers") == 0
    assert app.metric("poller_leads") == 1
    assert app.metric("store_bytes") > 0
    assert app.metric("poller_heartbeat_age_seconds") < 30


def test_quotes_have_every_field_in_its_type(app: App) -> None:
    quotes = app.get("/api/quotes", tickers="AAPL").json()["quotes"]
    assert [{name: type(value) for name, value in quote.items()} for quote in quotes] == [TYPES]
    (quote,) = quotes
    assert quote["low"] <= quote["price"] <= quote["high"]
    assert quote["change"] == pytest.approx(quote["price"] - quote["previous_close"], abs=1e-5)
    assert date.fromisoformat(quote["trading_day"]) <= instant(quote["fetched_at"]).date()
    assert instant(quote["as_of"]) <= instant(quote["fetched_at"])
    assert quote["source"] == "Alpha Vantage GLOBAL_QUOTE"


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("AAPL,MSFT", ["AAPL", "MSFT"]),
        ("msft", ["MSFT"]),
        (["MSFT", "AAPL", "MSFT"], ["MSFT", "AAPL"]),
        ("AAPL,IBM", ["AAPL"]),  # nothing is known of IBM, and nothing is asked
        ("", []),
        (None, []),  # nobody watches anything
    ],
)
def test_quotes_are_those_asked_for(
    asked: str | list[str] | None, answered: list[str], app: App
) -> None:
    until(lambda: app.metric("watched_tickers") == 0, within=5)
    body = app.get("/api/quotes", tickers=asked).json()
    assert [quote["ticker"] for quote in body["quotes"]] == answered


def test_quotes_come_as_csv_with_the_same_figures(app: App) -> None:
    reply = app.get("/api/quotes", tickers="AAPL,MSFT", format="csv")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(reply.text)))
    quotes = app.get("/api/quotes", tickers="AAPL,MSFT").json()["quotes"]
    assert [(line["ticker"], float(line["price"])) for line in lines] == [
        (quote["ticker"], quote["price"]) for quote in quotes
    ]
    assert [line["name"] for line in lines] == ["Apple Inc", "Microsoft Corporation"]


BAD_TICKERS = ("<script>", "../../x", "A" * 21, "IBM\nERROR", "IBM&apikey=1", "=1+1", "Ä")


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        *(("/api/quotes", {"tickers": ticker}) for ticker in BAD_TICKERS),
        ("/api/quotes", {"format": "xml"}),
        ("/api/history/AAPL.csv", {"interval": "hourly"}),
        ("/api/history/%3Cscript%3E.csv", {}),
        ("/api/history/%2E%2E%2F%2E%2E%2Fetc%2Fpasswd.csv", {}),
    ],
)
def test_what_cannot_be_meant_is_refused_and_not_repeated(
    path: str, parameters: dict[str, str], app: App
) -> None:
    reply = app.get(path, **parameters)
    assert reply.status_code == 400
    assert not any(value in reply.text for value in ("script", "..", "ERROR", "hourly"))


def test_history_is_csv_oldest_first(app: App) -> None:
    reply = app.get("/api/history/AAPL.csv")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    header = "date,open,high,low,close,volume,ticker,interval,series,currency,source,fetched_at"
    assert reply.text.startswith(header + "\n")
    lines = list(csv.DictReader(io.StringIO(reply.text)))
    days = [date.fromisoformat(line["date"]) for line in lines]
    assert len(days) > 1000
    assert days == sorted(set(days))
    for line in lines:
        assert float(line["low"]) <= float(line["close"]) <= float(line["high"])
        assert int(line["volume"]) > 0
        assert line["ticker"] == "AAPL"


@pytest.mark.parametrize("path", ["/api/history/IBM.csv", "/api/history/AAPL.csv?interval=weekly"])
def test_history_that_is_not_stored_is_not_found(path: str, app: App) -> None:
    assert app.get(path).status_code == 404


def test_routes_never_cause_a_call(app: App, upstream: Upstream) -> None:
    before = upstream.asked()
    for _ in range(5):
        for path in ("/healthz", "/metrics", "/api/quotes", "/api/history/KO.csv"):
            app.get(path)
        app.get("/api/quotes", tickers="AAPL,KO,PEP")
        app.get("/api/history/AAPL.csv", interval="weekly")
    # A viewer of IBM has the poller make its round: what else it would ask, it asks now.
    look_at(app, "IBM")
    since = upstream.asked() - before
    assert set(since) == {("GLOBAL_QUOTE", "IBM"), ("TIME_SERIES_DAILY", "IBM")}


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/quotes", "/_stcore/health", "/nowhere"])
def test_answers_carry_the_security_headers(path: str, app: App) -> None:
    headers = app.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert "camera=()" in headers["permissions-policy"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": EVIL, "Origin": f"http://{EVIL}"},
        {"Host": EVIL},
        {"Origin": f"http://{EVIL}"},
    ],
    ids=["rebound", "host", "origin"],
)
def test_websocket_of_another_site_is_refused(headers: dict[str, str], app: App) -> None:
    address = f"ws://{headers.get('Host', LOOPBACK)}:{app.port}/_stcore/stream"
    origin = headers.get("Origin")
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(address, address=(LOOPBACK, app.port), origin=origin, proxy=None),
    ):
        pass
    assert refused.value.response.status_code == 403


def test_agents_are_not_let_in(app: App) -> None:
    """Streamlit's interface for programs that use the app by themselves is off."""
    assert requests.post(f"{app.url}/_stcore/agent/interact", json={}, timeout=10).status_code in (
        403,
        404,
    )


# --- sharing --------------------------------------------------------------------------------


def test_two_hundred_viewers_cost_what_one_costs(start: Start) -> None:
    """20 tickers in 200 overlapping lists of 5 each: every ticker is asked for once a refresh."""
    limits = "20/second,600/minute"
    lists = [[TWENTY[(first + step) % 20] for step in (0, 1, 3, 7, 12)] for first in range(200)]
    with simulating("premium-75", limits=parse_limits(limits)) as upstream:
        app = start(
            **upstream.settings, STOCKTRACKER_LIMITS=limits, STOCKTRACKER_REFRESH_SECONDS="5"
        )
        with ThreadPoolExecutor(4) as people:
            sessions = list(
                people.map(lambda tickers: Session(app, link(*tickers), keep=False), lists)
            )
            assert app.metric("viewers") == 200
            until(lambda: app.metric("watched_tickers") == 20, within=5)
            list(people.map(Session.tick, sessions))
            wait_for_refreshes(upstream, 3)
            one = Session(app, link(*TWENTY))
            list(people.map(Session.close, sessions))
        until(lambda: app.metric("viewers") == 1, within=5)
        wait_for_refreshes(upstream, 5)
        one.close()
        until(lambda: app.metric("watched_tickers") == 0, within=2)
        asked = upstream.asked()
        refreshes = {asked["GLOBAL_QUOTE", ticker] for ticker in TWENTY}
        assert max(refreshes) - min(refreshes) <= 1
        assert {ticker: asked["TIME_SERIES_DAILY", ticker] for ticker in TWENTY} == dict.fromkeys(
            TWENTY, 1
        )
        assert asked["LISTING_STATUS", ""] == 1
        # One whose bars jump as if there had been a split is asked about it, once.
        assert {asked[call] for call in asked if call[0] == "SPLITS"} <= {1}
        assert {function for function, _ in asked} - {"SPLITS"} == {
            "GLOBAL_QUOTE",
            "TIME_SERIES_DAILY",
            "LISTING_STATUS",
        }
        assert upstream.simulator.refusals == 0
        for ticker in TWENTY:
            at = [
                call.at
                for call in upstream.calls
                if call.function == "GLOBAL_QUOTE" and call.tickers == (ticker,)
            ]
            assert min(late - early for early, late in pairwise(at)) > timedelta(seconds=4.9)


def wait_for_refreshes(upstream: Upstream, count: int) -> None:
    """Until every ticker has been asked for so often."""

    def done() -> bool:
        asked = upstream.asked()
        return all(asked["GLOBAL_QUOTE", ticker] >= count for ticker in TWENTY)

    until(done, within=30, what=f"{count} quotes of each ticker")


@pytest.mark.parametrize("leave", [Session.close, Session.vanish])
def test_who_leaves_is_gone_and_the_others_stay(leave: Callable[[Session], None], app: App) -> None:
    staying = Session(app, link("AAPL"))
    leaving = Session(app, link("AAPL", "MSFT"))
    until(lambda: app.metric("watched_tickers") == 2, within=2)
    assert app.metric("viewers") == 2
    leave(leaving)
    until(lambda: app.metric("watched_tickers") == 1, within=2, what="MSFT forgotten")
    assert app.metric("viewers") == 1
    assert [quote["ticker"] for quote in app.get("/api/quotes").json()["quotes"]] == ["AAPL"]
    staying.close()
    until(lambda: app.metric("watched_tickers") == 0, within=2)


def test_a_silent_connection_loses_its_lease(start: Start) -> None:
    """No farewell and no answer to a ping, as when a laptop lid closes; found out by the pings."""
    with simulating("premium-75") as upstream:
        app = start(**upstream.settings, flags=("--server.websocketPingInterval=2",))
        session = Session(app, link("AAPL"))
        until(lambda: app.metric("watched_tickers") == 1, within=5)
        session.fall_silent()
        until(lambda: app.metric("watched_tickers") == 0, within=20)
        session.close()


def test_a_visitor_who_clears_the_caches_stops_nothing(app: App, upstream: Upstream) -> None:
    """Streamlit obeys this message, whoever sends it."""
    session = Session(app, link("AAPL"))
    before, calls = app.health()["poller"], upstream.count()
    for _ in range(20):
        session.clear_cache()
        session.rerun()
    after = app.health()
    assert after["ok"] is True
    assert after["poller"]["since"] == before["since"]
    assert app.log.count("polling as") == 1
    assert upstream.count() == calls
    until(lambda: app.metric("viewers") == 1, within=2)
    session.close()


def test_twenty_sessions_at_once_and_a_hundred_cleared_caches_leave_one_poller(
    start: Start,
) -> None:
    with simulating("free", publication=AT_ONCE) as upstream:
        app = start(**upstream.settings)
        since = app.health()["poller"]["since"]
        with ThreadPoolExecutor(20) as doors:
            sessions = list(doors.map(lambda _: Session(app, link("AAPL")), range(20)))
        until(lambda: app.price("AAPL"), within=15)
        until(lambda: app.metric("calls_total") == 2, within=10)
        for session in sessions:
            for _ in range(5):
                session.clear_cache()
            session.rerun()
        assert app.health()["ok"] is True
        assert app.health()["poller"]["since"] == since
        assert app.log.count("polling as") == 1
        assert upstream.count() == 2
        for session in sessions:
            session.close()


def test_two_servers_on_one_store_poll_once_and_the_second_takes_over(start: Start) -> None:
    with simulating("free", publication=AT_ONCE) as upstream:
        first = start(**upstream.settings)
        second = start(**upstream.settings)
        assert [app.health()["poller"]["leads"] for app in (first, second)] == [True, False]
        session = Session(second, link("AAPL"))  # the other one asks for this one's viewer
        until(lambda: second.price("AAPL"), within=15)
        assert second.price("AAPL") == first.price("AAPL")
        until(lambda: first.metric("calls_total") == 2, within=10)
        first.kill()
        until(lambda: second.health()["poller"]["leads"], within=5)
        look_at(second, "MSFT")
        assert upstream.asked() == {
            ("LISTING_STATUS", ""): 1,
            ("TIME_SERIES_DAILY", "AAPL"): 1,
            ("TIME_SERIES_DAILY", "MSFT"): 1,
        }
        until(lambda: second.left_today() == 22, within=5)
        session.close()


# --- ending and starting again --------------------------------------------------------------


def test_sigterm_ends_it_within_three_seconds_whatever_is_under_way(start: Start) -> None:
    """Fifty viewers and a call that upstream never answers."""
    with simulating("premium-75") as upstream:
        app = start(**upstream.settings)
        sessions = [Session(app, link(*FOLLOWED), keep=False) for _ in range(49)]
        for ticker in FOLLOWED:
            wait_for(app, ticker)
        upstream.faults.always("stall", pause=timedelta(minutes=1))
        sessions.append(Session(app, link("IBM")))
        until(lambda: upstream.count(ticker="IBM"), within=5)
        price = app.price("AAPL")

        app.stop(within=3)

        for session in sessions:
            with pytest.raises(ConnectionClosed):
                session.rerun()
            session.close()
        assert "Traceback" not in app.log
        upstream.faults.clear()
        again = start(**upstream.settings)
        assert again.health()["poller"]["leads"] is True
        assert again.price("AAPL") == price
        look_at(again, "IBM")


def test_kill_loses_nothing_that_was_shown(start: Start) -> None:
    with simulating("free", publication=AT_ONCE) as upstream:
        app = start(**upstream.settings)
        session = Session(app, link(*FOLLOWED))
        for ticker in FOLLOWED:
            wait_for(app, ticker)
        # Counted once the reply is saved, and not only received.
        until(lambda: app.metric("calls_total") == 3, within=15)
        assert app.left_today() == 22
        prices = app.get("/api/quotes").json()
        histories = [app.get(f"/api/history/{ticker}.csv").text for ticker in FOLLOWED]
        app.kill()
        session.close()

        again = start(**upstream.settings)

        assert again.get("/api/quotes", tickers="AAPL,MSFT").json() == prices
        assert [again.get(f"/api/history/{each}.csv").text for each in FOLLOWED] == histories
        assert again.left_today() == 22
        look_at(again, *FOLLOWED, "IBM")
        assert upstream.asked() == {
            ("LISTING_STATUS", ""): 1,
            ("TIME_SERIES_DAILY", "AAPL"): 1,
            ("TIME_SERIES_DAILY", "MSFT"): 1,
            ("TIME_SERIES_DAILY", "IBM"): 1,
        }
        until(lambda: again.left_today() == 21, within=5)


# --- letting out ----------------------------------------------------------------------------


def test_the_key_is_in_nothing_that_is_shown_written_or_sent(start: Start) -> None:
    """Through failures of every kind, of which the last repeats the key in its words."""
    failures = {
        "AAPL": "cut",
        "MSFT": "status-503",
        "NVDA": "redirect",
        "AMZN": "accept",
        "GOOGL": "truncated",
        "IBM": "day",
    }
    with simulating("premium-75") as upstream:
        app = start(**upstream.settings, flags=("--logger.level=debug",))
        session = Session(app, link("KO"))
        wait_for(app, "KO")
        received = []
        for ticker, failure in failures.items():
            upstream.faults.always(failure, function="GLOBAL_QUOTE", ticker=ticker)
            other = Session(app, link("KO", ticker))
            until(lambda ticker=ticker: upstream.count(ticker=ticker), within=10)
            until(lambda: app.metric("calls_total") >= upstream.count(), within=10)
            other.tick()
            received += other.received
            other.close()
        until(lambda: app.health()["budget"]["refused"] == "day", within=10)
        session.rerun()
        assert session.says("calls are spent")
        status = Session(app, link("KO"), page="status")
        assert status.says("calls are spent")

        everything = {
            "log": app.log,
            "healthz": app.get("/healthz").text,
            "metrics": app.get("/metrics").text,
            "streamlit's metrics": app.get("/_stcore/metrics").text,
            "quotes": app.get("/api/quotes").text,
            "history": app.get("/api/history/KO.csv").text,
            "websocket": b"".join(received + session.received + status.received).decode("latin-1"),
            "store": b"".join(stored_bytes(app.store)).decode("latin-1"),
        }
        session.close()
        status.close()
        assert app.stop() != 0
        everything["log"] = app.log
        for where, text in everything.items():
            assert text, where
            assert KEY.lower() not in text.lower(), where
        for line in everything["log"].splitlines():
            assert line.isprintable(), line
        assert re.search(r"WARNING .*the day's calls are spent", everything["log"])


def stored_bytes(store: Path) -> Iterator[bytes]:
    """Every file as it is, and every value of the databases unpacked."""
    for path in sorted(store.rglob("*")):
        if not path.is_file():
            continue
        yield path.read_bytes()
        if path.name == "cache.db":
            database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            rows = database.execute("SELECT key, value FROM Cache").fetchall()
            database.close()
            for key, value in rows:
                yield key.encode()
                yield zlib.decompress(value)


def test_hostile_links_reach_neither_upstream_nor_the_log(app: App, upstream: Upstream) -> None:
    before = upstream.asked()
    hostile = ["=HYPERLINK(1)", "![](http://x)", "<script>", "IBM\r\nERROR", "\x1b[2J", "../../x"]
    session = Session(app, link("AAPL", *hostile))
    until(lambda: app.metric("watched_tickers") == 1, within=5)
    session.close()
    look_at(app, "PEP")
    assert {ticker for _, ticker in upstream.asked() - before} == {"PEP"}
    assert not any(text in app.log for text in ("HYPERLINK", "script", "\x1b", "../../x"))
