"""Rows of the table, and the table: on the terminal, and in README.md between two marks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
HEAD = ("what", "ours", "rival", "unit", "ratio", "target", "")
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Target:
    """What must hold: of our figure, or of its ratio to the rival's. At most `limit`."""

    of: Literal["ours", "ratio"]
    limit: float

    def __str__(self) -> str:
        return f"≤ {self.limit:g}" + (" ×" if self.of == "ratio" else "")


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `rival` is None where nobody else does it; `beside` says who the rival is."""

    name: str
    ours: float
    rival: float | None
    unit: str
    beside: str = ""
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.rival if self.rival else None

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        figure = self.ours if self.target.of == "ours" else self.ratio
        return figure is not None and figure <= self.target.limit


def at_most(limit: float) -> Target:
    return Target("ours", limit)


def ratio_at_most(limit: float) -> Target:
    return Target("ratio", limit)


def middle(figures: Iterable[float]) -> float:
    return float(median(figures))


def number(value: float | None) -> str:
    """Three significant figures, thousands apart."""
    if value is None:
        return NOTHING
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def lines(rows: Sequence[Row]) -> list[str]:
    """The table in Markdown, its columns in line."""
    cells = [list(HEAD)]
    for row in rows:
        rival = number(row.rival) + (f" ({row.beside})" if row.beside else "")
        ratio = number(row.ratio) + (" ×" if row.ratio is not None else "")
        said = {True: "met", False: "**missed**", None: ""}[row.met]
        target = str(row.target) if row.target else ""
        cells.append([row.name, number(row.ours), rival, row.unit, ratio, target, said])
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    text = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in cells
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return text


def keep(table: Sequence[str], about: str) -> None:
    """Put the table into README.md, in place of the last one."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    body = "\n".join([BEGIN, "", about, "", *table, "", END])
    README.write_text(before + body + after, encoding="utf-8")
