"""Which ticker is split when: the real splits of well-known tickers, and invented ones.

Factors are as upstream tells them: 4.0 where four shares stand for one (4:1), 0.1 where one stands
for ten, a ratio of prices for a spin-off (IBM 2021). A table and some dice, nothing else: what a
split does to prices is in `paths`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from stocktracker.model import Ticker
from stocktracker.simulator.known import KNOWN

# Those since 1999-11-01, where the simulated history begins.
REAL = """
AAPL 2000-06-21 2, 2005-02-28 2, 2014-06-09 7, 2020-08-31 4
ADBE 2000-10-25 2, 2005-05-24 2
AMD 2000-08-22 2
AMZN 2022-06-06 20
AVGO 2024-07-15 10
BAC 2004-08-30 2
BRK-B 2010-01-21 50
C 2000-08-28 1.3333, 2011-05-09 0.1
CAT 2005-07-14 2
COST 2000-01-14 2
CRM 2013-04-18 4
CSCO 2000-03-23 2
CVX 2004-09-13 2
EEM 2005-06-09 3, 2008-07-24 3
F 2000-08-03 1.7482
GE 2000-05-08 3, 2021-08-02 0.125, 2023-01-04 1.281, 2024-04-02 1.253
GOOG 2014-04-03 2.002, 2022-07-18 20
GOOGL 2014-04-03 2.002, 2022-07-18 20
HD 1999-12-31 1.5
IBM 2021-11-04 1.046
INTC 2000-07-31 2
IWM 2005-06-09 2
JNJ 2001-06-13 2
JPM 2000-06-12 1.5
KO 2012-08-13 2
MA 2014-01-22 10
MRK 2021-06-03 1.048
MSFT 2003-02-18 2
NFLX 2004-02-12 2, 2015-07-15 7, 2025-11-17 10
NKE 2007-04-03 2, 2012-12-26 2, 2015-12-24 2
NVDA 2000-06-27 2, 2001-09-17 2, 2006-04-07 2, 2007-09-11 1.5, 2021-07-20 4, 2024-06-10 10
ORCL 2000-01-19 2, 2000-10-13 2
PG 2004-06-21 2
QQQ 2000-03-20 2
SHOP.TRT 2022-06-29 10
SLV 2008-07-24 10
T 2022-04-11 1.324
TSCO.LON 2021-02-15 0.7895
TSLA 2020-08-31 5, 2022-08-25 3
UNH 2000-12-26 2, 2003-06-19 2, 2005-05-31 2
V 2015-03-19 4
VOD.LON 2014-02-24 0.5455
VOO 2013-10-24 0.5
VTI 2008-06-18 2
WMT 2024-02-26 3
XOM 2001-07-19 2
"""

# Within the hundred days of a compact series at the end of 2026: one up, one down.
INVENTED = """
COST 2026-10-14 3
F 2026-09-09 0.25
"""
# After that a well-known ticker is split each quarter, so that a compact series with one is always
# to be found; by turns up and down.
NEXT_UP = ("META", "MSFT", "LLY", "GS", "HD", "CAT", "AVGO", "UNH", "MCD")
NEXT_DOWN = ("PFE", "T", "INTC", "BAC", "VZ", "NKE", "BA", "DIS", "CSCO")
NEXT_FACTORS = {True: (2.0, 3.0, 4.0), False: (0.5, 0.25, 0.1)}
FIRST_NEXT_YEAR, LAST_NEXT_YEAR = 2027, 2035

# No exchange of ours has a holiday on the second Wednesday of these months.
QUIET_MONTHS = (3, 6, 9, 11)
ORDINARY_SHARE = 0.2
ORDINARY_FACTORS = (2.0, 2.0, 2.0, 3.0, 1.5, 4.0, 0.1, 0.05)
ORDINARY_YEARS = (2001, 2034)


@dataclass(frozen=True, slots=True)
class Split:
    """From `day` on, an exchange's date, `factor` shares stand for each one before."""

    day: date
    factor: float


@lru_cache(maxsize=16384)
def splits_of(seed: int, ticker: Ticker) -> tuple[Split, ...]:
    """All splits of a ticker from 1999-11-01 to 2035, oldest first; for most there are none."""
    known = _of_known().get(ticker)
    if known is not None:
        return known
    if ticker in KNOWN:
        return ()
    rng = random.Random(f"{seed}/{ticker}/splits")
    if rng.random() >= ORDINARY_SHARE:
        return ()
    day = _second_wednesday(rng.randint(*ORDINARY_YEARS), rng.choice(QUIET_MONTHS))
    return (Split(day, rng.choice(ORDINARY_FACTORS)),)


def factor_until(seed: int, ticker: Ticker, day: date) -> float:
    """How many shares of `day` stand for one of 1999-11-01."""
    return math.prod(split.factor for split in splits_of(seed, ticker) if split.day <= day)


@lru_cache(maxsize=1)
def _of_known() -> dict[str, tuple[Split, ...]]:
    rows: dict[str, list[Split]] = {}
    for line in (REAL + INVENTED).split("\n"):
        ticker, _, events = line.partition(" ")
        for event in filter(None, events.split(", ")):
            day, factor = event.split(" ")
            rows.setdefault(ticker, []).append(Split(date.fromisoformat(day), float(factor)))
    for ticker, split in _next_ones():
        rows.setdefault(ticker, []).append(split)
    return {
        ticker: tuple(sorted(each, key=lambda split: split.day)) for ticker, each in rows.items()
    }


def _next_ones() -> Iterator[tuple[str, Split]]:
    quarters = [
        _second_wednesday(year, month)
        for year in range(FIRST_NEXT_YEAR, LAST_NEXT_YEAR + 1)
        for month in QUIET_MONTHS
    ]
    for place, day in enumerate(quarters):
        is_up = place % 2 == 0
        tickers, factors = NEXT_UP if is_up else NEXT_DOWN, NEXT_FACTORS[is_up]
        turn = place // 2
        yield tickers[turn % len(tickers)], Split(day, factors[turn % len(factors)])


def _second_wednesday(year: int, month: int) -> date:
    eighth = date(year, month, 8)
    return eighth + timedelta(days=(2 - eighth.weekday()) % 7)
