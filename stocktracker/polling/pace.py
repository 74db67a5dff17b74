"""How fast calls go: measured latency, how many are on their way, and the spacing of scarce calls.

Pure. Windows that slide let a burst repeat itself every minute for ever; where more is due than the
limits allow, the calls of a minute are therefore spread over it, so that no quote waits for longer
than a round takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from stocktracker.plans import DAY, Limit
from stocktracker.polling.ledger import margin

KEPT = 1500  # measurements: what was late a minute ago still counts within the minute's window
LAST = 100  # of them tell what is usual now
GUESS = timedelta(milliseconds=250)  # before anything was measured
SURE = 20  # measurements, from which on the shortest is one
HEADROOM = 1.5  # over what is on its way on average
LEAST_SIDE_BY_SIDE = 2
MOST_SIDE_BY_SIDE = 32
# By how much a call that was late lets the next ones follow closer.
CATCH_UP = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the last calls took from being sent to being answered, the oldest first."""

    measured: tuple[timedelta, ...] = ()

    def after(self, times: Iterable[timedelta]) -> Latency:
        return Latency((*self.measured, *times)[-KEPT:])

    @property
    def usual(self) -> timedelta | None:
        """The mean; None as long as nothing was measured."""
        if not self.measured:
            return None
        last = self.measured[-LAST:]
        return sum(last, timedelta(0)) / len(last)

    @property
    def shortest(self) -> timedelta:
        """What a journey takes at least. Before SURE are measured that may be no time at all.

        On a busy machine, as it is at a start, the first are often slow together, and the next
        overtake them.
        """
        return min(self.measured) if len(self.measured) >= SURE else timedelta(0)

    @property
    def spread(self) -> timedelta:
        """By how much longer than the shortest one may take, by what was measured."""
        return max(self.measured, default=timedelta(0)) - self.shortest


def most_side_by_side(limits: Sequence[Limit]) -> int:
    """How many calls can ever be on their way at once, however slow upstream is."""
    return max(LEAST_SIDE_BY_SIDE, min(4 * _shortest(limits).count, MOST_SIDE_BY_SIDE))


def side_by_side(limits: Sequence[Limit], latency: Latency) -> int:
    """How many calls are on their way at once: rate × latency (Little's law), with some headroom.

    The rate is that of a burst.
    """
    shortest, most = _shortest(limits), most_side_by_side(limits)
    usual = GUESS if latency.usual is None else latency.usual
    on_their_way = shortest.count * (usual / shortest.period)
    return min(max(ceil(HEADROOM * on_their_way) + 1, LEAST_SIDE_BY_SIDE), most)


def spacing(limits: Sequence[Limit]) -> timedelta:
    """How far apart calls are that go on and on, by the limits shorter than a day."""
    return max(
        (
            (limit.period + margin(limit.period)) / limit.count
            for limit in limits
            if limit.period < DAY
        ),
        default=timedelta(0),
    )


def next_slot(slot: timedelta | None, up: timedelta, apart: timedelta, calls: int) -> timedelta:
    """From when on the next spaced call may go, after `calls` at `up`; `slot` is the one so far.

    A call that was late does not put off all that follow; but what was missed for longer than
    CATCH_UP is not made up for.
    """
    begin = up if slot is None else max(slot, up - CATCH_UP)
    return begin + calls * apart


def _shortest(limits: Sequence[Limit]) -> Limit:
    return min(limits, key=lambda limit: limit.period)
