"""What a viewer sets on the History page: range, kind of chart, series, indicators, what is shown.

All of it lives in the link, and the shortcuts of keyboard.py change the same settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from stocktracker.errors import BadTicker
from stocktracker.figures.adjust import Series
from stocktracker.figures.analytics import Range
from stocktracker.figures.indicator_specs import (
    CATALOGUE,
    MOST_OVERLAYS,
    MOST_PANES,
    Indicator,
    Place,
    format_indicators,
    limited,
    make,
    parse_indicators,
)
from stocktracker.figures.ranges import Choice, choices
from stocktracker.model import Feed, Ticker, parse_ticker
from stocktracker.plans import DAY, Capability
from stocktracker.runtime import Runtime
from stocktracker.screen import keyboard
from stocktracker.screen.keyboard import Key

FEEDS = (Feed.DAILY, Feed.WEEKLY, Feed.INTRADAY)
RANGE = "range"
INDICATORS = "indicators"
BENCHMARK = "benchmark"
KIND, SERIES, LOG, VOLUME, EVENTS = "kind", "series", "log", "volume", "events"
KINDS = ("Candles", "Bars", "Line")
NO_BENCHMARK = "None"
BENCHMARKS = (NO_BENCHMARK, "SPY", "QQQ", "DIA", "IWM")


@dataclass(frozen=True)
class View:
    """What the chart shows besides the ticker and the range; hashable, so part of a cache's key."""

    kind: str
    series: Series
    indicators: tuple[Indicator, ...]
    log: bool
    volume: bool
    events: bool
    benchmark: Ticker | None


def take_keys() -> None:
    """What a shortcut changes, before the widgets are drawn that show it."""
    key = keyboard.take(Key.KIND, Key.VOLUME, Key.LOG, Key.BENCHMARK)
    held = st.session_state
    if key is Key.KIND:
        held[KIND] = "Line" if held.get(KIND, KINDS[0]) != "Line" else KINDS[0]
    elif key is Key.VOLUME:
        held[VOLUME] = not held.get(VOLUME, True)
    elif key is Key.LOG:
        held[LOG] = not held.get(LOG, False)
    elif key is Key.BENCHMARK:
        off = held.get(BENCHMARK, NO_BENCHMARK) == NO_BENCHMARK
        held[BENCHMARK] = BENCHMARKS[1] if off else NO_BENCHMARK


def choose_kind() -> str:
    return str(
        st.segmented_control(
            "Chart",
            KINDS,
            key=KIND,
            default=KINDS[0],
            required=True,
            label_visibility="collapsed",
            bind="query-params",
            persist_state="session",
        )
    )


def choose_series() -> Series:
    chosen = st.selectbox(
        "Prices",
        [each.value for each in Series],
        index=list(Series).index(Series.SPLITS),
        key=SERIES,
        label_visibility="collapsed",
        width=160,
        bind="query-params",
        persist_state="session",
        help=(
            "As traded: what was paid on the day. Split-adjusted: in today's shares. Total return: "
            "as if each dividend had bought more of it on its ex-day."
        ),
    )
    return Series(chosen)


def choose_view(runtime: Runtime, ticker: Ticker, choice: Choice) -> View:
    """The row of controls above the chart."""
    kind, series = choose_kind(), choose_series()
    intraday = choice.range in (Range.DAY, Range.FIVE_DAYS)
    active = choose_indicators(intraday=intraday)
    with st.popover("Display", icon=":material/tune:", key="display"):
        log = st.toggle("Logarithmic scale", key=LOG, bind="query-params", persist_state="session")
        volume = st.toggle(
            "Volume", value=True, key=VOLUME, bind="query-params", persist_state="session"
        )
        events = st.toggle(
            "Splits, dividends, earnings",
            value=True,
            key=EVENTS,
            bind="query-params",
            persist_state="session",
        )
        benchmark = _choose_benchmark(runtime, ticker)
    return View(kind, series, active, log, volume, events, benchmark)


def _choose_benchmark(runtime: Runtime, ticker: Ticker) -> Ticker | None:
    held = st.session_state.get(BENCHMARK) or st.query_params.get(BENCHMARK) or NO_BENCHMARK
    options = list(dict.fromkeys([*BENCHMARKS, held]))
    left = runtime.read_allowance().left_within(DAY)
    chosen = st.selectbox(
        "Benchmark",
        options,
        key=BENCHMARK,
        accept_new_options=True,
        bind="query-params",
        persist_state="session",
        help="Drawn from the chart's first close on; any ticker can be typed."
        + (f" One that nobody watches takes 1 of {left} calls left today." if left else ""),
    )
    if not chosen or chosen == NO_BENCHMARK:
        return None
    listing = runtime.read().listing
    try:
        parsed = parse_ticker(chosen, listing.rows if listing else None)
    except BadTicker as fault:
        st.warning(fault.words, icon=":material/error:")
        return None
    return None if parsed == ticker else parsed


