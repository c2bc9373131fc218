"""The journal: its writer writes, reads, changes and deletes; nobody else reads a word of it anywhere."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from learnlake.errors import AccessError, InputError
from learnlake.settings import Settings
from people import accounts, journal
from people.identities import join
from people.rights import PeopleRoom
from people.sessions import Viewer
from people.subject import find_subject
from tests.people.imports import import_into, person_keys
from tests.people.rosters import small_school

SECRET = "I am afraid of fractions"


def test_a_journal_is_its_writers_alone(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    import_into(settings, small_school(), tmp_path / "r")
    keys = person_keys(engine)

    def viewer(who: str, role: Any) -> Viewer:
        return Viewer(1, keys[who], "t", role, (role,), who)

    writer = viewer("st1", "student")
    first, second = journal.write(engine, writer, SECRET), journal.write(engine, writer, "Today was good")
    assert [one.text for one in journal.entries(engine, writer)] == ["Today was good", SECRET]
    others = [
        viewer(*one)
        for one in (("t-a", "teacher"), ("a-a", "assistant"), ("g1", "guardian"), ("p-a", "principal"))
    ]
    for role in ("administrator", "analyst"):
        made = accounts.create(engine, tenant="t", login=role, password="a long password", role_names=[role])
        others.append(Viewer(made.account_id, None, "t", role, (role,), role))
    for other in others:
        for work in (
            lambda by: journal.entries(engine, by),
            lambda by: journal.write(engine, by, "x"),
            lambda by: journal.change(engine, by, first, "x"),
            lambda by: journal.remove(engine, by, first),
        ):
            with pytest.raises(AccessError):
                work(other)
    mate = viewer("st2", "student")
    assert not journal.entries(engine, mate)
    for work in (
        lambda: journal.change(engine, mate, first, "x"),
        lambda: journal.remove(engine, mate, first),
    ):
        with pytest.raises(InputError, match="not there"):
            work()

    places = [path for path in settings.home.path.rglob("*") if path.is_file()]
    assert not [path.name for path in places if SECRET.encode() in path.read_bytes()], (
        "in no file in plain words"
    )
    with sqlite3.connect(settings.home.audit_db) as trail:
        assert trail.execute("select count(*) from entry where actor_key = ?", (keys["st1"],)).fetchone() == (
            0,
        )
    room, subject = PeopleRoom(), find_subject(engine, keys["st1"])
    copy = {one.path: (one.what, b"".join(one.content).decode()) for one in room.held(settings, subject)}
    what, told = copy["people/journal_entry.csv"]
    assert "page My journal" in what and told.count("\n") == 3
    assert not any(SECRET in text for _, text in copy.values())

    journal.change(engine, writer, second, "Today was very good")
    journal.remove(engine, writer, first)
    [left] = journal.entries(engine, writer)
    assert left.text == "Today was very good" and left.changed_at
    join(engine, settings.home, "t", keys["st2"], keys["st1"])
    assert len(journal.entries(engine, mate)) == 1
    room.erase(settings, find_subject(engine, keys["st2"]))
    with sqlite3.connect(settings.home.people_db) as held:
        assert held.execute("select count(*) from journal_entry").fetchone() == (0,)
