"""One student for the teacher: why on the list, the student against the class, skills, answers. Every view is audited."""

from __future__ import annotations

import html

import polars as pl
import streamlit as st

from dashboards import design, learner, words
from dashboards.classes import Class, choose_class, classes
from dashboards.components import charts, filters, notes, page, states, tables
from dashboards.teacher import case_file, suggestions
from dashboards.visit import Visit

t, tn = words.room(__name__)
_STUDENTS = """
select e.person_key
from brg_enrolment e
where e.section_key = $section and e.role = 'student'
group by e.person_key
"""
_RISK = """
select r.*, count(*) over () as student_count
from prd_risk r
where r.section_key = $section
qualify r.person_key = $person
"""
_COMPARED = """
select
    week_index,
    max(minutes_active) filter (where person_key = $person) as mine,
    median(minutes_active) as class_median
from msr_student_week
where section_key = $section and week_index >= 1 and is_complete
group by week_index
order by week_index
"""
_ATTEMPTS = """
select f.responded_at, a.title as question, p.title as assessment, s.title as skill, f.is_correct, f.duration_seconds
from fct_attempt f
left join dim_activity a on a.activity_key = f.activity_key
left join dim_activity p on p.activity_key = f.assessment_key
left join dim_skill s on s.skill_key = f.skill_key
where f.person_key = $person and f.section_key = $section
order by f.responded_at desc, f.response_number desc
limit 50
"""


def render(visit: Visit) -> None:
    """The page: chooser of class and student, risk with reasons, then activity, skills, results, answers."""
    found = classes(visit)
    if not found:
        page.header(visit, t("One student"), t("Here you will see one student's record."))
        states.empty(t("No class is assigned to you yet"), t("Your administrator can assign one."))
        return
    heading = st.container()
    chosen = choose_class(found)
    students = visit.named(_STUDENTS, {"section": chosen.section_key}).sort("display_name")
    if students.is_empty():
        with heading:
            page.header(
                visit,
                t("One student"),
                t("Nobody is enrolled in {course}.", course=chosen.course_title),
            )
        return
    names = dict(zip(students["person_key"], students["display_name"], strict=True))
    person_key = filters.choose(t("Student"), names, param="person")
    visit.audit_view(person_key, "teacher-student")
    risk = visit.rows(_RISK, {"section": chosen.section_key, "person": person_key})
    with heading:
        page.header(
            visit,
            names[person_key],
            _lead(risk, chosen),
            as_of=chosen.as_of_date,
            section_key=chosen.section_key,
        )
    _why(risk)
    case_file.show(visit, chosen, person_key, names[person_key])
    _activity(visit, chosen, person_key)
    page.section(t("Skills"))
    learner.show_mastery(visit, learner.mastery(visit, person_key, chosen.section_key))
    suggestions.show(visit, chosen, person_key)
    _record(visit, chosen, person_key)


def _lead(risk: pl.DataFrame, chosen: Class) -> str:
    if risk.is_empty():
        return t("In {course}; no risk estimate yet.", course=chosen.course_title)
    row = risk.row(0, named=True)
    if row["is_at_risk"]:
        return t(
            "Talk to this student this week: place {place} of {count} by need in {course}.",
            place=row["risk_rank"],
            count=row["student_count"],
            course=chosen.course_title,
        )
    return t(
        "Not on the list: place {place} of {count} by need in {course}.",
        place=row["risk_rank"],
        count=row["student_count"],
        course=chosen.course_title,
    )


def _why(risk: pl.DataFrame) -> None:
    if risk.is_empty():
        return
    row = risk.row(0, named=True)
    meaning: design.Meaning = "attention" if row["is_at_risk"] else "fine"
    chips = page.chip(t("Risk {share}", share=page.share(row["risk"])), meaning)
    if row["risk_previous"] is not None:
        before = t("{share} the week before", share=page.share(row["risk_previous"]))
        chips += " " + page.chip(before, "neutral")
    reasons = [row[f"reason_{n}"] for n in (1, 2, 3) if row[f"reason_{n}"]]
    items = "".join(f"<li>{html.escape(reason)}</li>" for reason in reasons)
    heading = html.escape(t("What moves the estimate most"))
    st.html(f'{chips}<p style="margin:.6rem 0 0"><b>{heading}</b></p><ul class="ll-why">{items}</ul>')


def _activity(visit: Visit, chosen: Class, person_key: str) -> None:
    compared = visit.rows(_COMPARED, {"section": chosen.section_key, "person": person_key})
    compared = compared.filter(pl.col("mine").is_not_null())
    page.section(t("Work and attendance"))
    if compared.is_empty():
        states.empty(t("No complete week yet"), t("Figures appear when the class has completed a week."))
        return
    last = compared.row(-1, named=True)
    mine, median = last["mine"] or 0, last["class_median"] or 0
    colours = design.palette()
    lines = compared.unpivot(
        index="week_index", on=["mine", "class_median"], variable_name="line", value_name="minutes"
    )
    labels = {"mine": t("This student"), "class_median": t("Class median")}
    lines = lines.with_columns(pl.col("line").replace(labels))
    charts.figure(
        tn(
            "{count} minutes in week {week}; the class's median is {median}",
            "{count} minutes in week {week}; the class's median is {median}",
            round(mine),
            week=last["week_index"],
            median=round(median),
        ),
        t("Minutes active by week of the term: this student and the class's median"),
        charts.weekly_line(
            lines,
            y="minutes",
            y_title=t("Minutes"),
            series="line",
            colours={
                labels["mine"]: colours.attention if mine < median / 2 else colours.fine,
                labels["class_median"]: colours.neutral,
            },
        ),
        text=t("Line chart of this student's minutes by week against the class's median."),
        how=notes.definitions(**{t("Minutes"): "msr_student_week.minutes_active"}),
    )
    learner.show_attendance(learner.weeks(visit, person_key, chosen.session_key, chosen.section_key))


def _record(visit: Visit, chosen: Class, person_key: str) -> None:
    handed_in = learner.results(visit, person_key, chosen.section_key)
    if handed_in.height:
        page.section(t("Handed in"))
        tables.table(
            learner.with_timeliness(handed_in),
            {
                "title": t("What"),
                "submitted_date": t("Handed in"),
                "score_pct": t("Score (%)"),
                "timeliness": t("In time?"),
            },
            file_name="handed-in",
            alt=t("Assessments this student handed in, newest first"),
        )
    attempts = visit.rows(_ATTEMPTS, {"section": chosen.section_key, "person": person_key})
    if attempts.height:
        page.section(t("The last answers"), t("Newest first, at most 50."))
        tables.table(
            attempts.with_columns(
                pl.when("is_correct").then(pl.lit(t("right"))).otherwise(pl.lit(t("wrong"))).alias("answer")
            ),
            {
                "responded_at": t("When"),
                "assessment": t("In"),
                "question": t("Question"),
                "skill": t("Skill"),
                "answer": t("Answer"),
                "duration_seconds": t("Seconds"),
            },
            file_name="answers",
            alt=t("This student's newest answers"),
        )
