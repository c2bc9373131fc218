"""`/about`: which versions this LRS speaks (xAPI 1.0.3 Communication 2.8)."""

from __future__ import annotations

from starlette.responses import Response

from lrs.answers import json_response
from lrs.protocol import Call

VERSIONS = ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0"]


async def get(call: Call) -> Response:
    call.parameters(frozenset())
    return json_response({"version": VERSIONS, "extensions": {}})
