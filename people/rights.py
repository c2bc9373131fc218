"""The people room's part in a person's rights: what people.db, the published roster and the audit trail hold, and its erasure.

Any table's rows belong to a person by the columns of `PERSON_COLUMNS`; a table with none of them must be in `IMPERSONAL`.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import polars as pl
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    delete,
    func,
    or_,
    select,
    update,
)

from learnlake.protocols import Finding, HeldFile, Subject
from learnlake.settings import Settings
from learnlake.sqlite import settle
from people import disclosures, lake
from people.attempts import Guessed, failure_key
from people.db import bump_revision, open_people, reading, writing
from people.tables import account, login_failure, metadata

PERSON_COLUMNS = ("person_key", "guardian_key", "merged_into")
ACCOUNT_COLUMN = "account_id"
LINK_COLUMNS = ("giver_key", "granted_by", "actor_key", "author_key", "owner_key")
"""Who did something in a row about somebody else: the row stays, `ERASED` takes the key's place."""
ERASED = "erased"
IMPERSONAL = frozenset(
    {
        "organisation",
        "academic_session",
        "course",
        "section",
        "roster_client",
        "roster_token",
        "revision",
        "sealing_key",
    }
)
"""Tables of schools, courses, sections and other systems: no row of them is about one person."""
SECRET_COLUMNS = frozenset(
    {"password_hash", "token_hash", "login_hash", "code_hash", "secret", "pending_secret"}
)
"""Not part of a person's copy: proofs, not data on the person."""
OWN_EYES = {"journal_entry": "text"}
"""Columns that nobody but the person reads, whoever makes the copy: the person downloads them on a page of his or her own."""
_LINKED = "rows about others, in which this person did something: the key gives way to the word erased"
_KEPT_TRAIL = (
    "entries name keys only; with the key's link gone they name nobody, and the chain of hashes stays whole"
)


class PeopleRoom:
    """people.db, lake/people, audit.db."""

    name = "people"
    places = ("people.db", "lake/people", "audit.db", "audit.head")

    def find(self, settings: Settings, subject: Subject) -> list[Finding]:
        with _opened(settings) as engine, reading(engine) as connection:
            counts = {table.name: _count(connection, table, subject) for table in personal_tables()}
            links = {
                f"{table.name} {column.name}": _link_count(connection, table, column, subject)
                for table, column in _links()
            }
        found = [Finding(f"people.db {name}", count) for name, count in counts.items()]
        found += [Finding(f"people.db {name}", count, "rewritten", _LINKED) for name, count in links.items()]
        found.append(Finding("published roster, generations", len(_generations_with(settings, subject))))
        found += _disclosed(settings, subject)
        found.append(Finding("audit entries", len(_audit_rows(settings, subject)), "kept", _KEPT_TRAIL))
        return found

    def erase(self, settings: Settings, subject: Subject) -> None:
        """Delete the rows in one transaction, publish the roster anew, drop every generation that still has the person."""
        with _opened(settings) as engine:
            with writing(engine) as connection:
                gone = [_delete(connection, table, subject) for table in reversed(metadata.sorted_tables)]
                gone += [_unlink(connection, table, column, subject) for table, column in _links()]
                if sum(gone):
                    bump_revision(connection)
            newest = lake.publish(engine, settings.home)
            for folder in _generations_with(settings, subject):
                if folder != newest.name:
                    shutil.rmtree(settings.home.lake_people / folder)
        settle(settings.home.people_db)

    def held(self, settings: Settings, subject: Subject) -> Iterator[HeldFile]:
        with _opened(settings) as engine, reading(engine) as connection:
            for table in personal_tables():
                rows = _rows(connection, table, subject)
                if rows:
                    what = f"what the roster and the log-in hold in the table {table.name}"
                    if table.name in OWN_EYES:
                        what += (
                            "; its words are the person's alone, who downloads them on the page My journal"
                        )
                    yield HeldFile(f"people/{table.name}.csv", what, [as_csv(rows)])
        trail = _audit_rows(settings, subject)
        what = "who did what with this person's record, and what this person did; people are named by key"
        yield HeldFile("people/audit.csv", what, [as_csv(trail)])
        about = {
            "tenant": subject.tenant,
            "person_keys": subject.person_keys,
            "identifiers": [{"kind": one.kind, "value": one.value} for one in subject.identifiers],
        }
        text = json.dumps(about, ensure_ascii=False, indent=1).encode()
        yield HeldFile("people/identifiers.json", "under which identifiers this person is known", [text])


def personal_tables() -> list[Table]:
    """The tables whose rows may be about one person."""
    return [table for table in metadata.sorted_tables if table.name not in IMPERSONAL]


