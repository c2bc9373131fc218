"""What every xAPI resource shares: version, credential, limits, errors and headers. No resource's own rules."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from learnlake.errors import StoreError
from learnlake.settings import Settings
from lrs.authentication import Authenticator
from lrs.credentials import Credential
from lrs.metrics import Metrics
from lrs.statement import Flaw, Version
from lrs.store import Store
from lrs.store.moment import stored_text
from lrs.store.writer import QueueFull

VERSION_HEADER = "X-Experience-API-Version"
CONSISTENT_THROUGH = "X-Experience-API-Consistent-Through"
SECTION_VERSIONING = "xAPI 1.0.3 Communication 3.3; 2.0 4.1.5"
SECTION_ERRORS = "xAPI 1.0.3 Communication 3.2; 2.0 4.1.5"
SECTION_AUTHENTICATION = "xAPI 1.0.3 Communication 4.0; 2.0 4.1.5"

_V1 = re.compile(r"1\.0(?:\.\d+)?").fullmatch
_V2 = re.compile(r"2\.0(?:\.\d+)?").fullmatch


class ApiError(Exception):
    """An answer that is not a success, in the standard's words."""

    def __init__(
        self,
        status: int,
        rule: str,
        section: str,
        *,
        path: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(rule)
        self.status = status
        self.rule = rule
        self.section = section
        self.path = path
        self.headers = dict(headers or {})

    def response(self) -> Response:
        body = {"status": self.status, "path": self.path, "rule": self.rule, "section": self.section}
        return json_response(
            {key: value for key, value in body.items() if value is not None},
            status=self.status,
            headers=self.headers,
        )


@dataclasses.dataclass(slots=True)
class Service:
    """What a running LRS consists of."""

    settings: Settings
    store: Store
    authenticator: Authenticator
    metrics: Metrics


@dataclasses.dataclass(slots=True)
class Call:
    """One request after version and credential were settled."""

    request: Request
    service: Service
    base: str
    version: Version
    credential: Credential

    @property
    def store(self) -> Store:
        return self.service.store

    def parameters(self, allowed: frozenset[str]) -> dict[str, str]:
        """The query's parameters; unknown and repeated ones are refused."""
        found: dict[str, str] = {}
        for name, value in self.request.query_params.multi_items():
            if name not in allowed:
                raise ApiError(
                    400, f"unknown parameter {name!r}; known are {', '.join(sorted(allowed))}", SECTION_ERRORS
                )
            if name in found:
                raise ApiError(400, f"the parameter {name} is given twice", SECTION_ERRORS)
            found[name] = value
        return found

    def need(self, *scopes: str) -> None:
        """One of `scopes` (or `all`) must be the credential's."""
        if "all" not in self.credential.scopes and not any(s in self.credential.scopes for s in scopes):
            raise ApiError(
                403, f"the credential has none of the scopes {', '.join(scopes)}", SECTION_AUTHENTICATION
            )

    async def body(self) -> bytes:
        """The whole body, up to the limit."""
        limit = self.service.settings.body_max_bytes
        chunks, size = [], 0
        try:
            async for chunk in self.request.stream():
                size += len(chunk)
                if size > limit:
                    raise ApiError(413, f"the body is larger than {limit} bytes", SECTION_ERRORS)
                chunks.append(chunk)
        except ClientDisconnect:
            raise ApiError(400, "the body ended early", SECTION_ERRORS) from None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


Handler = Callable[[Call], Awaitable[Response]]


def json_response(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def resource(
    name: str, base: str, handlers: Mapping[str, Handler], *, is_open: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of one resource under one base path. `is_open` resources need neither version nor credential."""
    base_version = Version.V2 if base.endswith("/2.0") else Version.V1

    async def endpoint(request: Request) -> Response:
        started = time.perf_counter()
        service: Service = request.app.state.service
        version = base_version
        try:
            version = _version(request, base_version, is_open=is_open)
            credential = (
                _ANYONE
                if is_open
                else await service.authenticator.check(request.headers.get("authorization"))
            )
            if credential is None:
                challenge = {"WWW-Authenticate": 'Basic realm="xAPI", charset="UTF-8"'}
                raise ApiError(
                    401, "a valid key and secret are needed", SECTION_AUTHENTICATION, headers=challenge
                )
            handler = handlers[_method(request, handlers)]
            response = await handler(Call(request, service, base, version, credential))
        except Flaw as flaw:
            response = ApiError(400, flaw.rule, flaw.section, path=flaw.path).response()
        except ApiError as error:
            response = error.response()
        except (QueueFull, StoreError):
            busy = ApiError(
                503, "the store cannot take this now", SECTION_ERRORS, headers={"Retry-After": "1"}
            )
            response = busy.response()
        await _finish(response, service, version)
        service.metrics.observe(name, request.method, response.status_code, time.perf_counter() - started)
        return _without_body(response) if request.method == "HEAD" else response

    return endpoint


_ANYONE = Credential(0, "", "", "", ())


def _version(request: Request, base_version: Version, *, is_open: bool) -> Version:
    """The version that the request names, at either base path."""
    named = request.headers.get(VERSION_HEADER)
    if named is None:
        if is_open:
            return base_version
        raise ApiError(400, f"the header {VERSION_HEADER} is required", SECTION_VERSIONING)
    if _V1(named):
        return Version.V1
    if _V2(named):
        return Version.V2
    if is_open:
        return base_version
    raise ApiError(400, f"version {named[:40]!r} is not supported; 1.0.x and 2.0.x are", SECTION_VERSIONING)


def _method(request: Request, handlers: Mapping[str, Handler]) -> str:
    method = "GET" if request.method == "HEAD" else request.method
    if method not in handlers:
        allowed = ", ".join([*handlers, "HEAD"] if "GET" in handlers else handlers)
        raise ApiError(405, f"this resource knows {allowed}", SECTION_ERRORS, headers={"Allow": allowed})
    return method


async def _finish(response: Response, service: Service, version: Version) -> None:
    headers: MutableHeaders = response.headers
    headers[VERSION_HEADER] = version.value
    if CONSISTENT_THROUGH not in headers:
        headers[CONSISTENT_THROUGH] = stored_text(await service.store.consistent_through()).decode()


def _without_body(response: Response) -> Response:
    response.body = b""
    return response
