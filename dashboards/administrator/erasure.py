"""Erasing a person from the page: what would go, typing to confirm, progress, the signed receipts. Erasing itself is ordered."""

from __future__ import annotations

import datetime as dt

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.administrator import acting
from dashboards.administrator.acting import Outcome
from dashboards.components import page, states, tables
from dashboards.visit import Visit
from dashboards.words import mark
from learnlake import audit
from learnlake.errors import InputError, LearnlakeError
from learnlake.operations import Work, operations
from people import policy

t, _tn = words.room(__name__)
STEPS = {
    "plan": mark("Finding what is held"),
    "scan": mark("Reading every file by its format, for what may be left"),
}
FATES = {
    "removed": mark("goes"),
    "rewritten": mark("stays, without this person's keys"),
    "kept": mark("stays, as the law lets it"),
}
POLL_SECONDS = 1.0


def ask(visit: Visit, key: str, name: str, *, is_asked: bool) -> None:
    """Two steps: look at what would go, then type the name. `is_asked`: the family has asked for it."""
    if not is_asked:
        st.write(
            t("Nobody has asked for this erasure. Note the request first, so that it is known who wants it.")
        )
        return
    st.write(
        t(
            "**Step 1.** Look at what is held. Statements, documents, roster, log-in, predictions and logs of this person go, and never come back. "
            "Stop the sources that still send statements of this person first."
        )
    )
    if st.button(t("Show what would go"), icon=":material/search:", key="erase_plan"):
        with st.spinner(t("Looking into every room …")):
            try:
                policy.check_action(visit.door.scope(), "erase-person")
                found = operations().plan(visit.settings, visit.viewer.tenant, key)
                st.session_state["erase_plan_of"] = (key, found)
            except LearnlakeError as error:
                st.error(f"{error.what}. {error.mend or ''}", icon=":material/error:")
    planned = st.session_state.get("erase_plan_of")
    if not planned or planned[0] != key:
        return
    rows = [
        {
            "room": room,
            "what": one.what,
            "count": one.count,
            "fate": t(FATES[one.fate]),
            "why": one.why,
        }
        for room, found in planned[1].items()
        for one in found
        if one.count
    ]
    tables.table(
        pl.DataFrame(
            rows,
            schema={
                "room": pl.String,
                "what": pl.String,
                "count": pl.Int64,
                "fate": pl.String,
                "why": pl.String,
            },
        ),
        {
            "room": t("Room"),
            "what": t("What"),
            "count": t("How many"),
            "fate": t("What happens"),
            "why": t("Why"),
        },
        file_name="erasure-plan",
        alt=t("What is held on this person and what erasing does with it"),
    )
    st.write(t("**Step 2.** Type the person's name as it stands above."))
    with st.form("erase"):
        typed = st.text_input(t("Name of the person to be erased"), key="erase_typed", autocomplete="off")
        is_sent = st.form_submit_button(t("Erase for good"), type="primary", icon=":material/delete_forever:")
    if is_sent:
        acting.carry_out(visit, "erase-person", lambda: _begin(visit, key, name, typed))


def _begin(visit: Visit, key: str, name: str, typed: str) -> Outcome:
    if typed.strip() != name:
        raise InputError(t("That is not the name"), mend=t("type it as it stands above, or leave the page"))
    tenant, actor = visit.viewer.tenant, visit.viewer.viewer_key
    operations().start_erasure(visit.settings, tenant, key, requested_by=actor)
    entry = audit.AuditEntry(tenant, actor, "order-erasure", f"person:{key}", visit.door.source)
    audit.append(visit.settings.home.audit_db, entry)
    st.session_state.pop("erase_plan_of", None)
    st.query_params.pop("person", None)
    st.session_state["erasure_watched"] = True
    return Outcome(
        t("The erasure has begun. You may leave this page; it goes on, and the receipt will stand below.")
    )


