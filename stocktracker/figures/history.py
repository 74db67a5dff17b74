"""The history that charts, statistics and exports use: one range of one ticker as one series. Pure.

It is made of what is stored: bars, the quote of the running day, splits and dividends. What is not
there is not made up: the series falls back to the best one that is right, and `notes` say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

import pandas as pd

from stocktracker.bars import with_running_day
from stocktracker.figures.adjust import Series, Steps, apply_steps, find_steps
from stocktracker.figures.analytics import Range, cut, reaches
from stocktracker.figures.jumps import Suspect, needs_splits, suspects
from stocktracker.figures.weeks import (
    COLUMNS,
    LOOKED_AT,
    final_weeks,
    missing_sessions,
    mondays,
    stitch,
)
from stocktracker.fundamentals import Dividend, Dividends, Split, Splits
from stocktracker.markets import closed_at
from stocktracker.model import Bars, Feed, Interval, Quote, Ticker

FIVE_MINUTES = pd.Timedelta(minutes=5)
# Newer bars than these are on their way; without them the history has ended.
ENDED = timedelta(days=7)
NAMED_DAYS = 3
NOTHING_COMMON = "there is no date that all have in common"


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """A range of a ticker's history as one series, oldest first.

    `frame` is indexed as `Bars` are and has their columns open, high, low, close, volume (NaN where
    unknown), fetched_at (UTC), and `final` (bool; False for a bar that may still change). `run_up`
    has the same of before the range, for indicators that need some bars to begin with.
    `series` is what the prices are, which can be less than was asked for; `lacking` are the feeds
    that would make it whole. `fetched_at` is its newest change and so, with the range and the
    series, its version. `splits` and `dividends` are those in the range. Notes are for people:
    parts of a sentence, without text from outside.
    """

    ticker: Ticker
    range: Range
    interval: Interval
    series: Series
    frame: pd.DataFrame
    run_up: pd.DataFrame
    currency: str
    sources: tuple[str, ...]
    fetched_at: datetime
    notes: tuple[str, ...]
    suspects: tuple[Suspect, ...]
    lacking: tuple[Feed, ...]
    splits: tuple[Split, ...]
    dividends: tuple[Dividend, ...]

    @property
    def first(self) -> pd.Timestamp:
        return pd.Timestamp(self.frame.index[0])

    @property
    def last(self) -> pd.Timestamp:
        return pd.Timestamp(self.frame.index[-1])

    @property
    def version(self) -> str:
        """Differs whenever anything differs; for keys of what is drawn from it."""
        names = (self.ticker, self.range, self.interval, self.series, self.fetched_at.isoformat())
        return " ".join(names)


def make_history(
    asked: Range,
    series: Series,
    *,
    interval: Interval,
    bars: Mapping[Feed, Bars | None],
    quote: Quote | None,
    splits: Splits | None,
    dividends: Dividends | None,
    zone: tzinfo,
    now: datetime,
    splits_asked_at: datetime | None = None,
) -> History | None:
    """What is stored as the range and series asked for; None without any bars of the interval.

    Weekly history is made of weekly bars, of daily ones, or of both. `zone` is the exchange's.
    `splits_asked_at` is when SPLITS were last answered, if that is known: see `needs_splits`.
    """
    daily = _usable(bars.get(Feed.DAILY))
    weekly = _usable(bars.get(Feed.WEEKLY))
    intraday = _usable(bars.get(Feed.INTRADAY))
    changes = [each.fetched_at for each in (splits, dividends) if each is not None]
    if daily is not None:
        changes.append(daily.fetched_at)
        daily = with_running_day(daily, quote)
    used = {
        Interval.FIVE_MINUTES: [intraday],
        Interval.DAILY: [daily],
        Interval.WEEKLY: [weekly, daily],
    }[interval]
    told = [each for each in used if each is not None]
    if not told:
        return None
    shown, notes, lacking = _best(series, splits, dividends)
    finer = intraday if interval is Interval.FIVE_MINUTES else daily
    steps = find_steps(
        splits,
        dividends,
        shown,
        frame=None if finer is None else finer.frame,
        weekly=None if weekly is None else weekly.frame,
        zone=zone,
    )
    if interval is Interval.WEEKLY:
        whole, remarks = _weekly(weekly, daily, steps, told[0].ticker)
    else:
        whole, remarks = apply_steps(told[0].frame[list(COLUMNS)], steps.rows, zone=zone), ()
    last = pd.Timestamp(whole.index[-1])
    frame = cut(whole, asked, last, zone=zone)
    frame = frame.assign(final=_final(frame, interval, told[0].ticker))
    found = suspects(daily.frame, splits) if daily is not None else []
    first_day, last_day = _span(frame, interval, zone)
    in_range = tuple(each for each in found if first_day <= each.day <= last_day)
    if daily is not None and needs_splits(daily.frame, splits, asked_at=splits_asked_at):
        lacking.add(Feed.SPLITS)
    is_short = not reaches(whole, asked, last, whole_history=asked is Range.MAX, zone=zone)
    if is_short and weekly is None and interval is not Interval.FIVE_MINUTES:
        lacking.add(Feed.WEEKLY)
    if is_short:
        notes.append(f"history begins {_words(first_day)}")
    notes.extend(remarks)
    notes.extend(_holes(frame, interval, told[0].ticker))
    notes.extend(
        f"a jump on {_words(each.day)} looks like a {each} split that is not known"
        for each in in_range
    )
    notes.extend(steps.problems)
    notes.extend(_end(frame, interval, last_day, now))
    events = [each for each in (splits, dividends) if each is not None]
    return History(
        ticker=told[0].ticker,
        range=asked,
        interval=interval,
        series=shown,
        frame=frame,
        run_up=whole[whole.index < frame.index[0]].assign(final=True),
        currency=told[0].currency,
        sources=tuple(dict.fromkeys(each.source for each in (*told, *events))),
        fetched_at=max([*changes, *(each.fetched_at for each in told)]),
        notes=tuple(dict.fromkeys(notes)),
        suspects=in_range,
        lacking=tuple(sorted(lacking)),
        splits=_within(splits, first_day, last_day),
        dividends=_paid_within(dividends, first_day, last_day),
    )


def _usable(bars: Bars | None) -> Bars | None:
    return None if bars is None or bars.frame.empty else bars


def _best(
    series: Series, splits: Splits | None, dividends: Dividends | None
) -> tuple[Series, list[str], set[Feed]]:
    """The best series that is right with what is known, what to say of it, and what it lacks."""
    notes: list[str] = []
    lacking: set[Feed] = set()
    if series is Series.TOTAL and dividends is None:
        series = Series.SPLITS
        lacking.add(Feed.DIVIDENDS)
        notes.append("dividends are not known yet and not counted")
    if series is not Series.RAW and splits is None:
        series = Series.RAW
        lacking.add(Feed.SPLITS)
        notes = ["splits are not known yet: prices are as traded"]
    return series, notes, lacking


def _weekly(
    weekly: Bars | None, daily: Bars | None, steps: Steps, ticker: Ticker
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Both kinds of bars by the same steps, which may lie after the last weekly bar; as weeks."""
    weeks = None if weekly is None else apply_steps(weekly.frame, steps.rows, weekly=True)
    days = None if daily is None else apply_steps(daily.frame, steps.rows)
    stitched = stitch(weeks, days, ticker)
    return stitched.frame, stitched.notes


