"""One-time links for a new password: made by whoever runs Learnlake, used by the person. Passwords are `people.passwords`'."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

from sqlalchemy import Connection, Engine, delete, insert, select

from learnlake import audit
from learnlake.errors import AccessError
from people import accounts
from people.db import now, reading, settings_of, writing
from people.tables import account, password_reset


def make(engine: Engine, login: str, *, actor_key: str | None = None, source: str = "people") -> str:
    """The token of a new link for `login`, shown this once. An earlier link of the account works no more.

    `actor_key` is who asks for it; without one the operator at the command line.
    """
    known = accounts.get(engine, login)
    with writing(engine) as connection:
        token = make_in(connection, known.account_id, hours=settings_of(engine).reset_link_hours)
    _audit(engine, known, actor_key or audit.operator_key(), "make-reset-link", source)
    return token


def make_in(connection: Connection, account_id: int, *, hours: float) -> str:
    """`make` within a transaction of the caller's, who audits."""
    token, at = secrets.token_urlsafe(32), now()
    connection.execute(
        delete(password_reset).where(
            (password_reset.c.account_id == account_id) | (password_reset.c.expires_at < at)
        )
    )
    connection.execute(
        insert(password_reset).values(
            token_hash=_hash(token), account_id=account_id, expires_at=at + dt.timedelta(hours=hours)
        )
    )
    return token


def account_of(engine: Engine, token: str) -> accounts.Account:
    """Whose link this is; AccessError when it was used, has expired or never was."""
    link = password_reset.c
    query = (
        select(account.c.login)
        .join(password_reset, link.account_id == account.c.account_id)
        .where(link.token_hash == _hash(token), link.expires_at > now(), account.c.is_disabled.is_(False))
    )
    with reading(engine) as connection:
        login = connection.scalar(query)
    if login is None:
        raise AccessError(
            "This link has been used, or is too old", mend="ask your school's administrator for a new one"
        )
    return accounts.get(engine, login)


def use(engine: Engine, token: str, password: str, *, source: str) -> None:
    """Set the password that the link's owner has chosen: the link and all sessions end. InputError for a weak one."""
    known = account_of(engine, token)
    accounts.set_password(engine, known, password)
    _audit(engine, known, known.key, "use-reset-link", source)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _audit(engine: Engine, known: accounts.Account, actor_key: str, action: str, source: str) -> None:
    entry = audit.AuditEntry(known.tenant, actor_key, action, known.key, source)
    audit.append(settings_of(engine).home.audit_db, entry)
