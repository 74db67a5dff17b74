"""How the calls of the last eight days were used, by the hour: what they brought. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from stocktracker.model import Outcome

KEPT = timedelta(days=8)
WEEK = timedelta(days=7)
# Looking for the hour of publication may bring nothing new in this share of a week's calls, or
# once where that is less than one.
WASTE_ALLOWED = 0.03


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts of calls by UTC hour and outcome, oldest hour first."""

    hours: Mapping[datetime, Mapping[Outcome, int]]

    def after(self, at: datetime, outcome: Outcome) -> Usage:
        """One call more; hours older than eight days are dropped."""
        hour = at.replace(minute=0, second=0, microsecond=0)
        counts = dict(self.hours.get(hour, {}))
        counts[outcome] = counts.get(outcome, 0) + 1
        hours = {known: kept for known, kept in self.hours.items() if at - known <= KEPT}
        hours[hour] = counts
        return Usage(hours)

    def total(self, now: datetime, outcome: Outcome | None = None) -> int:
        """Calls of the last seven days, all or those of one outcome."""
        return sum(
            count
            for hour, counts in self.hours.items()
            if now - hour <= WEEK
            for which, count in counts.items()
            if outcome is None or which is outcome
        )

    def may_explore(self, now: datetime) -> bool:
        """Whether one more call that brings nothing new is still within what we allow."""
        return self.total(now, Outcome.SAME) + 1 <= max(1, WASTE_ALLOWED * self.total(now))

    def to_document(self) -> dict[str, Any]:
        return {
            hour.isoformat(): {outcome.value: count for outcome, count in counts.items()}
            for hour, counts in self.hours.items()
        }


def from_document(content: dict[str, Any]) -> Usage:
    """What `to_document` wrote. Raises ValueError, TypeError or AttributeError otherwise."""
    return Usage(
        {
            datetime.fromisoformat(hour): {
                Outcome(outcome): int(count) for outcome, count in counts.items()
            }
            for hour, counts in content.items()
        }
    )
