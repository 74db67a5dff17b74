"""An OpenID Connect provider on loopback, for tests: it signs in whomever it is told to.

Discovery, keys, authorisation with PKCE and tokens are as the specification has them, signed by
joserfc; what a claim says, and what is wrong with a token, a test decides.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.server import LOOPBACK, free_port

CLIENT = "stocktracker"
CLIENT_SECRET = "sentinelclientsecret"
COOKIE_SECRET = "sentinelcookiesecret-0123456789-0123456789"
Claims = dict[str, Any]


class Provider:
    """A running provider. `person` is who sits before the browser; `spoil` ruins what is signed."""

    def __init__(self) -> None:
        self.url = f"http://{LOOPBACK}:{free_port()}"
        self.person: Claims = {}
        self.spoil: Callable[[Claims], None] | None = None
        self.signs_with_its_own_key = True
        self._key = RSAKey.generate_key(2048, {"kid": "ours"})
        self._foreign = RSAKey.generate_key(2048, {"kid": "ours"})
        self._asked: dict[str, Mapping[str, str]] = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/jwks", self._jwks),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    def auth_section(self) -> str:
        """What secrets.toml needs for it."""
        return "\n".join(
            [
                "[auth]",
                f'redirect_uri = "http://{LOOPBACK}:{{port}}/oauth2callback"',
                f'cookie_secret = "{COOKIE_SECRET}"',
                f'client_id = "{CLIENT}"',
                f'client_secret = "{CLIENT_SECRET}"',
                f'server_metadata_url = "{self.url}/.well-known/openid-configuration"',
            ]
        )

    def _discovery(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    def _jwks(self, _request: Request) -> Response:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    def _authorize(self, request: Request) -> Response:
        """There is nobody to ask for a password: straight back, with a code."""
        asked = dict(request.query_params)
        if asked["client_id"] != CLIENT or "openid" not in asked["scope"].split():
            return Response("no such client", 400)
        code = secrets.token_urlsafe()
        self._asked[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", 302)

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        asked = self._asked.pop(str(form["code"]))
        known = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if request.headers["authorization"] != f"Basic {known}":
            return JSONResponse({"error": "invalid_client"}, 401)
        if challenge != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "1",
            "iat": now,
            "exp": now + 3600,
            "nonce": asked["nonce"],
            **self.person,
        }
        if self.spoil:
            self.spoil(claims)
        key = self._key if self.signs_with_its_own_key else self._foreign
        return JSONResponse(
            {
                "access_token": secrets.token_urlsafe(),
                "token_type": "Bearer",
                "expires_in": 3600,
                "id_token": jwt.encode({"alg": "RS256", "kid": "ours"}, claims, key),
            }
        )


@contextmanager
def providing() -> Iterator[Provider]:
    provider = Provider()
    port = int(provider.url.rpartition(":")[2])
    server = uvicorn.Server(
        uvicorn.Config(
            provider.app, host=LOOPBACK, port=port, log_config=None, lifespan="off", ws="none"
        )
    )
    thread = threading.Thread(target=server.run, name="provider", daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join(10)
