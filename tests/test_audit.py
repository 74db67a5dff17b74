"""`make audit`: its one exception is reasoned and proven, and it never calls clean what it has not
looked at."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.server import LOOPBACK, ROOT, free_port

SCRIPT = ROOT / "scripts" / "audit.py"
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def audit(index: str) -> subprocess.CompletedProcess[str]:
    """In the place of pip-audit a program that shows what it was called with, and finds fault."""
    show = "import sys; print(sys.argv[1:]); sys.exit(3)"
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--index", index, "--", sys.executable, "-c", show],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Not into the test's output."""

    server = HTTPServer((LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_without_a_network_nothing_is_audited_and_it_says_so() -> None:
    done = audit(f"http://{LOOPBACK}:{free_port()}")
    assert done.stdout == (
        "audit: PyPI's advisories cannot be reached from here; nothing was audited.\n"
    )
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b""), (200, b""), (200, b"<html>"), (200, b"{}"), (200, b'{"vulnerabilities": []}')],
    ids=["mirror", "empty", "portal", "no-advisories", "none-known"],
)
def test_an_index_that_knows_no_advisory_is_not_believed(status: int, body: bytes) -> None:
    with answering(status, body) as index:
        assert "nothing was audited" in audit(index).stdout


def test_where_advisories_are_known_it_is_strict_but_for_the_one_exception() -> None:
    with answering(200, b'{"vulnerabilities": [{"id": "PYSEC-2026-2447"}]}') as index:
        done = audit(index)
    assert done.returncode == 3  # as the tool said
    called = ast.literal_eval(done.stdout)
    assert "--strict" in called
    assert called[called.index("--ignore-vuln") + 1 :] == ["CVE-2025-69872"]


def test_the_exception_is_reasoned_with_tests_that_exist() -> None:
    assert re.findall(r"\*\*(CVE-\S+)\*\*", SECURITY) == ["CVE-2025-69872"]
    there = (ROOT / "tests" / "test_cache.py").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)`", SECURITY)
    assert len(named) == 3
    assert [name for name in named if f"def {name}(" not in there] == []
