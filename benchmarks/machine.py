"""The machine a measurement was made on: its name, its cores, and what a process of it has used.

Linux only: CPU time and memory are read from the kernel. Never measures wall-clock time.
"""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

MIB = 1 << 20
CORES = frozenset(os.sched_getaffinity(0))
# Whatever is measured has the first core for itself; viewers, upstream and we have the others.
SERVER_CORES = frozenset({min(CORES)})
OTHER_CORES = CORES - SERVER_CORES or CORES


def describe() -> str:
    """Processor, cores and versions: what one compares with, and nothing that says whose it is."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    processor = found[1].strip() if found else platform.machine()
    return (
        f"{processor}, {len(CORES)} core{'s' if len(CORES) > 1 else ''}, "
        f"Python {platform.python_version()}, Streamlit {version('streamlit')}"
    )


@contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """Processes that are started within stay on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process since it began, threads that have ended included."""
    # The clock of another process, its number made as clock_getcpuclockid(3) does: nanoseconds,
    # where /proc/PID/stat counts in hundredths of a second.
    return time.clock_gettime((~pid << 3) | 2)


def rss(pid: int) -> int:
    """Bytes in memory, shared pages included."""
    return _kilobytes(Path(f"/proc/{pid}/status"), "VmRSS") << 10


def pss(pid: int) -> int:
    """Bytes in memory, shared pages counted in parts."""
    return _kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss") << 10


def _kilobytes(path: Path, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", path.read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{path} has no {name}")
    return int(found[1])
