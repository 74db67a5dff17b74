"""What Streamlit does anew for every run, ticks included, done as often as there is need.

With hundreds of viewers this is half of the server's work, and none of it is for anybody:

- the colours for the browser: Streamlit 1.67 looks six times through all its options and spells
  each anew, for a message that never changes while a server runs;
- files that nobody refers to any more: after each run it looks through those of all sessions.

A Streamlit that does these in another way is left alone, and only costs more.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, MutableMapping
from datetime import timedelta
from typing import Any

from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session, media_file_manager

from stocktracker.clock import Clock

THEME = "_populate_theme_msg"
ORPHANS = "remove_orphaned_files"
SELDOM = timedelta(seconds=2)  # files of a run that is over may stay so much longer


def be_thrifty(clock: Clock) -> list[str]:
    """Take the place of what is known; once a process is enough. What could be taken, by name."""
    manager = media_file_manager.MediaFileManager
    taken = []
    if _takes(app_session, THEME, ["msg", "section"]):
        populate = getattr(app_session, THEME)
        if not isinstance(populate, Remembering):
            setattr(app_session, THEME, Remembering(populate))
        taken.append(THEME)
    if _takes(manager, ORPHANS, ["self"]):
        remove = getattr(manager, ORPHANS)
        if not hasattr(remove, "seldom"):
            setattr(manager, ORPHANS, seldom(remove, clock))
        taken.append(ORPHANS)
    return taken


def _takes(owner: object, name: str, parameters: list[str]) -> bool:
    found = getattr(owner, name, None)
    return found is not None and list(inspect.signature(found).parameters) == parameters


class Remembering:
    """In the place of the function that fills in `msg` from the options of a section."""

    def __init__(self, populate: Callable[..., None]) -> None:
        self._populate = populate
        self._made: MutableMapping[str, CustomThemeConfig] = {}

    def __call__(self, msg: CustomThemeConfig, section: str = "theme") -> None:
        made = self._made.get(section)
        if made is None:
            made = CustomThemeConfig()
            self._populate(made, section)
            self._made[section] = made
        if made.ByteSize():  # to merge nothing would say that the section is there
            msg.MergeFrom(made)


def seldom(sweep: Callable[[Any], None], clock: Clock) -> Callable[[Any], None]:
    """`sweep`, but not again before SELDOM is over: whoever runs next sweeps for all."""
    lock = threading.Lock()
    swept_at: list[timedelta] = []

    def sweep_seldom(self: Any) -> None:
        up = clock.uptime().elapsed
        with lock:
            if swept_at and up - swept_at[0] < SELDOM:
                return
            swept_at[:] = [up]
        sweep(self)

    sweep_seldom.seldom = True  # type: ignore[attr-defined]
    return sweep_seldom
