"""The sidebar's watchlists: choosing one, and the dialog in which they are kept.

Watchlists are the server's and shared by all viewers; which tickers a viewer looks at stays in the
viewer's link. Whatever is typed or uploaded is checked by watchlists.py and intake.py first, and a
refusal changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from stocktracker import wording
from stocktracker.errors import StocktrackerError
from stocktracker.intake import Import, decode_upload, parse_import
from stocktracker.model import Ticker
from stocktracker.runtime import Runtime
from stocktracker.screen import ui
from stocktracker.screen.adding import PICK_NEXT, SAID
from stocktracker.screen.keyboard import DIALOG
from stocktracker.watchlists import (
    LONGEST_NAME,
    Watchlist,
    Watchlists,
    create,
    delete,
    rename,
    replace_tickers,
    set_default,
)

MANAGE = "watchlists"
SELECT = "watchlist"
LAST = "watchlist chosen last"
DELETING = "watchlist to delete"
MANY = 12  # tickers or rejected cells that are shown one by one
UPLOADS = ["csv", "txt", "tsv"]


def choose(runtime: Runtime) -> None:
    """The select of the watchlists, and the way to keep them. Before `ui.choose_tickers`."""
    tickers = st.session_state.pop(PICK_NEXT, None)
    if tickers is not None:
        ui.pick(runtime, tickers)
    ui.begin_choice(runtime)
    held = runtime.read_watchlists()
    fitting = _fitting(runtime, held)
    st.session_state[SELECT] = fitting.name if fitting else None
    if fitting:
        st.session_state[LAST] = fitting.name
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Watchlist",
            held.names,
            index=None,
            key=SELECT,
            placeholder="Own choice" if held.lists else "None kept yet",
            disabled=not held.lists,
            help="Watchlists are kept by the server and shared by everybody who uses it.",
            on_change=_take,
            args=(runtime,),
        )
        st.button("Manage", key="manage watchlists", on_click=_open)
    said = st.session_state.pop(SAID, None)
    if said:
        st.toast(said, icon=":material/check:")
    if st.session_state.get(DIALOG) == MANAGE:
        _manage(runtime)


def _fitting(runtime: Runtime, held: Watchlists) -> Watchlist | None:
    """The watchlist that is chosen now; of two equal ones the last that was."""
    chosen, most = ui.picked(runtime), runtime.settings.max_tickers
    fitting = [each for each in held.lists if each.tickers[:most] == chosen]
    last = st.session_state.get(LAST)
    return next((each for each in fitting if each.name == last), next(iter(fitting), None))


def _take(runtime: Runtime) -> None:
    name = st.session_state[SELECT]
    found = runtime.read_watchlists().find(name) if name else None
    if found:
        st.session_state[LAST] = found.name
        ui.pick(runtime, found.tickers)


def _open() -> None:
    st.session_state[DIALOG] = MANAGE


def _close() -> None:
    st.session_state[DIALOG] = None
    st.session_state.pop(DELETING, None)


@st.dialog("Watchlists", on_dismiss=_close)
def _manage(runtime: Runtime) -> None:
    ui.current_runtime()  # a dialog is a fragment, and this one writes
    held = runtime.read_watchlists()
    saving, editing, importing = st.tabs(["Save", "Edit", "Import"])
    with saving:
        _save(runtime, held)
    with editing:
        _edit(runtime, held)
    with importing:
        _import(runtime)


def _save(runtime: Runtime, held: Watchlists) -> None:
    chosen, most = ui.chosen(), runtime.settings.max_tickers
    st.markdown(f"Chosen now: {_shown(chosen)}")
    with st.form("new watchlist", border=False):
        name = st.text_input("Name", max_chars=LONGEST_NAME, key="name of new watchlist")
        if st.form_submit_button("Save as new"):
            _change(
                runtime,
                lambda held: create(held, name, chosen, max_tickers=most),
                "Saved the watchlist.",
            )
    if not held.lists:
        return
    st.divider()
    with st.form("save over", border=False):
        over = _one_of(held, "Or over", "watchlist to save over")
        if st.form_submit_button("Save over it"):
            _change(
                runtime,
                lambda held: replace_tickers(held, over, chosen, max_tickers=most),
                f"“{wording.escape_markdown(over)}” has the chosen tickers now.",
            )


def _edit(runtime: Runtime, held: Watchlists) -> None:
    if not held.lists:
        st.info("There is no watchlist yet. Save the chosen tickers as one, or import one.")
        return
    name = _one_of(held, "Watchlist", "watchlist to edit")
    found = held.find(name)
    st.caption(_shown(found.tickers) if found else "")
    shown = wording.escape_markdown(name)
    with st.form("rename", border=False):
        new_name = st.text_input("New name", max_chars=LONGEST_NAME, key=f"new name of {name}")
        if st.form_submit_button("Rename"):
            _change(
                runtime,
                lambda held: rename(held, name, new_name),
                f"Renamed “{shown}”.",
            )
    with st.container(horizontal=True):
        if held.default == name:
            if st.button("No longer the default", help="Who comes without a link sees examples."):
                _change(runtime, lambda held: set_default(held, None), "There is no default now.")
        elif st.button("Make it the default", help="What everybody sees who comes without a link."):
            _change(runtime, lambda held: set_default(held, name), f"“{shown}” is the default now.")
        st.button("Delete", icon=":material/delete:", on_click=_ask_for, args=(name,))
    if st.session_state.get(DELETING) == name:
        _confirm(runtime, name)


def _ask_for(name: str | None) -> None:
    """Whose deletion has to be confirmed."""
    st.session_state[DELETING] = name


def _confirm(runtime: Runtime, name: str) -> None:
    shown = wording.escape_markdown(name)
    st.warning(f"“{shown}” will be gone for everybody who uses this server.")
    with st.container(horizontal=True):
        if st.button("Delete it", type="primary"):
            _change(runtime, lambda held: delete(held, name), f"Deleted “{shown}”.")
        st.button("Keep it", on_click=_ask_for, args=(None,))


def _import(runtime: Runtime) -> None:
    way = st.segmented_control(
        "From", ["Pasted text", "File"], default="Pasted text", required=True, key="import from"
    )
    found = _read_file(runtime) if way == "File" else _read_text(runtime)
    if found is None:
        return
    st.markdown(f"Found {_shown(found.tickers)}")
    st.caption(f"Read from {wording.escape_markdown(found.how)}.")
    if found.rejected:
        cells = wording.escape_markdown(_enumerate(found.rejected))
        st.warning(f"Left out, as they cannot be tickers: {cells}")
    most = runtime.settings.max_tickers
    with st.form("import", border=False):
        name = st.text_input("Name", max_chars=LONGEST_NAME, key="name of import")
        if st.form_submit_button("Save as new", type="primary"):
            _change(
                runtime,
                lambda held: create(held, name, found.tickers, max_tickers=most),
                f"Imported {len(found.tickers)} tickers.",
                pick=found.tickers,
            )


def _read_text(runtime: Runtime) -> Import | None:
    text = st.text_area(
        "Tickers",
        key="import text",
        placeholder="AAPL, MSFT, NYSE:KO …",
        help="Divided by commas, semicolons, spaces or lines; or the lines of a CSV file.",
    )
    return _parsed(runtime, lambda: text) if text.strip() else None


def _read_file(runtime: Runtime) -> Import | None:
    file = st.file_uploader(
        "CSV or text file",
        type=UPLOADS,
        key="import file",
        help="A column headed Ticker or Symbol is read; otherwise the first column. 1 MB at most.",
    )
    return _parsed(runtime, lambda: decode_upload(file.getvalue())) if file else None


def _parsed(runtime: Runtime, text: Callable[[], str]) -> Import | None:
    listing = runtime.read().listing
    try:
        return parse_import(text(), listing.rows if listing else None)
    except StocktrackerError as fault:
        st.error(wording.escape_markdown(fault.words))
        return None


def _one_of(held: Watchlists, label: str, key: str) -> str:
    """A select of the watchlists, first the one that was chosen last."""
    last = st.session_state.get(LAST)
    index = held.names.index(last) if last in held.names else 0
    return st.selectbox(label, held.names, index=index, key=key)


def _change(
    runtime: Runtime,
    change: Callable[[Watchlists], Watchlists],
    said: str,
    *,
    pick: Sequence[Ticker] | None = None,
) -> None:
    """Change what is kept and close the dialog; or say in it why not, and change nothing."""
    try:
        runtime.change_watchlists(change)
    except StocktrackerError as fault:
        st.error(wording.escape_markdown(fault.words))
        return
    st.session_state[SAID] = said
    if pick is not None:
        st.session_state[PICK_NEXT] = pick
    _close()
    st.rerun()


def _shown(tickers: Sequence[Ticker]) -> str:
    """`**3 tickers** AAPL, MSFT, KO`, as Markdown."""
    if not tickers:
        return "**no ticker**"
    count = "1 ticker" if len(tickers) == 1 else f"{len(tickers)} tickers"
    return f"**{count}** · {wording.escape_markdown(_enumerate(tickers))}"


def _enumerate(parts: Sequence[str]) -> str:
    """`AAPL, MSFT and 3 more`: as many as may be shown, and how many are not."""
    shown = ", ".join(parts[:MANY])
    return shown if len(parts) <= MANY else f"{shown} and {len(parts) - MANY} more"
