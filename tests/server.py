"""The real program, run as people run it, and what tests need around it.

- `App`: `streamlit run app.py` in a process of its own, on a free loopback port and a given store.
- `Upstream`: a simulator of Alpha Vantage in this process, whose received calls can be counted.
- `Session`: a viewer without a browser, who speaks Streamlit's websocket protocol.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import requests
from prometheus_client.parser import text_string_to_metric_families
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState, ContextInfo
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.MultiSelect_pb2 import MultiSelect
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets import Subprotocol
from websockets.sync.client import connect

from stocktracker.clock import SystemClock
from stocktracker.config import NAMES
from stocktracker.plans import PLANS, Limit
from stocktracker.simulator import ReceivedCall, Server, Simulator, serve

ROOT = Path(__file__).parent.parent
KEY = "SENTINELKEY123"
LOOPBACK = "127.0.0.1"
START_WITHIN = 60.0
AT_ONCE = timedelta(0)  # how long after the close an upstream publishes it
T = TypeVar("T")


def until(question: Callable[[], T], *, within: float, what: str = "") -> T:
    """The first answer that is not empty. Fails when there is none within so many seconds."""
    pace, left = threading.Event(), round(within / 0.05)
    while True:
        answer = question()
        if answer:
            return answer
        left -= 1
        if left < 0:
            raise AssertionError(f"not within {within} s: {what or question}")
        pace.wait(0.05)


def free_port() -> int:
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        port: int = found.getsockname()[1]
        return port


class Elsewhen(SystemClock):
    """The machine's clocks, with the wall clock set to `start` at first: for the simulator.

    `settings` set that of a server likewise, for what depends on the day of the week or the hour.
    """

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self._ahead = start - super().now()

    def now(self) -> datetime:
        return super().now() + self._ahead

    @property
    def settings(self) -> dict[str, str]:
        return {
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "elsewhen"))),
            "SECONDS_AHEAD": str(self._ahead.total_seconds()),
        }


class App:
    """A running server. `log` is all that it has written to the terminal."""

    def __init__(self, store: Path, settings: Mapping[str, str], *flags: str) -> None:
        self.store = store
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._terminal = store.parent / f"terminal-{self.port}.log"
        command = [sys.executable, "-m", "streamlit", "run", "app.py"]
        with self._terminal.open("wb") as terminal:
            self._process = subprocess.Popen(
                [*command, f"--server.port={self.port}", *flags],
                cwd=ROOT,
                env=_environment(store, settings),
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return self._terminal.read_text(encoding="utf-8")

    def wait_until_up(self) -> App:
        until(self._is_up, within=START_WITHIN, what=f"up at {self.url}")
        return self

    def get(self, path: str, **parameters: Any) -> requests.Response:
        return requests.get(self.url + path, params=parameters, timeout=10)

    def health(self) -> dict[str, Any]:
        body: dict[str, Any] = self.get("/healthz").json()
        return body

    def left_today(self) -> int:
        left: int = self.health()["budget"]["left"]["25/day"]
        return left

    def price(self, ticker: str) -> float | None:
        """The price that the API has of a ticker; None where it has none."""
        quotes = self.get("/api/quotes", tickers=ticker).json()["quotes"]
        return quotes[0]["price"] if quotes else None

    def metric(self, name: str) -> float:
        """The one sample of that name; a counter's labels are added up."""
        found = [
            sample.value
            for family in text_string_to_metric_families(self.get("/metrics").text)
            for sample in family.samples
            if sample.name == f"stocktracker_{name}"
        ]
        if not found:
            raise AssertionError(f"no such metric: {name}")
        return sum(found)

    def stop(self, within: float = 15.0) -> int:
        """SIGTERM; the exit code. Once is enough."""
        return self._end(signal.SIGTERM, within)

    def kill(self) -> int:
        """SIGKILL, as the kernel does when memory is short."""
        return self._end(signal.SIGKILL, 15.0)

    def wait(self, within: float) -> int:
        return self._process.wait(within)

    def close(self) -> None:
        """End it by whatever means."""
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.kill()

    def _end(self, number: signal.Signals, within: float) -> int:
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(within)

    def _is_up(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"ended with {self._process.returncode}:\n{self.log}")
        try:
            return self.get("/healthz").status_code == 200
        except (requests.ConnectionError, requests.Timeout):
            return False


