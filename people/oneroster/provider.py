"""A source's roster as OneRoster 1.2 REST objects: one query per collection, filtered and paged in SQL. HTTP belongs to `api`.

The counterpart of `shape`: what an import made of CSV rows is told back under the ids that it came with.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Date, Engine, Select, and_, func, literal, select
from sqlalchemy import Row as SqlRow

from people.db import reading
from people.oneroster.binding import DEMOGRAPHIC_DETAILS, FILES
from people.oneroster.provider_filter import Condition, Order, apply_filter, apply_order
from people.oneroster.shape import Source
from people.roles import FROM_ROSTER
from people.tables import (
    academic_session,
    course,
    demographics,
    enrolment,
    guardianship,
    organisation,
    person,
    role_assignment,
    section,
)

Record = dict[str, Any]
_ROLE_TOKENS = {
    token.lower(): token
    for field in FILES["1.2"]["roles"].fields
    if field.name == "role"
    for token in field.values
}
_OURS_TO_TOKEN = {"assistant": "aide"}


@dataclasses.dataclass(frozen=True, slots=True)
class Collection:
    """One kind of object. `query` has a column for each field that may be filtered and sorted by, none with a name of a person."""

    plural: str
    singular: str
    query: Callable[[Source], Select]
    told: Callable[[_Teller, SqlRow], Record]
    narrowed: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """Some objects of a collection, and how many there are in all."""

    records: list[Record]
    total: int


def read_page(
    engine: Engine,
    source: Source,
    collection: Collection,
    *,
    conditions: Condition | None = None,
    order: Order | None = None,
    limit: int = 100,
    offset: int = 0,
    address: str = "",
) -> Page:
    """The objects of `collection` that the filter lets through, from `offset` on. `address` begins the hrefs."""
    query = collection.query(source)
    rows = query.subquery()
    filtered = apply_filter(select(rows), rows, conditions)
    for column, value in collection.narrowed.items():
        filtered = filtered.where(rows.c[column] == value)
    with reading(engine) as connection:
        total = connection.execute(select(func.count()).select_from(filtered.subquery())).scalar_one()
        page = apply_order(filtered, rows, order).limit(limit).offset(offset)
        found = connection.execute(page).all()
        teller = _Teller(connection, source, address, found if collection.singular == "user" else [])
        return Page([collection.told(teller, row) for row in found], int(total))


def read_one(
    engine: Engine, source: Source, collection: Collection, sourced_id: str, *, address: str
) -> Record | None:
    """The object with this sourcedId, or None."""
    only = dataclasses.replace(collection, narrowed={**collection.narrowed, "sourcedId": sourced_id})
    records = read_page(engine, source, only, limit=1, address=address).records
    return records[0] if records else None


class _Teller:
    """Turns rows into objects; for a page of users it has looked up their roles and agents at once."""

    def __init__(self, connection: Connection, source: Source, address: str, users: Sequence[SqlRow]) -> None:
        self._prefix = f"{source.tenant}:"
        self._address = address
        self.roles: dict[str, list[SqlRow]] = defaultdict(list)
        self.agents: dict[str, list[str]] = defaultdict(list)
        keys = [row.person_key for row in users]
        if keys:
            self._look_up(connection, source, keys)

    def _look_up(self, connection: Connection, source: Source, keys: list[str]) -> None:
        held = role_assignment.c
        query = select(
            held.person_key,
            held.role,
            held.school_key,
            held.begin_date,
            _day_after(held.end_date).label("endDate"),
        ).where(
            held.tenant == source.tenant,
            held.source == source.home_page,
            held.person_key.in_(keys),
            held.is_active,
        )
        for row in connection.execute(query.order_by(held.assignment_key)):
            self.roles[row.person_key].append(row)
        pair = guardianship.c
        for own, other in ((pair.person_key, pair.guardian_key), (pair.guardian_key, pair.person_key)):
            agents = (
                select(own, person.c.sourced_id)
                .join(person, and_(person.c.tenant == pair.tenant, person.c.person_key == other))
                .where(
                    pair.tenant == source.tenant,
                    pair.source == source.home_page,
                    own.in_(keys),
                    pair.is_active,
                )
            )
            for row in connection.execute(agents.order_by(person.c.sourced_id)):
                self.agents[row[0]].append(row[1])

    def id_of(self, key: str | None) -> str | None:
        """The sourcedId in one of our keys."""
        return None if key is None else key.removeprefix(self._prefix)

    def link(self, kind: str, plural: str, sourced_id: str | None) -> Record | None:
        """A GUIDRef, or None."""
        if sourced_id is None:
            return None
        return {"href": f"{self._address}/{plural}/{sourced_id}", "sourcedId": sourced_id, "type": kind}

    def base(self, row: SqlRow) -> Record:
        """What every object begins with."""
        extra = json.loads(row.extension or "{}")
        told = {"sourcedId": row.sourcedId, "status": row.status, "dateLastModified": row.dateLastModified}
        metadata = {
            name.removeprefix("metadata."): value
            for name, value in extra.items()
            if name.startswith("metadata.")
        }
        return told | ({"metadata": metadata} if metadata else {})


def _start(table: Any, source: Source, identity: Any) -> Select:
    """sourcedId, status, dateLastModified and extension of this source's rows."""
    at = table.c.changed_at
    return select(
        identity.label("sourcedId"),
        func.iif(table.c.is_active, "active", "tobedeleted").label("status"),
        func.strftime("%Y-%m-%dT%H:%M:%fZ", at).label("dateLastModified"),
        table.c.extension,
    ).where(table.c.tenant == source.tenant, table.c.source == source.home_page)


