"""From a square of the mastery picture to the answers behind it. Nobody is opened before the reader chooses; the view is audited."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.components import page, states, tables
from dashboards.visit import Visit

t, tn = words.room(__name__)
_ATTEMPTS = """
select f.responded_at, a.title as question, f.is_correct, f.opportunity, f.duration_seconds
from fct_attempt f
left join dim_activity a on a.activity_key = f.activity_key
where f.section_key = $section and f.person_key = $person and f.skill_key = $skill
order by f.responded_at desc, f.response_number desc
limit 200
"""


def show(visit: Visit, section_key: str, students: Mapping[str, str], skills: Mapping[str, str]) -> None:
    """Two choices, by key in the address; then that student's answers in that skill."""
    page.section(t("The answers behind a square"))
    left, right = st.columns(2)
    with left:
        person_key = _choose(t("Student"), students, "person")
    with right:
        skill_key = _choose(t("Skill"), skills, "skill")
    if person_key is None or skill_key is None:
        st.caption(t("Choose a student and a skill."))
        return
    visit.audit_view(person_key, "teacher-skills")
    keys = {"section": section_key, "person": person_key, "skill": skill_key}
    found = visit.rows(_ATTEMPTS, keys)
    if found.is_empty():
        states.empty(
            t("No answer yet"), t("This student has not answered a question of this skill in this class.")
        )
        return
    right_count = int(found["is_correct"].sum())
    st.markdown(
        t(
            "{student} in “{skill}”: {right} of {count} answers right",
            student=students[person_key],
            skill=skills[skill_key],
            right=right_count,
            count=found.height,
        )
    )
    tables.table(
        found.with_columns(
            pl.when("is_correct").then(pl.lit(t("right"))).otherwise(pl.lit(t("wrong"))).alias("answer")
        ),
        {
            "responded_at": t("When"),
            "question": t("Question"),
            "answer": t("Response"),
            "opportunity": t("Try"),
            "duration_seconds": t("Seconds"),
        },
        file_name="attempts",
        alt=t("This student's answers in this skill, newest first"),
    )


def _choose(label: str, options: Mapping[str, str], param: str) -> str | None:
    """One of `options` or none; kept in the address by key."""
    keys = list(options)
    widget = f"drill_{param}"
    if st.session_state.get(widget) not in options:
        st.session_state.pop(widget, None)
    wanted = st.query_params.get(param)
    index = keys.index(wanted) if wanted in options else None
    chosen = st.selectbox(label, keys, index=index, format_func=lambda key: options[key], key=widget)
    if chosen is None:
        st.query_params.pop(param, None)
    elif wanted != chosen:
        st.query_params[param] = chosen
    return chosen
