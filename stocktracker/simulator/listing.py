"""The simulated LISTING_STATUS: thirteen thousand lines with upstream's quirks, more every day.

The same on every machine and for every seed. What is odd here is odd upstream: names that are
empty, shouted, padded or hold HTML; tickers that look like options of a command, like a missing
value or like a path. A ticker that is neither listed nor in `known.ABROAD` does not exist.
"""

from __future__ import annotations

import random
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from stocktracker.markets import calendar
from stocktracker.simulator.known import ABROAD, LISTED

HEADER = "symbol,name,exchange,assetType,ipoDate,delistingDate,status"
FIRST_LISTED = date(1999, 11, 1)
FROZEN = date(2025, 12, 31)
LAST_YEAR = 2035
ORDINARY = 12_750

STOCK_EXCHANGES = ("NASDAQ", "NYSE", "NYSE MKT", "AMEX")
STOCK_SHARES = (64, 31, 4, 1)
FUND_EXCHANGES = ("NYSE ARCA", "BATS", "NASDAQ")
FUND_SHARES = (60, 25, 15)


def _words(text: str) -> list[str]:
    return text.split()


FIRST_WORDS = _words(
    "Alder Amber Apex Arbor Aspen Atlas Aurora Beacon Birch Blue Boreal Bright Cedar Cobalt "
    "Coral Crescent Delta Dune Eagle Ember Falcon Fern Gale Glacier Granite Harbor Hazel Heron "
    "Indigo Iron Ivory Jade Juniper Kestrel Keystone Lark Laurel Linden Lumen Maple Meridian Mesa "
    "Nimbus Nova Oak Onyx Opal Orchard Osprey Pine Pioneer Quartz Quill Raven Redwood Ridge River "
    "Sable Sage Silver Slate Solar Summit Tern Thistle Tidal Umber Vale Vector Vesper Willow Zephyr"
)
TRADES = _words(
    "Acquisition Aerospace Analytics Bancorp Biosciences Brands Capital Chemical Devices Energy "
    "Environmental Financial Foods Genomics Health Holdings Industries Insurance Interactive "
    "Laboratories Logistics Materials Medical Metals Mining Motors Networks Oil Pharmaceuticals "
    "Power Properties Realty Resources Robotics Semiconductor Software Steel Storage Systems "
    "Technologies Therapeutics Utilities Water Wireless"
)
ENDINGS = ("Inc", "Corp", "Ltd", "Holdings Inc", "plc", "Group Inc", "Co. Inc", "Trust")
THEMES = (
    "US Large Cap",
    "US Small Cap",
    "Emerging Markets",
    "Short Treasury",
    "Core Bond",
    "Dividend Growth",
    "Low Volatility",
    "Gold Miners",
    "Real Estate",
    "High Yield",
)

ODD = """
-P-HIZ|Presurance Holdings Inc|NASDAQ|Stock|2023-08-30
BC/PB|Brunswick Corp|NYSE|Stock|2018-12-06
LABU|DIREXION DAILY S&P BIOTECH BULL 3X SHARES DIREXION DAILY S&AMP;P BIOTECH BULL 3X \
SHARES|NYSE ARCA|ETF|2015-05-28
NXT(EXP20091224)|Nextest Systems Corp|NASDAQ|Stock|2006-03-21
ZVZZT|NASDAQ TEST STOCK|NASDAQ|Stock|2017-09-22
ZZZ|TEST TICKER FOR UTP|BATS|Stock|2014-04-10
"""

DELISTED = """
ATVI,Activision Blizzard Inc,NASDAQ,Stock,1993-10-22,2023-10-13,Delisted
INF,Brookfield Global Listed Infrastructure Income Fund,NYSE,ETF,2011-08-26,2020-05-15,Delisted
TWTR,Twitter Inc,NYSE,Stock,2013-11-07,2022-10-28,Delisted
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the listing; `day` is the exchange date on which it first appears."""

    ticker: str
    name: str
    exchange: str
    kind: str
    day: date


@lru_cache(maxsize=1)
def all_rows() -> Mapping[str, Row]:
    """Every row that will ever appear, sorted as ASCII."""
    # Drawn one after another, so a change to any of this renames most of the invented companies.
    rng = random.Random("the listing")
    listed = {
        known.ticker: Row(known.ticker, known.name, known.exchange, known.kind, known.first_listed)
        for known in LISTED.values()
    }
    for line in ODD.strip().splitlines():
        ticker, name, exchange, kind, day = line.split("|")
        listed[ticker] = Row(ticker, name, exchange, kind, date.fromisoformat(day))
    for row in (*_ordinary(rng, set(listed)), *_newcomers(rng)):
        listed.setdefault(row.ticker, row)
    return dict(sorted(listed.items()))


