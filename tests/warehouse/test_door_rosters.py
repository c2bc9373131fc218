"""Whatever the roster, the door returns the rows that the rules open and no other: every mart, every role, against a naive reading of the rules."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert

from learnlake.errors import AccessError
from learnlake.settings import Settings
from people import policy
from people.db import open_people, writing
from people.roles import ROLES
from people.sessions import Viewer
from people.tables import (
    academic_session,
    enrolment,
    guardianship,
    organisation,
    person,
    role_assignment,
    section,
)
from tests.people.test_policy import TABLE
from tests.scale import scaled
from tests.warehouse.fixtures import publish_rows
from warehouse.door import Door
from warehouse.tables import FILLED

TODAY = dt.date(2026, 11, 20)
PEOPLE = [f"p{n}" for n in range(5)]
SCHOOLS = {"h0": None, "h1": "h0", "h2": "h1", "h3": None}
"""School and the one above it."""
SECTIONS = {"s0": "h1", "s1": "h2", "s2": "h3", "s3": "h0"}
ENDS = {"running": TODAY + dt.timedelta(days=40), "finished": TODAY - dt.timedelta(days=30)}

_DAY = st.sampled_from([None, -400, -90, -30, -1, 0, 1, 60]).map(
    lambda days: None if days is None else TODAY + dt.timedelta(days=days)
)


@dataclasses.dataclass(frozen=True)
class Membership:
    person: str
    section: str
    role: str
    is_active: bool
    begin: dt.date | None
    end: dt.date | None


@dataclasses.dataclass(frozen=True)
class World:
    """A roster of a tenant, and who looks at it in which role."""

    memberships: list[Membership]
    families: list[tuple[str, str, bool]]
    leads: list[tuple[str, str, bool]]
    """(person, school, is_active)"""
    gone_sections: set[str]
    sessions: dict[str, str]
    """section -> running or finished"""
    who: str
    role: str


@st.composite
def worlds(draw: st.DrawFn) -> World:
    membership = st.builds(
        Membership,
        st.sampled_from(PEOPLE),
        st.sampled_from(list(SECTIONS)),
        st.sampled_from(["student", "teacher", "assistant", "proctor"]),
        st.booleans(),
        _DAY,
        _DAY,
    )
    return World(
        draw(st.lists(membership, max_size=12)),
        draw(
            st.lists(
                st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), st.booleans()),
                max_size=4,
                unique_by=lambda pair: pair[:2],
            )
        ),
        draw(
            st.lists(
                st.tuples(st.sampled_from(PEOPLE), st.sampled_from(list(SCHOOLS)), st.booleans()), max_size=4
            )
        ),
        draw(st.sets(st.sampled_from(list(SECTIONS)), max_size=2)),
        {one: draw(st.sampled_from(list(ENDS))) for one in SECTIONS},
        draw(st.sampled_from(PEOPLE)),
        draw(st.sampled_from(ROLES)),
    )


def every_row() -> list[dict[str, Any]]:
    """A row for each tenant, person, section and school that there can be, and rows that lack a key."""
    rows = [
        {"tenant": tenant, "person_key": who, "section_key": place, "school_key": school}
        for tenant in ("t", "u")
        for who in (*PEOPLE, "stranger", None)
        for place, school in (*SECTIONS.items(), ("nowhere", "h9"), (None, "h1"), ("s1", None))
    ]
    return [{**row, "student_count": 30, "number": number} for number, row in enumerate(rows)]


def _filled_rows(mart: str) -> list[dict[str, Any]]:
    """`every_row` as far as the declared columns of a mart that a later stage fills have room for it."""
    declared = re.findall(
        r"(\w+) (?:varchar|double|boolean|bigint|timestamp|integer|date)( not null)?", FILLED[mart]
    )
    needed = [name for name, is_needed in declared if is_needed]
    rows = []
    for row in every_row():
        fitting: dict[str, Any] = {name: row[name] for name, _ in declared if name in row}
        number = str(row["number"])
        filler = {name: 1 if name == "rank" else number for name in needed if name not in row}
        if all(fitting.get(name, 0) is not None for name in needed):
            rows.append(fitting | filler)
    return rows


MARTS = {mart: _filled_rows(mart) if mart in FILLED else every_row() for mart in TABLE}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Engine]]:
    """A home whose snapshot holds `MARTS`, and a people.db that each example fills anew."""
    settings = Settings(LEARNLAKE_HOME=tmp_path_factory.mktemp("any"), today=TODAY)  # type: ignore[call-arg]
    publish_rows(
        settings.home, {name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in MARTS.items()}
    )
    engine = open_people(settings)
    yield settings, engine
    engine.dispose()


@hypothesis_settings(
    max_examples=scaled(15, 1000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(world=worlds())
def test_no_row_outside_the_scope_is_ever_returned(published: tuple[Settings, Engine], world: World) -> None:
    settings, engine = published
    _fill(engine, world)
    viewer = Viewer(1, world.who, "t", world.role, (world.role,), world.who)
    with Door(settings, viewer, engine=engine) as door:
        if world.role == "principal" and not any(
            who == world.who and active for who, _, active in world.leads
        ):
            with pytest.raises(AccessError):
                door.marts()
            return
        for mart, rows in MARTS.items():
            letter = TABLE[mart][ROLES.index(world.role)]
            if letter == "-":
                with pytest.raises(AccessError):
                    door.mart(mart)
                continue
            columns = [
                name for name in ("tenant", "person_key", "section_key", "school_key") if name in rows[0]
            ]
            returned = door.sql(f"select {', '.join(columns)} from {mart}").to_pylist()
            expected = [row for row in rows if _is_open(world, letter, row)]
            assert sorted(map(repr, returned)) == sorted(
                repr({c: row[c] for c in columns}) for row in expected
            ), mart


def _is_open(world: World, letter: str, row: dict[str, Any]) -> bool:
    """The rules of docs/people.md, read one row at a time."""
    if row["tenant"] != "t":
        return False
    if letter == "t":
        return True
    if letter == "h":
        return any(
            _is_below(row["school_key"], school)
            for who, school, active in world.leads
            if who == world.who and active
        )
    if world.role in ("teacher", "assistant"):
        taught = {m.section for m in world.memberships if _teaches(world, m)}
        if letter == "s":
            return row["section_key"] in taught
        return any(m.person == row["person_key"] and m.section in taught for m in world.memberships)
    learners = {child for guardian, child, active in world.families if guardian == world.who and active}
    learners = learners if world.role == "guardian" else {world.who}
    if letter == "p":
        return row["person_key"] in learners
    return any(
        m.person in learners and m.role == "student" and m.section == row["section_key"]
        for m in world.memberships
    )


def _teaches(world: World, held: Membership) -> bool:
    """Taught now, or to the end of a session that is over; not before it begins, not after leaving."""
    if (
        (held.person, held.role) != (world.who, world.role)
        or not held.is_active
        or held.section in world.gone_sections
    ):
        return False
    if held.begin and held.begin > TODAY:
        return False
    return held.end is None or held.end >= TODAY or held.end >= ENDS[world.sessions[held.section]]


def _is_below(school: str | None, top: str) -> bool:
    while school is not None and school != top:
        school = SCHOOLS.get(school)
    return school == top


def _fill(engine: Engine, world: World) -> None:
    common = {"tenant": "t", "source": "test"}
    rows: dict[Any, list[dict[str, Any]]] = {
        organisation: [
            {**common, "school_key": key, "parent_school_key": above, "type": "school", "title": key}
            for key, above in SCHOOLS.items()
        ],
        academic_session: [
            {
                **common,
                "session_key": key,
                "title": key,
                "type": "term",
                "start_date": TODAY - dt.timedelta(days=99),
                "end_date": end,
            }
            for key, end in ENDS.items()
        ],
        section: [
            {
                **common,
                "section_key": key,
                "course_key": "c",
                "school_key": school,
                "session_key": world.sessions[key],
                "title": key,
                "iri": key,
                "is_active": key not in world.gone_sections,
            }
            for key, school in SECTIONS.items()
        ],
        person: [{**common, "person_key": key, "kind": "rostered"} for key in PEOPLE],
        enrolment: [
            {
                **common,
                "enrolment_key": str(number),
                "section_key": one.section,
                "person_key": one.person,
                "role": one.role,
                "is_active": one.is_active,
                "begin_date": one.begin,
                "end_date": one.end,
            }
            for number, one in enumerate(world.memberships)
        ],
        guardianship: [
            {**common, "guardian_key": guardian, "person_key": child, "is_active": active}
            for guardian, child, active in world.families
        ],
        role_assignment: [
            {
                **common,
                "assignment_key": f"l{number}",
                "person_key": who,
                "role": "principal",
                "school_key": school,
                "is_active": active,
            }
            for number, (who, school, active) in enumerate(world.leads)
        ],
    }
    if world.role != "principal":
        rows[role_assignment].append(
            {
                **common,
                "assignment_key": "r",
                "person_key": world.who,
                "role": world.role,
                "school_key": None,
                "is_active": True,
            }
        )
    with writing(engine) as connection:
        for table, values in rows.items():
            connection.execute(table.delete())
            if values:
                connection.execute(insert(table), values)


def test_every_mart_was_tried() -> None:
    assert set(MARTS) == set(policy.MARTS)
