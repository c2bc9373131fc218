"""Many accounts at once: added with an invitation, changed, revoked, given back; whole or not at all, every bad row named.

Rows come from a CSV file or, one at a time, from SCIM. Nobody is given a password: an invitation is a link that works once.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, select, update

from learnlake import audit
from learnlake.errors import InputError, RosterError
from people import accounts, lake, resets, roles
from people.accounts import Account
from people.db import check_tenant, read_revision, settings_of, today, writing
from people.tables import ADMINISTRATOR, account, organisation, person, role_assignment

ACTIONS: Final = ("add", "change", "revoke", "restore")
COLUMNS: Final = (
    "action",
    "login",
    "roles",
    "school",
    "sourced_id",
    "home_page",
    "given_name",
    "family_name",
)
_AUDITED: Final = {
    "add": "create-account",
    "change": "change-roles",
    "revoke": "disable-account",
    "restore": "enable-account",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """What is to be done with one account. `line` is its place in the file; `school` is a school_key or a sourcedId.

    `roles` are those that an administrator gives, all of them: `change` takes away the others. What a roster gives is the roster's.
    """

    line: int
    action: str
    login: str
    roles: tuple[str, ...] = ()
    school: str | None = None
    sourced_id: str | None = None
    home_page: str | None = None
    given_name: str | None = None
    family_name: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """What became of an order. `token` is the invitation's, shown this once."""

    order: Order
    account: Account
    is_changed: bool
    token: str | None = None


class _Undo(Exception):
    """Ends a transaction that is to leave nothing behind."""


