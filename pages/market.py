"""Market: the day's movers, the world's exchanges, expected reports, and news."""

import streamlit as st

from stocktracker import market_view as view
from stocktracker import news_view, ui
from stocktracker.header import refreshing
from stocktracker.model import WHOLE_MARKET

runtime = ui.current_runtime()
tickers = ui.chosen()
view.load(runtime)


def draw() -> None:
    tabs = st.tabs(list(view.SECTIONS), key="market", on_change="rerun", bind="query-params")
    titles = zip(view.SECTIONS, tabs, strict=True)
    title, tab = next((title, tab) for title, tab in titles if tab.open)
    ui.watch(view.wants_of(runtime, title))
    with tab:
        if title == view.MOVERS:
            view.movers(runtime)
        elif title == view.EXCHANGES:
            view.exchanges(runtime)
        elif title == view.CALENDAR:
            view.reports(runtime, tickers)
        else:
            news_view.draw(runtime, WHOLE_MARKET, tickers, "the market's news")


refreshing(runtime, tickers, draw)
