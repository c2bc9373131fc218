"""Bodies as they arrive: not too large, not too slow, unpacked if they are gzip."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator

from lrs.answers import SECTION_ERRORS, ApiError
from lrs.request import Request

_BYTES_PER_SECOND = 1_000
"""A body may take a second more for each of these: an upload over a bad line goes on, one that drips does not."""
_PIECE_BYTES = 256 * 1024
_IN_A_THREAD_FROM_BYTES = 64 * 1024


class Room:
    """The memory for bodies: what all requests in flight hold of theirs, together at most `limit` bytes.

    Who finds no room is told to come back. A request that is alone always has room.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held_bytes = 0

    def take(self, request: Request, size: int) -> None:
        """`size` bytes more of the request's body are here."""
        if self._held_bytes + size > self._limit and self._held_bytes > request.held_bytes:
            raise ApiError(
                503,
                "too much is being sent at once; nothing of this was stored",
                SECTION_ERRORS,
                headers={"Retry-After": "1"},
            )
        self._held_bytes += size
        request.held_bytes += size

    def release(self, request: Request) -> None:
        """The request is answered."""
        self._held_bytes -= request.held_bytes
        request.held_bytes = 0


async def read_body(request: Request, room: Room, *, limit: int, seconds: float) -> bytes:
    """The whole body; 413 as soon as it is larger than `limit` bytes, 408 when it is not there in time, 503 without room."""
    unpacker = _unpacker(request, limit)
    chunks, size, more = [], 0, True
    try:
        async with asyncio.timeout(seconds) as deadline:
            while more:
                chunk, more = await request.receive()
                if not chunk:
                    continue
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                room.take(request, len(chunk))
                chunks.append(chunk)
                if more:
                    _extend(deadline, len(chunk))
    except TimeoutError:
        raise _too_slow() from None
    body = b"".join(chunks) if len(chunks) != 1 else chunks[0]
    if unpacker is None:
        return body
    if len(body) < _IN_A_THREAD_FROM_BYTES:
        unpacked = unpacker.whole(body)
    else:
        unpacked = await asyncio.to_thread(unpacker.whole, body)
    room.take(request, len(unpacked))
    return unpacked


async def stream_body(request: Request, *, limit: int, seconds: float) -> AsyncIterator[bytes]:
    """The same in pieces, none of them large."""
    unpacker = _unpacker(request, limit)
    size, more = 0, True
    left = asyncio.get_running_loop().time() + seconds
    while more:
        try:
            async with asyncio.timeout_at(left):
                chunk, more = await request.receive()
        except TimeoutError:
            raise _too_slow() from None
        size += len(chunk)
        left += len(chunk) / _BYTES_PER_SECOND
        if size > limit:
            raise _too_large(limit)
        for piece in (chunk,) if unpacker is None else unpacker.feed(chunk):
            yield piece
    if unpacker is not None:
        unpacker.end()


class _Unpacker:
    """gzip, in one or several members, up to `limit` bytes unpacked: a small body cannot become a huge one."""

    def __init__(self, limit: int) -> None:
        self._limit = self._left = limit
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                piece = self._member.decompress(data, _PIECE_BYTES)
            except zlib.error:
                raise ApiError(
                    400, "the body is not the gzip that Content-Encoding says", SECTION_ERRORS
                ) from None
            self._left -= len(piece)
            if self._left < 0:
                raise _too_large(self._limit)
            if piece:
                yield piece
            data = self._member.unconsumed_tail or self._member.unused_data

    def whole(self, data: bytes) -> bytes:
        unpacked = b"".join(self.feed(data))
        self.end()
        return unpacked

    def end(self) -> None:
        if not self._member.eof:
            raise ApiError(400, "the gzip of the body ends early", SECTION_ERRORS)


def _unpacker(request: Request, limit: int) -> _Unpacker | None:
    encoding = request.headers.get("content-encoding")
    if encoding is None or encoding.strip().lower() in ("identity", ""):
        return None
    if encoding.strip().lower() in ("gzip", "x-gzip"):
        return _Unpacker(limit)
    raise ApiError(
        415,
        "a body may be encoded as gzip, or not at all",
        SECTION_ERRORS,
        headers={"Accept-Encoding": "gzip"},
    )


def _extend(deadline: asyncio.Timeout, size: int) -> None:
    when = deadline.when()
    assert when is not None
    deadline.reschedule(when + size / _BYTES_PER_SECOND)


def _too_large(limit: int) -> ApiError:
    return ApiError(413, f"the body is larger than {limit} bytes", SECTION_ERRORS)


def _too_slow() -> ApiError:
    return ApiError(408, "the body did not come in time", SECTION_ERRORS, headers={"Connection": "close"})
