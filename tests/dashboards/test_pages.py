"""Every page of every role: renders with data and without, carries the freshness note, and is refused to other roles."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from dashboards.menu import PAGES
from people import sessions
from tests.dashboards import school as schools

Open = Callable[..., AppTest]
OWN = [(spec.roles[0], spec.path) for spec in PAGES]


def text(app: AppTest) -> str:
    """Everything that the page says."""
    parts = [*app.title, *app.subheader, *app.markdown, *app.caption]
    return " ".join([*(str(p.value) for p in parts), *(html.proto.body for html in app.html)])


@pytest.mark.parametrize(("role", "path"), OWN)
def test_page_renders_with_its_note(school: schools.School, open_page: Open, role: str, path: str) -> None:
    app = open_page(school, role, path)
    said = text(app)
    assert not app.exception
    assert "could not be shown" not in said
    assert "run-of-the-test" in said and "20 November 2026" in said
    assert "ll-lead" in said, "the page begins with a sentence that says what it asks"
    if "dim_person" in app.session_state["doors"][next(iter(app.session_state["doors"]))].marts():
        assert "Generated data" in said


@pytest.mark.parametrize(("role", "path"), OWN)
def test_page_of_a_fresh_home_says_what_to_do_next(
    own_school: schools.School, open_page: Open, role: str, path: str
) -> None:
    own_school.settings.home.current_snapshot.unlink()
    app = open_page(own_school, role, path)
    assert not app.exception
    assert "Nothing to show yet" in text(app)
    assert ("learnlake run" in text(app)) == (role == "administrator")


@pytest.mark.parametrize(("role", "path"), OWN)
def test_page_without_rows_is_designed(
    own_school: schools.School, open_page: Open, role: str, path: str
) -> None:
    every = schools.marts(own_school)
    kept = {"dim_organisation", "qc_build"}
    empty = {name: _typed_empty(rows) for name, rows in every.items() if name not in kept}
    own_school.publish(run_id="empty-run", **empty)
    app = open_page(own_school, role, path)
    assert not app.exception
    assert "could not be shown" not in text(app)
    assert "empty-run" in text(app)


def _typed_empty(rows: list[schools.Row]):
    import polars as pl

    return pl.DataFrame(rows, infer_schema_length=None).clear()


REFUSED = [(role, spec.path) for role in ("teacher", "student", "guardian", "principal", "administrator", "analyst")
           for spec in PAGES if role not in spec.roles]  # fmt: skip


@pytest.mark.parametrize(("role", "path"), REFUSED)
def test_page_of_another_role_is_refused_by_address(
    school: schools.School, open_page: Open, role: str, path: str
) -> None:
    app = open_page(school, role, path)
    assert "This page is not for you" in text(app)
    assert not app.dataframe


def test_teacher_sees_the_own_class_only_whatever_the_address_says(
    school: schools.School, open_page: Open
) -> None:
    own, other = (school.students[key] for key in schools.CLASSES)
    app = open_page(school, "teacher", "teacher", **{"class": schools.CLASSES[1]})
    assert app.query_params["class"] == schools.CLASSES[0]
    shown = set(app.dataframe[0].value["Student"])
    assert shown == {school.names[key] for key in own}
    app = open_page(school, "teacher", "teacher-student", person=other[0])
    assert app.query_params["person"] in own


def test_guardian_sees_the_own_children_only(school: schools.School, open_page: Open) -> None:
    first = school.students[schools.CLASSES[0]]
    app = open_page(school, "guardian", "guardian", child=first[5])
    assert app.query_params["child"] in {first[0], first[3]}
    assert set(app.selectbox[0].options) == {school.names[first[0]], school.names[first[3]]}


def test_list_ranks_by_need_with_reasons_and_change(school: schools.School, open_page: Open) -> None:
    said = text(open_page(school, "teacher", "teacher"))
    weakest = school.names[school.students[schools.CLASSES[0]][-1]]
    assert (
        "4 of 20 students need a word from you in Algebra I, group 1, 1 of them new since last week" in said
    )
    assert said.index(weakest) < said.index(school.names[school.students[schools.CLASSES[0]][-2]])
    assert "No activity for 12 days" in said and "New this week" in said and "points since last week" in said


def test_several_roles_have_a_menu_section_each(school: schools.School, open_page: Open) -> None:
    assert "Slope" in text(open_page(school, "teacher and guardian", "guardian"))
    assert "students need a word" in text(open_page(school, "teacher and guardian", "teacher"))


def test_view_of_a_student_is_audited_once_per_session(own_school: schools.School, open_page: Open) -> None:
    import sqlite3

    person = own_school.students[schools.CLASSES[0]][4]
    app = open_page(own_school, "teacher", "teacher-student", person=person)
    app.run()
    with sqlite3.connect(own_school.settings.home.audit_db) as audit:
        found = audit.execute(
            "select actor_key, action from entry where resource = ?", (f"person:{person}",)
        ).fetchall()
    assert found == [("p_teacher", "view teacher-student")]


def test_ended_session_shows_the_way_to_the_login_and_no_data(
    own_school: schools.School, open_page: Open
) -> None:
    app = open_page(own_school, "teacher", "teacher")
    assert app.dataframe
    sessions.revoke(own_school.engine, "teacher")
    app.run()
    assert "You are logged out" in text(app)
    assert not app.dataframe


def test_removed_teacher_loses_sight_at_the_next_run(own_school: schools.School, open_page: Open) -> None:
    from sqlalchemy import update

    from people.db import writing
    from people.tables import enrolment

    app = open_page(own_school, "teacher", "teacher")
    with writing(own_school.engine) as connection:
        connection.execute(
            update(enrolment).where(enrolment.c.person_key == "p_teacher").values(is_active=False)
        )
    app.run()
    assert "No class is assigned to you yet" in text(app)
    assert not app.dataframe


def test_newer_snapshot_is_read_at_the_next_run(own_school: schools.School, open_page: Open) -> None:
    app = open_page(own_school, "teacher", "teacher")
    own_school.publish(run_id="the-second-run")
    app.run()
    assert "the-second-run" in text(app) and "run-of-the-test" not in text(app)


def test_broken_page_shows_a_reference_and_no_traceback(own_school: schools.School, open_page: Open) -> None:
    own_school.publish(msr_class_week=[{"tenant": schools.TENANT, "school_key": "s", "section_key": "c"}])
    app = open_page(own_school, "teacher", "teacher")
    said = text(app)
    assert not app.exception
    assert "This page could not be shown" in said and "reference" in said
    assert "Binder" not in said and "week_index" not in said
