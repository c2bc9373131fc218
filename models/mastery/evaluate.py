"""How well mastery predicts the next response of students it has not seen. No fitting code, no files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from learnlake.errors import InputError
from models.mastery.bkt import fit
from models.mastery.sequences import usable_attempts
from models.metrics import response_metrics

FOLDS = 5
VARIANTS: Mapping[str, bool] = {"BKT": False, "BKT + forgetting": True}
"""Name and whether the variant forgets."""


def fold_of(person_key: str) -> int:
    """The fold (0..4) of a student: the first eight bytes of SHA-256 of the key, modulo five. The same for ever."""
    return int.from_bytes(hashlib.sha256(person_key.encode()).digest()[:8], "big") % FOLDS


def evaluate(attempts: Any, *, variants: Mapping[str, bool] = VARIANTS) -> pl.DataFrame:
    """One row per variant: model, split, auc, accuracy, rmse, log_loss, ece (means of the five folds by student), count.

    With a column `split` (`train`, `test`) in `attempts`, the given split follows as rows of its own.
    """
    usable = usable_attempts(attempts)
    persons = usable.select(pl.col("person_key").unique())
    folds = persons.with_columns(fold=pl.col("person_key").map_elements(fold_of, return_dtype=pl.Int64))
    with_fold = usable.join(folds, on="person_key", how="left")
    rows: list[dict[str, Any]] = []
    for name, forgets in variants.items():
        results = [
            _hold_out(
                with_fold.filter(pl.col("fold") != k), with_fold.filter(pl.col("fold") == k), forgets=forgets
            )
            for k in range(FOLDS)
            if 0 < with_fold.filter(pl.col("fold") == k).height < with_fold.height
        ]
        if not results:
            raise InputError(
                "All students fall into one fold, so none can be held out",
                mend="evaluate on more students (20 or more give every fold some)",
            )
        means = {key: float(np.nanmean([r[key] for r in results])) for key in results[0] if key != "count"}
        rows.append(
            {"model": name, "split": "five folds", **means, "count": sum(r["count"] for r in results)}
        )
        if "split" in usable.columns and usable["split"].n_unique() > 1:
            train_rows, test_rows = (usable.filter(pl.col("split") == s) for s in ("train", "test"))
            rows.append(
                {"model": name, "split": "given", **_hold_out(train_rows, test_rows, forgets=forgets)}
            )
    return pl.DataFrame(rows).with_columns(pl.col("count").cast(pl.Int64))


def _hold_out(train_rows: pl.DataFrame, test_rows: pl.DataFrame, *, forgets: bool) -> dict[str, float]:
    predicted = fit(train_rows, forgets=forgets).predict_responses(test_rows)
    return response_metrics(
        predicted["is_correct"].cast(pl.Float64).to_numpy(), predicted["predicted"].to_numpy()
    )
