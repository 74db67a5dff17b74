"""Constants of about the size and shape of what our pages show. No app by itself."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

# fmt: off
TICKERS = [
    "AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "JPM", "V", "JNJ",
    "WMT", "XOM", "KO", "PEP", "DIS", "NFLX", "AMD", "INTC", "IBM", "SPY",
]
# fmt: on
STRIP = (
    ":green-badge[US open until 21:00] :gray-badge[updated 12 s ago] "
    ":gray-badge[1,187 of 1200 calls left this minute]"
)
HEADLINE = (
    "#### AAPL :gray[Apple Inc]",
    "**\\$269.93** :green[▲ 1.12 (+0.42%)] :gray[· live · 12 s ago]",
)
PROVENANCE = (
    "Daily, adjusted for splits · Simulated · last changed today 20:48 · "
    "25 Nov 2025 to 25 Nov 2026 · the last bar may still change"
)
_RANDOM = np.random.default_rng(7)


def _walk(count: int) -> list[float]:
    return [round(float(each), 2) for each in 200 + _RANDOM.normal(0, 2, count).cumsum()]


FRAME = pd.DataFrame(
    {
        "ticker": TICKERS,
        "name": [f"{ticker} Holdings Incorporated" for ticker in TICKERS],
        "last": _walk(len(TICKERS)),
        "change": [1.12] * len(TICKERS),
        "percent": [0.42] * len(TICKERS),
        "range": ["$267.96 – $271.61"] * len(TICKERS),
        "volume": [55_638_360] * len(TICKERS),
        "trend": [_walk(30) for _ in TICKERS],
        "age": [12.0] * len(TICKERS),
        "status": ["live"] * len(TICKERS),
    }
)
TILES: list[dict[str, Any]] = [
    {
        "label": f"**{ticker}** :gray[{ticker} Holdings Incorporated]",
        "value": "$269.93",
        "delta": "1.12 (+0.42%)",
        "border": True,
        "height": "stretch",
        "chart_data": _walk(30),
        "chart_type": "line",
    }
    for ticker in TICKERS[:5]
]
CARDS = (
    "<div>"
    + "".join(
        f'<div class="card"><b>{ticker}</b><b class="right">$269.93</b>'
        f'<span class="muted">{ticker} Holdings Incorporated</span>'
        f'<span class="right" style="color:#0E7A4B">▲ 1.12 (+0.42%)</span>'
        f'<span class="muted">live · 12 s</span></div>'
        for ticker in TICKERS
    )
    + "</div>"
)


def figure() -> bytes:
    """A year of candles with volume, as Plotly's JSON: about 25 kB."""
    days = [str(day.date()) for day in pd.bdate_range(end="2026-11-25", periods=250)]
    closes = _walk(250)
    traces = [
        {
            "type": "candlestick",
            "x": days,
            "open": closes,
            "high": [each + 1 for each in closes],
            "low": [each - 1 for each in closes],
            "close": closes,
        },
        {"type": "bar", "x": days, "y": [55_638_360] * 250, "yaxis": "y2"},
    ]
    return json.dumps({"data": traces, "layout": {"height": 470}}).encode()


CHART = figure()
