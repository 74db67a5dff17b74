"""Which of a day's calls can be spared for what is no price. Pure.

On an end-of-day plan the closes to come have the first claim on a day's calls: what is no price is
asked with those that they leave over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from stocktracker.model import Feed, Want
from stocktracker.plans import DAY
from stocktracker.polling.due import Turn

# Calls kept beside those for the closes: some look too early and have to look again.
LOOKS = 2
# What shows prices; all else may wait for a day with calls to spare.
PRICES = frozenset({Feed.QUOTE, Feed.DAILY, Feed.INTRADAY, Feed.LISTING})

# From when on how many calls can be spared for what is no price, the earliest first.
Spare = tuple[tuple[datetime, int], ...]


def spare_at(spare: Spare, count: int) -> datetime | None:
    """From when on `count` calls can be spared; None where not within a day."""
    return next((at for at, can in spare if can >= count), None)


def spare_calls(
    now: datetime, left: int, returns: Sequence[datetime], needed_at: Sequence[datetime]
) -> Spare:
    """How many calls can be spared within the next day, and from when on; never fewer later.

    `left` calls are left now, one comes back at each of `returns`, all later than now, and one is
    needed at each of `needed_at`. A call that is made is back only a day later: it can be spared
    where at no instant until then too few would be left. LOOKS stay for those that look too early.
    """
    until = now + DAY
    changes = sorted({now, *(at for at in (*returns, *needed_at) if now < at < until)})
    spare: list[tuple[datetime, int]] = []
    least: int | None = None
    for at in reversed(changes):
        back = sum(1 for each in returns if each <= at)
        taken = sum(1 for each in needed_at if each <= at)
        can = left + back - taken - LOOKS
        least = can if least is None else min(least, can)
        spare.append((at, max(least, 0)))
    return tuple(reversed(spare))


def put_off(turns: Mapping[Want, Turn], now: datetime, spare: Spare) -> dict[Want, Turn]:
    """What the closes to come leave no call for now, with the time at which there is one."""
    ready = sorted(
        (
            want
            for want, turn in turns.items()
            if want.feed not in PRICES and turn.at is not None and turn.at <= now
        ),
        key=lambda want: (turns[want].at, turns[want].since, want.feed, want.ticker),
    )
    reason = "calls left are kept for the closes"
    later = {}
    for place, want in enumerate(ready):
        at = spare_at(spare, place + 1)
        if at is None or at > now:
            later[want] = replace(turns[want], at=at or now + DAY, reason=reason)
    return later
