"""What every store promises: the one on disk, and the one on Redis that several machines share.

Real diskcache files and a real redis-server. What only one of them promises is in test_cache.py and
test_redis_store.py.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pytest

from stocktracker import encoding
from stocktracker.cache import DiskStore
from stocktracker.errors import StoreError
from stocktracker.fleet.redis_store import RedisStore
from stocktracker.model import (
    LISTING_WANT,
    WHOLE_MARKET,
    Attempt,
    Bars,
    Data,
    Feed,
    Listed,
    Listing,
    Outcome,
    Quote,
    Record,
    Ticker,
    Want,
)
from stocktracker.plans import Liveness
from stocktracker.store import Store
from tests.fleet import redis_store
from tests.helpers import daily, intraday, quote, utc, weekly
from tests.redis_server import RedisServer

IBM, AAPL = Ticker("IBM"), Ticker("AAPL")
NOW = utc("2026-11-23T15:00:00.123456")
FAILED = Attempt(NOW, Outcome.FAILED, 1, NOW, "empty", "Nothing.")
AGAIN = Attempt(NOW, Outcome.FAILED, 3, NOW + timedelta(seconds=30), "empty", "Nothing – at all.")


class Shelf(Protocol):
    """A kind of store, and what is needed around it."""

    def open(self) -> Store:
        """One more process on the same store."""
        ...

    def plant(self, key: str, value: bytes) -> None:
        """Write past the store."""
        ...


class DiskShelf:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[DiskStore] = []

    def open(self) -> DiskStore:
        self.opened.append(DiskStore(self.folder, busy=timedelta(milliseconds=400)))
        return self.opened[-1]

    def plant(self, key: str, value: bytes) -> None:
        store = self.open()
        with store.transaction():
            store._write({key: value})


class RedisShelf:
    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.opened: list[RedisStore] = []

    def open(self) -> RedisStore:
        self.opened.append(redis_store(self.server))
        return self.opened[-1]

    def plant(self, key: str, value: bytes) -> None:
        kind, field = self.open().keys.place(key)
        self.server.client.hset(kind, field, value)


@pytest.fixture(params=["disk", "redis"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DiskShelf | RedisShelf]:
    found: DiskShelf | RedisShelf
    if request.param == "disk":
        found = DiskShelf(tmp_path / "store")
    else:
        found = RedisShelf(request.getfixturevalue("redis"))
    yield found
    for store in found.opened:
        store.close()


@pytest.fixture
def store(shelf: Shelf) -> Store:
    """One that leads, as it has to for saving."""
    store = shelf.open()
    assert store.lead()
    return store


@pytest.fixture
def other(shelf: Shelf, store: Store) -> Store:
    """Of another process, which follows."""
    return shelf.open()


def record(data: Data | None = None, *, ticker: Ticker = IBM, attempt: bool = True) -> Record:
    feed = {Quote: Feed.QUOTE, Listing: Feed.LISTING, Bars: Feed.DAILY}.get(type(data), Feed.QUOTE)
    return Record(feed, ticker, data, Attempt(NOW, Outcome.NEW) if attempt else None)


def price(store: Store, ticker: Ticker = IBM) -> float | None:
    found = store.load(Feed.QUOTE, ticker)
    return found.data.price if found and isinstance(found.data, Quote) else None


def loaded(store: Store, feed: Feed = Feed.QUOTE) -> tuple[Data | None, Attempt | None]:
    found = store.load(feed, IBM)
    assert found is not None
    return found.data, found.attempt


def batch_at(at: float) -> list[Record]:
    return [record(quote(each, at, fetched_at=NOW), ticker=each) for each in (IBM, AAPL)]


# What is saved comes back


@pytest.mark.parametrize(
    "saved",
    [
        pytest.param(quote("IBM", 219.3, fetched_at=NOW), id="all is known"),
        pytest.param(
            quote(
                "TSCO.LON",
                401.2,
                fetched_at=NOW,
                previous_close=None,
                open=None,
                high=None,
                low=None,
                volume=None,
                trading_day=date(2026, 11, 20),
                as_of=utc("2026-11-20T16:30"),
                liveness=Liveness.DELAYED,
                currency="GBX",
            ),
            id="hardly anything is known",
        ),
        pytest.param(quote("X", 1e-9, fetched_at=NOW, volume=2**53), id="extreme figures"),
    ],
)
def test_a_quote_comes_back_as_it_was(saved: Quote, store: Store, other: Store) -> None:
    store.save([record(saved, ticker=saved.ticker)])
    for each in (store, other):
        found = each.load(Feed.QUOTE, saved.ticker)
        assert found is not None
        assert found.data == saved


DAYS = {"2026-11-19": 101.5, "2026-11-20": 99.25}
INSTANTS = {"2026-11-20T14:30": 101.5, "2026-11-20T14:35": 99.25}


def unknown_volume(bars: Bars) -> Bars:
    bars.frame.loc[bars.last, "volume"] = float("nan")
    return bars


@pytest.mark.parametrize(
    ("feed", "saved"),
    [
        (Feed.DAILY, daily("IBM", DAYS, fetched_at=NOW)),
        (Feed.DAILY, unknown_volume(daily("IBM", DAYS, fetched_at=NOW))),
        (Feed.WEEKLY, weekly("IBM", DAYS, fetched_at=NOW)),
        (Feed.INTRADAY, intraday("IBM", INSTANTS, fetched_at=NOW)),
    ],
)
def test_bars_come_back_as_they_were(feed: Feed, saved: Bars, store: Store, other: Store) -> None:
    store.save([Record(feed, IBM, saved, None)])
    found = other.load(feed, IBM)
    assert found is not None
    assert isinstance(found.data, Bars)
    pd.testing.assert_frame_equal(found.data.frame, saved.frame, check_freq=False)
    assert found.data.frame.index.dtype == saved.frame.index.dtype
    for name in ("ticker", "interval", "fetched_at", "source", "currency"):
        assert getattr(found.data, name) == getattr(saved, name)


def test_the_listing_comes_back_in_order_with_its_odd_tickers(store: Store) -> None:
    names = ["NA", "NAN", "TRUE", "-P-HIZ", "BC/PB", "ZZZ", "A"]
    rows = {
        Ticker(name): Listed(Ticker(name), f"Société {name} “&” Co", "NYSE", "Stock")
        for name in names
    }
    store.save([record(Listing(rows, NOW, "test"), ticker=WHOLE_MARKET)])
    found = store.load(LISTING_WANT.feed, LISTING_WANT.ticker)
    assert found is not None
    assert isinstance(found.data, Listing)
    assert list(found.data.rows.items()) == list(rows.items())
    assert found.data.fetched_at == NOW


@pytest.mark.parametrize("attempt", [Attempt(NOW, Outcome.NEW), Attempt(NOW, Outcome.SAME), AGAIN])
def test_an_attempt_comes_back_as_it_was(attempt: Attempt, store: Store) -> None:
    store.save([Record(Feed.DAILY, IBM, None, attempt)])
    assert loaded(store, Feed.DAILY) == (None, attempt)


def test_what_was_never_saved_is_a_miss(store: Store) -> None:
    assert store.load(Feed.QUOTE, IBM) is None
    assert store.load_many([Want(Feed.QUOTE, IBM)]) == []
    assert store.load_document("rights") is None
    assert store.load_document("budget") is None
    assert store.load_documents("wants:") == {}
    assert store.load_all(Feed.QUOTE) == []
    assert store.load_many([]) == []


def test_a_record_without_data_leaves_the_data_as_it_was(store: Store) -> None:
    good = quote("IBM", 219.3, fetched_at=NOW)
    store.save([record(good)])
    store.save([Record(Feed.QUOTE, IBM, None, FAILED)])
    assert loaded(store) == (good, FAILED)


def test_a_quote_that_came_at_once_tells_by_itself_when_it_was_tried(store: Store) -> None:
    store.save([Record(Feed.QUOTE, IBM, None, FAILED)])
    store.save([record(quote("IBM", 1.0, fetched_at=NOW))])
    found = store.load(Feed.QUOTE, IBM)
    assert found is not None
    assert found.attempt == Attempt(NOW, Outcome.NEW)


def test_feeds_and_tickers_are_kept_apart(store: Store) -> None:
    bars = daily("IBM", DAYS, fetched_at=NOW)
    tickers = ["A", "AA", "A:B", "B"]
    quotes = [quote(ticker, 1.0 + at, fetched_at=NOW) for at, ticker in enumerate(tickers)]
    store.save([record(each, ticker=each.ticker) for each in quotes] + [record(bars)])
    assert [each.data for each in store.load_all(Feed.QUOTE)] == sorted(
        quotes, key=lambda each: each.ticker
    )
    assert [each.ticker for each in store.load_all(Feed.DAILY)] == ["IBM"]


def test_many_records_are_looked_up_at_once_and_those_that_are_not_there_are_left_out(
    store: Store,
) -> None:
    tickers = [Ticker(f"T{number}") for number in range(20)]
    store.save([record(quote(each, 1.0, fetched_at=NOW), ticker=each) for each in tickers])
    store.save([Record(Feed.DAILY, Ticker("T3"), None, FAILED)])
    wants = [Want(feed, each) for each in [*tickers, "NONE"] for feed in (Feed.QUOTE, Feed.DAILY)]
    expected = [want for want in wants if store.load(want.feed, want.ticker) is not None]
    assert len(expected) == 21
    assert [each.want for each in store.load_many(wants)] == expected


def test_documents_are_found_by_name_and_by_prefix(store: Store, other: Store) -> None:
    store.save([], {"wants:one": {"a": 1}, "wants:two": {"b": None}, "rights": {"c": [1.5]}})
    assert other.load_document("rights") == {"c": [1.5]}
    assert other.load_documents("wants:") == {"wants:one": {"a": 1}, "wants:two": {"b": None}}
    other.drop_document("wants:one")
    other.drop_document("wants:one")
    assert list(store.load_documents("wants:")) == ["wants:two"]


def test_whoever_follows_may_write_documents(store: Store, other: Store) -> None:
    other.save_document("wants:other", {"a": 1})
    assert store.load_document("wants:other") == {"a": 1}


def test_the_bytes_of_an_entry_are_the_same_in_every_store(shelf: Shelf, store: Store) -> None:
    """Which is why one store can be copied into another as it is."""
    shelf.plant("v1:data:quote:IBM", encoding.encode_data(quote("IBM", 5.0, fetched_at=NOW)))
    shelf.plant("v1:attempt:quote:IBM", encoding.encode_attempt(FAILED))
    shelf.plant("v1:document:wants:one", encoding.encode_document({"a": 1}))
    assert loaded(store) == (quote("IBM", 5.0, fetched_at=NOW), FAILED)
    assert store.load_documents("wants:") == {"wants:one": {"a": 1}}


# Revisions


def test_the_revision_grows_with_every_save_and_for_every_process(
    store: Store, other: Store
) -> None:
    seen = [store.revision()]
    for _ in range(3):
        store.save([record()])
        assert store.revision() == other.revision()
        seen.append(store.revision())
    assert seen == sorted(set(seen))


def test_what_has_changed_since_a_revision_is_told_or_nobody_can_say(
    store: Store, other: Store
) -> None:
    store.save(batch_at(100.0))
    before = other.revision()
    store.save([record(quote("IBM", 2.0, fetched_at=NOW))])
    store.save([], {"rights": {}})
    store.save([Record(Feed.DAILY, AAPL, None, FAILED)])
    expected = {Want(Feed.QUOTE, IBM), Want(Feed.DAILY, AAPL)}
    assert other.changed_since(before) in (expected, None)
    assert other.changed_since(other.revision()) in (set(), None)
    assert other.changed_since(-1) is None


# All or nothing


class Oops(Exception):
    """Something of ours, half way."""


def the_block_raises(store: Store, batch: list[Record]) -> None:
    with store.transaction():
        store.save(batch, {"note": {"number": 2}})
        raise Oops


def the_block_raises_after_dropping(store: Store, batch: list[Record]) -> None:
    with store.transaction():
        store.drop_document("note")
        store.save_document("other", {})
        raise Oops


def one_record_cannot_be_encoded(store: Store, batch: list[Record]) -> None:
    broken = quote("ZZZ", float("nan"), fetched_at=NOW)
    store.save([*batch, record(broken, ticker=broken.ticker)], {"note": {"number": 2}})


@pytest.mark.parametrize(
    ("happens", "fault"),
    [
        (the_block_raises, Oops),
        (the_block_raises_after_dropping, Oops),
        (one_record_cannot_be_encoded, ValueError),
    ],
)
def test_nothing_of_a_batch_is_saved_when(
    happens: Callable[[Store, list[Record]], None], fault: type[Exception], store: Store
) -> None:
    store.save(batch_at(100.0), {"note": {"number": 1}})
    before = store.revision()
    with pytest.raises(fault):
        happens(store, batch_at(200.0))
    assert price(store, IBM) == price(store, AAPL) == 100.0
    assert store.load_document("note") == {"number": 1}
    assert store.load_document("other") is None
    assert store.revision() == before


def test_a_transaction_reads_what_it_has_written_and_nobody_else_does(
    store: Store, other: Store
) -> None:
    with store.transaction():
        store.save(batch_at(100.0), {"note": {"number": 1}})
        store.save_document("wants:one", {})
        assert store.load_document("note") == {"number": 1}
        assert list(store.load_documents("wants:")) == ["wants:one"]
        assert price(store) == 100.0
        store.drop_document("wants:one")
        assert store.load_documents("wants:") == {}
        assert other.load_document("note") is None
    assert other.load_document("note") == {"number": 1}
    assert price(other) == 100.0


def test_of_two_who_change_a_document_neither_overwrites_the_other(shelf: Shelf) -> None:
    stores = [shelf.open() for _ in range(3)]

    def add(store: Store) -> None:
        for _ in range(15):
            while True:
                try:
                    with store.transaction():
                        there = store.load_document("note") or {"number": 0}
                        store.save_document("note", {"number": there["number"] + 1})
                except StoreError:  # the others had it for too long
                    continue
                break
        store.release_thread()

    threads = [threading.Thread(target=add, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].load_document("note") == {"number": 45}


def test_while_somebody_is_in_a_transaction_others_read_and_are_told_that_they_cannot_write(
    store: Store, other: Store
) -> None:
    store.save(batch_at(100.0))
    with store.transaction():
        assert price(other) == 100.0
        with pytest.raises(StoreError, match="another process is writing"), other.transaction():
            pytest.fail("two are in a transaction")
    with other.transaction():
        other.save_document("note", {})


# What cannot be read


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b'{"kind":"bomb"}', b'{"kind":"quote"}', b'{"kind":"bars"}\n', b"\xff\xfe"],
)
def test_an_entry_that_cannot_be_read_is_a_miss_told_once_and_stays(
    content: bytes, shelf: Shelf, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(batch_at(100.0))
    shelf.plant("v1:data:quote:IBM", content)
    caplog.set_level(logging.WARNING)
    for _ in range(3):
        assert price(store, IBM) is None
    assert price(store, AAPL) == 100.0
    told = [each.getMessage() for each in caplog.records if "quote:IBM" in each.getMessage()]
    assert told == [told[0]]
    store.save(batch_at(200.0))
    assert price(store, IBM) == 200.0


# One leads


def test_one_leads_until_it_closes(shelf: Shelf, store: Store, other: Store) -> None:
    assert store.lead()
    assert store.lead()
    assert not other.lead()
    assert not other.lead()
    store.close()
    assert other.lead()
    assert not shelf.open().lead()


def test_who_follows_may_close_without_taking_the_lead_away(
    shelf: Shelf, store: Store, other: Store
) -> None:
    assert not other.lead()
    other.close()
    assert not shelf.open().lead()
    store.save(batch_at(100.0))


def test_a_store_that_is_well_needs_no_tending(store: Store) -> None:
    assert not store.tend()
    store.save(batch_at(100.0), {"note": {"number": 1}})
    assert not store.tend()
    store.prove()


def test_threads_may_come_and_go(store: Store) -> None:
    seen: list[Any] = []

    def read_and_release() -> None:
        seen.append(price(store))
        store.release_thread()

    store.save(batch_at(100.0))
    threads = [threading.Thread(target=read_and_release) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [100.0] * 10


def test_much_is_saved_in_one_piece(store: Store, other: Store) -> None:
    days = {f"{year}-{month:02}-01": 1.5 for year in range(1950, 2026) for month in range(1, 13)}
    records = [
        record(daily(f"T{number}", days, fetched_at=NOW), ticker=Ticker(f"T{number}"))
        for number in range(60)
    ]
    before = store.revision()
    store.save(records, {"note": {"number": 1}})
    assert len(other.load_all(Feed.DAILY)) == 60
    assert other.load_document("note") == {"number": 1}
    changed = other.changed_since(before)
    assert changed is None or len(changed) == 60
