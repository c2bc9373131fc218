"""The policy that learns from outcomes: a ridge regression of the reward on what is known of a candidate, fitted on explored choices.

The reward of a choice is the rise of the learner's estimated mastery, summed over the course's skills, within a window of days after it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.mastery.bkt import MasteryModel
from models.recommendation.policy import FEATURES

RIDGE = 3.0
WINDOW_DAYS = 14
"""Long enough that a student who works once a week has come back."""
_LOGS = ("opportunity_count", "unlock_count", "condition_count", "days_since")


@dataclasses.dataclass
class RewardModel:
    """Expected reward of a candidate: linear in the features, their squares and products, all standardised."""

    mean: list[float]
    scale: list[float]
    weights: list[float]
    intercept: float

    @classmethod
    def fit(cls, chosen: pl.DataFrame) -> RewardModel:
        """From the chosen candidates with their `reward`."""
        raw, reward = _raw(chosen), chosen["reward"].to_numpy().astype(float)
        mean, scale = raw.mean(axis=0), raw.std(axis=0)
        scale[scale == 0] = 1.0
        terms = _terms((raw - mean) / scale)
        level = reward.mean()
        centre = terms.mean(axis=0)
        shifted = terms - centre
        weights = np.linalg.solve(
            shifted.T @ shifted + RIDGE * np.eye(shifted.shape[1]), shifted.T @ (reward - level)
        )
        return cls(mean.tolist(), scale.tolist(), weights.tolist(), float(level - centre @ weights))

    def predict(self, candidates: pl.DataFrame) -> NDArray[np.float64]:
        terms = _terms((_raw(candidates) - np.array(self.mean)) / np.array(self.scale))
        return np.asarray(terms @ np.array(self.weights) + self.intercept)


@dataclasses.dataclass
class LearnedPolicy:
    """Ranks candidates by the reward that choices like them had. Nothing lets it rank before `off_policy.verdict` has."""

    reward: RewardModel
    version: str = "learned"

    @classmethod
    def fit(cls, decisions: pl.DataFrame, rewards: pl.DataFrame) -> LearnedPolicy:
        """From logged choices and their outcomes (decision_id, reward)."""
        return cls(RewardModel.fit(decisions.filter("is_chosen").join(rewards, on="decision_id")))

    def scores(self, candidates: pl.DataFrame) -> pl.Series:
        return pl.Series("score", self.reward.predict(candidates), dtype=pl.Float64)


def rewards(
    decisions: pl.DataFrame,
    attempts: pl.DataFrame,
    tracing: MasteryModel,
    *,
    window_days: int = WINDOW_DAYS,
    as_of: dt.date,
) -> pl.DataFrame:
    """decision_id, reward of the choices whose window has closed by `as_of`; answers of the choice's own day count to its outcome.

    Mastery is taken up to the end of the day before, and up to the window's last day.
    """
    chosen = decisions.filter("is_chosen").select(
        "decision_id", "tenant", "person_key", "course_key", "decided_on"
    )
    closed = chosen.filter(pl.col("decided_on") + dt.timedelta(days=window_days) <= as_of)
    found = []
    for (day,), group in closed.group_by("decided_on"):
        assert isinstance(day, dt.date)
        theirs = attempts.join(
            group.select("tenant", "person_key").unique(), on=["tenant", "person_key"], how="semi"
        )
        before = tracing.score(theirs, day - dt.timedelta(days=1))
        after = tracing.score(theirs, day + dt.timedelta(days=window_days))
        found.append(
            group.join(_rise(before, after, tracing), on=["tenant", "person_key", "course_key"], how="left")
        )
    schema = {"decision_id": pl.String, "reward": pl.Float64}
    if not found:
        return pl.DataFrame(schema=schema)
    return pl.concat(found).select("decision_id", pl.col("reward").fill_null(0.0)).sort("decision_id")


def _rise(before: pl.DataFrame, after: pl.DataFrame, tracing: MasteryModel) -> pl.DataFrame:
    """tenant, person_key, course_key, reward: mastery gained in the course; a skill not practised before began at its prior."""
    keys = ["tenant", "person_key", "skill_key"]
    joined = after.join(before.select(*keys, was="mastery"), on=keys, how="left")
    priors = pl.Series([tracing.start(skill) for skill in joined["skill_key"]], dtype=pl.Float64)
    gain = pl.col("mastery") - pl.coalesce("was", priors)
    return (
        joined.with_columns(gain=gain)
        .group_by("tenant", "person_key", "course_key")
        .agg(reward=pl.col("gain").sum())
    )


def _raw(candidates: pl.DataFrame) -> NDArray[np.float64]:
    columns = [
        pl.col(name).cast(pl.Float64).fill_null(0.0).log1p()
        if name in _LOGS
        else pl.col(name).cast(pl.Float64).fill_null(0.0)
        for name in FEATURES
    ]
    return candidates.select(columns).to_numpy().astype(float)


def _terms(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features, squares and products."""
    first, second = np.triu_indices(x.shape[1])
    return np.hstack([x, x[:, first] * x[:, second]])
