"""A call that is on its way, and what came of it."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta

from stocktracker.errors import FetchError, UnreadableReply
from stocktracker.model import Call, Fetched, Want

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """A call that is on its way."""

    call: Call
    wants: frozenset[Want]
    probe: bool
    taken_at: timedelta  # before the budget wrote it down, which takes a while
    sent_at: timedelta
    future: Future[Fetched]


def result_of(
    future: Future[Fetched],
) -> Fetched | FetchError:
    """What was fetched, or why nothing was; for a call that is done."""
    fault = future.exception()
    if fault is None:
        return future.result()
    if isinstance(fault, FetchError):
        return fault
    # A fault of our own must not be asked for again at once: that would burn the budget.
    log.error("a call failed in our own code", exc_info=fault)
    return UnreadableReply(why=f"our own fault, {type(fault).__name__}")
