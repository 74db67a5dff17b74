"""The store moved from a folder to Redis and back, and what `check` says of one on Redis.

Real files, a real redis-server, and the commands as people run them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from stocktracker.cache import DiskStore, open_store
from stocktracker.clock import SystemClock
from stocktracker.errors import StoreError, Window
from stocktracker.fleet.fleet_budget import FleetBudget
from stocktracker.fleet.fleet_checkup import examine_redis
from stocktracker.fleet.keys import Keys
from stocktracker.fleet.redis_store import RedisStore
from stocktracker.fleet.url import parse_url
from stocktracker.model import Attempt, Feed, Outcome, Record, Ticker
from stocktracker.operating.findings import Grade
from stocktracker.operating.migration import STAYS, migrate
from stocktracker.plans import parse_limits
from stocktracker.polling.budget import Budget
from tests.fleet import begin_ledger, redis_store
from tests.helpers import FakeClock, daily, quote, utc
from tests.redis_server import RedisServer, redis_server
from tests.server import free_port
from tests.test_operating import operate

NOW = utc("2026-11-23T15:00")
LIMITS = parse_limits("25/day")
SOURCE = "demo"
KEYS = Keys(SOURCE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store on disk with something of everything; of a server that has ended."""
    with closing(open_store(tmp_path / "store" / SOURCE)) as store:
        fill(store)
        budget = Budget(store, LIMITS, SystemClock())
        for _ in range(3):
            budget.spend()
        budget.close(Window.DAY)
    return tmp_path / "store"


def fill(store: DiskStore) -> None:
    days = {f"2026-{month:02}-{day:02}": 1.5 for month in range(1, 12) for day in range(1, 28)}
    records = [
        Record(feed, Ticker(name), data, Attempt(NOW, Outcome.NEW, 1))
        for name in (f"T:{number}" for number in range(60))
        for feed, data in (
            (Feed.QUOTE, quote(name, 5.0, fetched_at=NOW)),
            (Feed.DAILY, daily(name, days, fetched_at=NOW)),
        )
    ]
    store.save(records, {"watchlists": {"revision": 3}, "wants:dead": {}, "rights": {}})


def move(source: object, target: object) -> str:
    return migrate(place(source), place(target), SOURCE, LIMITS, SystemClock())


def place(of: object) -> tuple[Path, object]:  # as config.parse_store
    return (Path(), parse_url(of.url)) if isinstance(of, RedisServer) else (Path(str(of)), None)


def entries(store: DiskStore | RedisStore) -> dict[str, bytes]:
    """All but what stays behind."""
    return {key: value for key, value in store.entries() if not key.startswith(STAYS)}


def there_on(server: RedisServer) -> RedisStore:
    store = redis_store(server, SOURCE)
    store.tend()
    return store


def test_there_and_back_again_nothing_is_lost(
    folder: Path, redis: RedisServer, tmp_path: Path
) -> None:
    with closing(open_store(folder / SOURCE)) as store:
        before = entries(store)
        ledger = Budget(store, LIMITS, SystemClock()).load_ledger()
    assert len(before) == 60 * 4 + 2
    said = move(folder, redis)
    assert f"{len(before)} entries and 3 calls" in said
    with closing(there_on(redis)) as shared:
        assert entries(shared) == before
        moved = FleetBudget(shared, LIMITS, SystemClock()).load_ledger()
        assert moved.taken == pytest.approx(ledger.taken, abs=0.05)
        assert moved.closure is not None
        assert ledger.closure is not None
        assert moved.closure.window is Window.DAY
        assert abs(moved.closure.until - ledger.closure.until).total_seconds() < 0.05
    move(redis, tmp_path / "back")
    with closing(open_store(tmp_path / "back" / SOURCE)) as store:
        assert entries(store) == before
        back = Budget(store, LIMITS, SystemClock()).load_ledger()
        assert back.taken == pytest.approx(ledger.taken, abs=0.1)
        assert Budget(store, LIMITS, SystemClock()).allowance().refused is Window.DAY
    assert not redis.client.exists(KEYS.lease), "and nobody leads"


def test_calls_that_the_target_knows_of_count_besides(folder: Path, redis: RedisServer) -> None:
    begin_ledger(redis, SOURCE)
    with closing(there_on(redis)) as store:
        assert store.lead()
        FleetBudget(store, LIMITS, SystemClock()).spend(4)
    move(folder, redis)
    with closing(there_on(redis)) as store:
        assert len(FleetBudget(store, LIMITS, SystemClock()).load_ledger().taken) == 7


def a_server_runs_on_the_folder(folder: Path, redis: RedisServer) -> Callable[[], None]:
    store = DiskStore(folder / SOURCE)
    assert store.lead()
    return store.close


def a_server_runs_on_redis(folder: Path, redis: RedisServer) -> Callable[[], None]:
    store = there_on(redis)
    assert store.lead()
    return store.close


def redis_has_something(folder: Path, redis: RedisServer) -> Callable[[], None]:
    redis.client.hset(KEYS.place("v1:data:quote:IBM")[0], "IBM", b"{}")
    return lambda: None