def _final(frame: pd.DataFrame, interval: Interval, ticker: Ticker) -> list[bool]:
    """For each bar whether it was got after its span of time was over."""
    if interval is Interval.WEEKLY:
        return final_weeks(frame, ticker)
    fetched = pd.DatetimeIndex(frame["fetched_at"])
    if interval is Interval.FIVE_MINUTES:
        return list(fetched >= pd.DatetimeIndex(frame.index) + FIVE_MINUTES)
    surely = fetched >= pd.DatetimeIndex(frame.index).tz_localize("UTC") + 2 * pd.Timedelta(days=1)
    return [
        bool(is_past) or at >= closed_at(ticker, day.date())
        for is_past, day, at in zip(surely, frame.index, fetched, strict=True)
    ]


def _span(frame: pd.DataFrame, interval: Interval, zone: tzinfo) -> tuple[date, date]:
    """The exchange dates that the bars cover."""
    index = pd.DatetimeIndex(frame.index)
    if interval is Interval.FIVE_MINUTES:
        index = index.tz_convert(zone)
    first = mondays(index[:1])[0] if interval is Interval.WEEKLY else index[0]
    return first.date(), index[-1].date()


def _holes(frame: pd.DataFrame, interval: Interval, ticker: Ticker) -> list[str]:
    """Sessions without a daily bar, of the newest years."""
    if interval is not Interval.DAILY:
        return []
    last = frame.index[-1].date()
    gone = missing_sessions(frame.index, max(frame.index[0].date(), last - LOOKED_AT), last, ticker)
    if len(gone) <= NAMED_DAYS:
        return [f"no bar for {_words(day)}" for day in gone]
    return [f"no bars for {len(gone)} sessions from {_words(gone[0])} to {_words(gone[-1])}"]


