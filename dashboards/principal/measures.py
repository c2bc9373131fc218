"""The principal's figures: schools, terms, classes and subgroups by the marts' own definitions, small groups masked. No layout here."""

from __future__ import annotations

import dataclasses

import polars as pl

from dashboards import words
from dashboards.visit import Visit
from dashboards.words import mark

t, _tn = words.room(__name__)
ALL = "all"
"""The choice that stands for every school that the principal leads."""
_SCHOOLS = """
select distinct c.school_key, o.title
from dim_class c
join dim_organisation o on o.school_key = c.school_key
where c.session_key is not null
order by o.title, c.school_key
"""
_TERMS = """
select s.session_key, s.title
from dim_academic_session s
where exists (select 1 from dim_class c where c.session_key = s.session_key)
order by s.is_running desc, s.start_date desc
"""
_STUDENTS = """
with high as (
    select quantile_cont(risk, 1 - $share::double) as risk
    from prd_risk
    where session_key = $session and ($school is null or school_key = $school)
)
select
        m.section_key, m.person_key, m.is_inactive, m.mean_score * m.score_count as score_sum, m.score_count, m.done_count,
        m.task_count, m.is_repeating, m.is_late_joiner, coalesce(c.subject, 'unknown') as subject, c.title as class_title,
        coalesce(p.grade, 'unknown') as grade, a.is_chronically_absent, r.risk >= high.risk as is_high
    from msr_student m
    join dim_class c on c.section_key = m.section_key
    left join dim_person p on p.person_key = m.person_key
    left join msr_attendance a
        on a.person_key = m.person_key and a.session_key = m.session_key and a.school_key = m.school_key
    left join prd_risk r on r.section_key = m.section_key and r.person_key = m.person_key
cross join high
where m.session_key = $session and m.is_enrolled and ($school is null or m.school_key = $school)
"""
_CLASSES = f"""
with student as ({_STUDENTS}),
member as ( -- as in msr_subgroup: one row per person in the group, however many classes
    select
        section_key, person_key, any_value(class_title) as class_title, bool_and(is_inactive) as is_inactive,
        sum(score_sum) / nullif(sum(score_count), 0) as mean_score,
        sum(done_count) / nullif(sum(task_count), 0) as completion_share,
        any_value(is_chronically_absent) as is_chronically_absent, bool_or(is_high) as is_high
    from student
    group by grouping sets ((person_key), (section_key, person_key))
)
select
    case when section_key is null then 'school' else 'class' end as level, section_key as group_key,
    case when section_key is not null then any_value(class_title) end as title, count(*) as student_count,
    avg(is_inactive::int) as inactive_share, avg(mean_score) as mean_score, avg(completion_share) as completion_share,
    avg(is_chronically_absent::int) as chronic_absence_share, avg(is_high::int) as risk_share
from member
group by section_key
order by level, title
"""
_SUBGROUPS = f"""
with student as ({_STUDENTS}),
risk as (
    select
        case grouping(grade, subject, is_repeating, is_late_joiner)
            when 7 then 'grade' when 11 then 'subject' when 13 then 'repeating' else 'joined'
        end as dimension,
        coalesce(
            grade, subject, case is_repeating when true then 'repeats the course' when false then 'first time' end,
            case is_late_joiner when true then 'after the start' when false then 'from the start' end
        ) as subgroup,
        count(distinct person_key) filter (is_high) / nullif(count(distinct person_key) filter (is_high is not null), 0)
            as risk_share
    from student
    group by grouping sets ((grade), (subject), (is_repeating), (is_late_joiner))
)
select
    g.school_key, o.title as school_title, g.dimension as level, g.subgroup as group_key, g.subgroup as title,
    g.student_count, g.is_small, g.inactive_share, g.mean_score, g.completion_share, g.chronic_absence_share,
    case when not g.is_small then risk.risk_share end as risk_share
from msr_subgroup g
left join dim_organisation o on o.school_key = g.school_key
left join risk on risk.dimension = g.dimension and risk.subgroup = g.subgroup
where g.session_key = $session and ($school is null or g.school_key = $school)
order by g.dimension, o.title, g.subgroup
"""
_COMPLETE_WEEKS = """
select w.*
from msr_school_week w
join dim_academic_session s on s.session_key = w.session_key
where w.week_index >= 1 and (not s.is_running or w.week_end_date < s.as_of_date)
    and ($school is null or w.school_key = $school)
"""
_WEEKS = f"""
with week as ({_COMPLETE_WEEKS})
select
    week_index, sum(student_count) as student_count, sum(active_student_count) as active_student_count,
    sum(active_student_count) / nullif(sum(student_count), 0) as active_share,
    sum(correct_count) / nullif(sum(attempt_count), 0) as correct_share,
    sum(mean_score * student_count) / nullif(sum(student_count) filter (where mean_score is not null), 0) as mean_score,
    sum(absence_rate * student_count) / nullif(sum(student_count) filter (where absence_rate is not null), 0)
        as absence_rate
from week
where session_key = $session
group by week_index
order by week_index
"""
_BY_TERM = f"""
with week as ({_COMPLETE_WEEKS}),
active as (
    select
        session_key, sum(active_student_count) / nullif(sum(student_count), 0) as active_share,
        sum(correct_count) / nullif(sum(attempt_count), 0) as correct_share,
        sum(absence_rate * student_count) / nullif(sum(student_count) filter (where absence_rate is not null), 0)
            as absence_rate
    from week
    group by session_key
),
person as ( -- as in msr_subgroup: each student counts once, however many classes
    select
        session_key, person_key, sum(mean_score * score_count) / nullif(sum(score_count), 0) as mean_score,
        sum(done_count) / nullif(sum(task_count), 0) as completion_share
    from msr_student
    where is_enrolled and ($school is null or school_key = $school)
    group by all
),
student as (
    select
        session_key, count(*) as student_count, avg(mean_score) as mean_score, avg(completion_share) as completion_share
    from person
    group by session_key
)
select
    s.session_key, s.title, s.start_date, student.student_count, student.mean_score, student.completion_share,
    active.active_share, active.correct_share, active.absence_rate
from dim_academic_session s
join student on student.session_key = s.session_key
left join active on active.session_key = s.session_key
order by s.start_date
"""


