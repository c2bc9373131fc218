"""Suggestions: the weakest skill whose prerequisites are mastered, something to learn from first, and why."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from models import next_activity

AS_OF = dt.date(2026, 11, 20)
LESSON, VIDEO, *_, ITEM = next_activity.KINDS
SKILLS = ("count", "add", "multiply", "shapes")


def frames(mastery: dict[str, float]) -> dict[str, Any]:
    """One student in one course: count -> add -> multiply, and shapes on its own; a lesson, a video and an item each."""
    linked = [(f"{kind[-6:]}-{skill}", kind, skill) for skill in SKILLS for kind in (ITEM, VIDEO, LESSON)]
    return {
        "mastery": pl.DataFrame(
            {
                "tenant": ["t"] * len(mastery),
                "person_key": ["p"] * len(mastery),
                "skill_key": list(mastery),
                "mastery": list(mastery.values()),
            },
            schema=dict.fromkeys(("tenant", "person_key", "skill_key"), pl.String) | {"mastery": pl.Float64},
        ),
        "enrolments": pl.DataFrame(
            {
                "tenant": "t",
                "person_key": ["p", "teacher", "gone"],
                "school_key": "s",
                "section_key": "class",
                "course_key": "c",
                "role": ["student", "teacher", "student"],
                "is_active": [True, True, False],
            }
        ),
        "activities": pl.DataFrame(
            {
                "tenant": "t",
                "activity_key": [key for key, _, _ in linked],
                "type": [kind for _, kind, _ in linked],
                "course_key": "c",
                "due_date": pl.Series([None] * len(linked), dtype=pl.Date),
            }
        ),
        "activity_skills": pl.DataFrame(
            {
                "tenant": "t",
                "activity_key": [key for key, _, _ in linked],
                "skill_key": [skill for _, _, skill in linked],
            }
        ),
        "skills": pl.DataFrame(
            {
                "tenant": "t",
                "skill_key": [*SKILLS, "add+multiply"],
                "title": [*(s.capitalize() for s in SKILLS), "Both"],
                "component_skill_keys": [*([s] for s in SKILLS), ["add", "multiply"]],
            }
        ),
        "prerequisites": pl.DataFrame(
            {"tenant": "t", "skill_key": ["add", "multiply"], "prerequisite_skill_key": ["count", "add"]}
        ),
    }


def suggest(given: dict[str, Any], **more: Any) -> pl.DataFrame:
    mastery = given.pop("mastery")
    return next_activity.recommend(
        mastery, **given, as_of=AS_OF, start=lambda skill: 0.3, model_version="7", **more
    )


@pytest.mark.parametrize(
    ("mastery", "expected"),
    [
        ({}, ["count", "shapes"]),
        ({"count": 0.6, "shapes": 0.4}, ["shapes", "count"]),
        ({"count": 0.99, "shapes": 0.4}, ["add", "shapes"]),
        ({"count": 0.99, "add": 0.96, "multiply": 0.1, "shapes": 0.4}, ["multiply", "shapes"]),
        ({"count": 0.5, "add": 0.99, "multiply": 0.1, "shapes": 0.99}, ["multiply", "count"]),
        (dict.fromkeys(SKILLS, 0.99), []),
    ],
)
def test_the_weakest_skill_that_is_ready_comes_first(mastery: dict[str, float], expected: list[str]) -> None:
    rows = suggest(frames(mastery))
    assert rows["skill_key"].to_list() == expected
    assert rows["rank"].to_list() == list(range(1, len(expected) + 1))
    assert set(rows["person_key"]) <= {"p"}, "no teacher, nobody who has left"


def test_every_suggestion_has_its_prerequisites_mastered() -> None:
    """All levels of all four skills: whatever the state, no suggested skill waits for another."""
    needs = {"add": "count", "multiply": "add"}
    for code in range(3**4):
        levels = {skill: (0.2, 0.7, 0.97)[code // 3**n % 3] for n, skill in enumerate(SKILLS)}
        rows = suggest(frames(levels))
        for skill in rows["skill_key"]:
            assert levels[skill] < 0.95
            assert skill not in needs or levels[needs[skill]] >= 0.95


def test_lessons_before_videos_before_items_and_new_ones_within_a_kind() -> None:
    assert suggest(frames({}))["activity_key"].to_list() == ["lesson-count", "lesson-shapes"]
    given = frames({})
    extra = {"tenant": "t", "activity_key": "lesson-z", "type": LESSON, "course_key": "c", "due_date": None}
    given["activities"] = pl.concat(
        [given["activities"], pl.DataFrame([extra], schema=given["activities"].schema)]
    )
    link = pl.DataFrame([{"tenant": "t", "activity_key": "lesson-z", "skill_key": "count"}])
    given["activity_skills"] = pl.concat([given["activity_skills"], link])
    seen = pl.DataFrame({"person_key": ["p"], "activity_key": ["lesson-count"]})
    assert suggest(given, seen=seen)["activity_key"].to_list() == ["lesson-z", "lesson-shapes"]


def test_the_why_and_the_columns() -> None:
    rows = suggest(frames({"count": 0.99, "add": 0.425, "shapes": 0.99}))
    assert rows.columns == [
        *("tenant", "person_key", "school_key", "section_key", "course_key", "skill_key", "activity_key"),
        *("rank", "why", "model_version", "as_of"),
    ]
    assert rows["why"].to_list() == ["Add is at 42 % mastery and what it builds on is mastered."]
    assert suggest(frames({}))["why"][0] == "Count has not been practised yet and it builds on nothing else."


def test_a_combination_needs_the_prerequisites_of_its_parts() -> None:
    given = frames({"count": 0.5, "add": 0.99, "multiply": 0.99, "shapes": 0.99})
    link = pl.DataFrame([{"tenant": "t", "activity_key": "lesson-add", "skill_key": "add+multiply"}])
    given["activity_skills"] = pl.concat([given["activity_skills"], link])
    assert suggest(given)["skill_key"].to_list() == ["count"]
    ready = frames({"count": 0.99, "add": 0.99, "multiply": 0.99, "shapes": 0.99})
    ready["activity_skills"] = pl.concat([ready["activity_skills"], link])
    assert suggest(ready)["skill_key"].to_list() == ["add+multiply"]
