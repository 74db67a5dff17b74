"""A clock that several machines have in common: Redis's.

Between two answers of Redis's it goes by this machine's uptime, which nobody can set. It does run
backwards where Redis's clock is set back, or where another machine's takes its place: whoever
compares instants of before and after has to bear that.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stocktracker.clock import Clock, Uptime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BOOT = "redis"
MICROSECOND = timedelta(microseconds=1)
# More than an answer may be late: Redis's clock was set, or Redis is on another machine.
JUMP = timedelta(seconds=3)


class FleetClock:
    """`now` is this machine's; `uptime` is the time since 1970, as Redis has it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = clock.now() - EPOCH - clock.uptime().elapsed  # a guess until Redis answers
        self._is_guess = True
        self.jumps = 0  # how often Redis's clock was set, or another one took its place

    def now(self) -> datetime:
        return self._clock.now()

    def uptime(self) -> Uptime:
        return Uptime(BOOT, self._clock.uptime().elapsed + self._ahead)

    def hear(self, micros: int) -> None:
        """Redis has just said what time it is, in microseconds.

        As the answer took a while, instants of Redis's are here taken for a little later than they
        were, never for earlier: calls that were taken count for long enough.
        """
        ahead = micros * MICROSECOND - self._clock.uptime().elapsed
        if not self._is_guess and abs(ahead - self._ahead) > JUMP:
            self.jumps += 1
        self._ahead, self._is_guess = ahead, False

    def here(self, micros: int) -> timedelta:
        """An instant of Redis's as an uptime of this machine's."""
        return micros * MICROSECOND - self._ahead

    def there(self, up: timedelta) -> int:
        """An uptime of this machine's as an instant of Redis's, in microseconds."""
        return (up + self._ahead) // MICROSECOND
