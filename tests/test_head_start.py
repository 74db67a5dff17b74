"""What a viewer has come for is drawn before the rest: a browser draws what comes first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.Metric_pb2 import Metric
from streamlit.testing.v1 import AppTest

from tests.server import App, Session, starting_apps, until

LINK = "tickers=KO&tickers=IBM"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """It knows the prices of both, and what there is to choose from."""
    with starting_apps(tmp_path_factory.mktemp("demo")) as start:
        app = start()
        with Session(app, LINK) as tab:
            until(lambda: tab.rerun() or len(tab.multiselects()[-1].options) > 1000, within=20)
            until(lambda: app.price("KO") and app.price("IBM"), within=20)
        yield app


def first_run(app: App, query: str = LINK, page: str = "") -> list[Element]:
    """What a new viewer is sent, in order."""
    with Session(app, query, page) as tab:
        return tab.elements()


def kinds(elements: list[Element]) -> list[str]:
    return [kind for each in elements if (kind := each.WhichOneof("type"))]


def colours(elements: list[Element]) -> set[str]:
    """Of the changes on the tiles."""
    tiles = [each.metric for each in elements if each.HasField("metric")]
    assert len(tiles) == 2
    return {Metric.MetricColor.Name(each.color) for each in tiles}


def test_prices_come_before_the_table_and_that_before_what_there_is_to_choose_from(
    demo: App,
) -> None:
    drawn = kinds(first_run(demo))
    prices, table = drawn.index("metric"), drawn.index("dataframe")
    assert "metric" not in drawn[table:]
    assert prices < table < drawn.index("selectbox") < drawn.index("multiselect")
    assert drawn[drawn.index("multiselect") + 1 :] == ["bidi_component"]  # the keyboard


def test_a_chart_comes_before_the_sidebar(demo: App) -> None:
    with Session(demo, LINK, "history") as tab:
        until(lambda: tab.tick() or "bidi_component" in kinds(tab.elements())[:-1], within=20)
    drawn = kinds(first_run(demo, page="history"))
    assert drawn.index("bidi_component") < drawn.index("multiselect")


def test_who_has_chosen_nothing_gets_what_there_is_to_choose_from_first(demo: App) -> None:
    drawn = kinds(first_run(demo, "tickers="))
    assert drawn.index("multiselect") < drawn.index("alert")


def test_what_is_drawn_before_the_sidebar_has_the_colours_of_the_link(demo: App) -> None:
    assert colours(first_run(demo)) <= {"RED", "GREEN", "GRAY"}
    assert colours(first_run(demo, f"{LINK}&colours=colour-blind")) <= {"BLUE", "ORANGE", "GRAY"}


def test_later_runs_draw_the_sidebar_first_and_look_the_same(demo: App) -> None:
    with Session(demo, LINK) as tab:
        first = kinds(tab.elements())
        tab.received.clear()
        tab.rerun()
        later = kinds(tab.elements())
    assert later.index("multiselect") < later.index("metric")
    assert sorted(later) == sorted(first)


def first_look() -> None:
    """The script: a run before its head start and in it, with a price after `late` answers."""
    import streamlit as st  # noqa: PLC0415

    from stocktracker.screen import head_start  # noqa: PLC0415

    state = st.session_state
    state["asked"] = 0

    def has_price() -> bool:
        state["asked"] += 1
        return bool(state["asked"] > state["late"])

    head_start.wait_for(has_price)
    state["asked before"] = state["asked"]
    with head_start.ahead():
        head_start.wait_for(has_price)
        state["is ahead"] = head_start.IS_FIRST in state
    state["is ahead later"] = head_start.IS_FIRST in state


@pytest.mark.parametrize(
    ("late", "asked", "is_ahead"),
    [(0, 1, True), (3, 4, True), (10_000, 31, False)],
    ids=["a price that is there", "one that comes", "one that stays away"],
)
def test_a_first_run_waits_a_little_for_a_first_price(
    late: int, asked: int, *, is_ahead: bool
) -> None:
    look = AppTest.from_function(first_look)
    look.session_state["late"] = late
    look.run()
    assert [each.message for each in look.exception] == []
    assert look.session_state["asked before"] == 0  # nobody waits later
    assert look.session_state["asked"] == asked
    assert look.session_state["is ahead"] == is_ahead
    assert not look.session_state["is ahead later"]
