"""What the Live page shows of a ticker: equal for a while, a dash for what is unknown."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pandas as pd
import pytest

from stocktracker.encoding import encode_key
from stocktracker.figures.export import quotes_csv
from stocktracker.model import Doubt, Freshness, Listed, Ticker
from stocktracker.palette import DARK, LIGHT, Scheme
from stocktracker.routes import quote_body
from stocktracker.rows import Row
from stocktracker.screen.tables import (
    Cells,
    cards,
    cells_of,
    export_rows,
    quote_table,
    status_of,
    tile,
)
from tests.helpers import quote, utc

NOON = utc("2026-11-23T17:00")
IBM = Ticker("IBM")
PRICED = quote("IBM", 101.5, fetched_at=NOON, previous_close=100.0, low=99.0, high=102.0)
HOSTILE = "<script>x</script> [a](http://evil.example) **b**"


def row(**more: Any) -> Row:
    known: dict[str, Any] = {
        "ticker": IBM,
        "listed": Listed(IBM, "International Business Machines", "NYSE", "Stock"),
        "quote": PRICED,
        "freshness": Freshness.LIVE,
        "age": timedelta(seconds=3),
        "closes": (99.0, 100.0, 101.5),
        "is_open": True,
        "due": None,
        "trouble": None,
    }
    return Row(**{**known, **more})


UNKNOWN = row(listed=None, quote=None, freshness=Freshness.MISSING, age=None, closes=())


def cells(**more: Any) -> Cells:
    return replace(cells_of(row()), **more)


def texts(shown: list[Cells], palette: Any = LIGHT) -> pd.DataFrame:
    """The table's texts, cell by cell, as its HTML has them."""
    html = quote_table(shown, palette).to_html()
    cell = re.compile(r'class="data row(\d+) col(\d+)" >(.*?)</td>', re.DOTALL)
    style = quote_table(shown, palette)
    found = pd.DataFrame("", index=range(len(shown)), columns=list(style.columns))
    for line, place, text in cell.findall(html):
        found.iloc[int(line), int(place)] = unescape(text)
    return found


def colours(shown: list[Cells], column: str, palette: Any = LIGHT) -> list[str]:
    """The colour of each line's cell in that column; empty where it has none of its own."""
    style = quote_table(shown, palette)
    style._compute()
    place = list(style.columns).index(column)
    return [dict(style.ctx.get((line, place), [])).get("color", "") for line in range(len(shown))]


# --- the same for a while -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"), [(0, 29), (30, 59), (60, 119), (3600, 7199), (86_400, 172_799)]
)
def test_a_row_looks_the_same_until_its_age_is_another_one(one: int, other: int) -> None:
    """So that it is drawn once for everybody, and not anew by the second."""
    ages = [row(age=timedelta(seconds=seconds)) for seconds in (one, other, other + 1)]
    younger, older, too_old = (encode_key([cells_of(each)]) for each in ages)
    assert younger == older
    assert too_old != older


@pytest.mark.parametrize(
    "more",
    [
        {"quote": replace(PRICED, price=101.51)},
        {"quote": replace(PRICED, previous_close=None)},
        {"quote": replace(PRICED, volume=1001)},
        {"quote": replace(PRICED, low=98.0)},
        {"closes": (99.0, 100.0, 101.51)},
        {"freshness": Freshness.STALE},
        {"trouble": "Alpha Vantage did not answer."},
        {"listed": None},
    ],
)
def test_whatever_is_shown_makes_it_another_row(more: dict[str, Any]) -> None:
    assert encode_key([cells_of(row(**more))]) != encode_key([cells_of(row())])


def test_a_quote_that_was_only_confirmed_is_nothing_new() -> None:
    confirmed = replace(PRICED, fetched_at=NOON + timedelta(seconds=20))
    assert cells_of(row(quote=confirmed)) == cells_of(row())


# --- the words ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({}, "live"),
        ({"freshness": Freshness.DELAYED}, "15 min delayed"),
        ({"freshness": Freshness.END_OF_DAY}, "close Mon 23 Nov"),
        ({"freshness": Freshness.STALE}, "◷ stale"),
        ({"quote": None, "freshness": Freshness.MISSING}, "waiting"),
        ({"quote": None, "freshness": Freshness.MISSING, "trouble": "Refused."}, "failed"),
    ],
)
def test_the_status_says_what_the_age_means(more: dict[str, Any], status: str) -> None:
    assert status_of(row(**more)) == status


def test_a_line_of_the_table_in_words() -> None:
    (line,) = texts([cells_of(row())]).to_dict("records")
    assert line["last"] == "$101.50"
    assert line["change"] == "▲ +1.50"
    assert line["percent"] == "+1.50%"
    assert line["range"] == "$99.00 – $102.00"
    assert line["age"] == "< 30 s"


def test_what_is_unknown_is_a_dash_and_never_zero() -> None:
    (line,) = texts([cells_of(UNKNOWN)]).to_dict("records")
    for column in ("last", "change", "percent", "range", "volume", "age"):
        assert line[column] == "–", column
    shown = tile(cells_of(UNKNOWN))
    assert (shown["value"], shown["delta"], shown["delta_color"]) == ("–", "–", "off")
    assert "chart_data" not in shown


