"""History: candles or a line with volume for one ticker, and CSV export of prices."""

import streamlit as st

from stocktracker import history_view as view
from stocktracker import ui
from stocktracker.export import file_name

runtime = ui.current_runtime()
tickers = ui.chosen()

if not tickers:
    ui.watch([])
    st.info("Choose a ticker in the sidebar to see its history.", icon=":material/add:")
    st.stop()

with st.container(horizontal=True, vertical_alignment="center"):
    ticker = view.choose_ticker(tickers)
    kind = st.segmented_control(
        "Chart",
        ["Candles", "Line"],
        key="kind",
        default="Candles",
        required=True,
        label_visibility="collapsed",
        bind="query-params",
    )
choice = view.choose_range(runtime, ticker)
ui.watch(view.wants_of(ticker, choice))
seconds = ui.tick_of(runtime, [ticker])


def draw() -> None:
    view.headline(runtime, ticker)
    bars = view.bars_of(runtime, ticker, choice)
    if bars is None:
        view.explain_missing(runtime, ticker, choice)
    else:
        view.chart(runtime, bars, choice, kind)
        view.provenance(runtime, bars, choice)
    ui.rerun_when_settled(runtime, [ticker], seconds)


ui.live_fragment(draw, seconds)

day = runtime.now().date()
with st.container(horizontal=True):
    for label, kind_of_file, named, content in (
        (
            "This view",
            choice.range.value,
            [ticker],
            lambda: view.on_screen_csv(runtime, ticker, choice),
        ),
        (f"All of {ticker}", "history", [ticker], lambda: view.stored_csv(runtime, [ticker])),
        ("All chosen tickers", "history", tickers, lambda: view.stored_csv(runtime, tickers)),
    ):
        st.download_button(
            label,
            data=content,
            file_name=file_name(kind_of_file, named, day),
            mime="text/csv",
            icon=":material/download:",
            key=f"export {label}",
            on_click="ignore",
        )
