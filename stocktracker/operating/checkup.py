"""What is wrong with settings, key, store, clock and network, in words and before anybody suffers.

Looks, and changes nothing but the probe in the store; sends the key nowhere unless told to `ask`,
which is one call of the budget.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from stocktracker import readonly
from stocktracker.cache import DiskStore
from stocktracker.clock import Clock
from stocktracker.config import Settings
from stocktracker.errors import BudgetSpent, FetchError, KeyRejected, StocktrackerError, StoreError
from stocktracker.fetcher import Fetcher
from stocktracker.folder import DATABASE
from stocktracker.model import Ticker
from stocktracker.operating.findings import Finding, Grade
from stocktracker.polling.budget import Budget
from stocktracker.store import Store

ASKED = Ticker("IBM")
POLLED = "not asked, as a server polls; its Status page says whether the key is accepted"
KEY_LENGTH = 16
LITTLE_ROOM, NO_ROOM = 500 << 20, 20 << 20
AHEAD = timedelta(minutes=2)
REACHED_WITHIN = 5.0  # seconds
MOUNTS = Path("/proc/self/mountinfo")
# SQLite's journal lives in memory that processes share, which these do not promise.
NETWORKED = frozenset({
    "9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs",
    "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs",
})  # fmt: skip


def examine(
    settings: Settings, folder: Path, secrets: Path, clock: Clock, *, ask: bool = False
) -> Iterator[Finding]:
    """Everything that can be looked at, one finding at a time. `folder` is the source's store."""
    limits = ", ".join(str(limit) for limit in settings.limits)
    yield Finding(Grade.WELL, "settings", f"plan {settings.plan.name}, limits {limits}")
    yield from _key(settings, secrets)
    usable = True
    for finding in _stored(settings, folder, clock):
        usable = usable and finding.grade is not Grade.WRONG
        yield finding
    reached = _network(settings)
    yield reached
    if ask:
        yield _ask(settings, folder, clock, may=usable and reached.grade is Grade.WELL)


def _key(settings: Settings, secrets: Path) -> Iterator[Finding]:
    key = settings.key
    if key is None:
        yield Finding(Grade.DOUBTFUL, "key", "there is none, so prices are simulated")
    elif len(key) != KEY_LENGTH or key != key.upper():
        words = f"it is set, but Alpha Vantage's have {KEY_LENGTH} capital letters and digits"
        yield Finding(Grade.DOUBTFUL, "key", words)
    else:
        yield Finding(Grade.WELL, "key", "it is set and looks like one")
    if secrets.exists() and secrets.stat().st_mode & 0o077:
        words = f"{secrets} can be read by others; close it with chmod 600 {secrets}"
        yield Finding(Grade.DOUBTFUL, "key", words)


def _stored(settings: Settings, folder: Path, clock: Clock) -> Iterator[Finding]:
    if settings.shared is not None:
        from stocktracker.fleet.fleet_checkup import examine_redis  # noqa: PLC0415

        yield from examine_redis(settings.shared, folder.name, clock)
        return
    yield from _store(folder, settings.store_warn)
    yield _clock(folder, clock.now())


def _store(folder: Path, warn_at: int) -> Iterator[Finding]:
    there = folder
    while not there.exists():
        there = there.parent
    kind = file_system(there.resolve())
    if kind in NETWORKED:
        words = f"{folder} is on a network file system ({kind}), where SQLite can lose data"
        yield Finding(Grade.WRONG, "store", words)
    status = os.statvfs(there)
    free = status.f_bavail * status.f_frsize
    if free < LITTLE_ROOM:
        grade = Grade.WRONG if free < NO_ROOM else Grade.DOUBTFUL
        yield Finding(grade, "store", f"only {free >> 20} MB are free at {there}")
    if there != folder:
        if os.access(there, os.W_OK):
            words = f"{folder} is not there yet and will be made"
            yield Finding(Grade.WELL, "store", words)
        else:
            words = f"{folder} is not there, and nothing can be made in {there}"
            yield Finding(Grade.WRONG, "store", words)
        return
    try:
        yield _open(folder, warn_at)
    except StoreError as fault:
        words = readonly.why_unwritable(fault, folder) or fault.words
        yield Finding(Grade.WRONG, "store", words)


