"""The import itself: read, judge, plan, write, publish. The steps are in the modules beside this one."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
from sqlalchemy import Connection, Table, func, select

from learnlake import audit
from learnlake.errors import InputError, RosterError
from learnlake.identity import identity_secret
from learnlake.settings import Settings
from people import lake, tables
from people.db import (
    bump_revision,
    check_tenant,
    open_people,
    read_frame,
    read_revision,
    reading,
    use_large_cache,
    writing,
)
from people.oneroster import plan as plans
from people.oneroster import shape
from people.oneroster.check import Problem, check_package
from people.oneroster.files import Package, read_package
from people.oneroster.persons import Resolution, resolve
from people.takeover import retire_discovered, take_over

log = logging.getLogger(__name__)

_FEW_PERSONS = 10_000
"""Persons whose enrolments changed up to which a generation is made from the one before: a query takes no more keys."""
_STRUCTURE = {
    "orgs": tables.organisation,
    "academicSessions": tables.academic_session,
    "courses": tables.course,
    "classes": tables.section,
}


@dataclasses.dataclass(frozen=True, slots=True)
class TableCounts:
    """What an import did to one table, in rows of this source."""

    table: str
    added: int
    changed: int
    revoked: int
    unchanged: int


@dataclasses.dataclass(frozen=True, slots=True)
class RosterReport:
    """What an import did, or with `is_dry_run` would do."""

    tenant: str
    version: str
    tables: tuple[TableCounts, ...]
    taken_over: int
    warnings: tuple[str, ...]
    is_dry_run: bool

    @property
    def is_changed(self) -> bool:
        return any(count.added or count.changed or count.revoked for count in self.tables)


@dataclasses.dataclass(slots=True)
class _Import:
    """Everything that is to be written."""

    plans: list[plans.TablePlan]
    people: Resolution | None
    warnings: list[str]

    @property
    def is_change(self) -> bool:
        return any(plan.is_change for plan in self.plans) or bool(self.people and self.people.merges)


def import_roster(
    settings: Settings,
    tenant: str,
    path: Path,
    *,
    home_page: str,
    dry_run: bool = False,
    lenient: bool = False,
) -> RosterReport:
    """Make the OneRoster folder or zip at `path` the roster of `home_page` in `tenant`, whole or not at all.

    `home_page` is the address under which the source's statements name its people; rows of other sources stay as they are.
    `lenient` takes misspelt headers and odd dates with a warning each.
    Bulk files replace what this source brought before (rows that are missing are revoked, never deleted), delta files change
    the rows they name. Raises InputError when there is nothing to read, RosterError naming every bad row.
    """
    check_source(tenant, home_page)
    package = read_package(path, lenient=lenient)
    return import_package(settings, tenant, package, home_page=home_page, dry_run=dry_run)


def check_source(tenant: str, home_page: str) -> shape.Source:
    """The source of these rows, or InputError."""
    return shape.Source(check_tenant(tenant), _check_home_page(home_page))


def import_package(
    settings: Settings, tenant: str, package: Package, *, home_page: str, dry_run: bool = False
) -> RosterReport:
    """Make `package`, from wherever it was read, the roster of `home_page`; otherwise like `import_roster`."""
    source, secret = check_source(tenant, home_page), identity_secret(settings.home)
    engine, touched = open_people(settings), None
    try:
        with reading(engine) as connection:
            seen = read_revision(connection)
            work = _plan(connection, package, source, secret)
        if work.is_change and not dry_run:
            with writing(engine) as connection:
                if read_revision(connection) != seen:  # somebody wrote while nothing was locked
                    work = _plan(connection, package, source, secret)
                if work.is_change:
                    touched = _write(connection, work, source)
        if not dry_run:
            lake.publish(engine, settings.home, touched=touched)
    finally:
        engine.dispose()
    report = _report(work, package, source, is_dry_run=dry_run)
    if report.is_changed and not dry_run:
        entry = audit.AuditEntry(
            tenant, audit.operator_key(), "import-roster", f"roster:{home_page}", "people"
        )
        audit.append(settings.home.audit_db, entry)
    log.info(
        "roster import", extra={"tenant": tenant, "is_changed": report.is_changed, "is_dry_run": dry_run}
    )
    return report


def _check_home_page(home_page: str) -> str:
    parts = urlsplit(home_page)
    if not parts.scheme or not (parts.netloc or parts.path) or any(sign.isspace() for sign in home_page):
        raise InputError(
            f"{home_page!r} is not an address",
            mend="give the homePage of the source's xAPI accounts, such as https://lms.example.org",
        )
    return home_page


def _plan(connection: Connection, package: Package, source: shape.Source, secret: bytes) -> _Import:
    found = check_package(package, _known_ids(connection, source))
    found += _taken_keys(connection, package, source)
    _refuse(package.problems, found)
    work = _Import([], None, [f"{name}.csv was checked and is not kept" for name in package.unkept])
    shaped = shape.shape_structure(package, source)
    for file, table in _STRUCTURE.items():
        if file in package.frames:
            is_bulk = package.modes[file] == "bulk"
            _compare(connection, work, source, table, shaped[table.name], revokes=is_bulk)
    _plan_people(connection, work, package, source, secret)
    return work


def _compare(
    connection: Connection,
    work: _Import,
    source: shape.Source,
    table: Table,
    frame: pl.DataFrame,
    *,
    revokes: bool,
    before: pl.DataFrame | None = None,
    held: int | None = None,
) -> None:
    rows = plans.fit(table, frame, tenant=source.tenant, source=source.home_page)
    if before is None and not revokes:
        held = plans.count_rows(connection, table, source)
        before = plans.read_rows(connection, table, source, only=rows.select(_keys(table)))
    elif before is None:
        before = plans.read_rows(connection, table, source)
    work.plans.append(plans.compare(table.name, before, rows, revokes=revokes, held=held))


def _keys(table: Table) -> list[str]:
    return [column.name for column in table.primary_key]


def _plan_people(
    connection: Connection, work: _Import, package: Package, source: shape.Source, secret: bytes
) -> None:
    keys = _person_keys(connection, source)
    if "users" in package.frames:
        users = shape.shape_users(package)
        people = work.people = resolve(connection, source, secret, users)
        _refuse([], people.problems)
        keys, is_bulk = people.persons, package.modes["users"] == "bulk"
        _plan_persons(connection, work, users, people, source, is_bulk=is_bulk)
        _compare(
            connection,
            work,
            source,
            tables.identifier,
            people.identifiers,
            revokes=False,
            before=plans.rows_of(
                connection, tables.identifier, source.tenant, people.identifiers.select("identifier_key")
            ),
        )
        pairs, ignored = shape.shape_guardianships(users)
        if ignored:
            work.warnings.append(
                f"{ignored} agent(s) in agentSourcedIds are no guardian of a student: not linked"
            )
        frame = pairs.select(
            guardian_key=_key_of("guardian_id", keys),
            person_key=_key_of("child_id", keys),
            is_active=pl.lit(1),
        ).unique(maintain_order=True)
        _compare(connection, work, source, tables.guardianship, frame, revokes=is_bulk)
    role_file = "roles" if package.version == "1.2" else "users"
    if role_file in package.frames:
        frame = shape.shape_roles(package, source).with_columns(person_key=_key_of("sourced_id", keys))
        is_bulk = package.modes[role_file] == "bulk"
        _compare(connection, work, source, tables.role_assignment, frame, revokes=is_bulk)
    if "enrollments" in package.frames:
        frame = shape.shape_enrolments(package, source).with_columns(person_key=_key_of("user_id", keys))
        is_bulk = package.modes["enrollments"] == "bulk"
        _compare(connection, work, source, tables.enrolment, frame, revokes=is_bulk)
    if "demographics" in package.frames:
        _plan_demographics(connection, work, package, source, keys)


def _plan_persons(
    connection: Connection,
    work: _Import,
    users: pl.DataFrame,
    people: Resolution,
    source: shape.Source,
    *,
    is_bulk: bool,
) -> None:
    frame = users.with_columns(
        person_key=_key_of("sourced_id", people.keys),
        school_key=source.key("school_id"),
        kind=pl.lit("rostered"),
    )
    # A day's changes must not open every sealed name of a district
    only = None if is_bulk else frame.select("person_key")
    before = plans.read_rows(connection, tables.person, source, only=only)
    taken_over = pl.DataFrame({"person_key": sorted(people.taken_over)}, schema={"person_key": pl.String})
    before = pl.concat([before, plans.rows_of(connection, tables.person, source.tenant, taken_over)])
    if not is_bulk:  # a delta file of 1.2 may leave out the roles of a user that it changes otherwise
        earlier = before.select("person_key", "role", "school_key")
        frame = frame.join(earlier, on="person_key", how="left", suffix="_before", maintain_order="left")
        frame = frame.with_columns(
            role=pl.coalesce("role", "role_before"), school_key=pl.coalesce("school_key", "school_key_before")
        )
    held = None if is_bulk else plans.count_rows(connection, tables.person, source) + len(people.taken_over)
    _compare(connection, work, source, tables.person, frame, revokes=is_bulk, before=before, held=held)


def _plan_demographics(
    connection: Connection, work: _Import, package: Package, source: shape.Source, keys: dict[str, str]
) -> None:
    frame = shape.shape_demographics(package, source).with_columns(person_key=_key_of("user_id", keys))
    frame = frame.unique("person_key", keep="first", maintain_order=True)  # of two users who are one person
    before = plans.read_rows(connection, tables.demographics, source)
    kept = plans.fit(tables.demographics, frame.filter(pl.col("is_active") == 1), tenant=source.tenant)
    if package.modes["demographics"] == "delta":
        named = frame.select("person_key")
        before = before.join(named, on="person_key", how="semi")
    work.plans.append(plans.compare("demographics", before, kept, revokes=True))


def _write(connection: Connection, work: _Import, source: shape.Source) -> lake.Touched | None:
    """Carry out the plans; answers what was touched, None where more than their own rows or too many were."""
    use_large_cache(connection)
    merges = work.people.merges if work.people else []
    for unknown_key, into_key in merges:
        take_over(connection, source.tenant, other=unknown_key, into_key=into_key)
    for plan in work.plans:
        plans.write(connection, plan)
    retired = retire_discovered(connection, source.tenant)
    bump_revision(connection)
    if merges or retired:
        return None
    changed = {plan.table.name: plan for plan in work.plans if plan.is_change}
    enrolled: set[str] = set()
    for table in changed.keys() & {"enrolment"}:
        for frame in (changed[table].added, changed[table].changed, changed[table].before):
            enrolled.update(frame["person_key"])
    return (
        lake.Touched("identifier" in changed, frozenset(enrolled)) if len(enrolled) <= _FEW_PERSONS else None
    )


def _report(work: _Import, package: Package, source: shape.Source, *, is_dry_run: bool) -> RosterReport:
    rows = tuple(TableCounts(plan.table.name, *plans.counts(plan)) for plan in work.plans)
    people = work.people
    taken_over = len(people.taken_over) + len(people.merges) if people else 0
    warnings = (*package.warnings, *work.warnings, *(people.warnings if people else ()))
    return RosterReport(source.tenant, package.version, rows, taken_over, warnings, is_dry_run)


def _refuse(form: list[str], found: list[Problem]) -> None:
    problems = form + [str(problem) for problem in found]
    if problems:
        raise RosterError(
            f"The roster was refused whole: {len(problems)} problem(s)",
            problems,
            mend="correct the rows named above and import again; nothing was changed",
        )


def _key_of(column: str, keys: dict[str, str]) -> pl.Expr:
    known = (
        pl.col(column).replace_strict(keys, default=None, return_dtype=pl.String) if keys else pl.lit(None)
    )
    return known.cast(pl.String)


def _person_keys(connection: Connection, source: shape.Source) -> dict[str, str]:
    known = tables.person.c
    query = select(known.sourced_id, func.coalesce(known.merged_into, known.person_key)).where(
        known.tenant == source.tenant, known.source == source.home_page
    )
    return dict(read_frame(connection, query, pl.Schema({"id": pl.String, "key": pl.String})).iter_rows())


def _known_ids(connection: Connection, source: shape.Source) -> dict[str, list[str]]:
    """The sourcedIds that earlier imports of this source left, by file."""
    known: dict[str, list[str]] = {}
    for file, table in {**_STRUCTURE, "users": tables.person}.items():
        query = select(table.c.sourced_id).where(
            table.c.tenant == source.tenant,
            table.c.source == source.home_page,
            table.c.sourced_id.is_not(None),
        )
        known[file] = read_frame(connection, query, pl.Schema({"id": pl.String}))["id"].to_list()
    return known


def _taken_keys(connection: Connection, package: Package, source: shape.Source) -> list[Problem]:
    """Ids of schools, sessions, courses and classes that another source in the tenant uses: their keys would be the same."""
    problems = []
    for file, table in _STRUCTURE.items():
        frame = package.frames.get(file)
        if frame is None:
            continue
        query = select(table.c.sourced_id, table.c.source).where(
            table.c.tenant == source.tenant,
            table.c.source != source.home_page,
            table.c.sourced_id.is_not(None),
        )
        others = {row[0]: row[1] for row in connection.execute(query)}
        for line, sourced_id in frame.select("_line", "sourcedId").iter_rows():
            if sourced_id in others:
                reason = f"{sourced_id!r} is already used by the roster of {others[sourced_id]}"
                problems.append(Problem(file, line, "sourcedId", reason))
    return problems
