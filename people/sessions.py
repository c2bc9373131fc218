"""Log-in sessions: a random token in the visitor's cookie, its hash here, ended by time, idleness, log-out or revocation.

Whoever has proved the first factor is admitted, or owes a code first. Each log-in and refusal is audited. Passwords are
`people.accounts`' business, codes `people.second_factor`'s, rows `people.policy`'s.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import hashlib
import secrets
from typing import Literal

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update
from sqlalchemy.exc import OperationalError

from learnlake import audit
from learnlake.errors import AccessError, InputError
from people import accounts, directory, second_factor
from people.db import BUSY_SECONDS, now, reading, settings_of, today, writing
from people.roles import roles_held
from people.tables import account, login_challenge, login_session

Stage = Literal["session", "second-factor", "enrolment"]
CHALLENGE_MINUTES = 10
SEEN_EVERY = dt.timedelta(minutes=1)
"""A session's last use is noted at most this often."""


@dataclasses.dataclass(frozen=True, slots=True)
class Viewer:
    """Who is logged in, and in which of the held roles. `login` is for the page's corner, never for a log.

    `language` is that of the pages, once chosen.
    """

    account_id: int
    person_key: str | None
    tenant: str
    role: str
    roles: tuple[str, ...]
    login: str
    language: str | None = None

    @property
    def viewer_key(self) -> str:
        """The key that names this viewer in the audit trail."""
        return self.person_key or f"account:{self.account_id}"


@dataclasses.dataclass(frozen=True, slots=True)
class Admission:
    """What proving the first factor gives: a session's token, or one that waits for `stage` to be done."""

    token: str
    stage: Stage


@dataclasses.dataclass(frozen=True, slots=True)
class OpenSession:
    """One open session as its owner sees it. `session_id` names it in forms; it opens nothing."""

    session_id: str
    created_at: dt.datetime
    last_seen_at: dt.datetime
    origin: str
    method: str
    is_this: bool


def log_in(engine: Engine, login: str, password: str, source: str, *, code: str | None = None) -> str:
    """A new session's token for the right password and, where the account has a second factor, the right `code`.

    `source` is the address that asks. AccessError otherwise. For programs; pages ask step by step, with `begin`.
    """
    admission = begin(engine, login, password, source)
    if admission.stage == "session":
        return admission.token
    if admission.stage == "enrolment":
        raise AccessError("This account needs a second factor", mend="log in with a browser and set it up")
    if not code:
        raise AccessError(
            "This account has a second factor", mend="send the code of the authenticator app too"
        )
    return pass_second_factor(engine, admission.token, code, source)


def begin(
    engine: Engine, login: str, password: str, source: str, *, replaces: str | None = None
) -> Admission:
    """Admit whoever knows the password: of an account here, or of the directory where there is none here.

    AccessError otherwise, audited; UnreachableError while the directory does not answer.
    """
    try:
        if directory.is_asked(engine, login):
            known, method = directory.verify(engine, login, password, source)
        else:
            known, method = accounts.verify(engine, login, password), "password"
    except AccessError:
        _audit(engine, accounts.find(engine, login), "log-in", source, "refused")
        raise
    return admit(engine, known, source, method=method, replaces=replaces)


def admit(
    engine: Engine,
    known: accounts.Account,
    source: str,
    *,
    method: str,
    has_second_factor: bool = False,
    replaces: str | None = None,
) -> Admission:
    """A session for `known`, who has proved the first factor by `method`; or what waits for the second one.

    `has_second_factor`: the provider has asked for one already. `replaces` is the browser's session so far, which ends.
    """
    settings = settings_of(engine)
    held = _held(engine, known)
    if not held or known.is_disabled:
        _audit(engine, known, "log-in", source, "refused")
        raise AccessError("This account holds no role at present", mend="ask an administrator for one")
    if not has_second_factor:
        is_enrolled = second_factor.is_enrolled(engine, known.account_id)
        if is_enrolled or owes_second_factor(engine, known):
            return _challenge(engine, known, source, method, "second-factor" if is_enrolled else "enrolment")
    with writing(engine) as connection:
        _replace(connection, replaces)
        token = _open(connection, known.account_id, source, method, settings.session_hours)
    _audit(engine, known, "log-in", source, "allowed")
    return Admission(token, "session")


