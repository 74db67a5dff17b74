"""What an operator does beside the server: check, backup, restore. Real files and processes."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocktracker import encoding
from stocktracker.cache import DiskStore, open_store
from stocktracker.clock import SystemClock
from stocktracker.errors import BudgetSpent, StoreError
from stocktracker.model import Attempt, Feed, Outcome, Quote, Record, Ticker
from stocktracker.operating.checkup import file_system
from stocktracker.operating.copies import backup, restore
from stocktracker.plans import DAY, parse_limits
from stocktracker.polling import joining
from stocktracker.polling.budget import Budget
from tests.disks import mounted
from tests.helpers import FakeClock, quote, utc
from tests.server import KEY, Upstream, simulating
from tests.test_cache import SAVER, kill, run

ROOT = Path(__file__).parents[1]
IBM = Ticker("IBM")
NOW = utc("2026-11-23T15:00")
LIMITS = parse_limits("25/day")


def save_price(store: DiskStore, price: float) -> None:
    data = quote("IBM", price, fetched_at=NOW)
    store.save([Record(Feed.QUOTE, IBM, data, Attempt(NOW, Outcome.NEW, 1))])


def price(store: DiskStore) -> float | None:
    found = store.load(Feed.QUOTE, IBM)
    return found.data.price if found and isinstance(found.data, Quote) else None


def left(store: DiskStore, clock: FakeClock) -> int | None:
    return Budget(store, LIMITS, clock).allowance().left_within(DAY)


def operate(folder: Path, *arguments: object, **settings: str) -> tuple[int, str]:
    """Run the command as a process; its exit code and all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", "stocktracker", *map(str, arguments)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "STOCKTRACKER_STORE": str(folder), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


# --- copies ---------------------------------------------------------------------------------