def there_is_nothing_to_move(folder: Path, redis: RedisServer) -> Callable[[], None]:
    (folder / SOURCE).rename(folder / "elsewhere")
    return lambda: None


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (a_server_runs_on_the_folder, "A server runs on"),
        (a_server_runs_on_redis, "A server runs on Redis at 127"),
        (redis_has_something, "is not empty: 1 entries are in it"),
        (there_is_nothing_to_move, "There is no store in"),
    ],
)
def test_nothing_is_moved_where(
    why: Callable[[Path, RedisServer], Callable[[], None]],
    words: str,
    folder: Path,
    redis: RedisServer,
) -> None:
    undo = why(folder, redis)
    before = {key: redis.client.hlen(key) for key in redis.client.scan_iter(KEYS.kinds())}
    with pytest.raises(StoreError, match=words):
        move(folder, redis)
    after = {key: redis.client.hlen(key) for key in redis.client.scan_iter(KEYS.kinds())}
    assert after == before
    assert redis.client.zcard(KEYS.calls) == 0
    undo()


def test_a_folder_that_has_a_store_is_no_target(folder: Path, redis: RedisServer) -> None:
    move(folder, redis)
    with pytest.raises(StoreError, match="is not empty"):
        move(redis, folder)


def test_a_redis_that_fills_up_is_left_as_empty_as_it_was(
    folder: Path, redis_of_its_own: RedisServer
) -> None:
    server = redis_of_its_own
    there_on(server).close()
    server.client.config_set("maxmemory", server.client.info()["used_memory"] + 200_000)
    with pytest.raises(StoreError, match="has no memory left"):
        move(folder, server)
    server.client.config_set("maxmemory", 0)
    assert list(server.client.scan_iter(KEYS.kinds())) == []
    move(folder, server)


# As commands


def test_moving_is_a_command_and_tells_no_password(folder: Path, tmp_path: Path) -> None:
    with redis_server(tmp_path / "closed", "--requirepass", "opensesame") as server:
        url = server.url.replace("://", "://:opensesame@")
        code, said = operate(folder, "migrate", folder, url)
        assert (code, "entries and 3 calls" in said) == (0, True), said
        back = tmp_path / "there again"
        code, said = operate(folder, "migrate", "settings", back, STOCKTRACKER_STORE=url)
        assert (code, "entries and 3 calls" in said) == (0, True), said
        code, again = operate(folder, "migrate", folder, url)
        assert (code, "is not empty" in again) == (2, True), again
        wrong = url.replace("opensesame", "WrongOne")
        code, refused = operate(folder, "migrate", wrong, tmp_path / "back")
        assert (code, "neither the user nor the password" in refused) == (2, True), refused
        for text in (said, again, refused):
            assert "opensesame" not in text
            assert "WrongOne" not in text
    code, said = operate(folder, "migrate", folder, "redis://:opensesame@one:port")
    assert (code, "TO: has a port that is no number" in said) == (2, True), said


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_backup_of_redis_is_a_move_to_a_folder(
    command: str, redis: RedisServer, tmp_path: Path
) -> None:
    code, said = operate(tmp_path, command, "copy", STOCKTRACKER_STORE=redis.url)
    assert code == 2
    assert "`migrate` to a folder is its backup" in said


def as_it_should_be(server: RedisServer) -> None:
    server.client.config_set("appendonly", "yes")


def as_it_comes(server: RedisServer) -> None:
    """Without appendonly."""


def told_to_forget(server: RedisServer) -> None:
    server.client.config_set("maxmemory", "1gb")
    server.client.config_set("maxmemory-policy", "allkeys-lru")


def a_replica(server: RedisServer) -> None:
    server.client.replicaof("127.0.0.1", free_port())


def gone(server: RedisServer) -> None:
    server.kill()


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        # Without a key prices are simulated, which is doubtful at the least.
        (as_it_should_be, 1, "answers and takes writes"),
        (as_it_comes, 1, "appendonly is off"),
        (told_to_forget, 2, "maxmemory-policy is allkeys-lru"),
        (a_replica, 2, "is a replica, which takes no writes"),
        (gone, 2, "cannot be reached: Connection refused"),
    ],
)
def test_check_says_what_is_wrong_with_a_store_on_redis(
    how: Callable[[RedisServer], None], code: int, words: str, *, redis_of_its_own: RedisServer,
    tmp_path: Path,
) -> None:  # fmt: skip
    how(redis_of_its_own)
    found, said = operate(tmp_path, "check", STOCKTRACKER_STORE=redis_of_its_own.url)
    assert (found, words in said) == (code, True), said
    assert ("as Redis's does" in said) == (code == 1 or how is told_to_forget)
    assert ("appendonly is off" in said) == (how in (as_it_comes, told_to_forget))


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("2001-01-01T00:00", "behind Redis's: one is wrong"),
        ("2101-01-01T00:00", "ahead of Redis's"),
    ],
)
def test_check_says_that_a_clock_is_far_from_redis_s(
    start: str, words: str, redis: RedisServer
) -> None:
    *_, finding = examine_redis(parse_url(redis.url), SOURCE, FakeClock(start))
    assert (finding.grade, finding.topic) == (Grade.DOUBTFUL, "clock")
    assert words in finding.words
