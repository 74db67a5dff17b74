"""The Streamlit script: the frame around every page.

It draws the sidebar and the header strip and runs the page that was asked for. It lives here and
not beside `pages/`, because Streamlit would then run a page by itself on a deep link.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from stocktracker import header, tables, ui
from stocktracker.model import Feed

PAGES = Path(__file__).parent.parent / "pages"
ASSETS = Path(__file__).parent.parent / "assets"


def main() -> None:
    # Not a material icon: as a favicon that would be fetched from another server.
    st.set_page_config(page_title="stocktracker", page_icon=str(ASSETS / "icon.svg"), layout="wide")
    st.logo(str(ASSETS / "logo.svg"), size="large", icon_image=str(ASSETS / "icon.svg"))
    page = st.navigation(
        [
            st.Page(PAGES / "live.py", title="Live", icon=":material/monitoring:", default=True),
            st.Page(PAGES / "history.py", title="History", icon=":material/candlestick_chart:"),
            st.Page(PAGES / "status.py", title="Status", icon=":material/health_metrics:"),
        ],
        position="top",
    )
    runtime = ui.current_runtime()
    with st.sidebar:
        tickers = ui.choose_tickers(runtime)
        ui.choose_refresh()
        header.plan_note(runtime)
        st.html(tables.STYLE)
    for ticker in tickers:
        runtime.load_stored(ticker, [Feed.QUOTE])  # for the strip's age, before the page is drawn
    header.header(runtime, tickers)
    page.run()


main()
