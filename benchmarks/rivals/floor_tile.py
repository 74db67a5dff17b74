"""The floor of a first page: one tile with a figure, and nothing else."""

import streamlit as st

st.set_page_config(page_title="Floor", layout="wide")
st.metric("AAPL", "$1.00")
