"""The choice of the next calls when all 13,411 tickers of the listing are wanted."""

from __future__ import annotations

import time
from datetime import timedelta

from benchmarks.report import Row, middle
from benchmarks.store import NOW, record
from stocktracker.board import Board
from stocktracker.model import Feed, Ticker, Want
from stocktracker.plans import PLANS, Rights
from stocktracker.polling.agenda import Agenda
from stocktracker.polling.due import Known
from stocktracker.polling.planner import Allowed, make_plan
from stocktracker.polling.wants import Wanted

MARKET = 13_411
FEW = 20


def measure(times: int = 20) -> list[Row]:
    """CPU time of one plan: the first of all, and one after a reply about a hundred tickers, which
    is what the poller makes all day."""
    first, later = _planned(MARKET, times)
    few, few_later = _planned(FEW, 20 * times)
    return [
        Row("planner: the first plan for 13,411 tickers", first, few, "ms CPU", "for 20"),
        Row("planner: after each bulk reply, 13,411 tickers", later, few_later, "ms CPU", "of 20"),
    ]


def _planned(count: int, times: int) -> tuple[float, float]:
    plan = PLANS["premium-1200"]
    tickers = [Ticker(f"T{place}") for place in range(count)]
    board, agenda = Board(), Agenda()
    board.publish(
        record(ticker, 100, NOW - timedelta(seconds=40 if place % 2 else 1))
        for place, ticker in enumerate(tickers)
    )
    wants = {Want(Feed.QUOTE, ticker): Wanted(1, NOW - timedelta(hours=1)) for ticker in tickers}
    allowed = Allowed(possible=16, next_at=NOW, left_today=None, limits=plan.limits)
    figures = []
    for turn in range(times):
        agenda.touch(board.take_changes())
        known = Known(
            now=NOW + timedelta(milliseconds=turn),
            board=board.read(),
            rights=Rights(plan, plan.liveness, {}),
            refresh=timedelta(seconds=20),
            always=True,
            publications={},
            may_explore=False,
        )
        began = time.process_time()
        chosen = make_plan(known, wants, allowed, frozenset(), agenda)
        figures.append(1000 * (time.process_time() - began))
        if turn == 0 and not chosen.calls:
            raise ValueError("nothing was due")
        answered = [ticker for call in chosen.calls[:1] for ticker in call.tickers]
        board.publish(record(ticker, 101, NOW) for ticker in answered)
    return figures[0], middle(figures[1:])
