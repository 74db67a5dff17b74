"""What is made of fundamentals before it is drawn: units, groups, frames. Rows worked by hand."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from stocktracker.figures import (
    amounts,
    articles,
    earnings,
    export,
    key_figures,
    market_tables,
    payouts,
    statements,
)
from stocktracker.figures.articles import Mood
from stocktracker.fundamentals import (
    Article,
    Company,
    Dividend,
    Dividends,
    Earnings,
    EarningsCalendar,
    FiscalYear,
    Mention,
    Mover,
    Periods,
    Quarter,
    Report,
    Split,
    Splits,
    WorldMarket,
)
from stocktracker.markets import BY_SUFFIX, US, calendar
from stocktracker.model import WHOLE_MARKET, Feed, Ticker

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
recorded = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")

IBM = Ticker("IBM")
NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
HEAD: dict[str, Any] = {"ticker": IBM, "fetched_at": NOW, "source": "Alpha Vantage X"}
NAN = float("nan")


# --- amounts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        (206_116_848_000.0, "USD", "$206B"),
        (-1_290_000_000.0, "EUR", "−€1.29B"),
        (2_894_000_000_000.0, "TWD", "TWD 2.89T"),
        (1_200_000.0, "GBX", "1.20Mp"),
        (0.0, "USD", "$0"),
        (None, "USD", "–"),
        (NAN, "USD", "–"),
    ],
)
def test_money_is_compact_and_carries_its_currency(
    value: float | None, currency: str, shown: str
) -> None:
    assert amounts.money(value, currency) == shown


def test_a_share_of_one_is_a_percentage_without_a_plus() -> None:
    assert amounts.share(0.156) == "15.60%"
    assert amounts.share(-0.031) == "−3.10%"
    assert amounts.share(-0.000001) == "0.00%"
    assert amounts.share(None) == amounts.share(NAN) == "–"


def test_growth_has_a_sign_and_a_ratio_has_none() -> None:
    assert amounts.growth(0.142) == "+14.20%"
    assert amounts.growth(None) == "–"
    assert amounts.ratio(1234.5) == "1,234.50"
    assert amounts.ratio(-3.1) == "−3.10"
    assert amounts.ratio(NAN) == "–"


@pytest.mark.parametrize(
    ("value", "shown", "signed"),
    [
        (1.91, "1.91", "+1.91"),
        (-0.05, "−0.05", "−0.05"),
        (0.0125, "0.0125", "+0.0125"),
        (0.0, "0.00", "0.00"),
        (None, "–", "–"),
        (NAN, "–", "–"),
    ],
)
def test_an_amount_a_share_has_four_decimals_only_where_they_say_something(
    value: float | None, shown: str, signed: str
) -> None:
    assert amounts.per_share(value) == shown
    assert amounts.signed(value) == signed


def test_days_are_written_in_english() -> None:
    assert amounts.day(date(2026, 5, 8)) == "8 May 2026"
    assert amounts.weekday(date(2026, 5, 15)) == "Fri 15 May"
    assert amounts.day(None) == "–"


# --- key figures ------------------------------------------------------------------------------


def company(currency: str = "USD", **figures: float) -> Company:
    texts = {"exchange": "NYSE", "sector": "TECHNOLOGY", "industry": "IT Services"}
    return Company(
        **HEAD,
        texts={**texts, "currency": currency},
        figures=figures,
        days={"ex_dividend_day": date(2026, 5, 8)},
    )


def text_of(record: Company, title: str, label: str) -> str:
    group = next(group for group in key_figures.groups(record) if group.title == title)
    return next(figure.text for figure in group.figures if figure.label == label)


def test_each_figure_has_its_unit() -> None:
    record = company(
        market_cap=206_116_848_000.0,
        trailing_pe=19.42,
        profit_margin=0.156,
        quarterly_earnings_growth=0.142,
        eps=11.29,
        shares_outstanding=939_885_000.0,
        held_by_institutions=0.65315,
    )
    assert text_of(record, "Valuation", "Market cap") == "$206B"
    assert text_of(record, "Valuation", "P/E, trailing") == "19.42"
    assert text_of(record, "Profitability", "Profit margin") == "15.60%"
    assert text_of(record, "Growth", "Earnings, quarter") == "+14.20%"
    assert text_of(record, "Per share", "Earnings (EPS)") == "$11.29"
    assert text_of(record, "Ownership and shares", "Shares outstanding") == "940M"
    assert text_of(record, "Ownership and shares", "Held by institutions") == "65.31%"
    assert text_of(record, "Dividend", "Ex-dividend day") == "8 May 2026"


def test_what_upstream_does_not_say_is_a_dash_everywhere() -> None:
    texts = [
        figure.text
        for group in key_figures.groups(company())
        for figure in group.figures
        if figure.label != "Ex-dividend day"
    ]
    assert set(texts) == {"–"}
    assert [figure.text for figure in key_figures.highlights(company())] == ["–"] * 5


def test_an_older_name_of_a_figure_stands_in_for_a_newer_one() -> None:
    assert text_of(company(pe_ratio=20.0), "Valuation", "P/E, trailing") == "20.00"
    both = company(pe_ratio=20.0, trailing_pe=19.0)
    assert text_of(both, "Valuation", "P/E, trailing") == "19.00"


def test_every_figure_of_a_company_has_a_place_on_the_page() -> None:
    from stocktracker.fundamentals import COMPANY_FIGURES  # noqa: PLC0415

    grouped = {
        name for lines in key_figures.GROUPS.values() for _, names, *_ in lines for name in names
    }
    rated = {name for _, name in key_figures.RATINGS}
    assert grouped | rated | {"target_price"} == set(COMPANY_FIGURES)


def test_the_price_has_its_place_in_the_years_range() -> None:
    record = company(low_52_weeks=200.0, high_52_weeks=300.0, average_50_days=240.0)
    span = key_figures.year_range(record, 236.0, "USD")
    assert span is not None
    assert span.place == pytest.approx(0.36)
    assert span.words == "36% of the way from low to high"
    assert span.average_200_days is None


@pytest.mark.parametrize(
    ("price", "words"),
    [
        (310.0, "above the high that is stored"),
        (190.0, "below the low that is stored"),
        (None, "no price to place in it"),
    ],
)
def test_a_price_that_has_left_the_range_is_said_to(price: float | None, words: str) -> None:
    span = key_figures.year_range(company(low_52_weeks=200.0, high_52_weeks=300.0), price, "USD")
    assert span is not None
    assert span.words == words


def test_a_price_in_pence_is_set_beside_no_figure_in_pounds() -> None:
    record = company("GBP", low_52_weeks=2.0, high_52_weeks=3.0, target_price=3.3)
    span = key_figures.year_range(record, 250.0, "GBX")
    assert span is not None
    assert span.price is None
    assert key_figures.target_distance(record, 250.0, "GBX") is None
    assert key_figures.target_distance(record, 3.0, "GBP") == pytest.approx(0.1)


def test_a_range_without_its_low_or_upside_down_is_none() -> None:
    assert key_figures.year_range(company(high_52_weeks=300.0), 250.0, "USD") is None
    upside_down = company(low_52_weeks=300.0, high_52_weeks=200.0)
    assert key_figures.year_range(upside_down, 250.0, "USD") is None


def test_ratings_are_counted_and_none_is_no_zero() -> None:
    counts = key_figures.ratings(
        company(
            ratings_strong_buy=1.0,
            ratings_buy=10.0,
            ratings_hold=9.0,
            ratings_sell=0.0,
            ratings_strong_sell=1.0,
        )
    )
    assert list(counts.values()) == [1, 10, 9, 0, 1]
    assert key_figures.ratings_words(counts) == "11 buy · 9 hold · 1 sell"
    assert key_figures.ratings(company()) == {}


def test_sector_and_industry_do_not_shout() -> None:
    assert key_figures.place_words(company()) == ["NYSE", "Technology", "IT Services"]


# --- statements -------------------------------------------------------------------------------

CASH = Periods(
    ends=(date(2023, 12, 31), date(2024, 12, 31), date(2025, 12, 31)),
    currency="USD",
    lines={
        "operating_cashflow": (100.0, 200.0, None),
        "capital_expenditures": (30.0, -50.0, 10.0),
        "cashflow_from_investment": (None, -1_290_000_000.0, 0.0),
        "depreciation": (None, None, None),
    },
)


def test_free_cash_flow_is_operating_less_what_was_spent_whatever_its_sign() -> None:
    lines = statements.with_free_cash_flow(CASH).lines
    assert lines["free_cash_flow"] == (70.0, 150.0, None)


def test_without_capital_expenditures_there_is_no_free_cash_flow() -> None:
    lines = {"operating_cashflow": (1.0, 2.0, 3.0)}
    periods = Periods(CASH.ends, "USD", lines)
    assert "free_cash_flow" not in statements.with_free_cash_flow(periods).lines


def test_the_newest_period_comes_first_and_unknown_is_a_dash() -> None:
    table = statements.table(CASH, most=2)
    assert list(table.columns) == ["", "31 Dec 2025", "31 Dec 2024"]
    assert table.to_numpy().tolist() == [
        ["Operating cash flow", "–", "200"],
        ["Capital expenditures", "10", "−50"],
        ["Cash flow from investment", "0", "−1.29B"],
    ]


def test_numbers_for_files_keep_every_period_and_line() -> None:
    frame = statements.numbers(CASH)
    assert list(frame.columns) == ["2025-12-31", "2024-12-31", "2023-12-31"]
    assert frame.loc["Operating cash flow", "2023-12-31"] == 100.0
    assert frame.loc["Depreciation"].isna().all()


def test_a_statement_is_a_file_with_a_line_a_row() -> None:
    text = export.table_csv(statements.numbers(CASH), notes=("in USD",)).decode()
    assert text.splitlines() == [
        "line,2025-12-31,2024-12-31,2023-12-31",
        "Operating cash flow,,200.0,100.0",
        "Capital expenditures,10.0,-50.0,30.0",
        "Cash flow from investment,0.0,-1290000000.0,",
        "Depreciation,,,",
        "in USD",
    ]


def test_the_chart_has_only_lines_that_are_reported() -> None:
    lines = statements.main_lines(statements.with_free_cash_flow(CASH), Feed.CASH_FLOW, 2)
    assert list(lines.columns) == ["Operating", "Investing", "Free cash flow"]
    assert [stamp.date() for stamp in lines.index] == [date(2024, 12, 31), date(2025, 12, 31)]
    assert lines["Operating"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("total_revenue", "Total revenue"),
        ("ebitda", "EBITDA"),
        ("costof_goods_and_services_sold", "Cost of goods and services sold"),
        ("other_non_current_assets", "Other non current assets"),
    ],
)
def test_upstreams_names_become_words(name: str, label: str) -> None:
    assert statements.label_of(name) == label


def test_a_statement_without_periods_is_an_empty_table() -> None:
    empty = Periods((), "USD", {"total_revenue": ()})
    assert statements.table(empty, 10).empty
    assert statements.main_lines(empty, Feed.INCOME, 10).empty


# --- dividends and splits ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (4.0, "4:1"),
        (1.5, "3:2"),
        (20.0, "20:1"),
        (0.1, "1:10"),
        (0.0333, "1:30"),
        (0.6667, "2:3"),
        (1.046, "1.046"),
        (1.05, "1.05"),
    ],
)
def test_a_split_is_a_ratio_of_small_numbers_or_its_factor(factor: float, words: str) -> None:
    assert payouts.split_words(factor) == words


def test_what_a_split_means_is_said() -> None:
    assert payouts.split_meaning(4.0) == "4 shares for each 1 held"
    assert payouts.split_meaning(0.1) == "1 for each 10 held: a reverse split"
    assert "spin-off" in payouts.split_meaning(1.046)
    table = payouts.splits_table(SPLIT)
    assert table.to_numpy().tolist() == [[date(2024, 6, 10), "10:1", "10 shares for each 1 held"]]


SPLIT = Splits(**HEAD, rows=(Split(date(2024, 6, 10), 10.0),))
NO_SPLITS = Splits(**HEAD, rows=())


def dividends(*rows: tuple[str, float]) -> Dividends:
    paid = tuple(Dividend(date.fromisoformat(day), amount) for day, amount in rows)
    return Dividends(**HEAD, rows=paid)


def test_dividends_before_a_split_are_on_the_base_of_todays_shares() -> None:
    record = dividends(("2024-06-07", 1.0), ("2024-06-10", 0.1), ("2025-06-09", 0.2))
    frame = payouts.adjusted(record, SPLIT)
    assert frame["amount"].tolist() == [1.0, 0.1, 0.2]
    assert frame["adjusted"].tolist() == pytest.approx([0.1, 0.1, 0.2])
    assert payouts.by_year(frame).to_dict() == pytest.approx({2024: 0.2, 2025: 0.2})


def test_a_year_without_dividends_between_others_is_zero() -> None:
    frame = payouts.adjusted(dividends(("2023-01-05", 1.0), ("2025-01-05", 1.0)), NO_SPLITS)
    assert payouts.by_year(frame).to_dict() == {2023: 1.0, 2024: 0.0, 2025: 1.0}
    assert payouts.by_year(payouts.adjusted(dividends(), NO_SPLITS)).empty


QUARTERLY = dividends(
    ("2023-02-01", 0.5),
    ("2024-02-01", 1.0),
    ("2025-02-03", 1.1),
    ("2025-11-23", 0.4),  # a year and a day before: no more of the last twelve months
    ("2025-11-24", 0.4),
    ("2026-02-02", 0.6),
    ("2026-12-01", 0.7),
)
TODAY = date(2026, 11, 23)


def test_the_last_twelve_months_are_what_went_ex_in_them() -> None:
    found = payouts.summarise(QUARTERLY, NO_SPLITS, price=50.0, today=TODAY)
    assert found.last_12_months == pytest.approx(1.0)
    assert found.payments == 2
    assert found.dividend_yield == pytest.approx(0.02)
    assert found.following == QUARTERLY.rows[-1]
    assert found.latest == QUARTERLY.rows[-2]


def test_growth_compares_whole_years_and_never_the_first_on_record() -> None:
    found = payouts.summarise(QUARTERLY, NO_SPLITS, price=None, today=TODAY)
    assert found.growth == pytest.approx(1.9 / 1.0 - 1)
    assert found.growth_5_years is None
    assert found.dividend_yield is None
    a_year_before = payouts.summarise(
        QUARTERLY, NO_SPLITS, price=None, today=TODAY - timedelta(days=365)
    )
    assert a_year_before.growth is None


def test_growth_over_five_years_is_a_yearly_rate() -> None:
    record = dividends(*((f"{year}-03-01", 1.1 ** (year - 2018)) for year in range(2018, 2026)))
    found = payouts.summarise(record, NO_SPLITS, price=None, today=date(2026, 2, 1))
    assert found.growth == pytest.approx(0.1)
    assert found.growth_5_years == pytest.approx(0.1)


def test_without_the_splits_nothing_is_added_up() -> None:
    found = payouts.summarise(QUARTERLY, None, price=50.0, today=TODAY)
    assert (found.last_12_months, found.dividend_yield, found.growth) == (None, None, None)
    assert found.latest is not None


def test_who_pays_no_more_has_a_yield_of_zero_and_no_growth() -> None:
    record = dividends(("2018-02-01", 1.0), ("2019-02-01", 1.0))
    found = payouts.summarise(record, NO_SPLITS, price=50.0, today=TODAY)
    assert found.dividend_yield == 0.0
    assert found.growth is None


def test_a_dividend_has_four_days_of_which_some_may_be_unknown() -> None:
    paid = Dividend(date(2026, 5, 8), 1.69, date(2026, 4, 22), None, date(2026, 6, 10))
    table = payouts.dividends_table(Dividends(**HEAD, rows=(paid,)))
    assert table.iloc[0].tolist() == ["8 May 2026", "1.69", "22 Apr 2026", "–", "10 Jun 2026"]
    numbers = payouts.dividends_numbers(Dividends(**HEAD, rows=(paid,)))
    assert numbers.iloc[0].tolist() == ["2026-05-08", 1.69, "2026-04-22", None, "2026-06-10"]
    text = export.table_csv(numbers).decode()
    assert text.splitlines()[1] == "2026-05-08,1.69,2026-04-22,,2026-06-10"


# --- earnings ---------------------------------------------------------------------------------


def quarter(ends: str, reported: float | None, estimated: float | None) -> Quarter:
    return Quarter(date.fromisoformat(ends), None, reported, estimated, None, None, "post-market")


def test_a_smaller_loss_than_expected_is_a_good_surprise() -> None:
    frame = earnings.quarters(
        Earnings(**HEAD, quarters=(quarter("2026-03-31", -0.1, -0.2),), years=())
    )
    assert frame.loc[0, "surprise"] == pytest.approx(0.1)
    assert frame.loc[0, "percent"] == pytest.approx(50.0)
    assert frame.loc[0, "time"] == "after the close"


@pytest.mark.parametrize(("reported", "estimated"), [(1.0, None), (None, 1.0), (1.0, 0.0)])
def test_without_an_estimate_there_is_no_percentage(
    reported: float | None, estimated: float | None
) -> None:
    assert earnings.surprise_percent(quarter("2026-03-31", reported, estimated)) is None


def test_quarters_above_the_estimate_are_counted_among_those_that_have_one() -> None:
    rows = (
        quarter("2025-03-31", 1.0, 2.0),
        quarter("2025-06-30", 3.0, 2.0),
        quarter("2025-09-30", 2.0, 2.0),
        quarter("2025-12-31", 3.0, None),
    )
    frame = earnings.quarters(Earnings(**HEAD, quarters=rows, years=()))
    assert earnings.beats(frame) == (1, 3)
    assert earnings.beats(frame, most=2) == (1, 2)
    assert earnings.beats(earnings.quarters(Earnings(**HEAD, quarters=(), years=()))) == (0, 0)


def test_the_newest_year_may_be_a_part_of_one() -> None:
    years = (
        FiscalYear(date(2024, 12, 31), 10.33),
        FiscalYear(date(2025, 12, 31), None),
        FiscalYear(date(2026, 3, 31), 1.91),
    )
    frame = earnings.years(Earnings(**HEAD, quarters=(), years=years))
    assert frame["whole"].tolist() == [True, True, False]
    assert frame["reported"].isna().tolist() == [False, True, False]


def report(ticker: str, day: str, estimate: float | None = None, time: str | None = None) -> Report:
    name = f"{ticker} Incorporated"
    return Report(Ticker(ticker), name, date.fromisoformat(day), None, estimate, "USD", time)


REPORTS = EarningsCalendar(
    ticker=WHOLE_MARKET,
    fetched_at=NOW,
    source="Alpha Vantage EARNINGS_CALENDAR",
    rows=(
        report("IBM", "2026-11-20", 1.0),
        report("HEI-A", "2026-11-23", 0.0125),
        report("IBM", "2026-11-24", 2.5, "pre-market"),
        report("IBM", "2026-12-24", 3.0),
    ),
)


def test_the_next_report_is_todays_or_a_later_one() -> None:
    found = earnings.next_report(REPORTS, IBM, TODAY)
    assert found is not None
    assert found.day == date(2026, 11, 24)
    assert earnings.next_report(REPORTS, Ticker("AAPL"), TODAY) is None
    assert earnings.next_report(None, IBM, TODAY) is None


def test_share_classes_are_found_in_either_spelling() -> None:
    found = earnings.next_report(REPORTS, Ticker("HEI.A"), TODAY)
    assert found is not None


@recorded
def test_surprises_equal_upstreams_own_on_a_recorded_body() -> None:
    body = json.loads((RECORDINGS / "portfoliotree__earnings_IBM.json").read_text("utf-8"))
    compared = 0
    for row in body["quarterlyEarnings"]:
        if "None" in (row["reportedEPS"], row["estimatedEPS"], row["surprisePercentage"]):
            continue
        ours = earnings.surprise_percent(
            quarter(row["fiscalDateEnding"], float(row["reportedEPS"]), float(row["estimatedEPS"]))
        )
        assert ours == pytest.approx(float(row["surprisePercentage"]), abs=1e-4)
        compared += 1
    assert compared > 100


# --- articles ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "mood", "words"),
    [
        (0.229, Mood.BULLISH, "+0.23"),
        (0.15, Mood.BULLISH, "+0.15"),
        (0.149, Mood.NEUTRAL, "+0.15"),
        (-0.001, Mood.NEUTRAL, "0.00"),
        (-0.15, Mood.BEARISH, "−0.15"),
        (None, None, "–"),
    ],
)
def test_a_score_has_a_sign_and_a_mood(score: float | None, mood: Mood | None, words: str) -> None:
    assert articles.mood_of(score) is mood
    assert articles.score_words(score) == words


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "//host.example/x",
        "http:///nowhere",
        "https://name:secret@evil.example/",
        "https://benzinga.com@evil.example/",
        "https://[broken",
        "ftp://host.example/x",
    ],
)
def test_only_plain_web_addresses_become_links(url: str | None) -> None:
    assert articles.safe_link(url) is None
    assert articles.host_of(url) is None


def test_a_link_cannot_end_early_nor_hide_its_host() -> None:
    url = "https://www.ok.example/a_(b)?x=1&lt;=3&y=[z] '\"<>\\|"
    link = articles.safe_link(url)
    assert link == ("https://www.ok.example/a_%28b%29?x=1&lt%3B=3&y=%5Bz%5D%20%27%22%3C%3E%5C%7C")
    assert articles.host_of(url) == "ok.example"


def test_articles_are_filtered_by_mood_and_say_who_is_mentioned() -> None:
    def article(score: float | None) -> Article:
        mentions = (Mention("AAPL", 1.0, 0.06), Mention("IBM", 0.2, -0.1))
        return Article("Title", None, NOW, "Source", "", score, None, mentions)

    good, unknown = article(0.3), article(None)
    assert articles.filtered([good, unknown], Mood.BULLISH) == [good]
    assert articles.filtered([good, unknown], Mood.ALL) == [good, unknown]
    named = articles.mentions_of(good, [IBM, Ticker("MSFT"), Ticker("AAPL")])
    assert [mention.ticker for mention in named] == ["IBM", "AAPL"]


# --- the market -------------------------------------------------------------------------------


def test_movers_keep_their_order_and_an_unknown_volume_stays_unknown() -> None:
    frame = market_tables.movers_table(
        [Mover("OPFI+", 0.0699, -0.0611, -46.64, None), Mover("AUUD", 1.96, 0.74, 60.66, 137)]
    )
    assert frame["ticker"].tolist() == ["OPFI+", "AUUD"]
    assert frame["volume"].isna().tolist() == [True, False]


def test_large_percentages_have_no_decimals() -> None:
    assert market_tables.large_percent(17900.0) == "+17,900%"
    assert market_tables.large_percent(-46.64) == "−46.64%"
    assert market_tables.large_percent(NAN) == "–"


def test_movers_say_whether_they_are_of_the_close() -> None:
    friday = datetime(2026, 5, 15, 20, 16, tzinfo=UTC)
    close = calendar(US).last_closed(friday).close
    words = market_tables.as_of_words(friday, NEW_YORK, close)
    assert words == "as of the close of Fri 15 May, 16:16 New York time"
    noon = datetime(2026, 5, 18, 16, 0, tzinfo=UTC)
    before = calendar(US).last_closed(noon).close
    assert market_tables.as_of_words(noon, NEW_YORK, before) == (
        "as of Mon 18 May, 12:00 New York time"
    )


def world(region: str, *, is_open: bool, kind: str = "Equity") -> WorldMarket:
    return WorldMarket(kind, region, f"{region}'s", "09:30", "16:00", is_open, "")


def states(at: datetime) -> list[Any]:
    return [calendar(exchange).state(at) for exchange in (US, *BY_SUFFIX.values())]


THANKSGIVING = datetime(2026, 11, 26, 16, 0, tzinfo=UTC)


def test_open_exchanges_come_first_by_our_calendars_word_of_now() -> None:
    rows = market_tables.world_rows(
        [
            world("United States", is_open=False),
            world("Canada", is_open=True),
            world("Japan", is_open=False),
            world("Global", is_open=True, kind="Cryptocurrency"),
        ],
        states(THANKSGIVING),
        states(THANKSGIVING),
    )
    names = [row.region for row in rows if row.is_open]
    assert names[:2] == ["Canada", "Cryptocurrency, global"]
    american = next(row for row in rows if row.region == "United States")
    assert not american.is_open
    assert not american.disagrees
    # One row for each region, and those that upstream does not tell of behind them.
    regions = [row.region for row in rows]
    assert regions.count("Canada") == 1
    assert "Netherlands" in regions


def test_a_disagreement_about_a_holiday_is_said_with_its_name() -> None:
    now = states(THANKSGIVING)
    rows = market_tables.world_rows([world("United States", is_open=True)], now, now)
    american = next(row for row in rows if row.region == "United States")
    assert american.disagrees
    table = market_tables.world_table([american], THANKSGIVING, BERLIN)
    line = table.iloc[0]
    assert line["state"] == "closed"
    assert line["upstream"] == "⚠ open; our calendar: closed (Thanksgiving)"
    assert line["calendar"] == "NYSE: Thanksgiving · opens Fri 15:30 CET"
    assert line["local"] == "Thu 11:00"


def test_upstreams_word_is_compared_with_the_calendar_of_its_own_time() -> None:
    before = THANKSGIVING - timedelta(days=1)
    rows = market_tables.world_rows(
        [world("United States", is_open=True)], states(THANKSGIVING), states(before)
    )
    american = next(row for row in rows if row.region == "United States")
    assert not american.is_open
    assert not american.disagrees


def test_our_calendars_alone_make_a_table_too() -> None:
    rows = market_tables.world_rows([], states(NOW), [])
    table = market_tables.world_table(rows, NOW, BERLIN)
    assert len(table) == 1 + len(BY_SUFFIX)
    assert table["upstream"].unique().tolist() == ["–"]
    assert table["state"].iloc[0] == "open"


def test_expected_reports_are_counted_by_day_and_found_by_ticker_or_name() -> None:
    assert market_tables.days_of(REPORTS.rows, TODAY) == {
        date(2026, 11, 23): 1,
        date(2026, 11, 24): 1,
        date(2026, 12, 24): 1,
    }
    assert len(market_tables.search(REPORTS.rows, " hei")) == 1
    assert len(market_tables.search(REPORTS.rows, "incorp")) == 4
    assert market_tables.search(REPORTS.rows, "nobody") == []


def test_a_report_says_its_estimate_with_its_currency_and_when_on_the_day() -> None:
    table = market_tables.reports_table(REPORTS.rows[1:3])
    assert table["estimate"].tolist() == ["0.0125 USD", "2.50 USD"]
    assert table["time"].tolist() == ["–", "before the open"]
    assert table["day"].tolist() == ["Mon 23 Nov 2026", "Tue 24 Nov 2026"]
    assert market_tables.estimate_words(report("IBM", "2026-11-24")) == "–"
    assert isinstance(table, pd.DataFrame)