def _told(record: Record) -> Record:
    """`record` without fields that hold nothing."""
    return {name: value for name, value in record.items() if value is not None and value != []}


def _list(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _iso(day: dt.date | None) -> str | None:
    return day.isoformat() if day else None


def _id(column: Any, source: Source) -> Any:
    """The sourcedId in a key column, in SQL."""
    return func.substr(column, len(source.tenant) + 2)


def _orgs(source: Source) -> Select:
    own = organisation.c
    return _start(organisation, source, own.sourced_id).add_columns(
        own.title.label("name"),
        own.type,
        own.identifier,
        _id(own.parent_school_key, source).label("parent.sourcedId"),
    )


def _told_org(teller: _Teller, row: SqlRow) -> Record:
    at = row._mapping
    parent = teller.link("org", "orgs", at["parent.sourcedId"])
    return _told(
        {
            **teller.base(row),
            "name": row.name,
            "type": row.type,
            "identifier": row.identifier,
            "parent": parent,
        }
    )


def _day_after(column: ColumnElement[dt.date]) -> ColumnElement[dt.date]:
    """OneRoster's endDate is exclusive; ours is the last day that counts."""
    return func.date(column, "+1 day", type_=Date)


def _sessions(source: Source) -> Select:
    own = academic_session.c
    return _start(academic_session, source, own.sourced_id).add_columns(
        own.title,
        own.type,
        own.start_date.label("startDate"),
        _day_after(own.end_date).label("endDate"),
        own.school_year.label("schoolYear"),
        _id(own.parent_session_key, source).label("parent.sourcedId"),
    )


def _told_session(teller: _Teller, row: SqlRow) -> Record:
    return _told(
        {
            **teller.base(row),
            "title": row.title,
            "type": row.type,
            "startDate": _iso(row.startDate),
            "endDate": _iso(row.endDate),
            "schoolYear": row.schoolYear,
            "parent": teller.link("academicSession", "academicSessions", row._mapping["parent.sourcedId"]),
        }
    )


def _courses(source: Source) -> Select:
    own = course.c
    return _start(course, source, own.sourced_id).add_columns(
        own.title,
        own.code.label("courseCode"),
        _id(own.school_key, source).label("org.sourcedId"),
        _id(own.session_key, source).label("schoolYear.sourcedId"),
    )


def _told_course(teller: _Teller, row: SqlRow) -> Record:
    extra, at = json.loads(row.extension or "{}"), row._mapping
    return _told(
        {
            **teller.base(row),
            "title": row.title,
            "courseCode": row.courseCode,
            "schoolYear": teller.link("academicSession", "academicSessions", at["schoolYear.sourcedId"]),
            "grades": _list(extra.get("grades")),
            "subjects": _list(extra.get("subjects")),
            "subjectCodes": _list(extra.get("subjectCodes")),
            "org": teller.link("org", "orgs", at["org.sourcedId"]),
        }
    )


def _classes(source: Source) -> Select:
    own = section.c
    return _start(section, source, own.sourced_id).add_columns(
        own.title,
        own.code.label("classCode"),
        func.json_extract(own.extension, "$.classType").label("classType"),
        _id(own.course_key, source).label("course.sourcedId"),
        _id(own.school_key, source).label("school.sourcedId"),
        own.session_keys,
        own.section_key,
    )


def _told_class(teller: _Teller, row: SqlRow) -> Record:
    extra, at = json.loads(row.extension or "{}"), row._mapping
    terms = [teller.id_of(key) for key in json.loads(row.session_keys or "[]")]
    return _told(
        {
            **teller.base(row),
            "title": row.title,
            "classCode": row.classCode,
            "classType": row.classType,
            "location": extra.get("location"),
            "grades": _list(extra.get("grades")),
            "subjects": _list(extra.get("subjects")),
            "subjectCodes": _list(extra.get("subjectCodes")),
            "periods": _list(extra.get("periods")),
            "course": teller.link("course", "courses", at["course.sourcedId"]),
            "school": teller.link("org", "orgs", at["school.sourcedId"]),
            "terms": [teller.link("academicSession", "academicSessions", term) for term in terms],
        }
    )


def _users(source: Source) -> Select:
    """The names are read here and nowhere else in this module; no filter sees them."""
    own = person.c
    return _start(person, source, own.sourced_id).add_columns(
        own.role,
        func.coalesce(own.enabled_user, "true").label("enabledUser"),
        _id(own.school_key, source).label("primaryOrg.sourcedId"),
        own.person_key,
        own.username.label("told_username"),
        own.given_name.label("told_given"),
        own.family_name.label("told_family"),
        own.middle_name.label("told_middle"),
        own.preferred_given_name.label("told_preferred_given"),
        own.preferred_family_name.label("told_preferred_family"),
    )


def _told_user(teller: _Teller, row: SqlRow) -> Record:
    extra = json.loads(row.extension or "{}")
    school = row._mapping["primaryOrg.sourcedId"]
    return _told(
        {
            **teller.base(row),
            "userMasterIdentifier": extra.get("userMasterIdentifier"),
            "username": row.told_username,
            "userIds": [_user_id(part) for part in _braced(extra.get("userIds"))],
            "enabledUser": row.enabledUser.lower(),
            "givenName": row.told_given,
            "familyName": row.told_family,
            "middleName": row.told_middle,
            "preferredFirstName": row.told_preferred_given,
            "preferredMiddleName": extra.get("preferredMiddleName"),
            "preferredLastName": row.told_preferred_family,
            "pronouns": extra.get("pronouns"),
            "roles": _user_roles(teller, row, school),
            "identifier": extra.get("identifier"),
            "email": extra.get("email"),
            "sms": extra.get("sms"),
            "phone": extra.get("phone"),
            "agents": [teller.link("user", "users", agent) for agent in teller.agents[row.person_key]],
            "primaryOrg": teller.link("org", "orgs", school),
            "grades": _list(extra.get("grades")),
        }
    )


def _user_roles(teller: _Teller, row: SqlRow, school: str | None) -> list[Record]:
    """The roles held, with the user's primary one among them even where it gives no role of ours."""
    primary = _ROLE_TOKENS.get(row.role or "", row.role)
    told = []
    for held in teller.roles[row.person_key]:
        token = primary if FROM_ROSTER.get(primary) == held.role else _OURS_TO_TOKEN.get(held.role, held.role)
        org = teller.id_of(held.school_key)
        told.append(
            _told(
                {
                    "roleType": "primary" if (token, org) == (primary, school) else "secondary",
                    "role": token,
                    "org": teller.link("org", "orgs", org),
                    "beginDate": _iso(held.begin_date),
                    "endDate": _iso(held.endDate),
                }
            )
        )
    if primary and school and not any(one["roleType"] == "primary" for one in told):
        org_link = teller.link("org", "orgs", school)
        told.insert(0, {"roleType": "primary", "role": primary, "org": org_link})
    return told


def _braced(text: str | None) -> list[str]:
    return [part.strip().strip("{}") for part in (text or "").split("},") if part.strip()]


def _user_id(text: str) -> Record:
    """`{LDAP:12}` has a type and an identifier; `{https://lms.example name}` the account's home page as its type."""
    separator = " " if "://" in text else ":"
    kind, _, identifier = text.rpartition(separator) if separator == " " else text.partition(separator)
    return {"type": kind, "identifier": identifier}


def _enrollments(source: Source) -> Select:
    own, place, who = enrolment.c, section.c, person.c
    return (
        _start(enrolment, source, own.sourced_id)
        .join(section, and_(place.tenant == own.tenant, place.section_key == own.section_key))
        .join(person, and_(who.tenant == own.tenant, who.person_key == own.person_key))
        .add_columns(
            own.role,
            own.is_primary,
            own.begin_date.label("beginDate"),
            _day_after(own.end_date).label("endDate"),
            _id(own.section_key, source).label("class.sourcedId"),
            _id(place.school_key, source).label("school.sourcedId"),
            who.sourced_id.label("user.sourcedId"),
        )
    )


def _told_enrollment(teller: _Teller, row: SqlRow) -> Record:
    at = row._mapping
    return _told(
        {
            **teller.base(row),
            "role": _OURS_TO_TOKEN.get(row.role, row.role),
            "primary": str(bool(row.is_primary)).lower(),
            "user": teller.link("user", "users", at["user.sourcedId"]),
            "class": teller.link("class", "classes", at["class.sourcedId"]),
            "school": teller.link("org", "orgs", at["school.sourcedId"]),
            "beginDate": _iso(row.beginDate),
            "endDate": _iso(row.endDate),
        }
    )


def _demographics(source: Source) -> Select:
    own, who = demographics.c, person.c
    return (
        select(
            who.sourced_id.label("sourcedId"),
            literal("active").label("status"),
            func.strftime("%Y-%m-%dT%H:%M:%fZ", who.changed_at).label("dateLastModified"),
            own.details.label("extension"),
            own.birth_date.label("told_birth_date"),
            own.sex.label("told_sex"),
        )
        .join(person, and_(who.tenant == own.tenant, who.person_key == own.person_key))
        .where(own.tenant == source.tenant, own.source == source.home_page)
    )


def _told_demographics(teller: _Teller, row: SqlRow) -> Record:
    details = json.loads(row.extension or "{}")
    return _told(
        {
            **teller.base(row),
            "birthDate": _iso(row.told_birth_date),
            "sex": row.told_sex,
            **{name: details.get(name) for name in DEMOGRAPHIC_DETAILS},
        }
    )


_ORGS = Collection("orgs", "org", _orgs, _told_org)
_SESSIONS = Collection("academicSessions", "academicSession", _sessions, _told_session)
_USERS = Collection("users", "user", _users, _told_user)
COLLECTIONS: Final[Mapping[str, Collection]] = {
    "orgs": _ORGS,
    "schools": dataclasses.replace(_ORGS, narrowed={"type": "school"}),
    "academicSessions": _SESSIONS,
    "terms": dataclasses.replace(_SESSIONS, narrowed={"type": "term"}),
    "gradingPeriods": dataclasses.replace(_SESSIONS, narrowed={"type": "gradingPeriod"}),
    "courses": Collection("courses", "course", _courses, _told_course),
    "classes": Collection("classes", "class", _classes, _told_class),
    "users": _USERS,
    "students": dataclasses.replace(_USERS, narrowed={"role": "student"}),
    "teachers": dataclasses.replace(_USERS, narrowed={"role": "teacher"}),
    "enrollments": Collection("enrollments", "enrollment", _enrollments, _told_enrollment),
    "demographics": Collection("demographics", "demographics", _demographics, _told_demographics),
}
"""What may be read, by the last part of its address. `schools`, `terms`, `students`, ... are parts of others."""

CHILDREN: Final[Mapping[tuple[str, str], str]] = {
    ("schools", "classes"): "school.sourcedId",
    ("schools", "courses"): "org.sourcedId",
    ("schools", "enrollments"): "school.sourcedId",
    ("schools", "students"): "primaryOrg.sourcedId",
    ("schools", "teachers"): "primaryOrg.sourcedId",
    ("courses", "classes"): "course.sourcedId",
    ("terms", "gradingPeriods"): "parent.sourcedId",
}
"""(parent, child) that may be read as parent/ID/child, and the child's field that names the parent."""

MEMBERS: Final = frozenset(
    {
        ("classes", "students"),
        ("classes", "teachers"),
        ("students", "classes"),
        ("teachers", "classes"),
        ("users", "classes"),
    }
)
"""(parent, child) that enrolments connect."""


def children(source: Source, parent: str, sourced_id: str, child: str) -> Collection | None:
    """The collection parent/ID/child, or None when OneRoster has none of that name."""
    collection = COLLECTIONS.get(child)
    if collection is None:
        return None
    if (column := CHILDREN.get((parent, child))) is not None:
        return dataclasses.replace(collection, narrowed={**collection.narrowed, column: sourced_id})
    if (parent, child) not in MEMBERS:
        return None
    own, who = enrolment.c, person.c
    held = select(own.section_key, own.person_key, who.sourced_id).join(
        person, and_(who.tenant == own.tenant, who.person_key == own.person_key)
    )
    held = held.where(own.tenant == source.tenant, own.source == source.home_page, own.is_active)
    if child == "classes":
        keys = held.where(who.sourced_id == sourced_id).with_only_columns(own.section_key)
        return dataclasses.replace(
            collection, query=lambda source: _classes(source).where(section.c.section_key.in_(keys))
        )
    role = child.removesuffix("s")
    keys = held.where(own.section_key == f"{source.tenant}:{sourced_id}", own.role == role)
    keys = keys.with_only_columns(own.person_key)
    return dataclasses.replace(
        collection, narrowed={}, query=lambda source: _users(source).where(person.c.person_key.in_(keys))
    )
