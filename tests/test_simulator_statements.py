"""INCOME_STATEMENT, BALANCE_SHEET and CASH_FLOW: they add up, and agree with all else."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from tests.vendor import Desk, recorded

DESK = Desk()
STATEMENTS = ["INCOME_STATEMENT", "BALANCE_SHEET", "CASH_FLOW"]
TICKERS = ["AAPL", "BA", "BRK-A", "COST", "F", "IBM", "MSFT", "NA", "NVDA"]


def newest(function: str, ticker: str) -> list[dict[str, str]]:
    return list(DESK.json(function, ticker)["quarterlyReports"])


def test_the_income_statement_has_the_recorded_shape() -> None:
    expected = json.loads(recorded("portfoliotree__income_statement_IBM.json"))
    body = DESK.json("INCOME_STATEMENT", "IBM")
    assert list(body) == list(expected)
    for kind in ("annualReports", "quarterlyReports"):
        assert list(body[kind][0]) == list(expected[kind][0])
        assert len(body[kind]) == len(expected[kind])
        none = {name for name, text in body[kind][0].items() if text == "None"}
        assert none == {name for name, text in expected[kind][0].items() if text == "None"}


@pytest.mark.parametrize("ticker", TICKERS)
def test_the_statements_add_up(ticker: str) -> None:
    for row in newest("INCOME_STATEMENT", ticker):
        line = {name: int(text) for name, text in row.items() if text.lstrip("-").isdigit()}
        assert line["totalRevenue"] - line["costOfRevenue"] == line["grossProfit"]
        assert line["grossProfit"] - line["operatingExpenses"] == line["operatingIncome"]
        assert line["operatingIncome"] + line["netInterestIncome"] == line["incomeBeforeTax"]
        assert line["incomeBeforeTax"] - line["incomeTaxExpense"] == line["netIncome"]
        assert line["incomeBeforeTax"] + line["interestExpense"] == line["ebit"]
        assert line["ebit"] + line["depreciationAndAmortization"] == line["ebitda"]
    for row in newest("BALANCE_SHEET", ticker):
        line = {name: int(text) for name, text in row.items() if text.lstrip("-").isdigit()}
        assert line["totalAssets"] == line["totalLiabilities"] + line["totalShareholderEquity"]
        assert line["totalAssets"] == line["totalCurrentAssets"] + line["totalNonCurrentAssets"]
        assert min(value for name, value in line.items() if name != "retainedEarnings") >= 0
    for row in newest("CASH_FLOW", ticker):
        flows = ("operatingCashflow", "cashflowFromInvestment", "cashflowFromFinancing")
        assert sum(int(row[name]) for name in flows) == int(row["changeInCashAndCashEquivalents"])


def test_the_change_in_cash_is_what_the_balance_sheets_say() -> None:
    cash = "cashAndCashEquivalentsAtCarryingValue"
    sheets, flows = newest("BALANCE_SHEET", "IBM"), newest("CASH_FLOW", "IBM")
    for after, before, flow in zip(sheets, sheets[1:], flows, strict=False):
        change = int(after[cash]) - int(before[cash])
        assert int(flow["changeInCashAndCashEquivalents"]) == change


def test_dividends_paid_are_those_of_the_ex_days_in_the_quarter() -> None:
    flow, sheet = newest("CASH_FLOW", "KO")[0], newest("BALANCE_SHEET", "KO")[0]
    ends = date.fromisoformat(flow["fiscalDateEnding"])
    paid = [
        float(row["amount"])
        for row in DESK.rows("DIVIDENDS", "KO")
        if ends - timedelta(days=91) < date.fromisoformat(row["ex_dividend_date"]) <= ends
    ]
    assert len(paid) == 1
    shares = int(sheet["commonStockSharesOutstanding"])
    assert int(flow["dividendPayout"]) == pytest.approx(paid[0] * shares, abs=500_001)
    assert newest("CASH_FLOW", "AMZN")[0]["dividendPayout"] == "None"


@pytest.mark.parametrize("function", STATEMENTS)
def test_years_are_made_of_their_quarters(function: str) -> None:
    body = DESK.json(function, "MSFT")
    year = body["annualReports"][0]
    assert year["fiscalDateEnding"] == "2026-06-30"
    place = [row["fiscalDateEnding"] for row in body["quarterlyReports"]].index("2026-06-30")
    quarters = body["quarterlyReports"][place : place + 4]
    if function == "BALANCE_SHEET":
        assert year == quarters[0]
        return
    for name, text in year.items():
        if text.lstrip("-").isdigit():
            there = [int(each[name]) for each in quarters if each[name] != "None"]
            assert int(text) == sum(there)


@pytest.mark.parametrize("ticker", TICKERS)
def test_net_income_a_share_is_the_reported_earnings(ticker: str) -> None:
    """In the shares of the balance sheet, turned into today's by the splits since."""
    splits = DESK.rows("SPLITS", ticker)
    quarters = {
        each["fiscalDateEnding"]: each
        for each in DESK.json("EARNINGS", ticker)["quarterlyEarnings"]
    }
    sheets = {each["fiscalDateEnding"]: each for each in newest("BALANCE_SHEET", ticker)}
    for income in newest("INCOME_STATEMENT", ticker)[:40]:
        ends = income["fiscalDateEnding"]
        shares = float(sheets[ends]["commonStockSharesOutstanding"])
        for split in splits:
            if split["effective_date"] > ends:
                shares *= float(split["split_factor"])
        eps = int(income["netIncome"]) / shares
        assert float(quarters[ends]["reportedEPS"]) == pytest.approx(eps, abs=0.0051)
