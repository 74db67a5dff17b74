"""What a viewer has done to a page is still so after refreshes with other data.

Zoom, what a click in a legend hides, scrolling, sorting, selected cells, open menus, tabs and
expanders, typed text: on every page, in the real program and a real Chromium.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import (
    Browser,
    Locator,
    Page,
    ViewportSize,
    WebSocket,
    expect,
    sync_playwright,
)
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from stocktracker.screen.compare_controls import CORRELATION, MONTHLY, ROLLING, SECTIONS
from tests.server import App, starting_apps

pytestmark = pytest.mark.browser

SOON, LATE = 30_000, 180_000
WIDE = ViewportSize(width=1280, height=900)
LOW = ViewportSize(width=900, height=560)  # so that there is something to scroll
TICKERS = "&".join(f"tickers={ticker}" for ticker in ("MSFT", "KO", "AAPL", "NVDA", "IBM", "V"))
PLOT = ".js-plotly-plot"

# All that can be seen of what a viewer has done to a page.
SEEN = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const main = document.querySelector("[data-testid=stMain]");
  return {
    scrolled: main.scrollTop,
    tables: all("[data-testid=stDataFrame]").map((table) => {
      const scroller = table.querySelector(".dvn-scroller");
      if (!scroller) return "in a closed expander";
      return {
        heads: [...table.querySelectorAll("th")].map((cell) => cell.textContent),
        at: [scroller.scrollLeft, scroller.scrollTop],
        selected: [...table.querySelectorAll("td[aria-selected=true]")].map((cell) => cell.id),
        same: table.querySelector("canvas").dataset.seen,
      };
    }),
    plots: all(".js-plotly-plot").map((plot) => ({
      axes: Object.fromEntries(Object.entries(plot._fullLayout)
        .filter(([name, axis]) => /^[xy]axis/.test(name) && !axis.autorange && !axis.fixedrange)
        .map(([name, axis]) => [name, axis.range])),
      hidden: plot._fullData.filter((trace) => trace.visible === "legendonly").map((t) => t.name),
      same: plot.dataset.seen,
    })),
    menus: all("[data-testid=stDataFrameColumnMenu]").length,
    tabs: all("[role=tab][aria-selected=true], [role=radio][aria-checked=true]").map(
      (tab) => tab.textContent),
    open: all("details[open] summary").map((summary) => summary.textContent),
    typed: all("[data-testid=stMain] input").map((input) => input.value),
  };
}"""
MARK = """() => {
  const drawn = document.querySelectorAll("[data-testid=stDataFrame] canvas, .js-plotly-plot");
  for (const node of drawn) node.dataset.seen = "yes";
}"""

# Whether the plot is zoomed within three seconds.
SOON_ZOOMED = """async (plot) => {
  for (let left = 30; left; left -= 1) {
    if (plot._fullLayout.xaxis.autorange === false && !plot._transitioning) return true;
    await new Promise((done) => setTimeout(done, 100));
  }
  return false;
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium here; CHROMIUM can say where one is")
    expect.set_options(timeout=SOON)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with starting_apps(tmp_path_factory.mktemp("demo")) as start:
        yield start(STOCKTRACKER_REFRESH_SECONDS="5")


class Watched:
    """A page, and how often it has been drawn again by itself."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.drawn: Counter[str] = Counter()
        self._running: list[str] = []
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._take_in)

    def _take_in(self, content: str | bytes) -> None:
        if not isinstance(content, bytes):
            return
        message = ForwardMsg.FromString(content)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._running = list(message.metadata.run.fragment_ids)
        elif message.script_finished == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
            self.drawn.update(self._running)

    def is_refreshed(self) -> bool:
        """Whether the page has been drawn twice since `forget`, the strip with it."""
        return any(count >= 2 for count in self.drawn.values())

    def forget(self) -> None:
        self.drawn.clear()


@pytest.fixture
def watch(chromium: Browser, demo: App) -> Iterator[Callable[..., Watched]]:
    """Open a page of the demo as somebody new."""
    people = []

    def watch(address: str, viewport: ViewportSize = WIDE) -> Watched:
        person = chromium.new_context(viewport=viewport, locale="en-GB", timezone_id="Etc/UTC")
        person.set_default_timeout(SOON)
        people.append(person)
        watched = Watched(person.new_page())
        watched.page.goto(f"{demo.url}/{address}")
        return watched

    yield watch
    for person in people:
        person.close()


