"""What a guardian reads about a child: rows by the child's key, from marts that families may see. Words are the page's."""

from __future__ import annotations

import polars as pl

from dashboards.visit import Visit

DUE_DAYS = 14
"""How far ahead deadlines are told."""
RESOURCE_DAYS = 28
"""How far back resources are told: about what parents and children still remember."""
_STANDING = """
with class as (
    select
        m.person_key, max(m.last_active_date) as last_active_date, min(m.days_since_active) as days_since_active,
        bool_and(m.is_inactive) as is_inactive, sum(m.overdue_count) as overdue_count, sum(m.task_count) as task_count,
        sum(m.done_count) as done_count, sum(m.mean_score * m.score_count) / nullif(sum(m.score_count), 0) as mean_score
    from msr_student m
    join dim_academic_session s on s.session_key = m.session_key
    where s.is_running and m.is_enrolled
    group by m.person_key
),
absence as (
    select
        a.person_key, sum(a.day_count) as day_count, sum(a.missed_count) as missed_count,
        sum(a.excused_count) as excused_count, sum(a.late_count) as late_count,
        bool_or(a.is_chronically_absent) as is_chronically_absent
    from msr_attendance a
    join dim_academic_session s on s.session_key = a.session_key
    where s.is_running
    group by a.person_key
)
select
    p.person_key, class.* exclude (person_key), absence.* exclude (person_key), coalesce(k.current_days, 0) as streak_days,
    k.longest_days
from dim_person p
left join class on class.person_key = p.person_key
left join absence on absence.person_key = p.person_key
left join msr_streak k on k.person_key = p.person_key
where p.role = 'student'
"""
_TASKS = """
select a.title, t.due_date, t.state, t.days_left, c.course_title
from fct_task t
join dim_class c on c.section_key = t.section_key and c.is_running
left join dim_activity a on a.activity_key = t.activity_key
where t.person_key = $person and (t.state = 'overdue' or (t.state = 'open' and t.days_left between 0 and $days))
order by t.due_date, a.title
"""
_BADGES = (
    "select title, earned_date from msr_badge where person_key = $person order by earned_date desc, title"
)
_FEEDBACK = """
select
    r.submitted_date, a.title, c.course_title, r.days_late,
    coalesce(r.graded_score_scaled, r.score_scaled) as score_scaled, r.graded_at is not null as is_marked
from fct_assessment_result r
left join dim_activity a on a.activity_key = r.activity_key
left join dim_class c on c.section_key = r.section_key
where r.person_key = $person and not r.is_banked
order by r.submitted_at desc
limit 30
"""
_RESOURCES = """
select
    a.title, any_value(c.course_title) as course_title, count(distinct r.used_date) as days_used,
    sum(r.minutes_used) as minutes_used, max(r.used_date) as last_used
from fct_resource_use r
left join dim_activity a on a.activity_key = r.activity_key
left join dim_class c on c.section_key = r.section_key
where r.person_key = $person and r.used_date > $as_of::date - $days::integer and r.used_date <= $as_of::date
group by a.title
order by last_used desc, days_used desc, a.title
"""


def standing(visit: Visit) -> pl.DataFrame:
    """One row per child that the guardian may see: tasks, activity, attendance of the running terms, streak."""
    return visit.rows(_STANDING)


def tasks(visit: Visit, child: str) -> pl.DataFrame:
    """What is overdue, and what is due within DUE_DAYS and not handed in, by due date."""
    return visit.rows(_TASKS, {"person": child, "days": DUE_DAYS})


def badges(visit: Visit, child: str) -> pl.DataFrame:
    """Badges earned, newest first."""
    return visit.rows(_BADGES, {"person": child})


def feedback(visit: Visit, child: str) -> pl.DataFrame:
    """The newest thirty hand-ins with the newest mark, newest first."""
    return visit.rows(_FEEDBACK, {"person": child})


def resources(visit: Visit, child: str) -> pl.DataFrame:
    """What was opened in the last RESOURCE_DAYS, last used first; never what was answered."""
    return visit.rows(_RESOURCES, {"person": child, "as_of": visit.build.as_of, "days": RESOURCE_DAYS})
