"""Compare: the chosen tickers and a benchmark side by side: growth, risk, what moves together."""

from functools import partial

import streamlit as st

from stocktracker.figures.comparison import MOST
from stocktracker.figures.export import file_name
from stocktracker.screen import compare_controls as controls
from stocktracker.screen import compare_view as view
from stocktracker.screen import ui
from stocktracker.screen.header import refreshing
from stocktracker.screen.history_controls import choose_series

runtime = ui.current_runtime()
tickers = ui.chosen()

if not tickers:
    ui.watch([])
    st.info("Choose tickers in the sidebar to compare them.", icon=":material/add:")
    refreshing(runtime, tickers)
    st.stop()

with st.container(horizontal=True, vertical_alignment="center"):
    section = controls.choose_section()
    benchmark = controls.choose_benchmark(runtime)
    series = choose_series()
lines = controls.lines_of(tickers, benchmark)
with st.container(horizontal=True, vertical_alignment="center"):
    offer = controls.choose_range(runtime, lines)
    numbers = controls.choose_numbers(section, lines)
asked = controls.Asked(tuple(tickers[:MOST]), benchmark, series, offer)
ui.watch(view.wants_of(runtime, asked))


def draw() -> None:
    comparison = view.compared(runtime, asked)
    if comparison is None:
        st.skeleton(height=400)
    else:
        view.draw_section(section, comparison, numbers)
        view.explain(comparison)
    view.offer_missing(runtime, asked, comparison)


refreshing(runtime, lines, draw)
if len(tickers) > MOST:
    st.caption(f"The first {MOST} of {len(tickers)} chosen tickers are compared.")

name = partial(file_name, tickers=asked.tickers, day=runtime.now().date())
with st.container(horizontal=True):
    for table in view.TABLES[section]:
        st.download_button(
            f"{table} as CSV",
            data=partial(view.csv_of, runtime, asked, numbers, table),
            file_name=name(table),
            mime="text/csv",
            icon=":material/download:",
            key=f"export {table}",
            on_click="ignore",
        )
    st.download_button(
        "All tables as Excel",
        data=partial(view.workbook_of, runtime, asked, numbers),
        file_name=name("comparison").removesuffix("csv") + "xlsx",
        mime="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        icon=":material/table_view:",
        key="export workbook",
        on_click="ignore",
    )
