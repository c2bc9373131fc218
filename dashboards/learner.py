"""One learner's record, read the same way for the learner, a guardian and a teacher. Words for the reader stay in the pages."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards import design, words
from dashboards.components import charts, notes, page, states
from dashboards.visit import Visit
from dashboards.words import mark

t, tn = words.room(__name__)
_MASTERY = """
select
    m.skill_key, s.title as skill, c.title as course, m.course_key, m.mastery, m.is_mastered, m.opportunity_count,
    m.correct_count, m.last_attempt_at
from prd_mastery m
join dim_skill s on s.skill_key = m.skill_key
left join dim_course c on c.course_key = m.course_key
where m.person_key = $person and not s.is_combination and ($section is null or m.section_key = $section)
order by c.title nulls last, m.is_mastered, m.mastery desc, s.title
"""
_WEEKS = """
select
    w.week_index, w.week_start_date, w.week_end_date, w.is_complete,
    sum(w.minutes_active) as minutes_active, max(w.active_days) as active_days, sum(w.attempt_count) as attempt_count,
    sum(w.correct_count) as correct_count,
    sum(w.correct_count) / nullif(sum(w.attempt_count), 0) as correct_share,
    sum(w.submitted_count) as submitted_count, sum(w.submitted_late_count) as submitted_late_count,
    sum(w.due_count) as due_count, sum(w.on_time_due_count) as on_time_due_count,
    sum(w.score_sum) as score_sum, sum(w.score_count) as score_count,
    sum(w.meeting_count) as meeting_count, sum(w.absent_count) as absent_count, sum(w.excused_count) as excused_count,
    sum(w.late_count) as late_count, max(w.last_active_date) as last_active_date
from msr_student_week w
where w.person_key = $person and w.session_key is not distinct from $session and w.week_index >= 1
    and ($section is null or w.section_key = $section)
group by all
order by w.week_index
"""
_SESSION = """
select w.session_key, s.title, s.is_running
from msr_student_week w
left join dim_academic_session s on s.session_key = w.session_key
where w.person_key = $person
group by all
order by s.is_running desc nulls last, max(w.week_start_date) desc nulls last
limit 1
"""
_NEXT = """
select n.rank, n.kind, n.why, a.title, a.type, a.iri, a.duration_minutes, a.due_date, s.title as skill, n.section_key,
    c.course_title, n.as_of
from prd_next_activity n
left join dim_activity a on a.activity_key = n.activity_key
left join dim_skill s on s.skill_key = n.skill_key
left join dim_class c on c.section_key = n.section_key
where n.person_key = $person and ($section is null or n.section_key = $section)
order by n.rank, c.course_title
"""
_KINDS = {
    "assigned": mark("chosen by a teacher"),
    "learn": mark("new"),
    "practise": mark("practice"),
    "review": mark("review"),
}
_DUE = """
select distinct a.title, a.due_date, a.weight, e.section_key, c.course_title
from brg_enrolment e
join dim_class c on c.section_key = e.section_key and c.is_running
join dim_activity a on a.course_key = e.course_key and a.due_date between c.start_date and c.end_date
where e.person_key = $person and e.role = 'student' and e.is_active
    and a.due_date between c.as_of_date and c.as_of_date + interval 14 day
    and not exists (
        select 1 from fct_assessment_result r
        where r.person_key = e.person_key and r.activity_key = a.activity_key
    )
