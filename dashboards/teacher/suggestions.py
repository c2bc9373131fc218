"""What the system proposes to one student, and what teachers have decided about it: for the teacher's page on a student."""

from __future__ import annotations

import datetime as dt
from typing import Final, get_args

import polars as pl
import streamlit as st

from dashboards import learner, words
from dashboards.classes import Class
from dashboards.components import page
from dashboards.visit import Visit, people_of
from learnlake.errors import LearnlakeError
from people import overrides
from people.db import school_day
from people.names import display_names
from people.overrides import Override

t, tn = words.room(__name__)
_TARGETS = """
select distinct 'skill' as what, s.skill_key as key, s.title
from dim_activity a
join brg_activity_skill b on b.activity_key = a.activity_key
join dim_skill s on s.skill_key = b.skill_key
where a.course_key = (select course_key from dim_class where section_key = $section) and not s.is_combination
union all
select 'activity', activity_key, title from dim_activity
where course_key = (select course_key from dim_class where section_key = $section) and type not like '%interaction'
order by what desc, title
"""
_ACTIONS: Final[dict[overrides.Action, str]] = {
    "assign": words.mark("Put first"),
    "exclude": words.mark("Don't propose"),
    "known": words.mark("Counts as mastered"),
}
_REFUSALS = (
    words.mark("A decision needs a reason"),
    words.mark("write one of at most {count} characters"),
    words.mark("{day} is no end for a decision of today"),
    words.mark("choose a day within {days} days"),
)
_USUAL_DAYS = 28


def show(visit: Visit, chosen: Class, person_key: str) -> None:
    """Suggestions with their reasons, decisions in force, and a form for a new one."""
    proposed = learner.next_activities(visit, person_key, chosen.section_key)
    decides = visit.viewer.role == "teacher"
    if proposed.is_empty() and not decides:
        return
    page.section(t("What the system proposes to this student next"))
    if proposed.is_empty():
        st.caption(t("Nothing yet: proposals appear after the first answers."))
    else:
        learner.show_next(proposed)
    if decides:
        _in_force(visit, chosen, person_key)
        _decide(visit, chosen, person_key)


def _in_force(visit: Visit, chosen: Class, person_key: str) -> None:
    engine = people_of(visit.settings)
    held = overrides.in_force(engine, visit.viewer, chosen.section_key, person_key)
    if not held:
        return
    titles = _titles(_targets(visit, chosen))
    owners = display_names(engine, visit.viewer.tenant, [one.granted_by for one in held])
    st.markdown(t("**Decided by teachers**"))
    for one in held:
        told, button = st.columns([5, 1], vertical_alignment="center")
        with told:
            st.text(_told(one, titles, owners))
        if button.button(t("Withdraw"), key=f"withdraw_{one.override_id}"):
            overrides.withdraw(engine, visit.viewer, one.override_id)
            st.rerun()


def _told(one: Override, titles: dict[str, str], owners: dict[str, str]) -> str:
    target = titles.get(one.skill_key or one.activity_key or "", t("something no longer in the catalogue"))
    action = next(t(label) for name, label in _ACTIONS.items() if name == one.action)
    said = {
        "action": action,
        "target": target,
        "day": page.full_day(one.end_date),
        "owner": owners.get(one.granted_by, t("a teacher who has left")),
        "reason": one.reason,
    }
    if one.person_key is None:
        return t("{action}: {target}. For the whole class, until {day}, by {owner}: {reason}", **said)
    return t("{action}: {target}. For this student, until {day}, by {owner}: {reason}", **said)


def _decide(visit: Visit, chosen: Class, person_key: str) -> None:
    targets = _targets(visit, chosen)
    if targets.is_empty():
        return
    if done := st.session_state.pop("decided", None):
        st.success(done, icon=":material/check:")
    titles = _titles(targets)
    with st.expander(t("Decide yourself what comes next")), st.form("decide", border=False):
        key = st.selectbox(
            t("Skill or activity"), list(titles), format_func=titles.__getitem__, key="decide_target"
        )
        action = st.radio(
            t("Decision"),
            get_args(overrides.Action),
            format_func=lambda name: t(_ACTIONS[name]),
            horizontal=True,
            key="decide_action",
        )
        is_class = st.checkbox(t("For the whole class"), key="decide_class")
        until = st.date_input(
            t("Until"),
            value=school_day(people_of(visit.settings)) + dt.timedelta(days=_USUAL_DAYS),
            format="YYYY-MM-DD",
            key="decide_until",
        )
        reason = st.text_input(
            t("Reason"),
            max_chars=overrides.REASON_MAX,
            key="decide_reason",
            help=t("Colleagues who teach this class read it."),
        )
        is_sent = st.form_submit_button(t("Decide"), type="primary")
    if not is_sent:
        return
    is_skill = key in targets.filter(what="skill")["key"]
    try:
        overrides.decide(
            people_of(visit.settings),
            visit.viewer,
            chosen.section_key,
            action,
            end_date=until,
            reason=reason,
            person_key=None if is_class else person_key,
            skill_key=key if is_skill else None,
            activity_key=None if is_skill else key,
        )
    except LearnlakeError as error:
        what, mend = (words.retold(text or "", _REFUSALS, t) for text in (error.what, error.mend))
        st.error(f"{what}. {mend}", icon=":material/error:")
        return
    st.session_state["decided"] = t(
        "Decided. The proposals follow with the next update, usually within a minute."
    )
    st.rerun()


def _targets(visit: Visit, chosen: Class) -> pl.DataFrame:
    return visit.rows(_TARGETS, {"section": chosen.section_key})


def _titles(targets: pl.DataFrame) -> dict[str, str]:
    kinds = {"skill": t("skill"), "activity": t("activity")}
    return {
        row["key"]: f"{row['title'] or row['key']} ({kinds[row['what']]})"
        for row in targets.iter_rows(named=True)
    }
