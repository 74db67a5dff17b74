"""Python looks through all objects by the clock, and what holds only itself still goes."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from datetime import timedelta

import pytest

from stocktracker.clock import SystemClock
from stocktracker.garbage import LEAST, NEVER, look_now_and_then, pause_after


class Loop:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


class Twice(threading.Event):
    """Lets a loop go round twice without anybody waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout)
        return len(self.waited) > 2


def test_it_takes_no_more_than_a_thousandth_of_the_time_and_comes_once_a_minute_at_most() -> None:
    assert pause_after(timedelta(milliseconds=20)) == LEAST
    assert pause_after(timedelta(seconds=1)) == timedelta(seconds=1000)


def test_what_holds_only_itself_is_found() -> None:
    gc.collect()
    loop = Loop()
    gc.collect()  # it is old now, and no look at the young finds it
    gone = weakref.ref(loop)
    del loop
    closing = Twice()
    look_now_and_then(SystemClock(), closing)
    assert gone() is None
    assert closing.waited[0] == LEAST.total_seconds()
    assert gc.get_threshold()[2] == NEVER
