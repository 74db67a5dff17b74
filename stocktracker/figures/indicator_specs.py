"""The indicators that there are, and how they are written in a link. Computes and draws nothing.

A link names them as `sma.20,bb.20.2,rsi.14`: the indicator's name and its parameters, with dots
between. What is not understood is left out, so that no link can break a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

MOST_OVERLAYS = 6
MOST_PANES = 3
# ASCII only: int() would also take the digits of other scripts.
NUMBER = re.compile(r"[0-9]{1,4}(\.[0-9]{1,2})?")


class Place(StrEnum):
    """Where an indicator is drawn: over the prices, or in a pane of its own below them."""

    OVERLAY = "overlay"
    PANE = "pane"


class Unit(StrEnum):
    """What an indicator's figures are, which decides how they are written."""

    PRICE = "price"
    PERCENT = "percent"
    SHARES = "shares"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that the viewer may change; counts of bars are whole."""

    label: str
    default: float
    minimum: float
    maximum: float
    whole: bool = True

    def read(self, text: str) -> float | int | None:
        """The number, or None for what is no number or out of bounds."""
        if NUMBER.fullmatch(text) is None:
            return None
        number = float(text)
        if not self.minimum <= number <= self.maximum:
            return None
        if not self.whole:
            return number
        return int(number) if number.is_integer() else None


Parameters = tuple[float | int, ...]


def _any(parameters: Parameters) -> bool:
    return len(parameters) >= 0


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind of indicator.

    `lines` are the columns that `indicators.compute` gives; `needs` are the columns of bars without
    which a row counts as missing; `warm_up` says how many bars come before the first value.
    `guides` are levels that people look for, and `span` is the scale where it is fixed. `help` is
    the definition, in Markdown.
    """

    name: str
    short: str
    title: str
    place: Place
    unit: Unit
    parameters: tuple[Parameter, ...]
    lines: tuple[str, ...]
    needs: tuple[str, ...]
    warm_up: Callable[[Parameters], int]
    help: str
    guides: tuple[float, ...] = ()
    span: tuple[float, float] | None = None
    intraday_only: bool = False
    allows: Callable[[Parameters], bool] = _any


@dataclass(frozen=True)
class Indicator:
    """An indicator with its parameters, in the order of its definition; hashable."""

    name: str
    parameters: Parameters = ()

    @property
    def definition(self) -> Definition:
        """Raises KeyError for a name that the catalogue does not have."""
        return CATALOGUE[self.name]

    @property
    def label(self) -> str:
        """`SMA 20`, `BB 20 2`: for the chart and lists."""
        return " ".join([self.definition.short, *map(_spell, self.parameters)])

    @property
    def warm_up(self) -> int:
        """How many bars come before the first value."""
        return self.definition.warm_up(self.parameters)


def make(name: str) -> Indicator:
    """An indicator with its default parameters. Raises KeyError for an unknown name."""
    return Indicator(
        name, tuple(_number(each, each.default) for each in CATALOGUE[name].parameters)
    )


def parse_indicators(text: str) -> list[Indicator]:
    """What a link asks for, in its order, each once: six overlays and three panes at most.

    Parameters left out at the end have their defaults. Unknown names and numbers out of bounds are
    dropped. Never raises.
    """
    found = (_parse(part) for part in text.split(","))
    return limited([each for each in found if each is not None])


def limited(asked: Iterable[Indicator]) -> list[Indicator]:
    """Each once, as many as a chart has room for."""
    room = {Place.OVERLAY: MOST_OVERLAYS, Place.PANE: MOST_PANES}
    kept: list[Indicator] = []
    for each in asked:
        place = each.definition.place
        if each not in kept and room[place] > 0:
            room[place] -= 1
            kept.append(each)
    return kept


def format_indicators(indicators: Sequence[Indicator]) -> str:
    """The text for a link, which `parse_indicators` reads back."""
    return ",".join(".".join([each.name, *map(_spell, each.parameters)]) for each in indicators)


def _parse(text: str) -> Indicator | None:
    name, *rest = text.strip().lower().split(".", 1)
    definition = CATALOGUE.get(name)
    if definition is None:
        return None
    # The last parameter keeps its decimals: bb.20.2.5 is 20 bars and 2.5 deviations.
    written = rest[0].split(".", len(definition.parameters) - 1) if rest else []
    if len(written) > len(definition.parameters):
        return None
    numbers: list[float | int] = []
    for place, parameter in enumerate(definition.parameters):
        given = place < len(written)
        number = parameter.read(written[place]) if given else _number(parameter, parameter.default)
        if number is None:
            return None
        numbers.append(number)
    parameters = tuple(numbers)
    return Indicator(name, parameters) if definition.allows(parameters) else None


def _number(parameter: Parameter, value: float) -> float | int:
    return int(value) if parameter.whole else float(value)


def _spell(number: float | int) -> str:
    return f"{number:g}"


def _bars(default: int, *, label: str = "Bars", minimum: int = 2, maximum: int = 400) -> Parameter:
    return Parameter(label, default, minimum, maximum)


def _fast_is_faster(parameters: Parameters) -> bool:
    return parameters[0] < parameters[1]


