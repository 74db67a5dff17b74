"""Simulated days with whatever goes wrong: `make soak`, and in small by tests/test_soak.py.

One process after another polls a simulator over HTTP, with a store on disk and a clock that jumps
from one thing to do to the next. Viewers come and go, answers are spoiled, upstream is down for
hours, the process is killed, its wall clock is set. After each simulated hour everything that is
shown is held against what the simulator would have said at that instant without any fault.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import sys
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from stocktracker.clock import Uptime
from stocktracker.errors import UnknownTicker
from stocktracker.markets import calendar_of, closed_at
from stocktracker.model import Feed, Quote, Ticker, Want
from stocktracker.plans import PLANS, Limit, parse_limits
from stocktracker.polling.wants import LEASE
from stocktracker.rows import Row, make_rows
from stocktracker.simulator import Simulator, serve
from stocktracker.simulator.bodies import Answer
from stocktracker.simulator.faults import Fault
from stocktracker.simulator.functions import Vendor
from stocktracker.simulator.prices import PriceWorld
from stocktracker.simulator.query import Query
from tests.helpers import FakeClock
from tests.household import Household, moved_in

NAMES = "AAPL MSFT NVDA AMZN GOOGL META TSLA JPM V JNJ WMT XOM KO PEP"
TICKERS = tuple(map(Ticker, NAMES.split()))
HOUR, MINUTE, INSTANT = timedelta(hours=1), timedelta(minutes=1), timedelta(0)
PUBLISHED = timedelta(hours=2)
OPEN_PAGE = timedelta(seconds=80)  # how often one renews its lease
FEEDS = (Feed.QUOTE, Feed.DAILY)

# Figures that are wrong and can be read: only for what is known, as a first one is believed.
WRONG = ("hundredfold-price", "hundredth-price", "hundredfold-figures")
# Everything else that is no answer, most of it quick; what ends the polling by right is not here.
NO_ANSWER = (
    *("second", "minute-2018", "premium-minute", "empty-object", "empty-body", "deep-json"),
    *("status-503", "html", "truncated", "nan-price", "huge-price", "zero-price", "negative-price"),
    *("future-date", "wrong-ticker", "cut", "redirect"),
)
# In a series these spoil a single row, which is left out: the day is missing, and nothing is wrong.
ONE_ROW = frozenset({"nan-price", "huge-price", "zero-price", "negative-price", "future-date"})
RARE = ("day", "stall", "huge-body", "gzip-bomb", "invalid-call")
PRICES = frozenset({"GLOBAL_QUOTE", "REALTIME_BULK_QUOTES", "TIME_SERIES_DAILY"})
MEGABYTE = 1 << 20
# Plans, and limits of the operator's own, which are upstream's too.
HOUSES = {"free": ("free", None), "live": ("premium-75", "5/minute, 500/day")}


class OwnClock(FakeClock):
    """A process's clock on the machine's: the time that has passed is true, the wall's need not
    be."""

    def __init__(self, true: FakeClock) -> None:
        self._true = true
        self.wrong_by = INSTANT

    def now(self) -> datetime:
        return self._true.now() + self.wrong_by

    def uptime(self) -> Uptime:
        return self._true.uptime()


class Witness(Simulator):
    """A simulator that remembers what was asked of it at which hour of the asking clock."""

    def __init__(self, plan: str, limits: tuple[Limit, ...] | None, true: FakeClock) -> None:
        super().__init__(PLANS[plan], limits, true, publication=PUBLISHED)
        self.asking = OwnClock(true)
        self.truth = Vendor(PLANS[plan], PriceWorld(), PUBLISHED)
        self.heard: dict[tuple[str, Ticker, datetime], Query] = {}
        self.last: dict[Ticker, str | None] = {}  # the fault of the last answer about its price

    def answer(self, query: Query) -> tuple[Answer, Fault | None]:
        answer, fault = super().answer(query)
        for ticker in query.tickers:
            self.heard[query.function, ticker, self.asking.now()] = query
            if query.function in PRICES:
                spoiled = fault.name if fault else None
                is_row = query.function == "TIME_SERIES_DAILY" and spoiled in ONE_ROW
                self.last[ticker] = None if is_row else spoiled
        return answer, fault

    def told(self, quote: Quote) -> tuple[datetime, dict[str, Any]]:
        """When the quote was truly got, and the figures of that day in a sound answer then."""
        function = quote.source.split()[-1]
        query = self.heard[function, quote.ticker, quote.fetched_at]
        body = json.loads(self.truth.answer(query).text)
        if function == "TIME_SERIES_DAILY":
            row = body["Time Series (Daily)"][str(quote.trading_day)]
            return query.now, {name.split(" ")[1]: text for name, text in row.items()}
        if function == "GLOBAL_QUOTE":
            (fields,) = body.values()
            named = {name.split(" ", 1)[1]: text for name, text in fields.items()}
            assert named["latest trading day"] == str(quote.trading_day)
            return query.now, {
                **named,
                "close": named["price"],
                "previous_close": named["previous close"],
            }
        (row,) = (row for row in body["data"] if row["symbol"] == quote.ticker)
        assert row["timestamp"].startswith(str(quote.trading_day))
        return query.now, row


@dataclass
class Report:
    """What a soak has seen; samples are one an hour."""

    checks: int = 0
    quotes: int = 0
    calls: int = 0
    faults: int = 0
    kills: int = 0
    doubts: int = 0
    troubles: int = 0
    threads: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    def check_flat(self, megabytes: int = 25) -> None:
        """The second half of the run holds no more than the first did."""
        half = len(self.threads) // 2
        for samples in (self.threads, self.files):
            assert max(samples[half:]) <= max(samples[:half]) + 2, samples
        grown = (max(self.memory[half:]) - max(self.memory[:half])) / MEGABYTE
        assert grown <= megabytes, f"{grown:.1f} MB more in the second half"

    def __str__(self) -> str:
        first, last = self.memory[len(self.memory) // 2], self.memory[-1]
        return (
            f"{self.checks} checks of {self.quotes} quotes, {self.calls} calls, {self.faults} of "
            f"them spoiled, {self.kills} kills; {self.doubts} times doubtful, {self.troubles} in "
            f"trouble; threads {self.threads[0]}–{max(self.threads)}, files {self.files[0]}–"
            f"{max(self.files)}, memory {first / MEGABYTE:.0f} → {last / MEGABYTE:.0f} MB"
        )


class Soak:
    """One run. The same seed is the same run."""

    def __init__(
        self, folder: Path, *, plan: str, limits: str | None, start: str, seed: int
    ) -> None:
        self.chance = random.Random(seed)
        self.true = FakeClock(start)
        self.limits = None if limits is None else parse_limits(limits)
        self.simulator = Witness(plan, self.limits, self.true)
        self.report = Report()
        self._folder = folder
        self._viewers: dict[str, list[Ticker]] = {}
        self._named = 0
        self._last_renewed = self.true.now()
        self._renew_at = self.true.now()
        self._outage_until: datetime | None = None
        self._checked_calls = 0
        self._process = ExitStack()
        self._house: Household

    def run(self, length: timedelta) -> Report:
        """Live through it, checking each hour; raises AssertionError where a promise is broken."""
        end, at = self.true.now() + length, self.true.now()
        with serve(self.simulator) as server:
            self._url = server.url
            self._start()
            try:
                while self.true.now() < end:
                    at += HOUR
                    happenings = sorted(self.chance.uniform(0, 1) for _ in range(4))
                    for when in happenings:
                        self._live_until(at - HOUR + when * HOUR)
                        self._let_something_happen()
                    self._live_until(at)
                    self._check()
                self._recover()
            finally:
                self._process.close()
        self.report.calls = len(self.simulator.calls)
        self.report.faults = sum(call.fault is not None for call in self.simulator.calls)
        return self.report

    def _start(self) -> None:
        self._house = self._process.enter_context(
            moved_in(
                self._folder,
                self.simulator.asking,
                self.simulator,
                self._url,
                limits=self.limits,
            )
        )
        self._renew_at = self.true.now()

    def _kill(self) -> None:
        """What was not saved is lost, and no fault is left that was meant for what was known."""
        if self._outage_until is None:
            self.simulator.faults.clear()
        self.simulator.last.clear()
        self._process.close()
        self._process = ExitStack()
        self._start()
        self.report.kills += 1

    def _live_until(self, end: datetime) -> None:
        while self.true.now() < end:
            if self.true.now() >= self._renew_at:
                self._renew()
            again = self._house.poller.step()
            own = self._house.clock
            if again is not None and again <= own.now():
                continue
            wait = end - self.true.now() if again is None else again - own.now()
            self.true.tick_to(min(self.true.now() + wait, self._renew_at, end))

    def _renew(self) -> None:
        self._renew_at = self.true.now() + OPEN_PAGE
        for viewer, tickers in self._viewers.items():
            self._house.watch(*tickers, viewer=viewer, feeds=FEEDS)
            self._last_renewed = self.true.now()

    def _let_something_happen(self) -> None:
        if self._outage_until is not None and self.true.now() >= self._outage_until:
            self.simulator.faults.clear()
            self._outage_until = None
        what = self.chance.choices(
            [
                self._somebody_comes,
                self._somebody_goes,
                self._everybody_goes,
                self._an_answer_is_wrong,
                self._there_is_no_answer,
                self._upstream_goes_down,
                self._kill,
                self._somebody_sets_the_clock,
            ],
            [25, 15, 2, 20, 25, 2, 6, 5],
        )[0]
        what()

    def _somebody_comes(self) -> None:
        self._named += 1
        tickers = self.chance.sample(TICKERS, self.chance.randint(1, 6))
        self._viewers[f"viewer {self._named}"] = tickers
        self._renew()

    def _somebody_goes(self) -> None:
        if self._viewers:
            viewer = self.chance.choice(list(self._viewers))
            del self._viewers[viewer]
            if self.chance.random() < 0.5:  # else the connection is silent, and the lease lapses
                self._house.wants.release(viewer)

    def _everybody_goes(self) -> None:
        self._viewers.clear()

    def _an_answer_is_wrong(self) -> None:
        wants = [Want(feed, ticker) for ticker in TICKERS for feed in FEEDS]
        known = {record.ticker for record in self._house.store.load_many(wants) if record.data}
        if known and self._outage_until is None:
            function = "GLOBAL_QUOTE" if self._is_live() else "TIME_SERIES_DAILY"
            ticker = self.chance.choice(sorted(known))
            self.simulator.faults.next(self.chance.choice(WRONG), function=function, ticker=ticker)

    def _there_is_no_answer(self) -> None:
        if self._outage_until is None:
            name = self.chance.choice(RARE if self.chance.random() < 0.04 else NO_ANSWER)
            count = 1 if name in RARE else self.chance.randint(1, 4)
            self.simulator.faults.next(name, count)

    def _upstream_goes_down(self) -> None:
        if self._outage_until is None:
            self.simulator.faults.clear()
            self.simulator.faults.always(self.chance.choice(["status-503", "cut", "html"]))
            self._outage_until = self.true.now() + self.chance.uniform(0.2, 4) * HOUR

    def _somebody_sets_the_clock(self) -> None:
        by = self.chance.choice([0, 0, 0, 2, -2, 90, -90, 1200, -1200, 3600, -3600])
        self.simulator.asking.wrong_by = timedelta(seconds=by)

    def _is_live(self) -> bool:
        return self.simulator.plan.name != "free"

    def _rows(self) -> list[Row]:
        now = self._house.clock.now()
        board = self._house.board.read()
        forecast = board.poll.forecast
        return make_rows(
            board,
            TICKERS,
            now,
            turn=forecast.turn if forecast else timedelta(seconds=20),
            always=False,
            is_open=lambda ticker: calendar_of(ticker).is_open(now),
        )

    def _check(self) -> None:
        report = self.report
        report.checks += 1
        for row in self._rows():
            if row.quote is not None:
                self._check_quote(row, row.quote)
            report.doubts += row.doubt is not None
            report.troubles += row.trouble is not None
            spoiled = self.simulator.last.get(row.ticker)
            if spoiled is not None:
                assert row.doubt or row.trouble, f"{row.ticker}: {spoiled} is not said"
        self._check_calls()
        if not report.checks % 6:
            gc.collect()
        report.threads.append(threading.active_count())
        report.files.append(len(os.listdir("/proc/self/fd")))
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        report.memory.append(pages * os.sysconf("SC_PAGE_SIZE"))

    def _check_quote(self, row: Row, quote: Quote) -> None:
        self.report.quotes += 1
        got_at, told = self.simulator.told(quote)
        shown = (quote.price, quote.open, quote.high, quote.low, quote.volume)
        names = ("close", "open", "high", "low", "volume")
        assert shown == tuple(float(told[name]) for name in names), (quote, told)
        if "previous_close" in told:
            assert quote.previous_close == float(told["previous_close"]), (quote, told)
        true_as_of = min(got_at - quote.liveness.delay, closed_at(quote.ticker, quote.trading_day))
        true_age = self.true.now() - true_as_of
        own = self._house.clock
        wrong = abs(own.now() - self.true.now()) + abs(quote.fetched_at - got_at)
        assert row.age is not None
        assert row.age >= INSTANT
        assert abs(row.age - true_age) <= wrong, (row, true_age)

    def _check_calls(self) -> None:
        calls = self.simulator.calls
        for call in calls[self._checked_calls :]:
            assert call.refused is None, f"{call} broke a limit"
        self._checked_calls = len(calls)
        if calls:
            assert calls[-1].at <= self._last_renewed + LEASE, "a call for nobody"

    def _recover(self) -> None:
        """When all is well again, everything that somebody watches is asked for again."""
        self._live_until(self.true.now() + LEASE)  # what was wanted before lapses
        self.simulator.faults.clear()
        self.simulator.asking.wrong_by = INSTANT
        well_since = self.true.now()
        self._viewers = {"the last": list(TICKERS[:4])}
        self._renew()
        self._live_until(calendar_of(TICKERS[0]).next_session(well_since).open + HOUR)
        self._check()
        for row in self._rows()[:4]:
            attempts = self._house.board.read().attempts
            tries = [attempts.get(Want(feed, row.ticker)) for feed in FEEDS]
            if any(attempt and attempt.kind == UnknownTicker.kind for attempt in tries):
                continue  # put off for a day
            assert row.quote is not None, row
            assert not self._is_live() or row.quote.fetched_at >= well_since, row


def soak(folder: Path, house: str, *, days: float, seed: int) -> Report:
    """Live through so many days in one of HOUSES."""
    plan, limits = HOUSES[house]
    run = Soak(folder, plan=plan, limits=limits, start="2026-11-09T14:00:00", seed=seed)
    return run.run(timedelta(days=days))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--days", type=float, default=10, help="simulated days of each plan")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("house", nargs="*", default=[*HOUSES], help="of these; all by default")
    asked = parser.parse_args()
    # Not as `choices`, with which Python 3.11 refuses an empty list.
    for name in asked.house:
        if name not in HOUSES:
            parser.error(f"{name}: one of {', '.join(HOUSES)}")
    for name in asked.house:
        say(f"{name}, seed {asked.seed}, {asked.days:g} days …")
        with tempfile.TemporaryDirectory() as folder:
            report = soak(Path(folder) / "store", name, days=asked.days, seed=asked.seed)
        say(f"  {report}")
        report.check_flat()
    return 0


if __name__ == "__main__":
    sys.exit(main())
