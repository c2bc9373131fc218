"""Every page of every role: renders with data and without, carries the freshness note, and is refused to other roles."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from dashboards.menu import PAGES
from people import accounts, assignments, sessions
from tests.dashboards import school as schools
from tests.dashboards.conftest import go

Open = Callable[..., AppTest]
ROLES = ("teacher", "student", "guardian", "principal", "administrator", "analyst")
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


@pytest.mark.parametrize("role", ROLES)
def test_pages_of_a_fresh_home_say_what_to_do_next(
    fresh_school: schools.School, open_page: Open, role: str
) -> None:
    app = open_page(fresh_school, role, role)
    for path in [spec.path for spec in PAGES if role in spec.roles]:
        go(app, path)
        assert not app.exception
        assert "Nothing to show yet" in text(app)
        assert ("learnlake run" in text(app)) == (role == "administrator")


@pytest.mark.parametrize("role", ROLES)
def test_pages_without_rows_are_designed(empty_school: schools.School, open_page: Open, role: str) -> None:
    app = open_page(empty_school, role, role)
    for path in [spec.path for spec in PAGES if role in spec.roles]:
        go(app, path)
        assert not app.exception
        assert "could not be shown" not in text(app), path
        assert "empty-run" in text(app), path


@pytest.mark.parametrize("role", ROLES)
def test_pages_of_other_roles_are_refused_by_address(
    school: schools.School, open_page: Open, role: str
) -> None:
    app = open_page(school, role, role)
    for path in [spec.path for spec in PAGES if role not in spec.roles]:
        go(app, path)
        assert "This page is not for you" in text(app), path
        assert not app.dataframe, path


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


def test_bare_address_leads_to_the_first_page_and_keeps_what_was_chosen(
    school: schools.School, open_page: Open
) -> None:
    first = school.students[schools.CLASSES[0]]
    app = open_page(school, "guardian", "home", child=first[3])
    assert school.names[first[3]] == app.title[0].value
    assert app.query_params["child"] == first[3]


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
    assert (
        "No activity for 12 days" in said
        and "New this week" in said
        and "points since the week before" in said
    )


def test_download_holds_what_the_table_shows(school: schools.School, open_page: Open) -> None:
    app = open_page(school, "teacher", "teacher-engagement")
    shown = app.dataframe[0].value
    assert list(shown.columns)[:2] == ["Student", "Last active"]
    assert len(shown) == 20 and shown["Student"].is_unique
    assert [b.label for b in app.get("download_button")] == ["Download as CSV"]


def test_unscheduled_class_shows_what_its_learners_did(own_school: schools.School, open_page: Open) -> None:
    assignments.assign_teacher(
        own_school.engine, own_school.settings.home, schools.TENANT, schools.DISCOVERED, "p_teacher"
    )
    app = open_page(own_school, "teacher", "teacher", **{"class": schools.DISCOVERED})
    assert "3 learners in a class that no term dates" in text(app)
    assert len(app.dataframe[0].value) == 3


def test_administrator_assigns_a_teacher_who_sees_the_section_at_once(
    own_school: schools.School, open_page: Open
) -> None:
    teacher = open_page(own_school, "teacher", "teacher")
    assert not teacher.main.selectbox
    app = open_page(own_school, "administrator", "administrator-sections")
    assert "Give 1 section a teacher: nobody sees the work of their 3 learners until then." in text(app)
    app.selectbox(key="assign_login").set_value("teacher")
    next(button for button in app.button if button.label == "Assign").click()
    app.run()
    assert "teacher now teaches Digital literacy" in app.success[0].value
    with sqlite3.connect(own_school.settings.home.audit_db) as audit:
        [(actor, resource)] = audit.execute(
            "select actor_key, resource from entry where action = 'assign-teacher'"
        ).fetchall()
    known = {a.login: a.account_id for a in accounts.list_accounts(own_school.engine, tenant=schools.TENANT)}
    assert actor == f"account:{known['administrator']}" and schools.DISCOVERED in resource
    assert "Every discovered section has a teacher" in text(app)
    teacher.run()
    assert any("Digital literacy" in option for option in teacher.selectbox[0].options)


def test_analyst_asks_and_is_told_what_is_wrong_with_a_query(school: schools.School, open_page: Open) -> None:
    app = open_page(school, "analyst", "analyst")
    app.text_area(key="query").set_value("select count(*) as people from dim_person")
    next(button for button in app.button if button.label == "Run").click()
    app.run()
    assert app.dataframe[0].value["people"].to_list() == [44]
    app.text_area(key="query").set_value("select * from read_csv('/etc/passwd')")
    next(button for button in app.button if button.label == "Run").click()
    app.run()
    assert app.error and not app.dataframe and not app.exception


def test_several_roles_have_a_menu_section_each(school: schools.School, open_page: Open) -> None:
    assert "Slope" in text(open_page(school, "teacher and guardian", "guardian"))
    assert "students need a word" in text(open_page(school, "teacher and guardian", "teacher"))


def test_view_of_a_student_is_audited_once_per_session(own_school: schools.School, open_page: Open) -> None:
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
