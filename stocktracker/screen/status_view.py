"""The pieces of the Status page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from stocktracker import frontend, wording
from stocktracker.board import Poll
from stocktracker.figures.charts import usage_figure
from stocktracker.figures.plotting import to_bytes
from stocktracker.model import Attempt, Feed, Outcome, Ticker, Want
from stocktracker.palette import DARK, LIGHT
from stocktracker.plans import DAY, Capability
from stocktracker.polling.schedule import Due
from stocktracker.polling.usage import Usage
from stocktracker.runtime import Runtime
from stocktracker.screen import plot, ui

MOST_OPERATORS = 200  # tickers that only the operator watches, beyond which a sum stands for them


def figures(runtime: Runtime) -> None:
    poll, now = runtime.read().poll, runtime.now()
    allowance = runtime.read_allowance()
    beat = poll.heartbeat
    alive = beat is not None and now - beat < timedelta(seconds=30)
    with st.grid(5, min_column_width=170, gap="small"):
        for limit, left in allowance.left:
            st.metric(f"Calls left, {limit}", left, border=True, height="stretch")
        brought = _last_day(poll.usage, now)
        st.metric("Calls in 24 h", sum(brought.values()), border=True, height="stretch")
        st.metric("Viewers", runtime.viewers(), border=True, height="stretch")
        st.metric("Store", _bytes(runtime.load_size()), border=True, height="stretch")
    who = f"Polled by {poll.who}" if poll.who else "Nobody polls yet"
    since = f" since {wording.instant(poll.since, ui.zone(), now=now)}" if poll.since else ""
    heart = f"heartbeat {wording.age(now - beat)} ago" if beat else "no heartbeat"
    colour = "green" if alive else "red"
    answers = f" · answers take {poll.latency.total_seconds():.1f} s" if poll.latency else ""
    line = f":{colour}[:material/favorite:] {who}{since} · {heart}{answers}"
    st.markdown(line.replace("now ago", "now"))


def _last_day(usage: Usage, now: datetime) -> dict[Outcome, int]:
    recent = [counts for hour, counts in usage.hours.items() if now - hour <= DAY]
    return {outcome: sum(counts.get(outcome, 0) for counts in recent) for outcome in Outcome}


def usage(runtime: Runtime) -> None:
    """Calls of the last 24 hours; made once an hour and call, and shared."""
    poll, now = runtime.read().poll, runtime.now()
    hours = pd.date_range(now.replace(minute=0, second=0, microsecond=0), periods=24, freq="-1h")
    rows = [poll.usage.hours.get(hour.to_pydatetime(), {}) for hour in hours[::-1]]
    frame = pd.DataFrame(
        {outcome.value: [counts.get(outcome, 0) for counts in rows] for outcome in Outcome},
        index=hours[::-1],
    )
    day = next((limit.count for limit in runtime.settings.limits if limit.period == DAY), None)
    if day is not None:
        frame["left"] = [left_at(poll.usage, hour, day) for hour in frame.index]
    plot.show(_figure(frame, ui.zone().key, day, dark=ui.is_dark()), key="usage")
    brought = _last_day(poll.usage, now)
    st.caption(
        f"{brought[Outcome.NEW]} brought something new, {brought[Outcome.SAME]} nothing new, "
        f"{brought[Outcome.FAILED]} failed."
    )


def left_at(usage: Usage, hour: pd.Timestamp, limit: int) -> int:
    """Calls that were left of the day's at the end of that hour: of any 24 hours."""
    spent = sum(
        count
        for other, counts in usage.hours.items()
        if timedelta(0) <= hour - other < DAY
        for count in counts.values()
    )
    return max(limit - spent, 0)


@st.cache_resource(show_spinner=False, max_entries=50)
def _figure(frame: pd.DataFrame, zone: str, limit: int | None, *, dark: bool) -> bytes:
    figure = usage_figure(
        frame, zone=ui.zone_named(zone), palette=DARK if dark else LIGHT, limit=limit
    )
    keeps = f"usage {zone}"  # not the hours: what is hidden stays so when the hour ends
    return to_bytes(figure, library=frontend.LIBRARY, keeps=keeps, mode_bar=False)


