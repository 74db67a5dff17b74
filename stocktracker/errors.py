"""What can go wrong, and what to do next.

StocktrackerError
├── SettingsError                       a setting is wrong: name it, say what is allowed, exit 2
├── BadTicker                           what was typed cannot be a ticker: say so, ask nobody
├── BadWatchlist                        a change that cannot be made: say why, change nothing
├── FetchError(ticker)                  a call was made and brought no data
│   ├── Unreachable                     timeout, connection, 5xx           try again soon
│   ├── RateLimited(window)             refused by second, minute or day   nobody calls until then
│   ├── NoAccess                        the plan does not include this     remember it, do without
│   ├── KeyRejected                     the key is missing or wrong        stop; the owner must act
│   ├── UnknownTicker                   upstream does not know it          at most once a day
│   ├── EmptyReply                      well formed, with nothing in it    try again later
│   ├── UnreadableReply                 not a shape we know                try again later
│   └── UnknownRefusal                  refused in words we do not know    try again later
├── BudgetSpent(next_at)                our own refusal, before any call
└── StoreError                          the disk or Redis failed: keep what is in memory, say so
    └── LostLead                        another process polls now: follow it, write nothing

`words` is the sentence a viewer reads. It is built here from what we know, so that no text of
upstream's, which can echo the API key, reaches a screen, a log or the store by way of an error;
UnknownRefusal alone quotes upstream, and is given the text redacted.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum


class Window(StrEnum):
    """The span over which upstream counts calls when it refuses one."""

    SECOND = "second"
    MINUTE = "minute"
    DAY = "day"


class StocktrackerError(Exception):
    """The root of everything that stocktracker raises on purpose."""

    words = "Something went wrong."

    def __str__(self) -> str:
        return self.words


class SettingsError(StocktrackerError):
    """A setting that cannot be used; `words` names it and says what is allowed."""

    def __init__(self, name: str, problem: str, allowed: str) -> None:
        super().__init__(name, problem, allowed)
        self.name = name
        self.words = f"{name}: {problem}. Allowed: {allowed}."


class BadTicker(StocktrackerError):
    """Text that cannot be a ticker. `text` is untrusted and is not part of `words`."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        self.words = "A ticker has letters, digits and . - = ^ : only, at most 20 of them."


class FetchError(StocktrackerError):
    """A call was spent and brought no data for `ticker` (None: not about one ticker)."""

    kind = "failed"

    def __init__(self, ticker: str | None = None) -> None:
        super().__init__(ticker)
        self.ticker = ticker


class Unreachable(FetchError):
    """No usable HTTP answer: name not found, refused, timed out, cut off, or a status of 5xx.

    `sent` is False where the request cannot have left this machine, so that upstream has not
    counted it either.
    """

    kind = "unreachable"

    def __init__(
        self, ticker: str | None = None, *, why: str = "no answer", sent: bool = True
    ) -> None:
        super().__init__(ticker)
        self.why = why
        self.sent = sent
        self.words = f"Alpha Vantage could not be reached ({why})."


class RateLimited(FetchError):
    """Refused because of too many calls within `window`."""

    kind = "rate limited"

    def __init__(self, ticker: str | None = None, *, window: Window) -> None:
        super().__init__(ticker)
        self.window = window
        self.words = {
            Window.SECOND: "Alpha Vantage asked for fewer calls a second.",
            Window.MINUTE: "Alpha Vantage says that this minute's calls are spent.",
            Window.DAY: "Alpha Vantage says that the day's calls are spent.",
        }[window]


class NoAccess(FetchError):
    """The key's plan does not include what was asked for."""

    kind = "no access"
    words = "The key's plan does not include this."


class KeyRejected(FetchError):
    """The API key is missing, wrong, or the demonstration key."""

    kind = "key rejected"
    words = "Alpha Vantage does not accept the API key."


class UnknownTicker(FetchError):
    """Upstream does not know the ticker, or calls the request invalid."""

    kind = "unknown ticker"
    words = "Alpha Vantage does not know this ticker."


class EmptyReply(FetchError):
    """A well-formed answer that holds no data."""

    kind = "empty"
    words = "Alpha Vantage answered without any data."


class UnreadableReply(FetchError):
    """The body is not a shape that we know, or its figures cannot be right."""

    kind = "unreadable"

    def __init__(self, ticker: str | None = None, *, why: str = "unknown shape") -> None:
        super().__init__(ticker)
        self.why = why
        self.words = f"Alpha Vantage's answer could not be read ({why})."


class UnknownRefusal(FetchError):
    """Refused in words that the classifier does not know; `notice` is redacted and shortened."""

    kind = "refused"

    def __init__(self, ticker: str | None = None, *, notice: str) -> None:
        super().__init__(ticker)
        self.notice = notice
        self.words = f"Alpha Vantage refused: {notice}"


class BudgetSpent(StocktrackerError):
    """No call may be made before `next_at`; nothing was asked upstream."""

    def __init__(self, next_at: datetime) -> None:
        super().__init__(next_at)
        self.next_at = next_at
        self.words = f"No call is left before {next_at:%Y-%m-%d %H:%M:%S} UTC."


class StoreError(StocktrackerError):
    """The store could not be opened, read or written; what was stored before is untouched."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class LostLead(StoreError):
    """A write that only the one who polls may make, by a process that no longer does."""

    def __init__(self) -> None:
        super().__init__("Another process polls by now.")
