"""Accounts of people who have proved elsewhere who they are (OpenID provider, directory): found, linked once, made only where told to.

How they proved it is the business of whoever asks; passwords and sessions are not here.
"""

from __future__ import annotations

import dataclasses

from sqlalchemy import Connection, Engine, func, insert, select

from learnlake import audit
from learnlake.errors import AccessError, InputError
from learnlake.identity import Identifier, identifier_key, identity_secret
from people import accounts, passwords
from people.accounts import Account
from people.db import now, reading, settings_of, writing
from people.tables import account, external_identity, identifier, person

UNKNOWN = "Nobody here is known by that log-in"


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """Who `issuer` says somebody is. `email` only if the issuer has verified it; `sourced_id` is the roster's, under `home_page`."""

    tenant: str
    issuer: str
    subject: str
    method: str
    email: str | None = None
    sourced_id: str | None = None
    home_page: str | None = None
    login: str | None = None
    """The log-in by which the issuer knows somebody: links to an account of that name without a password here."""


def account_for(engine: Engine, proof: Proof, *, may_create: bool, source: str) -> Account:
    """The account that `proof` opens. The first time it is linked by e-mail or sourcedId, and from then on by subject alone.

    AccessError, audited, for somebody unknown, and where several accounts could be meant.
    """
    login = linked(engine, tenant=proof.tenant, issuer=proof.issuer, subject=proof.subject)
    if login is None:
        try:
            login = _link(engine, proof, may_create=may_create)
        except (AccessError, InputError) as error:
            entry = audit.AuditEntry(proof.tenant, "unknown", "log-in", proof.method, source, "refused")
            audit.append(settings_of(engine).home.audit_db, entry)
            raise AccessError(error.what, mend=error.mend) from error
        known = accounts.get(engine, login)
        entry = audit.AuditEntry(proof.tenant, known.key, "link-identity", proof.method, source)
        audit.append(settings_of(engine).home.audit_db, entry)
    return accounts.get(engine, login)


def linked(engine: Engine, *, tenant: str, issuer: str, subject: str) -> str | None:
    """The log-in of the account that is tied to `subject` at `issuer`."""
    theirs = external_identity.c
    query = (
        select(account.c.login)
        .join(external_identity, theirs.account_id == account.c.account_id)
        .where(theirs.tenant == tenant, theirs.issuer == issuer, theirs.subject == subject)
    )
    with reading(engine) as connection:
        return connection.scalar(query)


def _link(engine: Engine, proof: Proof, *, may_create: bool) -> str:
    """Tie the subject to the one account that it can mean; answers its log-in."""
    with reading(engine) as connection:
        persons = _persons(engine, connection, proof)
        logins = _logins(connection, proof, persons)
    if not logins and len(persons) == 1 and may_create:
        logins = [_create(engine, proof, persons[0])]
    if len(logins) != 1:
        raise AccessError(UNKNOWN, mend="ask your school's administrator for an account")
    known = accounts.get(engine, logins[0])
    theirs = external_identity.c
    with writing(engine) as connection:
        query = select(theirs.subject).where(
            theirs.account_id == known.account_id, theirs.issuer == proof.issuer
        )
        if connection.execute(query).first():  # the address has passed to somebody else since
            raise AccessError(
                "This account belongs to another person of that log-in",
                mend="ask your school's administrator",
            )
        values = {
            "tenant": proof.tenant,
            "issuer": proof.issuer,
            "subject": proof.subject,
            "account_id": known.account_id,
            "linked_at": now(),
        }
        connection.execute(insert(external_identity).values(**values))
    return known.login


def _persons(engine: Engine, connection: Connection, proof: Proof) -> list[str]:
    """The person_keys that the e-mail address or the sourcedId names."""
    found: set[str] = set()
    if proof.sourced_id:
        query = select(person.c.person_key).where(
            person.c.tenant == proof.tenant,
            person.c.source == proof.home_page,
            person.c.sourced_id == proof.sourced_id,
        )
        found.update(connection.execute(query).scalars())
    if proof.email:
        secret = identity_secret(settings_of(engine).home)
        keys = {
            identifier_key(secret, proof.tenant, Identifier("mbox", f"mailto:{address}"))
            for address in (proof.email, proof.email.lower())
        }
        known = identifier.c
        query = select(known.person_key).where(known.tenant == proof.tenant, known.identifier_key.in_(keys))
        found.update(connection.execute(query).scalars())
    return sorted(found)


def _logins(connection: Connection, proof: Proof, persons: list[str]) -> list[str]:
    """The accounts of `persons`, and those whose log-in is the address itself."""
    of_tenant = select(account.c.login).where(account.c.tenant == proof.tenant)
    found: set[str] = set(connection.execute(of_tenant.where(account.c.person_key.in_(persons))).scalars())
    if proof.email:
        same = func.lower(account.c.login) == proof.email.lower()
        found.update(connection.execute(of_tenant.where(same)).scalars())
    if proof.login:
        same = (account.c.login == proof.login) & (account.c.password_hash == passwords.NONE)
        found.update(connection.execute(of_tenant.where(same)).scalars())
    return sorted(found)


def _create(engine: Engine, proof: Proof, person_key: str) -> str:
    """An account without a password for a person of the roster, who holds a role already; InputError otherwise."""
    login = (proof.login or proof.email or f"{proof.method}:{proof.subject}")[:254]
    made = accounts.create(engine, tenant=proof.tenant, login=login, password=None, person_key=person_key)
    return made.login
