"""What the pages share: the runtime, who is looking, what they chose, how it looks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from stocktracker import wording
from stocktracker.errors import BadTicker
from stocktracker.gate import current_runtime
from stocktracker.model import Listed, Listing, Ticker, Want, parse_ticker
from stocktracker.palette import DARK, LIGHT, Palette, Scheme, change_name, with_scheme
from stocktracker.runtime import Runtime
from stocktracker.runtime import current_runtime as runtime_of_server

__all__ = ["current_runtime"]

PICKER = "picker"
FIRST = "first choice"
ASSIGNED = "choice was assigned"
OFFERED = "offered"
PARAMETER = "tickers"
TICKER = "ticker"
DEFAULTS = ("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL")
SEPARATOR = " · "
COLOURS = "colours"
SCHEMES: Mapping[object, Scheme] = {each.value: each for each in Scheme}


# --- who is looking -------------------------------------------------------------------------


def _release(who: str) -> None:
    try:
        runtime_of_server().release(who)
    except RuntimeError:
        return  # the server is closing, and with it every lease


@st.cache_resource(scope="session", show_spinner=False, on_release=_release)
def viewer() -> str:
    """This browser tab. When it closes, Streamlit releases this entry, and its lease with it."""
    return uuid.uuid4().hex


def watch(wants: Iterable[Want]) -> None:
    """This page shows these: say so now, and go on saying so while the page is open."""
    st.session_state["wants"] = frozenset(wants)
    renew_lease()


def forget() -> None:
    """This viewer wants nothing any more."""
    if st.session_state.pop("wants", None) is not None:
        _release(viewer())


def renew_lease() -> None:
    wants = st.session_state.get("wants", frozenset())
    current_runtime().watch(viewer(), wants, st.context.ip_address)


# --- what they chose ------------------------------------------------------------------------


def chosen() -> list[Ticker]:
    """The tickers chosen in the sidebar, in the viewer's order."""
    return list(st.session_state.get("chosen", []))


def choose_tickers(runtime: Runtime) -> list[Ticker]:
    """The sidebar's multiselect: all of the listing, or any other ticker typed in.

    The choice lives in the URL, so that a link opens the same view, and is written there on every
    page. The labels are made once per listing and shared by all sessions.
    """
    begin_choice(runtime)
    listing, most = runtime.read().listing, runtime.settings.max_tickers
    if listing is not None and PICKER in st.session_state:
        # A ticker that was chosen before its name was known.
        held = st.session_state[PICKER]
        named = _labels(held, listing, most)
        if named != held:
            _assign(named)
    # A value of the session's is sent once, and is lost where the script runs again before the
    # browser has drawn the list: it would draw an empty one, and report that with the next key.
    # The default is sent every time. It stays what it was at first, because the half a megabyte
    # of the list is sent anew with another one, and once drawn the list keeps its value.
    first = _tickers(st.session_state[FIRST], listing)
    default = _labels(first, listing, most)
    # A message with a value is another one than that without: what there is to choose from is not
    # part of it, lest all of it be sent again. The next look offers it, from the browser's memory.
    is_assigned = st.session_state.pop(ASSIGNED, False)
    if listing is None or is_assigned:
        options = list(dict.fromkeys([*default, *st.session_state.get(PICKER, ())]))
        st.session_state[OFFERED] = None
    else:
        unlisted = [ticker for ticker in first if ticker not in listing.rows]
        options = [*unlisted, *_offered(runtime, listing)]
        st.session_state[OFFERED] = listing.fetched_at
    labels = st.multiselect(
        "Tickers",
        options,
        default=default,
        key=PICKER,
        accept_new_options=True,
        max_selections=most,
        select_all=False,
        # Not fuzzy, which finds another ticker in the letters of one that is not listed.
        filter_mode="contains",
        placeholder="Ticker or company",
        help="Find one by ticker or by company name. One that is not listed can be typed in full.",
        on_change=_tidy,
        args=(listing, most),
    )
    tickers = _tickers([str(label) for label in labels], listing)
    rejected = st.session_state.pop("rejected", None)
    if rejected:
        st.warning(_refusal(rejected, listing), icon=":material/error:")
    st.session_state["chosen"] = tickers
    in_link = [str(ticker) for ticker in tickers] or [""]
    if st.query_params.get_all(PARAMETER) != in_link:
        st.query_params[PARAMETER] = in_link
    return tickers


