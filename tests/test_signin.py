"""Who may come in: what the list takes, what a provider's claims amount to, which token is one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from stocktracker.config import load_settings
from stocktracker.errors import SettingsError
from stocktracker.signin import Admission, SignIn, admit, is_token, parse_people
from tests.helpers import utc

NOW = utc("2026-11-23T15:00:00")
PEOPLE = SignIn(*parse_people("Ann@Example.com, @example.org kim@example.net"))
SECRET = "sentinelcookiesecret-0123456789-0123456789"
AUTH = {
    "redirect_uri": "https://stocks.example.com/oauth2callback",
    "cookie_secret": SECRET,
    "client_id": "stocktracker",
    "client_secret": "sentinelclientsecret",
    "server_metadata_url": "https://id.example.com/.well-known/openid-configuration",
}


def claims(email: object = "ann@example.com", **more: object) -> dict[str, object]:
    return {
        "is_logged_in": True,
        "iat": int(NOW.timestamp()) - 60,
        "email": email,
        "email_verified": True,
        **more,
    }


@pytest.mark.parametrize(
    "email",
    ["ann@example.com", "ANN@EXAMPLE.COM", "bob@example.org", "Bob.B+x@Example.Org"],
)
def test_who_is_on_the_list_is_admitted_in_whatever_letters(email: str) -> None:
    assert admit(claims(email), PEOPLE, NOW) is Admission.ADMITTED


@pytest.mark.parametrize(
    "email",
    [
        "bob@example.com",
        "ann@evil-example.com",
        "ann@example.com.evil",
        "ann@sub.example.com",
        "bob@evil-example.org",
        "bob@example.org.evil",
        "bob@sub.example.org",
        "bob@evil.com@example.org",
        "bob@evil.com,ann@example.com",
        "bob@evil.com\n@example.org",
        "ann@example.com\n",
        " ann@example.com",
        "ann@example.com ",
        "<ann@example.com>",
        "@example.org",
        "example.org",
        "ann@example.com\x00",
        "\N{KELVIN SIGN}im@example.net",  # casefolds to the k of one who is on the list
        "ann@example.cоm",  # with a Cyrillic o
        "ann@example.org.",
        "",
    ],
)
def test_who_is_not_on_the_list_is_not_admitted_by_a_trick(email: str) -> None:
    assert admit(claims(email), PEOPLE, NOW) is Admission.NOT_LISTED


@pytest.mark.parametrize(
    ("more", "amounts_to"),
    [
        ({"is_logged_in": False}, Admission.NOT_SIGNED_IN),
        ({"is_logged_in": "true"}, Admission.NOT_SIGNED_IN),
        ({"is_logged_in": None}, Admission.NOT_SIGNED_IN),
        ({"email_verified": False}, Admission.UNVERIFIED),
        ({"email_verified": "false"}, Admission.UNVERIFIED),
        ({"email_verified": None}, Admission.UNVERIFIED),
        ({"email_verified": "true"}, Admission.ADMITTED),
        ({"email": None}, Admission.UNVERIFIED),
        ({"email": ["ann@example.com"]}, Admission.UNVERIFIED),
        ({"iat": None}, Admission.ENDED),
        ({"iat": "now"}, Admission.ENDED),
        ({"iat": True}, Admission.ENDED),
        ({"iat": 1e400}, Admission.ENDED),
        ({"iat": float("nan")}, Admission.ENDED),
        ({"iat": (NOW - timedelta(days=8)).timestamp()}, Admission.ENDED),
        ({"iat": (NOW + timedelta(hours=1)).timestamp()}, Admission.ENDED),
    ],
)
def test_what_is_missing_counts_against_the_visitor(
    more: dict[str, object], amounts_to: Admission
) -> None:
    assert admit(claims(**more), PEOPLE, NOW) is amounts_to


def test_nobody_without_claims_is_signed_in() -> None:
    assert admit({}, PEOPLE, NOW) is Admission.NOT_SIGNED_IN


@pytest.mark.parametrize(
    "text",
    ["ann", "ann@", "@", "@com", "example.com", "*@example.com", "ann@exa mple", "a@b@example.com"],
)
def test_what_is_neither_an_address_nor_a_domain_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_people(text)


TOKEN = "sentinel-token-0123"


@pytest.mark.parametrize(
    ("offered", "right"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer {TOKEN}", True),
        (TOKEN, False),
        (f"Basic {TOKEN}", False),
        (f"Bearer {TOKEN}x", False),
        (f"Bearer {TOKEN[:-1]}", False),
        ("Bearer", False),
        ("Bearer ", False),
        ("Bearer ä", False),
        ("", False),
        (None, False),
    ],
)
def test_a_token_is_right_as_a_whole_or_wrong(offered: str | None, right: bool) -> None:
    assert is_token(offered, TOKEN) is right
    assert not is_token(offered, None)


# --- settings -------------------------------------------------------------------------------


def write(folder: Path, auth: dict[str, str] | None, **texts: str) -> Path:
    path = folder / "secrets.toml"
    lines = [f'{name} = "{value}"' for name, value in texts.items()]
    if auth is not None:
        lines += ["[auth]", *(f'{name} = "{value}"' for name, value in auth.items())]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_sign_in_is_off_by_default() -> None:
    settings = load_settings({}, Path("no such file"))
    assert settings.sign_in is None
    assert settings.api_token is None


def test_sign_in_is_a_list_and_a_section_of_the_secrets(tmp_path: Path) -> None:
    path = write(tmp_path, AUTH, STOCKTRACKER_SIGN_IN="Ann@example.com,@example.org")
    settings = load_settings({"STOCKTRACKER_SECRETS": str(path)})
    assert settings.sign_in is not None
    assert settings.sign_in.emails == {"ann@example.com"}
    assert settings.sign_in.domains == {"example.org"}
    assert settings.sign_in.auth == AUTH
    assert set(settings.secrets) == {SECRET, "sentinelclientsecret"}
    assert "sentinel" not in repr(settings)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, "has no section [auth]"),
        ({"client_id": ""}, "lacks client_id in [auth]"),
        ({"cookie_secret": "sentinel"}, "has a cookie_secret of fewer than 32 characters"),
        ({"redirect_uri": "https://stocks.example.com/"}, "has a redirect_uri in [auth] that is"),
        ({"redirect_uri": "http://stocks.example.com/oauth2callback"}, "no https address"),
        ({"server_metadata_url": "http://id.example.com/"}, "has a server_metadata_url"),
        ({"server_metadata_url": "https://[x"}, "has a server_metadata_url"),
    ],
)
def test_what_sign_in_lacks_is_said_in_words(
    change: dict[str, str] | None, words: str, tmp_path: Path
) -> None:
    path = write(tmp_path, None if change is None else {**AUTH, **change})
    with pytest.raises(SettingsError, match="STOCKTRACKER_SIGN_IN: is set, but") as raised:
        load_settings({"STOCKTRACKER_SIGN_IN": "@example.org"}, path)
    assert words in raised.value.words
    assert "sentinel" not in raised.value.words


def test_a_provider_without_a_list_is_an_open_door_and_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nobody would have to sign in"):
        load_settings({}, write(tmp_path, AUTH))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"STOCKTRACKER_SIGN_IN": "ann"}, "'ann' is neither an e-mail address nor an @domain"),
        ({"STOCKTRACKER_SIGN_IN": ", ,"}, "is neither an e-mail address nor an @domain"),
        ({"STOCKTRACKER_API_TOKEN": "sentinel-token"}, "is too short, or has characters"),
        ({"STOCKTRACKER_API_TOKEN": "sentinel token 0123456789"}, "is too short, or has"),
        ({"STOCKTRACKER_SECRETS": "/no/such/file"}, "there is no file /no/such/file"),
    ],
)
def test_wrong_settings_are_named_and_never_quote_a_token(
    settings: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(settings, Path("no such file"))
    assert words in raised.value.words
    assert "sentinel" not in raised.value.words


def test_a_token_is_shown_nowhere() -> None:
    settings = load_settings({"STOCKTRACKER_API_TOKEN": TOKEN}, Path("no such file"))
    assert settings.api_token == TOKEN
    assert settings.secrets == (TOKEN,)
    assert TOKEN not in repr(settings)
