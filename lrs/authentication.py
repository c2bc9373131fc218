"""Who is asking: HTTP Basic against the credentials, bearer tokens against their issuer; what was verified is kept in memory."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from typing import TYPE_CHECKING, NoReturn

from learnlake.settings import Settings
from learnlake.throttle import Bucket, Guard, retry_after, source_of
from lrs import credentials
from lrs.answers import SECTION_AUTHENTICATION, SECTION_ERRORS, ApiError
from lrs.credentials import Credential
from lrs.request import Request
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
        self._verified: dict[bytes, tuple[Credential, float, Bucket | None]] = {}
        self._checking: dict[tuple[bytes, str], asyncio.Task[tuple[Credential, float]]] = {}
        self._proved: dict[bytes, None] = {}
        """Headers that were right once: whoever sends them again is not guessing, whatever others do from the same address."""
        self._guard = Guard(free_per_address=settings.guesses_per_address)
        self._buckets: dict[int, Bucket] = {}
        self._rate, self._burst = settings.rate_limit_per_second, settings.rate_limit_burst
        self._generation: tuple[int, int] = (-1, -1)
        self._looked = 0.0

    async def check(self, request: Request) -> Credential:
        """The credential of the request. Raises ApiError 401; 429 for one that asks or guesses too much; 503 when the issuer
        of a token cannot be asked."""
        header = request.headers.get("authorization")
        if header is None:
            self._refuse()
        now = time.monotonic()
        if now - self._looked > _FRESH_SECONDS:
            await self._look(now)
        digest = hashlib.sha256(header.encode("utf-8", "surrogateescape")).digest()
        known = self._verified.get(digest)
        if known is None or now >= known[1]:
            known = await self._verify(digest, header, source_of((request.scope["client"] or ("",))[0]))
        credential, _, bucket = known
        if bucket is not None and (seconds := bucket.take(now)):
            raise ApiError(
                429,
                f"the credential may ask {bucket.rate:g} times a second",
                SECTION_ERRORS,
                headers=retry_after(seconds),
            )
        return credential

    async def _look(self, now: float) -> None:
        """Forget what was verified if a credential was made or revoked."""
        self._looked = now
        generation = await self._store.read(credentials.generation)
        if generation != self._generation:
            self._verified.clear()
            self._generation = generation

    async def _verify(
        self, digest: bytes, header: str, source: str
    ) -> tuple[Credential, float, Bucket | None]:
        """Check a header once, however many requests bring it side by side, and remember it."""
        checking = self._checking.get((digest, source))
        if checking is None:
            checking = asyncio.ensure_future(self._of_header(header, source, digest))
            self._checking[digest, source] = checking
            checking.add_done_callback(lambda _: self._checking.pop((digest, source)))
        credential, until = await asyncio.shield(checking)
        if len(self._verified) >= _REMEMBERED:
            self._verified.clear()
        known = self._verified[digest] = (credential, until, self._bucket(credential))
        return known

    async def _of_header(self, header: str, source: str, digest: bytes) -> tuple[Credential, float]:
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "bearer" and self._verifier is not None:
            return await self._of_token(self._verifier, value.strip())
        pair = _key_and_secret(value) if scheme.lower() == "basic" else None
        if pair is None:
            self._refuse()
        return await self._of_pair(*pair, source, digest), _FOREVER

    def _bucket(self, credential: Credential) -> Bucket | None:
        rate = self._rate if credential.rate is None else credential.rate
        if not rate:
            return None
        by_settings = self._burst if credential.rate is None else 0
        burst = max(1.0, credential.burst or by_settings or 2 * rate)
        bucket = self._buckets.get(credential.number)
        if bucket is None or (bucket.rate, bucket.burst) != (rate, burst):
            if len(self._buckets) >= _REMEMBERED:
                self._buckets.clear()
            bucket = self._buckets[credential.number] = Bucket(rate, burst)
        return bucket

    async def _of_pair(self, key: str, secret: str, source: str, digest: bytes) -> Credential:
        is_guess = digest not in self._proved
        if is_guess and (seconds := self._guard.begin(source, key)):
            raise ApiError(
                429,
                "too many wrong secrets came from this address",
                SECTION_AUTHENTICATION,
                headers=retry_after(seconds),
            )
        credential = await self._store.read(lambda connection: credentials.verify(connection, key, secret))
        if credential is None:
            self._proved.pop(digest, None)
            await self._guard.wrong(source, key)
            self._refuse()
        if is_guess:
            self._guard.right(source, key)
            if len(self._proved) >= _REMEMBERED:
                self._proved.clear()
            self._proved[digest] = None
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
