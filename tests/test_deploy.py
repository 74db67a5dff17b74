"""The shipped nginx site and systemd unit: nginx in front of the real program, on loopback.

The site is the file of deploy/ itself; only names, ports and the certificate are put in, as its
reader would. The unit is checked by systemd's own tool; tests/test_service.py starts it.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

import pytest
import requests
from playwright.sync_api import Browser, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from scripts.fleet import CONFIG
from tests.server import LOOPBACK, ROOT, App, free_port, starting_apps, until
from tests.test_browser import LATE, chromium  # noqa: F401

NAME = "localhost"  # which the program lets in
SITE = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
UNIT = (ROOT / "deploy" / "stocktracker.service").read_text(encoding="utf-8")
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
ANALYZE = shutil.which("systemd-analyze")


class Front:
    """A running nginx. `trust` is a file with the certificate that it was given."""

    def __init__(
        self, folder: Path, app: App, changes: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        if NGINX is None or shutil.which("openssl") is None:
            pytest.skip("no nginx or no openssl here; .ci/run installs both")
        self.app = app
        self.port, self.plain = free_port(), free_port()
        self.url = f"https://{NAME}:{self.port}"
        self.trust = make_certificate(folder)
        put_in = {
            "listen 443 ssl": f"listen {LOOPBACK}:{self.port} ssl",
            "listen 80;": f"listen {LOOPBACK}:{self.plain};",
            "stocks.example.com": NAME,
            "/etc/ssl/stocktracker": str(folder),
            "127.0.0.1:8501": f"{LOOPBACK}:{app.port}",
            **changes,
        }
        site = re.sub(r"^ *listen \[::\].*\n", "", SITE, flags=re.MULTILINE)
        for given, ours in put_in.items():
            assert given in site, given
            site = site.replace(given, ours)
        (folder / "site.conf").write_text(site, encoding="utf-8")
        config = folder / "nginx.conf"
        # Started by root nginx would give its work to a user who cannot read this folder.
        user = "user root root;" if os.geteuid() == 0 else ""
        config.write_text(CONFIG.format(folder=folder, user=user), encoding="utf-8")
        self._log = (folder / "nginx.log").open("wb")
        self._process = subprocess.Popen(
            [NGINX, "-p", str(folder), "-c", str(config)], stderr=self._log
        )
        until(self._answers, within=10, what=f"nginx up: {(folder / 'nginx.log').read_text()}")

    def get(self, path: str, **more: str) -> requests.Response:
        return requests.get(
            self.url + path, verify=str(self.trust), headers=more, timeout=10, allow_redirects=False
        )

    def raw(self, request: str) -> str:
        """The first line of the answer to a request that no client would make."""
        context = ssl.create_default_context(cafile=str(self.trust))
        with (
            socket.create_connection((LOOPBACK, self.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=NAME) as secure,
        ):
            secure.sendall(request.encode())
            return secure.recv(4096).decode("latin-1").partition("\r\n")[0]

    def connect(self, origin: str | None = None) -> connect:
        return connect(
            f"wss://{NAME}:{self.port}/_stcore/stream",
            ssl=ssl.create_default_context(cafile=str(self.trust)),
            origin=origin or self.url,
            proxy=None,
            close_timeout=1,
        )

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._log.close()

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(Path(self._log.name).read_text(encoding="utf-8"))
        try:
            return self.get("/_stcore/health").ok
        except requests.ConnectionError:
            return False


def make_certificate(folder: Path) -> Path:
    """Signed by itself, for this test alone."""
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-subj /CN={NAME} -addext subjectAltName=DNS:{NAME} -keyout key.pem -out fullchain.pem"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder / "fullchain.pem"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with starting_apps(tmp_path_factory.mktemp("behind")) as start:
        yield start()


@pytest.fixture
def front(app: App, tmp_path: Path) -> Iterator[Front]:
    """A new one for each test, so that none finds the limits used up."""
    front = Front(tmp_path, app)
    yield front
    front.close()


CLOSED = (
    "/metrics",
    "//metrics",
    "/x/../metrics",
    "/%6detrics",
    "/./metrics",
    "/_stcore/metrics",
    "/_stcore/metrics?families=active_sessions",
    "/_stcore//metrics",
    "/_stcore/metrics/",
    "/_stcore/agent",
    "/_stcore/agent/openapi.json",
    "/_stcore/agent/interact",
    "/_stcore/%61gent/openapi.json",
)


@pytest.mark.parametrize("path", CLOSED)
def test_what_is_the_operators_is_closed_however_it_is_written(path: str, front: Front) -> None:
    for method in ("GET", "POST"):
        answer = front.raw(
            f"{method} {path} HTTP/1.1\r\nHost: {NAME}:{front.port}\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        assert answer == "HTTP/1.1 404 Not Found"


def test_the_site_answers_over_tls_with_the_headers(front: Front) -> None:
    reply = front.get("/")
    assert reply.status_code == 200
    assert "max-age=" in reply.headers["strict-transport-security"]
    assert "img-src 'self' data: blob:;" in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["x-frame-options"] == "SAMEORIGIN"
    assert reply.headers["referrer-policy"] == "same-origin"
    assert "camera=()" in reply.headers["permissions-policy"]
    assert not re.search(r"\d", reply.headers["server"])
    assert front.get("/api/quotes").json() == {"quotes": []}
    assert front.get("/healthz").json()["ok"] is True


def test_plain_http_is_sent_to_https(front: Front) -> None:
    reply = requests.get(
        f"http://{LOOPBACK}:{front.plain}/status?tickers=AAPL", timeout=10, allow_redirects=False
    )
    assert reply.status_code == 301
    assert reply.headers["location"] == f"https://{NAME}/status?tickers=AAPL"


def test_another_name_gets_no_certificate_and_no_answer(front: Front) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://{LOOPBACK}:{front.port}/", verify=str(front.trust), timeout=10)
    with pytest.raises(requests.ConnectionError):
        front.get("/", Host="evil.example")


def test_a_websocket_of_another_site_is_refused(front: Front) -> None:
    with pytest.raises(InvalidStatus) as refused, front.connect("https://evil.example"):
        pass
    assert refused.value.response.status_code == 403


def test_an_upload_that_is_too_large_is_refused(front: Front) -> None:
    reply = requests.put(
        f"{front.url}/_stcore/upload_file/x/y",
        data=b"x" * (3 << 20),
        verify=str(front.trust),
        timeout=10,
    )
    assert reply.status_code == 413


def test_a_flood_of_requests_is_told_to_wait(front: Front) -> None:
    with ThreadPoolExecutor(4) as people:
        codes = list(people.map(lambda _: front.get("/api/quotes").status_code, range(60)))
    assert codes.count(200) >= 20
    assert codes.count(429) >= 20
    assert set(codes) == {200, 429}


def opened(front: Front) -> int:
    """How many pages one address can have open before it is told to wait."""
    with ExitStack() as holding:
        for count in range(100):
            try:
                holding.enter_context(front.connect())
            except InvalidStatus as refused:
                if refused.response.status_code == 429:
                    return count
                raise
    raise AssertionError("a hundred were let in")


def test_pages_opened_too_fast_are_told_to_wait(front: Front) -> None:
    assert 20 <= opened(front) < 60


def test_too_many_open_pages_are_told_to_wait(app: App, tmp_path: Path) -> None:
    """However slowly they are opened: here the rate is no limit."""
    front = Front(tmp_path, app, {"rate=2r/s": "rate=1000r/s"})
    try:
        assert opened(front) == 60
    finally:
        front.close()


@pytest.mark.browser
def test_the_pages_work_in_a_browser_over_tls_and_ask_nobody_else(
    front: Front,
    chromium: Browser,  # noqa: F811
) -> None:
    person = chromium.new_context(viewport={"width": 1280, "height": 900}, ignore_https_errors=True)
    complaints: list[str] = []
    asked: list[str] = []
    page = person.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"{front.url}/?tickers=AAPL")
    expect(page.get_by_text("calls left this minute")).to_be_visible(timeout=LATE)
    page.goto(f"{front.url}/history?tickers=AAPL")
    expect(page.locator(".stocktracker-plot .main-svg").first).to_be_visible(timeout=LATE)
    person.close()
    others = {
        url for url in asked if not url.startswith((front.url, f"wss://{NAME}:", "data:", "blob:"))
    }
    assert others == set()
    assert f"wss://{NAME}:{front.port}/_stcore/stream" in asked
    assert [text for text in complaints if "Content Security Policy" in text] == []


# --- systemd --------------------------------------------------------------------------------


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as it would be installed, with this checkout in the place of /opt's."""
    if ANALYZE is None:
        pytest.skip("no systemd-analyze here; .ci/run installs it")
    path = tmp_path / "stocktracker.service"
    path.write_text(UNIT.replace("/opt/stocktracker", str(ROOT)), encoding="utf-8")
    return path


def test_the_unit_is_one_that_systemd_takes(unit: Path) -> None:
    checked = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in checked.stderr.splitlines() if "stocktracker" in line] == []
    assert checked.returncode == 0


def test_the_unit_leaves_the_program_little_to_do_harm_with(unit: Path) -> None:
    """systemd's own scale: 0 is nothing, 10 everything; an unhardened service has 9.6."""
    checked = subprocess.run(
        [str(ANALYZE), "security", "--offline=yes", "--threshold=20", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout[-3000:]
    assert "Overall exposure level" in checked.stdout


@pytest.mark.parametrize(
    "line",
    [
        "DynamicUser=yes",
        "StateDirectory=stocktracker",
        "StateDirectoryMode=0700",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "LoadCredential=secrets.toml:/etc/stocktracker/secrets.toml",
        "Environment=STOCKTRACKER_SECRETS=%d/secrets.toml",
        "Restart=on-failure",
        "RestartPreventExitStatus=2",
    ],
)
def test_the_unit_says(line: str) -> None:
    assert line in UNIT.splitlines()


def test_no_secret_is_in_the_unit() -> None:
    assert "API_KEY" not in UNIT
    assert "TOKEN" not in UNIT
