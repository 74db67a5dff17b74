"""A line between two programs that can be made slow: what comes back waits."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.server import LOOPBACK


class Relay:
    """Passes on what is said to a port of this machine. `delay` is in seconds, for each answer."""

    def __init__(self, port: int) -> None:
        self.delay = 0.0
        self._to = port
        self._pause = threading.Event()  # set at the end, so that nobody waits any more
        self._door = socket.create_server((LOOPBACK, 0))
        self.port: int = self._door.getsockname()[1]
        self._open: list[socket.socket] = [self._door]
        threading.Thread(target=self._let_in, daemon=True).start()

    def close(self) -> None:
        self._pause.set()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _let_in(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._door.accept()
                called = socket.create_connection((LOOPBACK, self._to))
                self._open += [caller, called]
                for ends in ((caller, called, False), (called, caller, True)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while content := one.recv(65536):
                if is_answer and self.delay:
                    self._pause.wait(self.delay)
                other.sendall(content)


@contextmanager
def relay_to(port: int) -> Iterator[Relay]:
    relay = Relay(port)
    try:
        yield relay
    finally:
        relay.close()
