"""The floor of our Live page: the same elements for 20 tickers, written from constants.

A strip, five metrics with sparklines in a grid, one table of 20 rows and its ten columns, and cards
as HTML, in one fragment. Nothing is fetched, reckoned or decided.
"""

import figures
import streamlit as st

st.set_page_config(page_title="Floor", layout="wide")
column = st.column_config
COLUMNS = {
    "ticker": column.TextColumn("Ticker", pinned=True, width=90),
    "name": column.TextColumn("Name", width="medium"),
    "last": column.NumberColumn("Last", width="small"),
    "change": column.NumberColumn("Change", width="small"),
    "percent": column.NumberColumn("Change %", width="small"),
    "range": column.TextColumn("Day range", width=170, alignment="right"),
    "volume": column.NumberColumn("Volume", width="small"),
    "trend": column.LineChartColumn("30 days", width="small"),
    "age": column.NumberColumn("Age", width="small"),
    "status": column.TextColumn("Status", width=125),
}


@st.fragment(run_every=5)
def live() -> None:
    st.markdown(figures.STRIP)
    with st.grid(5, min_column_width=170, gap="small", key="wide"):
        for tile in figures.TILES:
            st.metric(**tile)
    st.html(figures.CARDS)
    st.dataframe(
        figures.FRAME,
        key="quotes",
        hide_index=True,
        row_height=44,
        height="content",
        column_config=COLUMNS,
    )


live()