def _end(frame: pd.DataFrame, interval: Interval, last: date, now: datetime) -> list[str]:
    notes = []
    if now.date() - last > ENDED:
        notes.append(f"no bars since {_words(last)}")
    if not frame["final"].iloc[-1]:
        what = {
            Interval.FIVE_MINUTES: "the newest bar",
            Interval.DAILY: f"the bar of {_words(last)}",
            Interval.WEEKLY: f"the week's bar up to {_words(last)}",
        }[interval]
        notes.append(f"{what} is not final")
    return notes


def _words(day: date) -> str:
    return f"{day:%-d %b %Y}"


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Closes of several tickers on their common dates, for what compares them.

    `frame` has a column for each ticker and no unknown closes; weekly ones are dated by the last
    trading day that one of them has in the week. `dropped` says how many bars of each were left
    out from the first common date on; `notes` what a reader must know, in plain words.
    """

    frame: pd.DataFrame
    interval: Interval
    dropped: Mapping[Ticker, int]
    notes: tuple[str, ...]

    @property
    def first_common(self) -> pd.Timestamp | None:
        return None if self.frame.empty else pd.Timestamp(self.frame.index[0])


def aligned_closes(histories: Sequence[History]) -> Alignment:
    """The closes on dates that all histories have; nothing is filled.

    Daily closes are joined by date. As soon as one history is weekly all are compared week by week,
    by the last close of each ISO week: last trading days differ abroad. Intraday ones are joined by
    instant. Raises ValueError for none, and for intraday with others. A ticker counts once.
    """
    unique = list({each.ticker: each for each in histories}.values())
    if not unique:
        raise ValueError("no histories to align")
    intervals = {each.interval for each in unique}
    if Interval.FIVE_MINUTES in intervals and len(intervals) > 1:
        raise ValueError("intraday bars have no common dates with daily or weekly ones")
    interval = Interval.WEEKLY if Interval.WEEKLY in intervals else intervals.pop()
    closes = {each.ticker: _closes(each, interval) for each in unique}
    common = next(iter(closes.values())).index
    for each in closes.values():
        common = common.intersection(each.index)
    common = pd.DatetimeIndex(common.sort_values())
    days = pd.DataFrame({ticker: each["day"].loc[common] for ticker, each in closes.items()})
    frame = pd.DataFrame({ticker: each["close"].loc[common] for ticker, each in closes.items()})
    frame.index = pd.DatetimeIndex(days.max(axis=1), name="date")
    dropped = {
        ticker: int((each.index >= common[0]).sum()) - len(common) if len(common) else 0
        for ticker, each in closes.items()
    }
    notes = _remarks(unique, closes, dropped) if len(common) else [NOTHING_COMMON]
    return Alignment(frame, interval, dropped, tuple(notes))


def _closes(history: History, interval: Interval) -> pd.DataFrame:
    """Known closes with their days, by what they are joined on."""
    known = history.frame["close"].dropna()
    found = pd.DataFrame({"close": known, "day": known.index}, index=known.index)
    if interval is not Interval.WEEKLY:
        return found
    found.index = mondays(known.index)
    return found[~found.index.duplicated(keep="last")]


def _remarks(
    histories: Sequence[History],
    closes: Mapping[Ticker, pd.DataFrame],
    dropped: Mapping[Ticker, int],
) -> list[str]:
    notes = []
    begins = {ticker: pd.Timestamp(each["day"].iloc[0]) for ticker, each in closes.items()}
    latest = max(begins, key=lambda ticker: begins[ticker])
    if min(closes[ticker].index[0] for ticker in closes) < closes[latest].index[0]:
        notes.append(f"{latest} begins {_words(begins[latest].date())}, and so does the comparison")
    ends = {ticker: pd.Timestamp(each["day"].iloc[-1]) for ticker, each in closes.items()}
    earliest = min(ends, key=lambda ticker: ends[ticker])
    if ends[earliest] < max(ends.values()):
        notes.append(f"{earliest} ends {_words(ends[earliest].date())}")
    notes.extend(
        f"{count} {'bar' if count == 1 else 'bars'} of {ticker} left out, as others have none then"
        for ticker, count in dropped.items()
        if count
    )
    if len({each.series for each in histories}) > 1:
        texts = (f"{each.ticker} {each.series.value.lower()}" for each in histories)
        notes.append(f"not all are the same series: {', '.join(texts)}")
    if len({each.currency for each in histories}) > 1:
        notes.append("returns are in each ticker's own currency")
    return notes


def _within(splits: Splits | None, first: date, last: date) -> tuple[Split, ...]:
    rows = splits.rows if splits is not None else ()
    return tuple(each for each in rows if first <= each.day <= last)


def _paid_within(dividends: Dividends | None, first: date, last: date) -> tuple[Dividend, ...]:
    rows = dividends.rows if dividends is not None else ()
    return tuple(each for each in rows if first <= each.ex_day <= last)
