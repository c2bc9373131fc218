"""Acting from the list: a note, a message to student or family, an intervention. The form, the same wherever a student is named."""

from __future__ import annotations

import datetime as dt
from typing import Final

import streamlit as st

from dashboards import refusals, words
from dashboards.classes import Class
from dashboards.visit import Visit, people_of
from learnlake.errors import LearnlakeError
from people import contact, interventions
from people.db import school_day
from people.names import display_names
from people.policy import check_action, scope

t, tn = words.room(__name__)
_KINDS: Final = {
    "note": words.mark("Note"),
    "message": words.mark("Message"),
    "intervene": words.mark("Intervention"),
}
_USUAL_DAYS: Final = 14
"""Two weeks: enough to see a change in the weekly figures."""


def allowed(visit: Visit, section_key: str) -> list[str]:
    """What the viewer may do in this section, of note, message and intervene."""
    seen = scope(people_of(visit.settings), visit.viewer)

    def may(action: str) -> bool:
        try:
            check_action(seen, action, section_key=section_key)
        except LearnlakeError:
            return False
        return True

    return [action for action in _KINDS if may(action)]


def form(visit: Visit, chosen: Class, person_key: str, name: str, kinds: list[str]) -> None:
    """A form for one of `kinds` (as from `allowed`) about one student; runs the page again when it is done."""
    kind = kinds[0]
    if len(kinds) > 1:
        kind = (
            st.segmented_control(
                t("What would you like to do?"),
                kinds,
                default=kind,
                required=True,
                format_func=lambda name: t(_KINDS[name]),
                key=f"act_kind_{person_key}",
            )
            or kind
        )
    fill = {"note": _note, "message": _message, "intervene": _intervene}[kind]
    try:
        done = fill(visit, chosen, person_key, name)
    except LearnlakeError as error:
        st.error(refusals.sentence(error), icon=":material/error:")
        return
    if done:
        st.session_state["acted"] = done
        st.session_state.pop("acting_on", None)
        st.rerun()


def told() -> None:
    """What was done a moment ago, once."""
    if done := st.session_state.pop("acted", None):
        st.success(done, icon=":material/check:")


def names_of(visit: Visit, keys: set[str]) -> dict[str, str]:
    """Names of colleagues and families that a student's own file names; an erased one is told so."""
    return {
        **dict.fromkeys(keys, t("somebody who has left")),
        **display_names(people_of(visit.settings), visit.viewer.tenant, sorted(keys)),
    }


def _note(visit: Visit, chosen: Class, person_key: str, name: str) -> str | None:
    with st.form(f"note_{person_key}", border=False, clear_on_submit=False):
        text = st.text_area(
            t("Note about {name}", name=name),
            max_chars=contact.TEXT_MAX,
            key=f"note_text_{person_key}",
            help=t(
                "Those who teach this class read it. It is part of the student's record: the student and the family may "
                "ask for a copy."
            ),
        )
        is_sent = st.form_submit_button(t("Keep note"), type="primary")
    if not is_sent:
        return None
    contact.write_note(people_of(visit.settings), visit.viewer, chosen.section_key, person_key, text)
    return t("Note about {name} kept.", name=name)


def _message(visit: Visit, chosen: Class, person_key: str, name: str) -> str | None:
    with st.form(f"message_{person_key}", border=False, clear_on_submit=False):
        to_student = st.checkbox(t("To {name}", name=name), value=True, key=f"message_student_{person_key}")
        to_guardians = st.checkbox(t("To the guardians"), key=f"message_guardians_{person_key}")
        text = st.text_area(
            t("Message"),
            max_chars=contact.TEXT_MAX,
            key=f"message_text_{person_key}",
            help=t("It appears on their pages here. No e-mail is sent."),
        )
        is_sent = st.form_submit_button(t("Send message"), type="primary")
    if not is_sent:
        return None
    contact.send(
        people_of(visit.settings),
        visit.viewer,
        chosen.section_key,
        person_key,
        text,
        to_student=to_student,
        to_guardians=to_guardians,
    )
    return t("Message about {name} sent.", name=name)


def _intervene(visit: Visit, chosen: Class, person_key: str, name: str) -> str | None:
    engine = people_of(visit.settings)
    owners = [visit.me, *interventions.staff(engine, visit.viewer, chosen.section_key)]
    names = names_of(visit, set(owners))
    with st.form(f"intervene_{person_key}", border=False, clear_on_submit=False):
        what = st.text_input(
            t("What will be done for {name}", name=name),
            max_chars=interventions.WHAT_MAX,
            placeholder=t("Twice a week a quarter of an hour of fractions with the tutor"),
            key=f"intervene_what_{person_key}",
        )
        left, right = st.columns(2)
        owner = left.selectbox(
            t("Who looks after it"),
            list(dict.fromkeys(owners)),
            format_func=names.__getitem__,
            key=f"intervene_owner_{person_key}",
        )
        until = right.date_input(
            t("Until"),
            value=school_day(engine) + dt.timedelta(days=_USUAL_DAYS),
            format="YYYY-MM-DD",
            key=f"intervene_until_{person_key}",
            help=t("On that day you are asked whether it has helped."),
        )
        is_sent = st.form_submit_button(t("Begin intervention"), type="primary")
    if not is_sent:
        return None
    interventions.begin(
        engine, visit.viewer, chosen.section_key, person_key, what, end_date=until, owner_key=owner
    )
    return t("Intervention for {name} begun.", name=name)
