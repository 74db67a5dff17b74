"""The one place that asks the time.

Two questions, two answers. `now` is what people and exchanges mean by the time. `uptime` is for
measuring how long ago something was: it cannot be fooled by somebody setting the wall clock, and
it goes on counting while the machine is suspended, which time.monotonic() does not on Linux.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Uptime:
    """How long the machine has been up, and which start of it that was.

    Two uptimes with the same `boot` can be subtracted, also across processes; with different ones
    they say nothing about each other.
    """

    boot: str
    elapsed: timedelta


class Clock(Protocol):
    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        ...

    def uptime(self) -> Uptime:
        """Never runs backwards, never jumps."""
        ...


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        boot = _read_boot_id()
        # Where the kernel has no name for its boot, this process counts as one, from now on.
        self._boot = boot or uuid.uuid4().hex
        self._since = 0.0 if boot else _seconds_up()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def uptime(self) -> Uptime:
        return Uptime(self._boot, timedelta(seconds=_seconds_up() - self._since))


def _seconds_up() -> float:
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def _read_boot_id() -> str | None:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return None
