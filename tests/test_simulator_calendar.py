"""EARNINGS_CALENDAR: upstream's CSV, and the very quarters that EARNINGS tells of later."""

from __future__ import annotations

import time
from datetime import date, timedelta

import pytest

from tests.vendor import MONDAY_EVENING, Desk, recorded

DESK = Desk()
# It is still Monday in New York.
TODAY = date(2026, 11, 23)
TICKERS = ["AAPL", "COST", "F", "IBM", "MSFT", "NVDA"]


def test_it_is_csv_with_the_recorded_header_whatever_is_asked_for() -> None:
    expected = recorded("portfoliotree__earnings_calendar_3month_2026-05-17.csv").splitlines()
    for wish in ({}, {"datatype": "json"}):
        answer = DESK.answer("EARNINGS_CALENDAR", **wish)
        assert answer.media_type == "application/x-download"
        assert answer.text.split("\r\n")[0] == expected[0]
        assert answer.text.endswith("\r\n")


def test_rows_are_those_of_three_months_by_day_and_about_as_many_as_upstreams() -> None:
    rows = DESK.rows("EARNINGS_CALENDAR", horizon="3month")
    assert rows == DESK.rows("EARNINGS_CALENDAR")
    order = [(row["reportDate"], row["symbol"]) for row in rows]
    assert order == sorted(order)
    assert str(TODAY) <= order[0][0] <= order[-1][0] <= str(TODAY + timedelta(days=91))
    assert 1500 < len(rows) < 6000
    assert len({row["symbol"] for row in rows}) > 0.95 * len(rows)
    nobody_follows = [row for row in rows if row["estimate"] == ""]
    assert 0.3 < len(nobody_follows) / len(rows) < 0.7
    assert {row["timeOfTheDay"] for row in rows} == {"pre-market", "post-market", ""}
    assert {row["currency"] for row in rows} == {"USD"}
    assert all(row["name"] and row["name"] == row["name"].upper() for row in rows)


@pytest.mark.parametrize("ticker", TICKERS)
def test_the_next_report_follows_the_last_quarter(ticker: str) -> None:
    row = DESK.rows("EARNINGS_CALENDAR", ticker)[0]
    last = DESK.json("EARNINGS", ticker)["quarterlyEarnings"][0]
    after = date.fromisoformat(row["fiscalDateEnding"]) - date.fromisoformat(
        last["fiscalDateEnding"]
    )
    assert 88 <= after.days <= 93
    assert row["reportDate"] > row["fiscalDateEnding"]
    assert row in DESK.rows("EARNINGS_CALENDAR")


@pytest.mark.parametrize("ticker", TICKERS)
def test_what_was_expected_is_what_comes(ticker: str) -> None:
    row = DESK.rows("EARNINGS_CALENDAR", ticker)[0]
    day = date.fromisoformat(row["reportDate"])
    quarter = Desk(at=f"{day + timedelta(days=1)}T12:00").json("EARNINGS", ticker)[
        "quarterlyEarnings"
    ][0]
    assert quarter["fiscalDateEnding"] == row["fiscalDateEnding"]
    assert quarter["reportedDate"] == row["reportDate"]
    assert quarter["estimatedEPS"] == row["estimate"]
    assert quarter["reportTime"] == row["timeOfTheDay"]


def test_a_report_leaves_the_calendar_in_its_hour() -> None:
    row = DESK.rows("EARNINGS_CALENDAR", "NVDA")[0]
    assert (row["reportDate"], row["timeOfTheDay"]) == ("2026-11-24", "post-market")
    before, after = Desk(at="2026-11-24T21:29"), Desk(at="2026-11-24T21:31")
    assert before.rows("EARNINGS_CALENDAR", "NVDA")[0] == row
    assert after.rows("EARNINGS_CALENDAR", "NVDA")[0]["reportDate"] > "2027"
    told = after.json("EARNINGS", "NVDA")["quarterlyEarnings"][0]
    assert told["fiscalDateEnding"] == row["fiscalDateEnding"]


def test_a_longer_horizon_has_more_quarters() -> None:
    counts = [
        len(DESK.rows("EARNINGS_CALENDAR", "IBM", horizon=horizon))
        for horizon in ("3month", "6month", "12month")
    ]
    assert counts == [1, 2, 4]


def test_who_has_nothing_to_report_has_the_header_only() -> None:
    for ticker in ("NOPE1", "SPY", "TSCO.LON"):
        assert DESK.rows("EARNINGS_CALENDAR", ticker) == []
    refused = DESK.json("EARNINGS_CALENDAR", horizon="2weeks")
    assert refused["Error Message"].endswith("for EARNINGS_CALENDAR.")


def test_in_the_evening_the_days_reports_are_gone_and_the_rest_is_as_it_was() -> None:
    today = DESK.rows("EARNINGS_CALENDAR")
    tomorrow = Desk(at="2026-11-25T01:00").rows("EARNINGS_CALENDAR")
    gone = [row for row in today if row not in tomorrow]
    assert {row["reportDate"] for row in gone} == {"2026-11-24"}
    assert "2026-11-24" not in {row["reportDate"] for row in tomorrow}


def test_it_is_the_same_each_time_and_quick_after_the_first() -> None:
    first = Desk(at=MONDAY_EVENING).answer("EARNINGS_CALENDAR")
    begun = time.process_time()
    assert DESK.answer("EARNINGS_CALENDAR").body == first.body
    assert time.process_time() - begun < 0.1
