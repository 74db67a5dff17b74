"""The key is in nothing: through every fault that an upstream can have, at every level of the log.

First the fetcher alone, whose log is read before anybody redacts it; then the whole program, of
which everything is read that it lets out.
"""

from __future__ import annotations

import logging
import traceback
from datetime import timedelta
from pathlib import Path

import pytest

from stocktracker.errors import FetchError
from stocktracker.fetcher import Fetcher
from stocktracker.model import Call, Feed, Ticker
from stocktracker.plans import Liveness
from stocktracker.simulator.faults import NAMES
from tests.helpers import FakeClock
from tests.server import KEY, App, Session, simulating, starting_apps, until
from tests.test_server import link, stored_bytes, wait_for

IBM = Ticker("IBM")
LEVELS = ("debug", "info", "warning", "error")
FAULTS = {"AAPL": "cut", "MSFT": "truncated", "NVDA": "redirect"}


@pytest.mark.parametrize("fault", sorted(NAMES))
def test_no_fault_tells_the_key_to_an_error_or_a_log(
    fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even to a log that nobody redacts, of any library, at its most talkative."""
    caplog.set_level(logging.DEBUG)
    with simulating("premium-75") as upstream:
        upstream.faults.always(fault, pause=timedelta(seconds=5))
        fetcher = Fetcher(
            upstream=upstream.url,
            key=KEY,
            liveness=Liveness.DELAYED,
            clock=FakeClock("2026-11-23T15:00:00"),
            source="test",
            deadline=timedelta(seconds=1),
        )
        told = ""
        try:
            told = repr(fetcher.fetch(Call(Feed.QUOTE, (IBM,))))
        except FetchError as error:
            chain = "".join(traceback.format_exception(error))
            told = f"{error.words} {error!r} {vars(error)!r} {chain}"
        finally:
            fetcher.close()
        assert upstream.count() == 1
    formatter = logging.Formatter("%(name)s %(message)s")
    logged = "\n".join(formatter.format(record) for record in caplog.records)
    assert KEY.lower() not in (told + logged).lower()


@pytest.mark.parametrize("level", LEVELS)
def test_no_fault_tells_the_key_to_anything_that_the_program_lets_out(
    level: str, tmp_path: Path
) -> None:
    """After a fault of each kind: a torn connection, a body, a redirect, and words with the key."""
    with simulating("premium-75") as upstream, starting_apps(tmp_path) as start:
        app = start(
            **upstream.settings,
            STOCKTRACKER_REFRESH_SECONDS="5",
            flags=(f"--logger.level={level}",),
        )
        with Session(app, link("KO")) as session:
            wait_for(app, "KO")
            for ticker, fault in FAULTS.items():
                upstream.faults.always(
                    fault, function="GLOBAL_QUOTE", ticker=ticker, pause=timedelta(seconds=2)
                )
                with Session(app, link("KO", ticker)) as other:
                    until(
                        lambda fault=fault: fault in {call.fault for call in upstream.calls},
                        within=80,
                        what=fault,
                    )
                    other.tick()
                    session.received += other.received
            session.tick()
            # The last one repeats the key in its words, and closes the day.
            upstream.faults.always("day")
            until(lambda: app.health()["budget"]["refused"] == "day", within=60)
            session.rerun()
            assert session.says("calls are spent")
            told = everything(app, session)
        app.stop()
        told["log"] = app.log
    for where, text in told.items():
        assert text, where
        assert KEY.lower() not in text.lower(), where


def everything(app: App, session: Session) -> dict[str, str]:
    """All that comes out of a running program but its log."""
    received = list(session.received)
    for page in ("history", "compare", "company", "market", "status"):
        with Session(app, link("KO", "AAPL"), page) as other:
            received += other.received
    return {
        "websocket": b"".join(received).decode("latin-1"),
        "store": b"".join(stored_bytes(app.store)).decode("latin-1"),
        **{
            path: app.get(path).text
            for path in (
                "/",
                "/healthz",
                "/metrics",
                "/_stcore/metrics",
                "/_stcore/host-config",
                "/api/quotes",
                "/api/quotes?format=csv",
                "/api/history/KO.csv",
            )
        },
    }
