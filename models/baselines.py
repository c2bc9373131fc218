"""What others reached on the public data sets, to print beside our own figures. Numbers only, each with its source.

Measured by the protocols in docs/models.md (the same folds-by-student and train-early-test-late), not quoted from papers.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

RESPONSE_AUC: dict[int, dict[str, float]] = {
    278_336: {  # ASSISTments 2009, the edition of Gervet et al. (2020)
        "BKT": 0.7216,
        "BKT + forgetting": 0.7269,
        "item-aware BKT + forgetting": 0.7617,
        "boosted": 0.7930,
    },
    544_339: {
        "BKT": 0.6996,
        "BKT + forgetting": 0.7033,
        "boosted": 0.7258,
    },  # ASSISTments 2015, train and validation of pyKT
}
"""By the number of responses, which is how an evaluation knows its data set: pyBKT 1.4.3, an item-aware BKT by empirical Bayes,
XGBoost on history and BKT posterior. Students held out: five folds, of the second set one split."""

OULAD_TEST_START = dt.date(2014, 2, 1)
OULAD_TRAIN_STARTS = [dt.date(2013, 2, 1), dt.date(2013, 10, 1)]
OULAD_TEST_STUDENTS = 6_954
"""Students of 2014B at the end of week 0: how an evaluation knows that it looks at the whole of that data set."""
OULAD_WITHOUT_DEMOGRAPHICS = pl.DataFrame(
    {
        "week": [0, 2, 4, 8, 12, 16, 20],
        "baseline_auc": [0.672, 0.679, 0.767, 0.815, 0.845, 0.872, 0.912],
        "baseline_brier": [0.229, 0.227, 0.194, 0.173, 0.158, 0.144, 0.113],
        "baseline_slope": [0.83, 0.84, 0.91, 0.90, 0.86, 0.75, 0.89],
        "baseline_precision_top20": [0.740, 0.717, 0.883, 0.914, 0.935, 0.949, 0.989],
    },
    schema_overrides={"week": pl.Int64},
)
"""XGBoost, 400 trees of depth 4, train 2013B + 2013J, test 2014B, no demographic features."""