def choose_indicators(*, intraday: bool) -> tuple[Indicator, ...]:
    """The list of indicators with their parameters, each editable; kept in the link."""
    if INDICATORS not in st.session_state:
        st.session_state[INDICATORS] = parse_indicators(st.query_params.get(INDICATORS, ""))
    active: list[Indicator] = list(st.session_state[INDICATORS])
    label = f"Indicators · {len(active)}" if active else "Indicators"
    with st.popover(label, icon=":material/show_chart:", key="indicators popover"):
        edited = [_edit(place, each) for place, each in enumerate(active)]
        kept = limited(each for each in edited if each is not None)
        added = _add(kept)
    if added is not None:
        kept = limited([*kept, added])
    text = format_indicators(kept)
    if text != st.query_params.get(INDICATORS, ""):
        if text:
            st.query_params[INDICATORS] = text
        else:
            st.query_params.pop(INDICATORS, None)
    if kept != active:
        st.session_state[INDICATORS] = kept
        st.rerun()
    return tuple(each for each in kept if intraday or not each.definition.intraday_only)


def _edit(place: int, indicator: Indicator) -> Indicator | None:
    """One indicator's line: its parameters, and a button that takes it off."""
    definition = indicator.definition
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"indicator {place}"):
        st.markdown(f"**{definition.short}**", help=definition.help, width=70)
        numbers = [
            st.number_input(
                parameter.label,
                min_value=_typed(parameter.minimum, whole=parameter.whole),
                max_value=_typed(parameter.maximum, whole=parameter.whole),
                value=_typed(number, whole=parameter.whole),
                step=1 if parameter.whole else 0.5,
                key=f"{indicator.name} {format_indicators([indicator])} {place} {parameter.label}",
                width=110,
            )
            for parameter, number in zip(definition.parameters, indicator.parameters, strict=True)
        ]
        off = st.button(
            "",
            icon=":material/close:",
            key=f"off {place} {format_indicators([indicator])}",
            type="tertiary",
            help=f"Take {indicator.label} off",
        )
    if off:
        return None
    edited = tuple(number for number in numbers if number is not None)
    if len(edited) != len(indicator.parameters) or not definition.allows(edited):
        st.caption(f"{definition.short}: these numbers do not go together; the last ones stay.")
        return indicator
    return Indicator(indicator.name, edited)


def _typed(number: float, *, whole: bool) -> int | float:
    return int(number) if whole else float(number)


def _add(active: Sequence[Indicator]) -> Indicator | None:
    """A button for each kind that there is room for."""
    overlays = sum(1 for each in active if each.definition.place is Place.OVERLAY)
    panes = len(active) - overlays
    st.caption("Add over the prices, or in one of three panes below:")
    added = None
    with st.container(horizontal=True, gap="small"):
        for name, definition in CATALOGUE.items():
            full = (
                overlays >= MOST_OVERLAYS
                if definition.place is Place.OVERLAY
                else panes >= MOST_PANES
            )
            if st.button(definition.short, key=f"add {name}", disabled=full, help=definition.title):
                added = make(name)
    if added is None:
        return None
    # The same twice is one: the second begins with another length.
    while added in active and added.parameters:
        first, *rest = added.parameters
        added = Indicator(added.name, (min(first * 2, 400), *rest))
        if first >= 400:
            return None
    return added


def choose_range(runtime: Runtime, ticker: Ticker) -> Choice:
    """The row of range buttons; those that cannot be filled are disabled and say why."""
    runtime.load_stored(ticker, FEEDS)
    offered = choices(
        {feed: runtime.board.read_bars(feed, ticker) for feed in FEEDS},
        intraday=runtime.allows(Capability.INTRADAY),
        full_daily=runtime.allows(Capability.FULL_DAILY),
        calls_left=calls_left(runtime),
    )
    linked = st.query_params.get(RANGE)
    held = st.session_state.get(RANGE, linked)
    current = Range(held) if held in set(Range) else Range.THREE_MONTHS
    if offered[current].blocked:
        current = Range.THREE_MONTHS
    current = _stepped(offered, current)
    with st.container(horizontal=True, gap="small", key="ranges"):
        for each, choice in offered.items():
            if st.button(
                each.value,
                key=f"range {each.value}",
                type="primary" if each is current else "tertiary",
                disabled=choice.blocked is not None,
                help=choice.blocked or _cost(runtime, choice),
            ):
                _set_range(each)
                st.rerun()
    return offered[current]


def _set_range(asked: Range) -> None:
    st.session_state[RANGE] = asked.value
    st.query_params[RANGE] = asked.value


def _stepped(offered: dict[Range, Choice], current: Range) -> Range:
    """One range to the left or right where an arrow key was pressed; blocked ones and those that
    cost a call are passed over, as a key says no price."""
    key = keyboard.take(Key.PREVIOUS_RANGE, Key.NEXT_RANGE)
    if key is None:
        return current
    free = [
        each
        for each, choice in offered.items()
        if each is current or (choice.blocked is None and choice.cost == 0)
    ]
    step = 1 if key is Key.NEXT_RANGE else -1
    place = min(max(free.index(current) + step, 0), len(free) - 1)
    _set_range(free[place])
    return free[place]


def calls_left(runtime: Runtime) -> int:
    """Calls left today; where no limit is as long as a day, there is always a next one."""
    left = runtime.read_allowance().left_within(DAY)
    return 1 if left is None else left


def _cost(runtime: Runtime, choice: Choice) -> str | None:
    """What pressing the button costs, where it costs a call that counts."""
    left = runtime.read_allowance().left_within(DAY)
    if choice.cost == 0 or left is None:
        return None
    return f"Takes 1 of {left} calls left today, once for everybody"
