"""The choice of the next calls: wants, what is known, allowance → calls now, or when to wake.

Pure but for the agenda, in which it keeps what it need not find anew; without one it decides the
same. Everything that may be asked gets a time from which on it is due, in `due.py`; here the due
ones are read in order and cut to what the budget allows. The order is: a viewer's first quote
before all, then what viewers look at, then what only the operator watches; of each, what has waited
longest for its turn.

Where more is due than the limits allow, calls are spaced evenly (`pace.py`); first quotes that
viewers wait for still go at once, as long as there are calls for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from stocktracker.markets import US, calendar
from stocktracker.model import Call, Feed, Want
from stocktracker.plans import DAY, Capability, Limit, Liveness
from stocktracker.polling.agenda import Agenda, is_operators
from stocktracker.polling.due import Known
from stocktracker.polling.pace import CATCH_UP, spacing
from stocktracker.polling.schedule import Due, Forecast
from stocktracker.polling.spare import PRICES, Spare, put_off, spare_at, spare_calls
from stocktracker.polling.wants import Wanted

BULK_SIZE = 100
# A bulk call that is made anyway takes along, in places that would stay empty, what is due within
# this part of the interval: it costs nothing, and from then on they are due together.
TOGETHER = 0.5


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be asked of upstream: the budget's word, and what keeps us from asking at all.

    `left` are the calls left of the minute, or of another window that is shorter than a day, and
    `slot` is when the next of evenly spaced calls may go, as of the last plan.
    """

    possible: int
    next_at: datetime
    left_today: int | None
    limits: tuple[Limit, ...]
    # When each call of the last day comes back into the day's limit, the earliest first.
    returns: tuple[datetime, ...] = ()
    halted: bool = False
    outage_until: datetime | None = None
    left: int | None = None
    slot: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls to make now; when to plan again if nothing happens before; what is due when.

    `apart` is how far apart calls have to be from now on, None where there are calls for all.
    """

    calls: tuple[Call, ...]
    wake_at: datetime | None
    due: Mapping[Want, Due]
    forecast: Forecast | None
    apart: timedelta | None = None


def make_plan(
    known: Known,
    wants: Mapping[Want, Wanted],
    allowed: Allowed,
    in_flight: frozenset[Want],
    agenda: Agenda | None = None,
) -> Plan:
    """Choose the calls to make now. Nobody watching: none, and no time to wake."""
    agenda = agenda or Agenda()
    agenda.see(known, wants)
    spread = day_spread(quote_calls(agenda), known, allowed)
    agenda.settle(known, spread, in_flight)
    spare = _spare(agenda, known, allowed)
    if spare is not None:
        agenda.others |= put_off(agenda.others, known.now, spare)
    forecast = foresee(agenda, known, allowed, spread) if agenda.needs else None
    if forecast is not None and spare is not None:
        forecast = replace(forecast, spare=spare[0][1], spare_at=spare_at(spare, 1))
    due = agenda.due
    if allowed.halted or not agenda.needs:
        return Plan((), None, due, forecast)

    apart = _apart(agenda, known, allowed)
    possible = allowed.possible
    if allowed.outage_until is not None:
        looks = allowed.outage_until <= known.now and not in_flight
        possible = min(possible, 1 if looks else 0)
    spaced = possible if apart is None else min(possible, _in_slots(allowed.slot, known.now, apart))
    at_once = _has_calls_for_firsts(agenda, allowed)
    calls, waiting = _choose(agenda, known, possible if at_once else spaced, spaced)

    future = agenda.next_at(known.now)
    if waiting is not None:
        # A reply on its way wakes the poller; otherwise look again at once, the budget having
        # changed by these very calls.
        replies = bool(in_flight) and not calls and spaced == possible
        pause = timedelta(seconds=1) if replies else timedelta(milliseconds=10)
        again = max(allowed.next_at, allowed.outage_until or allowed.next_at, known.now + pause)
        if apart is not None and not (at_once and agenda.is_first(waiting)):
            begin = max(allowed.slot or known.now, known.now - CATCH_UP)
            again = max(again, begin + len(calls) * apart)
        future = again if future is None else min(future, again)
    return Plan(tuple(calls), future, due, forecast, apart)


def _spare(agenda: Agenda, known: Known, allowed: Allowed) -> Spare | None:
    """None where nothing has to be kept, as calls are not counted by the day or prices are live."""
    if known.liveness is not Liveness.END_OF_DAY or allowed.left_today is None:
        return None
    needed_at = [
        max(turn.at, known.now)
        for want, turn in agenda.others.items()
        if want.feed in PRICES and turn.at is not None
    ]
    return spare_calls(known.now, allowed.left_today, allowed.returns, needed_at)


def _apart(agenda: Agenda, known: Known, allowed: Allowed) -> timedelta | None:
    """How far apart calls have to be; None where a round over all live quotes fits into the
    interval."""
    apart = spacing(allowed.limits)
    return apart if apart * quote_calls(agenda) > known.refresh else None


def _in_slots(slot: datetime | None, now: datetime, apart: timedelta) -> int:
    """How many spaced calls may go now: more than one where the last ones were late."""
    if slot is None:
        return 1
    return 0 if slot > now else min(now - slot, CATCH_UP) // apart + 1


def _has_calls_for_firsts(agenda: Agenda, allowed: Allowed) -> bool:
    """Whether all first quotes that viewers wait for can be had with the calls that are left."""
    firsts = agenda.firsts()
    bulk = sum(1 for want in firsts if agenda.in_bulk(want))
    calls = -(-bulk // BULK_SIZE) + len(firsts) - bulk
    return allowed.left is None or calls <= allowed.left


def _choose(
    agenda: Agenda, known: Known, firsts: int, spaced: int
) -> tuple[list[Call], Want | None]:
    """The calls to make now, and what comes next if there were more.

    One call each, except that quotes go together where the plan has bulk quotes: a bulk call stands
    where its first ticker does. Of `firsts` calls those beyond `spaced` are for first quotes only.
    """
    groups: list[list[Want]] = []
    filling: list[Want] | None = None
    unused: list[Want] = []
    for want, _ in agenda.ready(known.now):
        bulk = agenda.in_bulk(want)
        if bulk and filling is not None and len(filling) < BULK_SIZE:
            filling.append(want)
        elif len(groups) < (firsts if agenda.is_first(want) else spaced):
            groups.append([want])
            if bulk:
                filling = groups[-1]
        else:
            unused.append(want)
            if filling is None or len(filling) == BULK_SIZE:
                break
    agenda.put_back(unused, known.now)
    if filling is not None:
        until = known.now + TOGETHER * known.refresh
        filling.extend(agenda.soon(until, BULK_SIZE - len(filling)))
    in_bulk = sum(len(group) for group in groups if agenda.in_bulk(group[0]))
    agenda.asked(want for group in groups for want in group)
    calls = [_call(agenda, group, bulk=in_bulk > 1) for group in groups]
    return calls, unused[0] if unused else None


def _call(agenda: Agenda, group: list[Want], *, bulk: bool) -> Call:
    turn = agenda.turn(group[0])
    return Call(
        group[0].feed,
        tuple(want.ticker for want in group),
        full=turn is not None and turn.full,
        bulk=bulk and agenda.in_bulk(group[0]),
        reason="" if turn is None else turn.reason,
    )


def day_spread(calls: int, known: Known, allowed: Allowed) -> timedelta:
    """How far apart live quotes must be for the day's calls to last until the close.

    `calls` is what a round takes. Nothing where no limit is as long as a day. Without regard to
    hours the day's limit is spread over the day; with it, what is left is spread over what is left
    of the session.
    """
    day = next((limit for limit in allowed.limits if limit.period >= DAY), None)
    if day is None or allowed.left_today is None or calls == 0:
        return timedelta(0)
    if known.always:
        return calls * day.period / day.count
    running = calendar(US).last_opened(known.now)
    left = max(running.close - known.now, timedelta(0))
    return calls * left / max(allowed.left_today, 1)


def quote_calls(agenda: Agenda, *, but_operators: bool = False) -> int:
    """How many calls one round over all live quotes takes."""
    in_bulk = agenda.quotes(bulk=True, but_operators=but_operators)
    return agenda.quotes(bulk=False, but_operators=but_operators) + -(-in_bulk // BULK_SIZE)


def foresee(agenda: Agenda, known: Known, allowed: Allowed, spread: timedelta) -> Forecast:
    """What a round over everything watched takes now, and with one ticker more."""
    if known.liveness is Liveness.END_OF_DAY:
        daily = [want for want in agenda.others if want.feed in (Feed.DAILY, Feed.LISTING)]
        operators = sum(1 for want in daily if is_operators(want, agenda.needs[want]))
        return Forecast(DAY, DAY, len(daily), for_operator=operators)
    calls, seen = quote_calls(agenda), quote_calls(agenda, but_operators=True)
    # Viewers go first, so theirs is the round that the operator's watch does not lengthen.
    ours = seen or calls
    grows = 0 if known.rights.has(Capability.BULK_QUOTES, known.now) else 1
    per_call = max(
        (limit.period / limit.count for limit in allowed.limits if limit.period < DAY),
        default=timedelta(0),
    )
    more = spread * (calls + grows) / calls if calls else spread
    return Forecast(
        turn=max(known.refresh, spread, per_call * ours),
        turn_with_one_more=max(known.refresh, more, per_call * (ours + grows)),
        calls_a_day=None,
        for_operator=calls - seen,
        turn_of_all=max(known.refresh, spread, per_call * calls),
    )
