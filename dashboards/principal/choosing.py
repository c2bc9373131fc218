"""What the principal's pages are asked about: term and school, kept in the address and from page to page."""

from __future__ import annotations

import streamlit as st

from dashboards import words
from dashboards.components import filters, page, states
from dashboards.principal import measures
from dashboards.principal.measures import ALL, Choice
from dashboards.visit import Visit

t, _tn = words.room(__name__)


def choose(visit: Visit, title: str) -> Choice | None:
    """The choosers of term and (for who leads several) school; None, and the page's empty state, before there are classes."""
    terms = measures.terms(visit)
    if not terms:
        page.header(visit, title, t("Here you will see your school by class, grade and subject."))
        states.empty(
            t("No classes yet"),
            t("They appear when your school's roster and its first statements have arrived."),
        )
        return None
    schools = measures.schools(visit)
    with st.container(horizontal=True):
        session_key = filters.choose(t("Term"), terms, param="term")
        school = ALL
        if len(schools) > 1:
            school = filters.choose(t("School"), {ALL: t("All schools"), **schools}, param="school")
    return Choice(session_key, None if school == ALL else school)
