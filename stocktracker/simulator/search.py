"""SYMBOL_SEARCH and MARKET_STATUS: the two functions that tell about exchanges, not prices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from stocktracker.markets import calendar
from stocktracker.plans import MINUTE
from stocktracker.simulator.known import ABROAD
from stocktracker.simulator.listing import rows_on

HEADER = "symbol,name,type,region,marketOpen,marketClose,timezone,currency,matchScore"
FIGURES = HEADER.split(",")
MOST_MATCHES = 10
ABROAD_FIGURES = {
    "DEX": ["XETRA", "08:00", "20:00", "UTC+02", "EUR"],
    "LON": ["United Kingdom", "08:00", "16:30", "UTC+01", "GBX"],
    "TRT": ["Toronto", "09:30", "16:00", "UTC-05", "CAD"],
}
US_FIGURES = ["United States", "09:30", "16:00", "UTC-04", "USD"]

US_MARKET = "NASDAQ, NYSE, AMEX, BATS"
# Region, exchanges, opening and closing time, time zone, notes.
MARKETS = (
    ("Canada", "Toronto, Toronto Ventures", "09:30", "16:00", "America/Toronto", ""),
    ("United Kingdom", "London", "08:00", "16:30", "Europe/London", ""),
    (
        "Germany",
        "XETRA, Berlin, Frankfurt, Munich, Stuttgart",
        "08:00",
        "20:00",
        "Europe/Berlin",
        "",
    ),
    ("France", "Paris", "09:00", "17:30", "Europe/Paris", ""),
    ("Spain", "Barcelona, Madrid", "09:00", "17:30", "Europe/Madrid", ""),
    ("Portugal", "Lisbon", "08:00", "16:30", "Europe/Lisbon", ""),
    (
        "Japan",
        "Tokyo",
        "09:00",
        "15:00",
        "Asia/Tokyo",
        "Noon trading break from 11:30 to 12:30 local time",
    ),
    ("India", "NSE, BSE", "09:15", "15:30", "Asia/Kolkata", ""),
    (
        "Mainland China",
        "Shanghai, Shenzhen",
        "09:30",
        "15:00",
        "Asia/Shanghai",
        "Noon trading break from 11:30 to 13:00 local time",
    ),
    (
        "Hong Kong",
        "Hong Kong",
        "09:30",
        "16:00",
        "Asia/Hong_Kong",
        "Noon trading break from 12:00 to 13:00 local time",
    ),
    ("Brazil", "Sao Paolo", "10:00", "17:30", "America/Sao_Paulo", ""),
    ("Mexico", "Mexico", "08:30", "15:00", "America/Mexico_City", ""),
    ("South Africa", "Johannesburg", "09:00", "17:00", "Africa/Johannesburg", ""),
)
FOREX_NOTE = (
    "The forex market is open 24 hours a day, EXCEPT between 16:00 EST on Friday and 17:00 EST "
    "on Sunday"
)
CRYPTO_NOTE = "The cryptocurrency market is open 24 hours a day"


def best_matches(keywords: str, day: date) -> list[list[str]]:
    """At most ten rows in the order of `HEADER`, the best first."""
    wanted = keywords.strip().upper()
    if not wanted:
        return []
    candidates = [
        (row.ticker, row.name, "ETF" if row.kind == "ETF" else "Equity", US_FIGURES)
        for row in rows_on(day)
    ] + [
        (known.ticker, known.name, "Equity", ABROAD_FIGURES[known.ticker.rpartition(".")[2]])
        for known in ABROAD.values()
    ]
    scored = [
        (_score(wanted, ticker, name.upper()), [ticker, name, kind, *figures])
        for ticker, name, kind, figures in candidates
        if name
    ]
    scored = sorted((pair for pair in scored if pair[0]), key=lambda pair: (-pair[0], pair[1][0]))
    return [[*row, f"{score:.4f}"] for score, row in scored[:MOST_MATCHES]]


def numbered(matches: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    return [
        {
            f"{at}. {figure}": text
            for at, (figure, text) in enumerate(zip(FIGURES, row, strict=True), 1)
        }
        for row in matches
    ]


def market_status(now: datetime) -> dict[str, object]:
    running = calendar().last_opened(now)
    # Upstream calls the US market open for a quarter of an hour after its close.
    us_is_open = now < running.close + 15 * MINUTE
    rows = [_market(("United States", US_MARKET, "09:30", "16:15", ""), is_open=us_is_open)]
    for region, exchanges, opens, closes, zone, notes in MARKETS:
        local = now.astimezone(ZoneInfo(zone))
        in_hours = time.fromisoformat(opens) <= local.time() < time.fromisoformat(closes)
        is_open = local.weekday() < 5 and in_hours
        rows.append(_market((region, exchanges, opens, closes, notes), is_open=is_open))
    eastern = now.astimezone(ZoneInfo("America/New_York"))
    week_hour = eastern.weekday() * 24 + eastern.hour
    forex_is_open = not 4 * 24 + 16 <= week_hour < 6 * 24 + 17
    everywhere = ("Global", "Global", "00:00", "23:59")
    rows.append(_market((*everywhere, FOREX_NOTE), is_open=forex_is_open, kind="Forex"))
    rows.append(_market((*everywhere, CRYPTO_NOTE), is_open=True, kind="Cryptocurrency"))
    return {"endpoint": "Global Market Open & Close Status", "markets": rows}


def _score(wanted: str, ticker: str, name: str) -> float:
    if ticker == wanted:
        return 1.0
    if ticker.startswith(wanted):
        return 0.5 + 0.4 * len(wanted) / len(ticker)
    if name.startswith(wanted):
        return 0.4 + 0.4 * len(wanted) / len(name)
    return 0.4 * len(wanted) / len(name) if wanted in name else 0.0


def _market(
    about: tuple[str, str, str, str, str], *, is_open: bool, kind: str = "Equity"
) -> dict[str, str]:
    region, exchanges, opens, closes, notes = about
    return {
        "market_type": kind,
        "region": region,
        "primary_exchanges": exchanges,
        "local_open": opens,
        "local_close": closes,
        "current_status": "open" if is_open else "closed",
        "notes": notes,
    }
