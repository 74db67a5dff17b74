"""The simulator's answers without HTTP: `Desk("free").json("SPLITS", "IBM")`."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stocktracker.plans import PLANS
from stocktracker.simulator.bodies import Answer
from stocktracker.simulator.functions import Vendor
from stocktracker.simulator.prices import PriceWorld
from stocktracker.simulator.query import Query
from tests.helpers import utc

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
MONDAY_EVENING = "2026-11-24T01:00"


class Desk:
    """What a key of a plan is answered at an instant; a session is out two hours after it."""

    def __init__(self, plan: str = "free", at: str = MONDAY_EVENING, seed: int = 1) -> None:
        self.now = utc(at)
        self._vendor = Vendor(PLANS[plan], PriceWorld(seed), timedelta(hours=2))

    def answer(self, function: str, symbol: str = "", **more: str) -> Answer:
        wanted = {"function": function, "apikey": "KEY", **more}
        if symbol:
            wanted["symbol"] = symbol
        return self._vendor.answer(Query(wanted, self.now))

    def json(self, function: str, symbol: str = "", **more: str) -> Any:
        return json.loads(self.answer(function, symbol, **more).text)

    def rows(self, function: str, symbol: str = "", **more: str) -> list[dict[str, str]]:
        text = self.answer(function, symbol, datatype="csv", **more).text
        return list(csv.DictReader(io.StringIO(text)))


def recorded(name: str) -> str:
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip("no recorded bodies here")
    return path.read_text(encoding="utf-8")


def recorded_rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(recorded(name))))
