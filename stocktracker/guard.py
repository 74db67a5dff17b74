"""The gate of what is no page: /api and /metrics ask for a token, Streamlit's files for a sign-in.

Works on HTTP requests alone. It never draws, and never tells which part of a token is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from stocktracker.runtime import current_runtime
from stocktracker.signin import Admission, admit, is_token

# What a page offers for download, and what a visitor has uploaded: Streamlit serves both to
# everybody who knows the address.
FILES = ("/media/", "/_stcore/upload_file")
FIGURES = "/_stcore/metrics"


def is_closed() -> bool:
    """Whether figures are for those alone who have a token."""
    settings = current_runtime().settings
    return settings.sign_in is not None or settings.api_token is not None


def is_let_in(request: Request) -> bool:
    """Whether this request may see figures."""
    if not is_closed():
        return True
    token = current_runtime().settings.api_token
    return is_token(request.headers.get("authorization"), token)


def guarded(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """A route that answers 401 to who has no token, where one is needed."""

    def answer_if_let_in(request: Request) -> Response:
        return answer(request) if is_let_in(request) else refusal()

    return answer_if_let_in


def refusal() -> Response:
    """One answer, whatever is wrong: no token, a wrong one, or none that could be right."""
    return PlainTextResponse(
        "a bearer token is needed\n", status_code=401, headers={"WWW-Authenticate": "Bearer"}
    )


def is_signed_in(request: Request) -> bool:
    """Whether the request has the cookie of somebody who is admitted."""
    runtime = current_runtime()
    people = runtime.settings.sign_in
    if people is None:
        return True

    def signed(name: str) -> bytes | None:
        value = request.cookies.get(name)
        if value is None:
            return None
        return decode_signed_value(get_cookie_secret(), name, value.encode("latin-1"))

    content = get_cookie_with_chunks(signed, USER_COOKIE_NAME)
    try:
        claims = json.loads(content or b"{}")
    except ValueError:
        return False
    return isinstance(claims, dict) and admit(claims, people, runtime.now()) is Admission.ADMITTED


class Guard:
    """In front of Streamlit's own routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: Callable[[Scope, Receive, Send], Awaitable[None]] = self._app
        if scope["type"] == "http":
            path, request = _path(scope), Request(scope)
            if path.startswith(FILES) and not is_signed_in(request):
                answer = PlainTextResponse("sign in first\n", status_code=403)
            elif path.startswith(FIGURES) and not is_let_in(request):
                answer = refusal()
        await answer(scope, receive, send)


def _path(scope: Scope) -> str:
    """Without Streamlit's base path, where there is one."""
    path, base = str(scope["path"]), str(st.get_option("server.baseUrlPath") or "").strip("/")
    return path.removeprefix(f"/{base}") if base else path


GUARD = [Middleware(Guard)]
