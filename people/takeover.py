"""Two entries that turn out to be one person, or one course: the rostered one stays, the discovered one steps back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, ColumnElement, Connection, and_, delete, exists, select, update

from people.tables import (
    DISCOVERED,
    WRITTEN_ABOUT,
    account,
    consent,
    course,
    delegation,
    demographics,
    disclosed_person,
    enrolment,
    enrolment_history,
    guardianship,
    identifier,
    learner_preference,
    learning_override,
    message_receipt,
    person,
    role_assignment,
    section,
)

_ROWS: Final = (
    enrolment.c.person_key,
    enrolment_history.c.person_key,
    role_assignment.c.person_key,
    account.c.person_key,
    consent.c.person_key,
    consent.c.giver_key,
    learning_override.c.person_key,
    *(table.c.person_key for table in WRITTEN_ABOUT),
)
"""Where a row names a person beside its own key."""
_KEYS: Final = (
    guardianship.c.guardian_key,
    guardianship.c.person_key,
    delegation.c.person_key,
    demographics.c.person_key,
    disclosed_person.c.person_key,
    learner_preference.c.person_key,
    message_receipt.c.person_key,
)
"""Where the person is part of the row's key."""
COLUMNS: Final = (identifier.c.person_key, *_ROWS, *_KEYS)
"""Everything in people.db that names a person, but for the person itself."""


def take_over(
    connection: Connection, tenant: str, *, other: str, into_key: str, marked: str | None = None
) -> int:
    """Give everything of `other` to the person of `into_key`; `other` is published no more. Answers how many identifiers moved.

    `marked`: the source that the identifiers get, where somebody decided it who is not to be overruled by a later roster.
    """
    moved = connection.execute(
        update(identifier)
        .where(identifier.c.tenant == tenant, identifier.c.person_key == other)
        .values(person_key=into_key, **({"source": marked} if marked else {}))
    )
    for column in _ROWS:
        connection.execute(
            update(column.table).where(*_theirs(column, tenant, other)).values({column: into_key})
        )
    for column in _KEYS:
        _move_keyed(connection, column, tenant, other, into_key)
    merged = person.c.tenant == tenant, person.c.merged_into == other
    connection.execute(update(person).where(*merged).values(merged_into=into_key))
    own = person.c.tenant == tenant, person.c.person_key == other
    is_active = and_(person.c.is_active, person.c.kind != "unknown")
    connection.execute(update(person).where(*own).values(merged_into=into_key, is_active=is_active))
    return int(moved.rowcount)


def _theirs(column: Column[str], tenant: str, other: str) -> list[ColumnElement[bool]]:
    """Rows of one person; person_keys are random, so that tables without a tenant need none."""
    table = column.table
    return [column == other, *([table.c.tenant == tenant] if "tenant" in table.c else [])]


def _move_keyed(connection: Connection, column: Column[str], tenant: str, other: str, into_key: str) -> None:
    """Moved where the person has no such row, dropped where there is one."""
    table = column.table
    keys = [one for one in table.primary_key if one.name != column.name]
    twin = table.alias()
    same = exists().where(*(twin.c[one.name] == one for one in keys), twin.c[column.name] == into_key)
    theirs = _theirs(column, tenant, other)
    connection.execute(delete(table).where(*theirs, same))
    connection.execute(update(table).where(*theirs).values({column.name: into_key}))


def retire_discovered(connection: Connection, tenant: str) -> int:
    """Step back discovered courses whose IRI a roster names by now, with their sections and enrolments; answers how many."""
    rostered = [
        select(table.c.iri).where(table.c.tenant == tenant, table.c.source != DISCOVERED)
        for table in (course, section)
    ]
    known = rostered[0].union(rostered[1])
    is_found = (course.c.tenant == tenant, course.c.source == DISCOVERED, course.c.is_active)
    retired: Sequence[str] = connection.scalars(
        select(course.c.course_key).where(*is_found, course.c.iri.in_(known))
    ).all()
    if not retired:
        return 0
    connection.execute(
        update(course)
        .where(course.c.tenant == tenant, course.c.course_key.in_(retired))
        .values(is_active=False)
    )
    connection.execute(
        update(section)
        .where(section.c.tenant == tenant, section.c.source == DISCOVERED, section.c.course_key.in_(retired))
        .values(is_active=False)
    )
    theirs = select(section.c.section_key).where(
        section.c.tenant == tenant, section.c.course_key.in_(retired)
    )
    connection.execute(
        update(enrolment)
        .where(enrolment.c.tenant == tenant, enrolment.c.section_key.in_(theirs))
        .values(is_active=False)
    )
    return len(retired)
