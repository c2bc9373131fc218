"""The LRS as an ASGI application: which address leads to which resource, and what lives as long as the process."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route

from learnlake.settings import Settings
from lrs.authentication import Authenticator
from lrs.metrics import Metrics
from lrs.protocol import CONSISTENT_THROUGH, VERSION_HEADER, Handler, Service, resource
from lrs.resources import about, activities, agents, operations, statements
from lrs.resources.documents import ACTIVITY_PROFILE, AGENT_PROFILE, STATE
from lrs.store import Store

BASES = ("/xapi", "/xapi/2.0")
_ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]


def create_app(settings: Settings) -> Starlette:
    """The application; its store is opened when it starts and closed, with all accepted work done, when it stops."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        store = Store(settings)
        app.state.service = Service(settings, store, Authenticator(store), Metrics(store))
        try:
            yield
        finally:
            store.close()

    # Routes are tried in order: what is asked most stands first, what takes everything stands last.
    tables: list[tuple[str, str, Mapping[str, Handler]]] = [
        ("statements", "statements", {"GET": statements.get, "PUT": statements.put, "POST": statements.post}),
        ("activities/state", "state", STATE.handlers),
        ("statements/more/{token}", "statements", {"GET": statements.more}),
        ("activities/profile", "activity_profile", ACTIVITY_PROFILE.handlers),
        ("agents/profile", "agent_profile", AGENT_PROFILE.handlers),
        ("activities", "activities", {"GET": activities.get}),
        ("agents", "agents", {"GET": agents.get}),
    ]
    routes: list[BaseRoute] = [
        Route(f"{base}/{path}", resource(name, base, handlers), methods=_ANY_METHOD)
        for path, name, handlers in tables
        for base in BASES
    ]
    open_tables: list[tuple[str, str, Mapping[str, Handler]]] = [
        ("about", "about", {"GET": about.get}),
        ("{rest:path}", "none", {}),
    ]
    routes += [
        Route(f"{base}/{path}", resource(name, base, handlers, is_open=True), methods=_ANY_METHOD)
        for base in BASES[::-1]
        for path, name, handlers in open_tables
    ]
    routes += [
        Route("/health", operations.health),
        Route("/ready", operations.ready),
        Route("/metrics", operations.metrics),
    ]
    return Starlette(routes=routes, lifespan=lifespan, middleware=[_cors()])


def _cors() -> Middleware:
    """Content in a browser may speak to the LRS from any place; it shows a credential, never a cookie."""
    return Middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"],
        allow_headers=["*", "Authorization", "Content-Type", "If-Match", "If-None-Match", VERSION_HEADER],
        expose_headers=["ETag", "Last-Modified", "Content-Length", VERSION_HEADER, CONSISTENT_THROUGH],
        max_age=86_400,
    )
