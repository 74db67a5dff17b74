"""Live: the chosen tickers as tiles and as a table, refreshed by themselves."""

import streamlit as st

from stocktracker import ui
from stocktracker.export import file_name, quotes_csv
from stocktracker.header import quote_wants
from stocktracker.tables import cards, export_rows, quote_columns, quote_table, tile
from stocktracker.ui import live_fragment
from stocktracker.wording import NOTHING

TILES = 5

runtime = ui.current_runtime()
tickers = ui.chosen()
ui.watch(quote_wants(tickers))

if not tickers:
    st.info("Choose a ticker in the sidebar to start watching it.", icon=":material/add:")
    st.stop()

seconds = ui.tick_of(runtime, tickers)


def draw() -> None:
    rows = runtime.read_rows(tickers)
    with st.container(key="wide"):
        with st.grid(TILES, min_column_width=170, gap="small"):
            for row in rows[:TILES]:
                st.metric(**tile(row, ui.scheme()))
        st.dataframe(
            quote_table(rows, ui.palette()),
            key="quotes",
            hide_index=True,
            row_height=44,
            height="content",
            placeholder=NOTHING,
            column_config=quote_columns(),
        )
    with st.container(key="narrow"):
        st.html(cards(rows, ui.palette()))
    for row in rows:
        if row.trouble:
            shown = "the last price stays" if row.quote else "there is no price to show"
            st.caption(f":material/error: **{row.ticker}**: {row.trouble} Until then {shown}.")
    ui.rerun_when_settled(runtime, tickers, seconds)


live_fragment(draw, seconds)
st.download_button(
    "Export quotes as CSV",
    data=lambda: quotes_csv(export_rows(runtime.read_rows(tickers))),
    file_name=file_name("quotes", tickers, runtime.now().date()),
    mime="text/csv",
    icon=":material/download:",
    on_click="ignore",
)
