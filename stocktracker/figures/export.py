"""History, quotes and tables for spreadsheets and programs. Writes no file, only bytes.

CSV is UTF-8, a header, comma, line feed. Numbers are bare and in the shortest form that reads back
as the same number; what is unknown is empty. Text cells cannot become formulas: a spreadsheet that
opens `=HYPERLINK(…)` from a company's name would act on it (CWE-1236), so such a cell gets a
leading `'`. In a workbook texts are texts by their type, and need no such mark.
"""

from __future__ import annotations

import io
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from itertools import repeat
from numbers import Real
from typing import Any, Protocol

import pandas as pd
import xlsxwriter

from stocktracker.model import Bars, Freshness, Interval, Quote, Ticker

PRICES = ("open", "high", "low", "close")
# Only weekly bars have these; their columns are there when some bars of the export do.
ADJUSTMENTS = ("adjusted_close", "dividend")
# Only histories say of a bar whether it may still change.
FINAL = "final"
ORIGIN = ("ticker", "interval", "series", "currency", "source", "fetched_at")
AS_TRADED = "as traded"
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
SHEET_NAME = 31  # Excel's longest
LONGEST_TEXT = 32_767  # of a cell
MEASURED = 200  # rows that the width of a column is taken from
NARROWEST, WIDEST = 9, 48
NAMED_TICKERS = 3  # in a file's name; beyond that it says how many


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """A line of the quotes export. `name` is text from outside; no quote leaves the rest empty."""

    ticker: Ticker
    name: str | None
    quote: Quote | None
    freshness: Freshness


class History(Protocol):
    """What an export needs of a history; history.History has it."""

    @property
    def ticker(self) -> Ticker: ...
    @property
    def interval(self) -> Interval: ...
    @property
    def series(self) -> str: ...
    @property
    def frame(self) -> pd.DataFrame: ...
    @property
    def currency(self) -> str: ...
    @property
    def sources(self) -> tuple[str, ...]: ...


def history_csv(
    bars: Sequence[Bars | History],
    *,
    start: date | None = None,
    zones: Mapping[Ticker, tzinfo] | None = None,
) -> bytes:
    """All bars from the exchange date `start` on, oldest first, ticker by ticker as given.

    Daily and weekly bars are dated `2026-11-20`. Intraday ones are `2026-11-20T14:30:00-05:00`, in
    the ticker's zone of `zones`, in UTC where that has none. `fetched_at` is each row's own, UTC.
    `series` says what the prices are: as traded (so are all Bars), split-adjusted, total return.
    `final` is there when a history is, and `no` for a bar that may still change.
    """
    extra = tuple(
        name for name in (*ADJUSTMENTS, FINAL) if any(name in one.frame.columns for one in bars)
    )
    lines = [",".join(("date", *PRICES, "volume", *extra, *ORIGIN))]
    for one in bars:
        zone = (zones or {}).get(one.ticker, UTC)
        lines.extend(_history_lines(one, extra, start, zone))
    return _file(lines)


def table_csv(frame: pd.DataFrame, *, notes: Sequence[str] = ()) -> bytes:
    """Any table: its index (where that has a name) and columns, then each note on a line below.

    Dates are `2026-11-20`, instants `2026-11-20T21:15:00Z`, and what is unknown is empty. Header,
    text cells and notes cannot become formulas.
    """
    head, rows = _table(frame)
    lines = [",".join(text_cell(name) for name in head)]
    lines.extend(",".join(_cell(value) for value in row) for row in rows)
    lines.extend(text_cell(note) for note in notes)
    return _file(lines)


def tables_xlsx(sheets: Mapping[str, pd.DataFrame], notes: Sequence[str] = ()) -> bytes:
    """A workbook with a sheet for each table, and one for the notes if there are any.

    Numbers and dates are real ones, instants are in UTC, as Excel knows no zones; what is unknown
    is empty. Text is never taken for a formula or a link. Names of sheets are made to fit Excel.
    """
    buffer = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }
    with xlsxwriter.Workbook(buffer, options) as book:
        bold = book.add_format({"bold": True})
        forms = {
            "date": book.add_format({"num_format": "yyyy-mm-dd"}),
            "instant": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }
        names = _sheet_names([*sheets, "Notes"])
        for name, frame in zip(names, sheets.values(), strict=False):
            sheet = book.add_worksheet(name)
            head, rows = _table(frame)
            for column, title in enumerate(head):
                sheet.write_string(0, column, _plain(title), bold)
                shown = (_shown(row[column]) for row in rows[:MEASURED])
                widest = max((len(text) for text in (title, *shown)), default=0)
                sheet.set_column(column, column, min(max(widest + 2, NARROWEST), WIDEST))
            for line, row in enumerate(rows, start=1):
                for column, value in enumerate(row):
                    _write(sheet, line, column, value, forms)
            sheet.freeze_panes(1, 0)
        if notes or not sheets:
            sheet = book.add_worksheet(names[-1])
            sheet.set_column(0, 0, 100)
            for line, note in enumerate(notes):
                sheet.write_string(line, 0, _plain(note))
    return buffer.getvalue()


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
    plain = _plain(text)
    # Looked at twice: what was taken out can have stood before what makes a formula.
    if risky or _FORMULA.match(plain):
        plain = "'" + plain
    # Quoted for more than RFC 4180 asks: some spreadsheets split cells at semicolons.
    return plain if _BARE.fullmatch(plain) else '"' + plain.replace('"', '""') + '"'


