"""`make fleet`: several servers that share a Redis, behind nginx, on loopback. Ctrl-C ends them.

What deploy/compose.yaml starts in containers, as processes of one machine: a redis-server with
a password, `streamlit run app.py` so many times, and nginx with the site of deploy/nginx.conf,
without its TLS. Tests and benchmarks start their fleets with it too.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "deploy" / "nginx.conf"
HOST = "127.0.0.1"
PORT = 8500
WITHIN = 90.0  # seconds for all to be up
ENDED_WITHIN = 15.0
PATHS = f"{os.environ.get('PATH', '')}:/usr/sbin"  # where Debian has nginx
PAUSE = threading.Event()  # never set: it is waited for
CONFIG = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log stderr warn;
worker_processes 1;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    types {{ text/html html; text/css css; text/javascript js; font/woff2 woff2; }}
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def plain_site(site: str, port: int, servers: Sequence[int]) -> str:
    """The shipped site, listening on loopback without TLS, before servers on these ports."""
    blocks = re.split(r"(?m)^(?=server \{)", site)
    before, whole = blocks[0], blocks[-1]  # in between: other names, and the way to TLS
    whole = re.sub(r"(?m)^ *(ssl_.*|listen \[::\].*|add_header Strict-Transport.*)\n", "", whole)
    whole = whole.replace("listen 443 ssl http2;", f"listen {HOST}:{port};")
    whole = whole.replace("server_name stocks.example.com;", "server_name localhost 127.0.0.1;")
    line = "    server 127.0.0.1:8501 max_fails=1 fail_timeout=5s;\n"
    if line not in before:
        raise ValueError("deploy/nginx.conf has another line for a server")
    each = "".join(line.replace("8501", str(server)) for server in servers)
    return before.replace(line, each).replace("Secure; ", "") + whole


class Fleet:
    """A running fleet; a context manager that ends it. `settings` are given to every server.

    Raises FileNotFoundError where nginx or redis-server is missing, RuntimeError where something
    does not come up.
    """

    def __init__(
        self,
        folder: Path,
        count: int = 3,
        settings: Mapping[str, str] | None = None,
        *,
        port: int | None = None,
        changes: Mapping[str, str] | None = None,
    ) -> None:
        """`changes` are made to the site's text, for limits that a test is not about."""
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.ports = [free_port() for _ in range(count)]
        self._settings = dict(settings or {})
        self._changes = dict(changes or {})
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._password = secrets.token_urlsafe(16)
        self._redis_port = free_port()
        self._cookie = secrets.token_hex(32)

    @property
    def store(self) -> str:
        """What STOCKTRACKER_STORE is for each server."""
        return f"redis://:{self._password}@{HOST}:{self._redis_port}/0"

    def __enter__(self) -> Fleet:
        try:
            self._start_redis()
            for place in range(len(self.ports)):
                self.start(place)
            self._wait_for([f"http://{HOST}:{port}/healthz" for port in self.ports])
            self._start_nginx()
            self._wait_for([f"{self.url}/healthz"])
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_fault: object) -> None:
        self.close()

    def start(self, place: int) -> None:
        """The server of that place, anew."""
        port = self.ports[place]
        command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        environment = {
            **kept,
            "HOME": str(self.folder),
            "PYTHONUNBUFFERED": "1",
            "STOCKTRACKER_SECRETS": os.devnull,
            **self._settings,
            "STOCKTRACKER_STORE": self.store,
            "STREAMLIT_SERVER_COOKIE_SECRET": self._cookie,
        }
        self._run(f"server {place}", command, environment)

    def pid(self, name: str) -> int:
        """Of `server 0`, `redis`, `nginx`."""
        return self._processes[name].pid

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self._processes[name]
        process.kill()
        process.wait()

    def send(self, name: str, number: signal.Signals) -> None:
        self._processes[name].send_signal(number)

    def close(self) -> None:
        """nginx first, then the servers, then what they share. Once is enough."""
        for name in ("nginx", *(f"server {place}" for place in range(len(self.ports))), "redis"):
            process = self._processes.get(name)
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self._processes.values():
            try:
                process.wait(ENDED_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def _start_redis(self) -> None:
        binary = shutil.which("redis-server", path=PATHS) or shutil.which(
            "valkey-server", path=PATHS
        )
        if binary is None:
            raise FileNotFoundError("There is no redis-server: apt-get install redis-server")
        config = self.folder / "redis.conf"  # not as arguments, which everybody can list
        config.write_text(
            f"port {self._redis_port}\nbind {HOST}\ndir {self.folder}\n"
            f'requirepass {self._password}\nappendonly yes\nappendfsync always\nsave ""\n'
            "maxmemory-policy noeviction\n",
            encoding="utf-8",
        )
        self._run("redis", [binary, str(config)], {"PATH": PATHS})

    def _start_nginx(self) -> None:
        binary = shutil.which("nginx", path=PATHS)
        if binary is None:
            raise FileNotFoundError("There is no nginx: apt-get install nginx-light")
        site = plain_site(SITE.read_text(encoding="utf-8"), self.port, self.ports)
        for given, ours in self._changes.items():
            if given not in site:
                raise ValueError(f"deploy/nginx.conf does not say {given}")
            site = site.replace(given, ours)
        (self.folder / "site.conf").write_text(site, encoding="utf-8")
        # Started by root nginx would give its work to a user who cannot read this folder.
        user = "user root root;" if os.geteuid() == 0 else ""
        config = self.folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=self.folder, user=user), encoding="utf-8")
        command = [binary, "-p", str(self.folder), "-c", str(config)]
        self._run("nginx", command, {"PATH": PATHS})

    def _run(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for this script, which ends them in order
            )

    def _wait_for(self, urls: Sequence[str]) -> None:
        left = set(urls)
        until = time.monotonic() + WITHIN
        while left and time.monotonic() < until:
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended:\n{self.log(name)[-2000:]}")
            left = {url for url in left if not _answers(url)}
            PAUSE.wait(0.1)
        if left:
            raise RuntimeError(f"not up within {WITHIN:.0f} s: {', '.join(sorted(left))}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310 an address of ours
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--port", type=int, default=PORT)
    asked = parser.parse_args()
    ours = {name: text for name, text in os.environ.items() if name.startswith("STOCKTRACKER_")}
    if "ALPHAVANTAGE_API_KEY" in os.environ:
        ours["ALPHAVANTAGE_API_KEY"] = os.environ["ALPHAVANTAGE_API_KEY"]
    own = ROOT / ".streamlit" / "secrets.toml"
    if own.exists():
        ours.setdefault("STOCKTRACKER_SECRETS", str(own))
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with tempfile.TemporaryDirectory(prefix="stocktracker-fleet-") as folder:
        try:
            with Fleet(Path(folder), asked.servers, ours, port=asked.port) as fleet:
                _say(f"{asked.servers} servers and a Redis behind {fleet.url}; Ctrl-C ends them.")
                _say("Their ports, to look at one: " + ", ".join(map(str, fleet.ports)))
                over.wait()
        except (FileNotFoundError, RuntimeError) as fault:
            _say(str(fault))
            return 1
    return 0


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
