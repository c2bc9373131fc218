"""The LRS as an ASGI application: which address leads to which resource, and what lives as long as the process."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route

from learnlake.settings import Settings
from lrs.authentication import Authenticator
from lrs.metrics import Metrics
from lrs.protocol import Service, resource
from lrs.resources import about, operations, statements
from lrs.store import Store

BASES = ("/xapi/2.0", "/xapi")
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

    routes: list[BaseRoute] = [
        Route("/health", operations.health),
        Route("/ready", operations.ready),
        Route("/metrics", operations.metrics),
    ]
    for base in BASES:
        routes += [
            Route(
                f"{base}/about",
                resource("about", base, {"GET": about.get}, is_open=True),
                methods=_ANY_METHOD,
            ),
            Route(
                f"{base}/statements",
                resource(
                    "statements",
                    base,
                    {"GET": statements.get, "PUT": statements.put, "POST": statements.post},
                ),
                methods=_ANY_METHOD,
            ),
            Route(
                f"{base}/statements/more/{{token}}",
                resource("statements", base, {"GET": statements.more}),
                methods=_ANY_METHOD,
            ),
        ]
    return Starlette(routes=routes, lifespan=lifespan)
