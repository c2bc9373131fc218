"""Log-in sessions: a random token in the visitor's cookie, its hash here, ended by time, log-out or revocation.

Each log-in and refusal is audited. Passwords are `people.accounts`' business, rows are `people.policy`'s.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import secrets

from sqlalchemy import Engine, delete, insert, select, update

from learnlake import audit
from learnlake.errors import AccessError
from people import accounts
from people.db import now, reading, settings_of, today, writing
from people.roles import roles_held
from people.tables import account, login_session


@dataclasses.dataclass(frozen=True, slots=True)
class Viewer:
    """Who is logged in, and in which of the held roles. `login` is for the page's corner, never for a log."""

    account_id: int
    person_key: str | None
    tenant: str
    role: str
    roles: tuple[str, ...]
    login: str

    @property
    def viewer_key(self) -> str:
        """The key that names this viewer in the audit trail."""
        return viewer_key(self.account_id, self.person_key)


def viewer_key(account_id: int, person_key: str | None) -> str:
    """The person's key, or one of the account where there is no person."""
    return person_key or f"account:{account_id}"


def log_in(engine: Engine, login: str, password: str, source: str) -> str:
    """A new session's token for the right password; `source` is the address that asks. AccessError otherwise."""
    settings = settings_of(engine)
    try:
        known = accounts.verify(engine, login, password)
        with reading(engine) as connection:
            held = roles_held(
                connection,
                tenant=known.tenant,
                account_id=known.account_id,
                person_key=known.person_key,
                today=today(engine),
            )
        if not held:
            raise AccessError("This account holds no role at present", mend="ask an administrator for one")
    except AccessError:
        _audit(engine, accounts.find(engine, login), "log-in", source, "refused")
        raise
    token = secrets.token_urlsafe(32)
    at = now()
    with writing(engine) as connection:
        connection.execute(
            delete(login_session).where(login_session.c.expires_at < at - dt.timedelta(days=30))
        )
        connection.execute(
            insert(login_session).values(
                token_hash=_hash(token),
                account_id=known.account_id,
                created_at=at,
                expires_at=at + dt.timedelta(hours=settings.session_hours),
                origin=source,
            )
        )
    _audit(engine, known, "log-in", source, "allowed")
    return token


def viewer(engine: Engine, token: str) -> Viewer | None:
    """Who holds `token`, read live; None when it has expired or was revoked, or the account holds no role now."""
    live = login_session.c
    with reading(engine) as connection:
        row = connection.execute(
            select(account, live.role)
            .join(login_session, live.account_id == account.c.account_id)
            .where(
                live.token_hash == _hash(token),
                live.expires_at > now(),
                live.revoked_at.is_(None),
                account.c.is_disabled.is_(False),
            )
        ).first()
        if row is None:
            return None
        held = roles_held(
            connection,
            tenant=row.tenant,
            account_id=row.account_id,
            person_key=row.person_key,
            today=today(engine),
        )
    if not held:
        return None
    role = row.role if row.role in held else held[0]
    return Viewer(row.account_id, row.person_key, row.tenant, role, held, row.login)


def switch_role(engine: Engine, token: str, role: str) -> Viewer:
    """Make `role` the session's active one. AccessError unless the viewer holds it."""
    known = viewer(engine, token)
    if known is None or role not in known.roles:
        raise AccessError(f"The role {role} isn't yours")
    with writing(engine) as connection:
        connection.execute(
            update(login_session).where(login_session.c.token_hash == _hash(token)).values(role=role)
        )
    entry = audit.AuditEntry(known.tenant, known.viewer_key, f"act-as-{role}", "session", "people")
    audit.append(settings_of(engine).home.audit_db, entry)
    return dataclasses.replace(known, role=role)


def log_out(engine: Engine, token: str, *, source: str = "") -> None:
    """End the session of `token`; nothing happens when it has ended already."""
    known = viewer(engine, token)
    with writing(engine) as connection:
        connection.execute(
            update(login_session)
            .where(login_session.c.token_hash == _hash(token), login_session.c.revoked_at.is_(None))
            .values(revoked_at=now())
        )
    if known:
        entry = audit.AuditEntry(known.tenant, known.viewer_key, "log-out", "session", source)
        audit.append(settings_of(engine).home.audit_db, entry)


def revoke(engine: Engine, login: str) -> int:
    """End every session of `login`; answers how many were open."""
    known = accounts.get(engine, login)
    with writing(engine) as connection:
        ended = accounts.end_sessions(connection, known.account_id)
    resource = viewer_key(known.account_id, known.person_key)
    entry = audit.AuditEntry(known.tenant, audit.operator_key(), "revoke-sessions", resource, "people")
    audit.append(settings_of(engine).home.audit_db, entry)
    return ended


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _audit(engine: Engine, known: accounts.Account | None, action: str, source: str, result: str) -> None:
    actor_key = viewer_key(known.account_id, known.person_key) if known else "unknown"
    entry = audit.AuditEntry(known.tenant if known else "", actor_key, action, "session", source, result)
    audit.append(settings_of(engine).home.audit_db, entry)
