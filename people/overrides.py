"""What teachers decide about suggestions, with owner, reason and end date, and what learners prefer. What follows from it is `models`' business."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable
from typing import Final, Literal

from sqlalchemy import Engine, delete, insert, or_, select, update

from learnlake import audit
from learnlake.errors import AccessError, InputError
from people import lake
from people.contact import check_learns
from people.db import bump_revision, now, reading, school_day, settings_of, today, writing
from people.policy import check_action, scope
from people.sessions import Viewer
from people.tables import learner_preference, learning_override

Action = Literal["assign", "exclude", "known"]
ACTIONS: Final[tuple[Action, ...]] = ("assign", "exclude", "known")
"""Comes first until it is opened; is not suggested; counts as mastered (skills only)."""
LONGEST_DAYS: Final = 366
"""A decision is looked at anew at least once a school year."""
REASON_MAX: Final = 500
GOALS_MAX: Final = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Override:
    """One decision about a skill or an activity, for one person or (person_key None) the whole section."""

    override_id: int
    section_key: str
    person_key: str | None
    action: str
    skill_key: str | None
    activity_key: str | None
    begin_date: dt.date
    end_date: dt.date
    reason: str
    granted_by: str


@dataclasses.dataclass(frozen=True, slots=True)
class Preferences:
    """Skills to work towards (skill_keys) and types of activities that the learner likes."""

    goals: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()


def decide(
    engine: Engine,
    viewer: Viewer,
    section_key: str,
    action: Action,
    *,
    end_date: dt.date,
    reason: str,
    person_key: str | None = None,
    skill_key: str | None = None,
    activity_key: str | None = None,
) -> int:
    """Record a teacher's decision and tell the lake; it counts from the next run on. Answers its number.

    AccessError outside the viewer's own sections; InputError for a decision that says nothing, or about somebody not in the section.
    """
    check_action(scope(engine, viewer), "override", section_key=section_key)
    begins = min(school_day(engine), today(engine))  # the pipeline's day is UTC's
    _check(action, skill_key, activity_key, end_date, reason.strip(), begins)
    values = {
        "tenant": viewer.tenant,
        "section_key": section_key,
        "person_key": person_key,
        "action": action,
        "skill_key": skill_key,
        "activity_key": activity_key,
        "begin_date": begins,
        "end_date": end_date,
        "reason": reason.strip(),
        "granted_by": viewer.viewer_key,
        "granted_at": now(),
        "is_active": True,
    }
    with writing(engine) as connection:
        if person_key is not None:
            check_learns(connection, viewer.tenant, section_key, person_key)
        number = connection.execute(insert(learning_override).values(**values)).inserted_primary_key
        bump_revision(connection)
    assert number is not None
    _after(engine, viewer, f"override-{action}", f"{section_key} {person_key or 'everybody'}")
    return int(number[0])


def withdraw(engine: Engine, viewer: Viewer, override_id: int) -> None:
    """End a decision before its date. Any teacher of the section may. InputError when there is none of this number."""
    held = learning_override.c
    with reading(engine) as connection:
        row = connection.execute(
            select(held.section_key, held.person_key).where(
                held.tenant == viewer.tenant, held.override_id == override_id, held.is_active
            )
        ).first()
    if row is None:
        raise InputError(f"There is no decision {override_id} in force")
    check_action(scope(engine, viewer), "override", section_key=row.section_key)
    with writing(engine) as connection:
        connection.execute(
            update(learning_override).where(held.override_id == override_id).values(is_active=False)
        )
        bump_revision(connection)
    _after(engine, viewer, "override-withdraw", f"{row.section_key} {row.person_key or 'everybody'}")


def in_force(engine: Engine, viewer: Viewer, section_key: str, person_key: str) -> list[Override]:
    """The decisions that hold today for a student of the viewer's own section, newest first, the class's included."""
    check_action(scope(engine, viewer), "override", section_key=section_key)
    held, day = learning_override.c, today(engine)
    query = (
        select(*(held[field.name] for field in dataclasses.fields(Override)))
        .where(held.tenant == viewer.tenant, held.section_key == section_key, held.is_active)
        .where(or_(held.person_key == person_key, held.person_key.is_(None)), held.end_date >= day)
        .order_by(held.override_id.desc())
    )
    with reading(engine) as connection:
        return [Override(*row.tuple()) for row in connection.execute(query)]


def preferences(engine: Engine, viewer: Viewer) -> Preferences:
    """The viewer's own."""
    kept = learner_preference.c
    mine = (kept.tenant == viewer.tenant, kept.person_key == _own_key(viewer))
    with reading(engine) as connection:
        rows = connection.execute(select(kept.kind, kept.value).where(*mine).order_by(kept.value)).all()
    goals = tuple(row.value for row in rows if row.kind == "goal")
    return Preferences(goals, tuple(row.value for row in rows if row.kind == "format"))


def prefer(engine: Engine, viewer: Viewer, *, goals: Iterable[str], formats: Iterable[str]) -> None:
    """Keep the viewer's own preferences in place of those before, and tell the lake."""
    person_key = _own_key(viewer)
    chosen = [("goal", value) for value in dict.fromkeys(goals)]
    if len(chosen) > GOALS_MAX:
        raise InputError(f"{len(chosen)} goals are none", mend=f"choose at most {GOALS_MAX}")
    chosen += [("format", value) for value in dict.fromkeys(formats)]
    kept = learner_preference.c
    with writing(engine) as connection:
        connection.execute(
            delete(learner_preference).where(kept.tenant == viewer.tenant, kept.person_key == person_key)
        )
        for kind, value in chosen:
            names = {"tenant": viewer.tenant, "person_key": person_key, "kind": kind, "value": value}
            connection.execute(insert(learner_preference).values(**names))
        bump_revision(connection)
    _after(engine, viewer, "prefer", f"person:{person_key}")


def _own_key(viewer: Viewer) -> str:
    if viewer.role != "student" or viewer.person_key is None:
        raise AccessError("Preferences are a learner's own")
    return viewer.person_key


def _check(
    action: str,
    skill_key: str | None,
    activity_key: str | None,
    end_date: dt.date,
    reason: str,
    today: dt.date,
) -> None:
    if action not in ACTIONS:
        raise InputError(f"{action!r} is no decision", mend=f"use one of {', '.join(ACTIONS)}")
    if (skill_key is None) == (activity_key is None):
        raise InputError("A decision is about one skill or one activity", mend="name exactly one")
    if action == "known" and skill_key is None:
        raise InputError("Only a skill can count as known", mend="name the skill that the activity exercises")
    if not today <= end_date <= today + dt.timedelta(days=LONGEST_DAYS):
        raise InputError(
            f"{end_date} is no end for a decision of today",
            where="end date",
            mend=f"choose a day within {LONGEST_DAYS} days",
        )
    if not 0 < len(reason) <= REASON_MAX:
        raise InputError(
            "A decision needs a reason", where="reason", mend=f"write one of at most {REASON_MAX} characters"
        )


def _after(engine: Engine, viewer: Viewer, action: str, resource: str) -> None:
    settings = settings_of(engine)
    lake.publish(engine, settings.home, touched=lake.Touched(False, frozenset()))
    audit.append(
        settings.home.audit_db,
        audit.AuditEntry(viewer.tenant, viewer.viewer_key, action, resource, "pages", "allowed"),
    )
