"""The metrics against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models import metrics


def test_calibration_slope_finds_an_overconfident_factor() -> None:
    draw = np.random.default_rng(1)
    log_odds = draw.normal(size=40_000)
    truth = (draw.random(40_000) < 1 / (1 + np.exp(-log_odds))).astype(float)
    for factor in (1.0, 2.0):
        predicted = 1 / (1 + np.exp(-factor * log_odds))
        assert metrics.calibration_slope(truth, predicted) == pytest.approx(1 / factor, abs=0.03)
    assert math.isnan(metrics.calibration_slope(truth, np.full(40_000, 0.5)))


def test_expected_calibration_error_weighs_bins_by_rows() -> None:
    truth = np.array([1.0, 0.0, 0.0, 1.0])
    predicted = np.array([0.95, 0.95, 0.15, 1.0])
    assert metrics.expected_calibration_error(truth, predicted) == pytest.approx((0.9 + 0.15) / 4)


def test_precision_at_the_top_shares_ties() -> None:
    truth = np.array([1.0, 1.0, 0.0, 0.0, 0.0])
    predicted = np.array([0.9, 0.5, 0.5, 0.1, 0.1])
    assert metrics.precision_at_share(truth, predicted, share=0.2) == 1.0
    assert metrics.precision_at_share(truth, predicted, share=0.4) == pytest.approx(0.75)
    assert metrics.precision_at_share(truth[::-1], predicted[::-1], share=0.4) == pytest.approx(0.75)


def test_one_outcome_only_has_no_auc() -> None:
    assert math.isnan(metrics.auc(np.ones(3), np.array([0.1, 0.2, 0.3])))
    assert metrics.auc(np.array([0.0, 1.0]), np.array([0.1, 0.2])) == 1.0
