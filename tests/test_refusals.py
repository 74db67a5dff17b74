"""Every refusal and broken body that Alpha Vantage is known for, through the whole way of the data:
what was stored stays byte for byte, and the words are the right ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from stocktracker.config import Hours
from stocktracker.encoding import encode_data
from stocktracker.errors import (
    EmptyReply,
    FetchError,
    KeyRejected,
    NoAccess,
    RateLimited,
    UnknownRefusal,
    UnknownTicker,
    Unreachable,
    UnreadableReply,
)
from stocktracker.model import Feed, Outcome, Ticker, Want
from stocktracker.simulator import FAULTS
from tests.household import Household, household

IBM = Ticker("IBM")
MONDAY = "2026-11-23T15:00:00"
WANT = Want(Feed.DAILY, IBM)

EXPECTED: dict[str, tuple[type[FetchError], str]] = {
    "day": (RateLimited, "the day's calls are spent"),
    "day-2024": (RateLimited, "the day's calls are spent"),
    "second": (RateLimited, "fewer calls a second"),
    "second-2025": (RateLimited, "fewer calls a second"),
    "minute-2018": (RateLimited, "this minute's calls are spent"),
    "volume-2018-04": (RateLimited, "this minute's calls are spent"),
    "volume-2018-08": (RateLimited, "this minute's calls are spent"),
    "premium-second": (RateLimited, "fewer calls a second"),
    "premium-minute": (RateLimited, "this minute's calls are spent"),
    "premium-volume": (RateLimited, "this minute's calls are spent"),
    "premium-endpoint": (NoAccess, "does not include this"),
    "premium-endpoint-2022": (NoAccess, "does not include this"),
    "full-is-premium": (NoAccess, "does not include this"),
    "not-entitled": (NoAccess, "does not include this"),
    "not-entitled-index": (NoAccess, "does not include this"),
    "demo-key": (KeyRejected, "does not accept the API key"),
    "no-key": (KeyRejected, "does not accept the API key"),
    "invalid-call": (UnknownTicker, "does not know this ticker"),
    "no-function": (NoAccess, "does not include this"),
    "invalid-inputs": (EmptyReply, "without any data"),
    "no-articles": (EmptyReply, "without any data"),
    "accept": (UnknownRefusal, "Could not satisfy"),
    "status-503": (Unreachable, "HTTP 503"),
    "html": (UnreadableReply, "could not be read"),
    "empty-object": (EmptyReply, "without any data"),
    "empty-body": (UnreadableReply, "could not be read"),
    "deep-json": (UnreadableReply, "could not be read"),
    "truncated": (UnreadableReply, "could not be read"),
    "wrong-ticker": (UnreadableReply, "another ticker"),
    "cut": (Unreachable, "could not be reached"),
    "huge-body": (UnreadableReply, "too big"),
    "gzip-bomb": (UnreadableReply, "too big"),
    "redirect": (Unreachable, "redirect"),
    "stall": (Unreachable, "timed out"),
}
# A daily series with one impossible row is believed without that row; see the test below.
ONE_ROW = {"zero-price", "future-date", "nan-price", "huge-price", "negative-price"}
# Read without a fault, and not believed: see test_doubts.
DOUBTFUL = {"hundredfold-price", "hundredth-price", "hundredfold-figures"}
# Slow, but whole: no failure at all.
HARMLESS = {"delay", "drip"}


@pytest.fixture
def house(tmp_path: Path):
    with household(tmp_path / "store", MONDAY, plan="premium-75", hours=Hours.ALWAYS) as opened:
        opened.watch(IBM, feeds=(Feed.DAILY,))
        opened.step()
        yield opened


def ask_again(house: Household) -> None:
    """At the time of the next daily bar."""
    house.clock.tick_to(house.board.read().poll.due[WANT].at or house.clock.now())
    house.watch(IBM, feeds=(Feed.DAILY,))
    house.step()


def test_the_table_knows_every_fault_of_the_simulator() -> None:
    assert set(EXPECTED) | ONE_ROW | DOUBTFUL | HARMLESS == set(FAULTS)


@pytest.mark.parametrize("fault", EXPECTED)
def test_what_is_stored_stays_and_the_words_are_right(fault: str, house: Household) -> None:
    kind, words = EXPECTED[fault]
    before = house.store.load(Feed.DAILY, IBM)
    assert before is not None
    assert before.data is not None
    house.simulator.faults.always(fault, function="TIME_SERIES_DAILY")
    ask_again(house)
    after = house.store.load(Feed.DAILY, IBM)
    assert after is not None
    assert after.data is not None
    assert encode_data(after.data) == encode_data(before.data)
    assert after.attempt is not None
    assert after.attempt.outcome is Outcome.FAILED
    assert after.attempt.kind == kind.kind
    assert words in (after.attempt.words or "")
    assert "HOUSEKEY" not in (after.attempt.words or "")


@pytest.mark.parametrize("fault", sorted(ONE_ROW))
def test_an_impossible_row_is_left_out_and_the_rest_believed(fault: str, house: Household) -> None:
    house.simulator.faults.always(fault, function="TIME_SERIES_DAILY")
    ask_again(house)
    record = house.store.load(Feed.DAILY, IBM)
    assert record is not None
    bars = record.data
    assert bars is not None
    assert (bars.frame["close"] > 0).all()
    assert bars.frame.index[-1].date() <= house.clock.now().date()
