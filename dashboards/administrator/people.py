"""People and roles: find somebody, see what they may do, help them back in, give and withdraw roles, make an account."""

from __future__ import annotations

import streamlit as st

from dashboards import words
from dashboards.administrator import acting, card
from dashboards.administrator.acting import Outcome
from dashboards.components import page, states
from dashboards.visit import Visit, people_of
from people import accounts, assignments, roles, search

t, tn = words.room(__name__)
PAGE = "administrator-people"


def render(visit: Visit) -> None:
    """The page: who is locked out, the search, one person's card, the form for a new account."""
    engine, tenant = people_of(visit.settings), visit.viewer.tenant
    locked = search.locked_out(engine, tenant)
    page.header(visit, t("People"), _lead(locked))
    acting.report()
    _locked(locked)
    key = acting.choose_person(visit, param="person")
    known = search.card(engine, tenant, key) if key else None
    if known:
        visit.audit_view(known.key, PAGE)
        card.show(visit, known)
    elif key:
        states.empty(t("Nobody is known under this key"), t("Look for the person by name."))
    elif not st.session_state.get("find_person"):
        states.empty(
            t("Nobody is chosen yet"),
            t(
                "Type a part of a name, a log-in or the roster's id above. Each card that you open is noted in the audit trail."
            ),
        )
    _by_role(visit)
    _new_account(visit, known)


def _lead(locked: list) -> str:
    if locked:
        return tn(
            "{count} account is locked after wrong passwords: make sure who it is, "
            "then let them in or give them a new password.",
            "{count} accounts are locked after wrong passwords: make sure who it is, "
            "then let them in or give them a new password.",
            len(locked),
        )
    return t(
        "Nobody is locked out. Look for a person to see what they may do, to change it, or to help them back in."
    )


def _locked(locked: list) -> None:
    for key, login, until in locked[:10]:
        left, right = st.columns([4, 1], vertical_alignment="center")
        left.markdown(
            t("**{login}** is locked until {moment}", login=acting.plain(login), moment=acting.utc(until))
        )
        if right.button(t("Open"), key=f"open_{key}", icon=":material/person:"):
            st.session_state.pop("find_person", None)
            st.query_params["person"] = key
            st.rerun()


def _by_role(visit: Visit) -> None:
    page.section(
        t("Who holds a role"),
        t(
            "Roles that count today, from the roster or given here. Check who is an administrator now and then."
        ),
    )
    names = {role: acting.role_name(role) for role in ("administrator", "principal", "analyst", "teacher")}
    wanted = st.query_params.get("role", "administrator")
    role = st.segmented_control(
        t("Role"),
        list(names),
        default=wanted if wanted in names else "administrator",
        format_func=lambda one: names[one],
        key="by_role",
        required=True,
    )
    if st.query_params.get("role") != role:
        st.query_params["role"] = role
    found = search.find(people_of(visit.settings), visit.viewer.tenant, "", role=role, limit=500)
    if not found:
        states.empty(
            t("Nobody is {role}", role=acting.role_within(role)),
            t("Find the person above and give the role."),
        )
        return
    acting.people_table(
        found,
        file_name=f"people-{role}",
        alt=t("People who are {role}", role=acting.role_within(role)),
    )


def _new_account(visit: Visit, known: search.Card | None) -> None:
    person_key = known.person_key if known else None
    whose = (
        t("A log-in for {name}.", name=known.name)
        if known and person_key
        else t("A log-in for somebody whom no roster knows.")
    )
    how = t(
        "You are given a link with which the person sets a password, once; no password passes through your hands."
    )
    page.section(
        t("Make an account"),
        f"{whose} {how}",
    )
    engine, tenant = people_of(visit.settings), visit.viewer.tenant
    schools = {key: title for key, kind, title in assignments.list_schools(engine, tenant)}
    with st.expander(t("A new account"), icon=":material/person_add:"), st.form("new_account"):
        login = st.text_input(
            t("Log-in"),
            key="new_login",
            help=t("An e-mail address, or what the school uses"),
            autocomplete="off",
        )
        held = st.multiselect(
            t("Roles beside the roster's"),
            list(roles.ROLES),
            format_func=acting.role_name,
            key="new_roles",
        )
        school = st.selectbox(
            t("School that a principal leads"),
            list(schools),
            index=None,
            format_func=lambda key: schools[key],
            key="new_school",
        )
        given = family = None
        if person_key is None:
            given = st.text_input(t("Given name"), key="new_given", autocomplete="off") or None
            family = st.text_input(t("Family name"), key="new_family", autocomplete="off") or None
        is_sent = st.form_submit_button(t("Make the account"), type="primary", icon=":material/person_add:")
    if not is_sent:
        return

    def make() -> Outcome:
        accounts.create(
            engine,
            tenant=tenant,
            login=login.strip(),
            password=None,
            role_names=held,
            person_key=person_key,
            school_key=school,
            given_name=given,
            family_name=family,
            **acting.deed(visit),
        )
        return card.reset_link(visit, login.strip(), t("{login} has an account.", login=login.strip()))

    acting.carry_out(visit, "manage-accounts", make)
