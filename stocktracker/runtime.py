"""Wiring: the one place that builds the parts and knows them all.

`open_runtime` makes a runtime from settings; the server's lifespan opens one, anchors it for the
pages to find, and closes it. What pages may do is what `Runtime` offers: want and read.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import types
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from stocktracker import journal
from stocktracker.board import Board, Snapshot
from stocktracker.cache import open_store
from stocktracker.clock import Clock, SystemClock, Uptime
from stocktracker.config import ALPHA_VANTAGE, Hours, Settings
from stocktracker.errors import StoreError
from stocktracker.fetcher import Fetcher
from stocktracker.journal import Journal
from stocktracker.markets import US, Exchange, MarketState, calendar, calendar_of, exchange_of
from stocktracker.model import Feed, Ticker, Want
from stocktracker.plans import DAY, Capability, Liveness, Rights
from stocktracker.polling.budget import Budget
from stocktracker.polling.following import FOLLOW
from stocktracker.polling.heart import MENDING, Heart
from stocktracker.polling.knowledge import Knowledge
from stocktracker.polling.ledger import Allowance, Ledger
from stocktracker.polling.pace import most_side_by_side
from stocktracker.polling.poller import Poller
from stocktracker.polling.roster import Roster
from stocktracker.polling.shares import Rules, Shares
from stocktracker.polling.wants import Standing, Wants, mark_of
from stocktracker.rows import Row, make_rows
from stocktracker.store import Store
from stocktracker.watchlists import DOCUMENT, Watchlists, from_document, to_document

if TYPE_CHECKING:
    from stocktracker.fleet.membership import Membership

log = logging.getLogger(__name__)

DEMO_KEY = "DEMO"
RECKON_AGAIN = timedelta(milliseconds=250)
LOOK_AGAIN = timedelta(seconds=2)  # until another process's change of the watchlists is seen


@dataclass(frozen=True, slots=True)
class Parts:
    """What a runtime is made of."""

    settings: Settings
    clock: Clock
    store: Store
    board: Board
    budget: Budget
    wants: Wants
    knowledge: Knowledge
    heart: Heart
    journal: Journal


class Runtime:
    """What every viewer of this server shares. Reading is memory; wanting may read the store."""

    def __init__(self, parts: Parts, closing: ExitStack) -> None:
        self._parts = parts
        self._closing = closing
        self.settings = parts.settings
        self.board = parts.board
        self._watchlists: tuple[Uptime, Watchlists] | None = None
        self._rows: tuple[Snapshot, timedelta, dict[Ticker, Row]] | None = None
        self._allowance: tuple[Ledger, timedelta, Allowance] | None = None

    def now(self) -> datetime:
        return self._parts.clock.now()

    def watch(self, viewer: str, wants: Iterable[Want], address: str | None = None) -> None:
        """This viewer looks at exactly these, for the next 90 s or until the next word.

        All viewers of an address are one when it comes to what a viewer may cost.
        What the store has of them is shown at once; nothing is asked of upstream here.
        """
        wanted = list(wants)
        self._show_stored(wanted)
        if self._parts.wants.renew(viewer, wanted, mark_of(address)):
            self._parts.heart.wake()

    def release(self, viewer: str) -> None:
        """The viewer has gone; what nobody else looks at is forgotten at once."""
        self._parts.wants.release(viewer)
        self._parts.heart.wake()

    def viewers(self) -> int:
        return self._parts.wants.viewers()

    def read(self) -> Snapshot:
        return self.board.read()

    def read_rows(self, tickers: Iterable[Ticker]) -> list[Row]:
        """What is known of each ticker now; made a few times a second at most, for all viewers."""
        snapshot, up = self.board.read(), self._parts.clock.uptime().elapsed
        held = self._rows
        if held is None or held[0] is not snapshot or up - held[1] >= RECKON_AGAIN:
            held = self._rows = snapshot, up, {}
        known = held[2]
        chosen = list(tickers)
        missing = [ticker for ticker in chosen if ticker not in known]
        if missing:
            now = self.now()
            made = make_rows(
                snapshot,
                missing,
                now,
                turn=self.read_turn(),
                always=self._parts.knowledge.always,
                is_open=lambda ticker: calendar_of(ticker).is_open(now),
            )
            known.update(zip(missing, made, strict=True))
        return [known[ticker] for ticker in chosen]

    def read_turn(self) -> timedelta:
        """How long one round over everything that is watched takes."""
        forecast = self.board.read().poll.forecast
        return forecast.turn if forecast else self.settings.refresh

    def read_markets(self, tickers: Iterable[Ticker]) -> list[MarketState]:
        """The state of each exchange that these tickers trade on, the US first and always."""
        exchanges: dict[Exchange, None] = {US: None}
        exchanges.update(dict.fromkeys(exchange_of(ticker) for ticker in tickers))
        return [calendar(exchange).state(self.now()) for exchange in exchanges]

    def moves(self, tickers: Iterable[Ticker]) -> bool:
        """Whether any of these prices can change now."""
        now = self.now()
        return self._parts.knowledge.always or any(
            calendar_of(ticker).is_open(now) for ticker in tickers
        )

    def read_zone(self, ticker: Ticker) -> ZoneInfo:
        """The time zone of the ticker's exchange."""
        return calendar_of(ticker).zone

    def read_allowance(self) -> Allowance:
        """Calls left, as the poller last saw the ledger; reckoned a few times a second at most."""
        ledger, up = self.board.read().poll.ledger, self._parts.clock.uptime().elapsed
        held = self._allowance
        if held is None or held[0] is not ledger or up - held[1] >= RECKON_AGAIN:
            held = self._allowance = ledger, up, self._parts.budget.describe(ledger)
        return held[2]

    def read_rights(self) -> Rights:
        return self._parts.knowledge.rights

    def read_liveness(self) -> Liveness:
        return self.read_rights().quote_liveness(self.now())

    def allows(self, capability: Capability) -> bool:
        return self.read_rights().has(capability, self.now())

    def read_log(self) -> list[str]:
        return self._parts.journal.lines()

    def read_watchlists(self) -> Watchlists:
        """The server's watchlists; what another process changed is seen within two seconds."""
        held, now = self._watchlists, self._parts.clock.uptime()
        if held is not None and now.elapsed - held[0].elapsed < LOOK_AGAIN:
            return held[1]
        try:
            found = from_document(self._parts.store.load_document(DOCUMENT))
        except StoreError as fault:
            self.board.publish_poll(store_fault=fault.words)
            found = held[1] if held else Watchlists()
        finally:
            self._release_thread()
        if self._watchlists is held:  # else somebody has changed them meanwhile
            self._watchlists = (now, found)
        return found

    def change_watchlists(self, change: Callable[[Watchlists], Watchlists]) -> Watchlists:
        """Change what the store has now, so that no other viewer's change is overwritten.

        `change` may be any verb of watchlists.py. Raises what it raises, and StoreError; nothing
        is changed then.
        """
        store = self._parts.store
        try:
            with store.transaction():
                changed = change(from_document(store.load_document(DOCUMENT)))
                store.save_document(DOCUMENT, to_document(changed))
        finally:
            self._release_thread()
        self._watchlists = (self._parts.clock.uptime(), changed)
        return changed

    def load_size(self) -> int:
        """Bytes of the store on disk."""
        return self._parts.store.size()

    def load_stored(self, ticker: Ticker, feeds: Iterable[Feed]) -> None:
        """Have the board show what the store has, without wanting anything."""
        self._show_stored([Want(feed, ticker) for feed in feeds])

    def load_quotes(self, tickers: Iterable[Ticker]) -> None:
        """The same for the quotes of many tickers."""
        self._show_stored([Want(Feed.QUOTE, ticker) for ticker in tickers])

    def close(self) -> None:
        """Stop polling, let go of the store. Once is enough."""
        self._closing.close()

    def _show_stored(self, wants: list[Want]) -> None:
        board = self.board.read()
        unknown = [want for want in wants if not board.knows(want)]
        if not unknown:
            return
        store = self._parts.store
        try:
            records = store.load_many(unknown)
        except StoreError as fault:
            self.board.publish_poll(store_fault=fault.words)
            return
        finally:
            self._release_thread()
        self.board.adopt(records)

    def _release_thread(self) -> None:
        """Streamlit's threads end with each run, and so must what they hold of the store."""
        if threading.current_thread() is not threading.main_thread():
            self._parts.store.release_thread()


