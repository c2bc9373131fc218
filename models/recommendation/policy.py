"""Which of the permitted candidates comes first: the ranking that is reasoned out, chance for comparison, and exploring with known propensities.

Teachers' decisions and prerequisites have been settled before; no policy can lift what they bar.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

import numpy as np
import polars as pl

from models.recommendation.candidates import IN_REACH, LEARN, PRACTISE, REVIEW, STUDENT

FEATURES = (
    "mastery",
    "uncertainty",
    "chance",
    "learn",
    "is_practised",
    "is_goal",
    "opportunity_count",
    "unlock_count",
    "condition_count",
    "days_since",
)
"""What a policy may know of a candidate: of the learner's work on the skill and of the skill; nothing that says who it is."""
GOAL_WEIGHT = 1.5
UNLOCK_WEIGHT = 0.25
UNLOCKS_COUNTED = 4
DECIDED = (LEARN, PRACTISE)
"""Kinds among which a policy chooses. Reviews come when they are due, assigned work comes first."""


class Policy(Protocol):
    """`version` names it in every record; `scores` answers a number per candidate, the best highest."""

    version: str

    def scores(self, candidates: pl.DataFrame) -> pl.Series: ...


class Ranked:
    """The rise of mastery that one opportunity promises: what is left to learn, times how fast the skill is learnt, times how well its
    difficulty is in reach; more for what opens the way to other skills, for a goal, and for what little is known about."""

    version = "ranked-1"

    def scores(self, candidates: pl.DataFrame) -> pl.Series:
        low, high = IN_REACH
        outside = pl.max_horizontal(low - pl.col("chance"), pl.col("chance") - high, 0.0)
        reach = 1 - 0.75 * (outside / low).clip(0, 1)
        opens = 1 + UNLOCK_WEIGHT * pl.col("unlock_count").clip(0, UNLOCKS_COUNTED)
        goal = pl.when(pl.col("is_goal").cast(pl.Boolean)).then(GOAL_WEIGHT).otherwise(1.0)
        gain = (1 - pl.col("mastery")) * pl.col("learn") * reach * opens * goal * (1 + pl.col("uncertainty"))
        return candidates.select(gain.alias("score"))["score"]


class WeakestFirst:
    """The lowest mastery first: the usual rule, for comparison."""

    version = "weakest-1"

    def scores(self, candidates: pl.DataFrame) -> pl.Series:
        return (1 - candidates["mastery"]).alias("score")


class Uniform:
    """Chance alone, for comparison."""

    version = "uniform-1"

    def __init__(self, seed: int = 0) -> None:
        self._draw = np.random.default_rng(seed)

    def scores(self, candidates: pl.DataFrame) -> pl.Series:
        return pl.Series("score", self._draw.random(len(candidates)))


def scored(candidates: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """`candidates` with `score`; of reviews it is the loss that they avert, in the same unit as a rise of mastery."""
    averted = (1 - pl.col("recall")) * pl.col("mastery")
    ordered = candidates.sort(*STUDENT, "skill_key")
    return ordered.with_columns(policy.scores(ordered).alias("score")).with_columns(
        score=pl.when(pl.col("kind") == REVIEW).then(averted).otherwise("score")
    )


def explored(candidates: pl.DataFrame, *, version: str, as_of: object, share: float) -> pl.DataFrame:
    """`candidates` with `decision_id`, `propensity` and `is_chosen`, where a policy had a choice between at least two.

    In `share` of the decisions any of them is taken, each alike: it changes places with the best. The draw is made from the decision
    itself, so that a run which is repeated decides the same.
    """
    groups = candidates.filter(pl.col("kind").is_in(DECIDED)).sort(
        *STUDENT, "score", "skill_key", descending=[False] * 3 + [True, False]
    )
    groups = groups.group_by(STUDENT, maintain_order=True).agg(
        "skill_key", "score", *(pl.col(n) for n in ("mastery", "opportunity_count"))
    )
    groups = groups.filter(pl.col("skill_key").list.len() > 1)
    rows = []
    for row in groups.iter_rows(named=True):
        text = "\x1f".join(str(row[name]) for name in (*STUDENT, "skill_key", "mastery", "opportunity_count"))
        digest = hashlib.sha256(f"{text}\x1f{as_of}\x1f{version}\x1f{share}".encode()).digest()
        count = len(row["skill_key"])
        place = 0
        if int.from_bytes(digest[:8]) / 2**64 < share:
            place = int.from_bytes(digest[8:16]) % count
        scores = list(row["score"])
        scores[0], scores[place] = scores[place], scores[0]
        for n, (skill, score) in enumerate(zip(row["skill_key"], scores, strict=True)):
            rows.append(
                (
                    *(row[name] for name in STUDENT),
                    skill,
                    digest[16:].hex(),
                    score,
                    share / count + (1 - share) * (n == 0),
                    n == place,
                )
            )
    schema = dict.fromkeys((*STUDENT, "skill_key", "decision_id"), pl.String) | {
        "explored_score": pl.Float64,
        "propensity": pl.Float64,
        "is_chosen": pl.Boolean,
    }
    drawn = pl.DataFrame(rows, schema=schema, orient="row")
    return (
        candidates.join(drawn, on=[*STUDENT, "skill_key"], how="left")
        .with_columns(score=pl.coalesce("explored_score", "score"))
        .drop("explored_score")
    )
