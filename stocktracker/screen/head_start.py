"""A browser draws what comes first, as long as the rest comes a moment later.

What comes within a hundredth of a second it takes in together: a table, the list of tickers and the
code of both kept the first price from the screen for half a second. So a viewer's first run draws
what one has come for, waits a little, and then draws the rest. Where there is no price yet, the run
waits for one: that of who asks for it first is there in a fifth of a second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import streamlit as st

from stocktracker.screen.turns import aside

# What a slow browser takes for them.
FOR_PRICES = timedelta(milliseconds=400)
FOR_PAGE = timedelta(milliseconds=200)
PATIENCE = timedelta(milliseconds=600)  # for a first price
PACE = 0.02  # seconds between two looks whether it has come
IS_FIRST = "first run"


@contextmanager
def ahead() -> Iterator[None]:
    """Within it, what is drawn before each `give` comes first."""
    st.session_state[IS_FIRST] = True
    try:
        yield
    finally:
        st.session_state.pop(IS_FIRST, None)


def is_given() -> bool:
    """Whether what is drawn now comes before the rest."""
    return IS_FIRST in st.session_state


def wait_for(question: Callable[[], bool]) -> None:
    """Until the answer is yes. Where it stays no, nothing is worth a head start."""
    if not is_given() or question():
        return
    pace = threading.Event()
    with aside():
        for _ in range(round(PATIENCE.total_seconds() / PACE)):
            pace.wait(PACE)
            if question():
                return
    st.session_state.pop(IS_FIRST)


def give(time: timedelta) -> None:
    """The browser gets time for what has been drawn so far; nothing but in `ahead`."""
    if is_given():
        with aside():
            threading.Event().wait(time.total_seconds())
