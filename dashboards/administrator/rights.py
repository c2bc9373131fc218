"""Consent and rights: what families have asked for, what each use of records rests on, one person's consents, copy and erasure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html

import polars as pl
import streamlit as st
from babel import numbers

from dashboards import words
from dashboards.administrator import acting, erasure
from dashboards.administrator.acting import Outcome
from dashboards.components import page, states, tables
from dashboards.visit import Visit, people_of
from dashboards.words import mark
from learnlake.clock import utc_now
from learnlake.operations import operations
from people import consent, consent_record, purposes, requests, search

t, tn = words.room(__name__)
PAGE = "administrator-rights"
_WAITING = {
    ("erasure", "guardian"): mark("Erase the record: asked for by a guardian on {day}"),
    ("erasure", "student"): mark("Erase the record: asked for by the student on {day}"),
    ("erasure", "school"): mark("Erase the record: asked for by the school on {day}"),
    ("copy", "guardian"): mark("Hand out a copy: asked for by a guardian on {day}"),
    ("copy", "student"): mark("Hand out a copy: asked for by the student on {day}"),
    ("copy", "school"): mark("Hand out a copy: asked for by the school on {day}"),
}
GIVERS = {"guardian": mark("A guardian"), "student": mark("The student"), "school": mark("The school")}


def render(visit: Visit) -> None:
    """The page: what waits, consent by purpose, one person, the receipts."""
    engine, tenant = people_of(visit.settings), visit.viewer.tenant
    waiting = requests.waiting(visit.settings.home, tenant)
    page.header(visit, t("Consent and rights"), _lead(waiting))
    acting.report()
    erasure.progress(visit)
    _waiting(visit, waiting)
    page.section(
        t("One person"), t("Consents, a copy of everything held, erasure. Opening a person is noted.")
    )
    key = acting.choose_person(visit, param="person")
    known = search.card(engine, tenant, key) if key else None
    if known and known.person_key:
        visit.audit_view(known.person_key, PAGE)
        _person(visit, known.person_key, known.name, waiting)
    else:
        states.empty(
            t("Nobody is chosen") if not key else t("This is no person of the roster"),
            t("Type a part of a name, a log-in or the roster's id above."),
        )
    _by_purpose(visit)
    erasure.receipts(visit)


def _lead(waiting: list[requests.Request]) -> str:
    if not waiting:
        return t("No request waits for an answer. Record here what families decide, and what they ask for.")
    first = waiting[0]
    late = sum(one.due < utc_now().date() for one in waiting)
    if not late:
        return tn(
            "Answer {count} request: the first is due on {day}.",
            "Answer {count} requests: the first is due on {day}.",
            len(waiting),
            day=first.due,
        )
    if late == 1:
        return tn(
            "Answer {count} request: the first is due on {day}, and {late} is late.",
            "Answer {count} requests: the first is due on {day}, and {late} is late.",
            len(waiting),
            day=first.due,
            late=late,
        )
    return t(
        "Answer {count} requests: the first is due on {day}, and {late} are late.",
        count=len(waiting),
        day=first.due,
        late=late,
    )


def _waiting(visit: Visit, waiting: list[requests.Request]) -> None:
    if not waiting:
        return
    names = search.names_of(
        people_of(visit.settings), visit.viewer.tenant, [one.person_key for one in waiting]
    )
    for number, one in enumerate(waiting, 1):
        is_late = one.due < utc_now().date()
        kind = "erasure" if one.kind == "erasure" else "copy"
        what = t(_WAITING[kind, one.asked_by], day=one.on_date)
        name = names.get(one.person_key, one.person_key)
        due = t("late") if is_late else t("due {day}", day=one.due)
        with st.container(border=True, key=f"request_{one.kind}_{one.person_key}"):
            st.html(
                f'<div class="ll-row"><span class="ll-rank">{number}</span><div class="ll-body"><span class="ll-name">{html.escape(name)}</span>'
                f"{page.chip(due, 'attention' if is_late else 'watch')}"
                f'<ul class="ll-why"><li>{html.escape(what)}</li></ul></div></div>'
            )
            with st.container(horizontal=True):
                if st.button(t("Open"), icon=":material/person:", key=f"open_{one.kind}_{one.person_key}"):
                    st.session_state.pop("find_person", None)
                    st.query_params["person"] = one.person_key
                    st.rerun()
                with st.popover(t("Taken back or refused"), icon=":material/close:"):
                    st.write(
                        t(
                            "The request leaves this list; the audit trail keeps it. A refusal needs a reason that the family has been told in writing."
                        )
                    )
                    if st.button(t("Yes, leave it out"), key=f"decline_{one.kind}_{one.person_key}"):
                        _decline(visit, one)


def _decline(visit: Visit, one: requests.Request) -> None:
    def work() -> Outcome:
        deed = acting.deed(visit)
        requests.decline(visit.settings.home, visit.viewer.tenant, one.person_key, one.kind, **deed)
        return Outcome(t("The request is taken off the list."))

    acting.carry_out(visit, "manage-consent", work)


def _person(visit: Visit, key: str, name: str, waiting: list[requests.Request]) -> None:
    page.section(name)
    st.html(f'<p class="ll-small">{t("key <code>{key}</code>", key=html.escape(key))}</p>')
    _standing(visit, key)
    with st.expander(t("Record a decision about consent"), icon=":material/edit_note:"):
        _decide(visit, key)
    with st.expander(t("Note what the family asks for"), icon=":material/inbox:"):
        _ask(visit, key)
    with st.expander(t("A copy of everything held"), icon=":material/folder_zip:"):
        _copy(visit, key)
    is_asked = any((one.person_key, one.kind) == (key, "erasure") for one in waiting)
    with st.expander(t("Erase the record"), icon=":material/delete_forever:", expanded=is_asked):
        erasure.ask(visit, key, name, is_asked=is_asked)


def _standing(visit: Visit, key: str) -> None:
    engine, tenant = people_of(visit.settings), visit.viewer.tenant
    today = {one: consent.allows(engine, tenant, key, one) for one in purposes.PURPOSES}
    chips = " ".join(
        page.chip(
            t("{purpose}: may be used", purpose=one) if may else t("{purpose}: left out", purpose=one),
            "fine" if may else "neutral",
        )
        for one, may in today.items()
    )
    st.html(f"<p>{chips}</p>")
    said = consent.history(engine, tenant, key)
    if not said:
        st.caption(t("Nothing was said about this record; what applies follows from the settings."))
        return
    names = search.names_of(engine, tenant, [one.giver_key for one in said if one.giver_key])
    rows = [
        {**dataclasses.asdict(one), "giver": names.get(one.giver_key or "", "")} for one in reversed(said)
    ]
    tables.table(
        pl.DataFrame(rows, schema_overrides={"until_date": pl.Date}, infer_schema_length=None),
        {
            "purpose": t("Purpose"),
            "decision": t("Said"),
            "given_by": t("By"),
            "giver": t("Guardian"),
            "on_date": t("On"),
            "until_date": t("Until"),
        },
        file_name="consents",
        alt=t("What was said about this person's record, newest first"),
    )


def _decide(visit: Visit, key: str) -> None:
    engine, tenant = people_of(visit.settings), visit.viewer.tenant
    known = search.card(engine, tenant, key)
    guardians = dict(known.guardians) if known else {}
    with st.form("consent"):
        purpose = st.selectbox(
            t("Purpose"),
            list(purposes.PURPOSES),
            format_func=lambda one: f"{one}: {purposes.PURPOSES[one].text}",
            key="consent_purpose",
        )
        decision = st.radio(
            t("Decision"),
            [consent.GIVEN, consent.WITHDRAWN],
            format_func=_said,
            horizontal=True,
            key="consent_decision",
        )
        by = st.radio(
            t("Who says so"),
            list(GIVERS),
            format_func=lambda one: t(GIVERS[one]),
            horizontal=True,
            key="consent_by",
        )
        giver = st.selectbox(
            t("Which guardian"),
            list(guardians),
            index=None,
            format_func=lambda one: guardians[one],
            placeholder=t("On paper, by somebody whom the roster doesn't know"),
            key="consent_giver",
        )
        until = st.date_input(t("Until (empty: until withdrawn)"), value=None, key="consent_until")
        is_sent = st.form_submit_button(t("Record"), type="primary", icon=":material/check:")
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
        return Outcome(
            t(
                "{purpose}: {decision}. It counts from the next pipeline run on.",
                purpose=purpose,
                decision=_said(decision),
            )
        )

    acting.carry_out(visit, "manage-consent", work)


def _said(decision: str) -> str:
    return t("given") if decision == consent.GIVEN else t("withdrawn")


def _ask(visit: Visit, key: str) -> None:
    with st.form("request"):
        kind = st.radio(
            t("What is asked for"),
            list(requests.KINDS),
            format_func=lambda one: t("Erasure") if one == "erasure" else t("A copy"),
            horizontal=True,
            key="request_kind",
        )
        by = st.radio(
            t("Who asks"),
            list(GIVERS),
            format_func=lambda one: t(GIVERS[one]),
            horizontal=True,
            key="request_by",
        )
        is_sent = st.form_submit_button(t("Note the request"), icon=":material/inbox:")
    if not is_sent:
        return

    def work() -> Outcome:
        engine, tenant = people_of(visit.settings), visit.viewer.tenant
        requests.ask(engine, tenant, key, kind, asked_by=by, **acting.deed(visit))
        return Outcome(
            t(
                "Noted. It is to be answered within {count} days, and stands at the top of this page.",
                count=requests.ANSWER_DAYS,
            )
        )

    acting.carry_out(visit, "manage-consent", work)


def _copy(visit: Visit, key: str) -> None:
    st.write(
        t(
            "One zip with everything held on this person: JSON, CSV, the statements, a README in plain words. Give it to the person or the "
            "family only; for anybody else name the institution, and it is noted as a disclosure."
        )
    )
    recipient = st.text_input(
        t("Institution outside the school (empty: the family)"), key="copy_recipient", autocomplete="off"
    )
    if st.button(t("Make the copy"), icon=":material/folder_zip:", key="copy"):
        with st.spinner(t("Collecting what every room holds …")):

            def work() -> Outcome:
                content = operations().export_person(
                    visit.settings,
                    visit.viewer.tenant,
                    key,
                    requested_by=visit.viewer.viewer_key,
                    recipient=recipient.strip() or None,
                )
                st.session_state["copy_of"] = (key, content)
                return Outcome(t("The copy is ready to be downloaded, until you leave these pages."))

            acting.carry_out(visit, "export-person", work)
    made = st.session_state.get("copy_of")
    if made and made[0] == key:
        st.download_button(
            t("Download the copy ({size} MB)", size=_megabytes(len(made[1]))),
            made[1],
            file_name=f"record-{key}.zip",
            mime="application/zip",
            icon=":material/download:",
            key="copy_download",
        )


def _megabytes(size_bytes: int) -> str:
    return numbers.format_decimal(size_bytes / 1e6, format="#,##0.0", locale=words.current())


def _by_purpose(visit: Visit) -> None:
    engine, tenant = people_of(visit.settings), visit.viewer.tenant
    rest = {name: (text, basis, waits) for name, text, basis, waits in consent.purposes_of(visit.settings)}
    found = consent.standing(engine, tenant)
    learners = found[0].allowed_count + found[0].left_out_count if found else 0
    page.section(
        t("What records are used for"),
        tn(
            "Each purpose with what families are told, over {count} learner. "
            "LEARNLAKE_CONSENT_REQUIRED says which ones wait for a yes.",
            "Each purpose with what families are told, over {count} learners. "
            "LEARNLAKE_CONSENT_REQUIRED says which ones wait for a yes.",
            learners,
        ),
    )
    rows = [
        {
            **dataclasses.asdict(one),
            "waits": t("not used") if rest[one.purpose][2] else t("used"),
            "text": rest[one.purpose][0],
            "basis": rest[one.purpose][1],
        }
        for one in found
    ]
    tables.table(
        pl.DataFrame(rows),
        {
            "purpose": t("Purpose"),
            "allowed_count": t("Used"),
            "left_out_count": t("Left out"),
            "given_count": t("Said yes"),
            "withdrawn_count": t("Said no"),
            "waits": t("Without an answer"),
            "text": t("What families are told"),
            "basis": t("Rests on"),
        },
        file_name="consent-by-purpose",
        alt=t("Purposes with how many records may be used"),
    )
