"""What another policy would have been worth, from the choices of one that explored: IPS, self-normalised and doubly robust, with intervals.

Dudik, Langford and Li (2011); Swaminathan and Joachims (2015). Choices of one person depend on each other: intervals are clustered by person.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.recommendation.learned import RewardModel
from models.recommendation.policy import Policy

Z_95 = 1.959964
MIN_DECISIONS = 500
MIN_EFFECTIVE = 100
"""Choices, and effective ones (Kish), below which no policy is let on whatever its estimate says."""


GROUP_PEOPLE = 30
"""People from whom on a school or course counts by itself."""


class Estimate(NamedTuple):
    """A value per choice in the reward's unit, with its 95 % interval."""

    value: float
    low: float
    high: float

    def covers(self, truth: float) -> bool:
        return self.low <= truth <= self.high


@dataclasses.dataclass(frozen=True)
class Valued:
    """The three estimates for one policy; `effective_count` says how many of the `decision_count` choices speak for it."""

    policy_version: str
    ips: Estimate
    self_normalised: Estimate
    doubly_robust: Estimate
    decision_count: int
    effective_count: float
    influence: NDArray[np.float64]
    clusters: NDArray[np.int64]


def value(decisions: pl.DataFrame, rewards: pl.DataFrame, policy: Policy) -> Valued:
    """What `policy` is worth on the logged `decisions` (a row per candidate), given decision_id, reward in `rewards`.

    The model of the reward that the doubly robust estimate rests on never saw the person whom it judges (two folds).
    """
    rows = decisions.join(rewards, on="decision_id").sort("decision_id", "skill_key")
    rows = rows.with_columns(policy.scores(rows).alias("target_score"))
    rows = rows.with_columns(pl.Series("predicted", _cross_fitted(rows)))
    by_id = pl.col("decision_id")
    wanted = rows.sort("target_score", "skill_key", descending=[True, False]).unique(
        "decision_id", keep="first", maintain_order=True
    )
    taken = (
        rows.filter("is_chosen")
        .join(wanted.select(by_id, wanted="skill_key", at_wanted="predicted"), on="decision_id")
        .sort("decision_id")
    )
    agrees = (taken["skill_key"] == taken["wanted"]).to_numpy()
    weight = np.where(agrees, 1.0 / taken["propensity"].to_numpy(), 0.0)
    reward = taken["reward"].to_numpy()
    clusters = taken["person_key"].rank("dense").to_numpy().astype(np.int64) - 1
    robust = taken["at_wanted"].to_numpy() + weight * (reward - taken["predicted"].to_numpy())
    share = weight.sum() / len(weight)
    normalised = float((weight * reward).sum() / weight.sum()) if share else float("nan")
    tilted = normalised + weight * (reward - normalised) / (share or 1.0)
    return Valued(
        policy.version,
        _estimate(weight * reward, clusters),
        _estimate(tilted, clusters),
        _estimate(robust, clusters),
        len(taken),
        float(weight.sum() ** 2 / (weight**2).sum()) if share else 0.0,
        robust,
        clusters,
    )


def advantage(new: Valued, old: Valued) -> Estimate:
    """How much more `new` is worth than `old` per choice, doubly robust, both valued on the same choices."""
    return _estimate(new.influence - old.influence, new.clusters)


class Verdict(NamedTuple):
    """Whether a policy may be let on, and why or why not."""

    is_let_on: bool
    reason: str


def verdict(new: Valued, old: Valued) -> Verdict:
    """The gate: enough choices that speak for `new`, and the lower end of its advantage above nothing."""
    gain = advantage(new, old)
    told = f"{gain.value:+.4f} a choice (95 % interval {gain.low:+.4f} to {gain.high:+.4f}) over {old.policy_version}"
    if new.decision_count < MIN_DECISIONS:
        return Verdict(
            False, f"{new.decision_count} choices with an outcome, {MIN_DECISIONS} are asked for; {told}"
        )
    if new.effective_count < MIN_EFFECTIVE:
        return Verdict(
            False,
            f"only {new.effective_count:.0f} choices speak for it, {MIN_EFFECTIVE} are asked for; {told}",
        )
    if gain.low <= 0:
        return Verdict(False, f"not better beyond chance: {told}")
    return Verdict(True, f"better beyond chance: {told}")


def folds(rows: pl.DataFrame) -> pl.Series:
    """Which half of the people each row's person belongs to, 0 or 1."""
    keys = rows["person_key"].unique()
    half = [hashlib.sha256(f"fold {key}".encode()).digest()[0] % 2 for key in keys]
    return rows["person_key"].replace_strict(keys, half, return_dtype=pl.Int64).alias("fold")


def worse_for(new: Valued, old: Valued, groups: Mapping[str, pl.Series]) -> str:
    """The first group (`groups`: by name its members' key per choice, in the order of `Valued`) of enough people for whom `new` is worse; empty: none."""
    for name, keys in groups.items():
        for key in keys.drop_nulls().unique().sort():
            mine = (keys == key).fill_null(False).to_numpy()
            clusters = np.unique(new.clusters[mine], return_inverse=True)[1]
            if mine.any() and clusters.max() + 1 >= GROUP_PEOPLE:
                gain = _estimate(new.influence[mine] - old.influence[mine], clusters)
                if gain.high < 0:
                    return f"{name} {key} ({gain.value:+.4f} a choice, at most {gain.high:+.4f})"
    return ""


def _cross_fitted(rows: pl.DataFrame) -> NDArray[np.float64]:
    """The expected reward of every candidate, by a model fitted on the choices of the other half of the people."""
    half = folds(rows)
    predicted = np.zeros(len(rows))
    for fold in (0, 1):
        others = rows.filter((half != fold) & pl.col("is_chosen"))
        mine = (half == fold).to_numpy()
        if mine.any():
            predicted[mine] = (
                RewardModel.fit(others).predict(rows.filter(half == fold)) if len(others) else 0.0
            )
    return predicted


def _estimate(influence: NDArray[np.float64], clusters: NDArray[np.int64]) -> Estimate:
    mean = float(influence.mean())
    sums = np.bincount(clusters, weights=influence - mean)
    spread = Z_95 * float(np.sqrt((sums**2).sum())) / len(influence)
    return Estimate(mean, mean - spread, mean + spread)
