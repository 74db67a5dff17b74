"""The choice of the next calls: wants, what is known, allowance → calls now, or when to wake.

Pure. Everything that may be asked gets a time from which on it is due, in `due.py`; here the due
ones are put in order and cut to what the budget allows. The order is: a ticker's first quote before
all, then whatever has waited longest for its turn.

On an end-of-day plan the closes to come have the first claim on a day's calls: what is no price is
asked with those that they leave over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from stocktracker.due import Known, Turn, looks_split, turn_of
from stocktracker.markets import US, calendar, exchange_of
from stocktracker.model import LISTING_WANT, Call, Feed, Want
from stocktracker.plans import DAY, Capability, Limit, Liveness
from stocktracker.schedule import Due, Forecast
from stocktracker.wants import Wanted

BULK_SIZE = 100
# A bulk call that is made anyway takes along, in places that would stay empty, what is due within
# this part of the interval: it costs nothing, and from then on they are due together.
TOGETHER = 0.5

# Calls kept beside those for the closes: some look too early and have to look again.
LOOKS = 2
# What shows prices; all else may wait for a day with calls to spare.
PRICES = frozenset({Feed.QUOTE, Feed.DAILY, Feed.INTRADAY, Feed.LISTING})


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be asked of upstream: the budget's word, and what keeps us from asking at all."""

    possible: int
    next_at: datetime
    left_today: int | None
    limits: tuple[Limit, ...]
    # When each call of the last day comes back into the day's limit, the earliest first.
    returns: tuple[datetime, ...] = ()
    halted: bool = False
    outage_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls to make now; when to plan again if nothing happens before; what is due when."""

    calls: tuple[Call, ...]
    wake_at: datetime | None
    due: Mapping[Want, Due]
    forecast: Forecast | None


def make_plan(
    known: Known, wants: Mapping[Want, Wanted], allowed: Allowed, in_flight: frozenset[Want]
) -> Plan:
    """Choose the calls to make now. Nobody watching: none, and no time to wake."""
    needs = needed(wants, known)
    spread = day_spread(needs, known, allowed)
    turns = {want: turn_of(want, wanted, known, spread) for want, wanted in needs.items()}
    spare = _spare(turns, known, allowed)
    if spare is not None:
        turns |= _put_off(turns, known, spare)
    forecast = foresee(needs, known, allowed, spread) if needs else None
    if forecast is not None and spare is not None:
        forecast = replace(forecast, spare=spare[0][1], spare_at=spare_at(spare, 1))
    due = {want: Due(turn.at, turn.reason) for want, turn in turns.items()}
    if allowed.halted or not needs:
        return Plan((), None, due, forecast)

    ready = _in_order(turns, known.now, in_flight)
    future = [turn.at for turn in turns.values() if turn.at and turn.at > known.now]
    blocked_until = max(allowed.next_at, allowed.outage_until or allowed.next_at)
    possible = allowed.possible
    if allowed.outage_until is not None:
        looks = allowed.outage_until <= known.now and not in_flight
        possible = min(possible, 1 if looks else 0)

    calls = _as_calls(ready, turns, known, in_flight)
    chosen = tuple(calls[:possible])
    if len(calls) > len(chosen):
        # A reply on its way wakes the poller; otherwise look again at once, the budget having
        # changed by these very calls.
        pause = timedelta(seconds=1) if in_flight and not chosen else timedelta(milliseconds=10)
        future.append(max(blocked_until, known.now + pause))
    return Plan(chosen, min(future, default=None), due, forecast)


def needed(wants: Mapping[Want, Wanted], known: Known) -> dict[Want, Wanted]:
    """What has to be asked so that the wants can be met, under the plan that we have.

    End-of-day quotes are in the daily bars, so the quote itself is not asked for. The listing is
    wanted as soon as anybody is there to choose from it.
    """
    needs: dict[Want, Wanted] = {}
    for want, wanted in wants.items():
        feed = want.feed
        if feed is Feed.QUOTE and known.liveness is Liveness.END_OF_DAY:
            feed = Feed.DAILY
        need = Want(feed, want.ticker)
        other = needs.get(need)
        needs[need] = wanted if other is None else _together(wanted, other)
        if feed in (Feed.DAILY, Feed.QUOTE) and looks_split(want.ticker, known):
            needs.setdefault(Want(Feed.SPLITS, want.ticker), wanted)
    if needs:
        since = min(wanted.since for wanted in needs.values())
        needs[LISTING_WANT] = Wanted(0, since)
    return needs


def _together(one: Wanted, other: Wanted) -> Wanted:
    """A viewer who wants a quote and its bars is one viewer."""
    return Wanted(max(one.viewers, other.viewers), min(one.since, other.since))


def _put_off(turns: Mapping[Want, Turn], known: Known, spare: Spare) -> dict[Want, Turn]:
    """What the closes to come leave no call for now, with the time at which there is one."""
    ready = sorted(
        (
            want
            for want, turn in turns.items()
            if want.feed not in PRICES and turn.at is not None and turn.at <= known.now
        ),
        key=lambda want: (turns[want].at, turns[want].since, want.feed, want.ticker),
    )
    reason = "calls left are kept for the closes"
    put_off = {}
    for place, want in enumerate(ready):
        at = spare_at(spare, place + 1)
        if at is None or at > known.now:
            put_off[want] = replace(turns[want], at=at or known.now + DAY, reason=reason)
    return put_off


# From when on how many calls can be spared for what is no price, the earliest first.
Spare = tuple[tuple[datetime, int], ...]


def spare_at(spare: Spare, count: int) -> datetime | None:
    """From when on `count` calls can be spared; None where not within a day."""
    return next((at for at, can in spare if can >= count), None)


def _spare(turns: Mapping[Want, Turn], known: Known, allowed: Allowed) -> Spare | None:
    """None where nothing has to be kept, as calls are not counted by the day or prices are live."""
    if known.liveness is not Liveness.END_OF_DAY or allowed.left_today is None:
        return None
    needed_at = [
        max(turn.at, known.now)
        for want, turn in turns.items()
        if want.feed in PRICES and turn.at is not None
    ]
    return spare_calls(known.now, allowed.left_today, allowed.returns, needed_at)


def spare_calls(
    now: datetime, left: int, returns: Sequence[datetime], needed_at: Sequence[datetime]
) -> Spare:
    """How many calls can be spared within the next day, and from when on; never fewer later.

    `left` calls are left now, one comes back at each of `returns`, one is needed at each of
    `needed_at`. A call that is made is back only a day later: it can be spared where at no instant
    until then too few would be left. LOOKS stay for those that look too early.
    """
    until = now + DAY
    changes = sorted({now, *(at for at in (*returns, *needed_at) if now < at < until)})
    spare: list[tuple[datetime, int]] = []
    least: int | None = None
    for at in reversed(changes):
        back = sum(1 for each in returns if each <= at)
        taken = sum(1 for each in needed_at if each <= at)
        can = left + back - taken - LOOKS
        least = can if least is None else min(least, can)
        spare.append((at, max(least, 0)))
    return tuple(reversed(spare))


def _in_order(turns: Mapping[Want, Turn], now: datetime, in_flight: frozenset[Want]) -> list[Want]:
    """What is due and not asked yet, the most urgent first; of each exchange's scouts, one."""
    ready = sorted(
        (
            want
            for want, turn in turns.items()
            if turn.at is not None and turn.at <= now and want not in in_flight
        ),
        key=lambda want: (not turns[want].first, turns[want].at, turns[want].since, want.ticker),
    )
    scouting = {turns[want].scouts for want in in_flight if want in turns}
    chosen = []
    for want in ready:
        scouts = turns[want].scouts
        if scouts is not None:
            if scouts in scouting:
                continue
            scouting.add(scouts)
        chosen.append(want)
    return chosen


