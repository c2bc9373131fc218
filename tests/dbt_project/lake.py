"""A small lake for the marts' tests: statements by the profile in a real Delta table, people and catalogue as Parquet.

Written by the contract of docs/architecture.md alone, so that the marts are tested without the rooms that fill the lake.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

from lrs.lake_columns import SCHEMA

LL = "https://w3id.org/learnlake/xapi/"
ADL = "http://adlnet.gov/expapi/"
COURSE, ITEM, ASSESSMENT = (
    f"{ADL}activities/course",
    f"{ADL}activities/cmi.interaction",
    f"{ADL}activities/assessment",
)
MEETING, RESOURCE = f"{ADL}activities/meeting", "http://id.tincanapi.com/activitytype/resource"
SECTION, APPLICATION = f"{LL}activity-types/section", "http://activitystrea.ms/schema/1.0/application"
VIDEO = "https://w3id.org/xapi/video/activity-type/video"
HOME_PAGE = "https://school.example"

_TYPES = {"t": pa.string(), "b": pa.bool_(), "d": pa.date32(), "i": pa.int64(), "f": pa.float64()}
_TABLES = {
    "people": {
        "person": "tenant person_key kind role school_key grade is_active:b is_generated:b",
        "identifier": "tenant identifier_key person_key",
        "organisation": "tenant school_key parent_school_key type title",
        "academic_session": "tenant session_key parent_session_key title type start_date:d end_date:d school_year",
        "course": "tenant course_key school_key title code subject grade iri is_discovered:b",
        "section": "tenant section_key course_key school_key session_key title grade iri is_discovered:b",
        "enrolment": "tenant section_key person_key role begin_date:d end_date:d is_active:b",
        "guardianship": "tenant guardian_key person_key",
    },
    "catalogue": {
        "course": "tenant course_id title iri subject grade standards",
        "unit": "tenant unit_id course_id title position:i",
        "lesson": "tenant lesson_id unit_id title position:i iri",
        "activity": "tenant activity_id iri title type course_id section_id lesson_id parent_iri due_date:d weight:f duration_minutes:f week:i",
        "skill": "tenant skill_id title subject course_id standard",
        "prerequisite": "tenant skill_id prerequisite_skill_id",
        "activity_skill": "tenant activity_iri skill_id",
    },
}


def at(text: str) -> dt.datetime:
    """A UTC time from `2026-09-07` or `2026-09-07 10:30`."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def section_iri(section: str) -> str:
    return f"{HOME_PAGE}/sections/{section}"


def course_iri(course: str) -> str:
    return f"{HOME_PAGE}/courses/{course}"


def statement(
    who: str | None,
    verb: str,
    object_id: str,
    object_type: str | None,
    when: str,
    *,
    course: str | None = None,
    section: str | None = None,
    parent: tuple[str, str] | None = None,
    success: bool | None = None,
    score: float | None = None,
    seconds: float | None = None,
    skills: list[str] | None = None,
    response: str | None = None,
    result_extensions: Mapping[str, Any] | None = None,
    context_extensions: Mapping[str, Any] | None = None,
    name: str | None = None,
    tenant: str = "north",
    statement_id: str | None = None,
    voids: str | None = None,
    stored: str | None = None,
    platform: str | None = None,
) -> dict[str, Any]:
    """One row of the lake without its `seq`; `who` is the identifier_key of the actor. Extensions are named without prefix."""
    context = []
    if course:
        context.append({"relation": "grouping", "id": course_iri(course), "type": COURSE})
    if section:
        context.append({"relation": "grouping", "id": section_iri(section), "type": SECTION})
    if parent:
        context.append({"relation": "parent", "id": parent[0], "type": parent[1]})
    extensions = {f"{LL}extensions/{k}": v for k, v in (context_extensions or {}).items()}
    if skills:
        extensions[f"{LL}extensions/skills"] = skills
    definition: dict[str, Any] = {"type": object_type} if object_type else {}
    if name:
        definition["name"] = {"en-US": name}
    raw = {
        "actor": {"objectType": "Agent", "account": {"homePage": HOME_PAGE, "name": f"secret-{who}"}},
        "verb": {"id": verb},
        "object": {"objectType": "Activity", "id": object_id, "definition": definition},
        "result": {
            "response": response,
            "extensions": {f"{LL}extensions/{k}": v for k, v in (result_extensions or {}).items()},
        },
        "context": {"extensions": extensions},
    }
    occurred = at(when)
    stored_at = at(stored) if stored else occurred
    return {
        "tenant": tenant,
        "stored_date": stored_at.date(),
        "id": statement_id or str(uuid.uuid4()),
        "stored": stored_at,
        "timestamp": occurred,
        "version": "1.0.3",
        "actor_key": who,
        "actor_home_page": HOME_PAGE,
        "actor_type": "Agent",
        "verb_id": verb,
        "object_type": "StatementRef" if voids else "Activity",
        "object_id": voids or object_id,
        "object_activity_type": None if voids else object_type,
        "platform": platform,
        "voids": voids,
        "result_success": success,
        "score_scaled": score,
        "duration_seconds": seconds,
        "context_activities": context,
        "skills": skills,
        "raw": json.dumps(raw),
    }


