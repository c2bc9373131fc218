"""How far chance moves an area under the curve: whole students are drawn again, with all their rows. No fitting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

REPLICATES = 500
LEVEL = 0.95
SEED = 19790101

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """Percentile bootstrap interval (Efron 1979) at LEVEL."""

    low: float
    high: float


class Ranking:
    """Predictions ordered once, so that each replicate costs two counts. Ties count one half."""

    def __init__(self, truth: Floats, predicted: Floats, who: Sequence[Any] | NDArray[Any]) -> None:
        self._place = np.unique(predicted, return_inverse=True)[1]
        _, self._who = np.unique(np.asarray(who), return_inverse=True)
        self._truth = truth
        self.students = int(self._who.max(initial=-1)) + 1

    def auc(self, times: Floats | None = None) -> float:
        """With each student counted `times` (default: once); NaN where only one outcome occurs."""
        weight = np.ones(len(self._truth)) if times is None else times[self._who]
        size = int(self._place.max(initial=-1)) + 1
        right = np.bincount(self._place, weights=weight * self._truth, minlength=size)
        wrong = np.bincount(self._place, weights=weight * (1 - self._truth), minlength=size)
        pairs = right.sum() * wrong.sum()
        return float((right * (np.cumsum(wrong) - wrong / 2)).sum() / pairs) if pairs > 0 else float("nan")


def auc_interval(rankings: Sequence[Ranking], *, replicates: int = REPLICATES) -> Interval:
    """The interval of the mean area over `rankings` (folds, or one): students are drawn anew within each."""
    draw = np.random.default_rng(SEED)
    means: list[float] = []
    for _ in range(replicates):
        areas = [
            ranking.auc(
                np.bincount(
                    draw.integers(0, ranking.students, ranking.students), minlength=ranking.students
                ).astype(float)
            )
            for ranking in rankings
        ]
        means.append(float(np.nanmean(areas)) if not np.all(np.isnan(areas)) else float("nan"))
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(means, (tail, 1 - tail))
    return Interval(float(low), float(high))
