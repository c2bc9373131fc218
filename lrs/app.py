"""The LRS as an ASGI application: which address leads to which resource, and what lives as long as the process."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import AsyncIterator, Mapping, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as PageRequest
from starlette.responses import Response
from starlette.routing import Route

from learnlake.settings import Settings
from lrs.answers import SECTION_ERRORS, ApiError
from lrs.authentication import Authenticator
from lrs.body import Room
from lrs.metrics import Metrics
from lrs.protocol import (
    VERSION_HEADER,
    Endpoint,
    Handler,
    Service,
    base_version,
    is_preflight,
    preflight,
    resource,
)
from lrs.request import Receive, Request, Scope, Send
from lrs.resources import about, activities, agents, operations, statements
from lrs.resources.documents import ACTIVITY_PROFILE, AGENT_PROFILE, STATE
from lrs.store import Store

BASES = ("/xapi", "/xapi/2.0")
Table = Sequence[tuple[str, str, Mapping[str, Handler]]]
"""Address below the base (its end may vary), name in the metrics, and what answers each method."""

RESOURCES: Table = [
    ("statements", "statements", {"GET": statements.get, "PUT": statements.put, "POST": statements.post}),
    ("activities/state", "state", STATE.handlers),
    ("statements/more/{token}", "statements", {"GET": statements.more}),
    ("activities/profile", "activity_profile", ACTIVITY_PROFILE.handlers),
    ("agents/profile", "agent_profile", AGENT_PROFILE.handlers),
    ("activities", "activities", {"GET": activities.get}),
    ("agents", "agents", {"GET": agents.get}),
]
OPEN_RESOURCES: Table = [("about", "about", {"GET": about.get}), ("{rest:path}", "none", {})]


class Application:
    """The xAPI resources, found by their path in one look-up; what operators ask and what is nowhere is Starlette's.

    Its store is opened when it starts and closed, with all accepted work done, when it stops.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._exact: dict[str, Endpoint] = {}
        self._open_ended: list[tuple[str, Endpoint]] = []
        for base in BASES:
            for table, is_open in ((RESOURCES, False), (OPEN_RESOURCES, True)):
                for path, name, handlers in table:
                    endpoint = resource(name, base, path, handlers, is_open=is_open)
                    start, brace, _ = f"{base}/{path}".partition("{")
                    if brace:
                        self._open_ended.append((start, endpoint))
                    else:
                        self._exact[start] = endpoint
        self._open_ended.sort(key=lambda item: -len(item[0]))
        self._pages = Starlette(
            routes=[
                Route("/health", operations.health),
                Route("/ready", operations.ready),
                Route("/metrics", operations.metrics),
                Route("/openapi.json", operations.openapi),
            ],
            lifespan=self._lifespan,
            exception_handlers={HTTPException: _outside_resources, Exception: _broken},
        )
        self._pages.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint, rest = self._find(scope["path"]) if scope["type"] == "http" else (None, "")
        if endpoint is None:
            await self._pages(scope, receive, send)
            return
        request = Request(scope, receive, rest)
        if is_preflight(request):
            response = preflight(request)
        else:
            response = await endpoint(self._pages.state.service, request)
        await response(scope, receive, send)

    def _find(self, path: str) -> tuple[Endpoint | None, str]:
        """The resource at `path`, and the rest of the path where that names something."""
        endpoint = self._exact.get(path)
        if endpoint is None:
            for start, open_ended in self._open_ended:
                if path.startswith(start):
                    return open_ended, path.removeprefix(start)
        return endpoint, ""

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        store = Store(self._settings)
        authenticator = Authenticator(self._settings, store)
        metrics, room = Metrics(self._settings, store), Room(self._settings.bodies_max_bytes)
        app.state.service = Service(self._settings, store, authenticator, metrics, room)
        # Thousands of statements are in flight, each some hundred objects and none in a cycle: looking for cycles after every
        # 700 new objects, as Python does by itself, costs an eighth of what storing a batch costs.
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        try:
            yield
        finally:
            store.close()


async def _outside_resources(request: PageRequest, error: Exception) -> Response:
    """A method or an address that no resource takes; like every answer it names the version."""
    assert isinstance(error, HTTPException)
    response = ApiError(error.status_code, error.detail, SECTION_ERRORS, headers=error.headers).response()
    response.headers[VERSION_HEADER] = base_version(request.url.path).value
    return response


async def _broken(request: PageRequest, error: Exception) -> Response:
    """A defect of ours. The log has it; the answer keeps the standard's form."""
    return await _outside_resources(request, HTTPException(500, "the LRS failed; its log says how"))
