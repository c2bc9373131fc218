"""One person's card on the people page: roles, log-ins, classes, family, and what an administrator may do about each."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable

import polars as pl
import streamlit as st

from dashboards.administrator import acting
from dashboards.administrator.acting import Outcome
from dashboards.components import page, states, tables
from dashboards.visit import ROLE_NAMES, Visit, people_of
from people import accounts, assignments, resets, roles, second_factor, sessions
from people.search import Card, LogIn


def show(visit: Visit, known: Card) -> None:
    """The card. Records of learning are not on it: they are not an administrator's."""
    page.section(known.name)
    facts = [
        "Person of the roster" if known.kind == "rostered" else _KINDS.get(known.kind, known.kind),
        known.school,
        f"grade {known.grade}" if known.grade else None,
        None if known.is_active else "gone from the roster, or shut",
    ]
    st.html(
        f'<p class="ll-small">{html.escape(" · ".join(part for part in facts if part))} · key <code>{html.escape(known.key)}</code></p>'
    )
    for one in known.logins:
        _log_in(visit, one)
    if not known.logins:
        states.empty(
            "This person has no log-in",
            "Make an account below, or let the school's own log-in bring one with it.",
        )
    _roles(visit, known)
    _classes(known)
    _family(known)


_KINDS = {
    "unknown": "Known from statements only, in no roster",
    "account": "An account that belongs to no person",
}


def _log_in(visit: Visit, one: LogIn) -> None:
    login = one.login
    chips = []
    if one.is_disabled:
        chips.append(page.chip("Shut", "attention"))
    if one.locked_until:
        chips.append(page.chip(f"Locked until {acting.utc(one.locked_until)}", "attention"))
    owed = set(one.roles) & set(visit.settings.second_factor_roles)
    if one.has_second_factor:
        chips.append(page.chip(f"Second factor, {one.recovery_codes} recovery codes left", "fine"))
    else:
        chips.append(
            page.chip(
                "Second factor owed at the next log-in" if owed else "No second factor",
                "watch" if owed else "neutral",
            )
        )
    chips.append(page.chip(f"{page.count(one.open_sessions, 'open session', 'open sessions')}", "neutral"))
    if not one.has_password:
        chips.append(page.chip("No password here", "neutral"))
    with st.container(border=True):
        st.html(
            f'<span class="ll-name">{html.escape(login)}</span> {" ".join(chips)}'
            f'<p class="ll-small">Last seen {acting.utc(one.last_seen_at)}</p>'
        )
        with st.container(horizontal=True):
            _log_in_actions(visit, one)


def _log_in_actions(visit: Visit, one: LogIn) -> None:
    engine, login, deed = people_of(visit.settings), one.login, acting.deed(visit)
    said = f"A link for {login} is made; its earlier one works no more."
    _button(visit, one, "Reset link", ":material/link:", lambda: reset_link(visit, login, said))
    if one.locked_until:

        def unlock() -> Outcome:
            accounts.unlock(engine, login, **deed)
            return Outcome(f"{login} may try again at once.")

        _button(visit, one, "Unlock", ":material/lock_open:", unlock)
    if one.open_sessions:

        def end_sessions() -> Outcome:
            ended = sessions.revoke(engine, login, **deed)
            return Outcome(f"{page.count(ended, 'session', 'sessions')} of {login} ended.")

        _button(visit, one, "End sessions", ":material/logout:", end_sessions)
    if one.has_second_factor:

        def reset_factor() -> Outcome:
            second_factor.remove(engine, accounts.get(engine, login), **deed)
            sessions.revoke(engine, login, **deed)
            return Outcome(f"{login} has no second factor any more; its sessions have ended.")

        _asked(
            visit,
            one,
            "Reset second factor",
            ":material/phonelink_erase:",
            "The device and the recovery codes count no more, all sessions end, and the password alone is enough until a new one is "
            "set up. Do this only for somebody whom you have recognised, by telephone or in person.",
            reset_factor,
        )
    _shut_or_open(visit, one)


def _shut_or_open(visit: Visit, one: LogIn) -> None:
    def change() -> Outcome:
        deed = acting.deed(visit)
        accounts.disable(people_of(visit.settings), one.login, is_disabled=not one.is_disabled, **deed)
        state = "open again" if one.is_disabled else "shut, its sessions have ended"
        return Outcome(f"{one.login} is {state}.")

    if one.is_disabled:
        _button(visit, one, "Open the account", ":material/lock_open:", change)
    else:
        _asked(
            visit,
            one,
            "Shut the account",
            ":material/block:",
            "Every session ends at once, and nobody logs in with it until you open it again. Nothing is deleted.",
            change,
        )


