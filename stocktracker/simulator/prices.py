"""What the simulated market shows at an instant: quotes and bars that agree with each other.

Everything here is true *as of* `at`; what a key may see of it, and how late, is decided in
`functions`. A session that is running counts up to `at`. Asked for the very instant of a close,
it gives the day's final figures in any hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from stocktracker.config import Hours
from stocktracker.markets import Session, calendar_of
from stocktracker.model import Ticker
from stocktracker.simulator.paths import (
    MINUTE,
    Floats,
    Whole,
    after_hours,
    daily_path,
    session_path,
    share_of_volume,
    year_of_bars,
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A ticker at an instant: its newest session so far, and the close before it.

    `extended` is the price outside of the session, where there is one.
    """

    session: Session
    open: float
    high: float
    low: float
    price: float
    volume: int
    previous_close: float
    extended: float | None

    @property
    def change(self) -> float:
        return self.price - self.previous_close

    @property
    def change_percent(self) -> float:
        return 100 * self.change / self.previous_close


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Daily or weekly bars as traded, oldest first.

    `adjusted` are closes, backward from the last row, for splits and dividends; `splits` are the
    coefficients that came into effect in a row's time.
    """

    days: Sequence[date]
    opens: Floats
    highs: Floats
    lows: Floats
    closes: Floats
    volumes: Whole
    adjusted: Floats
    dividends: Floats
    splits: Floats


@dataclass(frozen=True, slots=True)
class PriceWorld:
    """One simulated market. Two with the same seed and hours never differ."""

    seed: int = 1
    hours: Hours = Hours.EXCHANGE

    def at(self, ticker: Ticker, at: datetime) -> Moment:
        session = calendar_of(ticker).last_opened(at)
        path = session_path(self.seed, ticker, session.day)
        knots = path.knots
        fraction = min((at - session.open) / (session.close - session.open), 1.0)
        price, high, low = _so_far(knots, fraction * (len(knots) - 1))
        extended = None
        if at > session.close:
            outside = after_hours(self.seed, ticker, session)
            extended, highest, lowest = _so_far(outside, (at - session.close) / MINUTE)
            if self.hours is Hours.ALWAYS:
                price, high, low = extended, max(high, highest), min(low, lowest)
                extended = None
        return Moment(
            session=session,
            open=float(knots[0]),
            high=high,
            low=low,
            price=price,
            volume=int(path.volume * share_of_volume(fraction)),
            previous_close=path.previous_close,
            extended=extended,
        )

    def daily(self, ticker: Ticker, at: datetime, newest: int | None = None) -> Table:
        """The `newest` days, or all since 1999-11-01; the last one is the session of `at`."""
        moment = self.at(ticker, at)
        path = daily_path(self.seed, ticker, moment.session.day.year)
        end = path.trading.index[moment.session.day] + 1
        start = 0 if newest is None else max(end - newest, 0)
        days = path.trading.days[start:end]
        years = [
            year_of_bars(self.seed, ticker, year) for year in range(days[0].year, days[-1].year + 1)
        ]
        skipped = start - path.trading.years[days[0].year].start
        span = slice(skipped, skipped + len(days))
        closes = np.concatenate([bars.closes for bars in years])[span]
        highs = np.concatenate([bars.highs for bars in years])[span]
        lows = np.concatenate([bars.lows for bars in years])[span]
        volumes = np.concatenate([bars.volumes for bars in years])[span]
        closes[-1], highs[-1], lows[-1] = moment.price, moment.high, moment.low
        volumes[-1] = moment.volume
        dividends, splits = path.dividends[start:end], path.splits[start:end]
        return Table(
            days=days,
            opens=np.concatenate([bars.opens for bars in years])[span],
            highs=highs,
            lows=lows,
            closes=closes,
            volumes=volumes,
            adjusted=closes * adjustments(closes, dividends, splits),
            dividends=dividends,
            splits=splits,
        )

    def weekly(self, ticker: Ticker, at: datetime) -> Table:
        """All weeks; each has the date of its last trading day, the running one of its newest."""
        daily = self.daily(ticker, at)
        weeks = np.array([(day.toordinal() - 1) // 7 for day in daily.days])
        starts = np.flatnonzero(np.concatenate(([True], weeks[1:] != weeks[:-1])))
        ends = np.concatenate((starts[1:], [len(weeks)])) - 1
        return Table(
            days=[daily.days[end] for end in ends],
            opens=daily.opens[starts],
            highs=np.maximum.reduceat(daily.highs, starts),
            lows=np.minimum.reduceat(daily.lows, starts),
            closes=daily.closes[ends],
            volumes=np.add.reduceat(daily.volumes, starts),
            adjusted=daily.adjusted[ends],
            dividends=np.add.reduceat(daily.dividends, starts),
            splits=np.multiply.reduceat(daily.splits, starts),
        )


def _so_far(prices: Floats, position: float) -> tuple[float, float, float]:
    """The price at a position between knots, and the highest and lowest up to there."""
    whole = min(int(position), len(prices) - 1)
    price = float(prices[whole])
    if whole < len(prices) - 1:
        price = round(price + (position - whole) * float(prices[whole + 1] - prices[whole]), 2)
    passed = prices[: whole + 1]
    return price, max(float(passed.max()), price), min(float(passed.min()), price)


def adjustments(closes: Floats, dividends: Floats, splits: Floats) -> Floats:
    """What each close is multiplied by: all dividends and splits after it lower it.

    A dividend D on a day that closes at C lowers all closes before it by C / (C + D), as upstream
    has it: its daily_adjusted body for IBM follows from its other columns to the last digit so, and
    only to 5e-5 by the textbook's 1 − D / previous close. A split lowers them by its coefficient.
    """
    factors: Floats = np.ones_like(closes)
    factors[:-1] = closes[1:] / (closes[1:] + dividends[1:]) / splits[1:]
    products: Floats = np.multiply.accumulate(factors[::-1])[::-1]
    return products
