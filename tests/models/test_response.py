"""The boosted predictor: it looks back only, learns difficulty from others only, and beats tracing where items differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from learnlake.errors import ModelError
from models import response
from models.mastery.bkt import fit as fit_tracing
from models.mastery.folds import folds
from models.mastery.response_files import read_responses
from models.metrics import auc
from models.response.history import HISTORY
from tests.models.attempts import draw_attempts
from tests.scale import FULL, REAL_ROWS


@pytest.fixture(scope="module")
def attempts() -> pl.DataFrame:
    """Every item of a skill harder than the one before it."""
    drawn = draw_attempts(students=400)
    hardness = pl.col("activity_key").str.extract(r"item-(\d+)").cast(pl.Int64)
    draw = pl.Series(np.random.default_rng(7).random(len(drawn)))
    return drawn.with_columns(is_correct=pl.col("is_correct") & (draw > hardness * 0.2))


@pytest.fixture(scope="module")
def model(attempts: pl.DataFrame) -> response.ResponseModel:
    return response.fit(attempts)


def test_later_answers_change_no_earlier_prediction(
    model: response.ResponseModel, attempts: pl.DataFrame
) -> None:
    cut = 10
    later = pl.col("response_number") > cut
    flipped = attempts.with_columns(
        is_correct=pl.when(later).then(~pl.col("is_correct")).otherwise("is_correct")
    )
    whole, other = (model.predict_responses(f) for f in (attempts, flipped))
    early = (whole["response_number"] <= cut + 1).to_numpy()
    change = np.abs(whole["predicted"].to_numpy() - other["predicted"].to_numpy())
    assert change[early].max() < 1e-9
    assert change[~early].max() > 0.1, "the flipped answers do matter afterwards"


def test_a_student_is_predicted_alike_alone_and_among_others(
    model: response.ResponseModel, attempts: pl.DataFrame
) -> None:
    among = model.predict_responses(attempts).filter(pl.col("person_key") == "p_0007")
    alone = model.predict_responses(attempts.filter(pl.col("person_key") == "p_0007"))
    assert alone.equals(among)


def test_noise_stays_noise(attempts: pl.DataFrame) -> None:
    """Coins instead of answers, and items that one student answered: own answers must not come back as difficulty."""
    draw = np.random.default_rng(5)
    noise = attempts.with_columns(
        is_correct=pl.Series(draw.random(len(attempts)) < 0.5),
        activity_key=pl.format("{}-{}", "person_key", "response_number"),
    )
    held_out = pl.col("person_key") < "p_0100"
    predicted = response.fit(noise.filter(~held_out)).predict_responses(noise.filter(held_out))
    assert predicted["predicted"].is_between(0.35, 0.65).all()


def test_beats_tracing_on_held_out_students_where_items_differ(attempts: pl.DataFrame) -> None:
    held_out = pl.col("person_key") < "p_0100"
    train, test = attempts.filter(~held_out), attempts.filter(held_out)
    aucs = []
    for model in (response.fit(train), fit_tracing(train)):
        rows = model.predict_responses(test)
        aucs.append(auc(rows["is_correct"].cast(pl.Float64).to_numpy(), rows["predicted"].to_numpy()))
    assert aucs[0] > aucs[1] + 0.02


def test_unknown_items_and_skills_are_predicted(
    model: response.ResponseModel, attempts: pl.DataFrame
) -> None:
    new = attempts.head(50).with_columns(
        skill_key=pl.lit("new"), activity_key=pl.Series([None, "never seen"] * 25)
    )
    predicted = model.predict_responses(new)["predicted"]
    assert predicted.is_between(0, 1).all()
    assert len(predicted) == 50


def test_history_counts_what_came_before(model: response.ResponseModel, attempts: pl.DataFrame) -> None:
    rows = (
        attempts.filter(pl.col("person_key") == "p_0003")
        .sort("response_number")
        .with_columns(
            previous_item=pl.col("activity_key").shift(), previous_answer=pl.col("is_correct").shift()
        )
    )
    features = dict(zip(response.model.FEATURES, model.difficulty.features(rows).T, strict=True))
    answers = rows["is_correct"].to_list()
    for n, (skill, item) in enumerate(rows.select("skill_key", "activity_key").iter_rows()):
        before = rows.head(n)
        on_skill = before.filter(pl.col("skill_key") == skill)
        assert features["responses"][n] == n
        assert features["skill_responses"][n] == len(on_skill)
        assert features["item_responses"][n] == before.filter(pl.col("activity_key") == item).height
        assert features["skills_met"][n] == len({*before["skill_key"], skill})
        if n:
            assert features["right_share"][n] == pytest.approx(sum(answers[:n]) / n)
        if len(on_skill):
            assert features["skill_right_share"][n] == pytest.approx(on_skill["is_correct"].mean())
    assert len(features) == 6 + len(HISTORY)


def test_one_student_is_not_enough(attempts: pl.DataFrame) -> None:
    with pytest.raises(ModelError, match="not enough"):
        response.fit(attempts.filter(pl.col("person_key") == "p_0001"))


@pytest.mark.real_data
def test_one_fold_of_assistments_2009(public_data: Path) -> None:
    attempts = read_responses(public_data / "kt" / "assistments2009_gervet.parquet", rows=REAL_ROWS).attempts
    is_held_out = folds(attempts) == 1
    rows = response.fit(attempts.filter(~is_held_out)).predict_responses(attempts.filter(is_held_out))
    found = auc(rows["is_correct"].cast(pl.Float64).to_numpy(), rows["predicted"].to_numpy())
    assert found > (0.793 if FULL else 0.70)
