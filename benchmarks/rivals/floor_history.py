"""The floor of our History page: strip, headline, chart and caption, written from constants.

The chart is a component that gets a year of candles as JSON, as ours is; its script draws nothing.
"""

import figures
import streamlit as st

st.set_page_config(page_title="Floor", layout="wide")
chart = st.components.v2.component(
    "floor_chart", html="<div></div>", js="export default function() {}", isolate_styles=False
)


@st.fragment(run_every=5)
def live() -> None:
    st.markdown(figures.STRIP)
    for line in figures.HEADLINE:
        st.markdown(line)
    chart(key="chart", data=figures.CHART)
    st.caption(figures.PROVENANCE)


live()
