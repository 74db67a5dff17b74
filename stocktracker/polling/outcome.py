"""What a reply means: which records it makes, what it teaches, what it closes.

Every try leaves an attempt, and a failed one leaves the data alone. Changes are logged, states are
not. Nothing here fetches or writes the store.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from stocktracker.bars import end_of_day_quote, merge, with_day
from stocktracker.board import Snapshot
from stocktracker.errors import (
    EmptyReply,
    FetchError,
    KeyRejected,
    NoAccess,
    RateLimited,
    UnknownTicker,
    Unreachable,
    UnreadableReply,
)
from stocktracker.fundamentals import KINDS, Splits
from stocktracker.markets import calendar_of
from stocktracker.model import (
    LISTING_WANT,
    Attempt,
    Bars,
    Call,
    Data,
    Doubt,
    Facts,
    Feed,
    Fetched,
    Listing,
    Outcome,
    Quote,
    Record,
    Want,
)
from stocktracker.plans import DAY, Capability, Liveness
from stocktracker.polling import doubts
from stocktracker.polling.budget import Budget
from stocktracker.polling.judging import doubt_before, judge_bars, judge_quote, splits_of
from stocktracker.polling.knowledge import Knowledge, Outage
from stocktracker.polling.publication import Publication

log = logging.getLogger(__name__)

FIRST_RETRY = timedelta(seconds=30)
LAST_RETRY = timedelta(hours=1)
JITTER = 0.1
# Until a doubtful price is looked at again, doubled with each doubtful answer up to the second one:
# where calls are counted by the minute, and where one is a part of a day's few.
LOOKS = (doubts.APART, timedelta(minutes=10))
SCARCE_LOOKS = (timedelta(hours=1), DAY)
SHORT_LISTING = 0.5


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a call, and when. `probe`: it looked whether a refusal still holds.

    `sent_at` is the uptime at which the call was sent, `at` when the reply came in.
    """

    call: Call
    sent_at: timedelta
    at: datetime
    result: Fetched | FetchError
    probe: bool = False


def digest(reply: Reply, board: Snapshot, knowledge: Knowledge, budget: Budget) -> list[Record]:
    """The records after this reply; knowledge and budget have taken it in."""
    result = reply.result
    if isinstance(result, FetchError):
        records = _after_failure(reply, result, board, knowledge, budget)
        knowledge.count(reply.at, Outcome.FAILED)
        return records
    records = _after_success(reply, result, board, knowledge)
    if reply.probe:
        budget.reopen()
    news = any(
        record.attempt is not None and record.attempt.outcome is Outcome.NEW for record in records
    )
    knowledge.count(reply.at, Outcome.NEW if news else Outcome.SAME)
    capability = capability_of(reply.call)
    if capability is not None:
        knowledge.prove(capability)
    return records + _after_outage(reply, board, knowledge)


def capability_of(call: Call) -> Capability | None:
    """What the plan must include for this call to be answered; None for what every key may ask."""
    if call.bulk:
        return Capability.BULK_QUOTES
    if call.feed is Feed.QUOTE:
        return Capability.LIVE_QUOTES
    if call.feed is Feed.INTRADAY:
        return Capability.INTRADAY
    if call.feed is Feed.DAILY and call.full:
        return Capability.FULL_DAILY
    return None


def _after_success(
    reply: Reply, result: Fetched, board: Snapshot, knowledge: Knowledge
) -> list[Record]:
    if isinstance(result, Bars):
        return _after_bars(reply, result, board, knowledge)
    if isinstance(result, Listing):
        return _after_listing(reply, result, board)
    if isinstance(result, Facts):
        return _after_facts(reply, result, board, knowledge)
    by_ticker = {quote.ticker: quote for quote in result}
    records = []
    for want in reply.call.wants:
        quote = by_ticker.get(want.ticker)
        if quote is None:
            records.append(_failed(want, reply.at, EmptyReply(want.ticker), board))
        else:
            records.append(_quote_record(want, quote, reply.at, board, believed=False))
    return records


def _quote_record(
    want: Want, quote: Quote, at: datetime, board: Snapshot, *, believed: bool
) -> Record:
    """A quote never gives way to one of an earlier day or instant, or to one that does not fit.

    `believed`: it is made of what has been judged before.
    """
    shown, before = board.quotes.get(want.ticker), doubt_before(want, board)
    if shown is not None and (quote.trading_day, quote.as_of) < (shown.trading_day, shown.as_of):
        record = _succeeded(want, None, at, Outcome.SAME, board)
        return record if before is None else _with_doubt(record, before, LOOKS)
    if shown is not None and quote.says_the_same_as(shown):
        return _succeeded(want, quote, at, Outcome.SAME, board)
    doubt = None if believed else judge_quote(quote, at, board)
    if doubt is not None:
        record = _succeeded(want, None, at, Outcome.SAME, board)
        return _with_doubt(record, doubt, LOOKS)
    return _succeeded(want, quote, at, Outcome.NEW, board)