def _open(folder: Path, warn_at: int) -> Finding:
    """Open it as the server does, but leave a damaged one where it is. Raises StoreError."""
    database = folder / DATABASE
    if database.exists():
        try:
            ((answer,),) = readonly.rows(database, "PRAGMA quick_check(1)")
        except sqlite3.DatabaseError as fault:
            answer = str(fault)
        if answer != "ok":
            words = (
                f"{database} is damaged ({answer}); at its next start the server keeps it aside "
                "and takes over what can be read"
            )
            return Finding(Grade.WRONG, "store", words)
    store = DiskStore(folder, busy=timedelta(seconds=2))
    try:
        store.prove()
        store.warn_at = warn_at
        size, remark = store.size(), store.remark()
    finally:
        store.close()
    if remark is not None:
        return Finding(Grade.DOUBTFUL, "store", remark)
    words = f"{folder} is private, whole and writable; {size >> 10} kB"
    return Finding(Grade.WELL, "store", words)


def file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of file system that an absolute path is on; None where nobody says."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    found: tuple[int, str] | None = None
    for line in lines:
        before, _, after = line.partition(" - ")
        parts, kinds = before.split(), after.split()
        if len(parts) < 5 or not kinds:
            continue
        point = Path(parts[4].replace(r"\040", " "))
        # Of two that are mounted on one another the later one is seen.
        if path.is_relative_to(point) and (found is None or len(point.parts) >= found[0]):
            found = (len(point.parts), kinds[0])
    return None if found is None else found[1]


def _clock(folder: Path, now: datetime) -> Finding:
    try:
        ((newest,),) = readonly.rows(folder / DATABASE, "SELECT max(store_time) FROM Cache")
        latest = None if newest is None else datetime.fromtimestamp(newest, UTC)
    except (sqlite3.Error, TypeError, ValueError, OverflowError):
        latest = None
    if latest is None:
        return Finding(Grade.WELL, "clock", f"it says {now:%Y-%m-%d %H:%M} UTC; see if that is so")
    if latest - now > AHEAD:
        words = (
            f"it says {now:%Y-%m-%d %H:%M} UTC, but the store was written at "
            f"{latest:%Y-%m-%d %H:%M}: one of them was wrong, and ages are"
        )
        return Finding(Grade.WRONG, "clock", words)
    words = f"it says {now:%Y-%m-%d %H:%M} UTC, after all that is stored"
    return Finding(Grade.WELL, "clock", words)


def _network(settings: Settings) -> Finding:
    if settings.demo:
        return Finding(Grade.WELL, "network", "not needed: prices are simulated")
    parts = urlsplit(settings.upstream)
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    try:
        with socket.create_connection((host, port), timeout=REACHED_WITHIN) as connection:
            if secure:
                with ssl.create_default_context().wrap_socket(connection, server_hostname=host):
                    pass
    except socket.gaierror:
        return Finding(Grade.WRONG, "network", f"the name {host} is not found")
    except ssl.SSLCertVerificationError:
        return Finding(Grade.WRONG, "network", f"{host} shows a certificate that is not trusted")
    except OSError as fault:
        words = f"{host} cannot be reached: {fault.strerror or 'no answer'}"
        return Finding(Grade.WRONG, "network", words)
    return Finding(Grade.WELL, "network", f"{host} answers; the key was not sent")


def _ask(settings: Settings, folder: Path, clock: Clock, *, may: bool) -> Finding:
    if settings.key is None or not may:
        return Finding(Grade.DOUBTFUL, "asking", "not asked, for the reasons above")
    fetcher = Fetcher(
        upstream=settings.upstream,
        key=settings.key,
        clock=clock,
        liveness=settings.liveness,
        source="Alpha Vantage",
    )
    store: Store | None = None
    try:
        store, budget = _budget(settings, folder, clock)
        if budget is None:
            return Finding(Grade.DOUBTFUL, "asking", POLLED)
        budget.spend()
        fetcher.fetch_quote(ASKED)
    except BudgetSpent as fault:
        return Finding(Grade.DOUBTFUL, "asking", f"not asked: {fault.words}")
    except FetchError as fault:
        grade = Grade.WRONG if isinstance(fault, KeyRejected) else Grade.DOUBTFUL
        return Finding(grade, "asking", f"one call was spent. {fault.words}")
    except StocktrackerError as fault:
        return Finding(Grade.WRONG, "asking", fault.words)
    finally:
        fetcher.close()
        if store is not None:
            store.close()
    return Finding(Grade.WELL, "asking", f"one call was spent, and brought {ASKED}'s quote")


def _budget(settings: Settings, folder: Path, clock: Clock) -> tuple[Store, Budget | None]:
    """The store and its budget; none where only the server that polls may spend it."""
    if settings.shared is None:
        disk = DiskStore(folder)
        return disk, Budget(disk, settings.limits, clock)
    from stocktracker.fleet.membership import join_fleet  # noqa: PLC0415

    member = join_fleet(settings.shared, folder.name, settings.limits, clock)
    member.store.tend()
    return member.store, member.budget if member.store.lead() else None
