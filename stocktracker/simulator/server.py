"""Runs a simulator on a loopback port, in a daemon thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import TracebackType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from stocktracker.simulator.simulator import Simulator
from stocktracker.simulator.wire import TRANSPORT

HOST = "127.0.0.1"
START_SECONDS = 10.0
CLOSE_SECONDS = 2.0


class TearableProtocol(H11Protocol):
    """Hands the connection's transport to the application, so that it can be torn off."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


class Server:
    """A running simulator; a context manager that closes it. `url` is what a client queries."""

    def __init__(self, simulator: Simulator, port: int = 0) -> None:
        simulator.warm_up()
        self.simulator = simulator
        self._socket = _listen(port)
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}/query"
        config = uvicorn.Config(
            simulator.app,
            http=TearableProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
        self._uvicorn = _SignallingServer(config)
        self._thread = threading.Thread(
            target=self._uvicorn.run,
            kwargs={"sockets": [self._socket]},
            name="simulator",
            daemon=True,
        )
        self._thread.start()
        if not self._uvicorn.is_up.wait(START_SECONDS):
            raise RuntimeError("the simulator did not start")

    def close(self) -> None:
        """Stop answering, drop open connections, join the thread. May be called twice."""
        self._uvicorn.stop()
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            raise RuntimeError("the simulator did not stop")

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def serve(simulator: Simulator, port: int = 0) -> Server:
    """Start answering on 127.0.0.1; port 0 takes a free one. Raises OSError if it is taken."""
    return Server(simulator, port)


class _SignallingServer(uvicorn.Server):
    """Says when it is up, and stops without waiting for slow clients."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self.is_up.set()

    def stop(self) -> None:
        self.should_exit = self.force_exit = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._drop_connections)

    def _drop_connections(self) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, H11Protocol):
                connection.transport.abort()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener
