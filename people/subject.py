"""Who is meant: from a key, a log-in, the roster's id or an identifier to the one person, and everything that names this person."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, select

from learnlake.errors import InputError
from learnlake.identity import Identifier, identifier_key, identity_secret
from learnlake.protocols import Subject, hashed_address
from people.db import reading, settings_of
from people.tables import account, external_identity, identifier, person

WAYS: Final = ("key", "login", "sis-id", "identifier")
"""How somebody may be named: person_key, log-in, the roster's sourcedId or user name, an xAPI identifier."""

_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")

Person = tuple[str, str]
"""(tenant, person_key)"""


def find_subject(engine: Engine, named: str, *, by: str | None = None, tenant: str | None = None) -> Subject:
    """The one person whom `named` names; `by` is one of WAYS, all are tried without it.

    Accounts are written `HOMEPAGE|NAME`. InputError when nobody or more than one person is meant; it tells keys, never names.
    """
    if by is not None and by not in WAYS:
        raise InputError(
            f"{by!r} is no way to name a person", where="--by", mend=f"use one of {', '.join(WAYS)}"
        )
    with reading(engine) as connection:
        found: set[Person] = set()
        for way in WAYS if by is None else (by,):
            found |= _matches(connection, way, named, tenant)
        found = {_survivor(connection, one) for one in found}
        if not found:
            raise InputError(
                "Nobody is known under this",
                where=f"--by {by}" if by else None,
                mend="give the person_key, the log-in, the roster's id, an e-mail address or HOMEPAGE|NAME; or another --tenant",
            )
        if len(found) > 1:
            listed = ", ".join(f"{key} (tenant {place})" for place, key in sorted(found))
            raise InputError(
                f"{len(found)} people are meant", where=listed, mend="give the person_key, with --tenant"
            )
        return _subject(engine, connection, *found.pop())


def _matches(connection: Connection, way: str, named: str, tenant: str | None) -> set[Person]:
    if way == "sis-id":
        known = select(person.c.tenant, person.c.person_key, person.c.sourced_id, person.c.username)
        return _those(connection, known, person.c.tenant, tenant, lambda *told: named in told)
    if way == "identifier":
        wanted = {(one.kind, one.value.lower()) for one in spellings(named)}
        known = select(
            identifier.c.tenant, identifier.c.person_key, identifier.c.kind, identifier.c.value
        ).where(identifier.c.kind.in_([kind for kind, _ in wanted]))
        return _those(
            connection,
            known,
            identifier.c.tenant,
            tenant,
            lambda kind, value: (kind, value.lower()) in wanted,
        )
    table = person if way == "key" else account
    same = person.c.person_key == named if way == "key" else account.c.login == named
    known = select(table.c.tenant, table.c.person_key).where(same, table.c.person_key.is_not(None))
    return _those(connection, known, table.c.tenant, tenant, lambda: True)


def _those(
    connection: Connection,
    query: Select,
    place: ColumnElement[str],
    tenant: str | None,
    is_meant: Callable[..., bool],
) -> set[Person]:
    """(tenant, person_key) of the rows whose further columns are meant. What is sealed is compared here, not in SQL."""
    if tenant is not None:
        query = query.where(place == tenant)
    return {(row[0], row[1]) for row in connection.execute(query) if is_meant(*row[2:])}


def spellings(named: str) -> list[Identifier]:
    """The identifiers that `named` may be: an address, its digest, an openid, HOMEPAGE|NAME."""
    bare = named[7:] if named.lower().startswith("mailto:") else named
    found = []
    if _ADDRESS.fullmatch(bare):
        found += [
            Identifier("mbox", f"mailto:{bare}"),
            Identifier("mbox_sha1sum", hashed_address(bare)),
        ]
    if _SHA1.fullmatch(named):
        found.append(Identifier("mbox_sha1sum", named.lower()))
    home_page, bar, name = named.rpartition("|")
    if bar:
        found.append(Identifier.account(home_page, name))
    elif "://" in named:
        found.append(Identifier("openid", named))
    return found


def _survivor(connection: Connection, found: Person) -> Person:
    """The person who took the place of an unknown one, as often as that happened."""
    tenant, key = found
    while into := connection.scalar(
        select(person.c.merged_into).where(person.c.tenant == tenant, person.c.person_key == key)
    ):
        key = into
    return tenant, key


def _subject(engine: Engine, connection: Connection, tenant: str, person_key: str) -> Subject:
    secret = identity_secret(settings_of(engine).home)
    keys = _merged_keys(connection, tenant, person_key)
    held = [
        Identifier(row.kind, row.value)
        for row in connection.execute(
            select(identifier.c.kind, identifier.c.value).where(
                identifier.c.tenant == tenant, identifier.c.person_key.in_(keys)
            )
        )
    ]
    known = list(dict.fromkeys([*held, *_digests(held)]))
    digests = [identifier_key(secret, tenant, one) for one in known]
    # An unknown actor under the digest of a known address is the same person
    others: Sequence[str] = connection.scalars(
        select(identifier.c.person_key)
        .join(
            person,
            and_(person.c.tenant == identifier.c.tenant, person.c.person_key == identifier.c.person_key),
        )
        .where(
            identifier.c.tenant == tenant,
            identifier.c.identifier_key.in_(digests),
            person.c.kind == "unknown",
        )
    ).all()
    return Subject(
        tenant,
        tuple(dict.fromkeys([*keys, *others])),
        tuple(known),
        tuple(digests),
        tuple(_marks(connection, tenant, keys)),
    )


def _merged_keys(connection: Connection, tenant: str, person_key: str) -> list[str]:
    keys, waiting = [person_key], [person_key]
    while waiting:
        merged: Sequence[str] = connection.scalars(
            select(person.c.person_key).where(person.c.tenant == tenant, person.c.merged_into.in_(waiting))
        ).all()
        waiting = [key for key in merged if key not in keys]
        keys += waiting
    return keys


def _digests(held: Iterable[Identifier]) -> list[Identifier]:
    return [
        Identifier("mbox_sha1sum", hashed_address(spelling))
        for one in held
        if one.kind == "mbox"
        for spelling in dict.fromkeys((one.value, one.value.lower()))
    ]


def _marks(connection: Connection, tenant: str, keys: list[str]) -> list[str]:
    """Log-ins, user names, the roster's ids, subjects at log-in providers."""
    theirs = and_(person.c.tenant == tenant, person.c.person_key.in_(keys))
    found: list[str | None] = []
    for row in connection.execute(select(person.c.sourced_id, person.c.username).where(theirs)):
        found += [row[0], row[1]]
    found += connection.scalars(
        select(account.c.login).where(account.c.tenant == tenant, account.c.person_key.in_(keys))
    ).all()
    found += connection.scalars(
        select(external_identity.c.subject)
        .join(account, account.c.account_id == external_identity.c.account_id)
        .where(account.c.tenant == tenant, account.c.person_key.in_(keys))
    ).all()
    return [mark for mark in dict.fromkeys(found) if mark]
