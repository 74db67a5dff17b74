"""Bodies about a company to records, what is the same for all; splits and dividends.

Recorded bodies, and hostile ones made by hand.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from stocktracker.errors import EmptyReply, UnreadableReply
from stocktracker.fundamentals import Dividend, Split
from stocktracker.upstream.fundamental_replies import (
    parse_company,
    parse_dividends,
    parse_earnings,
    parse_splits,
    parse_statement,
)
from stocktracker.upstream.notices import raise_if_refused
from tests.fact_bodies import (
    FROM,
    IBM,
    RECORDINGS,
    SUNDAY,
    dividend_row,
    dividends_body,
    earnings_body,
    overview_body,
    recorded_rows,
    splits_body,
    statement_body,
)

recorded = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")
PARSERS = [parse_splits, parse_dividends, parse_company, parse_earnings, parse_statement]


def splits_of(*rows: tuple[Any, Any]) -> list[tuple[str, float]]:
    found = parse_splits(splits_body(*rows), IBM, **FROM)
    return [(row.day.isoformat(), row.factor) for row in found.rows]


def dividends_of(*rows: dict[str, Any]) -> tuple[Dividend, ...]:
    return parse_dividends(dividends_body(*rows), IBM, **FROM).rows


# --- what all have in common --------------------------------------------------------------------


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("body", [None, [], "text", 1, {"data": []}, {"symbol": "IBM"}])
def test_a_body_without_what_it_must_have_is_not_read(parse: Any, body: Any) -> None:
    if parse is parse_company and body == {"symbol": "IBM"}:
        body = {"Name": "Nobody's"}
    with pytest.raises(UnreadableReply):
        parse(body, IBM, **FROM)


@pytest.mark.parametrize(
    ("parse", "body"),
    [
        (parse_splits, splits_body()),
        (parse_dividends, dividends_body()),
        (parse_company, overview_body()),
        (parse_earnings, earnings_body()),
        (parse_statement, statement_body()),
    ],
)
def test_a_body_about_another_ticker_is_not_believed(parse: Any, body: dict[str, Any]) -> None:
    name = "Symbol" if "Symbol" in body else "symbol"
    with pytest.raises(UnreadableReply, match="another ticker"):
        parse({**body, name: "AAPL"}, IBM, **FROM)


def test_a_record_says_whose_it_is_and_when_and_where_from_it_came() -> None:
    found = parse_splits(splits_body(symbol="ibm"), IBM, **FROM)
    assert (found.ticker, found.fetched_at, found.source) == (IBM, SUNDAY, "Alpha Vantage X")


def test_of_a_fund_without_an_overview_we_say_that_there_is_no_data() -> None:
    # Upstream answers `{}` for an unknown ticker too, so nothing is said of whether it is one.
    with pytest.raises(EmptyReply, match="without any data"):
        raise_if_refused({}, IBM)


# --- splits -------------------------------------------------------------------------------------


@recorded
def test_the_recorded_splits_of_ibm() -> None:
    found = parse_splits(recorded_rows("portfoliotree__splits_IBM.csv"), IBM, **FROM)
    # The second is the spin-off of Kyndryl.
    assert found.rows == (Split(date(1999, 5, 27), 2.0), Split(date(2021, 11, 4), 1.046))


def test_no_splits_ever_is_an_answer() -> None:
    assert splits_of() == []


def test_splits_come_oldest_first_and_once() -> None:
    rows = [("2020-08-31", "4.0"), ("2014-06-09", "7"), ("2020-08-31", 4)]
    assert splits_of(*rows) == [("2014-06-09", 7.0), ("2020-08-31", 4.0)]


def test_a_reverse_split_and_one_that_is_announced_are_splits() -> None:
    assert splits_of(("2026-06-01", "0.1")) == [("2026-06-01", 0.1)]


def test_a_factor_of_one_is_no_split() -> None:
    assert splits_of(("2020-08-31", "1.0000")) == []


WRONG_SPLITS = [
    ("2020-08-31", "0"),
    ("2020-08-31", "-2"),
    ("2020-08-31", "10001"),
    ("2020-08-31", "0.00001"),
    ("2020-08-31", "None"),
    ("2020-08-31", "1e999"),
    ("2020-08-31", "nan"),
    ("2020-08-31", "4:1"),
    ("2020-08-31", True),
    ("2020-08-31", ["4"]),
    ("0000-00-00", "4"),
    ("None", "4"),
    (None, "4"),
    (20200831, "4"),
    ("1066-10-14", "4"),
    ("2027-05-19", "4"),
    ("9999-12-31", "4"),
]


@pytest.mark.parametrize("row", WRONG_SPLITS)
def test_a_split_that_cannot_be_right_is_left_out_of_many(row: Any) -> None:
    good = [(f"{year}-01-05", "2") for year in range(2010, 2019)]
    assert len(splits_of(*good, row)) == 9


@pytest.mark.parametrize("row", WRONG_SPLITS)
def test_where_one_in_ten_is_wrong_nothing_is_believed(row: Any) -> None:
    good = [(f"{year}-01-05", "2") for year in range(2010, 2018)]
    with pytest.raises(UnreadableReply, match="cannot be right"):
        splits_of(*good, row)


def test_two_factors_of_one_day_are_not_believed() -> None:
    # Which of them holds is not known, and prices would be divided by both.
    with pytest.raises(UnreadableReply, match="two splits"):
        splits_of(("2020-08-31", "4"), ("2020-08-31", "3"))


# --- dividends ----------------------------------------------------------------------------------


@recorded
def test_the_recorded_dividends_of_ibm() -> None:
    body = recorded_rows("portfoliotree__dividends_IBM.csv")
    rows = parse_dividends(body, IBM, **FROM).rows
    assert len(rows) == 110
    assert rows[0] == Dividend(date(1999, 2, 8), 0.22)
    assert rows[-1] == Dividend(
        ex_day=date(2026, 5, 8),
        amount=1.69,
        declared=date(2026, 4, 22),
        recorded=date(2026, 5, 8),
        paid=date(2026, 6, 10),
    )


def test_a_ticker_that_pays_nothing_has_no_dividends() -> None:
    assert dividends_of() == ()


def test_a_regular_and_a_special_dividend_share_a_day_but_a_repeated_row_counts_once() -> None:
    rows = [dividend_row("2024-12-12", amount) for amount in ("1.0", "15.0", "1.0")]
    assert [paid.amount for paid in dividends_of(*rows)] == [1.0, 15.0]


@pytest.mark.parametrize("day", ["None", "", "-", None, "0000-00-00", "soon", 5, "1900-01-01"])
def test_a_day_beside_the_ex_day_need_not_be_known(day: Any) -> None:
    (paid,) = dividends_of(dividend_row("2024-12-12", "1", payment_date=day))
    assert (paid.ex_day, paid.paid) == (date(2024, 12, 12), None)


@pytest.mark.parametrize("amount", ["0", "-0.5", "None", "", None, "nan", "1e999", {}, "1,5"])
def test_a_dividend_without_a_sane_amount_is_none(amount: Any) -> None:
    good = [dividend_row(f"{year}-02-08", "1") for year in range(2010, 2020)]
    assert len(dividends_of(*good, dividend_row("2020-02-08", amount))) == 10
    with pytest.raises(UnreadableReply):
        dividends_of(dividend_row("2020-02-08", amount))
