"""What was found out, for whoever asked: how bad it is, about what, in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Grade(IntEnum):
    """How bad; the worst one is the program's exit code."""

    WELL = 0
    DOUBTFUL = 1
    WRONG = 2


@dataclass(frozen=True, slots=True)
class Finding:
    grade: Grade
    topic: str
    words: str
