"""The colours, once, for light and dark: the charts take them from here, and the same hex values
stand in .streamlit/config.toml. Never decides which mode a viewer is in.

Ink and petrol: neutrals that lean to teal, one teal accent, and green and red for nothing but
change. Text, muted text, accent, up and down reach 4.5:1 on both backgrounds (WCAG 2.2 AA) in every
scheme; the lines reach 3:1 on the background, and any two of them differ by at least 15 in CIELAB,
also with deuteranopia and protanopia (simulated after Machado 2009).

A viewer who cannot tell green from red, or who reads red as a rise, chooses another scheme. Blue
and vermilion differ from each other by at least 80 in CIELAB, and from the grey of no change by 35,
with either deficiency. Sign and arrow say the same as the colour in all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum


class Scheme(StrEnum):
    """Which colours mean up and down. The values are part of links."""

    GREEN_RED = "green-red"
    RED_GREEN = "red-green"
    COLOUR_BLIND = "colour-blind"


# Up and down by the names that Streamlit's Markdown and st.metric have for colours.
NAMES = {
    Scheme.GREEN_RED: ("green", "red"),
    Scheme.RED_GREEN: ("red", "green"),
    Scheme.COLOUR_BLIND: ("blue", "orange"),
}
FLAT_NAME = "gray"


@dataclass(frozen=True, slots=True)
class Palette:
    """One mode's colours, each as #RRGGBB.

    `surface` is the second background (sidebar, inputs, hover boxes); `muted` is for text that may
    be overlooked; `accent` is for links and lines, `primary` for what is filled and has white text
    on it, as Streamlit's primary buttons have in both modes; `flat` is a change of zero; `blue` and
    `vermilion` are up and down of the colour-blind scheme; `volume` is a volume bar without a
    direction; `lines` are for series that mean neither up nor down, in the order in which to use
    them.
    """

    background: str
    surface: str
    text: str
    muted: str
    border: str
    grid: str
    accent: str
    primary: str
    up: str
    down: str
    flat: str
    blue: str
    vermilion: str
    volume: str
    lines: tuple[str, ...]


def faint(colour: str, opacity: float) -> str:
    """A #RRGGBB colour as CSS's rgba(), 0.0 being invisible."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def with_scheme(palette: Palette, scheme: Scheme) -> Palette:
    """The same colours, with the scheme's up and down."""
    if scheme is Scheme.RED_GREEN:
        return replace(palette, up=palette.down, down=palette.up)
    if scheme is Scheme.COLOUR_BLIND:
        return replace(palette, up=palette.blue, down=palette.vermilion)
    return palette


def change_name(change: float | None, scheme: Scheme) -> str:
    """Streamlit's name for the colour of a change: `green`, `orange`; `gray` for none and for NaN.

    What is shown as 0.0000 is no change.
    """
    up, down = NAMES[scheme]
    if change is None or not math.isfinite(change) or round(change, 4) == 0:
        return FLAT_NAME
    return up if change > 0 else down


LIGHT = Palette(
    background="#FFFFFF",
    surface="#F0F5F5",
    text="#12262B",
    muted="#526569",
    border="#D3DEDF",
    grid="#E6EDED",
    accent="#0B6B73",
    primary="#0B6B73",
    up="#0E7A4B",
    down="#C22F2A",
    flat="#5C6F73",
    blue="#1A56C4",
    vermilion="#B34700",
    volume="#9AAAAD",
    lines=(
        "#0B6B73",
        "#ED5111",
        "#1067FF",
        "#66004B",
        "#7D9D2B",
        "#8F77DD",
        "#6F949C",
        "#43137C",
    ),
)

DARK = Palette(
    background="#0D1517",
    surface="#162124",
    text="#E4EDED",
    muted="#93A6A9",
    border="#2B3A3E",
    grid="#1E2B2E",
    accent="#4CC2BB",
    primary="#12837D",
    up="#3ECF8E",
    down="#FF7A70",
    flat="#93A6A9",
    blue="#6BB3FF",
    vermilion="#FF9F45",
    volume="#5B6C70",
    lines=(
        "#4CC2BB",
        "#F67E0C",
        "#81C7FF",
        "#FAE47E",
        "#8F62A1",
        "#4767F7",
        "#DDE9CB",
        "#707377",
    ),
)
