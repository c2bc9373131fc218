"""Who is asking: HTTP Basic against the credentials, with those already verified kept in memory."""

from __future__ import annotations

import base64
import hashlib
import time

from lrs import credentials
from lrs.credentials import Credential
from lrs.store import Store

_FRESH_SECONDS = 1.0
_REMEMBERED = 10_000


class Authenticator:
    """Checks an Authorization header. A verified header is remembered until any credential is made or revoked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._verified: dict[bytes, Credential] = {}
        self._generation: tuple[int, int] = (-1, -1)
        self._looked = 0.0

    async def check(self, header: str | None) -> Credential | None:
        """The credential, or None."""
        if header is None:
            return None
        if time.monotonic() - self._looked > _FRESH_SECONDS:
            self._looked = time.monotonic()
            generation = await self._store.read(credentials.generation)
            if generation != self._generation:
                self._verified.clear()
                self._generation = generation
        digest = hashlib.sha256(header.encode("utf-8", "surrogateescape")).digest()
        known = self._verified.get(digest)
        if known is not None:
            return known
        pair = _key_and_secret(header)
        if pair is None:
            return None
        credential = await self._store.read(lambda connection: credentials.verify(connection, *pair))
        if credential is not None and len(self._verified) < _REMEMBERED:
            self._verified[digest] = credential
        return credential


def _key_and_secret(header: str) -> tuple[str, str] | None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        key, colon, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (key, secret) if colon and "\0" not in key else None