def check_that_it_survives(demo: App, *watched: Watched) -> None:
    """What is seen on these pages now is seen after two refreshes of each with newer prices."""
    for each in watched:
        each.page.evaluate(MARK)
    before = [settled(each.page) for each in watched]
    newest = quoted_at(demo)
    for each in watched:
        each.forget()
    for each in watched:
        wait_for(each.page, lambda each=each: each.is_refreshed() and quoted_at(demo) > newest)
    assert [each.page.evaluate(SEEN) for each in watched] == before


def settled(page: Page) -> object:
    """What is seen as soon as it no longer changes by itself."""
    seen: list[object] = [None]

    def is_settled() -> bool:
        seen.append(page.evaluate(SEEN))
        return seen[-1] == seen[-2]

    wait_for(page, is_settled, within=SOON)
    return seen[-1]


def quoted_at(demo: App) -> str:
    """When the one ticker that is watched in all of these tests had its last price."""
    quotes = demo.get("/api/quotes", tickers="AAPL").json()["quotes"]
    return str(quotes[0]["fetched_at"]) if quotes else ""


def wait_for(page: Page, question: Callable[[], bool], within: int = LATE) -> None:
    """Until it is so; the page's own events are taken in meanwhile."""
    for _ in range(within // 500):
        if question():
            return
        page.evaluate("() => new Promise((done) => setTimeout(done, 500))")
    raise AssertionError(f"not within {within // 1000} s")


# --- what people do ---------------------------------------------------------------------------


def sort(table: Locator) -> None:
    """By the first column."""
    table.locator(".dvn-scroller").click(position={"x": 40, "y": 15})
    expect(table.locator("th").first).to_have_text(re.compile("^[↑↓]"))


def scroll(table: Locator, across: int = 50, down: int = 90) -> None:
    """As far as there is something to scroll."""
    table.locator(".dvn-scroller").evaluate(
        "(node, to) => node.scrollTo(to[0], to[1])", [across, down]
    )


def zoom(page: Page, plot: Locator) -> None:
    """Draw a box with the mouse; again where what is above the plot has moved it meanwhile."""
    for _ in range(5):
        draw_box(page, plot)
        if page.evaluate(SOON_ZOOMED, plot.element_handle()):
            return
    raise AssertionError("no box could be drawn")


def draw_box(page: Page, plot: Locator, while_held: Callable[[], object] = lambda: None) -> None:
    plot.evaluate("(plot) => plot.scrollIntoView({ block: 'center' })")
    box = plot.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.35 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.65 * box["height"], steps=5)
    while_held()
    page.mouse.up()
    page.mouse.move(2, 2)


def hide_first(plot: Locator) -> None:
    """What the first entry of the legend stands for."""
    plot.scroll_into_view_if_needed()
    plot.locator(".legendtoggle").first.click()
    expect(plot.locator(".legend .traces").first).to_have_css("opacity", "0.5")


def settle(page: Page) -> None:
    """Until what was done has been taken in."""
    expect(page.get_by_test_id("stStatusWidget")).to_be_hidden()


# --- page by page -----------------------------------------------------------------------------


def test_live(demo: App, watch: Callable[..., Watched]) -> None:
    live = watch(f"?{TICKERS}", LOW)
    page, table = live.page, live.page.get_by_test_id("stDataFrame")
    expect(page.get_by_test_id("stMetric").first).to_contain_text("$")
    sort(table)
    table.locator(".dvn-scroller").click(position={"x": 200, "y": 110})  # a cell
    scroll(table, across=60)
    page.get_by_test_id("stMain").evaluate("(main) => main.scrollTo(0, 120)")
    head = table.locator(".dvn-scroller")
    head.hover(position={"x": 60, "y": 15})
    head.click(position={"x": 78, "y": 17})
    expect(page.get_by_test_id("stDataFrameColumnMenu")).to_be_visible()
    check_that_it_survives(demo, live)


def test_history(demo: App, watch: Callable[..., Watched]) -> None:
    history = watch(f"history?{TICKERS}&ticker=AAPL&range=6M&indicators=sma.20,rsi.14")
    plot = history.page.locator(PLOT)
    expect(plot).to_be_visible()
    zoom(history.page, plot)
    drawn = int(plot.get_attribute("data-drawn") or 0)
    check_that_it_survives(demo, history)
    wait_for(history.page, lambda: int(plot.get_attribute("data-drawn") or 0) > drawn)
    check_that_it_survives(demo, history)


