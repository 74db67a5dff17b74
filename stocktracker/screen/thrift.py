"""What Streamlit does anew for every run, ticks included, done as often as there is need.

With hundreds of viewers this is half of the server's work, and none of it is for anybody:

- the colours for the browser: Streamlit 1.67 looks six times through all its options and spells
  each anew, for a message that never changes while a server runs;
- files that nobody refers to any more: after each run it looks through those of all sessions;
- the labels of a multiselect's options: it spells and numbers all thirteen thousand of the listing
  anew for each whole run, and each session keeps half a megabyte of the same;
- who has something to send: it asks all sessions, and is woken for each message (`outgoing.py`).

A Streamlit that does these in another way is left alone, and only costs more.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from streamlit.elements.widgets import multiselect
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import Runtime, app_session, media_file_manager

from stocktracker.clock import Clock
from stocktracker.screen import outgoing

SELDOM = timedelta(seconds=2)  # files of a run that is over may stay so much longer
MANY = 1000  # options whose labels are worth keeping
KEPT = 8  # lists of such options
OURS = "_stocktracker_instead_of"  # on what has taken the place of something

# What is replaced: where it is, its name and its parameters.
Place = tuple[Any, str, str]
THEME: Place = (app_session, "_populate_theme_msg", "msg section")
ORPHANS: Place = (media_file_manager.MediaFileManager, "remove_orphaned_files", "self")
LABELS: Place = (multiselect, "create_mappings", "options format_func")
LOOP: Place = (Runtime, "_loop_coroutine", "self")
WAKE: Place = (Runtime, "_enqueued_some_message", "self")


def be_thrifty(clock: Clock) -> list[str]:
    """Take the place of what is known; once a process is enough. What could be taken, by name."""
    instead: dict[Place, Callable[[Any], Any]] = {
        THEME: Remembering,
        ORPHANS: partial(seldom, clock=clock),
        LABELS: shared,
        LOOP: outgoing.among_few,
        WAKE: outgoing.once,
    }
    return [place[1] for place, make in instead.items() if _replace(place, make)]


def _replace(place: Place, make: Callable[[Any], Any]) -> bool:
    """Whether there is now what `make` makes of what was there."""
    owner, name, parameters = place
    found = getattr(owner, name, None)
    if hasattr(found, OURS):
        return True
    if found is None or list(inspect.signature(found).parameters) != parameters.split():
        return False
    made = make(found)
    setattr(made, OURS, found)
    setattr(owner, name, made)
    return True


class Remembering:
    """In the place of the function that fills in `msg` from the options of a section."""

    def __init__(self, populate: Callable[..., None]) -> None:
        self._populate = populate
        self._made: dict[str, CustomThemeConfig | None] = {}

    def __call__(self, msg: CustomThemeConfig, section: str = "theme") -> None:
        if section not in self._made:
            made = CustomThemeConfig()
            self._populate(made, section)
            # To merge nothing would say that the section is there.
            self._made[section] = made if made.ByteSize() else None
        told = self._made[section]
        if told is not None:
            msg.MergeFrom(told)


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

    return sweep_seldom


Mappings = tuple[list[str], dict[str, int]]


def shared(make: Callable[..., Mappings]) -> Callable[..., Mappings]:
    """`make(options, format_func)`, the labels and where each stands, which nobody changes: one of
    each for all who have the same options, where those are many strings.

    Of the last KEPT: who has chosen what is not listed is offered that too.
    """
    held: list[tuple[Sequence[object], Mappings]] = []

    def make_or_share(options: Sequence[object], format_func: Callable[[Any], str] = str) -> Any:
        if format_func is not str or len(options) < MANY:
            return make(options, format_func)
        for kept, mappings in held:
            if kept == options:
                return mappings
        mappings = make(options, format_func)
        held[:] = [(options, mappings), *held[: KEPT - 1]]
        return mappings

    return make_or_share
