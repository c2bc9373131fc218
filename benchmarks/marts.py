"""How long the marts take: full build, nothing new, 1 % new. Generated statements, the real dbt project, printed figures.

    python -m benchmarks.marts --statements 1000000 --students 20000

The lake, people and catalogue are those of `tests/dbt_project`; nothing of the other rooms is measured here.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from lrs.lake_columns import SCHEMA
from tests.dbt_project import school
from tests.dbt_project.build import Warehouse
from tests.dbt_project.lake import ASSESSMENT, COURSE, HOME_PAGE, ITEM, LL, RESOURCE, Lake

SECTION_SIZE = 100
WEEKS = 38

STATEMENTS = """
with numbered as (
    select range as seq, hash(range) as h, hash(range + 1000000007) as g from range({first}, {last})
),
chosen as (
    select seq, h, g, h % {students} as student, g % 100 as kind,
        timestamp '2026-01-05' + to_seconds(cast({from_day} * 86400 + (h >> 8) % ({days} * 86400) as bigint)) as occurred
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
    'north' as tenant, cast(timestamp '2026-01-05' + to_days({from_day} + {days}) as date) as stored_date, seq, cast(uuid() as varchar) as id,
    timestamp '2026-01-05' + to_days({from_day} + {days}) as stored, occurred as timestamp, '1.0.3' as version,
    'k-' || student as actor_key, '{home}' as actor_home_page, 'Agent' as actor_type, verb_id, 'Activity' as object_type, object_id,
    kind_iri as object_activity_type, null as registration, null as platform, null as voids,
    case when kind between 70 and 94 then (h % 3 > 0) end as result_success, null::boolean as result_completion,
    case when kind >= 95 then (h % 101) / 100 end as score_scaled, null::double as score_raw, null::double as score_min, null::double as score_max,
    case when kind < 95 then (h % 900)::double end as duration_seconds,
    [{{'relation': 'grouping', 'id': '{home}/courses/c1', 'type': '{course}'}}, {{'relation': 'grouping', 'id': section_iri, 'type': '{section}'}}] as context_activities,
    case when kind between 70 and 94 then ['skill-' || g // 128 % 40] end as skills,
    '{{"actor":{{"objectType":"Agent","account":{{"homePage":"{home}","name":"' || student || '"}}}},"verb":{{"id":"' || verb_id
        || '"}},"object":{{"objectType":"Activity","id":"' || object_id || '","definition":{{"type":"' || kind_iri || '","name":{{"en-US":"Thing ' || g // 128 % 500 || '"}}}}}},'
        || '"result":{{"extensions":{{"{ll}extensions/clicks":' || h % 9 || '}}}},"context":{{"contextActivities":{{"grouping":[{{"id":"{home}/courses/c1","definition":{{"type":"{course}"}}}},{{"id":"'
        || section_iri || '","definition":{{"type":"{section}"}}}}],"category":[{{"id":"https://w3id.org/learnlake/xapi"}}]}},"extensions":{{"{ll}extensions/is-generated":true}}}}}}' as raw
from shaped
"""


def statements(first: int, last: int, *, students: int, from_day: int, days: int) -> pa.Table:
    """Rows `first` .. `last` - 1 of the generated lake, spread over `days` from `from_day` of the term on."""
    query = STATEMENTS.format(
        first=first,
        last=last,
        students=students,
        from_day=from_day,
        days=days,
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
        return connection.sql(query).to_arrow_table().cast(SCHEMA, safe=False)


def people(students: int) -> dict[str, list[dict[str, Any]]]:
    """One course in sections of a hundred; the term runs 38 weeks."""
    sections = range((students + SECTION_SIZE - 1) // SECTION_SIZE)
    return school.people(
        person=[school.person(f"p_{n}", is_generated=True) for n in range(students)],
        identifier=[school.identifier(f"k-{n}", f"p_{n}") for n in range(students)],
        academic_session=[school.session("t1", "Year", "2026-01-05", "2026-09-27")],
        section=[school.section(f"x{n}", "t1") for n in sections],
        enrolment=[
            school.enrolment(f"p_{n}", f"x{n // SECTION_SIZE}", begin_date=school.day("2025-12-20"))
            for n in range(students)
        ],
    )


def timed(what: str, work: Callable[[], Any]) -> float:
    start, cpu = time.perf_counter(), time.process_time()
    work()
    wall = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{what:42} {wall:7.1f} s wall {time.process_time() - cpu:7.1f} s CPU   peak {peak:.1f} GiB",
        flush=True,
    )
    return wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=1_000_000)
    parser.add_argument("--students", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run(Path(name), count=options.statements, students=options.students)


def run(folder: Path, *, count: int, students: int) -> None:
    lake, days = Lake(folder), WEEKS * 7 - 7
    for first in range(0, count, 250_000):
        last = min(first + 250_000, count)
        lake.append_table(statements(first, last, students=students, from_day=0, days=days))
    warehouse = Warehouse(
        lake,
        folder / "working.duckdb",
        folder / "target",
        people_dir=lake.write("people", people(students)),
        catalogue_dir=lake.write("catalogue", school.catalogue()),
        as_of="2026-09-26",
    )
    timed("dbt parse, first time", lambda: warehouse.dbt("parse"))
    timed(f"full build of {count:,} statements", warehouse.build)
    print(
        warehouse.rows(
            "select 'msr_student_week', count(*) from msr_student_week union all select 'fct_attempt', count(*) from fct_attempt"
        )
    )
    empty = timed("nothing new", warehouse.build)
    extra = statements(count, count + count // 100, students=students, from_day=days, days=3)
    lake.append_table(extra)
    more = timed(f"1 % new ({extra.num_rows:,} statements)", warehouse.build)
    print(f"{'1 % new without the cost of an empty run':42} {more - empty:7.1f} s")
    print(f"working file {warehouse.path.stat().st_size / 2**20:,.0f} MiB")


if __name__ == "__main__":
    main()
