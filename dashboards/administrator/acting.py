"""What the administrator's pages share: finding a person, doing something that the policy allows, telling how it went."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable
from typing import TypedDict

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.components import page, tables
from dashboards.visit import ROLE_NAMES, Visit, people_of
from dashboards.words import mark
from learnlake.errors import LearnlakeError
from people import policy, search

t, tn = words.room(__name__)
MOST = 50
"""So many people are listed; whoever looks for one adds a word."""
_WITHIN = {
    "student": mark("student"),
    "teacher": mark("teacher"),
    "assistant": mark("teaching assistant"),
    "guardian": mark("guardian"),
    "principal": mark("principal"),
    "administrator": mark("administrator"),
    "analyst": mark("analyst"),
}
_KEY = re.compile(r"(?:p_[\w-]+|account:\d+|operator:\d+|unknown)")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What was done, in a sentence; `secret` is shown this once, with what it is."""

    done: str
    secret: str | None = None


class Deed(TypedDict):
    """Who does something from where, as the audit trail names it."""

    actor_key: str
    source: str


def deed(visit: Visit) -> Deed:
    """What is done during this visit is done by its viewer."""
    return {"actor_key": visit.viewer.viewer_key, "source": visit.door.source}


def carry_out(visit: Visit, action: str, work: Callable[[], Outcome]) -> None:
    """Do `work` if the policy lets this viewer do `action`; the page runs again and `report` tells how it went."""
    try:
        policy.check_action(visit.door.scope(), action)
        st.session_state["outcome"] = work()
    except LearnlakeError as error:
        st.session_state["outcome"] = error
    st.rerun()


def report() -> None:
    """What the last action came to, once."""
    outcome = st.session_state.pop("outcome", None)
    if isinstance(outcome, Outcome):
        st.success(outcome.done, icon=":material/check:")
        if outcome.secret:
            st.code(outcome.secret, language=None, wrap_lines=True)
    elif isinstance(outcome, LearnlakeError):
        mend = f" {outcome.mend[0].upper()}{outcome.mend[1:]}." if outcome.mend else ""
        st.error(f"{outcome.what}.{mend}", icon=":material/error:")


def choose_person(
    visit: Visit, *, param: str, label: str | None = None, takes_keys: bool = False
) -> str | None:
    """Let the reader look for somebody and choose; the key is kept in the address as `?param=KEY`, what was typed is not.

    `takes_keys`: a key of the audit trail that belongs to nobody known (an operator, an erased person) is taken as it is.
    """
    text = st.text_input(
        label or t("Name, log-in, roster id or key"),
        key=f"find_{param}",
        help=t("Any part of it; several words find whoever has them all"),
    )
    chosen: str | None = st.query_params.get(param)
    if not text.strip():
        return _chosen(visit, param, chosen) if chosen else None
    if takes_keys and _KEY.fullmatch(text.strip()):
        return _keep(param, text.strip())
    with st.spinner(t("Looking …")):
        found = search.find(people_of(visit.settings), visit.viewer.tenant, text, limit=MOST)
    if not found:
        st.warning(
            t("Nobody is called that. Try a part of the name, or the log-in."), icon=":material/search:"
        )
        return _keep(param, None)
    if len(found) == 1:
        return _keep(param, found[0].key)
    labels = {one.key: _label(one) for one in found}
    widget = f"choose_{param}"
    if st.session_state.get(widget) not in labels:
        st.session_state.pop(widget, None)
    many = (
        t("{count} or more people: choose, or add a word", count=MOST)
        if len(found) == MOST
        else tn("{count} person", "{count} people", len(found))
    )
    index = list(labels).index(chosen) if chosen in labels else None
    return _keep(
        param,
        st.selectbox(
            many,
            list(labels),
            index=index,
            format_func=lambda key: labels[key],
            key=widget,
            placeholder=t("Choose one"),
        ),
    )


def _chosen(visit: Visit, param: str, key: str) -> str | None:
    """Who is chosen by the address, with a way to leave the choice."""
    name = search.names_of(people_of(visit.settings), visit.viewer.tenant, [key]).get(key, key)
    if st.button(
        t("Chosen: {name}", name=plain(name)),
        icon=":material/close:",
        help=t("Leave out"),
        key=f"leave_{param}",
    ):
        st.query_params.pop(param, None)
        st.rerun()
    return key


def plain(text: str) -> str:
    """Somebody's name or log-in is no Markdown."""
    return "".join("\\" + sign if sign in "\\`*_{}[]()<>#+-.!|~$:" else sign for sign in text)


def people_table(found: list[search.Found], *, file_name: str, alt: str) -> None:
    """People with their log-ins, as found."""
    rows = [
        {
            "name": one.name,
            "logins": ", ".join(one.logins),
            "role": role_name(one.roster_role),
            "state": t("in the roster") if one.is_active and one.roster_role else _state(one),
            "key": one.key,
        }
        for one in found
    ]
    tables.table(
        pl.DataFrame(rows),
        {
            "name": t("Name"),
            "logins": t("Log-ins"),
            "role": t("Roster's role"),
            "state": t("State"),
            "key": t("Key"),
        },
        file_name=file_name,
        alt=alt,
    )


def utc(moment: dt.datetime | None) -> str:
    """A time in words; a dash for none."""
    return f"{page.full_day(moment.date())}, {moment:%H:%M} UTC" if moment else "–"


def _keep(param: str, key: str | None) -> str | None:
    if key is None:
        st.query_params.pop(param, None)
    elif st.query_params.get(param) != key:
        st.query_params[param] = key
    return key


def _label(one: search.Found) -> str:
    parts = [one.name, role_name(one.roster_role), ", ".join(one.logins), "" if one.is_active else t("gone")]
    return " · ".join(part for part in parts if part) + f" · …{one.key[-4:]}"


def role_name(role: str | None) -> str:
    """A role as a label; nothing for none."""
    return t(ROLE_NAMES.get(role, role)) if role else ""


def role_within(role: str) -> str:
    """A role as it is written within a sentence."""
    return t(_WITHIN[role])


def _state(one: search.Found) -> str:
    return t("account only") if one.roster_role is None else t("gone from the roster")
