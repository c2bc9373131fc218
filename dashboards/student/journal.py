"""The student's private journal: written, changed, deleted and downloaded here, by nobody else."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import streamlit as st

from dashboards import refusals, words
from dashboards.components import page, states, tables
from dashboards.visit import Visit, people_of
from learnlake.errors import InputError
from people import journal
from people.journal import Entry

t, tn = words.room(__name__)


def render(visit: Visit) -> None:
    """The page: who reads it, a new entry, the entries."""
    engine = people_of(visit.settings)
    found = journal.entries(engine, visit.viewer)
    page.header(
        visit,
        t("My journal"),
        t(
            "Write what went well, what was hard and what you want to try. Nobody but you can open this page: no teacher, "
            "no guardian, no administrator."
        ),
    )
    _new(visit)
    if not found:
        states.empty(
            t("No entry yet"), t("Your first one appears here. You can change and delete it at any time.")
        )
        return
    page.section(tn("{count} entry", "{count} entries", len(found)))
    for one in found:
        _entry(visit, one)
    rows = [{"written_at": one.written_at, "text": one.text} for one in found]
    st.download_button(  # its own, because tables.download tells the audit trail
        t("Download my journal"),
        tables.csv_bytes(
            pl.DataFrame(rows).select(
                pl.col("written_at").alias(t("Written (UTC)")), pl.col("text").alias(t("Text"))
            )
        ),
        file_name="my-journal.csv",
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
    )


def _new(visit: Visit) -> None:
    with st.form("journal_new", clear_on_submit=True, border=False):
        text = st.text_area(t("New entry"), max_chars=journal.TEXT_MAX, key="journal_text")
        is_sent = st.form_submit_button(t("Keep"), type="primary")
    if is_sent:
        _do(lambda: journal.write(people_of(visit.settings), visit.viewer, text))


def _entry(visit: Visit, one: Entry) -> None:
    engine, number = people_of(visit.settings), one.entry_id
    day = words.day(one.written_at.date())
    if one.changed_at:
        day = t("{day}, changed {other}", day=day, other=one.changed_at.date())
    with st.container(border=True):
        st.caption(day)
        st.text(one.text)
        with st.expander(t("Change or delete")), st.form(f"journal_{number}", border=False):
            text = st.text_area(
                t("Text"), value=one.text, max_chars=journal.TEXT_MAX, key=f"journal_text_{number}"
            )
            left, right = st.columns(2)
            is_changed = left.form_submit_button(t("Change"))
            is_gone = right.form_submit_button(t("Delete for good"))
    if is_changed:
        _do(lambda: journal.change(engine, visit.viewer, number, text))
    elif is_gone:
        _do(lambda: journal.remove(engine, visit.viewer, number))


def _do(work: Callable[[], object]) -> None:
    try:
        work()
    except InputError as error:
        st.error(refusals.sentence(error), icon=":material/error:")
        return
    st.rerun()
