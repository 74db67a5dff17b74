"""What the poller has learnt and keeps: rights, hours of publication, usage, outage.

Owned by the poller's thread. `load` reads it from the store, `changed_documents` says what is to be
saved with the next records.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from stocktracker.model import Outcome
from stocktracker.plans import Capability, Liveness, Plan, Rights
from stocktracker.polling import publication as publications_module
from stocktracker.polling import usage as usage_module
from stocktracker.polling.publication import Publication
from stocktracker.polling.usage import Usage

log = logging.getLogger(__name__)

RIGHTS = "rights"
USAGE = "usage"
PUBLICATION = "publication:"

# So many unanswered calls in a row, whatever about, and it is upstream that is down.
OUTAGE_AFTER = 3
FIRST_PROBE = timedelta(seconds=5)
LAST_PROBE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Outage:
    """Whether upstream answers at all. While it does not, one call at a time looks, at `until`."""

    failures: int = 0
    since: datetime | None = None
    until: datetime | None = None

    def after_failure(self, at: datetime) -> Outage:
        failures = self.failures + 1
        since = self.since or at
        if failures < OUTAGE_AFTER:
            return Outage(failures, since, None)
        wait = min(FIRST_PROBE * 2 ** min(failures - OUTAGE_AFTER, 10), LAST_PROBE)
        return Outage(failures, since, at + wait)


class Documents(Protocol):
    def load_document(self, name: str) -> dict[str, Any] | None: ...
    def load_documents(self, prefix: str) -> dict[str, dict[str, Any]]: ...


class Knowledge:
    """Starts from the plan; replies teach the rest."""

    def __init__(self, plan: Plan, liveness: Liveness, *, refresh: timedelta, always: bool) -> None:
        self.rights = Rights(plan, liveness, {})
        self.refresh = refresh
        self.always = always
        self.publications: dict[str, Publication] = {}
        self.usage = Usage({})
        self.halted: str | None = None
        self.outage = Outage()
        self._changed: set[str] = set()

    def load(self, store: Documents) -> None:
        """What this or another process learnt before. Another plan's refusals do not count."""
        rights = store.load_document(RIGHTS)
        if rights is not None and rights.get("plan") == self.rights.plan.name:
            refused = _or_default(lambda: _refusals(rights), {}, RIGHTS)
            self.rights = Rights(self.rights.plan, self.rights.liveness, refused)
        usage = store.load_document(USAGE)
        if usage is not None:
            self.usage = _or_default(lambda: usage_module.from_document(usage), Usage({}), USAGE)
        for name, content in store.load_documents(PUBLICATION).items():
            read = partial(publications_module.from_document, content)
            learnt = _or_default(read, Publication(), name)
            self.publications[name.removeprefix(PUBLICATION)] = learnt

    def count(self, at: datetime, outcome: Outcome) -> None:
        self.usage = self.usage.after(at, outcome)
        self._changed.add(USAGE)

    def learn_publication(self, code: str, learnt: Publication) -> None:
        if self.publications.get(code) != learnt:
            self.publications[code] = learnt
            self._changed.add(PUBLICATION + code)

    def refuse(self, capability: Capability, at: datetime) -> None:
        """Upstream does not give us this; remembered for 30 days or until the plan changes."""
        if self.rights.has(capability, at):  # else it is known, from a call sent along with this
            log.warning("upstream refuses %s on the plan %s", capability, self.rights.plan.name)
        self.rights = self.rights.without(capability, at)
        self._changed.add(RIGHTS)

    def prove(self, capability: Capability) -> None:
        """Upstream has just given us this."""
        if capability in self.rights.refused:
            self.rights = self.rights.with_proof_of(capability)
            self._changed.add(RIGHTS)

    def changed_documents(self) -> dict[str, dict[str, Any]]:
        """What has changed since the last `saved`."""
        documents: dict[str, dict[str, Any]] = {}
        for name in self._changed:
            if name == RIGHTS:
                documents[name] = {
                    "plan": self.rights.plan.name,
                    "refused": {
                        str(what): at.isoformat() for what, at in self.rights.refused.items()
                    },
                }
            elif name == USAGE:
                documents[name] = self.usage.to_document()
            else:
                code = name.removeprefix(PUBLICATION)
                documents[name] = self.publications[code].to_document()
        return documents

    def forget_saved(self) -> None:
        """Count all that was learnt as changed: the store has lost it."""
        self._changed |= {RIGHTS, USAGE, *(PUBLICATION + code for code in self.publications)}

    def saved(self) -> None:
        self._changed.clear()


def _refusals(content: Mapping[str, Any]) -> dict[Capability, datetime]:
    return {Capability(what): datetime.fromisoformat(at) for what, at in content["refused"].items()}


def _or_default(read: Callable[[], Any], default: Any, name: str) -> Any:
    """What was learnt can be learnt again, so a damaged note of it is no reason to stop."""
    try:
        return read()
    except (KeyError, ValueError, TypeError, AttributeError) as fault:
        log.warning("store entry %s cannot be read: %s", name, type(fault).__name__)
        return default
