"""The one thread that steps the poller, as long as the server runs, whatever hits it.

It beats at least every five seconds: what the board says of the last beat is how /healthz knows
whether anybody polls.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from typing import Protocol

from stocktracker.board import Board
from stocktracker.clock import Clock
from stocktracker.errors import StoreError

log = logging.getLogger(__name__)

IDLE = timedelta(seconds=5)  # between two steps, at most
MENDING = timedelta(seconds=5)  # after a fault of the store's
AFRESH = 3.0  # seconds after a fault of our own, so that polling goes on within five
STOP_WITHIN = 3.0  # seconds that stop() waits for the thread


class Steps(Protocol):
    def step(self) -> datetime | None:
        """Do what can be done now; when to come again, or None. Raises StoreError."""
        ...

    def finish(self) -> None:
        """There will be no other step."""
        ...


class Heart:
    """Starts, wakes and stops the thread. `wake` may be called from any."""

    def __init__(self, board: Board, clock: Clock, *, mending: timedelta = MENDING) -> None:
        """`mending`: how long after a fault of the store's it is looked at again."""
        self._mending = mending
        self._board = board
        self._clock = clock
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, steps: Steps) -> None:
        """Run in a thread of its own; once is enough."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(
                target=self._run, args=(steps,), name="stocktracker-poller", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Let the thread end; what is on its way is abandoned. Once is enough."""
        self._stopping.set()
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(STOP_WITHIN)
            if thread.is_alive():
                log.error("the poller did not stop within %s s", STOP_WITHIN)

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    def _run(self, steps: Steps) -> None:
        """Step until stopped. No fault of our own ends the thread, as nobody else polls."""
        faults = 0
        last: BaseException | None = None
        while not self._stopping.is_set():
            try:
                if last is not None:
                    self._mend(last, is_first=faults == 1)
                    last = None
                again = self._step(steps)
                faults = 0
                self._wait_until(again)
            except BaseException as fault:  # noqa: BLE001 told by _mend, as telling may fail too
                faults, last = faults + 1, fault
        steps.finish()

    def _mend(self, fault: BaseException, *, is_first: bool) -> None:
        """Let the heart stand still, which /healthz tells, until a step succeeds again."""
        try:
            self._board.publish_poll(heartbeat=None)
            if is_first:
                log.error("the poller failed and goes on", exc_info=fault)
        finally:
            self._stopping.wait(AFRESH)

    def _step(self, steps: Steps) -> datetime | None:
        try:
            return steps.step()
        except StoreError as fault:
            # The store's fault, not ours: the heart beats on.
            if self._board.read().poll.store_fault is None:
                log.error("%s No call is made until it can be.", fault.words)
            self._board.publish_poll(store_fault=fault.words, heartbeat=self._clock.now())
            return self._clock.now() + self._mending

    def _wait_until(self, again: datetime | None) -> None:
        """Until then, until the heartbeat is due, or until woken, whichever comes first."""
        wait = IDLE if again is None else min(again - self._clock.now(), IDLE)
        if wait > timedelta(0):
            self._wake.wait(wait.total_seconds())
        self._wake.clear()