def test_a_backup_while_somebody_writes_has_all_that_was_acknowledged_before(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "store"
    saver = run(SAVER, folder, 1)
    assert saver.stdout is not None
    try:
        for number in range(5):
            acknowledged = int(saver.stdout.readline())
            backup(folder, tmp_path / f"copy-{number}")
            with closing(open_store(tmp_path / f"restored-{number}")) as store:
                store.close()
            restore(tmp_path / f"restored-{number}", tmp_path / f"copy-{number}")
            with closing(open_store(tmp_path / f"restored-{number}")) as store:
                note = store.load_document("note")
                assert note is not None
                assert note["number"] >= acknowledged
                records = [*store.load_all(Feed.QUOTE), *store.load_all(Feed.DAILY)]
                assert len(records) == 8
                assert {each.attempt.failures for each in records if each.attempt} == {
                    note["number"]
                }, "all of one batch"
    finally:
        kill(saver)


def test_a_backup_is_one_file_that_only_its_owner_reads_and_never_overwrites(
    store: DiskStore, tmp_path: Path
) -> None:
    save_price(store, 100.0)
    copy = tmp_path / "copy"
    backup(store.folder, copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    content = copy.read_bytes()
    with pytest.raises(StoreError, match="is there already"):
        backup(store.folder, copy)
    assert copy.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "store"]


def no_store(folder: Path, file: Path) -> None:
    backup(folder / "nowhere", file)


def no_folder_for_the_file(folder: Path, file: Path) -> None:
    backup(folder, file / "nowhere" / "copy")


def no_file(folder: Path, file: Path) -> None:
    restore(folder, file)


def not_a_backup(folder: Path, file: Path) -> None:
    file.write_bytes(b"%PDF-1.7\n" * 1000)
    restore(folder, file)


def another_database(folder: Path, file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE Other (value)")
    restore(folder, file)


def a_damaged_backup(folder: Path, file: Path) -> None:
    backup(folder, file)
    content = bytearray(file.read_bytes())
    content[4096 * 2 :] = random.Random(1).randbytes(len(content) - 4096 * 2)
    file.write_bytes(content)
    restore(folder, file)


@pytest.mark.parametrize(
    "what",
    [
        no_store,
        no_folder_for_the_file,
        no_file,
        not_a_backup,
        another_database,
        a_damaged_backup,
    ],
)
def test_what_cannot_be_copied_is_refused_and_changes_nothing(
    what: Callable[[Path, Path], None], store: DiskStore, tmp_path: Path
) -> None:
    save_price(store, 100.0)
    with pytest.raises(StoreError):
        what(store.folder, tmp_path / "copy")
    assert price(store) == 100.0
    assert {path.name for path in tmp_path.iterdir()} <= {"copy", "store"}


def test_a_backup_where_there_is_no_room_leaves_nothing(store: DiskStore, tmp_path: Path) -> None:
    save_price(store, 100.0)
    try:
        with mounted(tmp_path / "disk", 1) as disk:
            disk.fill()
            with pytest.raises(StoreError):
                backup(store.folder, disk.folder / "copy")
            assert [path.name for path in disk.folder.iterdir()] == ["filler"]
    except OSError as fault:
        pytest.skip(f"mounting is not allowed here: {fault}")


def test_what_is_restored_takes_the_place_of_all_that_was_there(
    store: DiskStore, tmp_path: Path
) -> None:
    save_price(store, 100.0)
    backup(store.folder, tmp_path / "copy")
    save_price(store, 200.0)
    store.save_document("note", {"number": 2})
    revision = store.revision()
    restore(store.folder, tmp_path / "copy")
    assert price(store) == 100.0
    assert store.load_document("note") is None
    assert store.revision() > revision, "so that whoever follows looks"


def test_nothing_is_restored_under_a_running_server(store: DiskStore, tmp_path: Path) -> None:
    save_price(store, 100.0)
    backup(store.folder, tmp_path / "copy")
    save_price(store, 200.0)
    assert store.lead()
    with pytest.raises(StoreError, match="A server runs on this store"):
        restore(store.folder, tmp_path / "copy")
    assert price(store) == 200.0


def test_a_foreign_row_of_a_backup_is_passed_over(store: DiskStore, tmp_path: Path) -> None:
    save_price(store, 100.0)
    backup(store.folder, tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "copy", isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO Cache (key, raw, mode, filename, value) VALUES (?, 1, 4, '../secret', ?)",
            ("v1:data:quote:AAPL", b"cos\nsystem\n"),
        )
    restore(store.folder, tmp_path / "copy")
    assert [each.ticker for each in store.load_all(Feed.QUOTE)] == ["IBM"]


# --- the ledger of a copy -----------------------------------------------------------------------


def test_a_restore_gives_no_call_back_that_was_made_since(
    store: DiskStore, clock: FakeClock, tmp_path: Path
) -> None:
    budget = Budget(store, LIMITS, clock)
    budget.spend(3)
    backup(store.folder, tmp_path / "copy")
    clock.tick(60)
    budget.spend(4)
    restore(store.folder, tmp_path / "copy")
    assert left(store, clock) == 25 - 7


@pytest.mark.parametrize("rebooted", [False, True])
def test_a_backup_of_later_calls_counts_them_too(
    rebooted: bool, store: DiskStore, clock: FakeClock, tmp_path: Path
) -> None:
    """Restored over an older store, as when another machine has been calling meanwhile."""
    Budget(store, LIMITS, clock).spend(3)
    backup(store.folder, tmp_path / "early")
    clock.tick(60)
    if rebooted:
        clock.reboot()
    Budget(store, LIMITS, clock).spend(4)
    backup(store.folder, tmp_path / "late")
    with closing(open_store(tmp_path / "other")):
        pass
    restore(tmp_path / "other", tmp_path / "early")
    restore(tmp_path / "other", tmp_path / "late")
    with closing(open_store(tmp_path / "other")) as other:
        assert left(other, clock) in ((25 - 7,) if not rebooted else range(25 - 7 - 3, 25 - 7 + 1))


def test_without_the_store_that_was_there_every_call_counts_as_taken(
    store: DiskStore, clock: FakeClock, tmp_path: Path
) -> None:
    Budget(store, LIMITS, clock).spend()
    backup(store.folder, tmp_path / "copy")
    words = restore(tmp_path / "new", tmp_path / "copy")
    assert "every call counts as taken" in words
    with closing(open_store(tmp_path / "new")) as new:
        assert left(new, clock) == 0


def test_a_torn_ledger_counts_as_spent(store: DiskStore, clock: FakeClock) -> None:
    budget = Budget(store, LIMITS, clock)
    budget.spend()
    torn = zlib.compress(encoding.encode_document({"taken": []}))[:-3]
    with closing(sqlite3.connect(store.folder / "cache.db", isolation_level=None)) as connection:
        connection.execute("UPDATE Cache SET value = ? WHERE key LIKE '%:budget'", (torn,))
    with pytest.raises(BudgetSpent):
        budget.spend()


def ledgers() -> st.SearchStrategy[dict[str, Any]]:
    stamps = st.lists(st.floats(0, 100_000).map(lambda up: round(up, 3)), max_size=30).map(sorted)
    closure = st.none() | st.fixed_dictionaries(
        {"window": st.sampled_from(["minute", "day"]), "until": st.floats(0, 110_000)}
    )
    return st.fixed_dictionaries(
        {
            "boot": st.sampled_from(["first boot", "an earlier one"]),
            "booted_at": st.floats(1.7e9, 1.8e9),
            "taken": stamps,
            "closure": closure,
        }
    )


class Held:
    """A store of one document."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def load_document(self, _name: str) -> dict[str, Any]:
        return self.content

    def save_document(self, _name: str, content: dict[str, Any]) -> None:
        self.content = content

    def transaction(self) -> AbstractContextManager[None]:
        return nullcontext()


@settings(deadline=None, max_examples=200)
@given(ledgers(), ledgers())
def test_joined_ledgers_never_allow_more_than_either(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    """On the machine that the later of the two is of."""
    clock = FakeClock("2026-11-23T15:00:00")
    later = max(one, other, key=lambda each: each["booted_at"])
    later["boot"] = "first boot"
    later["booted_at"] = (clock.now() - clock.uptime().elapsed).timestamp()
    if one["boot"] == other["boot"]:
        one["booted_at"] = other["booted_at"] = later["booted_at"]
    joined = joining.join(one, other)
    assert joined is not None

    def allows(content: dict[str, Any]) -> int | None:
        return Budget(Held(content), LIMITS, clock).allowance().left_within(DAY)  # type: ignore[arg-type]

    together = allows(joined)
    assert together is not None
    for each in (one, other):
        alone = allows(each)
        assert alone is not None
        assert together <= alone


@pytest.mark.parametrize("broken", [joining.LOST, {}, {"boot": "x"}, {"taken": "no"}])
def test_a_ledger_that_cannot_be_joined_is_lost(broken: dict[str, Any]) -> None:
    whole = {"boot": "x", "booted_at": 1.0, "taken": [1.0], "closure": None}
    assert joining.join(whole, broken or {"nothing": 1}) == joining.LOST
    assert joining.join(broken or {"nothing": 1}, whole) == joining.LOST


# --- check ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with simulating("premium-75") as upstream:
        yield upstream


def source(tmp_path: Path, upstream: Upstream) -> Path:
    port = upstream.url.rpartition(":")[2].partition("/")[0]
    return tmp_path / "store" / f"127.0.0.1-{port}"


def made(folder: Path) -> None:
    folder.parent.mkdir(mode=0o700)
    with closing(open_store(folder)) as store:
        save_price(store, 100.0)


def open_to_others(folder: Path) -> None:
    made(folder)
    folder.chmod(0o755)


def damaged(folder: Path) -> None:
    made(folder)
    (folder / "cache.db").write_bytes(b"rubbish" * 10_000)


def written_in_the_future(folder: Path) -> None:
    made(folder)
    with closing(sqlite3.connect(folder / "cache.db", isolation_level=None)) as connection:
        connection.execute("UPDATE Cache SET store_time = store_time + 86400")


STORES = {
    made: (1, "is private, whole and writable"),
    open_to_others: (2, "is open to others; close it with chmod 700"),
    damaged: (2, "is damaged"),
    written_in_the_future: (2, "one of them was wrong"),
}


@pytest.mark.parametrize("what", list(STORES))
def test_check_says_what_is_wrong_with_the_store_and_leaves_it(
    what: Callable[[Path], None], tmp_path: Path, upstream: Upstream
) -> None:
    folder = source(tmp_path, upstream)
    what(folder)
    database = (folder / "cache.db").read_bytes() if what is damaged else b""
    code, said = operate(tmp_path / "store", "check", **upstream.settings)
    # The tests' key is no real one, which is doubtful at the least.
    assert (code, STORES[what][1] in said) == (STORES[what][0], True), said
    assert upstream.count() == 0
    if what is damaged:
        assert (folder / "cache.db").read_bytes() == database


SETTINGS: dict[str, tuple[dict[str, str], int, str]] = {
    "no key": ({}, 1, "there is none, so prices are simulated"),
    "a wrong plan": ({"STOCKTRACKER_PLAN": "gold"}, 2, "'gold' is not a plan"),
    "a short key": (
        {"ALPHAVANTAGE_API_KEY": "abc", "STOCKTRACKER_UPSTREAM": "http://127.0.0.1:1/query"},
        2,
        "capital letters and digits",
    ),
    "nobody there": (
        {"ALPHAVANTAGE_API_KEY": KEY, "STOCKTRACKER_UPSTREAM": "http://127.0.0.1:1/query"},
        2,
        "127.0.0.1 cannot be reached",
    ),
}


@pytest.mark.parametrize("which", list(SETTINGS))
def test_check_says_what_is_wrong_with_settings_key_and_network(which: str, tmp_path: Path) -> None:
    given_, code, words = SETTINGS[which]
    found, said = operate(tmp_path / "store", "check", **given_)
    assert found == code
    assert words in said
    assert KEY not in said


def test_asking_spends_one_call_of_the_budget_and_says_so(
    tmp_path: Path, upstream: Upstream
) -> None:
    before = upstream.count()
    made(source(tmp_path, upstream))
    _, said = operate(tmp_path / "store", "check", "--ask", **upstream.settings)
    assert "one call was spent, and brought IBM's quote" in said
    assert upstream.count() == before + 1
    assert KEY not in said
    limits = parse_limits("1000/day")
    with closing(open_store(source(tmp_path, upstream))) as store:
        assert Budget(store, limits, SystemClock()).allowance().left_within(DAY) == 999


def test_backup_and_restore_are_commands(tmp_path: Path, upstream: Upstream) -> None:
    folder = source(tmp_path, upstream)
    made(folder)
    copy = tmp_path / "copy"
    assert operate(tmp_path / "store", "backup", copy, **upstream.settings)[0] == 0
    with closing(open_store(folder)) as store:
        save_price(store, 200.0)
        assert store.lead()
        code, said = operate(tmp_path / "store", "restore", copy, **upstream.settings)
        assert code == 2
        assert "A server runs on this store" in said
    assert operate(tmp_path / "store", "restore", copy, **upstream.settings)[0] == 0
    with closing(open_store(folder)) as store:
        assert price(store) == 100.0


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data/store", "ext4"),
        ("/mnt/share/store", "nfs4"),
        ("/mnt/shared", "ext4"),
        ("/mnt/with space/store", "cifs"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "40 22 0:40 / /mnt/share rw shared:2 - nfs4 server:/share rw\n"
        "41 22 0:41 / /mnt/with\\040space rw - cifs //server/share rw\n"
    )
    assert file_system(Path(path), mounts) == kind
    assert file_system(Path(path), tmp_path / "none") is None
