"""Tickers read from text of outside: a pasted list, or a CSV file as brokers and sites export it.

Pure. Nothing is dropped silently: what cannot be a ticker is listed, and where the tickers were
looked for is said. Never asks whether a ticker exists.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stocktracker.errors import BadTicker
from stocktracker.model import Listed, Ticker, parse_ticker
from stocktracker.watchlists import BadWatchlist, plain

MOST_CHARACTERS = 1_000_000
MOST_CELLS = 5_000
SHOWN = 24  # characters of a cell that is shown as rejected
HEAD_ROWS = 30  # a broker's export may have some lines about the account above the heading
HEADINGS = frozenset(
    {"ticker", "tickers", "ticker symbol", "symbol", "symbols", "stock symbol", "instrument"}
)
DELIMITERS = ",;\t|"
PIECES = re.compile(r"[\s,;|]+")
AMOUNT = re.compile(r"[-+(]?[$€£¥]?[-+]?\d[\d,' ]*(\.\d+)?\s?%?\)?")
PROSE = re.compile(r"[A-Z][a-z]|[^\x00-\x7f]|[&'()]")

# How TradingView writes where something trades, and what Alpha Vantage adds to its ticker. A place
# that is not here is not guessed: the bare ticker would be another company's in New York.
PREFIXES = {
    **dict.fromkeys(
        ("NASDAQ", "NYSE", "AMEX", "ARCA", "NYSEARCA", "NYSEAMERICAN", "BATS", "CBOE", "OTC"), ""
    ),
    "LSE": ".LON",
    "TSX": ".TRT",
    "TSXV": ".TRV",
    "XETR": ".DEX",
    "FWB": ".FRK",
    "BSE": ".BSE",
    "SSE": ".SHH",
    "SZSE": ".SHZ",
}
# The same for the suffixes of Yahoo Finance; one that is listed as it stands is left alone.
SUFFIXES = {
    "L": ".LON",
    "TO": ".TRT",
    "V": ".TRV",
    "DE": ".DEX",
    "F": ".FRK",
    "PA": ".PAR",
    "AS": ".AMS",
    "BO": ".BSE",
    "SS": ".SHH",
    "SZ": ".SHZ",
}


@dataclass(frozen=True, slots=True)
class Import:
    """What was read from a text: `tickers` in its order, each once.

    `rejected` are the cells that cannot be tickers, each once and shortened; `how` says in words
    where the tickers were looked for, as a table and a list can look alike.
    """

    tickers: tuple[Ticker, ...]
    rejected: tuple[str, ...]
    how: str


def decode_upload(content: bytes) -> str:
    """A file's bytes as text: UTF-8, UTF-16 with its mark, otherwise Windows' Western European.

    Raises BadWatchlist for more than 1 MB and for what is no text.
    """
    if len(content) > MOST_CHARACTERS:
        raise BadWatchlist("The file is bigger than 1 MB.")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise BadWatchlist("The file is not text. A CSV or text file can be read; a workbook cannot.")


def parse_import(text: str, listing_rows: Mapping[Ticker, Listed] | None) -> Import:
    """The tickers of a pasted list, or of a CSV file's text.

    A column headed ticker or symbol is taken where there is one, however far down within the first
    lines; otherwise the first column, where the lines look like a table of more than tickers;
    otherwise every word. Raises BadWatchlist for more than 1 MB or 5,000 cells, and where nothing
    can be a ticker.
    """
    if len(text) > MOST_CHARACTERS:
        raise BadWatchlist("The text is longer than 1 MB.")
    cells, how = _cells(text.removeprefix("\ufeff"))
    if len(cells) > MOST_CELLS:
        raise BadWatchlist(f"These are {len(cells):,} cells; at most {MOST_CELLS:,} are read.")
    tickers: dict[Ticker, None] = {}
    rejected: dict[str, None] = {}
    for cell in cells:
        try:
            tickers[_ticker(cell, listing_rows)] = None
        except BadTicker:
            rejected[_short(cell)] = None
    if not tickers:
        raise BadWatchlist("There is no ticker in it.")
    return Import(tuple(tickers), tuple(rejected), how)


def _cells(text: str) -> tuple[list[str], str]:
    """The cells that should be tickers, without the empty ones, and where they were found."""
    tables = [_rows(text, delimiter) for delimiter in DELIMITERS if delimiter in text]
    for rows in tables or [[[line] for line in text.splitlines()]]:
        for place, row in enumerate(rows[:HEAD_ROWS]):
            column = next((at for at, cell in enumerate(row) if _is_heading(cell)), None)
            below = rows[place + 1 :]
            # One word over lines of several cells is the heading of a list.
            if column is not None and below and (len(row) > 1 or max(map(len, below)) == 1):
                found = _filled(each[column] for each in below if len(each) > column)
                return found, f"the column “{_short(row[column])}”"
    for rows in tables:
        if _is_table(rows):
            return _filled(row[0] for row in rows), "the first column"
    words = [word.strip("\"'") for word in PIECES.split(text)]
    # A heading over nothing, or in front of the tickers: `Symbols AAPL MSFT`.
    if words and _is_heading(words[0].rstrip(":")):
        del words[0]
    return _filled(words), "every word"


def _rows(text: str, delimiter: str) -> list[list[str]]:
    """The lines as cells, without empty lines; none where the text cannot be read so."""
    try:
        rows = list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter))
    except csv.Error:
        return []
    return [row for row in rows if any(cell.strip() for cell in row)]


def _filled(cells: Iterable[str]) -> list[str]:
    return [cell.strip() for cell in cells if cell.strip()]


def _is_heading(cell: str) -> bool:
    return " ".join(cell.lower().split()) in HEADINGS


def _is_table(rows: Sequence[Sequence[str]]) -> bool:
    """Whether lines without a heading are a table of more than tickers.

    So they are where all have as many cells, the first is one cell by any delimiter, and some cell
    behind it is an amount or prose: a list of tickers in several lines has neither.
    """
    if len(rows) < 2 or len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
        return False
    if any(mark in row[0] for row in rows for mark in DELIMITERS):
        return False
    behind = [cell.strip() for row in rows for cell in row[1:]]
    return any(AMOUNT.fullmatch(cell) or PROSE.search(cell) for cell in behind)


def _ticker(cell: str, rows: Mapping[Ticker, Listed] | None) -> Ticker:
    """The ticker that a cell means, in the listing's spelling. Raises BadTicker."""
    found = parse_ticker(cell.removeprefix("$"), rows)  # as in a message: $AAPL
    listed = rows or {}
    if found in listed:
        return found
    place, colon, bare = found.partition(":")
    if colon:
        if place not in PREFIXES:
            raise BadTicker(cell)
        return _ticker(bare + PREFIXES[place], rows)
    for written, other in (("-", "."), (".", "-")):
        respelt = Ticker(found.replace(written, other))
        if respelt in listed:
            return respelt
    stem, dot, suffix = found.rpartition(".")
    if dot and suffix in SUFFIXES:
        return Ticker(stem + SUFFIXES[suffix])
    return found


def _short(cell: str) -> str:
    """A cell as it is shown: on one line, without control characters, and not long."""
    shown = plain(cell)
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"
