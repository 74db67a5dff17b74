"""One GET that ends: in time, within bounds, where it was sent, and without telling its secret.

requests alone promises none of that. Its timeouts are for each read, so a server that sends a byte
now and then holds a thread for ever; it follows redirects to any host; a small compressed body may
become gigabytes; and its exceptions and urllib3's log quote the URL. Here a watchdog shuts the
socket when the deadline has come, decoded bytes are counted, redirects are refused, and the secret
part of the query is added only as the request line is written to the socket: no URL that requests
or urllib3 ever see holds it.

Never retries: each request is paid for from the budget. Never waits longer than its deadline.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import queue
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from stocktracker.errors import FetchError, RateLimited, Unreachable, UnreadableReply, Window

CONNECT = timedelta(seconds=5)
READ = timedelta(seconds=10)
DEADLINE = timedelta(seconds=20)
# Servers close connections that are idle, some after 5 s; a request that crosses such a close is
# lost, though paid for. So one that was last used longer ago than this is not used again.
KEPT = timedelta(seconds=3)
MAX_BYTES = 10_000_000
CHUNK = 65_536

HEADERS = {
    # Anything narrower is answered with a refusal, even where it fits what comes.
    "Accept": "*/*",
    "Accept-Encoding": "gzip",
    "User-Agent": "stocktracker",
}

# What the cause of a failure is called. The first row that has any of the causes wins.
WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((socket.gaierror, urllib3.exceptions.LocationParseError), "name not found"),
    ((ConnectionRefusedError,), "refused"),
    ((ssl.SSLCertVerificationError,), "certificate not trusted"),
    ((ssl.SSLEOFError, ssl.SSLZeroReturnError), "cut off"),
    ((ssl.SSLError, urllib3.exceptions.SSLError), "TLS failed"),
    ((TimeoutError, urllib3.exceptions.TimeoutError, requests.Timeout), "timed out"),
    ((ConnectionError, EOFError, http.client.HTTPException), "cut off"),
    ((urllib3.exceptions.ProtocolError,), "cut off"),
)
NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})


class Transport:
    """GETs for any number of threads, each with its own kept-alive connection."""

    def __init__(self, *, deadline: timedelta = DEADLINE, max_bytes: int = MAX_BYTES) -> None:
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._local = threading.local()
        self._lock = threading.Lock()
        # Weak: the session of a thread that has ended goes with it.
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()
        self._running: set[_Exchange] = set()
        self._closed = False

    def get(
        self,
        url: str,
        params: Mapping[str, str],
        *,
        secret: Mapping[str, str],
        ticker: str | None = None,
    ) -> bytes:
        """The decoded body of a 200. Raises FetchError for all else; `ticker` is for that."""
        exchange = _Exchange(self._deadline, urlencode(secret))
        with self._lock:
            if self._closed:
                raise Unreachable(ticker, why="stopped")
            self._running.add(exchange)
        failure: FetchError
        try:
            with exchange:
                return self._read(url, params, exchange, ticker)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            failure = _translated(error, exchange, ticker)
        except (http.client.HTTPException, OSError) as error:
            failure = _translated(error, exchange, ticker)
        finally:
            with self._lock:
                self._running.discard(exchange)
        # Raised out here, so that it does not carry the library's exception along.
        raise failure

    def close(self) -> None:
        """Cut off what is under way and close all connections. May be called twice."""
        with self._lock:
            self._closed = True
            running, sessions = list(self._running), list(self._sessions)
        for exchange in running:
            exchange.cut("stopped")
        for session in sessions:
            session.close()

    def _read(
        self, url: str, params: Mapping[str, str], exchange: _Exchange, ticker: str | None
    ) -> bytes:
        seconds = self._deadline.total_seconds()
        timeout = (min(CONNECT.total_seconds(), seconds), min(READ.total_seconds(), seconds))
        with self._session().get(
            url, params=dict(params), timeout=timeout, allow_redirects=False, stream=True
        ) as response:
            _raise_for_status(response.status_code, ticker)
            body = bytearray()
            for chunk in response.iter_content(CHUNK):
                body += chunk
                if len(body) > self._max_bytes:
                    raise UnreadableReply(ticker, why="too big")
        if exchange.why is not None:
            # A body without a length ends where the connection ends, also when we cut it.
            raise Unreachable(ticker, why=exchange.why)
        return bytes(body)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _Session()
            with self._lock:
                self._sessions.add(session)
        return session


class _Exchange:
    """One request under way: its secret, its deadline, and a hand on each socket that it uses."""

    def __init__(self, deadline: timedelta, secret: str) -> None:
        self.secret = secret
        self.why: str | None = None
        self.sent = False
        self._lock = threading.Lock()
        self._handles: list[socket.socket] = []
        self._timer = threading.Timer(deadline.total_seconds(), self.cut, ("timed out",))
        self._timer.daemon = True

    def __enter__(self) -> None:
        _current.exchange = self
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _current.exchange = None
        with self._lock:
            for handle in self._handles:
                handle.close()
            self._handles.clear()

    def follow(self, sock: socket.socket) -> None:
        """Be able to cut `sock` until the exchange is over.

        A duplicate is kept: TLS takes the descriptor out of the socket that it wraps, and
        http.client gives its socket away when the server announces that it will close.
        """
        with self._lock:
            self._handles.append(socket.fromfd(sock.fileno(), sock.family, sock.type))
            if self.why is not None:
                self._shut()

    def cut(self, why: str) -> None:
        with self._lock:
            self.why = self.why or why
            self._shut()

    def _shut(self) -> None:
        for handle in self._handles:
            # Not connected yet, or already gone: it is as good as shut.
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)


class _Current(threading.local):
    """How a connection, which urllib3 makes, finds the exchange that it is used for."""

    exchange: _Exchange | None = None


_current = _Current()


class _Watched(HTTPConnection):
    """A connection whose every socket the exchange under way can cut."""

    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether urllib3 may use it for one more request."""
        idle = time.monotonic() - self._used_at
        return super().is_connected and idle < KEPT.total_seconds()

    def _new_conn(self) -> socket.socket:
        try:
            return self._connected()
        except OSError as error:
            # urllib3 takes a plain reset for one that came after the request, and goes on to read.
            raise urllib3.exceptions.NewConnectionError(self, "not connected") from error

    def _connected(self) -> socket.socket:
        """A socket to the first of the host's addresses that answers."""
        seconds = float(self.timeout or CONNECT.total_seconds())
        failure: OSError = TimeoutError()
        for family, kind, protocol, _, address in _resolve(self._dns_host, self.port, seconds):
            sock = socket.socket(family, kind, protocol)
            try:
                _follow(sock)
                sock.settimeout(seconds)
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
                if _current.exchange is None or _current.exchange.why is not None:
                    break
            else:
                return sock
        raise failure

    def send(self, data: Any) -> None:
        if self.sock is None and self.auto_open:
            self.connect()
        # From here on upstream may have seen the request, and counted it.
        if _current.exchange is not None:
            _current.exchange.sent = True
        super().send(data)

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        self._used_at = time.monotonic()
        if self.sock is not None:
            _follow(self.sock)
        if _current.exchange is not None and _current.exchange.secret:
            url += ("&" if "?" in url else "?") + _current.exchange.secret
        super().putrequest(method, url, *args, **kwargs)


