"""The seven roles, which of them a roster may give, and who holds which today. What a role may see is `people.policy`'s."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Final, get_args

from sqlalchemy import CompoundSelect, Connection, exists, insert, or_, select, union, update

from learnlake.errors import InputError
from learnlake.settings import Role
from people.tables import ADMINISTRATOR, organisation, person, role_assignment

ROLES: Final[tuple[str, ...]] = get_args(Role)

FROM_ROSTER: Final = {
    "student": "student",
    "teacher": "teacher",
    "aide": "assistant",
    "guardian": "guardian",
    "parent": "guardian",
    "relative": "guardian",
    "principal": "principal",
}
"""OneRoster's roles that give one of ours. The others (administrator, siteAdministrator, counselor, proctor, ...) give none:
a file from outside must not be able to make an administrator."""

NEEDS_PERSON: Final = frozenset({"student", "teacher", "assistant", "guardian"})
NEEDS_SCHOOL: Final = frozenset({"principal"})


def check_role(role: str) -> str:
    """`role` as it is, or InputError."""
    if role not in ROLES:
        raise InputError(f"{role!r} is not a role", mend=f"use one of {', '.join(ROLES)}")
    return role


def roles_held(
    connection: Connection, *, tenant: str, account_id: int | None, person_key: str | None, today: dt.date
) -> tuple[str, ...]:
    """The roles that an account and its person hold on `today`, in the order of ROLES."""
    held = held_assignments(tenant=tenant, account_id=account_id, person_key=person_key, today=today)
    found = {row.role for row in connection.execute(held)}
    return tuple(role for role in ROLES if role in found)


def held_assignments(
    *, tenant: str, account_id: int | None, person_key: str | None, today: dt.date
) -> CompoundSelect:
    """role and school_key of every assignment that counts on `today`. A person whom the roster has dropped keeps none.

    Two selects instead of one with `or`: each finds its rows by an index.
    """
    held = role_assignment.c
    assigned = select(held.role, held.school_key).where(held.tenant == tenant, *in_force(today))
    is_there = select(person.c.person_key).where(
        person.c.tenant == tenant, person.c.person_key == person_key, person.c.is_active
    )
    return union(
        assigned.where(held.account_id == account_id),
        assigned.where(held.person_key == person_key, held.person_key.is_not(None), exists(is_there)),
    )


def in_force(today: dt.date) -> tuple:
    """The conditions under which a role assignment counts on `today`."""
    held = role_assignment.c
    return (
        held.is_active,
        or_(held.begin_date.is_(None), held.begin_date <= today),
        or_(held.end_date.is_(None), held.end_date >= today),
    )


def grant_role(
    connection: Connection,
    *,
    tenant: str,
    role: str,
    person_key: str | None = None,
    account_id: int | None = None,
    school_key: str | None = None,
) -> bool:
    """Give `role` to a person, or to an account without one. False when it is held already."""
    check_role(role)
    if role in NEEDS_SCHOOL:
        _check_school(connection, tenant, school_key)
    held = role_assignment
    same = (
        held.c.tenant == tenant,
        held.c.role == role,
        held.c.person_key == person_key,
        held.c.account_id == (None if person_key else account_id),
        held.c.school_key == school_key,
        held.c.is_active,
    )
    if connection.execute(select(held.c.role).where(*same)).first():
        return False
    connection.execute(
        insert(held).values(
            tenant=tenant,
            assignment_key=f"a:{secrets.token_hex(12)}",
            source=ADMINISTRATOR,
            person_key=person_key,
            account_id=None if person_key else account_id,
            role=role,
            school_key=school_key,
            is_active=True,
        )
    )
    return True


def withdraw_role(
    connection: Connection, *, tenant: str, role: str, person_key: str | None, account_id: int
) -> int:
    """End every assignment of `role` to this account or its person; answers how many ended."""
    held = role_assignment
    holder = [held.c.account_id == account_id]
    if person_key:
        holder.append(held.c.person_key == person_key)
    done = connection.execute(
        update(held)
        .where(held.c.tenant == tenant, held.c.role == role, held.c.is_active, or_(*holder))
        .values(is_active=False)
    )
    return int(done.rowcount)


def _check_school(connection: Connection, tenant: str, school_key: str | None) -> None:
    known = select(organisation.c.school_key).where(
        organisation.c.tenant == tenant, organisation.c.school_key == school_key
    )
    if school_key is None or not connection.execute(known).first():
        raise InputError(
            "A principal leads a school, and this one isn't known",
            where=f"school {school_key!r}",
            mend="name one with --school; `learnlake user schools` lists them",
        )
