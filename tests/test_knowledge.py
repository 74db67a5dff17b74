"""What replies teach and what of it outlives a restart: rights, hours of publication, usage."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from stocktracker.cache import DiskStore
from stocktracker.model import Outcome
from stocktracker.plans import PLANS, Capability
from stocktracker.polling.knowledge import (
    FIRST_PROBE,
    LAST_PROBE,
    OUTAGE_AFTER,
    PUBLICATION,
    RIGHTS,
    USAGE,
    Knowledge,
    Outage,
)
from stocktracker.polling.publication import Publication
from tests.helpers import utc

NOW = utc("2026-11-23T15:00")
SECOND = timedelta(seconds=1)
LEARNT = Publication(NOW.date(), NOW, by=timedelta(hours=6))


def knowledge_of(plan: str = "premium-150") -> Knowledge:
    chosen = PLANS[plan]
    return Knowledge(chosen, chosen.liveness, refresh=20 * SECOND, always=False)


@pytest.fixture
def knowledge() -> Knowledge:
    return knowledge_of()


def save(knowledge: Knowledge, store: DiskStore) -> None:
    store.save([], knowledge.changed_documents())
    knowledge.saved()


@pytest.fixture
def restarted(store: DiskStore) -> Iterator[DiskStore]:
    """The store as another process opens it."""
    with closing(DiskStore(store.folder)) as again:
        yield again


# Outage


def test_one_or_two_calls_without_an_answer_are_no_outage() -> None:
    outage = Outage()
    for _ in range(OUTAGE_AFTER - 1):
        outage = outage.after_failure(NOW)
        assert outage.until is None
    assert outage.after_failure(NOW).until is not None


def test_one_call_looks_again_after_longer_and_longer_waits() -> None:
    outage, at, waits = Outage(), NOW, []
    for _ in range(20):
        outage = outage.after_failure(at)
        if outage.until is not None:
            waits.append(outage.until - at)
            at = outage.until
    assert waits[:7] == [5 * SECOND * 2**doubled for doubled in range(6)] + [LAST_PROBE]
    assert waits[0] == FIRST_PROBE
    assert set(waits[7:]) == {LAST_PROBE}


def test_an_outage_that_lasts_for_weeks_does_not_overflow() -> None:
    outage = Outage()
    for _ in range(10_000):
        outage = outage.after_failure(NOW)
    assert outage.until == NOW + LAST_PROBE


def test_an_outage_began_with_the_first_call_that_had_no_answer() -> None:
    outage = Outage()
    for number in range(5):
        outage = outage.after_failure(NOW + number * SECOND)
    assert outage.since == NOW


# Rights


def test_a_refusal_is_remembered_over_a_restart(
    knowledge: Knowledge, store: DiskStore, restarted: DiskStore
) -> None:
    knowledge.refuse(Capability.BULK_QUOTES, NOW)
    save(knowledge, store)
    again = knowledge_of()
    again.load(restarted)
    assert again.rights == knowledge.rights
    assert not again.rights.has(Capability.BULK_QUOTES, NOW)


def test_another_plan_starts_without_the_old_plans_refusals(
    knowledge: Knowledge, store: DiskStore, restarted: DiskStore
) -> None:
    knowledge.refuse(Capability.INTRADAY, NOW)
    save(knowledge, store)
    other = knowledge_of("premium-300")
    other.load(restarted)
    assert other.rights.has(Capability.INTRADAY, NOW)


def test_what_upstream_gives_after_all_is_no_longer_refused(
    knowledge: Knowledge, store: DiskStore, restarted: DiskStore
) -> None:
    knowledge.refuse(Capability.BULK_QUOTES, NOW)
    knowledge.refuse(Capability.INTRADAY, NOW)
    save(knowledge, store)
    knowledge.prove(Capability.BULK_QUOTES)
    save(knowledge, store)
    again = knowledge_of()
    again.load(restarted)
    assert again.rights.has(Capability.BULK_QUOTES, NOW)
    assert not again.rights.has(Capability.INTRADAY, NOW)


def test_what_upstream_gives_as_expected_is_nothing_to_write_down(knowledge: Knowledge) -> None:
    knowledge.prove(Capability.BULK_QUOTES)
    assert knowledge.changed_documents() == {}


def test_a_refusal_is_logged_with_the_plan(
    knowledge: Knowledge, caplog: pytest.LogCaptureFixture
) -> None:
    knowledge.refuse(Capability.BULK_QUOTES, NOW)
    assert "refuses bulk quotes on the plan premium-150" in caplog.text


# Publication and usage


def test_the_hour_of_publication_is_remembered_over_a_restart(
    knowledge: Knowledge, store: DiskStore, restarted: DiskStore
) -> None:
    knowledge.learn_publication("XNYS", LEARNT)
    knowledge.learn_publication("XLON", Publication(not_by=timedelta(hours=2)))
    save(knowledge, store)
    again = knowledge_of()
    again.load(restarted)
    assert again.publications == knowledge.publications


def test_the_use_of_calls_is_remembered_over_a_restart(
    knowledge: Knowledge, store: DiskStore, restarted: DiskStore
) -> None:
    for outcome in (Outcome.NEW, Outcome.NEW, Outcome.FAILED):
        knowledge.count(NOW, outcome)
    save(knowledge, store)
    again = knowledge_of()
    again.load(restarted)
    assert again.usage == knowledge.usage
    assert again.usage.total(NOW) == 3


def test_only_what_has_changed_is_written_down(knowledge: Knowledge) -> None:
    assert knowledge.changed_documents() == {}
    knowledge.count(NOW, Outcome.NEW)
    knowledge.learn_publication("XNYS", LEARNT)
    assert set(knowledge.changed_documents()) == {USAGE, PUBLICATION + "XNYS"}
    knowledge.saved()
    assert knowledge.changed_documents() == {}
    knowledge.learn_publication("XNYS", LEARNT)
    assert knowledge.changed_documents() == {}


def test_what_could_not_be_saved_is_still_to_be_saved(knowledge: Knowledge) -> None:
    knowledge.count(NOW, Outcome.NEW)
    knowledge.changed_documents()
    assert set(knowledge.changed_documents()) == {USAGE}


def test_a_new_store_teaches_nothing(knowledge: Knowledge, store: DiskStore) -> None:
    knowledge.load(store)
    assert knowledge.rights.refused == {}
    assert knowledge.publications == {}
    assert knowledge.usage.total(NOW) == 0


# Damage

USUAL = {"plan": "premium-150", "refused": {"bulk quotes": NOW.isoformat()}}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (RIGHTS, {"plan": "premium-150"}),
        (RIGHTS, {"plan": "premium-150", "refused": None}),
        (RIGHTS, {"plan": "premium-150", "refused": {"telepathy": NOW.isoformat()}}),
        (RIGHTS, {"plan": "premium-150", "refused": {"bulk quotes": "yesterday"}}),
        (USAGE, {"yesterday": {}}),
        (USAGE, {NOW.isoformat(): 5}),
        (USAGE, {NOW.isoformat(): {"lost": 1}}),
        (PUBLICATION + "XNYS", {}),
        (PUBLICATION + "XNYS", {**LEARNT.to_document(), "by": "soon"}),
        (PUBLICATION + "XNYS", {**LEARNT.to_document(), "denied": []}),
        (PUBLICATION + "XNYS", {**LEARNT.to_document(), "denied": ["2026-11-23"]}),
        (PUBLICATION + "XNYS", {**LEARNT.to_document(), "published_at": 5}),
    ],
)
def test_a_damaged_note_is_forgotten_and_the_others_hold(
    name: str,
    content: dict[str, Any],
    knowledge: Knowledge,
    store: DiskStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    others = {
        RIGHTS: USUAL,
        USAGE: {NOW.isoformat(): {"new": 7}},
        PUBLICATION + "XNYS": LEARNT.to_document(),
        PUBLICATION + "XLON": LEARNT.to_document(),
    }
    store.save([], {**others, name: content})
    knowledge.load(store)
    assert knowledge.publications["XLON"] == LEARNT
    assert (Capability.BULK_QUOTES in knowledge.rights.refused) == (name != RIGHTS)
    assert knowledge.usage.total(NOW) == (0 if name == USAGE else 7)
    assert knowledge.publications["XNYS"] == (Publication() if "XNYS" in name else LEARNT)
    assert [each.levelno for each in caplog.records] == [logging.WARNING]
