"""How good predictions are: the numbers that model cards, evaluations and promotion compare. No fitting of models here."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CALIBRATION_BINS = 10
"""Equal-width bins of the expected calibration error (Guo et al. 2017 use 15, educational papers mostly 10)."""


def expected_calibration_error(truth: Floats, predicted: Floats, *, bins: int = CALIBRATION_BINS) -> float:
    """Mean absolute gap of observed and predicted rate over equal-width bins, weighted by the rows in each."""
    bin_of = np.minimum((predicted * bins).astype(np.int64), bins - 1)
    counts = np.bincount(bin_of, minlength=bins)
    gaps = np.abs(
        np.bincount(bin_of, weights=truth, minlength=bins)
        - np.bincount(bin_of, weights=predicted, minlength=bins)
    )
    return float(gaps.sum() / counts.sum())


def calibration_slope(truth: Floats, predicted: Floats) -> float:
    """Slope of a logistic regression of the outcome on the predicted log-odds: 1 is calibrated, below 1 over-confident.

    Cox (1958); two-parameter Newton steps. NaN where the outcome or the prediction is constant.
    """
    clipped = np.clip(predicted, 1e-6, 1 - 1e-6)
    log_odds = np.log(clipped / (1 - clipped))
    if np.ptp(log_odds) == 0 or truth.min() == truth.max():
        return math.nan
    design = np.column_stack([np.ones_like(log_odds), log_odds])
    weights = np.array([0.0, 1.0])
    for _ in range(50):
        rate = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        information = design.T @ (design * (rate * (1 - rate))[:, None])
        step = np.linalg.solve(information + 1e-9 * np.eye(2), design.T @ (truth - rate))
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    return float(weights[1])


def precision_at_share(truth: Floats, predicted: Floats, *, share: float = 0.20) -> float:
    """Share of true outcomes among the `share` of rows with the highest prediction; rows tied at its edge count in part."""
    count = max(1, int(share * len(truth)))
    edge = np.partition(predicted, -count)[-count]
    above, tied = predicted > edge, predicted == edge
    return float((truth[above].sum() + (count - above.sum()) * truth[tied].mean()) / count)


def auc(truth: Floats, predicted: Floats) -> float:
    """Area under the ROC curve; NaN where only one outcome occurs."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, predicted)) if truth.min() != truth.max() else math.nan


def log_loss(truth: Floats, predicted: Floats) -> float:
    """Mean negative log-likelihood, in nats."""
    clipped = np.clip(predicted, 1e-12, 1 - 1e-12)
    return float(-np.mean(truth * np.log(clipped) + (1 - truth) * np.log1p(-clipped)))


def response_metrics(truth: Floats, predicted: Floats) -> dict[str, float]:
    """Next-response prediction: auc, accuracy (at .5), rmse, log_loss (nats), ece, count (rows)."""
    return {
        "auc": auc(truth, predicted),
        "accuracy": float(((predicted >= 0.5) == (truth == 1)).mean()),
        "rmse": float(np.sqrt(np.mean((truth - predicted) ** 2))),
        "log_loss": log_loss(truth, predicted),
        "ece": expected_calibration_error(truth, predicted),
        "count": float(len(truth)),
    }


def risk_metrics(truth: Floats, predicted: Floats) -> dict[str, float]:
    """At-risk prediction: auc, pr_auc, brier, slope, ece, precision_top20, adverse_rate, count (rows)."""
    from sklearn.metrics import average_precision_score

    return {
        "auc": auc(truth, predicted),
        "pr_auc": float(average_precision_score(truth, predicted)) if truth.max() > 0 else math.nan,
        "brier": float(np.mean((truth - predicted) ** 2)),
        "slope": calibration_slope(truth, predicted),
        "ece": expected_calibration_error(truth, predicted),
        "precision_top20": precision_at_share(truth, predicted),
        "adverse_rate": float(truth.mean()),
        "count": float(len(truth)),
    }
