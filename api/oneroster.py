"""The OneRoster 1.2 rostering service, read only: client credentials, paging, filters, and the standard's own error bodies.

A client reads the rows of one source of one tenant; what they are is `people.oneroster.provider`'s business. Every answer is audited.
"""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, quote, unquote, urlencode

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from learnlake import audit
from learnlake.errors import AccessError, InputError, LearnlakeError
from people import roster_clients
from people.db import settings_of
from people.oneroster import provider
from people.oneroster.provider_filter import FilterError, Order, parse_filter
from people.oneroster.shape import Source
from people.roster_clients import ALL, CORE, DEMOGRAPHICS, TOKEN_SECONDS, Client

BASE = "/oneroster/ims/oneroster/rostering/v1p2"
LIMIT_DEFAULT = 100
LIMIT_MAX = 10_000
_CODES = {400: "invaliddata", 401: "unauthorisedrequest", 403: "forbidden", 404: "unknownobject"}

Answer = Callable[[Request], Awaitable[Response]]


def routes() -> list[Route]:
    """The token endpoint and the service's reading operations."""
    return [
        Route("/oneroster/token", _token, methods=["POST"]),
        Route(f"{BASE}/{{collection}}", _answering(_collection), methods=["GET"]),
        Route(f"{BASE}/{{collection}}/{{sourced_id}}", _answering(_one), methods=["GET"]),
        Route(f"{BASE}/{{parent}}/{{sourced_id}}/{{collection}}", _answering(_collection), methods=["GET"]),
    ]


def _answering(route: Answer) -> Answer:
    """`route` with every refusal as an imsx_StatusInfo."""

    @functools.wraps(route)
    async def answer(request: Request) -> Response:
        try:
            return await route(request)
        except FilterError as error:
            return _failure(400, error.what, error.code)
        except InputError as error:
            return _failure(400, error.what)
        except AccessError as error:
            return _failure(403, error.what)
        except LearnlakeError:
            return _failure(500, "The roster cannot be read at the moment", "internal_server_error")

    return answer


def _failure(status: int, text: str, code: str | None = None) -> Response:
    minor = {"imsx_codeMinorFieldName": "TargetEndSystem", "imsx_codeMinorFieldValue": code or _CODES[status]}
    body = {
        "imsx_codeMajor": "failure",
        "imsx_severity": "error",
        "imsx_description": text,
        "imsx_CodeMinor": {"imsx_codeMinorField": [minor]},
    }
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(body, status_code=status, headers=headers)


async def _token(request: Request) -> Response:
    """OAuth 2.0 client credentials (RFC 6749, 4.4): HTTP Basic, or client_id and client_secret in the form."""
    body = await request.body()
    form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    if form.get("grant_type") != "client_credentials":
        return _refused("unsupported_grant_type", "grant_type has to be client_credentials")
    client_id, secret = _credentials(request, form)
    try:
        token, scopes = await run_in_threadpool(
            roster_clients.issue_token, _engine(request), client_id, secret, form.get("scope", "").split()
        )
    except AccessError as error:
        return _refused("invalid_client", error.what, status=401)
    except InputError as error:
        return _refused("invalid_scope", error.what)
    answer = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS,
        "scope": " ".join(scopes),
    }
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def _refused(code: str, text: str, *, status: int = 400) -> Response:
    headers = {"Cache-Control": "no-store"} | ({"WWW-Authenticate": "Basic"} if status == 401 else {})
    return JSONResponse({"error": code, "error_description": text}, status_code=status, headers=headers)


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return unquote(client_id), unquote(secret)
    return form.get("client_id", ""), form.get("client_secret", "")


async def _collection(request: Request) -> Response:
    """A page of a collection, or of what belongs to one object."""
    client = await client_of(request)
    if client is None:
        return _failure(401, "Ask /oneroster/token for a token, then send it as Bearer")
    path, name = request.path_params, request.path_params["collection"]
    source = Source(client.tenant, client.source)
    collection = provider.COLLECTIONS.get(name)
    if collection is None:
        return _failure(404, f"OneRoster 1.2 has no {name!r} here")
    if "parent" in path:
        found = await run_in_threadpool(_belonging, request, source)
        if found is None:
            return _failure(404, "There is nothing at this address")
        collection = found
    _check_scope(client, name)
    limit, offset = _number(request, "limit", LIMIT_DEFAULT, 1), _number(request, "offset", 0, 0)
    limit = min(limit, LIMIT_MAX)
    asked = request.query_params
    page = await run_in_threadpool(
        provider.read_page,
        _engine(request),
        source,
        collection,
        conditions=parse_filter(asked["filter"]) if asked.get("filter") else None,
        order=_order(request),
        limit=limit,
        offset=offset,
        address=_address(request),
    )
    await run_in_threadpool(_audit, request, client, name)
    records = [_chosen(record, asked.get("fields")) for record in page.records]
    headers = {"X-Total-Count": str(page.total), "Cache-Control": "no-store"}
    if links := _links(request, limit, offset, page.total):
        headers["Link"] = links
    return JSONResponse({collection.plural: records}, headers=headers)


