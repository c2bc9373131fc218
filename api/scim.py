"""SCIM 2.0 Users (RFC 7643, 7644), as far as identity providers need it to bring accounts in and to end them.

Adding, changing and revoking is `people.onboarding`'s; here a request becomes one of its orders, its outcome a SCIM resource. Names are taken, never told.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from sqlalchemy import Engine, and_, func, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.oneroster import client_of
from learnlake.errors import InputError, RosterError
from people import accounts, onboarding
from people.db import reading
from people.onboarding import Done, Order
from people.roster_clients import ACCOUNTS, Client
from people.tables import account, person

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
MEDIA_TYPE: Final = "application/scim+json"
COUNT_MAX: Final = 1_000
_BODY_MAX_BYTES: Final = 64 * 1024
_FILTER: Final = re.compile(r'\s*(userName|externalId)\s+eq\s+"((?:[^"\\]|\\.)*)"\s*', re.IGNORECASE)
NOT_FROM_OUTSIDE: Final = frozenset({"administrator"})
"""Roles that no identity provider may give: who holds its token would run the school."""

Answer = Callable[[Request, Client], Awaitable[Response]]


class ScimError(Exception):
    """A refusal with SCIM's status and type."""

    def __init__(self, status: int, detail: str, kind: str | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.kind = status, detail, kind


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    """An account as SCIM tells it."""

    account_id: int
    login: str
    is_disabled: bool
    external_id: str | None


def routes() -> list[Route]:
    """What SCIM clients ask for."""
    return [
        Route("/scim/v2/ServiceProviderConfig", _answering(_config), methods=["GET"]),
        Route("/scim/v2/Users", _answering(_list), methods=["GET"]),
        Route("/scim/v2/Users", _answering(_create), methods=["POST"]),
        Route("/scim/v2/Users/{id}", _answering(_read), methods=["GET"]),
        Route("/scim/v2/Users/{id}", _answering(_patch), methods=["PATCH"]),
        Route("/scim/v2/Users/{id}", _answering(_delete), methods=["DELETE"]),
    ]


def _answering(route: Answer) -> Callable[[Request], Awaitable[Response]]:
    """`route` for a client with the scope, with refusals as SCIM's error body."""

    @functools.wraps(route)
    async def answer(request: Request) -> Response:
        try:
            client = await client_of(request)
            if client is None:
                raise ScimError(401, "Ask /oneroster/token for a token with the scope accounts")
            if ACCOUNTS not in client.scopes:
                raise ScimError(403, f"The token lacks the scope {ACCOUNTS}")
            return await route(request, client)
        except ScimError as error:
            status, detail, kind = error.status, error.detail, error.kind
        except RosterError as error:
            detail = error.problems[0].partition(": ")[2]
            status, kind = (409, "uniqueness") if "is taken" in detail else (400, "invalidValue")
        except InputError as error:
            status, detail, kind = 400, error.what, "invalidValue"
        body = {"schemas": [ERROR], "status": str(status), "detail": detail}
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
        return _answer(body | ({"scimType": kind} if kind else {}), status=status, headers=headers)

    return answer


def _answer(body: dict[str, Any], *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(body, status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)


async def _config(_: Request, __: Client) -> Response:
    """What is supported here (RFC 7643, section 5)."""
    no = {"supported": False}
    return _answer(
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": {"supported": True},
            "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
            "filter": {"supported": True, "maxResults": COUNT_MAX},
            **dict.fromkeys(("changePassword", "sort", "etag"), no),
            "authenticationSchemes": [
                {"type": "oauthbearertoken", "name": "OAuth 2 bearer token", "description": "RFC 6750"}
            ],
        }
    )


async def _list(request: Request, client: Client) -> Response:
    """Accounts of the tenant: `filter=userName eq "..."` or `externalId eq "..."`, `startIndex` from 1, `count`."""
    asked = request.query_params
    start, count = _number(asked.get("startIndex"), 1), _number(asked.get("count"), 100)
    condition = None
    if asked.get("filter"):
        found = _FILTER.fullmatch(asked["filter"])
        if found is None:
            raise ScimError(400, 'Filters are userName eq "..." and externalId eq "..."', "invalidFilter")
        condition = (found[1].lower(), re.sub(r"\\(.)", r"\1", found[2]))
    rows, total = await run_in_threadpool(
        _accounts, _engine(request), client, condition, max(start, 1) - 1, min(count, COUNT_MAX)
    )
    resources = [_resource(request, row) for row in rows]
    return _answer(
        {
            "schemas": [LIST],
            "totalResults": total,
            "startIndex": max(start, 1),
            "itemsPerPage": len(resources),
            "Resources": resources,
        }
    )


async def _read(request: Request, client: Client) -> Response:
    """One account."""
    return _answer(_resource(request, await _known(request, client)))


async def _create(request: Request, client: Client) -> Response:
    """A new account; `externalId` is the sourcedId of the roster's user whom it is for. The provider logs people in: no invitation."""
    body = await _body(request)
    given = body.get("name")
    name: dict[str, Any] = given if isinstance(given, dict) else {}
    order = Order(
        1,
        "add",
        _string(body, "userName") or "",
        _roles(body.get("roles")),
        sourced_id=_string(body, "externalId"),
        home_page=client.source if _string(body, "externalId") else None,
        given_name=_string(name, "givenName"),
        family_name=_string(name, "familyName"),
    )
    [done] = await _carry_out(request, client, [order])
    if body.get("active") is False:
        await _carry_out(request, client, [Order(1, "revoke", order.login)])
    row = await run_in_threadpool(_account, _engine(request), client, done.account.account_id)
    assert row is not None
    resource = _resource(request, row)
    return _answer(resource, status=201, headers={"Location": resource["meta"]["location"]})


async def _patch(request: Request, client: Client) -> Response:
    """`active` and `roles`, as `replace` operations with a path or with an object of both."""
    row, body = await _known(request, client), await _body(request)
    changes: dict[str, Any] = {}
    for operation in body.get("Operations") or [{}]:
        if not isinstance(operation, dict) or str(operation.get("op", "")).lower() not in ("replace", "add"):
            raise ScimError(400, "Operations are replace and add", "invalidSyntax")
        path, value = operation.get("path"), operation.get("value")
        changes |= {str(path): value} if path else value if isinstance(value, dict) else {}
    if unknown := sorted(set(changes) - {"active", "roles"}):
        raise ScimError(400, f"{unknown[0]!r} cannot be changed here", "mutability")
    orders = []
    if "roles" in changes:
        orders.append(Order(1, "change", row.login, _roles(changes["roles"])))
    if "active" in changes:
        is_active = str(changes["active"]).lower()  # some providers send "False" as text
        if is_active not in ("true", "false"):
            raise ScimError(400, "active is true or false", "invalidValue")
        orders.append(Order(1, "restore" if is_active == "true" else "revoke", row.login))
    await _carry_out(request, client, orders)
    return _answer(_resource(request, await _known(request, client)))


async def _delete(request: Request, client: Client) -> Response:
    """End the account: it is disabled and its sessions end. The person's record is not an account, and stays."""
    row = await _known(request, client)
    await _carry_out(request, client, [Order(1, "revoke", row.login)])
    return Response(status_code=204)


async def _carry_out(request: Request, client: Client, orders: list[Order]) -> list[Done]:
    if refused := NOT_FROM_OUTSIDE.intersection(role for order in orders for role in order.roles):
        raise ScimError(403, f"The role {sorted(refused)[0]} is given here only, not by an identity provider")
    source = f"scim {request.client.host if request.client else ''}".strip()
    work = functools.partial(onboarding.carry_out, actor_key=client.key, source=source, invites=False)
    return await run_in_threadpool(work, _engine(request), client.tenant, orders)


async def _known(request: Request, client: Client) -> _Row:
    number = request.path_params["id"]
    is_number = number.isascii() and number.isdigit() and len(number) < 16
    row = await run_in_threadpool(_account, _engine(request), client, int(number)) if is_number else None
    if row is None:
        raise ScimError(404, "There is no such user")
    return row


async def _body(request: Request) -> dict[str, Any]:
    content = await request.body()
    if len(content) > _BODY_MAX_BYTES:
        raise ScimError(413, "The body is too long")
    try:
        body = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise ScimError(400, f"The body is not JSON: {error}", "invalidSyntax") from error
    if not isinstance(body, dict):
        raise ScimError(400, "The body is not an object", "invalidSyntax")
    return body


def _string(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise ScimError(400, f"{name} is a string", "invalidValue")
    return value or None


def _roles(given: Any) -> tuple[str, ...]:
    """`[{"value": "teacher"}]` or `["teacher"]`."""
    if given is not None and not isinstance(given, list):
        raise ScimError(400, "roles is a list", "invalidValue")
    values = [one.get("value") if isinstance(one, dict) else one for one in given or []]
    return tuple(dict.fromkeys(str(value) for value in values))


def _number(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
        raise ScimError(400, "startIndex and count are whole numbers", "invalidValue")
    return max(0, int(text))


def _accounts(
    engine: Engine, client: Client, condition: tuple[str, str] | None, offset: int, limit: int
) -> tuple[list[_Row], int]:
    own, who = account.c, person.c
    of_source = and_(who.tenant == own.tenant, who.person_key == own.person_key, who.source == client.source)
    query = (
        select(own.account_id, own.login, own.is_disabled, who.sourced_id)
        .outerjoin(person, of_source)
        .where(own.tenant == client.tenant)
    )
    if condition is not None:
        column = own.login if condition[0] == "username" else who.sourced_id
        query = query.where(column == condition[1])
    with reading(engine) as connection:
        total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        rows = connection.execute(query.order_by(own.account_id).limit(limit).offset(offset))
        return [_Row(row[0], row[1], row[2], row[3]) for row in rows], int(total)


def _account(engine: Engine, client: Client, account_id: int) -> _Row | None:
    with reading(engine) as connection:
        login = connection.scalar(
            select(account.c.login).where(
                account.c.account_id == account_id, account.c.tenant == client.tenant
            )
        )
    if login is None:
        return None
    rows, _ = _accounts(engine, client, ("username", login), 0, 1)
    return rows[0]


def _resource(request: Request, row: _Row) -> dict[str, Any]:
    address = f"{str(request.base_url).rstrip('/')}/scim/v2/Users/{row.account_id}"
    held = accounts.held_roles(_engine(request), row.login)
    told = {
        "schemas": [USER],
        "id": str(row.account_id),
        "userName": row.login,
        "active": not row.is_disabled,
        "roles": [{"value": role} for role in held],
        "meta": {"resourceType": "User", "location": address},
    }
    return told | ({"externalId": row.external_id} if row.external_id else {})


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine
