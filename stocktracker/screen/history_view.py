"""The History page below its controls: the chart, where its bars are from, exports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from stocktracker import frontend, wording
from stocktracker.figures.adjust import Series
from stocktracker.figures.charts import price_figure
from stocktracker.figures.drawn import Event
from stocktracker.figures.export import history_csv, tables_xlsx
from stocktracker.figures.history import History
from stocktracker.figures.plotting import to_bytes
from stocktracker.figures.ranges import Choice, interval_words
from stocktracker.figures.studies import draw_studies
from stocktracker.fundamentals import Earnings
from stocktracker.model import Bars, Feed, Interval, Ticker, Want
from stocktracker.palette import DARK, LIGHT, Scheme, with_scheme
from stocktracker.runtime import Runtime
from stocktracker.screen import asking, plot, ui
from stocktracker.screen.histories import FEEDS, earnings_of, history_of
from stocktracker.screen.history_controls import View
from stocktracker.screen.sharing import Shared

HEIGHT = 470
PANE_HEIGHT = 110  # more for each pane of an indicator
ACTIONS = (Feed.SPLITS, Feed.DIVIDENDS, Feed.EARNINGS)
SHAPES: dict[str, Literal["candles", "bars", "area"]] = {
    "Candles": "candles",
    "Bars": "bars",
    "Line": "area",
}


def wants_of(runtime: Runtime, ticker: Ticker, choice: Choice, view: View) -> list[Want]:
    """The chart's bars, the quote above it, splits and the like, and the benchmark's bars."""
    wants = [Want(feed, ticker) for feed in sorted({Feed.QUOTE, Feed.DAILY, choice.feed})]
    if view.benchmark is not None:
        wants += [Want(feed, view.benchmark) for feed in sorted({Feed.DAILY, choice.feed})]
    return wants + asking.wanted(runtime, [Want(feed, ticker) for feed in ACTIONS])


def load(runtime: Runtime, ticker: Ticker, benchmark: Ticker | None) -> None:
    """Have the board show what is stored, before anything is asked for."""
    runtime.load_stored(ticker, (*FEEDS, *ACTIONS))
    if benchmark is not None:
        runtime.load_stored(benchmark, FEEDS)


def explain_missing(runtime: Runtime, ticker: Ticker, choice: Choice) -> None:
    snapshot = runtime.read()
    want = Want(choice.feed, ticker)
    attempt, due = snapshot.attempts.get(want), snapshot.poll.due.get(want)
    held = snapshot.poll.held.get(ticker)
    if held is not None:
        st.info(f"{wording.escape_markdown(ticker)}: {held}", icon=":material/block:")
    elif attempt is not None and attempt.words:
        about = wording.escape_markdown(ticker)
        st.warning(f"{about}: {wording.escape_markdown(attempt.words)}", icon=":material/error:")
    elif due is not None and due.at is not None and due.at > runtime.now():
        at = wording.instant(due.at, ui.zone(), now=runtime.now())
        st.info(
            f"No bars of {wording.escape_markdown(ticker)} are stored yet. "
            f"They are asked for {at}: {due.reason}."
        )
    else:
        st.skeleton(height=HEIGHT)


@dataclass(frozen=True)
class Look:
    """All that a chart's picture depends on besides its history."""

    view: View
    zone: str
    previous_close: float | None
    earnings: Earnings | None
    benchmark: History | None
    dark: bool
    scheme: Scheme


_figures: Shared[bytes] = Shared(150)
_provenance: Shared[str] = Shared(150)


def chart(runtime: Runtime, history: History, choice: Choice, view: View) -> None:
    """The chart; what the viewer has zoomed to stays until the ticker or the range is another."""
    other = None
    if view.benchmark is not None:
        other = history_of(runtime, view.benchmark, choice.range, choice.interval, Series.SPLITS)
        if other is None:
            about = wording.escape_markdown(view.benchmark)
            st.caption(f"No bars of {about} are here yet to compare with.")
    look = Look(
        view=view,
        zone=runtime.read_zone(history.ticker).key,
        previous_close=_previous_close(runtime, history),
        earnings=earnings_of(runtime, history.ticker) if view.events else None,
        benchmark=other,
        dark=ui.is_dark(),
        scheme=ui.scheme(),
    )
    key = (
        history.ticker,
        history.range,
        history.interval,
        history.series,
        view,
        look.dark,
        look.scheme,
    )
    figure = _figures.get(key, (history, look), lambda: _figure(look, history))
    plot.show(figure, key=f"chart {history.ticker}")