def is_listed(ticker: str, day: date) -> bool:
    if ticker in ABROAD:
        return True
    row = all_rows().get(ticker)
    return row is not None and row.day <= day


def rows_on(day: date) -> list[Row]:
    """The active rows of an exchange date."""
    return [row for row in all_rows().values() if row.day <= day]


@lru_cache(maxsize=8)
def active_csv(day: date) -> bytes:
    lines = [
        f"{row.ticker},{row.name},{row.exchange},{row.kind},{row.day},null,Active"
        for row in rows_on(day)
    ]
    return _csv(lines)


@lru_cache(maxsize=8)
def delisted_csv(day: date) -> bytes:
    lines = DELISTED.strip().splitlines()
    return _csv([line for line in lines if line.split(",")[5] <= day.isoformat()])


def _csv(lines: list[str]) -> bytes:
    return "\r\n".join([HEADER, *lines, ""]).encode("ascii")


def _ordinary(rng: random.Random, taken: set[str]) -> Iterator[Row]:
    """The invented rows of before 2026, with upstream's share of each oddity."""
    days = (FROZEN - FIRST_LISTED).days
    for number in range(ORDINARY - len(taken)):
        is_fund = rng.random() < 0.37
        ticker = _fresh_ticker(rng, taken, is_fund=is_fund)
        name = _fund_name(rng) if is_fund else _company_name(rng)
        suffix, addition = _suffix(rng, is_fund=is_fund)
        exchange = (
            rng.choices(FUND_EXCHANGES, FUND_SHARES)
            if is_fund
            else rng.choices(STOCK_EXCHANGES, STOCK_SHARES)
        )[0]
        yield Row(
            ticker=ticker + suffix,
            name="" if number % 210 == 7 else name + addition,
            exchange="BATS" if suffix == ":BAT" else exchange,
            kind="ETF" if is_fund else "Stock",
            day=FIRST_LISTED + timedelta(days=int(days * rng.random() ** 0.6)),
        )


def _newcomers(rng: random.Random) -> Iterator[Row]:
    """Two to four new rows on every trading day from 2026 on."""
    days = calendar().days_between(FROZEN + timedelta(days=1), date(LAST_YEAR, 12, 31))
    taken: set[str] = set()
    for day in days:
        for _ in range(rng.randint(2, 4)):
            ticker = "Q" + _fresh_ticker(rng, taken, is_fund=False, sizes=(4,))
            yield Row(ticker, _company_name(rng), "NASDAQ", "Stock", day)


def _fresh_ticker(
    rng: random.Random, taken: set[str], *, is_fund: bool, sizes: tuple[int, ...] = (3, 4, 4)
) -> str:
    while True:
        size = 4 if is_fund else rng.choice(sizes)
        ticker = "".join(rng.choices(string.ascii_uppercase, k=size))
        if ticker not in taken:
            taken.add(ticker)
            return ticker


def _suffix(rng: random.Random, *, is_fund: bool) -> tuple[str, str]:
    """What some tickers end with, and what their names gain by it."""
    throw = rng.random()
    letter = rng.choice("ABCDEFG")
    if throw < 0.026:
        return ":BAT", ""
    stock_suffixes = (
        (0.070, f"-P-{letter}", f" - FXDFR PRF PERPETUAL USD 25 - Ser {letter}"),
        (0.088, "-WS", " - Warrants (01/01/9999)"),
        (0.098, "-U", " - Units (1 Ord Shs & 1/2 War)"),
        (0.106, f"-{letter}", f" - Class {letter}"),
    )
    for share, suffix, addition in stock_suffixes:
        if throw < share and not is_fund:
            return suffix, addition
    return "", ""


def _company_name(rng: random.Random) -> str:
    first, trade, ending = rng.choice(FIRST_WORDS), rng.choice(TRADES), rng.choice(ENDINGS)
    throw = rng.random()
    if throw < 0.10:
        return f"{first} & {rng.choice(FIRST_WORDS)} {trade} {ending}"
    if throw < 0.14:
        return f"{first} {trade} {ending} - Class A"
    return f"{first} {rng.choice(FIRST_WORDS)} {trade} {ending}"


def _fund_name(rng: random.Random) -> str:
    name = f"{rng.choice(FIRST_WORDS)} {rng.choice(FIRST_WORDS)} {rng.choice(THEMES)} ETF"
    throw = rng.random()
    if throw < 0.55:
        return name.upper() + " "
    if throw < 0.57:
        return name.replace("US ", "S&AMP;P ")
    return name
