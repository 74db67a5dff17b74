"""Sign-in, against a provider on loopback: who is let in, who is not, and what is closed then.

The server, the provider and the websocket are real; the browser is one only where it says so.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import expect

from tests.provider import CLIENT_SECRET, COOKIE_SECRET, Claims, Provider, providing
from tests.server import KEY, App, Session, Upstream, simulating, starting_apps, until
from tests.test_browser import LATE, Open, chromium, open_page  # noqa: F401

ANN: Claims = {"email": "Ann@Example.com", "email_verified": True}
TOKEN = "sentinel-token-0123456789"
LINK = "tickers=AAPL"
PAGES = ("", "history", "compare", "company", "market", "status")
USER = "_streamlit_user"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providing() as provider:
        yield provider


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with simulating("premium-75") as upstream:
        yield upstream


@pytest.fixture(scope="module")
def app(
    provider: Provider, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[App]:
    """Ann and everybody of example.org may come in."""
    folder = tmp_path_factory.mktemp("gate")
    with starting_apps(folder) as start:
        yield start(
            **upstream.settings,
            **signing_in(folder, provider),
            STOCKTRACKER_API_TOKEN=TOKEN,
            flags=("--logger.level=debug",),
        )


@pytest.fixture(autouse=True)
def _as_it_was(provider: Provider) -> Iterator[None]:
    yield
    provider.person, provider.spoil, provider.signs_with_its_own_key = {}, None, True


def signing_in(folder: Path, provider: Provider) -> dict[str, str]:
    secrets = folder / "secrets.toml"
    secrets.write_text(provider.auth_section(), encoding="utf-8")
    return {
        "STOCKTRACKER_SIGN_IN": "ann@example.com,@example.org",
        "STOCKTRACKER_SECRETS": str(secrets),
    }


def metric(app: App, name: str) -> float:
    reply = requests.get(
        f"{app.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10
    )
    found = re.search(rf"^stocktracker_{name} (\S+)$", reply.text, re.MULTILINE)
    assert found, reply.text
    return float(found[1])


def sign_in(app: App, provider: Provider, person: Claims) -> requests.Session:
    """Press the button, follow the way to the provider and back; the browser's cookies."""
    provider.person = person
    browser = requests.Session()
    browser.get(f"{app.url}/_stcore/health", timeout=10)  # which gives the cookie against forgery
    browser.get(f"{app.url}/_stcore/host-config", timeout=10)
    with Session(app, cookies=cookies(browser)) as session:
        session.press("Sign in")
        path = session.sent_to()
    there = browser.get(app.url + path, timeout=10, allow_redirects=False)
    assert urlsplit(there.headers["location"]).netloc == urlsplit(provider.url).netloc
    browser.get(there.headers["location"], timeout=10)
    return browser


def cookies(browser: requests.Session) -> dict[str, str]:
    return {cookie.name: str(cookie.value) for cookie in browser.cookies}


def sees_nothing(session: Session, app: App) -> None:
    """Not a ticker, not a price, and nothing is wanted."""
    assert [text for text in ("AAPL", "Apple", "USD", "calls left") if session.says(text)] == []
    assert session.multiselects() == []
    assert session.timers == {}
    assert metric(app, "viewers") == 0
    assert metric(app, "watched_tickers") == 0


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_sees_one_button_and_wants_nothing(
    page: str, app: App, upstream: Upstream
) -> None:
    before = upstream.count()
    with Session(app, LINK, page) as session:
        assert session.says("Sign in to see prices.")
        session.rerun()
        session.clear_cache()
        session.rerun()
        sees_nothing(session, app)
    assert upstream.count() == before


@pytest.mark.parametrize(
    "person",
    [ANN, {"email": "bob@example.org", "email_verified": "true"}],
    ids=["address", "domain"],
)
def test_who_is_on_the_list_sees_prices(person: Claims, app: App, provider: Provider) -> None:
    browser = sign_in(app, provider, person)
    with Session(app, LINK, cookies=cookies(browser)) as session:
        assert session.says("AAPL")
        assert session.says("Sign out")
        until(lambda: metric(app, "watched_tickers") == 1, within=5)
    until(lambda: metric(app, "watched_tickers") == 0, within=5)