def _after_bars(reply: Reply, fresh: Bars, board: Snapshot, knowledge: Knowledge) -> list[Record]:
    want = Want(reply.call.feed, fresh.ticker)
    stored = board.bars.get(want)
    end_of_day = knowledge.rights.quote_liveness(reply.at) is Liveness.END_OF_DAY
    good: Bars | None = fresh
    doubt = None
    if want.feed is Feed.DAILY:
        good, doubt = judge_bars(fresh, reply.at, board)
    merged = stored if good is None else merge(stored, good)
    changed = merged is not stored
    outcome = Outcome.NEW if changed else Outcome.SAME
    record = _succeeded(want, merged if changed else None, reply.at, outcome, board)
    if doubt is not None:
        record = _with_doubt(record, doubt, SCARCE_LOOKS if end_of_day else LOOKS)
    records = [record]
    if want.feed is Feed.DAILY and end_of_day:
        _learn_publication(reply, fresh, knowledge)
        asked = board.attempts.get(Want(Feed.SPLITS, fresh.ticker))
        answered = asked.at if asked and asked.outcome is not Outcome.FAILED else None
        splits = splits_of(fresh.ticker, board)
        if merged is not None:
            records.append(_end_of_day(merged, splits, answered, reply.at, board))
    return records


def _with_doubt(record: Record, doubt: Doubt, looks: tuple[timedelta, timedelta]) -> Record:
    """The record of an answer that is not believed, with the time to look again."""
    if record.attempt is None:
        return record
    first, last = looks
    wait = min(first * 2 ** min(doubt.answers - 1, 12), last)
    attempt = replace(record.attempt, doubt=doubt, retry_at=record.attempt.at + wait)
    return replace(record, attempt=attempt)


def _after_facts(reply: Reply, fresh: Facts, board: Snapshot, knowledge: Knowledge) -> list[Record]:
    want = Want(reply.call.feed, fresh.ticker)
    shown = board.facts.get(want)
    same = shown is not None and fresh.says_the_same_as(shown)
    outcome = Outcome.SAME if same else Outcome.NEW
    records = [_succeeded(want, None if same else fresh, reply.at, outcome, board)]
    daily = Want(Feed.DAILY, fresh.ticker)
    bars, doubt = board.bars.get(daily), doubt_before(daily, board)
    closes = doubts.closes_of(bars)
    if isinstance(fresh, Splits) and bars is not None and closes is not None and doubt is not None:
        heard = doubt.quote
        if closes.day < heard.trading_day and doubts.judge(heard, None, closes, fresh) is None:
            log.info("daily of %s: %s is believed: a split", fresh.ticker, heard.price)
            bars = with_day(bars, heard)
            records.append(_succeeded(daily, bars, reply.at, Outcome.NEW, board))
    end_of_day = knowledge.rights.quote_liveness(reply.at) is Liveness.END_OF_DAY
    if isinstance(fresh, Splits) and bars is not None and end_of_day:
        # What the change since the day before is, depends on whether there was a split.
        records.append(_end_of_day(bars, fresh, reply.at, reply.at, board))
    return records


def _end_of_day(
    bars: Bars, splits: Splits | None, asked: datetime | None, at: datetime, board: Snapshot
) -> Record:
    quote = end_of_day_quote(bars, splits, splits_asked=asked)
    return _quote_record(Want(Feed.QUOTE, bars.ticker), quote, at, board, believed=True)


def _learn_publication(reply: Reply, bars: Bars, knowledge: Knowledge) -> None:
    exchange = calendar_of(bars.ticker)
    session = exchange.last_closed(reply.at)
    there = bars.last_day >= session.day
    trades = bars.last_day >= exchange.last_closed(session.open).day
    if not there and not trades:
        return  # a ticker that missed the session before says nothing about this one
    code = exchange.exchange.code
    known = knowledge.publications.get(code, Publication())
    knowledge.learn_publication(code, known.after(session, reply.at, there=there))


def _after_listing(reply: Reply, fresh: Listing, board: Snapshot) -> list[Record]:
    shown = board.listing
    if shown is not None and len(fresh.rows) < SHORT_LISTING * len(shown.rows):
        fault = UnreadableReply(why=f"{len(fresh.rows)} tickers, {len(shown.rows)} before")
        return [_failed(LISTING_WANT, reply.at, fault, board)]
    same = shown is not None and shown.rows == fresh.rows
    outcome = Outcome.SAME if same else Outcome.NEW
    return [_succeeded(LISTING_WANT, None if same else fresh, reply.at, outcome, board)]


