"""When a ticker's exchange trades, and in which currency: all by the ticker's suffix.

Sessions come from exchange_calendars, holidays, early closes and daylight saving included. Alpha
Vantage spells foreign tickers with a suffix of its own (`TSCO.LON`); one without is from the US.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import exchange_calendars
from exchange_calendars import ExchangeCalendar

from stocktracker.model import Ticker


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange as viewers know it; `code` is its ISO 10383 code in exchange_calendars."""

    code: str
    name: str
    currency: str


US = Exchange("XNYS", "NYSE", "USD")
# London is quoted in pence: GBX, a hundredth of GBP.
BY_SUFFIX = {
    "LON": Exchange("XLON", "London", "GBX"),
    "TRT": Exchange("XTSE", "Toronto", "CAD"),
    "TRV": Exchange("XTSX", "TSX Venture", "CAD"),
    "DEX": Exchange("XETR", "Xetra", "EUR"),
    "FRK": Exchange("XFRA", "Frankfurt", "EUR"),
    "PAR": Exchange("XPAR", "Paris", "EUR"),
    "AMS": Exchange("XAMS", "Amsterdam", "EUR"),
    "BSE": Exchange("XBOM", "Bombay", "INR"),
    "SHH": Exchange("XSHG", "Shanghai", "CNY"),
    "SHZ": Exchange("XSHG", "Shenzhen", "CNY"),
}

# From before the oldest bars that upstream has, to later than any that can come.
KNOWN_FROM, KNOWN_UNTIL = date(1998, 1, 1), date(2040, 12, 31)
PLAIN_NAMES = {
    "July 4th": "Independence Day",
    "President's Day": "Presidents' Day",
    "Dr. Martin Luther King Jr. Day": "Martin Luther King Jr. Day",
    "Juneteenth National Independence Day": "Juneteenth",
    "Weekend Christmas": "Christmas",
    "Weekend Boxing Day": "Boxing Day",
}


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day. `day` is the exchange's date; open and close are instants in UTC."""

    day: date
    open: datetime
    close: datetime


@dataclass(frozen=True, slots=True)
class MarketState:
    """Whether an exchange trades at an instant, until when, and if not, why not.

    `why` is a holiday's name, "weekend", "before the open" or "after the close"; None while open.
    """

    exchange: Exchange
    is_open: bool
    changes_at: datetime
    why: str | None


def exchange_of(ticker: Ticker) -> Exchange:
    """The exchange that the suffix names; the US for none, and for share classes as in BRK.B."""
    return BY_SUFFIX.get(ticker.rpartition(".")[2], US) if "." in ticker else US


class TradingCalendar:
    """The sessions of one exchange around any instant, in any year."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    @property
    def zone(self) -> ZoneInfo:
        return _year(self.exchange.code, 2026).zone

    def is_open(self, at: datetime) -> bool:
        return at < self.last_opened(at).close

    def last_opened(self, at: datetime) -> Session:
        """The newest session that has begun: the running one while the exchange trades."""
        sessions, opens = self._around(at)
        return sessions[bisect_right(opens, at) - 1]

    def last_closed(self, at: datetime) -> Session:
        """The newest session that is over; at the very instant of its close it is."""
        sessions, opens = self._around(at)
        index = bisect_right(opens, at) - 1
        return sessions[index] if sessions[index].close <= at else sessions[index - 1]

    def next_session(self, at: datetime) -> Session:
        """The next session to begin after `at`."""
        sessions, opens = self._around(at)
        return sessions[bisect_right(opens, at)]

    def session_on(self, day: date) -> Session | None:
        """The session of an exchange date; None on weekends and holidays."""
        return _year(self.exchange.code, day.year).by_day.get(day)

    def days_between(self, first: date, last: date) -> list[date]:
        """All trading days from `first` to `last`, both included."""
        days = _days(self.exchange.code, first.year, last.year)
        return list(days[bisect_left(days, first) : bisect_right(days, last)])

    def state(self, at: datetime) -> MarketState:
        running = self.last_opened(at)
        if at < running.close:
            return MarketState(self.exchange, True, running.close, None)
        following = self.next_session(at)
        return MarketState(self.exchange, False, following.open, self._why_closed(at, following))

    def _why_closed(self, at: datetime, following: Session) -> str:
        today = at.astimezone(self.zone).date()
        holiday = _year(self.exchange.code, today.year).holidays.get(today)
        if holiday:
            return holiday
        if following.day == today:
            return "before the open"
        if self.session_on(today) is not None:
            return "after the close"
        return "weekend" if today.weekday() >= 5 else "holiday"

    def _around(self, at: datetime) -> tuple[list[Session], list[datetime]]:
        year = _year(self.exchange.code, at.year)
        return year.sessions, year.opens


@dataclass(frozen=True, slots=True)
class _Year:
    """A year's sessions with a month on either side, so that neighbours are always there."""

    zone: ZoneInfo
    sessions: list[Session]
    opens: list[datetime]
    by_day: dict[date, Session]
    holidays: dict[date, str]