def open_runtime(settings: Settings, clock: Clock | None = None) -> Runtime:
    """Build everything and start polling. Raises StoreError where there is no usable store."""
    clock = clock or SystemClock()
    with ExitStack() as opening:
        kept = journal.install(settings.secrets)
        opening.callback(journal.uninstall, kept)
        fleet = _membership(settings, clock)
        store: Store
        store = fleet.store if fleet else open_store(settings.store / source_folder(settings))
        store.warn_at = settings.store_warn
        opening.callback(_close_store, store)
        fetcher = Fetcher(
            upstream=_simulated(settings, clock, opening) if settings.demo else settings.upstream,
            key=settings.key or DEMO_KEY,
            clock=clock,
            liveness=settings.liveness,
            source="Simulated" if settings.demo else "Alpha Vantage",
            around_the_clock=settings.demo and settings.hours is Hours.ALWAYS,
        )
        opening.callback(fetcher.close)
        side_by_side = most_side_by_side(settings.limits)
        executor = ThreadPoolExecutor(side_by_side, thread_name_prefix="stocktracker-fetch")
        opening.callback(executor.shutdown, wait=False, cancel_futures=True)
        board, wants = Board(), Wants(clock)
        heart = Heart(board, clock, mending=FOLLOW if fleet else MENDING)
        budget = fleet.budget if fleet else Budget(store, settings.limits, clock)
        knowledge = Knowledge(
            settings.plan,
            settings.liveness,
            refresh=settings.refresh,
            always=settings.hours is Hours.ALWAYS,
        )
        who = fleet.who if fleet else f"{os.getpid()}-{uuid.uuid4().hex[:6]}"
        standing, common = Standing(settings.watch, clock), fleet.clock if fleet else clock
        roster = Roster(wants, store, clock, who, standing, common=common)
        opening.callback(_leave, roster)
        poller = Poller(
            fetcher,
            budget,
            store,
            board,
            roster=roster,
            knowledge=knowledge,
            clock=clock,
            executor=executor,
            side_by_side=side_by_side,
            guard=Shares(_rules(settings)),
            wake=heart.wake,
            who=who,
        )
        if fleet:
            opening.callback(fleet.listener.close)
            fleet.listener.start(heart.wake)
        opening.callback(heart.stop)
        parts = Parts(settings, clock, store, board, budget, wants, knowledge, heart, kept)
        heart.start(poller)
        return Runtime(parts, opening.pop_all())


