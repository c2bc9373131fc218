"""Erasing a person from the page: what would go, typing to confirm, progress, the signed receipts. Erasing itself is ordered."""

from __future__ import annotations

import datetime as dt

import polars as pl
import streamlit as st

from dashboards.administrator import acting
from dashboards.administrator.acting import Outcome
from dashboards.components import page, states, tables
from dashboards.visit import Visit
from learnlake import audit
from learnlake.errors import InputError, LearnlakeError
from learnlake.operations import Work, operations
from people import policy

STEPS = {
    "plan": "Finding what is held",
    "scan": "Reading every file by its format, for what may be left",
}
FATES = {
    "removed": "goes",
    "rewritten": "stays, without this person's keys",
    "kept": "stays, as the law lets it",
}
POLL_SECONDS = 1.0


def ask(visit: Visit, key: str, name: str, *, is_asked: bool) -> None:
    """Two steps: look at what would go, then type the name. `is_asked`: the family has asked for it."""
    if not is_asked:
        st.write(
            "Nobody has asked for this erasure. Note the request first, so that it is known who wants it."
        )
        return
    st.write(
        "**Step 1.** Look at what is held. Statements, documents, roster, log-in, predictions and logs of this person go, and never come back. "
        "Stop the sources that still send statements of this person first."
    )
    if st.button("Show what would go", icon=":material/search:", key="erase_plan"):
        with st.spinner("Looking into every room …"):
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
            "fate": FATES[one.fate],
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
        {"room": "Room", "what": "What", "count": "How many", "fate": "What happens", "why": "Why"},
        file_name="erasure-plan",
        alt="What is held on this person and what erasing does with it",
    )
    st.write("**Step 2.** Type the person's name as it stands above.")
    with st.form("erase"):
        typed = st.text_input("Name of the person to be erased", key="erase_typed", autocomplete="off")
        is_sent = st.form_submit_button("Erase for good", type="primary", icon=":material/delete_forever:")
    if is_sent:
        acting.carry_out(visit, "erase-person", lambda: _begin(visit, key, name, typed))


def _begin(visit: Visit, key: str, name: str, typed: str) -> Outcome:
    if typed.strip() != name:
        raise InputError("That is not the name", mend="type it as it stands above, or leave the page")
    tenant, actor = visit.viewer.tenant, visit.viewer.viewer_key
    operations().start_erasure(visit.settings, tenant, key, requested_by=actor)
    entry = audit.AuditEntry(tenant, actor, "order-erasure", f"person:{key}", visit.door.source)
    audit.append(visit.settings.home.audit_db, entry)
    st.session_state.pop("erase_plan_of", None)
    st.query_params.pop("person", None)
    st.session_state["erasure_watched"] = True
    return Outcome(
        "The erasure has begun. You may leave this page; it goes on, and the receipt will stand below."
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
            f"An erasure that began on {acting.utc(began)} was broken off. No other can begin before it is finished.",
            icon=":material/pause_circle:",
        )
        if st.button("Finish it", icon=":material/play_circle:", type="primary", key="erase_resume"):
            acting.carry_out(visit, "erase-person", lambda: _resume(visit))


def _resume(visit: Visit) -> Outcome:
    operations().resume_erasure(visit.settings)
    st.session_state["erasure_watched"] = True
    return Outcome("The erasure goes on where it was.")


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
        now = work.steps[-1] if work.steps else ("plan", 0, 1, "")
        label = STEPS.get(now[0], f"Room {now[0]}")
        st.progress(min(0.95, 0.05 + 0.13 * done), text=f"Erasing. {label} {now[3]}".strip())
    elif work.error:
        mend = f" {work.error.mend}." if work.error.mend else ""
        st.error(f"The erasure stopped: {work.error.what}.{mend}", icon=":material/error:")
    else:
        st.success(
            f"The erasure has ended; its receipt is {work.receipt_id}, below.", icon=":material/verified:"
        )


def receipts(visit: Visit) -> None:
    """Every receipt of this tenant, to be downloaded as it was signed."""
    page.section(
        "Receipts of erasures",
        "Signed, and naming the person by a keyed hash only: whoever holds the old key can tell that it is this one.",
    )
    try:
        found = operations().receipts(visit.settings, visit.viewer.tenant)
    except LearnlakeError:
        return
    if not found:
        states.empty("Nobody has been erased yet", "Each erasure ends with a receipt, here and in receipts/.")
        return
    tables.table(
        pl.DataFrame(
            [
                {
                    "id": one.erasure_id,
                    "at": dt.datetime.fromisoformat(one.finished_at).replace(tzinfo=None),
                    "state": "complete" if one.is_complete else "something was left",
                    "signature": "right" if one.is_genuine else "wrong: not this file as it was signed",
                    "by": one.requested_by,
                }
                for one in found
            ]
        ),
        {
            "id": "Receipt",
            "at": "Ended (UTC)",
            "state": "State",
            "signature": "Signature",
            "by": "Ordered by",
        },
        file_name="receipts",
        alt="Receipts of erasures, newest first",
    )
    by_id = {one.erasure_id: one for one in found}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox("Receipt", list(by_id), key="receipt")
        st.download_button(
            "Download the signed receipt",
            by_id[chosen].content,
            file_name=f"erasure-{chosen}.json",
            mime="application/json",
            icon=":material/download:",
            key="receipt_download",
        )
