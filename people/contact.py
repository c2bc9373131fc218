"""Notes that staff keep about a student, and messages to a student or the family. Kept and documented here; nothing is sent outside."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, exists, insert, select

from learnlake import audit
from learnlake.errors import InputError
from people.db import now, reading, settings_of, writing
from people.policy import check_action, check_record, record_keys, scope
from people.sessions import Viewer
from people.tables import enrolment, message, message_receipt, student_note

TEXT_MAX: Final = 4000
INBOX_MAX: Final = 100
"""Messages shown at most, newest first."""


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """What one of the staff wrote about a student, for the staff of the section. `written_at` is UTC."""

    note_id: int
    section_key: str
    person_key: str
    text: str
    author_key: str
    written_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """A message about or to the student `person_key`. `read_by` has the keys of those who said that they read it."""

    message_id: int
    section_key: str
    person_key: str
    to_student: bool
    to_guardians: bool
    text: str
    author_key: str
    sent_at: dt.datetime
    read_by: frozenset[str] = frozenset()


def write_note(engine: Engine, viewer: Viewer, section_key: str, person_key: str, text: str) -> int:
    """Keep a note; answers its number. AccessError outside the viewer's sections, InputError for somebody who doesn't learn there."""
    check_action(scope(engine, viewer), "note", section_key=section_key)
    values = {"text": worded(text, "note"), "written_at": now()}
    return _keep(engine, viewer, student_note, section_key, person_key, values, "write-note")


def notes(engine: Engine, viewer: Viewer, section_key: str, person_key: str) -> list[Note]:
    """The notes about a student of a section, newest first."""
    check_record(scope(engine, viewer), "note", section_key=section_key)
    query = _of(student_note, Note, viewer, section_key, person_key).order_by(student_note.c.note_id.desc())
    with reading(engine) as connection:
        return [Note(*row.tuple()) for row in connection.execute(query)]


def send(
    engine: Engine,
    viewer: Viewer,
    section_key: str,
    person_key: str,
    text: str,
    *,
    to_student: bool,
    to_guardians: bool,
) -> int:
    """Keep a message for the student, the guardians or both, who find it on their pages; answers its number."""
    check_action(scope(engine, viewer), "message", section_key=section_key)
    if not to_student and not to_guardians:
        raise InputError(
            "The message is addressed to nobody", mend="choose the student, the guardians or both"
        )
    values = {
        "to_student": to_student,
        "to_guardians": to_guardians,
        "text": worded(text, "message"),
        "sent_at": now(),
    }
    return _keep(engine, viewer, message, section_key, person_key, values, "send-message")


def sent(engine: Engine, viewer: Viewer, section_key: str, person_key: str) -> list[Message]:
    """The messages to or about a student of a section, newest first, for its staff."""
    check_record(scope(engine, viewer), "message", section_key=section_key)
    return _messages(engine, _of(message, Message, viewer, section_key, person_key))


def inbox(engine: Engine, viewer: Viewer) -> list[Message]:
    """What is addressed to the viewer, a student or a guardian, newest first."""
    column, keys = record_keys(scope(engine, viewer), "message")
    addressed = message.c.to_student if viewer.role == "student" else message.c.to_guardians
    query = (
        select(*_columns(message, Message))
        .where(message.c.tenant == viewer.tenant, message.c[column].in_(keys), addressed)
        .limit(INBOX_MAX)
    )
    return _messages(engine, query)


def acknowledge(engine: Engine, viewer: Viewer, message_ids: Collection[int]) -> None:
    """Note that the viewer has read messages of the own inbox; others are let pass, and so is a second time."""
    mine = {one.message_id for one in inbox(engine, viewer) if viewer.viewer_key not in one.read_by}
    wanted = sorted(mine.intersection(message_ids))
    if not wanted:
        return
    with writing(engine) as connection:
        for number in wanted:
            key = {"message_id": number, "person_key": viewer.viewer_key}
            held = exists().where(*(message_receipt.c[name] == value for name, value in key.items()))
            if not connection.execute(select(held)).scalar_one():
                values = {**key, "tenant": viewer.tenant, "read_at": now()}
                connection.execute(insert(message_receipt).values(**values))
    note_act(engine, viewer, "read-message", " ".join(map(str, wanted)))


def worded(text: str, what: str, *, longest: int = TEXT_MAX) -> str:
    """`text` without blanks around it. InputError for none, or too much."""
    told = text.strip()
    if not 0 < len(told) <= longest:
        raise InputError(
            f"A {what} needs words" if not told else f"{len(told):,} characters are too many for a {what}",
            where=what,
            mend=f"write one of at most {longest:,} characters",
        )
    return told


def check_learns(connection: Connection, tenant: str, section_key: str, person_key: str) -> None:
    """InputError for somebody who is no student of the section."""
    held = enrolment.c
    learns = exists().where(
        held.tenant == tenant,
        held.section_key == section_key,
        held.person_key == person_key,
        held.role == "student",
        held.is_active,
    )
    if not connection.execute(select(learns)).scalar_one():
        raise InputError(f"{person_key} is no student of section {section_key!r}")


def note_act(engine: Engine, viewer: Viewer, action: str, resource: str) -> None:
    """One entry of the audit trail: keys only, never the words."""
    entry = audit.AuditEntry(viewer.tenant, viewer.viewer_key, action, resource, "pages", "allowed")
    audit.append(settings_of(engine).home.audit_db, entry)


def _keep(
    engine: Engine,
    viewer: Viewer,
    table: Any,
    section_key: str,
    person_key: str,
    values: dict[str, Any],
    action: str,
) -> int:
    keys = {"tenant": viewer.tenant, "section_key": section_key, "person_key": person_key}
    with writing(engine) as connection:
        check_learns(connection, viewer.tenant, section_key, person_key)
        row = insert(table).values(**keys, **values, author_key=viewer.viewer_key)
        number = connection.execute(row).inserted_primary_key
    assert number is not None
    note_act(engine, viewer, action, f"person:{person_key} {section_key}")
    return int(number[0])


def _messages(engine: Engine, query: Select) -> list[Message]:
    """The messages of `query`, each with who has read it."""
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(message.c.message_id.desc())).all()
        found = [Message(*row.tuple()) for row in rows]
        told = message_receipt.c
        read: dict[int, set[str]] = {}
        receipts = select(told.message_id, told.person_key).where(
            told.message_id.in_([one.message_id for one in found])
        )
        for row in connection.execute(receipts):
            read.setdefault(row.message_id, set()).add(row.person_key)
    return [dataclasses.replace(one, read_by=frozenset(read.get(one.message_id, ()))) for one in found]


def _columns(table: Any, kind: Any) -> list[Any]:
    return [table.c[field.name] for field in dataclasses.fields(kind) if field.name in table.c]


def _of(table: Any, kind: Any, viewer: Viewer, section_key: str, person_key: str) -> Select:
    return select(*_columns(table, kind)).where(
        table.c.tenant == viewer.tenant,
        table.c.section_key == section_key,
        table.c.person_key == person_key,
    )
