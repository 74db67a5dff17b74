"""From when on something may be asked, and why then: one rule for each feed. Pure.

Each rule answers: what is the earliest instant at which a call could bring anything new?
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from stocktracker.board import Snapshot
from stocktracker.figures.jumps import needs_splits
from stocktracker.fundamentals import Splits
from stocktracker.markets import US, Session, calendar, calendar_of, exchange_of
from stocktracker.model import Attempt, Bars, Doubt, Feed, Outcome, Ticker, Want
from stocktracker.plans import DAY, Capability, Liveness, Rights
from stocktracker.polling.doubts import closes_of, jump
from stocktracker.polling.publication import Publication
from stocktracker.polling.wants import Wanted

SETTLE = timedelta(minutes=1)  # after the close, for the closing auction's price
DAILY_AFTER_CLOSE = timedelta(minutes=30)
INTRADAY_BAR = timedelta(minutes=5)
WEEKLY_AGAIN = timedelta(days=30)
MOVERS_AFTER_CLOSE = timedelta(hours=6)
COMPACT_REACH = timedelta(days=120)  # of calendar, a little less than compact's hundred bars
COMPACT_INTRADAY = timedelta(hours=6)
COMPACT_BARS = 100
# A day's change within these is none of the jumps that `jumps` knows.
SMALLEST_FALL, SMALLEST_RISE = 0.78, 1.28
# The call for the one before has come back into the day's by then, so that none is kept for it.
LISTING_AGAIN = DAY + timedelta(minutes=1)
LOOK_AGAIN = timedelta(hours=12)  # for a split that upstream may not have known that day

# How soon the facts beside prices can hold anything new worth a call: on a plan whose calls are
# counted by the day, and on the others.
FACTS_AGAIN: Mapping[Feed, tuple[timedelta, timedelta]] = {
    Feed.SPLITS: (30 * DAY, 7 * DAY),
    Feed.DIVIDENDS: (30 * DAY, 7 * DAY),
    Feed.COMPANY: (7 * DAY, DAY),
    Feed.EARNINGS: (14 * DAY, DAY),
    Feed.INCOME: (30 * DAY, 7 * DAY),
    Feed.BALANCE: (30 * DAY, 7 * DAY),
    Feed.CASH_FLOW: (30 * DAY, 7 * DAY),
    Feed.NEWS: (timedelta(hours=12), timedelta(minutes=30)),
    Feed.MOVERS: (timedelta(hours=12), timedelta(minutes=15)),
    Feed.CALENDAR: (7 * DAY, DAY),
    Feed.MARKETS: (timedelta(hours=12), timedelta(minutes=15)),
}


@dataclass(frozen=True, slots=True)
class Known:
    """All that the choice depends on besides wants and budget."""

    now: datetime
    board: Snapshot
    rights: Rights
    refresh: timedelta
    always: bool
    publications: Mapping[str, Publication]
    may_explore: bool
    counted: bool = False  # whether the plan's calls are counted by the day

    @property
    def liveness(self) -> Liveness:
        return self.rights.quote_liveness(self.now)

    def publication(self, code: str) -> Publication:
        return self.publications.get(code, Publication())


@dataclass(frozen=True, slots=True)
class Turn:
    """When a want is due. `first`: it has nothing to show yet and somebody waits for a price.

    `scouts` names the exchange on whose behalf this one would ask whether closes are out; of all
    that scout for the same exchange only one goes.
    """

    at: datetime | None
    reason: str
    since: datetime
    first: bool = False
    full: bool = False
    scouts: str | None = None


def turn_of(want: Want, wanted: Wanted, known: Known, spread: timedelta) -> Turn:
    """When `want` is due. `spread` is how far apart quotes must be for the day's budget."""
    attempt = known.board.attempts.get(want)
    since = wanted.since
    if want.feed is Feed.INTRADAY and not known.rights.has(Capability.INTRADAY, known.now):
        return Turn(None, "not in the key's plan", since)
    full = _full(want, known)
    if attempt is None and known.board.data(want) is None:
        first = want.feed is Feed.QUOTE or (
            want.feed is Feed.DAILY and known.liveness is Liveness.END_OF_DAY
        )
        return Turn(since, "nothing here yet", since, first=first, full=full)
    if attempt is not None and attempt.outcome is Outcome.FAILED:
        at = attempt.retry_at or attempt.at
        return Turn(at, f"again after: {attempt.kind}", since, full=full)
    if attempt is not None and attempt.doubt is not None:
        at = max(attempt.retry_at or attempt.at, attempt.at + spread)
        return Turn(at, "a second look at a doubtful price", since, full=full)
    if want.feed in FACTS_AGAIN:
        return _facts(want, attempt, since, known)
    rules: Mapping[Feed, Callable[[], Turn]] = {
        Feed.QUOTE: lambda: _quote(want, attempt, since, known, spread),
        Feed.DAILY: lambda: _daily(want, attempt, since, known, full=full),
        Feed.WEEKLY: lambda: _weekly(attempt, since),
        Feed.INTRADAY: lambda: _intraday(want, attempt, since, known, full=full),
        Feed.LISTING: lambda: _listing(attempt, since),
    }
    return rules[want.feed]()


