"""REALTIME_BULK_QUOTES: up to a hundred quotes in one answer, and the sample that others get.

Upstream writes these figures in another style than everywhere else: as many decimals as there are,
no percent sign, `close` for the price, US/Eastern stamps to the millisecond. In a key without the
right to it the answer has the same shape and invented prices; only its `message` says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, time, timedelta

from stocktracker.model import Ticker
from stocktracker.simulator.bodies import Answer, csv_answer, json_answer
from stocktracker.simulator.intraday import EASTERN, EXTENDED_CLOSE, EXTENDED_OPEN
from stocktracker.simulator.prices import Moment, PriceWorld

MOST_TICKERS = 100
ENDPOINT = "Realtime Bulk Quotes"
HEADER = (
    "symbol,timestamp,open,high,low,close,volume,previous_close,change,change_percent,"
    "extended_hours_quote,extended_hours_change,extended_hours_change_percent"
)
FIGURES = HEADER.split(",")

ARTIFICIAL = (
    "This is a premium endpoint. ***THE SAMPLE DATA SCHEMA BELOW IS ARTIFICIAL AND FOR "
    "ILLUSTRATION PURPOSES ONLY***. To access the actual data, please subscribe to any premium "
    "plan that mentions 'Realtime US Market Data' in its description at "
    "https://www.alphavantage.co/premium/ for your personal non-professional use. For "
    "professional/commercial use, please contact support at support@alphavantage.co."
)
INVENTED = """
MSFT,2024-10-18 19:59:55.291,417.61,419.649,416.2601,418.16,17145307,416.72,1.44,0.3456,418.1,\
-0.06,-0.01435
AAPL,2024-10-18 19:59:50.451,236.0,236.05,234.02,235.0,46431470,232.15,2.85,1.2277,234.83,\
-0.17,-0.07234
IBM,2024-10-18 19:54:00.879,231.29,232.6499,230.17,232.22,4715482,232.88,-0.66,-0.2834,232.37,\
0.15,0.06459
"""


def _body(message: str, rows: Sequence[Sequence[str]]) -> Answer:
    data = [dict(zip(FIGURES, row, strict=True)) for row in rows]
    return json_answer({"endpoint": ENDPOINT, "message": message, "data": data})


SAMPLE = _body(ARTIFICIAL, [line.split(",") for line in INVENTED.strip().splitlines()])


def answer(
    world: PriceWorld, tickers: Sequence[Ticker], at: datetime, *, as_csv: bool = False
) -> Answer:
    rows = [_row(ticker, world.at(ticker, at), at) for ticker in tickers]
    if as_csv:
        return csv_answer(HEADER, [",".join(row) for row in rows])
    return _body("success", rows)


def _row(ticker: Ticker, moment: Moment, at: datetime) -> list[str]:
    return [
        ticker,
        _stamp(ticker, moment, at),
        str(moment.open),
        str(moment.high),
        str(moment.low),
        str(moment.price),
        str(moment.volume),
        str(moment.previous_close),
        str(round(moment.change, 4)),
        str(round(moment.change_percent, 4)),
        *_extended(moment, at),
    ]


def _extended(moment: Moment, at: datetime) -> list[str]:
    """The price outside of the session while people trade there, from 04:00 to 20:00."""
    local = at.astimezone(EASTERN)
    if moment.extended is None or not (
        EXTENDED_OPEN <= local.time() < EXTENDED_CLOSE and local.weekday() < 5
    ):
        return ["", "", ""]
    change = moment.extended - moment.price
    percent = 100 * change / moment.price
    return [str(moment.extended), str(round(change, 4)), str(round(percent, 5))]


def _stamp(ticker: Ticker, moment: Moment, at: datetime) -> str:
    """A little before `at`, and on the session's own date always: a row has no other."""
    some_time = int.from_bytes(hashlib.blake2b(ticker.encode(), digest_size=2).digest(), "big")
    session = moment.session
    last = datetime.combine(session.day, time(19, 59, 59), EASTERN)
    latest = min(at, last) - timedelta(milliseconds=some_time % 900)
    return (
        max(latest, session.open)
        .astimezone(EASTERN)
        .replace(tzinfo=None)
        .isoformat(sep=" ", timespec="milliseconds")
    )
