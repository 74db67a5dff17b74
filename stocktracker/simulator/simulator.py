"""The simulator itself: counts, remembers and answers every request, as a Starlette application.

Order of a request: log it → key → limits → demo key → the function's answer → a fault, if one was
commanded. A fault stands above a refusal: it is what this call was to get. It counts all the same.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stocktracker.clock import Clock, SystemClock
from stocktracker.config import Hours
from stocktracker.errors import Window
from stocktracker.markets import US
from stocktracker.model import Ticker
from stocktracker.plans import MINUTE, PLANS, SECOND, Limit, Plan
from stocktracker.simulator.bodies import Answer, json_answer
from stocktracker.simulator.faults import Fault, Faults, spoil, wire_of
from stocktracker.simulator.functions import Publication, Vendor
from stocktracker.simulator.limits import Limiter, refusal_body, upstream_limits, window_of
from stocktracker.simulator.listing import all_rows
from stocktracker.simulator.paths import ANCHOR_DAY, trading_days
from stocktracker.simulator.prices import PriceWorld
from stocktracker.simulator.query import Query
from stocktracker.simulator.refusals import REFUSALS
from stocktracker.simulator.wire import REDIRECTED, WiredResponse, wait

MOST_CALLS = 200_000
FOR_THE_DEMO_KEY = "LISTING_STATUS"
AFTER_THE_CLOSE = timedelta(hours=2)
INSTANTLY = timedelta(0)


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """One request as it came. `refused` is the limit's window; `fault` what spoiled the answer."""

    at: datetime
    function: str
    tickers: tuple[Ticker, ...]
    refused: Window | None
    fault: str | None


class Simulator:
    """One stand-in for Alpha Vantage, with the limits of one key's plan."""

    def __init__(
        self,
        plan: Plan = PLANS["free"],
        limits: tuple[Limit, ...] | None = None,
        clock: Clock | None = None,
        *,
        hours: Hours = Hours.EXCHANGE,
        publication: Publication = AFTER_THE_CLOSE,
        latency: timedelta = INSTANTLY,
        seed: int = 1,
        count_refused: bool = False,
    ) -> None:
        self.plan = plan
        self.faults = Faults()
        self._clock = clock or SystemClock()
        self._latency = latency
        self._vendor = Vendor(plan, PriceWorld(seed, hours), publication)
        limits = upstream_limits(plan) if limits is None else limits
        self._limiter = Limiter(limits, self._clock, count_refused=count_refused)
        self._lock = threading.Lock()
        self._calls: deque[ReceivedCall] = deque(maxlen=MOST_CALLS)
        self.app = Starlette(
            routes=[
                Route("/query", self._on_query),
                Route(REDIRECTED, self._on_redirected),
                Route("/stats", self._on_stats),
                Route("/faults", self._on_faults, methods=["POST", "DELETE"]),
            ]
        )

    @property
    def calls(self) -> list[ReceivedCall]:
        """All requests that were received, refused ones included; the last 200,000 of them."""
        with self._lock:
            return list(self._calls)

    @property
    def refusals(self) -> int:
        """How many calls a limit has refused."""
        return sum(call.refused is not None for call in self.calls)

    def answer(self, query: Query) -> tuple[Answer, Fault | None]:
        """Answer one request and remember it; what a wire fault does is still to come."""
        with self._lock:
            broken = self._limiter.refuse() if query.key else None
            fault = self.faults.take(query)
            self._calls.append(
                ReceivedCall(
                    at=query.now,
                    function=query.function,
                    tickers=query.tickers,
                    refused=window_of(broken) if broken else None,
                    fault=fault.name if fault else None,
                )
            )
        if broken is not None and fault is None:
            return json_answer(refusal_body(broken, self.plan, query.key)), None
        answer = self._unlimited_answer(query)
        return (spoil(fault, answer, query) if fault else answer), fault

    def warm_up(self) -> None:
        """Half a second of work, once a process, so that the first answer is not a slow one."""
        all_rows()
        trading_days(US, ANCHOR_DAY.year)

    def stats(self) -> dict[str, object]:
        calls = self.calls
        return {
            "calls": len(calls),
            "refusals": sum(call.refused is not None for call in calls),
            "functions": dict(Counter(call.function for call in calls)),
            "most_in_a_second": _most_within(SECOND, (call.at for call in calls)),
            "most_in_a_minute": _most_within(MINUTE, (call.at for call in calls)),
        }

    def _unlimited_answer(self, query: Query) -> Answer:
        if not query.key:
            return json_answer(REFUSALS["no-key"].body())
        if query.key == "demo" and query.function != FOR_THE_DEMO_KEY:
            return json_answer(REFUSALS["demo-key"].body())
        return self._vendor.answer(query)

    async def _on_query(self, request: Request) -> Response:
        if self._latency:
            await wait(request.receive, self._latency)
        answer, fault = self.answer(Query(request.query_params, self._clock.now()))
        return WiredResponse(answer, wire_of(fault), fault.pause if fault else INSTANTLY)

    async def _on_redirected(self, _request: Request) -> Response:
        """Nobody should follow a redirect to here; who does is seen among the calls."""
        with self._lock:
            now = self._clock.now()
            self._calls.append(ReceivedCall(now, f"({REDIRECTED})", (), None, None))
        return JSONResponse({})

    async def _on_stats(self, _request: Request) -> Response:
        return JSONResponse(self.stats())

    async def _on_faults(self, request: Request) -> Response:
        """POST {"name": …, "count": 1 or null, "function", "ticker", "seconds"}; DELETE clears."""
        if not _is_loopback(request):
            return JSONResponse({"error": "only from this machine"}, 403)
        if request.method == "DELETE":
            self.faults.clear()
            return JSONResponse({})
        if request.headers.get("content-type") != "application/json":
            return JSONResponse({"error": "application/json only"}, 415)
        try:
            wish = json.loads(await request.body())
            if not isinstance(wish, dict):
                raise TypeError("not an object")
            self._command(wish)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            return JSONResponse({"error": f"no such fault: {error}"}, 400)
        return JSONResponse({})

    def _command(self, wish: dict[str, object]) -> None:
        count = wish.get("count", 1)
        function, ticker = wish.get("function"), wish.get("ticker")
        pause = timedelta(seconds=float(str(wish.get("seconds", 1))))
        concerned = {
            "function": None if function is None else str(function),
            "ticker": None if ticker is None else str(ticker),
        }
        if count is None:
            self.faults.always(str(wish["name"]), pause=pause, **concerned)
        else:
            self.faults.next(str(wish["name"]), int(str(count)), pause=pause, **concerned)


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _most_within(period: timedelta, instants: Iterable[datetime]) -> int:
    """The most instants within any span shorter than `period`."""
    recent: deque[datetime] = deque()
    most = 0
    for instant in instants:
        recent.append(instant)
        while instant - recent[0] >= period:
            recent.popleft()
        most = max(most, len(recent))
    return most
