"""The Market page's screener, by Streamlit's own test client on a real runtime, and in Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from stocktracker.config import Watch
from stocktracker.fundamentals import Mover, Movers
from stocktracker.model import (
    WHOLE_MARKET,
    Feed,
    Freshness,
    Listed,
    Listing,
    Quote,
    Record,
    Ticker,
)
from stocktracker.palette import LIGHT
from stocktracker.runtime import Runtime
from stocktracker.screen import adding, market_view, screener_view, screens, watchlist_view
from tests.helpers import quote
from tests.test_fundamental_pages import HOSTILE, IBM, answer, functions, server, visit, words

ADD = "add to my tickers"


def publish(runtime: Runtime, quotes: Iterable[Quote], listing: Listing | None = None) -> None:
    records = [Record(Feed.QUOTE, each.ticker, each, None) for each in quotes]
    if listing is not None:
        records.append(Record(Feed.LISTING, WHOLE_MARKET, listing, None))
    runtime.board.publish(records)


def many(runtime: Runtime, count: int) -> list[Quote]:
    """T0000 rises by 0 %, T0001 by 1 %, and so on."""
    return [
        quote(
            f"T{number:04}",
            100.0 + number,
            previous_close=100.0,
            fetched_at=runtime.now(),
            volume=1000 * number,
        )
        for number in range(count)
    ]


def listing_of(runtime: Runtime, quotes: Iterable[Quote], name: str = "Test Inc") -> Listing:
    rows = {
        each.ticker: Listed(each.ticker, name, "NYSE" if place % 2 else "NASDAQ", "Stock")
        for place, each in enumerate(quotes)
    }
    return Listing(rows, runtime.now(), "test")


def screen(**state: Any) -> AppTest:
    """The page as it is opened by a link."""
    return visit("market", market=market_view.SCREENER, **state)


def shown(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["ticker"])


# --- what it costs ----------------------------------------------------------------------------


@pytest.mark.parametrize("plan", ["free", "premium-150"])
def test_opening_the_screener_wants_nothing_and_costs_no_call(tmp_path: Path, plan: str) -> None:
    with server(tmp_path, plan) as (home, runtime):
        app = screen()
        assert app.session_state["wants"] == set()
        assert "There is no price to screen yet." in app.info[0].value
        publish(runtime, many(runtime, 3))
        assert screen().session_state["wants"] == set()
        answer(home)
        assert functions(home) == set()


def test_the_frame_is_made_once_for_all_who_look_within_five_seconds(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (home, runtime):
        assert len(screens.market_of(runtime).frame) == 0
        publish(runtime, many(runtime, 2))
        first = screens.market_of(runtime)  # the first price of all is worth no wait
        assert len(first.frame) == 2
        publish(runtime, many(runtime, 3))
        assert screens.market_of(runtime) is first
        home.clock.tick(5)
        second = screens.market_of(runtime)
        assert len(second.frame) == 3
        assert second.version != first.version


def test_without_news_a_frame_of_old_prices_is_kept_for_a_minute(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (home, runtime):
        publish(runtime, many(runtime, 2))
        home.clock.tick(3600)
        first = screens.market_of(runtime)
        assert list(first.frame["freshness"]) == [Freshness.STALE] * 2
        home.clock.tick(59)
        assert screens.market_of(runtime) is first
        home.clock.tick(1)
        later = screens.market_of(runtime)
        assert later.frame["age"].tolist() == [3660.0, 3660.0]


def test_another_board_has_another_frame(tmp_path: Path) -> None:
    with server(tmp_path / "one", "premium-150") as (_, runtime):
        publish(runtime, many(runtime, 2))
        assert len(screens.market_of(runtime).frame) == 2
    with server(tmp_path / "other", "premium-150") as (_, runtime):
        publish(runtime, many(runtime, 5))
        assert len(screens.market_of(runtime).frame) == 5


# --- what is shown ----------------------------------------------------------------------------


def test_some_rows_are_drawn_and_all_are_counted(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (_, runtime):
        quotes = many(runtime, 450)
        publish(runtime, quotes, listing_of(runtime, quotes))
        app = screen()
        assert shown(app) == [f"T{number:04}" for number in range(449, 249, -1)]
        assert "**450** of 450 fit, the first 200 are shown" in words(app)
        assert "450 of 450 listed tickers have a price · test · the oldest was fetched" in words(
            app
        )


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ({}, "43210"),
        ({"screen": "Top losers"}, "01234"),
        ({"change_from": "2"}, "432"),
        ({"change_to": "2"}, "210"),
        ({"volume_from": "3000"}, "43"),
        ({"price_from": "103.5"}, "4"),
        ({"exchange": "NYSE"}, "31"),
        ({"type": "ETF"}, ""),
        ({"find": "t0002"}, "2"),
        ({"fresh": "true"}, "43210"),
        ({"screen": "nonsense", "volume_from": "nonsense", "exchange": "nonsense"}, "43210"),
    ],
)
def test_a_link_opens_the_same_screen(tmp_path: Path, link: dict[str, str], expected: str) -> None:
    with server(tmp_path, "premium-150") as (_, runtime):
        quotes = many(runtime, 5)
        publish(runtime, quotes, listing_of(runtime, quotes))
        app = screen(**link)
        found = [text[-1] for text in shown(app)] if expected else []
        assert "".join(found) == expected
        assert f"**{len(expected)}** of 5 fit" in words(app)


def test_a_link_to_an_exchange_holds_before_any_price_of_it_is_there(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150"):
        assert "Only NASDAQ" in words(screen(exchange="NASDAQ"))


def test_conditions_are_said_and_cleared_together(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (_, runtime):
        publish(runtime, many(runtime, 5))
        app = screen(change_from="2", find="t000")
        assert "Only “t000” · change from \\+2\\.00\\%" in words(app)
        app.button(key="clear screen").click().run()
        assert "Only" not in words(app)
        assert len(shown(app)) == 5


def test_what_is_unknown_is_a_dash_and_an_old_price_says_so(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (home, runtime):
        unknown = {"previous_close": None, "low": None, "high": None, "volume": None}
        publish(runtime, [quote("AAA", 5.0, fetched_at=runtime.now(), **unknown)])
        home.clock.tick(timedelta(hours=2))
        app = screen()
        row = app.dataframe[0].value.iloc[0]
        for column in ("percent", "change", "volume", "place"):
            assert row[column] != row[column], column  # NaN
        assert (row["name"], row["exchange"], row["kind"]) == ("–", "–", "–")
        assert row["status"] == "◷ stale"
        assert row["age"] == 7200.0
        assert "the oldest was fetched 2 h ago · 1 of them stale" in words(app)
        cells = app.dataframe[0].proto.arrow_data.styler.display_values
        assert b"nan" not in cells


def test_no_change_is_a_zero_and_no_dash(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (_, runtime):
        publish(runtime, many(runtime, 1))
        market = screens.market_of(runtime)
        html = screener_view.screen_table(market, [0], LIGHT).to_html()
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", html)
        assert cells[:6] == ["T0000", "0.00%", "$100.00", "50%", "0", "0.00"]


def test_text_from_outside_is_text(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (_, runtime):
        quotes = [replace(each, source=HOSTILE) for each in many(runtime, 2)]
        publish(runtime, quotes, listing_of(runtime, quotes, HOSTILE))
        said = words(screen(find="[evil](http"))
        assert "evil" in said
        for markup in ("[evil](", "![i](", "<script>"):
            assert markup not in said


@pytest.mark.parametrize(
    ("watch", "sentence"),
    [
        (Watch(), "Screened are those that somebody watches; the operator can have more"),
        (Watch((IBM, Ticker("KO"))), "the 2 tickers that this server keeps up to date and those"),
        (Watch((IBM,)), "the ticker that this server keeps up to date and those"),
        (Watch(everything=True), None),
    ],
)
def test_who_can_have_more_screened_is_said(
    tmp_path: Path, watch: Watch, sentence: str | None
) -> None:
    with server(tmp_path, "premium-150") as (_, runtime):
        runtime.settings = replace(runtime.settings, watch=watch)
        said = words(screen())
        assert ("STOCKTRACKER_WATCH" in said) == (sentence is not None)
        assert (sentence or "") in said


def test_the_export_is_of_all_that_fit_now(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (_, runtime):
        quotes = many(runtime, 300)
        publish(runtime, quotes, listing_of(runtime, quotes, "=1+1"))
        app = screen(change_from="10")
        held = app.session_state[screener_view.SCREENED]
        lines = screener_view.screen_csv(screens.market_of(runtime), held[0]).decode().splitlines()
        assert len(lines) == 1 + 290 + 3
        assert lines[1].startswith('T0299,"\'=1+1",NYSE,Stock,399.0,100.0,299.0,299.0,299000,')
        assert lines[-3:-1] == [
            '"290 of 300 fit, in the order: Top gainers"',
            '"change from +10.00%"',
        ]
        app.number_input(key=screener_view.CHANGE_FROM).set_value(200.0).run()
        assert held[0].change_from == 200.0  # the button that was drawn before knows it too


# --- adding -----------------------------------------------------------------------------------


def select(app: AppTest, *rows: int, key: str = screener_view.SELECTION) -> AppTest:
    app.session_state[key] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    return app.run()


def test_selected_rows_become_the_viewers_tickers(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (_, runtime):
        publish(runtime, many(runtime, 5))
        app = screen()
        app.toggle(key=screener_view.SELECTING).set_value(True).run()
        assert app.button(key=ADD).disabled
        select(app, 0, 2)
        button = app.button(key=ADD)
        assert (button.label, button.disabled) == ("Add T0004\\, T0002 to my tickers", False)
        button.click().run()
        assert app.session_state[adding.PICK_NEXT] == [IBM, "T0004", "T0002"]
        assert watchlist_view.PICK_NEXT == adding.PICK_NEXT
        assert app.session_state[screener_view.SELECTION]["selection"]["rows"] == []


def test_selected_rows_stay_in_their_places_while_prices_move(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (home, runtime):
        publish(runtime, many(runtime, 3))
        app = screen()
        app.toggle(key=screener_view.SELECTING).set_value(True).run()
        select(app, 0)
        home.clock.tick(5)
        publish(runtime, [quote("T0000", 500.0, previous_close=100.0, fetched_at=runtime.now())])
        app.run()
        assert shown(app) == ["T0002", "T0001", "T0000"]
        assert app.dataframe[0].value["last"].tolist() == [102.0, 101.0, 500.0]
        assert app.button(key=ADD).label == "Add T0002 to my tickers"
        select(app)
        assert shown(app) == ["T0000", "T0002", "T0001"]


def test_other_filters_select_nothing(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (_, runtime):
        publish(runtime, many(runtime, 3))
        app = screen()
        app.toggle(key=screener_view.SELECTING).set_value(True).run()
        select(app, 0)
        app.text_input(key=screener_view.TEXT).set_value("t0001").run()
        assert shown(app) == ["T0001"]
        assert app.button(key=ADD).disabled


def test_more_than_may_be_chosen_is_refused_with_a_word(tmp_path: Path) -> None:
    with server(tmp_path, "premium-150") as (_, runtime):
        runtime.settings = replace(runtime.settings, max_tickers=2)
        publish(runtime, many(runtime, 3))
        app = screen()
        app.toggle(key=screener_view.SELECTING).set_value(True).run()
        select(app, 0, 1)
        assert app.button(key=ADD).disabled
        assert "You have 1 of 2 tickers: 1 more fits, and 2 are selected." in words(app)


def test_movers_become_the_viewers_tickers_too(tmp_path: Path) -> None:
    with server(tmp_path, "free") as (_, runtime):
        movers = Movers(
            ticker=WHOLE_MARKET,
            fetched_at=runtime.now(),
            source="test",
            as_of=runtime.now(),
            gainers=(Mover("KO", 5.0, 1.0, 25.0, 10), Mover("OPFI+", 5.0, 1.0, 25.0, 10)),
            losers=(Mover("PG", 5.0, -1.0, -16.7, 10),),
            active=(),
        )
        runtime.board.publish([Record(Feed.MOVERS, WHOLE_MARKET, movers, None)])
        app = visit("market", market=market_view.MOVERS)
        app.toggle(key="select movers").set_value(True).run()
        select(app, 0, key="selected movers Losers")
        select(app, 0, key="selected movers Gainers")
        app.button(key=ADD).click().run()
        assert app.session_state[adding.PICK_NEXT] == [IBM, "KO", "PG"]
        select(app, 1, key="selected movers Gainers")
        assert app.button(key=ADD).disabled
        assert "OPFI\\+ cannot be chosen" in words(app)
