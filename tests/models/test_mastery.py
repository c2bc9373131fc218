"""Mastery as the rest of the house sees it: order, independence of persons, no look ahead, held-out students."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from learnlake.errors import InputError, ModelError
from models import mastery
from models.mastery.bkt import SkillParameters, fit
from models.mastery.em import filter_sequences
from models.mastery.evaluate import MEMBERS
from models.mastery.response_files import read_responses
from tests.models.attempts import TRUTH, draw_attempts
from tests.scale import FULL, REAL_ROWS

AS_OF = dt.date(2026, 12, 31)


@pytest.fixture(scope="module")
def attempts() -> pl.DataFrame:
    return draw_attempts(students=300)


@pytest.fixture(scope="module")
def model(attempts: pl.DataFrame) -> mastery.MasteryModel:
    return mastery.train(attempts)


def test_finds_the_parameters_that_made_the_answers() -> None:
    found = fit(draw_attempts(students=3000, longest=20))
    for skill, (prior, learn, guess, slip) in TRUTH.items():
        assert found.skills[skill] == pytest.approx(SkillParameters(prior, learn, 0.0, guess, slip), abs=0.05)


def test_a_right_answer_never_lowers_mastery_and_a_wrong_one_says_less(model: mastery.MasteryModel) -> None:
    for skill in (*TRUTH, "a skill never seen"):
        for item in (None, *model.items.get(skill, {})):
            for percent in range(101):
                before = percent / 100
                right, wrong = (model.update(skill, before, answer, item) for answer in (True, False))
                assert right >= before - 1e-12
                assert wrong <= right + 1e-12


def test_items_of_different_difficulty_are_told_apart() -> None:
    """A quarter of the right answers to one item are turned to wrong ones: its slip and guess say so, the others' do not."""
    drawn = draw_attempts(students=2000)
    hard = "skill-a-item-1"
    turned = drawn.with_columns(
        is_correct=pl.col("is_correct")
        & ((pl.col("activity_key") != hard) | (pl.int_range(pl.len()) % 4 > 0))
    )
    found = fit(turned, by_item=True).items["skill-a"]
    *_, guess, slip = TRUTH["skill-a"]
    for item, emission in found.items():
        expected = (guess * 0.75, 1 - (1 - slip) * 0.75) if item == hard else (guess, slip)
        assert emission == pytest.approx(expected, abs=0.07), item


def test_an_item_with_one_answer_stays_near_its_skill(attempts: pl.DataFrame) -> None:
    rare = attempts.head(1).with_columns(activity_key=pl.lit("rare"))
    model = fit(pl.concat([attempts, rare]), by_item=True)
    skill = rare["skill_key"][0]
    assert model.emission(skill, "rare") == pytest.approx(model.parameters(skill)[3:], abs=0.3)
    assert model.emission(skill, "never seen") == model.parameters(skill)[3:]


def test_without_known_items_nothing_is_told_apart(attempts: pl.DataFrame) -> None:
    blank = attempts.with_columns(activity_key=pl.lit(None, dtype=pl.String))
    assert fit(blank, by_item=True) == fit(blank)
    half = pl.concat([blank.with_columns(person_key=pl.col("person_key") + "-b"), attempts])
    model = fit(half, by_item=True)
    assert None not in model.items["skill-a"]


