"""What families and people have asked for about a record: erasure or a copy. Kept as entries of the audit trail, answered within a month.

An entry names the person by key, so a request outlives the erasure that answers it. Carrying it out is `cli.rights`'.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Final

from sqlalchemy import Engine

from learnlake import audit
from learnlake.errors import InputError
from learnlake.home import Home
from people import search, trail
from people.consent_record import GIVERS
from people.db import settings_of

KINDS: Final = {"erasure": "erase", "copy": "export-person"}
"""What may be asked for, and the audit trail's action that answers it."""
ANSWER_DAYS: Final = 30
"""One month (GDPR art. 12 (3)); FERPA's 45 days for seeing a record are longer (34 CFR 99.10)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One request that waits. `asked_by` is student, guardian or school; `due` is the last day for an answer."""

    person_key: str
    kind: str
    asked_by: str
    on_date: dt.date
    due: dt.date


def ask(
    engine: Engine, tenant: str, person_key: str, kind: str, *, asked_by: str, actor_key: str, source: str
) -> None:
    """Note a request. InputError for somebody unknown, and for what waits already."""
    _check(kind, asked_by)
    home = settings_of(engine).home
    known = search.card(engine, tenant, person_key)
    if known is None or known.person_key is None:
        raise InputError("There is no such person", mend="look for the person by name")
    if any((one.person_key, one.kind) == (person_key, kind) for one in waiting(home, tenant)):
        raise InputError("This is asked for already", mend="answer the request that waits")
    _append(home, tenant, actor_key, f"request-{kind}", f"person:{person_key} by:{asked_by}", source)


def decline(home: Home, tenant: str, person_key: str, kind: str, *, actor_key: str, source: str) -> None:
    """Note that a request was taken back, or refused with a reason that the family was told. InputError without one."""
    if not any((one.person_key, one.kind) == (person_key, kind) for one in waiting(home, tenant)):
        raise InputError("Nothing waits for an answer here")
    _append(home, tenant, actor_key, f"decline-{kind}", f"person:{person_key}", source)


def waiting(home: Home, tenant: str) -> list[Request]:
    """Requests without an answer, the one due first first."""
    found = []
    for kind, answer in KINDS.items():
        asked: dict[str, tuple[int, Request]] = {}
        for entry in trail.search(home, tenant=tenant, action=f"request-{kind}", limit=100_000):
            key, _, by = entry.resource.removeprefix("person:").partition(" by:")
            day = dt.date.fromisoformat(entry.at[:10])
            due = day + dt.timedelta(days=ANSWER_DAYS)
            asked.setdefault(key, (entry.number, Request(key, kind, by, day, due)))
        for action in (answer, f"decline-{kind}"):
            for entry in trail.search(home, tenant=tenant, action=action, limit=100_000) if asked else ():
                if entry.action != action or entry.result == "something is left":
                    continue
                key = entry.resource.removeprefix("person:").split(" ")[0]
                if key in asked and asked[key][0] < entry.number:
                    del asked[key]
        found += [request for _, request in asked.values()]
    return sorted(found, key=lambda one: (one.due, one.kind, one.person_key))


def _check(kind: str, asked_by: str) -> None:
    if kind not in KINDS:
        raise InputError(f"{kind!r} cannot be asked for", mend=f"use one of {', '.join(KINDS)}")
    if asked_by not in GIVERS:
        raise InputError(f"{asked_by!r} asks for nothing", mend=f"use one of {', '.join(GIVERS)}")


def _append(home: Home, tenant: str, actor_key: str, action: str, resource: str, source: str) -> None:
    audit.append(home.audit_db, audit.AuditEntry(tenant, actor_key, action, resource, source))
