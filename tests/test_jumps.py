"""Jumps that look like splits are found, and ordinary crashes are not taken for them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from stocktracker.figures.jumps import needs_splits, suspects
from stocktracker.fundamentals import Split, Splits
from stocktracker.model import Ticker

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
recorded = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")
DAYS = pd.bdate_range("2026-05-11", periods=25, name="date")
JUMP = DAYS[20].date()  # 8 June 2026


def bars(opens: float, closes: float, *, volume: float = 1000.0) -> pd.DataFrame:
    """Twenty quiet days at 100 with a volume of 1000, then five that open and close elsewhere."""
    open_, close = [100.0] * 20 + [opens] + [closes] * 4, [100.0] * 20 + [closes] * 5
    frame = pd.DataFrame({"open": open_, "close": close}, index=DAYS)
    frame["high"], frame["low"] = frame.max(axis=1), frame.min(axis=1)
    frame["volume"] = [1000.0] * 20 + [volume] * 5
    return frame


def splits(*days: date, fetched_at: str = "2026-05-01") -> Splits:
    return Splits(
        ticker=Ticker("IBM"),
        fetched_at=datetime.fromisoformat(fetched_at).replace(tzinfo=UTC),
        source="test",
        rows=tuple(Split(day, 2.0) for day in days),
    )


def found(frame: pd.DataFrame, known: Splits | None = None) -> list[str]:
    return [f"{each.day} {each}" for each in suspects(frame, known)]


@pytest.mark.parametrize(
    ("opens", "closes", "words"),
    [
        (50.0, 51.0, "2:1"),
        (52.0, 47.5, "2:1"),
        (66.0, 68.0, "3:2"),
        (33.0, 34.0, "3:1"),
        (25.5, 26.0, "4:1"),
        (9.9, 10.6, "10:1"),
        (4.9, 5.1, "20:1"),
        (2.0, 2.1, "50:1"),
        (200.0, 190.0, "1:2"),
        (1000.0, 930.0, "1:10"),
        (1900.0, 1700.0, "1:20"),
    ],
)
def test_a_jump_overnight_to_a_quiet_day_looks_like_a_split(
    opens: float, closes: float, words: str
) -> None:
    assert found(bars(opens, closes, volume=1000 * 100 / closes)) == [f"2026-06-08 {words}"]


@pytest.mark.parametrize(
    ("opens", "closes", "volume"),
    [
        pytest.param(99.0, 50.0, 2000.0, id="in the course of the session"),
        pytest.param(50.0, 50.0, 20_000.0, id="ten times the usual money"),
        pytest.param(57.0, 57.0, 2000.0, id="near no ratio"),
        pytest.param(50.0, 62.0, 2000.0, id="a restless day"),
        pytest.param(75.0, 75.0, 1000.0, id="too small for a split"),
        pytest.param(200.0, 200.0, 5000.0, id="a bid at twice the price"),
    ],
)
def test_a_crash_is_not_a_split(opens: float, closes: float, volume: float) -> None:
    assert found(bars(opens, closes, volume=volume)) == []


def test_where_volumes_are_unknown_the_prices_alone_tell() -> None:
    assert found(bars(50.0, 51.0).assign(volume=float("nan"))) == ["2026-06-08 2:1"]


@pytest.mark.parametrize("known", [DAYS[19], DAYS[20], DAYS[21]])
def test_a_known_split_within_a_session_explains_the_jump(known: pd.Timestamp) -> None:
    assert found(bars(50.0, 51.0), splits(known.date())) == []


def test_other_known_splits_do_not_explain_it() -> None:
    known = splits(DAYS[17].date(), date(2031, 1, 6))
    assert found(bars(50.0, 51.0), known) == ["2026-06-08 2:1"]


def test_the_ratio_is_the_close_before_over_the_open() -> None:
    (suspect,) = suspects(bars(52.0, 51.0), None)
    assert (suspect.n, suspect.m, suspect.ratio) == (2, 1, 1.9231)


def test_a_jump_over_a_hole_in_the_bars_says_nothing() -> None:
    frame = bars(50.0, 51.0)
    frame.index = frame.index[:20].append(frame.index[20:] + pd.Timedelta(days=30))
    assert found(frame) == []


@pytest.mark.parametrize("rows", [0, 1])
def test_single_bars_do_not_jump(rows: int) -> None:
    assert found(bars(50.0, 51.0).iloc[:rows]) == []


def test_unknown_and_impossible_prices_do_not_jump() -> None:
    frame = bars(50.0, 51.0)
    frame.loc[DAYS[20], ["open", "close"]] = float("nan")
    frame.loc[DAYS[5], ["open", "close"]] = 0.0
    assert found(frame) == []


@recorded
def test_half_a_year_of_ibm_has_no_suspect() -> None:
    path = RECORDINGS / "portfoliotree__daily_compact_IBM.csv"
    frame = pd.read_csv(path, index_col="timestamp", parse_dates=["timestamp"]).sort_index()
    assert len(frame) == 100
    assert suspects(frame, None) == []


# --- when to ask for SPLITS -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "needed"),
    [
        ("2026-06-01T12:00", True),
        ("2026-06-08T13:00", True),
        ("2026-06-08T23:30", True),
        ("2026-06-09T00:00", False),
        ("2026-07-01T00:00", False),
    ],
)
def test_splits_are_asked_for_again_after_a_jump_that_is_newer(asked: str, needed: bool) -> None:
    frame, known = bars(50.0, 51.0), splits(fetched_at=asked)
    assert needs_splits(frame, known) is needed


def test_a_later_try_that_brought_nothing_new_counts() -> None:
    asked_at = datetime(2026, 6, 10, tzinfo=UTC)
    assert not needs_splits(bars(50.0, 51.0), splits(), asked_at=asked_at)
    assert not needs_splits(bars(50.0, 51.0), None, asked_at=asked_at)


def test_without_known_splits_any_jump_is_a_reason_and_quiet_bars_are_none() -> None:
    assert needs_splits(bars(50.0, 51.0), None)
    assert not needs_splits(bars(100.0, 100.0), None)
