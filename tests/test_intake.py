"""Tickers read from pasted text and from files: what is taken, what is left out, what is said."""

from __future__ import annotations

import pytest

from stocktracker.intake import Import, decode_upload, parse_import
from stocktracker.model import Listed, Ticker
from stocktracker.watchlists import BadWatchlist


def listing(*tickers: str) -> dict[Ticker, Listed]:
    return {Ticker(each): Listed(Ticker(each), each, "NYSE", "Stock") for each in tickers}


def read(text: str, *listed: str) -> Import:
    return parse_import(text, listing(*listed) if listed else None)


def refusal(text: str) -> str:
    with pytest.raises(BadWatchlist) as refused:
        parse_import(text, None)
    return refused.value.words


@pytest.mark.parametrize(
    "text",
    [
        "AAPL, MSFT, KO",
        "aapl msft ko",
        "AAPL\nMSFT\r\nKO\n",
        "AAPL;MSFT;KO;",
        "AAPL\tMSFT\tKO",
        " AAPL ,, MSFT\n\n , KO ",
        '"AAPL","MSFT","KO"',
        "$AAPL $MSFT $KO",
        "AAPL, MSFT KO, AAPL",
        "\ufeffAAPL\nMSFT\nKO",
        "Symbols: AAPL MSFT KO",
        "Ticker\nAAPL, MSFT\nKO",
        "AAPL, MSFT\nKO, AAPL",
    ],
)
def test_a_pasted_list_is_read_however_it_is_divided(text: str) -> None:
    assert read(text) == Import(("AAPL", "MSFT", "KO"), (), "every word")  # type: ignore[arg-type]


BROKER = """\ufeff"Positions for account XXXX-123 as of 04:00 PM ET, 2026/11/23"

"Account","Symbol","Description","Quantity","Price"
"Main","MSFT","MICROSOFT CORP, COM","1,200","$500.10"
"Main","BRK.B","BERKSHIRE ""B"" SHARES","3","$480"
"Main","","",,""
"Main","AAPL","APPLE INC","5","$270.00"
"Main","MSFT","MICROSOFT CORP, COM","7","$500.10"
"Main","Cash & Cash Investments","--","--","$1,000.00"
"Account Total"
"""


def test_a_brokers_export_is_read_by_its_heading() -> None:
    found = read(BROKER)
    assert found.tickers == ("MSFT", "BRK.B", "AAPL")
    assert found.rejected == ("Cash & Cash Investments",)
    assert found.how == "the column “Symbol”"


@pytest.mark.parametrize(
    "text",
    [
        "Name,Ticker\nApple Inc,AAPL\nCoke,KO\n",
        "name;TICKER ;x\nApple Inc;aapl;1,5\nCoke;ko;2\n",
        "Quantity\tStock  Symbol\n5\tAAPL\n6\tKO\n",
        "symbol\nAAPL\nKO\n",
    ],
)
def test_a_column_is_found_by_any_delimiter_and_case(text: str) -> None:
    assert read(text).tickers == ("AAPL", "KO")
    assert "column" in read(text).how


@pytest.mark.parametrize(
    "text",
    [
        "AAPL,Apple Inc,189.30\nKO,Coca-Cola,70\n",
        "AAPL;270,50\nKO;70,10\n",
        "AAPL\t5\nKO\t1,000.5\n",
        'AAPL,"Apple, Inc."\nKO,"Coke, The"\n',
    ],
)
def test_a_table_without_a_heading_is_read_by_its_first_column(text: str) -> None:
    assert read(text) == Import(("AAPL", "KO"), (), "the first column")  # type: ignore[arg-type]


def test_what_cannot_be_a_ticker_is_said_once_shortened_and_without_control_characters() -> None:
    found = read("Symbol\nAAPL\nA/B\nA/B\n<script>alert(1)</script> and more\nx\x1b[2J\u202ey\n")
    assert found.tickers == ("AAPL",)
    assert found.rejected == ("A/B", "<script>alert(1)</scrip…", "x [2Jy")
    assert all(len(cell) <= 24 for cell in found.rejected)


