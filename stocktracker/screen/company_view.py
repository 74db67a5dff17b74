"""The pieces of the Company page: its head, its sections, and the overview."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from stocktracker import frontend, wording
from stocktracker.figures import amounts, key_figures
from stocktracker.figures.fundamental_charts import range_figure, ratings_figure
from stocktracker.figures.key_figures import YearRange
from stocktracker.figures.plotting import to_bytes
from stocktracker.fundamentals import Company
from stocktracker.model import WHOLE_MARKET, Feed, Ticker, Want
from stocktracker.palette import Palette
from stocktracker.runtime import Runtime
from stocktracker.screen import asking, panels, plot, ui

OVERVIEW, EARNINGS, PAYOUTS = "Overview", "Earnings", "Dividends & splits"
STATEMENTS, NEWS = "Statements", "News"
SECTIONS: Mapping[str, tuple[Feed, ...]] = {
    OVERVIEW: (Feed.COMPANY,),
    EARNINGS: (Feed.EARNINGS,),
    PAYOUTS: (Feed.DIVIDENDS, Feed.SPLITS),
    STATEMENTS: (Feed.INCOME, Feed.BALANCE, Feed.CASH_FLOW),
    NEWS: (Feed.NEWS,),
}
FEEDS = tuple(feed for feeds in SECTIONS.values() for feed in feeds)


def load(runtime: Runtime, ticker: Ticker) -> None:
    """Have all that is stored on the board; the calendar is shown where some page asked for it."""
    runtime.load_stored(ticker, (Feed.QUOTE, *FEEDS))
    runtime.load_stored(WHOLE_MARKET, [Feed.CALENDAR])


def wants_of(runtime: Runtime, ticker: Ticker, section: str) -> list[Want]:
    """The price, what the open section shows, and what else of the company is not stored yet."""
    wants = asking.wanted(runtime, [Want(feed, ticker) for feed in (Feed.QUOTE, *FEEDS)])
    if asking.is_counted(runtime):
        return wants
    shown = {Feed.QUOTE, *SECTIONS[section]}
    return [want for want in wants if want.feed in shown or runtime.read().data(want) is None]


def head(runtime: Runtime, ticker: Ticker) -> None:
    ui.headline(runtime, ticker)
    company = panels.read(runtime, Feed.COMPANY, ticker, Company)
    if company is not None:
        words = [wording.escape_markdown(text) for text in key_figures.place_words(company)]
        st.caption(" · ".join(words))


def ask_for_all(runtime: Runtime, ticker: Ticker, section: str) -> None:
    """One button for all that is neither there nor asked for, if that is more than the section."""
    known = runtime.read()
    coming = set(asking.wanted(runtime, [Want(feed, ticker) for feed in FEEDS]))
    missing = [
        want
        for want in (Want(feed, ticker) for feed in FEEDS)
        if not known.knows(want) and want not in coming
    ]
    if any(want.feed not in SECTIONS[section] for want in missing) and len(missing) > 1:
        what = "everything" if len(missing) == len(FEEDS) else f"the other {len(missing)}"
        asking.offer(runtime, missing, what)


def overview(runtime: Runtime, ticker: Ticker) -> None:
    asking.offer(runtime, [Want(Feed.COMPANY, ticker)], "the key figures")
    company = panels.read(runtime, Feed.COMPANY, ticker, Company)
    if company is None:
        return
    with st.grid(5, min_column_width=150, gap="small"):
        for figure in key_figures.highlights(company):
            st.metric(
                figure.label,
                wording.escape_markdown(figure.text),
                help=figure.help or None,
                border=True,
                height="stretch",
            )
    with st.grid(2, min_column_width=320, gap="small"):
        with st.container(border=True, height="stretch"):
            _year_range(runtime, company)
        with st.container(border=True, height="stretch"):
            _analysts(runtime, company)
    st.html(panels.cards(key_figures.groups(company), ui.palette()))
    _about(company)
    quarter = key_figures.latest_quarter(company)
    currency = key_figures.currency_of(company)
    panels.provenance(
        runtime,
        Feed.COMPANY,
        company,
        f"latest quarter ended {amounts.day(quarter)}" if quarter else "latest quarter not told",
        f"amounts in {wording.escape_markdown(currency)}" if currency else "currency not told",
    )


def _year_range(runtime: Runtime, company: Company) -> None:
    panels.section("52 weeks", "Low and high of the last 52 weeks, as upstream gives them.")
    price, currency = panels.quote_of(runtime, company.ticker)
    span = key_figures.year_range(company, price, currency)
    if span is None:
        st.caption("The year's low and high are not known.")
        return
    key = f"year range {company.ticker}"
    plot.show(_range_figure(f"{key} {panels.version(company)}", ui.palette(), span), key=key)
    st.caption(span.words.capitalize())


@st.cache_resource(show_spinner=False, max_entries=100)
def _range_figure(version: str, palette: Palette, span: YearRange) -> bytes:  # noqa: ARG001 the key
    """It moves with the price, so Streamlit's own chart would be mounted anew with each."""
    figure = range_figure(span, palette)
    return to_bytes(figure, library=frontend.LIBRARY, keeps="year range", mode_bar=False)


def _analysts(runtime: Runtime, company: Company) -> None:
    panels.section("Analysts", "How many analysts rate it how, and the mean of their targets.")
    price, currency = panels.quote_of(runtime, company.ticker)
    counts = key_figures.ratings(company)
    if counts:
        panels.draw(
            f"ratings {company.ticker}",
            panels.version(company),
            ui.palette(),
            lambda palette: ratings_figure(counts, palette),
        )
    target = company.figures.get("target_price")
    in_currency = key_figures.currency_of(company) or ""
    words = key_figures.ratings_words(counts) if counts else "No ratings are known"
    aim = wording.escape_markdown(wording.price(target, in_currency).strip())
    distance = key_figures.target_distance(company, price, currency)
    text = f"{words} · target **{aim}**"
    if distance is not None:
        text += (
            f" :{ui.change_colour(distance)}[{panels.arrow(amounts.growth(distance))}]"
            " from the price"
        )
    st.markdown(text)


def _about(company: Company) -> None:
    """Texts from outside, as text: the site is named, not linked."""
    texts = company.texts
    with st.expander("About the company", icon=":material/info:"):
        st.markdown(wording.escape_markdown(texts.get("description") or "No description is known."))
        named = {
            "Kind": texts.get("kind"),
            "Country": texts.get("country"),
            "Address": texts.get("address"),
            "Site": texts.get("site"),
            "Fiscal year ends in": texts.get("fiscal_year_end"),
        }
        st.markdown(
            "\n\n".join(
                f":gray[{label}] {wording.escape_markdown(text)}"
                for label, text in named.items()
                if text
            )
        )
