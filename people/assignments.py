"""What an administrator does by hand: a teacher for a section, a list of what was discovered. Rosters do the rest."""

from __future__ import annotations

import dataclasses
import secrets

from sqlalchemy import Connection, Engine, func, insert, select, update

from learnlake import audit
from learnlake.errors import InputError
from learnlake.home import Home
from people import lake
from people.db import bump_revision, now, reading, writing
from people.roles import grant_role
from people.tables import (
    ADMINISTRATOR,
    DISCOVERED,
    account,
    enrolment,
    enrolment_history,
    identifier,
    organisation,
    person,
    section,
)

STAFF = ("teacher", "assistant")
OPERATOR = audit.operator_key()
"""Whoever holds the home folder and its command line."""


@dataclasses.dataclass(frozen=True, slots=True)
class DiscoveredSection:
    """A section that no roster knows, and how many are in it."""

    section_key: str
    title: str
    platform: str
    iri: str
    student_count: int
    teacher_count: int


@dataclasses.dataclass(frozen=True, slots=True)
class UnknownActor:
    """Somebody known by one identifier only. `value` is for an administrator's eyes, who may know whose it is."""

    person_key: str
    kind: str
    value: str
    section_count: int


def assign_teacher(
    engine: Engine,
    home: Home,
    tenant: str,
    section_key: str,
    who: str,
    *,
    role: str = "teacher",
    actor_key: str = OPERATOR,
) -> bool:
    """Make `who` (a person_key or a log-in) teacher or assistant of a section; False when that was so already.

    `actor_key` is who did it, for the audit trail: a viewer's key, or the operator at the command line.
    Raises InputError when either isn't known in the tenant.
    """
    if role not in STAFF:
        raise InputError(f"{role!r} doesn't teach", mend=f"use one of {', '.join(STAFF)}")
    with writing(engine) as connection:
        person_key = find_person(connection, tenant, who)
        _check_section(connection, tenant, section_key)
        gave = grant_role(connection, tenant=tenant, role=role, person_key=person_key)
        if connection.execute(_active(tenant, section_key, person_key, role)).first():
            return gave
        connection.execute(
            insert(enrolment).values(
                tenant=tenant,
                enrolment_key=f"a:{secrets.token_hex(12)}",
                source=ADMINISTRATOR,
                section_key=section_key,
                person_key=person_key,
                role=role,
                is_primary=False,
                is_active=True,
            )
        )
        bump_revision(connection)
    _after(engine, home, tenant, f"assign-{role}", section_key, person_key, actor_key)
    return True


def withdraw_teacher(
    engine: Engine, home: Home, tenant: str, section_key: str, who: str, *, actor_key: str = OPERATOR
) -> int:
    """End every assignment of `who` to teach a section that an administrator made; sight of it ends at once.

    What a roster says is ended by the roster. Answers how many assignments ended.
    """
    with writing(engine) as connection:
        person_key = find_person(connection, tenant, who)
        rows = connection.execute(
            select(enrolment).where(
                enrolment.c.tenant == tenant,
                enrolment.c.section_key == section_key,
                enrolment.c.person_key == person_key,
                enrolment.c.role.in_(STAFF),
                enrolment.c.source == ADMINISTRATOR,
                enrolment.c.is_active,
            )
        ).all()
        for row in rows:
            _end(connection, row)
        if not rows:
            return 0
        bump_revision(connection)
    _after(engine, home, tenant, "withdraw-teacher", section_key, person_key, actor_key)
    return len(rows)


def list_discovered_sections(engine: Engine, tenant: str) -> list[DiscoveredSection]:
    """Sections that statements named and no roster knows, by platform and title."""

    def count(*role_names: str):
        return (
            select(func.count(enrolment.c.person_key.distinct()))
            .where(
                enrolment.c.tenant == section.c.tenant,
                enrolment.c.section_key == section.c.section_key,
                enrolment.c.role.in_(role_names),
                enrolment.c.is_active,
            )
            .scalar_subquery()
        )

    query = (
        select(
            section.c.section_key,
            section.c.title,
            organisation.c.title,
            section.c.iri,
            count("student"),
            count(*STAFF),
        )
        .join(
            organisation,
            (organisation.c.tenant == section.c.tenant) & (organisation.c.school_key == section.c.school_key),
        )
        .where(section.c.tenant == tenant, section.c.source == DISCOVERED, section.c.is_active)
        .order_by(organisation.c.title, section.c.title)
    )
    with reading(engine) as connection:
        return [DiscoveredSection(*row.tuple()) for row in connection.execute(query)]


