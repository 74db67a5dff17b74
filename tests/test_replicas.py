"""Several servers behind nginx that share one Redis, all real, started as `make fleet` does."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, expect

from scripts.fleet import Fleet
from stocktracker.plans import PLANS
from stocktracker.simulator.known import LISTED
from tests.server import LOOPBACK, Session, Upstream, simulating, until
from tests.test_browser import LATE, chromium  # noqa: F401

SERVERS = 3
# Twenty take four minutes: KILLS=20 make unit ARGS=tests/test_replicas.py
KILLS = int(os.environ.get("KILLS", "2"))
COOKIE = "stocktracker_server"
# What nginx lets through from one address: here a whole crowd is at one.
CROWD = {
    "rate=50r/s": "rate=5000r/s",
    "rate=2r/s": "rate=5000r/s",
    "limit_conn stocktracker_each 60;": "limit_conn stocktracker_each 2000;",
}


@contextmanager
def fleet_of(folder: Path, count: int, upstream: Upstream, **more: str) -> Iterator[Fleet]:
    try:
        starting = Fleet(folder, count, {**upstream.settings, **more}, changes=CROWD)
        with starting as fleet:
            yield fleet
    except FileNotFoundError as fault:
        pytest.skip(str(fault))


def health(port: int) -> dict[str, Any]:
    body: dict[str, Any] = requests.get(f"http://{LOOPBACK}:{port}/healthz", timeout=5).json()
    return body


def leaders(fleet: Fleet, places: list[int] | None = None) -> list[int]:
    """The places of those that say they poll; one that does not answer does not."""
    found = []
    for place in range(len(fleet.ports)) if places is None else places:
        try:
            if health(fleet.ports[place])["poller"]["leads"]:
                found.append(place)
        except requests.RequestException:
            continue
    return found


def quotes(fleet: Fleet, place: int, *tickers: str) -> dict[str, dict[str, Any]]:
    named = {"tickers": ",".join(tickers)}
    reply = requests.get(f"{Door(fleet, place).url}/api/quotes", params=named, timeout=5)
    return {quote["ticker"]: quote for quote in reply.json()["quotes"]}


def link(*tickers: str) -> str:
    return "&".join(f"tickers={ticker}" for ticker in tickers)


# --- one key for all --------------------------------------------------------------------------


def test_a_crowd_on_three_servers_costs_the_calls_of_one_viewer(tmp_path: Path) -> None:
    """Three hundred sessions, each with ten of fifty tickers, and one with all fifty alone."""
    fifty = [ticker for ticker in sorted(LISTED) if ticker.isalpha()][:50]
    lists = [
        [fifty[(first * 7 + place) % len(fifty)] for place in range(10)] for first in range(300)
    ]
    alone = asked_by(tmp_path / "alone", 1, [fifty], fifty)
    together = asked_by(tmp_path / "together", SERVERS, lists, fifty)
    assert together == alone
    assert together == dict.fromkeys(
        [("LISTING_STATUS", ""), *(("TIME_SERIES_DAILY", ticker) for ticker in fifty)], 1
    )


def asked_by(
    folder: Path, count: int, lists: list[list[str]], all_of_them: list[str]
) -> Counter[tuple[str, str]]:
    """What upstream is asked for so many servers, behind which sessions have these lists."""
    folder.mkdir()
    with (
        simulating("free") as upstream,
        fleet_of(folder, count, upstream, STOCKTRACKER_LIMITS="600/minute") as fleet,
        ExitStack() as stack,
    ):
        with ThreadPoolExecutor(6) as doors:
            opened = doors.map(lambda few: Session(fleet, link(*few), keep=False), lists)
            for session in opened:
                stack.callback(session.close)
        for place in range(count):
            until(lambda place=place: len(quotes(fleet, place, *all_of_them)) == 50, within=60)
        seen = [_viewers(fleet, place) for place in range(count)]
        assert sum(seen) == len(lists)
        assert min(seen) > len(lists) / count / 3, "nginx spreads them"
        # A jump like a split's is asked about, sooner or later.
        asked = {about: n for about, n in upstream.asked().items() if about[0] != "SPLITS"}
        return Counter(asked)


def test_a_quote_is_on_every_server_within_a_second(tmp_path: Path) -> None:
    chosen = ("AAPL", "MSFT", "NVDA", "KO")
    with (
        simulating("premium-150") as upstream,
        fleet_of(tmp_path, SERVERS, upstream, STOCKTRACKER_REFRESH_SECONDS="5") as fleet,
        Session(fleet, link(*chosen), keep=False),
    ):
        first: dict[tuple[str, str], float] = {}
        seen: dict[tuple[str, str], set[int]] = {}
        late: list[float] = []

        def look() -> bool:
            """Who shows which quote for the first time, and how long after the first who did."""
            for place in range(SERVERS):
                for ticker, quote in quotes(fleet, place, *chosen).items():
                    key = (ticker, quote["fetched_at"])
                    now = time.monotonic()
                    first.setdefault(key, now)
                    if place not in seen.setdefault(key, set()):
                        seen[key].add(place)
                        if len(seen[key]) == SERVERS:
                            late.append(now - first[key])
            return len(late) >= 16

        until(look, within=60)
        late.sort()
        sys.stdout.write(f"on all servers after {late} s\n")
        assert late[int(len(late) * 0.95)] < 1.0
        prices = [
            {each: quote["price"] for each, quote in quotes(fleet, place, *chosen).items()}
            for place in range(SERVERS)
        ]
        assert prices == [prices[0]] * SERVERS


class Door:
    """One server of a fleet, without nginx in between."""

    def __init__(self, fleet: Fleet, place: int) -> None:
        self.port = fleet.ports[place]
        self.url = f"http://{LOOPBACK}:{self.port}"


def watch(fleet: Fleet, place: int, *tickers: str) -> Session:
    return Session(Door(fleet, place), link(*tickers), keep=False)


def test_a_leader_is_killed_again_and_again_and_nobody_is_worse_off(tmp_path: Path) -> None:
    chosen = ("AAPL", "MSFT")
    with (
        simulating("premium-75", limits=PLANS["premium-75"].limits) as upstream,
        fleet_of(tmp_path, SERVERS, upstream, STOCKTRACKER_REFRESH_SECONDS="5") as fleet,
        ExitStack() as stack,
    ):
        for place in range(SERVERS):
            stack.enter_context(watch(fleet, place, *chosen))
        until(
            lambda: all(len(quotes(fleet, place, *chosen)) == 2 for place in range(SERVERS)),
            within=30,
        )
        replaced_after = []
        for _ in range(KILLS):
            (leader,) = until(lambda: leaders(fleet), within=15)
            others = [place for place in range(SERVERS) if place != leader]
            newest = {
                ticker: max(
                    quotes(fleet, place, *chosen)[ticker]["fetched_at"] for place in range(SERVERS)
                )
                for ticker in chosen
            }
            fleet.kill(f"server {leader}")
            killed_at = time.monotonic()
            until(lambda others=others: leaders(fleet, others), within=10)
            replaced_after.append(time.monotonic() - killed_at)
            assert len(leaders(fleet, others)) == 1
            for place in others:  # within the second in which the last quotes get there
                until(
                    lambda place=place, newest=newest: all(
                        quotes(fleet, place, *chosen)[ticker]["fetched_at"] >= newest[ticker]
                        for ticker in chosen
                    ),
                    within=1,
                )
            fleet.start(leader)
            until(lambda leader=leader: _is_up(fleet, leader), within=60)
            assert leaders(fleet, [leader]) == [], "who comes back follows"
            stack.enter_context(watch(fleet, leader, *chosen))
        assert max(replaced_after) < 10
        sys.stdout.write(f"replaced after {sorted(replaced_after)} s\n")
        assert upstream.simulator.refusals == 0


def _is_up(fleet: Fleet, place: int) -> bool:
    try:
        return requests.get(f"http://{LOOPBACK}:{fleet.ports[place]}/healthz", timeout=5).ok
    except requests.RequestException:
        return False


def test_a_leader_that_is_stopped_spends_nothing_when_it_goes_on(tmp_path: Path) -> None:
    with (
        simulating("premium-75", limits=PLANS["premium-75"].limits) as upstream,
        fleet_of(tmp_path, 2, upstream, STOCKTRACKER_REFRESH_SECONDS="5") as fleet,
        ExitStack() as stack,
    ):
        for place in range(2):
            stack.enter_context(watch(fleet, place, "AAPL"))
        until(lambda: all(quotes(fleet, place, "AAPL") for place in range(2)), within=30)
        (leader,) = until(lambda: leaders(fleet), within=15)
        fleet.send(f"server {leader}", signal.SIGSTOP)
        until(lambda: leaders(fleet, [1 - leader]), within=10)
        fleet.send(f"server {leader}", signal.SIGCONT)
        until(lambda: not leaders(fleet, [leader]), within=5)
        assert leaders(fleet) == [1 - leader]
        assert upstream.simulator.refusals == 0


# --- the way in -------------------------------------------------------------------------------


@pytest.mark.browser
def test_a_browser_stays_with_its_server_and_goes_on_with_another_when_that_is_gone(
    tmp_path: Path,
    chromium: Browser,  # noqa: F811
) -> None:
    with simulating("premium-150") as upstream, fleet_of(tmp_path, 2, upstream) as fleet:
        person = chromium.new_context(viewport={"width": 1280, "height": 900})
        page = person.new_page()
        page.goto(f"{fleet.url}/history?{link('AAPL')}")
        expect(page.locator(".stocktracker-plot .main-svg").first).to_be_visible(timeout=LATE)
        (cookie,) = [each for each in person.cookies() if each["name"] == COOKIE]
        assert cookie["httpOnly"] is True
        with page.expect_download(timeout=LATE) as download:
            page.get_by_role("button", name="This view").click()
        assert download.value.suggested_filename.endswith(".csv")
        at = [place for place in range(2) if _viewers(fleet, place)]
        assert len(at) == 1

        fleet.kill(f"server {at[0]}")

        until(lambda: _viewers(fleet, 1 - at[0]), within=30, what="it comes to the other")
        page.get_by_role("link", name="Live").click()
        expect(page.get_by_test_id("stMetric").first).to_contain_text("$", timeout=LATE)
        assert "AAPL" in page.url
        person.close()


def _viewers(fleet: Fleet, place: int) -> float:
    metrics = requests.get(f"{Door(fleet, place).url}/metrics", timeout=5).text
    found = re.search(r"^stocktracker_viewers (\S+)$", metrics, re.MULTILINE)
    return float(found[1]) if found else 0


def test_what_was_signed_by_one_is_taken_by_the_others(tmp_path: Path) -> None:
    """The cookies of Streamlit's: of its XSRF protection, and of who is signed in."""
    with simulating("premium-150") as upstream, fleet_of(tmp_path, 2, upstream) as fleet:
        one, other = (Door(fleet, place) for place in range(2))
        jar = requests.get(f"{one.url}/_stcore/host-config", timeout=5).cookies.get_dict()
        jar |= requests.get(f"{one.url}/_stcore/health", timeout=5).cookies.get_dict()
        assert "_streamlit_xsrf" in jar
        with Session(other, link("AAPL"), cookies=jar, keep=False):
            until(lambda: quotes(fleet, 1, "AAPL"), within=30)


# --- the command ------------------------------------------------------------------------------


def test_make_fleet_ends_all_that_it_started(tmp_path: Path) -> None:
    """On the signal that Ctrl-C sends."""
    with simulating("free") as upstream, fleet_of(tmp_path, 1, upstream) as fleet:
        pids = [fleet.pid(name) for name in ("redis", "server 0", "nginx")]
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
        password = fleet.store.split(":")[2].partition("@")[0]
        commands = [Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8") for pid in pids]
        assert not any(password in command for command in commands)
        logs = [fleet.log(name) for name in ("redis", "server 0", "nginx")]
        assert not any(password in log for log in logs)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
