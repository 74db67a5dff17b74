"""The simulator refuses as each plan does, counts what it is asked, and fails on command."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import requests

from stocktracker.errors import Window
from stocktracker.plans import PLANS, parse_limits
from stocktracker.simulator import FAULTS, Server, Simulator, serve
from stocktracker.simulator.faults import HUGE, MEGABYTE
from stocktracker.simulator.refusals import REFUSALS
from tests.helpers import FakeClock

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
QUOTE = {"function": "GLOBAL_QUOTE", "symbol": "IBM", "apikey": "ABC123"}
DAILY = {**QUOTE, "function": "TIME_SERIES_DAILY"}
LISTING = {"function": "LISTING_STATUS", "apikey": "ABC123"}

Start = Callable[..., Server]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock("2026-11-20T16:00:00")


@pytest.fixture
def start(clock: FakeClock) -> Iterator[Start]:
    """Starts simulators on the clock; all are closed in the end."""
    servers: list[Server] = []

    def start(plan: str, **more: Any) -> Server:
        servers.append(serve(Simulator(PLANS[plan], clock=clock, **more)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def shared_server() -> Iterator[Server]:
    unlimited = Simulator(PLANS["premium-1200"], (), FakeClock("2026-11-20T16:00:00"))
    with serve(unlimited) as server:
        yield server


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """One without limits; its faults are cleared after each test, its calls are not."""
    yield shared_server
    shared_server.simulator.faults.clear()


def ask(
    server: Server, query: dict[str, str] = QUOTE, *, timeout: float = 5, **options: Any
) -> requests.Response:
    return requests.get(server.url, params=query, timeout=timeout, **options)


def refusal(server: Server, query: dict[str, str] = QUOTE) -> str | None:
    """The text of a refusal; None where there was an answer."""
    body = ask(server, query).json()
    return next(iter(body.values())) if len(body) == 1 and "Global Quote" not in body else None


def ask_many(server: Server, count: int) -> list[str | None]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: refusal(server), range(count)))


def refused(texts: list[str | None]) -> list[str]:
    return [text for text in texts if text is not None]


def test_a_free_key_has_one_call_a_second(start: Start, clock: FakeClock) -> None:
    server = start("free")
    assert refusal(server) is None
    clock.tick(0.999)
    assert "(1 request per second)" in str(refusal(server))
    clock.tick(0.001)
    assert refusal(server) is None


def test_a_free_key_has_25_calls_in_any_24_hours(start: Start, clock: FakeClock) -> None:
    server = start("free")
    for _ in range(25):
        assert refusal(server) is None
        clock.tick(timedelta(minutes=10))
    text = str(refusal(server))
    assert text.startswith("We have detected your API key as ABC123 and our standard API rate")
    assert "25 requests per day" in text
    clock.tick(timedelta(hours=24) - 250 * timedelta(minutes=1) - timedelta(seconds=1))
    assert refusal(server) == text
    clock.tick(1)
    assert refusal(server) is None
    assert server.simulator.refusals == 2
    assert server.simulator.calls[25].refused is Window.DAY


@pytest.mark.parametrize(
    ("plan", "a_second"),
    [("premium-75", 5), ("premium-150", 5), ("premium-600", 20), ("premium-1200", 30)],
)
def test_premium_plans_refuse_bursts(start: Start, plan: str, a_second: int) -> None:
    texts = refused(ask_many(start(plan), a_second + 3))
    assert len(texts) == 3
    assert f"no more than {a_second} requests per second" in texts[0]


@pytest.mark.parametrize(("plan", "a_minute"), [("premium-75", 75), ("premium-150", 150)])
def test_premium_plans_refuse_by_the_minute(
    start: Start, clock: FakeClock, plan: str, a_minute: int
) -> None:
    server = start(plan)
    for _ in range(a_minute // 5):
        assert refused(ask_many(server, 5)) == []
        clock.tick(1)
    assert str(refusal(server)).startswith("Minute-level rate limit exceed.")
    clock.tick(60 - a_minute // 5)
    assert refusal(server) is None


def test_limits_can_be_others_than_the_plans(start: Start) -> None:
    server = start("free", limits=parse_limits("5/minute"))
    assert refused(ask_many(server, 5)) == []
    assert "5 calls per minute and 500 calls per day" in ask(server).json()["Note"]


def test_refused_calls_count_only_if_told_so(start: Start, clock: FakeClock) -> None:
    lenient, strict = start("free"), start("free", count_refused=True)
    for server in (lenient, strict):
        assert (refusal(server) is None, refusal(server) is None) == (True, False)
    clock.tick(0.9)
    assert refusal(strict) is not None
    clock.tick(0.9)
    assert refusal(lenient) is None
    assert refusal(strict) is not None


def test_neither_a_set_clock_nor_a_reboot_forgives_calls(start: Start, clock: FakeClock) -> None:
    server = start("free")
    assert refusal(server) is None
    clock.set_wall_clock(timedelta(days=2))
    assert refusal(server) is not None
    clock.reboot(timedelta(seconds=2))
    assert refusal(server) is None


def test_every_key_counts_and_so_does_the_listing(start: Start) -> None:
    server = start("free")
    assert ask(server, {**LISTING, "apikey": "demo"}).text.startswith("symbol")
    assert "(1 request per second)" in str(refusal(server, {**QUOTE, "apikey": "OTHER"}))


def test_stats_tell_what_was_asked(start: Start, clock: FakeClock) -> None:
    server = start("premium-1200", limits=())
    for seconds in (0, 0.5, 0.5, 30, 31):
        clock.tick(seconds)
        ask(server)
    ask(server, {**QUOTE, "function": "REALTIME_BULK_QUOTES", "symbol": "IBM, msft"})
    stats = requests.get(server.url.replace("/query", "/stats"), timeout=5).json()
    assert stats["functions"] == {"GLOBAL_QUOTE": 5, "REALTIME_BULK_QUOTES": 1}
    assert (stats["calls"], stats["refusals"]) == (6, 0)
    assert (stats["most_in_a_second"], stats["most_in_a_minute"]) == (2, 4)
    assert server.simulator.calls[-1].tickers == ("IBM", "MSFT")
    assert server.simulator.calls[-1].at == clock.now()


def test_every_recorded_refusal_can_be_had_word_for_word() -> None:
    recorded = [json.loads(path.read_text()) for path in RECORDINGS.glob("*error*.json")]
    if not recorded:
        pytest.skip("no recorded bodies here")
    fillings = ("TIME_SERIES_DAILY", "GLOBAL_QUOTE", "BATCH_STOCK_QUOTES", "BOP")
    known = [each.body(function=name) for each in REFUSALS.values() for name in fillings]
    assert [body for body in recorded if body not in known] == []


def test_any_refusal_comes_on_command(server: Server) -> None:
    for name, text in REFUSALS.items():
        server.simulator.faults.next(name)
        reply = ask(server)
        assert reply.status_code == 200
        assert reply.json() == text.body(key="ABC123", function="GLOBAL_QUOTE")
    assert refusal(server) is None


def test_faults_are_for_some_calls_only(server: Server) -> None:
    faults = server.simulator.faults
    faults.next("empty-object", 2, function="GLOBAL_QUOTE", ticker="MSFT")
    msft = {**QUOTE, "symbol": "MSFT"}
    seen = [ask(server, query).text for query in (QUOTE, msft, DAILY, msft, msft)]
    assert [text == "{}" for text in seen] == [False, True, False, True, False]
    faults.always("empty-object")
    assert [ask(server).text for _ in range(3)] == ["{}"] * 3
    faults.clear()
    assert refusal(server) is None
    assert [call.fault for call in server.simulator.calls[-2:]] == ["empty-object", None]


def test_bodies_can_be_spoiled(server: Server) -> None:
    def spoiled(name: str, query: dict[str, str] = QUOTE) -> requests.Response:
        server.simulator.faults.next(name)
        return ask(server, query)

    page = spoiled("status-503")
    assert (page.status_code, page.headers["Content-Type"][:9]) == (503, "text/html")
    assert "Application Error" in page.text
    assert (spoiled("html").status_code, spoiled("empty-body").content) == (200, b"")
    assert spoiled("nan-price").json()["Global Quote"]["05. price"] == "NaN"
    assert spoiled("huge-price").json()["Global Quote"]["05. price"] == "1e400"
    assert spoiled("wrong-ticker").json()["Global Quote"]["01. symbol"] == "WRONG"
    assert spoiled("future-date").json()["Global Quote"]["07. latest trading day"] == "2026-12-19"
    daily = {**DAILY, "datatype": "csv"}
    assert spoiled("zero-price", daily).text.split("\r\n")[1].split(",")[4] == "0.0000"
    assert spoiled("nan-price", daily).text.split("\r\n")[1].split(",")[4] == "NaN"
    with pytest.raises(requests.JSONDecodeError):
        spoiled("truncated").json()
    with pytest.raises(RecursionError):
        spoiled("deep-json").json()


def test_a_redirect_that_is_followed_is_seen(server: Server) -> None:
    server.simulator.faults.next("redirect", 2)
    assert ask(server, allow_redirects=False).status_code == 302
    assert server.simulator.calls[-1].function == "GLOBAL_QUOTE"
    ask(server)
    assert server.simulator.calls[-1].function == "(/redirected)"


@pytest.mark.parametrize(
    ("name", "on_the_wire"), [("huge-body", HUGE), ("gzip-bomb", 2 * MEGABYTE)]
)
def test_enormous_bodies_are_streamed(server: Server, name: str, on_the_wire: int) -> None:
    server.simulator.faults.next(name)
    with ask(server, stream=True) as reply:
        first_parts = islice(reply.iter_content(MEGABYTE // 16), 80)
        assert sum(map(len, first_parts)) > 4 * MEGABYTE
        assert reply.raw.tell() < on_the_wire
    assert refusal(server) is None


def test_connections_can_be_torn_delayed_and_dripped(server: Server) -> None:
    faults = server.simulator.faults
    faults.next("cut")
    with pytest.raises(requests.RequestException):
        ask(server)
    faults.next("delay", pause=timedelta(seconds=0.05))
    assert ask(server).elapsed >= timedelta(seconds=0.05)
    faults.next("drip", pause=timedelta(milliseconds=5))
    assert ask(server).json()["Global Quote"]["01. symbol"] == "IBM"
    faults.next("drip", pause=timedelta(seconds=30))
    with pytest.raises(requests.RequestException):
        ask(server, timeout=0.1)
    faults.next("stall")
    with pytest.raises(requests.ReadTimeout):
        ask(server, timeout=0.1)
    assert refusal(server) is None


def test_closing_does_not_wait_for_stalled_calls(start: Start) -> None:
    server = start("free")
    server.simulator.faults.always("stall")
    ended = threading.Event()

    def ask_in_vain() -> None:
        with pytest.raises(requests.ConnectionError):
            ask(server, timeout=30)
        ended.set()

    thread = threading.Thread(target=ask_in_vain)
    thread.start()
    while not server.simulator.calls:
        ended.wait(0.01)
    server.close()
    assert ended.wait(2)
    thread.join()
    server.close()


def test_a_restart_on_the_same_port_tells_the_same(start: Start) -> None:
    first = start("premium-1200", limits=())
    before, port = ask(first).text, int(first.url.split(":")[2].split("/")[0])
    first.close()
    second = serve(first.simulator, port)
    assert (second.url, ask(second).text) == (first.url, before)
    second.close()
    assert len(first.simulator.calls) == 2


def test_faults_are_commanded_over_http(server: Server) -> None:
    address = server.url.replace("/query", "/faults")
    assert requests.post(address, json={"name": "day", "count": None}, timeout=5).ok
    assert "ABC123" in str(refusal(server))
    assert requests.delete(address, timeout=5).ok
    assert refusal(server) is None
    for wish in (
        {"name": "nothing"},
        {},
        [],
        {"name": "day", "count": 0},
        {"name": "day", "seconds": "x"},
    ):
        assert requests.post(address, json=wish, timeout=5).status_code == 400
    assert requests.post(address, data='{"name": "day"}', timeout=5).status_code == 415
    with pytest.raises(ValueError, match="nothing"):
        server.simulator.faults.next("nothing")
    assert len(FAULTS) > 30
