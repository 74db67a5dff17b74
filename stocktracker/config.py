"""Settings from the environment and .streamlit/secrets.toml, checked once, at start.

The environment wins over the file. An empty value counts as not set. Whatever is wrong is said as
a SettingsError that names the setting and what is allowed; the key itself is never part of it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from stocktracker.errors import BadTicker, SettingsError
from stocktracker.fleet.url import ALLOWED, StoreUrl, is_url, parse_url
from stocktracker.model import Ticker, parse_ticker
from stocktracker.plans import DAY, PLANS, Capability, Limit, Liveness, Plan, parse_limits
from stocktracker.signin import (
    ALLOWED_PEOPLE,
    SHORTEST_TOKEN,
    SignIn,
    fault_in_auth,
    is_good_token,
    is_loopback,
    parse_people,
)

ALPHA_VANTAGE = "https://www.alphavantage.co/query"
SECRETS = Path(".streamlit/secrets.toml")
DEMO_PLAN = "premium-150"
HOUR = timedelta(hours=1)

NAMES = (
    "ALPHAVANTAGE_API_KEY",
    "STOCKTRACKER_PLAN",
    "STOCKTRACKER_LIMITS",
    "STOCKTRACKER_ENTITLEMENT",
    "STOCKTRACKER_REFRESH_SECONDS",
    "STOCKTRACKER_STORE",
    "STOCKTRACKER_STORE_WARN_MB",
    "STOCKTRACKER_UPSTREAM",
    "STOCKTRACKER_HOURS",
    "STOCKTRACKER_MAX_TICKERS",
    "STOCKTRACKER_WATCH",
    "STOCKTRACKER_SIGN_IN",
    "STOCKTRACKER_API_TOKEN",
    "STOCKTRACKER_SECRETS",
    "STOCKTRACKER_MAX_WATCHED",
    "STOCKTRACKER_ALLOW",
)
PREFIX = "STOCKTRACKER_"
MOST_WATCHED = 20_000  # more than are listed
# Of a day's calls, those that are not for closes: the listing's and two that look too early.
NO_CLOSES = 3


class Hours(StrEnum):
    """When live quotes are polled."""

    EXCHANGE = "exchange"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Watch:
    """What the operator wants polled even when nobody looks: some tickers, or the whole listing."""

    tickers: tuple[Ticker, ...] = ()
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings. `key` is None in demo mode, which answers from simulated prices.

    `shared` is the store where several servers share one; `store` is not used then.
    """

    plan: Plan
    limits: tuple[Limit, ...]
    liveness: Liveness
    refresh: timedelta
    store: Path
    upstream: str
    hours: Hours
    max_tickers: int
    watch: Watch = Watch()
    max_watched: int = MOST_WATCHED
    allow: frozenset[Ticker] | None = None
    store_warn: int = 2048 << 20  # bytes from which on the store's size is remarked on
    key: str | None = field(default=None, repr=False)
    sign_in: SignIn | None = None
    api_token: str | None = field(default=None, repr=False)
    shared: StoreUrl | None = None

    def follows(self, ticker: Ticker) -> bool:
        """Whether it may be chosen here."""
        return self.allow is None or ticker in self.allow or ticker in self.watch.tickers

    @property
    def demo(self) -> bool:
        return self.key is None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be in no log."""
        more = self.sign_in.secrets if self.sign_in else ()
        shared = self.shared.secrets if self.shared else ()
        return tuple(text for text in (self.key, self.api_token, *more, *shared) if text)


def load_settings(environment: Mapping[str, str], secrets: Path = SECRETS) -> Settings:
    """Read and check every setting. Raises SettingsError for the first wrong one.

    STOCKTRACKER_SECRETS in the environment names another file than `secrets`.
    """
    named = environment.get("STOCKTRACKER_SECRETS", "").strip()
    path = Path(named) if named else secrets
    content = _read_secrets(path, must_exist=bool(named))
    auth = content.get("auth")
    values = {**_texts(content), **_named(environment)}
    values = {name: text.strip() for name, text in values.items() if text.strip()}
    key = _key(values.get("ALPHAVANTAGE_API_KEY"))
    plan = _plan(values.get("STOCKTRACKER_PLAN"), demo=key is None)
    limits = _limits(values.get("STOCKTRACKER_LIMITS"), plan)
    store, shared = parse_store(values.get("STOCKTRACKER_STORE"))
    return Settings(
        plan=plan,
        limits=limits,
        liveness=_liveness(values.get("STOCKTRACKER_ENTITLEMENT"), plan),
        refresh=timedelta(
            seconds=_whole_number("STOCKTRACKER_REFRESH_SECONDS", values, 20, range(5, 86_401))
        ),
        store=store,
        upstream=_upstream(values.get("STOCKTRACKER_UPSTREAM"), key),
        hours=_hours(values.get("STOCKTRACKER_HOURS"), demo=key is None),
        max_tickers=_whole_number("STOCKTRACKER_MAX_TICKERS", values, 50, range(1, 501)),
        store_warn=_whole_number("STOCKTRACKER_STORE_WARN_MB", values, 2048, range(1, 1_000_001))
        << 20,
        watch=_watch(values.get("STOCKTRACKER_WATCH"), plan),
        max_watched=_whole_number(
            "STOCKTRACKER_MAX_WATCHED",
            values,
            _can_be_watched(plan, limits),
            range(1, MOST_WATCHED + 1),
        ),
        allow=_allow(values.get("STOCKTRACKER_ALLOW")),
        key=key,
        sign_in=_sign_in(values.get("STOCKTRACKER_SIGN_IN"), auth, path),
        api_token=_api_token(values.get("STOCKTRACKER_API_TOKEN")),
        shared=shared,
    )


def _named(environment: Mapping[str, str]) -> dict[str, str]:
    """Our settings among all variables; a misspelt one is an error, not a silent default."""
    for name in environment:
        if name.startswith(PREFIX) and name not in NAMES:
            raise SettingsError(name, "is not a setting", ", ".join(NAMES[1:]))
    return {name: environment[name] for name in NAMES if name in environment}


def _read_secrets(path: Path, *, must_exist: bool) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if must_exist:
            raise SettingsError(
                "STOCKTRACKER_SECRETS", f"there is no file {path}", "a TOML file of text values"
            ) from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        # Not chained: the error's text can quote the line that holds the key.
        raise SettingsError(str(path), "cannot be read", "a TOML file of text values") from None


def _texts(content: Mapping[str, object]) -> dict[str, str]:
    return _named(
        {name: str(value) for name, value in content.items() if not isinstance(value, dict)}
    )


def _key(text: str | None) -> str | None:
    if text is not None and not (text.isascii() and text.isalnum()):
        raise SettingsError(
            "ALPHAVANTAGE_API_KEY", "has characters that no key has", "letters and digits"
        )
    return text


def _plan(text: str | None, *, demo: bool) -> Plan:
    name = text or (DEMO_PLAN if demo else "free")
    if name not in PLANS:
        raise SettingsError("STOCKTRACKER_PLAN", f"{_shown(name)} is not a plan", ", ".join(PLANS))
    return PLANS[name]


def _limits(text: str | None, plan: Plan) -> tuple[Limit, ...]:
    if text is None:
        return plan.limits
    try:
        return parse_limits(text)
    except ValueError:
        raise SettingsError(
            "STOCKTRACKER_LIMITS",
            f"{_shown(text)} cannot be read",
            "a count for second, minute or day, each once, as in 1/second,5/minute,25/day",
        ) from None


def _liveness(text: str | None, plan: Plan) -> Liveness:
    best = plan.liveness
    allowed = {
        Liveness.END_OF_DAY: (),
        Liveness.DELAYED: (Liveness.DELAYED,),
        Liveness.REALTIME: (Liveness.DELAYED, Liveness.REALTIME),
    }[best]
    if text is None:
        return best
    if text not in allowed:
        raise SettingsError(
            "STOCKTRACKER_ENTITLEMENT",
            f"{_shown(text)} cannot be had with the plan {plan.name}",
            " or ".join(allowed) or "nothing: this plan's quotes are of the end of day",
        )
    return Liveness(text)


def _hours(text: str | None, *, demo: bool) -> Hours:
    if text is None:
        # Simulated prices move at any hour, so that a demonstration at night shows something.
        return Hours.ALWAYS if demo else Hours.EXCHANGE
    try:
        return Hours(text)
    except ValueError:
        raise SettingsError(
            "STOCKTRACKER_HOURS", f"{_shown(text)} is neither", " or ".join(Hours)
        ) from None


def _watch(text: str | None, plan: Plan) -> Watch:
    """Tickers, or `all`: which only a plan with bulk quotes can keep up to date.

    In small letters alone, as ALL is a ticker.
    """
    if text is None:
        return Watch()
    if text == "all":
        if Capability.BULK_QUOTES not in plan.capabilities:
            raise SettingsError(
                "STOCKTRACKER_WATCH",
                f"'all' cannot be kept up to date with the plan {plan.name}",
                "tickers, or a plan with bulk quotes",
            )
        return Watch(everything=True)
    return Watch(_tickers("STOCKTRACKER_WATCH", text, more=", or all"))


def _allow(text: str | None) -> frozenset[Ticker] | None:
    return None if text is None else frozenset(_tickers("STOCKTRACKER_ALLOW", text))


def _tickers(name: str, text: str, more: str = "") -> tuple[Ticker, ...]:
    try:
        tickers = [parse_ticker(part) for part in re.split(r"[,;\s]+", text) if part]
    except BadTicker as fault:
        raise SettingsError(
            name,
            f"{_shown(fault.text)} is no ticker",
            f"tickers with commas between them, as in AAPL,MSFT{more}",
        ) from None
    return tuple(dict.fromkeys(tickers))


def _can_be_watched(plan: Plan, limits: tuple[Limit, ...]) -> int:
    """How many tickers the plan can keep up to date: one call a day for each where calls are
    counted by the day, else what an hour's calls go round."""
    if Capability.BULK_QUOTES in plan.capabilities:
        return MOST_WATCHED
    most = min((limit.count * (HOUR / limit.period) for limit in limits), default=MOST_WATCHED)
    day = next((limit.count for limit in limits if limit.period == DAY), None)
    fits = most if day is None else day - NO_CLOSES
    return min(max(int(fits), 1), MOST_WATCHED)


