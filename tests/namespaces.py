"""Mount namespaces, in which a test can make a machine of its own out of this one. Root only."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

# A namespace's first process, and with it all others, ends with the one that made it.
MACHINE = [
    "unshare",
    "--fork",
    "--kill-child",
    "--pid",
    "--mount",
    "--mount-proc",
    "--cgroup",
    "--uts",
    "--ipc",
]


def need_namespaces() -> None:
    """Without them a test is skipped."""
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("setpriv") is None:
        pytest.skip("only root can give up what root may")
    if subprocess.run([*MACHINE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no namespaces here")


def open_up(folder: Path) -> str:
    """Commands that let everybody in to a folder below one that is its owner's alone, in this mount
    namespace: an interpreter may live in root's home."""
    closed = [each for each in folder.parents if not each.stat().st_mode & 0o001]
    if not closed:
        return ""
    top, aside = closed[-1], f"/mnt/{folder.name}"
    return f"""
mkdir -p {aside}
mount --bind {folder} {aside}
mount -t tmpfs -o mode=0755 tmpfs {top}
mkdir -p {folder}
mount --bind {aside} {folder}
"""
