"""Notes, messages and interventions: who may write and read, sealed at rest, in the person's copy, gone with the person."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from learnlake.errors import AccessError, InputError
from learnlake.settings import Settings
from people import contact, interventions
from people.db import school_day
from people.identities import join
from people.rights import PeopleRoom
from people.sessions import Viewer
from people.subject import find_subject
from tests.people.imports import import_into, person_keys
from tests.people.rosters import small_school

SECRET = "Anna sleeps badly"


@pytest.fixture
def keys(engine: Engine, settings: Settings, tmp_path: Path) -> dict[str, str]:
    import_into(settings, small_school(), tmp_path / "r")
    return person_keys(engine)


def viewer(keys: dict[str, str], who: str, role: Any) -> Viewer:
    return Viewer(1, keys[who], "t", role, (role,), who)


def test_what_is_written_reaches_whom_it_is_for_and_nobody_else(
    engine: Engine, settings: Settings, keys: dict[str, str]
) -> None:
    teacher, assistant = viewer(keys, "t-a", "teacher"), viewer(keys, "a-a", "assistant")
    student, guardian = viewer(keys, "st1", "student"), viewer(keys, "g1", "guardian")
    about = ("t:c1", keys["st1"])
    contact.write_note(engine, teacher, *about, f"  {SECRET} ")
    contact.send(engine, teacher, *about, f"{SECRET}, student", to_student=True, to_guardians=False)
    number = contact.send(engine, teacher, *about, f"{SECRET}, both", to_student=True, to_guardians=True)
    day = school_day(engine) + dt.timedelta(days=7)
    interventions.begin(engine, teacher, *about, f"{SECRET}: talk", end_date=day, owner_key=keys["a-a"])

    assert [one.text for one in contact.notes(engine, assistant, *about)] == [SECRET]
    assert [one.text[len(SECRET) :] for one in contact.inbox(engine, student)] == [", both", ", student"]
    assert [one.text[len(SECRET) :] for one in contact.inbox(engine, guardian)] == [", both"]
    assert not contact.inbox(engine, viewer(keys, "st2", "student"))
    for other in (student, guardian, viewer(keys, "p-a", "principal")):
        for read in (contact.notes, contact.sent, interventions.of_student):
            with pytest.raises(AccessError):
                read(engine, other, *about)
    with pytest.raises(AccessError):
        contact.notes(engine, teacher, "t:c2", keys["st1"])
    with pytest.raises(AccessError):
        contact.inbox(engine, viewer(keys, "p-a", "principal"))
    [tally] = interventions.tally(engine, viewer(keys, "p-a", "principal"))
    assert (tally.section_key, tally.under_way, tally.overdue) == ("t:c1", 1, 0)

    contact.acknowledge(engine, guardian, [number, number - 1])  # the second is not the guardian's
    contact.acknowledge(engine, guardian, [number])
    told = {one.message_id: one.read_by for one in contact.sent(engine, teacher, *about)}
    assert told == {number: {keys["g1"]}, number - 1: set()}

    files = [*settings.home.path.glob("people.db*"), settings.home.audit_db]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()], "sealed"
    with sqlite3.connect(settings.home.audit_db) as trail:
        done = trail.execute("select action from entry where actor_key = ?", (keys["t-a"],)).fetchall()
    assert [row[0] for row in done[-4:]] == ["write-note", *["send-message"] * 2, "begin-intervention"]


@pytest.mark.parametrize(
    "who", [("st1", "student"), ("g1", "guardian"), ("a-a", "assistant"), ("p-a", "principal")]
)
def test_only_those_who_teach_write(engine: Engine, keys: dict[str, str], who: tuple[str, Any]) -> None:
    by, about = viewer(keys, *who), ("t:c1", keys["st1"])
    with pytest.raises(AccessError):
        contact.write_note(engine, by, *about, "x")
    with pytest.raises(AccessError):
        contact.send(engine, by, *about, "x", to_student=True, to_guardians=True)
    with pytest.raises(AccessError):
        interventions.begin(engine, by, *about, "x", end_date=school_day(engine))


def test_what_says_nothing_or_goes_nowhere_is_refused(engine: Engine, keys: dict[str, str]) -> None:
    teacher, about = viewer(keys, "t-a", "teacher"), ("t:c1", keys["st1"])
    today = school_day(engine)
    with pytest.raises(InputError, match="needs words"):
        contact.write_note(engine, teacher, *about, "  ")
    with pytest.raises(InputError, match="too many"):
        contact.write_note(engine, teacher, *about, "x" * (contact.TEXT_MAX + 1))
    with pytest.raises(InputError, match="no student"):
        contact.write_note(engine, teacher, "t:c1", keys["t-a"], "x")
    with pytest.raises(InputError, match="addressed to nobody"):
        contact.send(engine, teacher, *about, "x", to_student=False, to_guardians=False)
    with pytest.raises(InputError, match="does not teach"):
        interventions.begin(engine, teacher, *about, "x", end_date=today, owner_key=keys["st1"])
    for day in (today - dt.timedelta(days=1), today + dt.timedelta(days=interventions.LONGEST_DAYS + 1)):
        with pytest.raises(InputError, match="no end"):
            interventions.begin(engine, teacher, *about, "x", end_date=day)


def test_an_intervention_becomes_overdue_is_put_off_and_ends_once(
    engine: Engine, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher, about = viewer(keys, "t-a", "teacher"), ("t:c1", keys["st1"])
    today = school_day(engine)
    late = interventions.begin(engine, teacher, *about, "late", end_date=today + dt.timedelta(days=9))
    soon = interventions.begin(engine, teacher, *about, "soon", end_date=today)
    found = interventions.under_way(engine, teacher, "t:c1")
    assert [one.what for one in found] == ["soon", "late"]
    assert [one.days_over(today + dt.timedelta(days=1)) for one in found] == [1, -8]
    interventions.postpone(engine, teacher, soon, today + dt.timedelta(days=10))
    assert [one.what for one in interventions.under_way(engine, teacher, "t:c1")] == ["late", "soon"]
    with pytest.raises(AccessError):
        interventions.conclude(engine, viewer(keys, "a-a", "assistant"), late, "helped")
    interventions.conclude(engine, teacher, late, "partly", "Asks more")
    with pytest.raises(InputError, match="under way"):
        interventions.conclude(engine, teacher, late, "helped")
    with pytest.raises(InputError, match="no outcome"):
        interventions.conclude(engine, teacher, soon, "perhaps")  # type: ignore[arg-type]
    [newest, ended] = interventions.of_student(engine, teacher, *about)
    assert (newest.outcome, ended.outcome, ended.outcome_text, ended.ended_on) == (
        None,
        "partly",
        "Asks more",
        today,
    )
    [tally] = interventions.tally(engine, teacher)
    assert (tally.under_way, tally.partly, tally.helped) == (1, 1, 0)


def test_the_copy_has_it_a_join_keeps_it_and_erasure_ends_it(
    engine: Engine, settings: Settings, keys: dict[str, str]
) -> None:
    teacher, about = viewer(keys, "t-a", "teacher"), ("t:c1", keys["st1"])
    contact.write_note(engine, teacher, *about, SECRET)
    number = contact.send(engine, teacher, *about, "Well done", to_student=True, to_guardians=True)
    contact.acknowledge(engine, viewer(keys, "g1", "guardian"), [number])
    interventions.begin(engine, teacher, *about, "Tutor", end_date=school_day(engine))
    room, subject = PeopleRoom(), find_subject(engine, keys["st1"])
    copy = {one.path: b"".join(one.content).decode() for one in room.held(settings, subject)}
    assert SECRET in copy["people/student_note.csv"]
    assert "Well done" in copy["people/message.csv"] and "Tutor" in copy["people/intervention.csv"]

    join(engine, settings.home, "t", keys["st2"], keys["st1"])
    subject = find_subject(engine, keys["st2"])
    assert {one.what: one.count for one in room.find(settings, subject)}["people.db student_note"] == 1
    room.erase(settings, find_subject(engine, keys["t-a"]))
    room.erase(settings, subject)
    assert not [one for one in room.find(settings, subject) if one.count and one.fate != "kept"]
    with sqlite3.connect(settings.home.people_db) as held:
        for table in ("student_note", "message", "message_receipt", "intervention"):
            assert held.execute(f"select count(*) from {table}").fetchone() == (0,), table
