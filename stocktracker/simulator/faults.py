"""Faults on command: a table of what an upstream can get wrong, and the queue of what comes next.

A fault is asked for by name, for the next calls or until cleared, for all or only for a function or
ticker. It replaces or spoils one answer; it never changes prices or counts. Every text of
`refusals` is a fault too, under its name there.
"""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum, auto
from functools import lru_cache

from stocktracker.simulator.bodies import Answer, json_answer
from stocktracker.simulator.query import Query
from stocktracker.simulator.refusals import REFUSALS

HEROKU_PAGE = """<!DOCTYPE html>
\t<html>
\t  <head>
\t\t<meta name="viewport" content="width=device-width, initial-scale=1">
\t\t<meta charset="utf-8">
\t\t<title>Application Error</title>
\t\t<style media="screen">
\t\t  html,body,iframe {
\t\t\tmargin: 0;
\t\t\tpadding: 0;
\t\t  }
\t\t  html,body {
\t\t\theight: 100%;
\t\t\toverflow: hidden;
\t\t  }
\t\t  iframe {
\t\t\twidth: 100%;
\t\t\theight: 100%;
\t\t\tborder: 0;
\t\t  }
\t\t</style>
\t  </head>
\t  <body>
\t\t<iframe src="//www.herokucdn.com/error-pages/application-error.html"></iframe>
\t  </body>
\t</html>"""
HTML = "text/html; charset=utf-8"
MEGABYTE = 1 << 20
HUGE = 100 * MEGABYTE
DEEP = 100_000
BOMB_MEMBERS = 1024
JSON_PRICE = re.compile(r'("(?:05\. price|4\. close|close)": ")[^"]*')
JSON_FIGURE = re.compile(
    r'("(?:0?\d\. )?(?:price|open|high|low|close|previous[ _]close)": )"([\d.]+)"'
)
DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Wire(Enum):
    """How an answer goes out, where that is what is wrong with it."""

    NORMAL = auto()
    DELAYED = auto()
    DRIPPING = auto()
    CUT = auto()
    STALLED = auto()
    HUGE = auto()
    BOMB = auto()
    REDIRECT = auto()


@dataclass(frozen=True, slots=True)
class Fault:
    """One command. `left` counts down; None lasts until cleared. `pause` is for the slow ones."""

    name: str
    left: int | None
    function: str | None
    ticker: str | None
    pause: timedelta

    def concerns(self, query: Query) -> bool:
        return self.function in (None, query.function) and (
            self.ticker is None or self.ticker in query.tickers
        )


Spoil = Callable[[Answer, Query], Answer]


