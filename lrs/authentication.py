"""Who is asking: HTTP Basic against the credentials, bearer tokens against their issuer; what was verified is kept in memory."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import TYPE_CHECKING, NoReturn

from starlette.requests import Request

from learnlake.settings import Settings
from lrs import credentials
from lrs.answers import SECTION_AUTHENTICATION, ApiError
from lrs.credentials import Credential
from lrs.store import Store

if TYPE_CHECKING:
    from learnlake.bearer import Verifier

_FRESH_SECONDS = 1.0
_REMEMBERED = 10_000
_TOKEN_REMEMBERED_SECONDS = 60.0
"""A token is verified anew after this time, so that a key that its issuer took back soon opens nothing."""
_BASIC = 'Basic realm="xAPI", charset="UTF-8"'
_FOREVER = float("inf")


class Authenticator:
    """Checks Authorization headers. A verified one is remembered until any credential is made or revoked."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._store = store
        self._verifier: Verifier | None = None
        if settings.bearer_issuer:
            from learnlake import bearer  # half a second that nobody pays who has no issuer

            self._verifier = bearer.Verifier(settings)
        self._verified: dict[bytes, tuple[Credential, float]] = {}
        self._generation: tuple[int, int] = (-1, -1)
        self._looked = 0.0

    async def check(self, request: Request) -> Credential:
        """The credential of the request. Raises ApiError 401, or 503 when the issuer of a token cannot be asked."""
        header = request.headers.get("authorization")
        if header is None:
            self._refuse()
        now = time.monotonic()
        if now - self._looked > _FRESH_SECONDS:
            self._looked = now
            generation = await self._store.read(credentials.generation)
            if generation != self._generation:
                self._verified.clear()
                self._generation = generation
        digest = hashlib.sha256(header.encode("utf-8", "surrogateescape")).digest()
        known = self._verified.get(digest)
        if known is not None and now < known[1]:
            return known[0]
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "bearer" and self._verifier is not None:
            credential, until = await self._of_token(self._verifier, value.strip())
        else:
            credential, until = await self._of_pair(scheme, value), _FOREVER
        if len(self._verified) >= _REMEMBERED:
            self._verified.clear()
        self._verified[digest] = credential, until
        return credential

    async def _of_pair(self, scheme: str, value: str) -> Credential:
        pair = _key_and_secret(value) if scheme.lower() == "basic" else None
        if pair is None:
            self._refuse()
        credential = await self._store.read(lambda connection: credentials.verify(connection, *pair))
        if credential is None:
            self._refuse()
        return credential

    async def _of_token(self, verifier: Verifier, token: str) -> tuple[Credential, float]:
        """The credential behind a token, made when its authority is first seen, and until when to remember it."""
        from learnlake import bearer

        try:
            identity = await verifier.verify(token)
        except bearer.Refused as refused:
            self._refuse(f'Bearer realm="xAPI", error="invalid_token", error_description="{refused}"')
        except bearer.Unreachable as error:
            raise ApiError(503, str(error), SECTION_AUTHENTICATION, headers={"Retry-After": "10"}) from None
        credential = await self._store.read(lambda connection: credentials.of_token(connection, identity))
        if credential is None:
            credential = await self._store.write(
                lambda connection: credentials.add_token(connection, identity)
            )
        if credential.is_revoked:
            self._refuse('Bearer realm="xAPI", error="invalid_token", error_description="it was revoked"')
        left = identity.expires - time.time()
        return credential, time.monotonic() + min(left, _TOKEN_REMEMBERED_SECONDS)

    def _refuse(self, bearer_challenge: str = 'Bearer realm="xAPI"') -> NoReturn:
        """401 with every way to authenticate that is open here."""
        challenge = _BASIC if self._verifier is None else f"{_BASIC}, {bearer_challenge}"
        what = (
            "a valid key and secret are needed"
            if self._verifier is None
            else "a valid key and secret, or token, are needed"
        )
        raise ApiError(401, what, SECTION_AUTHENTICATION, headers={"WWW-Authenticate": challenge})


def _key_and_secret(value: str) -> tuple[str, str] | None:
    try:
        key, colon, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (key, secret) if colon and "\0" not in key else None
