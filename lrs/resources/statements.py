"""`/statements`: storing and finding statements (xAPI 1.0.3 Communication 2.1; 2.0 4.1.6.1)."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hmac
import json
import secrets
import uuid
from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from learnlake.xapi import STORED_HEADER
from lrs.answers import ApiError
from lrs.attachments import folder_of, found, multipart
from lrs.credentials import Credential
from lrs.protocol import CONSISTENT_THROUGH, Call
from lrs.resources.multipart import Parts, check_without_parts
from lrs.resources.parameters import (
    agent_parameter,
    boolean_parameter,
    iri_parameter,
    time_parameter,
    uuid_parameter,
)
from lrs.statement import Flaw, check_statement
from lrs.statement.canonical import activity_ids, canonical, preferred_languages
from lrs.statement.decode import check_nesting, decode_json, decode_stored, statement_bytes
from lrs.statement.identity import agent_identifier
from lrs.statement.ids_format import ids_only
from lrs.statement.prepare import KeyMaker, Part, Prepared, prepare
from lrs.store import activities, read
from lrs.store.append import Batch, Conflict, Stored
from lrs.store.database import Connection
from lrs.store.moment import stored_text
from lrs.store.read import Query

SECTION_PUT = "xAPI 1.0.3 Communication 2.1.1; 2.0 4.1.6.1"
SECTION_POST = "xAPI 1.0.3 Communication 2.1.2; 2.0 4.1.6.1"
SECTION_GET = "xAPI 1.0.3 Communication 2.1.3; 2.0 4.1.6.1"
SECTION_CONFLICT = "xAPI 1.0.3 Data 2.3.1, Communication 2.1.1; 2.0 4.1.6.1"
SECTION_CONTENT_TYPES = "xAPI 1.0.3 Communication 1.5; 2.0 4.1.3"

PAGE = 100
LARGEST_PAGE = 1000
_PUT_PARAMETERS = frozenset({"statementId"})
_FILTERS = frozenset(
    {"agent", "verb", "activity", "registration", "related_activities", "related_agents", "since", "until", "limit", "ascending"}
)  # fmt: skip
_GET_PARAMETERS = _FILTERS | {"statementId", "voidedStatementId", "format", "attachments"}


_CheckParts = Callable[[list[dict[str, Any]]], None]
"""Holds the statements' attachments against the parts of the request."""


_Read = tuple[dict[str, Any], list[Part]]
"""A checked statement, and what its properties give to the index."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """How statements are answered: the format, and with or without attachments' bytes."""

    form: str
    attachments: bool


async def put(call: Call) -> Response:
    """One statement under the id that the query names."""
    call.need("statements/write")
    named = call.parameters(_PUT_PARAMETERS).get("statementId")
    if named is None:
        raise ApiError(400, "the parameter statementId is required", SECTION_PUT)
    uuid_parameter("statementId", named)

    def prepared(body: bytes, check_parts: _CheckParts) -> list[Prepared]:
        statement, parts = _read(call, body)
        if statement.get("id", named).lower() != named.lower():
            raise ApiError(
                400, "the statement's id is not the one that statementId names", SECTION_PUT, path="$.id"
            )
        check_parts([statement])
        return _prepared(call, [body], [(statement, parts)], named_id=named)

    _, stored = await _take(call, prepared)
    return Response(status_code=204, headers=_through(stored))


async def post(call: Call) -> Response:
    """One statement or an array of them; the ids in the order given."""
    call.need("statements/write")
    call.parameters(frozenset())
    items, stored = await _take(call, lambda body, check_parts: _checked(call, body, check_parts))
    ids = msgspec.json.encode([item.id_text for item in items])
    headers = {STORED_HEADER: str(stored.new), **_through(stored)}
    return Response(ids, headers=headers, media_type="application/json")


def _through(stored: Stored) -> dict[str, str]:
    """Commits are in the order of `stored`: what this one made durable is how far everything can be seen."""
    return {CONSISTENT_THROUGH: stored_text(stored.last_stored).decode()} if stored.last_stored else {}


def _checked(call: Call, body: bytes, check_parts: _CheckParts) -> list[Prepared]:
    """The statements of a POST, each checked by itself and against the others of its batch."""
    is_batch = body[:64].lstrip()[:1] == b"["
    pieces: list[Any] = list(statement_bytes(body)) if is_batch else [body]
    read: list[_Read] = []
    seen: set[str] = set()
    for position, piece in enumerate(pieces):
        try:
            read.append(_read(call, piece))
            identifier = read[-1][0].get("id")
            if identifier is not None:
                if identifier.lower() in seen:
                    raise Flaw("the id is there twice in one batch", SECTION_POST, "id")
                seen.add(identifier.lower())
        except Flaw as flaw:
            raise (flaw.under(position) if is_batch else flaw) from None
    check_parts([statement for statement, _ in read])
    return _prepared(call, pieces, read)


