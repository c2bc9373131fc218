"""Teachers' decisions about suggestions and learners' preferences: who may, what is refused, where they are told, how they end."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Engine, select

from learnlake.errors import AccessError, InputError
from learnlake.settings import Settings
from models.recommendation import OVERRIDE_SCHEMA, PREFERENCE_SCHEMA
from people import lake, overrides
from people.db import reading, school_day
from people.identities import join
from people.overrides import Preferences
from people.sessions import Viewer
from people.tables import learner_preference
from tests.people.imports import import_into, person_keys
from tests.people.rosters import small_school


@pytest.fixture
def keys(engine: Engine, settings: Settings, tmp_path: Path) -> dict[str, str]:
    import_into(settings, small_school(), tmp_path / "r")
    return person_keys(engine)


def viewer(keys: dict[str, str], who: str, role: Any) -> Viewer:
    return Viewer(1, keys[who], "t", role, (role,), who)


def told(settings: Settings, table: str) -> pl.DataFrame:
    folder = lake.current(settings.home)
    assert folder is not None
    return pl.read_parquet(folder / f"{table}.parquet")


def decide(engine: Engine, by: Viewer, action: Any = "assign", section: str = "t:c1", **changes: Any) -> int:
    today = school_day(engine)
    given = {"end_date": today, "reason": "Needs it for Anna's talk", "activity_key": "t:a"} | changes
    return overrides.decide(engine, by, section, action, **given)


def test_a_decision_reaches_the_lake_without_reason_and_owner_and_ends(
    engine: Engine, settings: Settings, keys: dict[str, str]
) -> None:
    teacher = viewer(keys, "t-a", "teacher")
    identifiers = told(settings, "identifier")
    number = decide(engine, teacher, person_key=keys["st1"])
    published = told(settings, "override")
    assert published.schema == OVERRIDE_SCHEMA
    assert published.select("override_id", "person_key", "action", "activity_key").rows() == [
        (number, keys["st1"], "assign", "t:a")
    ]
    assert told(settings, "identifier").equals(identifiers), "the rest is as it was"
    [kept] = overrides.in_force(engine, teacher, "t:c1", keys["st1"])
    assert (kept.reason, kept.granted_by) == ("Needs it for Anna's talk", keys["t-a"])
    with sqlite3.connect(settings.home.people_db) as connection:
        assert "Anna" not in str(connection.execute("select reason from learning_override").fetchall()), (
            "sealed"
        )
    overrides.withdraw(engine, teacher, number)
    assert told(settings, "override").is_empty()
    with pytest.raises(InputError):
        overrides.withdraw(engine, teacher, number)
    with sqlite3.connect(settings.home.audit_db) as connection:
        trail = connection.execute(
            "select action, resource from entry where action like 'override-%'"
        ).fetchall()
    assert trail == [(f"override-{what}", f"t:c1 {keys['st1']}") for what in ("assign", "withdraw")]


@pytest.mark.parametrize(("who", "role"), [("st1", "student"), ("a-a", "assistant"), ("g1", "guardian")])
def test_only_teachers_decide(engine: Engine, keys: dict[str, str], who: str, role: str) -> None:
    with pytest.raises(AccessError):
        decide(engine, viewer(keys, who, role))


def test_a_teacher_decides_in_own_sections_about_their_students(engine: Engine, keys: dict[str, str]) -> None:
    teacher = viewer(keys, "t-a", "teacher")
    with pytest.raises(AccessError):
        decide(engine, teacher, section="t:elsewhere")
    with pytest.raises(InputError, match="no student"):
        decide(engine, teacher, person_key=keys["t-a"])
    number = decide(engine, teacher)
    with pytest.raises(AccessError):
        overrides.withdraw(engine, viewer(keys, "st1", "student"), number)


@pytest.mark.parametrize(
    "changes",
    [
        {"activity_key": None},
        {"skill_key": "t:k"},
        {"action": "known"},
        {"action": "forbid"},
        {"reason": "  "},
        {"reason": "x" * 501},
        {"end_date": dt.date(2020, 1, 1)},
        {"end_date": dt.date(2999, 1, 1)},
    ],
)
def test_a_decision_that_says_nothing_is_refused(
    engine: Engine, settings: Settings, keys: dict[str, str], changes: dict[str, Any]
) -> None:
    with pytest.raises(InputError):
        decide(engine, viewer(keys, "t-a", "teacher"), **changes)
    assert told(settings, "override").is_empty()


def test_preferences_are_the_learners_own(engine: Engine, settings: Settings, keys: dict[str, str]) -> None:
    learner = viewer(keys, "st1", "student")
    assert overrides.preferences(engine, learner) == Preferences()
    overrides.prefer(engine, learner, goals=["t:k1", "t:k2", "t:k1"], formats=["video"])
    overrides.prefer(engine, learner, goals=["t:k2"], formats=["video"])
    assert overrides.preferences(engine, learner) == Preferences(("t:k2",), ("video",))
    published = told(settings, "preference")
    assert published.schema == PREFERENCE_SCHEMA
    assert sorted(published.rows()) == [
        ("t", keys["st1"], "format", "video"),
        ("t", keys["st1"], "goal", "t:k2"),
    ]
    for role in ("teacher", "guardian"):
        with pytest.raises(AccessError):
            overrides.prefer(engine, viewer(keys, "t-a", role), goals=[], formats=[])
    with pytest.raises(InputError):
        overrides.prefer(engine, learner, goals=[f"k{n}" for n in range(21)], formats=[])


def test_two_entries_that_are_one_person_have_one_set(
    engine: Engine, settings: Settings, keys: dict[str, str]
) -> None:
    for who in ("st1", "st2"):
        overrides.prefer(engine, viewer(keys, who, "student"), goals=["t:k1", f"t:{who}"], formats=[])
    join(engine, settings.home, "t", keys["st1"], keys["st2"])
    with reading(engine) as connection:
        kept = connection.execute(select(learner_preference.c.person_key, learner_preference.c.value)).all()
    assert sorted(tuple(row) for row in kept) == [
        (keys["st1"], f"t:{value}") for value in ("k1", "st1", "st2")
    ]
