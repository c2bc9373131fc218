"""Who agreed to which use of a record, and who refused, as of a day. Recording is `people.consent_record`'s.

A record is never changed: a withdrawal is one more. The newest one that holds on a day decides; without one, the settings.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Connection, Engine, or_, select

from learnlake.settings import Settings
from people.age import age_on, birth_dates
from people.db import reading, school_day, settings_of
from people.purposes import PURPOSES, check_purpose, required
from people.tables import consent, person

GIVEN: Final = "given"
WITHDRAWN: Final = "withdrawn"
COPPA_AGE: Final = 13
OF_AGE: Final = 18


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """One thing said about one purpose. `giver_key` is the guardian, where known; dates are the school's days."""

    person_key: str
    purpose: str
    decision: str
    given_by: str
    on_date: dt.date
    giver_key: str | None = None
    until_date: dt.date | None = None


def history(engine: Engine, tenant: str, person_key: str) -> list[Decision]:
    """Everything said about one person, in the order in which it was recorded."""
    with reading(engine) as connection:
        return [decision for _, decision in _read(connection, tenant, [person_key])]


def allows(engine: Engine, tenant: str, person_key: str, purpose: str) -> bool:
    """Whether the record of one person may be used for `purpose` today."""
    with reading(engine) as connection:
        return person_key in allowed(
            connection,
            settings_of(engine),
            tenant,
            [person_key],
            check_purpose(purpose),
            school_day(engine),
        )


def allowed(
    connection: Connection,
    settings: Settings,
    tenant: str,
    person_keys: Iterable[str],
    purpose: str,
    day: dt.date,
) -> set[str]:
    """Those of `person_keys` whose records may be used for `purpose` on `day`."""
    keys = list(person_keys)
    said = _standing(_read(connection, tenant, keys), purpose, day)
    if purpose in required(settings):
        return {key for key in keys if said.get(key, False)}
    children = _children(connection, settings, tenant, keys, day)
    return {key for key in keys if said.get(key, key not in children)}


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """One purpose over all learners of a tenant: how many records may be used today, how many may not, and who has said anything."""

    purpose: str
    allowed_count: int
    left_out_count: int
    given_count: int
    withdrawn_count: int


def standing(engine: Engine, tenant: str) -> list[Standing]:
    """How consent stands today for every purpose, over the learners who are there."""
    settings, day = settings_of(engine), school_day(engine)
    with reading(engine) as connection:
        keys: Sequence[str] = connection.scalars(
            select(person.c.person_key).where(
                person.c.tenant == tenant,
                person.c.role == "student",
                person.c.is_active,
                person.c.merged_into.is_(None),
            )
        ).all()
        records = _read(connection, tenant, keys)
        found = []
        for purpose in PURPOSES:
            may = allowed(connection, settings, tenant, keys, purpose, day)
            said = list(_standing(records, purpose, day).values())
            found.append(Standing(purpose, len(may), len(keys) - len(may), sum(said), len(said) - sum(said)))
    return found


def refusals(
    connection: Connection, settings: Settings, purposes: Sequence[str], day: dt.date
) -> list[tuple[str, str, str]]:
    """(tenant, person_key, purpose) of everybody whose record may not be used, sorted: what the lake is told."""
    people: dict[str, list[str]] = {}
    known = select(person.c.tenant, person.c.person_key).where(person.c.merged_into.is_(None))
    for row in connection.execute(known):
        people.setdefault(str(row[0]), []).append(str(row[1]))
    return sorted(
        (tenant, key, purpose)
        for tenant, keys in people.items()
        for purpose in purposes
        for key in set(keys) - allowed(connection, settings, tenant, keys, purpose, day)
    )


def fingerprint(connection: Connection, settings: Settings, day: dt.date) -> str:
    """Changes whenever `refusals` may: by what was said, by settings, and by a day on which something ends or somebody turns 13."""
    holds = (consent.c.on_date <= day, or_(consent.c.until_date.is_(None), consent.c.until_date >= day))
    said: Sequence[int] = connection.scalars(
        select(consent.c.consent_id).where(*holds).order_by(consent.c.consent_id)
    ).all()
    children = 0
    if settings.coppa:
        born = birth_dates(connection, None, None)
        children = sum(1 for date in born.values() if age_on(date, day) < COPPA_AGE)
    text = json.dumps([sorted(required(settings)), settings.coppa, children, list(said)])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _read(connection: Connection, tenant: str, person_keys: Sequence[str]) -> list[tuple[int, Decision]]:
    columns = [consent.c[field.name] for field in dataclasses.fields(Decision)]
    query = select(consent.c.consent_id, *columns).where(consent.c.tenant == tenant)
    if len(person_keys) <= 100:
        query = query.where(consent.c.person_key.in_(person_keys))
    wanted = set(person_keys)
    rows = connection.execute(query.order_by(consent.c.consent_id))
    return [(row[0], Decision(*row[1:])) for row in rows if row.person_key in wanted]


def _standing(records: Iterable[tuple[int, Decision]], purpose: str, day: dt.date) -> dict[str, bool]:
    """person_key -> what the newest record that holds on `day` says; people without one are left out."""
    newest: dict[str, tuple[tuple[dt.date, int], bool]] = {}
    for number, said in records:
        ended = said.until_date is not None and said.until_date < day
        if said.purpose != purpose or said.on_date > day or ended:
            continue
        order = (said.on_date, number)
        if said.person_key not in newest or newest[said.person_key][0] < order:
            newest[said.person_key] = (order, said.decision == GIVEN)
    return {key: given for key, (_, given) in newest.items()}


def _children(
    connection: Connection, settings: Settings, tenant: str, keys: Sequence[str], day: dt.date
) -> set[str]:
    """Under COPPA: who is under 13, or may be."""
    if not settings.coppa:
        return set()
    born = birth_dates(connection, tenant, keys)
    return {key for key in keys if key not in born or age_on(born[key], day) < COPPA_AGE}


def purposes_of(settings: Settings) -> list[tuple[str, str, str, bool]]:
    """(purpose, text for families, legal basis, whether it waits for consent) of every purpose."""
    waiting = required(settings)
    return [(name, p.text, p.legal_basis, name in waiting) for name, p in PURPOSES.items()]
