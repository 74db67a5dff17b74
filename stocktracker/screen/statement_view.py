"""Financial statements as the Company page shows them."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from stocktracker import wording
from stocktracker.figures import export, statements
from stocktracker.figures.fundamental_charts import statement_figure
from stocktracker.fundamentals import Periods, Statement
from stocktracker.model import Feed, Ticker, Want
from stocktracker.runtime import Runtime
from stocktracker.screen import asking, panels, ui

ANNUAL, QUARTERLY = "Annual", "Quarterly"
MOST = {ANNUAL: 10, QUARTERLY: 12}  # periods on the screen; a file has all of them
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def draw(runtime: Runtime, ticker: Ticker) -> None:
    with st.container(horizontal=True, gap="small"):
        title = st.segmented_control(
            "Statement",
            list(statements.TITLES.values()),
            key="statement",
            default=statements.TITLES[Feed.INCOME],
            required=True,
            label_visibility="collapsed",
            bind="query-params",
        )
        pace = st.segmented_control(
            "Periods",
            [ANNUAL, QUARTERLY],
            key="periods",
            default=ANNUAL,
            required=True,
            label_visibility="collapsed",
            bind="query-params",
        )
    feed = next(feed for feed, name in statements.TITLES.items() if name == title)
    asking.offer(runtime, [Want(feed, ticker)], f"the {title.lower()}")
    record = panels.read(runtime, feed, ticker, Statement)
    if record is None:
        return
    periods = _periods(record, pace)
    if not periods.ends:
        st.markdown(f"No {pace.lower()} periods are on record.")
        panels.provenance(runtime, feed, record)
        return
    currency = periods.currency or wording.NOTHING
    version = f"{panels.version(record)} {pace}"
    with st.container(border=True):
        panels.draw(
            f"{feed} {ticker} {pace}",
            version,
            ui.palette(),
            partial(
                statement_figure,
                statements.main_lines(periods, feed, MOST[pace]),
                currency=currency,
                annual=pace == ANNUAL,
            ),
        )
    _table(f"table {feed} {ticker} {pace}", version, MOST[pace], periods)
    _downloads(runtime, ticker, feed, pace, periods)
    notes = [
        f"amounts in {wording.escape_markdown(currency)}",
        f"the newest {min(len(periods.ends), MOST[pace])} of {len(periods.ends)} periods",
    ]
    if feed is Feed.CASH_FLOW:
        notes.append(statements.FREE_CASH_FLOW_HELP)
    panels.provenance(runtime, feed, record, *notes)


def _periods(record: Statement, pace: str) -> Periods:
    periods = record.annual if pace == ANNUAL else record.quarterly
    return statements.with_free_cash_flow(periods)


@st.cache_resource(show_spinner=False, max_entries=300)
def _table(key: str, version: str, most: int, _periods: Periods) -> None:  # noqa: ARG001
    frame = statements.table(_periods, most)
    line, *ends = frame.columns
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        height="content",
        column_config={
            line: st.column_config.TextColumn(" ", pinned=True, width=240),
            **{end: st.column_config.TextColumn(end, alignment="right") for end in ends},
        },
    )


def _downloads(runtime: Runtime, ticker: Ticker, feed: Feed, pace: str, periods: Periods) -> None:
    """All periods of what is shown as CSV; every stored statement as one workbook."""
    day = runtime.now().date()
    kind = f"{feed}-{pace}".replace(" ", "-").lower()
    notes = (f"{statements.TITLES[feed]} of {ticker}, {pace.lower()}, in {periods.currency}",)
    with st.container(horizontal=True):
        st.download_button(
            "All periods as CSV",
            data=lambda: export.table_csv(statements.numbers(periods), notes=notes),
            file_name=export.file_name(kind, [ticker], day),
            mime="text/csv",
            icon=":material/download:",
            key="statement csv",
            on_click="ignore",
        )
        st.download_button(
            "All statements as Excel",
            data=lambda: _workbook(runtime, ticker),
            file_name=export.file_name("statements", [ticker], day).replace(".csv", ".xlsx"),
            mime=XLSX,
            icon=":material/table_view:",
            key="statements xlsx",
            on_click="ignore",
        )


def _workbook(runtime: Runtime, ticker: Ticker) -> bytes:
    sheets: dict[str, pd.DataFrame] = {}
    currencies = set()
    for feed, title in statements.TITLES.items():
        record = panels.read(runtime, feed, ticker, Statement)
        if record is None:
            continue
        for pace in (ANNUAL, QUARTERLY):
            periods = _periods(record, pace)
            currencies.add(periods.currency)
            sheets[f"{title}, {pace.lower()}"] = statements.numbers(periods)
    notes = (f"Statements of {ticker}, in {', '.join(sorted(currencies))}",)
    return export.tables_xlsx(sheets, notes)
