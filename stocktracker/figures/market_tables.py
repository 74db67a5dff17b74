"""The whole market as frames: movers, the world's exchanges, expected reports. Pure.

Takes records of `fundamentals` and trading calendars' words; clocks are passed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pandas as pd

from stocktracker import wording
from stocktracker.figures import amounts
from stocktracker.fundamentals import Mover, Report, WorldMarket
from stocktracker.wording import NOTHING, State

# Upstream's regions and where their clocks are.
ZONES: Mapping[str, str] = {
    "United States": "America/New_York",
    "Canada": "America/Toronto",
    "United Kingdom": "Europe/London",
    "Germany": "Europe/Berlin",
    "France": "Europe/Paris",
    "Spain": "Europe/Madrid",
    "Portugal": "Europe/Lisbon",
    "Japan": "Asia/Tokyo",
    "India": "Asia/Kolkata",
    "Mainland China": "Asia/Shanghai",
    "Hong Kong": "Asia/Hong_Kong",
    "Netherlands": "Europe/Amsterdam",
    "Brazil": "America/Sao_Paulo",
    "Mexico": "America/Mexico_City",
    "South Africa": "Africa/Johannesburg",
}
EQUITY = "equity"
# The exchanges that we have calendars of (markets.Exchange.name) and upstream's region for each.
REGIONS: Mapping[str, str] = {
    "NYSE": "United States",
    "London": "United Kingdom",
    "Toronto": "Canada",
    "TSX Venture": "Canada",
    "Xetra": "Germany",
    "Frankfurt": "Germany",
    "Paris": "France",
    "Amsterdam": "Netherlands",
    "Bombay": "India",
    "Shanghai": "Mainland China",
    "Shenzhen": "Mainland China",
}


def movers_table(movers: Iterable[Mover]) -> pd.DataFrame:
    """In upstream's order: ticker, price, change, percent, volume (NaN where unknown)."""
    rows = [
        (each.ticker, each.price, each.change, each.change_percent, each.volume) for each in movers
    ]
    frame = pd.DataFrame(rows, columns=["ticker", "price", "change", "percent", "volume"])
    return frame.astype({"volume": "float64"})


def large_percent(value: float | None) -> str:
    """`wording.percent`, without decimals from 1,000 % on: `+17,900%`."""
    if value is None or not abs(value) >= 1000:
        return wording.percent(value)
    return f"{'+' if value > 0 else wording.MINUS}{abs(value):,.0f}%"


def as_of_words(as_of: datetime, zone: ZoneInfo, last_close: datetime) -> str:
    """`as of the close of Fri 15 May, 16:16 New York time`; without the close while trading.

    `zone` is the exchange's; `last_close` is when its newest session to end before `as_of` closed.
    """
    local, closed = as_of.astimezone(zone), last_close.astimezone(zone)
    clock = f"{local:%H:%M} {wording.zone_words(zone)}"
    after = "the close of " if local.date() == closed.date() else ""
    return f"as of {after}{amounts.weekday(local.date())}, {clock}"


@dataclass(frozen=True, slots=True)
class WorldRow:
    """One exchange of the world: upstream's word beside our own calendar's.

    `ours` is our calendar's state now, `ours_then` that of the moment when upstream was heard;
    both are None where we have no calendar.
    """

    region: str
    exchanges: str
    hours: str
    theirs: bool | None
    ours: State | None
    ours_then: State | None
    zone: ZoneInfo | None
    notes: str

    @property
    def is_open(self) -> bool:
        """Our calendar's word, which is of now, before upstream's, which is older."""
        return self.ours.is_open if self.ours is not None else bool(self.theirs)

    @property
    def disagrees(self) -> bool:
        """Whether both spoke of the same moment and said different things."""
        return (
            self.theirs is not None
            and self.ours_then is not None
            and self.theirs != self.ours_then.is_open
        )


def world_rows(
    markets: Sequence[WorldMarket], ours: Sequence[State], ours_then: Sequence[State]
) -> list[WorldRow]:
    """Every exchange that upstream or we know, open ones first, otherwise as upstream orders them.

    `ours` and `ours_then` are states of the same exchanges, now and when upstream was heard. Where
    we have calendars of several exchanges of a region, the first one speaks for it.
    """
    now, then = _by_region(ours), _by_region(ours_then)
    rows = [_world_row(market, now, then) for market in markets]
    told = {market.region for market in markets if _is_equity(market)}
    rows += [
        WorldRow(
            region=region,
            exchanges=state.exchange.name,
            hours=NOTHING,
            theirs=None,
            ours=state,
            ours_then=None,
            zone=_zone(region),
            notes="",
        )
        for state in ours
        if (region := REGIONS.get(state.exchange.name, "")) not in told
    ]
    return sorted(rows, key=lambda row: not row.is_open)


