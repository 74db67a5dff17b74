"""What browsers load of ours besides Streamlit: scripts of components, and the chart library.

The library is the one that came with the plotly package, served by this server: no page of ours
asks another server for anything.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files

LIBRARY = f"/vendor/plotly-{version('plotly')}.min.js"


def script(name: str) -> str:
    """A component's script, as text."""
    return (files(__name__) / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def library_gzipped() -> bytes:
    """The chart library for browsers; compressed once, which takes a moment."""
    return gzip.compress((files("plotly") / "package_data" / "plotly.min.js").read_bytes(), 6)
