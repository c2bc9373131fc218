"""A small school in people.db and in a snapshot: two sections of one school, one of another, and a second tenant.

Ada and Ben sit in `t:s1` (Tess teaches), Cem in `t:s2` (Theo teaches), Dua in `t:s3` of another school. Gil guards Ada.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, insert

from learnlake.home import Home
from people.db import writing
from people.sessions import Viewer
from people.tables import enrolment, guardianship, organisation, person, role_assignment, section
from tests.warehouse.fixtures import publish_rows

TENANT = "t"
SECTIONS = {"t:s1": "t:high", "t:s2": "t:high", "t:s3": "t:low"}
STUDENTS = {"ada": "t:s1", "ben": "t:s1", "cem": "t:s2", "dua": "t:s3"}
TEACHERS = {"tess": "t:s1", "theo": "t:s2"}
WITHOUT_RULE = "fct_new_and_without_rule"
OTHERS = {"gil": "guardian", "pia": "principal", "adi": "administrator", "ana": "analyst"}


def key(name: str) -> str:
    """The person_key of `name`."""
    return f"p_{name}"


def viewer(name: str, role: str, *, tenant: str = TENANT) -> Viewer:
    """`name`, logged in with `role`."""
    return Viewer(1, key(name), tenant, role, (role,), name)


def enrol(engine: Engine) -> None:
    """Write the school into people.db."""
    roles = dict.fromkeys(STUDENTS, "student") | dict.fromkeys(TEACHERS, "teacher") | OTHERS
    common = {"tenant": TENANT, "source": "test"}
    with writing(engine) as connection:
        for school in ("t:high", "t:low"):
            connection.execute(
                insert(organisation).values(**common, school_key=school, type="school", title=school)
            )
        for section_key, school in SECTIONS.items():
            connection.execute(
                insert(section).values(
                    **common,
                    section_key=section_key,
                    course_key="t:c",
                    school_key=school,
                    title="T",
                    iri=section_key,
                )
            )
        for name, role in roles.items():
            connection.execute(
                insert(person).values(
                    **common, person_key=key(name), kind="rostered", role=role, given_name=name.title()
                )
            )
            connection.execute(
                insert(role_assignment).values(
                    **common,
                    assignment_key=name,
                    person_key=key(name),
                    role=role,
                    school_key="t:high" if role == "principal" else None,
                )
            )
        for name, section_key in (STUDENTS | TEACHERS).items():
            connection.execute(
                insert(enrolment).values(
                    **common,
                    enrolment_key=name,
                    section_key=section_key,
                    person_key=key(name),
                    role=roles[name],
                )
            )
        connection.execute(
            insert(guardianship).values(**common, guardian_key=key("gil"), person_key=key("ada"))
        )


def marts(*, number: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Rows of the small school, and one of a second tenant with the same keys, for each of a few marts."""
    records = [
        {
            "tenant": TENANT,
            "person_key": key(name),
            "section_key": section_key,
            "school_key": SECTIONS[section_key],
            "week_index": 1,
            "number": number,
        }
        for name, section_key in STUDENTS.items()
    ]
    classes = [
        {
            "tenant": TENANT,
            "section_key": section_key,
            "school_key": school,
            "student_count": 30 if section_key == "t:s2" else 2,
            "mean_score": 0.5,
            "number": number,
        }
        for section_key, school in SECTIONS.items()
    ]
    rows = {
        "dim_person": [{k: r[k] for k in ("tenant", "person_key", "school_key", "number")} for r in records],
        "msr_student_week": records,
        "msr_class_week": classes,
        "dim_class": classes,
        "fct_attempt": records,
        "qc_freshness": [{"tenant": TENANT, "platform": "lms", "number": number}],
        "qc_reconciliation": [{"tenant": TENANT, "lake_count": 1, "number": number}],
        WITHOUT_RULE: records,
    }
    return {name: [*mart, mart[0] | {"tenant": "other"}] for name, mart in rows.items()}


def publish(home: Home, *, number: int = 0) -> None:
    """Publish the small school's marts; `number` is in each row."""
    publish_rows(home, marts(number=number), run_id=str(number))
