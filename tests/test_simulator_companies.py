"""OVERVIEW and EARNINGS: recorded shapes, and figures that agree with prices and each other."""

from __future__ import annotations

import json
import time
from datetime import date, timedelta
from typing import Any

import pytest

from stocktracker.simulator.companies import company_of
from stocktracker.simulator.known import LISTED
from tests.vendor import Desk, recorded

DESK = Desk()
STATEMENTS = ["INCOME_STATEMENT", "BALANCE_SHEET", "CASH_FLOW"]
# By fiscal year, a loss, a split within the year up and down, a share of 750,000 USD.
TICKERS = ["AAPL", "BA", "BRK-A", "COST", "F", "IBM", "MSFT", "NA", "NVDA"]
MISSING = ("None", "-")


def number(text: str) -> float:
    assert text not in MISSING
    return float(text)


def closes(ticker: str) -> list[float]:
    """Split-adjusted closes, newest first, out of the adjusted series of a paid key."""
    rows = Desk("premium-150").rows("TIME_SERIES_DAILY_ADJUSTED", ticker, outputsize="full")
    factor, found = 1.0, []
    for row in rows:
        found.append(float(row["close"]) / factor)
        factor *= float(row["split_coefficient"])
    return found


def test_the_overview_has_the_recorded_entries_in_order_and_all_are_text() -> None:
    expected = json.loads(recorded("portfoliotree__overview_IBM.json"))
    body = DESK.json("OVERVIEW", "IBM")
    assert list(body) == list(expected)
    assert {type(value) for value in body.values()} == {str}
    for name in ("Symbol", "AssetType", "Exchange", "Currency", "Country", "FiscalYearEnd"):
        assert body[name] == expected[name]
    assert body["Sector"] == body["Sector"].upper()


@pytest.mark.parametrize("ticker", TICKERS)
def test_the_overview_fits_the_prices(ticker: str) -> None:
    body = DESK.json("OVERVIEW", ticker)
    price = float(DESK.json("GLOBAL_QUOTE", ticker)["Global Quote"]["05. price"])
    history = closes(ticker)
    assert history[0] == price
    assert number(body["50DayMovingAverage"]) == pytest.approx(sum(history[:50]) / 50, abs=0.006)
    assert number(body["200DayMovingAverage"]) == pytest.approx(sum(history[:200]) / 200, abs=0.006)
    shares = number(body["SharesOutstanding"])
    assert number(body["MarketCapitalization"]) == pytest.approx(price * shares, rel=1e-9)
    assert number(body["PriceToSalesRatioTTM"]) == pytest.approx(
        price * shares / number(body["RevenueTTM"]), abs=6e-4
    )
    if number(body["EPS"]) > 0:
        assert number(body["PERatio"]) == pytest.approx(price / number(body["EPS"]), abs=0.006)
        assert body["TrailingPE"] == body["PERatio"]


@pytest.mark.parametrize("ticker", TICKERS)
def test_the_52_week_range_is_of_adjusted_prices(ticker: str) -> None:
    rows = Desk("premium-150").rows("TIME_SERIES_DAILY_ADJUSTED", ticker, outputsize="full")
    since = str(date.fromisoformat(rows[0]["timestamp"]) - timedelta(days=365))
    year = [row for row in rows if row["timestamp"] > since]
    factors = [float(row["adjusted_close"]) / float(row["close"]) for row in year]
    highs = [float(row["high"]) * factor for row, factor in zip(year, factors, strict=True)]
    lows = [float(row["low"]) * factor for row, factor in zip(year, factors, strict=True)]
    body = DESK.json("OVERVIEW", ticker)
    assert number(body["52WeekHigh"]) == pytest.approx(max(highs), abs=0.006)
    assert number(body["52WeekLow"]) == pytest.approx(min(lows), abs=0.006)


def test_the_recorded_range_is_of_adjusted_prices_too() -> None:
    """324.90 was traded in November 2025; the overview of May 2026 says 320.7."""
    lines = recorded("portfoliotree__weekly_adjusted_IBM.csv").splitlines()[1:54]
    rows = [[float(cell) for cell in line.split(",")[1:]] for line in lines]
    highest = max(high * adjusted / close for _, high, _, close, adjusted, *_ in rows)
    overview = json.loads(recorded("portfoliotree__overview_IBM.json"))
    assert max(row[1] for row in rows) == 324.9
    assert float(overview["52WeekHigh"]) == pytest.approx(highest, abs=0.05)


