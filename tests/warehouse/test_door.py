"""Through the door everyone sees their own rows and nothing else; what no rule opens stays shut."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from sqlalchemy import Engine, delete, update

from learnlake.errors import AccessError, InputError
from learnlake.settings import Settings
from people.db import writing
from people.tables import enrolment, role_assignment
from tests.scale import scaled
from tests.warehouse import school
from warehouse.door import Door

REFUSED = None
WHO = (
    "ada student",
    "gil guardian",
    "tess teacher",
    "theo teacher",
    "pia principal",
    "adi administrator",
    "ana analyst",
)
HIGH = {"ada", "ben", "cem"}
ALL = HIGH | {"dua"}
PERSON_ROWS = {
    # mart: the people whose rows each of WHO sees
    "msr_student_week": ({"ada"}, {"ada"}, {"ada", "ben"}, {"cem"}, HIGH, REFUSED, ALL),
    "fct_attempt": ({"ada"}, REFUSED, {"ada", "ben"}, {"cem"}, REFUSED, REFUSED, ALL),
    "dim_person": ({"ada"}, {"ada"}, {"ada", "ben"}, {"cem"}, HIGH, REFUSED, ALL),
    "fct_new_and_without_rule": (REFUSED,) * 7,
}
CLASS_ROWS = {
    "dim_class": (
        {"t:s1"},
        {"t:s1"},
        {"t:s1"},
        {"t:s2"},
        {"t:s1", "t:s2"},
        set(school.SECTIONS),
        set(school.SECTIONS),
    ),
    "msr_class_week": (REFUSED, REFUSED, {"t:s1"}, {"t:s2"}, {"t:s1", "t:s2"}, REFUSED, set(school.SECTIONS)),
}


def door_of(settings: Settings, who: str) -> Door:
    name, role = who.split()
    return Door(settings, school.viewer(name, role))


@pytest.mark.parametrize(
    ("who", "mart", "people"),
    [(who, mart, seen[n]) for mart, seen in PERSON_ROWS.items() for n, who in enumerate(WHO)],
)
def test_who_sees_whose_rows(standing: Settings, who: str, mart: str, people: set[str] | None) -> None:
    with door_of(standing, who) as door:
        if people is REFUSED:
            assert mart not in door.marts()
            for read in (lambda: door.mart(mart), lambda: door.sql(f"select * from {mart}")):
                with pytest.raises(AccessError):
                    read()
            return
        rows = door.mart(mart)
        assert set(rows["person_key"].to_pylist()) == {school.key(p) for p in people}
        assert set(rows["tenant"].to_pylist()) == {"t"}


@pytest.mark.parametrize(
    ("who", "mart", "sections"),
    [(who, mart, seen[n]) for mart, seen in CLASS_ROWS.items() for n, who in enumerate(WHO)],
)
def test_who_sees_which_classes(standing: Settings, who: str, mart: str, sections: set[str] | None) -> None:
    with door_of(standing, who) as door:
        if sections is REFUSED:
            with pytest.raises(AccessError):
                door.mart(mart)
            return
        assert set(door.mart(mart)["section_key"].to_pylist()) == sections


@pytest.mark.parametrize(
    "name", ["stg_statement", "nothing", "fct_new_and_without_rule", "dim_person; drop table x"]
)
def test_what_is_no_open_mart_is_refused(standing: Settings, name: str) -> None:
    with door_of(standing, "ana analyst") as door, pytest.raises(AccessError):
        door.mart(name)


@pytest.mark.parametrize(
    "query",
    [
        "create table x as select 1",
        "select 1; select 2",
        "attach '/tmp/x.duckdb'",
        "set threads = 64",
        "pragma version",
    ],
)
def test_only_one_select_at_a_time(standing: Settings, query: str) -> None:
    with door_of(standing, "ana analyst") as door, pytest.raises(AccessError):
        door.sql(query)


def test_a_teacher_taken_off_a_class_loses_sight_at_once(settings: Settings, engine: Engine) -> None:
    with door_of(settings, "tess teacher") as door, door.pinned():
        assert door.mart("msr_student_week").num_rows == 2
        with writing(engine) as connection:
            connection.execute(
                update(enrolment).where(enrolment.c.enrolment_key == "tess").values(is_active=False)
            )
        assert door.mart("msr_student_week").num_rows == 0
        with writing(engine) as connection:
            connection.execute(delete(role_assignment).where(role_assignment.c.assignment_key == "tess"))
        with pytest.raises(AccessError):
            door.mart("msr_student_week")


def test_the_door_moves_on_by_itself_and_stays_when_pinned(settings: Settings, engine: Engine) -> None:
    with door_of(settings, "ada student") as door:
        for number in range(1, 6):
            with door.pinned():
                before = door.mart("msr_student_week")["number"].to_pylist()
                school.publish(settings.home, number=number)
                assert door.mart("msr_student_week")["number"].to_pylist() == before
            assert door.mart("msr_student_week")["number"].to_pylist() == [number]
            assert door.build().run_id == str(number)


def test_doors_of_many_people_in_one_process_stay_apart_while_builds_are_published(
    settings: Settings, engine: Engine
) -> None:
    wrong: list[object] = []
    done = threading.Event()

    def read(who: str, people: set[str]) -> None:
        newest = 0
        with door_of(settings, who) as door:
            while not done.is_set():
                rows = door.sql(
                    "select person_key, w.number as a, p.number as b from msr_student_week w join dim_person p using (person_key)"
                )
                numbers = set(rows["a"].to_pylist()) | set(rows["b"].to_pylist())
                if (
                    {k[2:] for k in rows["person_key"].to_pylist()} != people
                    or len(numbers) != 1
                    or min(numbers) < newest
                ):
                    wrong.append((who, rows.to_pylist()))
                newest = max(numbers)

    seen = dict(zip(WHO, PERSON_ROWS["msr_student_week"], strict=True))
    readers = ("ada student", "tess teacher", "pia principal")
    threads = [threading.Thread(target=read, args=(who, seen[who])) for who in readers]
    for thread in threads:
        thread.start()
    for number in range(1, scaled(6, 30)):
        school.publish(settings.home, number=number)
    done.set()
    for thread in threads:
        thread.join(timeout=60)
    assert wrong == []


def test_measures_of_small_groups_are_empty_for_the_principal_only(standing: Settings) -> None:
    def scores(who: str) -> dict[str, float | None]:
        with door_of(standing, who) as door:
            rows = door.mart("msr_class_week")
        return dict(zip(rows["section_key"].to_pylist(), rows["mean_score"].to_pylist(), strict=True))

    assert scores("pia principal") == {"t:s1": None, "t:s2": 0.5}
    assert scores("tess teacher") == {"t:s1": 0.5}


def test_names_are_shown_where_policy_shows_names_and_only_of_visible_people(standing: Settings) -> None:
    with door_of(standing, "tess teacher") as door:
        named = door.with_names(door.sql("select person_key from dim_person order by 1"))
        assert named["display_name"].to_pylist() == ["Ada", "Ben"]
        foreign = door.with_names(door.sql("select 'p_cem' as person_key union all select null"))
        assert set(foreign["display_name"].to_pylist()) == {"p_cem", None}
    with door_of(standing, "ana analyst") as door:
        assert "Ada" not in door.with_names(door.mart("dim_person"))["display_name"].to_pylist()


def test_looking_at_a_record_is_audited_once_per_page(settings: Settings, engine: Engine) -> None:
    with door_of(settings, "tess teacher") as door:
        for _ in range(3):
            door.audit_view(["p_ben", "p_ada"], "class")
    with sqlite3.connect(settings.home.audit_db) as connection:
        rows = connection.execute(
            "select tenant, actor_key, action, resource, source, result from entry"
        ).fetchall()
    assert rows == [("t", "p_tess", "view class", "person:p_ada,p_ben", "dashboards", "allowed")]


def test_parameters_are_values_and_no_file_can_be_read(standing: Settings) -> None:
    with door_of(standing, "tess teacher") as door:
        found = door.sql(
            "select person_key from dim_person where person_key = $who", {"who": "p_ada' or true --"}
        )
        assert found.num_rows == 0
        with pytest.raises(Exception, match="disabled by configuration"):
            door.sql("select * from read_csv('/etc/passwd')")


def test_an_unknown_table_is_told_without_what_lies_behind_the_views(standing: Settings) -> None:
    with door_of(standing, "ana analyst") as door:
        with pytest.raises(InputError) as caught:
            door.sql("select * from dim_persn")
        assert "dim_persn does not exist" in str(caught.value)
        assert "Did you mean" not in str(caught.value)


def test_a_build_that_nobody_reads_any_more_is_let_go(settings: Settings, engine: Engine) -> None:
    with door_of(settings, "ada student") as door:
        door.mart("dim_person")
    oldest = settings.home.current_snapshot.read_text()
    for number in range(1, 6):
        school.publish(settings.home, number=number)
    with door_of(settings, "ada student") as door:
        assert door.mart("dim_person")["number"].to_pylist() == [5]
    school.publish(settings.home, number=6)
    held = {p.name for p in settings.home.snapshots.iterdir()}
    assert oldest not in held
    assert len(held) == 3
