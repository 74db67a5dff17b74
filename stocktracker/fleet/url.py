"""The address of a store on Redis, as STOCKTRACKER_STORE names it. Pure; connects to nothing.

Its passwords are in no text that is made here; `secrets` are for whoever keeps them out of a log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

PORT, SENTINELS_PORT = 6379, 26379
# By scheme, whether it is encrypted. Valkey speaks Redis's language.
SCHEMES = {
    "redis": False,
    "rediss": True,
    "valkey": False,
    "valkeys": True,
    "redis+sentinel": False,
    "rediss+sentinel": True,
    "unix": False,
}
ALLOWED = (
    "a folder, or the address of a Redis or Valkey server: redis://, rediss:// with "
    "?ssl_ca_certs=FILE where needed, unix:// or redis+sentinel://HOST:PORT,HOST:PORT/SERVICE"
)
OPTIONS = frozenset({"ssl_ca_certs", "sentinel_password", "db"})


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """Where Redis is: at `hosts[0]`, at the socket `path`, or where sentinels at `hosts` say that
    the master of `service` is."""

    hosts: tuple[tuple[str, int], ...] = ()
    path: str | None = None
    service: str | None = None
    database: int = 0
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinels_password: str | None = field(default=None, repr=False)
    is_encrypted: bool = False
    authority: str | None = None  # a file of certificates that are trusted besides

    def __str__(self) -> str:
        """For people: where it is, and nothing else."""
        if self.path is not None:
            return self.path
        where = ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                          for host, port in self.hosts)  # fmt: skip
        return where if self.service is None else f"{self.service} of {where}"

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(text for text in (self.password, self.sentinels_password) if text)


def is_url(text: str) -> bool:
    return "://" in text


def parse_url(text: str) -> StoreUrl:
    """Raises ValueError, whose text says what is wrong and has nothing of the address in it."""
    scheme, _, rest = text.partition("://")
    scheme = scheme.lower()
    if scheme not in SCHEMES:
        raise ValueError("is an address of no kind that is known")
    try:
        parts = urlsplit(f"//{rest}")
    except ValueError:
        raise ValueError("is an address that cannot be read") from None
    options = _options(parts)
    who, at, where = parts.netloc.rpartition("@")
    user, colon, password = who.partition(":") if at else ("", "", "")
    common = {
        "user": unquote(user) or None,
        "password": (unquote(password) or None) if colon else None,
        "is_encrypted": SCHEMES[scheme],
        "authority": options.get("ssl_ca_certs"),
        "sentinels_password": options.get("sentinel_password"),
    }
    if scheme == "unix":
        path = unquote(where + parts.path)
        if not path.startswith("/"):
            raise ValueError("names no socket")
        return StoreUrl(path=path, database=_database(options.get("db", "")), **common)  # type: ignore[arg-type]
    of_sentinels = scheme.endswith("+sentinel")
    hosts = tuple(
        _host(each, SENTINELS_PORT if of_sentinels else PORT)
        for each in (where.split(",") if of_sentinels else [where])
    )
    names = [unquote(name) for name in parts.path.split("/")[1:] if name]
    service = None
    if of_sentinels:
        if not names:
            raise ValueError("names no service of the sentinels")
        service, *names = names
    if len(names) > 1:
        raise ValueError("has a path that is no number of a database")
    database = _database(options.get("db", "") or (names[0] if names else ""))
    return StoreUrl(hosts=hosts, service=service, database=database, **common)  # type: ignore[arg-type]


def _options(parts: SplitResult) -> Mapping[str, str]:
    options = dict(parse_qsl(parts.query))
    if not options.keys() <= OPTIONS:
        raise ValueError(f"has options besides {', '.join(sorted(OPTIONS))}")
    return options


def _host(text: str, usual: int) -> tuple[str, int]:
    try:
        found = urlsplit(f"//{text}")
        port = found.port
    except ValueError:
        raise ValueError("has a port that is no number") from None
    if not found.hostname or not re.fullmatch(r"[\w.:%-]+", found.hostname):
        raise ValueError("names no host")
    return found.hostname, usual if port is None else port


def _database(text: str) -> int:
    if text and not (text.isascii() and text.isdigit()):
        raise ValueError("has a path that is no number of a database")
    return int(text or 0)
