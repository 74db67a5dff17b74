"""How figures, ages and states read on the screen, and that text from outside stays text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from stocktracker import wording

NAN = float("nan")
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        (189.3, "USD", "$189.30"),
        (1234.5, "USD", "$1,234.50"),
        (12.0, "GBP", "£12.00"),
        (12.0, "EUR", "€12.00"),
        (2450.1, "INR", "₹2,450.10"),
        (12.0, "CAD", "CA$12.00"),
        (12.0, "JPY", "¥12.00"),
        (12.0, "CNY", "CN¥12.00"),
        (12.0, "CHF", "CHF 12.00"),
        (1234.5, "GBX", "1,234.50p"),
        (0.45, "USD", "$0.4500"),
        (0.45, "GBX", "0.4500p"),
        (1.0, "USD", "$1.00"),
        (0.0, "USD", "$0.00"),
        (-37.63, "USD", "−$37.63"),
        (None, "USD", "–"),
        (NAN, "USD", "–"),
    ],
)
def test_price_is_shown_with_its_currency_and_decimals(value, currency, shown):
    assert wording.price(value, currency) == shown


@pytest.mark.parametrize(
    ("change", "percent", "more", "shown"),
    [
        (1.23, 0.85, {}, "▲ +1.23 (+0.85%)"),
        (-1.23, -0.85, {}, "▼ −1.23 (−0.85%)"),
        (1234.5, 12.3, {}, "▲ +1,234.50 (+12.30%)"),
        (1.23, 0.85, {"currency": "USD"}, "▲ +$1.23 (+0.85%)"),
        (-12.5, -1.0, {"currency": "GBX"}, "▼ −12.50p (−1.00%)"),
        (0.55, 0.29, {"price": 189.3}, "▲ +0.55 (+0.29%)"),
        (0.0123, 2.8, {"price": 0.45}, "▲ +0.0123 (+2.80%)"),
        (-0.0012, -0.01, {}, "▼ −0.0012 (−0.01%)"),
        (0.0, 0.0, {}, "0.00 (0.00%)"),
        (-0.0, -0.0, {}, "0.00 (0.00%)"),
        (1e-14, 1e-14, {}, "0.00 (0.00%)"),
        (1.23, None, {}, "▲ +1.23"),
        (None, None, {}, "–"),
        (NAN, 1.0, {}, "–"),
    ],
)
def test_change_has_an_arrow_and_a_sign_unless_it_is_zero_or_unknown(change, percent, more, shown):
    assert wording.change(change, percent, **more) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.85, "+0.85%"),
        (-0.85, "−0.85%"),
        (0.0, "0.00%"),
        (-0.001, "0.00%"),
        (1234.5, "+1,234.50%"),
        (None, "–"),
        (NAN, "–"),
    ],
)
def test_percent_is_signed(value, shown):
    assert wording.percent(value) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (950, "950"),
        (999.4, "999"),
        (1_000, "1.00K"),
        (12_345, "12.3K"),
        (9_996, "10.0K"),
        (99_960, "100K"),
        (999_499, "999K"),
        (999_600, "1.00M"),
        (12_300_000, "12.3M"),
        (3_400_000_000, "3.40B"),
        (2_900_000_000_000, "2.90T"),
        (12_345_000_000_000_000, "12,345T"),
        (-1_500, "−1.50K"),
        (None, "–"),
        (NAN, "–"),
    ],
)
def test_large_numbers_keep_three_figures(number, shown):
    assert wording.compact(number) == shown


@pytest.mark.parametrize(
    ("since", "shown"),
    [
        (timedelta(seconds=-5), "now"),
        (timedelta(seconds=1.9), "now"),
        (timedelta(seconds=2), "2 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=3, seconds=59), "3 min"),
        (timedelta(hours=2, minutes=10), "2 h 10 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=23, minutes=59), "23 h 59 min"),
        (timedelta(days=1), "1 d"),
        (timedelta(days=4, hours=23), "4 d"),
    ],
)
def test_age_is_never_said_to_be_higher_than_it_is(since, shown):
    assert wording.age(since) == shown


@pytest.mark.parametrize(
    ("ahead", "shown"),
    [
        (timedelta(seconds=-5), "under a minute"),
        (timedelta(seconds=59), "under a minute"),
        (timedelta(minutes=9, seconds=40), "10 min"),
        (timedelta(minutes=59, seconds=40), "1 h"),
        (timedelta(hours=2, minutes=10), "2 h 10 min"),
        (timedelta(hours=18, minutes=20), "18 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=2, hours=14), "3 d"),
    ],
)
def test_span_gets_coarser_the_further_ahead_it_is(ahead, shown):
    assert wording.span(ahead) == shown


@pytest.mark.parametrize(
    ("at", "now", "shown"),
    [
        (MONDAY, None, "23 Nov 2026 15:30 CET"),
        (MONDAY, MONDAY, "15:30 CET"),
        (MONDAY + timedelta(days=4), MONDAY, "Fri 15:30 CET"),
        (MONDAY - timedelta(days=2), MONDAY, "Sat 15:30 CET"),
        (MONDAY + timedelta(days=7), MONDAY, "30 Nov 2026 15:30 CET"),
        (datetime(2026, 7, 1, 12, tzinfo=UTC), MONDAY, "1 Jul 2026 14:00 CEST"),
        # 23:30 UTC is tomorrow already in Berlin.
        (datetime(2026, 11, 23, 23, 30, tzinfo=UTC), MONDAY, "Tue 00:30 CET"),
    ],
)
def test_instant_is_local_and_as_short_as_it_can_be(at, now, shown):
    assert wording.instant(at, BERLIN, now=now) == shown


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        (UTC, "UTC"),
        (ZoneInfo("Asia/Kolkata"), "IST"),
        (ZoneInfo("America/Sao_Paulo"), "UTC−3"),
        (ZoneInfo("Asia/Kathmandu"), "UTC+5:45"),
        (timezone(timedelta(hours=2), "home"), "home"),
    ],
)
def test_zones_without_letters_are_named_by_their_distance_from_utc(zone, name):
    assert wording.instant(MONDAY, zone).endswith(f" {name}")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("America/New_York", "New York time"),
        ("America/Argentina/Buenos_Aires", "Buenos Aires time"),
        ("UTC", "UTC"),
        ("Etc/UTC", "UTC"),
    ],
)
def test_zone_in_words(key, words):
    assert wording.zone_words(ZoneInfo(key)) == words


@dataclass(frozen=True)
class Exchange:
    name: str = "NYSE"


@dataclass(frozen=True)
class MarketState:
    is_open: bool
    changes_at: datetime
    why: str | None = None
    exchange: Exchange = Exchange()


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (
            MarketState(True, MONDAY + timedelta(hours=2, minutes=10)),
            "NYSE open · closes in 2 h 10 min",
        ),
        (
            MarketState(False, MONDAY + timedelta(hours=18), "Thanksgiving"),
            "NYSE closed – Thanksgiving · opens Tue 09:30 (in 18 h)",
        ),
        (
            MarketState(False, MONDAY + timedelta(minutes=40), "before the open"),
            "NYSE closed – before the open · opens 16:10 (in 40 min)",
        ),
        (
            MarketState(False, MONDAY + timedelta(days=8)),
            "NYSE closed · opens 1 Dec 2026 15:30 (in 8 d)",
        ),
    ],
)
def test_market_says_why_it_is_closed_and_when_it_opens(state, shown):
    assert wording.market(state, now=MONDAY, zone=BERLIN) == shown


def shown_by_markdown(escaped: str) -> str:
    """What CommonMark makes of text in which every ASCII punctuation mark has a backslash."""
    plain, rest = "", iter(escaped)
    for character in rest:
        plain += next(rest) if character == "\\" else character
    return plain.replace("\u2060", "")


HOSTILE = [
    ":red[x] :material/home: :smile: :blue-badge[a]",
    "costs $5 and $E=mc^2$",
    "[a](http://evil.test) ![i](http://evil.test/i.png)",
    "<script>alert(1)</script> &amp;",
    "`code` **b** _i_ ~~s~~ | t |",
    "# heading",
    "1. one",
    "www.evil.test someone@evil.test <https://evil.test>",
    "back\\slash",
    "AT&T Inc. – Class A",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_reads_the_same_and_leaves_no_mark_to_markdown(text):
    escaped = wording.escape_markdown(text)
    assert shown_by_markdown(escaped) == text
    without = escaped.replace("\\\\", "")
    for place, character in enumerate(without):
        if character.isascii() and not character.isalnum() and character not in " \\":
            assert without[place - 1] == "\\"


@pytest.mark.parametrize("pattern", ["://", ":material", ":smile", ":red", "www\\.", "@evil"])
def test_what_streamlit_looks_for_after_markdown_is_broken_apart(pattern):
    escaped = "".join(wording.escape_markdown(text) for text in HOSTILE)
    assert pattern not in escaped.replace("\\/", "/").replace("\\:", ":").replace("\\@", "@")


def test_escaped_text_is_one_line_without_hidden_characters():
    assert wording.escape_markdown("  a\r\n\r\n    b\tc\x00\x1b\u2028d\u202ee\u200b ") == "a b c de"
