"""The systemd unit, started by a real systemd that is the first process of a namespace."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.namespaces import MACHINE, need_namespaces, open_up
from tests.server import LOOPBACK, ROOT, free_port, until

UNIT = (ROOT / "deploy" / "stocktracker.service").read_text(encoding="utf-8")
SYSTEMD = shutil.which("systemd", path="/lib/systemd:/usr/lib/systemd")
TARGET = "[Unit]\nDefaultDependencies=no\nWants=stocktracker.service\n"
# What is not tried: systemd cannot make a file system for credentials within a namespace. And the
# unit hides homes, where this checkout's interpreter may live.
LEFT_OUT = (
    "LoadCredential=secrets.toml:/etc/stocktracker/secrets.toml\n",
    "Environment=STOCKTRACKER_SECRETS=%d/secrets.toml\n",
)


class Machine:
    """A systemd that starts the unit and nothing else. `folder` can be seen from in there."""

    def __init__(self, folder: Path, **settings: str) -> None:
        need_namespaces()
        if ROOT.is_relative_to("/tmp") or ROOT.is_relative_to("/var/tmp"):  # noqa: S108
            pytest.skip("a service with a user of its own cannot see a checkout in /tmp")
        if SYSTEMD is None:
            pytest.skip("no systemd here; .ci/run installs it")
        self.folder = folder
        self.port = free_port()
        self.output = folder / "output"
        (folder / "units").mkdir()
        (folder / "lib").mkdir()
        (folder / "units" / "stocktracker.service").write_text(self._unit(settings), "utf-8")
        (folder / "units" / "go.target").write_text(TARGET, encoding="utf-8")
        script = f"""
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
{open_up(Path(sys.base_prefix))}
mount -t tmpfs tmpfs /run
mount --bind {folder}/lib /var/lib
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
export SYSTEMD_UNIT_PATH={folder}/units container=unshare
exec {SYSTEMD} --system --unit=go.target --show-status=no
"""
        self._process = subprocess.Popen(
            [*MACHINE, "sh", "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _unit(self, settings: dict[str, str]) -> str:
        output = f"StandardOutput=append:{self.output}\nStandardError=append:{self.output}\n"
        more = "".join(f"Environment={name}={text}\n" for name, text in settings.items())
        unit = UNIT
        for given, ours in {
            "/opt/stocktracker": str(ROOT),
            "run app.py": f"run app.py --server.port={self.port}",
            "ProtectHome=yes": "ProtectHome=no",
            "[Unit]\n": "[Unit]\nDefaultDependencies=no\n",
            "[Service]\n": f"[Service]\n{output}{more}",
            **dict.fromkeys(LEFT_OUT, ""),
        }.items():
            assert given in unit, given
            unit = unit.replace(given, ours)
        return unit

    def is_up(self) -> bool:
        assert self._process.poll() is None, "systemd has ended"
        try:
            return requests.get(f"http://{LOOPBACK}:{self.port}/healthz", timeout=5).ok
        except requests.RequestException:
            return False

    def main_process(self) -> Path:
        """Of the service, in /proc."""
        (found,) = [
            path.parent
            for path in Path("/proc").glob("[0-9]*/cmdline")
            if f"--server.port={self.port}".encode() in path.read_bytes()
        ]
        return found

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8") if self.output.exists() else ""

    def close(self) -> None:
        self._process.kill()
        self._process.wait(10)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody can look into, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_the_unit_starts_as_a_user_of_its_own_who_has_a_store_and_nothing_else(
    place: Path,
) -> None:
    machine = Machine(place)
    try:
        until(machine.is_up, within=60, what="the service answers")
        service = machine.main_process()
        status = dict(
            line.split(":\t", 1) for line in (service / "status").read_text("utf-8").splitlines()
        )
        user = int(status["Uid"].split()[0])
        assert user != 0
        assert int(status["CapEff"], 16) == 0
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        store = place / "lib" / "private" / "stocktracker"
        assert (store.stat().st_uid, store.stat().st_mode & 0o777) == (user, 0o700)
        assert (store / "store" / "demo" / "cache.db").exists()
        assert "prices are simulated" in machine.said()
    finally:
        machine.close()


def test_a_service_with_a_wrong_setting_says_so_once_and_is_not_started_again(
    place: Path,
) -> None:
    machine = Machine(place, STOCKTRACKER_PLAN="golden")
    try:
        until(lambda: "STOCKTRACKER_PLAN" in machine.said(), within=60)
        # Longer than RestartSec would take it.
        for _ in range(3):
            with pytest.raises(AssertionError):
                until(lambda: machine.said().count("STOCKTRACKER_PLAN") > 1, within=2)
        assert machine.said().count("STOCKTRACKER_PLAN") == 1
    finally:
        machine.close()
