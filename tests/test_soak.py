"""The soak in small; `make soak` lives through more of it, with another seed each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak import soak


@pytest.mark.parametrize(("house", "days"), [("free", 1.5), ("live", 0.4)])
def test_whatever_goes_wrong_what_is_shown_is_true_and_nothing_leaks(
    house: str, days: float, tmp_path: Path
) -> None:
    report = soak(tmp_path / "store", house, days=days, seed=5)
    assert report.quotes
    assert report.kills
    assert report.faults
    report.check_flat()
