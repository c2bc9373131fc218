"""`/health`, `/ready`, `/metrics`, `/openapi.json`: for operators and process managers; no credential, nothing about anybody."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from lrs.answers import json_response
from lrs.forwarding.metrics import exposition
from lrs.openapi import description
from lrs.protocol import Service
from lrs.store.read import last_position
from lrs.store.targets import standings


async def health(request: Request) -> Response:
    """The process answers."""
    return json_response({"status": "ok"})


async def ready(request: Request) -> Response:
    """The store can be read and written."""
    service: Service = request.app.state.service
    if not service.store.is_ready:
        return json_response({"status": "the writer has stopped"}, status=503)
    seq, _ = await service.store.read(last_position)
    return json_response({"status": "ready", "last_seq": seq})


async def openapi(request: Request) -> Response:
    """The description of all this."""
    service: Service = request.app.state.service
    return json_response(description(service.settings))


async def metrics(request: Request) -> Response:
    """What this process has counted, and how far the lake is behind."""
    service: Service = request.app.state.service
    await service.metrics.lag.refresh()
    forwarding = exposition(await service.store.read(standings))
    return PlainTextResponse(service.metrics.text() + forwarding, media_type="text/plain; version=0.0.4")
