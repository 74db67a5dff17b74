"""Every page on a cold free plan: what it costs, what it says of the rest, and what it costs again.

Five tickers, a store with nothing in it, 25 calls a day; a viewer opens every page and presses
every button that asks for something. On a Saturday, when no close is to come within a day: before
others more calls are kept.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Page, expect

from tests.helpers import utc
from tests.server import AT_ONCE, Elsewhen, Session, Upstream, simulating, until
from tests.test_browser import LATE, Open, Start, chromium, open_page, start  # noqa: F401

pytestmark = pytest.mark.browser

SATURDAY = utc("2026-11-28T12:00")
FIVE = "&".join(f"tickers={ticker}" for ticker in ("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL"))
OTHERS = ("MSFT", "NVDA", "AMZN", "GOOGL", "SPY")  # SPY is what Compare measures against
Calls = tuple[tuple[str, str], ...]  # function and ticker of each
NOTHING: tuple[str, Calls] = ("", ())


def of_apple(*functions: str) -> Calls:
    return tuple((function, "AAPL") for function in functions)


# By page and tab, what is offered to be asked for, and the calls that takes. The last one is not
# made: what is left by then is kept for the closes.
OFFERED: dict[str, dict[str, tuple[str, Calls]]] = {
    "history": {
        "": ("splits, dividends and earnings", of_apple("SPLITS", "DIVIDENDS", "EARNINGS"))
    },
    "compare": {"": ("splits of 5 tickers", tuple(("SPLITS", each) for each in OTHERS))},
    "status": {},
    "company": {
        "Overview": (
            "the other 5",
            of_apple(
                "OVERVIEW", "INCOME_STATEMENT", "BALANCE_SHEET", "CASH_FLOW", "NEWS_SENTIMENT"
            ),
        ),
        "Earnings": NOTHING,
        "Dividends & splits": NOTHING,
        "Statements": NOTHING,
        "News": NOTHING,
    },
    "market": {
        "Movers": ("the day's movers", (("TOP_GAINERS_LOSERS", ""),)),
        "Exchanges": ("the world's exchanges", (("MARKET_STATUS", ""),)),
        "Earnings calendar": ("the earnings calendar", (("EARNINGS_CALENDAR", ""),)),
        "News": ("the market's news", ()),
    },
}
PAGES = ("", *OFFERED)
ASK = re.compile("Ask (again )?for")


def ask(page: Page, upstream: Upstream, what: str, calls: Calls) -> None:
    """Press the button for this, and wait for its calls; nothing else is to be asked for then."""
    if what:
        offered = page.get_by_role(
            "button", name=re.compile(rf"Ask for {what} · \d+ of \d+ calls left today")
        )
        offered.wait_for(timeout=LATE)
        offered.dispatch_event("click")
        offered.wait_for(state="detached", timeout=LATE)
        until(lambda: upstream.asked().keys() >= set(calls), within=30)
    expect(page.get_by_role("button", name=ASK)).to_have_count(0, timeout=LATE)


def test_every_page_for_five_tickers_costs_a_day_at_most_and_then_nothing(
    start: Start,  # noqa: F811
    open_page: Open,  # noqa: F811
) -> None:
    clock = Elsewhen(SATURDAY)
    with simulating("free", publication=AT_ONCE, clock=clock) as upstream:
        app = start(**upstream.settings, **clock.settings, STOCKTRACKER_LIMITS="5/second,25/day")
        page = open_page(f"{app.url}/?{FIVE}")
        until(lambda: upstream.count("TIME_SERIES_DAILY") == 5, within=30)
        for name, tabs in OFFERED.items():
            page.goto(f"{app.url}/{name}?{FIVE}")
            page.get_by_test_id("stMain").get_by_text("calls left today").first.wait_for()
            for tab, (what, calls) in tabs.items():
                if tab:
                    page.get_by_role("tab", name=tab).click()
                    expect(page.get_by_role("tab", name=tab, selected=True)).to_be_visible()
                ask(page, upstream, what, calls)
        # The last tab's wish could not be met: it says when it will be, the page being open.
        page.get_by_text(re.compile("comes .* while this page is open")).first.wait_for()
        spent = len(upstream.calls)
        assert spent <= 25
        assert upstream.simulator.refusals == 0
        # Nobody is asked the same twice.
        assert max(upstream.asked().values()) == 1
        page.close()

        with ThreadPoolExecutor(4) as people:
            visits = [(f"?{FIVE}", name) for name in PAGES for _ in range(9)]
            sessions = list(people.map(lambda visit: Session(app, *visit, keep=False), visits))
            assert app.metric("viewers") >= 50
            list(people.map(Session.tick, sessions))
            list(people.map(Session.close, sessions))
        assert len(upstream.calls) == spent