def _condition(table: Table, subject: Subject) -> ColumnElement[bool] | None:
    """Which rows of `table` are the person's; None where the table has no column that could say so."""
    if table is login_failure:
        keys = [failure_key(mark, of) for mark in subject.marks for of in get_args(Guessed)]
        return login_failure.c.login_hash.in_(keys)
    theirs: list[ColumnElement[bool]] = []
    for column in table.columns:
        if column.name in PERSON_COLUMNS:
            same = column.in_(subject.person_keys)
            theirs.append(and_(table.c.tenant == subject.tenant, same) if "tenant" in table.c else same)
        elif column.name == ACCOUNT_COLUMN and table is not account:
            accounts = select(account.c.account_id).where(
                account.c.tenant == subject.tenant, account.c.person_key.in_(subject.person_keys)
            )
            theirs.append(column.in_(accounts))
    return or_(*theirs) if theirs else None


def _count(connection: Connection, table: Table, subject: Subject) -> int:
    condition = _condition(table, subject)
    if condition is None:
        return 0
    return int(connection.scalar(select(func.count()).select_from(table).where(condition)) or 0)


def _delete(connection: Connection, table: Table, subject: Subject) -> int:
    condition = None if table.name in IMPERSONAL else _condition(table, subject)
    return 0 if condition is None else connection.execute(delete(table).where(condition)).rowcount


def _links() -> list[tuple[Table, Column[Any]]]:
    return [
        (table, column)
        for table in personal_tables()
        for column in table.columns
        if column.name in LINK_COLUMNS
    ]


def _linked(table: Table, column: Column[Any], subject: Subject) -> ColumnElement[bool]:
    return and_(table.c.tenant == subject.tenant, column.in_(subject.person_keys))


def _link_count(connection: Connection, table: Table, column: Column[Any], subject: Subject) -> int:
    query = select(func.count()).select_from(table).where(_linked(table, column, subject))
    return int(connection.scalar(query) or 0)


def _unlink(connection: Connection, table: Table, column: Column[Any], subject: Subject) -> int:
    return connection.execute(
        update(table).where(_linked(table, column, subject)).values({column.name: ERASED})
    ).rowcount


def _rows(connection: Connection, table: Table, subject: Subject) -> list[dict[str, object]]:
    condition = _condition(table, subject)
    if condition is None:
        return []
    hidden = SECRET_COLUMNS | {OWN_EYES.get(table.name)}
    shown = [column for column in table.columns if column.name not in hidden]
    return [dict(row._mapping) for row in connection.execute(select(*shown).where(condition))]


def _generations_with(settings: Settings, subject: Subject) -> list[str]:
    """Published generations that hold a key of the person."""
    keys = [*subject.person_keys, *subject.identifier_keys]
    found = []
    for folder in sorted(settings.home.lake_people.glob("[!.]*/")):
        for file in sorted(folder.glob("*.parquet")):
            texts = pl.read_parquet(file).select(pl.col(pl.String))
            if texts.width and texts.select(pl.any_horizontal(pl.all().is_in(keys)).any()).item():
                found.append(folder.name)
                break
    return found


def _disclosed(settings: Settings, subject: Subject) -> list[Finding]:
    """Whoever outside got the person's record and has it still. Of targets that statements still go to, the LRS tells more."""
    with _opened(settings) as engine:
        known = disclosures.of_person(engine, subject.tenant, subject.person_key)
    return [
        Finding(f"disclosure {one.disclosure_id} to {one.recipient}", 1, "kept", _why_disclosed(one))
        for one in known
        if not one.is_everyone or one.ended_at
    ]


def _why_disclosed(one: disclosures.Disclosure) -> str:
    when = f"on {one.at.date()}"
    if one.is_everyone and one.ended_at:
        when = f"whatever there was from {one.at.date()} to {one.ended_at.date()}"
    return f"{one.what}, {when}: the recipient has a copy of its own and has to be asked to erase it"


def _audit_rows(settings: Settings, subject: Subject) -> list[dict[str, object]]:
    """Entries by or about the person, without the hashes of the chain."""
    if not settings.home.audit_db.exists():
        return []
    about = " or ".join("actor_key = ? or instr(resource, ?) > 0" for _ in subject.person_keys)
    with contextlib.closing(sqlite3.connect(settings.home.audit_db, timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        if not connection.execute("select 1 from sqlite_master where name = 'entry'").fetchall():
            return []  # its first writer was killed before it wrote
        rows = connection.execute(
            f"select number, at, actor_key, action, resource, source, result from entry"
            f" where tenant = ? and ({about}) order by number",
            [subject.tenant, *(key for key in subject.person_keys for _ in range(2))],
        )
        return [dict(row) for row in rows]


def as_csv(rows: Sequence[dict[str, object]]) -> bytes:
    """`rows` with a header; nothing for no rows."""
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue().encode()


@contextlib.contextmanager
def _opened(settings: Settings) -> Iterator[Engine]:
    engine = open_people(settings)
    try:
        yield engine
    finally:
        engine.dispose()
