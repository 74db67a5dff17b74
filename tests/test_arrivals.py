"""Whatever journeys take, upstream never meets more calls in a window than its limit allows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocktracker.plans import DAY, SECOND, Limit
from stocktracker.polling.arrivals import Arrivals
from stocktracker.polling.ledger import margin
from stocktracker.polling.pace import SURE, Latency

TWO_A_SECOND = Limit(2, SECOND)
TWO_A_DAY = Limit(2, DAY)
MILLISECOND = SECOND / 1000


def seconds(*values: float) -> tuple[timedelta, ...]:
    return tuple(value * SECOND for value in values)


@pytest.mark.parametrize(
    ("on_their_way", "answered", "shortest", "spread", "possible", "next_at"),
    [
        pytest.param((), (), 0, 0, 2, 10, id="nobody has called"),
        pytest.param((), (9.5,), 0, 0, 1, 10, id="one may have come half a second ago"),
        pytest.param((), (9.5, 9.6), 0, 0, 0, 10.55, id="two have, and the first leaves first"),
        pytest.param((), (9.5, 9.6), 0.3, 0, 0, 10.25, id="no journey takes less than 0.3 s"),
        pytest.param((), (1, 2, 8.9), 0, 0, 2, 10, id="all have left the window"),
        pytest.param((1,), (), 0, 0, 1, 10, id="one is on its way, for how long so ever"),
        pytest.param((1,), (9.6,), 0, 0, 0, 10.65, id="one is on its way, and one has come"),
        pytest.param((9.9, 9.9), (), 0, 0, 0, 10, id="two are: their replies tell"),
        pytest.param((9.9, 9.9, 9.9), (9.5,), 0, 0, 0, 10, id="more than may be"),
        pytest.param((8.8, 9.9), (), 5, 0.1, 1, 10, id="on a long journey, but there by now"),
        pytest.param((9, 9.9), (), 5, 0.1, 0, 10.15, id="on a long journey, and soon there"),
        pytest.param((4.8, 9.9), (), 5, 0.1, 0, 11.05, id="on a longer one than any before"),
    ],
)
def test_a_call_counts_until_it_must_have_left_the_window(  # noqa: PLR0917 a table
    on_their_way: tuple[float, ...],
    answered: tuple[float, ...],
    shortest: float,
    spread: float,
    possible: int,
    next_at: float,
) -> None:
    arrivals = Arrivals(
        seconds(*on_their_way), seconds(*answered), shortest * SECOND, spread * SECOND
    )
    assert arrivals.possible(TWO_A_SECOND, 10 * SECOND) == possible
    assert arrivals.next_at(TWO_A_SECOND, 10 * SECOND) == next_at * SECOND


def test_a_days_window_has_a_margin_that_is_longer_than_journeys() -> None:
    arrivals = Arrivals(seconds(9, 9.9), seconds(8, 9.5))
    assert arrivals.possible(TWO_A_DAY, 10 * SECOND) == 2
    assert arrivals.next_at(TWO_A_DAY, 10 * SECOND) == 10 * SECOND


JOURNEYS = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(0, 4000)), min_size=SURE + 1, max_size=120
)


@settings(deadline=None)
@given(count=st.integers(1, 8), quickest=st.integers(0, 900), journeys=JOURNEYS)
def test_no_window_meets_too_many_however_slow_either_half_of_a_journey_is(
    count: int, quickest: int, journeys: list[tuple[int, int]]
) -> None:
    """Calls are sent as soon as one may be; `quickest` is what is known of the shortest journey."""
    limit = Limit(count, SECOND)
    up = timedelta(0)
    ways = [
        ((quickest // 2 + there) * MILLISECOND, ((quickest + 1) // 2 + back) * MILLISECOND)
        for there, back in journeys
    ]
    latency = Latency(tuple([quickest * MILLISECOND] * SURE))
    on_their_way: list[tuple[timedelta, timedelta, timedelta]] = []  # sent, arrives, is answered
    answered: list[timedelta] = []
    arrived: list[timedelta] = []
    while ways:
        come = sorted(each for each in on_their_way if each[2] <= up)
        answered += sorted(back for _, _, back in come)
        latency = latency.after(back - sent for sent, _, back in come)
        on_their_way = [each for each in on_their_way if each not in come]
        arrivals = Arrivals(
            tuple(sent for sent, _, _ in on_their_way),
            tuple(answered),
            latency.shortest,
            latency.spread,
        )
        if arrivals.possible(limit, up) > 0:
            there, back = ways.pop()
            on_their_way.append((up, up + there, up + there + back))
            arrived.append(up + there)
            continue
        next_at = arrivals.next_at(limit, up)
        replies = [back for _, _, back in on_their_way]
        assert next_at > up or replies, "somebody is waited for"
        up = min([*replies, *([next_at] if next_at > up else [])])
    arrived.sort()
    windows = zip(arrived, arrived[count:], strict=False)
    assert all(later - earlier >= limit.period for earlier, later in windows)


@pytest.mark.parametrize("milliseconds", [50, 200, 500])
def test_where_all_journeys_take_as_long_nothing_is_lost_by_it(milliseconds: int) -> None:
    """A burst follows another as closely as where nobody travels at all."""
    limit, journey = Limit(5, SECOND), milliseconds * MILLISECOND
    answered = tuple(at + journey for at in [2 * SECOND] * 5)
    arrivals = Arrivals((), answered, journey, timedelta(0))
    again = arrivals.next_at(limit, answered[-1])
    assert again == 2 * SECOND + limit.period + margin(limit.period)
    assert arrivals.possible(limit, again - MILLISECOND) == 0
    assert arrivals.possible(limit, again) == 5
