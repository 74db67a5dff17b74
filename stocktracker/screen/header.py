"""The strip on top of every page: the market, the age of the data, the budget, what is wrong.

It is drawn by the same fragment that refreshes the page below it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta

import streamlit as st

from stocktracker import wording
from stocktracker.model import Feed, Ticker, Want
from stocktracker.plans import DAY, Capability, Liveness
from stocktracker.polling.ledger import Allowance
from stocktracker.runtime import Runtime
from stocktracker.screen import refresh, ui

TIGHT_TURN = timedelta(seconds=60)
PLACE = "place of the strip"


def make_place() -> None:
    """Room for the strip above the page, which draws it. Once in each full run, before the page."""
    st.session_state[PLACE] = st.container()


def refreshing(
    runtime: Runtime, tickers: Sequence[Ticker], draw: Callable[[], None] | None = None
) -> None:
    """Draw the strip and this part of the page, now and again by themselves. Once in each page.

    In one fragment, since each costs a run of its own, and of two that fire together Streamlit ends
    one early. It also renews the viewer's lease. How often depends on `tickers`, the page's own.
    While paused only the strip is drawn again, and seldom.
    """
    seconds, chosen = refresh.tick_of(runtime, tickers), ui.chosen()
    made = st.session_state.get(PLACE)
    place = st.container() if made is None else made  # a page that is run by itself has none
    looks = itertools.count()

    def strip() -> None:
        ui.renew_lease()
        with place:
            _strip(runtime, chosen)
            _troubles(runtime)

    def both() -> None:
        seen = runtime.read()
        strip()
        if draw is not None:
            draw()
        is_whole = next(looks) == 0  # the run of the whole script, which has just drawn everything
        refresh.rerun_when_settled(runtime, tickers, seconds, seen=seen, is_whole=is_whole)

    if seconds is not None:
        refresh.live_fragment(both, min(seconds, refresh.QUIET_TICK))
        return
    refresh.live_fragment(strip, refresh.QUIET_TICK)
    if draw is not None:
        refresh.live_fragment(draw, None)


def _strip(runtime: Runtime, tickers: Sequence[Ticker]) -> None:
    now, zone = runtime.now(), ui.zone()
    parts = []
    if runtime.settings.demo:
        parts.append(":orange-badge[:material/science: Simulated prices]")
    for state in runtime.read_markets(tickers):
        colour = "green" if state.is_open else "gray"
        parts.append(f":{colour}-badge[{wording.market(state, now=now, zone=zone)}]")
    parts.append(f":gray-badge[{_newest(runtime, tickers)}]")
    parts.extend(f":{colour}-badge[{text}]" for colour, text in _budget(runtime))
    if not (_is_tight(runtime) and tickers):
        st.markdown(" ".join(parts))
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="strip"):
        st.markdown(" ".join(parts), width="content")
        with st.popover("Next updates", icon=":material/schedule:"), st.container(width=300):
            _next_updates(runtime, tickers)


def _newest(runtime: Runtime, tickers: Sequence[Ticker]) -> str:
    quotes = [runtime.board.read_quote(ticker) for ticker in tickers]
    newest = max((quote.fetched_at for quote in quotes if quote), default=None)
    if newest is None:
        return "no data yet"
    age = wording.age(runtime.now() - newest)
    return "updated now" if age == "now" else f"updated {age} ago"


def _budget(runtime: Runtime) -> list[tuple[str, str]]:
    """Calls left, for each limit that people plan with."""
    allowance = runtime.read_allowance()
    shown = []
    for limit, left in allowance.left:
        if limit.period < timedelta(minutes=1):
            continue
        span = "today" if limit.period == DAY else "this minute"
        colour = "red" if left == 0 else "orange" if left <= limit.count // 5 else "gray"
        shown.append((colour, f"{left} of {limit.count} calls left {span}"))
    return shown or [("gray", _pace(allowance))]


def _pace(allowance: Allowance) -> str:
    return "calls: " + ", ".join(f"{left} left of {limit}" for limit, left in allowance.left)


def _is_tight(runtime: Runtime) -> bool:
    """Whether the budget, and not the interval, decides how often tickers are refreshed."""
    forecast = runtime.read().poll.forecast
    if forecast is None:
        return False
    return forecast.calls_a_day is not None or forecast.turn_with_one_more > max(
        TIGHT_TURN, runtime.settings.refresh * 1.5
    )


def _next_updates(runtime: Runtime, tickers: Sequence[Ticker]) -> None:
    snapshot, now, zone = runtime.read(), runtime.now(), ui.zone()
    forecast = snapshot.poll.forecast
    lines = []
    for row in runtime.read_rows(tickers):
        if row.due is None or row.due.at is None:
            when = "not planned"
        elif row.due.at <= now:
            at = max(runtime.read_allowance().next_at, now)
            when = "next in line" if at <= now else f"waiting for a call, {_at(at, now, zone)}"
        else:
            when = _at(row.due.at, now, zone)
        lines.append(f"**{wording.escape_markdown(row.ticker)}** {when}")
    st.markdown("\n\n".join(lines))
    if forecast is None:
        return
    if forecast.calls_a_day is not None:
        limit = next((limit for limit in runtime.settings.limits if limit.period == DAY), None)
        of = f" of {limit.count}" if limit else ""
        st.caption(
            f"What everybody watches takes {forecast.calls_a_day}{of} calls a day, the listing "
            "included. One more ticker costs one call a day, once for all viewers."
        )
    else:
        st.caption(
            f"A round over all watched tickers takes {wording.age(forecast.turn)}; with one more "
            f"ticker {wording.age(forecast.turn_with_one_more)}."
        )


def _at(at: object, now: object, zone: object) -> str:
    return wording.instant(at, zone, now=now)  # type: ignore[arg-type]


def _troubles(runtime: Runtime) -> None:
    """What is wrong for everybody, in words, and what is shown meanwhile."""
    poll, zone, now = runtime.read().poll, ui.zone(), runtime.now()
    if poll.halted:
        st.error(
            f"{poll.halted} Check ALPHAVANTAGE_API_KEY and start again. "
            "Prices below are the last that were fetched.",
            icon=":material/key_off:",
        )
    allowance = runtime.read_allowance()
    if allowance.refused and allowance.refused != "second":
        st.warning(
            f"Alpha Vantage says that the {allowance.refused}'s calls are spent. The last prices "
            f"stay until it is asked again, {wording.instant(allowance.next_at, zone, now=now)}.",
            icon=":material/hourglass_empty:",
        )
    if poll.outage_since:
        st.warning(
            "Alpha Vantage cannot be reached since "
            f"{wording.instant(poll.outage_since, zone, now=now)}. The last prices stay.",
            icon=":material/cloud_off:",
        )
    if poll.store_fault:
        st.warning(
            f"{wording.escape_markdown(poll.store_fault)} What is on screen is kept in memory; "
            "nothing is asked for that could not be written down.",
            icon=":material/save_as:",
        )
    if poll.store_remark:
        st.info(wording.escape_markdown(poll.store_remark), icon=":material/database:")


def plan_note(runtime: Runtime) -> None:
    """What the plan has and has not, once, at the foot of the sidebar."""
    plan = runtime.settings.plan
    liveness = {
        Liveness.END_OF_DAY: "prices of the last close",
        Liveness.DELAYED: "prices delayed by 15 minutes",
        Liveness.REALTIME: "real-time prices",
    }[runtime.read_liveness()]
    missing = [str(what) for what in Capability if not runtime.allows(what)]
    limits = ", ".join(str(limit) for limit in runtime.settings.limits)
    lines = [f"Plan **{plan.name}**: {liveness}. Limits: {limits}."]
    if missing:
        lines.append(f"Not in this plan: {', '.join(missing)}.")
    if runtime.settings.demo:
        lines.append("Demonstration: every price is invented. Set ALPHAVANTAGE_API_KEY for real.")
    st.caption(" ".join(lines))


def quote_wants(tickers: Sequence[Ticker]) -> list[Want]:
    """What the quotes of these tickers with their sparklines take."""
    return [Want(feed, ticker) for ticker in tickers for feed in (Feed.QUOTE, Feed.DAILY)]