def progress(visit: Visit) -> None:
    """The erasure at work, looked at each second; what became of the last one; one that was broken off."""
    try:
        order = operations()
        work = order.erasure(visit.settings)
        broken = order.broken_off(visit.settings)
    except LearnlakeError as error:
        st.warning(f"{error.what}. {error.mend or ''}", icon=":material/link_off:")
        return
    if (
        work
        and work.tenant == visit.viewer.tenant
        and (work.is_running or st.session_state.get("erasure_watched"))
    ):
        _watch(visit)
    if broken and not (work and work.is_running):
        began = dt.datetime.fromisoformat(broken)
        st.warning(
            t(
                "An erasure that began on {moment} was broken off. No other can begin before it is finished.",
                moment=acting.utc(began),
            ),
            icon=":material/pause_circle:",
        )
        if st.button(t("Finish it"), icon=":material/play_circle:", type="primary", key="erase_resume"):
            acting.carry_out(visit, "erase-person", lambda: _resume(visit))


def _resume(visit: Visit) -> Outcome:
    operations().resume_erasure(visit.settings)
    st.session_state["erasure_watched"] = True
    return Outcome(t("The erasure goes on where it was."))


def _watch(visit: Visit) -> None:
    @st.fragment(run_every=POLL_SECONDS, key="erasure_watch")
    def look() -> None:
        work = operations().erasure(visit.settings)
        if work is None:
            return
        if not work.is_running and st.session_state.get("erasure_seen") != work:
            st.session_state["erasure_seen"] = work
            st.rerun()  # the list of receipts has one more
        _show(work)

    look()


def _show(work: Work) -> None:
    if work.is_running:
        done = sum(of > 0 and reached >= of for _, reached, of, _ in work.steps)
        name, _, _, detail = work.steps[-1] if work.steps else ("plan", 0, 1, "")
        st.progress(min(0.95, 0.05 + 0.13 * done), text=t("Erasing. {step}", step=step_label(name, detail)))
    elif work.error:
        mend = f" {work.error.mend}." if work.error.mend else ""
        stopped = t("The erasure stopped: {why}.", why=work.error.what)
        st.error(f"{stopped}{mend}", icon=":material/error:")
    else:
        st.success(
            t("The erasure has ended; its receipt is {receipt}, below.", receipt=str(work.receipt_id)),
            icon=":material/verified:",
        )


def step_label(name: str, detail: str) -> str:
    """What is done now: a named step's own words, else the room and what is done in it."""
    if name in STEPS:
        return t(STEPS[name])
    return t("Room {name} {detail}", name=name, detail=detail).strip()


def receipts(visit: Visit) -> None:
    """Every receipt of this tenant, to be downloaded as it was signed."""
    page.section(
        t("Receipts of erasures"),
        t(
            "Signed, and naming the person by a keyed hash only: whoever holds the old key can tell that it is this one."
        ),
    )
    try:
        found = operations().receipts(visit.settings, visit.viewer.tenant)
    except LearnlakeError:
        return
    if not found:
        states.empty(
            t("Nobody has been erased yet"), t("Each erasure ends with a receipt, here and in receipts/.")
        )
        return
    tables.table(
        pl.DataFrame(
            [
                {
                    "id": one.erasure_id,
                    "at": dt.datetime.fromisoformat(one.finished_at).replace(tzinfo=None),
                    "state": t("complete") if one.is_complete else t("something was left"),
                    "signature": t("right") if one.is_genuine else t("wrong: not this file as it was signed"),
                    "by": one.requested_by,
                }
                for one in found
            ]
        ),
        {
            "id": t("Receipt"),
            "at": t("Ended (UTC)"),
            "state": t("State"),
            "signature": t("Signature"),
            "by": t("Ordered by"),
        },
        file_name="receipts",
        alt=t("Receipts of erasures, newest first"),
    )
    by_id = {one.erasure_id: one for one in found}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(t("Receipt"), list(by_id), key="receipt")
        st.download_button(
            t("Download the signed receipt"),
            by_id[chosen].content,
            file_name=f"erasure-{chosen}.json",
            mime="application/json",
            icon=":material/download:",
            key="receipt_download",
        )