def _read(call: Call, piece: msgspec.Raw | bytes) -> _Read:
    """One statement, checked. Of parts that are known it holds no more than type and id."""
    tenant = call.credential.tenant
    read = call.store.known.check(piece, tenant=tenant, version=call.version)
    if read is not None:
        return read
    statement = decode_json(bytes(piece))
    check_nesting(piece, statement)
    check_statement(statement, call.version)
    return statement, call.store.keys.parts(tenant, statement)


async def get(call: Call) -> Response:
    """One statement by id, or those that all filters match."""
    call.need("statements/read", "statements/read/mine", "all/read")
    parameters = call.parameters(_GET_PARAMETERS)
    form = parameters.get("format", "exact")
    if form not in ("ids", "exact", "canonical"):
        raise ApiError(400, "format must be ids, exact or canonical", SECTION_GET)
    shape = Shape(form, boolean_parameter(parameters, "attachments"))
    for name in ("statementId", "voidedStatementId"):
        if name in parameters:
            others = parameters.keys() - {name, "format", "attachments"}
            if others:
                raise ApiError(
                    400,
                    f"{name} allows only attachments and format beside it, not {', '.join(sorted(others))}",
                    SECTION_GET,
                )
            return await _one(
                call, uuid_parameter(name, parameters[name]), wants_voided=name != "statementId", shape=shape
            )
    return await _page(call, _query(call, parameters), shape)


async def more(call: Call) -> Response:
    """The next page of an earlier search."""
    call.need("statements/read", "statements/read/mine", "all/read")
    call.parameters(frozenset())
    try:
        token, _, seal = call.request.token.partition(".")
        if not hmac.compare_digest(seal, call.store.seal(call.credential.tenant, token)):
            raise ValueError("not sealed by this store")
        fields = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        shape = Shape(fields.pop("form"), fields.pop("attachments"))
        query = Query(**fields, tenant=call.credential.tenant, **_mine(call))
    except (ValueError, KeyError, TypeError):
        raise ApiError(400, "this is no address that the LRS gave as more", SECTION_GET) from None
    return await _page(call, query, shape)


async def _take(
    call: Call, prepare_all: Callable[[bytes, _CheckParts], list[Prepared]]
) -> tuple[list[Prepared], Stored]:
    """Read the request, JSON alone or with attachments, and store its statements and files: all or nothing.

    Nothing but what is to be stored outlives `prepare_all`: while they wait for their commit, thousands of decoded statements
    would be memory, and work for the search for unreachable objects.
    """
    content_type = call.request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/json":
        items = prepare_all(await call.body(), check_without_parts)
        return items, await _store(call, items)
    if media_type != "multipart/mixed":
        raise ApiError(400, "Content-Type must be application/json or multipart/mixed", SECTION_CONTENT_TYPES)
    settings = call.service.settings
    folder = folder_of(settings.home, call.credential.tenant)
    with Parts(content_type, folder, json_limit=settings.body_max_bytes) as parts:
        body = await parts.read(call.stream())
        call.service.room.take(call.request, len(body))
        items = prepare_all(body, lambda statements: parts.check(statements, call.version))
        # A file without its statement does no harm, a statement without its file would.
        parts.keep()
        stored = await _store(call, items)
        parts.keep()
        return items, stored


def _prepared(
    call: Call, pieces: Sequence[Any], read: Sequence[_Read], *, named_id: str | None = None
) -> list[Prepared]:
    """`read` is what `_read` makes of `pieces`."""
    authority_json, authority = _authority(call.store.keys, call.credential)
    version = call.version
    return [
        prepare(
            piece,
            statement,
            [*parts, authority],
            version=version,
            authority_json=authority_json,
            named_id=named_id,
        )
        for piece, (statement, parts) in zip(pieces, read, strict=True)
    ]


@functools.lru_cache(maxsize=1000)
def _authority(keys: KeyMaker, credential: Credential) -> tuple[msgspec.Raw, Part]:
    authority = credential.authority
    return msgspec.Raw(msgspec.json.encode(authority)), keys.part(credential.tenant, "authority", authority)


async def _store(call: Call, prepared: list[Prepared]) -> Stored:
    if not prepared:
        return Stored(0, 0)
    may_define = "all" in call.credential.scopes or "define" in call.credential.scopes
    batch = Batch(call.credential.tenant, call.credential.number, prepared, may_define)
    answer = await call.store.append(batch)
    if isinstance(answer, Conflict):
        raise ApiError(
            409, f"statement {answer.statement_id} is stored already and differs", SECTION_CONFLICT
        )
    return answer


async def _one(call: Call, statement_id: uuid.UUID, *, wants_voided: bool, shape: Shape) -> Response:
    tenant = call.credential.tenant
    found = await call.store.read(lambda connection: read.find(connection, tenant, statement_id.bytes))
    if found is None or found[1] != wants_voided or found[3] != _mine(call).get("credential", found[3]):
        raise ApiError(404, "there is no such statement", SECTION_GET)
    raw, _, stored, _ = found
    (body,) = await _in_form(call, [raw], shape)
    return _answer(call, body, [raw], shape, {"Last-Modified": formatdate(stored / 1_000_000, usegmt=True)})


