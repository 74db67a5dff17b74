"""The Company and the Market page, run by Streamlit's own test client on a real runtime."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from stocktracker.config import load_settings
from stocktracker.fundamentals import (
    Article,
    Company,
    Dividends,
    Earnings,
    EarningsCalendar,
    Movers,
    News,
    Periods,
    Splits,
    Statement,
    WorldMarkets,
)
from stocktracker.journal import Journal
from stocktracker.model import WHOLE_MARKET, Facts, Feed, Record, Ticker, Want
from stocktracker.polling.heart import Heart
from stocktracker.runtime import Parts, Runtime, anchor, current_runtime
from stocktracker.screen import company_view, market_view
from tests.household import Household, household

PAGES = Path(__file__).parent.parent / "pages"
IBM = Ticker("IBM")
MONDAY_NOON = "2026-11-23T17:00"
HOSTILE = "**x** [evil](http://evil.example) ![i](http://evil.example/p.png) <script>1</script>"


@contextmanager
def server(folder: Path, plan: str) -> Iterator[tuple[Household, Runtime]]:
    """A runtime whose time and poller the test moves."""
    with household(folder / "store", MONDAY_NOON, plan=plan) as home:
        settings = load_settings(
            {"STOCKTRACKER_PLAN": plan, "STOCKTRACKER_STORE": str(folder)}, folder / "none"
        )
        runtime = Runtime(
            Parts(
                settings,
                home.clock,
                home.store,
                home.board,
                home.budget,
                home.wants,
                home.knowledge,
                Heart(home.board, home.clock),
                Journal(),
            ),
            ExitStack(),
        )
        anchor(runtime)
        st.cache_resource.clear()
        try:
            yield home, runtime
        finally:
            anchor(None)


def visit(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(PAGES / f"{page}.py"), default_timeout=20)
    app.session_state["chosen"] = [IBM]
    for name, value in query.items():
        app.query_params[name] = value
    return look(app)


def look(app: AppTest) -> AppTest:
    listing = current_runtime().read().listing
    # As the sidebar does, which is not on the page alone.
    app.session_state["offered"] = listing.fetched_at if listing else None
    app.run()
    assert not app.exception, app.exception[0].stack_trace
    return app


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button if button.label.startswith("Ask")]


def words(app: AppTest) -> str:
    return "\n".join(str(each.value) for kind in (app.markdown, app.caption) for each in kind)


def answer(home: Household) -> None:
    """Let the poller do all it can within a minute."""
    end = home.clock.now() + timedelta(minutes=1)
    while home.clock.now() < end:
        home.step()
        home.clock.tick(2)


def functions(home: Household) -> set[str]:
    """What upstream was asked for, but for the listing, which is everybody's."""
    return {call.function for call in home.asked} - {"LISTING_STATUS"}


def publish(runtime: Runtime, *records: tuple[Feed, Facts]) -> None:
    runtime.board.publish(Record(feed, facts.ticker, facts, None) for feed, facts in records)


def head(runtime: Runtime, ticker: Ticker = IBM) -> dict[str, Any]:
    return {"ticker": ticker, "fetched_at": runtime.now(), "source": "Alpha Vantage X"}


# --- what opening costs -----------------------------------------------------------------------


def test_opening_the_company_page_on_a_counted_plan_wants_the_price_alone(tmp_path: Path) -> None:
    with server(tmp_path, "free") as (home, _):
        app = visit("company")
        assert app.session_state["wants"] == {Want(Feed.QUOTE, IBM)}
        assert labels(app) == [
            "Ask for everything · 8 of 25 calls left today",
            "Ask for the key figures · 1 of 25 calls left today",
        ]
        answer(home)
        assert functions(home) == {"TIME_SERIES_DAILY"}


def test_what_is_asked_for_comes_once_and_is_there_for_everybody(tmp_path: Path) -> None:
    with server(tmp_path, "free") as (home, _):
        app = visit("company")
        next(b for b in app.button if b.label.startswith("Ask for the key")).click()
        look(app)
        assert Want(Feed.COMPANY, IBM) in app.session_state["wants"]
        answer(home)
        assert [metric.label for metric in look(app).metric][:2] == ["Market cap", "P/E, trailing"]
        spent = len(home.asked)
        another = visit("company")
        assert len(another.metric) == 5
        assert labels(another) == ["Ask for the other 7 · 7 of 22 calls left today"]
        answer(home)
        assert len(home.asked) == spent


