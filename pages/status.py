"""Status: the budget, what is asked when and why, who polls, and the log's last lines."""

import streamlit as st

from stocktracker.screen import status_view as view
from stocktracker.screen import ui
from stocktracker.screen.header import refreshing

runtime = ui.current_runtime()
tickers = ui.chosen()
ui.watch([])


def draw() -> None:
    view.figures(runtime)
    st.subheader("Calls by the hour", help="What each call of the last day brought.")
    view.usage(runtime)
    st.subheader("What is due when, and why")
    view.due_table(runtime, tickers)
    with st.expander("Settings and rights"):
        view.settings(runtime)
    with st.expander("Log"):
        st.code("\n".join(runtime.read_log()[-60:]) or "Nothing has happened yet.", language=None)


refreshing(runtime, tickers, draw)
