"""How often a page looks for news: the sidebar's interval, and the pace where that is Auto."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import wraps

import streamlit as st

from stocktracker import gate
from stocktracker.board import Snapshot
from stocktracker.model import Feed, Ticker, Want
from stocktracker.plans import Liveness
from stocktracker.runtime import Runtime
from stocktracker.screen import ui
from stocktracker.screen.turns import turn

INTERVALS = {"Auto": None, "2 s": 2, "5 s": 5, "15 s": 15, "30 s": 30, "60 s": 60}
# Seconds between two refreshes: while something is about to come for the first time, at the least
# and at the most while prices move, and while they do not. A lease is renewed as often as the last.
PENDING_TICK, LIVE_TICK, SLOW_TICK, QUIET_TICK = 1, 5, 30, 60
LOOKS_A_ROUND = 4  # how often a page looks while its prices are asked for once
SOON = timedelta(seconds=5)
IMPATIENT = timedelta(seconds=6)
PENDING_SINCE = "pending since"


def choose_refresh() -> None:
    """The sidebar's interval and pause switch."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Refresh",
            list(INTERVALS),
            key="refresh",
            width=110,
            help="How often this page looks for news. It costs no call: calls are shared.",
        )
        # Its own value is the default too, for the reason that is told in ui.choose_tickers.
        st.toggle("Pause", st.session_state.get("pause", False), key="pause")


def toggle_pause() -> None:
    """As if the pause switch had been pressed; before it is drawn in this run."""
    st.session_state["pause"] = not st.session_state.get("pause", False)


def tick_of(
    runtime: Runtime, tickers: Sequence[Ticker], seen: Snapshot | None = None
) -> int | None:
    """Seconds between two refreshes of the page that shows what was `seen`; None while paused."""
    if st.session_state.get("pause") and not ui.is_listing_to_offer(runtime):
        return None
    if is_pending(runtime, seen) or ui.is_listing_to_offer(runtime):
        since = st.session_state.setdefault(PENDING_SINCE, runtime.now())
        return pending_tick(runtime.now() - since)
    if PENDING_SINCE in st.session_state:  # to take what is not there costs an exception
        del st.session_state[PENDING_SINCE]
    asked = INTERVALS[st.session_state.get("refresh", "Auto")]
    if asked is not None:
        return asked
    if runtime.read_liveness() is Liveness.END_OF_DAY or not runtime.moves(tickers):
        return QUIET_TICK
    a_round = runtime.read_turn().total_seconds()
    return min(max(round(a_round / LOOKS_A_ROUND), LIVE_TICK), SLOW_TICK)


def pending_tick(waited: timedelta) -> int:
    """Ever more seldom: a server that is slow to answer would get ever more to do."""
    if waited < IMPATIENT:
        return PENDING_TICK
    return 2 * PENDING_TICK if waited < 3 * IMPATIENT else LIVE_TICK


def is_pending(runtime: Runtime, seen: Snapshot | None = None) -> bool:
    """Whether something on this page is about to come for the first time: worth a look a second.

    Or has come since the page was drawn, from what was `seen`.
    """
    snapshot, now = seen or runtime.read(), runtime.now()
    poll = snapshot.poll
    if poll.halted or poll.outage_since or runtime.read_allowance().next_at - now > SOON:
        return False
    for want in st.session_state.get("wants", ()):
        attempt = snapshot.attempts.get(want)
        if want.ticker in poll.held:
            continue
        if snapshot.data(want) is not None or (attempt is not None and attempt.words):
            continue
        due = poll.due.get(want)
        if due is None and want.feed is Feed.QUOTE:
            # An end-of-day quote comes with the daily bars.
            due = poll.due.get(Want(Feed.DAILY, want.ticker))
        if due is None or (due.at is not None and due.at - now <= SOON):
            return True
    return False


def live_fragment(draw: Callable[[], None], seconds: int | None) -> None:
    """Run `draw` now and every so many seconds, by itself."""

    @wraps(draw)  # Streamlit tells fragments apart by their names
    def draw_in_turn() -> None:
        with turn():
            draw()

    st.fragment(gate.hold(draw_in_turn), run_every=seconds)()


def rerun_when_settled(
    runtime: Runtime,
    tickers: Sequence[Ticker],
    seconds: int | None,
    *,
    seen: Snapshot,
    is_whole: bool,
) -> None:
    """Inside a tick: draw the whole page again when the pace should be another, or when there is
    another listing to choose from.

    `seen` is what was known before the tick drew: what has come since is not on the screen yet.
    """
    if not is_whole and ui.is_listing_to_offer(runtime):
        st.rerun()
    if seconds is not None and tick_of(runtime, tickers, seen) != seconds:
        st.rerun()
