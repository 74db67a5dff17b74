"""How the polling stands, as one document, for the pages of servers that do not poll.

Pure but for `Bulletin`, which knows when it last had news. Only what the one who polls alone knows
is in it; records, the ledger and who wants what come by other ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from stocktracker.board import Poll
from stocktracker.model import Feed, Ticker, Want
from stocktracker.polling.schedule import Due, Forecast

DOCUMENT = "poll"
EVERY = timedelta(seconds=1)
MOST_OPERATORS = 200  # beyond, what only the operator watches is left out: it may be the listing
MICROSECOND = timedelta(microseconds=1)


def to_document(poll: Poll) -> dict[str, Any]:
    """What others are told of it, as JSON takes it."""
    left_out = set(poll.operators) if len(poll.operators) > MOST_OPERATORS else set()
    looked_at = {want.ticker for want in poll.viewers}
    forecast = poll.forecast
    return {
        "who": poll.who,
        "since": _text(poll.since),
        "halted": poll.halted,
        "outage_since": _text(poll.outage_since),
        "latency": _micros(poll.latency),
        "held": dict(poll.held),
        "refused": {what: at.isoformat() for what, at in poll.refused.items()},
        "due": [
            [want.feed.value, want.ticker, _text(due.at), due.reason]
            for want, due in poll.due.items()
            if want.ticker not in left_out or want.ticker in looked_at
        ],
        "forecast": forecast
        and {
            "turn": _micros(forecast.turn),
            "turn_with_one_more": _micros(forecast.turn_with_one_more),
            "calls_a_day": forecast.calls_a_day,
            "spare": forecast.spare,
            "spare_at": _text(forecast.spare_at),
            "for_operator": forecast.for_operator,
            "turn_of_all": _micros(forecast.turn_of_all),
        },
    }


def from_document(content: Mapping[str, Any]) -> dict[str, Any]:
    """Those fields of a Poll, by name. Raises ValueError, TypeError, KeyError or AttributeError
    where it is of another version of this program, or damaged."""
    forecast = content["forecast"]
    return {
        "who": str(content["who"]),
        "since": _instant(content["since"]),
        "halted": content["halted"] and str(content["halted"]),
        "outage_since": _instant(content["outage_since"]),
        "latency": _length(content["latency"]),
        "held": {Ticker(ticker): str(why) for ticker, why in content["held"].items()},
        "refused": {what: _known(at) for what, at in content["refused"].items()},
        "due": {
            Want(Feed(feed), Ticker(ticker)): Due(_instant(at), str(reason))
            for feed, ticker, at, reason in content["due"]
        },
        "forecast": forecast
        and Forecast(
            turn=forecast["turn"] * MICROSECOND,
            turn_with_one_more=forecast["turn_with_one_more"] * MICROSECOND,
            calls_a_day=forecast["calls_a_day"],
            spare=forecast["spare"],
            spare_at=_instant(forecast["spare_at"]),
            for_operator=int(forecast["for_operator"]),
            turn_of_all=_length(forecast["turn_of_all"]),
        ),
    }


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _instant(text: str | None) -> datetime | None:
    return None if text is None else _known(text)


def _known(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone")
    return instant


def _micros(length: timedelta | None) -> int | None:
    return None if length is None else length // MICROSECOND


def _length(micros: int | None) -> timedelta | None:
    return None if micros is None else micros * MICROSECOND


class Bulletin:
    """When there is something new to tell. Used by the poller's thread only."""

    def __init__(self) -> None:
        self._told: dict[str, Any] | None = None
        self._told_at = -EVERY

    def news(self, poll: Poll, up: timedelta) -> dict[str, Any] | None:
        """The document where it has changed, at most once a second; None otherwise."""
        if up - self._told_at < EVERY:
            return None
        document = to_document(poll)
        if document == self._told:
            return None
        self._told, self._told_at = document, up
        return document

    def forget(self) -> None:
        """Whoever polled meanwhile has told other things."""
        self._told = None