def _world_row(
    market: WorldMarket, now: Mapping[str, State], then: Mapping[str, State]
) -> WorldRow:
    equity = _is_equity(market)
    return WorldRow(
        region=market.region if equity else f"{market.kind}, {market.region.lower()}",
        exchanges=market.exchanges,
        hours=f"{market.opens} – {market.closes}",
        theirs=market.is_open,
        ours=now.get(market.region) if equity else None,
        ours_then=then.get(market.region) if equity else None,
        zone=_zone(market.region),
        notes=market.notes,
    )


def _is_equity(market: WorldMarket) -> bool:
    return market.kind.lower() == EQUITY


def _by_region(states: Sequence[State]) -> dict[str, State]:
    first: dict[str, State] = {}
    for state in states:
        first.setdefault(REGIONS.get(state.exchange.name, ""), state)
    return first


def world_table(rows: Iterable[WorldRow], now: datetime, viewer: ZoneInfo) -> pd.DataFrame:
    """As text: state, region, exchanges, local, hours, calendar, upstream, notes."""
    lines = [
        {
            "state": "open" if row.is_open else "closed",
            "region": row.region or NOTHING,
            "exchanges": row.exchanges,
            "local": f"{now.astimezone(row.zone):%a %H:%M}" if row.zone else NOTHING,
            "hours": row.hours,
            "calendar": state_words(row.ours, now, viewer) if row.ours else NOTHING,
            "upstream": _upstream_words(row),
            "notes": row.notes or NOTHING,
        }
        for row in rows
    ]
    return pd.DataFrame(lines)


def state_words(state: State, now: datetime, viewer: ZoneInfo) -> str:
    """`NYSE closes in 2 h 10 min`; `NYSE: Memorial Day · opens Tue 15:30 CEST`."""
    name = state.exchange.name
    if state.is_open:
        return f"{name} closes in {wording.span(state.changes_at - now)}"
    opens = f"opens {wording.instant(state.changes_at, viewer, now=now)}"
    return f"{name}: {state.why} · {opens}" if state.why else f"{name} {opens}"


def _upstream_words(row: WorldRow) -> str:
    if row.theirs is None:
        return NOTHING
    word = "open" if row.theirs else "closed"
    if not row.disagrees or row.ours_then is None:
        return word
    why = f" ({row.ours_then.why})" if row.ours_then.why else ""
    return f"⚠ {word}; our calendar: {'open' if row.ours_then.is_open else 'closed'}{why}"


def _zone(region: str) -> ZoneInfo | None:
    return ZoneInfo(ZONES[region]) if region in ZONES else None


# --- expected reports -------------------------------------------------------------------------

TIMES = {"pre-market": "before the open", "post-market": "after the close"}


def reports_table(reports: Iterable[Report]) -> pd.DataFrame:
    """In the given order: day, ticker, name, time, estimate, period, as text."""
    rows = [
        (
            f"{amounts.weekday(each.day)} {each.day.year}",
            each.ticker,
            each.name,
            TIMES.get(each.time or "", NOTHING),
            estimate_words(each),
            amounts.day(each.period_ends),
        )
        for each in reports
    ]
    return pd.DataFrame(rows, columns=["day", "ticker", "name", "time", "estimate", "period"])


def estimate_words(report: Report) -> str:
    """The expected earnings a share with their currency: `1.81 USD`."""
    if report.estimate is None:
        return NOTHING
    return f"{amounts.per_share(report.estimate)} {report.currency}".strip()


def days_of(reports: Iterable[Report], today: date) -> dict[date, int]:
    """How many reports each day from today on brings, in order."""
    counts: dict[date, int] = {}
    for each in reports:
        if each.day >= today:
            counts[each.day] = counts.get(each.day, 0) + 1
    return dict(sorted(counts.items()))


def search(reports: Iterable[Report], text: str) -> list[Report]:
    """Those whose ticker begins with the text or whose name contains it, in any case."""
    asked = text.strip().casefold()
    return [
        each
        for each in reports
        if each.ticker.casefold().startswith(asked) or asked in each.name.casefold()
    ]
