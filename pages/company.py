"""Company: key figures, earnings, dividends, statements and news of one ticker."""

import streamlit as st

from stocktracker.screen import company_view as view
from stocktracker.screen import earnings_view, news_view, payout_view, statement_view, ui
from stocktracker.screen.header import refreshing

runtime = ui.current_runtime()
tickers = ui.chosen()

if not tickers:
    ui.watch([])
    st.info("Choose a ticker in the sidebar to read about its company.", icon=":material/add:")
    refreshing(runtime, tickers)
    st.stop()

ticker = ui.choose_ticker(tickers)
view.load(runtime, ticker)


def draw() -> None:
    view.head(runtime, ticker)
    place = st.container()
    tabs = st.tabs(list(view.SECTIONS), key="section", on_change="rerun", bind="query-params")
    titles = zip(view.SECTIONS, tabs, strict=True)
    title, tab = next((title, tab) for title, tab in titles if tab.open)
    ui.watch(view.wants_of(runtime, ticker, title))
    with place:
        view.ask_for_all(runtime, ticker, title)
    with tab:
        if title == view.OVERVIEW:
            view.overview(runtime, ticker)
        elif title == view.EARNINGS:
            earnings_view.draw(runtime, ticker)
        elif title == view.PAYOUTS:
            payout_view.draw(runtime, ticker)
        elif title == view.STATEMENTS:
            statement_view.draw(runtime, ticker)
        else:
            news_view.draw(runtime, ticker, tickers, "the news")


refreshing(runtime, [ticker], draw)
