"""A bare multiselect of the listing's labels, 13,000 of them, made once for all sessions."""

import quotes
import streamlit as st


@st.cache_resource(show_spinner=False)
def labels() -> list[str]:
    return quotes.fetch_labels()


st.multiselect("Tickers", labels(), key="tickers")


@st.fragment(run_every=5)
def live() -> None:
    st.text("Nothing")


live()
