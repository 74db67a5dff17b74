"""Upstream's spelling: how figures become JSON and CSV. Knows no prices and decides nothing.

JSON is indented by four blanks and ends without a line end; CSV has CRLF line ends. Series are
given oldest first, as the rest of the simulator keeps them, and written newest first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

JSON = "application/json"
CSV = "application/x-download"
DELAYED = " - DATA DELAYED BY 15 MINUTES"


@dataclass(frozen=True, slots=True)
class Answer:
    """A body as upstream sends it."""

    body: bytes
    media_type: str = JSON
    status: int = 200

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One figure of each row: its name in JSON, its name in CSV, its values as text."""

    json_name: str
    csv_name: str
    values: Sequence[str]


def json_answer(content: object) -> Answer:
    return Answer(json.dumps(content, indent=4, ensure_ascii=False).encode())


def csv_answer(header: str, lines: Iterable[str]) -> Answer:
    return Answer("\r\n".join([header, *lines, ""]).encode(), CSV)


def series_json(
    meta: Mapping[str, str], name: str, stamps: Sequence[str], columns: Sequence[Column]
) -> Answer:
    """Written by hand, because json.dumps takes its time over seven thousand indented rows."""
    numbered = [f'"{number}. {column.json_name}": "' for number, column in enumerate(columns, 1)]
    values = list(zip(*(column.values for column in columns), strict=True))
    rows = [
        f'        "{stamp}": {{\n            '
        + '",\n            '.join(label + value for label, value in zip(numbered, row, strict=True))
        + '"\n        }'
        for stamp, row in zip(reversed(stamps), reversed(values), strict=True)
    ]
    head = json.dumps({"Meta Data": meta}, indent=4).removesuffix("\n}")
    series = ",\n".join(rows)
    return Answer(f'{head},\n    "{name}": {{\n{series}\n    }}\n}}'.encode())


def series_csv(stamps: Sequence[str], columns: Sequence[Column]) -> Answer:
    header = ",".join(["timestamp", *(column.csv_name for column in columns)])
    rows = zip(stamps, *(column.values for column in columns), strict=True)
    return csv_answer(header, [",".join(row) for row in rows][::-1])


def price_columns(
    opens: Iterable[float], highs: Iterable[float], lows: Iterable[float], closes: Iterable[float]
) -> list[Column]:
    named = {"open": opens, "high": highs, "low": lows, "close": closes}
    return [Column(name, name, four_decimals(values)) for name, values in named.items()]


def four_decimals(values: Iterable[float]) -> list[str]:
    return [f"{value:.4f}" for value in values]


def as_they_are(values: Iterable[float]) -> list[str]:
    """As many decimals as there are, and one at least: 236.0."""
    return [str(float(value)) for value in values]


def volume_column(values: Iterable[int]) -> Column:
    return Column("volume", "volume", [str(value) for value in values])
