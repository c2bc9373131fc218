"""Which person each roster user is: the key kept from the last import, one taken over from an unknown actor, or a new one.

Identifiers are never taken away from a person: statements made under an old one stay that person's.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections import defaultdict
from typing import Final

import polars as pl
from sqlalchemy import Connection, select

from learnlake.identity import Identifier, IdentifierKind, identifier_key
from people.accounts import new_person_key
from people.oneroster.check import Problem
from people.oneroster.shape import Source
from people.tables import ADMINISTRATOR, identifier, person

_KEYS_PER_QUERY = 10_000
_KINDS: Final[dict[str, IdentifierKind]] = {
    "openid": "openid",
    "mbox_sha1sum": "mbox_sha1sum",
    "lti": "lti_sub",
    "sis": "sis_id",
}
_TYPED = re.compile(r"\{(openid|mbox_sha1sum|lti|sis):\s*([^{}]+?)\s*\}", re.IGNORECASE)
_ACCOUNT = re.compile(r"\{(\S+://\S*)\s+([^{}]+?)\s*\}")


@dataclasses.dataclass(slots=True)
class Resolution:
    """Who is who. `keys` has each user's own row, `persons` whom it stands for: another one where an administrator joined two.

    `merges` are (unknown person's key, key of the rostered person it turns out to be).
    """

    keys: dict[str, str]
    joined: dict[str, str]
    taken_over: set[str]
    merges: list[tuple[str, str]]
    identifiers: pl.DataFrame
    problems: list[Problem]
    warnings: list[str]

    def person_of(self, sourced_id: str) -> str | None:
        """The key of the person that a user stands for; None for a new one."""
        key = self.keys.get(sourced_id)
        return None if key is None else self.joined.get(key, key)

    @property
    def persons(self) -> dict[str, str]:
        """sourced_id -> key of the person that the user stands for."""
        return {sourced_id: self.joined.get(key, key) for sourced_id, key in self.keys.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class _Claim:
    sourced_id: str
    line: int
    identifier: Identifier
    key: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Holder:
    """Whose an identifier is, what kind of person that is, and whether an administrator has said so."""

    person_key: str
    kind: str
    is_settled: bool


def resolve(connection: Connection, source: Source, secret: bytes, users: pl.DataFrame) -> Resolution:
    """Find or give the person_key of every user, and collect their identifiers."""
    known = person.c
    rows = connection.execute(
        select(known.sourced_id, known.person_key, known.merged_into).where(
            known.tenant == source.tenant, known.source == source.home_page
        )
    ).all()
    joined = {row[1]: row[2] for row in rows if row[2]}
    found = Resolution({row[0]: row[1] for row in rows}, joined, set(), [], pl.DataFrame(), [], [])
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
            "person_key": [found.person_of(claim.sourced_id) for claim in kept],
            "source": [source.home_page] * len(kept),
        },
        schema=dict.fromkeys(
            ("tenant", "identifier_key", "kind", "value", "person_key", "source"), pl.String
        ),
    )
    return found


def _holders(connection: Connection, tenant: str, keys: list[str]) -> dict[str, _Holder]:
    """Who holds which of the identifiers in `keys`."""
    query = (
        select(identifier.c.identifier_key, identifier.c.person_key, person.c.kind, identifier.c.source)
        .join(
            person,
            (person.c.tenant == identifier.c.tenant) & (person.c.person_key == identifier.c.person_key),
        )
        .where(identifier.c.tenant == tenant)
    )
    held: dict[str, _Holder] = {}
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        chunk = keys[start : start + _KEYS_PER_QUERY]
        rows = connection.execute(query.where(identifier.c.identifier_key.in_(chunk)))
        held.update({row[0]: _Holder(row[1], row[2], row[3] == ADMINISTRATOR) for row in rows})
    return held


def _claims(source: Source, secret: bytes, users: pl.DataFrame, found: Resolution) -> list[_Claim]:
    """The identifiers that users bring. An address of several users identifies none; an account of several is a fault."""
    addresses: dict[str, list[tuple[str, int]]] = defaultdict(list)
    accounts: dict[Identifier, tuple[str, int]] = {}
    for sourced_id, line, user_ids, email in users.select(
        "sourced_id", "_line", "user_ids", "email"
    ).iter_rows():
        pairs = _ACCOUNT.findall(user_ids or "") or [(source.home_page, sourced_id)]
        for known in (*(Identifier.account(*pair) for pair in pairs), *_typed(source, user_ids)):
            other = accounts.setdefault(known, (sourced_id, line))[0]
            if other != sourced_id:
                name = " of ".join(reversed(known.account_parts)) if known.kind == "account" else known.kind
                reason = f"the account {name} is user {other!r}'s too"
                found.problems.append(Problem("users", line, "userIds", reason))
        if email:
            addresses[email].append((sourced_id, line))
    claims = [
        _claim(source, secret, known, sourced_id, line) for known, (sourced_id, line) in accounts.items()
    ]
    shared = 0
    for email, holders in addresses.items():
        if len(holders) == 1:
            mbox = f"mailto:{email}"
            digest = hashlib.sha1(mbox.encode(), usedforsecurity=False).hexdigest()  # xAPI's mbox_sha1sum
            claims.append(_claim(source, secret, Identifier("mbox", mbox), *holders[0]))
            claims.append(_claim(source, secret, Identifier("mbox_sha1sum", digest), *holders[0]))
        else:
            shared += 1
    if shared:
        found.warnings.append(
            f"{shared} e-mail address(es) belong to several users and identify none of them"
        )
    return claims


def _typed(source: Source, user_ids: str | None) -> list[Identifier]:
    """Identifiers of a named type in userIds. An LTI subject or a SIS's id means something in its own system only."""
    found = []
    for name, value in _TYPED.findall(user_ids or ""):
        kind = _KINDS.get(name.lower())
        if kind is not None:
            scoped = f"{source.home_page}\n{value}" if kind in ("lti_sub", "sis_id") else value
            found.append(Identifier(kind, scoped))
    return found


def _claim(source: Source, secret: bytes, known: Identifier, sourced_id: str, line: int) -> _Claim:
    return _Claim(sourced_id, line, known, identifier_key(secret, source.tenant, known))


def _settle(claim: _Claim, holders: dict[str, _Holder], found: Resolution) -> bool:
    """Decide whose identifier this is; False when it stays with somebody else, or as an administrator has decided."""
    holder, own = holders.get(claim.key), found.person_of(claim.sourced_id)
    if holder is None:
        return True
    if holder.is_settled and own is not None:
        if holder.person_key != own:
            found.warnings.append(
                f"users.csv, line {claim.line}: one of the identifiers was given to another person by an administrator"
            )
        return False
    if holder.person_key == own:
        return True
    if holder.kind == "unknown":
        if own is None:
            found.keys[claim.sourced_id] = holder.person_key
            found.taken_over.add(holder.person_key)
        elif (holder.person_key, own) not in found.merges:
            found.merges.append((holder.person_key, own))
        return True
    if claim.identifier.kind in ("mbox", "mbox_sha1sum"):
        if claim.identifier.kind == "mbox":
            found.warnings.append(
                f"users.csv, line {claim.line}: the e-mail address is another rostered person's and stays so"
            )
        return False
    reason = "the account belongs to another rostered person"
    found.problems.append(Problem("users", claim.line, "userIds", reason))
    return False
