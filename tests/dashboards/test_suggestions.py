"""Teachers decide about proposals on a student's page, students say what they work towards; the lake has it at once."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from streamlit.testing.v1 import AppTest

from people import lake
from tests.dashboards import school as schools

Open = Callable[..., AppTest]


def told(school: schools.School, table: str) -> pl.DataFrame:
    folder = lake.current(school.settings.home)
    assert folder is not None
    return pl.read_parquet(folder / f"{table}.parquet")


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return app.run()


def test_a_teacher_decides_and_withdraws(own_school: schools.School, open_page: Open) -> None:
    app = open_page(own_school, "teacher", "teacher-student")
    target = app.selectbox(key="decide_target")
    assert any(option.endswith("(skill)") for option in target.options)
    assert any(option.endswith("(activity)") for option in target.options)
    press(app, "Decide")
    assert "A decision needs a reason" in app.error[0].value
    app.radio(key="decide_action").set_value("exclude")
    app.text_input(key="decide_reason").set_value("Comes next term")
    press(app, "Decide")
    assert "Decided." in app.success[0].value
    [row] = told(own_school, "override").iter_rows(named=True)
    assert (row["action"], row["person_key"]) == ("exclude", app.session_state["kept_person"])
    [line] = [one.value for one in app.text if "Comes next term" in one.value]
    assert line.startswith("Don't propose: ") and "For this student, until" in line
    press(app, "Withdraw")
    assert told(own_school, "override").is_empty()
    assert not any("Comes next term" in one.value for one in app.text)


def test_a_student_keeps_goals_and_formats(own_school: schools.School, open_page: Open) -> None:
    app = open_page(own_school, "student", "student")
    goals = app.multiselect(key="prefer_goals")
    chosen = goals.options[0]
    goals.set_value([told_key(own_school, chosen)])
    app.multiselect(key="prefer_formats").set_value(["https://w3id.org/xapi/video/activity-type/video"])
    press(app, "Keep")
    assert "Kept." in app.success[0].value
    assert sorted(told(own_school, "preference")["kind"]) == ["format", "goal"]
    again = open_page(own_school, "student", "student")
    assert len(again.multiselect(key="prefer_goals").value) == 1


def told_key(school: schools.School, title: str) -> str:
    """The skill behind an option of the form."""
    number = schools.SKILLS.index(title.rpartition(" (")[0])
    return f"{schools.TENANT}:k{number}"