def _refusal(text: str, listing: Listing | None) -> str:
    """Why a typed text is not among the tickers."""
    try:
        ticker = parse_ticker(
            text.split(SEPARATOR, maxsplit=1)[0], listing.rows if listing else None
        )
    except BadTicker as fault:
        return fault.words
    return f"{wording.escape_markdown(ticker)} is not followed here."


def begins_with_page(runtime: Runtime) -> bool:
    """Whether the sidebar comes after the page in this run, as it is this viewer's first.

    What is about to be offered counts as offered meanwhile. Where nothing is chosen, the list to
    choose from is what one needs first.
    """
    if FIRST in st.session_state:
        return False
    begin_choice(runtime)
    if not chosen():
        return False
    listing = runtime.read().listing
    st.session_state[OFFERED] = None if listing is None else listing.fetched_at
    return True


def is_listing_to_offer(runtime: Runtime) -> bool:
    """Whether there is a listing that this viewer has not been offered."""
    listing = runtime.read().listing
    return listing is not None and st.session_state.get(OFFERED) != listing.fetched_at


def begin_choice(runtime: Runtime) -> None:
    """Once a session: what the link asks for, else the default watchlist, else DEFAULTS."""
    if FIRST not in st.session_state:
        linked = st.query_params.get_all(PARAMETER)
        default = runtime.read_watchlists().default_tickers or DEFAULTS
        texts = linked if PARAMETER in st.query_params else default
        first = _tickers(texts, runtime.read().listing)[: runtime.settings.max_tickers]
        st.session_state[FIRST] = st.session_state["chosen"] = first
    if PICKER not in st.session_state and chosen() != st.session_state[FIRST]:
        # Streamlit also forgets what a widget held that the browser had not drawn yet when it asked
        # for another page. The first choice needs no value: it is the default.
        pick(runtime, chosen())


def pick(runtime: Runtime, tickers: Sequence[str]) -> None:
    """Choose these, before the multiselect is drawn in this run."""
    listing, most = runtime.read().listing, runtime.settings.max_tickers
    _assign(_labels(tickers, listing, most))


def _assign(labels: list[str]) -> None:
    st.session_state[PICKER] = labels
    st.session_state[ASSIGNED] = True


def picked(runtime: Runtime) -> tuple[Ticker, ...]:
    """What the multiselect is about to show; call `begin_choice` before."""
    held = st.session_state.get(PICKER, st.session_state[FIRST])
    return tuple(_tickers(held, runtime.read().listing))


def _tidy(listing: Listing | None, most: int) -> None:
    """What was typed becomes a listed label, or capitals, or is refused with a word."""
    typed = st.session_state[PICKER]
    kept = _labels(typed, listing, most)
    refused = [text for text in typed if not _tickers([text], listing)]
    if refused:
        st.session_state["rejected"] = refused[0]
    if kept != typed:
        _assign(kept)


def _labels(texts: Sequence[str], listing: Listing | None, most: int) -> list[str]:
    rows = listing.rows if listing else {}
    labels: list[str] = [label_of(each, rows.get(each)) for each in _tickers(texts, listing)]
    return labels[:most]


def _tickers(texts: Sequence[str], listing: Listing | None) -> list[Ticker]:
    """The tickers of labels or typed texts, each once; what cannot be one, or is not followed
    here, is left out."""
    found: dict[Ticker, None] = {}
    for text in texts:
        try:
            ticker = parse_ticker(text.split(SEPARATOR)[0], listing.rows if listing else None)
        except BadTicker:
            continue
        if current_runtime().settings.follows(ticker):
            found[ticker] = None
    return list(found)


