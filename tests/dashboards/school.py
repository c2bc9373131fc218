"""A small school for the dashboards' tests: people.db with accounts of every role, and a published snapshot that fits it.

One school, two classes of Algebra I (the second taught by somebody else), eight weeks of a running term. Everything is
seeded: the same rows every time.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, insert

from learnlake.identity import Identifier
from learnlake.settings import Settings
from people import accounts, consent, consent_record, tables
from people.db import open_people, writing
from tests.warehouse.fixtures import publish_rows

TENANT = "test"
AS_OF = dt.date(2026, 11, 20)
START = dt.date(2026, 9, 28)
END = dt.date(2026, 12, 18)
WEEKS = 8
PASSWORD = "correct horse battery"
SCHOOL, OTHER_SCHOOL = f"{TENANT}:school", f"{TENANT}:school-2"
SESSION, COURSE = f"{TENANT}:autumn", f"{TENANT}:algebra"
CLASSES = (f"{TENANT}:algebra-1", f"{TENANT}:algebra-2")
DISCOVERED, PLATFORM = f"{TENANT}:x:mooc", f"{TENANT}:x:platform"
UNKNOWN = tuple(f"p_unknown{number}" for number in range(3))
SKILLS = (
    "Order of operations",
    "Integers",
    "Fractions",
    "Ratios",
    "Linear equations",
    "Inequalities",
    "Slope",
    "Graphing lines",
    "Systems of equations",
    "Exponents",
    "Polynomials",
    "Factoring",
)
GIVEN = [
    "Amina",
    "Ben",
    "Chloe",
    "Diego",
    "Elif",
    "Femi",
    "Grace",
    "Hugo",
    "Ines",
    "Jonas",
    "Keiko",
    "Liam",
    "Maya",
    "Noor",
    "Oskar",
    "Priya",
    "Quinn",
    "Rosa",
    "Sam",
    "Tara",
]
FAMILY = [
    "Abara",
    "Brandt",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fofana",
    "Garcia",
    "Haddad",
    "Ivanova",
    "Jensen",
    "Kaur",
    "Lopez",
    "Meyer",
    "Nguyen",
    "Okafor",
]

Row = dict[str, Any]


@dataclasses.dataclass
class School:
    """What was made. `logins` maps a role to a log-in; every password is PASSWORD."""

    settings: Settings
    engine: Engine
    students: dict[str, list[str]]
    names: dict[str, str]
    logins: dict[str, str]

    def publish(self, *, run_id: str = "run-of-the-test", **changed: list[Row]) -> None:
        """Publish the marts, those in `changed` replaced."""
        publish_rows(self.settings.home, {**marts(self), **changed}, as_of=AS_OF, run_id=run_id)


def build(settings: Settings, *, per_class: int = 20, with_snapshot: bool = True) -> School:
    """Make the school in `settings.home`."""
    engine = open_people(settings)
    students = {
        section: [
            f"p_{number:02x}{'0' * 22}" for number in range(1 + at * per_class, 1 + (at + 1) * per_class)
        ]
        for at, section in enumerate(CLASSES)
    }
    school = School(settings, engine, students, {}, {})
    with writing(engine) as connection:
        _roster(connection, school)
    for role, person_key, school_key in (
        ("teacher", "p_teacher", None),
        ("other teacher", "p_teacher2", None),
        ("student", students[CLASSES[0]][0], None),
        ("guardian", "p_guardian", None),
        ("principal", None, SCHOOL),
        ("administrator", None, None),
        ("analyst", None, None),
        ("teacher and guardian", "p_both", None),
    ):
        login = role.replace(" ", "-")
        names = (role,) if person_key is None else ()
        accounts.create(
            engine,
            tenant=TENANT,
            login=login,
            password=PASSWORD,
            role_names=names,
            person_key=person_key,
            school_key=school_key,
        )
        school.logins[role] = login
    agreed = [students[CLASSES[0]][0], students[CLASSES[0]][1], students[CLASSES[1]][0]]
    said = [consent.Decision(key, "leaderboard", "given", "school", AS_OF) for key in agreed]
    consent_record.record(engine, TENANT, said, actor_key="test")
    if with_snapshot:
        school.publish()
    return school


def _roster(connection: Connection, school: School) -> None:
    common = {"tenant": TENANT, "source": "http://sis.test", "is_active": True}

    def add(table: Any, *rows: Row) -> None:
        given = common if "is_active" in table.c else {k: v for k, v in common.items() if k != "is_active"}
        connection.execute(insert(table), [{**given, **row} for row in rows])

    add(
        tables.organisation,
        {"school_key": SCHOOL, "type": "school", "title": "Lakeside High", "sourced_id": "school"},
        {"school_key": OTHER_SCHOOL, "type": "school", "title": "Hill School", "sourced_id": "school-2"},
    )
    add(
        tables.academic_session,
        {
            "session_key": SESSION,
            "title": "Autumn 2026",
            "type": "term",
            "start_date": START,
            "end_date": END,
        },
    )
    add(
        tables.course,
        {
            "course_key": COURSE,
            "school_key": SCHOOL,
            "title": "Algebra I",
            "iri": "http://sis.test/courses/algebra",
        },
    )
    for number, section in enumerate(CLASSES, 1):
        add(tables.section, _section(section, f"Algebra I, group {number}", SCHOOL))
    random.seed(1)
    people = {key: "student" for keys in school.students.values() for key in keys}
    people |= {"p_teacher": "teacher", "p_teacher2": "teacher", "p_guardian": "guardian", "p_both": "teacher"}
    for number, (key, role) in enumerate(people.items()):
        given, family = GIVEN[number % len(GIVEN)], FAMILY[(7 * number) % len(FAMILY)]
        school.names[key] = f"{given} {family}"
        add(
            tables.person,
            {
                "person_key": key,
                "sourced_id": key,
                "kind": "rostered",
                "role": role,
                "school_key": SCHOOL,
                "grade": "09",
                "given_name": given,
                "family_name": family,
                "is_generated": True,
            },
        )
        add(
            tables.role_assignment,
            {"assignment_key": f"r:{key}", "person_key": key, "role": role, "school_key": SCHOOL},
        )
    add(
        tables.role_assignment,
        {"assignment_key": "r:both", "person_key": "p_both", "role": "guardian", "school_key": SCHOOL},
    )
    for row in enrolments(school):
        add(
            tables.enrolment,
            {
                "enrolment_key": f"{row['section_key']}:{row['person_key']}",
                **{k: row[k] for k in ("section_key", "person_key", "role", "begin_date", "end_date")},
            },
        )
    _discovered(add)
    first = school.students[CLASSES[0]]
    for guardian, child in (("p_guardian", first[0]), ("p_guardian", first[3]), ("p_both", first[1])):
        add(tables.guardianship, {"guardian_key": guardian, "person_key": child})


def _discovered(add: Callable[..., None]) -> None:
    """A course that statements named and no roster knows, with three learners known by their identifiers only."""
    found = {"source": tables.DISCOVERED}
    add(
        tables.organisation,
        {**found, "school_key": PLATFORM, "type": "platform", "title": "http://mooc.test"},
    )
    add(tables.section, {**_section(DISCOVERED, "Digital literacy", PLATFORM), **found, "session_key": None})
    for key in UNKNOWN:
        add(
            tables.person,
            {**found, "person_key": key, "sourced_id": key, "kind": "unknown", "role": "student"},
        )
        add(
            tables.enrolment,
            {
                **found,
                "enrolment_key": f"x:{key}",
                "section_key": DISCOVERED,
                "person_key": key,
                "role": "student",
            },
        )
        add(tables.identifier, {**found, **_account("http://mooc.test", key.removeprefix("p_"), key)})
    add(tables.identifier, _account("http://sis.test", "teacher", "p_teacher"))


def _account(home_page: str, name: str, person_key: str) -> Row:
    known = Identifier.account(home_page, name)
    return {
        "identifier_key": f"{home_page} {name}",
        "kind": known.kind,
        "value": known.value,
        "person_key": person_key,
    }


def _section(section_key: str, title: str, school_key: str) -> Row:
    return {
        "section_key": section_key,
        "course_key": COURSE,
        "school_key": school_key,
        "session_key": SESSION,
        "title": title,
        "iri": f"http://sis.test/sections/{section_key}",
    }


def enrolments(school: School) -> list[Row]:
    """brg_enrolment: students and teachers of both classes."""
    members = [(section, key, "student") for section, keys in school.students.items() for key in keys]
    members += [(CLASSES[0], "p_teacher", "teacher"), (CLASSES[1], "p_teacher2", "teacher")]
    members += [(CLASSES[1], "p_both", "teacher")]
    return [
        {
            "tenant": TENANT,
            "section_key": section,
            "person_key": key,
            "school_key": SCHOOL,
            "course_key": COURSE,
            "session_key": SESSION,
            "role": role,
            "begin_date": START,
            "end_date": END,
            "is_active": True,
        }
        for section, key, role in members
    ]


def marts(school: School) -> dict[str, list[Row]]:
    """Every mart of the contract that the pages read."""
    from tests.dashboards import school_marts

    return school_marts.all_marts(school)
