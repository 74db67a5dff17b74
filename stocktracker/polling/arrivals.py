"""By when calls can have come to upstream, which counts them as they arrive, not as they are sent.

Pure. Of a call is known only that it arrived between being sent and being answered. So two have
certainly arrived as far apart as a window is long where the later is sent that long after the
earlier was answered, less what the quickest journey takes there and back: whichever half of which
journey was slow, also where none has ever been as slow before.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import timedelta
from heapq import merge
from itertools import islice

from stocktracker.plans import DAY, Limit
from stocktracker.polling.ledger import margin


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When calls that are on their way were sent, and when the last others were answered.

    Uptimes, each the oldest first. `shortest` and `spread` are latency's. Limits of a day or more
    are no business of this: their margins are longer than journeys.
    """

    on_their_way: tuple[timedelta, ...] = ()
    answered: tuple[timedelta, ...] = ()
    shortest: timedelta = timedelta(0)
    spread: timedelta = timedelta(0)

    def possible(self, limit: Limit, up: timedelta) -> int:
        """How many calls may be sent at `up` without coming too early for this limit."""
        if limit.period >= DAY:
            return limit.count
        leave_at, unknown, first = self._within(limit, up)
        return max(limit.count - len(leave_at) - unknown - (len(self.answered) - first), 0)

    def next_at(self, limit: Limit, up: timedelta) -> timedelta:
        """The uptime at which one may; `up` itself where it may now, or once a reply has come."""
        if self.possible(limit, up) > 0:
            return up
        leave_at, unknown, first = self._within(limit, up)
        after = self._after_answer(limit)
        answered = (self.answered[place] + after for place in range(first, len(self.answered)))
        # All but count - 1 have to leave; of the unknown ones nobody can wait for that.
        too_many = len(leave_at) + unknown + len(self.answered) - first - limit.count
        return next(islice(merge(leave_at, answered), too_many, None), up)

    def _within(self, limit: Limit, up: timedelta) -> tuple[list[timedelta], int, int]:
        """Which calls upstream may still count within this limit at `up`.

        When those on their way leave it, of how many nobody knows when, and the place of the first
        answered one.
        """
        leave_at: list[timedelta] = []
        unknown = 0
        after = self.spread + limit.period + margin(limit.period)
        late_after = self.shortest + self.spread
        for sent_at in self.on_their_way:
            # Only where journeys take longer than the window does can a call have left it again
            # before it is answered; and only one that is not slower than any so far is said to.
            if after > late_after or up > sent_at + late_after:
                unknown += 1
            elif sent_at + after > up:
                leave_at.append(sent_at + after)
        return leave_at, unknown, bisect_right(self.answered, up - self._after_answer(limit))

    def _after_answer(self, limit: Limit) -> timedelta:
        """How long after its answer a call may still count."""
        return limit.period + margin(limit.period) - self.shortest