def due_table(runtime: Runtime, tickers: Sequence[Ticker]) -> None:
    """Every watched feed and ticker with its viewers, last and next attempt, and error.

    The viewer's own tickers are there too while nobody has them on the screen.
    """
    snapshot, now, zone = runtime.read(), runtime.now(), ui.zone()
    poll = snapshot.poll
    if not poll.due:
        st.info("Nobody watches anything, so nothing is asked.", icon=":material/bedtime:")
    if poll.operators:
        st.markdown(f":material/visibility: {operators_watch(poll)}")
    own = [Want(feed, ticker) for ticker in tickers for feed in (Feed.QUOTE, Feed.DAILY)]
    resting = {
        want: Due(None, "on nobody's screen")
        for want in own
        if want in snapshot.attempts and want not in poll.due
    }
    lines = []
    for want, due in {**_looked_at(poll, own), **resting}.items():
        attempt = snapshot.attempts.get(want)
        lines.append(
            {
                "ticker": "listing" if want.feed is Feed.LISTING else want.ticker,
                "feed": want.feed.value,
                "viewers": _viewers(poll.viewers, want),
                "last": wording.instant(attempt.at, zone, now=now) if attempt else wording.NOTHING,
                "result": _result(attempt),
                "next": _next(due.at, now, zone),
                "why": due.reason,
                "at": due.at or datetime.max.replace(tzinfo=now.tzinfo),
            }
        )
    if not lines:
        return
    lines.sort(key=lambda line: (line.pop("at"), line["ticker"], line["feed"]))
    st.dataframe(
        pd.DataFrame(lines),
        key="due",
        hide_index=True,
        column_config={
            "ticker": st.column_config.TextColumn("Ticker", pinned=True, width=90),
            "feed": st.column_config.TextColumn("Feed", width="small"),
            "viewers": st.column_config.NumberColumn("Viewers", width=80),
            "last": st.column_config.TextColumn("Last attempt"),
            "result": st.column_config.TextColumn("Result", width="medium"),
            "next": st.column_config.TextColumn("Next attempt"),
            "why": st.column_config.TextColumn("Why then", width="medium"),
        },
    )


def operators_watch(poll: Poll) -> str:
    """What the operator has kept up to date though nobody looks, and what that takes."""
    count = len(poll.operators)
    tickers = "1 ticker" if count == 1 else f"{count:,} tickers"
    line = f"The operator watches {tickers} that nobody looks at"
    forecast = poll.forecast
    if forecast is None:
        return f"{line}."
    calls = forecast.for_operator
    number = "1 call" if calls == 1 else f"{calls:,} calls"
    if forecast.turn_of_all is None:
        return f"{line}: {number} a trading day."
    return f"{line}: {number} in each round of {wording.age(forecast.turn_of_all)}."


def _looked_at(poll: Poll, own: Sequence[Want]) -> Mapping[Want, Due]:
    """What is due, without what only the operator watches where that is more than a table holds."""
    if len(poll.operators) <= MOST_OPERATORS:
        return poll.due
    hidden = set(poll.operators) - {want.ticker for want in own}
    return {
        want: due
        for want, due in poll.due.items()
        if want.ticker not in hidden or _viewers(poll.viewers, want)
    }


def _viewers(viewers: Mapping[Want, int], want: Want) -> int:
    """Whoever wants a quote wants the daily bars that it comes from on an end-of-day plan."""
    return max(viewers.get(want, 0), viewers.get(Want(Feed.QUOTE, want.ticker), 0))


def _result(attempt: Attempt | None) -> str:
    if attempt is None:
        return "not asked yet"
    if attempt.words:
        return attempt.words
    if attempt.doubt is not None:
        return f"doubtful: it {attempt.doubt.words}"
    return {Outcome.NEW: "new data", Outcome.SAME: "nothing new"}.get(attempt.outcome, "failed")


def _next(at: datetime | None, now: datetime, zone: Any) -> str:
    if at is None:
        return "not planned"
    return "as soon as a call is free" if at <= now else wording.instant(at, zone, now=now)


def settings(runtime: Runtime) -> None:
    chosen, rights = runtime.settings, runtime.read_rights()
    lines = {
        "Plan": chosen.plan.name,
        "Limits": ", ".join(str(limit) for limit in chosen.limits),
        "Quotes": str(runtime.read_liveness()),
        "Refresh": f"every {chosen.refresh.total_seconds():.0f} s",
        "Hours": str(chosen.hours),
        "Tickers per viewer": str(chosen.max_tickers),
        "Tickers in all": f"{chosen.max_watched:,}",
        "Tickers allowed": "any" if chosen.allow is None else ", ".join(sorted(chosen.allow)),
        "Store": "a folder" if chosen.shared is None else f"Redis at {chosen.shared}",
        "Source": "simulated prices" if chosen.demo else "Alpha Vantage",
    }
    for what in Capability:
        if runtime.allows(what):
            lines[str(what).capitalize()] = "yes"
        elif what in rights.refused:
            lines[str(what).capitalize()] = f"refused on {rights.refused[what]:%Y-%m-%d}"
        else:
            lines[str(what).capitalize()] = "not in this plan"
    st.dataframe(
        pd.DataFrame({"setting": list(lines), "value": list(lines.values())}),
        hide_index=True,
        key="settings",
    )


def _bytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
