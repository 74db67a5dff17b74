"""The Streamlit script: the frame around every page.

It draws the sidebar and the header strip and runs the page that was asked for. It lives here and
not beside `pages/`, because Streamlit would then run a page by itself on a deep link.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from stocktracker import gate
from stocktracker.model import Feed
from stocktracker.runtime import Runtime
from stocktracker.screen import (
    head_start,
    header,
    keyboard,
    refresh,
    tables,
    ui,
    watchlist_view,
)
from stocktracker.screen.keyboard import Key
from stocktracker.screen.turns import turn

PAGES = Path(__file__).parent.parent / "pages"
ASSETS = Path(__file__).parent.parent / "assets"
# Streamlit shows a runner and "Stop" after half a second, which the first run takes on purpose.
NOTHING_TO_STOP = """<style>
[data-testid="stStatusWidget"]:has([data-testid="stStatusWidgetRunningIcon"]) { display: none; }
</style>"""


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
    runtime = ui.current_runtime()
    keys = keyboard.make_place()
    sidebar = st.sidebar.container()  # the page leaves it its room before there is anything in it
    sidebar.html(tables.STYLE)
    sidebar.html(NOTHING_TO_STOP)
    if ui.begins_with_page(runtime):
        with head_start.ahead():
            try:
                _draw(page, runtime)
            finally:  # a page can end its run
                with sidebar:
                    _draw_sidebar(runtime)
                keyboard.listen(keys)
        return
    keyboard.listen(keys)
    with sidebar:
        _draw_sidebar(runtime)
    going = keyboard.take(*pages)
    if going:
        # Not before the sidebar is drawn: Streamlit forgets what a widget held that a run left out.
        st.switch_page(pages[going], query_params={ui.PARAMETER: ui.chosen() or ""})
    _draw(page, runtime)


def _draw(page: st.Page, runtime: Runtime) -> None:
    for ticker in ui.chosen():
        runtime.load_stored(ticker, [Feed.QUOTE])  # for the strip's age, before the page is drawn
    header.make_place()
    keyboard.show_help()
    page.run()


def _draw_sidebar(runtime: Runtime) -> None:
    watchlist_view.choose(runtime)
    place = st.container()
    if keyboard.take(Key.PAUSE):
        refresh.toggle_pause()
    refresh.choose_refresh()
    ui.choose_colours()
    keyboard.help_button()
    header.plan_note(runtime)
    gate.sign_out_button()
    head_start.give(head_start.FOR_PAGE)
    with place:
        ui.choose_tickers(runtime)


with turn():
    main()
