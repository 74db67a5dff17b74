"""The functions that tell of companies rather than prices: who answers which of them.

All are free. What is not listed has no overview and no statements (`{}`) and no events (an empty
list); what is listed and no company, a fund for one, has empty lists. Figures a share are in the
shares of the day whose prices may be seen, so that a price and its earnings always fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from stocktracker.simulator import listing, news, overview, payouts, reports, statements
from stocktracker.simulator.bodies import Answer, json_answer
from stocktracker.simulator.books import reported
from stocktracker.simulator.companies import listed_company
from stocktracker.simulator.intraday import EASTERN
from stocktracker.simulator.prices import PriceWorld
from stocktracker.simulator.query import Query, Refused

# An answer follows from the world, the query, and the instant whose prices the key may see.
Function = Callable[[PriceWorld, Query, datetime], Answer]
LEAST_QUARTERS = 5


def _overview(world: PriceWorld, query: Query, at: datetime) -> Answer:
    _require_ticker(query)
    company = listed_company(world.seed, query.ticker, query.day)
    quarters = reported(company, query.now) if company else []
    if company is None or len(quarters) < LEAST_QUARTERS:
        return json_answer({})
    return json_answer(overview.body(world, company, quarters, at, query.day))


def _earnings(world: PriceWorld, query: Query, at: datetime) -> Answer:
    _require_ticker(query)
    company = listed_company(world.seed, query.ticker, query.day)
    if company is None:
        is_listed = listing.is_listed(query.ticker, query.day)
        return json_answer(reports.no_earnings(query.ticker) if is_listed else {})
    quarters = reported(company, query.now)
    return json_answer(reports.earnings(company, quarters, at.astimezone(EASTERN).date()))


def _statement(
    statement: statements.Statement, world: PriceWorld, query: Query, _at: datetime
) -> Answer:
    _require_ticker(query)
    company = listed_company(world.seed, query.ticker, query.day)
    if company is None:
        is_listed = listing.is_listed(query.ticker, query.day)
        return json_answer(statements.empty_body(query.ticker) if is_listed else {})
    return json_answer(statements.body(statement, company, reported(company, query.now)))


def _earnings_calendar(world: PriceWorld, query: Query, at: datetime) -> Answer:
    return reports.calendar_answer(query, world.seed, at.astimezone(EASTERN).date())


def _splits(world: PriceWorld, query: Query, _at: datetime) -> Answer:
    return payouts.splits(query, world.seed)


def _dividends(world: PriceWorld, query: Query, _at: datetime) -> Answer:
    return payouts.dividends(query, world.seed)


def _news(world: PriceWorld, query: Query, _at: datetime) -> Answer:
    return news.answer(query, world.seed)


def _require_ticker(query: Query) -> None:
    if not query.ticker:
        raise Refused("invalid-call", function=query.function)


CORPORATE: Mapping[str, Function] = {
    "DIVIDENDS": _dividends,
    "EARNINGS": _earnings,
    "EARNINGS_CALENDAR": _earnings_calendar,
    "NEWS_SENTIMENT": _news,
    "OVERVIEW": _overview,
    "SPLITS": _splits,
    **{name: partial(_statement, each) for name, each in statements.STATEMENTS.items()},
}
