"""The store's folder as the file system sees it: whose it is, whether it is the same one still.

Knows nothing of what is in the database.
"""

from __future__ import annotations

import glob
import itertools
import os
from pathlib import Path

from stocktracker.errors import StoreError

DATABASE = "cache.db"


def make_private(folder: Path) -> None:
    """Only the owner may look: what is in the folder is trusted, and lists what people watch.

    Raises StoreError where it cannot be made, is somebody else's, or is open to others.
    """
    os.umask(0o077)  # for the files that SQLite makes beside the database, now and later
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as fault:
        raise StoreError(f"The store's folder {folder} cannot be made: {fault.strerror}.") from None
    if status.st_uid != os.geteuid():
        raise StoreError(f"The store's folder {folder} belongs to somebody else.")
    if status.st_mode & 0o077:
        raise StoreError(
            f"The store's folder {folder} is open to others; close it with chmod 700 {folder}"
        )


def identity(folder: Path) -> tuple[int, int] | None:
    """Which file the database is; None where there is none. A path may name another one later."""
    try:
        status = (folder / DATABASE).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def was_set_aside(folder: Path) -> bool:
    """Whether a broken store has ever been set aside in favour of this one."""
    return any(True for _ in folder.parent.glob(f"{glob.escape(folder.name)}.corrupt-*"))


def set_aside(folder: Path) -> Path:
    """Keep a broken store under another name; that name. Raises StoreError."""
    name = f"{folder.name}.corrupt-{int(folder.stat().st_mtime)}-{os.getpid()}"
    numbered = (folder.with_name(f"{name}-{number}") for number in itertools.count(2))
    names = itertools.chain([folder.with_name(name)], numbered)
    aside = next(each for each in names if not each.exists())
    try:
        folder.rename(aside)
    except OSError as fault:
        raise StoreError(
            f"The store is damaged and cannot be set aside: {fault.strerror}."
        ) from fault
    return aside
