"""Systems that read a roster by OneRoster's REST form or manage accounts by SCIM: client credentials, short-lived tokens, both kept as hashes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Engine, delete, insert, select, update

from learnlake import audit
from learnlake.errors import AccessError, InputError
from people.db import check_tenant, now, reading, settings_of, writing
from people.tables import person, roster_client, roster_token

SCOPE_PREFIX: Final = "https://purl.imsglobal.org/spec/or/v1p2/scope/"
CORE: Final = f"{SCOPE_PREFIX}roster-core.readonly"
ALL: Final = f"{SCOPE_PREFIX}roster.readonly"
DEMOGRAPHICS: Final = f"{SCOPE_PREFIX}roster-demographics.readonly"
ACCOUNTS: Final = "urn:learnlake:scope:accounts"
PREDICTIONS: Final = "urn:learnlake:scope:predictions"
ANSWERS: Final = "urn:learnlake:scope:answers"
SCOPES: Final = (CORE, ALL, DEMOGRAPHICS, ACCOUNTS, PREDICTIONS, ANSWERS)
"""OneRoster 1.2's scopes for reading rosters (demographics need their own), and ours: managing accounts by SCIM, reading predictions,
reporting answers that move them."""
_SHORT: Final = {scope.rpartition("/")[2].rpartition(":")[2]: scope for scope in SCOPES}
TOKEN_SECONDS: Final = 3600


@dataclasses.dataclass(frozen=True, slots=True)
class Client:
    """A system that reads the rows of one source in one tenant."""

    client_id: str
    tenant: str
    source: str
    name: str
    scopes: tuple[str, ...]

    @property
    def key(self) -> str:
        """Its name in the audit trail."""
        return f"roster-client:{self.client_id}"

    @property
    def short_scopes(self) -> tuple[str, ...]:
        """The scopes by what they end in."""
        return tuple(short for short, scope in _SHORT.items() if scope in self.scopes)


def create(
    engine: Engine, *, tenant: str, home_page: str, name: str, scopes: Sequence[str] = (CORE,)
) -> tuple[Client, str]:
    """A client and its secret, shown this once. `scopes` are whole, or what they end in."""
    check_tenant(tenant)
    given = tuple(_SHORT.get(scope, scope) for scope in scopes)
    if wrong := [scope for scope in given if scope not in SCOPES]:
        raise InputError(f"{wrong[0]!r} is no scope", mend=f"use one of {', '.join(_SHORT)}")
    with reading(engine) as connection:
        query = (
            select(person.c.person_key)
            .where(person.c.tenant == tenant, person.c.source == home_page)
            .limit(1)
        )
        if connection.execute(query).first() is None:
            raise InputError(
                f"Tenant {tenant!r} has no roster of {home_page}",
                mend="import it first, or name the --home-page that it was imported with",
            )
    made, secret = (
        Client(secrets.token_urlsafe(12), tenant, home_page, name, given),
        secrets.token_urlsafe(32),
    )
    with writing(engine) as connection:
        connection.execute(
            insert(roster_client).values(
                client_id=made.client_id,
                secret_hash=_hash(secret),
                tenant=tenant,
                source=home_page,
                name=name,
                scopes=" ".join(given),
                created_at=now(),
            )
        )
    _audit(engine, made, "create-roster-client")
    return made, secret


def list_clients(engine: Engine, *, tenant: str | None = None) -> list[Client]:
    """Clients that may still ask, by name."""
    query = select(roster_client).where(roster_client.c.revoked_at.is_(None)).order_by(roster_client.c.name)
    if tenant is not None:
        query = query.where(roster_client.c.tenant == tenant)
    with reading(engine) as connection:
        return [_client(row) for row in connection.execute(query)]


def revoke(engine: Engine, client_id: str) -> None:
    """End a client and its tokens at once; InputError when there is none."""
    held = roster_client.c
    with writing(engine) as connection:
        row = connection.execute(
            select(roster_client).where(held.client_id == client_id, held.revoked_at.is_(None))
        ).first()
        if row is None:
            raise InputError(
                f"There is no client {client_id!r}", mend="`learnlake roster clients` lists them"
            )
        connection.execute(update(roster_client).where(held.client_id == client_id).values(revoked_at=now()))
        connection.execute(delete(roster_token).where(roster_token.c.client_id == client_id))
    _audit(engine, _client(row), "revoke-roster-client")


def issue_token(
    engine: Engine, client_id: str, secret: str, scopes: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    """A token and the scopes it carries: those asked for, or all of the client's when none are. AccessError for wrong credentials."""
    with reading(engine) as connection:
        row = connection.execute(
            select(roster_client).where(
                roster_client.c.client_id == client_id, roster_client.c.revoked_at.is_(None)
            )
        ).first()
    if row is None or not hmac.compare_digest(row.secret_hash, _hash(secret)):
        raise AccessError("The client or its secret is not right")
    known = _client(row)
    granted = tuple(scope for scope in scopes if scope in known.scopes) if scopes else known.scopes
    if not granted:
        raise InputError("None of these scopes is open to this client", where=" ".join(scopes))
    token, at = secrets.token_urlsafe(32), now()
    with writing(engine) as connection:
        connection.execute(delete(roster_token).where(roster_token.c.expires_at < at))
        connection.execute(
            insert(roster_token).values(
                token_hash=_hash(token),
                client_id=client_id,
                scopes=" ".join(granted),
                expires_at=at + dt.timedelta(seconds=TOKEN_SECONDS),
            )
        )
    _audit(engine, known, "roster-token")
    return token, granted


def client_of(engine: Engine, token: str) -> Client | None:
    """The client that holds `token`, with the token's scopes, read live; None when it has expired or was revoked."""
    held = roster_token.c
    query = (
        select(roster_client, held.scopes.label("granted"))
        .join(roster_token, held.client_id == roster_client.c.client_id)
        .where(held.token_hash == _hash(token), held.expires_at > now(), roster_client.c.revoked_at.is_(None))
    )
    with reading(engine) as connection:
        row = connection.execute(query).first()
    return None if row is None else dataclasses.replace(_client(row), scopes=tuple(row.granted.split()))


def _client(row) -> Client:
    return Client(row.client_id, row.tenant, row.source, row.name, tuple(row.scopes.split()))


def _hash(secret: str) -> str:
    """SHA-256: secrets and tokens are random and long, so that no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _audit(engine: Engine, client: Client, action: str) -> None:
    entry = audit.AuditEntry(client.tenant, client.key, action, f"roster:{client.source}", "people")
    audit.append(settings_of(engine).home.audit_db, entry)
