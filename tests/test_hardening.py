"""The project's own .streamlit/config.toml: what Streamlit lets out and takes by default is off."""

from __future__ import annotations

import tomllib

import pytest

from tests.server import ROOT

CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("section", "option", "value"),
    [
        ("client", "showErrorDetails", "none"),  # the default shows exceptions to every browser
        ("client", "toolbarMode", "viewer"),
        ("client", "disableDataExport", True),  # it could not neutralise formulas
        ("runner", "magicEnabled", False),  # a bare line would show a variable
        ("server", "address", "127.0.0.1"),
        ("server", "allowedHosts", ["localhost", "127.0.0.1"]),  # against DNS rebinding
        ("server", "enableCORS", True),
        ("server", "enableXsrfProtection", True),
        ("server", "enableStaticServing", False),
        ("server", "fileWatcherType", "none"),
        ("server", "maxUploadSize", 1),
        ("browser", "gatherUsageStats", False),
    ],
)
def test_streamlit_is_set_to_tell_and_to_take_little(
    section: str, option: str, value: object
) -> None:
    assert CONFIG[section][option] == value


@pytest.mark.parametrize("option", ["enableAgentApi", "trustedUserHeaders"])
def test_nobody_is_let_in_or_believed_by_another_way(option: str) -> None:
    assert option not in CONFIG["server"]
