"""A multipart/mixed request: the statements in its first part, attachments' bytes in the others (Data 2.4.11)."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from lrs.answers import SECTION_ERRORS, ApiError
from lrs.attachments import Draft, described
from lrs.statement import Flaw, Version
from lrs.statement.attachment import SECTION_ATTACHMENTS, SIGNATURE_USAGE
from lrs.statement.signature import check_signature

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # a broken body is the client's news, not ours

_SHA2 = re.compile(r"[0-9a-fA-F]{56}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128}").fullmatch


class Parts:
    """The parts of one request. Leaving it discards every file that was not kept."""

    def __init__(self, content_type: str, folder: Path, *, json_limit: int) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise ApiError(400, "the Content-Type multipart/mixed needs a boundary", SECTION_ATTACHMENTS)
        self._folder = folder
        self._json_limit = json_limit
        self._parser = MultipartParser(
            boundary,
            callbacks={
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._grow("_field", data[start:end]),
                "on_header_value": lambda data, start, end: self._grow("_value", data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )
        self._field = self._value = b""
        self._headers: dict[str, str] = {}
        self._is_over = False
        self._number = 0
        self._json = bytearray()
        self._draft: Draft | None = None
        self.drafts: dict[str, Draft] = {}

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_: object) -> None:
        for draft in self.drafts.values():
            draft.discard()

    async def read(self, stream: AsyncIterator[bytes]) -> bytes:
        """Take in the whole request; the JSON of its first part."""
        try:
            async for chunk in stream:
                self._parser.write(chunk)
            self._parser.finalize()
        except MultipartParseError as error:
            raise ApiError(400, f"the body is no multipart/mixed: {error}", SECTION_ATTACHMENTS) from None
        if not self._is_over or self._number == 0:
            raise ApiError(400, "the multipart body does not end with its boundary", SECTION_ATTACHMENTS)
        for draft in self.drafts.values():
            if not draft.is_right:
                raise ApiError(
                    400,
                    f"a part is not what its X-Experience-API-Hash {draft.sha2} says",
                    SECTION_ATTACHMENTS,
                )
        return bytes(self._json)

    def check(self, statements: list[dict[str, Any]], version: Version) -> None:
        """Every part belongs to an attachment, and every attachment without a fileUrl has its part."""
        wanted: set[str] = set()
        for position, statement in enumerate(statements):
            for number, attachment in enumerate(described(statement)):
                sha2 = attachment["sha2"].lower()
                wanted.add(sha2)
                draft = self.drafts.get(sha2)
                if draft is None and "fileUrl" not in attachment:
                    raise Flaw(
                        "has neither a fileUrl nor a part of this request",
                        SECTION_ATTACHMENTS,
                        position,
                        "attachments",
                        number,
                    )
                if draft and attachment["usageType"] == SIGNATURE_USAGE:
                    _check_signature(statement, attachment, draft, version, position, number)
        for sha2 in self.drafts.keys() - wanted:
            raise ApiError(
                400, f"no statement has an attachment for the part with hash {sha2}", SECTION_ATTACHMENTS
            )

    def keep(self) -> None:
        """Make every file durable, once more after the commit: a removal in between may have found it unused."""
        for draft in self.drafts.values():
            draft.keep()

    def _grow(self, name: str, data: bytes) -> None:
        setattr(self, name, getattr(self, name) + data)

    def _begin(self) -> None:
        self._headers = {}
        self._draft = None
        self._number += 1

    def _header_end(self) -> None:
        self._headers[self._field.decode("latin-1").lower()] = self._value.decode("latin-1").strip()
        self._field = self._value = b""

    def _headers_end(self) -> None:
        if self._number == 1:
            media_type = self._headers.get("content-type", "").partition(";")[0].strip().lower()
            if media_type != "application/json":
                raise ApiError(400, "the first part must be application/json", SECTION_ATTACHMENTS)
            return
        sha2 = self._headers.get("x-experience-api-hash", "")
        if not _SHA2(sha2):
            raise ApiError(400, "each part after the first needs X-Experience-API-Hash", SECTION_ATTACHMENTS)
        if self._headers.get("content-transfer-encoding", "").lower() != "binary":
            raise ApiError(
                400, "each part after the first needs Content-Transfer-Encoding: binary", SECTION_ATTACHMENTS
            )
        if sha2.lower() in self.drafts:
            raise ApiError(400, f"two parts have the hash {sha2}", SECTION_ATTACHMENTS)
        self._draft = self.drafts[sha2.lower()] = Draft(self._folder, sha2)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._draft:
            self._draft.write(data[start:end])
            return
        self._json += data[start:end]
        if len(self._json) > self._json_limit:
            raise ApiError(413, f"the statements are larger than {self._json_limit} bytes", SECTION_ERRORS)

    def _end(self) -> None:
        self._is_over = True


def check_without_parts(statements: list[dict[str, Any]]) -> None:
    """A request of JSON alone: its attachments all need a fileUrl."""
    for position, statement in enumerate(statements):
        for number, attachment in enumerate(described(statement)):
            if "fileUrl" not in attachment:
                raise Flaw(
                    "has neither a fileUrl nor a part of this request",
                    SECTION_ATTACHMENTS,
                    position,
                    "attachments",
                    number,
                )


def _check_signature(
    statement: dict[str, Any],
    attachment: dict[str, Any],
    draft: Draft,
    version: Version,
    position: int,
    number: int,
) -> None:
    try:
        if attachment["contentType"] != "application/octet-stream":
            raise Flaw(
                "a signature's contentType must be application/octet-stream",
                SECTION_ATTACHMENTS,
                "contentType",
            )
        check_signature(statement, draft.read(), version)
    except Flaw as flaw:
        raise flaw.under(position, "attachments", number) from None
