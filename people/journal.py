"""A learner's private journal: sealed, read by its writer alone. Nothing here is in the audit trail: even when somebody wrote is private."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any, Final

from sqlalchemy import Engine, delete, insert, select, update

from learnlake.errors import InputError
from people.contact import worded
from people.db import now, reading, writing
from people.policy import record_keys, scope
from people.sessions import Viewer
from people.tables import journal_entry

TEXT_MAX: Final = 20_000


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One entry; times are UTC, `changed_at` is None until it was changed."""

    entry_id: int
    text: str
    written_at: dt.datetime
    changed_at: dt.datetime | None


def entries(engine: Engine, viewer: Viewer) -> list[Entry]:
    """The viewer's own, newest first. AccessError for everybody but a learner."""
    columns = [journal_entry.c[field.name] for field in dataclasses.fields(Entry)]
    query = select(*columns).where(*_own(engine, viewer)).order_by(journal_entry.c.entry_id.desc())
    with reading(engine) as connection:
        return [Entry(*row.tuple()) for row in connection.execute(query)]


def write(engine: Engine, viewer: Viewer, text: str) -> int:
    """Keep an entry; answers its number. InputError for one without words, or too long."""
    _own(engine, viewer)
    values = {"tenant": viewer.tenant, "person_key": viewer.person_key, "written_at": now()}
    told = worded(text, "journal entry", longest=TEXT_MAX)
    with writing(engine) as connection:
        number = connection.execute(insert(journal_entry).values(**values, text=told)).inserted_primary_key
    assert number is not None
    return int(number[0])


def change(engine: Engine, viewer: Viewer, entry_id: int, text: str) -> None:
    """Put other words in place of an own entry's; the old ones are gone."""
    told = worded(text, "journal entry", longest=TEXT_MAX)
    change_it = update(journal_entry).values(text=told, changed_at=now())
    _on_own(engine, viewer, entry_id, change_it)


def remove(engine: Engine, viewer: Viewer, entry_id: int) -> None:
    """Delete an own entry for good."""
    _on_own(engine, viewer, entry_id, delete(journal_entry))


def _on_own(engine: Engine, viewer: Viewer, entry_id: int, statement: Any) -> None:
    mine = _own(engine, viewer)
    with writing(engine) as connection:
        done = connection.execute(statement.where(*mine, journal_entry.c.entry_id == entry_id))
        if not done.rowcount:
            raise InputError("This entry is not there any more")


def _own(engine: Engine, viewer: Viewer) -> tuple[Any, ...]:
    column, keys = record_keys(scope(engine, viewer), "journal")
    held = journal_entry.c
    return held.tenant == viewer.tenant, held[column].in_(keys), held.person_key == viewer.person_key
