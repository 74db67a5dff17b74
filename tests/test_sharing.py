"""What many viewers cost, and how a tight budget is shared: over HTTP, on a jumping clock."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from stocktracker.config import Hours
from stocktracker.model import Feed, Ticker
from stocktracker.plans import Capability
from tests.household import Household, household
from tests.test_week import TICKERS, most_within

MINUTE = timedelta(minutes=1)
MONDAY = "2026-11-23T15:00:00"
QUOTES = (Feed.QUOTE,)


def quotes_asked(house: Household) -> list[str]:
    return [
        ticker for call in house.asked if call.function == "GLOBAL_QUOTE" for ticker in call.tickers
    ]


def watch_for_an_hour(house: Household, tickers: list[Ticker]) -> None:
    house.live_until(house.clock.now() + timedelta(hours=1), tickers, feeds=QUOTES)


def test_two_hundred_viewers_cost_what_one_costs(tmp_path: Path) -> None:
    """Overlapping lists of 5 of 20 tickers: calls = distinct tickers × refreshes, none refused."""
    counts = []
    for viewers in (1, 200):
        with household(
            tmp_path / str(viewers), MONDAY, plan="premium-75", hours=Hours.ALWAYS
        ) as house:
            end = house.clock.now() + timedelta(minutes=10)
            while house.clock.now() < end:
                if viewers == 1:
                    house.watch(*TICKERS)
                for viewer in range(viewers if viewers > 1 else 0):
                    own = [TICKERS[(viewer + step) % 20] for step in range(5)]
                    house.watch(*own, viewer=f"viewer {viewer}")
                again = house.step()
                house.clock.tick_to(min(again or end, end, house.clock.now() + MINUTE))
            counts.append(len(quotes_asked(house)))
            assert house.simulator.refusals == 0
    assert counts[0] == counts[1] == 20 * 30


def test_five_calls_a_minute_are_all_used_and_none_refused(tmp_path: Path) -> None:
    with household(
        tmp_path / "store", MONDAY, plan="premium-75", limits="5/minute", hours=Hours.ALWAYS
    ) as house:
        watch_for_an_hour(house, TICKERS[:5])
        asked = [call.at for call in house.asked]
        assert house.simulator.refusals == 0
        assert most_within(asked, MINUTE) == 5
        assert len(asked) >= 5 * 60 * 0.99


def test_twenty_tickers_on_five_calls_a_minute_are_served_in_turn(tmp_path: Path) -> None:
    """No ticker waits longer than 5 % above the best possible, 20 / 5 minutes."""
    with household(
        tmp_path / "store", MONDAY, plan="premium-75", limits="5/minute", hours=Hours.ALWAYS
    ) as house:
        watch_for_an_hour(house, TICKERS)
        assert house.simulator.refusals == 0
        # The listing takes one turn, once; it is not part of the round.
        started = house.asked[25].at
        for ticker in TICKERS:
            asked = [
                call.at for call in house.asked if ticker in call.tickers and call.at >= started
            ]
            waits = [later - earlier for earlier, later in itertools.pairwise(asked)]
            assert max(waits) <= timedelta(minutes=4) * 1.05


def test_every_twenty_seconds_in_session_and_one_call_for_the_close(tmp_path: Path) -> None:
    """On a delayed plan, seen through its fifteen minutes; the night costs nothing."""
    with household(tmp_path / "store", "2026-11-23T20:30:00", plan="premium-75") as house:
        house.live_until(house.clock.now() + timedelta(hours=16), TICKERS[:1], feeds=QUOTES)
        asked = [call.at for call in house.asked if call.function == "GLOBAL_QUOTE"]
        # From 15:30 to 16:15 New York time is 45 minutes, three calls a minute, and the close.
        assert 133 <= len(asked) <= 137
        assert asked[-1].strftime("%H:%M") == "21:16"
        closing = house.board.read_quote(TICKERS[0])
        assert closing is not None
        assert closing.as_of.strftime("%H:%M") == "21:00"


def test_bulk_quotes_serve_a_hundred_tickers_with_one_call(tmp_path: Path) -> None:
    with household(tmp_path / "store", MONDAY, plan="premium-150", hours=Hours.ALWAYS) as house:
        house.watch(*TICKERS)
        house.step()
        functions = [call.function for call in house.asked]
        assert functions.count("REALTIME_BULK_QUOTES") == 1
        assert "GLOBAL_QUOTE" not in functions
        assert all(house.board.read_quote(ticker) for ticker in TICKERS)


def test_invented_bulk_prices_are_never_shown_and_single_quotes_take_over(tmp_path: Path) -> None:
    """The key turns out not to be entitled: the sample that it gets has MSFT and AAPL in it."""
    with household(tmp_path / "store", MONDAY, plan="premium-75", hours=Hours.ALWAYS) as house:
        rights = house.knowledge.rights
        believed = replace(
            rights.plan, capabilities=rights.plan.capabilities | {Capability.BULK_QUOTES}
        )
        house.knowledge.rights = replace(rights, plan=believed)
        house.watch(*TICKERS[:4])
        house.step()
        house.clock.tick(2)
        house.step()
        functions = [call.function for call in house.asked]
        assert functions.count("REALTIME_BULK_QUOTES") == 1
        assert functions.count("GLOBAL_QUOTE") == 4
        shown = [house.board.read_quote(ticker) for ticker in TICKERS[:4]]
        assert all(quote and quote.trading_day.year == 2026 for quote in shown)
