"""How well each member of the family predicts the next response of students it has not seen. No fitting code, no files."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import polars as pl

from learnlake.errors import InputError
from models.bootstrap import Interval, Ranking, auc_interval
from models.mastery.bkt import fit
from models.mastery.folds import FOLDS, folds
from models.mastery.sequences import usable_attempts
from models.metrics import response_metrics


class Predictor(Protocol):
    """A fitted member of the family."""

    def predict_responses(self, attempts: Any) -> pl.DataFrame:
        """`attempts` with `predicted`, from each person's earlier responses only."""


Fit = Callable[[pl.DataFrame], Predictor]
Tell = Callable[[str, int, int], None]
"""Told the member, how many of its parts are held out and judged, and how many there are."""


def _boosted(attempts: pl.DataFrame) -> Predictor:
    from models import response

    return response.fit(attempts)


def _standing(attempts: pl.DataFrame) -> Predictor:
    from models.mastery import standing

    return standing.fit(attempts)


MEMBERS: Mapping[str, Fit] = {
    "BKT": fit,
    "BKT + forgetting": functools.partial(fit, forgets=True),
    "item-aware BKT": functools.partial(fit, by_item=True),
    "item-aware BKT + forgetting": functools.partial(fit, by_item=True, forgets=True),
    "item-aware BKT + standing": _standing,
    "boosted": _boosted,
}


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """`table`: one row per member and split: model, split, auc, accuracy, rmse, log_loss, ece, count.

    Five folds by student (means over the folds), then the given split where `attempts` have one. `best` has the highest
    five-fold AUC, `rankings` are its folds.
    """

    table: pl.DataFrame
    best: str
    rankings: list[Ranking]
    held_out: pl.DataFrame
    """Keys and truth of the rows that were predicted."""

    def interval(self) -> Interval:
        """Bootstrap interval of the best member's five-fold AUC, whole students drawn again within each fold."""
        return auc_interval(self.rankings)


def evaluate(
    attempts: Any, *, members: Mapping[str, Fit] = MEMBERS, tell: Tell = lambda *_: None
) -> Evaluation:
    """Fit each member on four folds of students and judge it on the fifth, five times; the given split follows."""
    usable = usable_attempts(attempts)
    rows: list[dict[str, Any]] = []
    rankings: dict[str, list[Ranking]] = {}
    for name, fit_member in members.items():
        parts = list(_parts(usable))
        results = []
        for done, (split, train_rows, test_rows) in enumerate(parts):
            tell(name, done, len(parts))
            predicted = fit_member(train_rows).predict_responses(test_rows)
            truth = predicted["is_correct"].cast(pl.Float64).to_numpy()
            results.append((split, response_metrics(truth, predicted["predicted"].to_numpy())))
            if split == "five folds":
                rankings.setdefault(name, []).append(
                    Ranking(truth, predicted["predicted"].to_numpy(), predicted["person_key"].to_numpy())
                )
        tell(name, len(parts), len(parts))
        rows += [_mean(name, split, results) for split in dict.fromkeys(split for split, _ in results)]
    table = pl.DataFrame(rows).with_columns(pl.col("count").cast(pl.Int64))
    by_auc = table.filter(split="five folds").sort(pl.col("auc").fill_nan(0.0), descending=True)
    best = by_auc["model"][0]
    held_out = usable.select("person_key", "response_number", "skill_key", "is_correct")
    return Evaluation(table, best, rankings[best], held_out)


def _parts(usable: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """The split's name, its training rows and its test rows."""
    fold = folds(usable)
    held_out = [k for k in range(FOLDS) if 0 < (fold == k).sum() < len(usable)]
    if not held_out:
        raise InputError(
            "All students fall into one fold, so none can be held out",
            mend="evaluate on more students (20 or more give every fold some)",
        )
    for k in held_out:
        yield "five folds", usable.filter(fold != k), usable.filter(fold == k)
    if "split" in usable.columns and {"train", "test"} <= set(usable["split"].unique()):
        yield "given", usable.filter(split="train"), usable.filter(split="test")


def _mean(name: str, split: str, results: list[tuple[str, dict[str, float]]]) -> dict[str, Any]:
    of_split = [found for named, found in results if named == split]
    means = {
        key: float(np.nanmean([found[key] for found in of_split])) for key in of_split[0] if key != "count"
    }
    return {"model": name, "split": split, **means, "count": sum(found["count"] for found in of_split)}
