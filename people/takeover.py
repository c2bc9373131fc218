"""Two entries that turn out to be one person, or one course: the rostered one stays, the discovered one steps back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from people.tables import (
    DISCOVERED,
    WRITTEN_ABOUT,
    consent,
    course,
    enrolment,
    identifier,
    learning_override,
    person,
    section,
)


def merge_unknown(connection: Connection, tenant: str, *, unknown_key: str, into_key: str) -> None:
    """Give everything of an unknown person to the rostered one: identifiers and enrolments; the unknown one is published no more."""
    for table in (identifier, enrolment, consent, learning_override, *WRITTEN_ABOUT):
        connection.execute(
            update(table)
            .where(table.c.tenant == tenant, table.c.person_key == unknown_key)
            .values(person_key=into_key)
        )
    connection.execute(
        update(person)
        .where(person.c.tenant == tenant, person.c.person_key == unknown_key)
        .values(merged_into=into_key, is_active=False)
    )


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
