"""Who may see which rows of which mart: one small evaluator over the data in `people.policy_rules`. Default deny.

Whoever shows rows asks here and filters with the answer; pages, exports and shells hold no permission logic of their own.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, or_, select

from learnlake import clock
from learnlake.errors import AccessError
from learnlake.settings import Settings
from people import consent
from people.age import age_on, birth_dates
from people.consent import OF_AGE
from people.db import change_number, reading, settings_of, today
from people.policy_rules import ACTIONS, CELEBRATES, DELEGATED, EXPORTS, RECORDS, RULES, SHOWS_NAMES
from people.purposes import GUARDIAN_ACCESS
from people.roles import held_assignments, roles_held
from people.sessions import Viewer
from people.tables import academic_session, delegation, enrolment, guardianship, organisation, section

MARTS = tuple(RULES)
"""Every mart that has a rule."""
DELEGABLE = tuple(sorted(DELEGATED["assistant"]))
"""Actions that may be delegated to an assistant."""


@dataclasses.dataclass(frozen=True, slots=True)
class Grant:
    """A key, or several that must hold together, of rows that somebody may see."""

    school_key: str | None = None
    section_key: str | None = None
    person_key: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """What one viewer may see now, in one role. `viewer_key` names the viewer in the audit trail."""

    tenant: str
    viewer_key: str
    role: str
    grants: tuple[Grant, ...]
    shows_names: bool
    delegated: frozenset[tuple[str | None, str]] = frozenset()
    """(section_key, action) that an administrator has delegated to this person."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """Which roles may see `mart`, and which of its columns must match a grant."""

    mart: str
    columns_by_role: Mapping[str, tuple[str, ...]]

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(self.columns_by_role)

    def keys(self, role: str) -> tuple[str, ...]:
        """The columns that guard the mart for `role`; () opens the tenant's rows. AccessError for a role without access."""
        try:
            return self.columns_by_role[role]
        except KeyError:
            raise AccessError(f"The role {role} may not see {self.mart}") from None


@dataclasses.dataclass(frozen=True, slots=True)
class RowFilter:
    """Rows of `tenant` whose `columns` equal one of `values`; without columns, all rows of `tenant`."""

    tenant: str
    columns: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]

    def admits(self, row: Mapping[str, Any]) -> bool:
        """Whether one row may be seen. A null key matches nothing."""
        if row["tenant"] != self.tenant:
            return False
        return not self.columns or tuple(row[column] for column in self.columns) in set(self.values)


def rule(mart: str) -> Rule:
    """The rule of `mart`. Raises AccessError for a mart without one."""
    try:
        return Rule(mart, RULES[mart])
    except KeyError:
        raise AccessError(f"No rule opens {mart}, so nobody may see it") from None


def scope(engine: Engine, viewer: Viewer) -> Scope:
    """What `viewer` may see in the active role, as of this moment: a role withdrawn a moment ago opens nothing.

    Worked out anew after each commit to people.db, and each day; in between the same answer is given again.
    Raises AccessError when the viewer doesn't hold the role any more.
    """
    number = change_number(engine)  # first: a change while we read asks again
    day, at_school = today(engine), clock.school_day(settings_of(engine))
    key = (viewer.tenant, viewer.account_id, viewer.person_key, viewer.role, day, at_school)
    known = _known_scopes(engine)
    with _scopes_lock:
        if known.number != number:
            known.number, known.scopes = number, {}
        found = known.scopes.get(key)
    if found is None:
        found = _read_scope(engine, viewer, day)
        with _scopes_lock:
            if known.number == number:
                known.scopes[key] = found
    return found


@dataclasses.dataclass(slots=True)
class _Scopes:
    """Scopes worked out since the last change of people.db."""

    number: int
    scopes: dict[tuple, Scope]


_scopes: weakref.WeakKeyDictionary[Engine, _Scopes] = weakref.WeakKeyDictionary()
_scopes_lock = threading.Lock()


