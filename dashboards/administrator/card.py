"""One person's card on the people page: roles, log-ins, classes, family, and what an administrator may do about each."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.administrator import acting
from dashboards.administrator.acting import Outcome
from dashboards.components import page, states, tables
from dashboards.visit import Visit, people_of
from dashboards.words import mark
from people import accounts, assignments, resets, roles, second_factor, sessions
from people.search import Card, LogIn

t, tn = words.room(__name__)


def show(visit: Visit, known: Card) -> None:
    """The card. Records of learning are not on it: they are not an administrator's."""
    page.section(known.name)
    facts = [
        t("Person of the roster") if known.kind == "rostered" else t(_KINDS.get(known.kind, known.kind)),
        known.school,
        t("grade {grade}", grade=str(known.grade)) if known.grade else None,
        None if known.is_active else t("gone from the roster, or shut"),
    ]
    said = [html.escape(part) for part in facts if part]
    said.append(t("key <code>{key}</code>", key=html.escape(known.key)))
    st.html(f'<p class="ll-small">{" · ".join(said)}</p>')
    for one in known.logins:
        _log_in(visit, one)
    if not known.logins:
        states.empty(
            t("This person has no log-in"),
            t("Make an account below, or let the school's own log-in bring one with it."),
        )
    _roles(visit, known)
    _classes(known)
    _family(known)


_KINDS = {
    "unknown": mark("Known from statements only, in no roster"),
    "account": mark("An account that belongs to no person"),
}


def _log_in(visit: Visit, one: LogIn) -> None:
    login = one.login
    chips = []
    if one.is_disabled:
        chips.append(page.chip(t("Shut"), "attention"))
    if one.locked_until:
        chips.append(page.chip(t("Locked until {moment}", moment=acting.utc(one.locked_until)), "attention"))
    owed = set(one.roles) & set(visit.settings.second_factor_roles)
    if one.has_second_factor:
        chips.append(
            page.chip(t("Second factor, {count} recovery codes left", count=one.recovery_codes), "fine")
        )
    else:
        chips.append(
            page.chip(
                t("Second factor owed at the next log-in") if owed else t("No second factor"),
                "watch" if owed else "neutral",
            )
        )
    chips.append(page.chip(tn("{count} open session", "{count} open sessions", one.open_sessions), "neutral"))
    if not one.has_password:
        chips.append(page.chip(t("No password here"), "neutral"))
    seen = html.escape(t("Last seen {moment}", moment=acting.utc(one.last_seen_at)))
    with st.container(border=True):
        st.html(
            f'<span class="ll-name">{html.escape(login)}</span> {" ".join(chips)}<p class="ll-small">{seen}</p>'
        )
        with st.container(horizontal=True):
            _log_in_actions(visit, one)


def _log_in_actions(visit: Visit, one: LogIn) -> None:
    engine, login, deed = people_of(visit.settings), one.login, acting.deed(visit)
    said = t("A link for {login} is made; its earlier one works no more.", login=login)
    _button(visit, one, t("Reset link"), ":material/link:", lambda: reset_link(visit, login, said))
    if one.locked_until:

        def unlock() -> Outcome:
            accounts.unlock(engine, login, **deed)
            return Outcome(t("{login} may try again at once.", login=login))

        _button(visit, one, t("Unlock"), ":material/lock_open:", unlock)
    if one.open_sessions:

        def end_sessions() -> Outcome:
            ended = sessions.revoke(engine, login, **deed)
            return Outcome(
                tn(
                    "{count} session of {login} ended.",
                    "{count} sessions of {login} ended.",
                    ended,
                    login=login,
                )
            )

        _button(visit, one, t("End sessions"), ":material/logout:", end_sessions)
    if one.has_second_factor:

        def reset_factor() -> Outcome:
            second_factor.remove(engine, accounts.get(engine, login), **deed)
            sessions.revoke(engine, login, **deed)
            return Outcome(t("{login} has no second factor any more; its sessions have ended.", login=login))

        _asked(
            visit,
            one,
            t("Reset second factor"),
            t("Yes, reset second factor"),
            ":material/phonelink_erase:",
            t(
                "The device and the recovery codes count no more, all sessions end, and the password alone is enough until a new one is "
                "set up. Do this only for somebody whom you have recognised, by telephone or in person."
            ),
            reset_factor,
        )
    _shut_or_open(visit, one)


def _shut_or_open(visit: Visit, one: LogIn) -> None:
    def change() -> Outcome:
        deed = acting.deed(visit)
        accounts.disable(people_of(visit.settings), one.login, is_disabled=not one.is_disabled, **deed)
        if one.is_disabled:
            return Outcome(t("{login} is open again.", login=one.login))
        return Outcome(t("{login} is shut, its sessions have ended.", login=one.login))

    if one.is_disabled:
        _button(visit, one, t("Open the account"), ":material/lock_open:", change)
    else:
        _asked(
            visit,
            one,
            t("Shut the account"),
            t("Yes, shut the account"),
            ":material/block:",
            t(
                "Every session ends at once, and nobody logs in with it until you open it again. Nothing is deleted."
            ),
            change,
        )


def _button(visit: Visit, one: LogIn, label: str, icon: str, work: Callable[[], Outcome]) -> None:
    if st.button(label, icon=icon, key=f"{label}_{one.account_id}"):
        acting.carry_out(visit, "manage-accounts", work)


