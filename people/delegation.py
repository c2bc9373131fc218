"""What an assistant may do in a section beside looking: delegated and withdrawn one action at a time, each audited."""

from __future__ import annotations

import dataclasses

from sqlalchemy import Connection, Engine, exists, insert, select, update

from learnlake import audit
from learnlake.errors import InputError
from people.assignments import OPERATOR, find_person
from people.db import now, reading, settings_of, writing
from people.policy import DELEGABLE
from people.tables import delegation, enrolment


@dataclasses.dataclass(frozen=True, slots=True)
class Delegation:
    """One action that one assistant may do in one section."""

    person_key: str
    section_key: str
    action: str
    granted_by: str


def delegate(
    engine: Engine, tenant: str, section_key: str, who: str, action: str, *, actor_key: str = OPERATOR
) -> bool:
    """Let the assistant `who` (person_key or log-in) do `action` in a section; False when that was so already.

    Raises InputError for an action that cannot be delegated, or a person who doesn't assist there.
    """
    if action not in DELEGABLE:
        raise InputError(f"{action!r} cannot be delegated", mend=f"use one of {', '.join(DELEGABLE)}")
    with writing(engine) as connection:
        person_key = find_person(connection, tenant, who)
        _check_assists(connection, tenant, section_key, person_key)
        key = _key(tenant, section_key, person_key, action)
        known = connection.execute(select(delegation.c.is_active).where(*key)).first()
        if known and known.is_active:
            return False
        values = {"granted_by": actor_key, "granted_at": now(), "is_active": True}
        if known:
            connection.execute(update(delegation).where(*key).values(**values))
        else:
            names = {"tenant": tenant, "person_key": person_key, "section_key": section_key, "action": action}
            connection.execute(insert(delegation).values(**names, **values))
    _audit(engine, tenant, actor_key, f"delegate-{action}", section_key, person_key)
    return True


def withdraw(
    engine: Engine, tenant: str, section_key: str, who: str, action: str, *, actor_key: str = OPERATOR
) -> bool:
    """End a delegation at once; False when there was none."""
    with writing(engine) as connection:
        person_key = find_person(connection, tenant, who)
        key = _key(tenant, section_key, person_key, action)
        done = connection.execute(
            update(delegation).where(*key, delegation.c.is_active).values(is_active=False)
        )
    if done.rowcount:
        _audit(engine, tenant, actor_key, f"withdraw-{action}", section_key, person_key)
    return bool(done.rowcount)


def list_delegations(engine: Engine, tenant: str) -> list[Delegation]:
    """All delegations in force, by section, person and action."""
    given = delegation.c
    query = (
        select(given.person_key, given.section_key, given.action, given.granted_by)
        .where(given.tenant == tenant, given.is_active)
        .order_by(given.section_key, given.person_key, given.action)
    )
    with reading(engine) as connection:
        return [Delegation(*row.tuple()) for row in connection.execute(query)]


def _key(tenant: str, section_key: str, person_key: str, action: str) -> tuple:
    given = delegation.c
    return (
        given.tenant == tenant,
        given.section_key == section_key,
        given.person_key == person_key,
        given.action == action,
    )


def _check_assists(connection: Connection, tenant: str, section_key: str, person_key: str) -> None:
    held = enrolment.c
    assists = exists().where(
        held.tenant == tenant,
        held.section_key == section_key,
        held.person_key == person_key,
        held.role == "assistant",
        held.is_active,
    )
    if not connection.execute(select(assists)).scalar_one():
        raise InputError(
            f"{person_key} doesn't assist in section {section_key!r}",
            mend="enrol the person as an aide first, or `learnlake user assign-teacher --role assistant`",
        )


def _audit(
    engine: Engine, tenant: str, actor_key: str, action: str, section_key: str, person_key: str
) -> None:
    entry = audit.AuditEntry(tenant, actor_key, action, f"{section_key} {person_key}", "people")
    audit.append(settings_of(engine).home.audit_db, entry)
