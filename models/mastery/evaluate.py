"""How well each member of the family predicts the next response of students it has not seen. No fitting code, no files."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import polars as pl

from learnlake.errors import InputError
from models.mastery.bkt import fit
from models.mastery.folds import FOLDS, folds
from models.mastery.sequences import usable_attempts
from models.metrics import response_metrics


class Predictor(Protocol):
    """A fitted member of the family."""

    def predict_responses(self, attempts: Any) -> pl.DataFrame:
        """`attempts` with `predicted`, from each person's earlier responses only."""


Fit = Callable[[pl.DataFrame], Predictor]


def _boosted(attempts: pl.DataFrame) -> Predictor:
    from models import response

    return response.fit(attempts)


MEMBERS: Mapping[str, Fit] = {
    "BKT": fit,
    "BKT + forgetting": functools.partial(fit, forgets=True),
    "item-aware BKT": functools.partial(fit, by_item=True),
    "item-aware BKT + forgetting": functools.partial(fit, by_item=True, forgets=True),
    "boosted": _boosted,
}


def evaluate(attempts: Any, *, members: Mapping[str, Fit] = MEMBERS) -> pl.DataFrame:
    """One row per member: model, split, auc, accuracy, rmse, log_loss, ece (means of the five folds by student), count.

    With a column `split` (`train`, `test`) in `attempts`, the given split follows as rows of its own.
    """
    usable = usable_attempts(attempts)
    fold = folds(usable)
    held_out = [k for k in range(FOLDS) if 0 < (fold == k).sum() < len(usable)]
    if not held_out:
        raise InputError(
            "All students fall into one fold, so none can be held out",
            mend="evaluate on more students (20 or more give every fold some)",
        )
    rows: list[dict[str, Any]] = []
    for name, fit_member in members.items():
        results = [
            _hold_out(usable.filter(fold != k), usable.filter(fold == k), fit_member) for k in held_out
        ]
        means = {key: float(np.nanmean([r[key] for r in results])) for key in results[0] if key != "count"}
        rows.append(
            {"model": name, "split": "five folds", **means, "count": sum(r["count"] for r in results)}
        )
        if "split" in usable.columns and usable["split"].n_unique() > 1:
            train_rows, test_rows = (usable.filter(pl.col("split") == s) for s in ("train", "test"))
            rows.append({"model": name, "split": "given", **_hold_out(train_rows, test_rows, fit_member)})
    return pl.DataFrame(rows).with_columns(pl.col("count").cast(pl.Int64))


def _hold_out(train_rows: pl.DataFrame, test_rows: pl.DataFrame, fit_member: Fit) -> dict[str, float]:
    predicted = fit_member(train_rows).predict_responses(test_rows)
    return response_metrics(
        predicted["is_correct"].cast(pl.Float64).to_numpy(), predicted["predicted"].to_numpy()
    )
