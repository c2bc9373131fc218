"""Keys of the systems that send to the LRS: who may send what, a new one (its secret shown once), one closed."""

from __future__ import annotations

import dataclasses

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.administrator import acting
from dashboards.administrator.acting import Outcome
from dashboards.components import page, states, tables
from dashboards.visit import Visit
from dashboards.words import mark
from learnlake import audit
from learnlake.errors import LearnlakeError
from learnlake.operations import Credential, operations
from people import policy

t, tn = words.room(__name__)
SCOPES = {
    "all": mark("everything: keep it for administration tools"),
    "all/read": mark("read everything"),
    "statements/write": mark("send statements: enough for most sources"),
    "statements/read": mark("read everybody's statements"),
    "statements/read/mine": mark("read what it has sent itself"),
    "state": mark("keep a learner's place in a course"),
    "profile": mark("keep profiles of learners and activities"),
    "define": mark("define activities"),
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
            t("Credentials"),
            t("The keys of the Learning Record Store cannot be read: see why, then look again."),
        )
        st.error(f"{error.what}. {error.mend or ''}", icon=":material/link_off:")
        return
    page.header(visit, t("Credentials"), _lead(found))
    acting.report()
    _keys(found)
    _create(visit, list(order.credential_scopes()))
    _revoke(visit, [one for one in found if not one.is_revoked and one.issuer is None])


def _lead(found: list[Credential]) -> str:
    live = [one for one in found if not one.is_revoked]
    wide = [one for one in live if "all" in one.scopes]
    if not live:
        return t("No system can send statements yet: make a credential for the first one below.")
    if wide:
        risk = tn(
            "{count} key may do everything: give each system the scopes that it needs, and close the wide one.",
            "{count} keys may do everything: give each system the scopes that it needs, and close the wide one.",
            len(wide),
        )
        return f"{risk} {tn('{count} key is in force.', '{count} keys are in force.', len(live))}"
    return tn(
        "{count} key is in force, none of them may do everything. Close those that nothing uses any more.",
        "{count} keys are in force, none of them may do everything. Close those that nothing uses any more.",
        len(live),
    )


def _keys(found: list[Credential]) -> None:
    page.section(
        t("Keys"), t("One for each system, so that closing one stops one. Secrets are kept only as hashes.")
    )
    if not found:
        states.empty(t("No key yet"), t("Make one below, and type key and secret into your learning system."))
        return
    rows = [
        {
            **dataclasses.asdict(one),
            "scopes": ", ".join(one.scopes),
            "state": t("closed") if one.is_revoked else t("in force"),
        }
        for one in sorted(found, key=lambda one: one.is_revoked)
    ]
    tables.table(
        pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col("issuer").cast(pl.String)),
        {
            "name": t("For"),
            "state": t("State"),
            "scopes": t("May"),
            "key": t("Key"),
            "issuer": t("Brought by a token of"),
        },
        file_name="credentials",
        alt=t("Keys of the Learning Record Store, those in force first"),
    )


def _create(visit: Visit, scopes: list[str]) -> None:
    page.section(
        t("Make a key"), t("The secret is shown this once. Give it to nobody but the system that it is for.")
    )
    with st.form("create_credential"):
        name = st.text_input(
            t("Which system it is for"), key="credential_name", help=t("No person's name"), autocomplete="off"
        )
        chosen = st.multiselect(
            t("What it may do"),
            scopes,
            default=[scope for scope in ("statements/write", "state") if scope in scopes],
            format_func=lambda scope: f"{scope}: {t(SCOPES[scope])}" if scope in SCOPES else scope,
            key="credential_scopes",
        )
        is_sent = st.form_submit_button(t("Make the key"), type="primary", icon=":material/key:")
    if not is_sent:
        return
    if not name.strip():
        st.warning(t("Say first which system it is for."), icon=":material/key:")
        return

    def work() -> Outcome:
        made = operations().create_credential(
            visit.settings, visit.viewer.tenant, name=name.strip(), scopes=chosen
        )
        _note(visit, "create-credential", made.key)
        return Outcome(
            t("The key for {name} is made. Its secret is shown this once.", name=made.name),
            t(
                "Endpoint  {url}\nKey       {key}\nSecret    {secret}",
                url=visit.settings.lrs_url,
                key=made.key,
                secret=str(made.secret),
            ),
        )

    acting.carry_out(visit, "manage-credentials", work)


def _revoke(visit: Visit, live: list[Credential]) -> None:
    if not live:
        return
    page.section(
        t("Close a key"), t("The system that uses it is refused at its next request. What it has sent stays.")
    )
    names = {one.key: f"{one.name} · …{one.key[-6:]}" for one in live}
    with st.form("revoke_credential"):
        key = st.selectbox(
            t("Key"), list(names), index=None, format_func=lambda one: names[one], key="credential_revoked"
        )
        is_sure = st.checkbox(t("Nothing that I need still sends with it"), key="credential_sure")
        is_sent = st.form_submit_button(t("Close the key"), icon=":material/block:")
    if not is_sent:
        return
    if key is None or not is_sure:
        st.warning(t("Choose the key and tick the box first."), icon=":material/block:")
        return

    def work() -> Outcome:
        operations().revoke_credential(visit.settings, visit.viewer.tenant, key)
        _note(visit, "revoke-credential", key)
        return Outcome(t("The key for {name} is closed.", name=names[key]))

    acting.carry_out(visit, "manage-credentials", work)


def _note(visit: Visit, action: str, key: str) -> None:
    entry = audit.AuditEntry(
        visit.viewer.tenant, visit.viewer.viewer_key, action, f"credential:{key}", visit.door.source
    )
    audit.append(visit.settings.home.audit_db, entry)
