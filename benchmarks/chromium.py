"""What a person waits for: from an address to the first price on a screen, in a real Chromium."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, sync_playwright

from benchmarks import machine

# A tile of ours, or of the `ttl` app, that shows a price.
SHOWN = (
    "() => [...document.querySelectorAll('[data-testid=stMetricValue]')]"
    ".some((tile) => /\\d/.test(tile.textContent))"
)


@dataclass
class Visits:
    """Seconds of visits by browsers that have never been here, and by ones that have."""

    new: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)


def visit(urls: dict[str, str], times: int = 2) -> dict[str, Visits]:
    """By name; they take turns. Nothing where there is no Chromium; CHROMIUM can say where."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        return {}
    visits = {name: Visits() for name in urls}
    # A person's browser has a machine of its own; it is not held to the viewers' core.
    with machine.on(machine.SERVER_CORES | machine.OTHER_CORES), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for _ in range(times):
            for name, url in urls.items():
                person = browser.new_context()
                visits[name].new.append(_seconds(person, url))
                visits[name].again += [_seconds(person, url) for _ in range(2)]
                person.close()
        browser.close()
    return visits


def _seconds(person: BrowserContext, url: str) -> float:
    page = person.new_page()
    began = time.monotonic()
    page.goto(url, wait_until="commit")
    page.wait_for_function(SHOWN)
    seconds = time.monotonic() - began
    page.close()
    return seconds
