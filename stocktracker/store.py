"""What the other parts need of a store, whatever keeps it.

`cache.py` has the one on disk, `fleet/redis_store.py` the one that several machines share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Protocol

from stocktracker.model import Feed, Record, Ticker, Want

LEAD_AGAIN = timedelta(seconds=1.5)


class Store(Protocol):
    """What the other parts need of a store. Every method may raise StoreError."""

    warn_at: int | None  # bytes from which on its size is remarked on

    @property
    def is_shared(self) -> bool:
        """Whether several machines may share it, so that what is known should get there soon."""
        ...

    def load(self, feed: Feed, ticker: Ticker) -> Record | None:
        """The record, or None where there is none or it cannot be read."""
        ...

    def load_many(self, wants: Iterable[Want]) -> list[Record]:
        """The readable records of these, in one go."""
        ...

    def load_all(self, feed: Feed) -> list[Record]:
        """Every readable record of a feed."""
        ...

    def save(
        self, records: Iterable[Record], documents: Mapping[str, dict[str, Any]] | None = None
    ) -> None:
        """All of it or nothing. A record without data leaves the stored data as it is.

        For the one who leads: a store that is shared refuses others with LostLead.
        """
        ...

    def load_document(self, name: str) -> dict[str, Any] | None: ...

    def load_documents(self, prefix: str) -> dict[str, dict[str, Any]]: ...

    def save_document(self, name: str, content: dict[str, Any]) -> None: ...

    def drop_document(self, name: str) -> None: ...

    def transaction(self) -> Any:
        """A context in which nobody else writes; what it wrote is undone if it raises."""
        ...

    def revision(self) -> int:
        """Grows with every save, so that another process knows when to look."""
        ...

    def changed_since(self, revision: int) -> frozenset[Want] | None:
        """The wants whose records were saved after that revision; None where nobody can say."""
        ...

    def lead(self) -> bool:
        """Be the one process that polls, if nobody else is; ask again as often as you like.

        Whoever leads a store that is shared must ask at least every `LEAD_AGAIN`, and leads no
        longer where the answer is no.
        """
        ...

    def tend(self) -> bool:
        """Look whether the store is still there and can be written now; make it so where possible.

        True where it was made anew: what is in memory is to be saved, and the lead taken again.
        """
        ...

    def remark(self) -> str | None:
        """What its operator should know, though nothing is wrong."""
        ...

    def prove(self) -> None:
        """Write something. Raises StoreError where the store cannot be written."""
        ...

    def size(self) -> int:
        """Bytes on disk."""
        ...

    def release_thread(self) -> None:
        """Give back what this thread holds; call it before the thread ends."""
        ...

    def close(self) -> None: ...