@dataclasses.dataclass(frozen=True)
class Measure:
    """One figure that groups are compared by, `within` as it stands in a sentence; `high_is_need`: which end asks for help."""

    name: str
    label: str
    within: str
    explanation: str
    high_is_need: bool


MEASURES = {
    measure.name: measure
    for measure in (
        Measure(
            "risk_share",
            mark("At highest risk"),
            mark("at highest risk"),
            mark(
                "Share of the group's students who are among the part of the school at highest risk of failing or leaving"
            ),
            True,
        ),
        Measure(
            "mean_score",
            mark("Mean score"),
            mark("mean score"),
            mark("Mean of the students' mean scores of what they handed in"),
            False,
        ),
        Measure(
            "completion_share",
            mark("Completion"),
            mark("completion"),
            mark("Mean share of the term's tasks that are handed in, those still to come included"),
            False,
        ),
        Measure(
            "inactive_share",
            mark("Inactive"),
            mark("inactive"),
            mark("Share of students who are inactive in all their classes"),
            True,
        ),
        Measure(
            "chronic_absence_share",
            mark("Chronic absence"),
            mark("chronic absence"),
            mark(
                "Share of students who miss so many days that they are chronically absent, of those who can be judged"
            ),
            True,
        ),
    )
}
LEVELS = {
    "class": mark("Class"),
    "grade": mark("Grade"),
    "subject": mark("Subject"),
    "repeating": mark("First time or repeating"),
    "joined": mark("From the start or later"),
}
"""What groups are made by: classes, and the dimensions of `msr_subgroup`."""
SUBGROUPS = (
    mark("first time"),
    mark("repeats the course"),
    mark("from the start"),
    mark("after the start"),
    mark("unknown"),
)
"""Titles of `msr_subgroup` that are words and not the school's own."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """One term, of one school or (school_key None) of all that the principal leads."""

    session_key: str
    school_key: str | None

    @property
    def params(self) -> dict[str, str | None]:
        """As the queries take it."""
        return {"session": self.session_key, "school": self.school_key}


def schools(visit: Visit) -> dict[str, str]:
    """school_key to title of the schools with classes that the viewer leads."""
    return dict(visit.rows(_SCHOOLS).iter_rows())


def terms(visit: Visit) -> dict[str, str]:
    """session_key to title of the terms with classes that the viewer may see, running ones first."""
    return dict(visit.rows(_TERMS).iter_rows())


def groups(visit: Visit, chosen: Choice) -> pl.DataFrame:
    """The school (one row of level `school`) and its classes with the measures; none of small classes."""
    found = visit.rows(_CLASSES, {**chosen.params, "share": visit.settings.at_risk_share})
    return mask_small(found, visit.settings.small_group_size)


def subgroups(visit: Visit, chosen: Choice) -> pl.DataFrame:
    """The groups of `msr_subgroup` with the measures; the mart says which are small, the door empties them."""
    found = visit.rows(_SUBGROUPS, {**chosen.params, "share": visit.settings.at_risk_share})
    found = found.with_columns(pl.col("title").replace({title: t(title) for title in SUBGROUPS}))
    if found["school_key"].n_unique() > 1:
        found = found.with_columns(pl.concat_str("title", pl.lit(" · "), "school_title").alias("title"))
    return found.with_columns(pl.col("is_small").alias("is_masked"))


def weeks(visit: Visit, chosen: Choice) -> pl.DataFrame:
    """The complete weeks of one term, oldest first."""
    return visit.rows(_WEEKS, chosen.params)


def by_term(visit: Visit, school_key: str | None) -> pl.DataFrame:
    """One row per term, oldest first; measures of a term with few students are empty."""
    found = visit.rows(_BY_TERM, {"school": school_key})
    small = pl.col("student_count") < visit.settings.small_group_size
    names = ("mean_score", "completion_share", "active_share", "correct_share", "absence_rate")
    return found.with_columns(pl.when(~small).then(pl.col(name)).alias(name) for name in names)


def mask_small(frame: pl.DataFrame, size: int) -> pl.DataFrame:
    """`frame` with the measures of groups under `size` students emptied, and `is_masked` telling so.

    Where one class alone is small, the next smallest is masked with it, as in `msr_subgroup`: the whole school less all other
    classes would be that class.
    """
    is_class, count = pl.col("level") == "class", pl.col("student_count")
    small = frame.filter(is_class & (count < size))
    hidden = set(small["group_key"])
    if small.height == 1:
        others = frame.filter(is_class & (count >= size)).sort("student_count", "group_key")
        hidden |= set(others["group_key"].head(1))
    masked = (~is_class & (count < size)) | (is_class & pl.col("group_key").is_in(list(hidden)))
    return frame.with_columns(
        *(pl.when(masked).then(None).otherwise(pl.col(name)).alias(name) for name in MEASURES),
        masked.alias("is_masked"),
    )
