"""NEWS_SENTIMENT: invented headlines that say so, the same for a ticker and day each time.

Every few days a title or summary is hostile: markup, a script, Markdown, a formula. Addresses lead
to example.com, which belongs to nobody.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from urllib.parse import quote

from stocktracker.simulator import listing
from stocktracker.simulator.bodies import Answer, json_answer
from stocktracker.simulator.known import LISTED
from stocktracker.simulator.query import Query, Refused

WELL_KNOWN = sorted(LISTED)
USUAL, MOST = 50, 1000
OLDEST = timedelta(days=365)
DAY = timedelta(days=1)
SENTIMENT = (
    "x <= -0.35: Bearish; -0.35 < x <= -0.15: Somewhat-Bearish; -0.15 < x < 0.15: Neutral; "
    "0.15 <= x < 0.35: Somewhat_Bullish; x >= 0.35: Bullish"
)
RELEVANCE = "0 < x <= 1, with a higher score indicating higher relevance."
TOPICS = (
    "blockchain",
    "earnings",
    "economy_fiscal",
    "economy_macro",
    "economy_monetary",
    "energy_transportation",
    "finance",
    "financial_markets",
    "ipo",
    "life_sciences",
    "manufacturing",
    "mergers_and_acquisitions",
    "real_estate",
    "retail_wholesale",
    "technology",
)
SOURCES = ("Simulated Wire", "Invented Times", "Example Journal", "Mock Street", "Dry Run Daily")
AUTHORS = ("Ada Placeholder", "Lorem Ipsum", "John Q. Sample", "The Editors")
EVENTS = (
    "{0} shares {1} in simulated trading",
    "{0} opens an imaginary factory in Springfield",
    "What analysts who do not exist expect of {0}",
    "{0} and nobody in particular agree on a partnership",
    "Three invented reasons why {0} {1}",
    "{0}: fund that was made up changes its stake",
    "Options on {0} see unusual activity, says a random number",
)
MARKET_EVENTS = (
    "Stocks {1} as simulated investors weigh invented figures",
    "Central bank of nowhere leaves rates where they were",
    "Oil, gold and dice {1}",
    "The week ahead: nothing of this will happen",
    "Imaginary earnings season begins with {0}",
)
MOVES = ("rise", "fall", "rally", "slip", "tread water", "swing")
HOSTILE = (
    '<script>alert("simulated")</script> Simulated: {0} <b>in bold</b> & <i>more</i>',
    '=HYPERLINK("https://example.com/simulated","Simulated: {0} as a formula")',
    "Simulated: **{0}** [a link](https://example.com/simulated) ![an image]"
    "(https://example.com/simulated.png) $x^2$ :red[red] `code`",
    "Simulated: {0} | in | a | table\n# and a heading\n\t\u202eright to left\u202c",
    '"><img src=x onerror=alert(1)> Simulated: {0} {{{{braces}}}} %s \\u0000 &lt;escaped&gt;',
)
DAYS_BETWEEN_HOSTILE = 3


@dataclass(frozen=True, slots=True)
class _About:
    """What is asked about; no tickers is the market as a whole."""

    seed: int
    tickers: tuple[str, ...]
    topics: tuple[str, ...]


def answer(query: Query, seed: int) -> Answer:
    about = _About(seed, *_wishes(query))
    feed = list(islice(_articles(about, query.now), _limit(query)))
    if not feed:
        raise Refused("no-articles")
    return json_answer(
        {
            "items": str(len(feed)),
            "sentiment_score_definition": SENTIMENT,
            "relevance_score_definition": RELEVANCE,
            "feed": feed,
        }
    )


def _wishes(query: Query) -> tuple[tuple[str, ...], tuple[str, ...]]:
    tickers, topics = (
        tuple(part.strip() for part in query.get(name).split(",") if part.strip())
        for name in ("tickers", "topics")
    )
    tickers = tuple(ticker.upper() for ticker in tickers)
    topics = tuple(topic.lower() for topic in topics)
    are_listed = all(listing.is_listed(ticker, query.day) for ticker in tickers)
    if not are_listed or not set(topics) <= set(TOPICS):
        raise Refused("invalid-inputs")
    return tickers, topics


def _limit(query: Query) -> int:
    text = query.get("limit") or str(USUAL)
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        raise Refused("invalid-inputs")
    return min(int(text), MOST)


def _articles(about: _About, now: datetime) -> Iterator[Mapping[str, object]]:
    """Newest first, as long as anybody wants more."""
    now = now.astimezone(UTC)
    day = now.date()
    while day > (now - OLDEST).date():
        for published, article in _articles_of_day(about.seed, about.tickers, day):
            if published <= now and set(about.topics) <= _topics_of(article):
                yield article
        day -= DAY


@lru_cache(maxsize=512)
def _articles_of_day(
    seed: int, tickers: tuple[str, ...], day: date
) -> list[tuple[datetime, Mapping[str, object]]]:
    """All of a day in UTC, newest first."""
    rng = random.Random(f"{seed}/{tickers}/{day}/news")
    seconds = sorted((rng.randrange(86_400) for _ in range(rng.randint(3, 14))), reverse=True)
    midnight = datetime.combine(day, time(), UTC)
    instants = [midnight + timedelta(seconds=second) for second in seconds]
    return [(at, _article(tickers, rng, at, place)) for place, at in enumerate(instants)]


def _article(
    asked: tuple[str, ...], rng: random.Random, published: datetime, place: int
) -> Mapping[str, object]:
    others = rng.sample(WELL_KNOWN, rng.randint(0 if asked else 1, 3))
    tickers = list(dict.fromkeys([*asked, *others]))
    name = LISTED[tickers[0]].name.strip() if tickers[0] in LISTED else tickers[0]
    events = EVENTS if asked else MARKET_EVENTS
    title, summary = _texts(events, rng, name, published, place)
    score = round(max(-1.0, min(1.0, rng.gauss(0.12, 0.2))), 6)
    where = quote("-".join(asked) or "market", safe="")
    source = rng.choice(SOURCES)
    banner = f"https://example.com/simulated/banner-{rng.randrange(9)}.png"
    return {
        "title": title,
        "url": f"https://example.com/simulated/{where}/{published:%Y-%m-%d}/{place}",
        "time_published": f"{published:%Y%m%dT%H%M%S}",
        "authors": rng.sample(AUTHORS, rng.choice((0, 1, 1, 1, 2))),
        "summary": summary,
        "banner_image": rng.choice((banner, banner, banner, banner, "", None)),
        "source": source,
        "category_within_source": "General",
        "source_domain": source,
        "topics": [
            {"topic": topic, "relevance_score": _relevance(rng)}
            for topic in rng.sample(TOPICS, rng.randint(1, 4))
        ],
        "overall_sentiment_score": score,
        "overall_sentiment_label": label_of(score),
        "ticker_sentiment": [_mention(rng, ticker, score) for ticker in tickers],
    }


def _texts(
    events: Sequence[str], rng: random.Random, name: str, published: datetime, place: int
) -> tuple[str, str]:
    event = rng.choice(events)
    title = "Simulated: " + event.format(name, rng.choice(MOVES))
    summary = (
        f"Simulated: nothing of this happened. A paragraph about {name} stands here, so that a "
        f"page can be seen with news in it; it was thrown {published:%d %B %Y} and means "
        f"{rng.choice(('nothing', 'little', 'as much as you like'))}."
    )
    number = published.date().toordinal()
    if place == 0 and number % DAYS_BETWEEN_HOSTILE == 0:
        hostile = HOSTILE[number // DAYS_BETWEEN_HOSTILE % len(HOSTILE)].format(name)
        return hostile, f"{summary} {hostile}"
    return title, summary


def _mention(rng: random.Random, ticker: str, score: float) -> dict[str, str]:
    own = max(-1.0, min(1.0, score + rng.gauss(0, 0.1)))
    return {
        "ticker": ticker,
        "relevance_score": _relevance(rng),
        "ticker_sentiment_score": f"{own:.6f}",
        "ticker_sentiment_label": label_of(own),
    }


def _relevance(rng: random.Random) -> str:
    return f"{rng.uniform(0.4, 1):.6f}"


def label_of(score: float) -> str:
    """Upstream's five words, at upstream's borders."""
    if score <= -0.35:
        return "Bearish"
    if score <= -0.15:
        return "Somewhat-Bearish"
    if score < 0.15:
        return "Neutral"
    return "Somewhat-Bullish" if score < 0.35 else "Bullish"


def _topics_of(article: Mapping[str, object]) -> set[str]:
    topics = article["topics"]
    return {each["topic"] for each in topics} if isinstance(topics, list) else set()
