"""Attachments' bytes: files under the home folder named by tenant and hash, written as they arrive, never held in memory."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from learnlake.home import Home

_ALGORITHMS = {56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_CHUNK_BYTES = 256 * 1024


class Draft:
    """A file that is still arriving; it becomes an attachment by `keep`, and its draft goes by `discard`."""

    def __init__(self, folder: Path, sha2: str) -> None:
        self.sha2 = sha2.lower()
        self._hash = hashlib.new(_ALGORITHMS.get(len(sha2), "sha256"))
        self._target = path_of(folder, self.sha2)
        drafts = folder / "drafts"
        drafts.mkdir(parents=True, exist_ok=True)
        self.path = drafts / uuid.uuid4().hex
        self._file = self.path.open("wb")

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)

    @property
    def is_right(self) -> bool:
        """The bytes so far have the hash that was announced."""
        return self._hash.hexdigest() == self.sha2

    def keep(self) -> None:
        """Durable under its hash once this returns. Called again it puts back what was removed in between."""
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        self._target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self.path, self._target)
        except FileExistsError:
            return
        for folder in (self._target.parent, self._target.parent.parent):
            descriptor = os.open(folder, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)

    def discard(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def read(self) -> bytes:
        """Everything written so far (signatures, which are small)."""
        self._file.flush()
        return self.path.read_bytes()


@dataclasses.dataclass(frozen=True, slots=True)
class Attachment:
    """An attachment whose bytes are here."""

    sha2: str
    content_type: str
    path: Path


def folder_of(home: Home, tenant: str) -> Path:
    """A tenant's own folder: knowing the hash of another's file opens nothing."""
    return home.attachments / tenant


def path_of(folder: Path, sha2: str) -> Path:
    """Where the file with this hash (lower case) is, if it is here."""
    return folder / sha2[:2] / sha2


def described(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The attachment objects of the statement and of its sub-statement."""
    yield from statement.get("attachments", ())
    thing = statement["object"]
    if thing.get("objectType") == "SubStatement":
        yield from thing.get("attachments", ())


def found(folder: Path, statements: Iterable[dict[str, Any]]) -> list[Attachment]:
    """The attachments of `statements` whose bytes are here, each once."""
    seen: dict[str, Attachment] = {}
    for statement in statements:
        for attachment in described(statement):
            sha2 = attachment["sha2"].lower()
            path = path_of(folder, sha2)
            if sha2 not in seen and path.is_file():
                seen[sha2] = Attachment(attachment["sha2"], attachment["contentType"], path)
    return list(seen.values())


def multipart(body: bytes, attachments: Iterable[Attachment], boundary: str) -> Iterator[bytes]:
    """A multipart/mixed answer in pieces: the JSON, then each file."""
    yield f"--{boundary}\r\nContent-Type: application/json\r\n\r\n".encode()
    yield body
    for attachment in attachments:
        yield (
            f"\r\n--{boundary}\r\nContent-Type: {attachment.content_type}\r\nContent-Transfer-Encoding: binary\r\n"
            f"X-Experience-API-Hash: {attachment.sha2}\r\n\r\n"
        ).encode()
        with attachment.path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    yield f"\r\n--{boundary}--\r\n".encode()