def _full(want: Want, known: Known) -> bool:
    """Whether the whole history is worth asking for: the plan has it and the newest bars do not
    reach what is stored."""
    bars = known.board.bars.get(want)
    if want.feed is Feed.INTRADAY:
        return bars is None or known.now - bars.last.to_pydatetime() > COMPACT_INTRADAY
    if want.feed is Feed.DAILY and known.rights.has(Capability.FULL_DAILY, known.now):
        return bars is None or known.now.date() - bars.last_day > COMPACT_REACH
    return False


def _quote(
    want: Want, attempt: Attempt | None, since: datetime, known: Known, spread: timedelta
) -> Turn:
    """Every so often while the exchange trades, seen through the plan's delay; then the close."""
    asked = attempt.at if attempt else since - DAY
    cycle = max(known.refresh, spread)
    every = f"every {cycle.total_seconds():.0f} s"
    if known.always:
        return Turn(asked + cycle, every, since)
    exchange = calendar_of(want.ticker)
    delay = known.liveness.delay
    session = exchange.last_opened(known.now - delay)
    settled = session.close + delay + SETTLE
    if known.now - delay < session.close:
        at = min(max(asked + cycle, session.open + delay), settled)
        return Turn(at, f"{every} while it trades", since)
    if asked < settled:
        return Turn(settled, "the closing price", since)
    opens = exchange.next_session(known.now - delay).open + delay
    return Turn(opens, f"when {exchange.exchange.name} opens", since)


def _daily(
    want: Want, attempt: Attempt | None, since: datetime, known: Known, *, full: bool
) -> Turn:
    if known.liveness is Liveness.END_OF_DAY:
        return _daily_end_of_day(want, attempt, since, known, full=full)
    exchange = calendar_of(want.ticker)
    wait = known.liveness.delay + DAILY_AFTER_CLOSE
    session = exchange.last_closed(known.now)
    asked = attempt.at if attempt else since - DAY
    if asked < session.close + wait and not _has(known.board.bars.get(want), session):
        return Turn(session.close + wait, f"the bar of {session.day:%a %d %b}", since, full=full)
    upcoming = _next_to_close(want, known.now)
    return Turn(upcoming.close + wait, f"the bar of {upcoming.day:%a %d %b}", since, full=full)


def _daily_end_of_day(
    want: Want, attempt: Attempt | None, since: datetime, known: Known, *, full: bool
) -> Turn:
    """One call brings the close, the one before it and the history, once the exchange is out."""
    exchange = calendar_of(want.ticker)
    code = exchange.exchange.code
    publication = known.publication(code)
    session = exchange.last_closed(known.now)
    bars = known.board.bars.get(want)
    newest = bars.last_day if bars else None
    if newest is None or newest < session.day:
        reason = f"the close of {session.day:%a %d %b}"
        asked = attempt.at if attempt else since - DAY
        published_at = publication.published_at
        out = publication.published is not None and publication.published >= session.day
        if out and published_at is not None:
            if asked <= published_at:
                return Turn(max(published_at, since), reason, since, full=full)
            # The others have it and this ticker has not: it did not trade. Not before the next.
        else:
            before = exchange.last_closed(session.open)
            if newest is None or (newest < before.day and asked < session.close):
                return Turn(max(session.close, since), reason, since, full=full)
            following = exchange.next_session(session.open)
            at = publication.ask_at(session, following, explore=known.may_explore)
            # By when it was last asked, so that not always the same ticker goes ahead: one that is
            # halted would keep the whole exchange waiting.
            return Turn(at, reason, asked, full=full, scouts=code)
    upcoming = _next_to_close(want, known.now)
    following = exchange.next_session(upcoming.open)
    at = publication.ask_at(upcoming, following, explore=known.may_explore)
    return Turn(at, f"the close of {upcoming.day:%a %d %b}", since, full=full)


def _weekly(attempt: Attempt | None, since: datetime) -> Turn:
    """Long history changes once a week, and its newest weeks are in the daily bars as well."""
    return Turn(attempt.at + WEEKLY_AGAIN if attempt else since, "once a month", since)


def _intraday(
    want: Want, attempt: Attempt | None, since: datetime, known: Known, *, full: bool
) -> Turn:
    asked = attempt.at if attempt else since - DAY
    exchange = calendar_of(want.ticker)
    delay = known.liveness.delay
    session = exchange.last_opened(known.now - delay)
    settled = session.close + delay + SETTLE
    if known.now - delay < session.close:
        at = min(max(asked, session.open + delay) + INTRADAY_BAR, settled)
        return Turn(at, "every 5 min while it trades", since, full=full)
    if asked < settled:
        return Turn(settled, "the last bars of the day", since, full=full)
    opens = exchange.next_session(known.now - delay).open + delay + INTRADAY_BAR
    return Turn(opens, f"when {exchange.exchange.name} opens", since, full=full)


