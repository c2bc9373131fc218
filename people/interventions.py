"""Interventions: what is done for a student, who looks after it, until when, and whether it helped."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any, Final, Literal, get_args

from sqlalchemy import Engine, and_, func, insert, select, update

from learnlake.errors import InputError
from people.contact import check_learns, note_act, worded
from people.db import reading, school_day, writing
from people.policy import check_action, check_record, record_keys, scope
from people.sessions import Viewer
from people.tables import enrolment, intervention, section

Outcome = Literal["helped", "partly", "not"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
WHAT_MAX: Final = 300
LONGEST_DAYS: Final = 366
"""A plan is looked at anew at least once a school year."""


@dataclasses.dataclass(frozen=True, slots=True)
class Intervention:
    """One plan for one student; `outcome` is None while it is under way, its words are in `outcome_text`."""

    intervention_id: int
    section_key: str
    person_key: str
    what: str
    owner_key: str
    author_key: str
    begin_date: dt.date
    end_date: dt.date
    outcome: str | None
    outcome_text: str | None
    ended_on: dt.date | None

    def days_over(self, day: dt.date) -> int:
        """Days since the outcome was due; 0 or less is in time."""
        return (day - self.end_date).days


@dataclasses.dataclass(frozen=True, slots=True)
class Tally:
    """How the interventions of one section stand, in numbers only; `student_count` says for how many they are."""

    section_key: str
    student_count: int
    under_way: int
    overdue: int
    helped: int
    partly: int
    not_helped: int


def begin(
    engine: Engine,
    viewer: Viewer,
    section_key: str,
    person_key: str,
    what: str,
    *,
    end_date: dt.date,
    owner_key: str | None = None,
) -> int:
    """Begin a plan today; the viewer looks after it unless `owner_key` is another of the section's staff. Answers its number."""
    check_action(scope(engine, viewer), "intervene", section_key=section_key)
    owner = owner_key or viewer.viewer_key
    if owner != viewer.viewer_key and owner not in staff(engine, viewer, section_key):
        raise InputError(f"{owner} does not teach section {section_key!r}", where="owner")
    today = school_day(engine)
    values = {
        "tenant": viewer.tenant,
        "section_key": section_key,
        "person_key": person_key,
        "what": worded(what, "plan", longest=WHAT_MAX),
        "owner_key": owner,
        "author_key": viewer.viewer_key,
        "begin_date": today,
        "end_date": _checked_end(end_date, today),
    }
    with writing(engine) as connection:
        check_learns(connection, viewer.tenant, section_key, person_key)
        number = connection.execute(insert(intervention).values(**values)).inserted_primary_key
    assert number is not None
    note_act(engine, viewer, "begin-intervention", f"person:{person_key} {section_key}")
    return int(number[0])


def conclude(engine: Engine, viewer: Viewer, intervention_id: int, outcome: Outcome, text: str = "") -> None:
    """End a plan with whether it helped. Anybody who may intervene in its section may. InputError for one that has ended."""
    if outcome not in OUTCOMES:
        raise InputError(f"{outcome!r} is no outcome", mend=f"use one of {', '.join(OUTCOMES)}")
    told = worded(text, "remark", longest=WHAT_MAX) if text.strip() else None
    values = {"outcome": outcome, "outcome_text": told, "ended_on": school_day(engine)}
    _change(engine, viewer, intervention_id, values, f"conclude-intervention-{outcome}")


def postpone(engine: Engine, viewer: Viewer, intervention_id: int, end_date: dt.date) -> None:
    """Let a plan run until another day."""
    day = _checked_end(end_date, school_day(engine))
    _change(engine, viewer, intervention_id, {"end_date": day}, "postpone-intervention")


def under_way(engine: Engine, viewer: Viewer, section_key: str) -> list[Intervention]:
    """The plans of a section without an outcome, the one due first (or longest overdue) on top."""
    held = intervention.c
    return _read(engine, viewer, section_key, held.outcome.is_(None), order=held.end_date)


def of_student(engine: Engine, viewer: Viewer, section_key: str, person_key: str) -> list[Intervention]:
    """All plans for one student of a section, the newest first."""
    held = intervention.c
    return _read(
        engine, viewer, section_key, held.person_key == person_key, order=held.intervention_id.desc()
    )


def staff(engine: Engine, viewer: Viewer, section_key: str) -> list[str]:
    """Keys of those who teach or assist in a section now: who may look after a plan."""
    check_record(scope(engine, viewer), "intervention", section_key=section_key)
    held = enrolment.c
    query = (
        select(held.person_key)
        .where(held.tenant == viewer.tenant, held.section_key == section_key, held.is_active)
        .where(held.role.in_(("teacher", "assistant")))
        .distinct()
    )
    with reading(engine) as connection:
        return list(connection.scalars(query.order_by(held.person_key)))


def tally(engine: Engine, viewer: Viewer) -> list[Tally]:
    """By section that the viewer teaches or whose school the viewer leads: numbers of plans by how they stand, and no words."""
    column, keys = record_keys(scope(engine, viewer), "intervention-outcome")
    held, place = intervention.c, section.c
    is_open = held.outcome.is_(None)
    query = (
        select(
            held.section_key,
            func.count(held.person_key.distinct()),
            _number(is_open),
            _number(and_(is_open, held.end_date < school_day(engine))),
            *(_number(held.outcome == outcome) for outcome in OUTCOMES),
        )
        .join(section, and_(place.tenant == held.tenant, place.section_key == held.section_key))
        .where(held.tenant == viewer.tenant, place[column].in_(keys))
        .group_by(held.section_key)
        .order_by(held.section_key)
    )
    with reading(engine) as connection:
        return [Tally(*row.tuple()) for row in connection.execute(query)]


def _number(condition: Any) -> Any:
    return func.count().filter(condition)


def _checked_end(end_date: dt.date, today: dt.date) -> dt.date:
    if not today <= end_date <= today + dt.timedelta(days=LONGEST_DAYS):
        raise InputError(
            f"{end_date} is no end for a plan of today",
            where="end date",
            mend=f"choose a day from today on, within {LONGEST_DAYS} days",
        )
    return end_date


def _change(engine: Engine, viewer: Viewer, number: int, values: dict[str, Any], action: str) -> None:
    held = intervention.c
    known = (held.tenant == viewer.tenant, held.intervention_id == number, held.outcome.is_(None))
    with reading(engine) as connection:
        row = connection.execute(select(held.section_key, held.person_key).where(*known)).first()
    if row is None:
        raise InputError(f"There is no intervention {number} under way", mend="look at the list again")
    check_action(scope(engine, viewer), "intervene", section_key=row.section_key)
    with writing(engine) as connection:
        if not connection.execute(update(intervention).where(*known).values(**values)).rowcount:
            raise InputError("A colleague has just ended this one", mend="look at the list again")
    note_act(engine, viewer, action, f"person:{row.person_key} {row.section_key}")


def _read(
    engine: Engine, viewer: Viewer, section_key: str, condition: Any, *, order: Any
) -> list[Intervention]:
    check_record(scope(engine, viewer), "intervention", section_key=section_key)
    held = intervention.c
    query = (
        select(*(held[field.name] for field in dataclasses.fields(Intervention)))
        .where(held.tenant == viewer.tenant, held.section_key == section_key, condition)
        .order_by(order)
    )
    with reading(engine) as connection:
        return [Intervention(*row.tuple()) for row in connection.execute(query)]
