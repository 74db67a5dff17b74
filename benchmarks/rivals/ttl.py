"""What a competent author writes: st.cache_data(ttl=20), one request per ticker, a fragment.

Quotes are shared between sessions by the cache. A refusal is said, and the last price stays.
"""

import pandas as pd
import quotes
import requests
import streamlit as st

fetch_quote = st.cache_data(ttl=20, show_spinner=False)(quotes.fetch_quote)
fetch_closes = st.cache_data(ttl="1d", show_spinner=False)(quotes.fetch_closes)
fetch_labels = st.cache_data(ttl="1d", show_spinner=False)(quotes.fetch_labels)

st.set_page_config(page_title="Stocks", layout="wide")
try:
    labels = fetch_labels()
except (quotes.Refused, requests.RequestException):
    labels = []
by_ticker = {label.split(" · ")[0]: label for label in labels}
asked = st.query_params.get_all("tickers") or quotes.DEFAULTS
chosen = [by_ticker.get(ticker, ticker) for ticker in asked]
with st.sidebar:
    picked = st.multiselect("Tickers", labels or chosen, default=chosen, key="tickers")
tickers = [label.split(" · ")[0] for label in picked]
last = st.session_state.setdefault("last", {})


def latest(ticker: str) -> quotes.Quote | None:
    """The newest quote that can be had; the last one where Alpha Vantage refuses."""
    try:
        last[ticker] = fetch_quote(ticker)
    except (quotes.Refused, requests.RequestException):
        st.session_state["refused"] = True
    return last.get(ticker)


@st.fragment(run_every=5)
def live() -> None:
    st.session_state["refused"] = False
    found = [quote for ticker in tickers if (quote := latest(ticker))]
    # When each was fetched, so that a viewer sees its age.
    st.caption("Fetched at " + " ".join(f"{quote.fetched_at:.2f}" for quote in found))
    if st.session_state["refused"]:
        st.warning("Alpha Vantage refuses; the last prices stay.")
    if not found:
        return
    for column, quote in zip(st.columns(5), found[:5], strict=False):
        delta = f"{quote.change:+.2f} ({quote.percent:+.2f}%)"
        column.metric(quote.ticker, f"${quote.price:,.2f}", delta, border=True)
    st.dataframe(
        pd.DataFrame([vars(quote) for quote in found]).drop(columns="fetched_at"),
        key="quotes",
        hide_index=True,
        column_config={
            "price": st.column_config.NumberColumn("Last", format="dollar"),
            "change": st.column_config.NumberColumn("Change", format="%+.2f"),
            "percent": st.column_config.NumberColumn("Change %", format="%+.2f%%"),
            "volume": st.column_config.NumberColumn("Volume", format="compact"),
        },
    )


live()
# Not in the fragment: daily closes do not change while one looks, and a chart takes 50 ms.
try:
    st.line_chart(fetch_closes(tickers[0]))
except (quotes.Refused, requests.RequestException):
    st.caption("No history.")
