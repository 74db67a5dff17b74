"""When exchanges trade: suffixes, holidays, early closes, clock changes, the ends of years."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocktracker.markets import BY_SUFFIX, US, calendar, calendar_of, closed_at, exchange_of
from stocktracker.model import Ticker
from tests.helpers import utc

EXCHANGES = {"New York": US, "London": BY_SUFFIX["LON"], "Bombay": BY_SUFFIX["BSE"]}


@pytest.mark.parametrize(
    ("ticker", "name", "currency"),
    [
        ("IBM", "NYSE", "USD"),
        ("BRK.B", "NYSE", "USD"),
        ("BRK-B", "NYSE", "USD"),
        ("LON", "NYSE", "USD"),
        ("X.Y.Z", "NYSE", "USD"),
        ("TSCO.LON", "London", "GBX"),
        ("A.B.LON", "London", "GBX"),
        ("SHOP.TRT", "Toronto", "CAD"),
        ("GPV.TRV", "TSX Venture", "CAD"),
        ("MBG.DEX", "Xetra", "EUR"),
        ("MBG.FRK", "Frankfurt", "EUR"),
        ("AIR.PAR", "Paris", "EUR"),
        ("ASML.AMS", "Amsterdam", "EUR"),
        ("RELIANCE.BSE", "Bombay", "INR"),
        ("600104.SHH", "Shanghai", "CNY"),
        ("000002.SHZ", "Shenzhen", "CNY"),
        ("IBM.lon", "NYSE", "USD"),
    ],
)
def test_the_suffix_names_exchange_and_currency(ticker: str, name: str, currency: str) -> None:
    exchange = exchange_of(Ticker(ticker))
    assert (exchange.name, exchange.currency) == (name, currency)


@pytest.mark.parametrize(
    ("ticker", "day", "opens", "closes"),
    [
        ("IBM", "2026-11-23", "14:30", "21:00"),
        ("IBM", "2026-07-01", "13:30", "20:00"),
        # clocks change on 8 March in New York and on 29 March in Europe, and back on 25 October
        # in Europe and on 1 November in New York
        ("IBM", "2026-03-06", "14:30", "21:00"),
        ("IBM", "2026-03-09", "13:30", "20:00"),
        ("IBM", "2026-10-30", "13:30", "20:00"),
        ("IBM", "2026-11-02", "14:30", "21:00"),
        ("TSCO.LON", "2026-03-27", "08:00", "16:30"),
        ("TSCO.LON", "2026-03-30", "07:00", "15:30"),
        ("TSCO.LON", "2026-10-23", "07:00", "15:30"),
        ("TSCO.LON", "2026-10-26", "08:00", "16:30"),
        ("MBG.DEX", "2026-11-23", "08:00", "16:30"),
        ("RELIANCE.BSE", "2026-11-23", "03:45", "10:00"),
        ("600104.SHH", "2026-11-23", "01:30", "07:00"),
        # early closes
        ("IBM", "2026-11-27", "14:30", "18:00"),
        ("IBM", "2026-12-24", "14:30", "18:00"),
        ("TSCO.LON", "2026-12-24", "08:00", "12:30"),
    ],
)
def test_a_day_has_its_hours(ticker: str, day: str, opens: str, closes: str) -> None:
    session = calendar_of(Ticker(ticker)).session_on(date.fromisoformat(day))
    assert session is not None
    assert (session.open, session.close) == (utc(f"{day}T{opens}"), utc(f"{day}T{closes}"))


@pytest.mark.parametrize(
    ("ticker", "day"),
    [
        ("IBM", "2026-11-26"),
        ("IBM", "2026-11-28"),
        ("IBM", "2026-07-03"),
        ("IBM", "2025-01-09"),
        ("IBM", "2027-01-01"),
        ("TSCO.LON", "2026-08-31"),
        ("TSCO.LON", "2026-12-28"),
        ("SHOP.TRT", "2026-10-12"),
        ("RELIANCE.BSE", "2026-01-26"),
        ("600104.SHH", "2026-10-02"),
    ],
)
def test_on_a_day_off_there_is_no_session(ticker: str, day: str) -> None:
    assert calendar_of(Ticker(ticker)).session_on(date.fromisoformat(day)) is None


@pytest.mark.parametrize(
    ("ticker", "at", "is_open", "changes_at", "why"),
    [
        ("IBM", "2026-11-23T14:29:59", False, "2026-11-23T14:30", "before the open"),
        ("IBM", "2026-11-23T14:30:00", True, "2026-11-23T21:00", None),
        ("IBM", "2026-11-23T20:59:59", True, "2026-11-23T21:00", None),
        ("IBM", "2026-11-23T21:00:00", False, "2026-11-24T14:30", "after the close"),
        # midnight in New York is at five
        ("IBM", "2026-11-24T04:59:59", False, "2026-11-24T14:30", "after the close"),
        ("IBM", "2026-11-24T05:00:00", False, "2026-11-24T14:30", "before the open"),
        ("IBM", "2026-11-25T22:00:00", False, "2026-11-27T14:30", "after the close"),
        ("IBM", "2026-11-26T15:00:00", False, "2026-11-27T14:30", "Thanksgiving"),
        ("IBM", "2026-11-27T17:59:59", True, "2026-11-27T18:00", None),
        ("IBM", "2026-11-27T18:00:00", False, "2026-11-30T14:30", "after the close"),
        ("IBM", "2026-11-28T15:00:00", False, "2026-11-30T14:30", "weekend"),
        ("IBM", "2026-07-03T15:00:00", False, "2026-07-06T13:30", "Independence Day"),
        ("IBM", "2026-07-04T15:00:00", False, "2026-07-06T13:30", "weekend"),
        ("IBM", "2026-01-19T15:00:00", False, "2026-01-20T14:30", "Martin Luther King Jr. Day"),
        ("IBM", "2026-02-16T15:00:00", False, "2026-02-17T14:30", "Presidents' Day"),
        ("IBM", "2026-06-19T15:00:00", False, "2026-06-22T13:30", "Juneteenth"),
        ("IBM", "2025-01-09T15:00:00", False, "2025-01-10T14:30", "holiday"),
        ("IBM", "2026-12-31T22:00:00", False, "2027-01-04T14:30", "after the close"),
        ("IBM", "2027-01-01T15:00:00", False, "2027-01-04T14:30", "New Year's Day"),
        ("TSCO.LON", "2026-12-28T12:00:00", False, "2026-12-29T08:00", "Boxing Day"),
        ("600104.SHH", "2026-02-18T03:00:00", False, "2026-02-24T01:30", "holiday"),
        ("RELIANCE.BSE", "2026-11-23T05:00:00", True, "2026-11-23T10:00", None),
    ],
)
def test_an_exchange_says_whether_it_trades_until_when_and_why_not(
    ticker: str, at: str, is_open: bool, changes_at: str, why: str | None
) -> None:
    exchange = calendar_of(Ticker(ticker))
    state = exchange.state(utc(at))
    assert state.is_open is is_open is exchange.is_open(utc(at))
    assert state.changes_at == utc(changes_at)
    assert state.why == why


@pytest.mark.parametrize(
    ("at", "opened", "closed", "following"),
    [
        ("2026-11-23T14:29", "2026-11-20", "2026-11-20", "2026-11-23"),
        ("2026-11-23T14:30", "2026-11-23", "2026-11-20", "2026-11-24"),
        ("2026-11-23T20:59", "2026-11-23", "2026-11-20", "2026-11-24"),
        ("2026-11-23T21:00", "2026-11-23", "2026-11-23", "2026-11-24"),
        ("2026-11-26T15:00", "2026-11-25", "2026-11-25", "2026-11-27"),
        ("2026-11-29T15:00", "2026-11-27", "2026-11-27", "2026-11-30"),
        ("2027-01-01T00:00", "2026-12-31", "2026-12-31", "2027-01-04"),
        ("2027-01-04T14:30", "2027-01-04", "2026-12-31", "2027-01-05"),
    ],
)
def test_the_sessions_around_an_instant(at: str, opened: str, closed: str, following: str) -> None:
    exchange = calendar(US)
    assert str(exchange.last_opened(utc(at)).day) == opened
    assert str(exchange.last_closed(utc(at)).day) == closed
    assert str(exchange.next_session(utc(at)).day) == following


# From the months around the ends of two years, as each year's calendar takes a while to make.
around_the_ends_of_years = st.sampled_from(["2025-12-01", "2026-12-01"]).flatmap(
    lambda start: st.floats(0, 60).map(lambda days: utc(start) + timedelta(days=days))
)


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(sorted(EXCHANGES)), around_the_ends_of_years)
def test_sessions_follow_one_another_over_the_ends_of_years(name: str, now: datetime) -> None:
    exchange = calendar(EXCHANGES[name])
    opened, following = exchange.last_opened(now), exchange.next_session(now)
    assert opened.open <= now < following.open
    assert opened.open < opened.close <= following.open
    assert exchange.next_session(opened.open) == following
    assert exchange.last_closed(now).close <= now
    assert exchange.session_on(following.day) == following
    state = exchange.state(now)
    assert state.changes_at > now
    assert (state.why is None) == state.is_open == exchange.is_open(now)
    days = exchange.days_between(opened.day, following.day)
    assert days == [opened.day, following.day]


@pytest.mark.parametrize("ticker", ["RELIANCE.BSE", "600104.SHH"])
def test_beyond_the_holidays_that_are_announced_every_weekday_counts(ticker: str) -> None:
    """They are published a year at a time; a call for nothing is better than none at all."""
    exchange = calendar_of(Ticker(ticker))
    announced = exchange.session_on(date(2026, 11, 23))
    presumed = exchange.session_on(date(2035, 11, 23))
    assert announced is not None
    assert presumed is not None
    assert presumed.open.time() == announced.open.time()
    assert presumed.close.time() == announced.close.time()
    assert exchange.session_on(date(2035, 11, 24)) is None
    assert len(exchange.days_between(date(2035, 11, 19), date(2035, 11, 25))) == 5


def test_trading_days_are_counted_over_years() -> None:
    exchange = calendar(US)
    assert len(exchange.days_between(date(2025, 1, 1), date(2025, 12, 31))) == 250
    assert len(exchange.days_between(date(2016, 1, 1), date(2025, 12, 31))) == 2514
    assert exchange.days_between(date(2026, 11, 26), date(2026, 11, 30)) == [
        date(2026, 11, 27),
        date(2026, 11, 30),
    ]
    assert exchange.days_between(date(2026, 11, 28), date(2026, 11, 29)) == []


def test_a_day_without_a_session_is_over_at_midnight() -> None:
    assert closed_at(Ticker("IBM"), date(2026, 11, 27)) == utc("2026-11-27T18:00")
    assert closed_at(Ticker("IBM"), date(2026, 11, 28)) == utc("2026-11-29T00:00")


def test_instants_are_in_utc() -> None:
    session = calendar(US).last_opened(utc("2026-07-01T15:00"))
    assert session.open.utcoffset() == timedelta(0)
    assert session.close.utcoffset() == timedelta(0)


@pytest.mark.parametrize("years", [(1996, 2000), (2025, 2028), (2039, 2043)])
def test_trading_days_do_not_depend_on_how_many_years_are_asked_for(years: tuple[int, int]) -> None:
    """One calendar is kept for most years; before and after it others are made."""
    first, last = years
    for exchange in (US, BY_SUFFIX["LON"], BY_SUFFIX["FRK"]):
        trading = calendar(exchange)
        whole = trading.days_between(date(first, 1, 1), date(last, 12, 31))
        by_year = [
            day
            for year in range(first, last + 1)
            for day in trading.days_between(date(year, 1, 1), date(year, 12, 31))
        ]
        assert whole == by_year
        assert whole == sorted({day for day in whole if trading.session_on(day)})
