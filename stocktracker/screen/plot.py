"""A figure on the page that keeps the viewer's zoom when its data change. Never makes figures.

Streamlit's own chart is mounted anew with each change. This component hands the figure to
`Plotly.react` instead (frontend/plot.js), with the library that came with the plotly package.
"""

from __future__ import annotations

from functools import lru_cache

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from stocktracker import frontend


@lru_cache(maxsize=1)
def _component() -> ComponentRenderer:
    return st.components.v2.component(
        "stocktracker_plot",
        html='<div class="stocktracker-plot" style="width: 100%"></div>',
        js=frontend.script("plot.js"),
        # Plotly's styles are in the page's head, which a shadow root would not see.
        isolate_styles=False,
    )


def show(figure: bytes, *, key: str) -> None:
    """Draw what `plotting.to_bytes` made. As long as `key` and the layout's uirevision stay the
    same, so does what the viewer has zoomed to."""
    _component()(key=key, data=figure)
