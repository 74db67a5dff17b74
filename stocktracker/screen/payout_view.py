"""Dividends and splits as the Company page shows them."""

from __future__ import annotations

from datetime import date
from functools import partial

import pandas as pd
import streamlit as st

from stocktracker import wording
from stocktracker.figures import amounts, export, payouts
from stocktracker.figures.fundamental_charts import dividend_years_figure, payments_figure
from stocktracker.figures.payouts import Summary
from stocktracker.fundamentals import Dividends, Splits
from stocktracker.markets import exchange_of
from stocktracker.model import Feed, Ticker, Want
from stocktracker.runtime import Runtime
from stocktracker.screen import asking, panels, ui

BY_YEAR, PAYMENTS = "By year", "Payments"
BASE = (
    "Amounts in the chart are on the base of today's shares: what was paid before a split is "
    "divided by its factor. The table has them as they were paid."
)


def draw(runtime: Runtime, ticker: Ticker) -> None:
    feeds = (Feed.DIVIDENDS, Feed.SPLITS)
    asking.offer(runtime, [Want(feed, ticker) for feed in feeds], "dividends and splits")
    dividends = panels.read(runtime, Feed.DIVIDENDS, ticker, Dividends)
    splits = panels.read(runtime, Feed.SPLITS, ticker, Splits)
    if dividends is not None:
        _dividends(runtime, dividends, splits)
    if splits is not None:
        _splits(runtime, splits)


def _dividends(runtime: Runtime, dividends: Dividends, splits: Splits | None) -> None:
    ticker = dividends.ticker
    if not dividends.rows:
        panels.section("Dividends")
        st.markdown("No dividends are on record.")
        panels.provenance(runtime, Feed.DIVIDENDS, dividends)
        return
    today = runtime.now().astimezone(runtime.read_zone(ticker)).date()
    price, currency = panels.quote_of(runtime, ticker)
    currency = currency or exchange_of(ticker).currency
    summary = payouts.summarise(dividends, splits, price=price, today=today)
    _ex_day(summary, currency, today)
    _figures(summary, currency)
    if splits is not None:
        _chart(dividends, splits, currency, today)
    else:
        st.caption("Totals, growth and the chart need the splits, which are not stored yet.")
    panels.section("Payments")
    st.dataframe(
        payouts.dividends_table(dividends),
        key=f"dividends {ticker}",
        hide_index=True,
        height=360 if len(dividends.rows) > 9 else "content",
        column_config={
            "ex_day": st.column_config.TextColumn("Ex-day", pinned=True),
            "amount": st.column_config.TextColumn(f"A share, {currency}", alignment="right"),
            "declared": st.column_config.TextColumn("Declared"),
            "recorded": st.column_config.TextColumn("Record day"),
            "paid": st.column_config.TextColumn("Paid"),
        },
    )
    st.download_button(
        "Dividends as CSV",
        data=lambda: export.table_csv(
            payouts.dividends_numbers(dividends), notes=(f"As paid, in {currency}",)
        ),
        file_name=export.file_name("dividends", [ticker], runtime.now().date()),
        mime="text/csv",
        icon=":material/download:",
        key="dividends csv",
        on_click="ignore",
    )
    panels.provenance(runtime, Feed.DIVIDENDS, dividends, BASE)


def _ex_day(summary: Summary, currency: str, today: date) -> None:
    """The dividend that is ahead, said first: who buys on its ex-day does not get it."""
    ahead = summary.following
    if ahead is None:
        return
    days = (ahead.ex_day - today).days
    when = "tomorrow" if days == 1 else f"in {days} days"
    amount = wording.escape_markdown(wording.price(ahead.amount, currency))
    paid = f", paid {amounts.day(ahead.paid)}" if ahead.paid else ""
    st.info(
        f"Next ex-day {when}, {amounts.day(ahead.ex_day)}: {amount} a share{paid}.",
        icon=":material/event:",
    )


def _figures(summary: Summary, currency: str) -> None:
    latest = summary.latest
    money = wording.price
    shown = (
        (
            "Last 12 months",
            money(summary.last_12_months, currency),
            f"What went ex in the last 365 days, in {summary.payments} payments, on the base of "
            "today's shares.",
        ),
        (
            "Yield",
            amounts.share(summary.dividend_yield),
            "The last 12 months' dividends over the latest price.",
        ),
        (
            "Latest",
            f"{money(latest.amount, currency)}" if latest else wording.NOTHING,
            f"Went ex on {amounts.day(latest.ex_day)}." if latest else "None has gone ex yet.",
        ),
        (
            "Growth, year",
            amounts.growth(summary.growth),
            "The last whole calendar year over the one before, special dividends included.",
        ),
        (
            "Growth, 5 years",
            amounts.growth(summary.growth_5_years),
            "A year, over the last five whole calendar years.",
        ),
    )
    with st.grid(5, min_column_width=150, gap="small"):
        for label, text, meaning in shown:
            value = wording.escape_markdown(text)
            st.metric(label, value, help=meaning, border=True, height="stretch")


def _chart(dividends: Dividends, splits: Splits, currency: str, today: date) -> None:
    payments = payouts.adjusted(dividends, splits)
    key = f"dividends {dividends.ticker}"
    with st.container(border=True):
        shown = st.segmented_control(
            "Dividends",
            [BY_YEAR, PAYMENTS],
            key="dividends by",
            default=BY_YEAR,
            required=True,
            label_visibility="collapsed",
        )
        make = (
            partial(
                dividend_years_figure,
                payouts.by_year(payments),
                currency=currency,
                running=today.year,
            )
            if shown == BY_YEAR
            else partial(payments_figure, payments, currency=currency, today=today)
        )
        version = f"{panels.version(dividends, splits)} {currency} {today}"
        panels.draw(f"{key} {shown}", version, ui.palette(), make)


def _splits(runtime: Runtime, splits: Splits) -> None:
    panels.section("Splits")
    if splits.rows:
        _splits_table(splits)
    else:
        st.markdown("No splits are on record.")
    panels.provenance(runtime, Feed.SPLITS, splits)


def _splits_table(splits: Splits) -> None:
    frame: pd.DataFrame = payouts.splits_table(splits)
    frame["day"] = frame["day"].map(amounts.day)
    st.dataframe(
        frame,
        key=f"splits {splits.ticker}",
        hide_index=True,
        height="content",
        column_config={
            "day": st.column_config.TextColumn("From", pinned=True, width=120),
            "ratio": st.column_config.TextColumn("Ratio", width=90),
            "meaning": st.column_config.TextColumn("Meaning"),
        },
    )
