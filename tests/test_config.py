"""Settings: what is taken, what is refused and in which words; and what the plans promise."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from stocktracker.config import ALPHA_VANTAGE, NAMES, Hours, Settings, Watch, load_settings
from stocktracker.errors import SettingsError
from stocktracker.fleet.url import StoreUrl
from stocktracker.plans import (
    DAY,
    MINUTE,
    PLANS,
    RETRY_REFUSED,
    SECOND,
    Capability,
    Limit,
    Liveness,
    Rights,
    parse_limits,
)
from tests.helpers import utc

KEY = "SENTINELKEY12345"
NO_FILE = Path("no such file")


def load(**settings: str) -> Settings:
    """With a key, unless the test says otherwise; names without their prefix."""
    values = {"KEY": KEY, **settings}
    environment = {
        "ALPHAVANTAGE_API_KEY" if name == "KEY" else f"STOCKTRACKER_{name}": value
        for name, value in values.items()
    }
    return load_settings(environment, NO_FILE)


# What is taken


def test_with_a_key_and_nothing_else_it_is_the_free_plan() -> None:
    settings = load()
    assert settings.key == KEY
    assert not settings.demo
    assert settings.plan is PLANS["free"]
    assert settings.limits == PLANS["free"].limits
    assert settings.liveness is Liveness.END_OF_DAY
    assert settings.refresh == timedelta(seconds=20)
    assert settings.upstream == ALPHA_VANTAGE
    assert settings.hours is Hours.EXCHANGE
    assert settings.max_tickers == 50
    assert settings.store.name == "stocktracker"
    assert settings.store.is_absolute()


def test_without_a_key_it_is_a_demonstration_at_any_hour() -> None:
    settings = load(KEY="")
    assert settings.demo
    assert settings.key is None
    assert settings.plan is PLANS["premium-150"]
    assert settings.liveness is Liveness.REALTIME
    assert settings.hours is Hours.ALWAYS


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("PLAN", "premium-75", "plan", PLANS["premium-75"]),
        ("PLAN", "premium-1200", "limits", PLANS["premium-1200"].limits),
        ("PLAN", "  free ", "plan", PLANS["free"]),
        ("LIMITS", "5/minute", "limits", (Limit(5, MINUTE),)),
        (
            "LIMITS",
            " 25/day, 1/second ,5 / minute",
            "limits",
            (Limit(1, SECOND), Limit(5, MINUTE), Limit(25, DAY)),
        ),
        ("REFRESH_SECONDS", "5", "refresh", timedelta(seconds=5)),
        ("REFRESH_SECONDS", "86400", "refresh", timedelta(days=1)),
        ("REFRESH_SECONDS", "", "refresh", timedelta(seconds=20)),
        ("HOURS", "always", "hours", Hours.ALWAYS),
        ("HOURS", "exchange", "hours", Hours.EXCHANGE),
        ("MAX_TICKERS", "1", "max_tickers", 1),
        ("MAX_TICKERS", "500", "max_tickers", 500),
        ("WATCH", "", "watch", Watch()),
        ("WATCH", "aapl, BRK.B;KO  aapl", "watch", Watch(("AAPL", "BRK.B", "KO"))),
        ("WATCH", "ALL", "watch", Watch(("ALL",))),
        ("STORE", "/var/lib/stocktracker", "store", Path("/var/lib/stocktracker")),
        ("STORE", "data", "store", Path("data")),
        ("STORE", "~/data", "store", Path.home() / "data"),
        ("STORE", "~/data", "shared", None),
        ("STORE", "redis://one:6380/2", "shared", StoreUrl((("one", 6380),), database=2)),
        ("UPSTREAM", "https://proxy.example/query", "upstream", "https://proxy.example/query"),
        ("UPSTREAM", "http://127.0.0.1:8080/query", "upstream", "http://127.0.0.1:8080/query"),
        ("UPSTREAM", "http://localhost/query", "upstream", "http://localhost/query"),
        ("UPSTREAM", "http://[::1]:80/query", "upstream", "http://[::1]:80/query"),
        ("UPSTREAM", "   ", "upstream", ALPHA_VANTAGE),
    ],
)
def test_a_setting_is_taken(name: str, text: str, field: str, value: object) -> None:
    assert getattr(load(**{name: text}), field) == value


@pytest.mark.parametrize(
    ("plan", "entitlement", "liveness"),
    [
        ("premium-75", "", Liveness.DELAYED),
        ("premium-75", "delayed", Liveness.DELAYED),
        ("premium-150", "", Liveness.REALTIME),
        ("premium-150", "delayed", Liveness.DELAYED),
        ("premium-150", "realtime", Liveness.REALTIME),
    ],
)
def test_quotes_are_as_live_as_the_plan_allows_and_as_asked(
    plan: str, entitlement: str, liveness: Liveness
) -> None:
    assert load(PLAN=plan, ENTITLEMENT=entitlement).liveness is liveness


def test_the_password_of_a_shared_store_is_a_secret_and_in_no_text() -> None:
    settings = load(STORE="redis://ann:pass%2Fword@one:6380")
    assert "pass/word" in settings.secrets
    assert "pass" not in repr(settings)
    with pytest.raises(SettingsError) as refusal:
        load(STORE="redis://ann:pass%2Fword@one:port")
    assert "pass" not in repr(refusal.value) + refusal.value.words


# What is refused


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("KEY", "abc def", "letters and digits"),
        ("KEY", "abc&apikey=1", "letters and digits"),
        ("KEY", "ключ", "letters and digits"),
        ("PLAN", "premium", "free, premium-75, premium-150"),
        ("PLAN", "Free", "free, premium-75"),
        ("LIMITS", "5", "1/second,5/minute,25/day"),
        ("LIMITS", "0/minute", "1/second,5/minute,25/day"),
        ("LIMITS", "-1/minute", "1/second,5/minute,25/day"),
        ("LIMITS", "5/minute,6/minute", "each once"),
        ("LIMITS", "5/hour", "second, minute or day"),
        ("LIMITS", "5/minute,", "1/second,5/minute,25/day"),
        ("LIMITS", "12345678/day", "1/second,5/minute,25/day"),
        ("LIMITS", "٥/minute", "1/second,5/minute,25/day"),
        ("ENTITLEMENT", "realtime", "nothing: this plan's quotes are of the end of day"),
        ("REFRESH_SECONDS", "4", "a whole number from 5 to 86400"),
        ("REFRESH_SECONDS", "86401", "a whole number from 5 to 86400"),
        ("REFRESH_SECONDS", "20.5", "a whole number"),
        ("REFRESH_SECONDS", "-20", "a whole number"),
        ("REFRESH_SECONDS", "²0", "a whole number"),
        ("MAX_TICKERS", "0", "a whole number from 1 to 500"),
        ("MAX_TICKERS", "501", "a whole number from 1 to 500"),
        ("HOURS", "night", "exchange or always"),
        ("WATCH", "AAPL,<b>", "tickers with commas between them"),
        ("WATCH", "all", "tickers, or a plan with bulk quotes"),
        ("STORE", "http://localhost", "a folder, or the address of a Redis or Valkey server"),
        ("STORE", "redis://localhost:port", "a folder, or the address"),
        ("STORE", "redis+sentinel://localhost", "/SERVICE"),
        ("UPSTREAM", "http://example.com/query", "https address"),
        ("UPSTREAM", "http://192.168.0.1/query", "https address"),
        ("UPSTREAM", "http://127.0.0.1.example.com/query", "https address"),
        ("UPSTREAM", "http://localhost.example.com/query", "https address"),
        ("UPSTREAM", "ftp://127.0.0.1/query", "https address"),
        ("UPSTREAM", "https://user:secret@example.com/query", "https address"),
        ("UPSTREAM", "https://example.com/query?apikey=1", "https address"),
        ("UPSTREAM", "https://example.com/query#here", "https address"),
        ("UPSTREAM", "https:///query", "https address"),
        ("UPSTREAM", "https://[::1/query", "https address"),
        ("UPSTREAM", "https://example.com:port/query", "https address"),
        ("UPSTREAM", "example.com", "https address"),
    ],
)
def test_a_setting_is_refused_by_name_with_what_is_allowed(
    name: str, text: str, allowed: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(**{name: text})
    fault = refusal.value
    assert fault.name == ("ALPHAVANTAGE_API_KEY" if name == "KEY" else f"STOCKTRACKER_{name}")
    assert fault.words.startswith(f"{fault.name}: ")
    assert allowed in fault.words
    assert KEY not in repr(fault) + fault.words
    if name == "KEY":
        assert text not in repr(fault) + fault.words


@pytest.mark.parametrize(
    ("plan", "entitlement", "allowed"),
    [
        ("premium-75", "realtime", "delayed."),
        ("premium-150", "end of day", "delayed or realtime."),
        ("premium-150", "live", "delayed or realtime."),
        ("free", "delayed", "nothing"),
    ],
)
def test_what_the_plan_does_not_have_is_refused(plan: str, entitlement: str, allowed: str) -> None:
    with pytest.raises(SettingsError, match="STOCKTRACKER_ENTITLEMENT.*" + plan) as refusal:
        load(PLAN=plan, ENTITLEMENT=entitlement)
    assert allowed in refusal.value.words


def test_everything_is_watched_where_the_plan_has_bulk_quotes() -> None:
    assert load(PLAN="premium-1200", WATCH="all").watch == Watch(everything=True)
    with pytest.raises(SettingsError, match="cannot be kept up to date with the plan premium-75"):
        load(PLAN="premium-75", WATCH="all")


def test_an_upstream_without_a_key_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"STOCKTRACKER_UPSTREAM.*no ALPHAVANTAGE_API_KEY"):
        load(KEY="", UPSTREAM="https://example.com/query")


def test_a_misspelt_setting_is_an_error_that_lists_the_right_ones() -> None:
    with pytest.raises(SettingsError, match="STOCKTRACKER_LIMIT: is not a setting") as refusal:
        load(LIMIT="5/minute")
    assert all(name in refusal.value.words for name in NAMES if name.startswith("STOCKTRACKER_"))


def test_other_peoples_variables_are_none_of_our_business() -> None:
    assert load_settings({"PATH": "/bin", "stocktracker_plan": "x"}, NO_FILE).demo


# The file


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    return tmp_path / "secrets.toml"


def test_the_file_is_read_where_the_environment_says_nothing(secrets: Path) -> None:
    secrets.write_text(
        f'ALPHAVANTAGE_API_KEY = "{KEY}"\n'
        'STOCKTRACKER_PLAN = "premium-75"\n'
        "STOCKTRACKER_MAX_TICKERS = 7\n"
        'other_library = "x"\n'
        "[connections.db]\n"
        'STOCKTRACKER_NO_SETTING = "of somebody else"\n'
    )
    settings = load_settings({"STOCKTRACKER_PLAN": "premium-150"}, secrets)
    assert settings.key == KEY
    assert settings.plan.name == "premium-150"
    assert settings.max_tickers == 7


def test_an_unknown_name_in_the_file_is_an_error_too(secrets: Path) -> None:
    secrets.write_text('STOCKTRACKER_PLANS = "free"\n')
    with pytest.raises(SettingsError, match="STOCKTRACKER_PLANS"):
        load_settings({}, secrets)


def test_without_a_file_nothing_is_amiss(secrets: Path) -> None:
    assert load_settings({}, secrets).demo


@pytest.mark.parametrize(
    "content",
    [
        f'ALPHAVANTAGE_API_KEY = "{KEY}'.encode(),
        f"ALPHAVANTAGE_API_KEY = {KEY}".encode(),
        b'ALPHAVANTAGE_API_KEY = "\xff\xfe"',
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_not_quoted(content: bytes, secrets: Path) -> None:
    secrets.write_bytes(content)
    with pytest.raises(SettingsError) as refusal:
        load_settings({}, secrets)
    fault = refusal.value
    assert str(secrets) in fault.words
    assert KEY not in fault.words
    assert fault.__cause__ is None
    assert fault.__suppress_context__


def test_a_folder_in_the_files_place_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings({}, tmp_path)


# The key


def test_the_key_is_not_shown() -> None:
    settings = load()
    assert KEY not in repr(settings)
    assert KEY not in str(settings)


def test_the_key_is_not_shown_where_it_is_part_of_the_address() -> None:
    with pytest.raises(SettingsError) as refusal:
        load(UPSTREAM=f"https://example.com/query?apikey={KEY}")
    assert KEY not in repr(refusal.value) + refusal.value.words


# Plans


@pytest.mark.parametrize(
    ("name", "limits", "liveness", "bulk"),
    [
        ("free", "1/1.25s 25/day", Liveness.END_OF_DAY, False),
        ("premium-75", "5/second 75/minute", Liveness.DELAYED, False),
        ("premium-150", "5/second 150/minute", Liveness.REALTIME, True),
        ("premium-300", "20/second 300/minute", Liveness.REALTIME, True),
        ("premium-600", "20/second 600/minute", Liveness.REALTIME, True),
        ("premium-1200", "30/second 1200/minute", Liveness.REALTIME, True),
    ],
)
def test_the_price_list(name: str, limits: str, liveness: Liveness, bulk: bool) -> None:
    plan = PLANS[name]
    assert " ".join(map(str, plan.limits)) == limits
    assert plan.liveness is liveness
    assert (Capability.BULK_QUOTES in plan.capabilities) is bulk
    assert (Capability.INTRADAY in plan.capabilities) is (name != "free")


def test_limits_are_read_shortest_period_first() -> None:
    assert [str(limit) for limit in parse_limits("25/day,1/second")] == ["1/second", "25/day"]


NOW = utc("2026-11-23T15:00")


def test_what_was_refused_is_tried_again_after_thirty_days() -> None:
    rights = Rights(PLANS["premium-150"], Liveness.REALTIME, {})
    assert rights.has(Capability.BULK_QUOTES, NOW)
    refused = rights.without(Capability.BULK_QUOTES, NOW)
    assert not refused.has(Capability.BULK_QUOTES, NOW + RETRY_REFUSED - SECOND)
    assert refused.has(Capability.BULK_QUOTES, NOW + RETRY_REFUSED)
    assert refused.has(Capability.INTRADAY, NOW)
    assert refused.with_proof_of(Capability.BULK_QUOTES).has(Capability.BULK_QUOTES, NOW)


def test_what_the_plan_does_not_have_is_not_had_whatever_was_proved() -> None:
    rights = Rights(PLANS["free"], Liveness.END_OF_DAY, {}).with_proof_of(Capability.INTRADAY)
    assert not rights.has(Capability.INTRADAY, NOW)


@pytest.mark.parametrize(
    ("plan", "entitled", "refused", "liveness"),
    [
        ("free", Liveness.END_OF_DAY, False, Liveness.END_OF_DAY),
        ("premium-75", Liveness.DELAYED, False, Liveness.DELAYED),
        ("premium-150", Liveness.REALTIME, False, Liveness.REALTIME),
        ("premium-150", Liveness.DELAYED, False, Liveness.DELAYED),
        ("premium-150", Liveness.REALTIME, True, Liveness.END_OF_DAY),
    ],
)
def test_quotes_are_of_the_end_of_day_where_live_ones_are_refused(
    plan: str, entitled: Liveness, refused: bool, liveness: Liveness
) -> None:
    rights = Rights(PLANS[plan], entitled, {Capability.LIVE_QUOTES: NOW} if refused else {})
    assert rights.quote_liveness(NOW) is liveness
