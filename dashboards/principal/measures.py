"""The principal's figures: one row per group (school, grade, subject, class), small groups masked. No layout here."""

from __future__ import annotations

import dataclasses

import polars as pl

from dashboards.visit import Visit

_TERMS = """
select s.session_key, s.title
from dim_academic_session s
where exists (select 1 from dim_class c where c.session_key = s.session_key)
order by s.is_running desc, s.start_date desc
"""
_GROUPS = """
with newest as (
    select section_key, max(week_index) as week_index
    from msr_student_week
    where session_key = $session and is_complete
    group by section_key
),
term as (
    select
        w.section_key, w.person_key,
        coalesce(max(w.active_days) filter (where w.week_index = newest.week_index), 0) > 0 as is_active,
        sum(w.score_sum) as score_sum, sum(w.score_count) as score_count,
        sum(w.absent_count) as absent_count, sum(w.meeting_count) as meeting_count
    from msr_student_week w
    join newest on newest.section_key = w.section_key and w.week_index <= newest.week_index
    group by all
),
risk as (
    select section_key, person_key, risk >= (
        select quantile_cont(risk, 1 - $share::double) from prd_risk where session_key = $session
    ) as is_high
    from prd_risk
    where session_key = $session
),
joined as (
    select t.*, p.grade, coalesce(c.subject, c.course_title) as subject, c.title as class_title, r.is_high
    from term t
    join dim_class c on c.section_key = t.section_key
    left join dim_person p on p.person_key = t.person_key
    left join risk r on r.section_key = t.section_key and r.person_key = t.person_key
)
select
    case grouping(grade, subject, section_key) when 7 then 'school' when 3 then 'grade' when 5 then 'subject' else 'class' end
        as level,
    coalesce(grade, subject, section_key) as group_key,
    case when grouping(section_key) = 0 then any_value(class_title) else coalesce(grade, subject) end as title,
    count(distinct person_key) as student_count,
    avg(is_active::int) as active_share,
    sum(score_sum) / nullif(sum(score_count), 0) as mean_score,
    sum(absent_count) / nullif(sum(meeting_count), 0) as absence_rate,
    avg(is_high::int) as risk_share
from joined
group by grouping sets ((), (grade), (subject), (section_key))
order by level, title
"""
_WEEKS = """
select
    week_index, sum(active_student_count) / nullif(sum(student_count), 0) as active_share,
    sum(correct_count) / nullif(sum(attempt_count), 0) as correct_share,
    sum(absence_rate * student_count) / nullif(sum(student_count) filter (where absence_rate is not null), 0)
        as absence_rate
from msr_class_week w
where session_key = $session and week_index between 1 and (
    select max(week_index) from msr_student_week where session_key = $session and is_complete
)
group by week_index
order by week_index
"""


@dataclasses.dataclass(frozen=True)
class Measure:
    """One figure that groups are compared by. `needs_first` says which end of the scale asks for help."""

    name: str
    label: str
    explanation: str
    high_is_need: bool


MEASURES = {
    measure.name: measure
    for measure in (
        Measure(
            "risk_share",
            "At highest risk",
            "Share of the group's students who are among the part of the school at highest risk of failing or leaving",
            True,
        ),
        Measure("mean_score", "Mean score", "Mean score of assessments handed in this term", False),
        Measure(
            "active_share", "Active", "Share of students with any activity in the newest complete week", False
        ),
        Measure("absence_rate", "Absence", "Share of lessons missed without excuse this term", True),
    )
}


def terms(visit: Visit) -> dict[str, str]:
    """session_key to title of the terms with classes that the viewer may see, running ones first."""
    return dict(visit.rows(_TERMS).iter_rows())


def groups(visit: Visit, session_key: str) -> pl.DataFrame:
    """All groups of one term with the four measures; empty measures where fewer students than `small_group_size`."""
    frame = visit.rows(_GROUPS, {"session": session_key, "share": visit.settings.at_risk_share})
    return mask_small(frame, visit.settings.small_group_size)


def weeks(visit: Visit, session_key: str) -> pl.DataFrame:
    """The school's complete weeks of one term."""
    return visit.rows(_WEEKS, {"session": session_key})


def mask_small(frame: pl.DataFrame, size: int) -> pl.DataFrame:
    """`frame` with the measures of groups under `size` students emptied, and `is_masked` telling so."""
    small = pl.col("student_count") < size
    return frame.with_columns(
        *(pl.when(small).then(None).otherwise(pl.col(name)).alias(name) for name in MEASURES),
        small.alias("is_masked"),
    )
