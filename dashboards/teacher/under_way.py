"""Interventions under way in a class, overdue ones first, and saying whether each has helped."""

from __future__ import annotations

import datetime as dt
import html
from typing import Final

import streamlit as st

from dashboards import refusals, words
from dashboards.classes import Class
from dashboards.components import page
from dashboards.teacher import acting
from dashboards.visit import Visit, people_of
from learnlake.errors import LearnlakeError
from people import interventions
from people.db import school_day
from people.interventions import Intervention

t, tn = words.room(__name__)
OUTCOME_WORDS: Final[dict[str, str]] = {
    "helped": words.mark("It helped"),
    "partly": words.mark("It helped partly"),
    "not": words.mark("It did not help"),
}
_LATER: Final = "later"


def of_class(visit: Visit, chosen: Class) -> list[Intervention]:
    """The class's plans without an outcome, overdue ones first."""
    return interventions.under_way(people_of(visit.settings), visit.viewer, chosen.section_key)


def overdue(visit: Visit, found: list[Intervention]) -> int:
    """How many of `found` should have an outcome by now."""
    today = school_day(people_of(visit.settings))
    return sum(one.days_over(today) > 0 for one in found)


def show(visit: Visit, chosen: Class, found: list[Intervention], names: dict[str, str]) -> None:
    """Each plan as a line with its end and owner, and a form for its outcome; `names` are the students'."""
    if not found:
        return
    today = school_day(people_of(visit.settings))
    late = overdue(visit, found)
    title = tn("{count} intervention under way", "{count} interventions under way", len(found))
    if late:
        title = t("{under_way}, {overdue} overdue", under_way=title, overdue=late)
    page.section(
        title,
        t("Say how it went on the day it ends; then its outcome stands beside the student's figures."),
    )
    owners = acting.names_of(visit, {one.owner_key for one in found})
    may = "intervene" in acting.allowed(visit, chosen.section_key)
    for one in found:
        student = names.get(one.person_key, t("A student who has left the class"))
        with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
            st.html(
                f'<div class="ll-body"><span class="ll-name">{html.escape(student)}</span> {_due(one, today)}'
                f"<div>{html.escape(one.what)}</div>"
                f'<div class="ll-small">{html.escape(_looked_after(owners[one.owner_key], one))}</div></div>',
                width="stretch",
            )
            if may:
                st.button(
                    t("Say how it went"),
                    key=f"conclude_{one.intervention_id}",
                    on_click=_toggle,
                    args=(one.intervention_id,),
                )
        if may and st.session_state.get("concluding") == one.intervention_id:
            with st.container(border=True):
                _conclude(visit, one, today)


def _toggle(number: int) -> None:
    is_open = st.session_state.get("concluding") == number
    st.session_state["concluding"] = None if is_open else number


def _looked_after(owner: str, one: Intervention) -> str:
    return t("{owner} looks after it, since {day}", owner=owner, day=one.begin_date)


def _due(one: Intervention, today: dt.date) -> str:
    days = one.days_over(today)
    if days > 0:
        return page.chip(tn("Overdue by {count} day", "Overdue by {count} days", days), "attention")
    if days == 0:
        return page.chip(t("Ends today"), "watch")
    return page.chip(t("Until {day}", day=one.end_date), "neutral")


def _conclude(visit: Visit, one: Intervention, today: dt.date) -> None:
    number = one.intervention_id
    with st.form(f"outcome_{number}", border=False):
        outcome = st.radio(
            t("How did it go?"),
            [*interventions.OUTCOMES, _LATER],
            format_func=lambda name: t({**OUTCOME_WORDS, _LATER: words.mark("It goes on until")}[name]),
            horizontal=True,
            key=f"outcome_kind_{number}",
        )
        until = st.date_input(
            t("New end, if it goes on"),
            value=max(one.end_date, today) + dt.timedelta(days=7),
            format="YYYY-MM-DD",
            key=f"outcome_until_{number}",
        )
        text = st.text_input(
            t("What did you see?"), max_chars=interventions.WHAT_MAX, key=f"outcome_text_{number}"
        )
        is_sent = st.form_submit_button(t("Keep outcome"), type="primary")
    if not is_sent:
        return
    engine = people_of(visit.settings)
    try:
        if outcome == _LATER:
            interventions.postpone(engine, visit.viewer, number, until)
        else:
            interventions.conclude(engine, visit.viewer, number, outcome, text)
    except LearnlakeError as error:
        st.error(refusals.sentence(error), icon=":material/error:")
        return
    st.session_state["concluding"] = None
    st.session_state["acted"] = t("Kept.")
    st.rerun()
