"""What the tests share. The parts are the real ones; only time and the network's far end are ours.

- `clock`: a FakeClock that stands still until a test moves it.
- `store`: a DiskStore in a temporary folder.
- `redis`: a real redis-server, empty.
- `upstream`: a simulator of Alpha Vantage, over HTTP on loopback, on that clock.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from stocktracker.cache import DiskStore
from tests.helpers import FakeClock
from tests.redis_server import RedisServer, need_redis, redis_server

# How long an example takes is the machine's business, which may have other work.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Files are readable for everybody unless the store sees to it that they are not. It does so
    for the whole process, and the next test shall not inherit it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock("2026-11-23T15:00:00")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    store = DiskStore(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture(scope="session")
def one_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """For tests that leave it running."""
    need_redis()
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(one_redis: RedisServer) -> RedisServer:
    """Empty."""
    one_redis.flush()
    return one_redis


@pytest.fixture
def redis_of_its_own(tmp_path: Path) -> Iterator[RedisServer]:
    """For a test that does something to it."""
    need_redis()
    with redis_server(tmp_path / "redis") as server:
        yield server
