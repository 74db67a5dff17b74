"""A real redis-server for tests: on a free loopback port, with a folder, ended by its pid."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.server import LOOPBACK, free_port, until

BINARY = shutil.which("redis-server")


def need_redis() -> str:
    """The program; without it a test is skipped."""
    if BINARY is None:
        pytest.skip("there is no redis-server: apt-get install redis-server")
    return BINARY


class RedisServer:
    """One server, with verbs. `url` is what STOCKTRACKER_STORE would say."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.options = options
        self.url = f"redis://{LOOPBACK}:{self.port}"
        self.client = redis.Redis(host=LOOPBACK, port=self.port, retry=Retry(NoBackoff(), 0))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> RedisServer:
        """Empty, unless it was told to keep files; returns when it answers."""
        self.folder.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [need_redis(), "--port", str(self.port), "--bind", LOOPBACK, "--dir", str(self.folder),
             "--save", "", "--appendonly", "no", *self.options],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        until(self._answers, within=10, what="redis-server is up")
        return self

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.exceptions.AuthenticationError:
            return True
        except redis.exceptions.ConnectionError:
            return False

    def kill(self) -> None:
        """kill -9. Once is enough."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait(10)

    def stop(self) -> None:
        """SIGSTOP: connections stay open, and nothing is ever answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        self.client.flushall()

    def close(self) -> None:
        self.client.close()
        self.kill()


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[RedisServer]:
    server = RedisServer(folder, *options)
    try:
        yield server.start()
    finally:
        server.close()
