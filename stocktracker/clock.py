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
        self._boot = _read_boot_id()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def uptime(self) -> Uptime:
        return Uptime(self._boot, timedelta(seconds=_seconds_up()))


def _seconds_up() -> float:
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def _read_boot_id() -> str:
    """The kernel's name for this boot; a new one for each process where there is no such name."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return uuid.uuid4().hex