def test_each_price_is_in_its_own_currency() -> None:
    london = cells(ticker="TSCO.LON", price=412.5, currency="GBX")
    assert list(texts([cells(), london, cells(price=0.45)])["last"]) == [
        "$101.50",
        "412.50p",
        "$0.4500",
    ]


def test_numbers_are_underneath_so_that_sorting_is_by_value() -> None:
    frame = quote_table([cells(since=120.0), cells_of(UNKNOWN)], LIGHT).data
    assert [frame[column].dtype.kind for column in ("last", "change", "volume", "age")] == ["f"] * 4
    assert frame["age"].iloc[0] == 120.0
    assert frame["last"].isna().tolist() == [False, True]


def test_equal_tables_are_equal_messages_wherever_they_are_drawn() -> None:
    one, again, other = (
        quote_table(shown, LIGHT).to_html() for shown in ([cells()], [cells()], [cells(price=2.0)])
    )
    assert one == again
    assert one != other


# --- the colours ----------------------------------------------------------------------------


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_change_has_its_colour_and_what_is_old_is_muted(palette: Any) -> None:
    shown = [
        cells(change=1.0),
        cells(change=-1.0),
        cells(change=0.0),
        cells(change=None),
        cells(quiet=True),
    ]
    wanted = [palette.up, palette.down, palette.flat, palette.muted, palette.up]
    assert colours(shown, "change", palette) == wanted
    assert colours(shown, "last", palette) == ["", "", "", "", palette.muted]


@pytest.mark.parametrize(
    ("change", "scheme", "colour"),
    [
        (1.0, Scheme.GREEN_RED, "green"),
        (-1.0, Scheme.GREEN_RED, "red"),
        (1.0, Scheme.RED_GREEN, "red"),
        (-1.0, Scheme.COLOUR_BLIND, "orange"),
        (0.0, Scheme.GREEN_RED, "off"),
    ],
)
def test_a_tile_has_the_viewers_colours(change: float, scheme: Scheme, colour: str) -> None:
    assert tile(cells(change=change, percent=change), scheme)["delta_color"] == colour


def test_a_fall_is_told_to_the_tile_by_a_plain_hyphen() -> None:
    assert tile(cells(change=-1.5, percent=-1.48))["delta"] == "-1.50 (-1.48%)"


# --- text from outside ----------------------------------------------------------------------


def test_a_hostile_name_is_text_and_nothing_else() -> None:
    shown = cells(name=HOSTILE)
    assert "<script>" not in cards([shown], LIGHT)
    label = tile(shown)["label"]
    assert not re.search(r"(?<!\\)\[a|(?<!\\)\*\*b|<script>", label)


def test_a_card_for_a_phone_says_the_same() -> None:
    html = cards([cells_of(row())], LIGHT)
    for text in ("IBM", "$101.50", "▲ +1.50 (+1.50%)", "live · &lt; 30 s", LIGHT.up):
        assert text in html


# --- a price that is not believed -----------------------------------------------------------

HEARD = quote("IBM", 10150.0, fetched_at=NOON + timedelta(minutes=1))
DOUBT = Doubt(
    HEARD, "is 100 times the last good price", since=HEARD.fetched_at, heard_at=HEARD.fetched_at
)
DOUBTED = row(doubt=DOUBT)


def test_a_doubtful_row_shows_the_good_price_and_says_both() -> None:
    shown = cells_of(DOUBTED)
    assert (shown.price, shown.status, shown.quiet) == (101.5, "◷ doubtful", True)
    assert shown.doubt == (
        "$10,150.00 was heard from test at 23 Nov 2026 17:01 UTC and is doubtful: it is 100 times "
        "the last good price. Until another answer agrees, $101.50 stays, heard from test at "
        "23 Nov 2026 17:00 UTC."
    )
    assert texts([shown])["last"].tolist() == ["$101.50"]
    assert "10,150" not in cards([shown], LIGHT)
    assert "doubtful" in cards([shown], LIGHT)
    assert tile(shown)["value"] == "$101.50"
    assert "doubtful" in tile(shown)["label"]


def test_a_doubtful_first_price_is_no_price() -> None:
    shown = cells_of(row(quote=None, freshness=Freshness.MISSING, age=None, closes=(), doubt=DOUBT))
    assert (shown.price, shown.status) == (None, "◷ doubtful")
    assert shown.doubt.endswith("There is no good price yet.")


def test_only_the_good_price_is_exported() -> None:
    exported = quotes_csv(export_rows([DOUBTED])).decode()
    assert ",101.5," in exported
    assert "10150" not in exported


def test_the_api_has_the_doubtful_price_beside_the_good_one() -> None:
    body = quote_body(DOUBTED)
    assert body["price"] == 101.5
    assert body["doubtful"]["price"] == 10150.0
    assert body["doubtful"]["words"] == "it is 100 times the last good price"
    assert quote_body(row())["doubtful"] is None
