"""What the planner foresees, for the poller, the board and people. Records only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Due:
    """When something is asked next, and why then; `at` None means not at all, as things stand."""

    at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """What keeping all that is watched up to date takes.

    On a live plan `turn` is how long one round over all tickers takes that viewers look at, who go
    first, `turn_with_one_more` the same with another ticker, and `turn_of_all` with what only the
    operator watches. On an end-of-day plan both are a day, and
    `calls_a_day` is what the watched tickers cost; `spare` is how many of the day's calls can be
    had now for what is no price, the closes to come having the first claim, and `spare_at` from
    when on there is one within a day. `for_operator` is how many of a round's or a day's calls are
    only for what the operator watches.
    """

    turn: timedelta
    turn_with_one_more: timedelta
    calls_a_day: int | None
    spare: int | None = None
    spare_at: datetime | None = None
    for_operator: int = 0
    turn_of_all: timedelta | None = None
