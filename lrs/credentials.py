"""Key / secret pairs of LMSs and sources: made, listed, revoked, and checked. Secrets are kept only as salted hashes."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import hmac
import json
import math
import re
import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from learnlake.errors import InputError
from learnlake.settings import Settings
from lrs.store.database import Connection, open_database

if TYPE_CHECKING:
    from learnlake.bearer import Identity

SCOPES = (
    "all",
    "all/read",
    "statements/write",
    "statements/read",
    "statements/read/mine",
    "state",
    "profile",
    "define",
)
AUTHORITY_HOME_PAGE = "https://w3id.org/learnlake/credentials"
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}").fullmatch
# 2 MiB and a few milliseconds: enough for a secret that somebody chose, paid once per process and secret.
_SCRYPT: dict[str, Any] = {"n": 2**11, "r": 8, "p": 1, "dklen": 32}


@dataclasses.dataclass(frozen=True, slots=True)
class Credential:
    """A key with what it may do. `secret` is known only where it has just been made.

    `rate` is in requests a second (0: no limit; None: as the settings say), `burst` how many may come at once.

    One of bearer tokens stands for an authority (issuer, tenant and name), has no secret, and what it may do is in each token.
    """

    number: int
    key: str
    name: str
    tenant: str
    scopes: tuple[str, ...]
    is_revoked: bool = False
    issuer: str | None = None
    rate: float | None = None
    burst: int | None = None
    secret: str | None = dataclasses.field(default=None, repr=False)

    @property
    def authority(self) -> dict[str, Any]:
        """The agent that the LRS names as authority of what this credential stores."""
        if self.issuer is not None:
            account = {"homePage": self.issuer, "name": self.name}
        else:
            account = {"homePage": AUTHORITY_HOME_PAGE, "name": f"{self.tenant}:{self.name}"}
        return {"objectType": "Agent", "account": account}


def create(
    settings: Settings,
    *,
    name: str,
    tenant: str = "default",
    scopes: Sequence[str] = ("all",),
    key: str | None = None,
    secret: str | None = None,
    rate: float | None = None,
    burst: int | None = None,
) -> Credential:
    """Make a credential; its secret is in the answer and nowhere else. Raises InputError for what cannot be."""
    if not _TENANT(tenant):
        raise InputError(
            f"{tenant!r} is no name for a tenant",
            mend="use lower-case letters, digits and hyphens, 63 at most",
        )
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise InputError(f"unknown scope {unknown}", mend=f"choose from {', '.join(SCOPES)}")
    if key is not None and (not key or ":" in key):
        raise InputError("a key must not be empty and must not hold a colon", where=f"--key {key}")
    if (rate is not None and not 0 <= rate < math.inf) or (burst is not None and burst < 1):
        raise InputError(
            "a rate must not be negative, and a burst must be 1 or more", where="--rate, --burst"
        )
    key = key or secrets.token_hex(16)
    secret = secret or secrets.token_urlsafe(32)
    salt = secrets.token_bytes(16)
    with contextlib.closing(open_database(settings).connect()) as connection, connection.writing():
        if connection.rows("select 1 from credential where key = ?", (key,)):
            raise InputError(
                "a credential with this key is there already", mend="revoke it, or take another key"
            )
        number = connection.rows("select coalesce(max(number), 0) + 1 from credential")[0][0]
        connection.execute(
            "insert into credential (number, key, name, tenant, scopes, salt, digest, created, rate, burst)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                key,
                name,
                tenant,
                " ".join(scopes),
                salt,
                _digest(secret, salt),
                time.time_ns() // 1000,
                rate,
                burst,
            ),
        )
    return Credential(number, key, name, tenant, tuple(scopes), rate=rate, burst=burst, secret=secret)


def list_(settings: Settings) -> list[Credential]:
    """All credentials, revoked ones too, without secrets."""
    with contextlib.closing(open_database(settings).connect(read_only=True)) as connection:
        return [
            Credential(
                number, key, name, tenant, tuple(scopes.split()), revoked is not None, issuer, rate, burst
            )
            for number, key, name, tenant, scopes, revoked, issuer, rate, burst in connection.rows(
                "select number, key, name, tenant, scopes, revoked, issuer, rate, burst from credential"
                " order by number"
            )
        ]


def number_of(settings: Settings, tenant: str, key: str) -> int:
    """The number that statements carry of the credential that stored them, a revoked one's too."""
    for credential in list_(settings):
        if credential.key == key and credential.tenant == tenant:
            return credential.number
    raise InputError(
        "this tenant has no such credential",
        where=f"key {key}, tenant {tenant}",
        mend="see `learnlake lrs credential list`; revoked ones are listed too",
    )


def revoke(settings: Settings, key: str) -> None:
    """From within a second on, `key` opens nothing. What it has stored stays."""
    with contextlib.closing(open_database(settings).connect()) as connection, connection.writing():
        changed = connection.execute(
            "update credential set revoked = ? where key = ? and revoked is null",
            (time.time_ns() // 1000, key),
        )
    if not changed:
        raise InputError(
            "no such credential in force", where=f"key {key}", mend="see `learnlake lrs credential list`"
        )


def verify(connection: Connection, key: str, secret: str) -> Credential | None:
    """The credential if key and secret are right and it is in force. Takes the same time whether the key exists or not."""
    rows = connection.rows(
        "select number, name, tenant, scopes, salt, digest, revoked, rate, burst from credential where key = ?",
        (key,),
    )
    number, name, tenant, scopes, salt, digest, revoked, rate, burst = (
        rows[0] if rows else (0, "", "", "", b"-" * 16, b"", 0, None, None)
    )
    is_right = hmac.compare_digest(_digest(secret, bytes(salt)), bytes(digest))
    if not is_right or revoked is not None:
        return None
    return Credential(number, key, name, tenant, tuple(scopes.split()), rate=rate, burst=burst)


def of_token(connection: Connection, identity: Identity) -> Credential | None:
    """What the store knows of a token's authority, with the scopes of this token; None if it is new."""
    key = _token_key(identity)
    rows = connection.rows("select number, revoked from credential where key = ?", (key,))
    if not rows:
        return None
    number, revoked = rows[0]
    return Credential(
        number,
        key,
        identity.name,
        identity.tenant,
        identity.scopes,
        is_revoked=revoked is not None,
        issuer=identity.issuer,
    )


def add_token(connection: Connection, identity: Identity) -> Credential:
    """The same for one that may be new. The caller holds a writing transaction."""
    connection.execute(
        "insert into credential (number, key, name, tenant, scopes, salt, digest, created, issuer)"
        " select coalesce(max(number), 0) + 1, ?, ?, ?, '', ?, ?, ?, ? from credential where true"
        " on conflict do nothing",
        (
            _token_key(identity),
            identity.name,
            identity.tenant,
            b"",
            b"",  # equal to no digest: no secret opens it
            time.time_ns() // 1000,
            identity.issuer,
        ),
    )
    made = of_token(connection, identity)
    assert made is not None
    return made


def _token_key(identity: Identity) -> str:
    """Stands in the place of a key. With its colon it is no key that Basic authentication could name."""
    text = json.dumps([identity.issuer, identity.tenant, identity.name])
    return f"bearer:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def generation(connection: Connection) -> tuple[int, int]:
    """Changes whenever a credential is made or revoked: what was verified before then must be verified again.

    Authorities of tokens are made by the LRS itself, many on a school's morning, and change nothing for anybody else.
    """
    made, revoked = connection.rows("select count(*) - count(issuer), count(revoked) from credential")[0]
    return made, revoked


def _digest(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, **_SCRYPT)