def test_the_saved_model_is_the_model(model: mastery.MasteryModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    assert mastery.MasteryModel.load(tmp_path).items == model.items


def test_mastery_stays_a_probability_through_long_histories() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        prior, learn, guess, slip = rng.uniform(0.0, (1.0, 0.5, 0.4, 0.4))
        model = mastery.MasteryModel(
            skills={}, whole=SkillParameters(prior, learn, 0.0, guess, slip), tenant="t", forgets=False
        )
        state = model.start("s")
        answers = rng.random(200) < 0.75
        for answer in answers.tolist():
            state = model.update("s", state, answer)
            assert 0.0 <= state <= 1.0
        table, emission = np.array([[prior, learn, 0.0]]), np.tile((guess, slip), (200, 1))
        _, masteries = filter_sequences(answers.astype(np.uint8), np.array([0, 200]), table, emission)
        assert masteries[0] == pytest.approx(state, abs=1e-12)


def test_one_by_one_equals_the_table(model: mastery.MasteryModel, attempts: pl.DataFrame) -> None:
    scored = {(r["person_key"], r["skill_key"]): r for r in model.score(attempts, AS_OF).to_dicts()}
    predicted = {
        (r["person_key"], r["response_number"]): r["predicted"]
        for r in model.predict_responses(attempts).to_dicts()
    }
    states: dict[tuple[str, str], float] = {}
    for row in attempts.sort("person_key", "response_number").to_dicts():
        key = (row["person_key"], row["skill_key"])
        state = states.get(key, model.start(row["skill_key"]))
        assert predicted[row["person_key"], row["response_number"]] == pytest.approx(
            model.predict(row["skill_key"], state, row["activity_key"]), abs=1e-12
        )
        states[key] = model.update(row["skill_key"], state, row["is_correct"], row["activity_key"])
    assert states.keys() == scored.keys()
    for key, state in states.items():
        assert scored[key]["mastery"] == pytest.approx(state, abs=1e-12)
        assert scored[key]["is_mastered"] == (scored[key]["mastery"] >= 0.95)


@pytest.mark.parametrize("forgets", [False, True])
@pytest.mark.parametrize("by_item", [False, True])
def test_later_answers_change_no_earlier_prediction(
    attempts: pl.DataFrame, forgets: bool, by_item: bool
) -> None:
    model = fit(attempts, forgets=forgets, by_item=by_item)
    cut = 10
    flipped = attempts.with_columns(
        is_correct=pl.when(pl.col("response_number") > cut)
        .then(~pl.col("is_correct"))
        .otherwise("is_correct")
    )
    before, after = (
        model.predict_responses(f).filter(pl.col("response_number") <= cut + 1)["predicted"].to_numpy()
        for f in (attempts, flipped)
    )
    assert abs(before - after).max() < 1e-9
    whole, other = (model.predict_responses(f)["predicted"].to_numpy() for f in (attempts, flipped))
    assert abs(whole - other).max() > 0.1, "the flipped answers do matter afterwards"


def test_scoring_some_persons_gives_the_rows_of_scoring_all(
    model: mastery.MasteryModel, attempts: pl.DataFrame
) -> None:
    some = [f"p_{n:04}" for n in (3, 17, 250)]
    all_rows = model.score(attempts, AS_OF).filter(pl.col("person_key").is_in(some))
    assert_frame_equal(
        model.score(attempts.filter(pl.col("person_key").is_in(some)), AS_OF), all_rows, check_exact=True
    )


def test_scoring_reads_nothing_after_as_of(model: mastery.MasteryModel, attempts: pl.DataFrame) -> None:
    as_of = dt.date(2026, 3, 2)
    early = attempts.filter(pl.col("responded_at").dt.date() <= as_of)
    assert 0 < len(early) < len(attempts)
    assert_frame_equal(model.score(attempts, as_of), model.score(early, as_of))


def test_scored_columns_are_those_of_the_mart(model: mastery.MasteryModel, attempts: pl.DataFrame) -> None:
    scored = model.score(attempts.to_arrow(), AS_OF)
    assert scored.columns == [
        *("tenant", "person_key", "school_key", "section_key", "course_key", "skill_key", "mastery"),
        *("is_mastered", "opportunity_count", "correct_count", "last_attempt_at"),
        *("model_name", "model_version", "as_of"),
    ]
    counts = attempts.group_by("person_key", "skill_key").agg(n=pl.len(), right=pl.col("is_correct").sum())
    joined = scored.join(counts, on=["person_key", "skill_key"])
    assert len(joined) == len(scored) == len(counts)
    assert (joined["opportunity_count"] == joined["n"]).all()
    assert (joined["correct_count"] == joined["right"]).all()


def test_scoring_nothing_gives_no_rows(model: mastery.MasteryModel, attempts: pl.DataFrame) -> None:
    assert model.score(attempts.clear(), AS_OF).height == 0
    assert model.score(attempts, dt.date(2000, 1, 1)).columns == model.score(attempts, AS_OF).columns


def test_a_skill_with_few_answers_stays_near_the_whole(attempts: pl.DataFrame) -> None:
    rare = attempts.filter(pl.col("person_key") == "p_0001").head(1).with_columns(skill_key=pl.lit("rare"))
    found = fit(pl.concat([attempts, rare]))
    assert found.skills["rare"] == pytest.approx(found.whole, abs=0.12)


def test_training_reports_held_out_students(model: mastery.MasteryModel, attempts: pl.DataFrame) -> None:
    assert 0.65 < model.metrics["auc"] < 1.0
    assert model.metrics["count"] == len(attempts)
    assert model.card["data"]["students"] == 300


def test_no_answers_is_said_plainly(attempts: pl.DataFrame) -> None:
    with pytest.raises(ModelError, match="no answers with a skill"):
        mastery.train(attempts.with_columns(skill_key=pl.lit(None, dtype=pl.String)))
    with pytest.raises(InputError, match="skill_key"):
        mastery.train(attempts.drop("skill_key"))
    with pytest.raises(InputError, match="several tenants"):
        mastery.train(pl.concat([attempts, attempts.with_columns(tenant=pl.lit("other"))]))


def test_folds_are_the_committed_hash() -> None:
    assert [mastery.fold_of(key) for key in ("p_0000", "p_0001", "student-7", "student-8")] == [1, 3, 4, 1]


def test_the_core_in_use_is_named_without_loading_it() -> None:
    code = (
        "import sys; from models.mastery.core import bkt_core; print(bkt_core());"
        "assert not {'numba', 'pyBKT'} & set(sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.startswith("numba EM (pyBKT: ")


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    """The compiled core is kept on disk: the second process loads every function from there."""
    code = (
        "from models.mastery import em; from models.mastery.bkt import fit;"
        "from tests.models.attempts import draw_attempts; a = draw_attempts(students=5);"
        "fit(a).predict_responses(a);"
        "print(sum(em.fit_skills.stats.cache_misses.values()), sum(em.fit_skills.stats.cache_hits.values()))"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    found = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
        ).stdout.split()
        for _ in range(2)
    ]
    assert found == [["1", "0"], ["0", "1"]]


@pytest.mark.real_data
def test_assistments_2009(public_data: Path) -> None:
    """The interpretable members; the boosted one takes minutes and is in `test_response.py`."""
    attempts = read_responses(public_data / "kt" / "assistments2009_gervet.parquet", rows=REAL_ROWS).attempts
    members = {name: member for name, member in MEMBERS.items() if name != "boosted"}
    table = mastery.evaluate(attempts, members=members).table
    print(table)
    of = {row["model"]: row for row in table.filter(split="five folds").to_dicts()}
    if FULL:
        assert of["BKT"]["auc"] == pytest.approx(0.7216, abs=0.001)
        assert of["BKT + forgetting"]["auc"] == pytest.approx(0.7269, abs=0.001)
        assert of["item-aware BKT + forgetting"]["auc"] >= 0.762
        assert of["item-aware BKT + standing"]["auc"] >= 0.775
        assert of["item-aware BKT + standing"]["ece"] <= 0.010
    else:
        assert of["BKT"]["auc"] > 0.66