def read_orders(path: Path) -> list[Order]:
    """The rows of a CSV file with the columns COLUMNS, of which `action` and `login` are required.

    Several roles are separated by blanks or semicolons. Raises InputError for an unusable file, RosterError naming every bad row.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The file cannot be read: {error}", where=str(path)) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if any(field.strip() for field in row)]
    except csv.Error as error:
        raise InputError(f"The file is no CSV: {error}", where=f"{path}, line {reader.line_num}") from error
    header = [name.strip().lower() for name in rows[0][1]] if rows else []
    problems = [f"line 1, {name}: there is no such column" for name in header if name not in COLUMNS]
    problems += [f"line 1, {name}: the column is missing" for name in COLUMNS[:2] if name not in header]
    problems += [
        f"line 1, {name}: the column is there twice"
        for name in sorted({n for n in header if header.count(n) > 1})
    ]
    _refuse(problems)
    orders: list[Order] = []
    seen: dict[str, int] = {}
    for line, row in rows[1:]:
        if len(row) != len(header):
            problems.append(f"line {line}: has {len(row)} fields, the header has {len(header)}")
            continue
        order = _order(line, dict(zip(header, (field.strip() for field in row), strict=True)))
        if order.login in seen:
            problems.append(f"line {line}, login: is in line {seen[order.login]} already")
        seen.setdefault(order.login, line)
        orders.append(order)
    _refuse(problems)
    return orders


def _order(line: int, row: dict[str, str]) -> Order:
    names = tuple(dict.fromkeys(row.pop("roles", "").replace(";", " ").split()))
    given = {name: value or None for name, value in row.items() if name not in ("action", "login")}
    return Order(line, row["action"].lower(), row["login"], names, **given)


def carry_out(
    engine: Engine,
    tenant: str,
    orders: Sequence[Order],
    *,
    actor_key: str,
    source: str = "people",
    dry_run: bool = False,
    invites: bool = True,
) -> list[Done]:
    """Do all of `orders` in one transaction, or none: RosterError names every one that cannot be.

    `dry_run` tries it and leaves nothing behind. Revoking ends the account's sessions. With `invites` a new account gets an invitation.
    """
    check_tenant(tenant)
    settings, done, problems = settings_of(engine), [], []
    try:
        with writing(engine) as connection:
            before = read_revision(connection)
            for order in orders:
                try:
                    with connection.begin_nested():
                        done.append(_do(engine, connection, tenant, order, invites=invites))
                except InputError as error:
                    mend = f" ({error.mend})" if error.mend else ""
                    problems.append(f"line {order.line}, {order.login or 'login'}: {error.what}{mend}")
            if problems or dry_run:
                raise _Undo
            is_new_roster = read_revision(connection) != before
    except _Undo:
        _refuse(problems)
        return [dataclasses.replace(one, token=None) for one in done]
    for one in done:
        if one.is_changed:
            entry = audit.AuditEntry(tenant, actor_key, _AUDITED[one.order.action], one.account.key, source)
            audit.append(settings.home.audit_db, entry)
    if is_new_roster:
        lake.publish(engine, settings.home)
    return done


def _refuse(problems: list[str]) -> None:
    if problems:
        raise RosterError(
            f"The accounts were refused whole: {len(problems)} problem(s)",
            problems,
            mend="correct the rows named above and try again; nothing was changed",
        )


def _do(engine: Engine, connection: Connection, tenant: str, order: Order, *, invites: bool) -> Done:
    if order.action not in ACTIONS:
        raise InputError(f"{order.action!r} is not one of {', '.join(ACTIONS)}")
    for role in order.roles:
        roles.check_role(role)
    if order.action == "add":
        return _add(engine, connection, tenant, order, invites=invites)
    known = _known(connection, tenant, order.login)
    if order.action == "change":
        return Done(order, known, _change(connection, tenant, known, order))
    is_disabled = order.action == "revoke"
    connection.execute(
        update(account).where(account.c.account_id == known.account_id).values(is_disabled=is_disabled)
    )
    if is_disabled:
        accounts.end_sessions(connection, known.account_id)
    return Done(order, dataclasses.replace(known, is_disabled=is_disabled), known.is_disabled != is_disabled)


def _add(engine: Engine, connection: Connection, tenant: str, order: Order, *, invites: bool) -> Done:
    made = accounts.create_in(
        connection,
        tenant=tenant,
        login=order.login,
        day=today(engine),
        role_names=order.roles,
        person_key=_person(connection, tenant, order),
        school_key=_school(connection, tenant, order.school),
        given_name=order.given_name,
        family_name=order.family_name,
    )
    hours = settings_of(engine).reset_link_hours
    token = resets.make_in(connection, made.account_id, hours=hours) if invites else None
    return Done(order, made, True, token)


def _change(connection: Connection, tenant: str, known: Account, order: Order) -> bool:
    """Make the roles that an administrator gives those of `order`; whether that changed anything."""
    if known.person_key is None and (lacking := sorted(roles.NEEDS_PERSON.intersection(order.roles))):
        raise InputError(f"This is nobody's account, and {', '.join(lacking)} is a person's role")
    school_key, held = _school(connection, tenant, order.school), role_assignment.c
    holder = held.person_key == known.person_key if known.person_key else held.account_id == known.account_id
    given = connection.execute(
        select(held.role, held.school_key, held.assignment_key).where(
            held.tenant == tenant, holder, held.source == ADMINISTRATOR, held.is_active
        )
    ).all()
    wanted = {(role, school_key if role in roles.NEEDS_SCHOOL else None) for role in order.roles}
    gone = [row.assignment_key for row in given if (row.role, row.school_key) not in wanted]
    connection.execute(
        update(role_assignment)
        .where(held.tenant == tenant, held.assignment_key.in_(gone))
        .values(is_active=False)
    )
    added = [
        roles.grant_role(
            connection,
            tenant=tenant,
            role=role,
            person_key=known.person_key,
            account_id=known.account_id,
            school_key=place,
        )
        for role, place in sorted(wanted, key=str)
    ]
    return bool(gone) or any(added)


def _known(connection: Connection, tenant: str, login: str) -> Account:
    row = connection.execute(
        select(account).where(account.c.tenant == tenant, account.c.login == login)
    ).first()
    if row is None:
        raise InputError(f"There is no account {login!r} in tenant {tenant!r}")
    return Account(row.account_id, row.tenant, row.login, row.person_key, row.is_disabled)


def _person(connection: Connection, tenant: str, order: Order) -> str | None:
    """The person of the roster whom an account is for; None without a sourcedId."""
    if order.sourced_id is None:
        return None
    if order.home_page is None:
        raise InputError("A sourced_id alone names nobody", mend="give the home_page too")
    row = connection.execute(
        select(person.c.person_key, person.c.merged_into).where(
            person.c.tenant == tenant,
            person.c.source == order.home_page,
            person.c.sourced_id == order.sourced_id,
        )
    ).first()
    if row is None:
        raise InputError(f"There is no user {order.sourced_id!r} in the roster of {order.home_page}")
    return str(row.merged_into or row.person_key)


def _school(connection: Connection, tenant: str, school: str | None) -> str | None:
    """The school_key that `school` is, or is the sourcedId of."""
    if school is None:
        return None
    keys = (school, f"{tenant}:{school}")
    row = connection.execute(
        select(organisation.c.school_key).where(
            organisation.c.tenant == tenant, organisation.c.school_key.in_(keys)
        )
    ).first()
    if row is None:
        raise InputError(f"There is no school {school!r}", mend="`learnlake user schools` lists them")
    return str(row[0])
