"""The LRS as an ASGI application: which address leads to which resource, and what lives as long as the process."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from learnlake.settings import Settings
from lrs.answers import SECTION_ERRORS, ApiError
from lrs.authentication import Authenticator
from lrs.metrics import Metrics
from lrs.protocol import CONSISTENT_THROUGH, VERSION_HEADER, Handler, Service, base_version, resource
from lrs.resources import about, activities, agents, operations, statements
from lrs.resources.documents import ACTIVITY_PROFILE, AGENT_PROFILE, STATE
from lrs.statement import Version
from lrs.store import Store

BASES = ("/xapi", "/xapi/2.0")
Table = Sequence[tuple[str, str, Mapping[str, Handler]]]
"""Address below the base, name in the metrics, and what answers each method."""

# Tried in order: what is asked most stands first, what takes everything stands last.
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
_ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]


def create_app(settings: Settings) -> Starlette:
    """The application; its store is opened when it starts and closed, with all accepted work done, when it stops."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        store = Store(settings)
        app.state.service = Service(settings, store, Authenticator(settings, store), Metrics(store))
        try:
            yield
        finally:
            store.close()

    routes: list[BaseRoute] = [
        Route(f"{base}/{path}", resource(name, base, handlers), methods=_ANY_METHOD)
        for path, name, handlers in RESOURCES
        for base in BASES
    ]
    routes += [
        Route(f"{base}/{path}", resource(name, base, handlers, is_open=True), methods=_ANY_METHOD)
        for base in BASES[::-1]
        for path, name, handlers in OPEN_RESOURCES
    ]
    routes += [
        Route("/health", operations.health),
        Route("/ready", operations.ready),
        Route("/metrics", operations.metrics),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[_cors()],
        exception_handlers={HTTPException: _outside_resources, Exception: _broken},
    )
    app.router.redirect_slashes = False
    return app


async def _outside_resources(request: Request, error: Exception) -> Response:
    """A method or an address that no resource takes; like every answer it names the version."""
    assert isinstance(error, HTTPException)
    response = ApiError(error.status_code, error.detail, SECTION_ERRORS, headers=error.headers).response()
    response.headers[VERSION_HEADER] = base_version(request.url.path).value
    return response


async def _broken(request: Request, error: Exception) -> Response:
    """A defect of ours. The log has it; the answer keeps the standard's form."""
    return await _outside_resources(request, HTTPException(500, "the LRS failed; its log says how"))


class _Cors(CORSMiddleware):
    """Content in a browser may speak to the LRS from any place; it shows a credential, never a cookie."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        response.headers[VERSION_HEADER] = Version.V1.value
        return response


def _cors() -> Middleware:
    return Middleware(
        _Cors,
        allow_origins=["*"],
        allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"],
        allow_headers=["*", "Authorization", "Content-Type", "If-Match", "If-None-Match", VERSION_HEADER],
        expose_headers=["ETag", "Last-Modified", "Content-Length", VERSION_HEADER, CONSISTENT_THROUGH],
        max_age=86_400,
    )