def parse_store(text: str | None, name: str = "STOCKTRACKER_STORE") -> tuple[Path, StoreUrl | None]:
    """A folder, and where several servers share the store its address. Raises SettingsError."""
    usual = Path(platformdirs.user_data_dir("stocktracker", appauthor=False))
    if text is None:
        return usual, None
    if not is_url(text):
        return Path(text).expanduser(), None
    try:
        return usual, parse_url(text)
    except ValueError as fault:  # whose text has nothing of the address, which may have a password
        raise SettingsError(name, str(fault), ALLOWED) from None


def _upstream(text: str | None, key: str | None) -> str:
    """The query URL. Plain http would show the key to the network, so it is for loopback alone."""
    if text is None:
        return ALPHA_VANTAGE
    allowed = "an https address; an http one only on this machine (127.0.0.1, localhost)"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise SettingsError(
            "STOCKTRACKER_UPSTREAM", "is not a plain web address", allowed
        ) from None
    if key is None:
        raise SettingsError(
            "STOCKTRACKER_UPSTREAM", "is set but there is no ALPHAVANTAGE_API_KEY", "both or none"
        )
    if parts.username or parts.password or parts.query or parts.fragment or not parts.hostname:
        raise SettingsError("STOCKTRACKER_UPSTREAM", "is not a plain web address", allowed)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname)):
        return text
    raise SettingsError("STOCKTRACKER_UPSTREAM", "would send the key in the open", allowed)


