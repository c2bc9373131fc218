"""Local accounts: made, disabled, found, their passwords set and checked. Sessions are `people.sessions`'."""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, delete, insert, select, update

from learnlake import audit
from learnlake.errors import AccessError, InputError
from people import attempts, passwords, roles
from people.db import bump_revision, check_tenant, now, reading, settings_of, today, writing
from people.tables import (
    ADMINISTRATOR,
    account,
    login_challenge,
    login_session,
    password_reset,
    person,
)

WRONG = "Log-in or password is not right"


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """One account. Its password never leaves this module."""

    account_id: int
    tenant: str
    login: str
    person_key: str | None
    is_disabled: bool

    @property
    def key(self) -> str:
        """What names the account in the audit trail: its person's key, or one of its own."""
        return self.person_key or f"account:{self.account_id}"


def create(
    engine: Engine,
    *,
    tenant: str,
    login: str,
    password: str | None,
    role_names: Sequence[str] = (),
    person_key: str | None = None,
    school_key: str | None = None,
    given_name: str | None = None,
    family_name: str | None = None,
    actor_key: str | None = None,
    source: str = "people",
) -> Account:
    """A new account that holds `role_names` beside the roles of its person. Without `password` it logs in elsewhere.

    There must be one of either. A role of a learner, family or teacher needs a person: `person_key`, or else one is made with the names given.
    `actor_key` is who does it, here and below; without one the operator at the command line.
    """
    password_hash = passwords.NONE
    if password is not None:
        passwords.check(password, settings_of(engine), about=(login, given_name or "", family_name or ""))
        password_hash = passwords.hash_of(password)
    with writing(engine) as connection:
        made = create_in(
            connection,
            tenant=tenant,
            login=login,
            password_hash=password_hash,
            role_names=role_names,
            person_key=person_key,
            school_key=school_key,
            given_name=given_name,
            family_name=family_name,
            day=today(engine),
        )
    _audit(engine, made, "create-account", actor_key, source)
    for role in role_names:
        _audit(engine, made, f"grant-role-{role}", actor_key, source)
    return made


def create_in(
    connection: Connection,
    *,
    tenant: str,
    login: str,
    day: dt.date,
    password_hash: str = passwords.NONE,
    role_names: Sequence[str] = (),
    person_key: str | None = None,
    school_key: str | None = None,
    given_name: str | None = None,
    family_name: str | None = None,
) -> Account:
    """`create` within a transaction of the caller's, who audits; `day` is today."""
    check_tenant(tenant)
    _check_login(login)
    for role in role_names:
        roles.check_role(role)
    if connection.execute(select(account.c.login).where(account.c.login == login)).first():
        raise InputError(f"The log-in {login!r} is taken", mend="choose another one")
    if person_key:
        _check_person(connection, tenant, person_key)
    elif roles.NEEDS_PERSON.intersection(role_names):
        person_key = _make_person(connection, tenant, role_names, school_key, given_name, family_name)
    inserted = connection.execute(
        insert(account).values(
            tenant=tenant,
            login=login,
            password_hash=password_hash,
            person_key=person_key,
            is_disabled=False,
            created_at=now(),
        )
    )
    account_id = int(inserted.inserted_primary_key[0])  # type: ignore[index]
    made = Account(account_id, tenant, login, person_key, False)
    _grant(connection, made, role_names, school_key)
    _check_holds_a_role(connection, tenant, account_id, person_key, day)
    return made


def _grant(connection: Connection, known: Account, role_names: Sequence[str], school_key: str | None) -> None:
    """Give the roles to the account's person, or to the account without one; `school_key` goes with those that need a school."""
    for role in role_names:
        roles.grant_role(
            connection,
            tenant=known.tenant,
            role=role,
            person_key=known.person_key,
            account_id=known.account_id,
            school_key=school_key if role in roles.NEEDS_SCHOOL else None,
        )


def find(engine: Engine, login: str) -> Account | None:
    """The account of `login`, disabled or not."""
    with reading(engine) as connection:
        row = connection.execute(select(account).where(account.c.login == login)).first()
    return _account(row) if row else None


def get(engine: Engine, login: str) -> Account:
    """The account of `login`; InputError without one."""
    known = find(engine, login)
    if known is None:
        raise InputError(f"There is no account {login!r}", mend="`learnlake user list` shows all")
    return known


