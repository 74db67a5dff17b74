"""/healthz, /metrics, /api/…: read-only, from the board and the store, never a call upstream.

Handlers run in Starlette's thread pool where they may touch the store, and on the event loop where
they only read memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stocktracker import frontend, guard
from stocktracker.errors import BadTicker
from stocktracker.figures.export import QuoteRow, history_csv, quotes_csv
from stocktracker.model import WHOLE_MARKET, Doubt, Feed, Outcome, Ticker, parse_ticker
from stocktracker.rows import Row
from stocktracker.runtime import Runtime, current_runtime

ALIVE = timedelta(seconds=30)  # how old the poller's heartbeat may be
MOST_TICKERS = 500
INTERVALS = {"daily": Feed.DAILY, "weekly": Feed.WEEKLY, "5min": Feed.INTRADAY}
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"x-frame-options": b"SAMEORIGIN",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
}


def make_routes() -> list[Route]:
    return [
        Route("/healthz", healthz),
        Route("/metrics", guard.guarded(metrics)),
        Route("/api/quotes", guard.guarded(quotes)),
        Route("/api/history/{ticker:path}.csv", guard.guarded(history)),
        Route(frontend.LIBRARY, library),
    ]


def library(_request: Request) -> Response:
    """The chart library; its address changes with its version, so browsers may keep it."""
    return Response(
        frontend.library_gzipped(),
        media_type="text/javascript",
        headers={
            "Content-Encoding": "gzip",
            "Cache-Control": "public, max-age=31536000, immutable",
        },
    )


async def healthz(request: Request) -> JSONResponse:
    """200 while the poller's heart beats and the store takes writes, 503 otherwise.

    Always open, for whoever watches over the server; where figures need a token, it says without
    one only whether all is well.
    """
    runtime = current_runtime()
    poll = runtime.read().poll
    beating = poll.heartbeat is not None and runtime.now() - poll.heartbeat < ALIVE
    ok = beating and poll.store_fault is None and poll.halted is None
    if not guard.is_let_in(request):
        return JSONResponse({"ok": ok}, status_code=200 if ok else 503)
    allowance = runtime.read_allowance()
    body = {
        "ok": ok,
        "poller": {
            "alive": beating,
            "leads": poll.leads,
            "heartbeat": _text(poll.heartbeat),
            "since": _text(poll.since),
            "halted": poll.halted,
            "unreachable_since": _text(poll.outage_since),
        },
        "store": {"ok": poll.store_fault is None, "fault": poll.store_fault},
        "budget": {
            "left": {str(limit): left for limit, left in allowance.left},
            "next_call_at": _text(allowance.next_at),
            "refused": allowance.refused,
        },
        "viewers": runtime.viewers(),
        "source": "simulated" if runtime.settings.demo else "alphavantage",
    }
    return JSONResponse(body, status_code=200 if ok else 503)


def metrics(_request: Request) -> Response:
    """Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(current_runtime()))
    return Response(
        generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


class _Collector:
    """One scrape's figures, read from the board."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def collect(self) -> Iterable[Metric]:
        runtime = self._runtime
        snapshot, now = runtime.read(), runtime.now()
        poll, allowance = snapshot.poll, runtime.read_allowance()
        calls = CounterMetricFamily(
            "stocktracker_calls", "Upstream calls of the last eight days", labels=["outcome"]
        )
        for outcome in Outcome:
            total = sum(counts.get(outcome, 0) for counts in poll.usage.hours.values())
            calls.add_metric([outcome.value], total)
        yield calls
        left = GaugeMetricFamily(
            "stocktracker_calls_left", "Calls left within a limit", labels=["limit"]
        )
        for limit, count in allowance.left:
            left.add_metric([str(limit)], count)
        yield left
        age = GaugeMetricFamily(
            "stocktracker_quote_age_seconds",
            "Time since a quote that somebody looks at was true",
            labels=["ticker"],
        )
        for want in poll.viewers:
            quote = snapshot.quotes.get(want.ticker)
            if want.feed is Feed.QUOTE and quote is not None:
                age.add_metric([want.ticker], (now - quote.as_of).total_seconds())
        yield age
        known = (snapshot.quotes.get(ticker) for ticker in _watched(runtime))
        oldest = min((quote.as_of for quote in known if quote is not None), default=None)
        yield _gauge(
            "oldest_quote_age_seconds",
            "Time since the oldest quote of all that is watched was true",
            float("nan") if oldest is None else (now - oldest).total_seconds(),
        )
        yield _gauge("viewers", "Sessions that hold a lease", runtime.viewers())
        yield _gauge(
            "watched_tickers",
            "Distinct tickers that somebody looks at, or that the operator watches",
            len(_watched(runtime)),
        )
        yield _gauge("store_bytes", "Size of the store on disk", runtime.load_size())
        beat = (now - poll.heartbeat).total_seconds() if poll.heartbeat else float("nan")
        yield _gauge("poller_heartbeat_age_seconds", "Time since the poller's heartbeat", beat)
        yield _gauge("poller_leads", "1 where this process polls", int(poll.leads))


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"stocktracker_{name}", text, value=value)


def quotes(request: Request) -> Response:
    """The quotes of `tickers`, or of all watched ones, as JSON or with `format=csv` as CSV."""
    runtime = current_runtime()
    kind = request.query_params.get("format", "json")
    if kind not in ("json", "csv"):
        return _refuse("format: json or csv")
    try:
        tickers = _asked(runtime, request.query_params.getlist("tickers"))
    except BadTicker as fault:
        return _refuse(fault.words)
    runtime.load_quotes(tickers)
    rows = [row for row in runtime.read_rows(tickers) if row.quote is not None]
    if kind == "csv":
        lines = [QuoteRow(row.ticker, row.name or None, row.quote, row.freshness) for row in rows]
        return Response(quotes_csv(lines), media_type="text/csv; charset=utf-8")
    return JSONResponse({"quotes": [quote_body(row) for row in rows]})


def _asked(runtime: Runtime, values: Sequence[str]) -> list[Ticker]:
    """`AAPL,MSFT` or the parameter repeated; without it, what anybody watches. Raises BadTicker."""
    listing = runtime.read().listing
    texts = [text for value in values for text in value.split(",") if text]
    if not values:
        return sorted(_watched(runtime))
    rows = listing.rows if listing else None
    return list(dict.fromkeys(parse_ticker(text, rows) for text in texts[:MOST_TICKERS]))


def _watched(runtime: Runtime) -> set[Ticker]:
    """What anybody looks at, and what the operator watches."""
    poll = runtime.read().poll
    looked_at = {want.ticker for want in poll.viewers if want.ticker != WHOLE_MARKET}
    return looked_at.union(poll.operators)


def quote_body(row: Row) -> dict[str, Any]:
    """A quote as JSON: instants in UTC, absent figures null."""
    quote = row.quote
    if quote is None:
        raise ValueError("a row without a quote")
    return {
        "ticker": quote.ticker,
        "price": quote.price,
        "previous_close": quote.previous_close,
        "change": _rounded(quote.change),
        "change_percent": _rounded(quote.change_percent),
        "open": quote.open,
        "high": quote.high,
        "low": quote.low,
        "volume": quote.volume,
        "trading_day": quote.trading_day.isoformat(),
        "as_of": _text(quote.as_of),
        "fetched_at": _text(quote.fetched_at),
        "freshness": row.freshness.value,
        "source": quote.source,
        "currency": quote.currency,
        "doubtful": _doubt_body(row.doubt),
    }


def _doubt_body(doubt: Doubt | None) -> dict[str, Any] | None:
    """A newer price that is not believed, and why; null where there is none."""
    if doubt is None:
        return None
    return {
        "price": doubt.quote.price,
        "trading_day": doubt.quote.trading_day.isoformat(),
        "as_of": _text(doubt.quote.as_of),
        "fetched_at": _text(doubt.quote.fetched_at),
        "source": doubt.quote.source,
        "currency": doubt.quote.currency,
        "words": f"it {doubt.words}",
    }


def history(request: Request) -> Response:
    """Everything stored of one ticker, oldest first; 404 where nothing is."""
    runtime = current_runtime()
    feed = INTERVALS.get(request.query_params.get("interval", "daily"))
    if feed is None:
        return _refuse(f"interval: one of {', '.join(INTERVALS)}")
    listing = runtime.read().listing
    try:
        ticker = parse_ticker(request.path_params["ticker"], listing.rows if listing else None)
    except BadTicker as fault:
        return _refuse(fault.words)
    runtime.load_stored(ticker, [feed])
    bars = runtime.board.read_bars(feed, ticker)
    if bars is None:
        return PlainTextResponse("nothing is stored for this ticker and interval\n", 404)
    content = history_csv([bars], zones={ticker: runtime.read_zone(ticker)})
    return Response(content, media_type="text/csv; charset=utf-8")


def _refuse(words: str) -> PlainTextResponse:
    return PlainTextResponse(f"{words}\n", status_code=400)


def _text(instant: datetime | None) -> str | None:
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


class SecurityHeaders:
    """Adds the headers that Streamlit does not set to every HTTP answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                more = [(name, value) for name, value in HEADERS.items() if name not in known]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


SECURITY_HEADERS = [Middleware(SecurityHeaders)]
