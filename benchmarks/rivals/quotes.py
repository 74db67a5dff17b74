"""One request of Alpha Vantage per question, as the apps beside it ask them. No app by itself."""

from __future__ import annotations

import csv
import io
import os
import threading
import time
from dataclasses import dataclass

import pandas as pd
import requests

UPSTREAM = os.environ.get("UPSTREAM", "https://www.alphavantage.co/query")
KEY = os.environ.get("API_KEY", "demo")
DEFAULTS = ["AAPL", "MSFT", "NVDA", "AMZN", "GOOGL"]
_OWN = threading.local()


class Refused(Exception):
    """Alpha Vantage answered, but with words instead of figures."""


@dataclass(frozen=True)
class Quote:
    ticker: str
    price: float
    change: float
    percent: float
    low: float
    high: float
    volume: int
    fetched_at: float


def ask(function: str, **parameters: str) -> requests.Response:
    session = getattr(_OWN, "session", None)
    if session is None:
        session = _OWN.session = requests.Session()
    answer = session.get(
        UPSTREAM, params={"function": function, "apikey": KEY, **parameters}, timeout=10
    )
    answer.raise_for_status()
    return answer


def fetch_quote(ticker: str) -> Quote:
    body = ask("GLOBAL_QUOTE", symbol=ticker).json()
    found = next((body[name] for name in body if name.startswith("Global Quote")), None)
    if not found:
        raise Refused(str(body))
    return Quote(
        ticker,
        float(found["05. price"]),
        float(found["09. change"]),
        float(found["10. change percent"].rstrip("%")),
        float(found["04. low"]),
        float(found["03. high"]),
        int(found["06. volume"]),
        time.time(),
    )


def fetch_closes(ticker: str) -> pd.Series:
    body = ask("TIME_SERIES_DAILY", symbol=ticker, outputsize="compact").json()
    found = body.get("Time Series (Daily)")
    if not found:
        raise Refused(str(body))
    closes = {pd.Timestamp(day): float(row["4. close"]) for day, row in found.items()}
    return pd.Series(closes, name=ticker).sort_index()


def fetch_labels() -> list[str]:
    """`AAPL · Apple Inc` for each listed ticker."""
    rows = csv.DictReader(io.StringIO(ask("LISTING_STATUS").text))
    labels = [f"{row['symbol']} · {row['name']}" for row in rows]
    if not labels:
        raise Refused("no listing")
    return labels
