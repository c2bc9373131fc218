"""`/about`: which versions this LRS speaks (xAPI 1.0.3 Communication 2.8)."""

from __future__ import annotations

from starlette.responses import Response

from lrs.protocol import Call, json_response

VERSIONS = ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0"]


async def get(call: Call) -> Response:
    call.parameters(frozenset())
    return json_response({"version": VERSIONS, "extensions": {}})
