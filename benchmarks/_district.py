"""A generated district for `benchmarks.marts`: people.db with one course in sections of a hundred, and a lake spread over the term."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import CommitProperties, Transaction, write_deltalake
from sqlalchemy import insert

from learnlake.settings import Settings
from lrs.delta import SEAL, WRITER, create_table
from lrs.lake_columns import SCHEMA
from people import lake as people_lake
from people.db import open_people, writing
from people.tables import (
    academic_session,
    course,
    enrolment,
    guardianship,
    identifier,
    organisation,
    person,
    role_assignment,
    section,
)
from tests.dbt_project.lake import ASSESSMENT, COURSE, HOME_PAGE, ITEM, LL, RESOURCE

TENANT = "north"
SECTION_SIZE = 100
BEGIN, WEEKS = dt.date(2026, 1, 5), 38
END = BEGIN + dt.timedelta(days=7 * WEEKS - 1)
CHUNK = 250_000

STATEMENTS = """
with numbered as (
    select range as seq, hash(range) as h, hash(range + 1000000007) as g from range({first}, {last})
),
chosen as (
    select seq, h, g, h % {students} as student, g % 100 as kind,
        timestamp '{begin}' + to_microseconds(cast(86400000000 * ({from_day} + {days} * (seq - {first_of_all}) / {count}) as bigint)) as occurred
    from numbered
),
shaped as (
    select *,
        case when kind < 70 then '{adl}verbs/experienced' when kind < 95 then '{adl}verbs/answered' else '{adl}verbs/completed' end as verb_id,
        case when kind < 70 then '{resource}' when kind < 95 then '{item}' else '{assessment}' end as kind_iri,
        '{home}/' || case when kind < 70 then 'page-' || g // 128 % 500 when kind < 95 then 'item-' || g // 128 % 300 else 'quiz-' || g // 128 % 12 end as object_id,
        '{home}/sections/x' || student // {section_size} as section_iri
    from chosen
)
select
    '{tenant}' as tenant, cast(occurred as date) as stored_date, seq, cast(uuid() as varchar) as id,
    occurred + interval 2 second as stored, occurred as timestamp, '1.0.3' as version,
    'k-' || student as actor_key, '{home}' as actor_home_page, 'Agent' as actor_type, verb_id, 'Activity' as object_type, object_id,
    kind_iri as object_activity_type, null as registration, null as platform, null as voids,
    case when kind between 70 and 94 then (h % 3 > 0) end as result_success, null::boolean as result_completion,
    case when kind >= 95 then (h % 101) / 100 end as score_scaled, null::double as score_raw, null::double as score_min, null::double as score_max,
    case when kind < 95 then (h % 900)::double end as duration_seconds,
    [{{'relation': 'grouping', 'id': '{home}/courses/c1', 'type': '{course}'}}, {{'relation': 'grouping', 'id': section_iri, 'type': '{section}'}},
     {{'relation': 'category', 'id': 'https://w3id.org/learnlake/xapi', 'type': null}}] as context_activities,
    case when kind between 70 and 94 then ['skill-' || g // 128 % 40] end as skills,
    '{{"actor":{{"objectType":"Agent","account":{{"homePage":"{home}","name":"' || student || '"}}}},"verb":{{"id":"' || verb_id
        || '"}},"object":{{"objectType":"Activity","id":"' || object_id || '","definition":{{"type":"' || kind_iri || '","name":{{"en-US":"Thing ' || g // 128 % 500 || '"}}}}}},'
        || '"result":{{"extensions":{{"{ll}extensions/clicks":' || h % 9 || '}}}},"context":{{"contextActivities":{{"grouping":[{{"id":"{home}/courses/c1","definition":{{"type":"{course}"}}}},{{"id":"'
        || section_iri || '","definition":{{"type":"{section}"}}}}],"category":[{{"id":"https://w3id.org/learnlake/xapi"}}]}},"extensions":{{"{ll}extensions/is-generated":true}}}}}}' as raw
from shaped
"""


def append(
    settings: Settings, first: int, count: int, *, students: int, from_day: float, days: float
) -> None:
    """Seal the statements `first` .. `first + count - 1`, which happen evenly over `days` from `from_day` of the term on."""
    for table, last in _chunks(first, count, students=students, from_day=from_day, days=days):
        create_table(settings.home)
        write_deltalake(
            str(settings.home.lake_statements),
            table,
            mode="append",
            writer_properties=WRITER,
            commit_properties=CommitProperties(app_transactions=[Transaction(SEAL, last)]),
        )


def _chunks(
    first: int, count: int, *, students: int, from_day: float, days: float
) -> Iterator[tuple[pa.Table, int]]:
    for start in range(first, first + count, CHUNK):
        stop = min(start + CHUNK, first + count)
        query = STATEMENTS.format(
            first=start,
            last=stop,
            first_of_all=first,
            count=count,
            students=students,
            from_day=from_day,
            days=days,
            begin=BEGIN,
            tenant=TENANT,
            section_size=SECTION_SIZE,
            home=HOME_PAGE,
            ll=LL,
            adl="http://adlnet.gov/expapi/",
            resource=RESOURCE,
            item=ITEM,
            assessment=ASSESSMENT,
            course=COURSE,
            section=f"{LL}activity-types/section",
        )
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'; set threads = 2")
            yield connection.sql(query).to_arrow_table().cast(SCHEMA, safe=False), stop - 1


def enrol(settings: Settings, students: int) -> dict[str, str]:
    """Fill people.db and publish it to the lake; answer role -> person_key of somebody who looks at pages."""
    sections = range((students + SECTION_SIZE - 1) // SECTION_SIZE)
    common: dict[str, Any] = {"tenant": TENANT, "source": "benchmark"}
    roles_seen = ("teacher", "principal", "guardian", "administrator", "analyst")
    staff = {role: f"p_{students + n:024x}" for n, role in enumerate(roles_seen)}
    pupils = [f"p_{n:024x}" for n in range(students)]
    school = f"{TENANT}:school"
    engine = open_people(settings)
    with writing(engine) as connection:
        connection.execute(
            insert(organisation).values(**common, school_key=school, type="school", title="School")
        )
        connection.execute(
            insert(academic_session).values(
                **common, session_key="t1", type="term", title="Year", start_date=BEGIN, end_date=END
            )
        )
        connection.execute(
            insert(course).values(
                **common,
                course_key=f"{TENANT}:c1",
                school_key=school,
                title="Course",
                iri=f"{HOME_PAGE}/courses/c1",
            )
        )
        connection.execute(
            insert(section),
            [
                {
                    **common,
                    "section_key": f"{TENANT}:x{n}",
                    "course_key": f"{TENANT}:c1",
                    "school_key": school,
                    "session_key": "t1",
                    "title": f"Section {n}",
                    "iri": f"{HOME_PAGE}/sections/x{n}",
                }
                for n in sections
            ],
        )
        roles = dict.fromkeys(pupils, "student") | {key: role for role, key in staff.items()}
        connection.execute(
            insert(person),
            [
                {
                    **common,
                    "person_key": key,
                    "sourced_id": key,
                    "kind": "rostered",
                    "role": role,
                    "school_key": school,
                    "is_generated": True,
                }
                for key, role in roles.items()
            ],
        )
        connection.execute(
            insert(role_assignment),
            [
                {
                    **common,
                    "assignment_key": key,
                    "person_key": key,
                    "role": role,
                    "school_key": school if role == "principal" else None,
                }
                for key, role in roles.items()
            ],
        )
        connection.execute(
            insert(identifier),
            [
                {
                    **common,
                    "identifier_key": f"k-{n}",
                    "kind": "account",
                    "value": f"{HOME_PAGE}\n{n}",
                    "person_key": key,
                }
                for n, key in enumerate(pupils)
            ],
        )
        members = [(key, n // SECTION_SIZE, "student") for n, key in enumerate(pupils)]
        members += [(staff["teacher"], n, "teacher") for n in sections[:6]]
        connection.execute(
            insert(enrolment),
            [
                {
                    **common,
                    "enrolment_key": f"{key}-{n}",
                    "section_key": f"{TENANT}:x{n}",
                    "person_key": key,
                    "role": role,
                }
                for key, n, role in members
            ],
        )
        connection.execute(
            insert(guardianship).values(**common, guardian_key=staff["guardian"], person_key=pupils[0])
        )
    people_lake.publish(engine, settings.home)
    engine.dispose()
    return {"student": pupils[0], **staff}