def _belonging(request: Request, source: Source) -> provider.Collection | None:
    """The collection under one object; None when there is no such object, or no such collection under it."""
    parent, sourced_id = request.path_params["parent"], request.path_params["sourced_id"]
    above = provider.COLLECTIONS.get(parent)
    if above is None:
        return None
    if provider.read_one(_engine(request), source, above, sourced_id, address="") is None:
        return None
    return provider.children(source, parent, sourced_id, request.path_params["collection"])


async def _one(request: Request) -> Response:
    """One object by its sourcedId."""
    client = await client_of(request)
    if client is None:
        return _failure(401, "Ask /oneroster/token for a token, then send it as Bearer")
    name, sourced_id = request.path_params["collection"], request.path_params["sourced_id"]
    collection = provider.COLLECTIONS.get(name)
    if collection is None:
        return _failure(404, f"OneRoster 1.2 has no {name!r} here")
    _check_scope(client, name)
    source = Source(client.tenant, client.source)
    record = await run_in_threadpool(
        provider.read_one, _engine(request), source, collection, sourced_id, address=_address(request)
    )
    if record is None:
        return _failure(404, "There is no such object")
    await run_in_threadpool(_audit, request, client, name)
    body = {collection.singular: _chosen(record, request.query_params.get("fields"))}
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


async def client_of(request: Request) -> Client | None:
    """Whose bearer token the request carries; None for none that holds."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return await run_in_threadpool(roster_clients.client_of, _engine(request), token.strip())


def _check_scope(client: Client, name: str) -> None:
    needed = {DEMOGRAPHICS} if name == "demographics" else {CORE, ALL}
    if not needed.intersection(client.scopes):
        raise AccessError(f"The token lacks the scope {sorted(needed)[0]}")


def _number(request: Request, name: str, default: int, least: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) < least:
        raise FilterError("invaliddata", f"{name} has to be a whole number from {least} on")
    return int(text)


def _order(request: Request) -> Order | None:
    field, direction = request.query_params.get("sort"), request.query_params.get("orderBy", "asc")
    if direction.lower() not in ("asc", "desc"):
        raise FilterError("invaliddata", "orderBy has to be asc or desc")
    return Order(field, direction.lower() == "desc") if field else None


def _chosen(record: provider.Record, fields: str | None) -> provider.Record:
    """`record` with only the fields asked for."""
    if not fields:
        return record
    names = [name.strip() for name in fields.split(",")]
    if unknown := [name for name in names if not name.isalnum()]:
        raise FilterError("invalid_selection_field", f"{unknown[0]!r} is no field")
    return {name: record[name] for name in names if name in record}


def _links(request: Request, limit: int, offset: int, total: int) -> str:
    """RFC 8288 links to the first, previous, next and last page."""
    last = (max(total - 1, 0) // limit) * limit
    pages = {"first": 0, "last": last}
    if offset + limit < total:
        pages["next"] = offset + limit
    if offset > 0:
        pages["prev"] = max(0, offset - limit)
    kept = [(name, value) for name, value in request.query_params.items() if name not in ("limit", "offset")]
    here = str(request.url.replace(query=""))
    return ", ".join(
        f'<{here}?{urlencode([*kept, ("limit", limit), ("offset", start)], quote_via=quote)}>; rel="{name}"'
        for name, start in pages.items()
    )


def _address(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}{BASE}"


def _audit(request: Request, client: Client, name: str) -> None:
    source = f"api {request.client.host if request.client else ''}".strip()
    entry = audit.AuditEntry(client.tenant, client.key, "read-roster", f"oneroster:{name}", source)
    audit.append(settings_of(_engine(request)).home.audit_db, entry)


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine
