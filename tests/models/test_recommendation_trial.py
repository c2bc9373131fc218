"""The simulator, off-policy estimates beside its truth, the policy that learns, and the gate before it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.mastery import MasteryModel
from models.recommendation import RegisteredPolicy, trial
from models.recommendation import simulator as sim
from models.recommendation.learned import LearnedPolicy, rewards
from models.recommendation.off_policy import MIN_DECISIONS, advantage, value, verdict
from models.recommendation.policy import FEATURES, Uniform
from tests.scale import scaled

SIZE = trial.Size(courses=scaled(6, 16), students_per_course=scaled(10, 30), sessions=scaled(14, 36))
FEATURE_SCHEMA = dict.fromkeys(FEATURES, pl.Float64)


@pytest.fixture(scope="module")
def estimated() -> tuple[pl.DataFrame, LearnedPolicy, str]:
    return trial.off_policy(SIZE)


def test_the_recommender_beats_chance_and_the_weakest_skill_first() -> None:
    tried = {
        name: way for name, way in trial.ways().items() if name in (trial.CHANCE, trial.WEAKEST, trial.RANKED)
    }
    ranked = trial.compare(SIZE, tried).filter(recommender="ranked").row(0, named=True)
    assert ranked["over_chance_low"] > 0
    assert ranked["over_weakest_low"] > 0


def test_doubly_robust_estimates_hold_the_simulators_truth(
    estimated: tuple[pl.DataFrame, LearnedPolicy, str],
) -> None:
    for row in estimated[0].iter_rows(named=True):
        assert row["doubly_robust_low"] <= row["truth"] <= row["doubly_robust_high"], row["policy"]


def test_a_learned_policy_comes_back_from_its_file_as_it_was(
    tmp_path: Path, estimated: tuple[pl.DataFrame, LearnedPolicy, str]
) -> None:
    learned = estimated[1]
    RegisteredPolicy(learned.reward, version="3").save(tmp_path)
    again = RegisteredPolicy.load(tmp_path).policy
    rows = pl.DataFrame(np.random.default_rng(0).random((5, len(FEATURES))), schema=FEATURE_SCHEMA)
    assert again.scores(rows).to_list() == learned.scores(rows).to_list()


class ByUnlocks:
    """More of what opens the way."""

    version = "unlocks"

    def scores(self, candidates: pl.DataFrame) -> pl.Series:
        return candidates["unlock_count"].cast(pl.Float64)


def drawn(count: int, *, effect: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`count` choices between two candidates, taken by a coin; the one that unlocks more is worth `effect` more."""
    dice = np.random.default_rng(5)
    rows, told = [], []
    for n in range(count):
        taken = dice.integers(2)
        for k in range(2):
            features = {**dict.fromkeys(FEATURES, 0.5), "unlock_count": float(k)}
            rows.append(
                {"decision_id": f"d{n:05}", "person_key": f"p{n % 100}", "skill_key": f"k{k}", **features}
                | {"propensity": 0.5, "is_chosen": k == int(taken)}
            )
        told.append((f"d{n:05}", float(taken * effect + dice.normal(0, 0.1))))
    return pl.DataFrame(rows), pl.DataFrame(told, schema=["decision_id", "reward"], orient="row")


@pytest.mark.parametrize(
    ("count", "effect", "is_let_on", "reason"),
    [
        (MIN_DECISIONS - 1, 0.5, False, "are asked for"),
        (MIN_DECISIONS, 0.5, True, "better beyond chance"),
        (MIN_DECISIONS, 0.0, False, "not better beyond chance"),
        (MIN_DECISIONS, -0.5, False, "not better beyond chance"),
    ],
)
def test_the_gate_lets_on_what_is_better_beyond_chance(
    count: int, effect: float, is_let_on: bool, reason: str
) -> None:
    decisions, outcome = drawn(count, effect=effect)
    new, old = value(decisions, outcome, ByUnlocks()), value(decisions, outcome, Uniform(1))
    said = verdict(new, old)
    assert (said.is_let_on, reason in said.reason) == (is_let_on, True), said
    if count == MIN_DECISIONS:
        assert advantage(new, old).covers(effect / 2)
        assert new.ips.covers(effect)
        assert new.self_normalised.covers(effect)


def test_the_reward_is_the_rise_of_mastery_within_the_window_and_comes_when_that_has_closed() -> None:
    tracing = MasteryModel({}, trial.usual(), "t")
    day = dt.date(2026, 10, 1)
    decisions = pl.DataFrame(
        {
            "decision_id": ["a", "b"],
            "tenant": "t",
            "person_key": ["p", "q"],
            "course_key": "c",
            "decided_on": day,
            "is_chosen": True,
        }
    )
    times = [day - dt.timedelta(days=1), day + dt.timedelta(days=14), day + dt.timedelta(days=15)]
    attempts = pl.DataFrame(
        {
            "tenant": "t",
            "person_key": "p",
            "school_key": "s",
            "section_key": "x",
            "course_key": "c",
            "skill_key": "k",
            "activity_key": pl.Series([None] * 3, dtype=pl.String),
            "is_correct": True,
            "responded_at": [dt.datetime.combine(at, dt.time(9), dt.UTC) for at in times],
            "response_number": [1, 2, 3],
        }
    )
    first = tracing.update("k", tracing.start("k"), True)
    second = tracing.update("k", first, True)
    found = rewards(decisions, attempts, tracing, as_of=day + dt.timedelta(days=20))
    assert dict(found.iter_rows()) == pytest.approx({"a": second - first, "b": 0.0})
    assert rewards(decisions, attempts, tracing, as_of=day + dt.timedelta(days=13)).is_empty()


def test_hidden_knowledge_fades_and_practice_keeps_it() -> None:
    world = sim.draw_world(courses=1, skills=4)
    pupils = sim.enrol(world, students_per_course=200, seed=0)
    pupils.known[:, 0] = True
    before = sim.remembered(pupils, day=0)
    assert (sim.remembered(pupils, day=40) < before).all()
    kept = pupils.copy()
    skill = np.zeros(200, dtype=np.int64)
    sim.practise(world, kept, skill, day=20, answers=4, dice=np.random.default_rng(0))
    assert sim.remembered(kept, day=40).mean() > sim.remembered(pupils, day=40).mean()
    assert not pupils.last_day.any(), "a copy is a copy"
