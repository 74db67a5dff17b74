"""A few runs draw at the same time, and the others wait their turn.

Python runs one thread at a time. Where hundreds of runs want to at once, each gets its share and
none gets done, the server's own thread, which sends what they drew, least of all: at a thousand
viewers all stood still, with nothing answered. Those who wait here cost nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIDE_BY_SIDE = 4  # more than one, as a run may wait for a disk

_turns = threading.BoundedSemaphore(SIDE_BY_SIDE)
_held = threading.local()


@contextmanager
def turn() -> Iterator[None]:
    """Draw within it. A fragment within a run that has its turn is part of that."""
    if getattr(_held, "turn", False):
        yield
        return
    with _turns:
        _held.turn = True
        try:
            yield
        finally:
            _held.turn = False


@contextmanager
def aside() -> Iterator[None]:
    """Wait for something within it, and let others draw meanwhile."""
    if not getattr(_held, "turn", False):
        yield
        return
    _turns.release()
    try:
        yield
    finally:
        _turns.acquire()
