"""Tracing with a student's standing: looks back only, one by one as in the table, better where students differ."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from learnlake.errors import ModelError
from models.mastery import standing
from models.mastery.bkt import fit as fit_tracing
from models.mastery.standing import Standing
from models.metrics import auc
from tests.models.attempts import draw_attempts


@pytest.fixture(scope="module")
def attempts() -> pl.DataFrame:
    """Every second student gets most of what would have been right wrong, on every skill."""
    drawn = draw_attempts(students=400)
    is_careless = pl.col("person_key").str.slice(-1).cast(pl.Int64) % 2 == 1
    draw = pl.Series(np.random.default_rng(4).random(len(drawn)))
    return drawn.with_columns(is_correct=pl.col("is_correct") & (~is_careless | (draw > 0.7)))


@pytest.fixture(scope="module")
def model(attempts: pl.DataFrame) -> standing.StandingModel:
    return standing.fit(attempts.filter(pl.col("person_key") >= "p_0100"))


def test_beats_tracing_alone_where_students_differ(
    model: standing.StandingModel, attempts: pl.DataFrame
) -> None:
    test = attempts.filter(pl.col("person_key") < "p_0100")
    found = []
    for one in (model, model.tracing):
        rows = one.predict_responses(test)
        found.append(auc(rows["is_correct"].cast(pl.Float64).to_numpy(), rows["predicted"].to_numpy()))
    assert found[0] > found[1] + 0.005


def test_later_answers_change_no_earlier_prediction(
    model: standing.StandingModel, attempts: pl.DataFrame
) -> None:
    later = pl.col("response_number") > 10
    flipped = attempts.with_columns(
        is_correct=pl.when(later).then(~pl.col("is_correct")).otherwise("is_correct")
    )
    one, other = (model.predict_responses(frame) for frame in (attempts, flipped))
    early = (one["response_number"] <= 11).to_numpy()
    change = np.abs(one["predicted"].to_numpy() - other["predicted"].to_numpy())
    assert change[early].max() < 1e-9 and change[~early].max() > 0.05


def test_one_by_one_equals_the_table(model: standing.StandingModel, attempts: pl.DataFrame) -> None:
    rows = model.predict_responses(attempts.filter(pl.col("person_key") == "p_0007"))
    now, states = Standing(), {}
    for row in rows.to_dicts():
        skill, item = row["skill_key"], row["activity_key"]
        mastery = states.get(skill, model.tracing.start(skill))
        assert model.predict(skill, mastery, now, item) == pytest.approx(row["predicted"], abs=1e-9)
        now = now.after(model.tracing.predict(skill, mastery, item), row["is_correct"])
        states[skill] = model.tracing.update(skill, mastery, row["is_correct"], item)
    assert now.information > 0


def test_one_student_is_not_enough(attempts: pl.DataFrame) -> None:
    with pytest.raises(ModelError, match="not enough"):
        standing.fit(attempts.filter(pl.col("person_key") == "p_0001"))
    assert fit_tracing(attempts, by_item=True, shrinkage=5.0).shrinkage == 5.0
