"""When an exchange's closes come out on an end-of-day plan, learnt from the replies.

The hour is documented nowhere. A call before it brings nothing new, a call long after it leaves
viewers with yesterday's close. So one ticker is asked first, on behalf of all of its exchange; what
it answers narrows the hour from both sides, and how fast is bounded by how many calls may be
wasted on looking. Pure: times in, times out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from stocktracker.markets import Session

FIRST_GUESS = timedelta(hours=6)
CLOSE_ENOUGH = timedelta(minutes=30)
# A close found this late on a day on which nobody looked earlier says nothing about the hour.
TELLING = timedelta(hours=12)
LAST_CHANCE = timedelta(minutes=20)  # before the next open, by when the close is promised
SHORTEST_STEP = timedelta(minutes=15)
LONGEST_STEP = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Publication:
    """What is known of one exchange.

    `published` is the newest session whose bar some ticker has, since `published_at`. The bar comes
    out later than `not_by` after the close, and at the latest `by`, as far as seen. `denied` is the
    session that was asked for too early, and how long after its close.
    """

    published: date | None = None
    published_at: datetime | None = None
    not_by: timedelta = timedelta(0)
    by: timedelta | None = None
    denied: tuple[date, timedelta] | None = None

    def ask_at(self, session: Session, following: Session, *, explore: bool) -> datetime:
        """When to ask for the session's close next, always before the following one opens.

        With `explore`, halfway between what was too early and what was not.
        """
        delay = self._next_delay(session, explore=explore)
        last_chance = following.open - LAST_CHANCE
        if self.denied is not None and self.denied[0] == session.day:
            tried = session.close + self.denied[1]
            if tried >= last_chance:
                return tried + SHORTEST_STEP
        return min(session.close + delay, last_chance)

    def _next_delay(self, session: Session, *, explore: bool) -> timedelta:
        if self.denied is not None and self.denied[0] == session.day:
            tried = self.denied[1]
            if self.by is not None and self.by > tried:
                return self.by
            return tried + min(max(tried / 2, SHORTEST_STEP), LONGEST_STEP)
        if self.by is None:
            return max(FIRST_GUESS, self.not_by)
        if explore and self.by - self.not_by > CLOSE_ENOUGH:
            return (self.by + self.not_by) / 2
        return self.by

    def after(self, session: Session, at: datetime, *, there: bool) -> Publication:
        """What is known once a reply at `at` had the session's bar, or had not."""
        if self.published is not None and session.day <= self.published:
            return self
        delay = at - session.close
        looked_before = self.denied is not None and self.denied[0] == session.day
        if not there:
            too_late = self.by is not None and self.by <= delay
            return replace(
                self,
                denied=(session.day, delay),
                not_by=max(self.not_by, delay),
                by=None if too_late else self.by,
            )
        by, not_by = self.by, self.not_by
        if looked_before or delay <= TELLING or (by is not None and delay < by):
            by = delay if by is None else min(by, delay)
            # Earlier than it was refused another day: that refusal no longer bounds it.
            not_by = not_by if not_by < by else by / 2
        return Publication(
            published=session.day, published_at=at, not_by=not_by, by=by, denied=self.denied
        )

    def to_document(self) -> dict[str, Any]:
        return {
            "published": self.published and self.published.isoformat(),
            "published_at": self.published_at and self.published_at.isoformat(),
            "not_by": self.not_by.total_seconds(),
            "by": None if self.by is None else self.by.total_seconds(),
            "denied": self.denied and [self.denied[0].isoformat(), self.denied[1].total_seconds()],
        }


def from_document(content: dict[str, Any]) -> Publication:
    """What `to_document` wrote. Raises KeyError, ValueError or TypeError for anything else."""
    denied = content["denied"]
    if denied is not None:
        day, delay = denied
        denied = date.fromisoformat(day), timedelta(seconds=delay)
    return Publication(
        published=content["published"] and date.fromisoformat(content["published"]),
        published_at=content["published_at"] and datetime.fromisoformat(content["published_at"]),
        not_by=timedelta(seconds=content["not_by"]),
        by=None if content["by"] is None else timedelta(seconds=content["by"]),
        denied=denied,
    )