def _facts(want: Want, attempt: Attempt | None, since: datetime, known: Known) -> Turn:
    """Once in a while; splits at once where the bars jump as if there had been one."""
    asked = attempt.at if attempt else since - DAY
    if want.feed is Feed.SPLITS and looks_split(want.ticker, known):
        at = asked + LOOK_AGAIN if attempt else since
        return Turn(at, "a jump that looks like a split", since)
    if want.feed is Feed.MOVERS:
        return _movers(asked, since, known)
    again = facts_again(want.feed, counted=known.counted)
    words = f"every {again.days} days" if again > DAY else "once a day"
    if again < DAY:
        words = f"every {again.total_seconds() / 60:.0f} min"
    return Turn(asked + again if attempt else since, words, since)


def _movers(asked: datetime, since: datetime, known: Known) -> Turn:
    """Of the last close on an end-of-day plan; while the US trades on the others."""
    us = calendar(US)
    if known.liveness is Liveness.END_OF_DAY:
        session = us.last_closed(known.now - MOVERS_AFTER_CLOSE)
        out = session.close + MOVERS_AFTER_CLOSE
        if asked < out:
            return Turn(max(since, out), f"the movers of {session.day:%a %d %b}", since)
        running = us.last_opened(known.now)
        upcoming = running if known.now < running.close + MOVERS_AFTER_CLOSE else None
        following = upcoming or us.next_session(known.now)
        return Turn(
            following.close + MOVERS_AFTER_CLOSE, f"the movers of {following.day:%a %d %b}", since
        )
    again = facts_again(Feed.MOVERS, counted=known.counted)
    delay = known.liveness.delay
    session = us.last_opened(known.now - delay)
    settled = session.close + delay + SETTLE
    if known.always or known.now - delay < session.close:
        return Turn(asked + again, f"every {again.total_seconds() / 60:.0f} min", since)
    if asked < settled:
        return Turn(settled, "the movers of the day", since)
    return Turn(us.next_session(known.now - delay).open + delay + again, "when NYSE opens", since)


def facts_again(feed: Feed, *, counted: bool) -> timedelta:
    """How long the facts of a feed stand before they are worth another call."""
    return FACTS_AGAIN[feed][0 if counted else 1]


def looks_split(ticker: Ticker, known: Known) -> bool:
    """Whether the daily bars jump by what a split would do, newer than what is known of splits."""
    daily = Want(Feed.DAILY, ticker)
    bars = known.board.bars.get(daily)
    if bars is None:
        return False
    last = known.board.attempts.get(daily)
    if last is not None and last.doubt is not None:
        return _may_be_split(last.doubt, bars, known)
    frame = bars.frame.iloc[-COMPACT_BARS:]
    closes = frame["close"].to_numpy()
    # Cheap enough to look at on every plan: nearly all of them end here.
    steps = closes[1:] / closes[:-1]
    if not ((steps < SMALLEST_FALL) | (steps > SMALLEST_RISE)).any():
        return False
    want = Want(Feed.SPLITS, ticker)
    attempt, splits = known.board.attempts.get(want), known.board.facts.get(want)
    answered = attempt is not None and attempt.outcome is not Outcome.FAILED
    return needs_splits(
        frame,
        splits if isinstance(splits, Splits) else None,
        asked_at=attempt.at if attempt is not None and answered else None,
    )


def _may_be_split(doubt: Doubt, bars: Bars, known: Known) -> bool:
    """Whether a split would explain the doubtful bar, and nobody asked for splits since it came."""
    closes = closes_of(bars)
    if closes is None or jump(doubt.quote, closes.close, closes.day, None) is None:
        return False
    asked = known.board.attempts.get(Want(Feed.SPLITS, bars.ticker))
    return asked is None or asked.outcome is Outcome.FAILED or asked.at < doubt.since


def _listing(attempt: Attempt | None, since: datetime) -> Turn:
    """Once a day, and only after a day on which something could be listed."""
    if attempt is None:
        return Turn(since, "once a day", since)
    opens = calendar(US).next_session(attempt.at).open
    return Turn(max(attempt.at + LISTING_AGAIN, opens), "once a trading day", since)


def _has(bars: Bars | None, session: Session) -> bool:
    """Whether the session's bar is there and was got after the session was over."""
    if bars is None or bars.last_day < session.day:
        return False
    fetched_at: datetime = bars.frame["fetched_at"].iloc[-1].to_pydatetime()
    return bars.last_day > session.day or fetched_at >= session.close


def _next_to_close(want: Want, now: datetime) -> Session:
    exchange = calendar_of(want.ticker)
    running = exchange.last_opened(now)
    return running if now < running.close else exchange.next_session(now)


def exchange_code(want: Want) -> str:
    return exchange_of(want.ticker).code
