"""What calls upstream, step by step: plan → spend → fetch → save → publish.

It decides nothing about what to ask (planner.py) and nothing about what a reply means for the
records (outcome.py); it keeps the order, and that nothing is sent before it is paid for. Nothing
here imports streamlit.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Protocol

from stocktracker.board import Board
from stocktracker.clock import Clock
from stocktracker.errors import BudgetSpent, LostLead, StoreError, Unreachable
from stocktracker.model import LISTING_WANT, Call, Feed, Fetched, Record, Ticker, Want
from stocktracker.plans import DAY, Liveness
from stocktracker.polling import bulletin, pace, shares
from stocktracker.polling.agenda import Agenda
from stocktracker.polling.arrivals import Arrivals
from stocktracker.polling.budget import Budget
from stocktracker.polling.bulletin import Bulletin
from stocktracker.polling.due import Known
from stocktracker.polling.following import FOLLOW, Following, shown_wants
from stocktracker.polling.heart import IDLE
from stocktracker.polling.knowledge import Knowledge
from stocktracker.polling.ledger import Ledger
from stocktracker.polling.outcome import Reply, digest
from stocktracker.polling.pace import KEPT, Latency
from stocktracker.polling.planner import Allowed, Plan, make_plan
from stocktracker.polling.roster import Roster
from stocktracker.polling.saving import Saving
from stocktracker.polling.sent import Sent, result_of
from stocktracker.polling.shares import Shares
from stocktracker.polling.wants import Wanted
from stocktracker.store import LEAD_AGAIN, Store

log = logging.getLogger(__name__)

DAYS = (Feed.QUOTE, Feed.DAILY)
# Where nothing is asked for as long as this, a round over what is watched is through.
PAUSE = timedelta(seconds=1)


class Fetches(Protocol):
    liveness: Liveness

    def fetch(self, call: Call) -> Fetched:
        """One request. Raises FetchError."""
        ...


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
        guard: Shares | None = None,
        wake: Callable[[], None] = lambda: None,
        who: str | None = None,
    ) -> None:
        self._fetcher = fetcher
        self._budget = budget
        self._store = store
        self._board = board
        self._roster = roster
        self._knowledge = knowledge
        self._clock = clock
        self._executor = executor
        self._side_by_side = side_by_side  # at most; as many as latency asks for
        self._who = who or f"{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._leads = False
        self._lead_from = timedelta(0)
        self._led_until = -IDLE
        self._is_anew = False  # the store, and nobody has saved into it what was in memory
        self._sent: list[Sent] = []
        self._saving = Saving(store, board, knowledge, clock)
        self._following = Following(
            store, board, budget, roster=roster, knowledge=knowledge, clock=clock
        )
        self._bulletin = Bulletin()
        self._agenda = Agenda()
        self._shares = guard or Shares()
        self._latency = Latency()
        self._answered: tuple[timedelta, ...] = ()
        self._slot: timedelta | None = None
        self._adopted: tuple[Mapping[Want, Wanted] | None, Liveness | None] = (None, None)
        self._told: Mapping[Want, Wanted] | None = None
        self._wake = wake  # called from another thread, where a reply has come in

    def step(self) -> datetime | None:
        """Do what can be done now; return when to come again, None for when somebody wakes us.

        Order: lead or follow → take in replies → plan → spend → send → save → publish. With an
        executor that runs at once, replies are taken in within the same step.
        """
        try:
            return self._step()
        except LostLead as lost:
            self._let_go(lost)
            return self._clock.now()

    def _step(self) -> datetime | None:
        now = self._clock.now()
        rests = None if self._leads else self._following.rests()
        if rests is not None:
            return now + rests
        if self._saving.tend():
            up = self._clock.uptime().elapsed
            if not self._leads and up - self._led_until > FOLLOW:
                # Whoever did has calls in memory that we may not know of.
                self._lead_from = up + IDLE + FOLLOW
            self._leads, self._is_anew = False, True
            self._following.start_over()
        if not self._lead_or_follow(now):
            return now + FOLLOW
        self._take_in_replies()
        listing = self._board.read().listing
        wants = self._roster.union(listing)
        self._adopt(wants)
        wants = self._follow(wants, self._roster.operators(listing), now)
        ledger = self._budget.load_ledger()
        plan = self._plan(wants, ledger)
        self._publish_poll(plan, wants, ledger)
        self._tell_followers()
        again = plan.wake_at
        if self._send(plan.calls, plan.apart):
            # Before the replies are shown: what they cost is never news after them.
            self._board.publish_poll(ledger=self._budget.load_ledger())
        elif plan.calls:
            again = self._clock.now() + PAUSE
        if self._take_in_replies():
            again = self._clock.now()
        again = self._save_in_time(again, plan.wake_at)
        if self._store.is_shared:
            again = min(again or now + LEAD_AGAIN, now + LEAD_AGAIN)
        return again

    def _let_go(self, lost: LostLead) -> None:
        """Another process polls: what is on its way and what is unsaved is not ours any more."""
        log.warning("%s What is shown here is what it saves.", lost.words)
        self._leads, self._sent = False, []
        self._led_until = self._clock.uptime().elapsed
        self._saving.let_go()
        self._following.start_over()
        self._board.publish_poll(leads=False)

    def _tell_followers(self) -> None:
        if not self._store.is_shared:
            return
        news = self._bulletin.news(self._board.read().poll, self._clock.uptime().elapsed)
        if news is not None:
            self._store.save([], {bulletin.DOCUMENT: news})

    def finish(self) -> None:
        """Save what is held back: nobody steps any more."""
        _quietly(self._saving.save)
        _quietly(self._store.release_thread)

    def _follow(
        self, wants: Mapping[Want, Wanted], operators: Collection[Ticker], now: datetime
    ) -> Mapping[Want, Wanted]:
        """What is followed of the wants; a share is written down before it is spent."""
        followed = self._shares.follow(wants, operators, self._board.read(), now)
        changed = self._shares.changed_document()
        if changed is not None:
            self._store.save([], {shares.DOCUMENT: changed})  # refused where another one leads
            self._shares.saved()
        return followed

    def _plan(self, wants: Mapping[Want, Wanted], ledger: Ledger) -> Plan:
        now = self._clock.now()
        allowance = self._budget.describe(ledger)
        knowledge, limits = self._knowledge, self._budget.limits
        # What upstream has refused once must not be asked for along with something else.
        self._fetcher.liveness = knowledge.rights.quote_liveness(now)
        self._agenda.touch(self._board.take_changes())
        known = Known(
            now=now,
            board=self._board.read(),
            rights=knowledge.rights,
            refresh=knowledge.refresh,
            always=knowledge.always,
            publications=knowledge.publications,
            may_explore=knowledge.usage.may_explore(now),
            counted=self._is_counted,
        )
        side_by_side = min(pace.side_by_side(limits, self._latency), self._side_by_side)
        shorter = [limit for limit in limits if limit.period < DAY]
        longest = max(shorter, key=lambda limit: limit.period, default=None)
        up = self._clock.uptime().elapsed
        arrivals = Arrivals(
            on_their_way=tuple(sent.taken_at for sent in self._sent),
            answered=self._answered,
            shortest=self._latency.shortest,
            spread=self._latency.spread,
        )
        room = min(arrivals.possible(limit, up) for limit in limits)
        room_at = max(arrivals.next_at(limit, up) for limit in limits)
        allowed = Allowed(
            possible=max(min(allowance.possible, side_by_side - len(self._sent), room), 0),
            next_at=max(allowance.next_at, now + (room_at - up)),
            left_today=allowance.left_within(DAY),
            limits=limits,
            returns=allowance.returns,
            halted=knowledge.halted is not None,
            outage_until=knowledge.outage.until,
            left=None if longest is None else allowance.left_within(longest.period),
            slot=None if self._slot is None else now + (self._slot - up),
        )
        in_flight = frozenset[Want]().union(*(sent.wants for sent in self._sent))
        return make_plan(known, wants, allowed, in_flight, self._agenda)

    @property
    def _is_counted(self) -> bool:
        return any(limit.period == DAY for limit in self._budget.limits)

    def _send(self, calls: Sequence[Call], apart: timedelta | None) -> bool:
        """Take the calls from the budget, all in one transaction, then make them.

        False: there is none, or fewer are left after all.
        """
        up = self._clock.uptime().elapsed
        self._slot = apart and pace.next_slot(self._slot, up, apart, len(calls))
        if not calls:
            return False
        try:
            probe = self._budget.spend(len(calls))
        except BudgetSpent:
            return False
        for call in calls:
            sent_at = self._clock.uptime().elapsed
            log.debug("asking for %s of %s: %s", call.feed, ", ".join(call.tickers), call.reason)
            future = self._executor.submit(self._fetcher.fetch, call)
            self._sent.append(Sent(call, frozenset(call.wants), probe, up, sent_at, future))
            future.add_done_callback(lambda _done: self._wake())
        return True

    def _take_in_replies(self) -> bool:
        """Publish what has come in, and save it, or hold it back. True where something has."""
        done = [sent for sent in self._sent if sent.future.done()]
        if not done:
            return False
        self._sent = [sent for sent in self._sent if sent not in done]
        records: dict[Want, Record] = {}
        up = self._clock.uptime().elapsed
        try:
            while done:
                sent = done[0]
                result = result_of(sent.future)
                if not isinstance(result, Unreachable):
                    self._latency = self._latency.after([up - sent.taken_at])
                if not isinstance(result, Unreachable) or result.sent:
                    self._answered = (*self._answered, up)[-KEPT:]
                reply = Reply(sent.call, sent.sent_at, self._clock.now(), result, sent.probe)
                for record in digest(reply, self._board.read(), self._knowledge, self._budget):
                    records[record.want] = record
                self._board.publish(records.values(), wanted=self._roster.known())
                del done[0]
        except StoreError:
            self._sent += done  # paid for, and taken in again once it can be written down
            raise
        finally:
            self._saving.take(records, counted=self._is_counted)
        return True

    def _save_in_time(self, again: datetime | None, planned: datetime | None) -> datetime | None:
        """Save what was held back once the round is through, or as much time has passed as a round
        takes; when to come again."""
        left = self._saving.left()
        if left is None:
            return again
        now = self._clock.now()
        is_through = not self._sent and (planned is None or planned - now >= PAUSE)
        if is_through or left <= timedelta(0):
            self._saving.save()
            return again
        return now + left if again is None else min(again, now + left)

    def _adopt(self, wants: Mapping[Want, Wanted]) -> None:
        """Show what the store has of what is newly wanted, before asking anybody for it."""
        board = self._board.read()
        liveness = self._knowledge.rights.quote_liveness(self._clock.now())
        if self._adopted[0] is wants and self._adopted[1] is liveness:
            return
        # A quote may be made of daily bars, which must then not be asked for as if there were none.
        # Live ones that nobody looks at are not, and there may be thousands.
        days = {
            want.ticker: None
            for want, wanted in wants.items()
            if want.feed in DAYS and (wanted.viewers or liveness is Liveness.END_OF_DAY)
        }
        # And what is known of splits, before a jump of the bars is taken for one.
        more = (Want(feed, ticker) for ticker in days for feed in (Feed.DAILY, Feed.SPLITS))
        looked_at = dict.fromkeys((*wants, *more, LISTING_WANT))
        unseen = self._roster.unseen(want for want in looked_at if not board.knows(want))
        self._board.adopt(self._store.load_many(unseen))
        self._roster.saw(unseen)
        self._adopted = (wants, liveness)

    def _lead_or_follow(self, now: datetime) -> bool:
        """Whether this process polls. One that does not shows what the other has saved."""
        if self._leads:
            if self._store.is_shared and not self._store.lead():
                raise LostLead
            self._roster.share(now)
            return True
        self._leads = self._clock.uptime().elapsed >= self._lead_from and self._store.lead()
        if not self._leads:
            # Who leads has saved, or will; but of a shared store nobody knows who knew most.
            self._is_anew = self._is_anew and self._store.is_shared
            self._following.look(now)
            return False
        log.info("polling as %s", self._who)
        if self._store.is_shared:
            self._following.catch_up()
        self._knowledge.load(self._store)
        self._shares.load(self._store.load_document(shares.DOCUMENT))
        self._bulletin.forget()
        self._board.publish_poll(leads=True, who=self._who, since=now)
        if self._is_anew:
            self._saving.take_everything()
        self._is_anew = False
        self._roster.share(now)
        return True

    def _publish_poll(self, plan: Plan, wants: Mapping[Want, Wanted], ledger: Ledger) -> None:
        knowledge = self._knowledge
        if wants is not self._told:
            self._told = wants
            self._board.publish_poll(**shown_wants(wants))
        self._board.publish_poll(
            heartbeat=self._clock.now(),
            halted=knowledge.halted,
            outage_since=knowledge.outage.since,
            due=plan.due,
            held=self._shares.held,
            forecast=plan.forecast,
            ledger=ledger,
            usage=knowledge.usage,
            refused={str(what): at for what, at in knowledge.rights.refused.items()},
            latency=self._latency.usual,
        )


def _quietly(action: Callable[[], None]) -> None:
    try:
        action()
    except StoreError as fault:
        log.warning("%s", fault.words)
