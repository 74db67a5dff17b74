"""Dockerfile and compose.yaml, as far as they can be tried without a container engine.

What the image runs is run here as the image runs it: by a user who owns nothing, on a root that
cannot be written. What compose has nginx do to the site is done to it, and nginx looks at it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from stocktracker.config import NAMES
from tests.namespaces import need_namespaces, open_up
from tests.server import LOOPBACK, ROOT, free_port, until
from tests.test_deploy import NGINX, make_certificate

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LINES = [line.split(" ", 1) for line in DOCKERFILE.splitlines() if re.match("[A-Z]+ ", line)]
NOBODY = 10001


def said(word: str) -> list[str]:
    """What the Dockerfile says under a word, in order."""
    return [rest.strip() for first, rest in LINES if first == word]


def listed(word: str) -> list[str]:
    """The last CMD, as a list."""
    command: list[str] = json.loads(said(word)[-1])
    return command


# --- the image --------------------------------------------------------------------------------


def test_everything_that_the_program_needs_is_copied_and_nothing_else() -> None:
    copied = {path for line in said("COPY") if not line.startswith("--") for path in line.split()}
    assert {"requirements.txt", "app.py", "pages", "assets", "stocktracker"} <= copied
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    for path in copied - {"./", ".", ".streamlit/"}:
        assert path.split("/")[0] in {each.split("/")[0] for each in allowed}, path
        assert (ROOT / path).exists(), path
    assert "*" in ignored
    assert ".streamlit/secrets.toml" not in allowed, "no image has a key in it"


def test_both_stages_are_of_one_python_and_pinned_to_it() -> None:
    assert len({line.split()[0] for line in said("FROM")}) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", said("FROM")[-1])


def test_it_runs_as_nobody_in_particular() -> None:
    (user,) = said("USER")
    assert user == f"{NOBODY}:{NOBODY}"
    order = [first for first, _ in LINES]
    assert order.index("USER") < order.index("CMD")
    assert order.index("USER") > max(place for place, word in enumerate(order) if word == "RUN")


@pytest.fixture(scope="module")
def contained() -> Iterator[tuple[int, Path]]:
    """The image's command, in a mount namespace whose root is read-only, as its user.

    Its port, and the folder that is its /var/lib/stocktracker.
    """
    need_namespaces()
    port = free_port()
    _, *arguments = listed("CMD")
    run = shlex.join([sys.executable, "-m", "streamlit", *arguments, f"--server.port={port}"])
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        Path(folder).chmod(0o755)
        state.mkdir(0o700)
        os.chown(state, NOBODY, NOBODY)
        script = f"""
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
{open_up(Path(sys.base_prefix))}
mount --bind {state} {state}
mount -o remount,ro,bind /
exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups --no-new-privs \\
  --bounding-set -all --inh-caps -all {run}
