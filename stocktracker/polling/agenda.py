"""What is needed and when it is due, kept from one plan to the next.

The whole listing may be watched, and a plan is made for each reply: so turns of live quotes are
worked out anew only where something changed that they depend on, which the board tells, or for all
of them when an exchange opens or closes or the key's rights change. All other feeds are few, and
worked out each time. What is kept never differs from what a fresh agenda finds (a test holds it).

Decides nothing: what comes before what is said by `planner`, which reads this in order of `rank`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any

from stocktracker.errors import EmptyReply, UnknownTicker
from stocktracker.markets import US, Exchange, calendar, exchange_of
from stocktracker.model import LISTING_WANT, Feed, Want
from stocktracker.plans import Capability, Liveness
from stocktracker.polling.due import Known, Turn, looks_split, turn_of
from stocktracker.polling.schedule import Due
from stocktracker.polling.wants import Wanted

PLACES = {feed: place for place, feed in enumerate(Feed)}

Entry = tuple[Any, int, Want, Turn]


@dataclass(frozen=True, slots=True)
class Kind:
    """What matters of a quote for counting calls."""

    bulk: bool
    operators: bool  # nobody looks at it; only the operator wants it


def needed(wants: Mapping[Want, Wanted], known: Known) -> dict[Want, Wanted]:
    """What has to be asked so that the wants can be met, under the plan that we have.

    End-of-day quotes are in the daily bars, so the quote itself is not asked for. The listing is
    wanted as soon as anybody is there to choose from it.
    """
    needs: dict[Want, Wanted] = {}
    if known.liveness is Liveness.END_OF_DAY:
        for want, wanted in wants.items():
            feed = Feed.DAILY if want.feed is Feed.QUOTE else want.feed
            need = Want(feed, want.ticker)
            other = needs.get(need)
            needs[need] = wanted if other is None else _together(wanted, other)
    else:
        needs = dict(wants)
    for bars_of in known.board.bars:
        if bars_of.feed is Feed.DAILY:
            quote = Want(Feed.QUOTE, bars_of.ticker)
            who = needs.get(bars_of) or needs.get(quote)
            if who is not None and looks_split(bars_of.ticker, known):
                needs.setdefault(Want(Feed.SPLITS, bars_of.ticker), who)
    if needs:
        since = min(wanted.since for wanted in needs.values())
        needs[LISTING_WANT] = Wanted(0, since)
    return needs


def _together(one: Wanted, other: Wanted) -> Wanted:
    """A viewer who wants a quote and its bars is one viewer."""
    return Wanted(max(one.viewers, other.viewers), min(one.since, other.since))


OF_THE_TICKER = frozenset({EmptyReply.kind, UnknownTicker.kind})


def goes_in_bulk(want: Want, known: Known) -> bool:
    """Bulk quotes are of the US only; a ticker they once left out is asked for by itself.

    A call that failed as a whole says nothing about its hundred tickers: they go together again.
    """
    attempt = known.board.attempts.get(want)
    return (
        want.feed is Feed.QUOTE
        and (attempt is None or attempt.kind not in OF_THE_TICKER)
        and exchange_of(want.ticker) is US
        and known.rights.has(Capability.BULK_QUOTES, known.now)
    )


def is_operators(want: Want, wanted: Wanted) -> bool:
    """Whether nobody looks at it: only the operator wants it. The listing is everybody's."""
    return wanted.viewers == 0 and want.feed is not Feed.LISTING


def rank(want: Want, wanted: Wanted, turn: Turn) -> tuple[Any, ...]:
    """The order of what is due: a viewer's first quote before all, then what a viewer looks at,
    then what only the operator watches; of each, what has waited longest for its turn."""
    return (
        is_operators(want, wanted),
        not turn.first,
        turn.at,
        turn.since,
        want.ticker,
        PLACES[want.feed],
    )