def test_on_a_plan_without_a_daily_limit_all_of_it_is_wanted_at_once(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (home, _):
        app = visit("company")
        everything = {Want(feed, IBM) for feed in (Feed.QUOTE, *company_view.FEEDS)}
        assert app.session_state["wants"] == everything
        assert labels(app) == []
        answer(home)
        # What is there is wanted while its section is open only.
        look(app)
        assert app.session_state["wants"] == {Want(Feed.QUOTE, IBM), Want(Feed.COMPANY, IBM)}


def test_the_worlds_exchanges_are_shown_without_a_call(tmp_path: Path) -> None:
    with server(tmp_path, "free") as (home, _):
        app = visit("market", market=market_view.EXCHANGES)
        assert app.session_state["wants"] == set()
        assert "1 open" not in words(app)
        assert len(app.dataframe[0].value) > 10
        assert labels(app) == ["Ask for the world's exchanges · 1 of 25 calls left today"]
        answer(home)
        assert functions(home) == set()


# --- every section, on what the simulator says ------------------------------------------------


def test_every_section_of_a_company_draws_what_upstream_says(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (home, _):
        visit("company")
        answer(home)
        for section in company_view.SECTIONS:
            app = visit("company", section=section)
            assert "Simulated" in words(app) or "test" in words(app)
        for statement in ("Income statement", "Balance sheet", "Cash flow"):
            app = visit("company", section=company_view.STATEMENTS, statement=statement)
            assert "amounts in USD" in words(app)


def test_every_section_of_the_market_draws_what_upstream_says(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (home, _):
        visit("market")
        answer(home)
        for section in market_view.SECTIONS:
            app = visit("market", market=section)
            assert labels(app) == []
            assert app.caption


# --- little, nothing, and malice --------------------------------------------------------------


def test_records_that_say_nothing_are_drawn_without_a_number(tmp_path: Path) -> None:
    with server(tmp_path, "free") as (_, runtime):
        of_ibm, of_all = head(runtime), head(runtime, WHOLE_MARKET)
        none = Periods((), "USD", {})
        publish(
            runtime,
            (Feed.COMPANY, Company(**of_ibm, texts={}, figures={}, days={})),
            (Feed.EARNINGS, Earnings(**of_ibm, quarters=(), years=())),
            (Feed.DIVIDENDS, Dividends(**of_ibm, rows=())),
            (Feed.SPLITS, Splits(**of_ibm, rows=())),
            (Feed.INCOME, Statement(**of_ibm, annual=none, quarterly=none)),
            (Feed.NEWS, News(**of_ibm, articles=())),
            (Feed.NEWS, News(**of_all, articles=())),
            (
                Feed.MOVERS,
                Movers(**of_all, as_of=runtime.now(), gainers=(), losers=(), active=()),
            ),
            (Feed.CALENDAR, EarningsCalendar(**of_all, rows=())),
            (Feed.MARKETS, WorldMarkets(**of_all, rows=())),
        )
        said = ""
        for section in company_view.SECTIONS:
            app = visit("company", section=section)
            said += words(app)
            shown = [metric.value for metric in app.metric if metric.label != "Price"]
            assert set(shown) <= {"–"}
        for section in market_view.SECTIONS:
            said += words(visit("market", market=section))
        for sentence in (
            "The year's low and high are not known.",
            "No dividends are on record.",
            "No splits are on record.",
            "No annual periods are on record.",
            "No articles are on record.",
            "No report is expected here",
        ):
            assert sentence in said
        assert "nan" not in said.lower()


def test_text_from_outside_is_text(tmp_path: Path) -> None:
    with server(tmp_path, "free") as (_, runtime):
        article = Article(
            HOSTILE, "javascript:alert(1)", runtime.now(), HOSTILE, HOSTILE, None, None, ()
        )
        linked = replace(article, url="https://www.news.example/a_(b)")
        texts = dict.fromkeys(("description", "sector", "site", "exchange"), HOSTILE)
        publish(
            runtime,
            (Feed.NEWS, News(**head(runtime), articles=(article, linked))),
            (Feed.COMPANY, Company(**head(runtime), texts=texts, figures={}, days={})),
        )
        news = words(visit("company", section=company_view.NEWS))
        said = news + words(visit("company"))
        assert "evil" in said
        for markup in ("[evil](", "![i](", "<script>", "](javascript"):
            assert markup not in said
        assert "](https://www.news.example/a_%28b%29)**" in news
        assert "news\\.example" in news


@pytest.mark.parametrize("section", company_view.SECTIONS)
def test_a_company_in_another_currency_is_not_set_beside_the_price(
    tmp_path: Path, section: str
) -> None:
    with server(tmp_path, "free") as (home, runtime):
        visit("company")
        answer(home)
        figures = {"low_52_weeks": 2.0, "high_52_weeks": 3.0, "target_price": 3.3}
        texts = {"currency": "GBP"}
        publish(
            runtime, (Feed.COMPANY, Company(**head(runtime), texts=texts, figures=figures, days={}))
        )
        assert "from the price" not in words(visit("company", section=section))
