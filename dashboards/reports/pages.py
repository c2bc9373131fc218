"""The pages that make reports: class and student for teachers, compliance for principals. Each file made is an entry of the audit trail."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboards import words
from dashboards.classes import choose_class, classes
from dashboards.components import filters, page, states
from dashboards.principal import measures
from dashboards.principal.measures import ALL
from dashboards.reports import build
from dashboards.reports.document import Report, pdf
from dashboards.visit import Visit
from learnlake import clock
from learnlake.errors import InputError

t, tn = words.room(__name__)
_STUDENTS = """
select person_key
from brg_enrolment
where section_key = $section and role = 'student'
order by person_key
"""


def render_teacher(visit: Visit) -> None:
    """The page: chooser of the class, its report, chooser of a student, the student's report."""
    lead = t("Make the report of your class, or of one student for the family, before the parents' evening.")
    page.header(visit, t("Reports"), lead)
    found = classes(visit)
    if not found:
        states.empty(t("No class is assigned to you yet"), t("Your administrator can assign one."))
        return
    chosen = choose_class(found)
    key = chosen.section_key
    page.section(
        t("The class"), t("Figures of the whole class. Nobody is named, so that it can be handed out.")
    )
    _offer(
        visit,
        f"class {key}",
        "class-report",
        lambda: build.class_report(visit, chosen, now=clock.utc_now()),
    )
    students = visit.named(_STUDENTS, {"section": key})
    page.section(
        t("One student"), t("For the student and the family only. Making it is noted in the audit trail.")
    )
    if students.is_empty():
        states.empty(t("Nobody is enrolled"), t("Students appear when the roster has them."))
        return
    ordered = students.sort("display_name")
    names = dict(zip(ordered["person_key"], ordered["display_name"], strict=True))
    person = filters.choose(t("Student"), names, param="person")

    def of_student() -> Report:
        visit.audit_view(person, "report")
        return build.student_report(visit, chosen, person, names[person], now=clock.utc_now())

    _offer(visit, f"person:{person} {key}", "student-report", of_student)


def render_principal(visit: Visit) -> None:
    """The page: chooser of the school (for who leads several) and the compliance report."""
    lead = t("Make the compliance report when somebody asks how your school keeps its learners' records.")
    page.header(visit, t("Reports"), lead)
    schools = measures.schools(visit)
    if not schools:
        states.empty(
            t("No school with classes yet"),
            t("Reports can be made when the roster and first classes are there."),
        )
        return
    options = schools if len(schools) == 1 else {ALL: t("All schools"), **schools}
    school = filters.choose(t("School"), options, param="school")
    page.section(
        t("Compliance"),
        tn(
            "Consent, requests, disclosures and the audit trail of the last {count} day, in numbers.",
            "Consent, requests, disclosures and the audit trail of the last {count} days, in numbers.",
            build.PERIOD_DAYS,
        ),
    )
    key = None if school == ALL else school
    _offer(
        visit,
        f"compliance {school}",
        "compliance-report",
        lambda: build.compliance_report(visit, key, options[school], now=clock.utc_now()),
    )


def _offer(visit: Visit, what: str, file_name: str, make: Callable[[], Report]) -> None:
    """A button that makes the report and, once it is made of this build, one that saves it; for roles that may take files away."""
    if not st.session_state.get("may_export"):
        st.html(f'<p class="ll-small">{t("Your role may look at records, not take them away.")}</p>')
        return
    made = st.session_state.setdefault("reports", {})
    key = (what, visit.viewer.role, visit.build.build_id, str(words.current()))
    if st.button(t("Make the PDF"), key=f"make_{what}", icon=":material/picture_as_pdf:"):
        with st.spinner(t("Making the report…")):
            try:
                content = pdf(make(), made_at=clock.utc_now())
            except InputError as error:
                st.error(f"{error.what}. {error.mend or ''}", icon=":material/error:")
                return
        visit.door.audit_export(f"report:{what}")
        made.clear()
        made[key] = content
    if key in made:
        st.download_button(
            t("Save the PDF"),
            made[key],
            file_name=f"{file_name}.pdf",
            mime="application/pdf",
            icon=":material/download:",
            type="primary",
            key=f"save_{what}",
        )
