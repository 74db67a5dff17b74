"""What a click on selected rows adds to a viewer's tickers, and why it would not."""

from __future__ import annotations

import pytest

from stocktracker.model import Listed, Listing, Ticker
from stocktracker.screen.adding import addition
from tests.helpers import utc

ODD = Ticker("-P-HIZ")
LISTING = Listing({ODD: Listed(ODD, "Odd Inc", "NASDAQ", "Stock")}, utc("2026-11-23"), "test")


def tickers(text: str) -> list[Ticker]:
    return [Ticker(each) for each in text.split()]


@pytest.mark.parametrize(
    ("selected", "chosen", "most", "added"),
    [
        ("KO", "AAPL", 50, "KO"),
        ("KO PG KO", "", 50, "KO PG"),
        ("AAPL KO", "AAPL", 50, "KO"),
        ("KO PG", "AAPL", 3, "KO PG"),
        ("-P-HIZ", "", 50, "-P-HIZ"),
    ],
)
def test_what_is_not_chosen_yet_is_added_in_order(
    selected: str, chosen: str, most: int, added: str
) -> None:
    found = addition(tickers(selected), tickers(chosen), most, LISTING)
    assert (" ".join(found.tickers), found.refusal) == (added, None)


@pytest.mark.parametrize(
    ("selected", "chosen", "most", "why"),
    [
        ("", "AAPL", 50, "All of these are among your tickers."),
        ("AAPL", "AAPL", 1, "All of these are among your tickers."),
        ("KO", "AAPL", 1, "You have 1 of 1 tickers: none more fits, and 1 is selected."),
        ("KO PG V", "AAPL", 2, "You have 1 of 2 tickers: 1 more fits, and 3 are selected."),
        ("KO PG V", "AAPL", 3, "You have 1 of 3 tickers: 2 more fit, and 3 are selected."),
        ("KO OPFI+", "", 50, "OPFI\\+ cannot be chosen: only this list spells it so."),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_added(
    selected: str, chosen: str, most: int, why: str
) -> None:
    found = addition(tickers(selected), tickers(chosen), most, LISTING)
    assert (found.tickers, found.refusal) == ((), why)
