"""What is made once for each change and shared by all sessions. Makes nothing by itself.

Unlike Streamlit's caches it does not hash what a thing is made of, which takes longer than all else
in a tick with nothing new, but compares it: records are replaced when they change, never edited, so
mostly they are the same objects. And no visitor can clear it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

V = TypeVar("V")


@dataclass(slots=True)
class _Entry(Generic[V]):
    lock: threading.Lock = field(default_factory=threading.Lock)
    made: tuple[tuple[object, ...], V] | None = None


class Shared(Generic[V]):
    """The newest of each key, of the `most` keys that were last asked for."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry[V]] = OrderedDict()

    def get(self, key: Hashable, parts: tuple[object, ...], make: Callable[[], V]) -> V:
        """What `make` made of these parts. Whoever asks meanwhile for the same key waits for it;
        where it raises, the next one tries again."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            if len(self._entries) > self._most:
                self._entries.popitem(last=False)
        made = entry.made
        if made is not None and made[0] == parts:
            return made[1]
        with entry.lock:
            made = entry.made
            if made is None or made[0] != parts:
                made = entry.made = parts, make()
            return made[1]