def _asked(
    visit: Visit, one: LogIn, label: str, yes: str, icon: str, warning: str, work: Callable[[], Outcome]
) -> None:
    """A button that says what it does before it does it."""
    with st.popover(label, icon=icon):
        st.write(warning)
        if st.button(yes, key=f"{label}_{one.account_id}", type="primary"):
            acting.carry_out(visit, "manage-accounts", work)


def _roles(visit: Visit, known: Card) -> None:
    page.section(
        t("Roles"),
        t(
            "What the roster gives, the roster takes away. What is given here holds until it is withdrawn here."
        ),
    )
    if known.roles:
        rows = [
            {
                **dataclasses.asdict(one),
                "role": acting.role_name(one.role),
                "state": t("counts") if one.is_in_force else t("ended"),
                "source": t("given by hand") if one.source == "administrator" else one.source,
            }
            for one in known.roles
        ]
        tables.table(
            pl.DataFrame(rows, schema_overrides=_DATES),
            {
                "role": t("Role"),
                "state": t("Now"),
                "school": t("School"),
                "source": t("From"),
                "begin_date": t("Begins"),
                "end_date": t("Ends"),
            },
            file_name="roles",
            alt=t("Roles of this person, those that count first"),
        )
    else:
        states.empty(t("No role"), t("Without a role nobody gets further than the log-in."))
    if known.logins:
        _change(visit, known)


_DATES = {"begin_date": pl.Date, "end_date": pl.Date}


def _change(visit: Visit, known: Card) -> None:
    engine, tenant, login = people_of(visit.settings), visit.viewer.tenant, known.logins[0].login
    held = known.logins[0].roles
    schools = {key: title for key, kind, title in assignments.list_schools(engine, tenant)}
    with st.expander(t("Give or withdraw a role"), icon=":material/manage_accounts:"), st.form("change_role"):
        role = st.selectbox(
            t("Role"),
            list(roles.ROLES),
            index=None,
            format_func=lambda one: (
                t("{role} (held)", role=acting.role_name(one)) if one in held else acting.role_name(one)
            ),
            key="change_role_name",
        )
        school = st.selectbox(
            t("School that a principal leads"),
            list(schools),
            index=None,
            format_func=lambda key: schools[key],
            key="change_role_school",
        )
        with st.container(horizontal=True):
            is_given = st.form_submit_button(t("Give"), type="primary", icon=":material/add:")
            is_withdrawn = st.form_submit_button(t("Withdraw"), icon=":material/remove:")
    if not (is_given or is_withdrawn):
        return
    if role is None:
        st.warning(t("Choose the role first."), icon=":material/manage_accounts:")
        return

    def change() -> Outcome:
        accounts.change_roles(
            engine,
            login,
            add=[role] if is_given else [],
            remove=[role] if is_withdrawn else [],
            school_key=school,
            **acting.deed(visit),
        )
        within = acting.role_within(role)
        if is_given:
            return Outcome(
                t("{login} is {role}; open pages feel it at their next step.", login=login, role=within)
            )
        return Outcome(
            t("{login} is no longer {role}; open pages feel it at their next step.", login=login, role=within)
        )

    acting.carry_out(visit, "manage-accounts", change)


def _classes(known: Card) -> None:
    if not known.classes:
        return
    now = sum(one.is_active for one in known.classes)
    page.section(
        t("Classes"),
        tn(
            "{count} enrolment now; earlier ones below them.",
            "{count} enrolments now; earlier ones below them.",
            now,
        ),
    )
    rows = [
        {
            **dataclasses.asdict(one),
            "role": acting.role_name(one.role),
            "state": t("now") if one.is_active else t("ended"),
        }
        for one in known.classes
    ]
    tables.table(
        pl.DataFrame(rows, schema_overrides=_DATES),
        {
            "title": t("Class"),
            "role": t("As"),
            "state": t("State"),
            "begin_date": t("From"),
            "end_date": t("To"),
        },
        file_name="classes",
        alt=t("Classes of this person, the newest first"),
    )


def _family(known: Card) -> None:
    if not known.guardians and not known.children:
        return
    page.section(
        t("Family"), t("Who sees whose record as a guardian; it ends at 18 unless the student consents.")
    )
    for title, others in ((t("Guardians"), known.guardians), (t("Children"), known.children)):
        if others:
            links = ", ".join(
                f'<a href="?person={html.escape(key)}" target="_self">{html.escape(name)}</a>'
                for key, name in others
            )
            st.html(f'<p class="ll-out"><b>{title}</b>: {links}</p>')


def reset_link(visit: Visit, login: str, done: str) -> Outcome:
    """A new link for `login`, to be handed to the person."""
    token = resets.make(people_of(visit.settings), login, **acting.deed(visit))
    base = visit.settings.public_url or _origin()
    hours = visit.settings.reset_link_hours
    handling = t(
        "The link works once, for {hours} hours; give it to the person only. It is shown this once.",
        hours=words.number(hours, decimals=2),
    )
    return Outcome(
        f"{done} {handling}",
        f"{base.rstrip('/')}/login/reset?token={token}",
    )


def _origin() -> str:
    """The address under which this browser sees the pages."""
    address = st.context.url or ""
    return "/".join(address.split("/")[:3])
