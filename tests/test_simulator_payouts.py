"""SPLITS and DIVIDENDS: upstream's shapes, and the very events that are in the series."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.vendor import Desk, recorded

DESK, PAID = Desk(), Desk("premium-150")
TICKERS = ["AAPL", "COST", "F", "IBM", "KO", "NVDA", "SPY", "TSCO.LON"]


def weeks(ticker: str) -> dict[str, dict[str, str]]:
    body = DESK.json("TIME_SERIES_WEEKLY_ADJUSTED", ticker)
    return dict(body["Weekly Adjusted Time Series"])


@pytest.mark.parametrize(
    ("function", "recording"),
    [
        ("SPLITS", "portfoliotree__splits_IBM.csv"),
        ("DIVIDENDS", "portfoliotree__dividends_IBM.csv"),
    ],
)
def test_csv_has_the_recorded_header_and_json_the_same_names(function: str, recording: str) -> None:
    header = recorded(recording).splitlines()[0]
    answer = DESK.answer(function, "IBM", datatype="csv")
    assert answer.media_type == "application/x-download"
    assert answer.text.split("\r\n")[0] == header
    assert answer.text.endswith("\r\n")
    body = DESK.json(function, "IBM")
    assert list(body) == ["symbol", "data"]
    assert body["symbol"] == "IBM"
    assert list(body["data"][0]) == header.split(",")


@pytest.mark.parametrize("function", ["SPLITS", "DIVIDENDS"])
@pytest.mark.parametrize("ticker", TICKERS)
def test_csv_and_json_tell_the_same_as_text_newest_first(function: str, ticker: str) -> None:
    data = DESK.json(function, ticker)["data"]
    assert data == DESK.rows(function, ticker)
    days = [next(iter(row.values())) for row in data]
    assert days == sorted(days, reverse=True)
    assert all(isinstance(text, str) for row in data for text in row.values())


def test_factors_have_four_decimals_as_recorded() -> None:
    assert "2021-11-04,1.0460" in recorded("portfoliotree__splits_IBM.csv").splitlines()
    assert DESK.rows("SPLITS", "IBM") == [
        {"effective_date": "2021-11-04", "split_factor": "1.0460"}
    ]
    assert [row["split_factor"] for row in DESK.rows("SPLITS", "F")] == ["0.2500", "1.7482"]


@pytest.mark.parametrize("ticker", ["AAPL", "COST", "F", "IBM", "NVDA"])
def test_splits_are_the_coefficients_of_the_whole_daily_series(ticker: str) -> None:
    rows = PAID.rows("TIME_SERIES_DAILY_ADJUSTED", ticker, outputsize="full")
    in_series = {
        row["timestamp"]: float(row["split_coefficient"])
        for row in rows
        if row["split_coefficient"] != "1.0"
    }
    told = {
        row["effective_date"]: float(row["split_factor"]) for row in DESK.rows("SPLITS", ticker)
    }
    assert told == in_series


@pytest.mark.parametrize("ticker", ["AAPL", "COST", "IBM", "KO", "SPY"])
def test_dividends_are_the_amounts_of_the_whole_daily_series(ticker: str) -> None:
    rows = PAID.rows("TIME_SERIES_DAILY_ADJUSTED", ticker, outputsize="full")
    in_series = {
        row["timestamp"]: float(row["dividend_amount"])
        for row in rows
        if float(row["dividend_amount"])
    }
    told = {
        row["ex_dividend_date"]: float(row["amount"])
        for row in DESK.rows("DIVIDENDS", ticker)
        if row["ex_dividend_date"] <= rows[0]["timestamp"]
    }
    assert len(told) > 50
    assert told == in_series


@pytest.mark.parametrize("ticker", TICKERS)
def test_weekly_amounts_add_up_to_the_dividends(ticker: str) -> None:
    bars = weeks(ticker)
    newest = next(iter(bars))
    told = [row for row in DESK.rows("DIVIDENDS", ticker) if row["ex_dividend_date"] <= newest]
    assert sum(float(row["7. dividend amount"]) for row in bars.values()) == pytest.approx(
        sum(float(row["amount"]) for row in told)
    )


def test_a_dividend_is_told_in_the_shares_of_its_day() -> None:
    """Three for one in October: what was 3.90 a share before is about 1.30 after."""
    rows = DESK.rows("DIVIDENDS", "COST")
    after = [float(row["amount"]) for row in rows if row["ex_dividend_date"] >= "2026-10-14"]
    before = [float(row["amount"]) for row in rows if row["ex_dividend_date"] < "2026-10-14"]
    assert after
    assert before[0] / after[-1] == pytest.approx(3, rel=0.25)


def test_older_dividends_have_no_dates_as_recorded() -> None:
    rows = DESK.rows("DIVIDENDS", "IBM")
    dates = ("declaration_date", "record_date", "payment_date")
    old = [row for row in rows if row["ex_dividend_date"] < "2020"]
    assert len(old) > 60
    assert {row[name] for row in old for name in dates} == {"None"}
    for row in rows:
        if row["ex_dividend_date"] > "2021":
            declared, recorded_on, paid = (row[name] for name in dates)
            assert declared < row["ex_dividend_date"] <= recorded_on < paid
    assert all(f"{float(row['amount'])}" == row["amount"] for row in rows)


def test_record_days_are_ex_days_since_the_us_settle_within_a_day() -> None:
    rows = DESK.rows("DIVIDENDS", "KO")
    for row in rows:
        if row["record_date"] != "None":
            is_same = row["record_date"] == row["ex_dividend_date"]
            assert is_same == (row["ex_dividend_date"] >= "2024-05-28")


def test_a_dividend_is_announced_three_weeks_ahead() -> None:
    ex_day = date.fromisoformat(DESK.rows("DIVIDENDS", "IBM")[0]["ex_dividend_date"])
    told = [
        Desk(at=f"{ex_day - timedelta(days=days)}T18:00").rows("DIVIDENDS", "IBM")[0]
        for days in (22, 21, 0)
    ]
    assert [row["ex_dividend_date"] == str(ex_day) for row in told] == [False, True, True]
    assert told[1] == told[2]


def test_a_split_is_told_from_its_own_day_on() -> None:
    assert [
        row["effective_date"] for row in Desk(at="2026-10-14T03:59").rows("SPLITS", "COST")
    ] == ["2000-01-14"]
    assert Desk(at="2026-10-14T12:00").rows("SPLITS", "COST")[0] == {
        "effective_date": "2026-10-14",
        "split_factor": "3.0000",
    }


def test_announcements_reach_over_the_end_of_the_year() -> None:
    """Some ticker goes ex in the first weeks of January and is announced in December."""
    desk = Desk(at="2026-12-31T12:00")
    newest = [
        desk.rows("DIVIDENDS", ticker)[0]["ex_dividend_date"]
        for ticker in ("IBM", "KO", "PG", "JNJ", "XOM", "CVX", "T", "VZ", "MRK", "PEP", "MCD")
    ]
    assert max(newest) > "2027"


@pytest.mark.parametrize(("function", "without"), [("SPLITS", "TLT"), ("DIVIDENDS", "ON")])
def test_who_has_no_events_has_an_empty_list(function: str, without: str) -> None:
    for ticker in ("NOPE1", without):
        assert DESK.json(function, ticker) == {"symbol": ticker, "data": []}
        assert len(DESK.answer(function, ticker, datatype="csv").text.splitlines()) == 1


@pytest.mark.parametrize("function", ["SPLITS", "DIVIDENDS"])
def test_without_a_ticker_the_call_is_invalid(function: str) -> None:
    assert DESK.json(function)["Error Message"].endswith(f"for {function}.")
