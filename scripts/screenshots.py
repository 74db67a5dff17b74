"""Make docs/screenshots anew from a running demo: every page, two widths, both themes.

Starts `streamlit run app.py` without a key on a free port, drives Chromium, and ends the server.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parent.parent
SHOTS = ROOT / "docs" / "screenshots"
PAGES = {
    "live": "/",
    "history": "/history?range=6M&ticker=NVDA&indicators=ema.20,bb.20.2,rsi.14,macd.12.26.9",
    "compare": "/compare?range=1Y",
    "company": "/company",
    "earnings": "/company?section=Earnings",
    "market": "/market",
    "status": "/status",
}
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# A table or chart draws itself after its element is there.
SETTLED = 3_500


def main() -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as store:
        server = start(port, store)
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz")
            photograph(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
            server.wait(timeout=10)


def start(port: int, store: str) -> subprocess.Popen[bytes]:
    known = ("STOCKTRACKER_", "ALPHAVANTAGE_", "STREAMLIT_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(known)}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    return subprocess.Popen(
        command, cwd=ROOT, env={**clean, "STOCKTRACKER_STORE": f"{store}/store"}
    )


def wait_for(url: str) -> None:
    """Until the server answers; each try waits for the connection itself."""
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310
                return
        except OSError:
            # Nothing listens yet; the refused connection costs no time, so let a little pass.
            subprocess.run(["sleep", "0.1"], check=True)  # noqa: S607
    raise SystemExit("the server did not come up")


def photograph(base: str) -> None:
    path = next(found for name in BROWSERS if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        for theme in ("light", "dark"):
            for size, (width, height) in SIZES.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=theme,
                    timezone_id="America/New_York",
                )
                # Somebody looks at the Live page meanwhile, so that there is something due.
                settle(context.new_page(), base)
                page = context.new_page()
                for name, address in PAGES.items():
                    settle(page, base + address)
                    page.screenshot(path=SHOTS / f"{name}-{theme}-{size}.png")
                context.close()
        browser.close()


def settle(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_text("Simulated prices").first.wait_for()
    page.wait_for_timeout(SETTLED)


if __name__ == "__main__":
    main()
