"""History and quotes as CSV for spreadsheets and programs. Writes no file, only bytes.

UTF-8, a header, comma, line feed. Numbers are bare and in the shortest form that reads back as the
same number; what is unknown is empty. Text cells cannot become formulas: a spreadsheet that opens
`=HYPERLINK(…)` from a company's name would act on it (CWE-1236), so such a cell gets a leading `'`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from itertools import repeat

import pandas as pd

from stocktracker.model import Bars, Freshness, Interval, Quote, Ticker

PRICES = ("open", "high", "low", "close")
# Only weekly bars have these; their columns are there when some bars of the export do.
ADJUSTMENTS = ("adjusted_close", "dividend")
ORIGIN = ("ticker", "interval", "currency", "source", "fetched_at")
QUOTES = (
    "ticker",
    "name",
    "price",
    "previous_close",
    "change",
    "change_percent",
    "open",
    "high",
    "low",
    "volume",
    "trading_day",
    "as_of",
    "fetched_at",
    "freshness",
    "source",
    "currency",
)
NAMED_TICKERS = 3  # in a file's name; beyond that it says how many


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """A line of the quotes export. `name` is text from outside; no quote leaves the rest empty."""

    ticker: Ticker
    name: str | None
    quote: Quote | None
    freshness: Freshness


def history_csv(
    bars: Sequence[Bars],
    *,
    start: date | None = None,
    zones: Mapping[Ticker, tzinfo] | None = None,
) -> bytes:
    """All bars from the exchange date `start` on, oldest first, ticker by ticker as given.

    Daily and weekly bars are dated `2026-11-20`. Intraday ones are `2026-11-20T14:30:00-05:00`, in
    the ticker's zone of `zones`, in UTC where that has none. `fetched_at` is each row's own, UTC.
    """
    extra = tuple(name for name in ADJUSTMENTS if any(name in one.frame.columns for one in bars))
    lines = [",".join(("date", *PRICES, "volume", *extra, *ORIGIN))]
    for one in bars:
        zone = (zones or {}).get(one.ticker, UTC)
        lines.extend(_history_lines(one, extra, start, zone))
    return _file(lines)


def quotes_csv(rows: Iterable[QuoteRow]) -> bytes:
    """One line for each row, in the given order. Changes are exact differences of the prices."""
    lines = [",".join(QUOTES)]
    lines.extend(",".join(_quote_cells(row)) for row in rows)
    return _file(lines)


def file_name(kind: str, tickers: Sequence[str], day: date) -> str:
    """`stocktracker_AAPL_daily_2026-11-23.csv`: ASCII, without separators of folders.

    Up to three tickers are named, more are counted: `stocktracker_5-tickers_quotes_….csv`.
    """
    named = [re.sub(r"[^A-Z0-9.\-]", "_", ticker.upper())[:20] for ticker in tickers]
    if len(named) > NAMED_TICKERS:
        named = [f"{len(named)}-tickers"]
    safe_kind = re.sub(r"[^a-z0-9\-]", "_", kind.lower())[:20]
    return "_".join(["stocktracker", *named, safe_kind, day.isoformat()]) + ".csv"


def text_cell(text: str) -> str:
    """A text cell that no spreadsheet takes for a formula, quoted for CSV where it must be.

    NUL and other control characters go, line ends and tabs become a space.
    """
    risky = _FORMULA.match(text) is not None
    plain = "".join(" " if c in "\t\r\n" else c for c in text if c in "\t\r\n" or _is_shown(c))
    # Looked at twice: what was taken out can have stood before what makes a formula.
    if risky or _FORMULA.match(plain):
        plain = "'" + plain
    # Quoted for more than RFC 4180 asks: some spreadsheets split cells at semicolons.
    return plain if _BARE.fullmatch(plain) else '"' + plain.replace('"', '""') + '"'


_FORMULA = re.compile(r"""[\s"'`]*?[=+\-@|%\t\r\n＝＋－＠]""")
_BARE = re.compile(r"[A-Za-z0-9 .:_=^*/&()'\-]*")


def _is_shown(character: str) -> bool:
    """Whether it is neither a control character nor an invisible one, as for turning the text."""
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs")


def _history_lines(
    bars: Bars, extra: Sequence[str], start: date | None, zone: tzinfo
) -> Iterable[str]:
    frame = bars.frame
    index = pd.DatetimeIndex(frame.index)
    intraday = bars.interval is Interval.FIVE_MINUTES
    local = index.tz_convert(zone) if intraday else index
    if start is not None:
        # A local midnight may not exist in the zone; naive ones always do.
        wanted = local.tz_localize(None) >= pd.Timestamp(start)
        frame, local = frame[wanted], local[wanted]
    dates = [stamp.isoformat() if intraday else stamp.date().isoformat() for stamp in local]
    columns: list[Iterable[str]] = [dates]
    columns.extend(_numbers(frame[name]) for name in PRICES)
    columns.append([_whole(volume) for volume in frame["volume"].tolist()])
    columns.extend(
        _numbers(frame[name]) if name in frame.columns else repeat("", len(frame)) for name in extra
    )
    origin = (bars.ticker, bars.interval.value, bars.currency, bars.source)
    columns.append(repeat(",".join(text_cell(text) for text in origin), len(frame)))
    columns.append(_instants(frame["fetched_at"]))
    return map(",".join, zip(*columns, strict=True))


def _quote_cells(row: QuoteRow) -> list[str]:
    head = [text_cell(row.ticker), text_cell(row.name or "")]
    quote = row.quote
    if quote is None:
        empty = [""] * (len(QUOTES) - 5)
        return [*head, *empty, text_cell(row.freshness.value), "", ""]
    return [
        *head,
        _number(quote.price),
        _number(quote.previous_close),
        _change(quote),
        _percent(quote),
        _number(quote.open),
        _number(quote.high),
        _number(quote.low),
        _whole(quote.volume),
        quote.trading_day.isoformat(),
        _instant(quote.as_of),
        _instant(quote.fetched_at),
        text_cell(row.freshness.value),
        text_cell(quote.source),
        text_cell(quote.currency),
    ]


def _change(quote: Quote) -> str:
    """In decimals: 189.3 − 188.07 as floats would be exported as 1.2300000000000182."""
    if quote.previous_close is None:
        return ""
    return _number(float(Decimal(repr(quote.price)) - Decimal(repr(quote.previous_close))))


def _percent(quote: Quote) -> str:
    percent = quote.change_percent
    return "" if percent is None else _number(round(percent, 4))


def _numbers(column: pd.Series[float]) -> list[str]:
    return [_number(value) for value in column.tolist()]


def _number(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else repr(float(value))


def _whole(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else str(round(value))


def _instants(column: pd.Series[pd.Timestamp]) -> list[str]:
    # Thousands of rows came with a handful of calls.
    texts = {stamp: _instant(stamp.to_pydatetime()) for stamp in column.unique()}
    return [texts[stamp] for stamp in column]


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _file(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()
