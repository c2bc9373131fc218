"""A guardian's children: what to ask about, then how each is doing at school, in plain words. Every view of a child is audited."""

from __future__ import annotations

import html

import polars as pl
import streamlit as st

from dashboards import inbox, learner, words
from dashboards.components import charts, filters, notes, page, states, tables
from dashboards.guardian import record
from dashboards.visit import Visit

t, tn = words.room(__name__)
_CHILDREN = "select person_key, grade from dim_person where role = 'student' order by grade, person_key"
BADGES = 6
"""Badges shown, the newest."""


def render(visit: Visit) -> None:
    """The page: chooser of the child, alerts, messages, plain sentences, then achievements, work, lessons, skills, feedback, resources."""
    children = visit.named(_CHILDREN)
    if children.is_empty():
        page.header(visit, t("My children"), t("Here you will see how your children are doing at school."))
        states.empty(
            t("No child is linked to your account yet"),
            t(
                "Ask the school's office to enter you as a guardian; your child then appears here within a minute."
            ),
        )
        return
    heading = st.container()
    names = dict(zip(children["person_key"], children["display_name"], strict=True))
    child = filters.choose(t("Child"), names, param="child")
    every = {row["person_key"]: row for row in record.standing(visit).iter_rows(named=True)}
    visit.audit_view(child, "guardian")
    session = learner.newest_session(visit, child)
    weeks = learner.weeks(visit, child, session["session_key"]) if session else pl.DataFrame()
    tasks = record.tasks(visit, child)
    alerts = _alerts(every[child])
    with heading:
        page.header(visit, names[child], _lead(tasks, alerts))
    _others(names, every, child)
    _show_alerts(alerts)
    inbox.show(visit, about=child)
    if weeks.is_empty():
        states.empty(t("Nothing yet this term"), t("This page fills up when classes have begun."))
        return
    skills = learner.mastery(visit, child)
    feedback = record.feedback(visit, child)
    _plain_words(every[child], skills, weeks, feedback)
    _achievements(visit, child, every[child])
    _deadlines(tasks)
    _work(weeks)
    page.section(t("At lessons"))
    learner.show_attendance(weeks)
    page.section(t("Skills, course by course"))
    learner.show_mastery(visit, skills)
    _feedback(feedback)
    _resources(visit, child)


def _alerts(row: dict) -> list[str]:
    """What a family should know now, as plain sentences."""
    found = []
    if row["overdue_count"]:
        found.append(
            tn(
                "{count} piece of work is overdue and not handed in.",
                "{count} pieces of work are overdue and not handed in.",
                int(row["overdue_count"]),
            )
        )
    if row["is_inactive"]:
        found.append(
            t("Nothing was done in the learning systems for {days} days.", days=row["days_since_active"])
        )
    if row["is_chronically_absent"]:
        found.append(
            t(
                "{missed} of {days} school days were missed this term: so many that learning suffers, excused or not.",
                missed=int(row["missed_count"]),
                days=int(row["day_count"]),
            )
        )
    return found


def _lead(tasks: pl.DataFrame, alerts: list[str]) -> str:
    overdue = tasks.filter(pl.col("state") == "overdue")
    if overdue.height:
        first = overdue.row(0, named=True)
        return t(
            "Ask about “{title}”: it was due on {day} and is not handed in.",
            title=first["title"] or t("Assignment"),
            day=page.short_day(first["due_date"]),
        )
    if alerts:
        return t("Talk about this first: {sentence}", sentence=alerts[0])
    if tasks.is_empty():
        return t("Nothing is due in the next two weeks. A good moment to ask what was most fun to learn.")
    soonest = tasks.row(0, named=True)
    return t(
        "Ask about “{title}”: it is due on {day} and not handed in yet.",
        title=soonest["title"] or t("Assignment"),
        day=page.short_day(soonest["due_date"]),
    )


def _others(names: dict[str, str], every: dict[str, dict], child: str) -> None:
    """The other children with something to talk about: nobody is forgotten behind the chooser."""
    waiting = [names[key] for key in names if key != child and _alerts(every[key])]
    if waiting:
        said = t("Also look at: {names}. Choose the child above.", names=", ".join(waiting))
        st.html(f'<p class="ll-small">{html.escape(said)}</p>')


def _show_alerts(alerts: list[str]) -> None:
    if alerts:
        page.section(t("To talk about"))
        items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in alerts)
        st.html(f'<ul class="ll-why">{items}</ul>')


def _plain_words(row: dict, skills: pl.DataFrame, weeks: pl.DataFrame, feedback: pl.DataFrame) -> None:
    sentences = []
    lessons, missed = int(weeks["meeting_count"].sum()), int(weeks["absent_count"].sum())
    excused, late = int(weeks["excused_count"].sum()), int(weeks["late_count"].sum())
    if lessons:
        there = lessons - missed - excused
        sentences.append(_at_school(there, lessons, late))
        if missed:
            sentences.append(
                tn(
                    "<b>Missed without excuse:</b> {count} lesson.",
                    "<b>Missed without excuse:</b> {count} lessons.",
                    missed,
                )
            )
    if skills.height:
        mastered = int(skills["is_mastered"].sum())
        sentences.append(
            t(
                "<b>Learnt:</b> {mastered} of {count} skills practised so far.",
                mastered=mastered,
                count=skills.height,
            )
        )
    if row["task_count"]:
        sentences.append(
            t(
                "<b>Handed in:</b> {done} of the term's {count} pieces of work.",
                done=int(row["done_count"]),
                count=int(row["task_count"]),
            )
        )
    scored = feedback.filter(pl.col("score_scaled").is_not_null())["score_scaled"].head(5)
    if len(scored):
        mean = float(scored.sum()) / len(scored)
        sentences.append(t("<b>Last results:</b> {share} on average.", share=page.share(mean)))
    st.html(
        '<ul class="ll-why" style="font-size:1.05rem">'
        + "".join(f"<li>{s}</li>" for s in sentences)
        + "</ul>"
    )


