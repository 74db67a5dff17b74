"""The fetcher against a server that misbehaves on purpose. Its server is a socket on loopback.

Nothing here sleeps: a server that must be slow waits on an event that the test's end sets.
"""

from __future__ import annotations

import gzip
import json
import logging
import shutil
import socket
import ssl
import subprocess
import threading
import time
import traceback
import tracemalloc
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from stocktracker.errors import (
    EmptyReply,
    FetchError,
    NoAccess,
    RateLimited,
    UnknownTicker,
    Unreachable,
    UnreadableReply,
)
from stocktracker.fetcher import Fetcher
from stocktracker.journal import install, uninstall
from stocktracker.model import WHOLE_MARKET, Call, Feed, Ticker
from stocktracker.plans import Liveness
from tests.helpers import FakeClock, utc

KEY = "SENTINEL0KEY42"
IBM = Ticker("IBM")
DEADLINE = timedelta(seconds=0.3)
MEBIBYTE = 1 << 20

Behaviour = Callable[["Server", socket.socket], bool]


class Server:
    """Does with each request what it was told; `requests` holds their first lines.

    A behaviour returns whether the connection stays open for another request.
    """

    def __init__(self, behave: Behaviour, context: ssl.SSLContext | None = None) -> None:
        self.behave = behave
        self.requests: list[str] = []
        self.heads: list[str] = []
        self.connections = 0
        self.asked = threading.Event()
        self.over = threading.Event()
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.address}/query"

    @property
    def queries(self) -> list[dict[str, str]]:
        """The parameters of each request."""
        return [
            {name: value for name, (value,) in parse_qs(urlsplit(line.split(" ")[1]).query).items()}
            for line in self.requests
        ]

    def close(self) -> None:
        self.over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(2)
        with connection, suppress(OSError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                while self._hear(connection) and self.behave(self, connection):
                    pass

    def _hear(self, connection: socket.socket) -> bool:
        head = b""
        while b"\r\n\r\n" not in head:
            try:
                heard = connection.recv(65_536)
            except TimeoutError:
                heard = b""
            if not heard:
                # Silence, or something that is not HTTP, such as a handshake.
                return False
            head += heard
            if head.startswith(b"\x16"):
                self.over.wait(5)
                return False
        text = head.decode("latin-1")
        self.requests.append(text.split("\r\n")[0])
        self.heads.append(text)
        self.asked.set()
        return True


def reply(body: bytes, *headers: str, status: str = "200 OK") -> Behaviour:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]

    def behave(_: Server, connection: socket.socket) -> bool:
        connection.sendall("\r\n".join(lines).encode() + body)
        return True

    return behave


def reply_json(value: object) -> Behaviour:
    return reply(json.dumps(value).encode())


def trickle(start: bytes, drop: bytes) -> Behaviour:
    def behave(server: Server, connection: socket.socket) -> bool:
        connection.sendall(start)
        while not server.over.wait(0.02):
            connection.sendall(drop)
        return False

    return behave


def say_and_close(content: bytes) -> Behaviour:
    def behave(_: Server, connection: socket.socket) -> bool:
        connection.sendall(content)
        return False

    return behave


def bomb() -> Behaviour:
    squeezed = gzip.compress(bytes(50 * MEBIBYTE))
    return reply(squeezed, "Content-Encoding: gzip")


def endless(server: Server, connection: socket.socket) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not server.over.is_set():
        connection.sendall(bytes(65_536))
    return False


OK = b"HTTP/1.1 200 OK\r\n"
QUOTE = {
    "Global Quote": {
        "01. symbol": "IBM",
        "05. price": "219.3000",
        "07. latest trading day": "2026-05-15",
    }
}
BARS_ROW = {"1. open": "2", "2. high": "3", "3. low": "1", "4. close": "2", "5. volume": "9"}


