"""The colours, once, for light and dark: the charts take them from here, and the same hex values
stand in .streamlit/config.toml. Never decides which mode a viewer is in.

Ink and petrol: neutrals that lean to teal, one teal accent, and green and red for nothing but
change. Text, muted text, accent, up and down reach 4.5:1 on both backgrounds (WCAG 2.2 AA); the
lines reach 3:1, and any two of them differ by at least 15 in CIELAB, also with deuteranopia and
protanopia (simulated after Machado 2009).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """One mode's colours, each as #RRGGBB.

    `surface` is the second background (sidebar, inputs, hover boxes); `muted` is for text that may
    be overlooked; `accent` is for links and lines, `primary` for what is filled and has white text
    on it, as Streamlit's primary buttons have in both modes; `flat` is a change of zero; `volume`
    is a volume bar without a direction; `lines` are for series that mean neither up nor down, in
    the order in which to use them.
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
    volume: str
    lines: tuple[str, ...]


def faint(colour: str, opacity: float) -> str:
    """A #RRGGBB colour as CSS's rgba(), 0.0 being invisible."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


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
