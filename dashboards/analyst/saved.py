"""Saved queries on the SQL page: opening one (its number stands in the address), keeping one with its picture, sharing, deleting."""

from __future__ import annotations

import streamlit as st

from dashboards import words
from dashboards.visit import Visit, people_of
from learnlake.errors import InputError
from people import queries
from people.queries import Chart, SavedQuery

t, tn = words.room(__name__)
NEW = 0
"""The choice of none: a query of its own."""


def choose(visit: Visit) -> SavedQuery | None:
    """The chooser above the editor; what is chosen is written into the editor once. None for a new query."""
    found = {one.query_id: one for one in queries.visible(people_of(visit.settings), visit.viewer)}
    wanted = st.query_params.get("saved", "")
    if "saved_query" not in st.session_state and wanted.isdecimal() and int(wanted) in found:
        st.session_state["saved_query"] = int(wanted)
    if st.session_state.get("saved_query", NEW) not in (NEW, *found):
        st.session_state["saved_query"] = NEW
    number = NEW
    if found:
        number = st.selectbox(
            t("Saved queries"), [NEW, *found], format_func=lambda n: _label(found.get(n)), key="saved_query"
        )
    one = found.get(number)
    if one is None:
        st.query_params.pop("saved", None)
        st.session_state.pop("opened_query", None)
        return None
    st.query_params["saved"] = str(number)
    if st.session_state.get("opened_query") != number:
        st.session_state["opened_query"] = number
        st.session_state["query"] = one.text
        st.session_state["answer"] = None
        for name, value in (("kind", one.chart.kind), ("x", one.chart.x), ("y", one.chart.y)):
            st.session_state[f"chart_{name}"] = value
    return one


def _label(one: SavedQuery | None) -> str:
    if one is None:
        return t("A new query")
    if not one.is_mine:
        return t("{title} (shared by another analyst)", title=one.title)
    return t("{title} (shared)", title=one.title) if one.is_shared else one.title


def keep(visit: Visit, text: str, chart: Chart, opened: SavedQuery | None) -> None:
    """The form that saves the query as it stands in the editor, and deletes an own one that is open."""
    with st.expander(t("Save this query"), icon=":material/bookmark:"):
        mine = opened if opened and opened.is_mine else None
        with st.form("keep", border=False):
            title = st.text_input(t("Title"), value=mine.title if mine else "", key="keep_title")
            is_shared = st.checkbox(
                t("Other analysts of the school may open it"),
                value=bool(mine and mine.is_shared),
                key="keep_shared",
            )
            is_saved = st.form_submit_button(t("Save"), icon=":material/save:")
        st.html(
            f'<p class="ll-small">{t("Kept for you alone unless you share it. The same title replaces what it held.")}</p>'
        )
        if is_saved:
            _save(visit, title, text, chart, is_shared)
        if mine and st.button(t("Delete this query"), icon=":material/delete:", key="delete_query"):
            queries.remove(people_of(visit.settings), visit.viewer, mine.query_id)
            st.session_state.pop("opened_query", None)
            st.rerun()


def _save(visit: Visit, title: str, text: str, chart: Chart, is_shared: bool) -> None:
    try:
        engine = people_of(visit.settings)
        queries.save(engine, visit.viewer, title, text, chart=chart, is_shared=is_shared)
    except InputError as error:
        st.error(f"{error.what}. {error.mend or ''}", icon=":material/error:")
    else:
        st.success(t("Saved."), icon=":material/check:")
