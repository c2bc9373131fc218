"""How the classes of each teacher have grown beyond what their students' earlier marks let expect. Rows only; the words are the page's."""

from __future__ import annotations

import dataclasses

import polars as pl

from dashboards.principal import estimates
from dashboards.principal.estimates import Spread
from dashboards.principal.measures import Choice
from dashboards.visit import Visit

LEAST_PAIRS = 10
"""Students with marks of two terms that a subject needs before anything is expected of anybody, as in `msr_growth`."""
_BEYOND = """
with scored as (
    select
        m.person_key, m.section_key, m.session_key, m.school_key, coalesce(c.subject, 'unknown') as subject, c.start_date,
        c.end_date, m.mean_score, m.score_count
    from msr_student m
    join dim_class c on c.section_key = m.section_key
    where m.score_count > 0 and ($school is null or m.school_key = $school)
),
earlier as (
    select person_key, subject, session_key, end_date, sum(mean_score * score_count) / sum(score_count) as score
    from scored
    group by all
),
paired as ( -- the newest of the person's terms in the subject that was over when this one began
    select l.person_key, l.section_key, l.subject, l.mean_score as after, e.score as before
    from scored l
    join earlier e on e.person_key = l.person_key and e.subject = l.subject and e.end_date < l.start_date
    where l.session_key = $session
    qualify row_number() over (partition by l.section_key, l.person_key order by e.end_date desc, e.session_key) = 1
),
expected as (
    select
        *, count(*) over of_subject as pairs,
        regr_intercept(after, before) over of_subject + regr_slope(after, before) over of_subject * before as expected
    from paired
    window of_subject as (partition by subject)
)
select t.person_key as teacher_key, e.section_key, e.person_key, e.after - e.expected as beyond
from expected e
join brg_enrolment t on t.section_key = e.section_key and t.role = 'teacher'
where e.pairs >= $least and e.expected is not null
"""
_TITLES = "select section_key, title from dim_class where session_key = $session"


@dataclasses.dataclass(frozen=True)
class Impact:
    """`rows`: classes (titles of one teacher's), student_count, estimate, low, high, reliability; `masked` teachers with too few."""

    rows: pl.DataFrame
    spread: Spread
    masked: int


def impact(visit: Visit, chosen: Choice) -> Impact:
    """One row per teacher (or those who teach together), named by the classes taught and in their alphabet's order: never a ranking."""
    found = visit.rows(_BEYOND, {**chosen.params, "least": LEAST_PAIRS})
    if found.is_empty():
        return Impact(pl.DataFrame(), Spread(0, 0.0, 0.0), 0)
    found = _by_team(found)
    shrunken, spread = estimates.shrink(found, group="team", value="beyond")
    titles = visit.rows(_TITLES, {"session": chosen.session_key})
    taught = (
        found.select("team", "section_key")
        .unique()
        .join(titles, on="section_key")
        .group_by("team")
        .agg(pl.col("title").sort().str.join(", ").alias("classes"))
    )
    shown = shrunken.filter(pl.col("student_count") >= visit.settings.small_group_size)
    rows = shown.join(taught, on="team").drop("team").sort("classes")
    return Impact(rows, spread, shrunken.height - shown.height)


def _by_team(found: pl.DataFrame) -> pl.DataFrame:
    """Teachers of the very same classes are one: their students are the same, so no figure can tell them apart."""
    teams = found.group_by("teacher_key").agg(
        pl.col("section_key").unique().sort().str.join(" ").alias("team")
    )
    return found.join(teams, on="teacher_key").drop("teacher_key").unique()
