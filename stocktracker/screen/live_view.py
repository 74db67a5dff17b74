"""The Live page below the strip: drawn once for each change, and replayed for everybody else."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from stocktracker import encoding, wording
from stocktracker.model import Ticker
from stocktracker.palette import DARK, LIGHT, Palette, Scheme, with_scheme
from stocktracker.rows import Row
from stocktracker.runtime import Runtime
from stocktracker.screen import head_start, ui
from stocktracker.screen.sharing import Shared
from stocktracker.screen.tables import Cells, cards, cells_of, quote_columns, quote_table, tile

TILES = 5
KEPT = 1500  # lists of tickers, each with what is shown of them; some 20 kB each


def draw(runtime: Runtime, tickers: Sequence[Ticker]) -> None:
    """Tiles, table, cards, and what went wrong.

    What viewers with the same cells see in common is replayed for all but the first.
    """
    head_start.wait_for(lambda: any(map(runtime.board.read_quote, tickers)))
    rows = tuple(runtime.read_rows(tickers))
    key, shown = _cells.get(tuple(tickers), rows, lambda: _keyed(rows))
    scheme_name, dark = ui.scheme().value, ui.is_dark()
    if head_start.is_given():
        _draw(key, scheme_name, shown, dark=dark, rest=False)
        head_start.give(head_start.FOR_PRICES)
        _draw(key, scheme_name, shown, dark=dark, prices=False)
    else:
        _draw(key, scheme_name, shown, dark=dark)


def _keyed(rows: Sequence[Row]) -> tuple[bytes, list[Cells]]:
    """What is shown of these, and what tells it from anything else."""
    shown = [cells_of(row) for row in rows]
    return encoding.encode_key(shown), shown


_cells: Shared[tuple[bytes, list[Cells]]] = Shared(KEPT)


@st.cache_resource(show_spinner=False, max_entries=KEPT)
def _draw(
    key: bytes,  # noqa: ARG001
    scheme_name: str,
    _shown: Sequence[Cells],
    *,
    dark: bool,
    prices: bool = True,
    rest: bool = True,
) -> None:
    scheme = Scheme(scheme_name)
    palette = with_scheme(DARK if dark else LIGHT, scheme)
    if prices:
        _draw_prices(_shown, palette, scheme)
    if rest:
        _draw_rest(_shown, palette)


def _draw_prices(shown: Sequence[Cells], palette: Palette, scheme: Scheme) -> None:
    """On wide screens and on narrow ones."""
    with st.grid(TILES, min_column_width=170, gap="small", key="wide"):
        for cells in shown[:TILES]:
            st.metric(**tile(cells, scheme))
    st.html(cards(shown, palette))


def _draw_rest(shown: Sequence[Cells], palette: Palette) -> None:
    """The table, and what is to be said of single tickers."""
    st.dataframe(
        quote_table(shown, palette),
        key="quotes",
        hide_index=True,
        row_height=44,
        height="content",
        placeholder=wording.NOTHING,
        column_config=quote_columns(),
    )
    for cells in shown:
        about = wording.escape_markdown(cells.ticker)
        if cells.doubt:
            st.caption(f":material/help: **{about}**: {wording.escape_markdown(cells.doubt)}")
        if cells.held:
            st.caption(f":material/block: **{about}**: {cells.held}")
        if cells.trouble:
            stays = "the last price stays" if cells.price else "there is no price to show"
            # It can quote upstream: an image in it would be fetched by every browser.
            trouble = wording.escape_markdown(cells.trouble)
            st.caption(f":material/error: **{about}**: {trouble} Until then {stays}.")
