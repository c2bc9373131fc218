"""Suggestions: prerequisites, teachers' decisions, difficulty, review, preferences, and why."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.mastery import MasteryModel, SkillParameters
from models.recommendation import (
    OVERRIDE_SCHEMA,
    PREFERENCE_SCHEMA,
    TO_LEARN,
    Recommendation,
    cycles,
    recommend,
)
from models.recommendation.learned import LearnedPolicy, RewardModel
from models.recommendation.policy import FEATURES, Policy
from models.recommendation.recommend import ASSESSMENT, ITEM, LESSON, VIDEO
from tests.scale import scaled

AS_OF = dt.date(2026, 11, 20)
SKILLS = ("count", "add", "multiply", "shapes")
NEEDS = {"add": ("count",), "multiply": ("add",)}
TRACING = MasteryModel({}, SkillParameters(0.3, 0.15, 0.0, 0.2, 0.1), "t", version="7")


def frames(
    mastery: dict[str, float],
    *,
    skills: tuple[str, ...] = SKILLS,
    needs: dict[str, tuple[str, ...]] | None = None,
    answers: int = 10,
) -> dict[str, Any]:
    """One student in one course: count -> add -> multiply, and shapes on its own; a lesson, a video and an item each."""
    linked = [(f"{kind[-6:]}-{skill}", kind, skill) for skill in skills for kind in (ITEM, VIDEO, LESSON)]
    edges = [
        (skill, before)
        for skill, all_before in (NEEDS if needs is None else needs).items()
        for before in all_before
    ]
    return {
        "mastery": pl.DataFrame(
            [
                ("t", "p", skill, level, answers, dt.datetime(2026, 11, 13, tzinfo=dt.UTC))
                for skill, level in mastery.items()
            ],
            schema=dict.fromkeys(("tenant", "person_key", "skill_key"), pl.String)
            | {
                "mastery": pl.Float64,
                "opportunity_count": pl.Int64,
                "last_attempt_at": pl.Datetime("us", "UTC"),
            },
            orient="row",
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
                "skill_key": [*skills, "add+multiply"],
                "title": [*(s.capitalize() for s in skills), "Both"],
                "component_skill_keys": [*([s] for s in skills), ["add", "multiply"]],
            }
        ),
        "prerequisites": pl.DataFrame(
            [("t", *edge) for edge in edges],
            schema=["tenant", "skill_key", "prerequisite_skill_key"],
            orient="row",
        ).cast(pl.String),
    }


def suggested(given: dict[str, Any], **more: Any) -> Recommendation:
    mastery = given.pop("mastery")
    return recommend(mastery, **given, as_of=AS_OF, tracing=TRACING, **more)


def suggest(given: dict[str, Any], **more: Any) -> pl.DataFrame:
    return suggested(given, **more).rows


def override(
    number: int, action: str, *, of: str | None = "p", until: dt.date = AS_OF, **target: str
) -> dict[str, Any]:
    return {
        "tenant": "t",
        "override_id": number,
        "section_key": "class",
        "person_key": of,
        "action": action,
        "skill_key": target.get("skill"),
        "activity_key": target.get("activity"),
        "begin_date": dt.date(2026, 11, 1),
        "end_date": until,
    }


def decided(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=OVERRIDE_SCHEMA)


def answers_on(day: dt.date, skill: str, *, right: int = 2) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "tenant": "t",
            "person_key": "p",
            "skill_key": skill,
            "is_correct": [True] * right,
            "responded_at": [dt.datetime.combine(day, dt.time(9, n), dt.UTC) for n in range(right)],
        }
    )


@pytest.mark.parametrize(
    ("mastery", "expected"),
    [
        ({}, {"count", "shapes"}),
        ({"count": 0.6, "shapes": 0.4}, {"shapes", "count"}),
        ({"count": 0.99, "shapes": 0.4}, {"add", "shapes"}),
        ({"count": 0.99, "add": 0.96, "multiply": 0.1, "shapes": 0.4}, {"multiply", "shapes"}),
        ({"count": 0.5, "add": 0.99, "multiply": 0.1, "shapes": 0.99}, {"multiply", "count"}),
        (dict.fromkeys(SKILLS, 0.99), set()),
    ],
)
def test_only_what_is_ready_is_suggested(mastery: dict[str, float], expected: set[str]) -> None:
    rows = suggest(frames(mastery))
    assert set(rows["skill_key"]) == expected
    assert rows["rank"].to_list() == list(range(1, len(expected) + 1))
    assert set(rows["person_key"]) <= {"p"}, "no teacher, nobody who has left"


def test_what_opens_the_way_and_what_is_in_reach_come_first() -> None:
    assert suggest(frames({}))["skill_key"].to_list() == ["count", "shapes"], "add waits for count"
    hard_and_easy = frames({"count": 0.99, "add": 0.99, "multiply": 0.02, "shapes": 0.45})
    assert suggest(hard_and_easy)["skill_key"].to_list() == ["shapes", "multiply"], "2 in 10 is out of reach"


SKILL = st.sampled_from([f"k{n}" for n in range(6)])
LEVEL = st.sampled_from([0.05, 0.4, 0.7, 0.94, 0.95, 0.99])


def learned_by_chance(seed: int) -> Policy:
    """A learned policy whose weights mean nothing."""
    dice = np.random.default_rng(seed)
    count = len(FEATURES)
    weights = dice.normal(0, 10, count + count * (count + 1) // 2)
    return LearnedPolicy(RewardModel([0.0] * count, [1.0] * count, weights.tolist(), 0.0))


@st.composite
def decisions_of_teachers(draw: st.DrawFn) -> list[dict[str, Any]]:
    rows = []
    for number in range(draw(st.integers(0, 5))):
        action = draw(st.sampled_from(["assign", "exclude", "known"]))
        skill = draw(SKILL)
        is_skill = action == "known" or draw(st.booleans())
        kind = draw(st.sampled_from([ITEM, VIDEO, LESSON]))
        target = {"skill": skill} if is_skill else {"activity": f"{kind[-6:]}-{skill}"}
        until = draw(st.sampled_from([AS_OF, AS_OF - dt.timedelta(days=1)]))
        rows.append(
            override(number, action, of=draw(st.sampled_from(["p", None, "other"])), until=until, **target)
        )
    return rows


@settings(max_examples=scaled(30, 2000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    mastery=st.dictionaries(SKILL, LEVEL, max_size=6),
    edges=st.sets(st.tuples(SKILL, SKILL), max_size=10),
    rows=decisions_of_teachers(),
    explore=st.sampled_from([0.0, 0.5, 1.0]),
    practised=st.lists(st.tuples(SKILL, st.integers(0, 300)), max_size=6),
    policy=st.one_of(st.none(), st.integers(0, 2**32 - 1).map(learned_by_chance)),
)
def test_every_suggestion_respects_prerequisites_and_overrides(
    mastery: dict[str, float],
    edges: set[tuple[str, str]],
    rows: list[dict[str, Any]],
    explore: float,
    practised: list[tuple[str, int]],
    policy: Policy | None,
) -> None:
    """Whatever the graph, circles included, and whatever a policy has learned: what is suggested is assigned, or ready and below the threshold, or mastered and due."""
    skills = tuple(f"k{n}" for n in range(6))
    needs = {skill: tuple(before for of, before in edges if of == skill) for skill in skills}
    attempts = pl.concat(
        [answers_on(AS_OF - dt.timedelta(days=days), skill) for skill, days in practised]
        or [answers_on(AS_OF, "none").clear()]
    )
    found = suggest(
        frames(mastery, skills=skills, needs=needs),
        overrides=decided(*rows),
        explore=explore,
        attempts=attempts,
        policy=policy,
    )
    standing: dict[str, str] = {}
    holding = [r for r in rows if r["end_date"] >= AS_OF and r["person_key"] in ("p", None)]
    for row in sorted(holding, key=lambda r: (r["person_key"] is not None, r["override_id"])):
        standing[row["skill_key"] or row["activity_key"]] = row["action"]

    def is_known(skill: str) -> bool:
        return mastery.get(skill, 0.3) >= 0.95 or standing.get(skill) == "known"

    def leads(start: str, goal: str) -> bool:
        reached, new = set(), {start}
        while new:
            reached |= new
            new = {before for skill in new for before in needs[skill]} - reached
        return goal in reached

    for row in found.iter_rows(named=True):
        skill, activity = row["skill_key"], row["activity_key"]
        assert standing.get(activity) != "exclude"
        if row["kind"] == "assigned":
            assert "assign" in (standing.get(activity), standing.get(skill))
            continue
        assert standing.get(skill) != "exclude"
        if row["kind"] == "review":
            assert mastery[skill] >= 0.95
            assert row["recall"] < 0.9
            continue
        assert not is_known(skill)
        for before in needs[skill]:
            assert is_known(before) or leads(before, skill), "open, and not in a circle with it"
    kinds = found["kind"].to_list()
    assert kinds == sorted(kinds, key=lambda kind: kind != "assigned"), "assigned work comes first"
    assert len(found) <= 3
    assert found["activity_key"].is_unique().all()
    assert not found["why"].null_count()


def test_circles_are_told() -> None:
    needs = {"add": ("count",), "count": ("multiply",), "multiply": ("add",), "shapes": ("add", "shapes")}
    given = frames({}, needs=needs)
    assert cycles(given["prerequisites"]) == [("add", "count", "multiply"), ("shapes",)]
    assert set(suggest(given)["skill_key"]) == {"add", "count", "multiply"}, (
        "shapes waits, the circle does not"
    )
    assert cycles(frames({})["prerequisites"]) == []
    assert cycles(frames({}, needs={})["prerequisites"]) == []


def test_the_newest_decision_holds_and_one_for_the_person_beats_one_for_the_class() -> None:
    def first(*rows: dict[str, Any]) -> str | None:
        found = suggest(frames({}), overrides=decided(*rows))
        return found["skill_key"][0] if found["kind"][0] == "assigned" else None

    assert first(override(1, "assign", skill="multiply")) == "multiply", "before its prerequisites"
    assert first(override(1, "assign", skill="multiply"), override(2, "exclude", skill="multiply")) is None
    assert (
        first(override(2, "assign", skill="multiply"), override(3, "exclude", of=None, skill="multiply"))
        == "multiply"
    )
    assert first(override(1, "assign", skill="multiply", until=AS_OF - dt.timedelta(days=1))) is None
    assert first(override(1, "assign", of="other", skill="multiply")) is None


def test_assigned_work_goes_once_it_has_been_opened() -> None:
    given = decided(override(1, "assign", activity=f"{VIDEO[-6:]}-multiply"))
    row = suggest(frames({}), overrides=given).row(0, named=True)
    assert row["why"] == "Your teacher chose this for you, until 20 November."
    for day, is_there in ((dt.date(2026, 10, 31), True), (dt.date(2026, 11, 1), False)):
        seen = pl.DataFrame(
            {"person_key": "p", "activity_key": [f"{VIDEO[-6:]}-multiply"], "occurred_date": day}
        )
        assert ("assigned" in suggest(frames({}), overrides=given, seen=seen)["kind"]) is is_there


def test_known_opens_what_waits() -> None:
    found = suggest(frames({}), overrides=decided(override(1, "known", skill="count")))
    assert set(found["skill_key"]) == {"add", "shapes"}


def test_lessons_first_for_what_is_new_items_for_what_is_in_reach_and_new_ones_before() -> None:
    assert suggest(frames({}))["activity_key"].to_list() == ["lesson-count", "lesson-shapes"]
    seen = pl.DataFrame({"person_key": ["p"], "activity_key": ["lesson-count"], "occurred_date": AS_OF})
    assert suggest(frames({}), seen=seen)["activity_key"][0] == f"{VIDEO[-6:]}-count"
    in_reach = suggest(frames({"count": 0.7}))
    assert in_reach.sort("skill_key").select("activity_key", "kind").rows() == [
        (f"{ITEM[-6:]}-count", "practise"),
        ("lesson-shapes", "learn"),
    ]


def test_what_the_learner_likes_and_works_towards() -> None:
    rows = [("t", "p", "format", VIDEO), ("t", "p", "goal", "shapes")]
    likes = pl.DataFrame(rows, schema=PREFERENCE_SCHEMA, orient="row")
    found = suggest(frames({}), preferences=likes)
    assert found["activity_key"].to_list() == [f"{VIDEO[-6:]}-shapes", f"{VIDEO[-6:]}-count"]
    assert found["why"][0].endswith("It leads to a goal of yours. It comes in a form that you like.")
    through = pl.DataFrame([("t", "p", "goal", "multiply")], schema=PREFERENCE_SCHEMA, orient="row")
    assert "a goal of yours" in suggest(frames({}), preferences=through)["why"][0], "count leads to multiply"


def test_what_is_mastered_comes_back_before_it_is_forgotten() -> None:
    mastered = {"count": 0.99, "shapes": 0.99, "add": 0.5}
    long_ago = answers_on(AS_OF - dt.timedelta(days=90), "count")
    today = answers_on(AS_OF, "shapes")
    found = suggest(frames(mastered), attempts=pl.concat([long_ago, today]))
    review = found.filter(pl.col("kind") == "review").row(0, named=True)
    assert (review["skill_key"], review["activity_key"]) == ("count", f"{ITEM[-6:]}-count")
    assert 0.3 < review["recall"] < 0.9
    assert (
        review["why"]
        == "You have mastered Count; you last practised it 7 days ago, and a short review keeps it."
    )
    assert "review" not in suggest(frames(mastered), attempts=today)["kind"]


def test_the_why_and_the_columns() -> None:
    rows = suggest(frames({"count": 0.99, "add": 0.465, "shapes": 0.99}))
    assert rows.columns == [
        *("tenant", "person_key", "school_key", "section_key", "course_key", "skill_key", "activity_key"),
        *("rank", "kind", "why", "mastery", "chance", "recall", "propensity", "policy_version"),
        *("model_version", "as_of"),
    ]
    assert rows["why"].to_list() == [
        "Add is at 46 % mastery, and what it builds on is mastered. Its questions are within reach: about 5 of 10 should "
        "come out right. Another skill builds on it."
    ]
    assert (
        suggest(frames({}))["why"][1] == "Shapes has not been practised yet, and it builds on nothing else."
    )
    assert "after few answers" in suggest(frames({"count": 0.6, "shapes": 0.99}, answers=2))["why"][0]


def test_a_combination_needs_the_prerequisites_of_its_parts() -> None:
    given = frames({"count": 0.5, "add": 0.99, "multiply": 0.99, "shapes": 0.99})
    link = pl.DataFrame([{"tenant": "t", "activity_key": "lesson-add", "skill_key": "add+multiply"}])
    given["activity_skills"] = pl.concat([given["activity_skills"], link])
    assert suggest(given)["skill_key"].to_list() == ["count"]
    ready = frames({"count": 0.99, "add": 0.99, "multiply": 0.99, "shapes": 0.99})
    ready["activity_skills"] = pl.concat([ready["activity_skills"], link])
    assert suggest(ready)["skill_key"].to_list() == ["add+multiply"]


def test_exploring_says_how_likely_each_choice_was() -> None:
    given = frames({"count": 0.6, "shapes": 0.4})
    found = suggested(given, explore=0.4)
    assert found.decisions["propensity"].sum() == pytest.approx(1)
    assert sorted(found.decisions["propensity"]) == pytest.approx([0.2, 0.8])
    chosen = found.decisions.filter("is_chosen").row(0, named=True)
    assert (chosen["skill_key"], chosen["policy_version"]) == (found.rows["skill_key"][0], "ranked-1")
    again = suggested(frames({"count": 0.6, "shapes": 0.4}), explore=0.4)
    assert again.decisions.equals(found.decisions), (
        "a repeated run decides the same, so that it is recorded once"
    )


def test_types_known_here_are_all_ranked() -> None:
    assert set(TO_LEARN) >= {LESSON, VIDEO, ASSESSMENT, ITEM}
