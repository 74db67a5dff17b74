"""The app as people use it: the real program in a real Chromium.

What is on the page is found by role, label and key, and waited for, never slept for.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

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
# A refresh of the page and one of the prices, and the time that a loaded machine takes.
SOON = 20_000
PRICE = re.compile(r"^\$[\d,]+\.\d\d$")
# Not ours: names that a closed network does not find, and Streamlit's look at what is not there.
NOT_OURS = re.compile(r"net::ERR_NAME_NOT_RESOLVED|status of 404")

ROWS = """() => {
  const table = document.querySelector('.st-key-quotes canvas table');
  if (!table) return [];
  const names = [...table.querySelectorAll('th')].map((cell) => cell.textContent);
  return [...table.querySelectorAll('tbody tr')].map((row) => Object.fromEntries(
    [...row.querySelectorAll('td')].map((cell, place) => [names[place], cell.textContent])));
}"""


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
        yield start(STOCKTRACKER_REFRESH_SECONDS="5")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with simulating("premium-75") as upstream:
        yield upstream


@pytest.fixture(scope="module")
def live(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """With a key for live quotes, whose calls can be counted."""
    with starting_apps(tmp_path_factory.mktemp("live")) as start:
        yield start(**upstream.settings, STOCKTRACKER_REFRESH_SECONDS="5")


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """With a free key, only quicker."""
    with (
        simulating("free", publication=AT_ONCE) as upstream,
        starting_apps(tmp_path_factory.mktemp("free")) as start,
    ):
        yield start(**upstream.settings, STOCKTRACKER_LIMITS="5/second,100/day")


# --- finding what is on a page --------------------------------------------------------------


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


def wait_for_change(page: Page) -> None:
    """Until the first tile shows another price, without anybody's doing."""
    expect(tiles(page).first).not_to_have_text(tiles(page).first.inner_text())


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
    wait_for_change(page)


@pytest.mark.parametrize(
    ("typed", "option", "ticker"),
    [
        ("IBM", "IBM · International Business Machines Corp", "IBM"),
        ("coca-cola comp", "KO · Coca-Cola Company", "KO"),
    ],
    ids=["by-ticker", "by-company"],
)
def test_chosen_ticker_is_in_table_and_address_and_stays(
    typed: str, option: str, ticker: str, demo: App, open_page: Open
) -> None:
    page = open_page(f"{demo.url}/?tickers=AAPL")
    wait_for_rows(page, "AAPL")
    choose(page, typed, option)
    wait_for_rows(page, "AAPL", ticker)
    wait_for_choice(page, "AAPL", ticker)
    go_to(page, "History")
    expect(page.get_by_role("combobox", name="Ticker", exact=True)).to_be_visible()
    wait_for_choice(page, "AAPL", ticker)
    go_to(page, "Live")
    wait_for_rows(page, "AAPL", ticker)
    page.reload()
    wait_for_rows(page, "AAPL", ticker)
    wait_for_choice(page, "AAPL", ticker)


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
    wait_for_change(other)
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
    expect(tiles(page).first).to_have_text(PRICE)
    page.get_by_role("switch", name="Pause").check(force=True)
    expect(page.get_by_role("switch", name="Pause")).to_be_checked()
    page.wait_for_function("() => !document.querySelector('[data-test-script-state=running]')")
    shown = tiles(page).first.inner_text()
    prices = {live.price("AAPL")}

    def has_moved_twice() -> bool:
        prices.add(live.price("AAPL"))
        return len(prices) > 2

    until(has_moved_twice, within=30)
    assert tiles(page).first.inner_text() == shown
    assert live.metric("watched_tickers") == 1
    page.get_by_role("switch", name="Pause").uncheck(force=True)
    expect(tiles(page).first).not_to_have_text(shown)
    wait_for_change(page)


def test_refresh_keeps_order_scrolling_and_the_very_table(demo: App, open_page: Open) -> None:
    tickers = ["MSFT", "KO", "AAPL", "NVDA", "IBM", "PG", "V", "JPM", "HD", "MA", "XOM", "ORCL"]
    query = "&".join(f"tickers={ticker}" for ticker in tickers)
    page = open_page(f"{demo.url}/?{query}", ViewportSize(width=900, height=500))
    wait_for_rows(page, *tickers)
    table = page.locator(".st-key-quotes").get_by_test_id("data-grid-canvas")
    table.scroll_into_view_if_needed()
    table.click(position={"x": 40, "y": 15})  # the heading of the first column
    wait_for_rows(page, *sorted(tickers))
    main, across = page.get_by_test_id("stMain"), page.locator(".st-key-quotes .dvn-scroller")
    main.evaluate("(main) => main.scrollTo(0, 200)")
    across.evaluate("(scroller) => scroller.scrollTo(120, 0)")
    table.evaluate("(canvas) => { canvas.dataset.seen = 'yes'; }")

    wait_for_change(page)
    wait_for_change(page)

    wait_for_rows(page, *sorted(tickers))
    assert table.get_attribute("data-seen") == "yes"
    assert main.evaluate("(main) => main.scrollTop") == 200
    assert across.evaluate("(scroller) => scroller.scrollLeft") == 120


