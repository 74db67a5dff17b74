"""Splits in the simulated prices: raw series jump, adjusted ones do not, and nothing else changes.

How upstream adjusts is read off the recorded bodies of IBM first.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from stocktracker.markets import calendar, calendar_of
from stocktracker.model import Ticker
from stocktracker.simulator.intraday import extended_bars
from stocktracker.simulator.known import KNOWN
from stocktracker.simulator.paths import ANCHOR_DAY, FIRST_DAY, daily_path, session_path
from stocktracker.simulator.prices import PriceWorld, adjustments
from stocktracker.simulator.splits import Split, factor_until, splits_of
from tests.helpers import utc
from tests.vendor import Desk, recorded_rows

WORLD = PriceWorld(1)
AAPL, COST, FORD = Ticker("AAPL"), Ticker("COST"), Ticker("F")
COST_DAY, FORD_DAY = date(2026, 10, 14), date(2026, 9, 9)
FRIDAY_CLOSE = utc("2026-11-20T21:00")
ORDINARY = [
    Ticker(text) for text in ("QZZZZ", "-P-HIZ", "BC/PB", "LABU", "ZVZZT", "NXT(EXP20091224)")
]


def column(rows: list[dict[str, str]], name: str) -> np.ndarray:
    """A column of a recorded CSV, oldest first."""
    return np.array([float(row[name]) for row in reversed(rows)])


def test_adjusted_closes_of_the_recorded_days_follow_from_the_other_columns() -> None:
    rows = recorded_rows("portfoliotree__daily_adjusted_compact_IBM.csv")
    closes, dividends = column(rows, "close"), column(rows, "dividend_amount")
    adjusted = closes * adjustments(closes, dividends, column(rows, "split_coefficient"))
    assert np.count_nonzero(dividends) == 2
    assert adjusted == pytest.approx(column(rows, "adjusted_close"), rel=1e-12)


def test_adjusted_closes_of_the_recorded_weeks_fall_by_the_split() -> None:
    rows = recorded_rows("portfoliotree__weekly_adjusted_IBM.csv")
    split = recorded_rows("portfoliotree__splits_IBM.csv")[0]
    place = [row["timestamp"] for row in reversed(rows)].index("2021-11-05")
    assert split["effective_date"] == "2021-11-04"
    factors = column(rows, "adjusted close") / column(rows, "close")
    assert factors[place] / factors[place - 1] == pytest.approx(
        float(split["split_factor"]), rel=1e-5
    )


def test_an_adjustment_by_hand() -> None:
    """100 → 102 and 2 paid → 51 after a 2:1."""
    closes, dividends = np.array([100.0, 102.0, 51.0]), np.array([0.0, 2.0, 0.0])
    factors = adjustments(closes, dividends, np.array([1.0, 1.0, 2.0]))
    assert factors == pytest.approx([102 / 104 / 2, 1 / 2, 1])


@pytest.mark.parametrize(
    ("ticker", "day", "factor"),
    [
        ("AAPL", "2014-06-09", 7),
        ("AAPL", "2020-08-31", 4),
        ("AMZN", "2022-06-06", 20),
        ("C", "2011-05-09", 0.1),
        ("GOOGL", "2022-07-18", 20),
        ("IBM", "2021-11-04", 1.046),
        ("NVDA", "2021-07-20", 4),
        ("NVDA", "2024-06-10", 10),
        ("TSLA", "2020-08-31", 5),
        ("TSLA", "2022-08-25", 3),
        ("WMT", "2024-02-26", 3),
    ],
)
def test_well_known_splits_are_where_they_were(ticker: str, day: str, factor: float) -> None:
    assert Split(date.fromisoformat(day), factor) in splits_of(1, Ticker(ticker))


@pytest.mark.parametrize("ticker", ["AAPL", "COST", "F", "IBM", "NVDA", "TSCO.LON", "SHOP.TRT"])
def test_a_raw_close_jumps_by_the_factor_and_an_ordinary_days_move(ticker: str) -> None:
    path = daily_path(1, Ticker(ticker), 2026)
    splits = [each for each in splits_of(1, Ticker(ticker)) if each.day.year <= 2026]
    assert splits
    for split in splits:
        place = path.trading.index[split.day]
        jump = path.closes[place - 1] / path.closes[place]
        assert jump == pytest.approx(split.factor, rel=0.15)
        assert path.opens[place - 1] / path.opens[place] == pytest.approx(split.factor, rel=0.2)


def test_every_split_is_on_a_trading_day_of_its_exchange() -> None:
    for known in KNOWN.values():
        ticker = Ticker(known.ticker)
        for split in splits_of(1, ticker):
            if split.day <= date(2030, 1, 1):
                days = calendar_of(ticker).days_between(date(1999, 1, 1), date(2030, 1, 1))
                assert split.day in days, (ticker, split)
                assert split.day >= FIRST_DAY


def test_volumes_are_as_traded_so_that_turnover_has_no_jump() -> None:
    path = daily_path(1, COST, 2026)
    place = path.trading.index[COST_DAY]
    before, after = slice(place - 40, place), slice(place, place + 25)
    shares = path.volumes[after].mean() / path.volumes[before].mean()
    assert shares == pytest.approx(3, rel=0.25)
    turnover = path.volumes * path.closes
    assert turnover[after].mean() == pytest.approx(turnover[before].mean(), rel=0.25)


def test_adjusted_returns_know_no_split() -> None:
    table = WORLD.daily(AAPL, FRIDAY_CLOSE)
    raw, adjusted = np.diff(np.log(table.closes)), np.diff(np.log(table.adjusted))
    assert raw.min() < -1.9
    assert np.abs(adjusted).max() < 0.25
    assert adjusted.std() * np.sqrt(252) == pytest.approx(0.27, abs=0.06)
    assert np.prod(table.splits) == 2 * 2 * 7 * 4


def test_prices_of_1999_are_believable_as_traded() -> None:
    for known in KNOWN.values():
        first = daily_path(1, Ticker(known.ticker), 2026).closes[0]
        # A yearly growth of 1 to 9 % is all that is between them, whatever was split.
        assert 0.05 < first / known.price < 0.9, known.ticker


def test_a_split_of_the_demo_is_within_the_compact_series() -> None:
    desk = Desk()
    for ticker, day, factor in ((COST, COST_DAY, 3.0), (FORD, FORD_DAY, 0.25)):
        bars = desk.json("TIME_SERIES_DAILY", ticker)["Time Series (Daily)"]
        days = sorted(bars)
        place = days.index(str(day))
        assert len(days) - place <= 60
        closes = [float(bars[each]["4. close"]) for each in (days[place - 1], days[place])]
        assert closes[0] / closes[1] == pytest.approx(factor, rel=0.1)


@pytest.mark.parametrize("quarter", [date(2027, 4, 1), date(2029, 8, 20), date(2034, 12, 31)])
def test_later_too_there_is_always_one_within_the_compact_series(quarter: date) -> None:
    known = [Ticker(known.ticker) for known in KNOWN.values()]
    recent = [
        split
        for ticker in known
        for split in splits_of(1, ticker)
        if quarter - timedelta(days=140) <= split.day <= quarter
    ]
    assert recent


def test_the_previous_close_of_a_split_day_is_in_the_new_shares() -> None:
    for ticker, day, factor in ((COST, COST_DAY, 3.0), (FORD, FORD_DAY, 0.25)):
        path = daily_path(1, ticker, 2026)
        before = path.closes[path.trading.index[day] - 1]
        assert session_path(1, ticker, day).previous_close == pytest.approx(
            before / factor, abs=5e-5
        )
        desk = Desk(at=f"{day + timedelta(days=1)}T01:00")
        quote = desk.json("GLOBAL_QUOTE", ticker)["Global Quote"]
        assert quote["07. latest trading day"] == str(day)
        assert float(quote["08. previous close"]) == pytest.approx(before / factor, abs=5e-5)
        assert abs(float(quote["10. change percent"].rstrip("%"))) < 8


def test_trades_before_the_open_of_a_split_day_are_in_the_new_shares() -> None:
    session = calendar().session_on(COST_DAY)
    assert session is not None
    path = daily_path(1, COST, 2026)
    expected = path.closes[path.trading.index[COST_DAY] - 1] / 3
    early = [
        bar
        for bar in extended_bars(1, COST, session, timedelta(minutes=5), session.close)
        if bar.start < session.open
    ]
    assert early
    for bar in early:
        assert bar.low == pytest.approx(expected, rel=0.006)
        assert bar.high == pytest.approx(expected, rel=0.006)


def test_the_adjusted_daily_series_tells_the_coefficient_on_the_effective_day() -> None:
    desk = Desk("premium-150")
    rows = {row["timestamp"]: row for row in desk.rows("TIME_SERIES_DAILY_ADJUSTED", COST)}
    assert rows["2026-10-14"]["split_coefficient"] == "3.0"
    others = {row["split_coefficient"] for day, row in rows.items() if day != "2026-10-14"}
    assert others == {"1.0"}
    before = rows["2026-10-13"]
    assert float(before["adjusted_close"]) < 0.34 * float(before["close"])


def test_weekly_bars_are_raw_and_their_adjusted_closes_are_not() -> None:
    weeks = Desk().json("TIME_SERIES_WEEKLY_ADJUSTED", COST)["Weekly Adjusted Time Series"]
    split, before = weeks["2026-10-16"], weeks["2026-10-09"]
    assert float(split["2. high"]) > 2.5 * float(split["3. low"])
    assert float(before["4. close"]) > 2.5 * float(split["4. close"])
    ratio = float(before["5. adjusted close"]) / float(split["5. adjusted close"])
    assert ratio == pytest.approx(1, abs=0.1)


def test_bars_after_all_splits_are_what_they_would_be_without_any() -> None:
    """A split changes what a price is told in, never what a share of the anchor day is worth."""
    path = daily_path(1, COST, 2026)
    anchor = path.trading.index[ANCHOR_DAY]
    assert path.closes[anchor] == KNOWN["COST"].price
    shares = np.cumprod(path.splits[::-1])[::-1]
    continuous = path.closes[:-1] / shares[1:]
    assert np.abs(np.diff(np.log(continuous))).max() < 0.25


def test_the_factor_until_a_day_multiplies_up() -> None:
    assert factor_until(1, AAPL, date(2000, 6, 20)) == 1
    assert factor_until(1, AAPL, date(2000, 6, 21)) == 2
    assert factor_until(1, AAPL, date(2014, 6, 8)) == 4
    assert factor_until(1, AAPL, date(2026, 1, 1)) == 112


def test_some_invented_companies_split_too_by_the_seeds_dice() -> None:
    tickers = [Ticker(f"Q{number}") for number in range(500)]
    splits = [split for ticker in tickers for split in splits_of(1, ticker)]
    assert 60 < len(splits) < 140
    assert any(split.factor < 1 for split in splits)
    assert splits != [split for ticker in tickers for split in splits_of(2, ticker)]
    assert splits == [split for ticker in tickers for split in splits_of(1, ticker)]


@pytest.mark.parametrize("ticker", [*ORDINARY, Ticker("NVDA"), Ticker("BRK-B"), Ticker("C")])
def test_a_later_year_changes_no_earlier_price(ticker: Ticker) -> None:
    now, later = daily_path(1, ticker, 2026), daily_path(1, ticker, 2029)
    known = len(now.closes)
    for name in ("opens", "closes", "volumes", "dividends", "splits"):
        assert np.array_equal(getattr(later, name)[:known], getattr(now, name))
