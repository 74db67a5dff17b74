"""`make audit`: known vulnerabilities in what is installed, by pip-audit, from PyPI's advisories.

Where PyPI's advisories cannot be reached it says so and audits nothing: pip-audit alone would then
find "no known vulnerabilities" in packages that it could not look up. So it also runs strictly.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request

# Each is reasoned in SECURITY.md, with the test that proves the reason.
EXCEPTIONS = ("CVE-2025-69872",)
PYPI = "https://pypi.org"
PROBE = "pypi/diskcache/5.6.3/json"
SECONDS = 20


def knows_advisories(index: str) -> bool:
    """Whether PyPI answers for a release that has an advisory, with that advisory."""
    try:
        # The address is PyPI's, or the test's own.
        with urllib.request.urlopen(f"{index}/{PROBE}", timeout=SECONDS) as reply:  # noqa: S310
            body = json.load(reply)
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError):
        return False
    return isinstance(body, dict) and bool(body.get("vulnerabilities"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", default=PYPI, help="where to look first")
    parser.add_argument("tool", nargs="+", help="how pip-audit is called")
    given = parser.parse_args()
    if not knows_advisories(given.index):
        print("audit: PyPI's advisories cannot be reached from here; nothing was audited.")  # noqa: T201
        return 0
    command = [*given.tool, "--strict", "--progress-spinner=off"]
    command += ["--path", sysconfig.get_path("purelib")]
    for each in EXCEPTIONS:
        command += ["--ignore-vuln", each]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
