"""Key figures, earnings and statements of a company, from recorded bodies and hostile ones."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from stocktracker.errors import EmptyReply, FetchError, UnreadableReply
from stocktracker.fundamentals import Earnings, FiscalYear, Quarter, Statement
from stocktracker.upstream.fundamental_replies import (
    parse_company,
    parse_earnings,
    parse_statement,
)
from tests.fact_bodies import (
    FROM,
    IBM,
    RECORDINGS,
    earnings_body,
    overview_body,
    quarter_row,
    recorded_json,
    report_row,
    statement_body,
)

recorded = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")


def figures_of(**fields: Any) -> dict[str, float]:
    return dict(parse_company(overview_body(**fields), IBM, **FROM).figures)


def texts_of(**fields: Any) -> dict[str, str]:
    return dict(parse_company(overview_body(**fields), IBM, **FROM).texts)


def quarter_of(reported: Any, estimated: Any, **more: Any) -> Quarter:
    body = earnings_body(quarter_row("2026-03-31", reported, estimated, **more))
    (quarter,) = parse_earnings(body, IBM, **FROM).quarters
    return quarter


# --- key figures --------------------------------------------------------------------------------


@recorded
def test_the_recorded_overview_of_ibm() -> None:
    found = parse_company(recorded_json("portfoliotree__overview_IBM.json"), IBM, **FROM)
    assert len(found.figures) == 39
    assert found.figures["market_cap"] == 206_116_848_000
    assert found.figures["trailing_pe"] == 19.42
    assert found.figures["profit_margin"] == 0.156
    assert found.figures["high_52_weeks"] == 320.7
    assert found.figures["average_200_days"] == 270.38
    assert found.figures["ratings_sell"] == 0
    assert found.days == {
        "latest_quarter": date(2026, 3, 31),
        "dividend_day": date(2026, 6, 10),
        "ex_dividend_day": date(2026, 5, 8),
    }
    assert found.texts["name"] == "International Business Machines"
    assert found.texts["site"] == "https://www.ibm.com"
    assert found.texts["fiscal_year_end"] == "December"
    assert found.texts["description"].endswith("during the 1960s and 1970s.")


@recorded
def test_the_overview_of_2020_lacks_the_ratings_and_the_site() -> None:
    found = parse_company(recorded_json("RomelTorres__overview_IBM_2020.json"), IBM, **FROM)
    assert found.figures["market_cap"] == 114_234_572_800
    assert found.figures["dividend_yield"] == 0.0529
    assert not any(name.startswith("ratings_") for name in found.figures)
    assert "site" not in found.texts


@recorded
def test_holdings_are_told_in_percent_and_kept_as_fractions() -> None:
    found = parse_company(recorded_json("portfoliotree__overview_IBM.json"), IBM, **FROM)
    assert found.figures["held_by_insiders"] == pytest.approx(0.00117)
    assert found.figures["held_by_institutions"] == pytest.approx(0.65315)


def test_names_are_matched_in_any_case_and_unknown_ones_are_passed_over() -> None:
    body = {"symbol": "IBM", "NAME": "IBM", "PeRatio": "19.42", "Mood": "sunny"}
    found = parse_company(body, IBM, **FROM)
    assert (found.figures, found.texts) == ({"pe_ratio": 19.42}, {"name": "IBM"})


@pytest.mark.parametrize("nothing", ["None", "-", "", "n/a", "NaN", ".", None])
def test_what_upstream_says_nothing_of_is_left_out(nothing: Any) -> None:
    found = parse_company(
        overview_body(EPS=nothing, Sector=nothing, DividendDate=nothing), IBM, **FROM
    )
    assert (found.figures, found.days) == ({}, {})
    assert found.texts == {"name": "International Business Machines"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("MarketCapitalization", "-5"),
        ("MarketCapitalization", "0"),
        ("SharesOutstanding", "0"),
        ("52WeekHigh", "0"),
        ("50DayMovingAverage", "-1"),
        ("AnalystTargetPrice", "0"),
        ("DividendYield", "-0.01"),
        ("AnalystRatingBuy", "-1"),
        ("PercentInsiders", "-3"),
        ("PERatio", "0"),
    ],
)
def test_a_figure_that_cannot_be_right_is_left_out(field: str, value: str) -> None:
    assert figures_of(**{field: value, "EPS": "1"}) == {"eps": 1.0}


def test_figures_that_may_be_negative_stay() -> None:
    told = {"EPS": "-1.5", "EBITDA": "-7", "BookValue": "-2", "ProfitMargin": "-0.3", "Beta": "-1"}
    assert sorted(figures_of(**told).values()) == [-7, -2, -1.5, -1, -0.3]


def test_a_low_above_the_high_leaves_neither() -> None:
    assert figures_of(**{"52WeekHigh": "5", "52WeekLow": "6", "EPS": "1"}) == {"eps": 1.0}
    assert figures_of(**{"52WeekHigh": "5", "52WeekLow": "5"}) != {}


def test_a_figure_that_is_no_number_is_left_out_of_many_and_spoils_few() -> None:
    names = ("EPS", "BookValue", "Beta", "EBITDA", "ProfitMargin", "RevenueTTM", "GrossProfitTTM")
    more = ("52WeekHigh", "52WeekLow", "EVToRevenue")
    good = dict.fromkeys((*names, *more), "1")
    assert figures_of(**good, PERatio="n. m.") == figures_of(**good)
    with pytest.raises(UnreadableReply):
        figures_of(EPS="1", PERatio={"a": 1})


@pytest.mark.parametrize(
    "site",
    [
        "javascript:alert(1)",
        "ftp://ibm.com",
        "ibm.com",
        "https://",
        "http://[",
        "https://a b.com",
        "https://a\n.com",
        "https://ibm.com@evil.example",
        "https://x.example/" + "a" * 2000,
        5,
    ],
)
def test_only_a_web_address_is_a_site(site: Any) -> None:
    assert "site" not in texts_of(OfficialSite=site)


def test_texts_are_made_plain_and_cut() -> None:
    texts = texts_of(
        Name="  AT&amp;T \n Inc.\u202e\ud800 ", Description="x" * 9000, Currency="DOLLARS"
    )
    assert texts["name"] == "AT&T Inc."
    assert texts["description"] == "x" * 4999 + "…"
    assert "currency" not in texts


def test_an_overview_that_says_nothing_is_empty() -> None:
    with pytest.raises(EmptyReply):
        parse_company(overview_body(Name="None", EPS="None"), IBM, **FROM)


# --- earnings -----------------------------------------------------------------------------------


@recorded
def test_the_recorded_earnings_of_ibm() -> None:
    found = parse_earnings(recorded_json("portfoliotree__earnings_IBM.json"), IBM, **FROM)
    assert (len(found.quarters), len(found.years)) == (121, 31)
    assert found.quarters[-1] == Quarter(
        ends=date(2026, 3, 31),
        reported_on=date(2026, 4, 22),
        reported=1.91,
        estimated=1.81,
        surprise=0.1,
        surprise_percent=5.5249,
        time="post-market",
    )
    assert found.quarters[0].ends == date(1996, 3, 31)
    assert found.quarters[0].surprise == -0.05
    # The first quarter of 2026 passes for a year.
    assert found.years[-2:] == (
        FiscalYear(date(2025, 12, 31), 11.57),
        FiscalYear(date(2026, 3, 31), 1.91),
    )


def test_a_surprise_that_is_not_what_it_should_be_is_worked_out() -> None:
    found = quarter_of("1.91", "1.81", surprise="0.5", surprisePercentage="27.6")
    assert (found.surprise, found.surprise_percent) == (0.1, 5.5249)


def test_figures_beyond_all_bounds_are_not_believed() -> None:
    for reported in ("-1e308", "1.1e18"):
        with pytest.raises(UnreadableReply):
            quarter_of(reported, "1.81")
    with pytest.raises(UnreadableReply):
        figures_of(EPS="1", EBITDA="1e19")


def test_a_surprise_that_differs_by_rounding_stays_upstreams() -> None:
    found = quarter_of("1.91", "1.81", surprise="0.0967", surprisePercentage="5.33")
    assert (found.surprise, found.surprise_percent) == (0.0967, 5.33)


def test_a_smaller_loss_than_expected_is_a_good_surprise() -> None:
    found = quarter_of("-0.4", "-0.5", surprise="0.1", surprisePercentage="-20")
    assert (found.surprise, found.surprise_percent) == (0.1, 20.0)


@pytest.mark.parametrize(("reported", "estimated"), [("1.91", "None"), ("None", "1.81")])
def test_without_both_figures_there_is_no_surprise(reported: str, estimated: str) -> None:
    # Upstream writes 0 there, which would look as if the estimate had been met.
    found = quarter_of(reported, estimated, surprise="0", surprisePercentage="0")
    assert (found.surprise, found.surprise_percent) == (None, None)


@pytest.mark.parametrize("estimated", ["0", "-0.00001", "1e-300"])
def test_there_is_no_percentage_of_an_estimate_of_nothing(estimated: str) -> None:
    found = quarter_of("0.02", estimated, surprise="0.02", surprisePercentage="None")
    assert (found.surprise, found.surprise_percent) == (0.02, None)


@pytest.mark.parametrize("time", ["None", "", None, "during-market", 5, ["pre-market"]])
def test_an_hour_that_we_do_not_know_is_none(time: Any) -> None:
    assert quarter_of("1", "1", reportTime=time).time is None


@pytest.mark.parametrize("day", ["None", "2026-02-01", "0001-01-01"])
def test_nothing_is_reported_before_its_quarter_ends(day: str) -> None:
    assert quarter_of("1", "1", reportedDate=day).reported_on is None


def test_a_quarter_that_comes_twice_counts_once_and_a_broken_one_not() -> None:
    good = [quarter_row(f"{year}-03-31", "1", "1") for year in range(2010, 2026)]
    broken = quarter_row("2026-03-31", {"eps": 1}, "1")
    found = parse_earnings(earnings_body(*good, good[-1], broken), IBM, **FROM)
    assert len(found.quarters) == 16
    assert isinstance(found, Earnings)


def test_earnings_without_rows_are_empty() -> None:
    body = {"symbol": "IBM", "annualEarnings": [], "quarterlyEarnings": []}
    with pytest.raises(EmptyReply):
        parse_earnings(body, IBM, **FROM)


# --- statements ---------------------------------------------------------------------------------


@recorded
def test_the_recorded_income_statement_of_ibm() -> None:
    found = parse_statement(recorded_json("portfoliotree__income_statement_IBM.json"), IBM, **FROM)
    annual, quarterly = found.annual, found.quarterly
    assert (annual.ends[0], annual.ends[-1]) == (date(2006, 12, 31), date(2025, 12, 31))
    assert (len(annual.ends), len(quarterly.ends), annual.currency) == (20, 81, "USD")
    assert list(annual.lines)[:3] == ["gross_profit", "total_revenue", "cost_of_revenue"]
    assert annual.lines["total_revenue"][-2:] == (62_753_000_000, 67_535_000_000)
    assert annual.lines["income_tax_expense"][-1] == -242_000_000
    assert quarterly.lines["net_income"][-1] == 1_216_000_000
    # `None` in every year.
    assert "comprehensive_income_net_of_tax" not in annual.lines
    assert "costof_goods_and_services_sold" in annual.lines


def annual_of(*rows: dict[str, Any]) -> Any:
    found = parse_statement(statement_body(*rows), IBM, **FROM)
    assert isinstance(found, Statement)
    return found.annual


def test_amounts_stand_under_their_period_and_gaps_are_none() -> None:
    found = annual_of(
        report_row("2025-12-31", netIncome="3", ebitda="-5", grossProfit="None"),
        report_row("2024-12-31", netIncome="2", totalRevenue="7", ebitda="0"),
    )
    assert found.ends == (date(2024, 12, 31), date(2025, 12, 31))
    assert found.lines == {
        "net_income": (2.0, 3.0),
        "ebitda": (0.0, -5.0),
        "total_revenue": (7.0, None),
    }


def test_periods_in_another_currency_than_the_newest_are_left_out() -> None:
    found = annual_of(
        report_row("2025-12-31", "EUR", netIncome="3"),
        report_row("2024-12-31", "DEM", netIncome="6"),
        report_row("2023-12-31", "None", netIncome="7"),
        report_row("2022-12-31", "EUR", netIncome="1"),
    )
    assert (found.currency, found.lines) == ("EUR", {"net_income": (1.0, 3.0)})


def test_a_currency_that_nobody_says_is_empty() -> None:
    found = annual_of(report_row("2025-12-31", "None", netIncome="3"))
    assert (found.currency, found.lines) == ("", {"net_income": (3.0,)})


def test_a_period_that_has_not_ended_or_has_text_for_an_amount_is_left_out() -> None:
    good = [report_row(f"{year}-12-31", netIncome="1") for year in range(2000, 2020)]
    wrong = [report_row("2026-12-31", netIncome="1"), report_row("2020-12-31", netIncome="much")]
    assert len(annual_of(*good, *wrong).ends) == 20


def test_a_period_that_comes_twice_counts_once() -> None:
    rows = [report_row("2025-12-31", netIncome=amount) for amount in ("3", "4")]
    assert annual_of(*rows).lines == {"net_income": (3.0,)}


def test_a_name_that_cannot_be_a_line_is_passed_over() -> None:
    found = annual_of(report_row("2025-12-31", netIncome="3", **{"<b>": "1", "=cmd()": "2"}))
    assert list(found.lines) == ["net_income"]


@pytest.mark.parametrize("rows", [(), (report_row("2025-12-31", netIncome="None"),)])
def test_a_statement_without_amounts_is_empty(rows: Any) -> None:
    with pytest.raises(FetchError, match="without any data"):
        parse_statement(statement_body(*rows), IBM, **FROM)
