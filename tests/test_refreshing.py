"""How often pages look for news: as often as there can be any, and never in two timers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from stocktracker.screen.refresh import pending_tick
from tests.server import App, Session, simulating, starting_apps, until

PAGES = ("", "history", "compare", "company", "market", "status")


def settled(tab: Session) -> float:
    """Tick until nothing is awaited any more; the one timer's seconds."""

    def is_settled() -> bool:
        tab.tick()
        return set(tab.timers.values()) - {1.0, 2.0} != set()

    until(is_settled, within=30, what="a page that has what it waits for")
    (seconds,) = tab.timers.values()
    return seconds


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with starting_apps(tmp_path_factory.mktemp("live")) as start:
        yield start()


@pytest.mark.parametrize("page", PAGES)
def test_where_prices_move_each_page_looks_every_five_seconds_in_one_timer(
    live: App, page: str
) -> None:
    with Session(live, "tickers=KO", page=page) as tab:
        assert settled(tab) == 5.0


def test_the_closes_of_an_end_of_day_plan_are_looked_at_once_a_minute(tmp_path: Path) -> None:
    with (
        simulating("free") as upstream,
        starting_apps(tmp_path) as start,
        Session(start(**upstream.settings), "tickers=KO") as tab,
    ):
        assert settled(tab) == 60.0


def test_quotes_that_come_seldom_are_looked_for_seldom(tmp_path: Path) -> None:
    """A quarter of the interval, and at the most half a minute."""
    with starting_apps(tmp_path) as start:
        for seconds, expected in (("60", 15.0), ("3600", 30.0)):
            app = start(store=f"store{seconds}", STOCKTRACKER_REFRESH_SECONDS=seconds)
            with Session(app, "tickers=KO") as tab:
                assert settled(tab) == expected


def test_a_paused_page_renews_its_lease_and_draws_nothing_anew(live: App) -> None:
    with Session(live, "tickers=KO") as tab:
        settled(tab)
        name = next(text for text in tab.widget_ids() if text.endswith("-pause"))
        tab.rerun(WidgetState(id=name, bool_value=True))
        assert set(tab.timers.values()) == {60.0}
        tab.received.clear()
        tab.tick()
        assert tab.says("updated"), "the strip"
        assert not tab.says("quotes"), "the table"
        assert live.metric("viewers") == 1


@pytest.mark.parametrize(
    ("waited", "seconds"), [(0, 1), (5.9, 1), (6, 2), (17.9, 2), (18, 5), (600, 5)]
)
def test_what_is_awaited_is_looked_for_ever_more_seldom(waited: float, seconds: int) -> None:
    assert pending_tick(timedelta(seconds=waited)) == seconds