REFUSED: dict[str, Claims] = {
    "not-listed": {"email": "bob@example.com", "email_verified": True},
    "prefix": {"email": "ann@evil-example.com", "email_verified": True},
    "suffix": {"email": "ann@example.com.evil", "email_verified": True},
    "two-ats": {"email": "bob@evil.com@example.org", "email_verified": True},
    "unverified": {"email": "ann@example.com", "email_verified": False},
    "not-vouched-for": {"email": "ann@example.com"},
    "no-address": {"email_verified": True},
    "markdown": {"email": "![](http://evil.example/x.png)", "email_verified": True},
}


@pytest.mark.parametrize("who", REFUSED)
def test_who_is_not_on_the_list_is_told_so_and_can_sign_out(
    who: str, app: App, provider: Provider, upstream: Upstream
) -> None:
    before = upstream.count()
    browser = sign_in(app, provider, REFUSED[who])
    with Session(app, LINK, cookies=cookies(browser)) as session:
        assert session.says("the list of those who may come in")
        assert not session.says("evil")
        sees_nothing(session, app)
        session.press("Sign out")
        assert session.sent_to() == "/auth/logout"
    gone = browser.get(f"{app.url}/auth/logout", timeout=10)
    assert gone.ok
    assert USER not in cookies(browser)
    assert upstream.count() == before


def an_hour_old(claims: Claims) -> None:
    claims["iat"], claims["exp"] = claims["iat"] - 7200, claims["exp"] - 7200


FORGED: dict[str, Callable[[Claims], None]] = {
    "another nonce": lambda claims: claims.update(nonce="x"),
    "another client": lambda claims: claims.update(aud="x"),
    "another issuer": lambda claims: claims.update(iss="http://evil.example"),
    "expired": an_hour_old,
}


@pytest.mark.parametrize("how", [*FORGED, "another key"])
def test_a_token_that_is_not_right_signs_nobody_in(how: str, app: App, provider: Provider) -> None:
    provider.spoil = FORGED.get(how)
    provider.signs_with_its_own_key = how != "another key"
    browser = sign_in(app, provider, ANN)
    assert USER not in cookies(browser)


def test_a_cookie_of_ones_own_making_signs_nobody_in(app: App, provider: Provider) -> None:
    browser = sign_in(app, provider, ANN)
    good = cookies(browser)
    content, _, signature = good[USER].partition(".")
    for forged in (
        {**good, USER: f"{content}x.{signature}"},
        {**good, USER: good[USER][:-3]},
        {**good, USER: '{"is_logged_in": true, "email": "ann@example.com"}'},
        {name: value for name, value in good.items() if name != "_streamlit_xsrf"},
    ):
        with Session(app, LINK, cookies=forged) as session:
            assert session.says("Sign in to see prices.")
            sees_nothing(session, app)


def test_a_sign_in_that_ends_stops_an_open_page_at_its_next_tick(
    app: App, provider: Provider
) -> None:
    """It lasts a week from when the provider said so, and this one has some seconds left."""
    week = 7 * 86_400
    browser = sign_in(app, provider, {**ANN, "iat": int(time.time()) - week + 6})
    with Session(app, LINK, cookies=cookies(browser)) as session:
        assert session.timers
        until(lambda: metric(app, "watched_tickers") == 1, within=5)

        def has_ended() -> bool:
            session.tick()
            return session.says("Your sign-in has ended.")

        until(has_ended, within=20)
        assert session.timers == {}
        until(lambda: metric(app, "watched_tickers") == 0, within=5)


def test_who_signs_out_stops_in_the_page_that_is_open(app: App, provider: Provider) -> None:
    browser = sign_in(app, provider, ANN)
    with Session(app, LINK, cookies=cookies(browser)) as session:
        fragments = dict(session.timers)
        session.press("Sign out")
        assert session.sent_to() == "/auth/logout"
        session.timers = fragments  # a client that goes on all the same
        session.tick()
        assert session.says("Sign in to see prices.")
        until(lambda: metric(app, "watched_tickers") == 0, within=5)


