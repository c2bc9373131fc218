"""Trees boosted on history, difficulty and tracing (XGBoost): fitting, with difficulty always learned from other students."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learnlake.errors import ModelError
from models.mastery.bkt import MasteryModel
from models.mastery.bkt import fit as fit_tracing
from models.mastery.folds import FOLDS, folds
from models.mastery.sequences import ITEM, usable_attempts
from models.response.history import HISTORY, Responses, histories

MAX_ROUNDS, PATIENCE = 400, 15
"""Most trees, and how many in a row may bring nothing."""
PARAMETERS: dict[str, Any] = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "max_depth": 6,
    "eta": 0.08,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bytree": 0.6,
    "max_bin": 128,
    "seed": 20090907,
}
SKILL_WEIGHT, ITEM_WEIGHT, PAIR_WEIGHT = 10.0, 4.0, 5.0
"""How many answers' worth a rate starts with: a skill's of the whole, an item's of its skill, a pair's of its item."""
DIFFICULTY = ("item_log_odds", "skill_log_odds", "item_answers", "pair_log_odds", "pair_answers")
FEATURES = (*DIFFICULTY, "traced", *HISTORY)

_PAIR = [*ITEM, "previous_item", "previous_answer"]


@dataclasses.dataclass
class Difficulty:
    """What one set of students tells of skills, items, and pairs of an item with the item and answer before it."""

    whole: float
    skills: pl.DataFrame
    items: pl.DataFrame
    pairs: pl.DataFrame
    tracing: MasteryModel

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Difficulty:
        """From ordered `rows`."""
        whole = float(rows["is_correct"].mean())  # type: ignore[arg-type]
        skills = _rates(rows, ["skill_key"], "skill", towards=pl.lit(whole), weight=SKILL_WEIGHT)
        with_skill = rows.join(skills, on="skill_key", how="left", maintain_order="left")
        items = _rates(with_skill, ITEM, "item", towards=pl.col("skill_rate").first(), weight=ITEM_WEIGHT)
        with_item = with_skill.join(items, on=ITEM, how="left", nulls_equal=True, maintain_order="left")
        pairs = _rates(
            with_item.drop_nulls(["activity_key", "previous_item"]),
            _PAIR,
            "pair",
            towards=pl.col("item_rate").first(),
            weight=PAIR_WEIGHT,
        )
        return cls(whole, skills, items, pairs, fit_tracing(rows, forgets=True, by_item=True, starts=1))

    def features(self, rows: pl.DataFrame) -> NDArray[np.float32]:
        """[row, FEATURES] of ordered `rows`; unknown items have their skill's rate, unknown skills the whole's."""
        found = (
            rows.join(self.skills, on="skill_key", how="left", maintain_order="left")
            .join(self.items, on=ITEM, how="left", nulls_equal=True, maintain_order="left")
            .join(self.pairs, on=_PAIR, how="left", maintain_order="left")
            .with_columns(skill_rate=pl.col("skill_rate").fill_null(self.whole))
            .with_columns(item_rate=pl.col("item_rate").fill_null(pl.col("skill_rate")))
            .with_columns(
                item_log_odds=_log_odds("item_rate"),
                skill_log_odds=_log_odds("skill_rate"),
                pair_log_odds=_log_odds(pl.coalesce("pair_rate", "item_rate")),
                item_answers=pl.col("item_answers").fill_null(0),
                pair_answers=pl.col("pair_answers").fill_null(0),
            )
        )
        traced = self.tracing.predict_responses(rows.with_row_index("row")).sort("row")["predicted"]
        history = histories(_responses(found))
        return np.column_stack(
            [
                found.select(DIFFICULTY).to_numpy().astype(np.float32),
                traced.to_numpy().astype(np.float32),
                history,
            ]
        )


@dataclasses.dataclass
class ResponseModel:
    """Fitted trees with the difficulty of all students they were fitted on."""

    difficulty: Difficulty
    trees: Any
    """An XGBoost booster."""

    def predict_responses(self, attempts: Any) -> pl.DataFrame:
        """`attempts` with `predicted`, the probability of a right answer given the person's earlier responses only."""
        import xgboost

        rows = _ordered(usable_attempts(attempts))
        features = xgboost.DMatrix(self.difficulty.features(rows), feature_names=list(FEATURES))
        predicted = self.trees.predict(features).astype(np.float64)
        return rows.drop("previous_item", "previous_answer").with_columns(predicted=pl.Series(predicted))

    def weights(self) -> dict[str, float]:
        """How much each feature took off the loss while fitting, as shares of one, weightiest first."""
        gains = self.trees.get_score(importance_type="total_gain")
        total = sum(gains.values())
        return {name: gain / total for name, gain in sorted(gains.items(), key=lambda item: -item[1])}


