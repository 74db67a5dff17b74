"""The sidebar's watchlists as a viewer uses them: Streamlit's own script runner, no browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from stocktracker.config import load_settings
from stocktracker.journal import Journal
from stocktracker.model import Ticker
from stocktracker.polling.heart import Heart
from stocktracker.runtime import Parts, Runtime, anchor
from stocktracker.watchlists import create, set_default
from tests.household import household

TECH, DRINKS = (Ticker("AAPL"), Ticker("MSFT")), (Ticker("KO"),)
EXAMPLES = ["AAPL", "MSFT", "NVDA", "AMZN", "GOOGL"]


def sidebar() -> None:
    """The script."""
    from stocktracker.screen import refresh, ui, watchlist_view  # noqa: PLC0415

    runtime = ui.current_runtime()
    watchlist_view.choose(runtime)
    ui.choose_tickers(runtime)
    refresh.choose_refresh()
    ui.choose_colours()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Runtime]:
    with household(tmp_path / "store", "2026-11-23T15:00:00") as house:
        parts = Parts(
            load_settings({"STOCKTRACKER_MAX_TICKERS": "6"}, Path("no secrets here")),
            house.clock,
            house.store,
            house.board,
            house.budget,
            house.wants,
            house.knowledge,
            Heart(house.board, house.clock),
            Journal(),
        )
        runtime = Runtime(parts, ExitStack())
        anchor(runtime)
        yield runtime
        anchor(None)


@pytest.fixture
def two(server: Runtime) -> Runtime:
    """Two watchlists, without a default."""
    server.change_watchlists(lambda held: create(held, "Tech", TECH, max_tickers=6))
    server.change_watchlists(lambda held: create(held, "Drinks", DRINKS, max_tickers=6))
    return server


def visit(**query: list[str]) -> AppTest:
    """Somebody new, with what the link says."""
    app = AppTest.from_function(sidebar, default_timeout=20)
    for name, values in query.items():
        app.query_params[name] = values
    return run(app)


def run(app: AppTest) -> AppTest:
    app.run()
    assert [each.message for each in app.exception] == []
    return app


def tickers(app: AppTest) -> list[str]:
    return list(app.multiselect(key="picker").value)


def watchlist(app: AppTest) -> str | None:
    name: str | None = app.selectbox(key="watchlist").value
    return name


def manage(app: AppTest) -> AppTest:
    app.button(key="manage watchlists").click()
    return run(app)


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return run(app)


def troubles(app: AppTest) -> list[str]:
    return [error.value for error in app.error]


def test_without_watchlists_a_visitor_sees_examples(server: Runtime) -> None:
    app = visit()
    assert tickers(app) == EXAMPLES
    assert app.selectbox(key="watchlist").disabled


def test_a_visitor_without_a_link_sees_the_default(two: Runtime) -> None:
    two.change_watchlists(lambda held: set_default(held, "Drinks"))
    app = visit()
    assert tickers(app) == ["KO"]
    assert watchlist(app) == "Drinks"


def test_a_link_wins_over_the_default(two: Runtime) -> None:
    two.change_watchlists(lambda held: set_default(held, "Drinks"))
    assert tickers(visit(tickers=["IBM"])) == ["IBM"]
    assert tickers(visit(tickers=[""])) == []


def test_the_watchlist_that_fits_is_shown_and_otherwise_none(two: Runtime) -> None:
    assert watchlist(visit(tickers=["AAPL", "MSFT"])) == "Tech"
    assert watchlist(visit(tickers=["MSFT", "AAPL"])) is None
    assert watchlist(visit(tickers=["AAPL"])) is None


def test_choosing_a_watchlist_chooses_its_tickers(two: Runtime) -> None:
    app = visit(tickers=["IBM"])
    app.selectbox(key="watchlist").select("Tech")
    run(app)
    assert (tickers(app), watchlist(app)) == (["AAPL", "MSFT"], "Tech")
    assert app.query_params["tickers"] == ["AAPL", "MSFT"]
    app.multiselect(key="picker").set_value(["AAPL"])
    run(app)
    assert (tickers(app), watchlist(app)) == (["AAPL"], None)


def test_the_choice_is_saved_under_a_name(server: Runtime) -> None:
    app = manage(visit(tickers=["KO", "IBM"]))
    app.text_input(key="name of new watchlist").set_value("  Old  ones ")
    press(app, "Save as new")
    assert troubles(app) == []
    assert server.read_watchlists().lists[0].name == "Old ones"
    assert server.read_watchlists().lists[0].tickers == ("KO", "IBM")
    assert watchlist(run(app)) == "Old ones"


def test_a_bad_name_is_said_and_nothing_is_stored(two: Runtime) -> None:
    before = two.read_watchlists()
    app = manage(visit(tickers=["KO", "IBM"]))
    press(app, "Save as new")
    assert troubles(app) == [r"A watchlist needs a name\."]
    app.text_input(key="name of new watchlist").set_value("TECH")
    press(app, "Save as new")
    assert troubles(app) == [r"There is already a watchlist “Tech”\."]
    assert two.read_watchlists() == before


def test_the_choice_is_saved_over_a_watchlist(two: Runtime) -> None:
    app = manage(visit(tickers=["IBM"]))
    app.selectbox(key="watchlist to save over").select("Drinks")
    press(app, "Save over it")
    found = two.read_watchlists().find("Drinks")
    assert found is not None
    assert found.tickers == ("IBM",)


def test_a_watchlist_is_renamed_and_made_the_default(two: Runtime) -> None:
    app = manage(visit(tickers=["KO"]))
    app.text_input(key="new name of Drinks").set_value("Sugar")
    press(app, "Rename")
    assert two.read_watchlists().names == ["Tech", "Sugar"]
    press(manage(app), "Make it the default")
    assert two.read_watchlists().default == "Sugar"
    press(manage(app), "No longer the default")
    assert two.read_watchlists().default is None


def test_a_watchlist_is_deleted_only_after_a_second_word(two: Runtime) -> None:
    app = manage(visit(tickers=["KO"]))
    press(app, "Delete")
    assert two.read_watchlists().names == ["Tech", "Drinks"]
    press(app, "Keep it")
    assert two.read_watchlists().names == ["Tech", "Drinks"]
    press(press(app, "Delete"), "Delete it")
    assert two.read_watchlists().names == ["Tech"]


def test_pasted_tickers_become_a_watchlist_that_is_chosen(server: Runtime) -> None:
    app = manage(visit())
    app.text_area(key="import text").set_value("NYSE:KO, ibm; ~~ KO")
    run(app)
    assert [warning.value for warning in app.warning] == [
        r"Left out, as they cannot be tickers: \~\~"
    ]
    app.text_input(key="name of import").set_value("Mine")
    next(button for button in reversed(app.button) if button.label == "Save as new").click()
    run(app)
    assert server.read_watchlists().lists[0].tickers == ("KO", "IBM")
    assert tickers(run(app)) == ["KO", "IBM"]


def test_too_many_tickers_are_said_and_nothing_is_stored(server: Runtime) -> None:
    app = manage(visit())
    app.text_area(key="import text").set_value("A B C D E F G")
    run(app)
    app.text_input(key="name of import").set_value("Mine")
    next(button for button in reversed(app.button) if button.label == "Save as new").click()
    run(app)
    assert troubles(app) == [r"These are 7 tickers\; a watchlist has at most 6\."]
    assert server.read_watchlists().lists == ()


def test_colours_come_from_the_link_and_only_other_ones_go_into_it(server: Runtime) -> None:
    app = visit(colours=["colour-blind"])
    assert app.selectbox(key="colours").value == "colour-blind"
    assert visit(colours=["purple"]).selectbox(key="colours").value == "green-red"
