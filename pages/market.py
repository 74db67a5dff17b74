"""Market: the day's movers, a screener, the world's exchanges, expected reports, and news."""

import streamlit as st

from stocktracker.model import WHOLE_MARKET
from stocktracker.screen import market_view as view
from stocktracker.screen import news_view, screener_view, ui
from stocktracker.screen.header import refreshing

runtime = ui.current_runtime()
tickers = ui.chosen()
view.load(runtime)
shown: list[str] = []  # the section that the page was drawn with


def draw() -> None:
    tabs = st.tabs(view.TABS, key="market", on_change="rerun", bind="query-params")
    titles = zip(view.TABS, tabs, strict=True)
    title, tab = next((title, tab) for title, tab in titles if tab.open)
    if shown and title != shown[0] and view.SCREENER in (title, shown[0]):
        st.rerun()  # for the button below, which no tick may replace under somebody's finger
    shown[:] = [title]
    ui.watch(view.wants_of(runtime, title))
    with tab:
        if title == view.MOVERS:
            view.movers(runtime)
        elif title == view.SCREENER:
            screener_view.draw(runtime)
        elif title == view.EXCHANGES:
            view.exchanges(runtime)
        elif title == view.CALENDAR:
            view.reports(runtime, tickers)
        else:
            news_view.draw(runtime, WHOLE_MARKET, tickers, "the market's news")


refreshing(runtime, tickers, draw)
if shown == [view.SCREENER]:
    screener_view.download(runtime)
