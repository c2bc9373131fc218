"""Sections that statements named and no roster knows: an administrator gives each a teacher. Until then no teacher sees it."""

from __future__ import annotations

import dataclasses

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.components import page, states, tables
from dashboards.visit import Visit, people_of
from learnlake.errors import InputError
from people import accounts, assignments, policy

t, tn = words.room(__name__)


def render(visit: Visit) -> None:
    """The page: sections without a teacher, the form that assigns one, then all discovered sections."""
    engine = people_of(visit.settings)
    found = assignments.list_discovered_sections(engine, visit.viewer.tenant)
    missing = [one for one in found if not one.teacher_count]
    page.header(visit, t("Sections without a teacher"), _lead(found, missing))
    if not found:
        states.empty(
            t("No section was discovered in statements"),
            t(
                "When a learning system names a course that no roster knows, it appears here with its learners."
            ),
        )
        return
    _assign(visit, missing or found)
    page.section(t("All discovered sections"), t("Learners and teachers as of this moment."))
    tables.table(
        pl.DataFrame([dataclasses.asdict(one) for one in found]),
        {
            "title": t("Section"),
            "platform": t("Platform"),
            "student_count": t("Learners"),
            "teacher_count": t("Teachers"),
            "iri": t("Named in statements as"),
        },
        file_name="discovered-sections",
        alt=t("Discovered sections with learners and teachers"),
    )


def _lead(found: list[assignments.DiscoveredSection], missing: list[assignments.DiscoveredSection]) -> str:
    if not found:
        return t("Nothing to assign: every section comes from a roster.")
    if not missing:
        return t("Every discovered section has a teacher. You can add another one below.")
    learners = sum(one.student_count for one in missing)
    whose = tn("{count} learner", "{count} learners", learners)
    return tn(
        "Give {count} section a teacher: nobody sees the work of their {learners} until then.",
        "Give {count} sections a teacher: nobody sees the work of their {learners} until then.",
        len(missing),
        learners=whose,
    )


def _assign(visit: Visit, offered: list[assignments.DiscoveredSection]) -> None:
    done = st.session_state.pop("assigned", None)
    if done:
        st.success(done, icon=":material/check:")
    engine = people_of(visit.settings)
    titles = {
        one.section_key: " · ".join(
            (one.title, tn("{count} learner", "{count} learners", one.student_count), one.platform)
        )
        for one in offered
    }
    logins = [
        one.login for one in accounts.list_accounts(engine, tenant=visit.viewer.tenant) if one.person_key
    ]
    with st.form("assign"):
        section_key = st.selectbox(
            t("Section"), list(titles), format_func=lambda key: titles[key], key="assign_section"
        )
        login = st.selectbox(
            t("Teacher's log-in"),
            logins,
            index=None,
            key="assign_login",
            help=t("Accounts that belong to a person"),
        )
        is_sent = st.form_submit_button(t("Assign"), type="primary", icon=":material/person_add:")
    if not is_sent:
        return
    if not login:
        st.warning(t("Choose the teacher's log-in first."), icon=":material/person_search:")
        return
    policy.check_action(visit.door.scope(), "assign-teacher")
    try:
        is_new = assignments.assign_teacher(
            engine,
            visit.settings.home,
            visit.viewer.tenant,
            section_key,
            login,
            actor_key=visit.viewer.viewer_key,
        )
    except InputError as error:
        st.error(f"{error.what} {error.mend or ''}", icon=":material/error:")
        return
    title = next(one.title for one in offered if one.section_key == section_key)
    st.session_state["assigned"] = (
        t("{login} now teaches {section}, and sees it at once.", login=login, section=title)
        if is_new
        else t("{login} already teaches {section}, and sees it at once.", login=login, section=title)
    )
    st.rerun()
