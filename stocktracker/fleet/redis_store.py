"""The store that several servers share: Redis, or Valkey, with the same bytes under the same keys.

What only the one who polls may write is refused by Redis itself where somebody else polls by then:
each lease has a token, and each such write names it. Nothing expires but leases and locks. Entries
that cannot be read are misses, and stay. Where Redis is not there, everything raises StoreError
soon, and nothing is lost that is in memory.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from stocktracker import encoding
from stocktracker.clock import Clock
from stocktracker.errors import LostLead, StoreError
from stocktracker.fleet import scripts
from stocktracker.fleet.connection import Link
from stocktracker.fleet.fleet_clock import FleetClock
from stocktracker.fleet.keys import Keys
from stocktracker.model import Feed, Record, Ticker, Want
from stocktracker.stored import StoredEntries, document_key, entries_of

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=5)  # of a leader who is silent; then another one leads
RENEW = timedelta(seconds=1)
LOOK = timedelta(milliseconds=500)
SIZE_LOOK = timedelta(minutes=1)
LOCK_MS, LOCK_WAIT, LOCK_PACE = 2000, timedelta(milliseconds=400), 0.02
BIGGEST = 64 << 20
# Bytes that one command may take; more is handed over in parts, and written in one piece then.
PART, PARTS_LAST = 1 << 20, 60
MOST_CHANGED = 5000
QUIET = (
    "Redis has begun anew, so for some seconds nothing is asked: other servers may have calls to "
    "tell of."
)


@dataclass(slots=True)
class Draft:
    """What is to be written in one piece; None stands for an entry to be dropped."""

    lock: str = ""
    entries: dict[str, bytes | None] = field(default_factory=dict)
    changed: dict[str, None] = field(default_factory=dict)
    is_save: bool = False


class RedisStore(StoredEntries):
    """What one source has in Redis, for the servers of many machines. Safe to use from any thread.

    What documents it has seen it remembers, so that a Redis that was emptied gets them back.
    """

    is_shared = True

    def __init__(self, link: Link, source: str, clock: Clock, fleet: FleetClock) -> None:
        """Connects when it is first used; until then, and later, Redis may be away."""
        super().__init__()
        self.link = link
        self.keys = Keys(source)
        self.fleet = fleet
        self.warn_at: int | None = None
        self.identity: str | None = None  # of the life that the store was seen in last
        self.token: str | None = None  # of the lease; None where this process does not lead
        self.name = uuid.uuid4().hex
        self._clock = clock
        self._lead_lock = threading.Lock()
        self._renewed_at = -LEASE
        self._looked_at: timedelta | None = None
        self._sized_at: timedelta | None = None
        self._size = 0
        self._revision = 0
        self._quiet_until = 0
        self._documents: dict[str, dict[str, Any]] = {}
        self._drafts = threading.local()

    # Reading

    @property
    def _draft(self) -> Draft | None:
        found: Draft | None = getattr(self._drafts, "draft", None)
        return found

    def _values(self, keys: Sequence[str]) -> Mapping[str, Any]:
        asked: dict[str, dict[str, str]] = {}
        for key in keys:
            kind, entry = self.keys.place(key)
            asked.setdefault(kind, {})[entry] = key
        if not asked:
            return {}

        def ask(client: Any) -> list[list[bytes | None]]:
            # Not in one piece, which a Redis without memory refuses. What is saved in between is
            # a change that is looked up next.
            with client.pipeline(transaction=False) as together:
                for kind, entries in asked.items():
                    together.hmget(kind, list(entries))
                answers: list[list[bytes | None]] = together.execute()
                return answers

        found: dict[str, Any] = {}
        for entries, values in zip(asked.values(), self.link.call(ask), strict=True):
            found |= dict(zip(entries.values(), values, strict=True))
        if self._draft is not None:
            found |= {key: self._draft.entries[key] for key in keys if key in self._draft.entries}
        return {key: kept for key, kept in found.items() if kept is not None}

    def _keys(self, prefix: str) -> list[str]:
        kind, _ = self.keys.place(prefix)
        entries = self.link.call(lambda client: client.hkeys(kind))
        found = {self.keys.key(kind, entry.decode(errors="replace")) for entry in entries}
        for key, kept in (self._draft.entries if self._draft else {}).items():
            (found.discard if kept is None else found.add)(key)
        return sorted(key for key in found if key.startswith(prefix))

    def _bytes(self, kept: Any) -> bytes:
        if type(kept) is not bytes or len(kept) > BIGGEST:
            raise ValueError("too big")
        return kept

    def load_document(self, name: str) -> dict[str, Any] | None:
        content = super().load_document(name)
        if content is not None:
            self._documents[name] = content
        return content

    def _all_keys(self) -> list[str]:
        pattern = self.keys.kinds()
        kinds = self.link.call(lambda client: sorted(client.scan_iter(pattern, 1000)))
        return [key for kind in kinds for key in self._keys(self.keys.key(kind.decode(), ""))]

    def revision(self) -> int:
        found = self.link.call(lambda client: client.get(self.keys.revision))
        return int(found or 0)

    def changed_since(self, revision: int) -> frozenset[Want] | None:
        if revision < 0:
            return None
        found = self.link.call(
            lambda client: client.zrangebyscore(
                self.keys.changed, f"({revision}", "+inf", 0, MOST_CHANGED + 1
            )
        )
        if len(found) > MOST_CHANGED:
            return None
        wants = set()
        for member in found:
            feed, _, ticker = member.decode(errors="replace").partition(":")
            with suppress(ValueError):  # of another version of this program
                wants.add(Want(Feed(feed), Ticker(ticker)))
        return frozenset(wants)

    # Writing

    def save(
        self, records: Iterable[Record], documents: Mapping[str, dict[str, Any]] | None = None
    ) -> None:
        records = list(records)
        kept, implied = entries_of(records)
        for name, content in (documents or {}).items():
            kept[document_key(name)] = encoding.encode_document(content)
        draft = self._draft or Draft()
        draft.is_save = True
        draft.entries |= dict.fromkeys(implied) | kept
        draft.changed |= dict.fromkeys(f"{each.feed.value}:{each.ticker}" for each in records)
        if self._draft is None:
            self._write(draft)
        self._documents |= documents or {}

    def save_document(self, name: str, content: dict[str, Any]) -> None:
        self.add_entries({document_key(name): encoding.encode_document(content)})
        self._documents[name] = content

    def drop_document(self, name: str) -> None:
        self.add_entries({document_key(name): None})
        self._documents.pop(name, None)

    def add_entries(self, entries: Mapping[str, bytes | None]) -> None:
        """Put these in, whoever leads; None drops one. All of it or nothing."""
        if self._draft is not None:
            self._draft.entries |= entries
        else:
            self._write(Draft(entries=dict(entries)))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._draft is not None:  # a part of the one that is under way
            yield
            return
        draft = Draft(lock=uuid.uuid4().hex)
        self._lock(draft.lock)
        self._drafts.draft = draft
        try:
            yield
            self._drafts.draft = None
            self._write(draft)
        finally:
            self._drafts.draft = None
            with suppress(StoreError):  # else it lapses
                self.link.run(scripts.RELEASE, [self.keys.lock], [draft.lock])

    def _lock(self, lock: str) -> None:
        """Be the only one in a transaction. Raises StoreError where somebody else stays in one."""
        until = self._clock.uptime().elapsed + LOCK_WAIT
        pace = threading.Event()
        while not self.link.call(
            lambda client: client.set(self.keys.lock, lock, nx=True, px=LOCK_MS)
        ):
            if self._clock.uptime().elapsed >= until:
                raise StoreError("Redis could not be written: another process is writing.")
            pace.wait(LOCK_PACE)

    def _write(self, draft: Draft) -> None:
        if draft.is_save and self.token is None:
            raise LostLead
        sets: list[tuple[str, str, bytes]] = []
        drops: list[tuple[str, str]] = []
        for key, value in draft.entries.items():
            if value is None:
                drops.append(self.keys.place(key))
            else:
                sets.append((*self.keys.place(key), value))
        keys = self.keys
        waiting = f"{keys.prefix}waiting:{uuid.uuid4().hex}"
        if sum(len(value) for *_, value in sets) > PART:
            self._hand_over(waiting, sets)
            sets = []
        answer = self.link.run(
            scripts.WRITE,
            [keys.lease, keys.revision, keys.changed, keys.lock, waiting],
            [
                (self.token or "") if draft.is_save else "",
                draft.lock,
                int(draft.is_save),
                keys.saved,
                self.name,
                len(sets),
                *(part for entry in sets for part in entry),
                len(drops),
                *(part for entry in drops for part in entry),
                *draft.changed,
            ],
        )
        if answer == b"lost":
            self.token = None
            raise LostLead
        if answer == b"late":
            raise StoreError("Redis could not be written: it took too long. Nothing was changed.")
        self._revision = max(self._revision, int(answer))

    def _hand_over(self, waiting: str, entries: Sequence[tuple[str, str, bytes]]) -> None:
        """Much at once: in parts that no other command has to wait for long."""
        part: list[str | bytes] = []
        size = 0
        for number, entry in enumerate(entries, 1):
            part += entry
            size += len(entry[-1])
            if size > PART or number == len(entries):
                self.link.call(partial(_append, waiting, part))
                part, size = [], 0

    # Leading

    def lead(self) -> bool:
        with self._lead_lock:
            up = self._clock.uptime().elapsed
            if self.token is not None and up - self._renewed_at < RENEW:
                return True
            keys = [self.keys.lease, self.keys.fence, self.keys.identity]
            values: list[str | int | bytes]
            values = [self.token or "", LEASE // timedelta(milliseconds=1), self.identity or ""]
            token = self.link.run(scripts.LEAD, keys, values).decode()
            if self.token is not None and not token:
                self._looked_at = None  # Redis may be another one by now
            self.token, self._renewed_at = token or None, up
            return self.token is not None

    # Looking after it

    def tend(self) -> bool:
        up = self._clock.uptime().elapsed
        well = not self.link.is_broken and self._looked_at is not None
        if well and self._looked_at is not None and up - self._looked_at < LOOK:
            return False
        keys = self.keys
        identity, _, revision, self._quiet_until, now = self.link.run(
            scripts.LOOK,
            [keys.identity, keys.revision, keys.budget],
            [uuid.uuid4().hex],
            even_if_broken=True,
        )
        self._looked_at = up
        self.fleet.hear(now)
        self._look_at_size(up)
        before, self.identity = self.identity, identity.decode()
        went_back = bool(revision < self._revision)
        self._revision = revision
        if before not in (None, self.identity):
            self.token = None
            self._write_back()
            log.warning("Redis has lost what was stored; it gets back what is in memory")
            return True
        if went_back:
            log.warning("Redis has gone back to an earlier state; it gets what is in memory")
        return went_back

    def _write_back(self) -> None:
        """The documents that the store lacks, or has in an earlier revision of their own."""
        with self.transaction():
            for name, content in list(self._documents.items()):
                there = super().load_document(name)
                if there is None or _revision_of(content) > _revision_of(there):
                    self.save_document(name, content)

    def _look_at_size(self, up: timedelta) -> None:
        if self._sized_at is not None and up - self._sized_at < SIZE_LOOK:
            return
        self._sized_at = up
        kinds = self.link.call(lambda client: list(client.scan_iter(self.keys.kinds(), 1000)))

        def ask(client: Any) -> list[int | None]:
            with client.pipeline(transaction=False) as together:
                for kind in (*kinds, self.keys.calls, self.keys.changed):
                    together.memory_usage(kind)
                answers: list[int | None] = together.execute()
                return answers

        self._size = sum(size or 0 for size in self.link.call(ask))

    def remark(self) -> str | None:
        if self._quiet_until > self.fleet.there(self._clock.uptime().elapsed):
            return QUIET
        if self.warn_at is None or self._size < self.warn_at:
            return None
        return f"The store has grown beyond {self.warn_at >> 20} MB. Nothing is thrown away."

    def prove(self) -> None:
        self.save_document("probe", {"ok": True})

    def size(self) -> int:
        """Bytes in Redis, as of a minute ago; nobody waits for it."""
        return self._size

    def release_thread(self) -> None:
        """Nothing: connections are lent for one command each."""

    def close(self) -> None:
        token, self.token = self.token, None
        if token is not None:
            with suppress(StoreError):  # else it lapses
                self.link.run(scripts.RELEASE, [self.keys.lease], [token])
        self.link.close()


def _append(waiting: str, part: Sequence[str | bytes], client: Any) -> None:
    with client.pipeline(transaction=True) as together:
        together.rpush(waiting, *part)
        together.expire(waiting, PARTS_LAST)
        together.execute()


def _revision_of(content: Mapping[str, Any]) -> int:
    """Of documents that count their changes."""
    revision = content.get("revision")
    return revision if type(revision) is int else 0
