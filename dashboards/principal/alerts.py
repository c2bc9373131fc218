"""What needs a principal's attention, most urgent first: stale figures, silent sources, classes without activity. As plain sentences."""

from __future__ import annotations

import datetime as dt

import polars as pl

from dashboards.components import page
from dashboards.principal.measures import Choice
from dashboards.visit import Visit
from learnlake import clock

STALE_DAYS = 2
"""Figures or sources that are older are named: one school day and its night may pass."""
ABSENCE_SHARE = 0.2
"""A class where so many are chronically absent is named: twice what counts as chronic for one student."""
NAMED = 3
"""Classes named in one sentence; the table below has all."""
_SILENT = (
    "select platform, last_stored_at from qc_freshness where last_stored_at < $edge order by last_stored_at"
)
_QUIET_CLASSES = """
select c.title
from msr_class_week w
join dim_class c on c.section_key = w.section_key
join dim_academic_session s on s.session_key = w.session_key
where w.session_key = $session and ($school is null or w.school_key = $school) and s.is_running
    and w.week_end_date < s.as_of_date and w.week_end_date >= s.as_of_date - 7 and w.active_student_count = 0
order by c.title
"""


def alerts(visit: Visit, chosen: Choice, groups: pl.DataFrame) -> list[str]:
    """Sentences that say what is wrong and what to do about it; none on a good day."""
    found = []
    today, as_of = clock.today(visit.settings), visit.build.as_of
    if (today - as_of).days >= STALE_DAYS:
        found.append(
            f"These figures are {page.count((today - as_of).days, 'day', 'days')} old: ask your administrator why no newer ones are "
            "published."
        )
    edge = dt.datetime.combine(as_of - dt.timedelta(days=STALE_DAYS), dt.time())
    for row in visit.rows(_SILENT, {"edge": edge}).iter_rows(named=True):
        found.append(
            f"{row['platform'] or 'A learning system'} has sent nothing since {page.short_day(row['last_stored_at'].date())}: what "
            "happens there is missing here. Ask your administrator."
        )
    quiet = visit.rows(_QUIET_CLASSES, chosen.params)["title"].to_list()
    if quiet:
        found.append(
            f"Nobody was active last week in {_some(quiet)}: ask their teachers whether the class meets."
        )
    absent = groups.filter((pl.col("level") == "class") & (pl.col("chronic_absence_share") >= ABSENCE_SHARE))
    if absent.height:
        titles = absent.sort("chronic_absence_share", descending=True)["title"].to_list()
        found.append(
            f"{ABSENCE_SHARE:.0%} of the students or more are chronically absent in {_some(titles)}: speak with the families."
        )
    return found


def _some(titles: list[str]) -> str:
    more = len(titles) - NAMED
    listed = ", ".join(titles[:NAMED])
    return f"{listed} and {page.count(more, 'more class', 'more classes')}" if more > 0 else listed
