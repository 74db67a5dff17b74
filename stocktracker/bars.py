"""How bars grow and heal, and the quote that is in them. Pure: frames in, frames out."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime

import pandas as pd

from stocktracker.figures.jumps import suspects
from stocktracker.fundamentals import Splits
from stocktracker.markets import closed_at
from stocktracker.model import Bars, Interval, Quote
from stocktracker.plans import Liveness

FETCHED_AT = "fetched_at"


def merge(stored: Bars | None, fresh: Bars) -> Bars:
    """`stored` with what `fresh` adds or corrects; `stored` itself where that is nothing.

    Fresh rows win, so a partial or wrong bar heals; stored rows that the fresh window no longer
    reaches stay, so history grows. A row keeps its own fetched_at while its figures do not change.
    A weekly bar replaces the stored one of the same week, whatever day that was dated by.
    """
    if stored is None or stored.frame.empty:
        return fresh
    old, new = stored.frame, fresh.frame
    kept = old[~old.index.isin(new.index)]
    if fresh.interval is Interval.WEEKLY:
        kept = kept[~_week_of(kept.index).isin(_week_of(new.index))]
    unchanged = _unchanged(old, new)
    if unchanged.all() and len(kept) + len(new) == len(old):
        return stored
    healed = new.copy()
    same = unchanged[unchanged].index
    healed.loc[same, FETCHED_AT] = old.loc[same, FETCHED_AT]
    frame = pd.concat([kept, healed]).sort_index()
    frame.index.name = "date"
    return replace(fresh, frame=frame)


def _unchanged(old: pd.DataFrame, new: pd.DataFrame) -> pd.Series:
    """For each row of `new`, whether `old` has the very same figures on that date."""
    figures = [column for column in new.columns if column != FETCHED_AT]
    before = old.reindex(index=new.index, columns=figures)
    after = new[figures]
    return ((before == after) | (before.isna() & after.isna())).all(axis=1) & new.index.isin(
        old.index
    )


def _week_of(index: pd.Index) -> pd.Index:
    return pd.DatetimeIndex(index).to_period("W-SUN")


def end_of_day_quote(
    bars: Bars, splits: Splits | None = None, *, splits_asked: datetime | None = None
) -> Quote:
    """The newest daily bar as a quote: its close, against the close of the bar before it.

    After a split the close before is what it would have been with the new shares. Where the two
    look as if there had been a split and SPLITS was not asked since, the close before is unknown:
    a change of −75 % would be shown otherwise.
    """
    last = bars.frame.iloc[-1]
    day = bars.last_day
    return Quote(
        ticker=bars.ticker,
        price=float(last["close"]),
        previous_close=_close_before(bars, splits, splits_asked),
        open=float(last["open"]),
        high=float(last["high"]),
        low=float(last["low"]),
        volume=None if pd.isna(last["volume"]) else int(last["volume"]),
        trading_day=day,
        as_of=closed_at(bars.ticker, day),
        fetched_at=last[FETCHED_AT].to_pydatetime(),
        liveness=Liveness.END_OF_DAY,
        source=bars.source,
        currency=bars.currency,
    )


def _close_before(bars: Bars, splits: Splits | None, splits_asked: datetime | None) -> float | None:
    if len(bars.frame) < 2:
        return None
    before, last = (stamp.date() for stamp in bars.frame.index[-2:])
    asked = splits_asked is not None and splits_asked.date() >= last
    if not asked and any(found.day == last for found in suspects(bars.frame.iloc[-21:], splits)):
        return None
    rows = splits.rows if splits else ()
    factor = math.prod(split.factor for split in rows if before < split.day <= last)
    return float(bars.frame["close"].iloc[-2]) / factor


def with_running_day(bars: Bars, quote: Quote | None) -> Bars:
    """Daily bars with a live quote's day as the last one, which is not final yet.

    A live plan's quote holds the whole running day, so the daily series need not be asked for it.
    The quote stands in only for a day that the bars do not have, or got before it was over.
    """
    if quote is None or quote.liveness is Liveness.END_OF_DAY or quote.open is None:
        return bars
    day = pd.Timestamp(quote.trading_day)
    if day < bars.last or (day == bars.last and not _is_older(bars, quote)):
        return bars
    if quote.high is None or quote.low is None:
        return bars
    return with_day(bars, quote)


def with_day(bars: Bars, quote: Quote) -> Bars:
    """Daily bars with the quote's day as the last one, instead of what they say of it.

    What the quote does not know of open, high and low is its price.
    """
    day = pd.Timestamp(quote.trading_day)
    row = pd.DataFrame(
        {
            "open": [quote.price if quote.open is None else quote.open],
            "high": [quote.price if quote.high is None else quote.high],
            "low": [quote.price if quote.low is None else quote.low],
            "close": [quote.price],
            "volume": [float("nan") if quote.volume is None else float(quote.volume)],
            FETCHED_AT: pd.to_datetime([quote.fetched_at], utc=True),
        },
        index=pd.DatetimeIndex([day], name="date"),
    ).astype({FETCHED_AT: bars.frame[FETCHED_AT].dtype})
    frame = pd.concat([bars.frame[bars.frame.index < day], row])
    frame.index.name = "date"
    return replace(bars, frame=frame, fetched_at=quote.fetched_at)


def _is_older(bars: Bars, quote: Quote) -> bool:
    fetched_at: datetime = bars.frame[FETCHED_AT].iloc[-1].to_pydatetime()
    return fetched_at < quote.as_of


def is_final(bars: Bars, day: date) -> bool:
    """Whether the bar of `day` is there and was fetched after that day's session was over."""
    stamp = pd.Timestamp(day)
    if stamp not in bars.frame.index:
        return False
    fetched_at = pd.Timestamp(str(bars.frame[FETCHED_AT].loc[stamp]))
    return fetched_at >= closed_at(bars.ticker, day)
