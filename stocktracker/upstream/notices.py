"""What upstream says in place of data: bytes to JSON, and refusals to errors.

Nearly every failure arrives with status 200, as an object with one text in it. The texts change
about once a year, so they are told apart by a few phrases, in an order that matters: what is said
about one second also names the day's limit, and nearly every text advertises the premium plans.
Never lets a text through as it came, because the daily one quotes the API key.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from stocktracker.errors import (
    EmptyReply,
    FetchError,
    KeyRejected,
    NoAccess,
    RateLimited,
    UnknownRefusal,
    UnknownTicker,
    UnreadableReply,
    Window,
)
from stocktracker.journal import escape

NOTICES = ("Information", "Note", "Error Message", "detail")
LONGEST_NOTICE = 200
LONGEST_INTEGER = 18  # digits; more would not fit an int64

# In order, and the order is part of the meaning: see above. All in lower case.
MEANINGS: tuple[tuple[tuple[str, ...], Callable[[str | None], FetchError]], ...] = (
    (("this is a premium endpoint", "premium feature", "not yet entitled"), NoAccess),
    (
        ("per second", "spreading out", "sparingly", "burst pattern"),
        partial(RateLimited, window=Window.SECOND),
    ),
    (("minute-level", "per minute"), partial(RateLimited, window=Window.MINUTE)),
    (("per day",), partial(RateLimited, window=Window.DAY)),
    (("higher api call volume",), partial(RateLimited, window=Window.MINUTE)),
    (("demo purposes", "apikey is invalid or missing"), KeyRejected),
    (("invalid api call",), UnknownTicker),
    # The function was taken out of the API: as good as not being in the plan.
    (("does not exist",), NoAccess),
    (("invalid inputs", "no articles"), EmptyReply),
)


def load_json(content: bytes, ticker: str | None = None) -> Any:
    """The JSON value. Raises UnreadableReply for all that is not, and for numbers that are none.

    Of a key that comes twice in an object, the first counts: series are newest first.
    """
    if content.lstrip()[:1] == b"<":
        raise UnreadableReply(ticker, why="a web page")
    try:
        return json.loads(
            content.decode("utf-8-sig"),
            parse_constant=_refuse_number,
            parse_float=_finite,
            parse_int=_short,
            object_pairs_hook=_first_wins,
        )
    except _BadNumber:
        why = "a number out of bounds"
    except UnicodeDecodeError:
        why = "not text"
    except RecursionError:
        why = "nested too deeply"
    except json.JSONDecodeError:
        why = "not JSON"
    raise UnreadableReply(ticker, why=why)


def raise_if_refused(
    body: Any, ticker: str | None = None, *, redact: Callable[[str], str] = str
) -> None:
    """Raise the FetchError that the body stands for; return where it may hold data.

    `redact` takes the API key out of a text that nobody has seen before.
    """
    if not isinstance(body, dict):
        raise UnreadableReply(ticker)
    if not body:
        raise EmptyReply(ticker)
    said = [str(body[name]) for name in NOTICES if name in body]
    if said:
        raise classify(" ".join(said), ticker, redact=redact)


def classify(
    notice: str, ticker: str | None = None, *, redact: Callable[[str], str] = str
) -> FetchError:
    """The error that a notice means: the first of MEANINGS, or a refusal that nobody knows."""
    text = notice.lower()
    for phrases, meaning in MEANINGS:
        if any(phrase in text for phrase in phrases):
            return meaning(ticker)
    return UnknownRefusal(ticker, notice=_shortened(escape(redact(notice))))


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_NOTICE else text[: LONGEST_NOTICE - 1] + "…"


class _BadNumber(Exception):
    """A number that JSON does not have, or that no price or volume can be."""


def _refuse_number(_: str) -> float:
    raise _BadNumber


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _BadNumber
    return number


def _short(text: str) -> int:
    if len(text) > LONGEST_INTEGER:
        raise _BadNumber
    return int(text)


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else dict(reversed(pairs))