def _known_scopes(engine: Engine) -> _Scopes:
    with _scopes_lock:
        return _scopes.setdefault(engine, _Scopes(-1, {}))


def _read_scope(engine: Engine, viewer: Viewer, day: dt.date) -> Scope:
    with reading(engine) as connection:
        held = roles_held(
            connection,
            tenant=viewer.tenant,
            account_id=viewer.account_id,
            person_key=viewer.person_key,
            today=day,
        )
        if viewer.role not in held:
            raise AccessError(f"The role {viewer.role} has ended")
        grants = _grants(connection, viewer, day, settings_of(engine))
        delegated = _delegated(connection, viewer)
    return Scope(viewer.tenant, viewer.viewer_key, viewer.role, grants, viewer.role in SHOWS_NAMES, delegated)


def check_export(role: str, what: str) -> None:
    """AccessError unless `role` may take `what` (a mart, or "page") away as a file, as far as it sees its rows."""
    if role not in EXPORTS.get(what, ()):
        raise AccessError(f"The role {role} may not export {what}")


def check_celebrates(scope: Scope) -> None:
    """AccessError unless `scope`'s role is shown the names of those who agreed to be shown by name beside others."""
    if scope.role not in CELEBRATES:
        raise AccessError(f"The role {scope.role} is shown no names of those who agreed to it")


def check_action(scope: Scope, action: str, *, section_key: str | None = None) -> None:
    """AccessError unless `scope` may do `action`, in section `section_key` where it is done in one.

    An action without a rule is refused to everybody.
    """
    columns = ACTIONS.get(action, {}).get(scope.role)
    if columns is None:
        raise AccessError(f"The role {scope.role} may not {action}")
    if columns and Grant(section_key=section_key) not in scope.grants:
        raise AccessError(f"You may not {action} in this section")
    if action in DELEGATED.get(scope.role, ()) and (section_key, action) not in scope.delegated:
        raise AccessError(
            f"To {action} in this section was not delegated to you",
            mend="ask an administrator to delegate it",
        )


def record_keys(scope: Scope, record: str) -> tuple[str, tuple[str, ...]]:
    """(column, keys) of the rows of `record` that `scope` may read: nobody opens a whole tenant's.

    AccessError for a role that may not read such records, or a record without a rule.
    """
    columns = RECORDS.get(record, {}).get(scope.role)
    if not columns:
        raise AccessError(f"The role {scope.role} may not read a {record}")
    (column,) = columns
    return column, tuple(
        sorted({key for grant in scope.grants if (key := getattr(grant, column)) is not None})
    )


def check_record(scope: Scope, record: str, **keys: str) -> None:
    """AccessError unless `scope` may read the `record` whose guard keys are `keys` (such as section_key and person_key)."""
    column, values = record_keys(scope, record)
    if keys.get(column) not in values:
        raise AccessError(f"You may not read this {record}")


def filter_for(scope: Scope, mart: str) -> RowFilter:
    """The rows of `mart` inside `scope`. Raises AccessError when the role may not see the mart at all."""
    columns = rule(mart).keys(scope.role)
    found = {tuple(getattr(grant, column) for column in columns) for grant in scope.grants}
    values = sorted(value for value in found if None not in value) if columns else []
    return RowFilter(scope.tenant, columns, tuple(values))


def _grants(connection: Connection, viewer: Viewer, day: dt.date, settings: Settings) -> tuple[Grant, ...]:
    if viewer.role == "principal":
        return _led_schools(connection, viewer, day)
    if viewer.person_key is None:
        return ()
    if viewer.role in ("teacher", "assistant"):
        return _taught(connection, viewer, day)
    if viewer.role == "student":
        return _learners(connection, viewer.tenant, [viewer.person_key])
    if viewer.role == "guardian":
        return _learners(connection, viewer.tenant, _guarded(connection, viewer, settings))
    return ()  # administrators and analysts hold no row keys: their rules open whole marts


