"""Rows of a table, added to the viewer's tickers by a button.

A choice is changed before the sidebar's multiselect is drawn, hence in the next run of the whole
page. What does not fit is said before anything is added; nothing is added in part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from stocktracker import wording
from stocktracker.errors import BadTicker
from stocktracker.model import Listing, Ticker, parse_ticker
from stocktracker.runtime import Runtime
from stocktracker.screen import ui

PICK_NEXT = "tickers to pick"
SAID = "watchlists said"
ADDED = "tickers were added"
NAMED = 3  # tickers that the button names; more are counted
NO_ROWS: Mapping[str, Mapping[str, list[int]]] = {
    "selection": {"rows": [], "columns": [], "cells": []}
}


@dataclass(frozen=True, slots=True)
class Addition:
    """What a click would add, and why it would not: `refusal` is Markdown, None where it would."""

    tickers: tuple[Ticker, ...]
    refusal: str | None


def addition(
    selected: Iterable[Ticker], chosen: Sequence[Ticker], most: int, listing: Listing | None
) -> Addition:
    """Those of `selected` that are not chosen yet, in order, if there is room for all of them."""
    new = [ticker for ticker in dict.fromkeys(selected) if ticker not in chosen]
    strange = [ticker for ticker in new if not _can_be_chosen(ticker, listing)]
    if strange:
        names = wording.escape_markdown(", ".join(strange))
        return Addition((), f"{names} cannot be chosen: only this list spells it so.")
    if not new:
        return Addition((), "All of these are among your tickers.")
    room = max(most - len(chosen), 0)
    if len(new) > room:
        fit = f"{room} more fit{'s' if room == 1 else ''}" if room else "none more fits"
        are = "is" if len(new) == 1 else "are"
        return Addition(
            (), f"You have {len(chosen)} of {most} tickers: {fit}, and {len(new)} {are} selected."
        )
    return Addition(tuple(new), None)


def rerun_when_added() -> None:
    """At the top of a fragment: after a click the whole page is drawn, with the new choice."""
    if st.session_state.pop(ADDED, False):
        st.rerun()


def select_switch(key: str, *, disabled: bool = False) -> bool:
    """Whether this viewer selects rows: such tables cannot be replayed, and are drawn for one."""
    return st.toggle(
        "Select rows",
        key=key,
        disabled=disabled,
        help="To add some of them to your tickers. While rows are selected they stay in place.",
    )


def selected_rows(key: str) -> list[int]:
    """The rows that are selected in the table of that key, before it is drawn in this run."""
    held = st.session_state.get(key) or NO_ROWS
    return list(held["selection"]["rows"])


def clear(*keys: str) -> None:
    """Select nothing in these tables; before they are drawn in this run."""
    for key in keys:
        if selected_rows(key):
            st.session_state[key] = {"selection": dict(NO_ROWS["selection"])}


def button(runtime: Runtime, selected: Sequence[Ticker], *keys: str) -> None:
    """Add what is selected in the tables of these keys; or why it cannot be added."""
    listing, most = runtime.read().listing, runtime.settings.max_tickers
    found = addition(selected, ui.chosen(), most, listing)
    barred = [ticker for ticker in found.tickers if not runtime.settings.follows(ticker)]
    if barred:
        found = Addition((), f"Not followed here: {_names(barred)}.")
    label = f"Add {_names(found.tickers)} to my tickers" if found.tickers else "Add to my tickers"
    st.button(
        label,
        key="add to my tickers",
        icon=":material/add:",
        type="primary" if found.tickers else "secondary",
        disabled=not found.tickers,
        on_click=_add,
        args=(found.tickers, keys),
    )
    if not selected:
        st.caption("Select rows at the left of the table.")
    elif found.refusal:
        st.caption(found.refusal)


def _add(tickers: Sequence[Ticker], keys: Sequence[str]) -> None:
    st.session_state[PICK_NEXT] = [*ui.chosen(), *tickers]
    st.session_state[SAID] = f"Added {_names(tickers)} to your tickers."
    st.session_state[ADDED] = True
    clear(*keys)


def _names(tickers: Sequence[Ticker]) -> str:
    if len(tickers) > NAMED:
        return f"{len(tickers)} tickers"
    return wording.escape_markdown(", ".join(tickers))


def _can_be_chosen(ticker: Ticker, listing: Listing | None) -> bool:
    try:
        return parse_ticker(ticker, listing.rows if listing else None) == ticker
    except BadTicker:
        return False
