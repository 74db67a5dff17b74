"""What can be drawn over and below prices: lines, panes, events. Frozen; draws nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from stocktracker.figures.indicator_specs import Unit


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line over the prices or in a pane: values by the index of the bars, NaN leaves a gap.

    `band` is a lower and an upper edge around it, with a shade between. `missing` says why there
    is nothing to draw, as "needs 200 bars".
    """

    name: str
    values: pd.Series
    colour: str
    band: tuple[pd.Series, pd.Series] | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pane:
    """A pane below the prices. `span` is its scale where that is fixed; `guides` are dashed."""

    title: str
    lines: Sequence[Line]
    unit: Unit = Unit.PRICE
    histogram: pd.Series | None = None
    guides: Sequence[float] = ()
    span: tuple[float, float] | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on an exchange day: S for a split, D a dividend, E earnings.

    "?" marks a bar that is suspected of being wrong. `text` is shown on pointing at it, as text.
    """

    day: date
    letter: str
    text: str
