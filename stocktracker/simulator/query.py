"""A request in upstream's own spelling, and the way a function has of refusing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from stocktracker.model import Ticker
from stocktracker.simulator import bodies
from stocktracker.simulator.intraday import EASTERN
from stocktracker.simulator.refusals import REFUSALS


class Refused(Exception):
    """Ends a function early with one of the texts of `refusals`."""

    def __init__(self, name: str, **blanks: object) -> None:
        super().__init__(name)
        self.answer = bodies.json_answer(REFUSALS[name].body(**blanks))


@dataclass(frozen=True, slots=True)
class Query:
    """A request's parameters, in upstream's own spelling, and when it came."""

    parameters: Mapping[str, str]
    now: datetime

    def get(self, name: str) -> str:
        return self.parameters.get(name, "")

    @property
    def function(self) -> str:
        return self.get("function")

    @property
    def key(self) -> str:
        return self.get("apikey")

    @property
    def ticker(self) -> Ticker:
        return Ticker(self.get("symbol").strip().upper())

    @property
    def tickers(self) -> tuple[Ticker, ...]:
        """All that the query names; news is asked for with `tickers`, all else with `symbol`."""
        named = self.get("symbol") or self.get("tickers")
        return tuple(Ticker(part.strip().upper()) for part in named.split(",") if part.strip())

    @property
    def wants_csv(self) -> bool:
        return self.get("datatype") == "csv"

    @property
    def day(self) -> date:
        """The US exchanges' date."""
        return self.now.astimezone(EASTERN).date()
