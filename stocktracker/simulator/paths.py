"""The simulated past and future of prices, before anybody asks: pure and deterministic.

All follows from a seed, a ticker and a day, so a restarted simulator tells the same history. A day
runs from its open to its close over 390 knots (a minute each in a full session), bent into a
Brownian bridge; its high and low are those of its knots. Random numbers are drawn month by month:
one day's minutes cost a month's draw, never 27 years of them.

Prices and volumes are as traded: they jump where `splits` has a split. A price wanders as if there
were none and is then told in the shares of its day, so a split itself moves nobody's money.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stocktracker.markets import Exchange, Session, calendar, calendar_of, exchange_of
from stocktracker.model import Ticker
from stocktracker.simulator.known import FOLLOWS_MARKET, KNOWN
from stocktracker.simulator.splits import factor_until, splits_of

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Label = TypeVar("Label")

FIRST_DAY = date(1999, 11, 1)
# On this day the known tickers have the price that `known` gives them.
ANCHOR_DAY = date(2026, 11, 20)
DAYS_A_YEAR = 252
DAYS_A_QUARTER = 63
KNOTS = 390
FRACTIONS = np.arange(1, KNOTS + 1) / KNOTS
WOBBLE = 0.005
WOBBLE_MINUTES = ((53.0, 0.5), (17.0, 0.3), (4.7, 0.2))
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TradingDays:
    """An exchange's days since 1999-11-01. `months` and `years` are spans of indices."""

    days: tuple[date, ...]
    index: Mapping[date, int]
    months: Mapping[tuple[int, int], slice]
    years: Mapping[int, slice]


@dataclass(frozen=True, slots=True, eq=False)
class DailyPath:
    """Opens and closes in cents of every day, and what shapes the minutes between them.

    `splits` are coefficients, 1 on most days; `dividends` are amounts a share of their day.
    """

    trading: TradingDays
    opens: Floats
    closes: Floats
    volumes: Whole
    dividends: Floats
    splits: Floats
    restlessness: Floats


@dataclass(frozen=True, slots=True, eq=False)
class DailyBars:
    """Whole days, oldest first."""

    opens: Floats
    highs: Floats
    lows: Floats
    closes: Floats
    volumes: Whole


@dataclass(frozen=True, slots=True, eq=False)
class SessionPath:
    """One session in cents: 391 prices at equal distances, from its open to its close.

    On the day of a split the previous close is told in the new shares, so that the change from it
    is what a holder has gained. Nothing says that upstream does so too; another way would show a
    fall of 75 % on the morning of a 4:1.
    """

    knots: Floats
    volume: int
    previous_close: float


@dataclass(frozen=True, slots=True)
class Character:
    """What kind of price a ticker has; yearly figures, as fractions."""

    price: float
    growth: float
    volatility: float
    follows_market: float
    volume: float
    dividends: float

    @property
    def log_growth(self) -> float:
        return float(np.log1p(self.growth))


def numbers(seed: int, *names: object) -> np.random.Generator:
    """Random numbers that belong to these names, the same ones every time."""
    text = "/".join(str(name) for name in (seed, *names))
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


@lru_cache(maxsize=16)
def trading_days(exchange: Exchange, last_year: int) -> TradingDays:
    days = tuple(calendar(exchange).days_between(FIRST_DAY, date(last_year, 12, 31)))
    months = [(day.year, day.month) for day in days]
    years = [day.year for day in days]
    return TradingDays(
        days=days,
        index={day: index for index, day in enumerate(days)},
        months=_spans(months),
        years=_spans(years),
    )


def _spans(labels: list[Label]) -> dict[Label, slice]:
    starts = [at for at, label in enumerate(labels) if at == 0 or labels[at - 1] != label]
    return {labels[start]: slice(start, end) for start, end in pairwise([*starts, len(labels)])}


