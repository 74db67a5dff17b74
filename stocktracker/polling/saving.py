"""What is not in the store yet, and when it gets there.

What cost a call that is scarce, failed, or taught something is saved at once. Live quotes come by
the thousand and are replaced within seconds: those of a cycle go together, in one transaction. A
kill may lose these, and nothing else. Where several machines share the store, all is saved at
once, as others show what is in it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta

from stocktracker.board import Board
from stocktracker.clock import Clock
from stocktracker.errors import LostLead, StoreError
from stocktracker.model import Feed, Outcome, Record, Want
from stocktracker.plans import Liveness
from stocktracker.polling.knowledge import USAGE, Knowledge
from stocktracker.store import Store

log = logging.getLogger(__name__)

LOOK = timedelta(minutes=1)  # between two looks at the size
LOOK_SHARED = timedelta(
    seconds=1
)  # at a size that is known, and at whether all have told their calls
AGAIN = timedelta(seconds=5)  # after the store could not be written


class Saving:
    """Used by the poller's thread only."""

    def __init__(self, store: Store, board: Board, knowledge: Knowledge, clock: Clock) -> None:
        self._store = store
        self._board = board
        self._knowledge = knowledge
        self._clock = clock
        self._held: dict[Want, Record] = {}
        self._held_since: timedelta | None = None
        self._proved_at = -AGAIN
        self._looked_at = -LOOK

    def tend(self) -> bool:
        """Look after the store; True where it was made anew. Raises StoreError.

        A fault that is shown ends with the first write that succeeds, even where there is nothing
        to save.
        """
        anew = self._store.tend()
        self._look_at_size()
        up = self._clock.uptime().elapsed
        faulty = self._board.read().poll.store_fault is not None
        if faulty and self._held_since is None and (anew or up - self._proved_at >= AGAIN):
            self._proved_at = up
            self._store.prove()
            self._is_well()
        return anew

    def _look_at_size(self) -> None:
        up = self._clock.uptime().elapsed
        if up - self._looked_at < (LOOK_SHARED if self._store.is_shared else LOOK):
            return
        self._looked_at = up
        remark = self._store.remark()
        if remark != self._board.read().poll.store_remark:
            if remark is not None:
                log.warning("%s", remark)
            self._board.publish_poll(store_remark=remark)

    def take_everything(self) -> None:
        """Save all that is in memory, into a store that was made anew."""
        self._knowledge.forget_saved()
        self.take({record.want: record for record in self._board.read().records()}, counted=True)

    def take(self, records: Mapping[Want, Record], *, counted: bool) -> None:
        """Save these, or hold them back. `counted`: the plan's calls are counted by the day."""
        self._held |= records
        if self._held_since is None:
            self._held_since = self._clock.uptime().elapsed
        learnt = bool(self._knowledge.changed_documents().keys() - {USAGE})
        at_once = counted or learnt or self._store.is_shared
        if at_once or any(not self._can_wait(record) for record in records.values()):
            self.save()

    def let_go(self) -> None:
        """Save none of what is held back: another process polls, and has newer things."""
        self._held, self._held_since = {}, None
        self._knowledge.saved()

    def _can_wait(self, record: Record) -> bool:
        now, attempt = self._clock.now(), record.attempt
        return (
            record.feed is Feed.QUOTE
            and (attempt is None or attempt.outcome is not Outcome.FAILED)
            and self._knowledge.rights.quote_liveness(now) is not Liveness.END_OF_DAY
        )

    def left(self) -> timedelta | None:
        """How long what is held back may still wait; None where nothing is."""
        if self._held_since is None:
            return None
        waited = self._clock.uptime().elapsed - self._held_since
        return max(self._knowledge.refresh - waited, timedelta(0))

    def save(self) -> None:
        """Save all of it. What cannot be is kept in memory, and tried again soon."""
        if self._held_since is None:
            return
        try:
            self._store.save(self._held.values(), self._knowledge.changed_documents())
        except LostLead:
            raise
        except StoreError as fault:
            self._held_since = self._clock.uptime().elapsed - self._knowledge.refresh + AGAIN
            if self._board.read().poll.store_fault is None:
                log.error("%s Nothing is lost while this process runs.", fault.words)
            self._board.publish_poll(store_fault=fault.words)
            return
        self._held, self._held_since = {}, None
        self._knowledge.saved()
        self._is_well()

    def _is_well(self) -> None:
        if self._board.read().poll.store_fault is not None:
            log.info("the store can be written again")
            self._board.publish_poll(store_fault=None)