def list_accounts(engine: Engine, *, tenant: str | None = None) -> list[Account]:
    """All accounts, of one tenant or of all, by log-in."""
    query = select(account).order_by(account.c.login)
    if tenant is not None:
        query = query.where(account.c.tenant == tenant)
    with reading(engine) as connection:
        return [_account(row) for row in connection.execute(query)]


def disable(
    engine: Engine,
    login: str,
    *,
    is_disabled: bool = True,
    actor_key: str | None = None,
    source: str = "people",
) -> None:
    """Shut the account and end its sessions at once; or open it again. Nobody shuts the own one."""
    known = get(engine, login)
    _check_another(known, actor_key)
    with writing(engine) as connection:
        connection.execute(
            update(account).where(account.c.account_id == known.account_id).values(is_disabled=is_disabled)
        )
        if is_disabled:
            end_sessions(connection, known.account_id)
    _audit(engine, known, "disable-account" if is_disabled else "enable-account", actor_key, source)


def unlock(engine: Engine, login: str, *, actor_key: str | None = None, source: str = "people") -> None:
    """Lift the lock that wrong passwords or codes have put on an account."""
    known = get(engine, login)
    with writing(engine) as connection:
        attempts.forgive(connection, known.login)
        attempts.forgive(connection, str(known.account_id), of="codes")
    _audit(engine, known, "unlock-account", actor_key, source)


def reset_password(engine: Engine, login: str, password: str) -> None:
    """Set a new password, end all sessions and lift a lock-out: what an operator does."""
    known = get(engine, login)
    set_password(engine, known, password)
    _audit(engine, known, "reset-password")


def set_password(engine: Engine, known: Account, password: str) -> None:
    """Keep `password` as the account's: every session, open log-in and reset link ends with the old one.

    InputError for a weak one. The caller has made sure that this is the person, and audits.
    """
    passwords.check(password, settings_of(engine), about=(known.login, *_names(engine, known)))
    password_hash = passwords.hash_of(password)
    with writing(engine) as connection:
        connection.execute(
            update(account)
            .where(account.c.account_id == known.account_id)
            .values(password_hash=password_hash)
        )
        connection.execute(delete(password_reset).where(password_reset.c.account_id == known.account_id))
        attempts.forgive(connection, known.login)
        end_sessions(connection, known.account_id)


def choose_language(engine: Engine, account_id: int, language: str) -> None:
    """Keep the language that the owner of `account_id` reads the pages in."""
    with writing(engine) as connection:
        connection.execute(
            update(account).where(account.c.account_id == account_id).values(language=language)
        )


def has_password(engine: Engine, account_id: int) -> bool:
    """Whether the account has a password here, rather than with a provider or directory only."""
    with reading(engine) as connection:
        kept = connection.scalar(select(account.c.password_hash).where(account.c.account_id == account_id))
    return kept is not None and kept != passwords.NONE


def change_roles(
    engine: Engine,
    login: str,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    school_key: str | None = None,
    actor_key: str | None = None,
    source: str = "people",
) -> None:
    """Give roles to the account (or its person) and take others away; open sessions feel it at their next step.

    AccessError for one's own account: whoever could would open every record to themselves, or lock everybody out.
    """
    known = get(engine, login)
    _check_another(known, actor_key)
    for role in (*add, *remove):
        roles.check_role(role)
    if known.person_key is None and (lacking := sorted(roles.NEEDS_PERSON.intersection(add))):
        raise InputError(
            f"{login!r} is nobody's account, and {', '.join(lacking)} is a person's role",
            mend="make an account with that role from the start",
        )
    tenant, person_key, account_id = known.tenant, known.person_key, known.account_id
    with writing(engine) as connection:
        for role in remove:
            roles.withdraw_role(
                connection, tenant=tenant, role=role, person_key=person_key, account_id=account_id
            )
        _grant(connection, known, add, school_key)
    for role in add:
        _audit(engine, known, f"grant-role-{role}", actor_key, source)
    for role in remove:
        _audit(engine, known, f"withdraw-role-{role}", actor_key, source)


def held_roles(engine: Engine, login: str) -> tuple[str, ...]:
    """The roles that an account holds today."""
    known = get(engine, login)
    with reading(engine) as connection:
        return roles.roles_held(
            connection,
            tenant=known.tenant,
            account_id=known.account_id,
            person_key=known.person_key,
            today=today(engine),
        )


