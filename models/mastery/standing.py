"""Tracing whose predictions also know how the student has done so far beside what tracing expected, on whatever skill.

Mastery itself stays what tracing says of each skill; only the prediction of the next response is corrected, by three numbers.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learnlake.errors import ModelError
from models.mastery.bkt import MasteryModel
from models.mastery.bkt import fit as fit_tracing
from models.mastery.folds import FOLDS, folds
from models.metrics import log_loss

WEIGHTS = (2.0, 4.0, 8.0)
"""Information that must gather before a student's standing counts half: the one of these that fits the training folds best."""
SHRINKAGE = 5.0
"""Answers' worth of its skill that an item starts with. Over five folds among training students (ASSISTments 2009) better than what one
held-out fifth chooses for tracing alone: log loss .5261 against .5272."""
Floats = NDArray[np.float64]


class Standing(NamedTuple):
    """What a student's answers so far say: right answers beyond those expected, and the variance that chance gives them."""

    beyond: float = 0.0
    information: float = 0.0

    def after(self, predicted: float, is_correct: bool) -> Standing:
        """With one more answer that tracing had predicted with `predicted`. Constant time."""
        return Standing(self.beyond + is_correct - predicted, self.information + predicted * (1 - predicted))


@dataclasses.dataclass
class StandingModel:
    """log-odds = level + of_tracing * (tracing's log-odds) + of_standing * beyond / (information + weight)."""

    tracing: MasteryModel
    level: float
    of_tracing: float
    of_standing: float
    weight: float

    def predict(
        self, skill_key: str, mastery: float, standing: Standing, activity_key: str | None = None
    ) -> float:
        """Probability that the next response is right."""
        expected = np.array([self.tracing.predict(skill_key, mastery, activity_key)])
        beside = np.array([standing.beyond / (standing.information + self.weight)])
        return float(self._corrected(expected, beside)[0])

    def predict_responses(self, attempts: Any) -> pl.DataFrame:
        """`attempts` with `predicted`, the probability of a right answer given the person's earlier responses only."""
        rows = _ordered(self.tracing.predict_responses(attempts))
        corrected = self._corrected(rows["predicted"].to_numpy(), _beside(rows, self.weight))
        return rows.with_columns(predicted=pl.Series(corrected, dtype=pl.Float64))

    def _corrected(self, expected: Floats, beside: Floats) -> Floats:
        log_odds = self.level + self.of_tracing * _log_odds(expected) + self.of_standing * beside
        return np.asarray(1 / (1 + np.exp(-log_odds)))


def fit(attempts: pl.DataFrame) -> StandingModel:
    """Fit tracing (by item, with forgetting) on all usable `attempts`, and the correction on students that it had not seen.

    Five folds among the training students: each is predicted by a tracing of the others, as it will be for new students.
    """
    tracing = fit_tracing(attempts, forgets=True, by_item=True, shrinkage=SHRINKAGE)
    fold = folds(attempts, salt="standing ")
    parts = [(attempts.filter(fold != k), attempts.filter(fold == k)) for k in range(FOLDS)]
    unseen = [
        fit_tracing(others, forgets=True, by_item=True, starts=1, shrinkage=SHRINKAGE).predict_responses(own)
        for others, own in parts
        if len(others) and len(own)
    ]
    if not unseen:
        raise ModelError("One student's answers are not enough to learn from", mend="train on more students")
    rows = _ordered(pl.concat(unseen))
    truth = rows["is_correct"].cast(pl.Float64).to_numpy()
    expected = rows["predicted"].to_numpy()
    tried = []
    for weight in WEIGHTS:
        beside = _beside(rows, weight)
        model = StandingModel(tracing, *_logistic(truth, _log_odds(expected), beside), weight)
        tried.append((log_loss(truth, model._corrected(expected, beside)), model))
    return min(tried, key=lambda found: found[0])[1]


def _ordered(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.sort("person_key", "response_number", maintain_order=True)


def _beside(rows: pl.DataFrame, weight: float) -> Floats:
    """The standing before each of the ordered rows."""
    expected = pl.col("predicted")
    beyond = pl.col("is_correct").cast(pl.Float64) - expected
    information = expected * (1 - expected)
    sums = rows.select(
        beyond=(beyond.cum_sum() - beyond).over("person_key"),
        information=(information.cum_sum() - information).over("person_key"),
    )
    return (sums["beyond"] / (sums["information"] + weight)).to_numpy()


def _log_odds(rate: Floats) -> Floats:
    clipped = np.clip(rate, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _logistic(truth: Floats, *columns: Floats) -> tuple[float, float, float]:
    """Level and weights of a logistic regression by Newton's steps, drawn a little to (0, 1, 0): tracing as it stands."""
    design = np.column_stack([np.ones_like(truth), *columns])
    start = np.array([0.0, 1.0, 0.0])
    weights = start.copy()
    pull = np.eye(3)
    for _ in range(50):
        rate = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        information = design.T @ (design * (rate * (1 - rate))[:, None]) + pull
        step = np.linalg.solve(information, design.T @ (truth - rate) - pull @ (weights - start))
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    level, of_tracing, of_standing = weights.tolist()
    return level, of_tracing, of_standing