def _as_calls(
    ready: list[Want], turns: Mapping[Want, Turn], known: Known, in_flight: frozenset[Want]
) -> list[Call]:
    """One call each, except that quotes go together where the plan has bulk quotes."""
    calls: list[Call] = []
    bulk = [want for want in ready if _goes_in_bulk(want, known)]
    bulk += _taken_along(len(bulk), turns, known, in_flight)
    if len(bulk) == 1:
        bulk = []
    together = frozenset(bulk)
    for want in ready:
        if want not in together:
            calls.append(
                Call(
                    want.feed,
                    (want.ticker,),
                    full=turns[want].full,
                    reason=turns[want].reason,
                )
            )
        elif want == bulk[0]:
            calls.extend(
                Call(
                    Feed.QUOTE,
                    tuple(each.ticker for each in bulk[start : start + BULK_SIZE]),
                    bulk=True,
                    reason=turns[want].reason,
                )
                for start in range(0, len(bulk), BULK_SIZE)
            )
    return calls


def _taken_along(
    due: int, turns: Mapping[Want, Turn], known: Known, in_flight: frozenset[Want]
) -> list[Want]:
    """Quotes that are due soon, the soonest first, for the places that `due` ones leave empty."""
    until = known.now + TOGETHER * known.refresh
    soon = [
        (turn.at, want)
        for want, turn in turns.items()
        if turn.at is not None
        and known.now < turn.at <= until
        and want not in in_flight
        and _goes_in_bulk(want, known)
    ]
    soon.sort(key=lambda each: (each[0], each[1].ticker))
    return [want for _, want in soon[: -due % BULK_SIZE]]


