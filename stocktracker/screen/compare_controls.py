"""What a viewer sets on the Compare page: the range, the benchmark, the section, its numbers.

All of it lives in the link. The benchmark's name there is `against`, as `benchmark` is the overlay
of the History page, which has another default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from stocktracker.errors import BadTicker
from stocktracker.figures.adjust import Series
from stocktracker.figures.analytics import Range
from stocktracker.figures.comparison import MOST, WINDOW_NAMES, Offer, offers
from stocktracker.figures.ranges import choices
from stocktracker.model import Feed, Ticker, parse_ticker
from stocktracker.plans import DAY, Capability
from stocktracker.runtime import Runtime
from stocktracker.screen import keyboard
from stocktracker.screen.keyboard import Key

FEEDS = (Feed.QUOTE, Feed.DAILY, Feed.WEEKLY)
RANGE, LOG = "range", "log"  # shared with the History page
AGAINST, SECTION, RISK_FREE, WINDOW, MONTHS_OF = "against", "compare", "free", "window", "months"
NO_BENCHMARK = "None"
BENCHMARKS = ("SPY", "QQQ", "DIA", "IWM", NO_BENCHMARK)

GROWTH, DRAWDOWN, RISK = "Growth", "Drawdown", "Risk & return"
CORRELATION, ROLLING, MONTHLY = "Correlation", "Rolling", "Monthly"
SECTIONS = (GROWTH, DRAWDOWN, RISK, CORRELATION, ROLLING, MONTHLY)


@dataclass(frozen=True)
class Asked:
    """What is to be compared: the chosen tickers, at most `MOST`, and the benchmark if any."""

    tickers: tuple[Ticker, ...]
    benchmark: Ticker | None
    series: Series
    offer: Offer

    @property
    def lines(self) -> tuple[Ticker, ...]:
        return lines_of(self.tickers, self.benchmark)


@dataclass(frozen=True)
class Numbers:
    """What the figures depend on besides the closes: the scale of growth, a yearly rate as a
    fraction, one of `WINDOW_NAMES`, and whose months are shown."""

    log: bool
    risk_free: float
    window: str
    months_of: Ticker


def lines_of(tickers: Sequence[Ticker], benchmark: Ticker | None) -> tuple[Ticker, ...]:
    """Each ticker once, the benchmark last where it is not among them."""
    last = () if benchmark is None else (benchmark,)
    return tuple(dict.fromkeys([*tickers[:MOST], *last]))


def choose_section() -> str:
    return str(
        st.segmented_control(
            "Section",
            SECTIONS,
            key=SECTION,
            default=GROWTH,
            required=True,
            label_visibility="collapsed",
            bind="query-params",
            persist_state="session",
        )
    )


def choose_benchmark(runtime: Runtime) -> Ticker | None:
    """SPY unless the viewer or the link says another, or none."""
    held = st.session_state.get(AGAINST) or st.query_params.get(AGAINST) or BENCHMARKS[0]
    left = runtime.read_allowance().left_within(DAY)
    chosen = st.selectbox(
        "Benchmark",
        list(dict.fromkeys([*BENCHMARKS, held])),
        key=AGAINST,
        accept_new_options=True,
        label_visibility="collapsed",
        width=130,
        bind="query-params",
        persist_state="session",
        help="The benchmark, for beta and correlation; any ticker can be typed."
        + (f" One that nobody watches takes 1 of {left} calls left today." if left else ""),
    )
    if not chosen or chosen == NO_BENCHMARK:
        return None
    listing = runtime.read().listing
    try:
        return parse_ticker(chosen, listing.rows if listing else None)
    except BadTicker as fault:
        st.warning(fault.words, icon=":material/error:")
        return None


def choose_range(runtime: Runtime, lines: Sequence[Ticker]) -> Offer:
    """The row of range buttons; those that cannot be filled are disabled and say why."""
    offered = _offered(runtime, lines)
    held = st.session_state.get(RANGE, st.query_params.get(RANGE))
    current = Range(held) if held in set(offered) else Range.THREE_MONTHS
    if offered[current].blocked:
        current = Range.THREE_MONTHS
    current = _stepped(offered, current)
    if RANGE in st.session_state and st.query_params.get(RANGE) != current:
        st.query_params[RANGE] = current.value
    with st.container(horizontal=True, gap="small", width="content", key="ranges"):
        for each, offer in offered.items():
            if st.button(
                each.value,
                key=f"compare range {each.value}",
                type="primary" if each is current else "tertiary",
                disabled=offer.blocked is not None,
                help=offer.blocked or _cost(runtime, offer),
            ):
                _set_range(each)
                st.rerun()
    return offered[current]


def _offered(runtime: Runtime, lines: Sequence[Ticker]) -> dict[Range, Offer]:
    left = runtime.read_allowance().left_within(DAY)
    for ticker in lines:
        runtime.load_stored(ticker, FEEDS)
    return offers(
        {
            ticker: choices(
                {feed: runtime.board.read_bars(feed, ticker) for feed in FEEDS},
                intraday=False,
                full_daily=runtime.allows(Capability.FULL_DAILY),
                # Where no limit is as long as a day, there is always a next one.
                calls_left=1 if left is None else left,
            )
            for ticker in lines
        }
    )


def _set_range(asked: Range) -> None:
    st.session_state[RANGE] = asked.value
    st.query_params[RANGE] = asked.value


def _stepped(offered: dict[Range, Offer], current: Range) -> Range:
    """One range to the left or right where an arrow key was pressed; blocked ones and those that
    cost calls are passed over, as a key says no price."""
    key = keyboard.take(Key.PREVIOUS_RANGE, Key.NEXT_RANGE)
    if key is None:
        return current
    free = [
        each
        for each, offer in offered.items()
        if each is current or (offer.blocked is None and not offer.waiting)
    ]
    step = 1 if key is Key.NEXT_RANGE else -1
    place = min(max(free.index(current) + step, 0), len(free) - 1)
    _set_range(free[place])
    return free[place]


def _cost(runtime: Runtime, offer: Offer) -> str | None:
    """What the range takes, where it takes calls that count."""
    left = runtime.read_allowance().left_within(DAY)
    if not offer.waiting or left is None:
        return None
    return (
        f"Needs the weekly bars of {len(offer.waiting)} more: {len(offer.waiting)} of {left} calls "
        "left today, once for everybody. A button below asks for them."
    )


def choose_numbers(section: str, lines: Sequence[Ticker]) -> Numbers:
    """The section's own settings; those of other sections stay as they were set last."""
    held = st.session_state
    log = choose_log() if section == GROWTH else False
    percent = choose_risk_free() if section == GROWTH else held.get(RISK_FREE)
    window = choose_window() if section == ROLLING else held.get(WINDOW)
    months_of = choose_months_of(lines) if section == MONTHLY else str(held.get(MONTHS_OF))
    return Numbers(
        log=log,
        risk_free=float(percent or 0) / 100,
        window=window if window in WINDOW_NAMES else WINDOW_NAMES[0],
        months_of=Ticker(months_of) if months_of in lines else lines[0],
    )


