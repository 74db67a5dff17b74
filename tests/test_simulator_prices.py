"""The simulated market agrees with itself: quote, daily, weekly and intraday at any instant."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from stocktracker.config import Hours
from stocktracker.markets import calendar, calendar_of
from stocktracker.model import Ticker
from stocktracker.simulator.intraday import extended_bars, session_bars
from stocktracker.simulator.known import KNOWN
from stocktracker.simulator.paths import FIRST_DAY, daily_path
from stocktracker.simulator.prices import PriceWorld
from tests.helpers import utc

IBM = Ticker("IBM")
EXCHANGE, ALWAYS = PriceWorld(1), PriceWorld(1, Hours.ALWAYS)
FIVE_MINUTES = timedelta(minutes=5)
FRIDAY_CLOSE = utc("2026-11-20T21:00")

INSTANTS = {
    "at the open": "2026-11-20T14:30",
    "a second after the open": "2026-11-20T14:30:01",
    "in the session": "2026-11-20T16:17:23.456",
    "at the close": "2026-11-20T21:00",
    "after the close": "2026-11-20T22:40",
    "at the weekend": "2026-11-22T12:00",
    "before the open": "2026-11-23T14:29:59",
    "at an early close": "2026-11-27T17:59",
    "in the first week of a year": "2026-01-02T18:00",
    "in a past summer": "2019-07-03T16:59",
}


@pytest.fixture(params=INSTANTS.values(), ids=INSTANTS)
def at(request: pytest.FixtureRequest) -> datetime:
    return utc(request.param)


@pytest.fixture(params=[EXCHANGE, ALWAYS], ids=["exchange", "always"])
def world(request: pytest.FixtureRequest) -> PriceWorld:
    return request.param


def test_the_last_daily_bar_is_the_quote(world: PriceWorld, at: datetime) -> None:
    moment, table = world.at(IBM, at), world.daily(IBM, at, 100)
    last = (table.opens[-1], table.highs[-1], table.lows[-1], table.closes[-1], table.volumes[-1])
    assert last == (moment.open, moment.high, moment.low, moment.price, moment.volume)
    assert table.days[-1] == moment.session.day
    assert table.closes[-2] == moment.previous_close


def test_compact_is_the_end_of_the_whole_history(world: PriceWorld, at: datetime) -> None:
    compact, whole = world.daily(IBM, at, 100), world.daily(IBM, at)
    assert list(compact.days) == list(whole.days[-100:])
    for name in ("opens", "highs", "lows", "closes", "volumes"):
        assert np.array_equal(getattr(compact, name), getattr(whole, name)[-100:])


def test_weeks_are_made_of_days(world: PriceWorld, at: datetime) -> None:
    daily, weekly = world.daily(IBM, at), world.weekly(IBM, at)
    monday = weekly.days[-2] + timedelta(days=7 - weekly.days[-2].weekday())
    first = next(index for index, day in enumerate(daily.days) if day >= monday)
    assert weekly.days[-1] == daily.days[-1]
    assert weekly.opens[-1] == daily.opens[first]
    assert weekly.highs[-1] == daily.highs[first:].max()
    assert weekly.lows[-1] == daily.lows[first:].min()
    assert weekly.closes[-1] == daily.closes[-1]
    assert weekly.volumes[-1] == daily.volumes[first:].sum()
    assert weekly.dividends.sum() == pytest.approx(daily.dividends.sum())


@pytest.mark.parametrize("minutes", [1, 5, 15, 30, 60])
def test_a_sessions_bars_add_up_to_its_day(at: datetime, minutes: int) -> None:
    moment = EXCHANGE.at(IBM, at)
    bars = list(session_bars(1, IBM, moment.session, timedelta(minutes=minutes), at))
    if at == moment.session.open:
        assert bars == []
        return
    assert bars[0].open == moment.open
    assert bars[-1].close == moment.price
    assert max(bar.high for bar in bars) == moment.high
    assert min(bar.low for bar in bars) == moment.low
    assert sum(bar.volume for bar in bars) == moment.volume
    assert len({bar.start for bar in bars}) == len(bars)


def test_bars_of_past_days_are_the_same_in_every_answer() -> None:
    table = EXCHANGE.daily(IBM, utc("2026-11-20T18:00"))
    for back in (2, 50, 300, 2500, 6800):
        session = calendar().session_on(table.days[-back])
        assert session is not None
        bars = list(session_bars(1, IBM, session, FIVE_MINUTES, FRIDAY_CLOSE))
        assert max(bar.high for bar in bars) == table.highs[-back]
        assert min(bar.low for bar in bars) == table.lows[-back]
        assert bars[-1].close == table.closes[-back]
        assert EXCHANGE.at(IBM, session.close).price == table.closes[-back]


def test_a_regular_session_has_78_bars_of_five_minutes_and_few_outside() -> None:
    session = calendar().last_opened(FRIDAY_CLOSE)
    late = utc("2026-11-21T03:00")
    inside = list(session_bars(1, IBM, session, FIVE_MINUTES, late))
    outside = list(extended_bars(1, IBM, session, FIVE_MINUTES, late))
    assert len(inside) == 78
    assert 5 < len(outside) < 60
    assert {bar.start for bar in inside}.isdisjoint(bar.start for bar in outside)
    assert min(bar.start for bar in outside) >= utc("2026-11-20T09:00")
    assert max(bar.start for bar in outside) < utc("2026-11-21T01:00")


def test_high_low_and_volume_only_widen_as_the_session_goes_on() -> None:
    moments = [EXCHANGE.at(IBM, utc("2026-11-20T14:30") + n * FIVE_MINUTES) for n in range(90)]
    for before, after in pairwise(moments):
        assert after.high >= before.high
        assert after.low <= before.low
        assert after.volume >= before.volume
        assert after.low <= after.price <= after.high
    assert moments[0].volume == 0


def test_prices_move_within_twenty_seconds_at_any_hour_if_always() -> None:
    for start in ("2026-11-20T16:00", "2026-11-21T03:00", "2026-11-22T12:00"):
        ticks = [utc(start) + n * timedelta(seconds=20) for n in range(15)]
        assert len({ALWAYS.at(IBM, tick).price for tick in ticks}) > 8


def test_prices_stand_still_outside_of_the_session_otherwise() -> None:
    ticks = [FRIDAY_CLOSE + n * timedelta(hours=3) for n in range(20)]
    assert len({EXCHANGE.at(IBM, tick).price for tick in ticks}) == 1


def test_out_of_hours_the_price_stays_near_the_close_on_the_same_trading_day() -> None:
    close = ALWAYS.at(IBM, FRIDAY_CLOSE)
    highest = close.high
    for minutes in range(0, 65 * 60, 7):
        moment = ALWAYS.at(IBM, FRIDAY_CLOSE + timedelta(minutes=minutes, seconds=13))
        assert abs(moment.price / close.price - 1) <= 0.0051
        assert moment.session == close.session
        assert moment.volume == close.volume
        assert moment.high >= highest
        highest = moment.high
    monday = ALWAYS.daily(IBM, utc("2026-11-23T14:30"), 3)
    assert monday.closes[-2] == close.price


def test_known_tickers_have_their_prices_on_the_anchor_day() -> None:
    for known in KNOWN.values():
        ticker = Ticker(known.ticker)
        at = calendar_of(ticker).last_closed(utc("2026-11-21T12:00")).close
        assert EXCHANGE.at(ticker, at).price == pytest.approx(known.price, abs=0.006)


@pytest.mark.parametrize("ticker", ["AAPL", "TSLA", "NAN", "QZZZZ", "-P-HIZ", "TSCO.LON"])
def test_every_bar_of_a_history_is_possible(ticker: str) -> None:
    table = EXCHANGE.daily(Ticker(ticker), FRIDAY_CLOSE)
    assert table.days[0] >= FIRST_DAY
    assert list(table.days) == sorted(set(table.days))
    assert (table.lows > 0).all()
    assert (table.lows <= np.minimum(table.opens, table.closes)).all()
    assert (table.highs >= np.maximum(table.opens, table.closes)).all()
    assert (table.volumes > 0).all()
    assert np.array_equal(np.round(table.closes, 2), table.closes)
    daily = np.diff(np.log(table.adjusted))
    assert 0.04 < daily.std() * np.sqrt(252) < 1.3


def test_there_is_a_bar_for_each_trading_day_and_no_other() -> None:
    table = EXCHANGE.daily(IBM, FRIDAY_CLOSE)
    assert list(table.days) == calendar().days_between(FIRST_DAY, date(2026, 11, 20))


def test_adjusted_closes_are_lower_by_each_later_dividend() -> None:
    table = EXCHANGE.daily(Ticker("KO"), FRIDAY_CLOSE)
    paid = int(np.flatnonzero(table.dividends)[-1])
    # As upstream has it; tests/test_simulator_splits.py reads that off a recorded body.
    factor = table.closes[paid] / (table.closes[paid] + table.dividends[paid])
    assert np.array_equal(table.adjusted[paid:], table.closes[paid:])
    assert table.adjusted[paid - 1] == pytest.approx(table.closes[paid - 1] * factor)
    assert 80 < np.count_nonzero(table.dividends) < 110
    assert table.adjusted[0] < 0.6 * table.closes[0]
    growth = EXCHANGE.daily(Ticker("ON"), FRIDAY_CLOSE)
    assert np.array_equal(growth.adjusted, growth.closes)


def test_a_later_year_adds_days_and_changes_none() -> None:
    now, later = daily_path(1, IBM, 2026), daily_path(1, IBM, 2028)
    known = len(now.closes)
    assert len(later.closes) > known + 500
    assert np.array_equal(later.closes[:known], now.closes)
    assert np.array_equal(later.volumes[:known], now.volumes)


def test_another_process_tells_the_same_history() -> None:
    code = (
        "from tests.helpers import utc\n"
        "from stocktracker.simulator.prices import PriceWorld\n"
        "print(PriceWorld(7).at('IBM', utc('2026-11-20T17:11:05')))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == str(PriceWorld(7).at(IBM, utc("2026-11-20T17:11:05")))


def test_another_seed_is_another_market() -> None:
    assert PriceWorld(2).at(IBM, FRIDAY_CLOSE).open != EXCHANGE.at(IBM, FRIDAY_CLOSE).open


def test_tickers_move_with_the_market_in_their_own_measure() -> None:
    def returns(ticker: str) -> np.ndarray:
        return np.diff(np.log(EXCHANGE.daily(Ticker(ticker), FRIDAY_CLOSE).adjusted))

    market = returns("SPY")
    assert np.corrcoef(market, returns("QQQ"))[0, 1] > 0.6
    assert 0.2 < np.corrcoef(market, returns("AAPL"))[0, 1] < 0.7
    assert abs(np.corrcoef(market, returns("GLD"))[0, 1]) < 0.2