def list_unknown_actors(engine: Engine, tenant: str) -> list[UnknownActor]:
    """People known by an identifier only, those in most sections first."""
    sections = func.count(enrolment.c.section_key.distinct())
    query = (
        select(person.c.person_key, identifier.c.kind, identifier.c.value, sections)
        .join(
            identifier,
            (identifier.c.tenant == person.c.tenant) & (identifier.c.person_key == person.c.person_key),
        )
        .outerjoin(
            enrolment,
            (enrolment.c.tenant == person.c.tenant) & (enrolment.c.person_key == person.c.person_key),
        )
        .where(person.c.tenant == tenant, person.c.kind == "unknown", person.c.merged_into.is_(None))
        .group_by(person.c.person_key, identifier.c.kind, identifier.c.value)
        .order_by(sections.desc(), person.c.person_key)
    )
    with reading(engine) as connection:
        return [UnknownActor(*row.tuple()) for row in connection.execute(query)]


def list_schools(engine: Engine, tenant: str) -> list[tuple[str, str, str]]:
    """(school_key, type, title) of every organisation of the tenant, by title."""
    query = (
        select(organisation.c.school_key, organisation.c.type, organisation.c.title)
        .where(organisation.c.tenant == tenant, organisation.c.is_active)
        .order_by(organisation.c.title)
    )
    with reading(engine) as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def find_person(connection: Connection, tenant: str, who: str) -> str:
    """The person_key that `who` is, or that the log-in `who` belongs to."""
    known = select(person.c.person_key).where(person.c.tenant == tenant, person.c.is_active)
    row = connection.execute(known.where(person.c.person_key == who)).first()
    if row is None:
        own = select(account.c.person_key).where(account.c.tenant == tenant, account.c.login == who)
        row = connection.execute(known.where(person.c.person_key.in_(own))).first()
    if row is None:
        raise InputError(
            f"{who!r} is neither a person nor the log-in of one in tenant {tenant!r}",
            mend="`learnlake user list` shows log-ins; `learnlake user create --role teacher` makes one",
        )
    return str(row[0])


def _check_section(connection: Connection, tenant: str, section_key: str) -> None:
    known = select(section.c.section_key).where(
        section.c.tenant == tenant, section.c.section_key == section_key, section.c.is_active
    )
    if not connection.execute(known).first():
        raise InputError(
            f"There is no section {section_key!r} in tenant {tenant!r}",
            mend="`learnlake user sections` lists the discovered ones",
        )


def _active(tenant: str, section_key: str, person_key: str, role: str):
    return select(enrolment.c.enrolment_key).where(
        enrolment.c.tenant == tenant,
        enrolment.c.section_key == section_key,
        enrolment.c.person_key == person_key,
        enrolment.c.role == role,
        enrolment.c.is_active,
    )


def _end(connection: Connection, row) -> None:
    kept = (
        "tenant",
        "enrolment_key",
        "section_key",
        "person_key",
        "role",
        "begin_date",
        "end_date",
        "is_active",
    )
    was = {name: getattr(row, name) for name in kept}
    connection.execute(insert(enrolment_history).values(**was, replaced_at=now()))
    connection.execute(
        update(enrolment)
        .where(enrolment.c.tenant == row.tenant, enrolment.c.enrolment_key == row.enrolment_key)
        .values(is_active=False)
    )


def _after(
    engine: Engine, home: Home, tenant: str, action: str, section_key: str, person_key: str, actor_key: str
) -> None:
    entry = audit.AuditEntry(tenant, actor_key, action, f"{section_key} {person_key}", "people")
    audit.append(home.audit_db, entry)
    lake.publish(engine, home)
