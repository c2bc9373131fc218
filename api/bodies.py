"""Bodies of the API's requests: small and in time, or refused before any route sees them."""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_MAX_BYTES = 16 * 1024
"""Log-ins and token requests: there is nothing larger to be sent here."""


class SmallBodies:
    """Reads each body before it is passed on: 413 beyond BODY_MAX_BYTES, 408 if it is not there in `seconds`."""

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await _read(receive)
        except TimeoutError:
            await _refuse(408, "The body did not come in time.", scope, receive, send)
            return
        if body is None:
            await _refuse(413, f"The body is larger than {BODY_MAX_BYTES} bytes.", scope, receive, send)
            return
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, again, send)


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None as soon as it is too large."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_MAX_BYTES:
            return None
    return body


async def _refuse(status: int, what: str, scope: Scope, receive: Receive, send: Send) -> None:
    """The rest of the body is not read, so the connection cannot go on."""
    response = JSONResponse({"error": what}, status_code=status, headers={"Connection": "close"})
    await response(scope, receive, send)
