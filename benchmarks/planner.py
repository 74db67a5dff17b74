"""The choice of the next calls when all 13,411 tickers of the listing are wanted."""

from __future__ import annotations

import time
from datetime import timedelta

from benchmarks.report import Row, middle
from benchmarks.store import NOW, record
from stocktracker.board import Board
from stocktracker.model import Feed, Ticker, Want
from stocktracker.plans import PLANS, Rights
from stocktracker.polling.due import Known
from stocktracker.polling.planner import Allowed, make_plan
from stocktracker.polling.wants import Wanted

MARKET = 13_411
FEW = 20


def measure(times: int = 5) -> list[Row]:
    """CPU time of one plan: with bulk quotes, half of the quotes due."""
    everything, few = _planned(MARKET, times), _planned(FEW, 20 * times)
    return [
        Row("planner: 13,411 tickers wanted", everything, None, "ms CPU"),
        Row("planner: 20 tickers wanted", few, None, "ms CPU"),
        Row(
            "planner: for each ticker",
            1000 * everything / MARKET,
            1000 * few / FEW,
            "µs CPU",
            "with 20",
        ),
    ]


def _planned(count: int, times: int) -> float:
    plan = PLANS["premium-1200"]
    tickers = [Ticker(f"T{place}") for place in range(count)]
    board = Board()
    board.publish(
        record(ticker, 100, NOW - timedelta(seconds=40 if place % 2 else 1))
        for place, ticker in enumerate(tickers)
    )
    known = Known(
        now=NOW,
        board=board.read(),
        rights=Rights(plan, plan.liveness, {}),
        refresh=timedelta(seconds=20),
        always=True,
        publications={},
        may_explore=False,
    )
    wants = {Want(Feed.QUOTE, ticker): Wanted(1, NOW - timedelta(hours=1)) for ticker in tickers}
    allowed = Allowed(possible=16, next_at=NOW, left_today=None, limits=plan.limits)
    figures = []
    for _ in range(times):
        began = time.process_time()
        chosen = make_plan(known, wants, allowed, frozenset())
        figures.append(1000 * (time.process_time() - began))
        if not chosen.calls:
            raise ValueError("nothing was due")
    return middle(figures)