def viewed(
    who: str, when: str, *, page: str = "page-1", clicks: int | None = None, **more: Any
) -> dict[str, Any]:
    extensions = {} if clicks is None else {"clicks": clicks}
    return statement(
        who,
        f"{ADL}verbs/experienced",
        f"{HOME_PAGE}/{page}",
        RESOURCE,
        when,
        result_extensions=extensions,
        **more,
    )


def answered(
    who: str, when: str, correct: bool | None, *, item: str = "item-1", **more: Any
) -> dict[str, Any]:
    return statement(who, f"{ADL}verbs/answered", f"{HOME_PAGE}/{item}", ITEM, when, success=correct, **more)


def submitted(
    who: str, when: str, *, quiz: str = "quiz-1", banked: bool = False, **more: Any
) -> dict[str, Any]:
    extensions = {"is-banked": True} if banked else {}
    return statement(
        who,
        f"{ADL}verbs/completed",
        f"{HOME_PAGE}/{quiz}",
        ASSESSMENT,
        when,
        result_extensions=extensions,
        **more,
    )


def attendance(
    who: str, day: str, status: str, *, section: str, at_time: str = "09:00", **more: Any
) -> dict[str, Any]:
    """`status` is present, late, absent or excused."""
    missed = status in ("absent", "excused")
    verb = f"{LL}verbs/missed" if missed else f"{ADL}verbs/attended"
    extensions = {"is-excused": status == "excused"} if missed else {"is-late": status == "late"}
    meeting = f"{section_iri(section)}/meetings/{day}"
    return statement(
        who,
        verb,
        meeting,
        MEETING,
        f"{day} {at_time}",
        section=section,
        result_extensions=extensions,
        **more,
    )


def logged_in(who: str, when: str, **more: Any) -> dict[str, Any]:
    return statement(
        who, "https://w3id.org/xapi/adl/verbs/logged-in", f"{HOME_PAGE}/app", APPLICATION, when, **more
    )


def registered(
    who: str, when: str, *, course: str, prior: int = 0, credits: int = 60, **more: Any
) -> dict[str, Any]:
    extensions = {"prior-attempts": prior, "studied-credits": credits}
    return statement(
        who,
        f"{ADL}verbs/registered",
        course_iri(course),
        COURSE,
        when,
        course=course,
        result_extensions=extensions,
        **more,
    )


def concluded(who: str, when: str, outcome: str, *, course: str, **more: Any) -> dict[str, Any]:
    return statement(
        who,
        f"{LL}verbs/concluded",
        course_iri(course),
        COURSE,
        when,
        course=course,
        result_extensions={"outcome": outcome},
        **more,
    )


def voiding(target: Mapping[str, Any], when: str, *, who: str = "k-admin") -> dict[str, Any]:
    return statement(who, f"{ADL}verbs/voided", "", None, when, voids=target["id"], tenant=target["tenant"])


@dataclasses.dataclass
class Lake:
    """A Delta table of statements and generations of people and catalogue under one folder."""

    folder: Path
    sealed_seq: int = -1
    generation: int = 0

    @property
    def statements(self) -> Path:
        return self.folder / "statements"

    def append(self, statements: Iterable[Mapping[str, Any]]) -> None:
        """Seal statements: number them on from the last one and append them in one commit."""
        rows = []
        for row in statements:
            self.sealed_seq += 1
            rows.append({"seq": self.sealed_seq, **row})
        self.append_table(pa.Table.from_pylist(rows, schema=SCHEMA))

    def append_table(self, table: pa.Table) -> None:
        """Append rows that carry their own `seq`."""
        write_deltalake(str(self.statements), table, mode="append", partition_by=["tenant", "stored_date"])
        self.sealed_seq = max(self.sealed_seq, max(table.column("seq").to_pylist(), default=-1))

    def files(self) -> list[str]:
        """All Parquet files of the Delta table."""
        if not self.statements.exists():
            return []
        return [str(uri).removeprefix("file://") for uri in DeltaTable(str(self.statements)).file_uris()]

    def write(self, kind: str, tables: Mapping[str, list[dict[str, Any]]]) -> Path:
        """Write a generation of `people` or `catalogue`; tables not named are empty."""
        self.generation += 1
        target = self.folder / kind / f"{self.generation:04d}"
        target.mkdir(parents=True)
        for name, columns in _TABLES[kind].items():
            pq.write_table(
                pa.Table.from_pylist(tables.get(name, []), schema=_schema(columns)),
                target / f"{name}.parquet",
            )
        return target


def _schema(columns: str) -> pa.Schema:
    pairs = [column.partition(":") for column in columns.split()]
    return pa.schema([(name, _TYPES[kind or "t"]) for name, _, kind in pairs])
