"""The pieces of the Market page: movers, the world's exchanges, expected reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd
import streamlit as st

from stocktracker import wording
from stocktracker.figures import amounts, earnings, market_tables
from stocktracker.fundamentals import EarningsCalendar, Mover, Movers, Report, WorldMarkets
from stocktracker.markets import BY_SUFFIX, US, MarketState, calendar
from stocktracker.model import WHOLE_MARKET, Feed, Ticker, Want
from stocktracker.palette import Palette
from stocktracker.runtime import Runtime
from stocktracker.screen import adding, asking, panels, ui
from stocktracker.screen.styling import styled

MOVERS, EXCHANGES, CALENDAR, NEWS = "Movers", "Exchanges", "Earnings calendar", "News"
SECTIONS: Mapping[str, Feed] = {
    MOVERS: Feed.MOVERS,
    EXCHANGES: Feed.MARKETS,
    CALENDAR: Feed.CALENDAR,
    NEWS: Feed.NEWS,
}
SCREENER = "Screener"
TABS = (MOVERS, SCREENER, EXCHANGES, CALENDAR, NEWS)
CHOSEN, ALL = "Chosen tickers", "All"
ALL_DAYS = "All days"
MOST_REPORTS = 500
SELECTED, OF_VERSION = "selected movers", "movers selected of"
WORLD = ("state", "region", "local", "calendar", "upstream", "hours", "exchanges", "notes")


def load(runtime: Runtime) -> None:
    runtime.load_stored(WHOLE_MARKET, SECTIONS.values())


def wants_of(runtime: Runtime, section: str) -> list[Want]:
    """What the open section shows; what else is not stored yet, where calls are not counted.

    The screener takes what is there: it wants nothing.
    """
    if section == SCREENER:
        return []
    wants = asking.wanted(runtime, [Want(feed, WHOLE_MARKET) for feed in SECTIONS.values()])
    if asking.is_counted(runtime):
        return wants
    shown = SECTIONS[section]
    return [want for want in wants if want.feed is shown or runtime.read().data(want) is None]


# --- movers -----------------------------------------------------------------------------------


def movers(runtime: Runtime) -> None:
    adding.rerun_when_added()
    asking.offer(runtime, [Want(Feed.MOVERS, WHOLE_MARKET)], "the day's movers")
    record = panels.read(runtime, Feed.MOVERS, WHOLE_MARKET, Movers)
    if record is None:
        return
    trading = calendar(US)
    closed = trading.last_closed(record.as_of).close
    st.caption(
        f"US tickers {market_tables.as_of_words(record.as_of, trading.zone, closed)}. "
        "Tickers with a + or ^ are spelt as only this list knows them."
    )
    lists = {"Gainers": record.gainers, "Losers": record.losers, "Most active": record.active}
    version, palette = panels.version(record), ui.palette()
    selecting = _select_movers(runtime, version, lists)
    with st.grid(3, min_column_width=290, gap="small"):
        for title, rows in lists.items():
            with st.container(gap="xsmall"):
                panels.section(title)
                if selecting:
                    _movers_table(rows, palette, f"{SELECTED} {title}", selecting=True)
                else:
                    _replayed_movers(f"movers {title}", version, palette, rows)
    panels.provenance(runtime, Feed.MOVERS, record)


def _select_movers(runtime: Runtime, version: str, lists: Mapping[str, Sequence[Mover]]) -> bool:
    """The switch for selecting rows, and the button that adds them; whether it is on."""
    keys = [f"{SELECTED} {title}" for title in lists]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if not adding.select_switch("select movers"):
            return False
        if st.session_state.get(OF_VERSION, version) != version:
            adding.clear(*keys)  # another list: the same places hold other tickers
        st.session_state[OF_VERSION] = version
        selected = [
            Ticker(rows[place].ticker)
            for key, rows in zip(keys, lists.values(), strict=True)
            for place in adding.selected_rows(key)
            if place < len(rows)
        ]
        adding.button(runtime, selected, *keys)
    return True


@st.cache_resource(show_spinner=False, max_entries=40)
def _replayed_movers(key: str, version: str, palette: Palette, _rows: Sequence[Mover]) -> None:  # noqa: ARG001
    _movers_table(_rows, palette, key, selecting=False)


def _movers_table(rows: Sequence[Mover], palette: Palette, key: str, *, selecting: bool) -> None:
    if not rows:
        st.markdown("None on record.")
        return
    column = st.column_config
    more: dict[str, Any] = (
        {"on_select": "rerun", "selection_mode": "multi-row"} if selecting else {}
    )
    st.dataframe(
        panels.coloured(
            market_tables.movers_table(rows),
            palette,
            signed=["change", "percent"],
            formats={
                "price": lambda value: wording.price(value, US.currency),
                "change": lambda value: wording.change(value, None).lstrip("▲▼ "),
                "percent": lambda value: panels.arrow(market_tables.large_percent(value)),
                "volume": wording.compact,
            },
        ),
        key=key,
        hide_index=True,
        height=425,
        column_order=["ticker", "percent", "price", "volume", "change"],
        column_config={
            "ticker": column.TextColumn("Ticker", pinned=True, width=72),
            "price": column.NumberColumn("Price", width=78),
            "change": column.NumberColumn("Change", width=80),
            "percent": column.NumberColumn("Change %", width=100),
            "volume": column.NumberColumn("Volume", width=66),
        },
        **more,
    )


# --- exchanges --------------------------------------------------------------------------------


def exchanges(runtime: Runtime) -> None:
    """Our own calendars need no call; upstream's word is set beside them where it is stored."""
    record = panels.read(runtime, Feed.MARKETS, WHOLE_MARKET, WorldMarkets)
    now, zone = runtime.now(), ui.zone()
    heard = now if record is None else panels.heard_at(runtime, Feed.MARKETS, record)
    # The first look of all takes seconds: ten calendars are worked out, once for the server.
    with st.skeleton(height=480):
        ours, ours_then = _states(now), _states(heard)
    rows = market_tables.world_rows(record.rows if record else (), ours, ours_then)
    open_ = sum(row.is_open for row in rows)
    st.markdown(f"**{open_} open**, {len(rows) - open_} closed")
    frame = market_tables.world_table(rows, now, zone)
    if record is None:
        frame = frame.drop(columns=["hours", "upstream", "notes"])
    _exchanges_table(frame, ui.palette())
    if record is None:
        st.caption("From the trading calendars that come with stocktracker.")
    asking.offer(runtime, [Want(Feed.MARKETS, WHOLE_MARKET)], "the world's exchanges")
    if record is None:
        return
    then = wording.instant(heard, zone, now=now)
    disagree = [row.region for row in rows if row.disagrees]
    panels.provenance(
        runtime,
        Feed.MARKETS,
        record,
        f"upstream's word is of {then}, our calendars' of now",
        f"they disagree on {', '.join(disagree)}" if disagree else "they agree where both know",
    )


