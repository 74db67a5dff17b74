"""What a process does that does not poll: it shows what the one that does has saved.

Looks once a second, sooner where it is woken, and loads only what has changed and is of use here.
Never writes records and never asks upstream.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from stocktracker.board import Board
from stocktracker.clock import Clock
from stocktracker.model import LISTING_WANT, Quote, Record, Want
from stocktracker.polling import bulletin
from stocktracker.polling.budget import Budget
from stocktracker.polling.knowledge import Knowledge
from stocktracker.polling.roster import Roster
from stocktracker.polling.wants import Wanted
from stocktracker.store import Store

log = logging.getLogger(__name__)

FOLLOW = timedelta(seconds=1)
# However often it is woken: a leader on a large plan saves many times a second.
LEAST = timedelta(milliseconds=100)


class Following:
    """Used by the poller's thread only."""

    def __init__(
        self,
        store: Store,
        board: Board,
        budget: Budget,
        *,
        roster: Roster,
        knowledge: Knowledge,
        clock: Clock,
    ) -> None:
        self._store = store
        self._board = board
        self._budget = budget
        self._roster = roster
        self._knowledge = knowledge
        self._clock = clock
        self._revision = -1
        self._looked_at = -FOLLOW
        self._learnt_at = -FOLLOW
        self._is_news = False  # in what is no record, and not read yet
        self._shows_more = False  # than what is wanted, and all of it may have changed
        self._told: Mapping[Want, Wanted] | None = None

    def rests(self) -> timedelta | None:
        """How long the last look is enough; None where it is time for another."""
        if not self._store.is_shared:
            return None
        left = LEAST - (self._clock.uptime().elapsed - self._looked_at)
        return left if left > timedelta(0) else None

    def look(self, now: datetime) -> None:
        """Tell what is wanted here, and show what the other has saved. Raises StoreError."""
        self._looked_at = self._clock.uptime().elapsed
        self._roster.share(now)
        self.catch_up()
        if self._store.is_shared:
            self._show_wants()
        else:
            self._board.publish_poll(who="another process")
        self._board.publish_poll(
            heartbeat=now,
            leads=False,
            ledger=self._budget.load_ledger(),
            usage=self._knowledge.usage,
        )

    def catch_up(self) -> None:
        """Show what has been saved since the last look. Raises StoreError."""
        revision = self._store.revision()
        if revision != self._revision:
            changed = self._store.changed_since(self._revision)
            records = self._store.load_many(self._chosen(changed))
            self._board.publish(self._not_older(records))
            self._revision, self._is_news, self._shows_more = revision, True, False
        up = self._clock.uptime().elapsed
        if self._is_news and (not self._store.is_shared or up - self._learnt_at >= FOLLOW):
            self._learnt_at = up
            self._knowledge.load(self._store)
            if self._store.is_shared:
                self._read_bulletin()
            self._is_news = False

    def start_over(self) -> None:
        """Whatever is shown here may be another thing in the store."""
        self._revision, self._shows_more = -1, self._store.is_shared

    def _chosen(self, changed: Collection[Want] | None) -> Iterable[Want]:
        wanted = dict.fromkeys((*self._roster.viewers(), LISTING_WANT))
        board = self._board.read()
        if changed is not None:
            return [want for want in changed if want in wanted or board.knows(want)]
        if self._shows_more:
            wanted |= dict.fromkeys(record.want for record in board.records())
        return wanted

    def _not_older(self, records: Iterable[Record]) -> list[Record]:
        """Without quotes older than what is shown: a store may have gone back to what it was."""
        shown = self._board.read().quotes

        def is_older(record: Record) -> bool:
            quote, known = record.data, shown.get(record.ticker)
            return (
                isinstance(quote, Quote)
                and known is not None
                and (quote.trading_day, quote.as_of) < (known.trading_day, known.as_of)
            )

        return [record for record in records if not is_older(record)]

    def _read_bulletin(self) -> None:
        content = self._store.load_document(bulletin.DOCUMENT)
        if content is None:
            return
        try:
            told = bulletin.from_document(content)
        except (KeyError, ValueError, TypeError, AttributeError):
            log.debug("what the polling process tells is of another version")
            return
        self._board.publish_poll(**told)

    def _show_wants(self) -> None:
        wants = self._roster.union(self._board.read().listing)
        if wants is not self._told:
            self._told = wants
            self._board.publish_poll(**shown_wants(wants))


def shown_wants(wants: Mapping[Want, Wanted]) -> dict[str, object]:
    """What the board tells of who wants what."""
    return {
        "viewers": {want: wanted.viewers for want, wanted in wants.items() if wanted.viewers},
        "operators": tuple(
            want.ticker
            for want, wanted in wants.items()
            if not wanted.viewers and want != LISTING_WANT
        ),
    }
