"""Weeks made of days, and stitched to weekly bars without a seam, however the two are aligned.

November 2026: Monday 2, 9, 16, 23; Thursday 26 is Thanksgiving, Friday 27 closes early.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocktracker.figures.weeks import aggregate, final_weeks, mondays, stitch
from stocktracker.model import Ticker

IBM = Ticker("IBM")
NAN = float("nan")
Row = tuple[float, float, float, float, float]


def bars(rows: dict[str, Row], fetched_at: str | dict[str, str] = "2026-12-31") -> pd.DataFrame:
    """Rows of open, high, low, close, volume by date; got at one instant, or each at its own."""
    index = pd.DatetimeIndex(list(rows), name="date")
    columns = ["open", "high", "low", "close", "volume"]
    frame = pd.DataFrame(list(rows.values()), columns=columns, index=index, dtype=float)
    at = [fetched_at if isinstance(fetched_at, str) else fetched_at[day] for day in rows]
    return frame.assign(fetched_at=pd.to_datetime(at, utc=True, format="ISO8601").as_unit("us"))


def shown(frame: pd.DataFrame) -> dict[str, tuple[float | None, ...]]:
    """Figures by date, None for NaN."""
    rows = frame[["open", "high", "low", "close", "volume"]]
    return {
        f"{day:%m-%d}": tuple(None if np.isnan(value) else value for value in row)
        for day, row in zip(frame.index, rows.to_numpy().tolist(), strict=True)
    }


WEEKS = bars(
    {
        "2026-11-06": (10, 15, 9, 14, 500),
        "2026-11-13": (14, 19, 13, 18, 600),
        "2026-11-20": (18, 25, 17, 24, 700),
    }
)
MONDAY: Row = (18, 20, 17, 19, 100)
TUESDAY: Row = (19, 21, 18, 20, 110)
WEDNESDAY: Row = (20, 25, 19, 22, 120)
THURSDAY: Row = (22, 24, 20, 23, 130)
FRIDAY: Row = (23, 25, 22, 24, 240)
WEEK_OF_16 = {
    "2026-11-16": MONDAY,
    "2026-11-17": TUESDAY,
    "2026-11-18": WEDNESDAY,
    "2026-11-19": THURSDAY,
    "2026-11-20": FRIDAY,
}
NEXT_MONDAY: Row = (24, 26, 23, 25, 90)


def days(*names: str, fetched_at: str = "2026-12-31") -> pd.DataFrame:
    known = {**WEEK_OF_16, "2026-11-23": NEXT_MONDAY}
    return bars({f"2026-11-{name}": known[f"2026-11-{name}"] for name in names}, fetched_at)


def test_a_week_of_days_is_its_first_open_its_extremes_its_last_close_and_all_its_volume() -> None:
    frame = aggregate(bars({**WEEK_OF_16, "2026-11-23": NEXT_MONDAY}))
    assert shown(frame) == {"11-20": (18, 25, 17, 24, 700), "11-23": (24, 26, 23, 25, 90)}
    assert frame.index.name == "date"


def test_a_week_with_an_unknown_volume_has_an_unknown_volume() -> None:
    rows = {**WEEK_OF_16, "2026-11-18": (20.0, 25.0, 19.0, 22.0, NAN)}
    assert shown(aggregate(bars(rows)))["11-20"] == (18, 25, 17, 24, None)


def test_a_made_week_was_got_when_its_newest_day_was() -> None:
    at = {"2026-11-19": "2026-11-20T03:00", "2026-11-20": "2026-11-20T23:00"}
    frame = aggregate(bars({day: WEEK_OF_16[day] for day in at}, at))
    assert frame["fetched_at"].tolist() == [pd.Timestamp("2026-11-20T23:00", tz="UTC")]


def test_weeks_go_over_the_years_end() -> None:
    frame = aggregate(bars({"2025-12-31": MONDAY, "2026-01-02": TUESDAY, "2026-01-05": FRIDAY}))
    assert [f"{day:%Y-%m-%d}" for day in frame.index] == ["2026-01-02", "2026-01-05"]


# --- stitching --------------------------------------------------------------------------------


def test_newer_days_come_after_the_weekly_bars() -> None:
    stitched = stitch(WEEKS, days("23"), IBM)
    assert shown(stitched.frame) == {**shown(WEEKS), "11-23": (24, 26, 23, 25, 90)}
    assert stitched.notes == ()


def test_a_week_that_has_both_is_there_once() -> None:
    stitched = stitch(WEEKS, days("16", "17", "18", "19", "20", "23"), IBM)
    assert shown(stitched.frame) == {**shown(WEEKS), "11-23": (24, 26, 23, 25, 90)}


def test_days_that_begin_in_a_weeks_midst_leave_its_weekly_bar() -> None:
    stitched = stitch(WEEKS, days("18", "19", "20", "23"), IBM)
    assert shown(stitched.frame)["11-20"] == (18, 25, 17, 24, 700)


def test_a_weekly_bar_that_is_newer_than_the_days_stays() -> None:
    stitched = stitch(WEEKS, days("16", "17"), IBM)
    assert shown(stitched.frame) == shown(WEEKS)


WEDNESDAYS_WEEK: Row = (18, 25, 17, 21, 330)  # as of Wednesday's close


def test_whole_days_replace_a_weekly_bar_from_the_midst_of_the_week() -> None:
    weekly = bars({"2026-11-18": WEDNESDAYS_WEEK}, "2026-11-18T23:00")
    stitched = stitch(weekly, days("16", "17", "18", "19"), IBM)
    assert shown(stitched.frame) == {"11-19": (18, 25, 17, 23, 460)}


def test_newer_days_are_merged_into_a_weekly_bar_that_knows_the_weeks_beginning() -> None:
    weekly = bars({"2026-11-18": (18, 29, 15, 22, 330)}, "2026-11-18T23:00")
    stitched = stitch(weekly, days("18", "19", "20"), IBM)
    assert shown(stitched.frame) == {"11-20": (18, 29, 15, 24, 330 + 130 + 240)}


def test_the_volume_is_unknown_where_the_weekly_bars_day_was_not_over() -> None:
    weekly = bars({"2026-11-18": WEDNESDAYS_WEEK}, "2026-11-18T18:00")
    stitched = stitch(weekly, days("18", "19"), IBM)
    assert shown(stitched.frame) == {"11-19": (18, 25, 17, 23, None)}


def test_the_volume_is_unknown_where_a_day_between_is_missing() -> None:
    weekly = bars({"2026-11-16": MONDAY}, "2026-11-16T23:00")
    stitched = stitch(weekly, days("18", "19"), IBM)
    assert shown(stitched.frame) == {"11-19": (18, 25, 17, 23, None)}


def test_on_the_same_day_the_later_look_tells() -> None:
    weekly = bars({"2026-11-18": (18, 25, 17, 21.5, 290)}, "2026-11-18T18:00")
    earlier = stitch(weekly, days("16", "17", "18", fetched_at="2026-11-18T16:00"), IBM)
    assert shown(earlier.frame) == shown(weekly)
    later = stitch(weekly, days("16", "17", "18", fetched_at="2026-11-18T19:00"), IBM)
    assert shown(later.frame) == {"11-18": (18, 25, 17, 22, 330)}
    later_part = stitch(weekly, days("17", "18", fetched_at="2026-11-18T19:00"), IBM)
    assert shown(later_part.frame) == {"11-18": (18, 25, 17, 22, None)}


def test_gap_weeks_that_only_days_know_are_made_of_them() -> None:
    stitched = stitch(WEEKS.iloc[:1], days("16", "17", "18", "19", "20", "23"), IBM)
    assert list(shown(stitched.frame)) == ["11-06", "11-20", "11-23"]
    assert stitched.notes == ("no bar for the week of 9 Nov 2026",)


def test_a_longer_hole_is_said_and_not_filled() -> None:
    weekly = bars({"2026-08-07": MONDAY, "2026-11-20": FRIDAY})
    stitched = stitch(weekly, None, IBM)
    assert list(shown(stitched.frame)) == ["08-07", "11-20"]
    assert stitched.notes == ("no bars for 14 weeks from 10 Aug 2026 on",)


def test_a_week_in_which_the_exchange_was_closed_is_no_hole() -> None:
    """Shanghai closes for a week of October; New York does not."""
    weekly = bars({"2025-09-30": MONDAY, "2025-10-10": TUESDAY, "2025-10-17": FRIDAY})
    assert stitch(weekly, None, Ticker("600104.SHH")).notes == ()
    weekly = bars({"2024-09-30": MONDAY, "2024-10-08": TUESDAY, "2024-10-25": FRIDAY})
    assert stitch(weekly, None, Ticker("600104.SHH")).notes == (
        "no bar for the week of 14 Oct 2024",
    )


def test_days_alone_that_begin_in_a_weeks_midst_have_no_volume_for_it() -> None:
    stitched = stitch(None, days("18", "19", "20", "23"), IBM)
    assert shown(stitched.frame) == {
        "11-20": (20, 25, 19, 24, None),
        "11-23": (24, 26, 23, 25, 90),
    }
    assert stitched.notes == ("the week of 16 Nov 2026 lacks some of its days",)


def test_a_day_that_is_missing_in_the_newest_week_is_said() -> None:
    stitched = stitch(None, days("16", "18"), IBM)
    assert stitched.notes == ("the week of 16 Nov 2026 lacks some of its days",)


def test_a_holiday_is_no_missing_day() -> None:
    rows = {
        "2026-11-23": MONDAY,
        "2026-11-24": TUESDAY,
        "2026-11-25": WEDNESDAY,
        "2026-11-27": FRIDAY,
    }
    stitched = stitch(None, bars(rows), IBM)
    assert shown(stitched.frame) == {"11-27": (18, 25, 17, 24, 570)}
    assert stitched.notes == ()
    early = bars({"2026-11-24": (18, 21, 17, 20, 210)}, "2026-11-24T23:00")
    assert shown(stitch(early, bars(rows), IBM).frame) == shown(stitched.frame)


def test_a_week_that_upstream_tells_twice_is_there_once() -> None:
    weekly = bars({"2026-11-18": WEDNESDAYS_WEEK, "2026-11-20": (18, 25, 17, 24, 700)})
    assert list(shown(stitch(weekly, days("23"), IBM).frame)) == ["11-20", "11-23"]


def test_without_any_bars_there_is_nothing_to_stitch() -> None:
    with pytest.raises(ValueError, match="neither"):
        stitch(None, None, IBM)
    assert stitch(WEEKS.iloc[:0], None, IBM).frame.empty


TRUE_DAYS = pd.bdate_range("2026-08-03", "2026-11-20")
RNG = np.random.default_rng(5)
TRUE_CLOSES = 100 + np.cumsum(RNG.normal(0, 1, len(TRUE_DAYS)))
TRUE = bars(
    {
        f"{day:%Y-%m-%d}": (close - 0.5, close + 1, close - 1.5, close, 100.0)
        for day, close in zip(TRUE_DAYS, TRUE_CLOSES, strict=True)
        if day != pd.Timestamp("2026-09-07")  # Labor Day
    }
)


@settings(deadline=None)
@given(begins=st.integers(0, 78), ends=st.integers(1, 79), told=st.integers(1, 79))
def test_days_and_weeks_of_the_same_prices_give_the_true_weeks(
    begins: int, ends: int, told: int
) -> None:
    """Weekly bars as of some day, and a window of days that touches or overlaps them."""
    begins, ends = sorted((begins, ends))
    weekly, daily = aggregate(TRUE.iloc[:told]), TRUE.iloc[min(begins, told) : ends + 1]
    stitched = stitch(weekly, daily, IBM)
    known = aggregate(TRUE.iloc[: max(told, ends + 1)])
    weeks = mondays(stitched.frame.index)
    assert weeks.is_unique
    assert stitched.frame.index.is_monotonic_increasing
    pd.testing.assert_frame_equal(stitched.frame, known, check_freq=False)
    assert (stitched.frame["high"] >= stitched.frame[["open", "close"]].max(axis=1)).all()


# --- what is final ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "fetched_at", "is_final"),
    [
        ("2026-11-20", "2026-11-20T20:59", False),
        ("2026-11-20", "2026-11-20T21:00", True),
        ("2026-11-19", "2026-11-19T23:00", False),
        ("2026-11-27", "2026-11-27T18:00", True),
        ("2026-11-25", "2026-11-25T23:00", False),
        ("2026-04-02", "2026-04-02T20:00", True),
        ("2026-11-18", "2026-12-10T00:00", True),
    ],
    ids=[
        "Friday before the close",
        "at Friday's close",
        "on Thursday night",
        "at the early close after Thanksgiving",
        "on the eve of Thanksgiving",
        "on Thursday before Good Friday",
        "weeks later, halted since",
    ],
)
def test_a_weeks_bar_is_final_after_its_last_session(
    day: str, fetched_at: str, is_final: bool
) -> None:
    assert final_weeks(bars({day: MONDAY}, fetched_at), IBM) == [is_final]


def test_mondays_are_of_iso_weeks() -> None:
    index = pd.DatetimeIndex(["2026-11-22", "2026-11-23", "2026-01-01"])
    assert [day.date() for day in mondays(index)] == [
        date(2026, 11, 16),
        date(2026, 11, 23),
        date(2025, 12, 29),
    ]
