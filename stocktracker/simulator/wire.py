"""Puts answers on the wire, the broken ones included: late, drop by drop, or torn off."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stocktracker.simulator.bodies import Answer
from stocktracker.simulator.faults import BOMB_MEMBERS, HUGE, MEGABYTE, Wire, bomb_member

DROP = 64
FOREVER = timedelta(days=365)
REDIRECTED = "/redirected"
# Where the server leaves the connection's transport, for those who want to tear it.
TRANSPORT = "transport"


class WiredResponse(Response):
    """An answer together with the manner in which it is sent."""

    def __init__(self, answer: Answer, wire: Wire, pause: timedelta) -> None:
        headers = {"Content-Type": answer.media_type, "Vary": "Cookie, Origin"}
        status = answer.status
        if wire is Wire.REDIRECT:
            status, headers["Location"] = 302, REDIRECTED
        if wire is Wire.BOMB:
            headers["Content-Encoding"] = "gzip"
        super().__init__(answer.body, status, headers)
        if wire in (Wire.HUGE, Wire.BOMB):
            del self.headers["Content-Length"]
        self._wire = wire
        self._pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._wire is Wire.STALLED:
            await wait(receive, FOREVER)
            return
        if self._wire is Wire.DELAYED and not await wait(receive, self._pause):
            return
        if self._wire in (Wire.NORMAL, Wire.DELAYED, Wire.REDIRECT) or scope["method"] == "HEAD":
            await super().__call__(scope, receive, send)
            return
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        if self._wire is Wire.CUT:
            await self._tear(scope, receive, send)
        elif self._wire is Wire.DRIPPING:
            await self._drip(receive, send)
        else:
            await self._flood(send)

    async def _tear(self, scope: Scope, receive: Receive, send: Send) -> None:
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        scope["state"][TRANSPORT].close()
        await wait(receive, FOREVER)

    async def _drip(self, receive: Receive, send: Send) -> None:
        body = bytes(self.body)
        for start in range(0, len(body), DROP):
            if start and not await wait(receive, self._pause):
                return
            await send(_part(body[start : start + DROP]))
        await send({"type": "http.response.body"})

    async def _flood(self, send: Send) -> None:
        is_bomb = self._wire is Wire.BOMB
        part, times = (
            (bomb_member(), BOMB_MEMBERS) if is_bomb else (b" " * MEGABYTE, HUGE // MEGABYTE)
        )
        for _ in range(times):
            await send(_part(part))
            # Lets the loop notice that the client has gone, after which nothing more is written.
            await asyncio.sleep(0)
        await send({"type": "http.response.body"})


async def wait(receive: Receive, pause: timedelta) -> bool:
    """Let time pass; False, and at once, when the client has gone."""
    try:
        async with asyncio.timeout(pause.total_seconds()):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return True
    return False


def _part(body: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": True}
