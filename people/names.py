"""Display names for keys that the policy has let through already. The only way a name leaves people.db for a page."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from sqlalchemy import Engine, select

from people import consent
from people.db import reading, school_day, settings_of
from people.purposes import LEADERBOARD
from people.tables import person

_KEYS_PER_QUERY = 10_000


def display_names(engine: Engine, tenant: str, person_keys: Iterable[str]) -> dict[str, str]:
    """person_key -> name as the person prefers it. People known by an identifier only get a stable label.

    Keys that the tenant doesn't hold are left out.
    """
    names: dict[str, str] = {}
    keys = iter(dict.fromkeys(person_keys))
    with reading(engine) as connection:
        while chunk := list(itertools.islice(keys, _KEYS_PER_QUERY)):
            rows = connection.execute(
                select(
                    person.c.person_key,
                    person.c.preferred_given_name,
                    person.c.given_name,
                    person.c.preferred_family_name,
                    person.c.family_name,
                ).where(person.c.tenant == tenant, person.c.person_key.in_(chunk))
            )
            for row in rows:
                given = row.preferred_given_name or row.given_name
                family = row.preferred_family_name or row.family_name
                names[row.person_key] = (
                    " ".join(part for part in (given, family) if part) or f"Learner {row.person_key[-6:]}"
                )
    return names


def celebrated(engine: Engine, tenant: str, person_keys: Iterable[str]) -> dict[str, str]:
    """The names of those of `person_keys` who agree, as of today, to be shown by name beside others."""
    keys = list(person_keys)
    with reading(engine) as connection:
        agreed = consent.allowed(
            connection, settings_of(engine), tenant, keys, LEADERBOARD, school_day(engine)
        )
    return display_names(engine, tenant, (key for key in keys if key in agreed))
