"""What the store on Redis promises besides what every store does: test_store_contract.py has that.

A real redis-server that is emptied, killed, stopped, or full.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from stocktracker.clock import SystemClock
from stocktracker.errors import LostLead, StoreError
from stocktracker.fleet.listener import Listener
from stocktracker.fleet.redis_store import LOCK_MS, RedisStore
from stocktracker.model import Feed, Record, Ticker, Want
from stocktracker.watchlists import Watchlists, create, to_document
from tests.fleet import redis_store
from tests.helpers import quote, utc
from tests.redis_server import RedisServer, redis_server
from tests.relay import relay_to
from tests.server import LOOPBACK, ROOT, free_port, until

IBM = Ticker("IBM")
NOW = utc("2026-11-23T15:00")
PAGE_WAITS = timedelta(seconds=1.5)
HEAD_START = timedelta(milliseconds=300)  # for a machine that has other work


@pytest.fixture
def store(redis: RedisServer) -> Iterator[RedisStore]:
    store = redis_store(redis)
    assert not store.tend()
    assert store.lead()
    yield store
    store.close()


@pytest.fixture
def other(redis: RedisServer, store: RedisStore) -> Iterator[RedisStore]:
    store = redis_store(redis)
    assert not store.tend()
    yield store
    store.close()


def quotes_of(*tickers: str, price: float = 1.0) -> list[Record]:
    return [
        Record(Feed.QUOTE, Ticker(ticker), quote(ticker, price, fetched_at=NOW), None)
        for ticker in tickers
    ]


def tend(store: RedisStore) -> bool:
    """Now, however short ago it was looked at."""
    store._looked_at = None
    return store.tend()


def test_sources_do_not_mix(redis: RedisServer, store: RedisStore) -> None:
    demo = redis_store(redis, "demo")
    assert demo.lead()
    demo.save(quotes_of("IBM"))
    assert store.load(Feed.QUOTE, IBM) is None
    assert store.revision() == 0
    keys = [key.decode() for key in redis.client.scan_iter()]
    assert keys
    assert all(key.startswith(("{stocktracker:demo}:", "{stocktracker:test}:")) for key in keys)
    demo.close()


def test_the_values_are_those_that_the_disk_has_and_nothing_is_serialised(
    redis: RedisServer, store: RedisStore
) -> None:
    store.save(quotes_of("IBM"), {"rights": {"plan": "free"}})
    prefix = store.keys.prefix
    assert redis.client.hget(f"{prefix}v1:data:quote", "IBM").startswith(b'{"kind":"quote"')
    assert redis.client.hget(f"{prefix}v1:document", "rights") == b'{"plan":"free"}'


# Who leads


def test_a_lease_that_is_not_renewed_is_another_s(redis: RedisServer, store: RedisStore) -> None:
    assert 0 < redis.client.pttl(store.keys.lease) <= 5000
    store._renewed_at -= timedelta(seconds=2)
    redis.client.pexpire(store.keys.lease, 100)
    assert store.lead()
    assert redis.client.pttl(store.keys.lease) > 4000


def test_who_lost_the_lead_is_told_once_and_may_lead_again(
    redis: RedisServer, store: RedisStore
) -> None:
    before = int(store.token or 0)
    redis.client.delete(store.keys.lease)
    store._renewed_at -= timedelta(seconds=2)
    assert not store.lead()
    assert store.lead()
    assert int(store.token or 0) > before


def test_a_save_under_a_token_of_before_is_refused_whole(
    redis: RedisServer, store: RedisStore, other: RedisStore
) -> None:
    store.save(quotes_of("IBM", price=1.0), {"note": {"number": 1}})
    redis.client.delete(store.keys.lease)
    assert other.lead()
    other.save(quotes_of("IBM", price=2.0), {"note": {"number": 2}})
    for fill in (1, 100_000):  # also where it was handed over in parts
        with pytest.raises(LostLead):
            store.save(
                quotes_of("IBM", price=3.0), {"note": {"number": 3, "fill": "x" * fill * 20}}
            )
    with pytest.raises(LostLead), store.transaction():
        store.save(quotes_of("IBM", price=3.0))
    found = other.load(Feed.QUOTE, IBM)
    assert found is not None
    assert found.data == quote("IBM", 2.0, fetched_at=NOW)
    assert other.load_document("note") == {"number": 2}


# Transactions


def test_a_transaction_that_took_longer_than_its_lock_changes_nothing(
    redis: RedisServer, store: RedisStore, other: RedisStore
) -> None:
    def change() -> None:
        with store.transaction():
            store.save_document("note", {"number": 1})
            redis.client.delete(store.keys.lock)  # it has run out
            other.save_document("note", {"number": 2})

    with pytest.raises(StoreError, match="took too long"):
        change()
    assert other.load_document("note") == {"number": 2}


def test_a_lock_of_a_process_that_died_lapses(redis: RedisServer, store: RedisStore) -> None:
    redis.client.set(store.keys.lock, "somebody", px=LOCK_MS)
    assert LOCK_MS <= 2000
    redis.client.pexpire(store.keys.lock, 50)
    with store.transaction():
        store.save_document("note", {})
    assert store.load_document("note") == {}


# What has changed


def test_more_changes_than_are_worth_telling_are_all(store: RedisStore, other: RedisStore) -> None:
    before = store.revision()
    store.save(quotes_of(*(f"T{number}" for number in range(5001))))
    assert other.changed_since(before) is None


def test_who_listens_is_woken_by_others_alone(store: RedisStore, other: RedisStore) -> None:
    heard: list[str] = []
    woken = threading.Event()
    listeners = [Listener(store), Listener(other)]
    listeners[0].start(lambda: heard.append("ours"))
    listeners[1].start(woken.set)
    until(lambda: heard and woken.is_set(), within=5, what="both listen")
    heard.clear()
    woken.clear()
    store.save(quotes_of("IBM"))
    assert woken.wait(2)
    assert other.load(Feed.QUOTE, IBM) is not None
    assert heard == []
    for each in listeners:
        each.close()


# A Redis that was emptied


def test_an_emptied_redis_gets_its_documents_back(
    redis: RedisServer, store: RedisStore, other: RedisStore
) -> None:
    store.save([], {"rights": {"plan": "free"}})
    other.save_document("wants:other", {"a": 1})
    redis.flush()
    assert tend(store)
    assert not tend(store)
    assert tend(other)
    assert store.load_document("rights") == {"plan": "free"}
    assert store.load_documents("wants:") == {"wants:other": {"a": 1}}
    assert store.lead()


def test_of_a_document_that_several_remember_the_newest_comes_back(
    redis: RedisServer, store: RedisStore, other: RedisStore
) -> None:
    """Whichever of them is the first to notice."""
    old = create(Watchlists(), "Tech", [IBM], max_tickers=5)
    new = create(old, "Oil", [Ticker("XOM")], max_tickers=5)
    store.save_document("watchlists", to_document(old))
    assert other.load_document("watchlists") == to_document(old)
    store.save_document("watchlists", to_document(new))
    redis.flush()
    assert tend(other)
    assert tend(store)
    assert other.load_document("watchlists") == to_document(new)


def test_a_redis_that_went_back_is_noticed(redis: RedisServer, store: RedisStore) -> None:
    store.save(quotes_of("IBM"))
    before = redis.client.get(store.keys.revision)
    store.save(quotes_of("IBM"))
    redis.client.set(store.keys.revision, before)
    assert tend(store)
    assert not tend(store)


def test_a_revision_is_never_given_out_again(redis: RedisServer, store: RedisStore) -> None:
    store.save(quotes_of("IBM"))
    before = store.revision()
    redis.flush()
    assert tend(store)
    assert store.lead()
    store.save(quotes_of("IBM"))
    assert store.revision() > before


# A Redis that is away


def it_is_killed(server: RedisServer) -> None:
    server.kill()


def it_answers_nothing(server: RedisServer) -> None:
    server.stop()


READS: dict[str, Callable[[RedisStore], object]] = {
    "load": lambda store: store.load(Feed.QUOTE, IBM),
    "load_many": lambda store: store.load_many([Want(Feed.QUOTE, IBM), Want(Feed.DAILY, IBM)]),
    "load_document": lambda store: store.load_document("note"),
    "save_document": lambda store: store.save_document("note", {}),
    "transaction": lambda store: store.transaction().__enter__(),
    "revision": lambda store: store.revision(),
}


@pytest.mark.parametrize("happens", [it_is_killed, it_answers_nothing])
def test_no_page_waits_for_a_redis_that_is_away_and_it_comes_back(
    happens: Callable[[RedisServer], None], redis_of_its_own: RedisServer
) -> None:
    store = redis_store(redis_of_its_own)
    store.tend()
    assert store.lead()
    store.save(quotes_of("IBM"))
    happens(redis_of_its_own)
    clock, started = SystemClock(), SystemClock().uptime().elapsed
    for _ in range(20):  # a page that asks for all of this, one after the other
        for read in READS.values():
            with pytest.raises(StoreError, match=r"Redis at 127\.0\.0\.1:\d+ "):
                read(store)
    assert clock.uptime().elapsed - started < PAGE_WAITS + HEAD_START
    with pytest.raises(StoreError):
        tend(store)
    if happens is it_is_killed:
        redis_of_its_own.start()
    else:
        redis_of_its_own.go_on()
    with pytest.raises(StoreError):  # it is for the one who looks after it to find out
        store.load(Feed.QUOTE, IBM)
    until(lambda: _is_back(store), within=10)
    store.load(Feed.QUOTE, IBM)
    store.close()


def test_no_page_waits_for_a_redis_that_answers_late_each_time(redis: RedisServer) -> None:
    """Whoever looks after the store bears it, as polling is not to stop for that."""
    with relay_to(redis.port) as line, ThreadPoolExecutor(1) as page:
        store = redis_store(f"redis://{LOOPBACK}:{line.port}")
        store.tend()
        assert page.submit(store.load, Feed.QUOTE, IBM).result() is None
        line.delay = 0.7
        clock, started = SystemClock(), SystemClock().uptime().elapsed
        waited = page.submit(store.load, Feed.QUOTE, IBM)
        assert waited.result() is None, "this one has waited, and has its answer"
        for read in READS.values():
            with pytest.raises(StoreError, match="takes long to answer"):
                page.submit(read, store).result()
        assert clock.uptime().elapsed - started < PAGE_WAITS + HEAD_START
        assert store.load(Feed.QUOTE, IBM) is None
        assert store.revision() == 0
        line.delay = 0.0
        assert store.revision() == 0
        assert page.submit(store.load, Feed.QUOTE, IBM).result() is None
        store.close()


def _is_back(store: RedisStore) -> bool:
    try:
        tend(store)
    except StoreError:
        return False
    return True


def test_lines_that_were_open_before_a_restart_fail_nobody_for_ever(
    redis_of_its_own: RedisServer,
) -> None:
    store = redis_store(redis_of_its_own)
    store.tend()
    together = threading.Barrier(5)

    def read() -> None:
        together.wait(5)
        store.load(Feed.QUOTE, IBM)

    threads = [threading.Thread(target=read) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    redis_of_its_own.kill()
    redis_of_its_own.start()
    until(lambda: _is_back(store), within=5)
    for _ in range(10):
        store.load(Feed.QUOTE, IBM)
    store.close()


def test_a_full_redis_is_read_and_says_so(redis_of_its_own: RedisServer) -> None:
    store = redis_store(redis_of_its_own)
    store.tend()
    assert store.lead()
    store.save(quotes_of("IBM"))
    redis_of_its_own.client.config_set("maxmemory", 1)
    with pytest.raises(StoreError, match="has no memory left"):
        store.save(quotes_of("AAPL"))
    assert store.load(Feed.QUOTE, IBM) is not None
    assert store.load(Feed.QUOTE, Ticker("AAPL")) is None
    redis_of_its_own.client.config_set("maxmemory", 0)
    store.save(quotes_of("AAPL"))
    store.close()


def test_the_password_is_in_no_fault(tmp_path: Path) -> None:
    with redis_server(tmp_path / "closed", "--requirepass", "opensesame") as server:
        right = redis_store(server.url.replace("://", "://:opensesame@"))
        right.tend()
        told = []
        for url in (server.url, server.url.replace("://", "://:WrongOne@")):
            with pytest.raises(StoreError) as refusal:
                redis_store(url).tend()
            told.append(refusal.value)
        server.kill()
        with pytest.raises(StoreError) as refusal:
            right.revision()
        told.append(refusal.value)
    for fault in told:
        assert "opensesame" not in f"{fault!r} {fault.__cause__!r}"
        assert "WrongOne" not in f"{fault!r} {fault.__cause__!r}"


def test_an_encrypted_redis_is_used_where_its_certificate_is_trusted(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    port = free_port()
    options = ("--tls-port", str(port), "--tls-auth-clients", "no", "--tls-cert-file",
               str(certificate), "--tls-key-file", str(key))  # fmt: skip
    with redis_server(tmp_path / "encrypted", *options):
        url = f"rediss://127.0.0.1:{port}"
        store = redis_store(f"{url}?ssl_ca_certs={certificate}")
        store.save_document("note", {"number": 1})
        assert store.load_document("note") == {"number": 1}
        store.close()
        with pytest.raises(StoreError, match="cannot be reached"):
            redis_store(url).revision()


def test_a_redis_at_a_socket_of_this_machine_s_is_used(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    with redis_server(tmp_path / "local", "--unixsocket", str(socket)) as server:
        store = redis_store(f"unix://{socket}?db=3")
        store.save_document("note", {"number": 1})
        assert store.load_document("note") == {"number": 1}
        assert server.client.dbsize() == 0
        store.close()


# One machine


def test_on_one_machine_nothing_of_redis_s_is_loaded(tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from stocktracker.config import load_settings
from stocktracker.runtime import open_runtime
import stocktracker.__main__
runtime = open_runtime(load_settings({"STOCKTRACKER_STORE": sys.argv[1]}, Path("no secrets")))
print(*(name for name in sys.modules if name.split(".")[0] == "redis"))
print(*(name for name in sys.modules if name.startswith("stocktracker.fleet.")))
runtime.close()
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(tmp_path / "store")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["", "stocktracker.fleet.url"]
