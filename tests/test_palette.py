"""What palette.py promises of its colours, computed; and that the theme has the same ones."""

from __future__ import annotations

import tomllib
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stocktracker.palette import DARK, FLAT_NAME, LIGHT, Palette, Scheme, change_name, with_scheme

THEME = tomllib.loads(
    (Path(__file__).parent.parent / ".streamlit" / "config.toml").read_text(encoding="utf-8")
)["theme"]
MODES = [pytest.param(LIGHT, "light", id="light"), pytest.param(DARK, "dark", id="dark")]
NAN = float("nan")

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
SEEN = {
    "all": np.eye(3),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])  # D65


def linear(colour: str) -> Any:
    """sRGB as light, 0.0 to 1.0."""
    part = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio, 1.0 to 21.0."""
    dark, light = sorted(float(linear(each) @ TO_XYZ[1]) for each in (one, other))
    return (light + 0.05) / (dark + 0.05)


def lab(colour: str, seen: str) -> Any:
    """CIELAB as somebody with that sight sees it."""
    ratio = TO_XYZ @ np.clip(SEEN[seen] @ linear(colour), 0, 1) / WHITE
    x, y, z = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distance(one: str, other: str, seen: str = "all") -> float:
    return float(np.linalg.norm(lab(one, seen) - lab(other, seen)))


def test_the_measures_give_known_values() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005)
    assert lab("#FF0000", "all") == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    # Pure green and a suitable red are one colour without the green cones.
    assert distance("#A52A2A", "#5F6B2A", "deuteranopia") < distance("#A52A2A", "#5F6B2A") / 3


@pytest.mark.parametrize(("palette", "mode"), MODES)
@pytest.mark.parametrize("scheme", Scheme)
def test_text_and_change_can_be_read_on_every_background(
    palette: Palette, mode: str, scheme: Scheme
) -> None:
    shown = with_scheme(palette, scheme)
    sidebar = THEME[mode]["sidebar"]["backgroundColor"]
    for background in (shown.background, shown.surface, sidebar):
        for name in ("text", "muted", "accent", "up", "down", "flat"):
            assert contrast(getattr(shown, name), background) >= 4.5, (name, background)
    assert contrast("#FFFFFF", shown.primary) >= 4.5


@pytest.mark.parametrize(("palette", "_mode"), MODES)
def test_lines_stand_out_and_differ_for_every_sight(palette: Palette, _mode: str) -> None:
    assert min(contrast(line, palette.background) for line in palette.lines) >= 3
    for seen in SEEN:
        assert min(distance(*pair, seen) for pair in combinations(palette.lines, 2)) >= 15


@pytest.mark.parametrize(("palette", "_mode"), MODES)
@pytest.mark.parametrize("seen", SEEN)
def test_the_colour_blind_can_tell_up_from_down_and_from_none(
    palette: Palette, _mode: str, seen: str
) -> None:
    shown = with_scheme(palette, Scheme.COLOUR_BLIND)
    assert distance(shown.up, shown.down, seen) >= 80
    assert distance(shown.up, shown.flat, seen) >= 35
    assert distance(shown.down, shown.flat, seen) >= 35


@pytest.mark.parametrize(("palette", "_mode"), MODES)
def test_green_and_red_is_what_they_cannot_tell_as_well(palette: Palette, _mode: str) -> None:
    for seen in ("deuteranopia", "protanopia"):
        assert distance(palette.up, palette.down, seen) < 35


@pytest.mark.parametrize(("palette", "_mode"), MODES)
def test_schemes_change_up_and_down_and_nothing_else(palette: Palette, _mode: str) -> None:
    assert with_scheme(palette, Scheme.GREEN_RED) == palette
    swapped = with_scheme(palette, Scheme.RED_GREEN)
    assert (swapped.up, swapped.down) == (palette.down, palette.up)
    for scheme in Scheme:
        shown = with_scheme(palette, scheme)
        assert (shown.flat, shown.lines, shown.text) == (palette.flat, palette.lines, palette.text)
        assert len({shown.up, shown.down, shown.flat}) == 3


@pytest.mark.parametrize(
    ("change", "scheme", "name"),
    [
        (1.0, Scheme.GREEN_RED, "green"),
        (-1.0, Scheme.GREEN_RED, "red"),
        (1.0, Scheme.RED_GREEN, "red"),
        (-1.0, Scheme.RED_GREEN, "green"),
        (1.0, Scheme.COLOUR_BLIND, "blue"),
        (-1.0, Scheme.COLOUR_BLIND, "orange"),
        (0.0001, Scheme.GREEN_RED, "green"),
        (-0.00004, Scheme.GREEN_RED, "gray"),
        (0.0, Scheme.COLOUR_BLIND, "gray"),
        (None, Scheme.RED_GREEN, "gray"),
        (NAN, Scheme.COLOUR_BLIND, "gray"),
    ],
)
def test_a_change_has_the_name_of_its_schemes_colour(
    change: float | None, scheme: Scheme, name: str
) -> None:
    assert change_name(change, scheme) == name


@pytest.mark.parametrize(("palette", "mode"), MODES)
def test_the_theme_has_the_palettes_colours(palette: Palette, mode: str) -> None:
    theme = THEME[mode]
    assert {
        "primaryColor": palette.primary,
        "backgroundColor": palette.background,
        "secondaryBackgroundColor": palette.surface,
        "textColor": palette.text,
        "linkColor": palette.accent,
        "borderColor": palette.border,
        "dataframeBorderColor": palette.grid,
        "dataframeHeaderBackgroundColor": palette.surface,
        "greenColor": palette.up,
        "redColor": palette.down,
        "blueColor": palette.blue,
        "orangeColor": palette.vermilion,
        "grayColor": palette.muted,
        "chartCategoricalColors": list(palette.lines),
    }.items() <= theme.items()


@pytest.mark.parametrize(("palette", "mode"), MODES)
@pytest.mark.parametrize("scheme", Scheme)
def test_the_names_are_the_themes_colours(palette: Palette, mode: str, scheme: Scheme) -> None:
    """What is Markdown and st.metric has the colours of tables and charts."""
    shown = with_scheme(palette, scheme)
    assert THEME[mode][f"{change_name(1.0, scheme)}Color"] == shown.up
    assert THEME[mode][f"{change_name(-1.0, scheme)}Color"] == shown.down
    assert f"{FLAT_NAME}Color" in THEME[mode]


@pytest.mark.parametrize(("palette", "mode"), MODES)
@pytest.mark.parametrize("scheme", Scheme)
def test_a_tiles_change_can_be_read_on_its_tint(
    palette: Palette, mode: str, scheme: Scheme
) -> None:
    """Streamlit lays 10 % of the colour under it in light mode and 20 % in dark mode, and writes
    in a shade that is further from the background still."""
    shown = with_scheme(palette, scheme)
    opacity = 0.1 if mode == "light" else 0.2
    for colour in (shown.up, shown.down):
        assert contrast(colour, mixed(colour, shown.background, opacity)) >= 4.5


def mixed(colour: str, background: str, opacity: float) -> str:
    parts = []
    for at in (1, 3, 5):
        over, under = int(colour[at : at + 2], 16), int(background[at : at + 2], 16)
        parts.append(round(over * opacity + under * (1 - opacity)))
    return "#" + "".join(f"{part:02X}" for part in parts)
