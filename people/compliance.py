"""Numbers for who answers for a school: consent, requests, disclosures and what the audit trail holds about its learners. No names, no keys."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Collection, Sequence

from sqlalchemy import Engine, select

from learnlake.home import Home
from people import consent, requests, trail
from people.db import reading, school_day, settings_of
from people.policy import check_action, scope
from people.purposes import PURPOSES
from people.sessions import Viewer
from people.tables import disclosed_person, disclosure

_ENTRIES = 1_000_000
"""Entries of the trail that are counted at most, the newest."""


@dataclasses.dataclass(frozen=True, slots=True)
class Consent:
    """How many of the learners' records may be used for `purpose` today, and how many may not."""

    purpose: str
    allowed_count: int
    refused_count: int


@dataclasses.dataclass(frozen=True, slots=True)
class Given:
    """Records given to an institution outside the school; `person_count` None: everybody's, from then on."""

    on_date: dt.date
    recipient: str
    purpose: str
    what: str
    person_count: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """What stands about a group of learners. `views`, `exports` and `refusals` count entries of the period that name one of them."""

    learner_count: int
    consents: tuple[Consent, ...]
    waiting: int
    overdue: int
    disclosures: tuple[Given, ...]
    views: int
    exports: int
    refusals: int
    trail_problems: int
    trail_entries: int


def summary(engine: Engine, viewer: Viewer, person_keys: Collection[str], *, since: dt.date) -> Summary:
    """The numbers about `person_keys`, which the caller has read through the door, from `since` on.

    AccessError for roles that may not have the compliance report. The whole trail is verified: seconds for millions of entries.
    """
    check_action(scope(engine, viewer), "compliance-report")
    keys, day, settings = set(person_keys), school_day(engine), settings_of(engine)
    with reading(engine) as connection:
        consents = []
        for purpose in PURPOSES:
            may = consent.allowed(connection, settings, viewer.tenant, keys, purpose, day)
            consents.append(Consent(purpose, len(may), len(keys) - len(may)))
    waiting = [one for one in requests.waiting(settings.home, viewer.tenant) if one.person_key in keys]
    counted = _entries(settings.home, viewer.tenant, keys, since)
    verdict = trail.verify(settings.home)
    return Summary(
        learner_count=len(keys),
        consents=tuple(consents),
        waiting=len(waiting),
        overdue=sum(one.due < day for one in waiting),
        disclosures=tuple(_given(engine, viewer.tenant, keys, since)),
        views=counted["view"],
        exports=counted["export"],
        refusals=counted["refused"],
        trail_problems=len(verdict.problems),
        trail_entries=verdict.count,
    )


def _entries(home: Home, tenant: str, keys: set[str], since: dt.date) -> Counter[str]:
    found: Counter[str] = Counter()
    for entry in trail.search(home, tenant=tenant, since=since.isoformat(), limit=_ENTRIES):
        named = {part for word in entry.resource.split() for part in word.removeprefix("person:").split(",")}
        if keys.isdisjoint(named):
            continue
        if entry.result == "refused":
            found["refused"] += 1
        elif entry.action.startswith("view "):
            found["view"] += 1
        elif entry.action.startswith("export"):
            found["export"] += 1
    return found


def _given(engine: Engine, tenant: str, keys: set[str], since: dt.date) -> list[Given]:
    told = disclosure.c
    start = dt.datetime.combine(since, dt.time())
    with reading(engine) as connection:
        rows = connection.execute(
            select(disclosure)
            .where(told.tenant == tenant, (told.at >= start) | (told.is_everyone & told.ended_at.is_(None)))
            .order_by(told.at)
        ).all()
        found = []
        for row in rows:
            count = None
            if not row.is_everyone:
                people: Sequence[str] = connection.scalars(
                    select(disclosed_person.c.person_key).where(
                        disclosed_person.c.disclosure_id == row.disclosure_id
                    )
                ).all()
                count = len(keys.intersection(people))
                if not count:
                    continue
            found.append(Given(row.at.date(), row.recipient, row.purpose, row.what, count))
    return found
