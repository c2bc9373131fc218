"""`/activities/state`, `/activities/profile`, `/agents/profile` (xAPI 1.0.3 Communication 2.2, 2.3, 2.6, 2.7; 2.0 4.1.6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from email.utils import formatdate

import msgspec
from starlette.responses import Response

from lrs.answers import ApiError, json_response
from lrs.protocol import Call, Handler
from lrs.resources.parameters import (
    agent_parameter,
    iri_parameter,
    text_parameter,
    time_parameter,
    uuid_parameter,
)
from lrs.statement import Flaw, Version
from lrs.statement.decode import decode_json, fields_of
from lrs.statement.identity import agent_identifier
from lrs.store import documents
from lrs.store.documents import Document, Place

SECTION_DOCUMENTS = "xAPI 1.0.3 Communication 2.2; 2.0 4.1.6"
SECTION_CONCURRENCY = "xAPI 1.0.3 Communication 3.1; 2.0 4.1.4"


@dataclasses.dataclass(frozen=True)
class Kind:
    """One of the three document resources: what its documents belong to and how they are named."""

    kind: str
    owners: tuple[str, ...]
    name: str
    scope: str
    has_registration: bool = False
    is_deleted_together: bool = False

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {"GET": self.get, "PUT": self.put, "POST": self.post, "DELETE": self.delete}

    async def get(self, call: Call) -> Response:
        """One document, or the names of all."""
        call.need(self.scope, "all/read")
        parameters = self._parameters(call, "since")
        name = parameters.get(self.name)
        if name is None:
            since = time_parameter(parameters, "since")
            place = self._place(call, parameters, is_exact=False)
            found = await call.store.read(lambda connection: documents.names(connection, place, since=since))
            newest = max((updated for _, updated in found), default=None)
            headers = {} if newest is None else {"Last-Modified": _http_date(newest)}
            return json_response([name for name, _ in found], headers=headers)
        if "since" in parameters:
            raise ApiError(400, f"since is of no use beside {self.name}", SECTION_DOCUMENTS)
        place = self._place(call, parameters, is_exact=True)
        document = await call.store.read(lambda connection: documents.load(connection, place, name))
        if document is None:
            raise ApiError(404, "there is no such document", SECTION_DOCUMENTS)
        headers = {"ETag": f'"{document.etag}"', "Last-Modified": _http_date(document.updated)}
        return Response(document.content, headers={**headers, "Content-Type": document.content_type})

    async def put(self, call: Call) -> Response:
        """Store a document in place of the present one."""
        call.need(self.scope)
        content_type, content, name, place = await self._arrived(call)
        headers = call.request.headers
        is_profile_1 = call.version is Version.V1 and self.kind != "state"
        is_blind = "if-match" not in headers and "if-none-match" not in headers

        def replace(present: Document | None) -> tuple[str, bytes]:
            _check_preconditions(present, headers)
            if is_blind and present is None and is_profile_1:
                raise ApiError(400, "a profile is stored with If-Match or If-None-Match", SECTION_CONCURRENCY)
            if is_blind and present is not None and (is_profile_1 or call.version is Version.V2):
                raise ApiError(
                    409,
                    "a document is there already: read it and say with If-Match which one you mean to replace",
                    SECTION_CONCURRENCY,
                    is_plain=True,
                )
            return content_type, content

        await call.store.write(lambda connection: documents.change(connection, place, name, replace))
        return Response(status_code=204)

    async def post(self, call: Call) -> Response:
        """Merge a JSON object into the present one, or store it where there is none."""
        call.need(self.scope)
        content_type, content, name, place = await self._arrived(call)
        headers = call.request.headers
        if _is_json(content_type):
            _check_json_object(content)

        def merge(present: Document | None) -> tuple[str, bytes]:
            _check_preconditions(present, headers)
            if present is None:
                return content_type, content
            if not _is_json(content_type) or not _is_json(present.content_type):
                raise ApiError(
                    400, "only application/json can be merged, and both must be that", SECTION_DOCUMENTS
                )
            try:
                return content_type, msgspec.json.encode({**fields_of(present.content), **fields_of(content)})
            except msgspec.DecodeError:
                raise ApiError(400, "the present document is no JSON object", SECTION_DOCUMENTS) from None

        await call.store.write(lambda connection: documents.change(connection, place, name, merge))
        return Response(status_code=204)

    async def delete(self, call: Call) -> Response:
        """Delete one document; of state, all of an activity and agent if none is named."""
        call.need(self.scope)
        parameters = self._parameters(call)
        name = parameters.get(self.name)
        headers = call.request.headers
        if name is None:
            if not self.is_deleted_together:
                raise ApiError(400, f"the parameter {self.name} is required", SECTION_DOCUMENTS)
            everything = self._place(call, parameters, is_exact=False)
            await call.store.write(lambda connection: documents.delete_all(connection, everything))
            return Response(status_code=204)
        place = self._place(call, parameters, is_exact=True)

        def remove(present: Document | None) -> None:
            _check_preconditions(present, headers)

        await call.store.write(lambda connection: documents.change(connection, place, name, remove))
        return Response(status_code=204)

    async def _arrived(self, call: Call) -> tuple[str, bytes, str, Place]:
        parameters = self._parameters(call)
        name = parameters.get(self.name)
        if name is None:
            raise ApiError(400, f"the parameter {self.name} is required", SECTION_DOCUMENTS)
        content_type = call.request.headers.get("content-type", "application/octet-stream")
        return content_type, await call.body(), name, self._place(call, parameters, is_exact=True)

    def _parameters(self, call: Call, *more: str) -> dict[str, str]:
        registration = ("registration",) if self.has_registration else ()
        parameters = call.parameters(frozenset({*self.owners, self.name, *registration, *more}))
        if self.name in parameters:
            text_parameter(self.name, parameters[self.name])
        return parameters

    def _place(self, call: Call, parameters: Mapping[str, str], *, is_exact: bool) -> Place:
        """Where the documents are; one without a registration is another than those with one."""
        for owner in self.owners:
            if owner not in parameters:
                raise ApiError(400, f"the parameter {owner} is required", SECTION_DOCUMENTS)
        agent = activity = ""
        if "agent" in self.owners:
            identifier = agent_identifier(agent_parameter("agent", parameters["agent"]))
            if identifier is None:
                raise ApiError(400, "agent must have an identifier", SECTION_DOCUMENTS)
            agent = text_parameter("agent", identifier)
        if "activityId" in self.owners:
            activity = iri_parameter("activityId", parameters["activityId"])
        registration: str | None = "" if is_exact or not self.has_registration else None
        if "registration" in parameters:
            registration = str(uuid_parameter("registration", parameters["registration"]))
        return Place(call.credential.tenant, self.kind, activity, agent, registration)


STATE = Kind(
    "state", ("activityId", "agent"), "stateId", "state", has_registration=True, is_deleted_together=True
)
ACTIVITY_PROFILE = Kind("activity profile", ("activityId",), "profileId", "profile")
AGENT_PROFILE = Kind("agent profile", ("agent",), "profileId", "profile")


def _check_preconditions(present: Document | None, headers: Mapping[str, str]) -> None:
    """If-Match and If-None-Match as RFC 9110 has them."""
    wanted = headers.get("if-match")
    if wanted is not None and not _names(wanted, present):
        raise ApiError(412, "the document is not the one that If-Match names", SECTION_CONCURRENCY)
    unwanted = headers.get("if-none-match")
    if unwanted is not None and _names(unwanted, present):
        raise ApiError(412, "there is a document that If-None-Match excludes", SECTION_CONCURRENCY)


def _names(header: str, present: Document | None) -> bool:
    if present is None:
        return False
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    return "*" in tags or present.etag in tags


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def _check_json_object(content: bytes) -> None:
    try:
        value = decode_json(content)
    except Flaw as flaw:
        raise ApiError(400, f"the document {flaw.rule}", SECTION_DOCUMENTS) from None
    if type(value) is not dict:
        raise ApiError(400, "a JSON document must be an object", SECTION_DOCUMENTS)


def _http_date(microseconds: int) -> str:
    return formatdate(microseconds / 1_000_000, usegmt=True)
