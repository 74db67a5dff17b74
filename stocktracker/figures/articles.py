"""News as people read it: which articles, what they feel like, and links that can be trusted. Pure.

Every text and address is from outside. An address becomes a link only if it is plain http or https
to a named host, and whoever reads it sees that host.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from urllib.parse import quote, urlsplit

from stocktracker.fundamentals import Article, Mention
from stocktracker.model import Ticker
from stocktracker.wording import MINUS, NOTHING

# Upstream's own bounds: from here on an article is somewhat bullish, or bearish below its negative.
LEANS = 0.15


class Mood(StrEnum):
    """What a reader may filter by."""

    ALL = "All"
    BULLISH = "Bullish"
    NEUTRAL = "Neutral"
    BEARISH = "Bearish"


def mood_of(score: float | None) -> Mood | None:
    """By upstream's bounds; None where there is no score."""
    if score is None:
        return None
    if score >= LEANS:
        return Mood.BULLISH
    return Mood.BEARISH if score <= -LEANS else Mood.NEUTRAL


def filtered(articles: Iterable[Article], mood: Mood) -> list[Article]:
    return [each for each in articles if mood is Mood.ALL or mood_of(each.sentiment) is mood]


def score_words(score: float | None) -> str:
    """`+0.23`, `−0.20`, `0.00`; a dash where there is none."""
    if score is None:
        return NOTHING
    shown = f"{abs(score):.2f}"
    if shown == "0.00":
        return shown
    return ("+" if score > 0 else MINUS) + shown


def mentions_of(article: Article, tickers: Sequence[Ticker]) -> list[Mention]:
    """What the article says of these tickers, in their order."""
    by_ticker = {mention.ticker: mention for mention in article.mentions}
    return [by_ticker[ticker] for ticker in tickers if ticker in by_ticker]


def safe_link(url: str | None) -> str | None:
    """The address fit for a Markdown link, or None where it is none to follow.

    Only http and https, with a host, without a name and password before it. What could end the link
    or be taken for Markdown or an entity is percent-encoded.
    """
    if url is None or host_of(url) is None:
        return None
    return quote(url.strip(), safe="/:?#@!+,=&%~-._")


def host_of(url: str | None) -> str | None:
    """The host that an address leads to: `benzinga.com`, without `www.`."""
    if url is None:
        return None
    try:
        parts = urlsplit(url.strip())
        host, user = parts.hostname, parts.username
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or user is not None:
        return None
    return host.removeprefix("www.")