@lru_cache(maxsize=128)
def daily_path(seed: int, ticker: Ticker, last_year: int) -> DailyPath:
    """Every day up to the end of `last_year`, or of the anchor's year if that is later.

    A later `last_year` adds days and changes none.
    """
    trading = trading_days(exchange_of(ticker), max(last_year, ANCHOR_DAY.year))
    count = len(trading.days)
    character = character_of(seed, ticker)
    night, day, amount, jump = numbers(seed, ticker, "days").standard_normal((count, 4)).T
    market, swings = _market(seed, count)

    follows = character.follows_market
    daily = character.volatility / np.sqrt(DAYS_A_YEAR) * swings
    overnight = 0.45 * daily * night + _jumps(jump, character)
    session = 0.85 * daily * (follows * market + np.sqrt(1 - follows**2) * day)

    anchor = bisect_right(trading.days, ANCHOR_DAY) - 1
    drift = character.log_growth / DAYS_A_YEAR - (overnight + session)[1 : anchor + 1].mean()
    walk = np.cumsum(overnight + session + drift)
    logs = np.log(character.price) + walk - walk[anchor]
    splits = _coefficients(seed, ticker, trading)
    factors = np.cumprod(splits)
    # How many shares of the anchor day stand for one of each day.
    shares = factors[anchor] / factors
    before = np.concatenate((logs[:1], logs[:-1]))
    volumes = character.volume * np.exp(0.3 * amount + 0.25 * np.abs(day) + 4 * np.abs(overnight))
    return DailyPath(
        trading=trading,
        opens=_cents(np.exp(before + overnight) * shares),
        closes=_cents(np.exp(logs) * shares),
        volumes=np.maximum(volumes / shares, 100).astype(np.int64),
        dividends=_dividends(seed, ticker, character, np.exp(before) * shares),
        splits=splits,
        restlessness=0.75 * daily,
    )


@lru_cache(maxsize=3000)
def year_of_bars(seed: int, ticker: Ticker, year: int) -> DailyBars:
    """All days of a year, those that are still to come included."""
    path = daily_path(seed, ticker, max(year, ANCHOR_DAY.year))
    months = [span for (of, _), span in path.trading.months.items() if of == year]
    walks = [_log_minutes(seed, ticker, path, span, span) for span in months]
    whole = path.trading.years[year]
    opens, closes = path.opens[whole], path.closes[whole]
    highest = np.concatenate([walk.max(axis=1) for walk in walks])
    lowest = np.concatenate([walk.min(axis=1) for walk in walks])
    return DailyBars(
        opens=opens,
        highs=np.maximum(_cents(np.exp(highest)), opens),
        lows=np.minimum(_cents(np.exp(lowest)), opens),
        closes=closes,
        volumes=path.volumes[whole],
    )


# A session of all that are listed: who asks for their quotes asks again in twenty seconds.
@lru_cache(maxsize=16384)
def session_path(seed: int, ticker: Ticker, day: date) -> SessionPath:
    path = daily_path(seed, ticker, max(day.year, ANCHOR_DAY.year))
    index = path.trading.index[day]
    month = path.trading.months[day.year, day.month]
    walk = _log_minutes(seed, ticker, path, month, slice(index, index + 1))[0]
    return SessionPath(
        knots=np.concatenate((path.opens[index : index + 1], _cents(np.exp(walk)))),
        volume=int(path.volumes[index]),
        previous_close=round(float(path.closes[index - 1] / path.splits[index]), 4),
    )


@lru_cache(maxsize=512)
def after_hours(seed: int, ticker: Ticker, session: Session) -> Floats:
    """A price in cents for each minute from the session's close to the next one's open.

    It begins at the close and stays within half a percent of it.
    """
    close = float(session_path(seed, ticker, session.day).knots[-1])
    length = (calendar_of(ticker).next_session(session.close).open - session.close) // MINUTE
    phases = 2 * np.pi * numbers(seed, ticker, "after hours").random(len(WOBBLE_MINUTES))
    sines, cosines, begin = _waves(length)
    return _cents(close * (1 + begin * (np.cos(phases) @ sines + np.sin(phases) @ cosines)))


@lru_cache(maxsize=32)
def _waves(length: int) -> tuple[Floats, Floats, Floats]:
    """For each minute up to `length`, the waves that a price wobbles in, and how much of them."""
    minutes = np.arange(length + 1)
    turns = np.array([2 * np.pi * minutes / period for period, _ in WOBBLE_MINUTES])
    shares = np.array([[share] for _, share in WOBBLE_MINUTES])
    return shares * np.sin(turns), shares * np.cos(turns), WOBBLE * np.minimum(minutes / 10, 1)


def coefficient_on(seed: int, ticker: Ticker, day: date) -> float:
    """The split coefficient of a trading day: 1 but for splits."""
    path = daily_path(seed, ticker, max(day.year, ANCHOR_DAY.year))
    return float(path.splits[path.trading.index[day]])