class Faults:
    """What goes wrong next. Safe to command from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[Fault] = []

    def next(
        self,
        name: str,
        count: int = 1,
        *,
        function: str | None = None,
        ticker: str | None = None,
        pause: timedelta = timedelta(seconds=1),
    ) -> None:
        """Spoil the next `count` answers that this concerns. Raises ValueError for no such fault.

        Faults that concern the same call take their turns in the order they were asked for.
        """
        self._add(name, count, function, ticker, pause)

    def always(
        self,
        name: str,
        *,
        function: str | None = None,
        ticker: str | None = None,
        pause: timedelta = timedelta(seconds=1),
    ) -> None:
        """Spoil all answers that this concerns, until `clear`."""
        self._add(name, None, function, ticker, pause)

    def clear(self) -> None:
        with self._lock:
            self._queue.clear()

    def take(self, query: Query) -> Fault | None:
        """The fault for this call, if any; it is used up by one."""
        with self._lock:
            for index, fault in enumerate(self._queue):
                if not fault.concerns(query):
                    continue
                if fault.left is not None:
                    self._queue[index] = replace(fault, left=fault.left - 1)
                    self._queue = [each for each in self._queue if each.left != 0]
                return fault
        return None

    def _add(
        self,
        name: str,
        left: int | None,
        function: str | None,
        ticker: str | None,
        pause: timedelta,
    ) -> None:
        if name not in NAMES or (left is not None and left < 1):
            raise ValueError(name)
        with self._lock:
            self._queue.append(Fault(name, left, function, ticker, pause))


def spoil(fault: Fault, answer: Answer, query: Query) -> Answer:
    """The body that a fault leaves of an answer."""
    if fault.name in REFUSALS:
        return json_answer(REFUSALS[fault.name].body(key=query.key, function=query.function))
    return SPOILED[fault.name](answer, query) if fault.name in SPOILED else answer


def wire_of(fault: Fault | None) -> Wire:
    return Wire.NORMAL if fault is None else WIRES.get(fault.name, Wire.NORMAL)


@lru_cache(maxsize=1)
def bomb_member() -> bytes:
    """A kilobyte that unpacks to a megabyte; many of them in a row are one gzip body."""
    return gzip.compress(b" " * MEGABYTE, mtime=0)


def _edited(edit: Callable[[str, Query], str]) -> Spoil:
    return lambda answer, query: replace(answer, body=edit(answer.text, query).encode())


def _replaced(body: str, media_type: str = "application/json", status: int = 200) -> Spoil:
    return lambda _answer, _query: Answer(body.encode(), media_type, status)


def _with_price(price: str) -> Spoil:
    return _edited(lambda text, _query: _set_first_price(text, price))


def _set_first_price(text: str, price: str) -> str:
    if text.startswith("{"):
        return JSON_PRICE.sub(rf"\g<1>{price}", text, count=1)
    header, *rows = text.split("\r\n")
    names = header.split(",")
    place = names.index("price" if "price" in names else "close") if "open" in names else None
    if place is None or not rows[0]:
        return text
    cells = rows[0].split(",")
    cells[place] = price
    return "\r\n".join([header, ",".join(cells), *rows[1:]])


def _times(factor: float) -> Spoil:
    """The newest price as if its point were in another place, or its sign another."""

    def edit(text: str, _query: Query) -> str:
        return JSON_PRICE.sub(
            lambda found: f"{found[1]}{float(found[0].rsplit(chr(34), 1)[1]) * factor:.4f}",
            text,
            count=1,
        )

    return _edited(edit)


def _in_pence(text: str, _query: Query) -> str:
    """All prices of the newest figures a hundredfold: pence for pounds, which fit each other."""
    seen: dict[str, int] = {}

    def newest(found: re.Match[str]) -> str:
        seen[found[1]] = seen.get(found[1], 0) + 1
        return found[0] if seen[found[1]] > 1 else f'{found[1]}"{float(found[2]) * 100:.4f}"'

    return JSON_FIGURE.sub(newest, text)


def _in_the_future(text: str, _query: Query) -> str:
    dates = DATE.findall(text)
    if not dates:
        return text
    newest = max(dates)
    return text.replace(newest, str(date.fromisoformat(newest) + timedelta(days=30)))


def _of_another_ticker(text: str, query: Query) -> str:
    for ticker in query.tickers:
        text = text.replace(f'"{ticker}"', '"WRONG"').replace(f"\n{ticker},", "\nWRONG,")
    return text


SPOILED: Mapping[str, Spoil] = {
    "status-503": _replaced(HEROKU_PAGE, HTML, 503),
    "html": _replaced(HEROKU_PAGE, HTML),
    "empty-object": _replaced("{}"),
    "empty-body": _replaced(""),
    "deep-json": _replaced('{"a":' * DEEP + "1" + "}" * DEEP),
    "truncated": _edited(lambda text, _query: text[: len(text) // 2]),
    "nan-price": _with_price("NaN"),
    "huge-price": _with_price("1e400"),
    "zero-price": _with_price("0.0000"),
    "hundredfold-price": _times(100),
    "hundredth-price": _times(0.01),
    "negative-price": _times(-1),
    "hundredfold-figures": _edited(_in_pence),
    "future-date": _edited(_in_the_future),
    "wrong-ticker": _edited(_of_another_ticker),
}
WIRES: Mapping[str, Wire] = {
    "delay": Wire.DELAYED,
    "drip": Wire.DRIPPING,
    "cut": Wire.CUT,
    "stall": Wire.STALLED,
    "huge-body": Wire.HUGE,
    "gzip-bomb": Wire.BOMB,
    "redirect": Wire.REDIRECT,
}
NAMES = frozenset([*REFUSALS, *SPOILED, *WIRES])
