"""SPLITS and DIVIDENDS: the very events that are in the series, newest first.

A dividend is announced three weeks before its ex-day and is in the reply from then on; a split is
from its first day on. Upstream does not know the dates around older dividends: they are "None".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from stocktracker.model import Ticker
from stocktracker.simulator import listing
from stocktracker.simulator.bodies import Answer, csv_answer, json_answer
from stocktracker.simulator.paths import ANCHOR_DAY, daily_path
from stocktracker.simulator.query import Query, Refused

ANNOUNCED_BEFORE = timedelta(days=21)
PAID_AFTER = timedelta(days=31)
# From this day on the record day is the ex-day, as the US settle within a day.
SAME_DAY_RECORD = date(2024, 5, 28)
WITH_DATES_SINCE = date(2020, 1, 1)
# A hole that IBM's recorded body has.
HOLE = (date(2020, 11, 1), date(2020, 12, 31))
SPLIT_COLUMNS = ("effective_date", "split_factor")
DIVIDEND_COLUMNS = (
    "ex_dividend_date",
    "declaration_date",
    "record_date",
    "payment_date",
    "amount",
)


@dataclass(frozen=True, slots=True)
class Payout:
    """A dividend: an amount for each share of its ex-day."""

    ex_day: date
    declared: date
    recorded: date
    paid: date
    amount: float


def payouts(seed: int, ticker: Ticker, day: date) -> list[Payout]:
    """All that are known on an exchange date, oldest first; the last may be ahead."""
    last = day + ANNOUNCED_BEFORE
    path = daily_path(seed, ticker, max(last.year, ANCHOR_DAY.year))
    days = path.trading.days
    known = [place for place in np.flatnonzero(path.dividends) if days[place] <= last]
    return [
        Payout(
            ex_day=days[place],
            declared=_on_a_weekday(days[place] - ANNOUNCED_BEFORE),
            recorded=days[place] if days[place] >= SAME_DAY_RECORD else days[place + 1],
            paid=_on_a_weekday(days[place] + PAID_AFTER),
            amount=float(path.dividends[place]),
        )
        for place in known
    ]


def splits(query: Query, seed: int) -> Answer:
    ticker = _asked_for(query)
    rows = []
    if listing.is_listed(ticker, query.day):
        path = daily_path(seed, ticker, max(query.day.year, ANCHOR_DAY.year))
        days = path.trading.days
        places = [place for place in np.flatnonzero(path.splits != 1) if days[place] <= query.day]
        rows = [[str(days[place]), f"{path.splits[place]:.4f}"] for place in reversed(places)]
    return _answer(query, SPLIT_COLUMNS, rows)


def dividends(query: Query, seed: int) -> Answer:
    ticker = _asked_for(query)
    rows = []
    if listing.is_listed(ticker, query.day):
        rows = [_row(payout) for payout in reversed(payouts(seed, ticker, query.day))]
    return _answer(query, DIVIDEND_COLUMNS, rows)


def _row(payout: Payout) -> list[str]:
    has_dates = payout.ex_day >= WITH_DATES_SINCE and not HOLE[0] <= payout.ex_day <= HOLE[1]
    dates = (payout.declared, payout.recorded, payout.paid)
    texts = [str(each) if has_dates else "None" for each in dates]
    return [str(payout.ex_day), *texts, str(payout.amount)]


def _answer(query: Query, columns: tuple[str, ...], rows: list[list[str]]) -> Answer:
    if query.wants_csv:
        return csv_answer(",".join(columns), [",".join(row) for row in rows])
    data = [dict(zip(columns, row, strict=True)) for row in rows]
    return json_answer({"symbol": query.ticker, "data": data})


def _asked_for(query: Query) -> Ticker:
    if not query.ticker:
        raise Refused("invalid-call", function=query.function)
    return query.ticker


def _on_a_weekday(day: date) -> date:
    return day - timedelta(days=max(day.weekday() - 4, 0))
