"""Recording what somebody agreed to or refused: who may say so, kept by row, told to the lake and to the audit trail."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Engine, insert, select

from learnlake import audit
from learnlake.errors import InputError
from learnlake.settings import Settings
from people import lake
from people.age import age_on, birth_dates
from people.consent import GIVEN, OF_AGE, WITHDRAWN, Decision
from people.db import bump_revision, now, reading, school_day, settings_of, writing
from people.purposes import GUARDIAN_ACCESS, check_purpose
from people.tables import consent, guardianship, person

GIVERS: Final = ("student", "guardian", "school")


def record(
    engine: Engine, tenant: str, decisions: Sequence[Decision], *, actor_key: str, source: str = "people"
) -> None:
    """Keep `decisions`, all or none, and note each in the audit trail. They count from the next pipeline run on.

    InputError naming the first that may not be: an unknown person, somebody who isn't the guardian, a student too young.
    """
    settings, today = settings_of(engine), school_day(engine)
    with writing(engine) as connection:
        born = birth_dates(connection, tenant, {d.person_key for d in decisions})
        for decision in decisions:
            _check(connection, tenant, decision, born.get(decision.person_key), settings, today)
        for decision in decisions:
            values = {**dataclasses.asdict(decision), "tenant": tenant, "recorded_at": now()}
            connection.execute(insert(consent).values(values))
        bump_revision(connection)
    lake.publish(engine, settings.home)
    for decision in decisions:
        action = f"consent-{decision.decision}"
        resource = f"person:{decision.person_key} purpose:{decision.purpose}"
        audit.append(
            settings.home.audit_db, audit.AuditEntry(tenant, actor_key, action, resource, source, "allowed")
        )


def judge(engine: Engine, tenant: str, decisions: Sequence[Decision]) -> list[str]:
    """Why each of `decisions` that may not be recorded may not; its place in the list and the reason."""
    settings, today, found = settings_of(engine), school_day(engine), []
    with reading(engine) as connection:
        born = birth_dates(connection, tenant, {d.person_key for d in decisions})
        for number, said in enumerate(decisions, start=1):
            try:
                _check(connection, tenant, said, born.get(said.person_key), settings, today)
            except InputError as error:
                found.append(f"row {number} ({error.where or said.purpose}): {error.what}")
    return found


def _check(
    connection: Connection,
    tenant: str,
    said: Decision,
    born: dt.date | None,
    settings: Settings,
    today: dt.date,
) -> None:
    check_purpose(said.purpose)
    where = f"{said.person_key}, {said.purpose}"
    if said.decision not in (GIVEN, WITHDRAWN):
        raise InputError(f"{said.decision!r} is neither given nor withdrawn", where=where)
    if said.given_by not in GIVERS:
        raise InputError(
            f"{said.given_by!r} gives no consent", where=where, mend=f"use one of {', '.join(GIVERS)}"
        )
    known = select(person.c.person_key).where(
        person.c.tenant == tenant, person.c.person_key == said.person_key, person.c.merged_into.is_(None)
    )
    if not connection.execute(known).first():
        raise InputError(f"There is no person {said.person_key!r} in tenant {tenant!r}", where=where)
    if said.on_date > today or (said.until_date and said.until_date < said.on_date):
        raise InputError("A consent begins today or before and ends after its beginning", where=where)
    if said.given_by == "guardian" and said.giver_key:
        _check_guardian(connection, tenant, said, where)
    if said.decision == GIVEN:  # anybody may withdraw at any age
        _check_age(said, born, settings, where)


def _check_guardian(connection: Connection, tenant: str, said: Decision, where: str) -> None:
    held = guardianship.c
    if not connection.execute(
        select(held.guardian_key).where(
            held.tenant == tenant,
            held.guardian_key == said.giver_key,
            held.person_key == said.person_key,
            held.is_active,
        )
    ).first():
        raise InputError(
            f"{said.giver_key} is no guardian of this person",
            where=where,
            mend="leave the giver out for a consent on paper by somebody whom the roster doesn't know",
        )


def _check_age(said: Decision, born: dt.date | None, settings: Settings, where: str) -> None:
    age = None if born is None else age_on(born, said.on_date)
    is_too_young = age is None or age < settings.consent_age_years
    if said.given_by == "student" and said.purpose != GUARDIAN_ACCESS and is_too_young:
        why = "no birth date is known" if age is None else f"under {settings.consent_age_years}"
        raise InputError(
            f"The student's own consent doesn't count: {why}",
            where=where,
            mend="record a guardian's, or see LEARNLAKE_CONSENT_AGE_YEARS",
        )
    if said.purpose == GUARDIAN_ACCESS and (said.given_by != "student" or (age is not None and age < OF_AGE)):
        raise InputError(
            "Only the student decides about guardians' sight, and only from 18 on",
            where=where,
            mend="record it with --by student; before 18 guardians see the record anyway",
        )
    if said.given_by == "guardian" and age is not None and age >= OF_AGE:
        raise InputError(
            "The student is of age and decides alone", where=where, mend="record it with --by student"
        )