def _goes_in_bulk(want: Want, known: Known) -> bool:
    """Bulk quotes are of the US only; a ticker they once left out is asked for by itself."""
    attempt = known.board.attempts.get(want)
    return (
        want.feed is Feed.QUOTE
        and known.rights.has(Capability.BULK_QUOTES, known.now)
        and exchange_of(want.ticker) is US
        and (attempt is None or attempt.failures == 0)
    )


def day_spread(needs: Mapping[Want, Wanted], known: Known, allowed: Allowed) -> timedelta:
    """How far apart live quotes must be for the day's calls to last until the close.

    Nothing where no limit is as long as a day. Without regard to hours the day's limit is spread
    over the day; with it, what is left is spread over what is left of the session.
    """
    day = next((limit for limit in allowed.limits if limit.period >= DAY), None)
    calls = quote_calls(needs, known)
    if day is None or allowed.left_today is None or calls == 0:
        return timedelta(0)
    if known.always:
        return calls * day.period / day.count
    running = calendar(US).last_opened(known.now)
    left = max(running.close - known.now, timedelta(0))
    return calls * left / max(allowed.left_today, 1)


def quote_calls(needs: Mapping[Want, Wanted], known: Known) -> int:
    """How many calls one round over all live quotes takes."""
    quotes = [want for want in needs if want.feed is Feed.QUOTE]
    in_bulk = [want for want in quotes if _goes_in_bulk(want, known)]
    bulk_calls = -(-len(in_bulk) // BULK_SIZE)
    return len(quotes) - len(in_bulk) + bulk_calls


def foresee(
    needs: Mapping[Want, Wanted], known: Known, allowed: Allowed, spread: timedelta
) -> Forecast:
    """What a round over everything watched takes now, and with one ticker more."""
    if known.liveness is Liveness.END_OF_DAY:
        daily = sum(1 for want in needs if want.feed in (Feed.DAILY, Feed.LISTING))
        return Forecast(DAY, DAY, daily)
    calls = quote_calls(needs, known)
    grows = 0 if known.rights.has(Capability.BULK_QUOTES, known.now) else 1
    per_call = max(
        (limit.period / limit.count for limit in allowed.limits if limit.period < DAY),
        default=timedelta(0),
    )
    more = spread * (calls + grows) / calls if calls else spread
    return Forecast(
        turn=max(known.refresh, spread, per_call * calls),
        turn_with_one_more=max(known.refresh, more, per_call * (calls + grows)),
        calls_a_day=None,
    )
