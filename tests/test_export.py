"""Exports read back as what went in, and no text cell becomes a formula."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import openpyxl
import pandas as pd
import pytest

from stocktracker.figures.adjust import Series
from stocktracker.figures.analytics import Range
from stocktracker.figures.export import (
    QUOTES,
    QuoteRow,
    file_name,
    history_csv,
    quotes_csv,
    table_csv,
    tables_xlsx,
    text_cell,
)
from stocktracker.figures.history import History, make_history
from stocktracker.fundamentals import Split, Splits
from stocktracker.model import Bars, Feed, Freshness, Interval, Quote, Ticker
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
        "date,open,high,low,close,volume,ticker,interval,series,currency,source,fetched_at",
        "2026-11-20,187.0,190.25,186.4,189.3,51234567,"
        "AAPL,daily,as traded,USD,Alpha Vantage,2026-11-20T21:15:00Z",
        "2026-11-23,189.3,191.0,188.1,0.30000000000000004,,"
        "AAPL,daily,as traded,USD,Alpha Vantage,2026-11-23T21:15:00Z",
        "2026-11-20,-1.5,1e-05,2.0,100.0,0,NA,daily,as traded,USD,"
        "Alpha Vantage,2026-11-20T21:15:00Z",
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


# --- histories --------------------------------------------------------------------------------


def make_split_history(series: Series) -> History:
    known = (Split(date(2026, 11, 23), 2.0),)
    raw = make_bars(
        [
            ("2026-11-20", 180.0, 190.0, 170.0, 186.0, 50.0, FRIDAY),
            ("2026-11-23", 93.0, 94.0, 92.0, 93.5, 120.0, datetime(2026, 11, 23, 20, tzinfo=UTC)),
        ]
    )
    found = make_history(
        Range.MAX,
        series,
        interval=Interval.DAILY,
        bars={Feed.DAILY: raw},
        quote=None,
        splits=Splits(ticker=raw.ticker, fetched_at=FRIDAY, source="Elsewhere", rows=known),
        dividends=None,
        zone=ZoneInfo("America/New_York"),
        now=MONDAY,
    )
    assert found is not None
    return found


def test_a_history_says_which_series_its_rows_are_and_which_may_still_change() -> None:
    lines = history_csv([make_split_history(Series.SPLITS)]).decode().split("\n")
    assert lines == [
        "date,open,high,low,close,volume,final,ticker,interval,series,currency,source,fetched_at",
        "2026-11-20,90.0,95.0,85.0,93.0,100,yes,AAPL,daily,split-adjusted,USD,"
        "Alpha Vantage and Elsewhere,2026-11-20T21:15:00Z",
        "2026-11-23,93.0,94.0,92.0,93.5,120,no,AAPL,daily,split-adjusted,USD,"
        "Alpha Vantage and Elsewhere,2026-11-23T20:00:00Z",
        "",
    ]


def test_series_of_histories_and_bars_stand_side_by_side() -> None:
    rows = read(history_csv([make_split_history(Series.SPLITS), APPLE]))
    assert [(row["series"], row["final"], row["close"]) for row in rows] == [
        ("split-adjusted", "yes", "93.0"),
        ("split-adjusted", "no", "93.5"),
        ("as traded", "", "189.3"),
        ("as traded", "", "0.30000000000000004"),
    ]


# --- any table --------------------------------------------------------------------------------

TABLE = pd.DataFrame(
    {
        "Name": ["=HYPERLINK(1)", "Plain; name", None],
        "Return %": [12.5, NAN, float("-inf")],
        "Bars": [250, 3, 0],
        "Best day": [date(2026, 11, 20), None, date(2026, 11, 23)],
        "At": pd.to_datetime(["2026-11-20T21:15", None, "2026-11-23T21:15"], utc=True),
        "Final": [True, False, True],
    },
    index=pd.Index(["AAPL", "-P-HIZ", "NA"], name="Ticker"),
)


def test_a_table_is_its_index_its_columns_and_its_notes() -> None:
    content = table_csv(TABLE, notes=["=1+1 is no formula", "SPY begins 19 Nov 2026"])
    assert list(csv.reader(io.StringIO(content.decode()))) == [
        ["Ticker", "Name", "Return %", "Bars", "Best day", "At", "Final"],
        ["AAPL", "'=HYPERLINK(1)", "12.5", "250", "2026-11-20", "2026-11-20T21:15:00Z", "yes"],
        ["'-P-HIZ", "Plain; name", "", "3", "", "", "no"],
        ["NA", "", "", "0", "2026-11-23", "2026-11-23T21:15:00Z", "yes"],
        ["'=1+1 is no formula"],
        ["SPY begins 19 Nov 2026"],
    ]


def test_a_tables_dates_are_dates_and_an_index_without_a_name_stays_out() -> None:
    index = pd.DatetimeIndex(["2026-11-20", "2026-11-23"], name="date")
    dated = pd.DataFrame({"AAPL": [1.5, 2.0]}, index=index)
    assert table_csv(dated) == b"date,AAPL\n2026-11-20,1.5\n2026-11-23,2.0\n"
    assert table_csv(dated.reset_index(drop=True)) == b"AAPL\n1.5\n2.0\n"
    assert table_csv(pd.DataFrame()) == b"\n"


def workbook(sheets: dict[str, pd.DataFrame], *notes: str) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(tables_xlsx(sheets, notes)))


def test_a_workbook_has_real_numbers_and_dates_and_texts_that_are_texts() -> None:
    book = workbook({"Statistics": TABLE}, "=1+1 is no formula")
    sheet = book["Statistics"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        ["Ticker", "Name", "Return %", "Bars", "Best day", "At", "Final"],
        [
            "AAPL",
            "=HYPERLINK(1)",
            12.5,
            250,
            datetime(2026, 11, 20),  # noqa: DTZ001 as Excel knows no zones
            datetime(2026, 11, 20, 21, 15),  # noqa: DTZ001
            "yes",
        ],
        ["-P-HIZ", "Plain; name", None, 3, None, None, "no"],
        [
            "NA",
            None,
            None,
            0,
            datetime(2026, 11, 23),  # noqa: DTZ001
            datetime(2026, 11, 23, 21, 15),  # noqa: DTZ001
            "yes",
        ],
    ]
    assert sheet["B2"].data_type == "s"
    assert sheet["E2"].number_format == "yyyy-mm-dd"
    assert sheet["F2"].number_format == "yyyy-mm-dd hh:mm:ss"
    assert book["Notes"]["A1"].value == "=1+1 is no formula"
    assert book["Notes"]["A1"].data_type == "s"


def test_a_sheets_header_is_bold_and_stays_and_its_columns_fit() -> None:
    sheet = workbook({"Statistics": TABLE})["Statistics"]
    assert all(cell.font.bold for cell in sheet[1])
    assert not sheet["A2"].font.bold
    assert sheet.freeze_panes == "A2"
    assert sheet.column_dimensions["B"].width > sheet.column_dimensions["D"].width >= 9


def test_addresses_do_not_become_links() -> None:
    frame = pd.DataFrame({"Site": ["https://example.com/", "mailto:a@b.c", "internal:Sheet2!A1"]})
    sheet = workbook({"Sites": frame})["Sites"]
    assert [sheet.cell(row, 1).hyperlink for row in (2, 3, 4)] == [None] * 3
    assert sheet["A2"].value == "https://example.com/"


def test_names_of_sheets_are_made_to_fit_excel() -> None:
    names = ["a/b:c*d?[e]\\f", "", "'quoted'", "History", "x" * 40, "X" * 40, "Notes"]
    book = workbook(dict.fromkeys(names, TABLE), "a note")
    assert book.sheetnames == [
        "a b c d  e  f",
        "Sheet 2",
        "quoted",
        "Sheet 4",
        "x" * 31,
        "X" * 27 + " 2",
        "Notes",
        "Notes 2",
    ]


def test_numpys_numbers_are_numbers_and_control_characters_are_gone() -> None:
    mixed = pd.Series([np.int64(3), np.float64(2.5), "a\x00\u202eb\nc"], dtype=object)
    frame = pd.DataFrame({"Mixed": mixed})
    sheet = workbook({"Mixed": frame})["Mixed"]
    assert [sheet.cell(row, 1).value for row in (2, 3, 4)] == [3, 2.5, "ab c"]
    assert table_csv(frame) == b"Mixed\n3\n2.5\nab c\n"


def test_a_workbook_without_tables_can_still_be_opened() -> None:
    assert workbook({}).sheetnames == ["Notes"]