def owes_second_factor(engine: Engine, known: accounts.Account) -> bool:
    """Whether one of the roles held has to log in with a second factor."""
    return not set(_held(engine, known)).isdisjoint(settings_of(engine).second_factor_roles)


def challenged(engine: Engine, token: str, stage: Stage) -> accounts.Account:
    """Who waits at `stage` with this token; AccessError when it is too old or was never given."""
    return _waiting(engine, token, stage)[0]


def pass_second_factor(
    engine: Engine, token: str, code: str, source: str, *, replaces: str | None = None
) -> str:
    """The session's token for the right code of somebody who waits for it. AccessError otherwise."""
    known, method = _waiting(engine, token, "second-factor")
    second_factor.check(engine, known, code, source=source)
    return _finish(engine, known, token, method, source, replaces)


def pass_enrolment(
    engine: Engine, token: str, code: str, source: str, *, replaces: str | None = None
) -> tuple[str, list[str]]:
    """The session's token and the recovery codes for somebody who had to set up a second factor and has."""
    known, method = _waiting(engine, token, "enrolment")
    codes = second_factor.confirm(engine, known, code, source=source)
    return _finish(engine, known, token, method, source, replaces), codes


def viewer(engine: Engine, token: str, *, is_use: bool = True) -> Viewer | None:
    """Who holds `token`, read live; None when it has ended, or the account holds no role now.

    `is_use`: somebody does something, so that the session is not idle. False for what a page does by itself.
    """
    live = login_session.c
    with reading(engine) as connection:
        row = connection.execute(
            select(account, live.role, live.last_seen_at)
            .join(login_session, live.account_id == account.c.account_id)
            .where(live.token_hash == _hash(token), *_in_force(engine), account.c.is_disabled.is_(False))
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
    if is_use and row.last_seen_at < now() - SEEN_EVERY:
        _note_use(engine, token)
    role = row.role if row.role in held else held[0]
    return Viewer(row.account_id, row.person_key, row.tenant, role, held, row.login, row.language)


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


def log_out(engine: Engine, token: str, *, source: str = "") -> str | None:
    """End the session of `token`, and answer the method that began it; None when it has ended already."""
    known = viewer(engine, token, is_use=False)
    with writing(engine) as connection:
        this = login_session.c.token_hash == _hash(token)
        method = connection.scalar(select(login_session.c.method).where(this))
        connection.execute(
            update(login_session).where(this, login_session.c.revoked_at.is_(None)).values(revoked_at=now())
        )
    if known is None:
        return None
    entry = audit.AuditEntry(known.tenant, known.viewer_key, "log-out", "session", source)
    audit.append(settings_of(engine).home.audit_db, entry)
    return method


def open_sessions(engine: Engine, token: str) -> list[OpenSession]:
    """The open sessions of the account that holds `token`, the last used first."""
    live = login_session.c
    own = select(live.account_id).where(live.token_hash == _hash(token)).scalar_subquery()
    query = select(login_session).where(live.account_id == own, *_in_force(engine))
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(live.last_seen_at.desc())).all()
    return [
        OpenSession(
            _session_id(row),
            row.created_at,
            row.last_seen_at,
            row.origin,
            row.method,
            row.token_hash == _hash(token),
        )
        for row in rows
    ]


