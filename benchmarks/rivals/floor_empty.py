"""The floor under all floors: a fragment with one text. The rest is Streamlit's own machinery."""

import streamlit as st


@st.fragment(run_every=5)
def live() -> None:
    st.text("Nothing")


live()
