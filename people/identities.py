"""One person under several identifiers: shown, joined and split by an administrator, each change audited.

Who is who at import is `people.oneroster.persons`' business; what an administrator has decided here stays so through later imports.
Statements follow their identifier at the pipeline's next run, which computes the persons concerned anew.
"""

from __future__ import annotations

import dataclasses

from sqlalchemy import Connection, Engine, exists, insert, select, update

from learnlake import audit
from learnlake.errors import InputError
from learnlake.home import Home
from people import lake
from people.accounts import new_person_key
from people.assignments import OPERATOR
from people.db import bump_revision, reading, writing
from people.tables import ADMINISTRATOR, DISCOVERED, identifier, person
from people.takeover import take_over


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """One identifier of one person. `value` is for an administrator's eyes, who may know whose it is."""

    identifier_key: str
    kind: str
    value: str
    source: str


def list_identifiers(engine: Engine, tenant: str, person_key: str) -> list[Known]:
    """What a person is known by; InputError for an unknown person."""
    with reading(engine) as connection:
        _check_person(connection, tenant, person_key)
        rows = connection.execute(
            select(
                identifier.c.identifier_key, identifier.c.kind, identifier.c.value, identifier.c.source
            ).where(identifier.c.tenant == tenant, identifier.c.person_key == person_key)
        )
        return sorted(
            (Known(row[0], row[1], row[2], row[3]) for row in rows),
            key=lambda known: (known.kind, known.value),
        )


def join(
    engine: Engine,
    home: Home,
    tenant: str,
    keep: str,
    other: str,
    *,
    actor_key: str = OPERATOR,
    source: str = "command line",
) -> int:
    """Make `other` one person with `keep`: everything of `other`'s is `keep`'s from now on. Answers how many identifiers moved.

    Both are person_keys of the tenant. Raises InputError for somebody unknown, or joined already.
    """
    if keep == other:
        raise InputError("These are one person already", where=keep)
    with writing(engine) as connection:
        for key in (keep, other):
            _check_person(connection, tenant, key)
        moved = take_over(connection, tenant, other=other, into_key=keep, marked=ADMINISTRATOR)
        bump_revision(connection)
    _after(engine, home, tenant, "join-identity", f"{keep} {other}", actor_key, source)
    return moved


def split(
    engine: Engine,
    home: Home,
    tenant: str,
    person_key: str,
    identifier_key: str,
    *,
    actor_key: str = OPERATOR,
    source: str = "command line",
) -> str:
    """Take an identifier off a person and answer the key of the unknown person who has it from now on.

    The statements made under it go along; enrolments and roles stay. Later imports leave the identifier where it is.
    """
    with writing(engine) as connection:
        _check_person(connection, tenant, person_key)
        own = (
            identifier.c.tenant == tenant,
            identifier.c.person_key == person_key,
            identifier.c.identifier_key == identifier_key,
        )
        if not connection.execute(select(exists().where(*own))).scalar_one():
            raise InputError(
                f"{person_key} isn't known by {identifier_key!r}",
                mend="`learnlake identity list --person` shows a person's identifiers and their keys",
            )
        unknown = new_person_key()
        connection.execute(
            insert(person).values(
                tenant=tenant,
                person_key=unknown,
                source=DISCOVERED,
                kind="unknown",
                role="student",
                is_generated=False,
                is_active=True,
            )
        )
        connection.execute(update(identifier).where(*own).values(person_key=unknown, source=ADMINISTRATOR))
        bump_revision(connection)
    _after(engine, home, tenant, "split-identity", f"{person_key} {unknown}", actor_key, source)
    return unknown


def _check_person(connection: Connection, tenant: str, person_key: str) -> None:
    row = connection.execute(
        select(person.c.merged_into).where(person.c.tenant == tenant, person.c.person_key == person_key)
    ).first()
    if row is None:
        raise InputError(
            f"There is no person {person_key!r} in tenant {tenant!r}",
            mend="`learnlake identity list --unknown` and `learnlake user list` show person_keys",
        )
    if row.merged_into:
        raise InputError(f"{person_key} is one person with {row.merged_into} already", mend="name that one")


def _after(
    engine: Engine, home: Home, tenant: str, action: str, resource: str, actor_key: str, source: str
) -> None:
    audit.append(home.audit_db, audit.AuditEntry(tenant, actor_key, action, resource, source))
    lake.publish(engine, home)
