"""What a quote's age means, judged by the calendar and not by the clock alone. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from stocktracker.markets import calendar_of
from stocktracker.model import Freshness, Quote
from stocktracker.plans import Liveness

# By when the close of a session is expected on an end-of-day plan: shortly before the next open.
END_OF_DAY_GRACE = timedelta(minutes=15)
LIVE_GRACE = timedelta(seconds=60)


def freshness(quote: Quote | None, now: datetime, turn: timedelta, *, always: bool) -> Freshness:
    """How `quote` stands at `now`, where one round over all watched tickers takes `turn`.

    A live quote is stale once two rounds and a minute have passed without it; the closing price,
    got after the close, is of the end of the day. A weekend makes nothing stale.
    """
    if quote is None:
        return Freshness.MISSING
    live = Freshness.LIVE if quote.liveness is Liveness.REALTIME else Freshness.DELAYED
    exchange = calendar_of(quote.ticker)
    if quote.liveness is Liveness.END_OF_DAY:
        expected = exchange.last_closed(exchange.last_opened(now + END_OF_DAY_GRACE).open)
        return Freshness.END_OF_DAY if quote.trading_day >= expected.day else Freshness.STALE
    session = exchange.last_opened(now - quote.liveness.delay)
    in_session = now - quote.liveness.delay < session.close
    patience = 2 * turn + LIVE_GRACE
    since_open = now - (session.open + quote.liveness.delay)
    if in_session and not always and quote.trading_day < session.day and since_open <= patience:
        # The first round of the day is under way; until it is through this is the last close.
        session, in_session = exchange.last_closed(session.open), False
    closing = quote.fetched_at >= session.close + quote.liveness.delay
    if closing and not in_session and not always:
        return Freshness.END_OF_DAY
    overdue = now - quote.fetched_at > patience
    return Freshness.STALE if overdue else live