@pytest.mark.parametrize("ticker", ["AAPL", "COST", "F", "IBM"])
def test_the_dividend_of_the_overview_is_the_newest_one(ticker: str) -> None:
    body, paid = DESK.json("OVERVIEW", ticker), DESK.rows("DIVIDENDS", ticker)[0]
    price = float(DESK.json("GLOBAL_QUOTE", ticker)["Global Quote"]["05. price"])
    assert body["ExDividendDate"] == paid["ex_dividend_date"]
    assert body["DividendDate"] == paid["payment_date"]
    yearly = 4 * float(paid["amount"])
    assert number(body["DividendPerShare"]) == pytest.approx(yearly, abs=0.006)
    assert number(body["DividendYield"]) == pytest.approx(yearly / price, abs=6e-5)


def test_a_dividend_before_a_split_is_told_in_the_new_shares() -> None:
    """COST paid before its 3:1 of 14 October; the day after, nothing newer is known."""
    desk = Desk(at="2026-10-16T01:00")
    body, rows = desk.json("OVERVIEW", "COST"), desk.rows("DIVIDENDS", "COST")
    split = 3 if rows[0]["ex_dividend_date"] < "2026-10-14" else 1
    yearly = 4 * float(rows[0]["amount"]) / split
    assert number(body["DividendPerShare"]) == pytest.approx(yearly, abs=0.006)
    assert number(body["DividendYield"]) == pytest.approx(0.006, rel=0.4)


def test_what_a_loss_or_nothing_paid_leaves_without_meaning_is_none_or_a_dash() -> None:
    body = DESK.json("OVERVIEW", "NA")
    assert number(body["EPS"]) < 0
    assert (body["PERatio"], body["PEGRatio"], body["QuarterlyEarningsGrowthYOY"]) == ("None",) * 3
    assert (body["TrailingPE"], body["ForwardPE"], body["EVToEBITDA"]) == ("-",) * 3
    for name in ("DividendPerShare", "DividendYield", "DividendDate", "ExDividendDate"):
        assert body[name] == "None"


@pytest.mark.parametrize("ticker", TICKERS)
def test_the_overviews_earnings_are_the_last_four_quarters(ticker: str) -> None:
    body, earnings = DESK.json("OVERVIEW", ticker), DESK.json("EARNINGS", ticker)
    quarters = earnings["quarterlyEarnings"]
    assert body["LatestQuarter"] == quarters[0]["fiscalDateEnding"]
    total = sum(number(quarter["reportedEPS"]) for quarter in quarters[:4])
    assert number(body["EPS"]) == pytest.approx(total)
    income = DESK.json("INCOME_STATEMENT", ticker)["quarterlyReports"][:4]
    assert income[0]["fiscalDateEnding"] == body["LatestQuarter"]
    for name, line in (("RevenueTTM", "totalRevenue"), ("GrossProfitTTM", "grossProfit")):
        assert int(body[name]) == sum(int(each[line]) for each in income)


@pytest.mark.parametrize("at", ["2026-10-14T03:00", "2026-10-14T15:00", "2026-10-15T01:00"])
def test_price_and_earnings_fit_on_the_very_day_of_a_split(at: str) -> None:
    """Until the day's close is out, all is in the old shares; then all is in the new ones."""
    desk = Desk(at=at)
    body = desk.json("OVERVIEW", "COST")
    quarters = desk.json("EARNINGS", "COST")["quarterlyEarnings"][:4]
    assert number(body["EPS"]) == pytest.approx(
        sum(number(each["reportedEPS"]) for each in quarters)
    )
    assert 30 < number(body["PERatio"]) < 65
    assert number(body["MarketCapitalization"]) == pytest.approx(4e11, rel=0.2)


def test_earnings_have_the_recorded_shape() -> None:
    expected = json.loads(recorded("portfoliotree__earnings_IBM.json"))
    body = DESK.json("EARNINGS", "IBM")
    assert list(body) == list(expected)
    for kind in ("annualEarnings", "quarterlyEarnings"):
        assert list(body[kind][0]) == list(expected[kind][0])
        ends = [row["fiscalDateEnding"] for row in body[kind]]
        assert ends == sorted(ends, reverse=True)
        assert all(isinstance(text, str) for row in body[kind] for text in row.values())
    hours = {row["reportTime"] for row in body["quarterlyEarnings"]}
    assert hours <= {"pre-market", "post-market"}