def _figure(look: Look, history: History) -> bytes:
    view, frame = look.view, history.frame
    palette = with_scheme(DARK if look.dark else LIGHT, look.scheme)
    intraday = history.interval is Interval.FIVE_MINUTES
    place = ui.zone_named(look.zone)
    whole = pd.concat([history.run_up, frame])
    days = pd.DatetimeIndex(whole.index).tz_convert(place).date if intraday else None
    overlays, panes = draw_studies(
        view.indicators,
        whole,
        palette=palette,
        days=None if days is None else pd.Index(days),
    )
    other = look.benchmark
    figure = price_figure(
        frame,
        kind=SHAPES[view.kind],
        intraday=intraday,
        zone=place,
        previous_close=look.previous_close,
        palette=palette,
        currency=history.currency,
        height=HEIGHT + PANE_HEIGHT * len(panes),
        overlays=overlays,
        panes=panes,
        log=view.log,
        volume=view.volume,
        events=_events(history, look.earnings) if view.events else (),
        benchmark=None if other is None else (other.ticker, other.frame["close"]),
        not_final=not bool(frame["final"].iloc[-1]),
    )
    keeps = f"{history.ticker} {history.range} {history.series} {view.log} {len(panes)}"
    return to_bytes(figure, library=frontend.LIBRARY, keeps=keeps)


def _previous_close(runtime: Runtime, history: History) -> float | None:
    """The dashed line of a chart of one day."""
    if history.range != "1D":
        return None
    quote = runtime.board.read_quote(history.ticker)
    return quote.previous_close if quote else None


def _events(history: History, earnings: Earnings | None) -> tuple[Event, ...]:
    """Splits, dividends, earnings and suspected splits within the range, by day."""
    if history.interval is Interval.FIVE_MINUTES:
        return ()
    first, last = history.first.date(), history.last.date()
    found = [Event(split.day, "S", f"Split {_ratio(split.factor)}") for split in history.splits]
    found += [
        Event(paid.ex_day, "D", f"Dividend {wording.price(paid.amount, history.currency)}")
        for paid in history.dividends
    ]
    found += [
        Event(each.day, "?", f"Looks like a {each} split that is not known")
        for each in history.suspects
    ]
    for quarter in earnings.quarters if earnings else ():
        if quarter.reported_on is None or not first <= quarter.reported_on <= last:
            continue
        reported = wording.price(quarter.reported, history.currency)
        estimated = wording.price(quarter.estimated, history.currency)
        found.append(Event(quarter.reported_on, "E", f"Earnings {reported}, estimated {estimated}"))
    return tuple(sorted(found, key=lambda event: (event.day, event.letter)))


def _ratio(factor: float) -> str:
    if factor >= 1:
        return f"{factor:g}:1"
    return f"1:{1 / factor:g}"


def provenance(runtime: Runtime, history: History) -> None:
    """Which series it is, where its bars are from, how old they are, and what they are not."""
    zone, now = ui.zone(), runtime.now()
    key = (history.ticker, history.range, history.interval, history.series, zone.key)
    today = now.astimezone(zone).date()
    st.caption(_provenance.get(key, (history, today), lambda: provenance_words(history, zone, now)))


def provenance_words(history: History, zone: ZoneInfo, now: datetime) -> str:
    series = {
        Series.RAW: "as traded",
        Series.SPLITS: "adjusted for splits",
        Series.TOTAL: "total return: adjusted for splits and dividends",
    }[history.series]
    parts = [
        f"{interval_words(history.interval).capitalize()}, {series}",
        ", ".join(wording.escape_markdown(source) for source in history.sources),
        f"last changed {wording.instant(history.fetched_at, zone, now=now)}",
        f"{history.first:%-d %b %Y} to {history.last:%-d %b %Y}",
    ]
    return " · ".join([*parts, *history.notes])


def offer(runtime: Runtime, ticker: Ticker, history: History, series: Series) -> None:
    """The button for what the series or the marks lack, where that takes a question."""
    feeds = [feed for feed in ACTIONS if runtime.read().data(Want(feed, ticker)) is None]
    if feeds and asking.is_counted(runtime):
        lacking = ", ".join(feeds[:-1]) + (" and " if len(feeds) > 1 else "") + feeds[-1]
        asking.offer(runtime, [Want(feed, ticker) for feed in feeds], lacking)
    elif history.series is not series:
        asking.offer(runtime, [Want(feed, ticker) for feed in ACTIONS[:2]], "splits and dividends")


def on_screen_csv(runtime: Runtime, ticker: Ticker, choice: Choice, series: Series) -> bytes:
    history = history_of(runtime, ticker, choice.range, choice.interval, series)
    if history is None:
        return history_csv([])
    return history_csv([history], zones={ticker: runtime.read_zone(ticker)})


def stored_csv(runtime: Runtime, tickers: Sequence[Ticker]) -> bytes:
    """Every bar that is stored of these tickers: daily, weekly and intraday, one after another."""
    zones = {ticker: runtime.read_zone(ticker) for ticker in tickers}
    return history_csv(_stored(runtime, tickers), zones=zones)


def stored_xlsx(runtime: Runtime, tickers: Sequence[Ticker]) -> bytes:
    """The same as a workbook: a sheet for each ticker and kind of bars."""
    sheets = {
        f"{bars.ticker} {bars.interval.value}": bars.frame for bars in _stored(runtime, tickers)
    }
    return tables_xlsx(sheets, notes=["Prices are as traded, not adjusted for splits."])


def _stored(runtime: Runtime, tickers: Sequence[Ticker]) -> list[Bars]:
    found = []
    for ticker in tickers:
        runtime.load_stored(ticker, FEEDS)
        found += [runtime.board.read_bars(feed, ticker) for feed in FEEDS]
    return [bars for bars in found if bars is not None]
