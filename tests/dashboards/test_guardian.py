"""The guardian's page in plain words, from the marts; the engagement page knows one meaning of inactive."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import polars as pl
from streamlit.testing.v1 import AppTest

from dashboards.guardian.record import RESOURCE_DAYS
from tests.dashboards import school as schools
from tests.dashboards.test_pages import text
from tests.dashboards.test_principal import table

Open = Callable[..., AppTest]


def own(school: schools.School, mart: str, child: str) -> list[dict]:
    return [row for row in schools.marts(school)[mart] if row["person_key"] == child]


def test_a_child_s_record_is_that_of_the_marts(school: schools.School, open_page: Open) -> None:
    child = school.students[schools.CLASSES[0]][3]
    app = open_page(school, "guardian", "guardian", child=child)
    said = text(app)
    [measured] = [row for row in own(school, "msr_student", child) if row["session_key"] == schools.SESSION]
    assert f"{measured['done_count']} of the term's {measured['task_count']} pieces of work" in said
    badges, [streak] = own(school, "msr_badge", child), own(school, "msr_streak", child)
    assert f"{len(badges)} badges earned, {streak['current_days']} school days in a row" in said
    overdue = sorted(
        (row for row in own(school, "fct_task", child) if row["state"] == "overdue"),
        key=lambda r: r["due_date"],
    )
    quiz = schools.SKILLS[int(overdue[0]["activity_key"].removeprefix(f"{schools.TENANT}:assessment"))]
    assert f"Ask about “Quiz: {quiz}”: it was due on" in said
    results = table(app, "Marked by")
    rows = sorted(own(school, "fct_assessment_result", child), key=lambda r: r["submitted_at"], reverse=True)
    assert [round(100 * (row["graded_score_scaled"] or row["score_scaled"])) for row in rows] == list(
        results["Score (%)"]
    )
    assert results["Marked by"].iloc[-1] == "teacher's mark"
    used = table(app, "Last used")
    since = schools.AS_OF - dt.timedelta(days=RESOURCE_DAYS)
    recent = pl.DataFrame(own(school, "fct_resource_use", child)).filter(pl.col("used_date") > since)
    assert used["Days"].sum() == recent.height and used["Minutes"].sum() == recent["minutes_used"].sum()


def test_what_worries_is_said_first_and_no_child_is_forgotten(
    own_school: schools.School, open_page: Open
) -> None:
    quiet, other = (own_school.students[schools.CLASSES[0]][n] for n in (0, 3))
    every = schools.marts(own_school)
    for row in every["msr_student"]:
        calm = row["person_key"] not in (quiet,)
        row |= (
            {"overdue_count": 0}
            if calm
            else {"is_inactive": True, "days_since_active": 9, "overdue_count": 2}
        )
    for row in every["msr_attendance"]:
        row |= {"is_chronically_absent": row["person_key"] == quiet}
    own_school.publish(
        msr_student=every["msr_student"],
        msr_attendance=every["msr_attendance"],
        fct_task=[row for row in every["fct_task"] if row["person_key"] not in (quiet, other)],
    )
    said = text(open_page(own_school, "guardian", "guardian", child=quiet))
    assert "2 pieces of work are overdue" in said and "for 9 days" in said and "learning suffers" in said
    assert own_school.names[other] not in said.replace(own_school.names[quiet], "")
    said = text(open_page(own_school, "guardian", "guardian", child=other))
    assert f"Also look at: {own_school.names[quiet]}" in said and "overdue" not in said


def test_inactive_is_what_the_mart_says(own_school: schools.School, open_page: Open) -> None:
    students = schools.marts(own_school)["msr_student"]
    for row in students:
        row["is_inactive"] = row["person_key"] == own_school.students[schools.CLASSES[0]][2]
    own_school.publish(msr_student=students)
    app = open_page(own_school, "teacher", "teacher-engagement")
    assert "Ask after 1 student who has not been seen for 7 days" in text(app)
    shown = table(app, "Last active").set_index("Student")
    [row] = [r for r in students if r["person_key"] == own_school.students[schools.CLASSES[0]][2]][:1]
    assert shown.loc[own_school.names[row["person_key"]], "Tasks"] == row["task_count"]