def test_a_surprise_is_what_was_reported_less_what_was_expected() -> None:
    for row in DESK.json("EARNINGS", "IBM")["quarterlyEarnings"]:
        if row["estimatedEPS"] == "None":
            assert (row["surprise"], row["surprisePercentage"]) == ("0", "None")
            continue
        surprise = number(row["reportedEPS"]) - number(row["estimatedEPS"])
        assert number(row["surprise"]) == pytest.approx(surprise, abs=1e-6)
        percent = 100 * surprise / abs(number(row["estimatedEPS"]))
        assert number(row["surprisePercentage"]) == pytest.approx(percent, abs=1e-3)


def test_years_are_sums_of_quarters_and_the_newest_may_be_a_part_of_one() -> None:
    body = DESK.json("EARNINGS", "IBM")
    by_year: dict[str, list[float]] = {}
    for row in body["quarterlyEarnings"]:
        by_year.setdefault(row["fiscalDateEnding"][:4], []).append(number(row["reportedEPS"]))
    running, *whole = body["annualEarnings"]
    assert (running["fiscalDateEnding"], len(by_year["2026"])) == ("2026-09-30", 3)
    assert number(running["reportedEPS"]) == pytest.approx(sum(by_year["2026"]))
    for row in whole:
        assert row["fiscalDateEnding"].endswith("-12-31")
        assert number(row["reportedEPS"]) == pytest.approx(
            sum(by_year[row["fiscalDateEnding"][:4]])
        )
    assert DESK.json("EARNINGS", "AAPL")["annualEarnings"][0]["fiscalDateEnding"] == "2026-09-30"


def test_a_quarter_is_there_from_its_hour_on_and_never_changes() -> None:
    row = DESK.json("EARNINGS", "IBM")["quarterlyEarnings"][0]
    day, is_early = row["reportedDate"], row["reportTime"] == "pre-market"
    # 07:00 and 16:30 in New York.
    hours = ("11:59", "12:01") if is_early else ("21:29", "21:31")
    before, after = (Desk(at=f"{day}T{hour}").json("EARNINGS", "IBM") for hour in hours)
    assert row["fiscalDateEnding"] not in [
        each["fiscalDateEnding"] for each in before["quarterlyEarnings"]
    ]
    assert after["quarterlyEarnings"][0] == row
    assert after["quarterlyEarnings"][1:] == before["quarterlyEarnings"]


@pytest.mark.parametrize("function", ["OVERVIEW", "EARNINGS", *STATEMENTS])
def test_an_unknown_ticker_has_an_empty_object(function: str) -> None:
    assert DESK.json(function, "NOPE1") == {}
    assert DESK.json(function)["Error Message"].endswith(f"for {function}.")


@pytest.mark.parametrize("ticker", ["SPY", "-P-HIZ", "BC/PB", "TSCO.LON"])
def test_what_is_listed_and_no_company_has_empty_lists(ticker: str) -> None:
    assert DESK.json("OVERVIEW", ticker) == {}
    empty: dict[str, Any] = {"symbol": ticker, "annualEarnings": [], "quarterlyEarnings": []}
    assert DESK.json("EARNINGS", ticker) == empty
    for function in STATEMENTS:
        assert DESK.json(function, ticker)["quarterlyReports"] == []


def test_every_well_known_stock_is_a_company_with_believable_figures() -> None:
    for known in LISTED.values():
        body = DESK.json("OVERVIEW", known.ticker)
        if known.kind == "ETF":
            assert body == {}
            continue
        assert body["Name"] == known.name
        if number(body["EPS"]) > 0:
            assert 5 < number(body["PERatio"]) < 400, known.ticker
        assert number(body["RevenueTTM"]) > 0
        assert number(body["52WeekLow"]) <= known.price * 1.1
        assert -1 < number(body["Beta"]) < 4


def test_another_seed_is_another_company_and_the_same_seed_the_same() -> None:
    again, other = Desk(), Desk(seed=2)
    for function in ("OVERVIEW", "EARNINGS", *STATEMENTS):
        text = DESK.answer(function, "IBM").text
        assert again.answer(function, "IBM").text == text
        assert other.answer(function, "IBM").text != text
    assert company_of(1, other.json("OVERVIEW", "IBM")["Symbol"]) is not None


@pytest.mark.parametrize("function", ["OVERVIEW", "EARNINGS", "SPLITS", "DIVIDENDS", *STATEMENTS])
def test_an_answer_is_quick(function: str) -> None:
    DESK.answer(function, "IBM")
    begun = time.process_time()
    for _ in range(3):
        DESK.answer(function, "IBM")
    assert (time.process_time() - begun) / 3 < 0.1
