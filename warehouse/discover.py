"""Finding who and what the roster doesn't know in the statements that are new to the lake, shaped for `people.discovery`.

Known actors, courses and memberships are dropped by joins on the published roster; raw JSON is read only of what is left.
"""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import Engine

from learnlake.errors import PipelineError
from learnlake.identity import Identifier, identifier_of
from people import lake as people_lake
from people.discovery import Discovered, Found, FoundActor, FoundCourse, FoundMembership, register_discovered
from warehouse.build import Window, Working
from warehouse.tables import literal
from warehouse.watermark import DBT_PROJECT

ACTIVITY_TYPES = DBT_PROJECT / "seeds" / "activity_type.csv"
"""Which types of activity are courses and classes: the seed that staging reads."""
RELATIONS = ("grouping", "parent", "other", "category")
"""Where a statement may name its course, first found first; after them its object."""
IS_GENERATED = "https://w3id.org/learnlake/xapi/extensions/is-generated"

_MEMBERSHIPS = """
with statement as (
    select tenant, seq, actor_key, actor_home_page, cast("timestamp" at time zone 'UTC' as date) as day,
        {course} as course_iri, {section} as section_iri
    from read_parquet([{files}], hive_partitioning = true, hive_types = {{'tenant': varchar, 'stored_date': date}})
    where seq > {from_seq} and seq <= {to_seq} and actor_type = 'Agent' and actor_key is not null
),
who_where as (
    select tenant, actor_key, course_iri, min(day) as first_seen, min(seq) as seq, min(actor_home_page) as platform
    from statement
    where section_iri is null or (tenant, section_iri) not in (select (tenant, iri) from section)
    group by tenant, actor_key, course_iri
)
select w.*, i.person_key is null as is_new_actor, s.section_key is null as is_new_course
from who_where w
left join identifier i on i.tenant = w.tenant and i.identifier_key = w.actor_key
left join section s on s.tenant = w.tenant and s.iri = w.course_iri
left join course c on c.tenant = w.tenant and c.iri = w.course_iri and not c.is_discovered
left join enrolment e on e.tenant = w.tenant and e.section_key = s.section_key and e.person_key = i.person_key
where i.person_key is null
    or (w.course_iri is not null and c.course_key is null and (s.section_key is null or (s.is_discovered and e.person_key is null)))
"""
"""New pairs of actor and course. Kept: unknown actors, courses in no roster, and memberships of discovered sections."""


def discover(working: Working, engine: Engine) -> Discovered:
    """Register what the window's statements name and people.db doesn't know; the working file then looks again."""
    if people_lake.current(working.home) is None:
        people_lake.publish(engine, working.home)
    window = working.look()
    people_dir = people_lake.current(working.home)
    if people_dir is None:
        raise PipelineError(
            "The roster could not be written to the lake.", where=str(working.home.lake_people)
        )
    found = find(window, people_dir, memory_limit=working.settings.duckdb_memory_limit)
    done = register_discovered(engine, working.home, found)
    if done:
        working.look()
    return done


def find(window: Window, people_dir: Path, *, memory_limit: str = "4GB") -> Found:
    """Unknown actors, unknown courses and new memberships in the window's statements."""
    if not window.lake_files or window.from_seq == window.to_seq:
        return Found()
    config = {"memory_limit": memory_limit, "threads": 2, "autoload_known_extensions": "false"}
    with duckdb.connect(config=config) as connection:  # type: ignore[arg-type]
        connection.execute("set timezone = 'UTC'")
        for table in ("identifier", "section", "course", "enrolment"):
            path = literal(str(people_dir / f"{table}.parquet"))
            connection.execute(f"create view {table} as from read_parquet({path})")
        rows = connection.execute(
            _MEMBERSHIPS.format(
                course=_named(_types("course"), is_object_too=True),
                section=_named(_types("class"), is_object_too=False),
                files=_listed(window.lake_files),
                from_seq=window.from_seq,
                to_seq=window.to_seq,
            )
        ).fetchall()
        raw = _raw(connection, window, {row[4] for row in rows})
    return _shaped(rows, raw)


def _shaped(rows: list[tuple[Any, ...]], raw: dict[int, dict[str, Any]]) -> Found:
    actors: dict[tuple[str, Identifier], FoundActor] = {}
    courses: dict[tuple[str, str], FoundCourse] = {}
    memberships: list[FoundMembership] = []
    for tenant, _, course_iri, first_seen, seq, platform, is_new_actor, is_new_course in sorted(
        rows, key=lambda r: r[4]
    ):
        statement = raw[seq]
        identifier = identifier_of(statement["actor"])
        assert identifier is not None, "a statement with an actor_key has an identifier"
        if is_new_actor:
            extensions = statement.get("context", {}).get("extensions", {})
            actor = FoundActor(tenant, identifier, is_generated=extensions.get(IS_GENERATED) is True)
            actors.setdefault((tenant, identifier), actor)
        if course_iri is None:
            continue
        if is_new_course:
            title = _title(statement, course_iri)
            known = courses.get((tenant, course_iri))
            if known is None or (known.title is None and title is not None):
                courses[tenant, course_iri] = FoundCourse(
                    tenant, known.platform if known else platform, course_iri, title
                )
        memberships.append(FoundMembership(tenant, identifier, course_iri, first_seen))
    return Found(tuple(actors.values()), tuple(courses.values()), tuple(memberships))


def _raw(
    connection: duckdb.DuckDBPyConnection, window: Window, wanted: set[int]
) -> dict[int, dict[str, Any]]:
    """The statements numbered `wanted`, parsed."""
    if not wanted:
        return {}
    rows = connection.execute(
        f"select seq, raw from read_parquet([{_listed(window.lake_files)}]) where seq in (select unnest($wanted))",
        {"wanted": sorted(wanted)},
    ).fetchall()
    return {seq: json.loads(text) for seq, text in rows}


def _title(statement: dict[str, Any], iri: str) -> str | None:
    """The name that the statement gives to the activity `iri`: English first, then any language."""
    for activity in _activities(statement):
        names = activity.get("definition", {}).get("name") if activity.get("id") == iri else None
        if names:
            return str(names.get("en-US") or names.get("en") or next(iter(names.values())))
    return None


def _activities(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield statement.get("object", {})
    for held in statement.get("context", {}).get("contextActivities", {}).values():
        yield from held if isinstance(held, list) else [held]


@functools.lru_cache
def _types(kind: str) -> tuple[str, ...]:
    with ACTIVITY_TYPES.open(encoding="utf-8", newline="") as file:
        return tuple(row["activity_type"] for row in csv.DictReader(file) if row["kind"] == kind)


def _named(types: Iterable[str], *, is_object_too: bool) -> str:
    """SQL for the first activity of `types` that the context names."""
    among = f"({', '.join(literal(t) for t in types)})"
    places = [
        f"list_filter(context_activities, lambda a: a.relation = '{relation}' and a.type in {among})[1].id"
        for relation in RELATIONS
    ]
    if is_object_too:
        places.append(f"case when object_activity_type in {among} then object_id end")
    return f"coalesce({', '.join(places)})"


def _listed(paths: Iterable[str]) -> str:
    return ", ".join(literal(path) for path in paths)
