"""Who may come in: the operator's list, and what a provider's claims about a visitor amount to.

Pure: it compares what it is given. It never asks a provider, draws nothing and reads no file.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from urllib.parse import urlsplit

LASTS = timedelta(days=7)  # Streamlit would keep a sign-in for thirty days
SKEW = timedelta(minutes=5)  # by how much a provider's clock may be ahead of ours
SHORTEST_TOKEN = 16
SHORTEST_COOKIE_SECRET = 32
CALLBACK = "/oauth2callback"
ALLOWED_PEOPLE = (
    "e-mail addresses and @domains with commas between them, as in ann@example.com,@example.org"
)
NEEDED = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_LOCAL = re.compile(r"[a-z0-9._%+'&/=-]+")  # no wildcard: nobody should believe in one


@dataclass(frozen=True, slots=True)
class SignIn:
    """Sign-in is on: who may come in, and Streamlit's [auth] section, which holds secrets."""

    emails: frozenset[str]
    domains: frozenset[str]
    auth: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be written down."""
        return tuple(self.auth[name] for name in ("cookie_secret", "client_secret"))


class Admission(Enum):
    """What a visitor is. Only ADMITTED sees anything."""

    ADMITTED = auto()
    NOT_SIGNED_IN = auto()
    ENDED = auto()  # was signed in, but too long ago
    UNVERIFIED = auto()  # the provider does not vouch for the address
    NOT_LISTED = auto()


def parse_people(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Addresses and domains, in small letters. Raises ValueError with the part that is neither."""
    emails, domains = set(), set()
    for part in filter(None, re.split(r"[,;\s]+", text)):
        folded = _folded(part)
        local, at, domain = folded.rpartition("@")
        if not at or not _DOMAIN.fullmatch(domain) or (local and not _LOCAL.fullmatch(local)):
            raise ValueError(part)
        if local:
            emails.add(folded)
        else:
            domains.add(domain)
    if not emails and not domains:
        raise ValueError(text)
    return frozenset(emails), frozenset(domains)


def admit(claims: Mapping[str, object], people: SignIn, now: datetime) -> Admission:
    """What the claims of a verified ID token amount to. Whatever is missing counts against them."""
    if claims.get("is_logged_in") is not True:
        return Admission.NOT_SIGNED_IN
    if not _is_recent(claims.get("iat"), now):
        return Admission.ENDED
    email = claims.get("email")
    # Some providers send a text. An address that nobody vouches for may be anybody's.
    if not isinstance(email, str) or claims.get("email_verified") not in (True, "true"):
        return Admission.UNVERIFIED
    folded = _folded(email)
    local, _, domain = folded.rpartition("@")
    if not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        return Admission.NOT_LISTED
    is_listed = folded in people.emails or domain in people.domains
    return Admission.ADMITTED if is_listed else Admission.NOT_LISTED


def is_token(offered: str | None, token: str | None) -> bool:
    """Whether an Authorization header carries the token; in a time that does not depend on it."""
    scheme, _, value = (offered or "").partition(" ")
    if token is None or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(value.strip().encode(), token.encode())


def is_good_token(text: str) -> bool:
    """Whether a text can be a bearer token (RFC 6750) that nobody guesses."""
    return len(text) >= SHORTEST_TOKEN and bool(re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", text))


def fault_in_auth(auth: Mapping[str, object] | None) -> str | None:
    """What is wrong with the [auth] section, in words that name no value; None where nothing is."""
    if auth is None:
        return "has no section [auth]"
    missing = [name for name in NEEDED if not isinstance(auth.get(name), str) or not auth[name]]
    if missing:
        return f"lacks {', '.join(missing)} in [auth]"
    if len(str(auth["cookie_secret"])) < SHORTEST_COOKIE_SECRET:
        return f"has a cookie_secret of fewer than {SHORTEST_COOKIE_SECRET} characters in [auth]"
    back = str(auth["redirect_uri"])
    if not back.endswith(CALLBACK) or not _is_private(back):
        return "has a redirect_uri in [auth] that is no https address ending in /oauth2callback"
    if not _is_private(str(auth["server_metadata_url"])):
        return "has a server_metadata_url in [auth] that is no https address"
    return None


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _folded(text: str) -> str:
    """In small letters. Not ASCII stays as it is, as the Kelvin sign would become a k."""
    return text.casefold() if text.isascii() else text


def _is_recent(issued: object, now: datetime) -> bool:
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        return False
    try:
        at = datetime.fromtimestamp(issued, UTC)
    except (OverflowError, ValueError, OSError):
        return False
    return now - LASTS < at < now + SKEW


def _is_private(address: str) -> bool:
    """https, or http that does not leave this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    )
