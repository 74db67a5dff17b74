"""News as text: titles, sources, summaries, sentiment. No images; links say where they lead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from stocktracker import wording
from stocktracker.figures import articles
from stocktracker.figures.articles import Mood
from stocktracker.fundamentals import Article, News
from stocktracker.model import Feed, Ticker, Want
from stocktracker.runtime import Runtime
from stocktracker.screen import asking, panels

A_PAGE = 10
LONGEST_TITLE, LONGEST_SUMMARY = 240, 800
COLOURS = {Mood.BULLISH: "blue", Mood.BEARISH: "orange"}


def draw(runtime: Runtime, ticker: Ticker, chosen: Sequence[Ticker], what: str) -> None:
    """The articles about a ticker or WHOLE_MARKET; `chosen` are the tickers to point out."""
    asking.offer(runtime, [Want(Feed.NEWS, ticker)], what)
    news = panels.read(runtime, Feed.NEWS, ticker, News)
    if news is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        mood = st.segmented_control(
            "Sentiment",
            list(Mood),
            key=f"mood {ticker}",
            default=Mood.ALL,
            required=True,
            label_visibility="collapsed",
        )
    found = articles.filtered(news.articles, Mood(mood))
    if not found:
        st.markdown("No such articles." if news.articles else "No articles are on record.")
    else:
        pages = -(-len(found) // A_PAGE)
        place = st.container()
        page = st.pagination(pages, key=f"news page {ticker} {mood} {pages}") if pages > 1 else 1
        with place:
            for each in found[(page - 1) * A_PAGE : page * A_PAGE]:
                with st.container(border=True, gap="xsmall"):
                    st.markdown(_words(each, chosen, runtime.now()))
    panels.provenance(
        runtime,
        Feed.NEWS,
        news,
        "sentiment is upstream's own score, from −1 (bearish) to +1 (bullish)",
    )


def _words(article: Article, chosen: Sequence[Ticker], now: datetime) -> str:
    """One article as Markdown, of which all text from outside is escaped."""
    title = wording.escape_markdown(_cut(article.title, LONGEST_TITLE))
    link, host = articles.safe_link(article.url), articles.host_of(article.url)
    head = f"**[{title}]({link})**" if link else f"**{title}**"
    age = wording.age(now - article.published_at)
    about = [wording.escape_markdown(text) for text in (article.source, host) if text]
    about.append("now" if age == "now" else f"{age} ago")
    lines = [f"{head}  \n:small[:gray[{' · '.join(about)}]]"]
    if article.summary:
        lines.append(wording.escape_markdown(_cut(article.summary, LONGEST_SUMMARY)))
    lines.append(" ".join(_badges(article, chosen)))
    return "\n\n".join(lines)


def _badges(article: Article, chosen: Sequence[Ticker]) -> list[str]:
    mood = articles.mood_of(article.sentiment)
    label = wording.escape_markdown((article.label or "Sentiment").replace("_", "-"))
    score = articles.score_words(article.sentiment)
    badges = [f":{COLOURS.get(mood or Mood.ALL, 'gray')}-badge[{label} {score}]"]
    for mention in articles.mentions_of(article, chosen):
        name = wording.escape_markdown(mention.ticker)
        badges.append(f":gray-badge[{name} {articles.score_words(mention.sentiment)}]")
    return badges


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
