"""What needs a principal's attention, most urgent first: stale figures, silent sources, classes without activity. As plain sentences."""

from __future__ import annotations

import datetime as dt

import polars as pl

from dashboards import words
from dashboards.components import page
from dashboards.principal.measures import Choice
from dashboards.visit import Visit
from learnlake import clock

t, tn = words.room(__name__)
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
            tn(
                "These figures are {count} day old: ask your administrator why no newer ones are published.",
                "These figures are {count} days old: ask your administrator why no newer ones are published.",
                (today - as_of).days,
            )
        )
    edge = dt.datetime.combine(as_of - dt.timedelta(days=STALE_DAYS), dt.time())
    for row in visit.rows(_SILENT, {"edge": edge}).iter_rows(named=True):
        found.append(
            t(
                "{platform} has sent nothing since {day}: what happens there is missing here. Ask your administrator.",
                platform=row["platform"] or t("A learning system"),
                day=page.short_day(row["last_stored_at"].date()),
            )
        )
    quiet = visit.rows(_QUIET_CLASSES, chosen.params)["title"].to_list()
    if quiet:
        found.append(
            t(
                "Nobody was active last week in {classes}: ask their teachers whether the class meets.",
                classes=_some(quiet),
            )
        )
    absent = groups.filter((pl.col("level") == "class") & (pl.col("chronic_absence_share") >= ABSENCE_SHARE))
    if absent.height:
        titles = absent.sort("chronic_absence_share", descending=True)["title"].to_list()
        found.append(
            t(
                "{share} of the students or more are chronically absent in {classes}: speak with the families.",
                share=page.share(ABSENCE_SHARE),
                classes=_some(titles),
            )
        )
    return found


def _some(titles: list[str]) -> str:
    more = len(titles) - NAMED
    listed = ", ".join(titles[:NAMED])
    if more <= 0:
        return listed
    return tn("{classes} and {count} more class", "{classes} and {count} more classes", more, classes=listed)
