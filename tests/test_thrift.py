"""Streamlit's own work for each run is done as often as there is need, and with the same result."""

from __future__ import annotations

import pytest
from streamlit import config
from streamlit.proto.NewSession_pb2 import CustomThemeConfig, NewSession
from streamlit.runtime import app_session
from streamlit.runtime.media_file_manager import MediaFileManager, MediaFileMetadata
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from stocktracker.screen.thrift import ORPHANS, SELDOM, THEME, be_thrifty
from tests.helpers import FakeClock
from tests.server import ROOT

CLOCK = FakeClock("2026-11-23T15:00")
STREAMLITS = getattr(app_session, THEME)
SWEEPS = getattr(MediaFileManager, ORPHANS)
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
    monkeypatch.setattr(app_session, THEME, STREAMLITS)
    monkeypatch.setattr(MediaFileManager, ORPHANS, SWEEPS)


def told() -> CustomThemeConfig:
    """The theme as Streamlit puts it together for a browser."""
    message = NewSession()
    for section, child in CHILDREN.items():
        getattr(app_session, THEME)(child(message.custom_theme), section)
    return message.custom_theme


def test_browsers_are_told_the_same_colours_every_time() -> None:
    before = told()
    assert before.light.sidebar.background_color
    assert THEME in be_thrifty(CLOCK)
    assert [told(), told()] == [before, before]


def test_a_section_without_options_stays_away() -> None:
    assert not told().HasField("sidebar")
    be_thrifty(CLOCK)
    assert not told().HasField("sidebar")


def test_streamlit_is_asked_once_a_section(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def populate(msg: CustomThemeConfig, section: str = "theme") -> None:
        asked.append(section)
        STREAMLITS(msg, section)

    monkeypatch.setattr(app_session, THEME, populate)
    assert THEME in be_thrifty(CLOCK)
    told()
    told()
    assert THEME in be_thrifty(CLOCK)
    told()
    assert asked == list(CHILDREN)


def test_a_streamlit_that_makes_it_otherwise_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def populate(msg: CustomThemeConfig, section: str, palette: str) -> None:
        raise AssertionError("nobody calls this")

    monkeypatch.setattr(app_session, THEME, populate)
    assert THEME not in be_thrifty(CLOCK)
    assert getattr(app_session, THEME) is populate
    monkeypatch.delattr(app_session, THEME)
    assert THEME not in be_thrifty(CLOCK)


def test_this_streamlit_is_one_that_is_known() -> None:
    assert be_thrifty(CLOCK) == [THEME, ORPHANS]
    assert be_thrifty(CLOCK) == [THEME, ORPHANS]


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
