"""Hostile texts, from a link and from upstream: shown and exported as text, logged on one line.

Between the program and the simulator stands an upstream that puts them in the place of names,
descriptions and notices. All the rest is real: the server, its websocket, Chromium, the disk.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from google.protobuf.message import Message
from playwright.sync_api import Browser
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.proto.Element_pb2 import Element

from stocktracker import screen
from stocktracker.plans import PLANS
from stocktracker.simulator import Simulator, serve
from stocktracker.simulator.known import LISTED
from tests.server import KEY, LOOPBACK, ROOT, App, Session, starting_apps, until
from tests.test_browser import LATE, chromium  # noqa: F401

EVIL = "evil.example"
HOSTILE = {
    "AAPL": f'=HYPERLINK("http://{EVIL}/x","y")',
    "MSFT": f"![i](http://{EVIL}/i.png)",
    "NVDA": f"<script>fetch('http://{EVIL}/s');alert(1)</script>",
    "AMZN": f"<img src=http://{EVIL}/j.png onerror=alert(1)>",
    "META": "Name\r\nERROR forged: line\nWARNING forged",
    "TSLA": "\x1b[2J\x1b]0;forged\x07\u202egnp.forged\x00",
    "JPM": "../../forged",
    "XOM": f"[a](http://{EVIL}/a) :red[forged] $\\href{{http://{EVIL}}}{{x}}$",
    "KO": "-1+1|cmd' /C calc'!A0",
}
NAMED = {LISTED[ticker].name: text for ticker, text in HOSTILE.items()}
FREE_TEXTS = {"Description", "Sector", "Industry", "Address", "OfficialSite"}
PAGES = ("", "history", "compare", "company", "market", "status")
SECTIONS = {
    "company": ("Overview", "Earnings", "Dividends & splits", "Statements", "News"),
    "market": ("Movers", "Exchanges", "Earnings calendar", "News", "Screener"),
}
LINK = urlencode([("tickers", ticker) for ticker in HOSTILE])


class Spoiling:
    """An upstream's answers, with hostile texts where names and descriptions were."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["query_string"].decode()
        start: dict[str, Any] = {}
        body = b""
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]

        async def hold(message: Any) -> None:
            nonlocal body
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body += message.get("body", b"")

        await self._app({**scope, "headers": plain}, receive, hold)
        content = spoiled(body, asked)
        headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        headers.append((b"content-length", str(len(content)).encode()))
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def spoiled(body: bytes, asked: str) -> bytes:
    if "symbol=XOM" in asked and "GLOBAL_QUOTE" in asked:
        # A refusal in words that nobody knows, of which the program quotes some.
        return json.dumps({"Information": " ".join([*HOSTILE.values(), KEY])}).encode()
    text = body.decode()
    if text.startswith("{") or text.startswith("["):
        return json.dumps(walk(json.loads(text))).encode()
    rows = [[NAMED.get(cell, cell) for cell in row] for row in csv.reader(io.StringIO(text))]
    made = io.StringIO()
    csv.writer(made).writerows(rows)
    return made.getvalue().encode()


