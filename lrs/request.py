"""One request as the LRS reads it, straight from ASGI: made for every call, so it does nothing before it is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ClientGone(Exception):
    """The client hung up before its body was whole."""


class Request:
    """`headers` are by lower-case name; of a header that is there twice the first counts. `token` is the path's variable end.

    `held_bytes`: how much of its body is in memory, as `lrs.body.Room` counts it.
    """

    __slots__ = ("_receive", "headers", "held_bytes", "method", "scope", "token")

    def __init__(self, scope: Scope, receive: Receive, token: str = "") -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.headers: dict[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])
        }
        self.token = token
        self.held_bytes = 0
        self._receive = receive

    @property
    def query(self) -> list[tuple[str, str]]:
        """The parameters of the query string in their order."""
        text: bytes = self.scope["query_string"]
        return parse_qsl(text.decode("latin-1"), keep_blank_values=True) if text else []

    async def receive(self) -> tuple[bytes, bool]:
        """The next piece of the body, and whether there may be more. Raises ClientGone."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message.get("body", b""), message.get("more_body", False)