def end_others(engine: Engine, token: str, *, session_id: str | None = None, source: str) -> int:
    """End the other sessions of `token`'s owner, or the one that `session_id` names; answers how many ended."""
    known = viewer(engine, token)
    if known is None:
        raise AccessError("You are logged out")
    live, ended = login_session.c, 0
    with writing(engine) as connection:
        query = select(login_session).where(live.account_id == known.account_id, live.revoked_at.is_(None))
        for row in connection.execute(query).all():
            is_wanted = session_id is None or _session_id(row) == session_id
            if is_wanted and row.token_hash != _hash(token):
                this = update(login_session).where(live.token_hash == row.token_hash)
                connection.execute(this.values(revoked_at=now()))
                ended += 1
    if ended:
        entry = audit.AuditEntry(known.tenant, known.viewer_key, "end-session", "session", source)
        audit.append(settings_of(engine).home.audit_db, entry)
    return ended


def change_password(engine: Engine, token: str, current: str, password: str, source: str) -> str:
    """Set a new password for whoever holds `token` and knows the current one: all sessions end, a new one begins.

    AccessError for a wrong current password, InputError for a weak new one.
    """
    known = owner(engine, token)
    try:
        accounts.verify(engine, known.login, current)
        if current == password:
            raise InputError("The new password is the old one", mend="choose another one")
    except AccessError as error:
        _audit(engine, known, "change-password", source, "refused")
        raise AccessError(
            error.what.replace(accounts.WRONG, "The current password is not right"), mend=error.mend
        ) from None
    method, begun_at = _facts(engine, token)
    accounts.set_password(engine, known, password)
    with writing(engine) as connection:
        hours = settings_of(engine).session_hours
        renewed = _open(connection, known.account_id, source, method, hours, begun_at=begun_at)
    _audit(engine, known, "change-password", source, "allowed")
    return renewed


def prove_again(engine: Engine, token: str, password: str, source: str) -> accounts.Account:
    """The account of `token` for something that must not be done at a desk left open: the password once more.

    An account without a password here has to have logged in within the last CHALLENGE_MINUTES. AccessError otherwise.
    """
    known = owner(engine, token)
    if not accounts.has_password(engine, known.account_id):
        if _facts(engine, token)[1] < now() - dt.timedelta(minutes=CHALLENGE_MINUTES):
            raise AccessError(
                "This needs a log-in of the last few minutes", mend="log out, log in, then try again"
            )
        return known
    try:
        return accounts.verify(engine, known.login, password)
    except AccessError as error:
        _audit(engine, known, "prove-again", source, "refused")
        raise AccessError(
            error.what.replace(accounts.WRONG, "The password is not right"), mend=error.mend
        ) from None


def revoke(engine: Engine, login: str, *, actor_key: str | None = None, source: str = "people") -> int:
    """End every session of `login`; answers how many were open. Without `actor_key` it is the operator at the command line."""
    known = accounts.get(engine, login)
    with writing(engine) as connection:
        ended = accounts.end_sessions(connection, known.account_id)
    actor = actor_key or audit.operator_key()
    entry = audit.AuditEntry(known.tenant, actor, "revoke-sessions", known.key, source)
    audit.append(settings_of(engine).home.audit_db, entry)
    return ended


def _in_force(engine: Engine) -> tuple:
    """The conditions under which a row of login_session counts."""
    live, at = login_session.c, now()
    idle = dt.timedelta(minutes=settings_of(engine).session_idle_minutes)
    return (live.expires_at > at, live.revoked_at.is_(None), live.last_seen_at > at - idle)


def _replace(connection: Connection, token: str | None) -> None:
    """End the session that the browser had before: a log-in always begins a new one."""
    if token:
        live = login_session.c
        this = update(login_session).where(live.token_hash == _hash(token), live.revoked_at.is_(None))
        connection.execute(this.values(revoked_at=now()))


def _open(
    connection: Connection,
    account_id: int,
    source: str,
    method: str,
    hours: int,
    *,
    begun_at: dt.datetime | None = None,
) -> str:
    token, at = secrets.token_urlsafe(32), now()
    connection.execute(delete(login_session).where(login_session.c.expires_at < at - dt.timedelta(days=30)))
    connection.execute(
        insert(login_session).values(
            token_hash=_hash(token),
            account_id=account_id,
            created_at=begun_at or at,
            expires_at=(begun_at or at) + dt.timedelta(hours=hours),
            last_seen_at=at,
            origin=source,
            method=method,
        )
    )
    return token