def find_person(engine: Engine, *, tenant: str, home_page: str, sourced_id: str) -> str:
    """The person_key of a user of the roster that was imported under `home_page`; InputError without one."""
    query = select(person.c.person_key).where(
        person.c.tenant == tenant, person.c.source == home_page, person.c.sourced_id == sourced_id
    )
    with reading(engine) as connection:
        row = connection.execute(query).first()
    if row is None:
        raise InputError(
            f"There is no user {sourced_id!r} in the roster of {home_page}",
            where=f"tenant {tenant!r}",
            mend="import the roster first, with the same --tenant and --home-page",
        )
    return str(row[0])


def verify(engine: Engine, login: str, password: str) -> Account:
    """The account whose password this is. AccessError otherwise, alike and as slowly for a log-in that doesn't exist.

    Each try is counted before the password is looked at, so that many at once are counted too.
    """
    attempts.count(engine, login)
    with reading(engine) as connection:
        row = connection.execute(select(account).where(account.c.login == login)).first()
    if not passwords.is_right(row.password_hash if row else None, password) or row is None or row.is_disabled:
        raise AccessError(WRONG)
    with writing(engine) as connection:
        attempts.forgive(connection, login)
        if passwords.needs_rehash(row.password_hash):
            connection.execute(
                update(account)
                .where(account.c.account_id == row.account_id)
                .values(password_hash=passwords.hash_of(password))
            )
    return _account(row)


def end_sessions(connection: Connection, account_id: int) -> int:
    """Revoke all open sessions of an account, and log-ins that wait for a code; answers how many sessions."""
    live = login_session.c
    connection.execute(delete(login_challenge).where(login_challenge.c.account_id == account_id))
    done = connection.execute(
        update(login_session)
        .where(live.account_id == account_id, live.revoked_at.is_(None), live.expires_at > now())
        .values(revoked_at=now())
    )
    return int(done.rowcount)


def _account(row) -> Account:
    return Account(row.account_id, row.tenant, row.login, row.person_key, row.is_disabled)


def _check_login(login: str) -> None:
    if not login or login != login.strip() or len(login) > 254 or any(ord(sign) < 32 for sign in login):
        raise InputError(
            f"{login!r} cannot be a log-in", mend="use 1 to 254 characters without blanks around them"
        )


def _check_person(connection: Connection, tenant: str, person_key: str) -> None:
    known = select(person.c.person_key).where(person.c.tenant == tenant, person.c.person_key == person_key)
    if not connection.execute(known).first():
        raise InputError(f"There is no person {person_key!r} in tenant {tenant!r}")


def _check_holds_a_role(
    connection: Connection, tenant: str, account_id: int, person_key: str | None, day: dt.date
) -> None:
    if not roles.roles_held(
        connection, tenant=tenant, account_id=account_id, person_key=person_key, today=day
    ):
        raise InputError(
            "This account would hold no role, and nobody could log in with it",
            mend=f"give it one of {', '.join(roles.ROLES)}; rosters give none to administrators of any kind",
        )


def _make_person(
    connection: Connection,
    tenant: str,
    role_names: Sequence[str],
    school_key: str | None,
    given_name: str | None,
    family_name: str | None,
) -> str:
    key = new_person_key()
    connection.execute(
        insert(person).values(
            tenant=tenant,
            person_key=key,
            source=ADMINISTRATOR,
            kind="rostered",
            role=next(role for role in role_names if role in roles.NEEDS_PERSON),
            school_key=school_key,
            given_name=given_name,
            family_name=family_name,
            is_generated=False,
            is_active=True,
        )
    )
    bump_revision(connection)
    return key


def new_person_key() -> str:
    """A key for one more person: given once and kept."""
    return f"p_{secrets.token_hex(12)}"


def _names(engine: Engine, known: Account) -> tuple[str, ...]:
    """The names of the account's person: words that a guesser tries first."""
    query = select(person.c.given_name, person.c.family_name).where(
        person.c.tenant == known.tenant, person.c.person_key == known.person_key
    )
    with reading(engine) as connection:
        row = connection.execute(query).first()
    return tuple(name for name in row or () if name)


def _check_another(known: Account, actor_key: str | None) -> None:
    if actor_key == known.key:
        raise AccessError(
            "Nobody does this to the own account", mend="ask another administrator, or whoever runs Learnlake"
        )


def _audit(
    engine: Engine, known: Account, action: str, actor_key: str | None = None, source: str = "people"
) -> None:
    entry = audit.AuditEntry(known.tenant, actor_key or audit.operator_key(), action, known.key, source)
    audit.append(settings_of(engine).home.audit_db, entry)
