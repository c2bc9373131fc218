"""Discovery: what no roster knows gets keys once; a teacher sees it when assigned; a roster that comes later takes over."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine, select

from learnlake.errors import InputError
from learnlake.identity import Identifier, identifier_key, identity_secret
from learnlake.settings import Settings
from people import accounts, assignments, lake, sessions
from people.db import reading
from people.discovery import (
    Discovered,
    Found,
    FoundActor,
    FoundCourse,
    FoundMembership,
    discovered_key,
    register_discovered,
)
from people.oneroster import import_roster
from people.policy import filter_for, scope
from people.tables import enrolment, identifier, person
from tests.people.rosters import HOME_PAGE, small_school

MOOC = "https://mooc.example"
COURSE = f"{MOOC}/courses/algebra-1"
ANN, BOB = Identifier.account(MOOC, "ann"), Identifier.account(MOOC, "bob")
FOUND = Found(
    actors=[FoundActor("t", ANN), FoundActor("t", BOB)],
    courses=[FoundCourse("t", MOOC, COURSE, "Algebra")],
    memberships=[
        FoundMembership("t", ANN, COURSE, dt.date(2026, 9, 1)),
        FoundMembership("t", BOB, COURSE, dt.date(2026, 9, 2)),
    ],
)


def _published(settings: Settings, table: str) -> pl.DataFrame:
    folder = lake.current(settings.home)
    assert folder is not None
    return pl.read_parquet(folder / f"{table}.parquet")


def _holder(engine: Engine, settings: Settings, known: Identifier, tenant: str = "t") -> str:
    key = identifier_key(identity_secret(settings.home), tenant, known)
    with reading(engine) as connection:
        return connection.scalars(
            select(identifier.c.person_key).where(
                identifier.c.tenant == tenant, identifier.c.identifier_key == key
            )
        ).one()


def test_unknown_actors_and_courses_are_registered_and_published(engine: Engine, settings: Settings) -> None:
    assert register_discovered(engine, settings.home, FOUND) == Discovered(2, 1, 1, 1, 2)
    key = discovered_key("t", COURSE)
    assert _published(settings, "organisation").select("school_key", "type", "title").rows() == [
        (discovered_key("t", MOOC), "platform", "mooc.example")
    ]
    assert _published(settings, "course").select("course_key", "title", "iri", "is_discovered").rows() == [
        (key, "Algebra", COURSE, True)
    ]
    assert _published(settings, "section")["section_key"].to_list() == [key]
    people = _published(settings, "person")
    assert people.select("kind", "role", "school_key").unique().rows() == [
        ("unknown", "student", discovered_key("t", MOOC))
    ]
    assert set(_published(settings, "enrolment")["begin_date"]) == {dt.date(2026, 9, 1), dt.date(2026, 9, 2)}


def test_doing_it_again_changes_nothing_and_publishes_nothing(engine: Engine, settings: Settings) -> None:
    register_discovered(engine, settings.home, FOUND)
    before = lake.current(settings.home)
    again = register_discovered(engine, settings.home, FOUND)
    assert not again
    assert again.total == 0
    assert lake.current(settings.home) == before


def test_new_finds_are_added_to_the_old(engine: Engine, settings: Settings) -> None:
    register_discovered(engine, settings.home, FOUND)
    ann = _holder(engine, settings, ANN)
    more = Found(
        courses=[FoundCourse("t", MOOC, f"{MOOC}/courses/two")],
        memberships=[FoundMembership("t", ANN, f"{MOOC}/courses/two")],
    )
    assert register_discovered(engine, settings.home, more) == Discovered(0, 0, 1, 1, 1)
    assert _holder(engine, settings, ANN) == ann
    assert set(_published(settings, "course")["title"]) == {"Algebra", "two"}
    named = Found(courses=[FoundCourse("t", MOOC, f"{MOOC}/courses/two", "Course two")])
    register_discovered(engine, settings.home, named)
    with reading(engine) as connection:
        assert connection.execute(select(enrolment.c.role).distinct()).scalars().all() == ["student"]


def test_what_a_roster_knows_is_not_discovered(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    import_roster(settings, "t", small_school().write(tmp_path / "r"), home_page=HOME_PAGE)
    st1, teacher = Identifier.account(HOME_PAGE, "st1"), Identifier.account(HOME_PAGE, "t-a")
    found = Found(
        actors=[FoundActor("t", st1)],
        courses=[
            FoundCourse("t", HOME_PAGE, f"{HOME_PAGE}/courses/math"),
            FoundCourse("t", HOME_PAGE, f"{HOME_PAGE}/sections/c1"),
        ],
        memberships=[FoundMembership("t", st1, f"{HOME_PAGE}/courses/math")],
    )
    assert not register_discovered(engine, settings.home, found)
    both = Found(
        courses=FOUND.courses,
        memberships=[FoundMembership("t", st1, COURSE), FoundMembership("t", teacher, COURSE)],
    )
    assert register_discovered(engine, settings.home, both) == Discovered(0, 1, 1, 1, 1)


def test_tenants_with_the_same_ids_never_meet(engine: Engine, settings: Settings) -> None:
    register_discovered(engine, settings.home, FOUND)
    other = Found(actors=[FoundActor("u", ANN)], courses=[FoundCourse("u", MOOC, COURSE)])
    assert register_discovered(engine, settings.home, other) == Discovered(1, 1, 1, 1, 0)
    assert _holder(engine, settings, ANN) != _holder(engine, settings, ANN, "u")


def test_a_teacher_sees_a_discovered_section_once_assigned_and_no_longer_than_that(
    engine: Engine, settings: Settings
) -> None:
    register_discovered(engine, settings.home, FOUND)
    accounts.create(engine, tenant="t", login="tess", password="a long password", role_names=["teacher"])
    token = sessions.log_in(engine, "tess", "a long password", "test")
    viewer = sessions.viewer(engine, token)
    assert viewer is not None
    key = discovered_key("t", COURSE)
    assert filter_for(scope(engine, viewer), "msr_student_week").values == ()

    assert assignments.assign_teacher(engine, settings.home, "t", key, "tess")
    assert not assignments.assign_teacher(engine, settings.home, "t", key, "tess")
    assert filter_for(scope(engine, viewer), "msr_student_week").values == ((key,),)
    people = {value[0] for value in filter_for(scope(engine, viewer), "dim_person").values}
    assert {_holder(engine, settings, ANN), _holder(engine, settings, BOB)} < people
    [listed] = assignments.list_discovered_sections(engine, "t")
    assert (listed.title, listed.student_count, listed.teacher_count) == ("Algebra", 2, 1)
    assert "teacher" in _published(settings, "enrolment")["role"].to_list()

    assert assignments.withdraw_teacher(engine, settings.home, "t", key, "tess") == 1
    assert filter_for(scope(engine, viewer), "msr_student_week").values == ()


@pytest.mark.parametrize(("section", "who"), [("t:x:none", "tess"), (None, "nobody")])
def test_only_known_people_are_assigned_to_known_sections(
    engine: Engine, settings: Settings, section: str | None, who: str
) -> None:
    register_discovered(engine, settings.home, FOUND)
    accounts.create(engine, tenant="t", login="tess", password="a long password", role_names=["teacher"])
    with pytest.raises(InputError):
        assignments.assign_teacher(engine, settings.home, "t", section or discovered_key("t", COURSE), who)


def test_a_roster_takes_over_the_key_of_an_unknown_actor(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    register_discovered(engine, settings.home, FOUND)
    ann = _holder(engine, settings, ANN)
    roster = small_school()
    roster.row("users", "st1")["userIds"] = f"{{{MOOC} ann}},{{LDAP:77}}"
    report = import_roster(settings, "t", roster.write(tmp_path / "r"), home_page=HOME_PAGE)
    assert report.taken_over == 1
    with reading(engine) as connection:
        row = connection.execute(select(person).where(person.c.person_key == ann)).one()
    assert (row.kind, row.sourced_id, row.given_name) == ("rostered", "st1", "Given-st1")
    assert _holder(engine, settings, ANN) == ann
    enrolled = _published(settings, "enrolment").filter(pl.col("person_key") == ann)
    assert set(enrolled["section_key"]) == {discovered_key("t", COURSE), "t:c1"}
    assert {actor.value for actor in assignments.list_unknown_actors(engine, "t")} == {BOB.value}
    assert not import_roster(settings, "t", tmp_path / "r", home_page=HOME_PAGE).is_changed


def test_an_unknown_actor_who_turns_out_to_be_a_rostered_person_joins_that_person(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    roster = small_school()
    import_roster(settings, "t", roster.write(tmp_path / "r"), home_page=HOME_PAGE)
    st1 = _holder(engine, settings, Identifier.account(HOME_PAGE, "st1"))
    register_discovered(engine, settings.home, FOUND)
    ann = _holder(engine, settings, ANN)
    assert ann != st1
    roster.row("users", "st1")["userIds"] = f"{{{MOOC} ann}}"
    import_roster(settings, "t", roster.write(tmp_path / "r"), home_page=HOME_PAGE)
    assert _holder(engine, settings, ANN) == st1
    assert _holder(engine, settings, Identifier.account(HOME_PAGE, "st1")) == st1
    assert ann not in _published(settings, "person")["person_key"].to_list()
    assert (
        discovered_key("t", COURSE)
        in _published(settings, "enrolment").filter(pl.col("person_key") == st1)["section_key"].to_list()
    )
    assert not register_discovered(engine, settings.home, FOUND)


def test_a_discovered_course_steps_back_for_the_rosters(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    early = Identifier.account(HOME_PAGE, "st1")
    iri = f"{HOME_PAGE}/courses/math"
    found = Found(courses=[FoundCourse("t", HOME_PAGE, iri)], memberships=[FoundMembership("t", early, iri)])
    register_discovered(engine, settings.home, found)
    key = _holder(engine, settings, early)
    import_roster(settings, "t", small_school().write(tmp_path / "r"), home_page=HOME_PAGE)
    assert _holder(engine, settings, early) == key
    courses = _published(settings, "course").filter(pl.col("iri") == iri)
    assert courses["is_discovered"].to_list() == [False]
    assert _published(settings, "enrolment").filter(pl.col("person_key") == key)["section_key"].to_list() == [
        "t:c1"
    ]
    assert not register_discovered(engine, settings.home, found)