_DEFINITIONS = (
    Definition(
        name="sma",
        short="SMA",
        title="Simple moving average",
        place=Place.OVERLAY,
        unit=Unit.PRICE,
        parameters=(_bars(20),),
        lines=("SMA",),
        needs=("close",),
        warm_up=lambda p: int(p[0]) - 1,
        help="The mean of the last *n* closes.",
    ),
    Definition(
        name="ema",
        short="EMA",
        title="Exponential moving average",
        place=Place.OVERLAY,
        unit=Unit.PRICE,
        parameters=(_bars(20),),
        lines=("EMA",),
        needs=("close",),
        warm_up=lambda p: int(p[0]) - 1,
        help=(
            "Each close counts 2 / (*n* + 1), the average before it the rest. It starts with the "
            "mean of the first *n* closes that are known."
        ),
    ),
    Definition(
        name="bb",
        short="BB",
        title="Bollinger Bands",
        place=Place.OVERLAY,
        unit=Unit.PRICE,
        parameters=(_bars(20), Parameter("Deviations", 2.0, 0.5, 5.0, whole=False)),
        lines=("upper", "middle", "lower"),
        needs=("close",),
        warm_up=lambda p: int(p[0]) - 1,
        help=(
            "The mean of the last *n* closes, and lines so many standard deviations above and "
            "below it. The deviation is that of the *n* closes themselves (divided by *n*)."
        ),
    ),
    Definition(
        name="vwap",
        short="VWAP",
        title="Volume-weighted average price",
        place=Place.OVERLAY,
        unit=Unit.PRICE,
        parameters=(),
        lines=("VWAP",),
        needs=("high", "low", "close", "volume"),
        warm_up=lambda _: 0,
        help=(
            "The average price paid since the session began: the sum of (high + low + close) / 3 "
            "× volume, divided by the sum of volume. Each session starts anew; 1D and 5D only."
        ),
        intraday_only=True,
    ),
    Definition(
        name="rsi",
        short="RSI",
        title="Relative strength index",
        place=Place.PANE,
        unit=Unit.PERCENT,
        parameters=(_bars(14),),
        lines=("RSI",),
        needs=("close",),
        warm_up=lambda p: int(p[0]),
        help=(
            "100 × average rise / (average rise + average fall), of close to close. The averages "
            "are Wilder's: the mean of the first *n* changes, then each change counts 1 / *n*. "
            "Not defined while the price has not moved. Over 70 is called overbought, under 30 "
            "oversold."
        ),
        guides=(30.0, 70.0),
        span=(0.0, 100.0),
    ),
    Definition(
        name="macd",
        short="MACD",
        title="MACD",
        place=Place.PANE,
        unit=Unit.PRICE,
        parameters=(
            _bars(12, label="Fast"),
            _bars(26, label="Slow"),
            _bars(9, label="Signal", minimum=2),
        ),
        lines=("MACD", "signal", "histogram"),
        needs=("close",),
        warm_up=lambda p: int(p[1]) + int(p[2]) - 2,
        help=(
            "The fast exponential average of the closes less the slow one; the signal is the "
            "exponential average of that, the histogram MACD less signal. Both averages give "
            "their first value on the slow one's first bar."
        ),
        guides=(0.0,),
        allows=_fast_is_faster,
    ),
    Definition(
        name="atr",
        short="ATR",
        title="Average true range",
        place=Place.PANE,
        unit=Unit.PRICE,
        parameters=(_bars(14),),
        lines=("ATR",),
        needs=("high", "low", "close"),
        warm_up=lambda p: int(p[0]),
        help=(
            "The true range is the greatest of high − low, high − previous close and previous "
            "close − low. Wilder's average of it: the mean of the first *n*, then each counts "
            "1 / *n*."
        ),
    ),
    Definition(
        name="obv",
        short="OBV",
        title="On-balance volume",
        place=Place.PANE,
        unit=Unit.SHARES,
        parameters=(),
        lines=("OBV",),
        needs=("close", "volume"),
        warm_up=lambda _: 0,
        help=(
            "Volume added up: plus on a rise of the close, minus on a fall. It begins with the "
            "volume of the first bar that is stored, so only its direction means something."
        ),
    ),
    Definition(
        name="stoch",
        short="Stoch",
        title="Stochastic oscillator, slow",
        place=Place.PANE,
        unit=Unit.PERCENT,
        parameters=(
            _bars(14, label="%K"),
            _bars(3, label="Slowing", minimum=1, maximum=100),
            _bars(3, label="%D", minimum=1, maximum=100),
        ),
        lines=("%K", "%D"),
        needs=("high", "low", "close"),
        warm_up=lambda p: int(p[0]) + int(p[1]) + int(p[2]) - 3,
        help=(
            "Where the close stands between the lowest low (0) and the highest high (100) of the "
            "last bars, averaged over the slowing: %K. %D is the average of %K. Not defined where "
            "high and low were the same throughout."
        ),
        guides=(20.0, 80.0),
        span=(0.0, 100.0),
    ),
)
CATALOGUE = {each.name: each for each in _DEFINITIONS}
