"""Weekly bars out of daily ones, and the two stitched without a seam. Pure: frames in, frames out.

A week is an ISO week, Monday to Sunday, and its bar is dated by its last trading day so far, as
upstream dates it. What no bar tells is never filled: it is left out, or NaN, and said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from stocktracker.markets import calendar_of, closed_at
from stocktracker.model import Ticker

DAYS = timedelta(days=1)
WEEK = timedelta(days=7)
COLUMNS = ("open", "high", "low", "close", "volume", "fetched_at")
# Calendars of old years are slow to make, and holes in old bars have been looked at by others.
LOOKED_AT = timedelta(days=800)
# Of a longer hole it is not asked for which of its weeks the exchange was closed.
LONG_HOLE = 8
FULL = 5  # sessions of a week without a holiday


@dataclass(frozen=True, slots=True)
class Stitched:
    """Weekly bars with the columns of COLUMNS, and in plain words what is missing in them."""

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()


def mondays(index: pd.Index) -> pd.DatetimeIndex:
    """The Monday of every date's week."""
    stamps = pd.DatetimeIndex(index).normalize()
    return pd.DatetimeIndex(stamps - pd.to_timedelta(stamps.day_of_week, unit="D"))


def aggregate(daily: pd.DataFrame) -> pd.DataFrame:
    """Daily bars as weekly ones; a week's volume is unknown where one of its days' is."""
    frame = daily[list(COLUMNS)]
    if frame.empty:
        return frame
    starts = np.flatnonzero(~mondays(frame.index).duplicated())
    ends = np.append(starts[1:], len(frame)) - 1
    fetched = pd.DatetimeIndex(frame["fetched_at"])
    newest = np.maximum.reduceat(fetched.asi8, starts)
    return pd.DataFrame(
        {
            "open": frame["open"].to_numpy()[starts],
            "high": np.fmax.reduceat(frame["high"].to_numpy(), starts),
            "low": np.fmin.reduceat(frame["low"].to_numpy(), starts),
            "close": frame["close"].to_numpy()[ends],
            "volume": np.add.reduceat(frame["volume"].to_numpy(), starts),
            "fetched_at": pd.DatetimeIndex(newest.view(f"M8[{fetched.unit}]")).tz_localize("UTC"),
        },
        index=pd.DatetimeIndex(frame.index[ends], name="date"),
    )


def stitch(weekly: pd.DataFrame | None, daily: pd.DataFrame | None, ticker: Ticker) -> Stitched:
    """Weekly bars for the old weeks and daily ones, made weekly, for the new: each week once.

    Both must be of the same series, adjusted by the same steps. Where a week has both, the newer
    tells; of a week that the daily bars cover in part, the weekly bar stays with the newer days
    merged into it. A week of daily bars alone that lacks some has no volume.
    """
    known = weekly if daily is None else daily
    if known is None:
        raise ValueError("neither weekly nor daily bars")
    days = known[:0] if daily is None else daily
    weeks = known[:0] if weekly is None else weekly
    days, weeks = days[list(COLUMNS)], weeks[list(COLUMNS)]
    if days.empty:
        return Stitched(weeks, _holes(weeks, ticker))
    made = aggregate(days)
    of_weeks, of_made = mondays(weeks.index), mondays(made.index)
    weeks = weeks[~of_weeks.duplicated(keep="last")]
    of_weeks = of_weeks.drop_duplicates()
    counts = np.bincount(np.searchsorted(of_made, mondays(days.index)))
    place = of_weeks.get_indexer(of_made)
    alone = place < 0
    made, notes = _without_half_volumes(made, alone & (counts < FULL), days, ticker)
    plain = alone.copy()
    if len(weeks):
        # Five days are a whole week. The rest, and what may still run, is looked at one by one.
        plain |= (
            (counts >= FULL) & (made.index >= weeks.index[place]) & (made.index < made.index[-1])
        )
    parts = [weeks[~of_weeks.isin(of_made)], made[plain]]
    for number in np.flatnonzero(~plain).tolist():
        monday = of_made[number]
        both = days[(days.index >= monday) & (days.index < monday + WEEK)]
        parts.append(_one(weeks.iloc[[place.tolist()[number]]], both, made.iloc[[number]], ticker))
    frame = pd.concat([part for part in parts if len(part)]).sort_index()
    frame.index.name = "date"
    return Stitched(frame, (*notes, *_holes(frame, ticker)))


