"""The HTTP API beside the LRS: log in, then read the marts as far as the policy lets you. Every row comes through the door.

A route takes a request apart and puts an answer together; who may see what is `people.policy`'s and the door's business.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pyarrow as pa
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api import oneroster, openapi, predictions, scim
from api.bodies import SmallBodies
from learnlake import audit, bearer
from learnlake.errors import (
    AccessError,
    InputError,
    LearnlakeError,
    ModelError,
    PipelineError,
    UnreachableError,
)
from learnlake.settings import Settings, get_settings
from people import policy, sessions, tokens
from people.db import open_people
from people.sessions import Viewer
from warehouse import export, snapshot
from warehouse.door import Door
from warehouse.snapshot import Build

ROWS_DEFAULT = 1_000
ROWS_MAX = 1_000_000
"""Most rows of one answer; the header `X-Is-Truncated` says whether there are more."""
SCOPE = "records/read"
"""What an OpenID provider's token must bring to read here as the person it names."""

_STATUS = {AccessError: 403, InputError: 400, ModelError: 503, PipelineError: 503, UnreachableError: 503}

Answer = Callable[[Request], Awaitable[Response]]


class Credentials(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/session`."""

    login: str
    password: str
    code: str | None = None


def create_app(settings: Settings | None = None) -> Starlette:
    """The ASGI application over one home folder."""
    settings = settings or get_settings()
    engine = open_people(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        engine.dispose()

    app = Starlette(
        lifespan=lifespan,
        middleware=[Middleware(SmallBodies, seconds=settings.body_timeout_seconds)],
        routes=[  # tried in this order: the predictions are asked for most
            *predictions.routes(_answering),
            Route("/health", _health, methods=["GET"]),
            Route("/ready", _answering(_ready), methods=["GET"]),
            Route("/openapi.json", _described, methods=["GET"]),
            Route("/v1/session", _answering(_log_in), methods=["POST"]),
            Route("/v1/session", _answering(_log_out), methods=["DELETE"]),
            Route("/v1/me", _answering(_me), methods=["GET"]),
            Route("/v1/marts", _answering(_marts), methods=["GET"]),
            Route("/v1/marts/{mart}", _answering(_mart), methods=["GET"]),
            *oneroster.routes(),
            *scim.routes(),
        ],
    )
    app.state.settings = settings
    app.state.engine = engine
    app.state.predictions = predictions.Predictions(settings, engine, _viewer)
    app.state.verifier = bearer.Verifier(settings) if settings.bearer_issuer else None
    return app


def _answering(route: Answer) -> Answer:
    """`route` with Learnlake's own errors turned into a status and a JSON body."""

    @functools.wraps(route)
    async def answer(request: Request) -> Response:
        try:
            return await route(request)
        except LearnlakeError as error:
            status = _STATUS.get(type(error), 500)
            body = {"error": error.what, "where": error.where, "mend": error.mend}
            return JSONResponse({name: text for name, text in body.items() if text}, status_code=status)

    return answer


async def _health(request: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok"})


async def _ready(request: Request) -> Response:
    """There is a snapshot to read; 503 before the first publish."""
    held = await run_in_threadpool(snapshot.hold, request.app.state.settings.home)
    held.close()
    return JSONResponse({"status": "ready", "build": _facts(held.build)})


async def _described(request: Request) -> Response:
    """This API in OpenAPI 3.1."""
    return JSONResponse(openapi.description())


async def _log_in(request: Request) -> Response:
    """`{"login": ..., "password": ...}` becomes a bearer token. 401 for a wrong pair, without saying which is wrong.

    An account with a second factor sends its `code` too.
    """
    try:
        given = msgspec.json.decode(await request.body(), type=Credentials)
    except msgspec.DecodeError as error:
        raise InputError(
            f"The body is not usable: {error}", mend='send {"login": "...", "password": "..."}'
        ) from error
    engine = _engine(request)
    try:
        token = await run_in_threadpool(
            functools.partial(
                sessions.log_in, engine, given.login, given.password, _source(request), code=given.code
            )
        )
    except AccessError as error:
        return JSONResponse({"error": error.what}, status_code=401)
    viewer = await run_in_threadpool(sessions.viewer, engine, token)
    if viewer is None:
        return _unknown()
    return JSONResponse(
        {"token": token, **_who(viewer)}, status_code=201, headers={"Cache-Control": "no-store"}
    )


async def _log_out(request: Request) -> Response:
    """End the session of the token sent."""
    await run_in_threadpool(sessions.log_out, _engine(request), _token(request), source=_source(request))
    return Response(status_code=204)


async def _me(request: Request) -> Response:
    """Who the token belongs to, and in which role."""
    viewer = await _viewer(request)
    return _unknown() if viewer is None else JSONResponse(_who(viewer))


async def _marts(request: Request) -> Response:
    """The marts that the caller's role may read, and which build they come from."""
    viewer = await _viewer(request)
    if viewer is None:
        return _unknown()
    names, build = await run_in_threadpool(_list, request, viewer)
    return JSONResponse({"build": _facts(build), "marts": names})


async def _mart(request: Request) -> Response:
    """The caller's rows of one mart: `?format=json|csv|parquet&limit=N`."""
    viewer = await _viewer(request)
    if viewer is None:
        return _unknown()
    form = request.query_params.get("format", "json")
    if form not in export.FORMATS:
        raise InputError(
            f"{form!r} is not a format.", where="format", mend=f"use one of {', '.join(export.FORMATS)}"
        )
    limit, mart = _limit(request.query_params.get("limit"), form), request.path_params["mart"]
    settings = request.app.state.settings
    try:
        table, build = await run_in_threadpool(_read, request, viewer, mart, limit + 1)
    except AccessError:
        await run_in_threadpool(_audit, settings, viewer, mart, _source(request), "refused")
        raise
    await run_in_threadpool(_audit, settings, viewer, mart, _source(request), "allowed")
    content = await run_in_threadpool(export.encode, table.slice(0, limit), form)
    headers = {
        "X-Build": build.build_id,
        "X-Is-Truncated": str(table.num_rows > limit).lower(),
        "Content-Disposition": f'attachment; filename="{mart}.{form}"',
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=export.MEDIA_TYPES[form], headers=headers)


def _door(request: Request, viewer: Viewer) -> Door:
    return Door(request.app.state.settings, viewer, source=_source(request), engine=_engine(request))


def _list(request: Request, viewer: Viewer) -> tuple[list[str], Build]:
    with _door(request, viewer) as door, door.pinned():
        return door.marts(), door.build()


def _read(request: Request, viewer: Viewer, mart: str, limit: int) -> tuple[pa.Table, Build]:
    policy.check_export(viewer.role, mart)
    with _door(request, viewer) as door, door.pinned():
        return door.mart(mart, limit=limit), door.build()


def _audit(settings: Settings, viewer: Viewer, mart: str, source: str, result: str) -> None:
    entry = audit.AuditEntry(viewer.tenant, viewer.viewer_key, "export", mart, source, result)
    audit.append(settings.home.audit_db, entry)


def _facts(build: Build) -> dict[str, str]:
    return {
        "build_id": build.build_id,
        "run_id": build.run_id,
        "built_at": build.built_at.isoformat(),
        "as_of": build.as_of.isoformat(),
    }


def _who(viewer: Viewer) -> dict[str, object]:
    return {
        "login": viewer.login,
        "tenant": viewer.tenant,
        "person_key": viewer.person_key,
        "role": viewer.role,
        "roles": list(viewer.roles),
    }


def _limit(text: str | None, form: str) -> int:
    if text is None:
        return ROWS_DEFAULT if form == "json" else ROWS_MAX
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) <= ROWS_MAX:
        raise InputError(f"limit must be a whole number from 1 to {ROWS_MAX}.", where="limit")
    return int(text)


async def _viewer(request: Request) -> Viewer | None:
    """Whoever holds the token sent: one of our own sessions, or an access token of the OpenID provider."""
    token, verifier = _token(request), request.app.state.verifier
    if verifier is None or token.count(".") != 2:  # ours has no dots, a JWT has two
        return await run_in_threadpool(sessions.viewer, _engine(request), token)
    try:
        identity = await verifier.verify(token)
    except bearer.Refused:
        return None
    except bearer.Unreachable as error:
        raise PipelineError(str(error), mend="try again in a moment") from error
    if SCOPE not in identity.scopes:
        raise AccessError(f"The token has not the scope {SCOPE}")
    find = functools.partial(
        tokens.viewer_of, tenant=identity.tenant, issuer=identity.issuer, subject=identity.subject
    )
    return await run_in_threadpool(find, _engine(request))


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _source(request: Request) -> str:
    return f"api {request.client.host if request.client else ''}".strip()


def _unknown() -> Response:
    return JSONResponse(
        {"error": "Log in first.", "mend": "POST /v1/session, then send `Authorization: Bearer TOKEN`"},
        status_code=401,
        headers={"WWW-Authenticate": "Bearer"},
    )


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine
