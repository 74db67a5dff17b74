"""Objects that hold each other are looked for by the clock, and not by how many were made.

Python looks through all there are whenever enough new ones have outlived a while. A viewer's
session is a thousand of them, so with hundreds of viewers that is half a second in which nobody is
answered, several times in ten seconds. Here it is one look a minute, or as seldom as keeps it below
a thousandth of the time: a session that ends leaves next to nothing that only a look would find.
What was made lately is looked through as ever.
"""

from __future__ import annotations

import gc
import threading
from datetime import timedelta

from stocktracker.clock import Clock

YOUNG, MIDDLE, NEVER = 10_000, 20, 1_000_000
LEAST = timedelta(minutes=1)  # between two looks
SHARE = 1000  # of the time, one part


def pause_after(took: timedelta) -> timedelta:
    """How long to let it be after a look that took so long."""
    return max(LEAST, took * SHARE)


def look_now_and_then(clock: Clock, closing: threading.Event) -> None:
    """Until `closing` is set; for a thread of its own."""
    gc.set_threshold(YOUNG, MIDDLE, NEVER)
    pause = LEAST
    while not closing.wait(pause.total_seconds()):
        began = clock.uptime().elapsed
        gc.collect()
        pause = pause_after(clock.uptime().elapsed - began)