def label_of(ticker: Ticker, listed: Listed | None) -> str:
    return f"{ticker}{SEPARATOR}{listed.name}" if listed and listed.name else ticker


def _offered(runtime: Runtime, listing: Listing) -> list[str]:
    """What there is to choose from: the listing, or what the operator allows."""
    settings = runtime.settings
    if settings.allow is None:
        return _options(listing.fetched_at, listing)
    allowed = sorted(settings.allow.union(settings.watch.tickers))
    return [label_of(ticker, listing.rows.get(ticker)) for ticker in allowed]


@st.cache_resource(show_spinner=False, max_entries=2)
def _options(_made_at: object, _listing: Listing) -> list[str]:
    """Every label of a listing, once for all sessions; the shortest tickers first.

    The browser filters by text and keeps this order, so that F comes before all that contain an F.
    """
    ordered = sorted(_listing.rows.items(), key=lambda item: (len(item[0]), item[0]))
    return [label_of(ticker, listed) for ticker, listed in ordered]


# --- one of them, for pages about a single ticker ------------------------------------------------


def choose_ticker(tickers: Sequence[Ticker]) -> Ticker:
    """One of the chosen tickers; the link's, where it names one of them."""
    linked = st.query_params.get(TICKER)
    held = st.session_state.get("one ticker", linked)
    index = tickers.index(Ticker(held)) if held in tickers else 0
    ticker = st.selectbox(
        "Ticker",
        tickers,
        index=index,
        key="ticker of page",
        label_visibility="collapsed",
        width=180,
    )
    st.session_state["one ticker"] = ticker
    if st.query_params.get(TICKER) != ticker:
        st.query_params[TICKER] = ticker
    return ticker


def headline(runtime: Runtime, ticker: Ticker) -> None:
    """Name, price, change, what the price's age means."""
    row = runtime.read_rows([ticker])[0]
    quote = row.quote
    name = wording.escape_markdown(row.name) if row.name else ""
    about = wording.escape_markdown(ticker)
    st.markdown(f"#### {about} :gray[{name}]" if name else f"#### {about}")
    if row.held:
        st.caption(f":material/block: {row.held}")
    if quote is None:
        return
    change = quote.change
    text = wording.change(change, quote.change_percent)
    age = wording.age(row.age) if row.age is not None else wording.NOTHING
    price = wording.escape_markdown(wording.price(quote.price, quote.currency))
    when = "now" if age == "now" else f"{age} ago"
    colour = change_colour(change)
    stands = "doubtful" if row.doubt else row.freshness
    st.markdown(f"**{price}** :{colour}[{text}] :gray[· {stands} · {when}]")


# --- how it looks ---------------------------------------------------------------------------


def choose_colours() -> None:
    """The sidebar's choice of what means up and down."""
    st.selectbox(
        "Colours of up and down",
        [scheme.value for scheme in Scheme],
        key=COLOURS,
        bind="query-params",
        help="Green or red for a rise, or blue and orange, which the colour-blind can tell apart.",
    )


def is_dark() -> bool:
    return st.context.theme.type == "dark"


def scheme() -> Scheme:
    """Which colours mean up and down to this viewer."""
    held = st.session_state.get(COLOURS)
    if held is None:  # the page can come before the sidebar, and then only the link knows
        held = st.query_params.get(COLOURS)
    return SCHEMES.get(held, Scheme.GREEN_RED)


def palette() -> Palette:
    return with_scheme(DARK if is_dark() else LIGHT, scheme())


def zone() -> ZoneInfo:
    """The viewer's own time zone, as the browser says; UTC where it says nothing we know."""
    return zone_named(st.context.timezone or "UTC")


def zone_named(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def change_colour(change: float | None) -> str:
    """Markdown's name of the colour for a change; grey for none and for what is unknown."""
    return change_name(change, scheme())
