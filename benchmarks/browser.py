"""One browser tab as the server sees it, over Streamlit's own websocket protocol.

It keeps what a browser keeps: the query string and page the server told it, a timer for each
fragment that asked for one, and the big messages that the server may then refer to by their hash.
It draws nothing, and sends no state of widgets: nobody touches one.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState, ContextInfo
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

HOST = "127.0.0.1"
LONGEST = 120.0  # seconds until a run that was waited for counts as a fault
WHOLE = ""  # stands for the whole script where a fragment's id is expected
CONTEXT = ContextInfo(timezone="UTC", locale="en-GB", color_scheme="light")


@dataclass
class Tally:
    """What has come in since it was last begun anew."""

    messages: int = 0
    bytes: int = 0
    references: int = 0
    wholes: int = 0  # runs of the whole script
    latencies: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Held:
    """A message that the browser keeps: the run that used it last, and the fragment it is of."""

    used: int
    fragment: str


class MessageCache:
    """Which big messages a browser still holds: its own rule, with ages counted in runs."""

    def __init__(self) -> None:
        self._runs = 0
        self._held: dict[str, Held] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def hold(self, key: str, fragment: str) -> None:
        self._held.setdefault(key, Held(self._runs, fragment)).used = self._runs

    def use(self, key: str) -> None:
        if key not in self._held:
            raise ValueError("the server refers to a message that no browser would still hold")
        self._held[key].used = self._runs

    def age(self, most: int, fragments: Iterable[str]) -> None:
        """A run is over. One of fragments ages only what belongs to them."""
        self._runs += 1
        ran = set(fragments)
        self._held = {
            key: held
            for key, held in self._held.items()
            if (ran and held.fragment not in ran) or self._runs - held.used <= most
        }


class Browser:
    """A tab. `timers` are the fragments that asked to be run again, with their seconds."""

    def __init__(self, port: int, page: str = "", query: str = "", note: str | None = None) -> None:
        self.timers: dict[str, float] = {}
        self.tally = Tally()
        self.noted: list[tuple[float, str]] = []
        self._note = re.compile(note.encode()) if note else None
        self._port = port
        self._page, self._query, self._hash = page, query, ""
        self._cache = MessageCache()
        self._most_age = 2
        self._pending: dict[str, list[float]] = {}
        self._answering: set[str] = set()
        self._idle = asyncio.Event()
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._playing: dict[str, asyncio.TimerHandle] = {}
        self._plays = False

    async def open(self) -> None:
        """Connect and let the first run end."""
        self._socket = await connect(
            f"ws://{HOST}:{self._port}/_stcore/stream",
            origin=Origin(f"http://{HOST}:{self._port}"),
            max_size=None,
            max_queue=None,
            ping_interval=None,
            compression=None,
            proxy=None,
            open_timeout=120,
        )
        self._reader = asyncio.create_task(self._read())
        await self.run()

    async def close(self) -> None:
        self.stop()
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)

    async def run(self, fragment: str = WHOLE) -> None:
        """Ask for a run and wait until nothing that was asked for is unanswered. Raises
        TimeoutError where that takes longer than anybody would wait."""
        await self.ask(fragment)
        async with asyncio.timeout(LONGEST):
            await self._idle.wait()
        if self._reader is not None and self._reader.done():
            self._reader.result()
            raise ConnectionError("the server has closed the connection")

    async def ask(self, fragment: str = WHOLE) -> None:
        if self._socket is None:
            raise RuntimeError("not open")
        state = ClientState(
            query_string=self._query,
            page_name="" if self._hash else self._page,
            page_script_hash=self._hash,
            fragment_id=fragment,
            is_auto_rerun=bool(fragment),
            cached_message_hashes=self._cache,
            context_info=CONTEXT,
        )
        self._idle.clear()
        self._pending.setdefault(fragment, []).append(time.monotonic())
        await self._socket.send(BackMsg(rerun_script=state).SerializeToString())

    def begin(self) -> None:
        """Count anew. What is still unanswered was asked for before and is not waited for."""
        self.tally, self.noted = Tally(), []
        self._pending.clear()

    @property
    def page_fragment(self) -> str | None:
        """The fragment that fires most often."""
        return min(self.timers, key=lambda each: self.timers[each], default=None)

    def waiting(self) -> list[float]:
        """How long each run that is not answered has been waited for, in seconds."""
        now = time.monotonic()
        return [now - at for asked in self._pending.values() for at in asked]

    def unanswered(self, older_than: float) -> int:
        """Runs asked for more than so many seconds ago and not answered yet."""
        return sum(waited >= older_than for waited in self.waiting())

    # --- timers, as a browser's setInterval: they fire whether or not the last was answered ----

    def play(self, phase: float | None = None) -> None:
        """Let the timers run; the first time each after that part of its interval."""
        self._plays = True
        for fragment, seconds in self.timers.items():
            self._set_timer(fragment, seconds * (1 if phase is None else phase))

    def stop(self) -> None:
        self._plays = False
        for handle in self._playing.values():
            handle.cancel()
        self._playing.clear()

    def _set_timer(self, fragment: str, after: float) -> None:
        if fragment in self._playing:
            self._playing[fragment].cancel()
        loop = asyncio.get_running_loop()
        self._playing[fragment] = loop.call_later(after, self._fire, fragment)

    def _fire(self, fragment: str) -> None:
        if not self._plays or fragment not in self.timers:
            return
        self._set_timer(fragment, self.timers[fragment])
        asking = asyncio.ensure_future(self.ask(fragment))
        asking.add_done_callback(lambda done: done.cancelled() or done.exception())

    # --- what comes in ---------------------------------------------------------------------------

    async def _read(self) -> None:
        assert self._socket is not None  # noqa: S101
        try:
            async for content in self._socket:
                self._take_in(content)
        finally:
            self._idle.set()

    def _take_in(self, content: str | bytes) -> None:
        if not isinstance(content, bytes):
            raise TypeError("the server speaks in bytes")
        tally = self.tally
        tally.messages += 1
        tally.bytes += len(content)
        if self._note is not None:
            self.noted += [
                (time.time(), found.group().decode()) for found in self._note.finditer(content)
            ]
        message = ForwardMsg.FromString(content)
        kind = message.WhichOneof("type")
        if kind == "delta":
            if message.metadata.cacheable:
                self._cache.hold(message.hash, message.delta.fragment_id)
        elif kind == "ref_hash":
            tally.references += 1
            self._cache.use(message.ref_hash)
        elif kind == "new_session":
            self._begin(message)
        elif kind == "auto_rerun":
            self._take_timer(message.auto_rerun.fragment_id, message.auto_rerun.interval)
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "navigation":
            self._hash = message.navigation.page_script_hash
        elif kind == "script_finished":
            self._end(message)

    def _begin(self, message: ForwardMsg) -> None:
        fragments = message.metadata.run.fragment_ids
        self._most_age = message.new_session.config.max_cached_message_age
        if fragments:
            self._answering = set(fragments)
        else:
            self._answering = {WHOLE}
            self.tally.wholes += 1
            self._hash = message.new_session.page_script_hash
            self.timers.clear()

    def _take_timer(self, fragment: str, seconds: float) -> None:
        known = self.timers.get(fragment)
        self.timers[fragment] = seconds
        if self._plays and (known != seconds or fragment not in self._playing):
            self._set_timer(fragment, seconds)

    def _end(self, message: ForwardMsg) -> None:
        if message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return
        now = time.monotonic()
        if WHOLE in self._answering:
            # It answers the ticks too that were asked for before: the server drops those that
            # come while it is about to begin, as their fragments are made anew.
            self._answering = set(self._pending)
        for fragment in self._answering:
            self.tally.latencies += [now - at for at in self._pending.pop(fragment, [])]
        self._answering = set()
        self._cache.age(self._most_age, message.metadata.run.fragment_ids)
        if not self._pending:
            self._idle.set()
