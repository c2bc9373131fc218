"""OIDC bearer tokens: a token's signature is checked against its issuer's published keys, its claims against the settings.

What a token may do in a room is that room's business; here it becomes an `Identity`, or is refused with a reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import re
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, KeySet
from joserfc.jws import JWSRegistry

from learnlake.errors import SettingsError
from learnlake.settings import Settings

logger = logging.getLogger(__name__)

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""What the settings may choose from: public keys only. `none` and shared secrets can't be switched on."""
_TYPES = {"jwt", "at+jwt", "application/at+jwt"}
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}").fullmatch
_NAME_LENGTH = 255
_TOKEN_BYTES = 16 * 1024
_FETCH_BYTES = 1024 * 1024
_FETCH_SECONDS = 5.0
_LATEST = 2**53
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Refused(Exception):
    """The token opens nothing. The message says why, in words that may be sent back."""


class Unreachable(Exception):
    """The issuer's keys can't be had at the moment: neither a yes nor a no."""


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token speaks for. `name` is the subject, or the client where there is none; `expires` is in seconds since 1970."""

    issuer: str
    subject: str
    client: str
    name: str
    tenant: str
    scopes: tuple[str, ...]
    expires: float


class Verifier:
    """Checks tokens of the one issuer that the settings name. One per process and event loop."""

    def __init__(self, settings: Settings) -> None:
        if not settings.bearer_issuer:
            raise SettingsError("There is no issuer of tokens", where="LEARNLAKE_BEARER_ISSUER")
        self._settings = settings
        self.issuer = settings.bearer_issuer
        self._algorithms = sorted(_words(settings.bearer_algorithms))
        unknown = set(self._algorithms) - ALGORITHMS
        if unknown or not self._algorithms:
            raise SettingsError(
                f"{', '.join(sorted(unknown)) or 'nothing'} cannot be an algorithm of bearer tokens",
                where="LEARNLAKE_BEARER_ALGORITHMS",
                mend=f"choose from {', '.join(sorted(ALGORITHMS))}",
            )
        self._registry = JWSRegistry(algorithms=self._algorithms, strict_check_header=False)
        self._allowed_scopes = _words(settings.bearer_scopes_allowed)
        self._claims = jwt.JWTClaimsRegistry(
            leeway=settings.bearer_leeway_seconds,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": settings.bearer_audience},
            exp={"essential": True},
        )
        self._keys = _Keys(settings)

    async def verify(self, token: str) -> Identity:
        """Whom `token` speaks for. Raises Refused, or Unreachable when its issuer must be asked and doesn't answer."""
        if len(token) > _TOKEN_BYTES:
            raise Refused("the token is too long")
        keys = await self._keys.present()
        try:
            decoded = self._decode(token, keys)
        except InvalidKeyIdError:
            # The issuer may have changed its keys since they were fetched.
            try:
                decoded = self._decode(token, await self._keys.newer(keys))
            except InvalidKeyIdError:
                raise Refused("the token is signed with a key that its issuer does not publish") from None
        try:
            self._claims.validate(decoded.claims)
        except JoseError as error:
            raise Refused(f"the token is not valid: {error.description}") from None
        return self._identity(decoded)

    def _decode(self, token: str, keys: KeySet) -> jwt.Token:
        try:
            return jwt.decode(token, keys, self._algorithms, self._registry)
        except InvalidKeyIdError:
            raise
        except JoseError as error:
            raise Refused(f"the token cannot be verified: {error.error.replace('_', ' ')}") from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise Refused("this is no JSON Web Token") from None

    def _identity(self, token: jwt.Token) -> Identity:
        claims, settings = token.claims, self._settings
        if str(token.header.get("typ", "JWT")).lower() not in _TYPES or "crit" in token.header:
            raise Refused("this kind of token opens nothing")
        subject, client = _text(claims, "sub"), _text(claims, "client_id") or _text(claims, "azp")
        name = _text(claims, settings.bearer_authority_claim) or client
        if not name or len(name) > _NAME_LENGTH:
            raise Refused(f"the token has neither {settings.bearer_authority_claim} nor a client id")
        tenant = settings.bearer_tenant
        if settings.bearer_tenant_claim:
            tenant = _text(claims, settings.bearer_tenant_claim)
            if not _TENANT(tenant):
                raise Refused(f"the token's claim {settings.bearer_tenant_claim} names no tenant")
        claimed = claims.get(settings.bearer_scope_claim, settings.bearer_scopes_default)
        scopes = _words(claimed) & self._allowed_scopes
        return Identity(
            self.issuer,
            subject,
            client,
            name,
            tenant,
            tuple(sorted(scopes)),
            float(min(claims["exp"], _LATEST)) + settings.bearer_leeway_seconds,
        )