def _one(
    week: pd.DataFrame, days: pd.DataFrame, made: pd.DataFrame, ticker: Ticker
) -> pd.DataFrame:
    """The bar of a week that has both a weekly bar and daily ones (`made` into one)."""
    told, last = week.index[0], made.index[0]
    told_at, last_at = week["fetched_at"].iloc[0], days["fetched_at"].iloc[-1]
    if told > last:
        return week
    newer = told < last or last_at >= closed_at(ticker, last.date()) or last_at >= told_at
    if not newer:
        return week
    is_settled = told_at >= closed_at(ticker, told.date())
    if told == last and is_settled and not np.isnan(week["volume"].iloc[0]):
        return week
    if not missing_sessions(days.index, _monday(last), last.date(), ticker):
        return made
    merged = made.copy()
    merged["open"] = week["open"].to_numpy()
    merged["high"] = np.fmax(made["high"].to_numpy(), week["high"].to_numpy())
    merged["low"] = np.fmin(made["low"].to_numpy(), week["low"].to_numpy())
    later = days[days.index > told]
    after = told.date() + DAYS
    known = is_settled and not missing_sessions(later.index, after, last.date(), ticker)
    merged["volume"] = week["volume"].to_numpy() + later["volume"].sum(skipna=False)
    if not known:
        merged["volume"] = np.nan
    merged["fetched_at"] = max(told_at, made["fetched_at"].iloc[0])
    return merged


def missing_sessions(index: pd.Index, first: date, last: date, ticker: Ticker) -> list[date]:
    """The exchange's sessions from `first` to `last`, both included, that have no bar."""
    stamps = pd.DatetimeIndex(index)
    # Of 25 years of days only those of the span become dates: all of them would take 20 ms.
    inside = (stamps >= pd.Timestamp(first)) & (stamps < pd.Timestamp(last) + DAYS)
    found = {stamp.date() for stamp in stamps[inside]}
    calendar = calendar_of(ticker)
    days = (first + number * DAYS for number in range((last - first).days + 1))
    return [day for day in days if day not in found and calendar.session_on(day) is not None]


def final_weeks(frame: pd.DataFrame, ticker: Ticker) -> list[bool]:
    """For each weekly bar whether it was got after the last session of its week was over."""
    ends = (mondays(frame.index) + WEEK + DAYS).tz_localize("UTC")
    fetched = pd.DatetimeIndex(frame["fetched_at"])
    return [
        bool(is_past) or _is_over(day, at.to_pydatetime(), ticker)
        for is_past, day, at in zip(fetched >= ends, frame.index, fetched, strict=True)
    ]


def _is_over(last: pd.Timestamp, fetched_at: datetime, ticker: Ticker) -> bool:
    day = last.date()
    sunday = _monday(last) + 6 * DAYS
    if fetched_at < closed_at(ticker, day):
        return False
    return not missing_sessions(pd.DatetimeIndex([]), day + DAYS, sunday, ticker)


def _without_half_volumes(
    made: pd.DataFrame, doubtful: np.ndarray, days: pd.DataFrame, ticker: Ticker
) -> tuple[pd.DataFrame, list[str]]:
    """The bars made of days alone, without the volume of weeks that lack some; and which these are.

    Calendars are asked about the newest years; an old first week that begins after its Monday
    counts as lacking days.
    """
    notes = []
    volumes = made["volume"].to_numpy(copy=True)
    for number in np.flatnonzero(doubtful).tolist():
        stamp = made.index[number]
        monday = _monday(stamp)
        if stamp > days.index[-1] - LOOKED_AT:
            is_newest = number == len(made) - 1
            last = stamp.date() if is_newest else monday + 6 * DAYS
            gone = missing_sessions(days.index, monday, last, ticker)
        else:
            first = days.index[0].date()
            gone = [monday] if number == 0 and first > monday else []
        if gone:
            volumes[number] = np.nan
            notes.append(f"the week of {monday:%-d %b %Y} lacks some of its days")
    return made.assign(volume=volumes), notes


def _holes(frame: pd.DataFrame, ticker: Ticker) -> tuple[str, ...]:
    """Weeks between the first and the last bar that have sessions but no bar."""
    if len(frame) < 2:
        return ()
    weeks = mondays(frame.index)
    notes = []
    for place in np.flatnonzero(np.diff(weeks) > np.timedelta64(7, "D")).tolist():
        first = weeks[place].date() + WEEK
        gone = [
            first + number * WEEK for number in range((weeks[place + 1].date() - first).days // 7)
        ]
        if len(gone) <= LONG_HOLE:
            gone = [each for each in gone if _has_sessions(each, ticker)]
        notes.extend(_hole(gone))
    return tuple(notes)


def _has_sessions(monday: date, ticker: Ticker) -> bool:
    return bool(missing_sessions(pd.DatetimeIndex([]), monday, monday + 6 * DAYS, ticker))


def _hole(gone: Sequence[date]) -> list[str]:
    if not gone:
        return []
    if len(gone) == 1:
        return [f"no bar for the week of {gone[0]:%-d %b %Y}"]
    return [f"no bars for {len(gone)} weeks from {gone[0]:%-d %b %Y} on"]


def _monday(stamp: pd.Timestamp) -> date:
    return stamp.date() - stamp.weekday() * DAYS