class Agenda:
    """Not for several threads at once. `touch`, then `see`, then `settle`, and then read."""

    def __init__(self) -> None:
        self.needs: dict[Want, Wanted] = {}
        self.others: dict[Want, Turn] = {}
        self._touched: set[Want] = set()
        self._wants: Mapping[Want, Wanted] | None = None
        self._rights: tuple[Any, ...] | None = None
        self._era: tuple[Any, ...] | None = None
        self._exchanges: set[Exchange] = set()
        self._others: list[Want] = []
        self._kinds: dict[Want, Kind] = {}
        self._counts: Counter[Kind] = Counter()
        self._turns: dict[Want, Turn] = {}
        self._due: dict[Want, Due] = {}
        self._firsts: set[Want] = set()
        # Two heaps of live quotes: due by now, in order of rank; and to come, by time. An entry
        # counts as long as its turn is the one that is queued; the serial number keeps those that
        # no longer do from being compared.
        self._ready: list[Entry] = []
        self._coming: list[Entry] = []
        self._queued: dict[Want, Turn] = {}
        self._serial = count()
        self._in_flight: frozenset[Want] = frozenset()
        self._away: set[Want] = set()

    def touch(self, changed: Iterable[Want]) -> None:
        """What is known of these has changed since the last plan."""
        self._touched.update(changed)

    def see(self, known: Known, wants: Mapping[Want, Wanted]) -> None:
        """Find what is needed, and what of it goes in bulk."""
        rights = (known.liveness, *(known.rights.has(what, known.now) for what in Capability))
        around = any(want.feed in (Feed.DAILY, Feed.SPLITS) for want in self._touched)
        if wants is not self._wants or rights != self._rights or around:
            self._find_needs(known, wants)
        if rights != self._rights:
            self._touched.update(self.needs)
        self._wants, self._rights = wants, rights
        for want in self._touched:
            if want.feed is Feed.QUOTE and want in self.needs:
                operators = is_operators(want, self.needs[want])
                self._count(want, Kind(goes_in_bulk(want, known), operators))

    def _find_needs(self, known: Known, wants: Mapping[Want, Wanted]) -> None:
        before, self.needs = self.needs, needed(wants, known)
        for want in before.keys() - self.needs.keys():
            self._count(want, None)
            for kept in (self._turns, self._due, self._queued):
                kept.pop(want, None)
            self._firsts.discard(want)
        self._touched.update(
            want for want, wanted in self.needs.items() if before.get(want) is not wanted
        )
        self._others = [want for want in self.needs if want.feed is not Feed.QUOTE]
        self._exchanges = {
            exchange_of(want.ticker) for want in self.needs if want.feed is Feed.QUOTE
        }

    def _count(self, want: Want, kind: Kind | None) -> None:
        before = self._kinds.pop(want, None)
        if before is not None:
            self._counts[before] -= 1
        if kind is not None:
            self._kinds[want] = kind
            self._counts[kind] += 1

    def settle(self, known: Known, spread: timedelta, in_flight: frozenset[Want]) -> None:
        """Find when everything is due. `spread` is how far apart the day's budget has quotes."""
        now = known.now
        self.others = {
            want: turn_of(want, self.needs[want], known, spread) for want in self._others
        }
        touched, self._touched = self._touched, set()
        back = self._away - in_flight
        self._in_flight, self._away = in_flight, {want for want in in_flight if want in self._kinds}
        for want in self._away:
            self._queued.pop(want, None)
        era = self._era_of(known, spread)
        if era != self._era:
            self._era = era
            self._ready, self._coming, self._queued = [], [], {}
            touched = set(self._kinds)
        for want in touched:
            if want in self._kinds:
                self._turn(want, turn_of(want, self.needs[want], known, spread), now)
        self.put_back(back, now)
        while (entry := self._first(self._coming)) is not None and entry[0][0] <= now:
            heappop(self._coming)
            del self._queued[entry[2]]
            self._queue(entry[2], now)

    def _era_of(self, known: Known, spread: timedelta) -> tuple[Any, ...]:
        """What the turns of all live quotes depend on; while it is the same they stay."""
        hours: list[tuple[str, datetime, bool]] = []
        if not known.always:
            at = known.now - known.liveness.delay
            for exchange in self._exchanges:
                session = calendar(exchange).last_opened(at)
                hours.append((exchange.code, session.open, at < session.close))
        return (self._rights, known.refresh, known.always, spread, sorted(hours))

    def _turn(self, want: Want, turn: Turn, now: datetime) -> None:
        self._turns[want] = turn
        self._due[want] = Due(turn.at, turn.reason)
        self._queued.pop(want, None)
        if turn.first and self.needs[want].viewers:
            self._firsts.add(want)
        else:
            self._firsts.discard(want)
        self._queue(want, now)

    def _queue(self, want: Want, now: datetime) -> None:
        turn = self._turns.get(want)
        if turn is None or turn.at is None or want in self._away or want in self._queued:
            return
        self._queued[want] = turn
        if turn.at <= now:
            key = rank(want, self.needs[want], turn)
            heappush(self._ready, (key, next(self._serial), want, turn))
        else:
            heappush(self._coming, ((turn.at, want.ticker), next(self._serial), want, turn))

    def _first(self, heap: list[Entry]) -> Entry | None:
        """The first entry that still counts; those before it are dropped."""
        while heap:
            if self._queued.get(heap[0][2]) is heap[0][3]:
                return heap[0]
            heappop(heap)
        return None

    # What the planner reads

    @property
    def due(self) -> dict[Want, Due]:
        """Everything that is needed, with the time at which it is due."""
        return self._due | {want: Due(turn.at, turn.reason) for want, turn in self.others.items()}

    def turn(self, want: Want) -> Turn | None:
        return self._turns.get(want) or self.others.get(want)

    def in_bulk(self, want: Want) -> bool:
        kind = self._kinds.get(want)
        return kind is not None and kind.bulk

    def quotes(self, *, bulk: bool, but_operators: bool = False) -> int:
        """How many live quotes are needed, in bulk or one by one."""
        seen = self._counts[Kind(bulk, operators=False)]
        return seen if but_operators else seen + self._counts[Kind(bulk, operators=True)]

    def firsts(self) -> list[Want]:
        """The quotes that a viewer waits for, of which there is none yet and none on its way."""
        return [want for want in self._firsts if want not in self._away]

    def is_first(self, want: Want) -> bool:
        return want in self._firsts

    def ready(self, now: datetime) -> Iterator[tuple[Want, Turn]]:
        """What is due and not on its way, the most urgent first; of an exchange's scouts, one.

        A quote that was read is not read again before it was put back, or asked and answered.
        """
        others = sorted(
            (rank(want, self.needs[want], turn), want, turn)
            for want, turn in self.others.items()
            if turn.at is not None and turn.at <= now and want not in self._in_flight
        )
        scouting = {self.others[want].scouts for want in self._in_flight if want in self.others}
        for key, want, turn in others:
            yield from self._pop_ready(key)
            if turn.scouts is not None:
                if turn.scouts in scouting:
                    continue
                scouting.add(turn.scouts)
            yield want, turn
        yield from self._pop_ready(None)

    def _pop_ready(self, before: tuple[Any, ...] | None) -> Iterator[tuple[Want, Turn]]:
        while (entry := self._first(self._ready)) is not None:
            if before is not None and entry[0] > before:
                return
            heappop(self._ready)
            del self._queued[entry[2]]
            yield entry[2], entry[3]

    def soon(self, until: datetime, most: int) -> list[Want]:
        """Quotes that go in bulk and come due by then, the soonest first; as `ready` has them."""
        found: list[Want] = []
        others: list[Entry] = []
        while len(found) < most and (entry := self._first(self._coming)) is not None:
            if entry[0][0] > until:
                break
            heappop(self._coming)
            if self.in_bulk(entry[2]):
                del self._queued[entry[2]]
                found.append(entry[2])
            else:
                others.append(entry)
        for entry in others:
            heappush(self._coming, entry)
        return found

    def put_back(self, wants: Iterable[Want], now: datetime) -> None:
        """These were read and are not asked after all."""
        for want in wants:
            self._queue(want, now)

    def asked(self, wants: Iterable[Want]) -> None:
        """These are about to be on their way; should they not be, they are due as before."""
        self._away.update(want for want in wants if want in self._kinds)

    def next_at(self, now: datetime) -> datetime | None:
        """When the next comes due that is not yet."""
        future = [turn.at for turn in self.others.values() if turn.at and turn.at > now]
        entry = self._first(self._coming)
        if entry is not None:
            future.append(entry[0][0])
        return min(future, default=None)