_FORMULA = re.compile(r"""[\s"'`]*?[=+\-@|%\t\r\n＝＋－＠]""")
_BARE = re.compile(r"[A-Za-z0-9 .:_=^*/&()'\-]*")


def _plain(text: str) -> str:
    return "".join(" " if c in "\t\r\n" else c for c in text if c in "\t\r\n" or _is_shown(c))


def _is_shown(character: str) -> bool:
    """Whether it is neither a control character nor an invisible one, as for turning the text."""
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs")


def _history_lines(
    bars: Bars | History, extra: Sequence[str], start: date | None, zone: tzinfo
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
    for name in extra:
        if name not in frame.columns:
            columns.append(repeat("", len(frame)))
        elif name == FINAL:
            columns.append("yes" if final else "no" for final in frame[name].tolist())
        else:
            columns.append(_numbers(frame[name]))
    if isinstance(bars, Bars):
        series, source = AS_TRADED, bars.source
    else:
        series, source = bars.series.lower(), " and ".join(bars.sources)
    origin = (bars.ticker, bars.interval.value, series, bars.currency, source)
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


def _table(frame: pd.DataFrame) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The header and the rows of a table, with the levels of its index that have a name."""
    named = [name for name in frame.index.names if name is not None]
    table = frame.reset_index(level=named) if named else frame
    head = [str(name) for name in table.columns]
    columns = [table.iloc[:, place].tolist() for place in range(len(head))]
    return head, list(zip(*columns, strict=True)) if columns else []


def _is_unknown(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    return value is None or value is pd.NaT or value is pd.NA


def _cell(value: Any) -> str:
    """A cell of CSV by its type; what is neither a number nor a date is text."""
    shown = _shown(value)
    is_bare = isinstance(value, (Real, date)) and not isinstance(value, bool)
    return shown if is_bare else text_cell(shown)


def _shown(value: Any) -> str:
    if _is_unknown(value):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return _day_or_instant(value)
    if isinstance(value, float):
        return repr(float(value))
    return value.isoformat() if isinstance(value, date) else str(value)


def _day_or_instant(at: datetime) -> str:
    """Index values are timestamps: a date is one at midnight without a zone."""
    if at.tzinfo is not None:
        return _instant(at)
    return at.date().isoformat() if _is_midnight(at) else at.isoformat(timespec="seconds")


def _is_midnight(at: datetime) -> bool:
    return (at.hour, at.minute, at.second) == (0, 0, 0)


def _write(sheet: Any, line: int, column: int, value: Any, forms: Mapping[str, Any]) -> None:
    if _is_unknown(value):
        return
    if isinstance(value, datetime):
        naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        form = "date" if value.tzinfo is None and _is_midnight(value) else "instant"
        sheet.write_datetime(line, column, naive, forms[form])
    elif isinstance(value, date):
        sheet.write_datetime(line, column, value, forms["date"])
    elif isinstance(value, Real) and not isinstance(value, bool):
        sheet.write_number(line, column, value)
    else:
        sheet.write_string(line, column, _plain(_shown(value))[:LONGEST_TEXT])


def _sheet_names(names: Iterable[str]) -> list[str]:
    """Names as Excel allows them: 31 characters, none of []:*?/\\, no ' at the ends, all different.

    "History" is Excel's own.
    """
    found: list[str] = []
    for name in names:
        clean = re.sub(r"[\[\]:*?/\\]", " ", _plain(name)).strip(" '")[:SHEET_NAME].strip(" '")
        clean = clean if clean and clean.lower() != "history" else f"Sheet {len(found) + 1}"
        number = 2
        unique = clean
        while unique.lower() in {other.lower() for other in found}:
            unique = f"{clean[: SHEET_NAME - 4]} {number}"
            number += 1
        found.append(unique)
    return found


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
