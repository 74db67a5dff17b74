"""How a store on Redis is named."""

from __future__ import annotations

import pytest

from stocktracker.fleet.url import StoreUrl, parse_url

ONE = (("one", 6379),)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("redis://one", StoreUrl(ONE)),
        ("valkey://one", StoreUrl(ONE)),
        ("REDIS://one:7000/3", StoreUrl((("one", 7000),), database=3)),
        ("redis://one/?db=4", StoreUrl(ONE, database=4)),
        ("redis://[::1]:7000", StoreUrl((("::1", 7000),))),
        ("redis://:p%40ss@one", StoreUrl(ONE, password="p@ss")),
        ("redis://ann:p:s@one", StoreUrl(ONE, user="ann", password="p:s")),
        ("rediss://one", StoreUrl(ONE, is_encrypted=True)),
        (
            "valkeys://one?ssl_ca_certs=/etc/ca.pem",
            StoreUrl(ONE, is_encrypted=True, authority="/etc/ca.pem"),
        ),
        ("unix:///run/redis.sock", StoreUrl(path="/run/redis.sock")),
        (
            "unix://:pass@/run/redis.sock?db=2",
            StoreUrl(path="/run/redis.sock", database=2, password="pass"),
        ),
        (
            "redis+sentinel://:pass@a:1,b/main/2?sentinel_password=other",
            StoreUrl(
                (("a", 1), ("b", 26379)),
                service="main",
                database=2,
                password="pass",
                sentinels_password="other",
            ),
        ),
    ],
)
def test_an_address_is_read(text: str, url: StoreUrl) -> None:
    assert parse_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "http://one",
        "redis://",
        "redis://:secret@",
        "redis://one:secret",
        "redis://one/secret",
        "redis://one/1/secret",
        "redis://one?secret=1",
        "redis://[::1",
        "unix://secret",
        "redis+sentinel://:secret@one:26379",
        "redis+sentinel://one,/main",
    ],
)
def test_what_is_no_address_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_url(text)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://ann:secret@one/3", "one:6379"),
        ("redis://:secret@[::1]:7000", "[::1]:7000"),
        ("unix://:secret@/run/redis.sock", "/run/redis.sock"),
        ("redis+sentinel://:secret@a:1,b:2/main", "main of a:1, b:2"),
    ],
)
def test_people_see_where_it_is_and_nothing_else(text: str, shown: str) -> None:
    url = parse_url(text)
    assert str(url) == shown
    assert "secret" not in repr(url)
