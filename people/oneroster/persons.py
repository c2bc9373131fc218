"""Which person each roster user is: the key kept from the last import, one taken over from an unknown actor, or a new one.

Identifiers are never taken away from a person: statements made under an old one stay that person's.
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict

import polars as pl
from sqlalchemy import Connection, select

from learnlake.identity import Identifier, identifier_key
from people.accounts import new_person_key
from people.oneroster.check import Problem
from people.oneroster.shape import Source
from people.tables import identifier, person

_KEYS_PER_QUERY = 10_000
_ACCOUNT = re.compile(r"\{(\S+://\S*)\s+([^{}]+?)\s*\}")


@dataclasses.dataclass(slots=True)
class Resolution:
    """Who is who. `merges` are (unknown person's key, key of the rostered person it turns out to be)."""

    keys: dict[str, str]
    taken_over: set[str]
    merges: list[tuple[str, str]]
    identifiers: pl.DataFrame
    problems: list[Problem]
    warnings: list[str]


@dataclasses.dataclass(frozen=True, slots=True)
class _Claim:
    sourced_id: str
    line: int
    identifier: Identifier
    key: str


def resolve(connection: Connection, source: Source, secret: bytes, users: pl.DataFrame) -> Resolution:
    """Find or give the person_key of every user, and collect their identifiers."""
    known = person.c
    rows = connection.execute(
        select(known.sourced_id, known.person_key).where(
            known.tenant == source.tenant, known.source == source.home_page
        )
    )
    found = Resolution({row[0]: row[1] for row in rows}, set(), [], pl.DataFrame(), [], [])
    claims = _claims(source, secret, users, found)
    holders = _holders(connection, source.tenant, [claim.key for claim in claims])
    kept = [claim for claim in claims if _settle(claim, holders, found)]
    for sourced_id in users["sourced_id"]:
        if sourced_id not in found.keys:
            found.keys[sourced_id] = new_person_key()
    found.identifiers = pl.DataFrame(
        {
            "tenant": [source.tenant] * len(kept),
            "identifier_key": [claim.key for claim in kept],
            "kind": [claim.identifier.kind for claim in kept],
            "value": [claim.identifier.value for claim in kept],
            "person_key": [found.keys[claim.sourced_id] for claim in kept],
            "source": [source.home_page] * len(kept),
        },
        schema=dict.fromkeys(
            ("tenant", "identifier_key", "kind", "value", "person_key", "source"), pl.String
        ),
    )
    return found


def _holders(connection: Connection, tenant: str, keys: list[str]) -> dict[str, tuple[str, str]]:
    """identifier_key -> (person_key, kind of that person), of those in `keys` that somebody holds."""
    query = (
        select(identifier.c.identifier_key, identifier.c.person_key, person.c.kind)
        .join(
            person,
            (person.c.tenant == identifier.c.tenant) & (person.c.person_key == identifier.c.person_key),
        )
        .where(identifier.c.tenant == tenant)
    )
    held: dict[str, tuple[str, str]] = {}
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        chunk = keys[start : start + _KEYS_PER_QUERY]
        rows = connection.execute(query.where(identifier.c.identifier_key.in_(chunk)))
        held.update({row[0]: (row[1], row[2]) for row in rows})
    return held


def _claims(source: Source, secret: bytes, users: pl.DataFrame, found: Resolution) -> list[_Claim]:
    """The identifiers that users bring. An address of several users identifies none; an account of several is a fault."""
    addresses: dict[str, list[tuple[str, int]]] = defaultdict(list)
    accounts: dict[tuple[str, str], tuple[str, int]] = {}
    for sourced_id, line, user_ids, email in users.select(
        "sourced_id", "_line", "user_ids", "email"
    ).iter_rows():
        pairs = _ACCOUNT.findall(user_ids or "") or [(source.home_page, sourced_id)]
        for pair in dict.fromkeys(pairs):
            if pair in accounts:
                other = accounts[pair][0]
                reason = f"the account {pair[1]!r} of {pair[0]} is user {other!r}'s too"
                found.problems.append(Problem("users", line, "userIds", reason))
            accounts.setdefault(pair, (sourced_id, line))
        if email:
            addresses[email].append((sourced_id, line))
    claims = [
        _claim(source, secret, Identifier.account(*pair), sourced_id, line)
        for pair, (sourced_id, line) in accounts.items()
    ]
    shared = 0
    for email, holders in addresses.items():
        if len(holders) == 1:
            claims.append(_claim(source, secret, Identifier("mbox", f"mailto:{email}"), *holders[0]))
        else:
            shared += 1
    if shared:
        found.warnings.append(
            f"{shared} e-mail address(es) belong to several users and identify none of them"
        )
    return claims


def _claim(source: Source, secret: bytes, known: Identifier, sourced_id: str, line: int) -> _Claim:
    return _Claim(sourced_id, line, known, identifier_key(secret, source.tenant, known))


def _settle(claim: _Claim, holders: dict[str, tuple[str, str]], found: Resolution) -> bool:
    """Decide whose identifier this is; False when it stays with somebody else."""
    holder, kind = holders.get(claim.key, (None, None))
    own = found.keys.get(claim.sourced_id)
    if holder is None or holder == own:
        return True
    if kind == "unknown":
        if own is None:
            found.keys[claim.sourced_id] = holder
            found.taken_over.add(holder)
        elif (holder, own) not in found.merges:
            found.merges.append((holder, own))
        return True
    if claim.identifier.kind == "mbox":
        found.warnings.append(
            f"users.csv, line {claim.line}: the e-mail address is another rostered person's and stays so"
        )
        return False
    reason = "the account belongs to another rostered person"
    found.problems.append(Problem("users", claim.line, "userIds", reason))
    return False
