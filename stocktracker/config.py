"""Settings from the environment and .streamlit/secrets.toml, checked once, at start.

The environment wins over the file. An empty value counts as not set. Whatever is wrong is said as
a SettingsError that names the setting and what is allowed; the key itself is never part of it.
"""

from __future__ import annotations

import ipaddress
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
from stocktracker.model import Ticker, parse_ticker
from stocktracker.plans import PLANS, Capability, Limit, Liveness, Plan, parse_limits

ALPHA_VANTAGE = "https://www.alphavantage.co/query"
SECRETS = Path(".streamlit/secrets.toml")
DEMO_PLAN = "premium-150"

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
)
PREFIX = "STOCKTRACKER_"


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
    """Checked settings. `key` is None in demo mode, which answers from simulated prices."""

    plan: Plan
    limits: tuple[Limit, ...]
    liveness: Liveness
    refresh: timedelta
    store: Path
    upstream: str
    hours: Hours
    max_tickers: int
    watch: Watch = Watch()
    store_warn: int = 2048 << 20  # bytes from which on the store's size is remarked on
    key: str | None = field(default=None, repr=False)

    @property
    def demo(self) -> bool:
        return self.key is None


def load_settings(environment: Mapping[str, str], secrets: Path = SECRETS) -> Settings:
    """Read and check every setting. Raises SettingsError for the first wrong one."""
    values = {**_read_secrets(secrets), **_named(environment)}
    values = {name: text.strip() for name, text in values.items() if text.strip()}
    key = _key(values.get("ALPHAVANTAGE_API_KEY"))
    plan = _plan(values.get("STOCKTRACKER_PLAN"), demo=key is None)
    return Settings(
        plan=plan,
        limits=_limits(values.get("STOCKTRACKER_LIMITS"), plan),
        liveness=_liveness(values.get("STOCKTRACKER_ENTITLEMENT"), plan),
        refresh=timedelta(
            seconds=_whole_number("STOCKTRACKER_REFRESH_SECONDS", values, 20, range(5, 86_401))
        ),
        store=_store(values.get("STOCKTRACKER_STORE")),
        upstream=_upstream(values.get("STOCKTRACKER_UPSTREAM"), key),
        hours=_hours(values.get("STOCKTRACKER_HOURS"), demo=key is None),
        max_tickers=_whole_number("STOCKTRACKER_MAX_TICKERS", values, 50, range(1, 501)),
        store_warn=_whole_number("STOCKTRACKER_STORE_WARN_MB", values, 2048, range(1, 1_000_001))
        << 20,
        watch=_watch(values.get("STOCKTRACKER_WATCH"), plan),
        key=key,
    )


def _named(environment: Mapping[str, str]) -> dict[str, str]:
    """Our settings among all variables; a misspelt one is an error, not a silent default."""
    for name in environment:
        if name.startswith(PREFIX) and name not in NAMES:
            raise SettingsError(name, "is not a setting", ", ".join(NAMES[1:]))
    return {name: environment[name] for name in NAMES if name in environment}


def _read_secrets(path: Path) -> dict[str, str]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        # Not chained: the error's text can quote the line that holds the key.
        raise SettingsError(str(path), "cannot be read", "a TOML file of text values") from None
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
    try:
        tickers = [parse_ticker(part) for part in re.split(r"[,;\s]+", text) if part]
    except BadTicker as fault:
        raise SettingsError(
            "STOCKTRACKER_WATCH",
            f"{_shown(fault.text)} is no ticker",
            "tickers with commas between them, as in AAPL,MSFT, or all",
        ) from None
    return Watch(tuple(dict.fromkeys(tickers)))


def _store(text: str | None) -> Path:
    if text is None:
        return Path(platformdirs.user_data_dir("stocktracker", appauthor=False))
    if "://" in text:
        raise SettingsError("STOCKTRACKER_STORE", f"{_shown(text)} is an address", "a folder")
    return Path(text).expanduser()


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
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname)):
        return text
    raise SettingsError("STOCKTRACKER_UPSTREAM", "would send the key in the open", allowed)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
