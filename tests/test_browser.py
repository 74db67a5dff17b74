"""The app as people use it: the real program in a real Chromium.

What is on the page is found by role, label and key, and waited for, never slept for.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

from stocktracker.config import Hours
from tests.server import AT_ONCE, App, Session, Upstream, simulating, starting_apps, until

pytestmark = pytest.mark.browser

Start = Callable[..., App]
Open = Callable[..., Page]
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WIDE = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)
QUICK = {"STOCKTRACKER_REFRESH_SECONDS": "5"}
# A refresh of the page and one of the prices, and the time that a loaded machine takes.
SOON = 20_000
LATE = 60_000  # where a refresh may have to come several times
CHART = ".stocktracker-plot"
PRICE = re.compile(r"^\$[\d,]+\.\d\d$")
# Not ours: names that a closed network does not find, and Streamlit's look at what is not there.
NOT_OURS = re.compile(r"net::ERR_NAME_NOT_RESOLVED|status of 404")

ROWS = """() => {
  const table = document.querySelector('[data-testid=stDataFrame] canvas table');
  if (!table) return [];
  // The heading of the column that is sorted by begins with an arrow.
  const names = [...table.querySelectorAll('th')].map(
    (cell) => cell.textContent.replace(/^[↑↓] /, ''));
  return [...table.querySelectorAll('tbody tr')].map((row) => Object.fromEntries(
    [...row.querySelectorAll('td')].map((cell, place) => [names[place], cell.textContent])));
}"""
TABLE = f"() => JSON.stringify(({ROWS})())"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium here; CHROMIUM can say where one is")
    expect.set_options(timeout=SOON)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Open]:
    """Open an address as somebody new. Whatever a page complains of fails the test."""
    people, complaints = [], []

    def open_page(url: str, viewport: ViewportSize = WIDE) -> Page:
        person = chromium.new_context(viewport=viewport, locale="en-GB", timezone_id="Etc/UTC")
        person.set_default_timeout(SOON)
        people.append(person)
        page = person.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" else None,
        )
        page.goto(url)
        return page

    yield open_page
    for person in people:
        person.close()
    assert [text for text in complaints if not NOT_OURS.search(text)] == []


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with starting_apps(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Without a key."""
    with starting_apps(tmp_path_factory.mktemp("demo")) as start:
        yield start(**QUICK)