def _sign_in(text: str | None, auth: object, path: Path) -> SignIn | None:
    """Who may come in; None where everybody who can reach the server may."""
    if text is None:
        if auth is not None:
            # Whoever has set up a provider believes that visitors have to sign in.
            raise SettingsError(
                "STOCKTRACKER_SIGN_IN",
                f"is not set, though {path} has a section [auth], so that nobody would have to "
                "sign in",
                f"{ALLOWED_PEOPLE}; or no section [auth]",
            )
        return None
    try:
        emails, domains = parse_people(text)
    except ValueError as fault:
        raise SettingsError(
            "STOCKTRACKER_SIGN_IN",
            f"{_shown(str(fault))} is neither an e-mail address nor an @domain",
            ALLOWED_PEOPLE,
        ) from None
    section = auth if isinstance(auth, dict) else None
    wrong = fault_in_auth(section)
    if section is None or wrong:
        raise SettingsError(
            "STOCKTRACKER_SIGN_IN",
            f"is set, but {path} {wrong}",
            "redirect_uri, cookie_secret, client_id, client_secret and server_metadata_url of "
            "your OpenID Connect provider in [auth], as README.md shows",
        )
    return SignIn(emails, domains, section)


def _api_token(text: str | None) -> str | None:
    if text is not None and not is_good_token(text):
        raise SettingsError(
            "STOCKTRACKER_API_TOKEN",
            "is too short, or has characters that no token has",
            f"at least {SHORTEST_TOKEN} letters, digits and - . _ ~ + /",
        )
    return text


def _whole_number(name: str, values: Mapping[str, str], default: int, allowed: range) -> int:
    text = values.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) not in allowed:
        raise SettingsError(
            name,
            f"{_shown(text)} cannot be used",
            f"a whole number from {allowed[0]} to {allowed[-1]}",
        )
    return int(text)


def _shown(text: str) -> str:
    """What was set, for the message; but not what might be a key, set in the wrong place."""
    return "a long value" if re.fullmatch(r"[A-Za-z0-9]{12,}", text) else repr(text[:80])
