"""TOP_GAINERS_LOSERS: the twenty best, worst and most traded of a day, out of a fixed sample.

The sample is every well-known US ticker and a few hundred others; a few odd ones are added, as
upstream's lists are full of warrants and pennies that no other function knows by that spelling.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import chain, islice

from stocktracker.markets import Session, calendar
from stocktracker.model import Ticker
from stocktracker.simulator import listing
from stocktracker.simulator.bodies import Answer, json_answer
from stocktracker.simulator.intraday import EASTERN
from stocktracker.simulator.known import LISTED
from stocktracker.simulator.paths import ANCHOR_DAY, daily_path
from stocktracker.simulator.prices import PriceWorld

METADATA = "Top gainers, losers, and most actively traded US tickers"
SETTLED_AFTER = timedelta(minutes=16)
MOST = 20
INVENTED, EVERY = 150, 81
NO_MOVERS = ("-", "(", "/", ":")
WARRANTS = (
    "CELG^",
    "OPFI+",
    "SMLTW",
    "SMLT^",
    "SIMU+",
    "SIMUW",
    "MOCKW",
    "MOCK^",
    "FAKE+",
    "FAKEW",
)


@dataclass(frozen=True, slots=True)
class Mover:
    """What a ticker did in a session."""

    ticker: str
    price: float
    change: float
    volume: int

    @property
    def change_percent(self) -> float:
        return 100 * self.change / (self.price - self.change)

    @property
    def body(self) -> dict[str, str]:
        return {
            "ticker": self.ticker,
            "price": str(self.price),
            "change_amount": str(self.change),
            "change_percentage": f"{round(self.change_percent, 4)}%",
            "volume": str(self.volume),
        }


def answer(world: PriceWorld, at: datetime) -> Answer:
    """The session as it stands at an instant; `last_updated` is 16 minutes after its close."""
    session = calendar().last_opened(at)
    if at >= session.close:
        movers = _of_whole_day(world.seed, session.day)
        updated = session.close + SETTLED_AFTER
    else:
        movers = _so_far(world, session, at)
        updated = at
    ranked = sorted(movers, key=lambda mover: (mover.change_percent, mover.ticker))
    active = sorted(movers, key=lambda mover: (-mover.volume, mover.ticker))
    lists = {
        "top_gainers": [mover for mover in ranked[::-1] if mover.change > 0],
        "top_losers": [mover for mover in ranked if mover.change < 0],
        "most_actively_traded": active,
    }
    stamp = updated.astimezone(EASTERN).strftime("%Y-%m-%d %H:%M:%S")
    return json_answer(
        {
            "metadata": METADATA,
            "last_updated": f"{stamp} US/Eastern",
            **{name: [mover.body for mover in each[:MOST]] for name, each in lists.items()},
        }
    )


@lru_cache(maxsize=8)
def _of_whole_day(seed: int, day: date) -> tuple[Mover, ...]:
    return tuple(chain((_at_close(seed, each, day) for each in _sample(day)), _odd(seed, day, 1)))


def _so_far(world: PriceWorld, session: Session, at: datetime) -> tuple[Mover, ...]:
    movers = []
    for ticker in _sample(session.day):
        moment = world.at(ticker, at)
        change = round(moment.change, 4)
        movers.append(Mover(ticker, moment.price, change, moment.volume))
    share = (at - session.open) / (session.close - session.open)
    return (*movers, *_odd(world.seed, session.day, share))


def _at_close(seed: int, ticker: Ticker, day: date) -> Mover:
    # Not out of the cache, which holds fewer paths than there are tickers here.
    path = daily_path.__wrapped__(seed, ticker, max(day.year, ANCHOR_DAY.year))
    place = path.trading.index[day]
    price, before = float(path.closes[place]), path.closes[place - 1] / path.splits[place]
    return Mover(ticker, price, round(price - float(before), 4), int(path.volumes[place]))


@lru_cache(maxsize=8)
def _sample(day: date) -> tuple[Ticker, ...]:
    """The tickers that are looked at on a day: those listed by then."""
    rows = listing.rows_on(day)
    known = [row.ticker for row in rows if row.ticker in LISTED]
    others = (
        row.ticker
        for row in rows
        if row.ticker not in LISTED and not any(mark in row.ticker for mark in NO_MOVERS)
    )
    return tuple(map(Ticker, [*known, *islice(others, 0, INVENTED * EVERY, EVERY)]))


def _odd(seed: int, day: date, share: float) -> list[Mover]:
    """Warrants that double or halve, in fractions of a cent."""
    rng = random.Random(f"{seed}/{day}/warrants")
    movers = []
    for ticker in WARRANTS:
        before = round(rng.uniform(0.002, 0.2), 4)
        change = round(before * rng.choice((-0.45, -0.3, 0.4, 0.9, 18.0)) * rng.uniform(0.8, 1), 4)
        volume = round(rng.lognormvariate(11, 2) * share)
        movers.append(Mover(ticker, round(before + change, 4), change, volume))
    return movers
