"""What of all that is wanted is followed, and what has to wait: the guard rails of a shared server.

Three rules, in this order: an allow list, how many tickers there are in all, and, where calls are
counted by the day, a viewer's share of first calls, which tickers cost that nobody watched before.
All sessions of one address are one viewer, so that a link opened a hundred times costs what it
costs once. What the operator watches is outside of all rules. Decides nothing about when to ask.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stocktracker.board import Snapshot
from stocktracker.model import WHOLE_MARKET, Feed, Ticker, Want
from stocktracker.plans import DAY
from stocktracker.polling.spare import LOOKS
from stocktracker.polling.wants import Wanted

DOCUMENT = "shares"
LISTING_CALLS = 1
LEAST_SHARE = 5

NOT_ALLOWED = "It is not followed here: the operator has named the tickers that are."
TOO_MANY = "It waits: as many tickers are followed here as the operator and the plan allow."
NO_SHARE = "It waits until tomorrow: new tickers have had their share of today's calls."


@dataclass(frozen=True, slots=True)
class Rules:
    """`most` tickers in all; `allow`, where only these may be followed; `a_day`, where calls are
    counted by the day: how many."""

    most: int | None = None
    allow: frozenset[Ticker] | None = None
    a_day: int | None = None


@dataclass(frozen=True, slots=True)
class First:
    """A first call that was granted: to whom, and when."""

    who: str
    at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """What is followed of the wants; what is held back, and why; the first calls of a day."""

    wants: Mapping[Want, Wanted]
    held: Mapping[Ticker, str] = field(default_factory=dict)
    firsts: Mapping[Ticker, First] = field(default_factory=dict)


def follow(
    wants: Mapping[Want, Wanted],
    rules: Rules,
    *,
    operators: Collection[Ticker],
    is_known: Callable[[Ticker], bool],
    firsts: Mapping[Ticker, First],
    now: datetime,
) -> Followed:
    """Those who have been here go first: what is known before what is new, then by who came first.

    `firsts` are the calls granted so far; those of a day ago are forgotten.
    """
    firsts = {ticker: first for ticker, first in firsts.items() if now - first.at < DAY}
    few = rules.most is None or len(wants) <= rules.most
    if few and rules.allow is None and rules.a_day is None:
        return Followed(wants, {}, firsts)
    since: dict[Ticker, datetime] = {}
    who: dict[Ticker, tuple[str, ...]] = {}
    for want, wanted in wants.items():
        ticker = want.ticker
        if ticker == WHOLE_MARKET or ticker in operators:
            continue
        since[ticker] = min(since.get(ticker, wanted.since), wanted.since)
        who[ticker] = who.get(ticker, ()) + wanted.who
    held: dict[Ticker, str] = {}
    if rules.allow is not None:
        held = {ticker: NOT_ALLOWED for ticker in since if ticker not in rules.allow}
    rest = [ticker for ticker in since if ticker not in held]
    new = {ticker for ticker in rest if ticker not in firsts and not is_known(ticker)}
    rest.sort(key=lambda ticker: (ticker in new, since[ticker], ticker))
    for ticker in rest[rules.most :] if rules.most is not None else ():
        held[ticker] = TOO_MANY
    rest = rest[: rules.most]
    if rules.a_day is not None:
        old = sum(1 for ticker in rest if ticker not in new and ticker not in firsts)
        left = first_calls(rules.a_day, old + len(operators))
        for ticker in rest:
            if ticker not in new:
                continue
            payer = _payer(who[ticker] or ("",), firsts, left)
            if payer is None:
                held[ticker] = NO_SHARE
            else:
                firsts[ticker] = First(payer, now)
    if not held:
        return Followed(wants, held, firsts)
    kept = {want: wanted for want, wanted in wants.items() if want.ticker not in held}
    return Followed(kept, held, firsts)


def first_calls(a_day: int, closes: int) -> int:
    """How many calls of a day the closes leave over for tickers that are new."""
    return max(a_day - LOOKS - LISTING_CALLS - closes, 0)


def share_of(left: int) -> int:
    """What one viewer may have of these: half, and a handful even of few."""
    return min(left, max(LEAST_SHARE, left // 2))


def _payer(who: Collection[str], firsts: Mapping[Ticker, First], left: int) -> str | None:
    """Whoever wants it and has some share left."""
    if len(firsts) >= left:
        return None
    used = Counter(first.who for first in firsts.values())
    return next((one for one in sorted(who) if used[one] < share_of(left)), None)


class Shares:
    """Keeps the first calls of the last day. Used by the poller's thread only."""

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules or Rules()
        self._firsts: Mapping[Ticker, First] = {}
        self._wants: Mapping[Want, Wanted] | None = None
        self._again: datetime | None = None
        self._followed = Followed({})
        self._is_changed = False

    @property
    def held(self) -> Mapping[Ticker, str]:
        return self._followed.held

    def follow(
        self,
        wants: Mapping[Want, Wanted],
        operators: Collection[Ticker],
        board: Snapshot,
        now: datetime,
    ) -> Mapping[Want, Wanted]:
        """What is followed of these; the same object as long as that is the same."""
        if wants is self._wants and (self._again is None or now < self._again):
            return self._followed.wants

        def is_known(ticker: Ticker) -> bool:
            return any(board.knows(Want(feed, ticker)) for feed in (Feed.QUOTE, Feed.DAILY))

        found = follow(
            wants,
            self._rules,
            operators=operators,
            is_known=is_known,
            firsts=self._firsts,
            now=now,
        )
        self._is_changed |= found.firsts.keys() != self._firsts.keys()
        self._wants, self._followed, self._firsts = wants, found, found.firsts
        ends = (first.at + DAY for first in found.firsts.values())
        self._again = min(ends, default=None) if found.held else None
        return found.wants

    def load(self, content: Mapping[str, Any] | None) -> None:
        """What `changed_document` gave, of this process or another. A damaged one is none."""
        try:
            self._firsts = {
                Ticker(ticker): First(str(who), datetime.fromisoformat(at))
                for ticker, (who, at) in (content or {}).items()
            }
        except (TypeError, ValueError, AttributeError):
            self._firsts = {}
        self._wants = None

    def changed_document(self) -> dict[str, Any] | None:
        """What is to be saved before the next call, None where that is nothing."""
        if not self._is_changed:
            return None
        return {ticker: [first.who, first.at.isoformat()] for ticker, first in self._firsts.items()}

    def saved(self) -> None:
        self._is_changed = False
