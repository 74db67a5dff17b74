"""Two ledgers of the budget as one: no call that either of them knows of is forgotten. Pure.

For a store that was deleted, replaced, or restored from a backup while its calls still count. Works
on the documents as the store keeps them, and never makes more calls possible than either allows.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

DOCUMENT = "budget"  # the name under which the store keeps the ledger
# What cannot be read counts as spent (budget.py), and so does what is lost.
LOST: dict[str, Any] = {"lost": True}


def join(one: dict[str, Any] | None, other: dict[str, Any] | None) -> dict[str, Any] | None:
    """The calls of both, in the terms of the later boot; a refusal holds until the later end.

    None is a ledger that never was. With one that cannot be read all is LOST.
    """
    if one is None or other is None:
        return one or other
    try:
        return _joined(*sorted((one, other), key=lambda ledger: float(ledger["booted_at"])))
    except (KeyError, TypeError, ValueError, AttributeError):
        return dict(LOST)


def _joined(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    shift = 0.0
    if older["boot"] != newer["boot"]:
        shift = float(older["booted_at"]) - float(newer["booted_at"])
    # Several calls may have one stamp; calls that both know of count once.
    taken = Counter(float(stamp) + shift for stamp in older["taken"])
    taken |= Counter(float(stamp) for stamp in newer["taken"])
    closures: list[dict[str, Any]] = [
        {"window": str(closure["window"]), "until": float(closure["until"]) + moved}
        for closure, moved in ((older.get("closure"), shift), (newer.get("closure"), 0.0))
        if closure
    ]
    return {
        "boot": newer["boot"],
        "booted_at": newer["booted_at"],
        "taken": sorted(taken.elements()),
        "closure": max(closures, key=lambda closure: closure["until"], default=None),
    }
