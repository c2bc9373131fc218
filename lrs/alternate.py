"""Alternate request syntax of xAPI 1.0.x: a POST form that stands for another request (Communication 1.3)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

from lrs.answers import ApiError
from lrs.request import Request

SECTION = "xAPI 1.0.3 Communication 1.3"
_HEADERS = {
    "authorization",
    "x-experience-api-version",
    "content-type",
    "content-length",
    "if-match",
    "if-none-match",
    "accept-language",
}
_METHODS = {"GET", "PUT", "POST", "DELETE", "HEAD"}


def is_alternate(request: Request) -> bool:
    return request.method == "POST" and any(name == "method" for name, _ in request.query)


async def unfold(request: Request, body: bytes) -> Request:
    """The request that the form stands for. Its query may name nothing but the method."""
    if len(request.query) > 1:
        raise ApiError(
            400, "beside method the query may hold nothing: all else belongs into the form", SECTION
        )
    method = request.query[0][1].upper()
    if method not in _METHODS:
        raise ApiError(400, f"method must be one of {', '.join(sorted(_METHODS))}", SECTION)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise ApiError(400, "the body must be application/x-www-form-urlencoded", SECTION)
    try:
        form = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict"
        )
    except ValueError:
        raise ApiError(400, "the body is no URL-encoded form", SECTION) from None
    headers = {
        name: value
        for name, value in request.scope["headers"]
        if name not in (b"content-type", b"content-length", b"content-encoding")
    }
    query, content = [], None
    for name, value in form:
        if name.lower() in _HEADERS:
            headers[name.lower().encode()] = value.encode()
        elif name == "content":
            content = value.encode()
        else:
            query.append((name, value))
    if content is None and method in ("PUT", "POST"):
        raise ApiError(400, "the form needs the field content", SECTION)
    headers.setdefault(b"content-type", b"application/json")
    scope = {
        **request.scope,
        "method": method,
        "query_string": urlencode(query).encode(),
        "headers": list(headers.items()),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content or b"", "more_body": False}

    return Request(scope, receive)
