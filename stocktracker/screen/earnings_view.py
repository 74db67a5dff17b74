"""The earnings of a company as its page shows them."""

from __future__ import annotations

from datetime import date
from functools import partial

import pandas as pd
import streamlit as st

from stocktracker import wording
from stocktracker.figures import amounts, earnings
from stocktracker.figures.fundamental_charts import surprises_figure, years_figure
from stocktracker.fundamentals import Earnings, EarningsCalendar
from stocktracker.model import WHOLE_MARKET, Feed, Ticker, Want
from stocktracker.palette import Palette
from stocktracker.runtime import Runtime
from stocktracker.screen import asking, panels, ui

UNIT = (
    "Earnings are per share, in the currency of the company's reports. Surprise is reported less "
    "estimated; its percentage is of the estimate's size."
)


def draw(runtime: Runtime, ticker: Ticker) -> None:
    asking.offer(runtime, [Want(Feed.EARNINGS, ticker)], "the earnings")
    record = panels.read(runtime, Feed.EARNINGS, ticker, Earnings)
    if record is None:
        return
    today = runtime.now().astimezone(runtime.read_zone(ticker)).date()
    quarters, years = earnings.quarters(record), earnings.years(record)
    with st.grid(3, min_column_width=200, gap="small"):
        _next_report(runtime, ticker, today)
        _latest(quarters)
        beaten, of = earnings.beats(quarters)
        st.metric(
            "Above the estimate",
            f"{beaten} of {of} quarters" if of else wording.NOTHING,
            help="Of the newest eight quarters with an estimate.",
            border=True,
            height="stretch",
        )
    version, palette = panels.version(record), ui.palette()
    with st.grid(2, min_column_width=330, gap="small"):
        with st.container(border=True, height="stretch"):
            panels.section("Reported and estimated, by quarter")
            panels.draw(
                f"surprises {ticker}", version, palette, partial(surprises_figure, quarters)
            )
        with st.container(border=True, height="stretch"):
            panels.section("By fiscal year", "A paler bar is a part of a year.")
            panels.draw(f"years {ticker}", version, palette, partial(years_figure, years))
    _table(f"quarters {ticker}", version, palette, quarters)
    panels.provenance(runtime, Feed.EARNINGS, record, UNIT)


def _next_report(runtime: Runtime, ticker: Ticker, today: date) -> None:
    calendar = panels.read(runtime, Feed.CALENDAR, WHOLE_MARKET, EarningsCalendar)
    report = earnings.next_report(calendar, ticker, today)
    label = "Next report"
    source = "From the earnings calendar of the Market page."
    if report is None:
        why = "not in the calendar" if calendar else "the calendar is not stored"
        st.metric(
            label, wording.NOTHING, help=f"{source} Here: {why}.", border=True, height="stretch"
        )
        return
    estimate = amounts.per_share(report.estimate)
    words = [earnings.HOURS.get(report.time or "", "")]
    if report.estimate is not None:
        words.append(f"estimate {estimate} {report.currency}")
    st.metric(
        label,
        amounts.day(report.day),
        delta=wording.escape_markdown(" · ".join(word for word in words if word)) or None,
        delta_color="off",
        delta_arrow="off",
        help=source,
        border=True,
        height="stretch",
    )


def _latest(quarters: pd.DataFrame) -> None:
    known = quarters.dropna(subset=["reported"])
    label = "Latest quarter"
    if known.empty:
        st.metric(label, wording.NOTHING, border=True, height="stretch")
        return
    last = known.iloc[-1]
    surprise = None if pd.isna(last["surprise"]) else float(last["surprise"])
    percent = wording.percent(last["percent"])
    text = None if surprise is None else f"{amounts.signed(surprise)} ({percent})"
    st.metric(
        f"{label}, to {amounts.day(last['ends'])}",
        amounts.per_share(float(last["reported"])),
        # The metric reads the sign off the text, so it is a plain hyphen here.
        delta=None if text is None else text.replace(wording.MINUS, "-"),
        delta_color=ui.change_colour(surprise),  # type: ignore[arg-type]
        delta_arrow="auto" if surprise else "off",
        help="Earnings per share as reported, and how far from the estimate.",
        border=True,
        height="stretch",
    )


@st.cache_resource(show_spinner=False, max_entries=200)
def _table(key: str, version: str, palette: Palette, _quarters: pd.DataFrame) -> None:  # noqa: ARG001
    newest = _quarters.iloc[::-1].reset_index(drop=True)
    column = st.column_config
    st.dataframe(
        panels.coloured(
            newest,
            palette,
            signed=["surprise", "percent"],
            formats={
                "ends": amounts.day,
                "reported_on": _day,
                "reported": amounts.per_share,
                "estimated": amounts.per_share,
                "surprise": lambda value: panels.arrow(amounts.signed(value)),
                "percent": lambda value: panels.arrow(wording.percent(value)),
            },
        ),
        key=key,
        hide_index=True,
        height=430 if len(newest) > 11 else "content",
        placeholder=wording.NOTHING,
        column_config={
            "ends": column.DateColumn("Quarter to", pinned=True, format="D MMM YYYY"),
            "reported_on": column.DateColumn("Reported on", format="D MMM YYYY"),
            "time": column.TextColumn("Time"),
            "reported": column.NumberColumn("Reported"),
            "estimated": column.NumberColumn("Estimate"),
            "surprise": column.NumberColumn("Surprise"),
            "percent": column.NumberColumn("Surprise %"),
        },
    )


def _day(value: object) -> str:
    return amounts.day(value) if isinstance(value, date) else wording.NOTHING
