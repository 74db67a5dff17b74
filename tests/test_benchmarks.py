"""The benchmarks measure the real program: their viewers drive it, their table hides nothing."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

if not hasattr(os, "sched_getaffinity"):
    pytest.skip("benchmarks are for Linux", allow_module_level=True)

from benchmarks import __main__ as bench
from benchmarks import machine, planner, report
from benchmarks.browser import Browser, MessageCache
from benchmarks.report import Row, at_most, ratio_at_most
from benchmarks.viewers import SETTLED, Viewers
from tests.server import App, starting_apps

TICKERS = "tickers=AAPL&tickers=MSFT"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with starting_apps(tmp_path_factory.mktemp("bench")) as start:
        yield start()


def test_a_viewer_drives_the_real_program_and_counts_what_comes(app: App) -> None:
    with Viewers() as viewers:
        first = viewers.open("few", app.port, 2, [TICKERS])
        assert first["answered"] == 2
        assert min(viewers.settle("few")["timers"]) > SETTLED
        before = machine.cpu_seconds(app.pid)
        told = viewers.closed("few", 0.3, "page")
        assert machine.cpu_seconds(app.pid) > before
        assert told["ticks"] == told["answered"] >= 2
        assert 0 < told["p50"] <= told["p95"] <= told["worst"]
        assert told["bytes"] > 1000 * told["ticks"]
        assert app.health()["viewers"] == 2
        viewers.close("few")


def test_the_listing_is_sent_once_and_referred_to_from_then_on(app: App) -> None:
    """As with a browser, which tells the server the hashes of what it holds."""

    async def rerun() -> tuple[int, int, int]:
        tab = Browser(app.port, "", TICKERS)
        await tab.open()
        await tab.run()
        first = tab.tally.bytes
        references = tab.tally.references
        await tab.run()
        await tab.close()
        return first, tab.tally.bytes - first, tab.tally.references - references

    first, second, references = asyncio.run(rerun())
    assert references >= 1
    assert second < first / 2


def test_timers_fire_by_themselves_and_none_is_unanswered(app: App) -> None:
    with Viewers() as viewers:
        viewers.open("one", app.port, 1, [TICKERS])
        interval = min(viewers.settle("one")["timers"])
        told = viewers.look(["one"], interval + 0.5)["one"]
        assert told["answered"] >= 1
        assert told["unanswered"] == 0


def test_a_browser_forgets_a_message_that_three_runs_did_not_use() -> None:
    held = MessageCache()
    held.hold("whole", "")
    held.hold("part", "fragment")
    for _ in range(3):
        held.age(2, ["fragment"])
    assert list(held) == ["whole"]
    held.use("whole")
    for _ in range(2):
        held.age(2, [])
    assert list(held) == ["whole"]
    held.age(2, [])
    assert list(held) == []
    with pytest.raises(ValueError, match="no browser"):
        held.use("whole")


def test_the_table_names_ratio_and_target_and_hides_no_miss() -> None:
    rows = [
        Row("a tick", 6.0, 4.0, "ms", "floor", ratio_at_most(1.3)),
        Row("p95", 120, 20_000, "ms", "ttl", at_most(500)),
        Row("planner", 1234.5, None, "ms"),
    ]
    table = report.lines(rows)
    assert len({len(line) for line in table}) == 1
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]
    assert cells == [
        ["a tick", "6", "4 (floor)", "ms", "1.5 ×", "≤ 1.3 ×", "**missed**"],
        ["p95", "120", "20,000 (ttl)", "ms", "0.006 ×", "≤ 500", "met"],
        ["planner", "1,234", "–", "ms", "–", "", ""],
    ]


def test_a_topic_can_be_run_alone_and_leaves_the_kept_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "MARKET", 50)
    kept = report.README.read_text(encoding="utf-8")
    assert bench.main(["planner"]) == 0
    printed = capsys.readouterr().out
    assert "| planner: after each bulk reply" in printed
    assert machine.describe() in printed
    assert report.README.read_text(encoding="utf-8") == kept


def test_what_cannot_be_measured_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> list[Row]:
        raise OSError("no disk")

    monkeypatch.setattr(planner, "measure", fail)
    assert bench.main(["planner"]) == 1
    assert "not measured: planner" in capsys.readouterr().out


def test_the_table_is_kept_between_its_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = report.README.read_text(encoding="utf-8")
    assert original.count(report.BEGIN) == original.count(report.END) == 1
    copy = tmp_path / "README.md"
    copy.write_text(original, encoding="utf-8")
    monkeypatch.setattr(report, "README", copy)
    for figure in (1.0, 2.0):
        report.keep(report.lines([Row("a row", figure, None, "s")]), "a machine")
    text = copy.read_text(encoding="utf-8")
    assert re.findall(r"\| a row +\| (\d)", text) == ["2"]
    assert text.partition(report.BEGIN)[0] == original.partition(report.BEGIN)[0]
    assert text.partition(report.END)[2] == original.partition(report.END)[2]


@pytest.mark.parametrize("rival", ["ttl", "background", "floor_live", "floor_history"])
def test_rivals_say_what_they_are(rival: str) -> None:
    text = (report.README.parent / "rivals" / f"{rival}.py").read_text(encoding="utf-8")
    assert text.startswith('"""')
