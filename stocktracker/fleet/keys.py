"""Where in Redis a key of the store's is kept: as a field of a hash for each kind of key. Pure.

All of a source's keys have one hash tag and no other source's, so that simulated prices never mix
with real ones, and so that a script may change several of them at once.
"""

from __future__ import annotations

from stocktracker.stored import SCHEMA


class Keys:
    """The names in Redis of what one source has there."""

    def __init__(self, source: str) -> None:
        self.prefix = f"{{stocktracker:{source}}}:"
        self.identity = self.prefix + "identity"  # made by chance, once for each life of the store
        self.revision = self.prefix + "revision"
        self.changed = self.prefix + "changed"  # wants, by the revision that changed them
        self.lease = self.prefix + "lease"  # the token of whoever polls
        self.fence = self.prefix + "fence"  # the last token
        self.lock = self.prefix + "lock"  # of a transaction
        self.calls = self.prefix + "calls"  # taken from the budget, by Redis's time
        self.budget = self.prefix + "budget"
        self.saved = self.prefix + "saved"  # the channel on which revisions are told

    def place(self, key: str) -> tuple[str, str]:
        """The hash and the field of a key: `v1:data:quote:IBM` is IBM in the quotes' hash."""
        schema, kind, rest = key.split(":", 2)
        if kind == "document":
            return f"{self.prefix}{schema}:{kind}", rest
        feed, _, field = rest.partition(":")
        return f"{self.prefix}{schema}:{kind}:{feed}", field

    def kinds(self) -> str:
        """A pattern of all hashes."""
        return f"{self.prefix}{SCHEMA}:*"

    def key(self, kind: str, field: str) -> str:
        """The key of a field: what `place` was given."""
        return f"{kind.removeprefix(self.prefix)}:{field}"
