"""Assistants do only what was delegated to them, section by section: grade, but not restructure."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine

from learnlake.errors import AccessError, InputError
from learnlake.settings import Settings
from people import assignments, delegation, policy
from people.sessions import Viewer
from tests.people.imports import import_into, person_keys
from tests.people.rosters import small_school


@pytest.fixture
def assistant(engine: Engine, settings: Settings, tmp_path: Path) -> Viewer:
    import_into(settings, small_school(), tmp_path / "r")
    key = person_keys(engine)["a-a"]
    return Viewer(1, key, "t", "assistant", ("assistant",), "a-a")


def test_an_assistant_grades_where_it_was_delegated_and_never_restructures(
    engine: Engine, settings: Settings, assistant: Viewer
) -> None:
    who = str(assistant.person_key)
    with pytest.raises(AccessError, match="not delegated"):
        policy.check_action(policy.scope(engine, assistant), "grade", section_key="t:c1")
    assert delegation.delegate(engine, "t", "t:c1", who, "grade", actor_key="p_admin")
    assert not delegation.delegate(engine, "t", "t:c1", who, "grade")
    policy.check_action(policy.scope(engine, assistant), "grade", section_key="t:c1")
    for action, section_key in (("restructure", "t:c1"), ("message", "t:c1"), ("grade", "t:c2")):
        with pytest.raises(AccessError):
            policy.check_action(policy.scope(engine, assistant), action, section_key=section_key)
    assert [(d.section_key, d.action, d.granted_by) for d in delegation.list_delegations(engine, "t")] == [
        ("t:c1", "grade", "p_admin")
    ]
    assert delegation.withdraw(engine, "t", "t:c1", who, "grade")
    assert not delegation.withdraw(engine, "t", "t:c1", who, "grade")
    with pytest.raises(AccessError):
        policy.check_action(policy.scope(engine, assistant), "grade", section_key="t:c1")
    assert delegation.delegate(engine, "t", "t:c1", who, "grade")
    with sqlite3.connect(settings.home.audit_db) as connection:
        trail = connection.execute(
            "select substr(actor_key, 1, 8), action, resource from entry where action like '%-grade'"
        ).fetchall()
    assert trail == [
        ("p_admin", "delegate-grade", f"t:c1 {who}"),
        ("operator", "withdraw-grade", f"t:c1 {who}"),
        ("operator", "delegate-grade", f"t:c1 {who}"),
    ]


def test_a_delegation_ends_with_the_section(
    engine: Engine, settings: Settings, assistant: Viewer, tmp_path: Path
) -> None:
    delegation.delegate(engine, "t", "t:c1", str(assistant.person_key), "grade")
    roster = small_school()
    roster.drop("enrollments", "e3")
    import_into(settings, roster, tmp_path / "r")
    with pytest.raises(AccessError):
        policy.check_action(policy.scope(engine, assistant), "grade", section_key="t:c1")


@pytest.mark.parametrize(
    ("section_key", "action", "reason"),
    [
        ("t:c2", "grade", "doesn't assist"),
        ("t:c1", "expel", "cannot be delegated"),
        ("t:c1", "run-sql", "cannot be"),
    ],
)
def test_what_cannot_be_delegated_is_refused(
    engine: Engine, assistant: Viewer, section_key: str, action: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        delegation.delegate(engine, "t", section_key, str(assistant.person_key), action)
    assert delegation.list_delegations(engine, "t") == []


def test_teachers_need_no_delegation(engine: Engine, assistant: Viewer) -> None:
    teacher = person_keys(engine)["t-a"]
    viewer = Viewer(2, teacher, "t", "teacher", ("teacher",), "t-a")
    for action in policy.DELEGABLE:
        policy.check_action(policy.scope(engine, viewer), action, section_key="t:c1")
    with pytest.raises(InputError, match="doesn't assist"):
        delegation.delegate(engine, "t", "t:c1", teacher, "grade")
    assert assignments.list_schools(engine, "t")
