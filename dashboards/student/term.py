"""The student's term: attendance, results and what was handed in when."""

from __future__ import annotations

import polars as pl

from dashboards import learner
from dashboards.components import page, states, tables
from dashboards.visit import Visit


def render(visit: Visit) -> None:
    """The page: attendance by week, then results."""
    me = visit.me
    session = learner.newest_session(visit, me)
    results = learner.results(visit, me)
    page.header(visit, "My term", _lead(session, results))
    if session is None:
        states.empty(
            "No term yet", "This page fills up when you are enrolled in a class and its term has begun."
        )
        return
    page.section("Attendance")
    learner.show_attendance(learner.weeks(visit, me, session["session_key"]))
    page.section("Handed in", "Newest first, at most 30.")
    if results.is_empty():
        states.empty(
            "Nothing handed in yet", "Quizzes, tests and assignments appear here when you hand them in."
        )
        return
    tables.table(
        learner.with_timeliness(results),
        {
            "submitted_date": "Handed in",
            "title": "What",
            "course_title": "Course",
            "score_pct": "Score (%)",
            "timeliness": "In time?",
        },
        file_name="my-results",
        alt="What I handed in, newest first",
    )


def _lead(session: dict | None, results: pl.DataFrame) -> str:
    if session is None:
        return "Here you will see your attendance and your results."
    scored = results.filter(pl.col("score_scaled").is_not_null())
    if scored.is_empty():
        return f"Your attendance and results in {session['title'] or 'this term'}."
    late = results.filter(pl.col("days_late") > 0).height
    lateness = "all of them on time" if not late else f"{late} of them late"
    return (
        f"Your last {scored.height} results average {scored['score_scaled'].sum() / scored.height:.0%}, {lateness}. "
        "Check below what is missing."
    )
