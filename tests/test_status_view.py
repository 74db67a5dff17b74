"""What the Status page says of what the operator watches."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stocktracker.board import Poll
from stocktracker.model import Feed, Ticker, Want
from stocktracker.plans import DAY
from stocktracker.polling.schedule import Due, Forecast
from stocktracker.screen.status_view import MOST_OPERATORS, _looked_at, operators_watch

ROUND = timedelta(seconds=20)


def tickers(count: int) -> tuple[Ticker, ...]:
    return tuple(Ticker(f"T{number}") for number in range(count))


@pytest.mark.parametrize(
    ("count", "forecast", "words"),
    [
        (
            13_411,
            Forecast(ROUND, ROUND, None, for_operator=135, turn_of_all=ROUND),
            "The operator watches 13,411 tickers that nobody looks at: 135 calls in each round of "
            "20 s.",
        ),
        (
            1,
            Forecast(DAY, DAY, 5, for_operator=1),
            "The operator watches 1 ticker that nobody looks at: 1 call a trading day.",
        ),
        (2, None, "The operator watches 2 tickers that nobody looks at."),
    ],
)
def test_what_the_operators_watch_takes_is_said_in_words(
    count: int, forecast: Forecast | None, words: str
) -> None:
    assert operators_watch(Poll(operators=tickers(count), forecast=forecast)) == words


@pytest.mark.parametrize(("count", "shown"), [(MOST_OPERATORS, 202), (MOST_OPERATORS + 1, 3)])
def test_thousands_that_nobody_looks_at_are_not_listed_one_by_one(count: int, shown: int) -> None:
    """But what a viewer looks at is, and so is what the reader has chosen."""
    looked_at = [Want(Feed.QUOTE, Ticker("IBM")), Want(Feed.DAILY, Ticker("IBM"))]
    watched = [Want(Feed.QUOTE, each) for each in tickers(count)]
    poll = Poll(
        operators=tickers(count),
        due={want: Due(None, "") for want in (*looked_at, *watched)},
        viewers=dict.fromkeys(looked_at, 1),
    )
    assert len(_looked_at(poll, [watched[7]])) == shown