class _WatchedTLS(_Watched, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Watched


class _PoolTLS(urllib3.HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _PoolTLS}

    def close(self) -> None:
        # The pool manager forgets its pools, which close only when nothing else remembers them.
        for name in self.poolmanager.pools.keys():  # noqa: SIM118 it is no dict and cannot iterate
            pool = self.poolmanager.pools.get(name)
            if pool is not None:
                pool.close()
        super().close()


class _Session(requests.Session):
    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.headers.clear()
        self.headers.update(HEADERS)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(max_retries=0))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, always: requests reads a redirect's whole body even when told not to follow it."""


def _follow(sock: socket.socket) -> None:
    if _current.exchange is not None:
        _current.exchange.follow(sock)


def _resolve(host: str, port: int | None, seconds: float) -> list[Any]:
    """The addresses of `host`. The resolver cannot be interrupted, so it is left behind if slow."""
    answers: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except OSError as error:
            answers.put(error)
        except UnicodeError:
            answers.put(socket.gaierror())

    threading.Thread(target=resolve, name="stocktracker-resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _raise_for_status(status: int, ticker: str | None) -> None:
    if 300 <= status < 400:
        raise Unreachable(ticker, why="unexpected redirect")
    if status == 429:
        # Alpha Vantage has never sent it, but what stands in front of it might.
        raise RateLimited(ticker, window=Window.MINUTE)
    if status != 200:
        raise Unreachable(ticker, why=f"HTTP {status}")


def _translated(error: BaseException, exchange: _Exchange, ticker: str | None) -> FetchError:
    if exchange.why is not None:
        return Unreachable(ticker, why=exchange.why, sent=exchange.sent)
    causes = list(_causes(error))
    if any(isinstance(cause, urllib3.exceptions.DecodeError) for cause in causes):
        return UnreadableReply(ticker, why="badly compressed")
    for kinds, word in WORDS:
        if any(isinstance(cause, kinds) for cause in causes):
            return Unreachable(ticker, why=word, sent=exchange.sent)
    if any(isinstance(cause, OSError) and cause.errno in NO_ROUTE for cause in causes):
        return Unreachable(ticker, why="no route", sent=exchange.sent)
    return Unreachable(ticker, sent=exchange.sent)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and all that it was made from, which requests keeps in four places."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
