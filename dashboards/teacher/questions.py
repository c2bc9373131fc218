"""The questions that a class answers: which to read again because their figures say that something may be wrong, and who answers what."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.classes import choose_class, classes
from dashboards.components import charts, filters, notes, page, states, tables
from dashboards.visit import Visit

t, tn = words.room(__name__)
MOST = 8
"""Bars in the picture of what is answered most."""
_ITEMS = """
select i.activity_key, a.title, i.person_count, i.attempt_count, i.difficulty, i.point_biserial, i.median_seconds,
    coalesce(i.is_maybe_miskeyed, false) as is_maybe_miskeyed, coalesce(i.is_maybe_ambiguous, false) as is_maybe_ambiguous
from msr_item i
join dim_activity a on a.activity_key = i.activity_key
where a.course_key = (select course_key from dim_class where section_key = $section)
order by i.is_maybe_miskeyed desc nulls last, i.is_maybe_ambiguous desc nulls last, i.point_biserial, a.title
"""
_RESPONSES = """
select response_text, is_correct, person_count, response_share, mean_rest_share
from msr_item_response
where activity_key = $item
order by person_count desc nulls last, response_text nulls last
"""
_ATTEMPTED = """
select f.activity_key, coalesce(a.title, f.activity_key) as title, count(*) as attempt_count
from fct_attempt f
left join dim_activity a on a.activity_key = f.activity_key
where f.section_key = $section
group by all
order by attempt_count desc, title
limit $most
"""


def render(visit: Visit) -> None:
    """The page: flagged questions, all questions, one question's answers, what the class answers most."""
    found = classes(visit)
    if not found:
        page.header(visit, t("Questions"), t("Here you will see which questions to read again."))
        states.empty(t("No class is assigned to you yet"), t("Your administrator can assign one."))
        return
    heading = st.container()
    chosen = choose_class(found)
    items = visit.rows(_ITEMS, {"section": chosen.section_key})
    flagged = items.filter(pl.col("is_maybe_miskeyed") | pl.col("is_maybe_ambiguous"))
    with heading:
        page.header(
            visit,
            t("Questions"),
            _lead(items, flagged),
            as_of=chosen.as_of_date,
            section_key=chosen.section_key,
        )
    if items.is_empty():
        states.empty(
            t("No question has been answered often enough"),
            t("Figures on a question appear when enough different students have answered it."),
        )
    else:
        _table(items)
        _one(visit, items)
    _most(visit, chosen.section_key)


def _lead(items: pl.DataFrame, flagged: pl.DataFrame) -> str:
    if items.is_empty():
        return t("Here you will see which questions to read again.")
    if flagged.is_empty():
        return t("Nothing to mend: no question's figures look wrong.")
    return tn(
        "Read {count} question again: its figures say that something may be wrong with it.",
        "Read {count} questions again: their figures say that something may be wrong with them.",
        flagged.height,
    )


def _remark() -> pl.Expr:
    return (
        pl.when("is_maybe_miskeyed")
        .then(pl.lit(t("Perhaps the wrong answer counts as right")))
        .when("is_maybe_ambiguous")
        .then(pl.lit(t("Perhaps two answers are right")))
        .otherwise(pl.lit(""))
    )


def _table(items: pl.DataFrame) -> None:
    page.section(
        t("Every question of the course"),
        t("By everybody who answered it, in all classes: a class of thirty alone would say too little."),
    )
    tables.table(
        items.with_columns(_remark().alias("remark"), (100 * pl.col("difficulty")).alias("right_pct")),
        {
            "title": t("Question"),
            "remark": t("Look at"),
            "right_pct": t("Right (%)"),
            "point_biserial": t("Tells apart (-1 to 1)"),
            "person_count": t("Students"),
            "median_seconds": t("Seconds (median)"),
        },
        file_name="questions",
        config={
            t("Look at"): st.column_config.TextColumn(width=300),
            t("Tells apart (-1 to 1)"): st.column_config.NumberColumn(format="%.2f", width="small"),
        },
        alt=t("Every question of the course, those to read again first"),
    )
    page.how_worked_out(
        notes.definitions(
            **{
                t("Right"): "msr_item.difficulty",
                t("Tells apart"): "msr_item.point_biserial",
                t("Wrong key?"): "msr_item.is_maybe_miskeyed",
                t("Two right?"): "msr_item.is_maybe_ambiguous",
            }
        )
    )


def _one(visit: Visit, items: pl.DataFrame) -> None:
    page.section(t("What was answered"))
    titles = {row["activity_key"]: row["title"] or row["activity_key"] for row in items.iter_rows(named=True)}
    item = filters.choose(t("Question"), titles, param="item")
    given = visit.rows(_RESPONSES, {"item": item})
    if given.is_empty():
        states.empty(
            t("The answers are not known"),
            t("The learning system says whether an answer was right, but not what it was."),
        )
        return
    tables.table(
        given.with_columns(
            pl.col("response_text").fill_null(t("Other answers, each by too few to be shown")),
            pl.when("is_correct").then(pl.lit(t("right"))).otherwise(pl.lit(t("wrong"))).alias("counts_as"),
            (100 * pl.col("response_share")).alias("share_pct"),
            (100 * pl.col("mean_rest_share")).alias("rest_pct"),
        ),
        {
            "response_text": t("Response"),
            "counts_as": t("Counts as"),
            "share_pct": t("Of the students (%)"),
            "rest_pct": t("Right elsewhere (%)"),
            "person_count": t("Students"),
        },
        file_name="answers-to-a-question",
        alt=t("The answers given to this question, the most frequent first"),
    )
    st.caption(
        t(
            "A wrong answer of students who have much right elsewhere is a reason to read the question and its key."
        )
    )


def _most(visit: Visit, section_key: str) -> None:
    most = visit.rows(_ATTEMPTED, {"section": section_key, "most": MOST})
    if most.is_empty():
        return
    first = most.row(0, named=True)
    finding = t(
        "“{title}” is what the class has answered most: {count} times",
        title=first["title"],
        count=first["attempt_count"],
    )
    charts.figure(
        finding,
        t("Answers of this class, repeated ones included; the questions with the most of them"),
        charts.ranked_bars(most, x="attempt_count", y="title", x_title=t("Answers"), x_format=",.0f"),
        text=finding,
    )
