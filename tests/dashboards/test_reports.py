"""Reports as PDF: the text that a reader of the file finds is what SQL says; nobody's name where none belongs; each is audited."""

from __future__ import annotations

import datetime as dt
import io
import sqlite3
from collections.abc import Callable

import numpy as np
import pypdf
import pytest
from streamlit.testing.v1 import AppTest

from dashboards import words
from dashboards.reports import document
from dashboards.reports.document import Bar, Report, Section
from learnlake.errors import AccessError, InputError
from people import accounts, compliance, requests, sessions
from tests.dashboards import school as schools
from tests.dashboards.test_pages import text

Open = Callable[..., AppTest]
NOW = dt.datetime(2026, 11, 20, 18, 30, tzinfo=dt.UTC)


def made(app: AppTest, label: str = "Make the PDF", at: int = 0) -> tuple[str, pypdf.PdfReader]:
    """Press the button and read the file that the page then offers: its text in one line, and the file."""
    [button for button in app.button if button.label == label][at].click()
    app.run()
    assert not app.exception and "could not be shown" not in text(app)
    assert not app.error, app.error[0].value
    [content] = app.session_state["reports"].values()
    assert [b.label for b in app.get("download_button")] == ["Save the PDF"]
    reader = pypdf.PdfReader(io.BytesIO(content))
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split()), reader


def exports(school: schools.School) -> list[str]:
    with sqlite3.connect(school.settings.home.audit_db) as audit:
        return [
            row[0]
            for row in audit.execute("select resource from entry where action = 'export' order by number")
        ]


def test_class_report_has_the_page_s_figures_and_no_name(own_school: schools.School, open_page: Open) -> None:
    said, reader = made(open_page(own_school, "teacher", "teacher-reports"))
    every = schools.marts(own_school)
    own = [row for row in every["msr_student"] if row["section_key"] == schools.CLASSES[0]]
    score = np.mean([row["mean_score"] for row in own if row["mean_score"] is not None])
    done = np.mean([row["completion_share"] for row in own])
    assert f"Mean score {score:.0%}" in said and f"Tasks handed in {done:.0%}" in said
    for week in every["msr_class_week"]:
        if week["section_key"] == schools.CLASSES[0] and 1 <= week["week_index"] < schools.WEEKS:
            shares = (
                week["active_student_count"] / week["student_count"],
                week["correct_count"] / week["attempt_count"],
                week["mean_score"],
                week["absence_rate"],
            )
            assert f"{week['week_index']} " + " ".join(f"{share:.0%}" for share in shares) in said
    assert not [name for name in own_school.names.values() if name in said]
    assert "in the role Teacher, from data as of 20 Nov 2026" in said and "run-of-the-test" in said
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"] == "en-GB"[:2], "tagged, in a language"
    assert "Class report" in reader.metadata.title
    assert exports(own_school)[-1] == f"report:class {schools.CLASSES[0]}"


def test_student_report_is_of_one_student_and_its_view_is_audited(
    own_school: schools.School, open_page: Open
) -> None:
    person = own_school.students[schools.CLASSES[0]][4]
    said, _ = made(open_page(own_school, "teacher", "teacher-reports", person=person), at=1)
    every = schools.marts(own_school)
    [own] = [
        r for r in every["msr_student"] if (r["person_key"], r["session_key"]) == (person, schools.SESSION)
    ]
    [days] = [r for r in every["msr_attendance"] if r["person_key"] == person]
    skills = [r for r in every["prd_mastery"] if r["person_key"] == person]
    assert own_school.names[person] in said
    assert f"Mean score {own['mean_score']:.0%}" in said
    assert f"Tasks handed in {own['done_count']} of {own['task_count']}" in said
    assert f"School days missed {days['missed_count']} of {days['day_count']}" in said
    assert f"Skills mastered {sum(r['is_mastered'] for r in skills)} of {len(skills)}" in said
    for row in every["fct_assessment_result"]:
        if row["person_key"] == person:
            assert f"{round(100 * row['score_scaled'])}" in said.split("Results")[1]
    assert not [name for key, name in own_school.names.items() if key != person and name in said]
    with sqlite3.connect(own_school.settings.home.audit_db) as audit:
        viewed = audit.execute("select resource from entry where action = 'view report'").fetchall()
    assert (f"person:{person}",) in viewed
    assert exports(own_school)[-1] == f"report:person:{person} {schools.CLASSES[0]}"


def test_a_small_class_has_no_figures(own_school: schools.School, open_page: Open) -> None:
    few = own_school.students[schools.CLASSES[0]][:4]
    kept = [row for row in schools.marts(own_school)["msr_student"] if row["person_key"] in few]
    own_school.publish(msr_student=kept)
    said, _ = made(open_page(own_school, "teacher", "teacher-reports"))
    assert "fewer than 5 students" in said and "%" not in said


def test_compliance_report_counts_what_was_done_and_is_the_principal_s(
    own_school: schools.School, open_page: Open
) -> None:
    person = own_school.students[schools.CLASSES[0]][2]
    for _ in range(2):
        open_page(own_school, "teacher", "teacher-student", person=person)
    requests.ask(
        own_school.engine,
        schools.TENANT,
        person,
        "copy",
        asked_by="guardian",
        actor_key="test",
        source="test",
    )
    with sqlite3.connect(own_school.settings.home.audit_db) as audit:
        students = {key for keys in own_school.students.values() for key in keys}
        named = [
            row[0].removeprefix("person:").split(",")
            for row in audit.execute("select resource from entry where action like 'view %'")
        ]
    views = sum(not students.isdisjoint(keys) for keys in named)
    said, _ = made(open_page(own_school, "principal", "principal-reports"))
    assert "Learners 40" in said and "Requests waiting 1" in said and f"Views of records {views}" in said
    assert "leaderboard" in said and "fewer than 5 at least 36" in said, "3 of 40 agreed"
    assert "none was changed, removed or moved" in said and "http://video.test 11 Nov 2026" in said
    assert not [name for name in own_school.names.values() if name in said]
    assert exports(own_school)[-1].startswith("report:compliance")
    token = sessions.log_in(own_school.engine, "teacher", schools.PASSWORD, "test")
    teacher = sessions.viewer(own_school.engine, token)
    assert teacher is not None and accounts
    with pytest.raises(AccessError):
        compliance.summary(own_school.engine, teacher, students, since=schools.START)


def test_nothing_in_a_name_is_markup_and_accents_stand() -> None:
    name = '#sys.inputs *Zoë* @x $1$ `a` "Łukasz" <b> \\ Ñandú Жанна'
    report = Report(name, "", "", "", (("A", "1"),), (Section("S", None, (Bar(name, 0.5, "50%"),), "text"),))
    reader = pypdf.PdfReader(io.BytesIO(document.pdf(report, made_at=NOW)))
    assert name in " ".join(reader.pages[0].extract_text().split())


def test_a_report_in_a_script_without_a_font_says_what_to_install() -> None:
    with pytest.raises(InputError) as refused:
        document.check_letters("रिपोर्ट", ["DejaVu Sans"])
    assert "fonts-noto-core" in (refused.value.mend or "")
    document.check_letters("रिपोर्ट", ["Noto Sans Devanagari"])
    document.check_letters("Zoë", [])


def test_numbers_in_a_report_are_written_the_reader_s_way() -> None:
    words.use("de")
    assert document.cell(1234.5) == "1.234,5" and document.cell(dt.date(2026, 11, 20)) == "20.11.2026"
    words.use("en_GB")
    assert document.cell(None) == "–"
