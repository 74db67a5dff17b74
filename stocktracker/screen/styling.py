"""Frames whose cells have looks."""

from __future__ import annotations

import pandas as pd
from pandas.io.formats.style import Styler


def styled(frame: pd.DataFrame) -> Styler:
    """Equal frames with equal looks are equal messages, which a browser is sent once: a Styler of
    its own would write a name into them that is drawn by lot."""
    return Styler(frame, uuid="t")
