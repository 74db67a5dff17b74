"""Hears at once when another server has saved something. It wakes, and does nothing else.

Nobody relies on it: what is heard is looked up, and who hears nothing looks all the same, if later.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import closing

from stocktracker.fleet.connection import LINE_FAULTS
from stocktracker.fleet.redis_store import RedisStore

log = logging.getLogger(__name__)

AGAIN = 1.0  # seconds after a line was lost
LISTEN = 0.5  # seconds at a time, so that it ends soon when it is told to


class Listener:
    """A thread with a line of its own to Redis, taken up again however often it is lost."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._link = store.link
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, wake: Callable[[], None]) -> None:
        """Once is enough."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, args=(wake,), name="stocktracker-listener", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Let the thread end. Once is enough."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(LISTEN + AGAIN)

    def _run(self, wake: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                if not self._link.is_broken:
                    self._listen(wake)
            except LINE_FAULTS as fault:
                log.debug("the line to Redis is lost: %s", type(fault).__name__)
            self._stopping.wait(AGAIN)

    def _listen(self, wake: Callable[[], None]) -> None:
        mends = self._link.mends
        ours = self._store.name.encode()
        with closing(self._link.listening()) as line:
            line.subscribe(self._store.keys.saved)
            wake()  # for what was said while nobody listened
            # A line may be dead without a word; that Redis did not answer elsewhere tells of it.
            while not self._stopping.is_set() and self._link.mends == mends:
                if self._link.is_broken:
                    return
                message = line.get_message(timeout=LISTEN)
                if message is not None and message["data"].split()[-1:] != [ours]:
                    wake()
