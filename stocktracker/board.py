"""The snapshot in memory that pages and routes read; replaced whole, never edited.

Reading costs no disk and no lock: a reader takes the current snapshot and keeps it for as long as
it draws. The poller publishes; a record that is only in the store is adopted when somebody first
wants it. Frames are handed out as shallow copies, which pandas copies on write.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from stocktracker.model import (
    LISTING_WANT,
    Attempt,
    Bars,
    Data,
    Doubt,
    Facts,
    Feed,
    Listing,
    Quote,
    Record,
    Ticker,
    Want,
)
from stocktracker.plans import Liveness
from stocktracker.polling.ledger import Ledger
from stocktracker.polling.schedule import Due, Forecast
from stocktracker.polling.usage import Usage

# Series and facts in memory beyond which those that nobody wants are let go.
MOST_BARS = 400
MOST_FACTS = 1000

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Poll:
    """How the polling stands: what the status page tells of it."""

    heartbeat: datetime | None = None
    leads: bool = False
    who: str = ""
    since: datetime | None = None
    halted: str | None = None
    outage_since: datetime | None = None
    store_fault: str | None = None
    store_remark: str | None = None
    due: Mapping[Want, Due] = field(default_factory=dict)
    viewers: Mapping[Want, int] = field(default_factory=dict)
    operators: tuple[Ticker, ...] = ()  # what only the operator watches
    held: Mapping[Ticker, str] = field(default_factory=dict)  # wanted and not followed, and why
    forecast: Forecast | None = None
    ledger: Ledger = field(default_factory=Ledger)
    usage: Usage = field(default_factory=lambda: Usage({}))
    refused: Mapping[str, datetime] = field(default_factory=dict)
    latency: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is known at one moment. `version` grows when data or attempts change."""

    version: int = 0
    quotes: Mapping[Ticker, Quote] = field(default_factory=dict)
    bars: Mapping[Want, Bars] = field(default_factory=dict)
    listing: Listing | None = None
    facts: Mapping[Want, Facts] = field(default_factory=dict)
    attempts: Mapping[Want, Attempt] = field(default_factory=dict)
    poll: Poll = field(default_factory=Poll)

    def data(self, want: Want) -> Data | None:
        if want.feed is Feed.QUOTE:
            return self.quotes.get(want.ticker)
        if want.feed is Feed.LISTING:
            return self.listing
        return self.bars.get(want) or self.facts.get(want)

    def doubt(self, ticker: Ticker) -> Doubt | None:
        """What was last heard of a ticker's price and is not believed, if it is news.

        On an end-of-day plan that is the newest daily bar, as a quote.
        """
        for feed in (Feed.QUOTE, Feed.DAILY):
            attempt = self.attempts.get(Want(feed, ticker))
            doubt = attempt.doubt if attempt is not None else None
            shown = self.quotes.get(ticker)
            if doubt is not None and (
                shown is None
                or feed is Feed.QUOTE
                or doubt.quote.trading_day > shown.trading_day
                or shown.liveness is Liveness.END_OF_DAY
            ):
                return doubt
        return None

    def records(self) -> Iterator[Record]:
        """All that is known, as the store keeps it."""
        wants = [Want(Feed.QUOTE, ticker) for ticker in self.quotes]
        listing = [] if self.listing is None else [LISTING_WANT]
        for want in dict.fromkeys([*wants, *listing, *self.bars, *self.facts, *self.attempts]):
            yield Record(want.feed, want.ticker, self.data(want), self.attempts.get(want))

    def knows(self, want: Want) -> bool:
        return self.data(want) is not None or want in self.attempts


class Board:
    """Holds the current snapshot."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current = Snapshot()
        self._changed: set[Want] = set()

    def read(self) -> Snapshot:
        return self._current

    def read_quote(self, ticker: Ticker) -> Quote | None:
        return self._current.quotes.get(ticker)

    def read_bars(self, feed: Feed, ticker: Ticker) -> Bars | None:
        """The bars with a frame that the caller may add columns to."""
        bars = self._current.bars.get(Want(feed, ticker))
        return None if bars is None else replace(bars, frame=bars.frame.copy(deep=False))

    def read_facts(self, feed: Feed, ticker: Ticker) -> Facts | None:
        return self._current.facts.get(Want(feed, ticker))

    def publish(self, records: Iterable[Record], *, wanted: Collection[Want] = ()) -> None:
        """Show these from now on. A record without data leaves the data that is shown."""
        with self._lock:
            self._show(list(records), wanted, replace_known=True)

    def adopt(self, records: Iterable[Record]) -> None:
        """Show what was in the store all along, except where something newer is shown."""
        with self._lock:
            self._show(list(records), (), replace_known=False)

    def take_changes(self) -> set[Want]:
        """What has changed since this was last asked: for the one who plans by it."""
        with self._lock:
            changed, self._changed = self._changed, set()
            return changed

    def publish_poll(self, **changes: Any) -> None:
        """Show how the polling stands; this is no new version of the data."""
        with self._lock:
            poll = replace(self._current.poll, **changes)
            self._current = replace(self._current, poll=poll)

    def _show(
        self, records: list[Record], wanted: Collection[Want], *, replace_known: bool
    ) -> None:
        now = self._current
        if not replace_known:
            records = [record for record in records if not now.knows(record.want)]
        if not records:
            return
        quotes = {record.ticker: record.data for record in records if _holds(record, Quote)}
        bars = {record.want: record.data for record in records if _holds(record, Bars)}
        listings = [record.data for record in records if isinstance(record.data, Listing)]
        attempts = {record.want: record.attempt for record in records if record.attempt}
        facts = {record.want: record.data for record in records if _holds(record, Facts)}
        known_bars, known_facts = _with(now.bars, bars), _with(now.facts, facts)
        kept_bars = _bounded(known_bars, wanted, MOST_BARS)
        kept_facts = _bounded(known_facts, wanted, MOST_FACTS)
        let_go: Set[Want] = set()
        if len(kept_bars) < len(known_bars) or len(kept_facts) < len(known_facts):
            let_go = (known_bars.keys() - kept_bars.keys()) | (
                known_facts.keys() - kept_facts.keys()
            )
        self._changed.update(record.want for record in records)
        self._changed.update(let_go)
        self._current = replace(
            now,
            version=now.version + 1,
            quotes=_with(now.quotes, quotes),
            bars=kept_bars,
            listing=listings[-1] if listings else now.listing,
            facts=kept_facts,
            # Without its attempt what is let go is unknown, so that it is adopted again when
            # somebody wants it, and not asked for and stored anew.
            attempts=_without(_with(now.attempts, attempts), let_go),
        )


def _holds(record: Record, kind: type) -> bool:
    return isinstance(record.data, kind)


def _with(known: Mapping[K, V], more: Mapping[K, Any]) -> Mapping[K, V]:
    if not more:
        return known
    # Copied whole, as dictionaries copy, and not key by key: there may be the whole listing.
    copied = known.copy() if isinstance(known, MappingProxyType | dict) else dict(known)
    copied.update(more)
    return MappingProxyType(copied)


def _without(known: Mapping[K, V], let_go: Set[K]) -> Mapping[K, V]:
    if not let_go:
        return known
    return MappingProxyType({key: value for key, value in known.items() if key not in let_go})


def _bounded(known: Mapping[Want, V], wanted: Collection[Want], most: int) -> Mapping[Want, V]:
    """What nobody wants is let go when there is much of it; the store still has it."""
    if len(known) <= most or not wanted:
        return known
    return MappingProxyType({want: kept for want, kept in known.items() if want in wanted})
