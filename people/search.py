"""Finding people by what an administrator knows of them, and one person's card: roles, classes, family, log-ins. Nothing is changed here.

Names are sealed at rest, so they are looked through after opening, and kept in memory until the roster changes.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import unicodedata
import weakref
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, or_, select

from people import attempts, passwords
from people.db import now, read_revision, reading, settings_of, today
from people.names import display_names
from people.roles import in_force, roles_held
from people.tables import (
    account,
    course,
    enrolment,
    guardianship,
    login_session,
    organisation,
    person,
    recovery_code,
    role_assignment,
    second_factor,
    section,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """Somebody found. `key` names the person, or an account that belongs to none (`account:ID`)."""

    key: str
    name: str
    logins: tuple[str, ...]
    roster_role: str | None
    is_active: bool


@dataclasses.dataclass(frozen=True, slots=True)
class HeldRole:
    """A role that counts today or has ended, where it is held and who gave it (`source`)."""

    role: str
    school: str | None
    source: str
    begin_date: dt.date | None
    end_date: dt.date | None
    is_in_force: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Class:
    """One enrolment."""

    section_key: str
    title: str
    role: str
    begin_date: dt.date | None
    end_date: dt.date | None
    is_active: bool


@dataclasses.dataclass(frozen=True, slots=True)
class LogIn:
    """One account as an administrator sees it. `locked_until` is UTC; `recovery_codes` are those left."""

    account_id: int
    login: str
    key: str
    roles: tuple[str, ...]
    is_disabled: bool
    has_password: bool
    has_second_factor: bool
    recovery_codes: int
    open_sessions: int
    last_seen_at: dt.datetime | None
    locked_until: dt.datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class Card:
    """What is known of one person, but for the record of learning, which is not an administrator's."""

    key: str
    person_key: str | None
    name: str
    kind: str
    source: str
    school: str | None
    grade: str | None
    is_active: bool
    roles: tuple[HeldRole, ...]
    classes: tuple[Class, ...]
    guardians: tuple[tuple[str, str], ...]
    children: tuple[tuple[str, str], ...]
    logins: tuple[LogIn, ...]


@dataclasses.dataclass(slots=True)
class _Index:
    """Everybody of one tenant in a form that is quick to look through; good as long as the roster's revision is `revision`."""

    revision: tuple[str, int]
    people: list[tuple[str, str, str, str | None, bool]]
    """key, name, folded text of everything that the person is called, roster role, is_active"""