def test_phone_shows_cards_in_place_of_the_table(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/?tickers=AAPL&tickers=KO", PHONE)
    cards = page.locator(".st-key-narrow")
    expect(cards.get_by_text("AAPL", exact=True)).to_be_visible()
    expect(cards.get_by_text("Coca-Cola Company")).to_be_visible()
    expect(cards.get_by_text(PRICE)).to_have_count(2)
    expect(page.locator(".st-key-wide")).to_be_hidden()
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


# --- history --------------------------------------------------------------------------------


def test_range_buttons_choose_what_the_chart_shows(demo: App, open_page: Open) -> None:
    page = open_page(f"{demo.url}/history?tickers=AAPL")
    chart = page.get_by_test_id("stPlotlyChart")
    expect(chart).to_be_visible()
    for name, bars in (("1M", "Daily bars"), ("Max", "Daily bars"), ("5D", "5-minute bars")):
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_url(re.compile(rf"range={name}"))
        expect(page.get_by_text(re.compile(bars, re.IGNORECASE)).first).to_be_visible()
        expect(chart).to_be_visible()
    page.reload()
    expect(page.get_by_text(re.compile("5-minute bars", re.IGNORECASE)).first).to_be_visible()
    assert "range=5D" in page.url


def test_ranges_that_the_plan_has_not_are_disabled_and_say_why(free: App, open_page: Open) -> None:
    page = open_page(f"{free.url}/history?tickers=AAPL")
    expect(page.get_by_test_id("stPlotlyChart")).to_be_visible()
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
    page = open_page(f"{demo.url}/history?tickers=AAPL&tickers=KO&range=1M")
    expect(page.get_by_test_id("stPlotlyChart")).to_be_visible()
    until(lambda: demo.get("/api/history/KO.csv").ok, within=20)
    buttons = page.get_by_test_id("stDownloadButton").get_by_role("button")
    lengths = []
    for place in range(buttons.count()):
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
    "unreachable": ("cannot be reached", "last price"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refusal_is_said_in_words_and_the_last_price_stays(
    refusal: str, start: Start, open_page: Open
) -> None:
    words, comfort = REFUSALS[refusal]
    with simulating("premium-75") as upstream:
        app = start(**upstream.settings, STOCKTRACKER_REFRESH_SECONDS="5")
        page = open_page(f"{app.url}/?tickers=AAPL&tickers=MSFT&tickers=KO")
        wait_for_rows(page, "AAPL", "MSFT", "KO")
        if refusal == "unreachable":
            upstream.go_away()
        else:
            upstream.faults.always(refusal, function="GLOBAL_QUOTE")
        main = page.get_by_test_id("stMain")
        expect(main.get_by_text(words).first).to_be_visible()
        expect(main.get_by_text(comfort).first).to_be_visible()
        prices = {row["Ticker"]: float(row["Last"]) for row in rows(page)}
        assert prices == {ticker: app.price(ticker) for ticker in ("AAPL", "MSFT", "KO")}
        expect(tiles(page)).to_have_text([PRICE] * 3)


def test_unknown_ticker_says_so_and_the_others_go_on(live: App, open_page: Open) -> None:
    page = open_page(f"{live.url}/?tickers=AAPL&tickers=ZZZZZZ")
    expect(page.get_by_text("does not know this ticker").first).to_be_visible()
    expect(tiles(page).first).to_have_text(PRICE)
    wait_for_change(page)


def test_outage_ends_by_itself(start: Start, open_page: Open) -> None:
    with simulating("premium-75") as upstream:
        app = start(**upstream.settings, STOCKTRACKER_REFRESH_SECONDS="5")
        page = open_page(f"{app.url}/?tickers=AAPL&tickers=MSFT&tickers=KO")
        wait_for_rows(page, "AAPL", "MSFT", "KO")
        upstream.go_away()
        outage = page.get_by_test_id("stMain").get_by_text("cannot be reached").first
        expect(outage).to_be_visible()
        upstream.come_back()
        expect(outage).to_be_hidden()
        wait_for_change(page)