def share_of_volume(fraction: Floats | float) -> Floats:
    """How much of a session's volume is traded by a fraction of it: more at open and close."""
    share: Floats = np.asarray(fraction) + 0.6 * np.sin(2 * np.pi * np.asarray(fraction)) / (
        2 * np.pi
    )
    return np.clip(share, 0, 1)


def _log_minutes(seed: int, ticker: Ticker, path: DailyPath, month: slice, wanted: slice) -> Floats:
    """Logarithms of the knots after the open, a row a day, for `wanted` days of one month."""
    first = path.trading.days[month.start]
    noise = numbers(seed, ticker, "minutes", first.year, first.month).standard_normal(
        (month.stop - month.start, KNOTS)
    )[wanted.start - month.start : wanted.stop - month.start]
    walk = np.cumsum(noise, axis=1)
    walk -= walk[:, -1:] * FRACTIONS
    walk *= path.restlessness[wanted, None] / np.sqrt(KNOTS)
    opens, closes = np.log(path.opens[wanted, None]), np.log(path.closes[wanted, None])
    walk += opens + FRACTIONS * (closes - opens)
    return walk


@lru_cache(maxsize=8)
def _market(seed: int, count: int) -> tuple[Floats, Floats]:
    """What moves all tickers on each day, and how restless all are: slow swings around one."""
    days = np.arange(count)
    phases = numbers(seed, "calm and storm").random(3)
    swings = sum(
        np.sin(2 * np.pi * (days / (DAYS_A_YEAR * years) + phase))
        for years, phase in zip((5.3, 2.1, 0.7), phases, strict=True)
    )
    return numbers(seed, "the market").standard_normal(count), np.exp(0.18 * swings)


def _jumps(jump: Floats, character: Character) -> Floats:
    """News overnight: on about one day in a hundred the open is far from the close before."""
    size = np.sign(jump) * character.volatility * (0.06 + 0.12 * (np.abs(jump) - 2.6))
    return np.where(np.abs(jump) > 2.6, size, 0.0)


def _dividends(seed: int, ticker: Ticker, character: Character, before: Floats) -> Floats:
    """What is paid on each day: a quarter of the year's yield, every 63rd day.

    `before` are the closes before each day, in the shares of the day.
    """
    paid = np.zeros_like(before)
    first = int(numbers(seed, ticker, "dividends").integers(1, DAYS_A_QUARTER))
    paid[first::DAYS_A_QUARTER] = np.round(
        before[first::DAYS_A_QUARTER] * character.dividends / 4, 2
    )
    return paid


def _coefficients(seed: int, ticker: Ticker, trading: TradingDays) -> Floats:
    coefficients: Floats = np.ones(len(trading.days))
    for split in splits_of(seed, ticker):
        place = bisect_left(trading.days, split.day)
        if place < len(coefficients):
            coefficients[place] *= split.factor
    return coefficients


@lru_cache(maxsize=512)
def character_of(seed: int, ticker: Ticker) -> Character:
    rng = numbers(seed, ticker, "character")
    price, growth, volatility, follows, volume, dividends = rng.standard_normal(6)
    known = KNOWN.get(ticker)
    years = (ANCHOR_DAY - FIRST_DAY).days / 365.25
    # Who splits up has grown for it, so that prices as traded are believable in 1999 too.
    split = factor_until(seed, ticker, ANCHOR_DAY) ** (1 / years)
    if known is not None:
        return Character(
            price=known.price,
            growth=(1.05 + 0.02 * float(np.clip(growth, -2, 2))) * split - 1,
            volatility=known.volatility,
            follows_market=FOLLOWS_MARKET.get(ticker, 0.6),
            volume=known.volume,
            dividends=known.dividends,
        )
    return Character(
        price=float(np.clip(np.exp(3.4 + 0.8 * price), 4, 900)),
        growth=(1.03 + 0.02 * float(np.clip(growth, -2, 2))) * split - 1,
        volatility=float(np.clip(0.35 * np.exp(0.3 * volatility), 0.12, 0.9)),
        follows_market=float(np.clip(0.45 + 0.15 * follows, 0, 0.9)),
        volume=float(np.exp(13 + 1.5 * np.clip(volume, -3, 3))),
        dividends=float(np.clip(0.02 * dividends, 0, 0.06)),
    )


def _cents(prices: Floats) -> Floats:
    return np.maximum(np.round(prices, 2), 0.05)