def test_a_download_is_for_who_has_signed_in(app: App, provider: Provider) -> None:
    browser = sign_in(app, provider, ANN)
    path = "/media/0123456789abcdef.csv"
    assert requests.get(app.url + path, timeout=10).status_code == 403
    assert browser.get(app.url + path, timeout=10).status_code == 404  # there is no such file
    stranger = sign_in(app, provider, REFUSED["not-listed"])
    assert stranger.get(app.url + path, timeout=10).status_code == 403
    upload = requests.put(f"{app.url}/_stcore/upload_file/x/y", data=b"x", timeout=10)
    assert upload.status_code == 403


CLOSED = ("/metrics", "/api/quotes", "/api/history/AAPL.csv", "/_stcore/metrics")


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize(
    "offered",
    [None, "Bearer", "Bearer wrong-token-0123456789", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}"],
)
def test_figures_need_the_token(offered: str | None, path: str, app: App) -> None:
    reply = requests.get(
        app.url + path, headers={"Authorization": offered} if offered else {}, timeout=10
    )
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.text == "a bearer token is needed\n"


@pytest.mark.parametrize("path", CLOSED)
def test_a_cookie_is_no_token(path: str, app: App, provider: Provider) -> None:
    """Else another site could have a signed-in browser fetch it."""
    assert sign_in(app, provider, ANN).get(app.url + path, timeout=10).status_code == 401


@pytest.mark.parametrize("path", CLOSED)
def test_the_token_opens_figures(path: str, app: App) -> None:
    reply = requests.get(app.url + path, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
    assert reply.status_code in (200, 404)  # there may be no history yet


def test_healthz_says_to_strangers_only_whether_all_is_well(app: App) -> None:
    assert app.get("/healthz").json() == {"ok": True}
    told = requests.get(
        f"{app.url}/healthz", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10
    ).json()
    assert told["poller"]["alive"] is True


def test_without_sign_in_a_token_alone_closes_figures_and_no_page(tmp_path: Path) -> None:
    with starting_apps(tmp_path) as start:
        app = start(STOCKTRACKER_API_TOKEN=TOKEN)
        assert [app.get(path).status_code for path in CLOSED] == [401] * 4
        assert app.get("/healthz").json() == {"ok": True}
        with Session(app, LINK) as session:
            assert session.says("AAPL")
            assert not session.says("Sign out")


def test_without_a_token_sign_in_closes_figures_for_good(
    tmp_path: Path, provider: Provider
) -> None:
    with starting_apps(tmp_path) as start:
        app = start(**signing_in(tmp_path, provider))
        for offered in ({}, {"Authorization": "Bearer None"}, {"Authorization": "Bearer "}):
            for path in CLOSED:
                reply = requests.get(app.url + path, headers=offered, timeout=10)
                assert reply.status_code == 401


def test_a_wrong_sign_in_ends_the_program_with_a_word(tmp_path: Path) -> None:
    with starting_apps(tmp_path) as start:
        app = start(wait=False, STOCKTRACKER_SIGN_IN="@example.org")
        assert app.wait(30) == 2
        assert "STOCKTRACKER_SIGN_IN: is set, but" in app.log
        assert "Traceback" not in app.log


def test_nothing_secret_is_in_the_log_or_on_the_wire(app: App, provider: Provider) -> None:
    browser = sign_in(app, provider, ANN)
    with Session(app, LINK, "status", cookies=cookies(browser)) as session:
        sent = b"".join(session.received).decode("latin-1")
    for secret in (KEY, TOKEN, COOKIE_SECRET, CLIENT_SECRET):
        assert secret not in app.log
        assert secret not in sent


@pytest.mark.browser
def test_in_a_browser_one_signs_in_sees_prices_and_signs_out(
    app: App,
    provider: Provider,
    open_page: Open,  # noqa: F811
) -> None:
    provider.person = ANN
    page = open_page(f"{app.url}/?{LINK}")
    expect(page.get_by_text("Sign in to see prices.")).to_be_visible(timeout=LATE)
    expect(page.get_by_text("AAPL")).to_have_count(0)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("calls left this minute")).to_be_visible(timeout=LATE)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Sign in to see prices.")).to_be_visible(timeout=LATE)
    expect(page.get_by_text("calls left this minute")).to_have_count(0)