_indexes: weakref.WeakKeyDictionary[Engine, dict[str, _Index]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def find(engine: Engine, tenant: str, text: str, *, role: str | None = None, limit: int = 50) -> list[Found]:
    """People whose names, log-in, roster id or key hold every word of `text`, by name; `role` is one held today.

    At most `limit`. Accounts without a person are found by their log-in.
    """
    words = _folded(text).split()
    if not words and role is None:
        return []
    logins = _logins(engine, tenant)
    holders = None if role is None else _holders(engine, tenant, role)
    found = []
    for key, name, called, roster_role, is_active in _people(engine, tenant):
        mine = logins.pop(key, ())
        if holders is not None and key not in holders:
            continue
        text_of = called + " " + _folded(" ".join(mine)) if mine else called
        if all(word in text_of for word in words):
            found.append(Found(key, name, mine, roster_role, is_active))
    found += [
        Found(key, mine[0], mine, None, True)
        for key, mine in logins.items()
        if (holders is None or key in holders)
        and all(word in f"{key} {_folded(' '.join(mine))}" for word in words)
    ]
    return sorted(found, key=lambda one: (not one.is_active, _folded(one.name), one.key))[:limit]


def names_of(engine: Engine, tenant: str, keys: Iterable[str]) -> dict[str, str]:
    """The names behind an audit trail's keys: people by theirs, accounts without a person by their log-in; others are left out."""
    wanted = set(keys)
    numbers = {int(key[8:]) for key in wanted if key.startswith("account:") and key[8:].isdigit()}
    with reading(engine) as connection:
        rows = connection.execute(
            select(account.c.account_id, account.c.login).where(
                account.c.tenant == tenant, account.c.account_id.in_(numbers)
            )
        ).all()
    return display_names(engine, tenant, wanted) | {f"account:{row[0]}": row[1] for row in rows}


def card(engine: Engine, tenant: str, key: str) -> Card | None:
    """What is known of `key` (a person_key, or `account:ID` of an account without a person); None for nobody of the tenant."""
    with reading(engine) as connection:
        own = _accounts(connection, tenant, key)
        row = connection.execute(
            select(person).where(
                person.c.tenant == tenant, person.c.person_key == key, person.c.merged_into.is_(None)
            )
        ).first()
        if row is None and not own:
            return None
        person_key = key if row else None
        logins = tuple(_log_in(engine, connection, tenant, one) for one in own)
        roles = _roles(connection, tenant, person_key, [one.account_id for one in own], today(engine))
        classes = _classes(connection, tenant, person_key)
        held = guardianship.c
        family = (held.tenant == tenant, held.is_active)
        guardians: Sequence[str] = connection.scalars(
            select(held.guardian_key).where(*family, held.person_key == person_key)
        ).all()
        children: Sequence[str] = connection.scalars(
            select(held.person_key).where(*family, held.guardian_key == person_key)
        ).all()
        unit = organisation.c
        school = connection.scalar(
            select(unit.title).where(unit.tenant == tenant, unit.school_key == (row and row.school_key))
        )
    named = display_names(engine, tenant, [key, *guardians, *children])
    return Card(
        key,
        person_key,
        named[key] if row else own[0].login,
        row.kind if row else "account",
        row.source if row else "administrator",
        school,
        row.grade if row else None,
        bool(row.is_active) if row else not own[0].is_disabled,
        roles,
        classes,
        tuple((one, named.get(one, one)) for one in guardians),
        tuple((one, named.get(one, one)) for one in children),
        logins,
    )


def locked_out(engine: Engine, tenant: str) -> list[tuple[str, str, dt.datetime]]:
    """(key, log-in, until when in UTC) of every account that wrong passwords have locked."""
    with reading(engine) as connection:
        rows = connection.execute(
            select(account.c.account_id, account.c.person_key, account.c.login).where(
                account.c.tenant == tenant
            )
        ).all()
        held = attempts.locked(connection, [row.login for row in rows])
    return [
        (row.person_key or f"account:{row.account_id}", row.login, held[row.login])
        for row in rows
        if row.login in held
    ]


def _people(engine: Engine, tenant: str) -> list[tuple[str, str, str, str | None, bool]]:
    with reading(engine) as connection:
        revision = read_revision(connection)
        with _lock:
            known = _indexes.setdefault(engine, {}).get(tenant)
        if known is not None and known.revision == revision:
            return known.people
        rows = connection.execute(
            select(
                person.c.person_key,
                person.c.sourced_id,
                person.c.username,
                person.c.given_name,
                person.c.family_name,
                person.c.preferred_given_name,
                person.c.preferred_family_name,
                person.c.role,
                person.c.is_active,
            ).where(person.c.tenant == tenant, person.c.merged_into.is_(None))
        )
        people = [_entry(row) for row in rows]
    with _lock:
        _indexes[engine][tenant] = _Index(revision, people)
    return people


def _entry(row) -> tuple[str, str, str, str | None, bool]:
    given = row.preferred_given_name or row.given_name
    family = row.preferred_family_name or row.family_name
    name = " ".join(part for part in (given, family) if part) or f"Learner {row.person_key[-6:]}"
    called = [part for part in row[:7] if part]
    return row.person_key, name, _folded(" ".join([name, *called])), row.role, row.is_active


def _folded(text: str) -> str:
    """Letter case and accents aside: somebody looks for Zoe and means Zoë."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


def _logins(engine: Engine, tenant: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    query = select(account.c.account_id, account.c.person_key, account.c.login).where(
        account.c.tenant == tenant
    )
    with reading(engine) as connection:
        for row in connection.execute(query.order_by(account.c.login)):
            key = row.person_key or f"account:{row.account_id}"
            found[key] = (*found.get(key, ()), row.login)
    return found


def _holders(engine: Engine, tenant: str, role: str) -> set[str]:
    held = role_assignment.c
    query = select(held.person_key, held.account_id).where(
        held.tenant == tenant, held.role == role, *in_force(today(engine))
    )
    with reading(engine) as connection:
        return {row.person_key or f"account:{row.account_id}" for row in connection.execute(query)}


def _accounts(connection: Connection, tenant: str, key: str) -> list:
    own = account.c.person_key == key
    if key.startswith("account:") and key[8:].isdigit():
        own = and_(account.c.account_id == int(key[8:]), account.c.person_key.is_(None))
    query = select(account).where(account.c.tenant == tenant, own).order_by(account.c.login)
    return list(connection.execute(query))


def _log_in(engine: Engine, connection: Connection, tenant: str, row) -> LogIn:
    live, at = login_session.c, now()
    idle = dt.timedelta(minutes=settings_of(engine).session_idle_minutes)
    is_open = (live.expires_at > at, live.revoked_at.is_(None), live.last_seen_at > at - idle)
    seen = connection.execute(
        select(func.count().filter(*is_open), func.max(live.last_seen_at)).where(
            live.account_id == row.account_id
        )
    ).one()
    factor = select(second_factor.c.secret).where(second_factor.c.account_id == row.account_id)
    codes = select(func.count()).where(recovery_code.c.account_id == row.account_id)
    return LogIn(
        row.account_id,
        row.login,
        row.person_key or f"account:{row.account_id}",
        roles_held(
            connection,
            tenant=tenant,
            account_id=row.account_id,
            person_key=row.person_key,
            today=today(engine),
        ),
        row.is_disabled,
        row.password_hash != passwords.NONE,
        connection.scalar(factor) is not None,
        int(connection.scalar(codes) or 0),
        seen[0],
        seen[1],
        attempts.locked(connection, [row.login]).get(row.login),
    )


def _roles(
    connection: Connection, tenant: str, person_key: str | None, account_ids: list[int], day: dt.date
) -> tuple[HeldRole, ...]:
    held = role_assignment.c
    theirs: ColumnElement[bool] = held.account_id.in_(account_ids)
    if person_key:
        theirs = or_(theirs, held.person_key == person_key)
    query = (
        select(held.role, organisation.c.title, held.source, held.begin_date, held.end_date, held.is_active)
        .outerjoin(
            organisation,
            and_(organisation.c.tenant == held.tenant, organisation.c.school_key == held.school_key),
        )
        .where(held.tenant == tenant, theirs)
        .order_by(held.is_active.desc(), held.role)
    )
    return tuple(
        HeldRole(
            row.role,
            row.title,
            row.source,
            row.begin_date,
            row.end_date,
            row.is_active
            and (row.begin_date is None or row.begin_date <= day)
            and (row.end_date is None or row.end_date >= day),
        )
        for row in connection.execute(query)
    )


def _classes(connection: Connection, tenant: str, person_key: str | None) -> tuple[Class, ...]:
    held = enrolment.c
    query = (
        select(
            held.section_key,
            func.coalesce(section.c.title, course.c.title, held.section_key),
            held.role,
            held.begin_date,
            held.end_date,
            held.is_active,
        )
        .outerjoin(section, and_(section.c.tenant == held.tenant, section.c.section_key == held.section_key))
        .outerjoin(course, and_(course.c.tenant == held.tenant, course.c.course_key == section.c.course_key))
        .where(held.tenant == tenant, held.person_key == person_key)
        .order_by(held.is_active.desc(), held.begin_date.desc())
    )
    return tuple(Class(*row.tuple()) for row in connection.execute(query))