"""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(state),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            **dict.fromkeys(NAMES, ""),
            "STOCKTRACKER_STORE": str(state / "store"),
            "STOCKTRACKER_SECRETS": os.devnull,
        }
        log = Path(folder) / "terminal.log"
        with log.open("wb") as terminal:
            process = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", script],
                cwd=ROOT,
                env=environment,
                stdout=terminal,
                stderr=subprocess.STDOUT,
            )
        try:
            until(lambda: is_up(port, process, log), within=60, what=f"up: {log.read_text()}")
            yield port, state
        finally:
            process.terminate()
            process.wait(20)


def is_up(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text(encoding="utf-8")
    try:
        return requests.get(f"http://{LOOPBACK}:{port}/healthz", timeout=5).ok
    except requests.RequestException:
        return False


def test_it_works_where_it_may_write_nothing_but_its_store(contained: tuple[int, Path]) -> None:
    port, state = contained
    assert (state / "store" / "demo").is_dir()
    (owner,) = {path.stat().st_uid for path in (state / "store").rglob("*")}
    assert owner == NOBODY
    page = requests.get(f"http://{LOOPBACK}:{port}/", timeout=5)
    assert page.ok
    assert requests.get(f"http://{LOOPBACK}:{port}/healthz", timeout=5).json()["store"]["ok"]


def test_its_health_is_asked_for_as_it_says(contained: tuple[int, Path]) -> None:
    (check,) = said("HEALTHCHECK")
    _, *command = json.loads(check[check.index("CMD") + 4 :])
    words = [word.replace(":8501/", f":{contained[0]}/") for word in command]
    assert words != command
    assert subprocess.run([sys.executable, *words], check=False).returncode == 0
    nowhere = [word.replace(":8501/", f":{free_port()}/") for word in command]
    asked = subprocess.run([sys.executable, *nowhere], check=False, capture_output=True)
    assert asked.returncode == 1


# --- compose ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_only_nginx_can_be_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["valkey"]["networks"] == ["inside"]


def test_valkey_keeps_what_counts_the_calls() -> None:
    command = SERVICES["valkey"]["command"]
    for words in ("--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"):
        assert words in command
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if binary is None:
        pytest.skip("no redis-server here")
    flags = re.sub(r"\$\{[A-Z_]+[^}]*\}", "password", command).split()[1:]
    port = free_port()
    server = subprocess.Popen([binary, *flags, "--port", str(port), "--dir", "/tmp"])  # noqa: S108
    try:
        import redis  # noqa: PLC0415

        asked = redis.Redis(host=LOOPBACK, port=port, password="password")
        until(lambda: answers(asked), within=10)
        assert asked.config_get("appendfsync") == {"appendfsync": "always"}
        asked.close()
    finally:
        server.terminate()
        server.wait(10)


def answers(asked: Any) -> bool:
    import redis  # noqa: PLC0415

    try:
        return bool(asked.ping())
    except redis.exceptions.ConnectionError:
        return False


def test_the_servers_share_what_they_have_to() -> None:
    given = SERVICES["stocktracker"]["environment"]
    assert given["STOCKTRACKER_STORE"].startswith("redis://:${")
    assert {"STREAMLIT_SERVER_COOKIE_SECRET", "STREAMLIT_SERVER_ALLOWED_HOSTS"} <= given.keys()
    assert {name for name in given if name.startswith("STOCKTRACKER")} <= {*NAMES}
    assert SERVICES["stocktracker"]["deploy"]["replicas"] > 1
    assert "ALPHAVANTAGE_API_KEY" not in given, "the key is in a file that only the servers see"


def test_the_site_that_compose_makes_is_one_that_nginx_takes(tmp_path: Path) -> None:
    if NGINX is None:
        pytest.skip("no nginx here")
    make_certificate(tmp_path)
    shell, flag, script = SERVICES["nginx"]["command"]
    made = script.replace("$$", "$").replace("exec nginx -g 'daemon off;'", "true")
    made = made.replace("/site/nginx.conf", str(ROOT / "deploy" / "nginx.conf"))
    made = made.replace("/etc/nginx/conf.d/default.conf", str(tmp_path / "site.conf"))
    subprocess.run([shell, flag, made], env={**os.environ, "SITE": "here.example"}, check=True)
    site = (tmp_path / "site.conf").read_text(encoding="utf-8")
    assert "server stocktracker:8501 max_fails=1" in site
    assert "server_name here.example;" in site
    assert "stocks.example.com" not in site
    # The name is Docker's; here it is this machine's.
    site = site.replace("server stocktracker:8501", f"server {LOOPBACK}:8501")
    site = site.replace("/etc/ssl/stocktracker", str(tmp_path))
    (tmp_path / "site.conf").write_text(site, encoding="utf-8")
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{ include {tmp_path}/site.conf; }}\n",
        encoding="utf-8",
    )
    looked = subprocess.run(
        [NGINX, "-t", "-p", str(tmp_path), "-c", str(config), "-e", str(tmp_path / "log")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert looked.returncode == 0, looked.stderr