def _succeeded(
    want: Want, data: Data | None, at: datetime, outcome: Outcome, board: Snapshot
) -> Record:
    before = board.attempts.get(want)
    if before is not None and before.failures and before.kind != Unreachable.kind:
        log.info("%s of %s: recovered", want.feed, want.ticker)
    return Record(want.feed, want.ticker, data, Attempt(at, outcome))


def _failed(
    want: Want,
    at: datetime,
    fault: FetchError,
    board: Snapshot,
    *,
    wait: timedelta | None = None,
) -> Record:
    before = board.attempts.get(want)
    failures = (before.failures if before else 0) + 1
    if failures == 1:
        # That upstream is down is said once for all tickers, where an outage begins and ends.
        level = logging.DEBUG if isinstance(fault, Unreachable) else logging.WARNING
        log.log(level, "%s of %s: %s", want.feed, want.ticker, fault.words)
    retry_at = at + (backoff(want, failures) if wait is None else wait)
    doubt = before.doubt if before else None
    attempt = Attempt(at, Outcome.FAILED, failures, retry_at, fault.kind, fault.words, doubt)
    return Record(want.feed, want.ticker, None, attempt)


def backoff(want: Want, failures: int) -> timedelta:
    """30 s, doubled with each failure in a row up to an hour; ±10 %, by the ticker, so that tickers
    that failed together do not come back together."""
    wait: timedelta = min(FIRST_RETRY * 2 ** min(failures - 1, 12), LAST_RETRY)
    spread = zlib.crc32(f"{want.ticker}{failures}".encode()) / 0xFFFFFFFF
    return wait * (1 - JITTER + 2 * JITTER * spread)


def _after_failure(
    reply: Reply, fault: FetchError, board: Snapshot, knowledge: Knowledge, budget: Budget
) -> list[Record]:
    wants, at = reply.call.wants, reply.at
    if isinstance(fault, RateLimited):
        log.warning("%s", fault.words)
        budget.close(fault.window)
        return [_put_off(want, at, fault, board) for want in wants]
    if isinstance(fault, Unreachable):
        return _after_unreachable(reply, fault, board, knowledge, budget)
    if isinstance(fault, NoAccess):
        capability = capability_of(reply.call)
        if capability is not None:
            # Not the ticker's failure: it is asked for in another way, or not at all.
            knowledge.refuse(capability, at)
            return []
    if isinstance(fault, KeyRejected) and reply.call.feed is not Feed.LISTING:
        log.error("%s Nothing is asked until the next start.", fault.words)
        knowledge.halted = fault.words
        return [_put_off(want, at, fault, board) for want in wants]
    # Facts that are not there today, as an ETF's earnings, are not there in half a minute either.
    patient = isinstance(fault, UnknownTicker | NoAccess | KeyRejected) or (
        isinstance(fault, EmptyReply) and reply.call.feed in KINDS
    )
    return [_failed(want, at, fault, board, wait=DAY if patient else None) for want in wants]


def _put_off(want: Want, at: datetime, fault: FetchError, board: Snapshot) -> Record:
    """Not the ticker's failure: its turn is still to come, at once when calls are possible."""
    before = board.attempts.get(want)
    failures = before.failures if before else 0
    doubt = before.doubt if before else None
    attempt = Attempt(at, Outcome.FAILED, failures, at, fault.kind, fault.words, doubt)
    return Record(want.feed, want.ticker, None, attempt)


def _after_unreachable(
    reply: Reply, fault: Unreachable, board: Snapshot, knowledge: Knowledge, budget: Budget
) -> list[Record]:
    if not fault.sent:
        budget.give_back(reply.sent_at)
    before = knowledge.outage
    knowledge.outage = before.after_failure(reply.at)
    if before.until is None and knowledge.outage.until is not None:
        log.warning("%s One call at a time tries again.", fault.words)
    # In an outage it is the outage that says when to look again, lest its end go unnoticed for as
    # long as one ticker's own failures have put it off.
    wait = None if knowledge.outage.until is None else timedelta(0)
    return [_failed(want, reply.at, fault, board, wait=wait) for want in reply.call.wants]


def _after_outage(reply: Reply, board: Snapshot, knowledge: Knowledge) -> list[Record]:
    """Upstream answers: what else failed only because it did not is due again at once."""
    outage, knowledge.outage = knowledge.outage, Outage()
    if outage.until is None:
        return []
    log.info("upstream answers again")
    return [
        Record(want.feed, want.ticker, None, replace(attempt, retry_at=reply.at))
        for want, attempt in _unreachable(board)
        if want not in reply.call.wants
    ]


def _unreachable(board: Snapshot) -> Sequence[tuple[Want, Attempt]]:
    return [
        (want, attempt)
        for want, attempt in board.attempts.items()
        if attempt.kind == Unreachable.kind
    ]