@pytest.fixture
def serve():
    """Start servers, and end them with the test."""
    servers: list[Server] = []

    def start(behave: Behaviour, context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(behave, context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def fetch_from():
    """Make fetchers, and close them with the test."""
    fetchers: list[Fetcher] = []

    def make(url: str, **changes) -> Fetcher:
        options = {"liveness": Liveness.END_OF_DAY, "deadline": timedelta(seconds=5)} | changes
        fetchers.append(
            Fetcher(
                upstream=url,
                key=KEY,
                clock=FakeClock("2026-05-17T12:00:00"),
                source="Alpha Vantage",
                **options,
            )
        )
        return fetchers[-1]

    yield make
    for fetcher in fetchers:
        fetcher.close()


def assert_no_key_in(error: BaseException, log: str) -> None:
    causes: list[BaseException | None] = [error]
    for cause in causes:
        if cause is not None:
            text = "".join(traceback.format_exception(cause))
            assert KEY not in text + str(cause) + repr(cause) + repr(vars(cause))
            causes += [cause.__cause__, cause.__context__]
    assert KEY not in log


# --- what is asked ----------------------------------------------------------------------------


def bars_body(key: str, *times: str) -> dict[str, object]:
    return {"Meta Data": {"2. Symbol": "IBM"}, key: dict.fromkeys(times, BARS_ROW)}


DAILY = bars_body("Time Series (Daily)", "2026-05-15")
WEEKLY = bars_body("Weekly Adjusted Time Series", "2026-05-15")
INTRADAY = bars_body("Time Series (5min)", "2026-05-15 15:55:00")
BULK_ROW = {"symbol": "IBM", "timestamp": "2026-05-15 15:00:00.000", "close": "219.3"}
BULK = {"message": "success", "data": [BULK_ROW]}

CALLS = [
    (
        Call(Feed.QUOTE, (IBM,)),
        QUOTE,
        {"function": "GLOBAL_QUOTE", "symbol": "IBM", "entitlement": "delayed"},
    ),
    (
        Call(Feed.QUOTE, (IBM, Ticker("BRK-B")), bulk=True),
        BULK,
        {"function": "REALTIME_BULK_QUOTES", "symbol": "IBM,BRK-B"},
    ),
    (
        Call(Feed.DAILY, (IBM,)),
        DAILY,
        {
            "function": "TIME_SERIES_DAILY",
            "symbol": "IBM",
            "outputsize": "compact",
            "entitlement": "delayed",
        },
    ),
    (
        Call(Feed.WEEKLY, (IBM,), full=True),
        WEEKLY,
        {"function": "TIME_SERIES_WEEKLY_ADJUSTED", "symbol": "IBM"},
    ),
    (
        Call(Feed.INTRADAY, (IBM,), full=True),
        INTRADAY,
        {
            "function": "TIME_SERIES_INTRADAY",
            "symbol": "IBM",
            "interval": "5min",
            "extended_hours": "false",
            "adjusted": "false",
            "outputsize": "full",
            "entitlement": "delayed",
        },
    ),
]


@pytest.mark.parametrize(("call", "body", "query"), CALLS, ids=lambda value: str(value)[:40])
def test_a_call_is_one_request_and_its_data_names_where_it_is_from(
    call, body, query, serve, fetch_from
):
    server = serve(reply_json(body))
    found = fetch_from(server.url, liveness=Liveness.DELAYED).fetch(call)
    assert server.queries == [{**query, "apikey": KEY}]
    data = found[0] if isinstance(found, list) else found
    assert data.ticker == IBM
    assert data.source == f"Alpha Vantage {query['function']}"
    assert data.fetched_at == utc("2026-05-17T12:00")


def test_the_listing_is_asked_for_with_the_demonstration_key(serve, fetch_from):
    header = "symbol,name,exchange,assetType,ipoDate,delistingDate,status\r\n"
    line = "T{},Name,NYSE,Stock,2020-01-01,null,Active\r\n"
    server = serve(reply((header + "".join(map(line.format, range(1000)))).encode()))
    listing = fetch_from(server.url).fetch(Call(Feed.LISTING, (WHOLE_MARKET,)))
    assert len(listing.rows) == 1000
    assert listing.source == "Alpha Vantage LISTING_STATUS"
    assert server.queries == [{"function": "LISTING_STATUS", "apikey": "demo"}]


def test_on_an_end_of_day_plan_no_entitlement_is_sent(serve, fetch_from):
    server = serve(reply_json(QUOTE))
    fetcher = fetch_from(server.url, liveness=Liveness.REALTIME)
    fetcher.fetch_quote(IBM)
    fetcher.liveness = Liveness.END_OF_DAY
    fetcher.fetch_quote(IBM)
    first, second = server.queries
    assert first["entitlement"] == "realtime"
    assert "entitlement" not in second


def test_a_hostile_ticker_cannot_add_parameters(serve, fetch_from):
    server = serve(reply_json({"Global Quote": {}}))
    with pytest.raises(UnknownTicker):
        fetch_from(server.url).fetch_quote(Ticker("BC/P&apikey=evil#+"))
    (query,) = server.queries
    assert query == {"function": "GLOBAL_QUOTE", "symbol": "BC/P&apikey=evil#+", "apikey": KEY}


def test_a_bulk_call_has_one_to_a_hundred_tickers(fetch_from):
    fetcher = fetch_from("http://127.0.0.1:9/query")
    for tickers in ([], [Ticker(f"T{number}") for number in range(101)]):
        with pytest.raises(ValueError, match="tickers in one call"):
            fetcher.fetch_quotes(tickers)


def test_connections_are_kept_and_carry_no_more_than_they_must(serve, fetch_from, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server = serve(reply(json.dumps(QUOTE).encode(), "Set-Cookie: who=you"))
    fetcher = fetch_from(server.url)
    fetcher.fetch_quote(IBM)
    fetcher.fetch_quote(IBM)
    assert server.connections == 1
    assert len(server.requests) == 2
    assert "accept: */*\r\n" in server.heads[1].lower()
    assert "cookie" not in server.heads[1].lower()
    assert "authorization" not in server.heads[1].lower()


def test_the_key_is_not_in_what_a_fetcher_says_of_itself(fetch_from):
    assert KEY not in repr(fetch_from("http://127.0.0.1:9/query"))


# --- what goes wrong on the way ---------------------------------------------------------------

FAULTS: dict[str, tuple[Behaviour, type[FetchError], str]] = {
    "slow headers": (trickle(OK, b"X: y\r\n"), Unreachable, "timed out"),
    "slow status line": (trickle(b"H", b""), Unreachable, "timed out"),
    "slow body": (trickle(OK + b"Content-Length: 9999\r\n\r\n", b" "), Unreachable, "timed out"),
    "slow body without a length": (
        trickle(OK + b"Connection: close\r\n\r\n{}", b" "),
        Unreachable,
        "timed out",
    ),
    "slow chunks": (
        trickle(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        Unreachable,
        "timed out",
    ),
    "gzip bomb": (bomb(), UnreadableReply, "too big"),
    "big body": (reply(bytes(2 * MEBIBYTE)), UnreadableReply, "too big"),
    "endless body": (endless, UnreadableReply, "too big"),
    "torn gzip": (reply(b"\x1f\x8b\x08junk", "Content-Encoding: gzip"), UnreadableReply, ""),
    "no gzip": (reply(b"junk", "Content-Encoding: gzip"), UnreadableReply, "badly compressed"),
    "redirect": (
        reply(b"", "Location: http://127.0.0.1:9/", status="302 Found"),
        Unreachable,
        "unexpected redirect",
    ),
    "503": (
        reply(b"<html>", "Retry-After: 99999", status="503 Service Unavailable"),
        Unreachable,
        "HTTP 503",
    ),
    "404": (reply(b"{}", status="404 Not Found"), Unreachable, "HTTP 404"),
    "429": (
        reply(b"", "Retry-After: 99999", status="429 Too Many Requests"),
        RateLimited,
        "minute",
    ),
    "truncated body": (
        say_and_close(OK + b'Content-Length: 9999\r\n\r\n{"Global'),
        Unreachable,
        "cut off",
    ),
    "truncated chunks": (
        say_and_close(OK + b"Transfer-Encoding: chunked\r\n\r\n99\r\n{"),
        Unreachable,
        "cut off",
    ),
    "truncated without a length": (
        say_and_close(OK + b'\r\n{"Global Quote'),
        UnreadableReply,
        "not JSON",
    ),
    "nothing": (say_and_close(b""), Unreachable, "cut off"),
    "not HTTP": (say_and_close(b"SSH-2.0-OpenSSH\r\n\r\n"), Unreachable, "cut off"),
    "HTML": (reply(b"<!DOCTYPE html>"), UnreadableReply, "a web page"),
    "empty": (reply(b""), UnreadableReply, "not JSON"),
    "NaN": (reply(b'{"Global Quote": NaN}'), UnreadableReply, "out of bounds"),
    "deep": (reply(b"[" * 200_000), UnreadableReply, "nested too deeply"),
    "no object": (reply(b"[]"), UnreadableReply, "unknown shape"),
    "empty object": (reply(b"{}"), EmptyReply, ""),
    "a field is missing": (
        reply_json({"Global Quote": {"01. symbol": "IBM"}}),
        UnreadableReply,
        "unexpected KeyError",
    ),
    "the key is echoed": (
        reply_json({"Information": f"We have detected your API key as {KEY}. Goodbye."}),
        FetchError,
        "API key as [redacted]. Goodbye.",
    ),
    "the key is echoed where data should be": (
        reply_json({"Global Quote": {"01. symbol": "IBM", KEY: KEY}}),
        UnreadableReply,
        "",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_an_error_in_time_and_does_not_tell_the_key(fault, serve, fetch_from, caplog):
    caplog.set_level(logging.DEBUG)
    behave, kind, words = FAULTS[fault]
    server = serve(behave)
    fetcher = fetch_from(server.url, deadline=DEADLINE, max_bytes=MEBIBYTE)
    started = time.monotonic()
    with pytest.raises(kind) as caught:
        fetcher.fetch_quote(IBM)
    assert time.monotonic() - started < DEADLINE.total_seconds() + 0.5
    assert words in str(caught.value)
    assert caught.value.ticker == IBM
    assert caught.value.__context__ is None
    assert getattr(caught.value, "sent", True)
    assert len(server.requests) == 1
    assert f"apikey={KEY}" in server.requests[0]
    assert "Starting new HTTP connection" in caplog.text
    assert_no_key_in(caught.value, caplog.text)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("127.0.0.1", "refused"),
        ("nowhere.invalid", "name not found"),
        (f"{'x' * 70}.invalid", "name not found"),
    ],
)
def test_an_upstream_that_is_not_there_is_unreachable(host, why, fetch_from, caplog):
    caplog.set_level(logging.DEBUG)
    url = f"http://{host}:{free_port()}/query"
    with pytest.raises(Unreachable) as caught:
        fetch_from(url).fetch_quote(IBM)
    assert caught.value.why == why
    assert not caught.value.sent  # so that the budget has the call back
    assert_no_key_in(caught.value, caplog.text)


def test_a_name_that_takes_long_to_resolve_does_not_hold_the_call(fetch_from, monkeypatch):
    over = threading.Event()

    def resolve(*_args, **_kwargs):
        over.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    started = time.monotonic()
    with pytest.raises(Unreachable, match="timed out"):
        fetch_from("http://slow.invalid/query", deadline=DEADLINE).fetch_quote(IBM)
    assert time.monotonic() - started < DEADLINE.total_seconds() + 0.5
    over.set()


def test_a_host_that_swallows_packets_does_not_hold_the_call(fetch_from):
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            # A full queue: the kernel answers nobody else.
            caller = sockets.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/query"
        started = time.monotonic()
        with pytest.raises(Unreachable, match="timed out"):
            fetch_from(url, deadline=DEADLINE).fetch_quote(IBM)
        assert time.monotonic() - started < DEADLINE.total_seconds() + 0.5


def test_a_stalled_tls_handshake_does_not_hold_the_call(serve, fetch_from):
    server = serve(reply_json(QUOTE))
    started = time.monotonic()
    with pytest.raises(Unreachable, match="timed out"):
        fetch_from(f"https://{server.address}/query", deadline=DEADLINE).fetch_quote(IBM)
    assert time.monotonic() - started < DEADLINE.total_seconds() + 0.5
    assert server.requests == []


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_key_is_sent(
    serve, fetch_from, tmp_path
):
    both = str(tmp_path / "both.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subprocess.run(
        [*command.split(), "-subj", "/CN=127.0.0.1", "-keyout", both, "-out", f"{both}.crt"],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{both}.crt", both)
    server = serve(reply_json(QUOTE), context)
    with pytest.raises(Unreachable) as caught:
        fetch_from(f"https://{server.address}/query").fetch_quote(IBM)
    assert caught.value.why == "certificate not trusted"
    assert server.requests == []


def test_a_redirect_is_not_followed_and_its_body_not_read(serve, fetch_from):
    elsewhere = serve(reply_json(QUOTE))
    body = bytes(2 * MEBIBYTE)
    server = serve(reply(body, f"Location: {elsewhere.url}", status="301 Moved Permanently"))
    with pytest.raises(Unreachable, match="unexpected redirect"):
        fetch_from(server.url, max_bytes=MEBIBYTE).fetch_quote(IBM)
    assert elsewhere.connections == 0


def test_a_reused_connection_is_held_to_the_deadline_too(serve, fetch_from):
    server = serve(reply_json(QUOTE))
    fetcher = fetch_from(server.url, deadline=DEADLINE)
    fetcher.fetch_quote(IBM)
    server.behave = trickle(OK + b"Content-Length: 9999\r\n\r\n", b" ")
    started = time.monotonic()
    with pytest.raises(Unreachable, match="timed out"):
        fetcher.fetch_quote(IBM)
    assert time.monotonic() - started < DEADLINE.total_seconds() + 0.5
    assert server.connections == 1
    server.behave = reply_json(QUOTE)
    assert fetcher.fetch_quote(IBM).price == 219.3


def test_a_bomb_does_not_fill_the_memory(serve, fetch_from):
    fetcher = fetch_from(serve(bomb()).url)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableReply, match="too big"):
            fetcher.fetch_quote(IBM)
        assert tracemalloc.get_traced_memory()[1] < 30 * MEBIBYTE
    finally:
        tracemalloc.stop()


def test_a_csv_request_that_is_refused_in_json_is_told(serve, fetch_from):
    server = serve(reply_json({"Information": "This is a premium endpoint."}))
    fetcher = fetch_from(server.url)
    with pytest.raises(NoAccess):
        fetcher.fetch_listing()
    server.behave = reply_json({"symbol": "A"})
    with pytest.raises(UnreadableReply):
        fetcher.fetch_listing()
    server.behave = reply(b"symbol\xff\n")
    with pytest.raises(UnreadableReply):
        fetcher.fetch_listing()


def test_closing_cuts_off_a_call_under_way_and_refuses_later_ones(serve, fetch_from):
    server = serve(trickle(OK, b"X: y\r\n"))
    fetcher = fetch_from(server.url, deadline=timedelta(seconds=20))
    errors: list[FetchError] = []

    def fetch() -> None:
        try:
            fetcher.fetch_quote(IBM)
        except FetchError as error:
            errors.append(error)

    thread = threading.Thread(target=fetch)
    thread.start()
    assert server.asked.wait(5)
    fetcher.close()
    thread.join(1)
    assert not thread.is_alive()
    fetcher.close()
    fetch()
    assert [str(error) for error in errors] == ["Alpha Vantage could not be reached (stopped)."] * 2
    assert len(server.requests) == 1


def test_threads_fetch_side_by_side_each_on_its_own_connection(serve, fetch_from):
    together = threading.Barrier(4, timeout=5)

    def behave(server: Server, connection: socket.socket) -> bool:
        together.wait()
        return reply_json(QUOTE)(server, connection)

    server = serve(behave)
    fetcher = fetch_from(server.url)
    prices: list[float] = []
    threads = [
        threading.Thread(target=lambda: prices.append(fetcher.fetch_quote(IBM).price))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert prices == [219.3] * 4
    assert server.connections == 4


def test_the_journal_shows_no_key_after_a_fault(serve, fetch_from):
    journal = install([KEY])
    try:
        with pytest.raises(Unreachable) as caught:
            fetch_from(serve(say_and_close(b"")).url).fetch_quote(IBM)
        log = logging.getLogger("stocktracker.polling.poller")
        log.error("failed", exc_info=caught.value)
        assert journal.lines()
        assert KEY not in "\n".join(journal.lines())
    finally:
        uninstall(journal)
