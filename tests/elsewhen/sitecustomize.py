"""Sets the wall clock of a server otherwise: imported by Python itself where the path leads here.

See Elsewhen in tests/server.py.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from stocktracker.clock import SystemClock

AHEAD = timedelta(seconds=float(os.environ["SECONDS_AHEAD"]))
by_the_machine = SystemClock.now


def now(clock: SystemClock) -> datetime:
    return by_the_machine(clock) + AHEAD


SystemClock.now = now  # type: ignore[method-assign]