def _at_school(there: int, lessons: int, late: int) -> str:
    if not late:
        return t("<b>At school:</b> at {there} of {lessons} lessons this term.", there=there, lessons=lessons)
    return tn(
        "<b>At school:</b> at {there} of {lessons} lessons this term, {count} time late.",
        "<b>At school:</b> at {there} of {lessons} lessons this term, {count} times late.",
        late,
        there=there,
        lessons=lessons,
    )


def _achievements(visit: Visit, child: str, row: dict) -> None:
    found = record.badges(visit, child)
    streak = int(row["streak_days"])
    title = tn("{count} badge earned", "{count} badges earned", found.height)
    if streak:
        in_a_row = tn("{count} school day in a row", "{count} school days in a row", streak)
        title = t("{badges}, {days}", badges=title, days=in_a_row)
    page.section(title)
    if found.is_empty():
        states.empty(t("No badge yet"), t("The first one comes with the first day of work."))
        return
    chips = " ".join(
        f"{page.chip(badge['title'], 'fine')} <span class='ll-small'>{page.short_day(badge['earned_date'])}</span>"
        for badge in found.head(BADGES).iter_rows(named=True)
    )
    st.html(f"<p>{chips}</p>")
    page.how_worked_out(
        notes.definitions(**{t("Badge"): "msr_badge", t("Days in a row"): "msr_streak.current_days"})
        + "\n\n"
        + tn(
            "The longest so far: {count} school day.",
            "The longest so far: {count} school days.",
            int(row["longest_days"] or 0),
        )
    )


def _deadlines(tasks: pl.DataFrame) -> None:
    if tasks.is_empty():
        return
    page.section(t("Work that is due"))
    items = []
    for row in tasks.iter_rows(named=True):
        late = f" {page.chip(t('overdue'), 'attention')}" if row["state"] == "overdue" else ""
        items.append(
            f"<li><b>{page.short_day(row['due_date'])}</b>: {html.escape(row['title'] or t('Assignment'))} "
            f'<span class="ll-small">{html.escape(row["course_title"] or "")}</span>{late}</li>'
        )
    st.html(f'<ul class="ll-why">{"".join(items)}</ul>')


def _work(weeks: pl.DataFrame) -> None:
    page.section(t("Work, week by week"))
    complete = weeks.filter("is_complete")
    if complete.is_empty():
        states.empty(
            t("No complete week yet"), t("The first picture appears after the first week of the term.")
        )
        return
    last = complete.row(-1, named=True)
    finding = t(
        "{minutes} minutes of work in the learning systems in week {week}",
        minutes=round(last["minutes_active"] or 0),
        week=last["week_index"],
    )
    charts.figure(
        finding,
        t("Minutes by week of the term; work on paper is not counted"),
        charts.weekly_line(complete, y="minutes_active", y_title=t("Minutes")),
        text=t("Line chart of minutes of work by week. {finding}.", finding=finding),
        how=notes.definitions(**{t("Minutes"): "msr_student_week.minutes_active"}),
    )


def _feedback(found: pl.DataFrame) -> None:
    if found.is_empty():
        return
    page.section(
        t("Results"), t("Newest first; where a teacher has marked the work since, the teacher's mark.")
    )
    tables.table(
        learner.with_timeliness(found).with_columns(
            pl.when("is_marked")
            .then(pl.lit(t("teacher's mark")))
            .when(pl.col("score_pct").is_not_null())
            .then(pl.lit(t("learning system")))
            .alias("marked_by")
        ),
        {
            "submitted_date": t("Handed in"),
            "title": t("What"),
            "course_title": t("Course"),
            "score_pct": t("Score (%)"),
            "marked_by": t("Marked by"),
            "timeliness": t("In time?"),
        },
        file_name="results",
        alt=t("Results of this child, newest first"),
    )


def _resources(visit: Visit, child: str) -> None:
    found = record.resources(visit, child)
    page.section(
        t("What was used to learn"),
        t("Opened in the last {weeks} weeks, the newest first.", weeks=record.RESOURCE_DAYS // 7),
    )
    if found.is_empty():
        states.empty(t("Nothing was opened"), t("Books and work on paper are not known here."))
        return
    tables.table(
        found,
        {
            "title": t("What"),
            "course_title": t("Course"),
            "days_used": t("Days"),
            "minutes_used": t("Minutes"),
            "last_used": t("Last used"),
        },
        file_name="resources",
        alt=t("What this child used to learn, the newest first"),
    )
    page.how_worked_out(
        notes.definitions(**{t("Days"): "fct_resource_use", t("Minutes"): "fct_resource_use.minutes_used"})
        + "\n\n"
        + t("Single answers and clicks are not shown to families.")
    )
