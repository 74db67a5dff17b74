"""The Market page's screener: filters, the table of what fits, and the way to one's own tickers.

Reads what the board holds and wants nothing: opening it costs no call. The filters are in the
address. The table is drawn once for all who ask for the same, and replayed; only while a viewer
selects rows has that viewer a table of their own, as no replay can hold a selection.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from stocktracker import wording
from stocktracker.figures import screener
from stocktracker.figures.export import file_name, table_csv
from stocktracker.figures.screener import Filters, Preset
from stocktracker.markets import calendar_of
from stocktracker.model import Ticker
from stocktracker.palette import Palette
from stocktracker.rows import make_rows
from stocktracker.runtime import Runtime
from stocktracker.screen import adding, panels, screens, tables, ui
from stocktracker.screen.screens import Market

MOST_ROWS = 200
TABLE, SELECTION, SCREENED = "screened", "screened rows", "screened by"
SELECTING, DRAWN = "select screened", "screened rows drawn"
PRESET, TEXT, CHANGE, VOLUME, PRICE, PLACE, EXCHANGES, KINDS, FRESH = (
    "screen",
    "find",
    "change",
    "volume_from",
    "price_from",
    "place",
    "exchange",
    "type",
    "fresh",
)
CHANGE_FROM, CHANGE_TO = f"{CHANGE}_from", f"{CHANGE}_to"
EVERYWHERE = (0, 100)
# Offered before the first price has come, so that a link to them keeps its meaning.
USUAL_EXCHANGES = ("NASDAQ", "NYSE", "NYSE ARCA", "NYSE MKT", "BATS")
USUAL_KINDS = ("Stock", "ETF")
BOUND: dict[str, Any] = {"bind": "query-params", "persist_state": "session"}


def draw(runtime: Runtime) -> None:
    adding.rerun_when_added()
    market = screens.market_of(runtime)
    filters = choose_filters(market)
    # One list for all ticks, which the button of the export looks into.
    st.session_state.setdefault(SCREENED, [filters])[:] = [filters]
    found = screens.found_in(market, filters)
    conditions = screener.filter_words(filters)
    if conditions:
        st.caption("Only " + wording.escape_markdown(" · ".join(conditions)))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(_count(len(found), len(market.frame)))
        selecting = adding.select_switch(SELECTING, disabled=not len(found))
    if not len(found):
        _nothing(market, conditions)
    elif selecting:
        _selectable(runtime, market, filters, found)
    else:
        _replayed(TABLE, market.version, filters, ui.palette(), market)
    _provenance(runtime, market)


# --- filters ----------------------------------------------------------------------------------


def choose_filters(market: Market) -> Filters:
    preset = st.pills(
        "Order",
        [each.value for each in Preset],
        key=PRESET,
        default=Preset.GAINERS.value,
        required=True,
        label_visibility="collapsed",
        **BOUND,
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        text = st.text_input(
            "Search",
            key=TEXT,
            type="search",
            placeholder="Ticker or company",
            label_visibility="collapsed",
            width=240,
            **BOUND,
        )
        with st.popover("Filters", icon=":material/tune:", key="screen filters", width="content"):
            return _conditions(market, Preset(preset or Preset.GAINERS), text or "")


def _conditions(market: Market, preset: Preset, text: str) -> Filters:
    with st.container(horizontal=True, gap="small"):
        change_from = _number("Change % from", CHANGE_FROM, 0.5)
        change_to = _number("to", CHANGE_TO, 0.5)
    place = st.slider(
        "Place in the day's range, %",
        *EVERYWHERE,
        value=EVERYWHERE,
        key=PLACE,
        help="0 is the day's low, 100 its high.",
        **BOUND,
    )
    with st.container(horizontal=True, gap="small"):
        volume = _number("Volume from", VOLUME, 100_000, least=0)
        price = _number(
            "Price from", PRICE, 1.0, least=0.0, help="In the currency that it trades in."
        )
    exchanges = st.multiselect(
        "Exchanges",
        _options(market.exchanges, USUAL_EXCHANGES),
        key=EXCHANGES,
        placeholder="any",
        **BOUND,
    )
    kinds = st.multiselect(
        "Types", _options(market.kinds, USUAL_KINDS), key=KINDS, placeholder="any", **BOUND
    )
    fresh = st.toggle("Leave out stale prices", key=FRESH, **BOUND)
    st.button("Clear all", on_click=_clear, key="clear screen", icon=":material/filter_alt_off:")
    low, high = place
    return Filters(
        preset=preset,
        text=text,
        change_from=change_from,
        change_to=change_to,
        least_volume=volume,
        least_price=price,
        place_from=None if low == EVERYWHERE[0] else low,
        place_to=None if high == EVERYWHERE[1] else high,
        exchanges=tuple(sorted(exchanges)),
        kinds=tuple(sorted(kinds)),
        fresh_only=fresh,
    )


def _number(
    label: str,
    key: str,
    step: float,
    *,
    least: float | None = None,
    help: str | None = None,
) -> float | None:
    number: float | None = st.number_input(
        label,
        value=None,
        step=step,
        min_value=least,
        key=key,
        placeholder="any",
        help=help,
        width=140,
        **BOUND,
    )
    return number


def _clear() -> None:
    st.session_state.update(
        {
            TEXT: "",
            CHANGE_FROM: None,
            CHANGE_TO: None,
            VOLUME: None,
            PRICE: None,
            PLACE: EVERYWHERE,
            EXCHANGES: [],
            KINDS: [],
            FRESH: False,
        }
    )


def _options(found: Sequence[str], usual: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*usual, *found]))


# --- the table --------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False, max_entries=100)
def _replayed(key: str, version: int, filters: Filters, palette: Palette, _market: Market) -> None:  # noqa: ARG001
    places = screens.found_in(_market, filters)[:MOST_ROWS]
    st.dataframe(screen_table(_market, places, palette), key=key, **_how_it_looks(len(places)))


def _selectable(runtime: Runtime, market: Market, filters: Filters, found: Any) -> None:
    """The same table with rows to select. While some are, all rows stay in their places: what
    the browser tells of a selection are places."""
    drawn: tuple[Filters, list[Ticker]] = st.session_state.get(DRAWN, (filters, []))
    if drawn[0] != filters:
        adding.clear(SELECTION)
    rows = adding.selected_rows(SELECTION)
    selected = [drawn[1][row] for row in rows if row < len(drawn[1])]
    shown = drawn[1] if selected else _tickers(market, found[:MOST_ROWS])
    st.session_state[DRAWN] = (filters, shown)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        adding.button(runtime, selected, SELECTION)
    places = pd.Index(market.frame["ticker"]).get_indexer(pd.Index(shown))
    st.dataframe(
        screen_table(market, places, ui.palette()),
        key=SELECTION,
        on_select="rerun",
        selection_mode="multi-row",
        **_how_it_looks(len(places)),
    )


def _tickers(market: Market, places: Any) -> list[Ticker]:
    return [Ticker(text) for text in market.frame["ticker"].take(places)]


def screen_table(market: Market, places: Any, palette: Palette) -> Styler:
    """Numbers underneath, so that sorting is by value, text on top."""
    rows = make_rows(
        market.snapshot,
        _tickers(market, places),
        market.now,
        turn=market.turn,
        always=market.always,
        is_open=lambda ticker: calendar_of(ticker).is_open(market.now),
    )
    frame = market.frame.take(places).reset_index(drop=True)
    shown = frame[
        ["ticker", "percent", "last", "place", "volume", "change", "name", "exchange", "kind"]
    ].assign(
        change=frame["change"].round(6),
        age=frame["age"],
        status=[tables.status_of(row) for row in rows],
    )
    texts = ["name", "exchange", "kind"]
    shown[texts] = shown[texts].replace("", wording.NOTHING)
    style = panels.coloured(
        shown,
        palette,
        signed=["change", "percent"],
        formats={
            "change": _change,
            "percent": lambda value: panels.arrow(wording.percent(value)),
            "volume": wording.compact,
            "place": lambda value: wording.NOTHING if pd.isna(value) else f"{value:.0f}%",
            "age": lambda value: wording.age(pd.Timedelta(seconds=value).to_pytimedelta()),
        },
    )
    for currency in frame["currency"].unique():
        where = np.flatnonzero(frame["currency"] == currency).tolist()
        style = style.format(partial(_price, currency), subset=(where, ["last"]))
    stale = shown.index[shown["status"].str.startswith(tables.CLOCK)]
    muted = f"color: {palette.muted}"
    return style.map(lambda _: muted, subset=(stale, ["last", "age", "status"]))


def _change(value: float) -> str:
    return wording.change(value, None).lstrip(f"{wording.UP}{wording.DOWN} ").split(" (")[0]


def _price(currency: str, value: float) -> str:
    return wording.price(value, currency)


def _how_it_looks(count: int) -> dict[str, Any]:
    column = st.column_config
    return {
        "hide_index": True,
        "height": 600 if count > 16 else "content",
        "placeholder": wording.NOTHING,
        "column_config": {
            "ticker": column.TextColumn("Ticker", pinned=True, width=80),
            "percent": column.NumberColumn("Change %", width=95),
            "last": column.NumberColumn("Last", width=80),
            "place": column.ProgressColumn(
                "In range",
                format="%.0f%%",
                min_value=0,
                max_value=100,
                width=100,
                help="In the day's range: 0% is its low, 100% its high; empty where unknown.",
            ),
            "volume": column.NumberColumn("Volume", width=70),
            "change": column.NumberColumn("Change", width=75),
            "name": column.TextColumn("Name", width=170),
            "exchange": column.TextColumn("Exchange", width=90),
            "kind": column.TextColumn("Type", width=60),
            "age": column.NumberColumn(
                "Age", width=62, help="How long ago this price was true on the exchange."
            ),
            "status": column.TextColumn("Status", width=115),
        },
    }


# --- what is said -----------------------------------------------------------------------------


def _count(found: int, all_: int) -> str:
    cut = f", the first {MOST_ROWS} are shown" if found > MOST_ROWS else ""
    return f"**{found:,}** of {all_:,} fit{'s' if found == 1 else ''}{cut}"


def _nothing(market: Market, conditions: Sequence[str]) -> None:
    if not len(market.frame):
        st.info("There is no price to screen yet.", icon=":material/hourglass_empty:")
    elif conditions:
        st.info("No price fits all of this. A wider filter may find some.")


def _provenance(runtime: Runtime, market: Market) -> None:
    """How much is screened, where it is from and how old; and how there could be more."""
    covered = market.coverage
    parts = [screener.coverage_words(covered)]
    if covered.sources:
        parts.append(wording.escape_markdown(" and ".join(covered.sources)))
    if covered.oldest is not None:
        age = wording.age(market.now - covered.oldest)
        parts.append(f"the oldest was fetched {'just now' if age == 'now' else f'{age} ago'}")
    if covered.stale:
        parts.append(f"{covered.stale:,} of them stale")
    st.caption(" · ".join(parts) + ".")
    watch = runtime.settings.watch
    if watch.everything:
        return
    count = len(watch.tickers)
    kept = f" the {count} tickers" if count > 1 else " the ticker" if count else ""
    kept += " that this server keeps up to date and" if count else ""
    st.caption(
        f"Screened are{kept} those that somebody watches; the operator can have more of them, "
        "or `all`, with the setting `STOCKTRACKER_WATCH`."
    )


# --- the export -------------------------------------------------------------------------------


def download(runtime: Runtime) -> None:
    """All that fits, as it stands when the button is pressed. Outside of what a tick draws anew:
    Streamlit forgets a download with the button that it was for."""
    held = st.session_state.get(SCREENED) or [Filters()]
    st.download_button(
        "Export all that fit as CSV",
        data=lambda: screen_csv(screens.market_of(runtime), held[0]),
        file_name=file_name("screen", [], runtime.now().date()),
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="screen as csv",
    )


def screen_csv(market: Market, filters: Filters) -> bytes:
    found = screens.found_in(market, filters)
    notes = [
        f"{len(found):,} of {len(market.frame):,} fit, in the order: {filters.preset}",
        *screener.filter_words(filters),
        f"{screener.coverage_words(market.coverage)}, as of {market.now:%Y-%m-%dT%H:%M:%SZ}",
    ]
    return table_csv(screener.export_table(market.frame.take(found)), notes=notes)
