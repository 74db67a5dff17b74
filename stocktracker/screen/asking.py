"""Asking for what is no price: what it costs is said first, and it is asked once for everybody.

On a plan whose calls are counted by the day a viewer presses a button that names the cost; on the
others it is wanted as soon as it is looked at. Nothing here asks upstream: it declares wants.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import streamlit as st

from stocktracker import wording
from stocktracker.model import Feed, Outcome, Want
from stocktracker.plans import DAY
from stocktracker.polling.due import FACTS_AGAIN, facts_again
from stocktracker.runtime import Runtime
from stocktracker.screen import refresh, ui

ASKED = "asked for"
PRICES = (Feed.QUOTE, Feed.DAILY, Feed.INTRADAY)


def is_counted(runtime: Runtime) -> bool:
    """Whether the plan's calls are counted by the day, so that each is worth a question."""
    return runtime.read_allowance().left_within(DAY) is not None


def wanted(runtime: Runtime, wants: Iterable[Want]) -> list[Want]:
    """Those of `wants` that need no question: prices, what this viewer has asked for, and on a
    plan without a daily limit all of them. What is stored of the others is shown."""
    looked_at = list(dict.fromkeys(wants))
    if not is_counted(runtime):
        return looked_at
    for want in looked_at:
        runtime.load_stored(want.ticker, [want.feed])
    asked = _still_asked(runtime)
    return [want for want in looked_at if want.feed in PRICES or want in asked]


def _still_asked(runtime: Runtime) -> dict[Want, datetime]:
    """What this viewer has pressed a button for and what no answer has come to since."""
    attempts = runtime.read().attempts
    asked: dict[Want, datetime] = st.session_state.setdefault(ASKED, {})
    for want, pressed_at in list(asked.items()):
        attempt = attempts.get(want)
        answered = attempt is not None and attempt.outcome is not Outcome.FAILED
        if attempt is not None and answered and attempt.at >= pressed_at:
            del asked[want]
    return asked


def offer(runtime: Runtime, wants: Sequence[Want], what: str) -> None:
    """For what of `wants` is not stored: the button that asks for it, or why it does not come now.

    Nothing where all of it is there and as new as a call could make it.
    """
    missing = [want for want in wants if runtime.read().data(want) is None]
    asked = _still_asked(runtime)
    coming = [want for want in missing if want in asked or not is_counted(runtime)]
    for want in coming:
        _explain(runtime, want, what)
    failed = [want for want in missing if want not in coming and _has_failed(runtime, want)]
    for want in failed:
        _explain(runtime, want, what)
    open_ = [want for want in missing if want not in coming and want not in failed]
    if open_:
        _button(runtime, open_, f"Ask for {what}")
    elif not missing and is_counted(runtime):
        old = [want for want in wants if want not in asked and _is_old(runtime, want)]
        if old:
            _button(runtime, old, f"Ask again for {what}")
        elif any(want in asked for want in wants):
            st.caption(f"Asking again for {what}.")


def _has_failed(runtime: Runtime, want: Want) -> bool:
    attempt = runtime.read().attempts.get(want)
    if attempt is None or attempt.outcome is not Outcome.FAILED:
        return False
    return attempt.retry_at is not None and attempt.retry_at > runtime.now()


def _is_old(runtime: Runtime, want: Want) -> bool:
    attempt = runtime.read().attempts.get(want)
    if attempt is None or want.feed not in FACTS_AGAIN:
        return False
    return runtime.now() - attempt.at >= facts_again(want.feed, counted=True)


def _explain(runtime: Runtime, want: Want, what: str) -> None:
    """Why it is not there yet: it failed, waits for its turn, or is on its way."""
    now, zone, snapshot = runtime.now(), ui.zone(), runtime.read()
    attempt, due = snapshot.attempts.get(want), snapshot.poll.due.get(want)
    about = wording.escape_markdown(want.ticker) if want.ticker != "*" else what
    if attempt is not None and attempt.words:
        again = ""
        if attempt.retry_at is not None and attempt.retry_at > now:
            again = f" Not asked again before {wording.instant(attempt.retry_at, zone, now=now)}."
        st.info(
            f"{about}, {want.feed}: {wording.escape_markdown(attempt.words)}{again}",
            icon=":material/info:",
        )
    elif due is not None and due.at is not None and due.at > now:
        at = wording.instant(due.at, zone, now=now)
        st.info(
            f"{about}, {want.feed}: comes {at} while this page is open – {due.reason}.",
            icon=":material/schedule:",
        )
    else:
        next_at = runtime.read_allowance().next_at
        if next_at - now > refresh.SOON:
            at = wording.instant(next_at, zone, now=now)
            st.info(f"{about}, {want.feed}: waits for a call, {at}.", icon=":material/schedule:")
        else:
            st.skeleton(height=120)


def _button(runtime: Runtime, wants: Sequence[Want], label: str) -> None:
    now, zone = runtime.now(), ui.zone()
    left = runtime.read_allowance().left_within(DAY) or 0
    forecast = runtime.read().poll.forecast
    spare = left if forecast is None or forecast.spare is None else min(left, forecast.spare)
    cost = f"{len(wants)} of {left} calls left today"
    note = "Asked once for all viewers, and kept."
    if spare < len(wants):
        at = forecast.spare_at if forecast else None
        when = f"from {wording.instant(at, zone, now=now)}" if at and at > now else "tomorrow"
        note += (
            f" {spare} can be spared now; the others are kept for the closes to come. "
            f"The rest comes {when}, while this page is open."
        )
    key = "ask " + " ".join(f"{want.feed}:{want.ticker}" for want in wants)
    if st.button(f"{label} · {cost}", key=key, help=note, icon=":material/download:"):
        asked: dict[Want, datetime] = st.session_state.setdefault(ASKED, {})
        asked.update(dict.fromkeys(wants, now))
        st.rerun()
    if spare < len(wants):
        st.caption(note)
