"""docs/faults.md promises with tests: each one that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = [line for line in TABLE.splitlines() if re.match(r"\| \d+ \|", line)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_a_row_names_tests_that_exist(row: str) -> None:
    text, named = "", 0
    for name in re.findall(r"`(tests/\w+\.py|test_\w+)`", row):
        if name.startswith("tests/"):
            text = (ROOT / name).read_text(encoding="utf-8")
        else:
            assert f"def {name}(" in text, name
            named += 1
    assert named


def test_every_requirement_has_a_row() -> None:
    assert [int(row.split("|")[1]) for row in ROWS] == list(range(1, 31))
