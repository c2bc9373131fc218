"""Whether a policy learned from the choices kept is let on: valued off-line on people whom it has not learned from, beside the one in force."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl

from learnlake.errors import ModelError
from models.recommendation import choices
from models.recommendation.learned import RewardModel
from models.recommendation.off_policy import (
    MIN_DECISIONS,
    Valued,
    Verdict,
    advantage,
    folds,
    value,
    verdict,
    worse_for,
)
from models.recommendation.policy import Policy, Ranked, Uniform, WeakestFirst


@dataclasses.dataclass(frozen=True)
class Judged:
    """`learned` is fitted on all the choices; its value and the verdict come from models that had not seen the person they rank for."""

    table: pl.DataFrame
    verdict: Verdict
    learned: RewardModel
    new: Valued
    old: Valued
    data: dict[str, Any]


@dataclasses.dataclass
class HeldOut:
    """Ranks each person's candidates by what the other half of the people taught."""

    by_fold: tuple[RewardModel, RewardModel]
    version: str = "learned"

    @classmethod
    def fit(cls, decisions: pl.DataFrame) -> HeldOut:
        fold = folds(decisions)
        chosen = decisions.with_columns(fold).filter("is_chosen")
        first, second = (RewardModel.fit(chosen.filter(pl.col("fold") != n)) for n in (0, 1))
        return cls((first, second))

    def scores(self, candidates: pl.DataFrame) -> pl.Series:
        both = candidates.select(folds(candidates)).with_columns(
            pl.Series(str(n), model.predict(candidates), dtype=pl.Float64)
            for n, model in enumerate(self.by_fold)
        )
        return both.select(score=pl.when(pl.col("fold") == 0).then("0").otherwise("1"))["score"]


def explored(log: pl.DataFrame) -> pl.DataFrame:
    """The decisions that can say something of another policy: made while exploring, with an outcome."""
    return choices.decisions(log.filter(pl.col("explore_share") > 0, pl.col("mastery_rise").is_not_null()))


def judge(log: pl.DataFrame, in_force: Policy) -> Judged:
    """Value chance, the weakest skill first, the rule, the policy in force and a learned one on `log` (`choices.SCHEMA`).

    ModelError where too few choices were explored to say anything.
    """
    rows = explored(log)
    count = rows["decision_id"].n_unique()
    if count < MIN_DECISIONS or rows.select(folds(rows).n_unique()).item() < 2:
        raise ModelError(
            f"{count} explored choices have an outcome, {MIN_DECISIONS} are needed to value a policy",
            mend="let the school explore (LEARNLAKE_RECOMMENDATION_EXPLORE_SHARE) and wait until the outcomes are known",
        )
    rewards = rows.filter("is_chosen").select("decision_id", "reward")
    given = rows.drop("reward")
    tried: list[Policy] = [Uniform(), WeakestFirst(), Ranked(), HeldOut.fit(rows)]
    if in_force.version != Ranked.version:
        tried.insert(3, in_force)
    valued = {policy.version: value(given, rewards, policy) for policy in tried}
    new, old = valued[HeldOut.version], valued[in_force.version]
    told = verdict(new, old)
    groups = {
        name: rows.filter("is_chosen").sort("decision_id")[name] for name in ("school_key", "course_key")
    }
    if told.is_let_on and (worse := worse_for(new, old, groups)):
        told = Verdict(False, f"worse beyond chance for {worse}, though {told.reason}")
    return Judged(
        pl.DataFrame([_row(found, old) for found in valued.values()]),
        told,
        RewardModel.fit(rows.filter("is_chosen")),
        new,
        old,
        {
            "students": rows["person_key"].n_unique(),
            "choices": count,
            "from": str(rows["decided_on"].min()),
            "to": str(rows["decided_on"].max()),
        },
    )


def _row(found: Valued, old: Valued) -> dict[str, Any]:
    row: dict[str, Any] = {"policy": found.policy_version}
    told = {name: getattr(found, name) for name in ("ips", "self_normalised", "doubly_robust")}
    for name, estimate in {**told, "over_the_one_in_force": advantage(found, old)}.items():
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return row | {"choices": found.decision_count, "effective": round(found.effective_count)}


def followed(log: pl.DataFrame) -> pl.DataFrame:
    """What came of the choices whose window has closed, by arm and policy: plain shares, which compare nothing."""
    closed = log.filter(pl.col("judged_on").is_not_null())
    return (
        closed.group_by("policy_version", "arm", "kind")
        .agg(
            choices=pl.len(),
            people=pl.col("person_key").n_unique(),
            attempted_share=pl.col("is_attempted").mean(),
            right_share=pl.col("right_count").sum() / pl.col("answer_count").sum(),
            mastery_rise=pl.col("mastery_rise").mean(),
        )
        .sort("policy_version", "arm", "kind")
    )