@pytest.mark.parametrize(
    ("text", "ticker"),
    [
        ("NASDAQ:AAPL", "AAPL"),
        ("nyse:ko", "KO"),
        ("AMEX:SPY", "SPY"),
        ("LSE:TSCO", "TSCO.LON"),
        ("TSX:SHOP", "SHOP.TRT"),
        ("XETR:SAP", "SAP.DEX"),
        ("TSCO.L", "TSCO.LON"),
        ("SHOP.TO", "SHOP.TRT"),
        ("600000.SS", "600000.SHH"),
        ("TSCO.LON", "TSCO.LON"),
        ("BRK.B", "BRK.B"),
    ],
)
def test_spellings_of_other_sites_become_alpha_vantages(text: str, ticker: str) -> None:
    assert read(text).tickers == (ticker,)


def test_an_exchange_that_is_not_known_is_not_guessed() -> None:
    found = read("AAPL, TSE:7203, BINANCE:BTCUSDT")
    assert found.tickers == ("AAPL",)
    assert found.rejected == ("TSE:7203", "BINANCE:BTCUSDT")


@pytest.mark.parametrize(
    ("text", "listed", "ticker"),
    [
        ("BRK.B", "BRK-B", "BRK-B"),
        ("BRK-B", "BRK.B", "BRK.B"),
        ("NYSE:BRK.B", "BRK-B", "BRK-B"),
        ("BRK-B", "AAPL", "BRK-B"),
        ("-P-HIZ", "-P-HIZ", "-P-HIZ"),
        ("ABC.L", "ABC.L", "ABC.L"),
        ("ABC.V", "ABC-V", "ABC-V"),
    ],
)
def test_the_listings_spelling_is_taken_where_it_has_one(
    text: str, listed: str, ticker: str
) -> None:
    assert read(text, listed).tickers == (ticker,)


def test_both_spellings_stay_where_both_are_listed() -> None:
    assert read("BRK.B BRK-B", "BRK.B", "BRK-B").tickers == ("BRK.B", "BRK-B")


@pytest.mark.parametrize("text", ["", "  \n,;\t", "Symbol", "~~ !!", "#"])
def test_nothing_to_read_is_said(text: str) -> None:
    assert refusal(text) == "There is no ticker in it."


def test_too_much_is_refused_in_words() -> None:
    assert refusal("A" * 1_000_001) == "The text is longer than 1 MB."
    assert refusal("A " * 5_001) == "These are 5,001 cells; at most 5,000 are read."
    with pytest.raises(BadWatchlist, match="bigger than 1 MB"):
        decode_upload(b"A" * 1_000_001)


def test_five_thousand_cells_are_read() -> None:
    assert len(read(" ".join(f"T{each}" for each in range(5_000))).tickers) == 5_000


def test_a_cell_that_is_longer_than_csv_allows_is_no_crash() -> None:
    assert read("AAPL,x\n" + '"' + "y" * 200_000 + '",z').tickers[0] == "AAPL"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"AAPL\nKO", "AAPL\nKO"),
        (b"\xef\xbb\xbfSymbol\nKO", "Symbol\nKO"),
        ("Symbol\nKO".encode("utf-16"), "Symbol\nKO"),
        ("Währung;Symbol".encode("cp1252"), "Währung;Symbol"),
        ("Währung;Symbol".encode(), "Währung;Symbol"),
    ],
)
def test_files_are_decoded_as_they_were_written(content: bytes, text: str) -> None:
    assert decode_upload(content) == text


@pytest.mark.parametrize("content", [b"PK\x03\x04\x00\x00", b"\xff\xfe\x00", b"\x81\x8d\x8f"])
def test_a_file_that_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(BadWatchlist, match="not text"):
        decode_upload(content)
