"""Keys of the systems that send to the LRS: who may send what, a new one (its secret shown once), one closed."""

from __future__ import annotations

import dataclasses

import polars as pl
import streamlit as st

from dashboards.administrator import acting
from dashboards.administrator.acting import Outcome
from dashboards.components import page, states, tables
from dashboards.visit import Visit
from learnlake import audit
from learnlake.errors import LearnlakeError
from learnlake.operations import Credential, operations
from people import policy

SCOPES = {
    "all": "everything: keep it for administration tools",
    "all/read": "read everything",
    "statements/write": "send statements: enough for most sources",
    "statements/read": "read everybody's statements",
    "statements/read/mine": "read what it has sent itself",
    "state": "keep a learner's place in a course",
    "profile": "keep profiles of learners and activities",
    "define": "define activities",
}
"""The LRS's scopes in words; one that isn't here is shown by its name."""


def render(visit: Visit) -> None:
    """The page: what is wide open, the keys, a new one, closing one."""
    policy.check_action(visit.door.scope(), "manage-credentials")
    try:
        order = operations()
        found = order.credentials(visit.settings, visit.viewer.tenant)
    except LearnlakeError as error:
        page.header(
            visit,
            "Credentials",
            "The keys of the Learning Record Store cannot be read: see why, then look again.",
        )
        st.error(f"{error.what}. {error.mend or ''}", icon=":material/link_off:")
        return
    page.header(visit, "Credentials", _lead(found))
    acting.report()
    _keys(found)
    _create(visit, list(order.credential_scopes()))
    _revoke(visit, [one for one in found if not one.is_revoked and one.issuer is None])


def _lead(found: list[Credential]) -> str:
    live = [one for one in found if not one.is_revoked]
    wide = [one for one in live if "all" in one.scopes]
    if not live:
        return "No system can send statements yet: make a credential for the first one below."
    if wide:
        may = "key may" if len(wide) == 1 else "keys may"
        return (
            f"{len(wide)} {may} do everything: give each system the scopes that it needs, and close the wide one. "
            f"{page.count(len(live), 'key is', 'keys are')} in force."
        )
    return f"{page.count(len(live), 'key is', 'keys are')} in force, none of them may do everything. Close those that nothing uses any more."


def _keys(found: list[Credential]) -> None:
    page.section(
        "Keys", "One for each system, so that closing one stops one. Secrets are kept only as hashes."
    )
    if not found:
        states.empty("No key yet", "Make one below, and type key and secret into your learning system.")
        return
    rows = [
        {
            **dataclasses.asdict(one),
            "scopes": ", ".join(one.scopes),
            "state": "closed" if one.is_revoked else "in force",
        }
        for one in sorted(found, key=lambda one: one.is_revoked)
    ]
    tables.table(
        pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col("issuer").cast(pl.String)),
        {"name": "For", "state": "State", "scopes": "May", "key": "Key", "issuer": "Brought by a token of"},
        file_name="credentials",
        alt="Keys of the Learning Record Store, those in force first",
    )


def _create(visit: Visit, scopes: list[str]) -> None:
    page.section(
        "Make a key", "The secret is shown this once. Give it to nobody but the system that it is for."
    )
    with st.form("create_credential"):
        name = st.text_input(
            "Which system it is for", key="credential_name", help="No person's name", autocomplete="off"
        )
        chosen = st.multiselect(
            "What it may do",
            scopes,
            default=[scope for scope in ("statements/write", "state") if scope in scopes],
            format_func=lambda scope: f"{scope}: {SCOPES[scope]}" if scope in SCOPES else scope,
            key="credential_scopes",
        )
        is_sent = st.form_submit_button("Make the key", type="primary", icon=":material/key:")
    if not is_sent:
        return
    if not name.strip():
        st.warning("Say first which system it is for.", icon=":material/key:")
        return

    def work() -> Outcome:
        made = operations().create_credential(
            visit.settings, visit.viewer.tenant, name=name.strip(), scopes=chosen
        )
        _note(visit, "create-credential", made.key)
        return Outcome(
            f"The key for {made.name} is made. Its secret is shown this once.",
            f"Endpoint  {visit.settings.lrs_url}\nKey       {made.key}\nSecret    {made.secret}",
        )

    acting.carry_out(visit, "manage-credentials", work)


def _revoke(visit: Visit, live: list[Credential]) -> None:
    if not live:
        return
    page.section(
        "Close a key", "The system that uses it is refused at its next request. What it has sent stays."
    )
    names = {one.key: f"{one.name} · …{one.key[-6:]}" for one in live}
    with st.form("revoke_credential"):
        key = st.selectbox(
            "Key", list(names), index=None, format_func=lambda one: names[one], key="credential_revoked"
        )
        is_sure = st.checkbox("Nothing that I need still sends with it", key="credential_sure")
        is_sent = st.form_submit_button("Close the key", icon=":material/block:")
    if not is_sent:
        return
    if key is None or not is_sure:
        st.warning("Choose the key and tick the box first.", icon=":material/block:")
        return

    def work() -> Outcome:
        operations().revoke_credential(visit.settings, visit.viewer.tenant, key)
        _note(visit, "revoke-credential", key)
        return Outcome(f"The key for {names[key]} is closed.")

    acting.carry_out(visit, "manage-credentials", work)


def _note(visit: Visit, action: str, key: str) -> None:
    entry = audit.AuditEntry(
        visit.viewer.tenant, visit.viewer.viewer_key, action, f"credential:{key}", visit.door.source
    )
    audit.append(visit.settings.home.audit_db, entry)