def fit(attempts: pl.DataFrame) -> ResponseModel:
    """Fit on usable `attempts`. Each student's features use difficulty and tracing learned from other students' answers."""
    import xgboost

    rows = _ordered(attempts)
    fold = folds(rows, salt="response ")
    parts = [(rows.filter(fold != k), rows.filter(fold == k)) for k in range(FOLDS)]
    parts = [(others, own) for others, own in parts if len(others) and len(own)]
    if not parts:
        raise ModelError("One student's answers are not enough to learn from", mend="train on more students")
    features = np.vstack([Difficulty.of(others).features(own) for others, own in parts])
    answers = np.concatenate([own["is_correct"].to_numpy() for _, own in parts]).astype(np.float32)
    first = len(parts[0][1])  # what is held out to choose the number of rounds
    rounds = _rounds(_table(features[first:], answers[first:]), features[:first], answers[:first])
    trees = xgboost.train(PARAMETERS, _table(features, answers), rounds)
    return ResponseModel(Difficulty.of(rows), trees)


def _rounds(table: Any, held_out: NDArray[np.float32], answers: NDArray[np.float32]) -> int:
    """After how many trees students that were held out are predicted best."""
    import xgboost

    judged = xgboost.QuantileDMatrix(
        held_out, answers, feature_names=list(FEATURES), max_bin=PARAMETERS["max_bin"], ref=table
    )
    tried = xgboost.train(
        PARAMETERS,
        table,
        MAX_ROUNDS,
        evals=[(judged, "held_out")],
        early_stopping_rounds=PATIENCE,
        verbose_eval=False,
    )
    return int(tried.best_iteration) + 1


def _table(features: NDArray[np.float32], answers: NDArray[np.float32]) -> Any:
    import xgboost

    return xgboost.QuantileDMatrix(
        features, answers, feature_names=list(FEATURES), max_bin=PARAMETERS["max_bin"]
    )


def _ordered(attempts: pl.DataFrame) -> pl.DataFrame:
    """By person and order, each row with the item and the answer before it."""
    rows = attempts.sort("person_key", "response_number", maintain_order=True)
    return rows.with_columns(
        previous_item=pl.col("activity_key").shift().over("person_key"),
        previous_answer=pl.col("is_correct").shift().over("person_key"),
    )


def _rates(
    rows: pl.DataFrame, keys: list[str], name: str, *, towards: pl.Expr, weight: float
) -> pl.DataFrame:
    """NAME_rate of right answers by `keys`, drawn `towards` a rate with the weight of that many answers, and NAME_answers."""
    right = pl.col("is_correct").sum()
    return rows.group_by(keys).agg(
        ((right + weight * towards) / (pl.len() + weight)).alias(f"{name}_rate"),
        pl.len().alias(f"{name}_answers"),
    )


def _log_odds(rate: str | pl.Expr) -> pl.Expr:
    rate = pl.col(rate) if isinstance(rate, str) else rate
    clipped = rate.clip(1e-4, 1 - 1e-4)
    return (clipped / (1 - clipped)).log()


def _responses(rows: pl.DataFrame) -> Responses:
    changes = rows["person_key"].ne_missing(rows["person_key"].shift()).to_numpy().copy()
    changes[:1] = True
    items = rows["activity_key"].rank("dense").cast(pl.Int64) - 1
    return Responses(
        starts=np.append(np.flatnonzero(changes), len(rows)).astype(np.int64),
        answers=rows["is_correct"].cast(pl.Int64).to_numpy(),
        items=items.fill_null(-1).to_numpy(),
        skills=(rows["skill_key"].rank("dense").cast(pl.Int64) - 1).to_numpy(),
        log_odds=rows["item_log_odds"].to_numpy(),
    )
