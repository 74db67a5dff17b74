"""Exports read back as what went in, and no text cell becomes a formula."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from stocktracker.export import QUOTES, QuoteRow, file_name, history_csv, quotes_csv, text_cell
from stocktracker.model import Bars, Freshness, Interval, Quote, Ticker
from stocktracker.plans import Liveness

NAN = float("nan")
MONDAY = datetime(2026, 11, 23, 21, 15, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 20, 21, 15, tzinfo=UTC)


def make_bars(rows, *, ticker="AAPL", interval=Interval.DAILY, source="Alpha Vantage", **more):
    """Rows of (date, open, high, low, close, volume, fetched_at); `more` are further columns."""
    dates, *figures, fetched = zip(*rows, strict=True)
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame(
        {name: list(values) for name, values in zip(names, figures, strict=True)} | more,
        index=pd.DatetimeIndex(list(dates), name="date"),
    )
    frame["fetched_at"] = pd.to_datetime(list(fetched), utc=True)
    return Bars(Ticker(ticker), interval, frame, MONDAY, source, "USD")


APPLE = make_bars(
    [
        ("2026-11-20", 187.0, 190.25, 186.4, 189.3, 51234567.0, FRIDAY),
        ("2026-11-23", 189.30000000000001, 191.0, 188.1, 0.1 + 0.2, NAN, MONDAY),
    ]
)
NOT_A_NUMBER = make_bars([("2026-11-20", -1.5, 1e-05, 2.0, 100.0, 0.0, FRIDAY)], ticker="NA")


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))


def test_history_is_one_line_a_bar_oldest_first_and_ticker_by_ticker():
    lines = history_csv([APPLE, NOT_A_NUMBER]).decode().split("\n")
    assert lines == [
        "date,open,high,low,close,volume,ticker,interval,currency,source,fetched_at",
        "2026-11-20,187.0,190.25,186.4,189.3,51234567,"
        "AAPL,daily,USD,Alpha Vantage,2026-11-20T21:15:00Z",
        "2026-11-23,189.3,191.0,188.1,0.30000000000000004,,"
        "AAPL,daily,USD,Alpha Vantage,2026-11-23T21:15:00Z",
        "2026-11-20,-1.5,1e-05,2.0,100.0,0,NA,daily,USD,Alpha Vantage,2026-11-20T21:15:00Z",
        "",
    ]


def test_pandas_reads_the_very_same_figures_back():
    again = pd.read_csv(
        io.BytesIO(history_csv([APPLE])),
        index_col="date",
        parse_dates=["date", "fetched_at"],
        keep_default_na=False,
        na_values={"volume": [""]},
    )
    columns = ["open", "high", "low", "close", "volume"]
    assert list(again.index) == list(APPLE.frame.index)
    pd.testing.assert_frame_equal(
        again[columns], APPLE.frame[columns], check_exact=True, check_index_type=False
    )
    assert list(again["fetched_at"]) == list(APPLE.frame["fetched_at"])


def test_a_ticker_called_na_stays_a_ticker():
    again = pd.read_csv(io.BytesIO(history_csv([NOT_A_NUMBER])), keep_default_na=False)
    assert list(again["ticker"]) == ["NA"]


def test_history_begins_on_the_start_asked_for():
    assert [row["date"] for row in read(history_csv([APPLE], start=date(2026, 11, 21)))] == [
        "2026-11-23"
    ]
    assert read(history_csv([APPLE], start=date(2027, 1, 1))) == []


def test_adjustments_have_columns_only_when_some_bars_have_them():
    weekly = make_bars(
        [("2026-11-20", 1.0, 2.0, 0.5, 1.5, 10.0, FRIDAY)],
        interval=Interval.WEEKLY,
        adjusted_close=[1.25],
        dividend=[0.0],
    )
    rows = read(history_csv([weekly, APPLE]))
    assert [(row["adjusted_close"], row["dividend"]) for row in rows] == [
        ("1.25", "0.0"),
        ("", ""),
        ("", ""),
    ]
    assert rows[0]["interval"] == "weekly"
    assert "adjusted_close" not in read(history_csv([APPLE]))[0]


@pytest.mark.parametrize(
    ("zones", "stamps"),
    [
        (
            {"AAPL": ZoneInfo("America/New_York")},
            ["2026-07-20T10:30:00-04:00", "2026-11-20T09:30:00-05:00"],
        ),
        (None, ["2026-07-20T14:30:00+00:00", "2026-11-20T14:30:00+00:00"]),
    ],
)
def test_intraday_bars_are_dated_in_the_exchanges_zone(zones, stamps):
    bars = make_bars(
        [
            (pd.Timestamp("2026-07-20 14:30", tz="UTC"), 1.0, 1.0, 1.0, 1.0, 1.0, MONDAY),
            (pd.Timestamp("2026-11-20 14:30", tz="UTC"), 1.0, 1.0, 1.0, 1.0, 1.0, MONDAY),
        ],
        interval=Interval.FIVE_MINUTES,
    )
    assert [row["date"] for row in read(history_csv([bars], zones=zones))] == stamps


def test_intraday_start_is_a_day_of_the_exchange():
    late = pd.Timestamp("2026-11-20 23:30", tz="UTC")  # 10:30 on the 21st in Sydney
    bars = make_bars([(late, 1.0, 1.0, 1.0, 1.0, 1.0, MONDAY)], interval=Interval.FIVE_MINUTES)
    sydney = {Ticker("AAPL"): ZoneInfo("Australia/Sydney")}
    assert read(history_csv([bars], start=date(2026, 11, 21), zones=sydney))
    assert not read(history_csv([bars], start=date(2026, 11, 21)))


def test_an_export_of_nothing_is_a_header():
    assert read(history_csv([])) == []
    assert quotes_csv([]).decode() == ",".join(QUOTES) + "\n"


def make_quote(**fields):
    known = {
        "ticker": Ticker("AAPL"),
        "price": 189.3,
        "previous_close": 190.8,
        "open": 190.0,
        "high": 191.25,
        "low": 188.5,
        "volume": 51234567,
        "trading_day": date(2026, 11, 20),
        "as_of": FRIDAY,
        "fetched_at": MONDAY,
        "liveness": Liveness.END_OF_DAY,
        "source": "Alpha Vantage",
        "currency": "USD",
    }
    return Quote(**(known | fields))


def test_quotes_are_one_line_a_row_with_exact_changes():
    row = QuoteRow(Ticker("AAPL"), "Apple, Inc", make_quote(), Freshness.END_OF_DAY)
    (line,) = read(quotes_csv([row]))
    assert line == {
        "ticker": "AAPL",
        "name": "Apple, Inc",
        "price": "189.3",
        "previous_close": "190.8",
        "change": "-1.5",
        "change_percent": "-0.7862",
        "open": "190.0",
        "high": "191.25",
        "low": "188.5",
        "volume": "51234567",
        "trading_day": "2026-11-20",
        "as_of": "2026-11-20T21:15:00Z",
        "fetched_at": "2026-11-23T21:15:00Z",
        "freshness": "end of day",
        "source": "Alpha Vantage",
        "currency": "USD",
    }


def test_what_is_unknown_of_a_quote_is_an_empty_cell():
    bare = make_quote(previous_close=None, open=None, high=None, low=None, volume=None)
    rows = [
        QuoteRow(Ticker("AAPL"), None, bare, Freshness.STALE),
        QuoteRow(Ticker("MSFT"), None, None, Freshness.MISSING),
    ]
    known, missing = read(quotes_csv(rows))
    empty = ["name", "previous_close", "change", "change_percent", "open", "high", "low", "volume"]
    assert [known[column] for column in empty] == [""] * len(empty)
    assert {column: text for column, text in missing.items() if text} == {
        "ticker": "MSFT",
        "freshness": "missing",
    }


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://evil.test")',
        "+1",
        "-1",
        "@SUM(A1)",
        "|cmd",
        "%x",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        '"=1',
        "' =1",
        "＝1",
        "＋1",
        "－1",
        "＠1",
        "\x00=1",
        "\u200b=1",
        "\ufeff=1",
        "-P-HIZ",
    ],
)
def test_text_that_could_be_a_formula_gets_an_apostrophe(text):
    row = QuoteRow(Ticker(text), text, None, Freshness.MISSING)
    (line,) = read(quotes_csv([row]))
    assert line["ticker"][0] == line["name"][0] == "'"
    bars = make_bars([("2026-11-20", 1.0, 1.0, 1.0, 1.0, 1.0, FRIDAY)], ticker=text, source=text)
    (line,) = read(history_csv([bars]))
    assert line["ticker"][0] == line["source"][0] == "'"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Apple Inc", "Apple Inc"),
        ("^GSPC", "^GSPC"),
        ("Apple, Inc", '"Apple, Inc"'),
        ('The "A"', '"The ""A"""'),
        ("a;=1", '"a;=1"'),
        ("a\r\nb\tc", "a  b c"),
        ("a\x00\x1b\u202eb", "ab"),
        ("a\ud800b", "ab"),
        ("Nestlé", '"Nestlé"'),
        ("", ""),
    ],
)
def test_other_text_stays_as_it_is_on_one_line(text, cell):
    assert text_cell(text) == cell


@pytest.mark.parametrize(
    ("kind", "tickers", "name"),
    [
        ("daily", ["AAPL"], "stocktracker_AAPL_daily_2026-11-23.csv"),
        ("weekly", ["BRK.B", "TSCO.LON"], "stocktracker_BRK.B_TSCO.LON_weekly_2026-11-23.csv"),
        ("quotes", ["A", "B", "C", "D", "E"], "stocktracker_5-tickers_quotes_2026-11-23.csv"),
        ("quotes", [], "stocktracker_quotes_2026-11-23.csv"),
        ("daily", ["^GSPC"], "stocktracker__GSPC_daily_2026-11-23.csv"),
        ("daily", ["../../x"], "stocktracker_.._.._X_daily_2026-11-23.csv"),
        ("../x", ['ä"\r\n/\\'], "stocktracker_________x_2026-11-23.csv"),
    ],
)
def test_file_names_are_plain_ascii_whatever_the_tickers_are(kind, tickers, name):
    made = file_name(kind, tickers, date(2026, 11, 23))
    assert made.isascii()
    assert not set(made) & set('/\\"\r\n\x00')
    if "ä" not in "".join(tickers):
        assert made == name
