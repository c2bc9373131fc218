"""Answers as gzip, where they are large enough to gain and the client takes it."""

from __future__ import annotations

import asyncio
import gzip
import re

from starlette.responses import Response

_LEVEL = 4
_IN_A_THREAD_FROM_BYTES = 64 * 1024
COMPRESSED_FROM_BYTES = 1024
_GZIP = re.compile(r"(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=([0-9.]+)\s*)?(?:,|$)").search


async def compress(response: Response, accept_encoding: str) -> None:
    """Pack a JSON answer in place. A document, whose ETag names its bytes as they are, stays as it is."""
    headers = response.headers
    if "etag" in headers or not headers.get("content-type", "").startswith("application/json"):
        return
    headers["vary"] = "Accept-Encoding"
    if not _takes_gzip(accept_encoding):
        return
    body = bytes(response.body)
    if len(body) >= _IN_A_THREAD_FROM_BYTES:
        packed = await asyncio.to_thread(gzip.compress, body, _LEVEL, mtime=0)
    else:
        packed = gzip.compress(body, _LEVEL, mtime=0)
    response.body = packed
    headers["content-encoding"] = "gzip"
    headers["content-length"] = str(len(packed))


def _takes_gzip(accept_encoding: str) -> bool:
    found = _GZIP(accept_encoding.lower())
    return found is not None and (found[1] is None or float(found[1] or 0) > 0)
