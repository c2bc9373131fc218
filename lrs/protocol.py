"""What every xAPI resource shares: version, credential, limits, errors and headers. No resource's own rules."""

from __future__ import annotations

import dataclasses
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from starlette.responses import Response

from learnlake.errors import StoreError
from learnlake.serving import CREDENTIAL, ROUTE
from learnlake.settings import Settings
from lrs.alternate import SECTION as SECTION_ALTERNATE
from lrs.alternate import is_alternate, unfold
from lrs.answers import (
    SECTION_AUTHENTICATION,
    SECTION_ERRORS,
    SECTION_VERSIONING,
    ApiError,
)
from lrs.authentication import Authenticator
from lrs.body import Room, read_body, stream_body
from lrs.compression import COMPRESSED_FROM_BYTES, compress
from lrs.credentials import Credential
from lrs.metrics import Metrics
from lrs.request import ClientGone, Request
from lrs.statement import Flaw, Version
from lrs.store import Store
from lrs.store.moment import stored_text
from lrs.store.writer import QueueFull

logger = logging.getLogger(__name__)

VERSION_HEADER = "X-Experience-API-Version"
CONSISTENT_THROUGH = "X-Experience-API-Consistent-Through"
_VERSION_NAME = VERSION_HEADER.lower()
_CONSISTENT_NAME = CONSISTENT_THROUGH.lower().encode()
_V1 = re.compile(r"1\.0(?:\.\d+)?").fullmatch
_V2 = re.compile(r"2\.0(?:\.\d+)?").fullmatch


@dataclasses.dataclass(slots=True)
class Service:
    """What a running LRS consists of."""

    settings: Settings
    store: Store
    authenticator: Authenticator
    metrics: Metrics
    room: Room


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
        for name, value in self.request.query:
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
        return await _body(self.request, self.service)

    def stream(self) -> AsyncIterator[bytes]:
        """The body in pieces, up to the limit of attachments."""
        settings = self.service.settings
        return stream_body(
            self.request, limit=settings.attachments_max_bytes, seconds=settings.body_timeout_seconds
        )


Handler = Callable[[Call], Awaitable[Response]]
Endpoint = Callable[[Service, Request], Awaitable[Response]]


def resource(
    name: str, base: str, path: str, handlers: Mapping[str, Handler], *, is_open: bool = False
) -> Endpoint:
    """The endpoint of one resource under one base path. `is_open` resources need neither version nor credential."""
    route = f"{base}/{path}"
    own_version = base_version(base)

    async def endpoint(service: Service, request: Request) -> Response:
        started = time.perf_counter()
        version = own_version
        scope = request.scope
        scope[ROUTE] = route
        try:
            if is_alternate(request):
                request = await _unfold(request, service, own_version)
            version = _version(request, own_version, is_open=is_open)
            credential = _ANYONE if is_open else await service.authenticator.check(request)
            scope[CREDENTIAL] = credential.number
            handler = handlers[_method(request, handlers)]
            response = await handler(Call(request, service, base, version, credential))
        except Flaw as flaw:
            response = ApiError(400, flaw.rule, flaw.section, path=flaw.path).response()
        except ApiError as error:
            response = error.response()
        except ClientGone:
            response = ApiError(400, "the body ended early", SECTION_ERRORS).response()
        except (QueueFull, StoreError):
            busy = ApiError(
                503, "the store cannot take this now", SECTION_ERRORS, headers={"Retry-After": "1"}
            )
            response = busy.response()
        except Exception:
            logger.exception("a request failed")
            response = ApiError(500, "the LRS failed; its log says how", SECTION_ERRORS).response()
        finally:
            service.room.release(request)
        await _finish(response, service, version)
        if len(getattr(response, "body", b"")) >= COMPRESSED_FROM_BYTES:
            await compress(response, request.headers.get("accept-encoding", ""))
        service.metrics.observe(name, request.method, response.status_code, time.perf_counter() - started)
        if request.method == "HEAD":
            return _without_body(response, is_form=scope["method"] != "HEAD")
        return response

    return endpoint


