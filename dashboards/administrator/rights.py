"""Consent and rights: what families have asked for, what each use of records rests on, one person's consents, copy and erasure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html

import polars as pl
import streamlit as st

from dashboards.administrator import acting, erasure
from dashboards.administrator.acting import Outcome
from dashboards.components import page, states, tables
from dashboards.visit import Visit, people_of
from learnlake.clock import utc_now
from learnlake.operations import operations
from people import consent, consent_record, purposes, requests, search

PAGE = "administrator-rights"
GIVERS = {"guardian": "A guardian", "student": "The student", "school": "The school"}


def render(visit: Visit) -> None:
    """The page: what waits, consent by purpose, one person, the receipts."""
    engine, tenant = people_of(visit.settings), visit.viewer.tenant
    waiting = requests.waiting(visit.settings.home, tenant)
    page.header(visit, "Consent and rights", _lead(waiting))
    acting.report()
    erasure.progress(visit)
    _waiting(visit, waiting)
    page.section("One person", "Consents, a copy of everything held, erasure. Opening a person is noted.")
    key = acting.choose_person(visit, param="person")
    known = search.card(engine, tenant, key) if key else None
    if known and known.person_key:
        visit.audit_view(known.person_key, PAGE)
        _person(visit, known.person_key, known.name, waiting)
    else:
        states.empty(
            "Nobody is chosen" if not key else "This is no person of the roster",
            "Type a part of a name, a log-in or the roster's id above.",
        )
    _by_purpose(visit)
    erasure.receipts(visit)


def _lead(waiting: list[requests.Request]) -> str:
    if not waiting:
        return "No request waits for an answer. Record here what families decide, and what they ask for."
    first = waiting[0]
    late = sum(one.due < utc_now().date() for one in waiting)
    said = f"Answer {page.count(len(waiting), 'request', 'requests')}: the first is due on {page.full_day(first.due)}"
    return f"{said}, and {late} {'is' if late == 1 else 'are'} late." if late else f"{said}."


def _waiting(visit: Visit, waiting: list[requests.Request]) -> None:
    if not waiting:
        return
    names = search.names_of(
        people_of(visit.settings), visit.viewer.tenant, [one.person_key for one in waiting]
    )
    for number, one in enumerate(waiting, 1):
        is_late = one.due < utc_now().date()
        what = "Erase the record" if one.kind == "erasure" else "Hand out a copy"
        name = names.get(one.person_key, one.person_key)
        with st.container(border=True, key=f"request_{one.kind}_{one.person_key}"):
            st.html(
                f'<div class="ll-row"><span class="ll-rank">{number}</span><div class="ll-body"><span class="ll-name">{html.escape(name)}</span>'
                f"{page.chip('late' if is_late else f'due {page.full_day(one.due)}', 'attention' if is_late else 'watch')}"
                f'<ul class="ll-why"><li>{what}: asked for by {GIVERS[one.asked_by].lower()} on {page.full_day(one.on_date)}</li></ul></div></div>'
            )
            with st.container(horizontal=True):
                if st.button("Open", icon=":material/person:", key=f"open_{one.kind}_{one.person_key}"):
                    st.session_state.pop("find_person", None)
                    st.query_params["person"] = one.person_key
                    st.rerun()
                with st.popover("Taken back or refused", icon=":material/close:"):
                    st.write(
                        "The request leaves this list; the audit trail keeps it. A refusal needs a reason that the family has been told in writing."
                    )
                    if st.button("Yes, leave it out", key=f"decline_{one.kind}_{one.person_key}"):
                        _decline(visit, one)


def _decline(visit: Visit, one: requests.Request) -> None:
    def work() -> Outcome:
        deed = acting.deed(visit)
        requests.decline(visit.settings.home, visit.viewer.tenant, one.person_key, one.kind, **deed)
        return Outcome("The request is taken off the list.")

    acting.carry_out(visit, "manage-consent", work)


def _person(visit: Visit, key: str, name: str, waiting: list[requests.Request]) -> None:
    page.section(name)
    st.html(f'<p class="ll-small">key <code>{html.escape(key)}</code></p>')
    _standing(visit, key)
    with st.expander("Record a decision about consent", icon=":material/edit_note:"):
        _decide(visit, key)
    with st.expander("Note what the family asks for", icon=":material/inbox:"):
        _ask(visit, key)
    with st.expander("A copy of everything held", icon=":material/folder_zip:"):
        _copy(visit, key)
    is_asked = any((one.person_key, one.kind) == (key, "erasure") for one in waiting)
    with st.expander("Erase the record", icon=":material/delete_forever:", expanded=is_asked):
        erasure.ask(visit, key, name, is_asked=is_asked)


def _standing(visit: Visit, key: str) -> None:
    engine, tenant = people_of(visit.settings), visit.viewer.tenant
    today = {one: consent.allows(engine, tenant, key, one) for one in purposes.PURPOSES}
    chips = " ".join(
        page.chip(f"{one}: {'may be used' if may else 'left out'}", "fine" if may else "neutral")
        for one, may in today.items()
    )
    st.html(f"<p>{chips}</p>")
    said = consent.history(engine, tenant, key)
    if not said:
        st.caption("Nothing was said about this record; what applies follows from the settings.")
        return
    names = search.names_of(engine, tenant, [one.giver_key for one in said if one.giver_key])
    rows = [
        {**dataclasses.asdict(one), "giver": names.get(one.giver_key or "", "")} for one in reversed(said)
    ]
    tables.table(
        pl.DataFrame(rows, schema_overrides={"until_date": pl.Date}, infer_schema_length=None),
        {
            "purpose": "Purpose",
            "decision": "Said",
            "given_by": "By",
            "giver": "Guardian",
            "on_date": "On",
            "until_date": "Until",
        },
        file_name="consents",
        alt="What was said about this person's record, newest first",
    )


def _decide(visit: Visit, key: str) -> None:
    engine, tenant = people_of(visit.settings), visit.viewer.tenant
    known = search.card(engine, tenant, key)
    guardians = dict(known.guardians) if known else {}
    with st.form("consent"):
        purpose = st.selectbox(
            "Purpose",
            list(purposes.PURPOSES),
            format_func=lambda one: f"{one}: {purposes.PURPOSES[one].text}",
            key="consent_purpose",
        )
        decision = st.radio(
            "Decision", [consent.GIVEN, consent.WITHDRAWN], horizontal=True, key="consent_decision"
        )
        by = st.radio(
            "Who says so",
            list(GIVERS),
            format_func=lambda one: GIVERS[one],
            horizontal=True,
            key="consent_by",
        )
        giver = st.selectbox(
            "Which guardian",
            list(guardians),
            index=None,
            format_func=lambda one: guardians[one],
            placeholder="On paper, by somebody whom the roster doesn't know",
            key="consent_giver",
        )
        until = st.date_input("Until (empty: until withdrawn)", value=None, key="consent_until")
        is_sent = st.form_submit_button("Record", type="primary", icon=":material/check:")
    if not is_sent:
        return

    def work() -> Outcome:
        said = consent.Decision(
            key,
            purpose,
            decision,
            by,
            visit.build.as_of if visit.settings.today else utc_now().date(),
            giver if by == "guardian" else None,
            until if decision == consent.GIVEN and isinstance(until, dt.date) else None,
        )
        consent_record.record(engine, tenant, [said], **acting.deed(visit))
        return Outcome(f"{purpose}: {decision}. It counts from the next pipeline run on.")

    acting.carry_out(visit, "manage-consent", work)


def _ask(visit: Visit, key: str) -> None:
    with st.form("request"):
        kind = st.radio(
            "What is asked for",
            list(requests.KINDS),
            format_func=lambda one: "Erasure" if one == "erasure" else "A copy",
            horizontal=True,
            key="request_kind",
        )
        by = st.radio(
            "Who asks", list(GIVERS), format_func=lambda one: GIVERS[one], horizontal=True, key="request_by"
        )
        is_sent = st.form_submit_button("Note the request", icon=":material/inbox:")
    if not is_sent:
        return

    def work() -> Outcome:
        engine, tenant = people_of(visit.settings), visit.viewer.tenant
        requests.ask(engine, tenant, key, kind, asked_by=by, **acting.deed(visit))
        return Outcome(
            f"Noted. It is to be answered within {requests.ANSWER_DAYS} days, and stands at the top of this page."
        )

    acting.carry_out(visit, "manage-consent", work)


def _copy(visit: Visit, key: str) -> None:
    st.write(
        "One zip with everything held on this person: JSON, CSV, the statements, a README in plain words. Give it to the person or the "
        "family only; for anybody else name the institution, and it is noted as a disclosure."
    )
    recipient = st.text_input(
        "Institution outside the school (empty: the family)", key="copy_recipient", autocomplete="off"
    )
    if st.button("Make the copy", icon=":material/folder_zip:", key="copy"):
        with st.spinner("Collecting what every room holds …"):

            def work() -> Outcome:
                content = operations().export_person(
                    visit.settings,
                    visit.viewer.tenant,
                    key,
                    requested_by=visit.viewer.viewer_key,
                    recipient=recipient.strip() or None,
                )
                st.session_state["copy_of"] = (key, content)
                return Outcome("The copy is ready to be downloaded, until you leave these pages.")

            acting.carry_out(visit, "export-person", work)
    made = st.session_state.get("copy_of")
    if made and made[0] == key:
        st.download_button(
            f"Download the copy ({len(made[1]) / 1e6:,.1f} MB)",
            made[1],
            file_name=f"record-{key}.zip",
            mime="application/zip",
            icon=":material/download:",
            key="copy_download",
        )


def _by_purpose(visit: Visit) -> None:
    engine, tenant = people_of(visit.settings), visit.viewer.tenant
    rest = {name: (text, basis, waits) for name, text, basis, waits in consent.purposes_of(visit.settings)}
    found = consent.standing(engine, tenant)
    learners = found[0].allowed_count + found[0].left_out_count if found else 0
    page.section(
        "What records are used for",
        f"Each purpose with what families are told, over {page.count(learners, 'learner', 'learners')}. "
        "LEARNLAKE_CONSENT_REQUIRED says which ones wait for a yes.",
    )
    rows = [
        {
            **dataclasses.asdict(one),
            "waits": "not used" if rest[one.purpose][2] else "used",
            "text": rest[one.purpose][0],
            "basis": rest[one.purpose][1],
        }
        for one in found
    ]
    tables.table(
        pl.DataFrame(rows),
        {
            "purpose": "Purpose",
            "allowed_count": "Used",
            "left_out_count": "Left out",
            "given_count": "Said yes",
            "withdrawn_count": "Said no",
            "waits": "Without an answer",
            "text": "What families are told",
            "basis": "Rests on",
        },
        file_name="consent-by-purpose",
        alt="Purposes with how many records may be used",
    )
