"""Actors and courses that no roster knows, as the pipeline finds them in the lake, made into people, courses and sections.

Finding them is the warehouse's business; here they get their keys, once. Doing it again with the same finds changes nothing.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, Engine, Table, insert, select, update

from learnlake.home import Home
from learnlake.identity import Identifier, identifier_key, identity_secret
from people import lake
from people.accounts import new_person_key
from people.db import bump_revision, check_tenant, writing
from people.tables import DISCOVERED, course, enrolment, identifier, organisation, person, section


@dataclasses.dataclass(frozen=True, slots=True)
class FoundActor:
    """An Agent (not a Group) whose `actor_key` no published identifier has, with the identifier as the statement writes it."""

    tenant: str
    identifier: Identifier
    is_generated: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class FoundCourse:
    """A course that statements name. `platform` is its actors' homePage, None where they have none."""

    tenant: str
    platform: str | None
    iri: str
    title: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class FoundMembership:
    """An actor, known or not, who did something in a course on `first_seen` (UTC day) for the first time."""

    tenant: str
    identifier: Identifier
    course_iri: str
    first_seen: dt.date | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What was found since the last time, or ever: both are right. Courses and people that a roster knows are let pass."""

    actors: Sequence[FoundActor] = ()
    courses: Sequence[FoundCourse] = ()
    memberships: Sequence[FoundMembership] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Discovered:
    """How many of each were new."""

    persons: int = 0
    organisations: int = 0
    courses: int = 0
    sections: int = 0
    enrolments: int = 0

    @property
    def total(self) -> int:
        return sum(dataclasses.astuple(self))

    def __bool__(self) -> bool:
        return self.total > 0


def register_discovered(engine: Engine, home: Home, found: Found) -> Discovered:
    """Write what is new in `found` to people.db in one transaction, publish it, and say how much it was.

    A course becomes an organisation (its platform), a course and one section of that; an actor becomes an unknown person;
    a membership an enrolment as student, except of rostered people who are no students.
    """
    tenants = (
        {a.tenant for a in found.actors}
        | {c.tenant for c in found.courses}
        | {m.tenant for m in found.memberships}
    )
    if not tenants:
        return Discovered()
    for tenant in tenants:
        check_tenant(tenant)
    secret = identity_secret(home)
    with writing(engine) as connection:
        organisations, courses = _register_courses(connection, found.courses)
        persons = _register_actors(connection, secret, found)
        enrolments = _register_memberships(connection, secret, found.memberships)
        done = Discovered(persons, organisations, courses, courses, enrolments)
        if done:
            bump_revision(connection)
    if done:
        lake.publish(engine, home)
    return done


def discovered_key(tenant: str, iri: str) -> str:
    """The key of a discovered organisation, course or section."""
    return f"{tenant}:x:{hashlib.sha256(iri.encode()).hexdigest()[:24]}"


def _register_courses(connection: Connection, found: Iterable[FoundCourse]) -> tuple[int, int]:
    """(new organisations, new courses)."""
    fresh: dict[tuple[str, str], FoundCourse] = {}
    known: dict[str, set[str]] = {}
    for item in found:
        if item.tenant not in known:
            known[item.tenant] = _known_iris(connection, item.tenant)
        if item.iri not in known[item.tenant]:
            fresh.setdefault((item.tenant, item.iri), item)
        elif item.title:
            _name_course(connection, item)
    platforms = {(item.tenant, _platform(item)) for item in fresh.values()}
    organisations = _insert_new(
        connection, organisation, "school_key", [_organisation(*pair) for pair in platforms]
    )
    _insert(connection, course, [_course(item) for item in fresh.values()])
    _insert(connection, section, [_section(item) for item in fresh.values()])
    return organisations, len(fresh)


def _known_iris(connection: Connection, tenant: str) -> set[str]:
    """IRIs of all courses and sections of the tenant, rostered or discovered."""
    known: set[str] = set()
    for table in (course, section):
        known.update(connection.scalars(select(table.c.iri).where(table.c.tenant == tenant)))
    return known


def _name_course(connection: Connection, item: FoundCourse) -> None:
    """Give a discovered course that had no name yet the one that a later statement brings."""
    key = discovered_key(item.tenant, item.iri)
    for table, column in ((course, course.c.course_key), (section, section.c.section_key)):
        connection.execute(
            update(table)
            .where(table.c.tenant == item.tenant, column == key, table.c.title == _fallback_title(item.iri))
            .values(title=item.title)
        )


def _register_actors(connection: Connection, secret: bytes, found: Found) -> int:
    """How many new unknown persons; each actor of a membership counts as found."""
    actors: dict[tuple[str, Identifier], bool] = {
        (a.tenant, a.identifier): a.is_generated for a in found.actors
    }
    for membership in found.memberships:
        actors.setdefault((membership.tenant, membership.identifier), False)
    held = {tenant: set(_holders(connection, tenant)) for tenant in {tenant for tenant, _ in actors}}
    people, identifiers = [], []
    for (tenant, known), is_generated in actors.items():
        key = identifier_key(secret, tenant, known)
        if key in held[tenant]:
            continue
        person_key = new_person_key()
        people.append(
            {
                "tenant": tenant,
                "person_key": person_key,
                "source": DISCOVERED,
                "kind": "unknown",
                "role": "student",
                "is_generated": is_generated,
                "is_active": True,
            }
        )
        identifiers.append(
            {
                "tenant": tenant,
                "identifier_key": key,
                "kind": known.kind,
                "value": known.value,
                "person_key": person_key,
                "source": DISCOVERED,
            }
        )
    _insert(connection, person, people)
    _insert(connection, identifier, identifiers)
    return len(people)


def _register_memberships(connection: Connection, secret: bytes, found: Sequence[FoundMembership]) -> int:
    """How many new enrolments in discovered sections."""
    rows: list[dict[str, object]] = []
    tenants = {item.tenant for item in found}
    for tenant in tenants:
        holders = _holders(connection, tenant)
        sections = _discovered_sections(connection, tenant)
        students = set(connection.scalars(_students(tenant)))
        enrolled = _enrolled(connection, tenant)
        for item in found:
            place = sections.get(item.course_iri) if item.tenant == tenant else None
            if place is None:
                continue
            person_key = holders[identifier_key(secret, tenant, item.identifier)]
            if person_key not in students or (place, person_key) in enrolled:
                continue
            enrolled.add((place, person_key))
            rows.append(
                {
                    "tenant": tenant,
                    "enrolment_key": f"x:{place}:{person_key}",
                    "source": DISCOVERED,
                    "section_key": place,
                    "person_key": person_key,
                    "role": "student",
                    "is_primary": False,
                    "begin_date": item.first_seen,
                    "is_active": True,
                }
            )
    _insert(connection, enrolment, rows)
    _place_unknown(connection, tenants)
    return len(rows)


def _holders(connection: Connection, tenant: str) -> dict[str, str]:
    """identifier_key -> person_key."""
    query = select(identifier.c.identifier_key, identifier.c.person_key).where(identifier.c.tenant == tenant)
    return {row[0]: row[1] for row in connection.execute(query)}


def _discovered_sections(connection: Connection, tenant: str) -> dict[str, str]:
    """Course IRI -> section_key, of discovered sections that no roster has taken the place of."""
    query = select(section.c.iri, section.c.section_key).where(
        section.c.tenant == tenant, section.c.source == DISCOVERED, section.c.is_active
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _students(tenant: str):
    return select(person.c.person_key).where(person.c.tenant == tenant, person.c.role == "student")


def _enrolled(connection: Connection, tenant: str) -> set[tuple[str, str]]:
    query = select(enrolment.c.section_key, enrolment.c.person_key).where(
        enrolment.c.tenant == tenant, enrolment.c.role == "student"
    )
    return {(row[0], row[1]) for row in connection.execute(query)}


def _place_unknown(connection: Connection, tenants: set[str]) -> None:
    """An unknown person belongs to the platform of a course that the person was found in."""
    for tenant in tenants:
        place = (
            select(section.c.school_key)
            .join(
                enrolment,
                (enrolment.c.tenant == section.c.tenant) & (enrolment.c.section_key == section.c.section_key),
            )
            .where(section.c.tenant == tenant, enrolment.c.person_key == person.c.person_key)
            .order_by(enrolment.c.begin_date, section.c.section_key)
            .limit(1)
            .scalar_subquery()
        )
        connection.execute(
            update(person)
            .where(person.c.tenant == tenant, person.c.kind == "unknown", person.c.school_key.is_(None))
            .values(school_key=place)
        )


def _insert_new(connection: Connection, table: Table, key: str, rows: list[dict[str, object]]) -> int:
    known = {(row[0], row[1]) for row in connection.execute(select(table.c.tenant, table.c[key]))}
    fresh = [row for row in rows if (row["tenant"], row[key]) not in known]
    _insert(connection, table, fresh)
    return len(fresh)


def _insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _organisation(tenant: str, platform: str) -> dict[str, object]:
    return {
        "tenant": tenant,
        "school_key": discovered_key(tenant, platform),
        "source": DISCOVERED,
        "type": "platform",
        "title": urlsplit(platform).netloc or platform,
        "identifier": platform,
        "is_active": True,
    }


def _course(item: FoundCourse) -> dict[str, object]:
    return {
        "tenant": item.tenant,
        "course_key": discovered_key(item.tenant, item.iri),
        "source": DISCOVERED,
        "school_key": discovered_key(item.tenant, _platform(item)),
        "title": item.title or _fallback_title(item.iri),
        "iri": item.iri,
        "is_active": True,
    }


def _section(item: FoundCourse) -> dict[str, object]:
    key = discovered_key(item.tenant, item.iri)
    return {**_course(item), "course_key": key, "section_key": key}


def _platform(item: FoundCourse) -> str:
    parts = urlsplit(item.iri)
    return item.platform or f"{parts.scheme}://{parts.netloc}"


def _fallback_title(iri: str) -> str:
    """What an IRI ends in, for a course that no statement names."""
    return unquote(iri.rstrip("/").rpartition("/")[2]) or iri