def moving() -> AbstractContextManager[Upstream]:
    """An upstream with live quotes, whose prices move at any hour."""
    return simulating("premium-75", hours=Hours.ALWAYS)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with moving() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def live(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """With a key for live quotes, whose calls can be counted."""
    with starting_apps(tmp_path_factory.mktemp("live")) as start:
        yield start(**upstream.settings, **QUICK)


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """With a free key, only quicker."""
    with (
        simulating("free", publication=AT_ONCE) as upstream,
        starting_apps(tmp_path_factory.mktemp("free")) as start,
    ):
        yield start(**upstream.settings, STOCKTRACKER_LIMITS="5/second,100/day")


# --- finding what is on a page --------------------------------------------------------------


def price_chart(page: Page) -> Locator:
    return page.locator(f"{CHART}.js-plotly-plot")


def sidebar(page: Page) -> Locator:
    return page.get_by_test_id("stSidebar")


def picker(page: Page) -> Locator:
    return sidebar(page).get_by_role("combobox", name="Tickers")


def tiles(page: Page) -> Locator:
    return page.get_by_test_id("stMetricValue")


def go_to(page: Page, name: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=name).click()
    page.wait_for_url(re.compile(rf"/{name.lower()}\?|/\?" if name == "Live" else name.lower()))


def rows(page: Page) -> list[dict[str, str]]:
    """The quotes table, which is drawn on a canvas, as it is read aloud to the blind."""
    found: list[dict[str, str]] = page.evaluate(ROWS)
    return found


def wait_for_rows(page: Page, *tickers: str) -> None:
    """Until the table has exactly these, in this order, each with a price."""
    page.wait_for_function(
        f"(wanted) => {{ const rows = ({ROWS})(); return rows.every((row) => Number(row.Last) > 0)"
        " && JSON.stringify(rows.map((row) => row.Ticker)) === JSON.stringify(wanted); }",
        arg=list(tickers),
    )


def wait_for_refresh(page: Page) -> None:
    """Until the page shows newer quotes, without anybody's doing; equal prices differ in age."""
    page.wait_for_function(
        f"(before) => JSON.stringify(({ROWS})()) !== before", arg=page.evaluate(TABLE)
    )


def choose(page: Page, text: str, option: str | None = None) -> None:
    """Type into the sidebar's list, and take the option, or what was typed."""
    picker(page).click()
    picker(page).press_sequentially(text, delay=10)
    if option is not None:
        page.get_by_role("option", name=option, exact=True).click()
    else:
        picker(page).press("Enter")
    picker(page).press("Escape")


def chosen(page: Page) -> list[str]:
    """The tickers in the address, in order."""
    return re.findall(r"[?&]tickers=([^&]*)", page.url)


def wait_for_choice(page: Page, *tickers: str) -> None:
    query = "&".join(f"tickers={ticker}" for ticker in tickers)
    page.wait_for_url(lambda url: query in url)
    assert chosen(page) == list(tickers)


def download(page: Page, button: Locator) -> tuple[str, list[dict[str, str]]]:
    """The file's name and its lines."""
    with page.expect_download() as saved:
        button.click()
    text = saved.value.path().read_text(encoding="utf-8")
    return saved.value.suggested_filename, list(csv.DictReader(io.StringIO(text)))


# --- choosing -------------------------------------------------------------------------------


def test_first_page_shows_prices_that_change_without_a_click(demo: App, open_page: Open) -> None:
    page = open_page(demo.url)
    expect(page.get_by_text("Simulated prices").first).to_be_visible()
    expect(tiles(page)).to_have_text([PRICE] * 5)
    wait_for_rows(page, "AAPL", "MSFT", "NVDA", "AMZN", "GOOGL")
    shown = tiles(page).all_inner_texts()
    expect(tiles(page)).not_to_have_text(shown)
    expect(tiles(page)).to_have_text([PRICE] * 5)


def test_chosen_ticker_is_in_table_and_address_and_stays(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/?tickers=AAPL")
    wait_for_rows(page, "AAPL")
    choose(page, "IBM", "IBM · International Business Machines Corp")
    wait_for_rows(page, "AAPL", "IBM")
    choose(page, "coca-cola comp", "KO · Coca-Cola Company")
    wait_for_rows(page, "AAPL", "IBM", "KO")
    wait_for_choice(page, "AAPL", "IBM", "KO")
    go_to(page, "History")
    expect(page.get_by_role("combobox", name="Ticker", exact=True)).to_be_visible()
    wait_for_choice(page, "AAPL", "IBM", "KO")
    go_to(page, "Live")
    wait_for_rows(page, "AAPL", "IBM", "KO")
    page.reload()
    wait_for_rows(page, "AAPL", "IBM", "KO")
    wait_for_choice(page, "AAPL", "IBM", "KO")


def test_removed_ticker_leaves_table_and_address(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/?tickers=KO&tickers=AAPL")
    wait_for_rows(page, "KO", "AAPL")
    sidebar(page).get_by_role("button", name="Remove KO · Coca-Cola Company").click()
    wait_for_rows(page, "AAPL")
    wait_for_choice(page, "AAPL")


def test_link_opens_the_same_view_in_its_order(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/?tickers=NVDA&tickers=AAPL&tickers=msft")
    wait_for_rows(page, "NVDA", "AAPL", "MSFT")


def test_typed_ticker_need_not_be_listed(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/?tickers=AAPL")
    wait_for_rows(page, "AAPL")
    choose(page, "tsco.lon")
    wait_for_rows(page, "AAPL", "TSCO.LON")
    expect(tiles(page).nth(1)).to_have_text(re.compile(r"^\d+\.\d\dp$"))  # London's pence
    wait_for_choice(page, "AAPL", "TSCO.LON")


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["desktop", "phone"])
def test_a_doubtful_price_is_told_beside_the_good_one(
    viewport: ViewportSize, start: Start, open_page: Open
) -> None:
    with simulating("premium-75") as upstream:
        app = start(**upstream.settings, **QUICK)
        page = open_page(f"{app.url}/?tickers=AAPL", viewport)
        until(lambda: app.price("AAPL"), within=30)
        upstream.faults.always("hundredfold-figures", function="GLOBAL_QUOTE", ticker="AAPL")
        said = page.get_by_text(re.compile(r"was heard from .* and is doubtful: it is 100 times"))
        expect(said).to_be_visible(timeout=LATE)
        good = app.price("AAPL")
        assert good is not None
        expect(said).to_contain_text(f"${good:,.2f} stays")
        # Of another moment than the good one, as prices move.
        doubtful = re.search(r"AAPL: \$([\d,.]+) was heard", said.inner_text())
        assert doubtful is not None
        assert float(doubtful[1].replace(",", "")) == pytest.approx(good * 100, rel=0.01)
        tile = page.get_by_test_id("stMetric")
        place = tile if viewport is WIDE else page.locator(".cards .card")
        expect(place.first).to_contain_text("doubtful")
        expect(place.first).to_contain_text(f"${good:,.2f}")


def test_what_is_not_followed_here_is_refused_at_the_choice(start: Start, open_page: Open) -> None:
    app = start(STOCKTRACKER_ALLOW="AAPL,MSFT")
    page = open_page(f"{app.url}/?tickers=AAPL&tickers=NVDA")
    page.wait_for_url(lambda url: "NVDA" not in url)
    wait_for_rows(page, "AAPL")
    choose(page, "NVDA")
    expect(sidebar(page)).to_contain_text("NVDA is not followed here.")
    wait_for_choice(page, "AAPL")


def test_what_cannot_be_a_ticker_is_refused_with_a_word(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/?tickers=AAPL")
    wait_for_rows(page, "AAPL")
    choose(page, "<b>no!</b>")
    expect(sidebar(page).get_by_text("A ticker has letters, digits and")).to_be_visible()
    wait_for_choice(page, "AAPL")


def test_without_a_ticker_the_page_says_what_to_do(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/?tickers=")
    expect(page.get_by_text("Choose a ticker in the sidebar")).to_be_visible()


@pytest.mark.parametrize("name", ["history", "status"])
def test_deep_link_on_a_fresh_server_opens_the_whole_app(
    name: str, start: Start, open_page: Open
) -> None:
    page = open_page(f"{start().url}/{name}?tickers=KO&tickers=AAPL")
    expect(picker(page)).to_be_visible()
    expect(sidebar(page).get_by_role("button", name=re.compile("^Remove KO"))).to_be_visible()
    expect(page.get_by_text("Simulated prices").first).to_be_visible()
    sign = {
        "history": page.get_by_role("combobox", name="Ticker", exact=True),
        "status": page.get_by_text("What is due when, and why"),
    }
    expect(sign[name]).to_be_visible()
    wait_for_choice(page, "KO", "AAPL")


def test_everybody_has_a_choice_of_their_own(demo: App, open_page: Open) -> None:
    one = open_page(f"{demo.url}/?tickers=KO")
    other = open_page(f"{demo.url}/?tickers=MSFT&tickers=AAPL")
    wait_for_rows(one, "KO")
    wait_for_rows(other, "MSFT", "AAPL")
    choose(one, "IBM", "IBM · International Business Machines Corp")
    wait_for_rows(one, "KO", "IBM")
    wait_for_refresh(other)
    wait_for_rows(other, "MSFT", "AAPL")
    assert chosen(other) == ["MSFT", "AAPL"]


# --- watching -------------------------------------------------------------------------------


def test_closing_the_tab_ends_the_calls(live: App, upstream: Upstream, open_page: Open) -> None:
    page = open_page(f"{live.url}/?tickers=KO")
    until(lambda: upstream.count("GLOBAL_QUOTE", "KO") >= 2, within=20)
    page.close()
    until(lambda: live.metric("watched_tickers") == 0, within=5)
    calls = upstream.count(ticker="KO")
    with Session(live, "tickers=PG"):  # a measure of time: whoever is watched is asked for
        until(lambda: upstream.count("GLOBAL_QUOTE", "PG") >= 2, within=20)
    assert upstream.count(ticker="KO") == calls


def test_pause_stops_the_page_and_keeps_the_lease(live: App, open_page: Open) -> None:
    page = open_page(f"{live.url}/?tickers=AAPL")
    wait_for_rows(page, "AAPL")
    pause = page.get_by_role("switch", name="Pause")
    pause.check(force=True)
    expect(pause).to_be_checked()
    expect(page.get_by_test_id("stStatusWidget")).to_be_hidden()
    wait_for_new_quote(live, "AAPL")
    shown = rows(page)
    wait_for_new_quote(live, "AAPL")
    assert rows(page) == shown
    assert live.metric("watched_tickers") == 1
    pause.uncheck(force=True)
    wait_for_refresh(page)
    wait_for_refresh(page)


def wait_for_new_quote(app: App, ticker: str) -> None:
    """Until the server has a newer quote, whatever any page shows."""

    def fetched_at() -> str:
        return str(app.get("/api/quotes", tickers=ticker).json()["quotes"][0]["fetched_at"])

    before = fetched_at()
    until(lambda: fetched_at() != before, within=15, what=f"a new quote of {ticker}")


def test_refresh_keeps_order_scrolling_and_the_very_table(demo: App, open_page: Open) -> None:
    tickers = ["MSFT", "KO", "AAPL", "NVDA", "IBM", "PG", "V", "JPM", "HD", "MA", "XOM", "ORCL"]
    query = "&".join(f"tickers={ticker}" for ticker in tickers)
    page = open_page(f"{demo.url}/?{query}", ViewportSize(width=900, height=1200))
    wait_for_rows(page, *tickers)
    frame, main = page.get_by_test_id("stDataFrame"), page.get_by_test_id("stMain")
    table, across = frame.get_by_test_id("data-grid-canvas"), frame.locator(".dvn-scroller")
    across.click(position={"x": 40, "y": 15})  # the heading of the first column
    wait_for_rows(page, *sorted(tickers))
    page.set_viewport_size(ViewportSize(width=900, height=500))
    main.evaluate("(main) => main.scrollTo(0, 200)")
    across.evaluate("(scroller) => scroller.scrollTo(120, 0)")
    table.evaluate("(canvas) => { canvas.dataset.seen = 'yes'; }")

    wait_for_refresh(page)
    wait_for_refresh(page)

    wait_for_rows(page, *sorted(tickers))
    assert table.get_attribute("data-seen") == "yes"
    assert main.evaluate("(main) => main.scrollTop") == 200
    assert across.evaluate("(scroller) => scroller.scrollLeft") == 120


def test_phone_shows_cards_in_place_of_the_table(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/?tickers=AAPL&tickers=KO", PHONE)
    cards = page.locator(".cards")
    expect(cards.get_by_text("AAPL", exact=True)).to_be_visible()
    expect(cards.get_by_text("Coca-Cola Company")).to_be_visible()
    expect(cards.get_by_text(PRICE)).to_have_count(2)
    expect(page.locator(".st-key-wide")).to_be_hidden()
    expect(page.get_by_test_id("stDataFrame")).to_be_hidden()
    above, below = page.get_by_text("calls left").first.bounding_box(), cards.bounding_box()
    assert above is not None
    assert below is not None
    assert below["y"] - above["y"] < 45, "what is hidden takes no room"
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    page.set_viewport_size(WIDE)
    expect(cards).to_be_hidden()
    wait_for_rows(page, "AAPL", "KO")


def test_quotes_are_exported_as_they_stand(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/?tickers=KO&tickers=AAPL")
    wait_for_rows(page, "KO", "AAPL")
    name, lines = download(page, page.get_by_test_id("stDownloadButton").get_by_role("button"))
    assert re.fullmatch(r"stocktracker_KO_AAPL_quotes_\d{4}-\d\d-\d\d\.csv", name)
    assert [line["ticker"] for line in lines] == ["KO", "AAPL"]
    for line in lines:
        assert float(line["low"]) <= float(line["price"]) <= float(line["high"])
        change = float(line["price"]) - float(line["previous_close"])
        assert float(line["change"]) == pytest.approx(change)
        assert int(line["volume"]) > 0
        assert date.fromisoformat(line["trading_day"])
        assert datetime.fromisoformat(line["fetched_at"]).utcoffset() == timedelta(0)
        assert line["freshness"] == "live"
        assert line["source"].startswith("Simulated")


# --- the screener ---------------------------------------------------------------------------

SCREENED = (
    *("AAPL", "AMD", "AMZN", "BAC", "COST", "CSCO", "CVX", "DIS", "GOOGL", "IBM"),
    *("INTC", "JPM", "KO", "MCD", "META", "MSFT", "NFLX", "NKE", "NVDA", "ORCL"),
    *("PEP", "PG", "QQQ", "SPY", "T", "TSLA", "V", "VZ", "WMT", "XOM"),
)


@pytest.fixture
def screened(start: Start, open_page: Open) -> App:
    """A demo with prices of thirty tickers, which the operator wants and somebody looks at."""
    app = start(**QUICK, STOCKTRACKER_WATCH=",".join(SCREENED))
    open_page(f"{app.url}/?{'&'.join(f'tickers={ticker}' for ticker in SCREENED)}")
    until(lambda: len(quoted(app)) == len(SCREENED), within=30, what="all prices")
    return app


def open_screener(open_page: Open, url: str) -> Page:
    """Thirty tickers, their lines of thirty days and two browsers may keep a machine busy."""
    page = open_page(url)
    page.set_default_timeout(LATE)
    return page


def quoted(app: App) -> list[str]:
    return [each["ticker"] for each in app.get("/api/quotes").json()["quotes"]]


def wait_for_exchange(page: Page, name: str) -> None:
    page.wait_for_function(
        f"(wanted) => {{ const found = ({ROWS})(); return found.length > 1"
        " && found.every((row) => row.Exchange === wanted); }",
        arg=name,
    )


def wait_for_order(page: Page, name: str, *, falling: bool) -> None:
    page.wait_for_function(
        f"([name, sign]) => {{ const found = ({ROWS})().map((row) => sign * Number(row[name]));"
        " return found.length > 1 && found.every((each, at) => !at || found[at - 1] <= each); }",
        arg=[name, -1 if falling else 1],
    )


def test_screener_filters_and_orders_and_its_address_opens_the_same(
    screened: App, open_page: Open
) -> None:
    page = open_screener(open_page, f"{screened.url}/market?tickers=AAPL")
    page.get_by_role("tab", name="Screener").click()
    expect(page.get_by_text("30 of 30 fit")).to_be_visible()
    wait_for_order(page, "Change %", falling=True)
    page.get_by_text("Near the day's low", exact=True).click()
    wait_for_order(page, "In range", falling=False)
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("spinbutton", name="Volume from").fill("20000000")
    page.get_by_role("spinbutton", name="Volume from").press("Enter")
    page.get_by_role("combobox", name="Exchanges").click()
    page.get_by_role("option", name="NASDAQ").click()
    expect(page.get_by_text("Only volume from 20.0M · NASDAQ")).to_be_visible()
    page.wait_for_url(lambda url: "exchange=NASDAQ" in url and "volume_from=2" in url)
    wait_for_exchange(page, "NASDAQ")
    wait_for_order(page, "In range", falling=False)
    assert min(float(row["Volume"]) for row in rows(page)) >= 20e6

    other = open_screener(open_page, page.url)
    expect(other.get_by_text("Only volume from 20.0M · NASDAQ")).to_be_visible()
    wait_for_exchange(other, "NASDAQ")
    wait_for_order(other, "In range", falling=False)
    _, lines = download(other, other.get_by_role("button", name="Export all that fit"))
    found = [line for line in lines if line["price"]]
    assert {line["exchange"] for line in found} == {"NASDAQ"}
    assert len(found) == len(rows(other))


def test_screener_keeps_order_and_scrolling_while_prices_move(
    screened: App, open_page: Open
) -> None:
    page = open_screener(open_page, f"{screened.url}/market?market=Screener&tickers=AAPL")
    wait_for_order(page, "Change %", falling=True)
    frame = page.get_by_test_id("stDataFrame")
    table, scroller = frame.get_by_test_id("data-grid-canvas"), frame.locator(".dvn-scroller")
    scroller.click(position={"x": 40, "y": 15})  # the heading of the first column
    first = list(SCREENED[:5])
    page.wait_for_function(
        f"(wanted) => JSON.stringify(({ROWS})().slice(0, 5).map((row) => row.Ticker)) === wanted",
        arg=json.dumps(first, separators=(",", ":")),
    )
    scroller.evaluate("(scroller) => scroller.scrollTo(0, 120)")
    table.evaluate("(canvas) => { canvas.dataset.seen = 'yes'; }")
    wait_for_refresh(page)
    wait_for_refresh(page)
    seen = [row["Ticker"] for row in rows(page)]  # those that are not scrolled away
    begin = SCREENED.index(seen[0])
    assert begin > 0
    assert tuple(seen) == SCREENED[begin : begin + len(seen)]
    assert table.get_attribute("data-seen") == "yes"
    assert scroller.evaluate("(scroller) => scroller.scrollTop") == 120


def test_selected_rows_of_the_screener_become_tickers_of_ones_own(
    screened: App, open_page: Open
) -> None:
    page = open_screener(
        open_page, f"{screened.url}/market?market=Screener&tickers=AAPL&exchange=NYSE"
    )
    expect(page.get_by_text("Only NYSE")).to_be_visible()
    page.get_by_text("Select rows", exact=True).click()
    expect(page.get_by_text("Select rows at the left of the table.")).to_be_visible()
    scroller = page.get_by_test_id("stDataFrame").locator(".dvn-scroller")
    scroller.click(position={"x": 15, "y": 50})  # the box of the first row
    add = page.get_by_role("button", name=re.compile("^Add [A-Z]+ to my tickers"))
    expect(add).to_be_enabled()
    ticker = add.inner_text().split("Add ")[1].split()[0]
    wait_for_refresh(page)
    expect(page.get_by_role("button", name=f"Add {ticker} to my tickers")).to_be_enabled()
    add.click()
    wait_for_choice(page, "AAPL", ticker)
    assert "exchange=NYSE" in page.url
    expect(page.get_by_text(f"Added {ticker} to your tickers.")).to_be_visible()
    expect(page.get_by_text("Select rows at the left of the table.")).to_be_visible()
    go_to(page, "Live")
    wait_for_rows(page, "AAPL", ticker)


# --- history --------------------------------------------------------------------------------


def test_range_buttons_choose_what_the_chart_shows(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/history?tickers=AAPL")
    chart = price_chart(page)
    expect(chart).to_be_visible()
    for name, bars in (("1M", "Daily bars"), ("1Y", "Daily bars"), ("5D", "5-minute bars")):
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_url(re.compile(rf"range={name}"))
        expect(page.get_by_text(re.compile(bars, re.IGNORECASE)).first).to_be_visible()
        expect(chart).to_have_count(1)  # the one before has gone
    page.reload()
    expect(page.get_by_text(re.compile("5-minute bars", re.IGNORECASE)).first).to_be_visible()
    assert "range=5D" in page.url


def test_what_is_zoomed_to_outlives_new_prices(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/history?tickers=AAPL")
    chart = price_chart(page)
    expect(chart).to_be_visible()
    box = chart.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.6 * box["height"], steps=5)
    page.mouse.up()
    shown = "plot => JSON.stringify(plot._fullLayout.xaxis.range)"
    zoomed = chart.evaluate(shown)
    drawn = int(chart.evaluate("plot => plot.dataset.drawn"))
    page.wait_for_function(
        f"() => Number(document.querySelector('{CHART}').dataset.drawn) >= {drawn + 2}",
        timeout=LATE,
    )
    assert chart.evaluate(shown) == zoomed


def test_a_key_changes_the_chart_and_the_link(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/history?tickers=AAPL&range=3M")
    expect(price_chart(page)).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("range=6M"))
    page.keyboard.press("l")
    page.wait_for_url(re.compile("log=true"))
    page.wait_for_function(
        f"() => document.querySelector('{CHART}')._fullLayout.yaxis.type === 'log'", timeout=SOON
    )


def test_indicators_of_a_link_are_drawn_and_can_be_edited(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/history?tickers=AAPL&range=6M&indicators=sma.20,rsi.14")
    expect(price_chart(page).get_by_text("SMA 20")).to_be_visible()
    expect(price_chart(page).get_by_text("RSI 14")).to_be_visible()
    page.get_by_role("button", name="Indicators").click()
    page.get_by_role("spinbutton").first.fill("50")
    page.get_by_role("spinbutton").first.press("Enter")
    page.wait_for_url(re.compile(r"indicators=sma.50%2Crsi.14"))
    expect(price_chart(page).get_by_text("SMA 50")).to_be_visible()


def test_ranges_that_the_plan_has_not_are_disabled_and_say_why(free: App, open_page: Open) -> None:
    page = open_page(f"{free.url}/history?tickers=AAPL")
    expect(price_chart(page)).to_be_visible()
    for name in ("1D", "5D"):
        button = page.get_by_role("button", name=name, exact=True)
        expect(button).to_be_disabled()
        button.hover(force=True)
        expect(page.get_by_role("tooltip")).to_contain_text("not in this key's plan")
    for name in ("1M", "3M", "1Y", "Max"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_enabled()


def test_long_history_on_the_free_plan_costs_one_call_and_says_so(
    free: App, open_page: Open
) -> None:
    page = open_page(f"{free.url}/history?tickers=MSFT")
    expect(page.get_by_text(re.compile("daily bars", re.IGNORECASE)).first).to_be_visible()
    button = page.get_by_role("button", name="5Y", exact=True)
    button.hover()
    expect(page.get_by_role("tooltip")).to_contain_text(re.compile(r"Takes 1 of \d+ calls left"))
    before = free.health()["budget"]["left"]["100/day"]
    button.click()
    expect(page.get_by_text(re.compile("weekly bars", re.IGNORECASE)).first).to_be_visible()
    assert free.health()["budget"]["left"]["100/day"] == before - 1


def test_history_is_exported_oldest_first(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/?tickers=AAPL&tickers=KO")
    until(lambda: demo.get("/api/history/KO.csv").ok, within=20)
    page.goto(f"{demo.url}/history?tickers=AAPL&tickers=KO&range=1M")
    expect(price_chart(page)).to_be_visible()
    buttons = page.get_by_test_id("stDownloadButton").get_by_role("button")
    expect(buttons).to_have_count(4)  # they are drawn after the chart
    lengths = []
    for place in range(buttons.count() - 1):  # the last one is for Excel
        name, lines = download(page, buttons.nth(place))
        assert re.fullmatch(r"stocktracker_AAPL(_KO)?_\w+_\d{4}-\d\d-\d\d\.csv", name)
        check_history(lines)
        assert {line["ticker"] for line in lines} == set(re.findall("AAPL|KO", name))
        lengths.append(len(lines))
    assert 15 < min(lengths) < 30  # the view of a month
    assert max(lengths) > 1000  # everything that is stored


def check_history(lines: list[dict[str, Any]]) -> None:
    assert list(lines[0])[:6] == ["date", "open", "high", "low", "close", "volume"]
    series: dict[tuple[str, str], list[datetime]] = {}
    for line in lines:
        moment = datetime.fromisoformat(line["date"])
        series.setdefault((line["ticker"], line["interval"]), []).append(moment)
        assert float(line["low"]) <= float(line["open"]) <= float(line["high"])
        assert float(line["low"]) <= float(line["close"]) <= float(line["high"])
        assert int(line["volume"]) >= 0
        assert line["currency"] == "USD"
        assert line["source"].startswith("Simulated")
    for moments in series.values():
        assert moments == sorted(set(moments))


# --- when upstream refuses ------------------------------------------------------------------

REFUSALS = {
    "day": ("the day's calls are spent", "last price"),
    "premium-minute": ("minute's calls are spent", "last price"),
    "no-key": ("does not accept the API key", "ALPHAVANTAGE_API_KEY"),
    "invalid-call": ("does not know this ticker", "last price"),
}
THREE = ("AAPL", "MSFT", "KO")


def test_refusals_are_said_in_words_and_the_last_prices_stay(
    start: Start, open_page: Open, subtests: pytest.Subtests
) -> None:
    """A server for each of them, side by side."""
    with ExitStack() as opening:
        upstreams = {name: opening.enter_context(moving()) for name in REFUSALS}
        apps = {
            name: start(store=name, wait=False, **upstream.settings, **QUICK)
            for name, upstream in upstreams.items()
        }
        pages = {name: open_page(link(app.wait_until_up())) for name, app in apps.items()}
        for name, page in pages.items():
            wait_for_rows(page, *THREE)
            upstreams[name].faults.always(name, function="GLOBAL_QUOTE")
        for name, words in REFUSALS.items():
            with subtests.test(name):
                check_trouble(pages[name], apps[name], *words)


def link(app: App) -> str:
    return f"{app.url}/?" + "&".join(f"tickers={ticker}" for ticker in THREE)


def check_trouble(page: Page, app: App, *words: str) -> None:
    """The page says these words, and goes on showing the prices that the server had last."""
    for text in words:
        expect(page.get_by_test_id("stMain").get_by_text(text).first).to_be_visible(timeout=LATE)

    def shows_the_last_prices() -> bool:
        return {row["Ticker"]: float(row["Last"]) for row in rows(page)} == {
            ticker: app.price(ticker) for ticker in THREE
        }

    until(shows_the_last_prices, within=20)
    expect(tiles(page)).to_have_text([PRICE] * 3)


def test_unknown_ticker_says_so_and_the_others_go_on(live: App, open_page: Open) -> None:
    page = open_page(f"{live.url}/?tickers=AAPL&tickers=ZZZZZZ")
    expect(page.get_by_text("does not know this ticker").first).to_be_visible()
    expect(tiles(page).first).to_have_text(PRICE)
    wait_for_refresh(page)


def test_outage_is_said_in_words_and_ends_by_itself(start: Start, open_page: Open) -> None:
    with moving() as upstream:
        app = start(**upstream.settings, **QUICK)
        page = open_page(link(app))
        wait_for_rows(page, *THREE)
        until(lambda: upstream.count() >= 7, within=10, what="three histories and the listing")
        upstream.go_away()
        check_trouble(page, app, "cannot be reached", "last price")
        expect(page.get_by_text("could not be reached")).to_have_count(3)
        upstream.come_back()
        expect(page.get_by_test_id("stMain").get_by_text("could not be reached")).to_have_count(0)
        expect(page.get_by_text("cannot be reached")).to_have_count(0, timeout=LATE)
        wait_for_refresh(page)
