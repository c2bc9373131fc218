"""Whose predictions a system may ask for: people of the roster source that its credential names, who allow predictions."""

from __future__ import annotations

import dataclasses

from sqlalchemy import Engine, select

from learnlake.identity import Identifier, identifier_key, identity_secret
from people import consent
from people.db import reading, settings_of
from people.purposes import PREDICTION
from people.roster_clients import Client
from people.tables import identifier, person


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """About whom is asked: the roster source that brought the person, and whether predictions are allowed today."""

    source: str
    allows_prediction: bool


def asked(engine: Engine, tenant: str, person_key: str) -> Asked | None:
    """What decides whether anything may be told about the person; None where there is no such person now."""
    held = person.c
    query = select(held.source).where(
        held.tenant == tenant, held.person_key == person_key, held.is_active, held.merged_into.is_(None)
    )
    with reading(engine) as connection:
        row = connection.execute(query).first()
    return None if row is None else Asked(row.source, consent.allows(engine, tenant, person_key, PREDICTION))


def key_of(engine: Engine, client: Client, home_page: str, name: str) -> str | None:
    """The person_key behind an account of the client's own source; None for an unknown one, or another source's."""
    settings = settings_of(engine)
    key = identifier_key(identity_secret(settings.home), client.tenant, Identifier.account(home_page, name))
    held = identifier.c
    query = (
        select(held.person_key)
        .join(person, (person.c.tenant == held.tenant) & (person.c.person_key == held.person_key))
        .where(held.tenant == client.tenant, held.identifier_key == key, person.c.source == client.source)
    )
    with reading(engine) as connection:
        return connection.scalar(query)