@lru_cache(maxsize=64)
def _year(code: str, year: int) -> _Year:
    first, last = date(year - 1, 12, 1), date(year + 1, 1, 31)
    zone = ZoneInfo(str(_known(code).tz))
    sessions, holidays = _recorded(code, first, last)
    presumed_from = max(_recorded_until(code) + timedelta(days=1), first)
    sessions += _presumed(code, zone, presumed_from, last)
    return _Year(
        zone=zone,
        sessions=sessions,
        opens=[session.open for session in sessions],
        by_day={session.day: session for session in sessions},
        holidays=holidays,
    )


@lru_cache(maxsize=16)
def _known(code: str) -> ExchangeCalendar:
    """One calendar for all years that are asked for here: making one takes a tenth of a second or
    two, however short it is."""
    try:
        return exchange_calendars.get_calendar(code, start=str(KNOWN_FROM), end=str(KNOWN_UNTIL))
    except ValueError:  # an exchange that announces its holidays year by year
        until = exchange_calendars.get_calendar(code).bound_max()
        return exchange_calendars.get_calendar(code, start=str(KNOWN_FROM), end=until)


def _sessions(code: str, first: date, last: date) -> tuple[ExchangeCalendar, slice]:
    """A calendar and which of its sessions are from `first` to `last`."""
    known = _known(code)
    if first < KNOWN_FROM or last > KNOWN_UNTIL:
        known = exchange_calendars.get_calendar(code, start=str(first), end=str(last))
    return known, known.sessions.slice_indexer(str(first), str(last))


def _recorded(code: str, first: date, last: date) -> tuple[list[Session], dict[date, str]]:
    """Sessions and named holidays, as far as exchange_calendars knows."""
    last = min(last, _recorded_until(code))
    if last < first:
        return [], {}
    known, chosen = _sessions(code, first, last)
    sessions = [
        Session(day, opened.to_pydatetime(), closed.to_pydatetime())
        for day, opened, closed in zip(
            known.sessions[chosen].date, known.opens[chosen], known.closes[chosen], strict=True
        )
    ]
    if known.regular_holidays is None:  # an exchange whose holidays follow no rule
        return sessions, {}
    named = known.regular_holidays.holidays(str(first), str(last), return_name=True)
    return sessions, {day.date(): PLAIN_NAMES.get(name, name) for day, name in named.items()}


def _recorded_until(code: str) -> date:
    """Where an exchange announces its holidays year by year, the last day that is known."""
    until = _known(code).bound_max()
    return date.max - timedelta(days=1) if until is None else until.date()


def _presumed(code: str, zone: ZoneInfo, first: date, last: date) -> list[Session]:
    """Beyond what is recorded every weekday counts as a session of the usual hours."""
    usual = _known(code)
    opens, closes = usual.open_times[-1][1], usual.close_times[-1][1]
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [
        Session(
            day,
            datetime.combine(day, opens, zone).astimezone(UTC),
            datetime.combine(day, closes, zone).astimezone(UTC),
        )
        for day in days
        if day.weekday() < 5
    ]


@lru_cache(maxsize=16)
def _days(code: str, first_year: int, last_year: int) -> tuple[date, ...]:
    first, last = date(first_year, 1, 1), date(last_year, 12, 31)
    until = min(last, _recorded_until(code))
    recorded: list[date] = []
    if first <= until:
        known, chosen = _sessions(code, first, until)
        recorded = list(known.sessions[chosen].date)
    presumed_from = max(until + timedelta(days=1), first)
    presumed = _presumed(code, _year(code, last_year).zone, presumed_from, last)
    return (*recorded, *(session.day for session in presumed))


@lru_cache(maxsize=16)
def calendar(exchange: Exchange = US) -> TradingCalendar:
    return TradingCalendar(exchange)


def calendar_of(ticker: Ticker) -> TradingCalendar:
    return calendar(exchange_of(ticker))


def closed_at(ticker: Ticker, day: date) -> datetime:
    """When the ticker's session of `day` closed; midnight UTC after a day that had none."""
    session = calendar_of(ticker).session_on(day)
    if session is not None:
        return session.close
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
