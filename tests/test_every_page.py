"""Every page on a cold free plan: what it costs, what it says of the rest, and what it costs again.

Five tickers, a store with nothing in it, 25 calls a day; a viewer opens every page and presses
every button that asks for something.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Page

from tests.server import AT_ONCE, Session, simulating, until
from tests.test_browser import LATE, Open, Start, chromium, open_page, start  # noqa: F401

pytestmark = pytest.mark.browser

FIVE = "&".join(f"tickers={ticker}" for ticker in ("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL"))
# Market is the last one: by then no call is left for what it asks for.
PAGES = ("", "history", "compare", "status", "company", "market")
TABS = {
    "company": ("Overview", "Earnings", "Dividends & splits", "Statements", "News"),
    "market": ("Movers", "Exchanges", "Earnings calendar", "News"),
}

# Nothing runs, nothing is a skeleton, and the open tab, where there are tabs, has something in it.
DRAWN = """() => {
  if (document.querySelector('[data-testid=stStatusWidget], [data-testid=stSkeleton]')) return false
  const tabs = [...document.querySelectorAll('[role=tabpanel]')]
  return !tabs.length || tabs.some((tab) => tab.innerText.trim())
}"""
ASK = re.compile("Ask (again )?for")


def settle(page: Page) -> None:
    """Until the script has run and its page is drawn."""
    page.wait_for_function(DRAWN, timeout=LATE)


def press_all(page: Page) -> None:
    """Press whatever asks for something, until nothing is left to press."""
    for _ in range(12):
        settle(page)
        offered = page.get_by_role("button", name=ASK).all_inner_texts()
        if not offered:
            return
        words = re.search(r"Ask .*$", offered[0], re.MULTILINE)
        assert words is not None
        assert re.search(r"\d+ of \d+ calls left today", words[0])
        button = page.get_by_role("button", name=words[0])
        # What another button has asked for may come while this one is being pressed.
        if button.count():
            button.first.dispatch_event("click")
        button.first.wait_for(state="detached", timeout=LATE)


def test_every_page_for_five_tickers_costs_a_day_at_most_and_then_nothing(
    start: Start,  # noqa: F811
    open_page: Open,  # noqa: F811
) -> None:
    with simulating("free", publication=AT_ONCE) as upstream:
        app = start(**upstream.settings, STOCKTRACKER_LIMITS="5/second,25/day")
        page = open_page(f"{app.url}/?{FIVE}")
        until(lambda: upstream.count("TIME_SERIES_DAILY") == 5, within=30)
        for name in PAGES[1:]:
            page.goto(f"{app.url}/{name}?{FIVE}")
            page.get_by_test_id("stMain").get_by_text("calls left today").first.wait_for()
            press_all(page)
            for tab in TABS.get(name, ()):
                page.get_by_role("tab", name=tab).click()
                press_all(page)
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