def _environment(store: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Nothing of ours from the outside. An empty setting also outranks one in secrets.toml."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    return {
        **kept,
        "HOME": str(store.parent),  # where Streamlit would look for a configuration of the user's
        "PYTHONUNBUFFERED": "1",
        **dict.fromkeys(NAMES, ""),
        "STOCKTRACKER_STORE": str(store),
        "STOCKTRACKER_SECRETS": os.devnull,
        **settings,
    }


@contextmanager
def starting_apps(folder: Path) -> Iterator[Callable[..., App]]:
    """A function that starts servers, all of which are ended at the end.

    `start(store="a", flags=[…], wait=False, STOCKTRACKER_PLAN="free")`: everything is optional.
    """
    started: list[App] = []

    def start(
        *, store: str = "store", flags: tuple[str, ...] = (), wait: bool = True, **settings: str
    ) -> App:
        app = App(folder / store, settings, *flags)
        started.append(app)
        return app.wait_until_up() if wait else app

    try:
        yield start
    finally:
        for app in started:
            app.close()
            sys.stdout.write(app.log)  # which pytest shows beside a failure


class Upstream:
    """A simulator that can be called, counted, told to fail, taken away and brought back."""

    def __init__(self, plan: str, **more: Any) -> None:
        self.plan = plan
        self.simulator = Simulator(PLANS[plan], **more)
        self.faults = self.simulator.faults
        self._server: Server | None = serve(self.simulator)
        self.url = self._server.url

    @property
    def settings(self) -> dict[str, str]:
        """What points a server at this upstream."""
        return {
            "ALPHAVANTAGE_API_KEY": KEY,
            "STOCKTRACKER_UPSTREAM": self.url,
            "STOCKTRACKER_PLAN": self.plan,
            "STOCKTRACKER_HOURS": "always",
        }

    @property
    def calls(self) -> list[ReceivedCall]:
        return self.simulator.calls

    def count(self, function: str | None = None, ticker: str | None = None) -> int:
        return sum(
            function in (None, call.function) and (ticker is None or ticker in call.tickers)
            for call in self.calls
        )

    def asked(self) -> Counter[tuple[str, str]]:
        """How often each function was called for each ticker."""
        return Counter((call.function, ",".join(call.tickers)) for call in self.calls)

    def go_away(self) -> None:
        """Nobody answers at this address any more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def come_back(self) -> None:
        port = int(self.url.rpartition(":")[2].partition("/")[0])
        self._server = serve(self.simulator, port)


@contextmanager
def simulating(plan: str, *, limits: tuple[Limit, ...] = (), **more: Any) -> Iterator[Upstream]:
    """An upstream of that plan, by default one that refuses nobody."""
    upstream = Upstream(plan, limits=limits, **more)
    try:
        yield upstream
    finally:
        upstream.go_away()


class Session:
    """One browser tab, as the server sees it: the first run is over when it has been made.

    `timers` are the fragments that asked to be run again, with their seconds; nobody does so but
    `tick`. `received` is every message as bytes. One that `remembers` has large messages sent once
    and named from then on, as browsers do. `cookies` are a browser's, who may have signed in.
    """

    def __init__(
        self,
        app: App,
        query: str = "",
        page: str = "",
        *,
        keep: bool = True,
        remembers: bool = False,
        cookies: Mapping[str, str] | None = None,
    ) -> None:
        self.received: list[bytes] = []
        self._remembered: list[str] | None = [] if remembers else None
        self.timers: dict[str, float] = {}
        self._keep = keep
        self._page = page
        self._query = query
        with ExitStack() as opening:
            address = f"ws://{LOOPBACK}:{app.port}/_stcore/stream"
            jar = "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())
            xsrf = (cookies or {}).get("_streamlit_xsrf")
            self._socket = opening.enter_context(
                connect(
                    address,
                    origin=app.url,
                    max_size=None,
                    ping_interval=None,
                    compression=None,
                    proxy=None,
                    additional_headers={"Cookie": jar} if jar else None,
                    subprotocols=[Subprotocol("streamlit"), Subprotocol(xsrf)] if xsrf else None,
                )
            )
            self.rerun()
            self._closing = opening.pop_all()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_fault: object) -> None:
        self.close()

    def rerun(self, *reported: WidgetState) -> None:
        """Run the whole script; the browser says what these widgets hold, and nothing of others."""
        state = ClientState()
        state.widget_states.widgets.extend(reported)
        self._run(state)

    def tick(self) -> None:
        """Every timer fires once."""
        for fragment in list(self.timers):
            if fragment in self.timers:  # not so where the tick before ran the whole script
                self._run(ClientState(fragment_id=fragment, is_auto_rerun=True))

    def press(self, label: str) -> None:
        """Press the button with this label that came last."""
        buttons = [element.button for element in self.elements() if element.HasField("button")]
        pressed = [button.id for button in buttons if button.label == label][-1]
        self.rerun(WidgetState(id=pressed, trigger_value=True))

    def sent_to(self) -> str:
        """The path to which the server has sent the browser last."""
        messages = [ForwardMsg.FromString(message) for message in self.received]
        paths = [each.auth_redirect.url for each in messages if each.HasField("auth_redirect")]
        return paths[-1]

    def clear_cache(self) -> None:
        """What any visitor may ask of a Streamlit server."""
        self._send(BackMsg(clear_cache=True))

    def close(self) -> None:
        """The tab is closed. Once is enough."""
        self._closing.close()

    def vanish(self) -> None:
        """The connection is torn, without a word of farewell."""
        linger = struct.pack("ii", 1, 0)
        self._socket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._socket.close_socket()

    def fall_silent(self) -> None:
        """The connection stays, but nobody reads from it and nobody answers to a ping."""
        self._socket.protocol.receive_data = lambda _data: None  # type: ignore[method-assign]

    def elements(self) -> list[Element]:
        """Every element that the server has ever sent, in order."""
        return [ForwardMsg.FromString(message).delta.new_element for message in self.received]

    def multiselects(self) -> list[MultiSelect]:
        """Every list to choose from that the server has ever sent, in order."""
        return [each.multiselect for each in self.elements() if each.HasField("multiselect")]

    def widget_ids(self) -> set[str]:
        """The identities of all switches that the server has ever sent."""
        elements = [ForwardMsg.FromString(message).delta.new_element for message in self.received]
        return {each.checkbox.id for each in elements if each.HasField("checkbox")}

    def says(self, text: str) -> bool:
        """Whether the server has ever sent this text."""
        return any(text.encode() in message for message in self.received)

    def _run(self, state: ClientState) -> None:
        state.query_string = self._query
        state.cached_message_hashes.extend(self._remembered or ())
        state.page_name = self._page
        state.context_info.CopyFrom(ContextInfo(timezone="UTC", locale="en-GB"))
        self._send(BackMsg(rerun_script=state))
        while not self._take_in(self._socket.recv(timeout=60)):
            pass

    def _send(self, message: BackMsg) -> None:
        self._socket.send(message.SerializeToString())

    def _take_in(self, content: str | bytes) -> bool:
        """Whether this message ends a run that no other follows."""
        if not isinstance(content, bytes):
            raise AssertionError("the server speaks in bytes")
        if self._keep:
            self.received.append(content)
        message = ForwardMsg.FromString(content)
        if self._remembered is not None and message.metadata.cacheable:
            self._remembered.append(message.hash)
        kind = message.WhichOneof("type")
        if kind == "new_session" and not message.metadata.run.fragment_ids:
            self.timers.clear()
        elif kind == "auto_rerun":
            self.timers[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "script_finished":
            return message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        return False
