"""What is held against an answer: quotes and daily bars beside what the board shows of them. Pure,
but for the log, which tells when a doubt begins and when it ends.

`doubts.py` has the rules; here they meet what is known from other calls.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from stocktracker.bars import end_of_day_quote
from stocktracker.board import Snapshot
from stocktracker.fundamentals import Splits
from stocktracker.model import Bars, Doubt, Feed, Quote, Ticker, Want
from stocktracker.polling import doubts

log = logging.getLogger(__name__)


def judge_quote(quote: Quote, at: datetime, board: Snapshot) -> Doubt | None:
    """The doubt, if the quote is not to be believed."""
    want, daily = Want(Feed.QUOTE, quote.ticker), Want(Feed.DAILY, quote.ticker)
    closes, splits = doubts.closes_of(board.bars.get(daily)), splits_of(quote.ticker, board)
    words = doubts.judge(quote, board.quotes.get(quote.ticker), closes, splits)
    if words is None:
        return None
    before, other = doubt_before(want, board), doubt_before(daily, board)
    doubt = doubts.heard_again(before, quote, words, at)
    same_day = closes.close if closes and closes.day == quote.trading_day else None
    if other is not None and other.quote.trading_day == quote.trading_day:
        same_day = other.quote.price
    return None if _is_believed(want, doubt, before, same_day) else doubt


def judge_bars(fresh: Bars, at: datetime, board: Snapshot) -> tuple[Bars | None, Doubt | None]:
    """What of daily bars is believed; and the newest of them as a doubtful quote, if it is not."""
    want = Want(Feed.DAILY, fresh.ticker)
    stored = board.bars.get(want)
    heard = replace(end_of_day_quote(fresh), previous_close=None)
    splits, shown = splits_of(fresh.ticker, board), board.quotes.get(fresh.ticker)
    rest = replace(fresh, frame=fresh.frame.iloc[:-1]) if len(fresh.frame) > 1 else None
    good, words = rest, _other_history(stored, fresh)
    if words is not None:
        good = None
    elif (
        shown is not None
        and shown.trading_day == fresh.last_day
        and doubts.agree(heard.price, shown.price)
    ):
        words = doubts.contradiction(heard)  # the price itself is known from another call
    else:
        known = doubts.closes_of(stored) or doubts.closes_of(rest)
        words = doubts.judge(heard, None, known, splits)
    if words is None:
        return fresh, None
    before = doubt_before(want, board)
    doubt = doubts.heard_again(before, heard, words, at)
    other = doubt_before(Want(Feed.QUOTE, fresh.ticker), board)
    same_day = other is not None and other.quote.trading_day == fresh.last_day
    if _is_believed(want, doubt, before, other.quote.price if other and same_day else None):
        return fresh, None
    return good, doubt


def _other_history(stored: Bars | None, fresh: Bars) -> str | None:
    """Whether days that are long over have other prices now: then none of it is believed."""
    if stored is None:
        return None
    shared = stored.frame.index.intersection(fresh.frame.index[:-1])
    if shared.empty:
        return None
    old, new = (float(bars.frame["close"].loc[shared[-1]]) for bars in (stored, fresh))
    if 1 / doubts.JUMP < new / old < doubts.JUMP:
        return None
    return "comes with closes of earlier days that are not the stored ones"


def doubt_before(want: Want, board: Snapshot) -> Doubt | None:
    attempt = board.attempts.get(want)
    return None if attempt is None else attempt.doubt


def _is_believed(want: Want, doubt: Doubt, before: Doubt | None, same_day: float | None) -> bool:
    """Whether a doubt is none any more. `same_day` is what another kind of call says."""
    why = doubts.confirmed(doubt, same_day)
    if why is not None:
        log.info("%s of %s: %s is believed: %s", want.feed, want.ticker, doubt.quote.price, why)
    elif before is None:
        what = (want.feed, want.ticker, doubt.quote.price, doubt.words)
        log.warning("%s of %s: %s is doubtful: it %s", *what)
    return why is not None


def splits_of(ticker: Ticker, board: Snapshot) -> Splits | None:
    known = board.facts.get(Want(Feed.SPLITS, ticker))
    return known if isinstance(known, Splits) else None
