"""The student's term: attendance, results and what was handed in when."""

from __future__ import annotations

import polars as pl

from dashboards import learner, words
from dashboards.components import page, states, tables
from dashboards.visit import Visit

t, tn = words.room(__name__)


def render(visit: Visit) -> None:
    """The page: attendance by week, then results."""
    me = visit.me
    session = learner.newest_session(visit, me)
    results = learner.results(visit, me)
    page.header(visit, t("My term"), _lead(session, results))
    if session is None:
        states.empty(
            t("No term yet"),
            t("This page fills up when you are enrolled in a class and its term has begun."),
        )
        return
    page.section(t("Attendance"))
    learner.show_attendance(learner.weeks(visit, me, session["session_key"]))
    page.section(t("Handed in"), t("Newest first, at most 30."))
    if results.is_empty():
        states.empty(
            t("Nothing handed in yet"),
            t("Quizzes, tests and assignments appear here when you hand them in."),
        )
        return
    tables.table(
        learner.with_timeliness(results),
        {
            "submitted_date": t("Handed in"),
            "title": t("What"),
            "course_title": t("Course"),
            "score_pct": t("Score (%)"),
            "timeliness": t("In time?"),
        },
        file_name="my-results",
        alt=t("What I handed in, newest first"),
    )


def _lead(session: dict | None, results: pl.DataFrame) -> str:
    if session is None:
        return t("Here you will see your attendance and your results.")
    scored = results.filter(pl.col("score_scaled").is_not_null())
    if scored.is_empty():
        if session["title"]:
            return t("Your attendance and results in {term}.", term=session["title"])
        return t("Your attendance and results in this term.")
    late = results.filter(pl.col("days_late") > 0).height
    mean = page.share(float(scored["score_scaled"].sum()) / scored.height)
    if not late:
        return tn(
            "Your last {count} results average {mean}, all of them on time. Check below what is missing.",
            "Your last {count} results average {mean}, all of them on time. Check below what is missing.",
            scored.height,
            mean=mean,
        )
    return tn(
        "Your last {count} results average {mean}, {late} of them late. Check below what is missing.",
        "Your last {count} results average {mean}, {late} of them late. Check below what is missing.",
        scored.height,
        mean=mean,
        late=late,
    )