def base_version(path: str) -> Version:
    """The version of an address that names none itself."""
    return Version.V2 if f"{path}/".startswith("/xapi/2.0/") else Version.V1


_ANYONE = Credential(0, "", "", "", ())
# Content in a browser may speak to the LRS from any place; it shows a credential, never a cookie.
_EXPOSED = f"ETag, Last-Modified, Content-Length, {VERSION_HEADER}, {CONSISTENT_THROUGH}".encode()
_EVERY_ANSWER = {
    version: [
        (_VERSION_NAME.encode(), version.value.encode()),
        (b"access-control-allow-origin", b"*"),
        (b"access-control-expose-headers", _EXPOSED),
    ]
    for version in Version
}


def is_preflight(request: Request) -> bool:
    return request.method == "OPTIONS" and "access-control-request-method" in request.headers


def preflight(request: Request) -> Response:
    """The answer to a browser that asks what it may send."""
    asked = request.headers.get("access-control-request-headers", "")
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE, OPTIONS",
        "Access-Control-Allow-Headers": asked
        or f"Authorization, Content-Type, If-Match, If-None-Match, {VERSION_HEADER}",
        "Access-Control-Max-Age": "86400",
        VERSION_HEADER: Version.V1.value,
    }
    return Response("OK", headers=headers, media_type="text/plain")


def _version(request: Request, base_version: Version, *, is_open: bool) -> Version:
    """The version that the request names, at either base path."""
    named = request.headers.get(_VERSION_NAME)
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


async def _body(request: Request, service: Service) -> bytes:
    settings = service.settings
    return await read_body(
        request, service.room, limit=settings.body_max_bytes, seconds=settings.body_timeout_seconds
    )


async def _unfold(request: Request, service: Service, base_version: Version) -> Request:
    """The request that a form of version 1.0.x stands for; version 2.0 has no such forms."""
    named = request.headers.get(_VERSION_NAME)
    if base_version is Version.V2 if named is None else _V2(named):
        raise ApiError(400, "version 2.0 has no alternate request syntax", SECTION_ALTERNATE)
    unfolded = await unfold(request, await _body(request, service))
    if _V2(unfolded.headers.get(_VERSION_NAME, "")):
        raise ApiError(400, "version 2.0 has no alternate request syntax", SECTION_ALTERNATE)
    unfolded.held_bytes, request.held_bytes = request.held_bytes, 0
    return unfolded


def _method(request: Request, handlers: Mapping[str, Handler]) -> str:
    if not handlers:
        raise ApiError(404, "there is no such resource", SECTION_ERRORS)
    method = "GET" if request.method == "HEAD" else request.method
    if method not in handlers:
        allowed = ", ".join([*handlers, "HEAD"] if "GET" in handlers else handlers)
        raise ApiError(405, f"this resource knows {allowed}", SECTION_ERRORS, headers={"Allow": allowed})
    return method


async def _finish(response: Response, service: Service, version: Version) -> None:
    """Add what every answer carries."""
    headers = response.raw_headers
    headers += _EVERY_ANSWER[version]
    if not any(name == _CONSISTENT_NAME for name, _ in headers):
        headers.append((_CONSISTENT_NAME, stored_text(await service.store.consistent_through())))


def _without_body(response: Response, *, is_form: bool) -> Response:
    """The answer to HEAD: all headers, Content-Length included where it is known.

    HEAD in a form is a POST on the wire: a refusal says why in its body, and all else has none and speaks of none.
    """
    if is_form and response.status_code >= 400:
        return response
    bare = Response(status_code=response.status_code)
    if is_form:
        bare.raw_headers += [item for item in response.raw_headers if not item[0].startswith(b"content-")]
    else:
        bare.raw_headers = response.raw_headers
    return bare
