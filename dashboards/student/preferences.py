"""What the student works towards and likes, for the start page. Own choices count in the next proposals."""

from __future__ import annotations

from typing import Final

import streamlit as st

from dashboards import words
from dashboards.visit import Visit, people_of
from learnlake.errors import InputError
from people import overrides

t, tn = words.room(__name__)
_SKILLS = """
select distinct s.skill_key, s.title, c.title as course
from brg_enrolment e
join dim_activity a on a.course_key = e.course_key
join brg_activity_skill b on b.activity_key = a.activity_key
join dim_skill s on s.skill_key = b.skill_key and not s.is_combination
left join dim_course c on c.course_key = e.course_key
where e.person_key = $person and e.role = 'student' and e.is_active
order by c.title, s.title
"""
_FORMATS: Final = {
    "http://adlnet.gov/expapi/activities/lesson": words.mark("Lessons to read"),
    "https://w3id.org/xapi/video/activity-type/video": words.mark("Videos"),
    "http://id.tincanapi.com/activitytype/resource": words.mark("Other materials"),
    "http://adlnet.gov/expapi/activities/assessment": words.mark("Quizzes and tests"),
    "http://adlnet.gov/expapi/activities/cmi.interaction": words.mark("Single questions"),
}
_REFUSALS = (words.mark("{count} goals are none"), words.mark("choose at most {count}"))


def show(visit: Visit) -> None:
    """A form for goals and formats; nothing where no course has skills."""
    skills = visit.rows(_SKILLS, {"person": visit.me})
    if skills.is_empty():
        return
    engine = people_of(visit.settings)
    kept = overrides.preferences(engine, visit.viewer)
    titles = {
        row["skill_key"]: f"{row['title'] or row['skill_key']} ({row['course'] or t('course')})"
        for row in skills.iter_rows(named=True)
    }
    if st.session_state.pop("preferred", False):
        st.success(
            t("Kept. Your proposals follow with the next update, usually within a minute."),
            icon=":material/check:",
        )
    with st.expander(t("What I work towards and like")), st.form("prefer", border=False):
        goals = st.multiselect(
            t("My goals"),
            list(titles),
            default=[key for key in kept.goals if key in titles],
            format_func=titles.__getitem__,
            max_selections=overrides.GOALS_MAX,
            placeholder=t("Choose skills"),
            key="prefer_goals",
        )
        formats = st.multiselect(
            t("I like to learn with"),
            list(_FORMATS),
            default=[key for key in kept.formats if key in _FORMATS],
            format_func=lambda kind: t(_FORMATS[kind]),
            placeholder=t("Choose forms"),
            key="prefer_formats",
        )
        is_sent = st.form_submit_button(t("Keep"), type="primary")
    if not is_sent:
        return
    try:
        overrides.prefer(engine, visit.viewer, goals=goals, formats=formats)
    except InputError as error:
        what, mend = (words.retold(text or "", _REFUSALS, t) for text in (error.what, error.mend))
        st.error(f"{what}. {mend}", icon=":material/error:")
        return
    st.session_state["preferred"] = True
    st.rerun()
