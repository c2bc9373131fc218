"""Questions to read again, where viewers leave a video, what is used: the figures are those of the marts."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from tests.dashboards import school as schools
from tests.dashboards import school_materials as made
from tests.dashboards.test_pages import text

Open = Callable[..., AppTest]


def test_flagged_questions_come_first_and_their_answers_are_told(
    school: schools.School, open_page: Open
) -> None:
    app = open_page(school, "teacher", "teacher-questions")
    assert "Read 2 questions again" in text(app)
    shown = app.dataframe[0].value
    names = [f"{schools.SKILLS[n]}, question 1" for n in (made.MISKEYED, made.AMBIGUOUS)]
    assert shown["Question"].to_list()[:2] == names
    assert shown["Look at"].to_list()[:2] == [
        "Perhaps the wrong answer counts as right",
        "Perhaps two answers are right",
    ]
    assert round(shown["Right (%)"][0]) == round(100 * (0.9 - 0.05 * made.MISKEYED))
    assert app.query_params["item"] == f"{schools.TENANT}:cmi.interaction{made.MISKEYED}"
    answers = app.dataframe[1].value
    assert answers["Response"].to_list() == ["b", "c", "Other answers, each by too few to be shown"]
    assert answers["Counts as"].to_list() == ["right", "wrong", "wrong"]
    assert "is what the class has answered most" in text(app)


def test_video_is_told_by_where_its_viewers_leave(school: schools.School, open_page: Open) -> None:
    app = open_page(school, "teacher", "teacher-materials")
    assert " loses most viewers at 5:00: 100% watch the part before it, 50% the part after it" in text(app)
    shares = app.dataframe[0].value["Viewers (%)"].to_list()
    assert shares == [100.0] * 5 + [50.0] * 5
    used = app.dataframe[1].value
    with_marks = used[used["Marks, difference (points)"].notna()]
    assert len(with_marks) == 2 and with_marks["Marks, difference (points)"].round().to_list() == [10, 10]


def test_heatmap_leads_to_the_attempts(school: schools.School, open_page: Open) -> None:
    student = school.students[schools.CLASSES[0]][2]
    app = open_page(school, "teacher", "teacher-skills", person=student, skill=f"{schools.TENANT}:k0")
    assert app.query_params["person"] == student and app.query_params["skill"] == f"{schools.TENANT}:k0"
    attempts = app.dataframe[-1].value
    assert {"When", "Question", "Response"} <= set(attempts.columns) and len(attempts)
    assert f"{school.names[student]} in “{schools.SKILLS[0]}”" in text(app)


def test_a_career_says_what_is_missing_and_what_nobody_teaches(
    school: schools.School, open_page: Open
) -> None:
    app = open_page(school, "student", "student-careers")
    assert f"Practise “{schools.SKILLS[11]}” next" in text(app)
    assert app.query_params["career"] == f"{schools.TENANT}:surveyor"
    shown = app.dataframe[0].value
    assert shown["How it stands"].to_list()[-1] == "not taught at your school"
    assert shown["No."].to_list()[:3] == [1, 2, 3]
    assert shown["Asked for (%)"].round().to_list() == [90] * 4
    assert app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")