def _button(visit: Visit, one: LogIn, label: str, icon: str, work: Callable[[], Outcome]) -> None:
    if st.button(label, icon=icon, key=f"{label}_{one.account_id}"):
        acting.carry_out(visit, "manage-accounts", work)


def _asked(
    visit: Visit, one: LogIn, label: str, icon: str, warning: str, work: Callable[[], Outcome]
) -> None:
    """A button that says what it does before it does it."""
    with st.popover(label, icon=icon):
        st.write(warning)
        if st.button(f"Yes, {label[0].lower()}{label[1:]}", key=f"{label}_{one.account_id}", type="primary"):
            acting.carry_out(visit, "manage-accounts", work)


def _roles(visit: Visit, known: Card) -> None:
    page.section(
        "Roles",
        "What the roster gives, the roster takes away. What is given here holds until it is withdrawn here.",
    )
    if known.roles:
        rows = [
            {
                **dataclasses.asdict(one),
                "role": ROLE_NAMES.get(one.role, one.role),
                "state": "counts" if one.is_in_force else "ended",
                "source": "given by hand" if one.source == "administrator" else one.source,
            }
            for one in known.roles
        ]
        tables.table(
            pl.DataFrame(rows, schema_overrides=_DATES),
            {
                "role": "Role",
                "state": "Now",
                "school": "School",
                "source": "From",
                "begin_date": "Begins",
                "end_date": "Ends",
            },
            file_name="roles",
            alt="Roles of this person, those that count first",
        )
    else:
        states.empty("No role", "Without a role nobody gets further than the log-in.")
    if known.logins:
        _change(visit, known)


_DATES = {"begin_date": pl.Date, "end_date": pl.Date}


def _change(visit: Visit, known: Card) -> None:
    engine, tenant, login = people_of(visit.settings), visit.viewer.tenant, known.logins[0].login
    held = known.logins[0].roles
    schools = {key: title for key, kind, title in assignments.list_schools(engine, tenant)}
    with st.expander("Give or withdraw a role", icon=":material/manage_accounts:"), st.form("change_role"):
        role = st.selectbox(
            "Role",
            list(roles.ROLES),
            index=None,
            format_func=lambda one: ROLE_NAMES[one] + (" (held)" if one in held else ""),
            key="change_role_name",
        )
        school = st.selectbox(
            "School that a principal leads",
            list(schools),
            index=None,
            format_func=lambda key: schools[key],
            key="change_role_school",
        )
        with st.container(horizontal=True):
            is_given = st.form_submit_button("Give", type="primary", icon=":material/add:")
            is_withdrawn = st.form_submit_button("Withdraw", icon=":material/remove:")
    if not (is_given or is_withdrawn):
        return
    if role is None:
        st.warning("Choose the role first.", icon=":material/manage_accounts:")
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
        verb = "is" if is_given else "is no longer"
        return Outcome(f"{login} {verb} {ROLE_NAMES[role].lower()}; open pages feel it at their next step.")

    acting.carry_out(visit, "manage-accounts", change)


def _classes(known: Card) -> None:
    if not known.classes:
        return
    now = sum(one.is_active for one in known.classes)
    page.section("Classes", f"{page.count(now, 'enrolment', 'enrolments')} now; earlier ones below them.")
    rows = [
        {
            **dataclasses.asdict(one),
            "role": ROLE_NAMES.get(one.role, one.role),
            "state": "now" if one.is_active else "ended",
        }
        for one in known.classes
    ]
    tables.table(
        pl.DataFrame(rows, schema_overrides=_DATES),
        {"title": "Class", "role": "As", "state": "State", "begin_date": "From", "end_date": "To"},
        file_name="classes",
        alt="Classes of this person, the newest first",
    )


def _family(known: Card) -> None:
    if not known.guardians and not known.children:
        return
    page.section("Family", "Who sees whose record as a guardian; it ends at 18 unless the student consents.")
    for title, others in (("Guardians", known.guardians), ("Children", known.children)):
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
    return Outcome(
        f"{done} The link works once, for {hours:g} hours; give it to the person only. It is shown this once.",
        f"{base.rstrip('/')}/login/reset?token={token}",
    )


def _origin() -> str:
    """The address under which this browser sees the pages."""
    address = st.context.url or ""
    return "/".join(address.split("/")[:3])