class _Keys:
    """The issuer's public keys: fetched when first needed, when they are old, and when a token names one that is not among them."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = _checked_address(settings.bearer_issuer or "")
        self._old_after_seconds = settings.bearer_keys_seconds
        self._refetch_after_seconds = settings.bearer_refetch_seconds
        self._fetched = self._tried = float("-inf")
        self._rounds = 0
        self._keys: KeySet | None = None
        self._fetching = asyncio.Lock()

    async def present(self) -> KeySet:
        """The keys as they were fetched last; fetched now if they are old. Old ones serve on while the issuer is away."""
        is_old = time.monotonic() - self._fetched > self._old_after_seconds
        if self._keys is None or (is_old and not self._fetching.locked()):
            await self._fetch()
        if self._keys is None:
            raise Unreachable("the issuer of tokens cannot be asked for its keys")
        return self._keys

    async def newer(self, than: KeySet) -> KeySet:
        """Keys fetched after `than`, or the same: unknown keys in tokens must not make us ask the issuer all the time."""
        if self._keys is than:
            await self._fetch()
        return self._keys or than

    async def _fetch(self) -> None:
        """Ask the issuer, unless somebody else does so right now or did a moment ago."""
        rounds = self._rounds
        async with self._fetching:
            if self._rounds != rounds or time.monotonic() - self._tried < self._refetch_after_seconds:
                return
            self._tried = time.monotonic()
            try:
                self._keys = await _fetch_keys(self._issuer)
                self._fetched = self._tried
            except (
                httpx.HTTPError,
                SettingsError,
                ValueError,
                KeyError,
                TypeError,
                AttributeError,
            ) as error:
                logger.warning("the keys of the issuer of tokens could not be fetched: %s", error)
            self._rounds += 1


async def _fetch_keys(issuer: str) -> KeySet:
    is_here = urlsplit(issuer).hostname in _LOOPBACK
    async with httpx.AsyncClient(timeout=_FETCH_SECONDS, trust_env=not is_here) as client:
        found = await _fetch_json(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise ValueError("the discovery document is another issuer's")
        listed = (await _fetch_json(client, _checked_address(str(found["jwks_uri"]))))["keys"]
    keys = []
    for key in listed:
        # A key for encryption, or a shared secret that somebody published, verifies nothing.
        if key.get("use", "sig") == "sig" and key.get("kty") != "oct":
            with contextlib.suppress(JoseError, ValueError):  # of a kind that we don't know
                keys.append(JWKRegistry.import_key(key))
    if not keys:
        raise ValueError("the issuer publishes no key that could verify a signature")
    return KeySet(keys)


async def _fetch_json(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    content = b""
    async with client.stream("GET", address) as answer:
        answer.raise_for_status()
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > _FETCH_BYTES:
                raise ValueError("the answer is too long")
    value = httpx.Response(200, content=content).json()
    if not isinstance(value, dict):
        raise ValueError("the answer is no JSON object")
    return value


def _checked_address(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return address
    raise SettingsError(
        f"{address!r} cannot be where an issuer's keys are",
        where="LEARNLAKE_BEARER_ISSUER",
        mend="give an https:// address (http:// on this machine only)",
    )


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _words(value: object) -> set[str]:
    """A claim of several values: words in one text, or a list of texts."""
    if isinstance(value, str):
        return set(value.split())
    if isinstance(value, list):
        return {item for item in value if isinstance(item, str)}
    return set()