def _guarded(connection: Connection, viewer: Viewer, settings: Settings) -> list[str]:
    """The guardian's children. From 18 on only those who consent; of an unknown age as the setting says."""
    held, day = guardianship.c, clock.school_day(settings)
    children: Sequence[str] = connection.scalars(
        select(held.person_key).where(
            held.tenant == viewer.tenant, held.guardian_key == viewer.person_key, held.is_active
        )
    ).all()
    born = birth_dates(connection, viewer.tenant, children)
    asked = {
        key
        for key in children
        if (
            age_on(born[key], day) >= OF_AGE
            if key in born
            else not settings.guardian_sight_without_birth_date
        )
    }
    agreed = consent.allowed(connection, settings, viewer.tenant, asked, GUARDIAN_ACCESS, day)
    return [key for key in children if key not in asked or key in agreed]


def _delegated(connection: Connection, viewer: Viewer) -> frozenset[tuple[str | None, str]]:
    given = delegation.c
    rows = connection.execute(
        select(given.section_key, given.action).where(
            given.tenant == viewer.tenant, given.person_key == viewer.person_key, given.is_active
        )
    )
    return frozenset((row[0], row[1]) for row in rows)


def _learners(connection: Connection, tenant: str, person_keys: Sequence[str]) -> tuple[Grant, ...]:
    """The learners' own rows, and the sections that they are or were students of."""
    held = enrolment.c
    grants = [Grant(person_key=key) for key in person_keys]
    rows = connection.execute(
        select(held.section_key, held.person_key)
        .where(held.tenant == tenant, held.person_key.in_(person_keys), held.role == "student")
        .distinct()
    )
    return tuple(grants + [Grant(section_key=row[0], person_key=row[1]) for row in rows])


def _taught(connection: Connection, viewer: Viewer, day: dt.date) -> tuple[Grant, ...]:
    """The sections taught, and who is in them. Who taught to the session's end keeps the view of it; who left before, loses it."""
    held, told, dated = enrolment.c, section.c, academic_session.c
    sections: Sequence[str] = connection.scalars(
        select(held.section_key)
        .join(section, (told.tenant == held.tenant) & (told.section_key == held.section_key))
        .outerjoin(academic_session, (dated.tenant == told.tenant) & (dated.session_key == told.session_key))
        .where(
            held.tenant == viewer.tenant,
            held.person_key == viewer.person_key,
            held.role == viewer.role,
            held.is_active,
            told.is_active,
            or_(held.begin_date.is_(None), held.begin_date <= day),
            or_(held.end_date.is_(None), held.end_date >= day, held.end_date >= dated.end_date),
        )
        .distinct()
    ).all()
    members = connection.execute(
        select(held.section_key, held.person_key)
        .where(held.tenant == viewer.tenant, held.section_key.in_(sections))
        .distinct()
    )
    whole = [Grant(section_key=key) for key in sections]
    return tuple(whole + [Grant(section_key=row[0], person_key=row[1]) for row in members])


def _led_schools(connection: Connection, viewer: Viewer, day: dt.date) -> tuple[Grant, ...]:
    """The schools led, and every organisation below them."""
    unit = organisation.c
    held = held_assignments(
        tenant=viewer.tenant, account_id=viewer.account_id, person_key=viewer.person_key, today=day
    ).subquery()
    led = (
        select(held.c.school_key)
        .where(held.c.role == "principal", held.c.school_key.is_not(None))
        .cte("led", recursive=True)
    )
    led = led.union(
        select(unit.school_key).where(
            unit.tenant == viewer.tenant, unit.parent_school_key == led.c.school_key
        )
    )
    schools: Sequence[str] = connection.scalars(select(led.c.school_key)).all()
    return tuple(Grant(school_key=key) for key in sorted(schools))