def _membership(settings: Settings, clock: Clock) -> Membership | None:
    """What is needed beside other servers, which is imported only where it is used."""
    if settings.shared is None:
        return None
    from stocktracker.fleet.membership import join_fleet  # noqa: PLC0415

    return join_fleet(settings.shared, source_folder(settings), settings.limits, clock)


def _rules(settings: Settings) -> Rules:
    day = next((limit.count for limit in settings.limits if limit.period == DAY), None)
    return Rules(settings.max_watched, settings.allow, day)


def source_folder(settings: Settings) -> str:
    """Each source has a store of its own: simulated prices never mix with real ones."""
    if settings.demo:
        return "demo"
    if settings.upstream == ALPHA_VANTAGE:
        return "alphavantage"
    parts = urlsplit(settings.upstream)
    return f"{parts.hostname}-{parts.port or parts.scheme}".replace(":", "-")


def _simulated(settings: Settings, clock: Clock, opening: ExitStack) -> str:
    """Start the stand-in for Alpha Vantage; it is imported only where it is used."""
    from stocktracker.simulator import Simulator, serve  # noqa: PLC0415

    # Limits of the operator's own are upstream's too; otherwise it has those of the plan.
    limits = None if settings.limits == settings.plan.limits else settings.limits
    server = serve(Simulator(settings.plan, limits, clock, hours=settings.hours))
    opening.callback(server.close)
    return server.url


def _close_store(store: Store) -> None:
    try:
        store.close()
    except StoreError as fault:
        log.warning("%s", fault.words)


def _leave(roster: Roster) -> None:
    try:
        roster.leave()
    except StoreError as fault:
        log.warning("%s", fault.words)


# A hot reload imports our modules anew, and each copy must find the same runtime. A module without
# a file is never reloaded.
_ANCHOR = "_stocktracker_runtime"


def anchor(runtime: Runtime | None) -> None:
    """Let `current_runtime` find it, in this and in any later copy of this module."""
    holder = sys.modules.setdefault(_ANCHOR, types.ModuleType(_ANCHOR))
    holder.__dict__["runtime"] = runtime


def current_runtime() -> Runtime:
    """The server's runtime. Raises RuntimeError outside a running server."""
    holder = sys.modules.get(_ANCHOR)
    runtime: Runtime | None = holder.__dict__.get("runtime") if holder else None
    if runtime is None:
        raise RuntimeError("start stocktracker with `streamlit run app.py`")
    return runtime
