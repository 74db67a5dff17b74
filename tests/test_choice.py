"""A viewer's choice of tickers outlives whatever the browser asks for before it has drawn the list.

The browser reports what a widget holds only once it has drawn it, and draws what it was sent last:
what only an earlier message said is lost. A raw websocket plays such a browser here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.MultiSelect_pb2 import MultiSelect
from streamlit.proto.WidgetStates_pb2 import WidgetState

from stocktracker.screen.refresh import PENDING_TICK
from tests.server import App, Session, starting_apps, until

FIVE = ("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL")
CHOICES = {
    "listed": (
        ["KO", "IBM"],
        ["KO · Coca-Cola Company", "IBM · International Business Machines Corp"],
    ),
    "not listed": (["TSCO.LON", "KO"], ["TSCO.LON", "KO · Coca-Cola Company"]),
    "none": ([""], []),
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with starting_apps(tmp_path_factory.mktemp("demo")) as start:
        app = start()
        with Session(app):
            until(lambda: has_listing(app), within=20, what="the listing")
        yield app


def has_listing(app: App) -> bool:
    """Whether a new viewer is offered something to choose from."""
    with Session(app) as tab:
        return len(tab.multiselects()[-1].options) > 1000


def drawn_first(list_: MultiSelect) -> list[str]:
    """What a browser shows that draws the list for the first time, with this message."""
    if list_.set_value:
        return list(list_.raw_values)
    return [list_.options[place] for place in list_.default]


def report(list_: MultiSelect) -> WidgetState:
    state = WidgetState(id=list_.id)
    state.string_array_value.data.extend(drawn_first(list_))
    return state


@pytest.mark.parametrize("name", CHOICES)
def test_list_that_is_drawn_after_several_runs_shows_the_choice(demo: App, name: str) -> None:
    tickers, labels = CHOICES[name]
    query = "&".join(f"tickers={ticker}" for ticker in tickers)
    with Session(demo, query) as tab:
        for _ in range(3):
            tab.rerun()
        assert [drawn_first(each) for each in tab.multiselects()] == [labels] * 4
        tab.rerun(report(tab.multiselects()[-1]))
        until(lambda: demo.metric("watched_tickers") == len(labels), within=10)
        assert tab.says("Choose a ticker in the sidebar") == (not labels)


def test_choice_outlives_the_listing_that_comes_before_the_list_is_drawn(tmp_path: Path) -> None:
    """Its labels are others then, and so is what there is to choose from."""
    with starting_apps(tmp_path) as start, Session(start(), "tickers=KO&tickers=TSCO.LON") as tab:
        until(lambda: tab.rerun() or len(tab.multiselects()[-1].options) > 1000, within=20)
        tab.rerun()
        last = tab.multiselects()[-1]
        assert drawn_first(last) == ["KO · Coca-Cola Company", "TSCO.LON"]
        tab.rerun(report(last))
        assert not tab.says("Choose a ticker in the sidebar")


def test_what_a_viewer_has_emptied_stays_empty(demo: App) -> None:
    with Session(demo, "tickers=KO") as tab:
        tab.rerun(WidgetState(id=tab.multiselects()[-1].id, string_array_value={}))
        assert tab.says("Choose a ticker in the sidebar")
        tab.rerun()
        until(lambda: demo.metric("watched_tickers") == 0, within=10)


def test_a_list_is_the_same_in_every_run_so_that_it_is_sent_once(demo: App) -> None:
    """It is half a megabyte, of which the browser keeps what has not changed."""
    with Session(demo, "tickers=KO") as tab:
        tab.rerun()
        plain = tab.multiselects()[-1]
        added = WidgetState(id=plain.id)
        added.string_array_value.data.extend(["KO · Coca-Cola Company", "AAPL · Apple Inc"])
        tab.rerun(added)
        until(lambda: demo.metric("watched_tickers") == 2, within=10)
        assert tab.multiselects()[-1] == plain


def test_what_there_is_to_choose_from_is_sent_once_whatever_is_chosen_for_the_viewer(
    demo: App,
) -> None:
    """A click sets another choice: that is told alone, and the next look offers the rest again."""
    with Session(demo, "tickers=KO", remembers=True) as tab:
        (plain,) = tab.multiselects()
        (name,) = {
            each.hash for each in messages(tab) if each.delta.new_element.multiselect == plain
        }
        typed = WidgetState(id=plain.id)
        typed.string_array_value.data.extend(["KO · Coca-Cola Company", "ibm"])
        tab.rerun(typed)
        spelt = tab.multiselects()[-1]
        assert list(spelt.raw_values) == [
            "KO · Coca-Cola Company",
            "IBM · International Business Machines Corp",
        ]
        assert spelt.set_value
        assert len(spelt.options) == 2
        tab.received.clear()
        tab.tick()
        assert name in {each.ref_hash for each in messages(tab)}
        tab.rerun()
        assert not any(len(each.options) > 1000 for each in tab.multiselects())


def messages(tab: Session) -> list[ForwardMsg]:
    return [ForwardMsg.FromString(message) for message in tab.received]


def test_a_page_that_has_all_it_waits_for_is_drawn_once_and_looks_at_its_own_pace(
    demo: App,
) -> None:
    """The list comes last in the first run, and nothing is drawn anew for its sake."""
    with Session(demo, "tickers=KO&tickers=IBM") as first:
        until(lambda: first.tick() or min(first.timers.values()) > PENDING_TICK, within=20)
        with Session(demo, "tickers=KO&tickers=IBM") as tab:
            assert min(tab.timers.values()) > PENDING_TICK
            assert len(tab.multiselects()) == 1
            tab.tick()
            assert len(tab.multiselects()) == 1


def test_a_link_with_too_many_tickers_has_only_so_many_watched(tmp_path: Path) -> None:
    with starting_apps(tmp_path) as start:
        app = start(STOCKTRACKER_MAX_TICKERS="3")
        with Session(app, "&".join(f"tickers={ticker}" for ticker in FIVE)):
            until(lambda: app.price("AAPL"), within=20)
            assert app.metric("watched_tickers") == 3
