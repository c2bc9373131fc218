"""The national MOOC's real video statements, as they are: every one gets a meaning, a person, a course and a section."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.dbt_project import school
from tests.dbt_project.build import Warehouse
from tests.dbt_project.lake import COURSE, Lake

pytestmark = pytest.mark.real_data
STATEMENTS = "xapi/funmooc_statements_20211124_1128.jsonl.zst"


def read(path: Path) -> list[dict[str, Any]]:
    text = pa.input_stream(str(path), compression="zstd").read().decode()
    return [json.loads(line) for line in text.splitlines()]


def lake_row(statement: dict[str, Any]) -> dict[str, Any]:
    """What the sealer makes of such a statement (docs/architecture.md); the test's actor_key is the account's name."""
    context = [
        {"relation": relation, "id": activity["id"], "type": activity.get("definition", {}).get("type")}
        for relation, activities in statement["context"]["contextActivities"].items()
        for activity in activities
    ]
    return {
        "tenant": "north",
        "stored_date": dt.date(2026, 11, 19),
        "id": statement["id"],
        "stored": dt.datetime(2026, 11, 19, tzinfo=dt.UTC),
        "timestamp": dt.datetime.fromisoformat(statement["timestamp"]),
        "actor_key": statement["actor"]["account"]["name"],
        "actor_home_page": statement["actor"]["account"]["homePage"],
        "actor_type": "Agent",
        "verb_id": statement["verb"]["id"],
        "object_type": "Activity",
        "object_id": statement["object"]["id"],
        "object_activity_type": statement["object"]["definition"]["type"],
        "context_activities": context,
        "raw": json.dumps(statement),
    }


def discovered(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The roster that the pipeline's discovery makes of them: a course and a section per IRI, unknown persons, no session."""
    courses = sorted({c["id"] for row in rows for c in row["context_activities"] if c["type"] == COURSE})
    actors = sorted({row["actor_key"] for row in rows})
    found = {"school_key": "north:s1", "is_discovered": True}
    return school.people(
        person=[school.person(f"p_{actor}", kind="unknown") for actor in actors],
        identifier=[school.identifier(actor, f"p_{actor}") for actor in actors],
        course=[
            {"tenant": "north", "course_key": f"north:{c}", "title": c, "iri": c, **found} for c in courses
        ],
        section=[school.section(c, "", course=c, iri=c, is_discovered=True) for c in courses],
        enrolment=[],
    )


def test_every_statement_of_the_mooc_has_a_meaning_and_a_place(
    public_data: Path, tmp_path: Path, dbt_target: Path
) -> None:
    rows = [lake_row(statement) for statement in read(public_data / STATEMENTS)]
    lake = Lake(tmp_path)
    lake.append(rows)
    warehouse = Warehouse(
        lake, tmp_path / "working.duckdb", dbt_target, people_dir=lake.write("people", discovered(rows))
    )
    warehouse.build()

    verbs = Counter(row["verb_id"].rpartition("/")[2] for row in rows)
    events = dict(warehouse.rows("select event, count(*) from fct_statement group by 1"))
    assert events == {f"video_{verb}": count for verb, count in verbs.items()}
    assert warehouse.rows("from qc_unmapped") == []
    everywhere = (
        "select count(*), count(person_key), count(course_key), count(section_key) from fct_statement"
    )
    assert warehouse.rows(everywhere) == [(len(rows),) * 4]
    assert warehouse.rows("select count(*), count(title), count(course_key) from dim_activity") == [
        (10, 10, 10)
    ]
    assert warehouse.rows("select count(*) from dim_person where last_seen_at is not null") == [
        (len({row["actor_key"] for row in rows}),)
    ]
