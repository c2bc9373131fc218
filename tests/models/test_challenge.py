"""Promotion only of what is better beyond noise and worse for nobody: on planted truths, and on answers after the champion learned."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from learnlake.settings import Settings
from models import challenge, registry, retraining
from models.challenge import judge
from tests.models.attempts import draw_attempts
from tests.models.weeks import RUNNING_WEEKS, draw_school


def rows(
    *, students: int = 400, better: float = 0.0, worse_school: float = 0.0, seed: int = 1
) -> pl.DataFrame:
    """Twenty responses a student, both models near the truth: the challenger nearer by `better`, in school b farther by `worse_school`."""
    draw = np.random.default_rng(seed)
    person = np.repeat(np.arange(students), 20)
    truth = draw.random(len(person)) * 0.8 + 0.1
    is_b = person % 8 == 0
    noise = draw.normal(0, 0.15, (2, len(person)))
    quality = np.where(is_b, 1 + worse_school, 1 - better)
    return pl.DataFrame(
        {
            "person_key": [f"p_{n}" for n in person],
            "school_key": np.where(is_b, "b", "a"),
            "truth": draw.random(len(person)) < truth,
            "champion": np.clip(truth + noise[0], 0.05, 0.95),
            "challenger": np.clip(truth + noise[1] * quality, 0.05, 0.95),
        }
    )


def test_what_is_better_beyond_noise_takes_over() -> None:
    verdict = judge(rows(better=0.8))
    assert verdict.is_promoted and verdict.reason.startswith("promoted: gain in log loss")
    assert verdict.figures["gain_low"] > 0
    assert set(verdict.subgroups) == {"school_key a", "school_key b"}


@pytest.mark.parametrize("seed", range(10))
def test_what_is_only_as_good_does_not(seed: int) -> None:
    verdict = judge(rows(seed=seed))
    # a two-sided interval of 95 % lets one draw in forty through; these ten draws hold none
    assert not verdict.is_promoted and "not better beyond noise" in verdict.reason


def test_what_is_worse_for_a_subgroup_does_not_though_it_is_better_for_all() -> None:
    verdict = judge(rows(better=0.9, worse_school=1.0))
    assert verdict.figures["gain_low"] > 0
    assert not verdict.is_promoted and "worse for school_key b" in verdict.reason


def test_too_few_students_decide_nothing() -> None:
    assert "29 students" in judge(rows(students=29, better=0.9)).reason


def marts(attempts: pl.DataFrame) -> challenge.Read:
    people = attempts.select("tenant", "person_key").unique()
    return {"fct_attempt": attempts, "dim_person": people}.__getitem__


def test_mastery_is_judged_on_answers_since_the_champion_learned(settings: Settings) -> None:
    """A new item bank: from its fifth week on the same skills are asked in items that invert right and wrong of some."""
    home, old = settings.home, draw_attempts(students=80, shortest=8)
    new = draw_attempts(students=80, seed=2, shortest=8).with_columns(
        pl.col("responded_at") + dt.timedelta(weeks=4),
        person_key="n" + pl.col("person_key"),
        activity_key=pl.col("activity_key") + "-new",
        is_correct=pl.col("is_correct") ^ pl.col("activity_key").str.ends_with("item-1"),
    )
    first = retraining.train(home, "mastery", "t", marts(old), trigger="test")
    assert first.is_promoted and first.version == "1"
    same = retraining.train(home, "mastery", "t", marts(old), trigger="monthly")
    assert not same.is_promoted and "no whole week of answers" in same.reason
    better = retraining.train(
        home, "mastery", "t", marts(pl.concat([old, new])), trigger="drift: correct_share"
    )
    assert better.is_promoted, better.reason
    assert better.metrics["challenger_auc"] > better.metrics["champion_auc"]
    newest = registry.versions(home, "mastery-t")[0]
    assert (newest.version, newest.is_champion, newest.trigger) == ("3", True, "drift: correct_share")
    assert newest.decision == better.reason
    card = (newest.path / "model-card.md").read_text()
    assert better.reason in card and "## Fairness" in card and "drift: correct_share" in card


def test_risk_is_judged_on_the_newest_finished_session(settings: Settings) -> None:
    weeks, outcomes, sessions = draw_school(sections=2, students=40)
    people = weeks.select("tenant", "person_key").unique()

    def read(finished: int) -> challenge.Read:
        known = sessions.with_columns(is_running=pl.col("session_key") > f"t:term-{finished}")
        return {
            "msr_student_week": weeks,
            "fct_outcome": outcomes,
            "dim_academic_session": known,
            "dim_person": people,
        }.__getitem__

    assert RUNNING_WEEKS
    first = retraining.train(settings.home, "risk", "t", read(0), trigger="test")
    assert first.is_promoted
    second = retraining.train(settings.home, "risk", "t", read(1), trigger="monthly")
    assert {"gain", "gain_low", "champion_log_loss"} <= set(second.metrics), "a later session has finished"
    champion = "2" if second.is_promoted else "1"
    assert registry.champion_version(settings.home, "risk-t") == champion
    third = retraining.train(settings.home, "risk", "t", read(1), trigger="monthly")
    assert third.is_promoted is False or not second.is_promoted


def test_who_is_in_a_trial_is_a_matter_of_the_key_alone() -> None:
    keys = [f"p_{n}" for n in range(4000)]
    chosen = {key for key in keys if registry.in_share("a trial", key, 0.1)}
    assert 320 < len(chosen) < 480
    assert chosen < {key for key in keys if registry.in_share("a trial", key, 0.3)}, (
        "a larger share keeps whom it had"
    )
    assert chosen != {key for key in keys if registry.in_share("another", key, 0.1)}
