"""What a person waits for: from an address to the first price on a screen, in a real Chromium."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, sync_playwright

from benchmarks import machine

# A tile of ours, or of the `ttl` app, that shows a price.
SHOWN = (
    "() => [...document.querySelectorAll('[data-testid=stMetricValue]')]"
    ".some((tile) => /\\d/.test(tile.textContent))"
)
# The table, and the list to choose tickers from.
WHOLE = (
    "() => document.querySelector('[data-testid=stDataFrame] canvas')"
    " && document.querySelector('[data-testid=stMultiSelect] input')"
)
AGAIN = 3  # visits of a browser that has been here
STAY = 500  # milliseconds after the last of the page; a browser keeps compiled code when it is idle


@dataclass
class Visits:
    """Seconds of visits by browsers that have never been here, and by ones that have.

    To the first price, and to the whole page where it has more."""

    new: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


def visit(urls: dict[str, str], bare: Container[str]) -> dict[str, Visits]:
    """By name, one after another. The `bare` have nothing but prices. Nothing where there is no
    Chromium; CHROMIUM can say where."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        return {}
    visits = {name: Visits() for name in urls}
    # A person's browser has a machine of its own; it is not held to the viewers' core.
    with machine.on(machine.SERVER_CORES | machine.OTHER_CORES), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name, url in urls.items():
            person = browser.new_context()
            looks = [SHOWN] if name in bare else [SHOWN, WHOLE]
            visits[name].new.append(_seconds(person, url, looks)[0])
            for _ in range(AGAIN):
                first, *rest = _seconds(person, url, looks)
                visits[name].again.append(first)
                visits[name].whole += rest
            person.close()
        browser.close()
    return visits


def _seconds(person: BrowserContext, url: str, looks: Sequence[str]) -> list[float]:
    """Until each can be seen."""
    page = person.new_page()
    began = time.monotonic()
    page.goto(url, wait_until="commit")
    seconds = []
    for look in looks:
        page.wait_for_function(look)
        seconds.append(time.monotonic() - began)
    page.wait_for_timeout(STAY)
    page.close()
    return seconds
