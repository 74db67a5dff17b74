"""Watchlists: how they change, what is refused in which words, and that the server keeps them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from stocktracker.cache import DiskStore
from stocktracker.config import load_settings
from stocktracker.errors import StocktrackerError, StoreError
from stocktracker.journal import Journal
from stocktracker.model import Ticker
from stocktracker.polling.heart import Heart
from stocktracker.runtime import Parts, Runtime
from stocktracker.watchlists import (
    DOCUMENT,
    BadWatchlist,
    Watchlist,
    Watchlists,
    clean_name,
    create,
    delete,
    from_document,
    rename,
    replace_tickers,
    set_default,
    to_document,
)
from tests.household import Household, household

AAPL, MSFT, KO = Ticker("AAPL"), Ticker("MSFT"), Ticker("KO")
TECH = Watchlist("Tech", (AAPL, MSFT))
DRINKS = Watchlist("Drinks", (KO,))
TWO = Watchlists((TECH, DRINKS), "Tech", 7)


def made(held: Watchlists, name: str, *tickers: Ticker) -> Watchlists:
    return create(held, name, tickers, max_tickers=3)


def words_of(change: Callable[[], object]) -> str:
    with pytest.raises(BadWatchlist) as refused:
        change()
    assert isinstance(refused.value, StocktrackerError)
    return refused.value.words


# --- changing -------------------------------------------------------------------------------


def test_a_new_watchlist_comes_last_and_is_not_the_default() -> None:
    held = made(TWO, "Mine", MSFT, KO)
    assert held.lists == (TECH, DRINKS, Watchlist("Mine", (MSFT, KO)))
    assert held.default == "Tech"
    assert held.revision == 8


def test_each_ticker_is_kept_once_in_its_order() -> None:
    assert made(Watchlists(), "Mine", KO, AAPL, KO).lists[0].tickers == (KO, AAPL)


def test_a_change_leaves_what_it_changes_as_it_was() -> None:
    before = Watchlists((TECH, DRINKS), "Tech", 7)
    delete(TWO, "Tech")
    rename(TWO, "Tech", "Hardware")
    set_default(TWO, None)
    assert before == TWO


def test_renaming_keeps_place_tickers_and_default() -> None:
    held = rename(TWO, "Tech", "Hardware")
    assert held.lists == (Watchlist("Hardware", (AAPL, MSFT)), DRINKS)
    assert held.default == "Hardware"
    assert rename(TWO, "Drinks", "Sugar").default == "Tech"


def test_a_name_may_change_its_case_only() -> None:
    assert rename(TWO, "Tech", "TECH").names == ["TECH", "Drinks"]


def test_replacing_keeps_the_name() -> None:
    held = replace_tickers(TWO, "drinks", (KO, AAPL), max_tickers=3)
    assert held.lists == (TECH, Watchlist("Drinks", (KO, AAPL)))


def test_deleting_the_default_leaves_none() -> None:
    held = delete(TWO, "Tech")
    assert (held.lists, held.default, held.default_tickers) == ((DRINKS,), None, ())
    assert delete(TWO, "Drinks").default == "Tech"


def test_the_default_is_named_as_the_list_is_written() -> None:
    held = set_default(TWO, "DRINKS")
    assert (held.default, held.default_tickers) == ("Drinks", (KO,))
    assert set_default(held, None).default is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: made(TWO, " \t\n", KO), "A watchlist needs a name."),
        (lambda: made(TWO, "\u200b\u202e", KO), "A watchlist needs a name."),
        (lambda: made(TWO, "x" * 41, KO), "A watchlist's name has at most 40 characters."),
        (lambda: made(TWO, "TECH", KO), "There is already a watchlist “Tech”."),
        (lambda: made(TWO, " te\u200bch ", KO), "There is already a watchlist “Tech”."),
        (lambda: made(TWO, "Ｔｅｃｈ", KO), "There is already a watchlist “Tech”."),
        (lambda: rename(TWO, "Drinks", "tech"), "There is already a watchlist “Tech”."),
        (lambda: made(TWO, "Empty"), "A watchlist needs at least one ticker."),
        (
            lambda: made(TWO, "Big", *(Ticker(each) for each in "ABCD")),
            "These are 4 tickers; a watchlist has at most 3.",
        ),
        (
            lambda: replace_tickers(TWO, "Tech", [AAPL, MSFT], max_tickers=1),
            "These are 2 tickers; a watchlist has at most 1.",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_words(change: Callable[[], object], words: str) -> None:
    assert words_of(change) == words


@pytest.mark.parametrize(
    "change",
    [
        lambda: rename(TWO, "Gone", "New"),
        lambda: delete(TWO, "Gone"),
        lambda: replace_tickers(TWO, "Gone", [KO], max_tickers=3),
        lambda: set_default(TWO, "Gone"),
    ],
)
def test_a_watchlist_that_is_gone_is_said_to_be(change: Callable[[], object]) -> None:
    assert "somebody else has renamed or deleted it" in words_of(change)


def test_a_hundred_watchlists_are_enough() -> None:
    held = Watchlists(tuple(Watchlist(f"List {each}", (KO,)) for each in range(100)))
    assert words_of(lambda: made(held, "One more", KO)) == (
        "There are 100 watchlists already. Delete one first."
    )


def test_names_lose_what_cannot_be_seen_and_keep_the_rest() -> None:
    assert clean_name("  My\r\n\x00list\u202e :red[<b>]  ") == "My list :red[<b>]"
    assert clean_name("e\u0301te") == "éte"


# --- in the store ---------------------------------------------------------------------------


def test_a_document_gives_back_what_was_written() -> None:
    assert from_document(to_document(TWO)) == TWO
    assert from_document(to_document(Watchlists())) == Watchlists()


@pytest.mark.parametrize(
    "document", [None, [], "x", {}, {"lists": None}, {"lists": 3, "default": 4, "revision": "x"}]
)
def test_a_document_that_cannot_be_read_is_no_watchlists(document: object) -> None:
    assert from_document(document) == Watchlists()


def test_a_damaged_watchlist_is_left_out_and_the_others_stay() -> None:
    rows = [
        {"name": "Tech", "tickers": ["AAPL", "MSFT"]},
        {"name": "tech", "tickers": ["KO"]},
        {"name": "", "tickers": ["KO"]},
        {"name": "No tickers", "tickers": []},
        {"name": "Odd", "tickers": ["A\nB"]},
        {"name": "Numbers", "tickers": [1]},
        {"tickers": ["KO"]},
        7,
        {"name": "Drinks", "tickers": ["KO", "KO"]},
    ]
    held = from_document({"lists": rows, "default": "Odd", "revision": -1})
    assert held == Watchlists((TECH, DRINKS), None, 0)


# --- kept by the server ---------------------------------------------------------------------


def runtime_of(house: Household, store: DiskStore) -> Runtime:
    parts = Parts(
        load_settings({}, Path("no secrets here")),
        house.clock,
        store,
        house.board,
        house.budget,
        house.wants,
        house.knowledge,
        Heart(house.board, house.clock),
        Journal(),
    )
    return Runtime(parts, ExitStack())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    with household(tmp_path / "store", "2026-11-23T15:00:00") as house:
        yield house


@pytest.fixture
def server(house: Household) -> Runtime:
    return runtime_of(house, house.store)


@pytest.fixture
def other(house: Household) -> Iterator[Runtime]:
    """Another process on the same store."""
    store = DiskStore(house.store.folder)
    yield runtime_of(house, store)
    store.close()


def test_a_new_store_has_no_watchlists(server: Runtime) -> None:
    assert server.read_watchlists() == Watchlists()


def test_a_change_is_seen_at_once_here_and_after_two_seconds_elsewhere(
    house: Household, server: Runtime, other: Runtime
) -> None:
    assert other.read_watchlists().names == []
    changed = server.change_watchlists(lambda held: made(held, "Tech", AAPL))
    assert changed.names == server.read_watchlists().names == ["Tech"]
    assert other.read_watchlists().names == []
    house.clock.tick(2)
    assert other.read_watchlists() == changed


def test_what_is_changed_is_what_the_store_has_and_not_what_was_last_seen(
    server: Runtime, other: Runtime
) -> None:
    assert other.read_watchlists().names == []
    server.change_watchlists(lambda held: made(held, "Tech", AAPL))
    assert other.change_watchlists(lambda held: made(held, "Drinks", KO)).names == [
        "Tech",
        "Drinks",
    ]


def test_two_viewers_who_change_at_once_do_not_overwrite_each_other(server: Runtime) -> None:
    def add(name: str) -> None:
        server.change_watchlists(lambda held: made(held, name, KO))

    names = [f"List {each}" for each in range(8)]
    threads = [threading.Thread(target=add, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = server.change_watchlists(lambda held: held)
    assert sorted(held.names) == names
    assert held.revision == 8


def test_a_refused_change_leaves_the_store_as_it_was(house: Household, server: Runtime) -> None:
    server.change_watchlists(lambda held: made(held, "Tech", AAPL))
    before = house.store.load_document(DOCUMENT)
    with pytest.raises(BadWatchlist):
        server.change_watchlists(lambda held: made(held, "tech", KO))
    assert house.store.load_document(DOCUMENT) == before
    assert server.read_watchlists().names == ["Tech"]


def test_watchlists_outlive_the_server(house: Household, server: Runtime, other: Runtime) -> None:
    server.change_watchlists(lambda held: set_default(made(held, "Tech", AAPL), "Tech"))
    assert other.read_watchlists().default_tickers == (AAPL,)


def test_what_is_in_memory_stays_when_the_store_fails(house: Household, server: Runtime) -> None:
    server.change_watchlists(lambda held: made(held, "Tech", AAPL))
    house.clock.tick(10)
    _break(house.store)
    assert server.read_watchlists().names == ["Tech"]
    assert house.board.read().poll.store_fault
    with pytest.raises(StoreError):
        server.change_watchlists(lambda held: made(held, "Drinks", KO))
    assert server.read_watchlists().names == ["Tech"]


def _break(store: DiskStore) -> None:
    """The table is lost under the server's feet."""
    store._cache._sql("DROP TABLE Cache")
