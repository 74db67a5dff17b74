"""Live: the chosen tickers as tiles and as a table, refreshed by themselves."""

import streamlit as st

from stocktracker.figures.export import file_name, quotes_csv
from stocktracker.screen import live_view as view
from stocktracker.screen import ui
from stocktracker.screen.header import quote_wants, refreshing
from stocktracker.screen.tables import export_rows

runtime = ui.current_runtime()
tickers = ui.chosen()
ui.watch(quote_wants(tickers))

if not tickers:
    st.info("Choose a ticker in the sidebar to start watching it.", icon=":material/add:")
    refreshing(runtime, tickers)
    st.stop()

refreshing(runtime, tickers, lambda: view.draw(runtime, tickers))
st.download_button(
    "Export quotes as CSV",
    data=lambda: quotes_csv(export_rows(runtime.read_rows(tickers))),
    file_name=file_name("quotes", tickers, runtime.now().date()),
    mime="text/csv",
    icon=":material/download:",
    on_click="ignore",
)