order by a.due_date, a.title
"""
_RESULTS = """
select a.title, c.course_title, r.submitted_date, r.score_scaled, r.days_late
from fct_assessment_result r
left join dim_activity a on a.activity_key = r.activity_key
left join dim_class c on c.section_key = r.section_key
where r.person_key = $person and not r.is_banked and ($section is null or r.section_key = $section)
order by r.submitted_at desc
limit 30
"""


def mastery(visit: Visit, person_key: str, section_key: str | None = None) -> pl.DataFrame:
    """Skills of `person_key` with band, by course, mastered last."""
    frame = visit.rows(_MASTERY, {"person": person_key, "section": section_key})
    threshold = visit.settings.mastery_threshold
    return frame.with_columns(charts.band("mastery", "opportunity_count", threshold=threshold).alias("band"))


def newest_session(visit: Visit, person_key: str) -> dict | None:
    """The running session that `person_key` is in, or the last one; None without any."""
    found = visit.rows(_SESSION, {"person": person_key})
    return found.row(0, named=True) if found.height else None


def weeks(
    visit: Visit, person_key: str, session_key: str | None, section_key: str | None = None
) -> pl.DataFrame:
    """All classes of one session together (or one class), one row per week from week 1 on, oldest first."""
    return visit.rows(_WEEKS, {"person": person_key, "session": session_key, "section": section_key})


def next_activities(visit: Visit, person_key: str, section_key: str | None = None) -> pl.DataFrame:
    """What the recommender proposes, best first, with its reason."""
    return visit.rows(_NEXT, {"person": person_key, "section": section_key})


def due_soon(visit: Visit, person_key: str) -> pl.DataFrame:
    """What is due within two weeks and not handed in yet, soonest first."""
    return visit.rows(_DUE, {"person": person_key})


def results(visit: Visit, person_key: str, section_key: str | None = None) -> pl.DataFrame:
    """The newest thirty assessments handed in, newest first."""
    return visit.rows(_RESULTS, {"person": person_key, "section": section_key})


def with_timeliness(found: pl.DataFrame) -> pl.DataFrame:
    """`found` as from `results`, with `score_pct` and the words `timeliness`: on time, or how late."""
    said = [
        None
        if days is None
        else tn("{count} day late", "{count} days late", days)
        if days > 0
        else t("on time")
        for days in found["days_late"]
    ]
    return found.with_columns(
        (100 * pl.col("score_scaled")).round(0).alias("score_pct"), pl.Series("timeliness", said, pl.String)
    )


def show_next(found: pl.DataFrame, *, limit: int = 3) -> None:
    """The next activities as cards, each with its reason."""
    import html

    for place, row in enumerate(found.head(limit).iter_rows(named=True), start=1):
        title = html.escape(row["title"] or row["skill"] or t("Activity"))
        facts = [t(_KINDS[row["kind"]]) if row["kind"] in _KINDS else None, row["course_title"], row["skill"]]
        if row["duration_minutes"]:
            facts.append(tn("about one minute", "about {count} minutes", round(row["duration_minutes"])))
        with st.container(border=True):
            st.html(
                f'<div class="ll-row"><span class="ll-rank">{place}</span><div class="ll-body">'
                f'<span class="ll-name">{title}</span>'
                f'<div class="ll-small">{html.escape(" · ".join(fact for fact in facts if fact))}</div>'
                f'<div style="margin-top:.3rem">{html.escape(row["why"])}</div></div></div>'
            )


def show_mastery(visit: Visit, frame: pl.DataFrame) -> None:
    """Mastery bars by course, with the note on how it is worked out."""
    if frame.is_empty():
        states.empty(
            t("No answers with skills yet"),
            t("Mastery appears after the first questions whose skills the course catalogue names."),
        )
        return
    threshold = visit.settings.mastery_threshold
    for course, part in frame.group_by("course", maintain_order=True):
        done = int(part["is_mastered"].sum())
        charts.title(
            t(
                "{course}: {done} of {all} skills mastered",
                course=str(course[0] or t("Other skills")),
                done=done,
                all=part.height,
            ),
            t("Probability that the skill is known; strongest of those still to master first"),
        )
        charts.mastery_bars(part, threshold=threshold)
    page.how_worked_out(
        t(
            "Worked out from the order of right and wrong answers (Bayesian knowledge tracing): a right answer moves the "
            "bar up, a wrong one down, and lucky guesses and slips are allowed for. **Mastered** counts from {threshold} on.",
            threshold=words.percent(threshold),
        )
        + "\n\n"
        + notes.definitions(Mastery="prd_mastery.mastery", Answers="prd_mastery.opportunity_count")
    )


def show_attendance(frame: pl.DataFrame) -> None:
    """Lessons attended and missed by week; `frame` as from `weeks`."""
    met = frame.filter(pl.col("meeting_count") > 0)
    if met.is_empty():
        states.empty(
            t("No attendance recorded"),
            t("It appears when the school's systems report lessons attended or missed."),
        )
        return
    colours = design.palette()
    tones = {
        t("Present"): colours.fine,
        t("Late"): colours.watch,
        t("Excused"): colours.neutral,
        t("Absent"): colours.attention,
    }
    excused, late, absent = pl.col("excused_count"), pl.col("late_count"), pl.col("absent_count")
    counted = met.select(
        "week_index",
        late.alias(t("Late")),
        excused.alias(t("Excused")),
        absent.alias(t("Absent")),
        (pl.col("meeting_count") - late - excused - absent).clip(0).alias(t("Present")),
    ).unpivot(index="week_index", variable_name="what", value_name="lessons")
    missed, lessons = int(met["absent_count"].sum()), int(met["meeting_count"].sum())
    finding = t("{missed} of {lessons} lessons missed without excuse", missed=missed, lessons=lessons)
    charts.figure(
        finding,
        t("Lessons by week of the term"),
        charts.stacked_weeks(counted, y="lessons", series="what", colours=tones, y_title=t("Lessons")),
        text=t("Stacked bars of lessons by week: {finding}.", finding=finding),
        how=notes.definitions(
            Days="msr_student_week.meeting_count",
            Absent="msr_student_week.absent_count",
            Late="msr_student_week.late_count",
        ),
    )