def _query(call: Call, parameters: dict[str, str]) -> Query:
    """The search that the query string asks for."""
    tenant = call.credential.tenant
    key = call.store.keys.key
    keys = []
    if "agent" in parameters:
        identifier = agent_identifier(agent_parameter("agent", parameters["agent"]))
        if identifier is None:
            raise ApiError(400, "agent must have an identifier", SECTION_GET)
        keys.append(key(tenant, "G" if boolean_parameter(parameters, "related_agents") else "g", identifier))
    if "verb" in parameters:
        keys.append(key(tenant, "v", iri_parameter("verb", parameters["verb"])))
    if "activity" in parameters:
        kind = "A" if boolean_parameter(parameters, "related_activities") else "a"
        keys.append(key(tenant, kind, iri_parameter("activity", parameters["activity"])))
    if "registration" in parameters:
        keys.append(key(tenant, "r", str(uuid_parameter("registration", parameters["registration"]))))
    boolean_parameter(parameters, "related_agents")
    boolean_parameter(parameters, "related_activities")
    limit = parameters.get("limit", "0")
    if not limit.isascii() or not limit.isdigit():
        raise ApiError(400, "limit must be a whole number, not negative", SECTION_GET)
    limit = limit[-9:] if len(limit.lstrip("0")) < 10 else str(LARGEST_PAGE)
    return Query(
        tenant=tenant,
        keys=keys,
        since=time_parameter(parameters, "since"),
        until=time_parameter(parameters, "until"),
        ascending=boolean_parameter(parameters, "ascending"),
        limit=min(int(limit) or PAGE, LARGEST_PAGE),
        **_mine(call),
    )


def _mine(call: Call) -> dict[str, Any]:
    """The part of a query that keeps a credential to what it stored itself, where it may read no more.

    The key of its authority makes such a search as short as its answer; the number decides.
    """
    if {"all", "all/read", "statements/read"} & set(call.credential.scopes):
        return {}
    identifier = agent_identifier(call.credential.authority)
    key = call.store.keys.key(call.credential.tenant, "G", str(identifier))
    return {"credential": call.credential.number, "authority": key}


async def _page(call: Call, query: Query, shape: Shape) -> Response:
    """One page, and the address of the next. The walk ends at what was stored when it began."""

    def work(connection: Connection) -> tuple[list[tuple[int, bytes]], Query | None]:
        found = read.search(connection, dataclasses.replace(query, limit=query.limit + 1))
        if len(found) <= query.limit:
            return found, None
        rows = found[: query.limit]
        return rows, read.rest(connection, query, after=rows[-1][0])

    through, (rows, following) = await call.store.read_with_time(work)
    link = "" if following is None else _more_link(call.base, following, shape, call.store.seal)
    raws = [raw for _, raw in rows]
    statements = b",".join(await _in_form(call, raws, shape))
    body = b'{"statements":[%s],"more":"%s"}' % (statements, link.encode())
    return _answer(call, body, raws, shape, {CONSISTENT_THROUGH: stored_text(through).decode()})


def _more_link(base: str, query: Query, shape: Shape, seal: Callable[[str, str], str]) -> str:
    """Holds keys of the index, not what was searched for: an address may end up in a log. The seal is the tenant's."""
    fields = {
        name: value
        for name, value in dataclasses.asdict(query).items()
        if name not in ("tenant", "credential", "authority")
    }
    text = json.dumps({**fields, **dataclasses.asdict(shape)}, separators=(",", ":"))
    token = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return f"{base}/statements/more/{token}.{seal(query.tenant, token)}"


async def _in_form(call: Call, raws: list[bytes], shape: Shape) -> list[bytes]:
    """Stored statements as the parameter format asks for them."""
    if shape.form == "exact":
        return raws
    if shape.form == "ids":
        return [ids_only(raw) for raw in raws]
    tenant = call.credential.tenant
    wanted = {(tenant, iri) for raw in raws for iri in activity_ids(raw)}
    known = await call.store.read(lambda connection: activities.load(connection, wanted))
    definitions = {iri: definition for (_, iri), definition in known.items()}
    languages = preferred_languages(call.request.headers.get("accept-language"))
    return [canonical(raw, definitions, languages) for raw in raws]


def _answer(call: Call, body: bytes, raws: list[bytes], shape: Shape, headers: dict[str, str]) -> Response:
    """JSON, or multipart/mixed with the attachments' bytes where they are asked for."""
    if not shape.attachments:
        return Response(body, headers=headers, media_type="application/json")
    folder = folder_of(call.service.settings.home, call.credential.tenant)
    files = found(folder, [decode_stored(raw) for raw in raws])
    boundary = secrets.token_hex(16)
    media_type = f"multipart/mixed; boundary={boundary}"
    return StreamingResponse(multipart(body, files, boundary), headers=headers, media_type=media_type)
