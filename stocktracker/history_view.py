"""The pieces of the History page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import streamlit as st

from stocktracker import ui, wording
from stocktracker.analytics import Range, cut, start_of
from stocktracker.bars import is_final, with_running_day
from stocktracker.charts import price_figure
from stocktracker.export import history_csv
from stocktracker.model import Bars, Feed, Interval, Ticker, Want
from stocktracker.palette import DARK, LIGHT
from stocktracker.plans import DAY, Capability
from stocktracker.plotting import CONFIG
from stocktracker.ranges import Choice, choices, interval_words
from stocktracker.runtime import Runtime

FEEDS = (Feed.DAILY, Feed.WEEKLY, Feed.INTRADAY)
RANGE = "range"
TICKER = "ticker"
HEIGHT = 470


def choose_ticker(tickers: Sequence[Ticker]) -> Ticker:
    """One of the chosen tickers; the link's, where it names one of them."""
    linked = st.query_params.get(TICKER)
    held = st.session_state.get("history ticker", linked)
    index = tickers.index(Ticker(held)) if held in tickers else 0
    ticker = st.selectbox(
        "Ticker",
        tickers,
        index=index,
        key="ticker of history",
        label_visibility="collapsed",
        width=180,
    )
    st.session_state["history ticker"] = ticker
    if st.query_params.get(TICKER) != ticker:
        st.query_params[TICKER] = ticker
    return ticker


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
    with st.container(horizontal=True, gap="small", key="ranges"):
        for each, choice in offered.items():
            if st.button(
                each.value,
                key=f"range {each.value}",
                type="primary" if each is current else "tertiary",
                disabled=choice.blocked is not None,
                help=choice.blocked or _cost(runtime, choice),
            ):
                st.session_state[RANGE] = each.value
                st.query_params[RANGE] = each.value
                st.rerun()
    return offered[current]


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


def wants_of(ticker: Ticker, choice: Choice) -> list[Want]:
    """The chart's bars, and the quote above it with the running day's bar."""
    feeds = {Feed.QUOTE, Feed.DAILY, choice.feed}
    return [Want(feed, ticker) for feed in sorted(feeds)]


def headline(runtime: Runtime, ticker: Ticker) -> None:
    row = runtime.read_rows([ticker])[0]
    quote = row.quote
    name = wording.escape_markdown(row.name) if row.name else ""
    st.markdown(
        f"#### {wording.escape_markdown(ticker)} :gray[{name}]" if name else f"#### {ticker}"
    )
    if quote is None:
        return
    change = quote.change
    colour = "gray" if not change or round(change, 4) == 0 else "green" if change > 0 else "red"
    text = wording.change(change, quote.change_percent)
    age = wording.age(row.age) if row.age is not None else wording.NOTHING
    price = wording.escape_markdown(wording.price(quote.price, quote.currency))
    when = "now" if age == "now" else f"{age} ago"
    st.markdown(f"**{price}** :{colour}[{text}] :gray[· {row.freshness} · {when}]")


def bars_of(runtime: Runtime, ticker: Ticker, choice: Choice) -> Bars | None:
    """The stored bars of the choice; daily ones with the running day's from a live quote."""
    bars = runtime.board.read_bars(choice.feed, ticker)
    if bars is None or bars.interval is not Interval.DAILY:
        return bars
    return with_running_day(bars, runtime.board.read_quote(ticker))


def explain_missing(runtime: Runtime, ticker: Ticker, choice: Choice) -> None:
    snapshot = runtime.read()
    want = Want(choice.feed, ticker)
    attempt, due = snapshot.attempts.get(want), snapshot.poll.due.get(want)
    if attempt is not None and attempt.words:
        st.warning(f"{ticker}: {wording.escape_markdown(attempt.words)}", icon=":material/error:")
    elif due is not None and due.at is not None and due.at > runtime.now():
        at = wording.instant(due.at, ui.zone(), now=runtime.now())
        st.info(f"No bars of {ticker} are stored yet. They are asked for {at}.")
    else:
        st.skeleton(height=HEIGHT)


def chart(runtime: Runtime, bars: Bars, choice: Choice, kind: str) -> None:
    """The chart as of the minute: a figure that has not changed keeps the viewer's zoom."""
    look = Look(
        kind=kind,
        range=choice.range.value,
        previous_close=_previous_close(runtime, bars, choice),
        zone=runtime.read_zone(bars.ticker).key,
        dark=ui.is_dark(),
    )
    version = bars.fetched_at.replace(second=0, microsecond=0)
    _draw(f"{bars.ticker} {bars.interval} {version.isoformat()}", look, bars)


@dataclass(frozen=True)
class Look:
    """All that a chart's picture depends on besides its bars."""

    kind: str
    range: str
    previous_close: float | None
    zone: str
    dark: bool


@st.cache_data(show_spinner=False, max_entries=300)
def _draw(version: str, look: Look, _bars: Bars) -> None:
    """Draw once for each version of the bars; other sessions replay the element."""
    zone = ZoneInfo(look.zone)
    figure = price_figure(
        cut(_bars.frame, Range(look.range), _bars.last, zone=zone),
        kind="candles" if look.kind == "Candles" else "line",
        intraday=_bars.interval is Interval.FIVE_MINUTES,
        zone=zone,
        previous_close=look.previous_close,
        palette=DARK if look.dark else LIGHT,
        currency=_bars.currency,
        height=HEIGHT,
    )
    st.plotly_chart(
        figure,
        key=f"chart {version.split(maxsplit=1)[0]}",
        theme=None,
        config=dict(CONFIG),
    )


def _previous_close(runtime: Runtime, bars: Bars, choice: Choice) -> float | None:
    if choice.range is not Range.DAY:
        return None
    quote = runtime.board.read_quote(bars.ticker)
    return quote.previous_close if quote else None


def provenance(runtime: Runtime, bars: Bars, choice: Choice) -> None:
    """Where the bars are from, how old they are, and what they are not."""
    zone, now = ui.zone(), runtime.now()
    parts = [
        f"{interval_words(bars.interval).capitalize()} of {bars.source}",
        "unadjusted for splits and dividends",
        f"last changed {wording.instant(bars.fetched_at, zone, now=now)}",
        f"stored since {bars.first:%-d %b %Y}",
    ]
    if bars.interval is Interval.DAILY and not is_final(bars, bars.last_day):
        parts.append(f"the bar of {bars.last:%-d %b} is not final")
    start = start_of(choice.range, bars.last_day)
    if (
        start is not None
        and bars.first.date() > start
        and bars.interval is not Interval.FIVE_MINUTES
    ):
        parts.append(f"history begins {bars.first:%-d %b %Y}")
    st.caption(" · ".join(parts))


def on_screen_csv(runtime: Runtime, ticker: Ticker, choice: Choice) -> bytes:
    bars = bars_of(runtime, ticker, choice)
    if bars is None:
        return history_csv([])
    zone = runtime.read_zone(ticker)
    shown = replace(bars, frame=cut(bars.frame, choice.range, bars.last, zone=zone))
    return history_csv([shown], zones={ticker: zone})


def stored_csv(runtime: Runtime, tickers: Sequence[Ticker]) -> bytes:
    """Every bar that is stored of these tickers: daily, weekly and intraday, one after another."""
    found = []
    for ticker in tickers:
        runtime.load_stored(ticker, FEEDS)
        found += [runtime.board.read_bars(feed, ticker) for feed in FEEDS]
    zones = {ticker: runtime.read_zone(ticker) for ticker in tickers}
    return history_csv([bars for bars in found if bars is not None], zones=zones)
