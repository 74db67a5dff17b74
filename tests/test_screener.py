"""Which rows a screen has, in which order, and what it says where nothing is known."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stocktracker.figures.export import table_csv
from stocktracker.figures.screener import (
    ORDERS,
    Coverage,
    Filters,
    Preset,
    coverage,
    coverage_words,
    export_table,
    filter_words,
    make_frame,
    places,
    screen,
    standings,
)
from stocktracker.freshness import freshness
from stocktracker.model import Freshness, Listed, Listing, Quote, Ticker
from stocktracker.plans import Liveness
from tests.helpers import quote, utc

NOW = utc("2026-11-23T17:00")
TURN = timedelta(seconds=20)


def of(ticker: str, price: float, previous: float | None, **more: Any) -> Quote:
    return quote(ticker, price, **{"fetched_at": NOW, "previous_close": previous, **more})


# Five tickers whose figures can be worked out in the head, and one of which only a price is known.
QUOTES = [
    of("AAA", 110.0, 100.0, low=100.0, high=110.0, volume=500),  # +10 %, at the high
    of("BBB", 99.0, 100.0, low=99.0, high=103.0, volume=2_000_000),  # −1 %, at the low
    of("CCC", 51.0, 50.0, low=50.0, high=54.0, volume=40_000),  # +2 %, a quarter up
    of("DDD", 8.0, 8.0, low=8.0, high=8.0, volume=0),  # 0 %, no range
    of("EEE.LON", 150.0, 200.0, low=140.0, high=160.0, volume=900, currency="GBX"),  # −25 %
    of("FFF", 3.0, None, low=None, high=None, volume=None),
]
LISTING = Listing(
    {
        Ticker(ticker): Listed(Ticker(ticker), name, exchange, kind)
        for ticker, name, exchange, kind in (
            ("AAA", "Alder Brands Inc", "NYSE", "Stock"),
            ("BBB", "Birch Core Bond", "NYSE ARCA", "ETF"),
            ("CCC", "Cedar Straße Ltd", "NASDAQ", "Stock"),
            ("DDD", "Delta Brands", "NASDAQ", "Stock"),
            ("FFF", "", "NYSE", "Stock"),
            ("GGG", "Nobody asked for this one", "NYSE", "Stock"),
        )
    },
    NOW,
    "test",
)


def frame_of(quotes: list[Quote], listing: Listing | None = LISTING) -> pd.DataFrame:
    frame = make_frame({each.ticker: each for each in quotes}, listing)
    ordered = sorted(quotes, key=lambda each: each.ticker)
    return frame.assign(
        freshness=pd.Series(standings(ordered, NOW, TURN, always=False), dtype="str")
    )


FRAME = frame_of(QUOTES)


def found(**filters: Any) -> list[str]:
    return [
        text.removesuffix(".LON")[0]
        for text in FRAME["ticker"].take(screen(FRAME, Filters(**filters)))
    ]


# --- the frame --------------------------------------------------------------------------------


def test_each_quote_is_a_row_with_what_follows_from_it() -> None:
    assert FRAME["ticker"].tolist() == ["AAA", "BBB", "CCC", "DDD", "EEE.LON", "FFF"]
    assert FRAME["percent"].tolist()[:5] == pytest.approx([10.0, -1.0, 2.0, 0.0, -25.0])
    assert FRAME["change"].tolist()[:5] == pytest.approx([10.0, -1.0, 1.0, 0.0, -50.0])
    assert FRAME["place"].tolist()[:3] == [100.0, 0.0, 25.0]
    assert FRAME["volume"].tolist()[3] == 0.0  # none traded is known, and is not unknown
    assert (FRAME["as_of"] == pd.Timestamp(NOW)).all()


def test_of_a_price_alone_nothing_else_is_made_up() -> None:
    row = FRAME.iloc[5]
    assert row["last"] == 3.0
    for column in ("previous_close", "change", "percent", "volume", "low", "high", "place"):
        assert math.isnan(row[column]), column
    assert row["name"] == ""


def test_texts_are_taken_from_an_earlier_frame_of_the_same_tickers() -> None:
    dearer = {each.ticker: replace(each, price=each.price + 1) for each in QUOTES}
    anew = make_frame(dearer, LISTING)
    pd.testing.assert_frame_equal(make_frame(dearer, LISTING, FRAME), anew)
    assert anew["last"].tolist() == [last + 1 for last in FRAME["last"]]


def test_changes_are_those_of_the_quotes() -> None:
    for each, change, percent in zip(QUOTES, FRAME["change"], FRAME["percent"], strict=True):
        assert each.change == pytest.approx(None if math.isnan(change) else change)
        assert each.change_percent == pytest.approx(None if math.isnan(percent) else percent)


def test_a_ticker_that_is_not_listed_has_the_exchange_of_its_suffix_and_no_type() -> None:
    row = FRAME[FRAME["ticker"] == "EEE.LON"].iloc[0]
    assert (row["name"], row["exchange"], row["kind"], row["listed"]) == ("", "London", "", False)
    unlisted = frame_of([of("BRK.B", 5.0, 4.0)], None).iloc[0]
    assert (unlisted["exchange"], unlisted["kind"]) == ("", "")


def test_a_previous_close_of_nothing_gives_no_percentage() -> None:
    assert math.isnan(frame_of([of("AAA", 5.0, 0.0)])["percent"].iloc[0])


def test_no_quotes_are_an_empty_frame_that_can_be_screened() -> None:
    empty = frame_of([])
    assert screen(empty, Filters(text="a", change_from=1.0, kinds=("ETF",))).tolist() == []
    assert coverage(empty, LISTING) == Coverage(0, 6, 0, 0, (), None)


@pytest.mark.parametrize(
    ("last", "low", "high", "place"),
    [
        (10.0, 10.0, 20.0, 0.0),
        (15.0, 10.0, 20.0, 50.0),
        (20.0, 10.0, 20.0, 100.0),
        (15.0, None, 20.0, None),
        (15.0, 10.0, None, None),
        (15.0, None, None, None),
        (15.0, 15.0, 15.0, None),  # no range: neither at the high nor at the low
        (15.0, 20.0, 10.0, None),  # upside down
        (9.99, 10.0, 20.0, None),  # outside: one of the three is of another day
        (20.01, 10.0, 20.0, None),
        (math.nan, 10.0, 20.0, None),
    ],
)
def test_place_in_the_range_is_known_only_where_the_range_is_sound(
    last: float, low: float | None, high: float | None, place: float | None
) -> None:
    worked_out = places(*(np.array([each], dtype=float) for each in (last, low, high)))[0]
    assert (None if math.isnan(worked_out) else worked_out) == place


# --- filters ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "ABCDEF"),
        ({"change_from": 2.0}, "AC"),
        ({"change_to": 0.0}, "BDE"),
        ({"change_from": -1.0, "change_to": 2.0}, "BCD"),
        ({"change_from": 5.0, "change_to": -5.0}, ""),
        ({"change_from": -1000.0}, "ABCDE"),  # F's change is unknown
        ({"least_volume": 900}, "BCE"),
        ({"least_volume": 0}, "ABCDE"),
        ({"least_price": 50.0}, "ABCE"),
        ({"place_from": 25.0}, "ACE"),
        ({"place_to": 25.0}, "BC"),
        ({"place_from": 0.0, "place_to": 100.0}, "ABCE"),  # D has no range
        ({"exchanges": ("NASDAQ",)}, "CD"),
        ({"exchanges": ("NASDAQ", "London")}, "CDE"),
        ({"kinds": ("ETF",)}, "B"),
        ({"kinds": ("Stock", "ETF")}, "ABCDF"),  # of what type E is nobody says
        ({"text": "brands"}, "AD"),
        ({"text": "  ALDER   brands "}, "A"),
        ({"text": "STRASSE"}, "C"),
        ({"text": "eee.l"}, "E"),
        ({"text": ".*"}, ""),
        ({"text": "brands", "change_from": 1.0, "exchanges": ("NYSE",)}, "A"),
    ],
)
def test_a_row_fits_where_it_is_known_to(filters: dict[str, Any], expected: str) -> None:
    assert "".join(sorted(found(**filters))) == expected


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        (Preset.GAINERS, "ACDBEF"),
        (Preset.LOSERS, "EBDCAF"),
        (Preset.ACTIVE, "BCEADF"),
        (Preset.HIGH, "AECBDF"),
        (Preset.LOW, "BCEADF"),
    ],
)
def test_presets_order_by_value_and_what_is_unknown_comes_last(
    preset: Preset, expected: str
) -> None:
    assert "".join(found(preset=preset)) == expected


def test_every_preset_has_an_order() -> None:
    assert set(ORDERS) == set(Preset)


def test_of_equal_changes_the_more_active_comes_first_and_then_the_ticker() -> None:
    frame = frame_of(
        [
            of("DDD", 11.0, 10.0, volume=None),
            of("CCC", 11.0, 10.0, volume=5),
            of("BBB", 11.0, 10.0, volume=5),
            of("AAA", 11.0, 10.0, volume=9),
        ]
    )
    for preset in (Preset.GAINERS, Preset.LOSERS):
        places = screen(frame, Filters(preset=preset))
        assert frame["ticker"].take(places).tolist() == ["AAA", "BBB", "CCC", "DDD"]


# --- age --------------------------------------------------------------------------------------


@pytest.mark.parametrize("always", [True, False])
@pytest.mark.parametrize("at", ["2026-11-23T17:00", "2026-11-23T14:31", "2026-11-22T12:00"])
def test_all_at_once_are_as_fresh_as_each_by_itself(at: str, always: bool) -> None:
    now = utc(at)
    ages = [timedelta(seconds=each) for each in (0, 40, 101, 3600, 86_400, 5 * 86_400)]
    quotes = [
        of(ticker, 5.0, 4.0, fetched_at=now - age, liveness=liveness)
        for ticker in ("AAA", "BRK.B", "TSCO.LON", "SHOP.TRT")
        for liveness in Liveness
        for age in ages
    ]
    one_by_one = [freshness(each, now, TURN, always=always) for each in quotes]
    assert standings(quotes, now, TURN, always=always) == one_by_one
    assert len(set(one_by_one)) > 1


def test_stale_rows_can_be_left_out() -> None:
    old = of("OLD", 5.0, 4.0, fetched_at=NOW - timedelta(days=3))
    frame = frame_of([*QUOTES, old])
    assert frame["freshness"].tolist()[-1] == Freshness.STALE
    assert len(screen(frame, Filters())) == 7
    kept = frame["ticker"].take(screen(frame, Filters(fresh_only=True)))
    assert sorted(kept) == sorted(each.ticker for each in QUOTES)


# --- what is said -----------------------------------------------------------------------------


def test_coverage_counts_what_is_listed_apart_from_what_is_not() -> None:
    old = of("GGG", 5.0, 4.0, fetched_at=NOW - timedelta(days=3), source="elsewhere")
    assert coverage(frame_of([*QUOTES, old]), LISTING) == Coverage(
        priced=6,
        listed=6,
        beside=1,
        stale=1,
        sources=("elsewhere", "test"),
        oldest=NOW - timedelta(days=3),
    )


@pytest.mark.parametrize(
    ("priced", "listed", "beside", "words"),
    [
        (12_980, 13_411, 0, "12,980 of 13,411 listed tickers have a price"),
        (5, 13_411, 1, "5 of 13,411 listed tickers have a price, and 1 other"),
        (0, 13_411, 2, "0 of 13,411 listed tickers have a price, and 2 others"),
        (0, None, 0, "0 tickers have a price"),
        (1, None, 0, "1 ticker has a price"),
    ],
)
def test_coverage_in_words(priced: int, listed: int | None, beside: int, words: str) -> None:
    assert coverage_words(Coverage(priced, listed, beside, 0, (), None)) == words


def test_conditions_in_words() -> None:
    assert filter_words(Filters()) == []
    everything = Filters(
        text=" bank ",
        change_from=-1.5,
        change_to=3.0,
        place_to=20,
        least_volume=1_500_000,
        least_price=2,
        exchanges=("NASDAQ", "NYSE"),
        kinds=("ETF",),
        fresh_only=True,
    )
    assert filter_words(everything) == [
        "“bank”",
        "change from −1.50% to +3.00%",
        "place in the range to 20%",
        "volume from 1.50M",
        "price from 2.00",
        "NASDAQ or NYSE",
        "ETF",
        "no stale price",
    ]


def test_export_has_bare_figures_and_leaves_the_unknown_empty() -> None:
    hostile = Listing(
        {
            Ticker("AAA"): Listed(
                Ticker("AAA"), '=HYPERLINK("http://evil.example")', "NYSE", "Stock"
            )
        },
        NOW,
        "test",
    )
    frame = frame_of([of("AAA", 189.3, 188.07, low=188.0, high=190.0), QUOTES[5]], hostile)
    lines = table_csv(export_table(frame), notes=["2 of 2"]).decode().splitlines()
    assert lines == [
        "ticker,name,exchange,type,price,previous_close,change,change_percent,volume,low,high,"
        "place_in_range_percent,trading_day,as_of,fetched_at,freshness,source,currency",
        'AAA,"\'=HYPERLINK(""http://evil.example"")",NYSE,Stock,189.3,188.07,1.23,0.654,1000,188.0,'
        "190.0,65.0,2026-11-23,2026-11-23T17:00:00Z,2026-11-23T17:00:00Z,live,test,USD",
        "FFF,,,,3.0,,,,,,,,2026-11-23,2026-11-23T17:00:00Z,2026-11-23T17:00:00Z,live,test,USD",
        "2 of 2",
    ]