def _challenge(engine: Engine, known: accounts.Account, source: str, method: str, stage: Stage) -> Admission:
    token, at = secrets.token_urlsafe(32), now()
    with writing(engine) as connection:
        connection.execute(delete(login_challenge).where(login_challenge.c.expires_at < at))
        connection.execute(
            insert(login_challenge).values(
                token_hash=_hash(token),
                account_id=known.account_id,
                stage=stage,
                method=method,
                origin=source,
                expires_at=at + dt.timedelta(minutes=CHALLENGE_MINUTES),
            )
        )
    return Admission(token, stage)


def _waiting(engine: Engine, token: str, stage: Stage) -> tuple[accounts.Account, str]:
    owed = login_challenge.c
    query = (
        select(account.c.login, owed.method)
        .join(login_challenge, owed.account_id == account.c.account_id)
        .where(
            owed.token_hash == _hash(token),
            owed.stage == stage,
            owed.expires_at > now(),
            account.c.is_disabled.is_(False),
        )
    )
    with reading(engine) as connection:
        row = connection.execute(query).first()
    if row is None:
        raise AccessError("This log-in took too long", mend="begin again")
    return accounts.get(engine, row.login), row.method


def _finish(
    engine: Engine, known: accounts.Account, token: str, method: str, source: str, replaces: str | None
) -> str:
    """Trade a challenge for a session, once: of two at the same moment the second finds nothing to trade."""
    with writing(engine) as connection:
        gone = connection.execute(delete(login_challenge).where(login_challenge.c.token_hash == _hash(token)))
        if not gone.rowcount:
            raise AccessError("This log-in took too long", mend="begin again")
        _replace(connection, replaces)
        session = _open(connection, known.account_id, source, method, settings_of(engine).session_hours)
    _audit(engine, known, "log-in", source, "allowed")
    return session


def owner(engine: Engine, token: str) -> accounts.Account:
    """The account that holds `token`; AccessError when the session has ended."""
    known = viewer(engine, token)
    if known is None:
        raise AccessError("You are logged out", mend="log in again")
    return accounts.get(engine, known.login)


def _facts(engine: Engine, token: str) -> tuple[str, dt.datetime]:
    """How and when the session of `token` began."""
    live = login_session.c
    with reading(engine) as connection:
        row = connection.execute(
            select(live.method, live.created_at).where(live.token_hash == _hash(token))
        ).one()
    return row.method, row.created_at


def _note_use(engine: Engine, token: str) -> None:
    """Note that the session is in use, unless somebody else is writing just now: no page waits for it."""
    with engine.connect().execution_options(learnlake_begin="begin immediate") as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.execute("pragma busy_timeout = 0")
        try:
            with contextlib.suppress(OperationalError), connection.begin():
                connection.execute(
                    update(login_session)
                    .where(login_session.c.token_hash == _hash(token))
                    .values(last_seen_at=now())
                )
        finally:
            raw.execute(f"pragma busy_timeout = {BUSY_SECONDS * 1000}")


def _held(engine: Engine, known: accounts.Account) -> tuple[str, ...]:
    with reading(engine) as connection:
        return roles_held(
            connection,
            tenant=known.tenant,
            account_id=known.account_id,
            person_key=known.person_key,
            today=today(engine),
        )


def _session_id(row: Row) -> str:
    return str(row.token_hash)[:20]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _audit(engine: Engine, known: accounts.Account | None, action: str, source: str, result: str) -> None:
    actor_key = known.key if known else "unknown"
    entry = audit.AuditEntry(known.tenant if known else "", actor_key, action, "session", source, result)
    audit.append(settings_of(engine).home.audit_db, entry)
