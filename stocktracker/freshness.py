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

    In session a live quote is stale once two rounds and a minute have passed without it; after the
    close it is the closing price if it was got after the close. A weekend makes nothing stale.
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
    if in_session or always:
        overdue = now - quote.fetched_at > 2 * turn + LIVE_GRACE
        return Freshness.STALE if overdue else live
    closing = quote.fetched_at >= session.close + quote.liveness.delay
    return Freshness.END_OF_DAY if closing else Freshness.STALE