def walk(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: walk(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [walk(each, key) for each in value]
    if key in FREE_TEXTS:
        return " ".join(HOSTILE.values())
    return NAMED.get(value, value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    simulator = Simulator(PLANS["premium-75"], limits=())
    simulator.app = Spoiling(simulator.app)  # type: ignore[assignment]
    with serve(simulator) as upstream, starting_apps(tmp_path_factory.mktemp("hostile")) as start:
        app = start(
            ALPHAVANTAGE_API_KEY=KEY,
            STOCKTRACKER_UPSTREAM=upstream.url,
            STOCKTRACKER_PLAN="premium-75",
            STOCKTRACKER_HOURS="always",
            flags=("--logger.level=debug",),
        )
        with Session(app, LINK):
            for ticker in HOSTILE:
                if ticker != "XOM":
                    until(lambda ticker=ticker: app.price(ticker), within=30, what=ticker)
            until(lambda: "HYPERLINK" in names(app).get("AAPL", ""), within=30, what="the listing")
        yield app


def names(app: App) -> dict[str, str]:
    """The names as they are exported, by ticker."""
    text = app.get("/api/quotes", tickers=",".join(HOSTILE), format="csv").text
    lines = csv.DictReader(io.StringIO(text, newline=""))
    return {line["ticker"]: line["name"] for line in lines}


def texts(message: Message) -> Iterator[tuple[str, str]]:
    """Every text of a message with the field that it is in."""
    for field, value in message.ListFields():
        for each in value if field.is_repeated else [value]:
            if isinstance(each, Message):
                yield from texts(each)
            elif isinstance(each, str):
                yield field.name, each


# An image or a link in Markdown that no backslash has made harmless, a formula's link, a directive.
MARKDOWN = re.compile(rf"(?<!\\)\]\(https?://{EVIL}|(?<!\\):red\[forged|(?<!\\)\$\\href")
TAGS = re.compile(r"<script>fetch|<img src=http")


def is_harmless(element: Element) -> bool:
    kind = element.WhichOneof("type")
    if kind in ("markdown", "html", "alert", "heading"):
        body = str(getattr(element, kind).body)
        allows_html = kind == "html" or (kind == "markdown" and element.markdown.allow_html)
        is_markdown = kind != "html" and MARKDOWN.search(body)
        return not (is_markdown or (allows_html and TAGS.search(body)))
    labels = [text for field, text in texts(element) if field in ("label", "help", "caption")]
    return not any(MARKDOWN.search(text) for text in labels)


def test_names_from_upstream_are_text_on_every_page(app: App) -> None:
    told = b""
    for page in PAGES:
        for section in SECTIONS.get(page, ("",)):
            more = urlencode({"section": section, "market": section, "ticker": "AAPL"})
            with Session(app, f"{LINK}&{more}", page) as session:
                session.tick()
                elements = session.elements()
                told += b"".join(session.received)
            assert not [each for each in elements if each.HasField("exception")], (page, section)
            assert [each for each in elements if not is_harmless(each)] == [], (page, section)
    assert EVIL.encode() in told  # the texts have been there


def bound_names() -> set[str]:
    """Whatever name a page might look for in a link, and some more."""
    found = {"market", "section", "embed", "embed_options"}
    for module in pkgutil.iter_modules(screen.__path__):
        held = vars(importlib.import_module(f"stocktracker.screen.{module.name}"))
        found.update(
            value for name, value in held.items() if name.isupper() and isinstance(value, str)
        )
    return {name for name in found if re.fullmatch(r"[a-z][a-z _]{1,30}", name)}


@pytest.mark.parametrize("ticker", HOSTILE)
def test_a_hostile_link_breaks_no_page_and_is_not_repeated_as_markup(ticker: str, app: App) -> None:
    hostile = HOSTILE[ticker]
    query = urlencode([("tickers", "KO"), *((name, hostile) for name in sorted(bound_names()))])
    before = app.log
    for page in PAGES:
        with Session(app, query, page) as session:
            elements = session.elements()
        assert [each.exception for each in elements if each.HasField("exception")] == [], page
        assert [each for each in elements if not is_harmless(each)] == [], page
        assert app.metric("watched_tickers") <= 8  # KO, and benchmarks of ours
    assert "Traceback" not in app.log.removeprefix(before)
    assert app.get("/healthz").json()["ok"] is True


def test_exported_names_are_no_formulas_and_negative_figures_stay_figures(app: App) -> None:
    told = names(app)
    assert told["AAPL"] == f"'{HOSTILE['AAPL']}"
    assert told["KO"] == f"'{HOSTILE['KO']}"
    assert not [name for name in told.values() if re.match(r"[\s\x00]*[=+\-@|%\t\r]", name)]
    text = app.get("/api/quotes", tickers=",".join(HOSTILE), format="csv").text
    changes = [line["change"] for line in csv.DictReader(io.StringIO(text, newline=""))]
    assert [str(float(change)) != "nan" for change in changes] == [True] * len(changes)


def test_no_text_forges_a_line_of_the_log(app: App) -> None:
    for hostile in HOSTILE.values():
        app.get("/api/quotes", tickers=hostile, format=hostile)
        app.get(f"/api/history/{hostile.replace('/', '%2F')}.csv")
    assert not [line for line in app.log.split("\n") if not line.isprintable()]
    assert not [line for line in app.log.split("\n") if re.match(r"(ERROR|WARNING) forged", line)]
    assert KEY not in app.log


def test_no_text_becomes_a_file(app: App) -> None:
    around = app.store.parent
    assert {path.name for path in around.iterdir()} == {
        app.store.name,
        f"terminal-{app.port}.log",
    }
    ours = [path for path in app.store.rglob("*") if path.is_file()]
    assert {path.name.partition("-")[0].partition(".")[0] for path in ours} <= {"cache", "poller"}
    for folder in (around, around.parent, ROOT, ROOT.parent, Path("/"), Path("/tmp")):  # noqa: S108
        assert not list(folder.glob("*forged*"))


@pytest.mark.browser
def test_a_browser_asks_nobody_else_and_runs_nothing(
    app: App,
    chromium: Browser,  # noqa: F811
) -> None:
    person = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = person.new_page()
    asked: list[str] = []
    dialogs: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def refuse(dialog: Any) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    drawn: Callable[[], None] = lambda: page.wait_for_function(  # noqa: E731
        "() => document.querySelector('[data-testid=stMarkdown]') && "
        "!document.querySelector('[data-testid=stStatusWidget], [data-testid=stSkeleton]')",
        timeout=LATE,
    )
    seen = ""
    for path in PAGES:
        for section in SECTIONS.get(path, ("",)):
            more = urlencode({"section": section, "market": section, "ticker": "AAPL"})
            page.goto(f"{app.url}/{path}?{LINK}&{more}")
            drawn()
            seen += page.content()
            markup = f"[src*='{EVIL}'], [href*='{EVIL}'], script:text('{EVIL}')"
            assert page.locator(markup).count() == 0, (path, section)
    person.close()
    assert EVIL in seen
    assert dialogs == []
    places = {urlsplit(url).netloc for url in asked if urlsplit(url).scheme in ("http", "https")}
    assert places <= {f"{LOOPBACK}:{app.port}"}, [url for url in asked if EVIL in url]
