"""The odds of a bad end that are known when a course begins: the course, the month, and what a student brings along.

A ridge logistic regression. The trees of `model` set out from it, so that they need not learn a course's rate from what its students do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BROUGHT = (
    *("days_before_start_registered", "prior_attempts", "studied_credits"),
    *("clicks_before_start", "clicks_before_start_rank"),
)
"""Features that say what a student brings along. Each counts by its value and by how far that is above the mean."""
PRIOR = 10.0
"""Weight with which a coefficient is drawn to zero: that of 40 students of whom half end badly."""
CLIPPED = (1.0, 99.0)
"""Percentiles beyond which a value counts no more."""
STEPS = 50
_STUDENT = ("tenant", "section_key", "person_key")


@dataclasses.dataclass(frozen=True)
class StartOdds:
    """Fitted coefficients in log-odds. A course or month that training had not seen counts as the average one."""

    average: float
    courses: Mapping[str, float]
    months: Mapping[int, float]
    missing: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    slope: tuple[float, ...]
    slope_above: tuple[float, ...]
    """From `missing` (what stands for no value) on: one number per feature of BROUGHT."""

    def log_odds(self, rows: pl.DataFrame) -> Floats:
        """Of each row of `features(...)`, in its order."""
        return self._of_group(rows) + np.asarray(self.brought(rows).sum(axis=1))

    def brought(self, rows: pl.DataFrame) -> Floats:
        """What each feature of BROUGHT adds to the log-odds: [row, feature]."""
        values = self._standardised(rows)
        found: Floats = values * np.array(self.slope) + np.clip(values, 0, None) * np.array(self.slope_above)
        return found

    def _of_group(self, rows: pl.DataFrame) -> Floats:
        pairs = zip(rows["course_key"], rows.select(first_month()).to_series(), strict=True)
        return np.array(
            [
                self.average + self.courses.get(course, 0.0) + self.months.get(month, 0.0)
                for course, month in pairs
            ],
            dtype=np.float64,
        )

    def _standardised(self, rows: pl.DataFrame) -> Floats:
        values = _brought_values(rows)
        values = np.where(np.isnan(values), np.array(self.missing), values)
        clipped = np.clip(values, np.array(self.low), np.array(self.high))
        found: Floats = (clipped - np.array(self.mean)) / np.array(self.spread)
        return found

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> StartOdds:
        numbers = {name: tuple(value) for name, value in content.items() if isinstance(value, list)}
        months = {int(month): value for month, value in content["months"].items()}
        return cls(**{**content, **numbers, "months": months})


def first_month() -> pl.Expr:
    """Month (1..12) in which the section of a weekly row begins."""
    return (pl.col("week_end_date") - pl.duration(days=7 * pl.col("week_index") - 1)).dt.month()


def fit_start(rows: pl.DataFrame) -> StartOdds:
    """Fit on labelled rows of `features(...)`: each student of a section once, in the first week there is of them."""
    students = rows.sort(*_STUDENT, "week_index").unique(_STUDENT, keep="first", maintain_order=True)
    values = _brought_values(students)
    missing = np.array(
        [np.median(known) if len(known := column[~np.isnan(column)]) else 0.0 for column in values.T]
    )
    values = np.where(np.isnan(values), missing, values)
    low, high = np.percentile(values, CLIPPED, axis=0)
    values = np.clip(values, low, high)
    mean, spread = values.mean(axis=0), values.std(axis=0)
    spread[spread == 0] = 1.0
    values = (values - mean) / spread
    courses = students["course_key"].unique().sort().to_list()
    month = students.select(first_month()).to_series()
    months = month.unique().sort().to_list()
    design = np.column_stack(
        [
            np.ones(len(students)),
            values,
            np.clip(values, 0, None),
            *((students["course_key"] == course).to_numpy() for course in courses),
            *((month == number).to_numpy() for number in months),
        ]
    ).astype(np.float64)
    weights = _ridge_logistic(design, students["is_adverse"].cast(pl.Float64).to_numpy())
    slope, above, by_course, by_month = np.split(
        weights[1:], np.cumsum([len(BROUGHT), len(BROUGHT), len(courses)])
    )
    return StartOdds(
        average=float(weights[0]),
        courses=dict(zip(courses, by_course.tolist(), strict=True)),
        months=dict(zip(months, by_month.tolist(), strict=True)),
        **{
            name: tuple(numbers.tolist())
            for name, numbers in {
                "missing": missing,
                "low": low,
                "high": high,
                "mean": mean,
                "spread": spread,
                "slope": slope,
                "slope_above": above,
            }.items()
        },
    )


def _brought_values(rows: pl.DataFrame) -> Floats:
    clicks = pl.col("clicks_before_start").log1p()
    return rows.select(pl.col(BROUGHT).cast(pl.Float64)).with_columns(clicks).to_numpy()


def _ridge_logistic(design: Floats, truth: Floats) -> Floats:
    """Newton steps. The first column, the average, is hardly held, so that it exists where all end alike too."""
    penalty = np.full(design.shape[1], PRIOR)
    penalty[0] = 0.01
    weights = np.zeros(design.shape[1])
    for _ in range(STEPS):
        rate = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        information = design.T @ (design * (rate * (1 - rate))[:, None]) + np.diag(penalty)
        step = np.linalg.solve(information, design.T @ (truth - rate) - penalty * weights)
        weights = weights + step
        if np.abs(step).max() < 1e-10:
            break
    return weights
