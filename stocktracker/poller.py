"""The one thread that calls upstream: plan → spend → fetch → save → publish.

It decides nothing about what to ask (planner.py) and nothing about what a reply means for the
records (outcome.py); it keeps the order, and that nothing is sent before it is paid for. Nothing
here imports streamlit.
"""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from stocktracker.board import Board
from stocktracker.budget import Budget
from stocktracker.cache import Store
from stocktracker.clock import Clock
from stocktracker.due import Known
from stocktracker.errors import BudgetSpent, FetchError, StoreError, UnreadableReply
from stocktracker.knowledge import Knowledge
from stocktracker.model import LISTING_WANT, Call, Feed, Fetched, Record, Want
from stocktracker.outcome import Reply, digest
from stocktracker.planner import Allowed, Plan, make_plan
from stocktracker.plans import DAY, Liveness
from stocktracker.roster import Roster
from stocktracker.wants import Wanted

log = logging.getLogger(__name__)

IDLE = timedelta(seconds=5)  # the heartbeat's longest interval
FOLLOW = timedelta(seconds=1)
MENDING = timedelta(seconds=5)  # after a fault of our own
DAYS = (Feed.QUOTE, Feed.DAILY)
STOP_WITHIN = 3.0  # seconds that stop() waits for the thread


class Fetches(Protocol):
    liveness: Liveness

    def fetch(self, call: Call) -> Fetched:
        """One request. Raises FetchError."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """A call that is on its way."""

    call: Call
    probe: bool
    sent_at: timedelta
    future: Future[Fetched]


class Poller:
    """Polls for everybody who shares the store, as long as no other process does."""

    def __init__(
        self,
        fetcher: Fetches,
        budget: Budget,
        store: Store,
        board: Board,
        *,
        roster: Roster,
        knowledge: Knowledge,
        clock: Clock,
        executor: Executor,
        side_by_side: int,
    ) -> None:
        self._fetcher = fetcher
        self._budget = budget
        self._store = store
        self._board = board
        self._roster = roster
        self._knowledge = knowledge
        self._clock = clock
        self._executor = executor
        self._side_by_side = side_by_side
        self._who = f"{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._leads = False
        self._revision = -1
        self._sent: list[Sent] = []
        self._unsaved: dict[Want, Record] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Run in a thread of its own; once is enough."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(
                target=self._run, name="stocktracker-poller", daemon=True
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
        """Somebody wants something new."""
        self._wake.set()

    def step(self) -> datetime | None:
        """Do what can be done now; return when to come again, None for when somebody wakes us.

        Order: lead or follow → take in replies → plan → spend → send → save → publish. With an
        executor that runs at once, replies are taken in within the same step.
        """
        now = self._clock.now()
        if not self._lead_or_follow(now):
            return now + FOLLOW
        self._take_in_replies()
        wants = self._roster.union()
        self._adopt(wants)
        plan = self._plan(wants)
        self._publish_poll(plan, wants)
        for call in plan.calls:
            if not self._send(call):
                break
        if plan.calls:
            # Before the replies are shown: what they cost is never news after them.
            self._board.publish_poll(ledger=self._budget.load_ledger())
        if self._take_in_replies():
            return self._clock.now()
        return plan.wake_at

    def _plan(self, wants: Mapping[Want, Wanted]) -> Plan:
        now = self._clock.now()
        allowance = self._budget.allowance()
        knowledge = self._knowledge
        # What upstream has refused once must not be asked for along with something else.
        self._fetcher.liveness = knowledge.rights.quote_liveness(now)
        known = Known(
            now=now,
            board=self._board.read(),
            rights=knowledge.rights,
            refresh=knowledge.refresh,
            always=knowledge.always,
            publications=knowledge.publications,
            may_explore=knowledge.usage.may_explore(now),
            counted=allowance.left_within(DAY) is not None,
        )
        allowed = Allowed(
            possible=min(allowance.possible, self._side_by_side - len(self._sent)),
            next_at=allowance.next_at,
            left_today=allowance.left_within(DAY),
            limits=self._budget.limits,
            returns=allowance.returns,
            halted=knowledge.halted is not None,
            outage_until=knowledge.outage.until,
        )
        in_flight = frozenset(want for sent in self._sent for want in sent.call.wants)
        return make_plan(known, wants, allowed, in_flight)

    def _send(self, call: Call) -> bool:
        """Take the call from the budget, then make it. False: none is left after all."""
        try:
            probe = self._budget.spend()
        except BudgetSpent:
            return False
        sent_at = self._clock.uptime().elapsed
        log.debug("asking for %s of %s: %s", call.feed, ", ".join(call.tickers), call.reason)
        future = self._executor.submit(self._fetcher.fetch, call)
        self._sent.append(Sent(call, probe, sent_at, future))
        future.add_done_callback(lambda _done: self._wake.set())
        return True

    def _take_in_replies(self) -> bool:
        """Save and publish what has come in, in one transaction. True where something has."""
        done = [sent for sent in self._sent if sent.future.done()]
        if not done and not self._unsaved:
            return False
        self._sent = [sent for sent in self._sent if sent not in done]
        records: dict[Want, Record] = {}
        for sent in done:
            result = _result_of(sent.future)
            reply = Reply(sent.call, sent.sent_at, self._clock.now(), result, sent.probe)
            for record in digest(reply, self._board.read(), self._knowledge, self._budget):
                records[record.want] = record
            self._board.publish(records.values(), wanted=self._roster.known())
        self._save(records)
        return True

    def _save(self, records: Mapping[Want, Record]) -> None:
        """What cannot be saved is kept in memory and tried again with the next reply."""
        pending = {**self._unsaved, **records}
        try:
            self._store.save(pending.values(), self._knowledge.changed_documents())
        except StoreError as fault:
            self._unsaved = pending
            if self._board.read().poll.store_fault is None:
                log.error("%s Nothing is lost while this process runs.", fault.words)
            self._board.publish_poll(store_fault=fault.words)
            return
        self._unsaved = {}
        self._knowledge.saved()
        if self._board.read().poll.store_fault is not None:
            log.info("the store can be written again")
            self._board.publish_poll(store_fault=None)

    def _adopt(self, wants: Collection[Want]) -> None:
        """Show what the store has of what is newly wanted, before asking anybody for it."""
        board = self._board.read()
        # A quote may be made of daily bars, which must then not be asked for as if there were none.
        daily = [Want(Feed.DAILY, want.ticker) for want in wants if want.feed is Feed.QUOTE]
        # And what is known of splits, before a jump of the bars is taken for one.
        splits = [Want(Feed.SPLITS, want.ticker) for want in (*wants, *daily) if want.feed in DAYS]
        looked_at = (*wants, *daily, *dict.fromkeys(splits), LISTING_WANT)
        unknown = [want for want in looked_at if not board.knows(want)]
        unseen = self._roster.unseen(unknown)
        found = [self._store.load(want.feed, want.ticker) for want in unseen]
        self._roster.saw(unseen)
        self._board.adopt(record for record in found if record is not None)

    def _lead_or_follow(self, now: datetime) -> bool:
        """Whether this process polls. One that does not shows what the other has saved."""
        if self._leads:
            self._roster.share(now)
            return True
        self._leads = self._store.lead()
        if self._leads:
            log.info("polling as %s", self._who)
            self._knowledge.load(self._store)
            self._board.publish_poll(leads=True, who=self._who, since=now)
            self._roster.share(now)
            return True
        self._roster.share(now)
        revision = self._store.revision()
        if revision != self._revision:
            self._revision = revision
            self._knowledge.load(self._store)
            wants = (*self._roster.union(), LISTING_WANT)
            found = [self._store.load(want.feed, want.ticker) for want in wants]
            self._board.publish(record for record in found if record is not None)
        self._board.publish_poll(
            heartbeat=now,
            leads=False,
            who="another process",
            ledger=self._budget.load_ledger(),
            usage=self._knowledge.usage,
        )
        return False

    def _publish_poll(self, plan: Plan, wants: Mapping[Want, Wanted]) -> None:
        knowledge = self._knowledge
        self._board.publish_poll(
            heartbeat=self._clock.now(),
            halted=knowledge.halted,
            outage_since=knowledge.outage.since,
            due=plan.due,
            viewers={want: wanted.viewers for want, wanted in wants.items()},
            forecast=plan.forecast,
            ledger=self._budget.load_ledger(),
            usage=knowledge.usage,
            refused={str(what): at for what, at in knowledge.rights.refused.items()},
        )

    def _run(self) -> None:
        """Step until stopped. A fault of our own is logged once and does not end the polling."""
        faults = 0
        while not self._stopping.is_set():
            try:
                again = self.step()
                faults = 0
            except Exception as fault:
                faults += 1
                if faults == 1:
                    log.exception("the poller failed and goes on")
                again = self._clock.now() + MENDING
                if isinstance(fault, StoreError):
                    self._board.publish_poll(store_fault=fault.words)
            self._wait_until(again)
        _quietly(self._store.release_thread)

    def _wait_until(self, again: datetime | None) -> None:
        """Until then, until the heartbeat is due, or until woken, whichever comes first."""
        wait = IDLE if again is None else min(again - self._clock.now(), IDLE)
        if wait > timedelta(0):
            self._wake.wait(wait.total_seconds())
        self._wake.clear()


def _result_of(
    future: Future[Fetched],
) -> Fetched | FetchError:
    fault = future.exception()
    if fault is None:
        return future.result()
    if isinstance(fault, FetchError):
        return fault
    # A fault of our own must not be asked for again at once: that would burn the budget.
    log.error("a call failed in our own code", exc_info=fault)
    return UnreadableReply(why=f"our own fault, {type(fault).__name__}")


def _quietly(action: Callable[[], None]) -> None:
    try:
        action()
    except StoreError as fault:
        log.warning("%s", fault.words)