def choose_log() -> bool:
    if keyboard.take(Key.LOG):
        st.session_state[LOG] = not st.session_state.get(LOG, False)
    return st.toggle(
        "Log",
        key=LOG,
        bind="query-params",
        persist_state="session",
        help="Logarithmic scale: equal growth is equally high.",
    )


def choose_risk_free() -> float | None:
    """A yearly rate in percent."""
    held = float(st.session_state.get(RISK_FREE) or 0)
    with st.popover(f"Risk-free {held:.2f}%", key="risk-free"):
        return st.number_input(
            "Risk-free rate, % a year",
            min_value=0.0,
            max_value=25.0,
            value=0.0,
            step=0.25,
            key=RISK_FREE,
            bind="query-params",
            persist_state="session",
            help="What Sharpe and Sortino take off the returns, spread evenly over the year.",
        )


def choose_window() -> str:
    """How far the rolling figures look back."""
    return str(
        st.selectbox(
            "Window",
            WINDOW_NAMES,
            key=WINDOW,
            label_visibility="collapsed",
            width=130,
            bind="query-params",
            persist_state="session",
        )
    )


def choose_months_of(lines: Sequence[Ticker]) -> str:
    held = st.session_state.get(MONTHS_OF)
    if held is not None and held not in lines:
        st.session_state[MONTHS_OF] = lines[0]
    return str(
        st.selectbox(
            "Months of",
            lines,
            key=MONTHS_OF,
            label_visibility="collapsed",
            width=130,
            bind="query-params",
            persist_state="session",
        )
    )
