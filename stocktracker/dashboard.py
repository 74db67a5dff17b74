"""The Streamlit script: the frame around every page.

It draws the sidebar and the header strip and runs the page that was asked for. It lives here and
not beside `pages/`, because Streamlit would then run a page by itself on a deep link.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from stocktracker import gate
from stocktracker.model import Feed
from stocktracker.screen import header, keyboard, refresh, tables, ui, watchlist_view
from stocktracker.screen.keyboard import Key
from stocktracker.screen.turns import turn

PAGES = Path(__file__).parent.parent / "pages"
ASSETS = Path(__file__).parent.parent / "assets"


def main() -> None:
    gate.stop_unless_admitted(ui.forget)
    # Not a material icon: as a favicon that would be fetched from another server.
    st.set_page_config(page_title="stocktracker", page_icon=str(ASSETS / "icon.svg"), layout="wide")
    st.logo(str(ASSETS / "logo.svg"), size="large", icon_image=str(ASSETS / "icon.svg"))
    pages = {
        Key.GO_LIVE: st.Page(
            PAGES / "live.py", title="Live", icon=":material/monitoring:", default=True
        ),
        Key.GO_HISTORY: st.Page(
            PAGES / "history.py", title="History", icon=":material/candlestick_chart:"
        ),
        Key.GO_COMPARE: st.Page(
            PAGES / "compare.py", title="Compare", icon=":material/stacked_line_chart:"
        ),
        Key.COMPANY: st.Page(PAGES / "company.py", title="Company", icon=":material/apartment:"),
        Key.GO_MARKET: st.Page(PAGES / "market.py", title="Market", icon=":material/public:"),
        Key.GO_STATUS: st.Page(
            PAGES / "status.py", title="Status", icon=":material/health_metrics:"
        ),
    }
    page = st.navigation(list(pages.values()), position="top")
    keyboard.pressed()
    runtime = ui.current_runtime()
    with st.sidebar:
        watchlist_view.choose(runtime)
        place = st.container()
        is_later = ui.offers_later(runtime)
        if is_later:
            tickers = ui.chosen()
        else:
            with place:
                tickers = ui.choose_tickers(runtime)
        if keyboard.take(Key.PAUSE):
            refresh.toggle_pause()
        refresh.choose_refresh()
        ui.choose_colours()
        keyboard.help_button()
        header.plan_note(runtime)
        gate.sign_out_button()
        st.html(tables.STYLE)
    going = keyboard.take(*pages)
    if going:
        # Not before the sidebar is drawn: Streamlit forgets what a widget held that a run left out.
        st.switch_page(pages[going], query_params={ui.PARAMETER: tickers or ""})
    for ticker in tickers:
        runtime.load_stored(ticker, [Feed.QUOTE])  # for the strip's age, before the page is drawn
    header.make_place()
    keyboard.show_help()
    try:
        page.run()
    finally:
        if is_later:
            # A browser draws what comes first, and the list of tickers takes it half a second.
            with place:
                ui.choose_tickers(runtime)


with turn():
    main()