def test_compare(demo: App, watch: Callable[..., Watched]) -> None:
    """Every section at once, as its figures of a running day are made once a minute."""
    opened = [watch(f"compare?{TICKERS}&range=6M&compare={quote(name)}") for name in SECTIONS]
    for each, section in zip(opened, SECTIONS, strict=True):
        plots = each.page.locator(PLOT)
        expect(plots).to_have_count(2 if section == ROLLING else 1)
        if section not in (CORRELATION, MONTHLY):  # whose axes are fixed
            for plot in plots.all():
                zoom(each.page, plot)
        for table in each.page.get_by_test_id("stDataFrame").all():
            sort(table)
            scroll(table)
    first = opened[0].page.locator(PLOT)
    drawn = int(first.get_attribute("data-drawn") or 0)
    check_that_it_survives(demo, *opened)
    wait_for(opened[0].page, lambda: int(first.get_attribute("data-drawn") or 0) > drawn)
    check_that_it_survives(demo, *opened)


@pytest.mark.parametrize(
    ("tab", "plots", "tables"),
    [
        ("Overview", 2, 0),
        ("Earnings", 2, 1),
        ("Dividends & splits", 1, 2),
        ("Statements", 1, 1),
    ],
)
def test_company(
    tab: str, plots: int, tables: int, demo: App, watch: Callable[..., Watched]
) -> None:
    company = watch(f"company?{TICKERS}&ticker=AAPL")
    page = company.page
    page.get_by_role("tab", name=tab).click()
    panel = page.get_by_role("tabpanel")
    expect(panel.locator(PLOT)).to_have_count(plots)
    expect(panel.get_by_test_id("stDataFrame")).to_have_count(tables)
    settle(page)
    for table in panel.get_by_test_id("stDataFrame").all():
        sort(table)
        scroll(table)
    if tab == "Overview":
        page.get_by_text("About the company", exact=True).click()
    else:
        zoom(page, panel.locator(PLOT).first)
    if panel.locator(".legendtoggle").count():
        hide_first(panel.locator(PLOT).filter(has=page.locator(".legendtoggle")).last)
    check_that_it_survives(demo, company)


def test_market(demo: App, watch: Callable[..., Watched]) -> None:
    watch(f"?{TICKERS}")  # somebody for whom prices change
    movers, exchanges, calendar = (watch(f"market?{TICKERS}", LOW) for _ in range(3))
    for table in movers.page.get_by_test_id("stDataFrame").all():
        sort(table)
        scroll(table)
    exchanges.page.get_by_role("tab", name="Exchanges").click()
    table = exchanges.page.get_by_test_id("stDataFrame")
    sort(table)
    scroll(table)
    calendar.page.get_by_role("tab", name="Earnings calendar").click()
    calendar.page.get_by_role("radio", name="All", exact=True).click()
    search = calendar.page.get_by_placeholder("Ticker or company").last
    search.fill("inc")
    search.press("Enter")
    settle(calendar.page)
    scroll(calendar.page.get_by_test_id("stDataFrame"))
    check_that_it_survives(demo, movers, exchanges, calendar)


def test_status(demo: App, watch: Callable[..., Watched]) -> None:
    watch(f"?{TICKERS}")  # somebody for whom prices are asked
    status = watch(f"status?{TICKERS}", LOW)
    page = status.page
    plot, table = page.locator(PLOT), page.get_by_test_id("stDataFrame").first
    expect(table).to_be_visible()
    hide_first(plot)
    zoom(page, plot)
    sort(table)
    scroll(table)
    page.get_by_text("Log", exact=True).click()
    code = page.get_by_test_id("stCode")
    code.evaluate("(code) => code.querySelector('pre').scrollTo(30, 0)")
    page.get_by_test_id("stMain").evaluate("(main) => main.scrollTo(0, 300)")
    check_that_it_survives(demo, status)


def test_a_box_that_is_being_drawn_while_new_data_come_is_drawn(
    demo: App, watch: Callable[..., Watched]
) -> None:
    watch(f"?{TICKERS}")
    status = watch(f"status?{TICKERS}")
    page, plot = status.page, status.page.locator(PLOT)
    expect(plot).to_have_attribute("data-drawn", re.compile("."))

    def drawn() -> int:
        return int(plot.get_attribute("data-drawn") or 0)

    def refreshed_twice() -> None:
        status.forget()
        wait_for(page, status.is_refreshed)

    before = drawn()
    draw_box(page, plot, while_held=refreshed_twice)
    assert page.evaluate(SOON_ZOOMED, plot.element_handle())
    wait_for(page, lambda: drawn() > before)
    assert page.evaluate(SOON_ZOOMED, plot.element_handle())
