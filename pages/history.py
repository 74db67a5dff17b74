"""History: one ticker's chart with indicators, and its prices as CSV and Excel."""

import streamlit as st

from stocktracker.figures.export import file_name
from stocktracker.screen import history_controls as controls
from stocktracker.screen import history_view as view
from stocktracker.screen import ui
from stocktracker.screen.header import refreshing
from stocktracker.screen.histories import history_of

runtime = ui.current_runtime()
tickers = ui.chosen()

if not tickers:
    ui.watch([])
    st.info("Choose a ticker in the sidebar to see its history.", icon=":material/add:")
    refreshing(runtime, tickers)
    st.stop()

controls.take_keys()
row = st.container(horizontal=True, vertical_alignment="center", key="controls")
with row:
    ticker = ui.choose_ticker(tickers)
choice = controls.choose_range(runtime, ticker)
with row:
    shown = controls.choose_view(runtime, ticker, choice)
view.load(runtime, ticker, shown.benchmark)
ui.watch(view.wants_of(runtime, ticker, choice, shown))


def draw() -> None:
    ui.headline(runtime, ticker)
    history = history_of(runtime, ticker, choice.range, choice.interval, shown.series)
    if history is None:
        view.explain_missing(runtime, ticker, choice)
    else:
        view.chart(runtime, history, choice, shown)
        view.provenance(runtime, history)
        view.offer(runtime, ticker, history, shown.series)


refreshing(runtime, [ticker], draw)

day = runtime.now().date()
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
with st.container(horizontal=True):
    for label, kind_of_file, named, content, mime in (
        (
            "This view",
            choice.range.value,
            [ticker],
            lambda: view.on_screen_csv(runtime, ticker, choice, shown.series),
            "text/csv",
        ),
        (
            f"All of {ticker}",
            "history",
            [ticker],
            lambda: view.stored_csv(runtime, [ticker]),
            "text/csv",
        ),
        (
            "All chosen tickers",
            "history",
            tickers,
            lambda: view.stored_csv(runtime, tickers),
            "text/csv",
        ),
        ("Excel", "history", tickers, lambda: view.stored_xlsx(runtime, tickers), EXCEL),
    ):
        name = file_name(kind_of_file, named, day)
        st.download_button(
            label,
            data=content,
            file_name=name if mime == "text/csv" else name.removesuffix("csv") + "xlsx",
            mime=mime,
            icon=":material/download:",
            key=f"export {label}",
            on_click="ignore",
        )
