"""Records given to somebody outside the school: to whom, what for, whose. Listed for the family (FERPA 34 CFR 99.32), never purged.

A standing disclosure covers everybody of the tenant until it ends: statements forwarded to another system.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection

from sqlalchemy import Engine, insert, or_, select, update

from learnlake import audit
from learnlake.errors import InputError
from people.db import check_tenant, now, reading, settings_of, writing
from people.tables import disclosed_person, disclosure

_KEYS_PER_INSERT = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class Disclosure:
    """One disclosure. Times are UTC; `is_everyone` says that it reaches all people of the tenant, until `ended_at`."""

    disclosure_id: int
    at: dt.datetime
    recipient: str
    purpose: str
    what: str
    is_everyone: bool
    ended_at: dt.datetime | None


def record(
    engine: Engine,
    tenant: str,
    *,
    recipient: str,
    purpose: str,
    what: str,
    person_keys: Collection[str] | None,
    actor_key: str,
    source: str = "people",
) -> int:
    """Note that the records of `person_keys` (None: of everybody, from now on) go to `recipient`; answers its number.

    `recipient` and `what` name institutions and tables, never a person of the school.
    """
    check_tenant(tenant)
    if not recipient.strip():
        raise InputError("A disclosure needs a recipient", mend="name the institution that gets the records")
    with writing(engine) as connection:
        done = connection.execute(
            insert(disclosure).values(
                tenant=tenant,
                at=now(),
                recipient=recipient.strip(),
                purpose=purpose,
                what=what,
                actor_key=actor_key,
                is_everyone=person_keys is None,
            )
        )
        number = int(done.inserted_primary_key[0])  # type: ignore[index]
        rows = [{"disclosure_id": number, "person_key": key} for key in sorted(set(person_keys or ()))]
        for start in range(0, len(rows), _KEYS_PER_INSERT):
            connection.execute(insert(disclosed_person), rows[start : start + _KEYS_PER_INSERT])
    resource = f"disclosure:{number}" + (f" person:{rows[0]['person_key']}" if len(rows) == 1 else "")
    entry = audit.AuditEntry(tenant, actor_key, "disclose", resource, source)
    audit.append(settings_of(engine).home.audit_db, entry)
    return number


def end(engine: Engine, tenant: str, *, recipient: str, what: str, actor_key: str) -> int:
    """End the standing disclosures of `what` to `recipient`; answers how many."""
    told = disclosure.c
    with writing(engine) as connection:
        done = connection.execute(
            update(disclosure)
            .where(told.tenant == tenant, told.recipient == recipient, told.what == what)
            .where(told.is_everyone, told.ended_at.is_(None))
            .values(ended_at=now())
        )
    if done.rowcount:
        entry = audit.AuditEntry(tenant, actor_key, "end-disclosure", f"recipient:{recipient}", "people")
        audit.append(settings_of(engine).home.audit_db, entry)
    return int(done.rowcount)


def of_person(engine: Engine, tenant: str, person_key: str) -> list[Disclosure]:
    """Every disclosure that reached this person's record, oldest first."""
    told = disclosure.c
    named = select(disclosed_person.c.disclosure_id).where(disclosed_person.c.person_key == person_key)
    query = (
        select(*(told[field.name] for field in dataclasses.fields(Disclosure)))
        .where(told.tenant == tenant, or_(told.is_everyone, told.disclosure_id.in_(named)))
        .order_by(told.disclosure_id)
    )
    with reading(engine) as connection:
        return [Disclosure(**row) for row in connection.execute(query).mappings()]