def _states(at: datetime) -> list[MarketState]:
    return [calendar(exchange).state(at) for exchange in (US, *BY_SUFFIX.values())]


def _exchanges_table(frame: pd.DataFrame, palette: Palette) -> None:
    column = st.column_config

    def colour(text: Any) -> str:
        return (
            f"color: {palette.accent}; font-weight: 600"
            if text == "open"
            else (f"color: {palette.muted}")
        )

    st.dataframe(
        styled(frame).map(colour, subset=["state"]),
        key="exchanges",
        hide_index=True,
        height="content",
        column_order=[name for name in WORLD if name in frame.columns],
        column_config={
            "state": column.TextColumn("State", pinned=True, width=75),
            "region": column.TextColumn("Region", width=135),
            "exchanges": column.TextColumn("Exchanges", width="medium"),
            "local": column.TextColumn("Local time", width=95),
            "hours": column.TextColumn("Hours, local", width=115),
            "calendar": column.TextColumn("Our calendar, now", width=310),
            "upstream": column.TextColumn("Upstream's word", width=150),
            "notes": column.TextColumn("Notes", width="medium"),
        },
    )


# --- expected reports -------------------------------------------------------------------------


def reports(runtime: Runtime, chosen: Sequence[Ticker]) -> None:
    asking.offer(runtime, [Want(Feed.CALENDAR, WHOLE_MARKET)], "the earnings calendar")
    record = panels.read(runtime, Feed.CALENDAR, WHOLE_MARKET, EarningsCalendar)
    if record is None:
        return
    today = runtime.now().astimezone(calendar(US).zone).date()
    with st.container(horizontal=True, vertical_alignment="center"):
        scope = st.segmented_control(
            "Whose",
            [CHOSEN, ALL],
            key="reports of",
            default=CHOSEN if chosen else ALL,
            required=True,
            label_visibility="collapsed",
        )
        text = st.text_input(
            "Search",
            key="reports search",
            type="search",
            placeholder="Ticker or company",
            label_visibility="collapsed",
            width=240,
        )
        ahead = [each for each in record.rows if each.day >= today]
        if scope == CHOSEN:
            found = [each for each in earnings.reports_of(record, chosen) if each.day >= today]
        else:
            found = ahead
        if text:
            found = market_tables.search(found, text)
        elif scope == ALL:
            found = _of_day(found, today)
    _reports_table(found)
    cut = f"the first {MOST_REPORTS:,} of {len(found):,}" if len(found) > MOST_REPORTS else ""
    counted = cut or f"{len(found):,} of {len(ahead):,} expected reports"
    panels.provenance(runtime, Feed.CALENDAR, record, counted, "estimates are per share")


def _of_day(found: list[Report], today: date) -> list[Report]:
    """The reports of the day that is chosen: the next one with any, to begin with."""
    days = market_tables.days_of(found, today)
    labels = {f"{amounts.weekday(day)} {day.year} · {count}": day for day, count in days.items()}
    if not labels:
        return []
    label = st.selectbox(
        "Day", list(labels), key="reports day", label_visibility="collapsed", width=230
    )
    return [each for each in found if each.day == labels[label]]


def _reports_table(found: Sequence[Report]) -> None:
    if not found:
        st.markdown("No report is expected here in the next three months.")
        return
    column = st.column_config
    st.dataframe(
        market_tables.reports_table(found[:MOST_REPORTS]),
        key="reports",
        hide_index=True,
        height=600 if len(found) > 16 else "content",
        column_config={
            "day": column.TextColumn("Day", pinned=True, width=130),
            "ticker": column.TextColumn("Ticker", width=90),
            "name": column.TextColumn("Company", width="medium"),
            "time": column.TextColumn("Time", width=125),
            "estimate": column.TextColumn("Estimate", width=110, alignment="right"),
            "period": column.TextColumn("For the period to", width=130),
        },
    )
