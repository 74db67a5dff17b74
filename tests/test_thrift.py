"""Streamlit's own work for each run is done as often as there is need, and with the same result."""

from __future__ import annotations

import pytest
from streamlit import config
from streamlit.elements.widgets import multiselect
from streamlit.proto.NewSession_pb2 import CustomThemeConfig, NewSession
from streamlit.runtime import app_session
from streamlit.runtime.media_file_manager import MediaFileManager, MediaFileMetadata
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.testing.v1 import AppTest

from stocktracker.screen.thrift import (
    LABELS,
    LOOP,
    MANY,
    ORPHANS,
    SELDOM,
    THEME,
    WAKE,
    be_thrifty,
)
from tests.helpers import FakeClock
from tests.server import ROOT

CLOCK = FakeClock("2026-11-23T15:00")
PLACES = (THEME, ORPHANS, LABELS, LOOP, WAKE)
STREAMLITS = {place: getattr(place[0], place[1]) for place in PLACES}
POPULATE = THEME[1]
CHILDREN = {
    "theme": lambda theme: theme,
    "theme.light": lambda theme: theme.light,
    "theme.dark": lambda theme: theme.dark,
    "theme.sidebar": lambda theme: theme.sidebar,
    "theme.light.sidebar": lambda theme: theme.light.sidebar,
    "theme.dark.sidebar": lambda theme: theme.dark.sidebar,
}


@pytest.fixture(autouse=True)
def as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's own colours are read, and Streamlit's own functions are there again after."""
    monkeypatch.chdir(ROOT)
    config.get_config_options(force_reparse=True)
    for place, streamlits in STREAMLITS.items():
        monkeypatch.setattr(place[0], place[1], streamlits)


def told() -> CustomThemeConfig:
    """The theme as Streamlit puts it together for a browser."""
    message = NewSession()
    for section, child in CHILDREN.items():
        getattr(app_session, POPULATE)(child(message.custom_theme), section)
    return message.custom_theme


def test_browsers_are_told_the_same_colours_every_time() -> None:
    before = told()
    assert before.light.sidebar.background_color
    assert POPULATE in be_thrifty(CLOCK)
    assert [told(), told()] == [before, before]


def test_a_section_without_options_stays_away() -> None:
    assert not told().HasField("sidebar")
    be_thrifty(CLOCK)
    assert not told().HasField("sidebar")


def test_streamlit_is_asked_once_a_section(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def populate(msg: CustomThemeConfig, section: str = "theme") -> None:
        asked.append(section)
        STREAMLITS[THEME](msg, section)

    monkeypatch.setattr(app_session, POPULATE, populate)
    assert POPULATE in be_thrifty(CLOCK)
    told()
    told()
    assert POPULATE in be_thrifty(CLOCK)
    told()
    assert asked == list(CHILDREN)


def test_a_streamlit_that_makes_it_otherwise_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def populate(msg: CustomThemeConfig, section: str, palette: str) -> None:
        raise AssertionError("nobody calls this")

    monkeypatch.setattr(app_session, POPULATE, populate)
    assert POPULATE not in be_thrifty(CLOCK)
    assert getattr(app_session, POPULATE) is populate
    monkeypatch.delattr(app_session, POPULATE)
    assert POPULATE not in be_thrifty(CLOCK)


def test_this_streamlit_is_one_that_is_known() -> None:
    names = [name for _, name, _ in PLACES]
    assert be_thrifty(CLOCK) == names
    taken = [getattr(owner, name) for owner, name, _ in PLACES]
    assert be_thrifty(CLOCK) == names
    assert [getattr(owner, name) for owner, name, _ in PLACES] == taken


def test_files_that_nobody_refers_to_go_with_a_later_run() -> None:
    clock = FakeClock("2026-11-23T15:00")
    be_thrifty(clock)
    storage = MemoryMediaFileStorage("/media")
    files = MediaFileManager(storage)
    files.remove_orphaned_files()
    files._file_metadata["kept"] = files._file_metadata["gone"] = MediaFileMetadata()
    files._files_by_session_and_coord["a session"]["a place"] = "kept"
    clock.tick(SELDOM / 2)
    files.remove_orphaned_files()
    assert files._file_metadata.keys() == {"kept", "gone"}
    clock.tick(SELDOM / 2)
    files.remove_orphaned_files()
    assert files._file_metadata.keys() == {"kept"}


def test_all_who_choose_among_the_same_many_options_share_their_labels() -> None:
    be_thrifty(CLOCK)
    options = [f"T{number} · Ticker {number}" for number in range(MANY)]
    labels, places = multiselect.create_mappings(list(options))
    assert labels == options
    assert places == {label: place for place, label in enumerate(options)}
    again = multiselect.create_mappings(list(options))
    assert again[0] is labels
    assert again[1] is places


def test_who_has_chosen_what_is_not_listed_keeps_nobody_from_sharing() -> None:
    be_thrifty(CLOCK)
    listed = [f"T{number}" for number in range(MANY)]
    labels, _ = multiselect.create_mappings(list(listed))
    unlisted, _ = multiselect.create_mappings(["X", *listed])
    assert multiselect.create_mappings(list(listed))[0] is labels
    assert multiselect.create_mappings(["X", *listed])[0] is unlisted


@pytest.mark.parametrize(
    "others",
    [
        [f"U{number}" for number in range(MANY)],
        [f"T{number}" for number in range(MANY + 1)],
        [*(f"T{number}" for number in range(MANY - 1)), "another"],
        [f"T{number}" for number in reversed(range(MANY))],
        ["T1", "T2"],
        [],
    ],
)
def test_other_options_have_labels_of_their_own(others: list[str]) -> None:
    be_thrifty(CLOCK)
    multiselect.create_mappings([f"T{number}" for number in range(MANY)])
    assert multiselect.create_mappings(others) == STREAMLITS[LABELS](others)
    assert multiselect.create_mappings(others, str.lower) == STREAMLITS[LABELS](others, str.lower)


MULTISELECT = """
import streamlit as st

options = [f"T{number} · Ticker {number}" for number in range(1500)]
st.multiselect("Tickers", options, default=options[:1], accept_new_options=True)
"""


def test_a_multiselect_of_many_works_as_it_does_without() -> None:
    def chosen() -> list[list[str]]:
        app = AppTest.from_string(MULTISELECT).run()
        told = [app.multiselect[0].value]
        for label in ("T7 · Ticker 7", "T1499 · Ticker 1499"):
            app.multiselect[0].select(label).run()
            told.append(app.multiselect[0].value)
        return told

    before = chosen()
    be_thrifty(CLOCK)
    assert [chosen(), chosen()] == [before, before]
    assert before[-1] == ["T0 · Ticker 0", "T7 · Ticker 7", "T1499 · Ticker 1499"]
