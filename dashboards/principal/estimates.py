"""Statistics behind the principal's pages: shrunken group means and a line into the future, each with its interval. No queries."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import polars as pl
from scipy.special import stdtrit

Z_95 = 1.959964
LEAST_WEEKS = 4
"""Fewer weeks make no line."""


@dataclasses.dataclass(frozen=True)
class Spread:
    """How groups differ: their number, the variance within them, and that between their true means (0: chance explains all)."""

    group_count: int
    within: float
    between: float


def shrink(frame: pl.DataFrame, *, group: str, value: str) -> tuple[pl.DataFrame, Spread]:
    """The mean of `value` by `group`, drawn towards the mean of all as far as its size demands, with a 95 % interval.

    Empirical Bayes with the moment estimate of the variance between groups (DerSimonian and Laird 1986; Morris 1983): a group
    of few students, or groups that differ no more than chance lets them, say next to nothing about themselves. The interval
    counts the uncertainty of the overall mean. Columns: `group`, student_count, mean, reliability (0..1), estimate, low, high.
    """
    grouped = frame.group_by(group).agg(
        pl.len().alias("student_count"), pl.col(value).mean().alias("mean"), pl.col(value).var().alias("var")
    )
    grouped = grouped.sort(group)
    n = grouped["student_count"].to_numpy().astype(float)
    means = grouped["mean"].to_numpy()
    degrees = float((n - 1).sum())
    if len(n) < 2 or degrees < 1:
        return _without(grouped), Spread(len(n), 0.0, 0.0)
    within = float(((n - 1) * grouped["var"].fill_null(0).to_numpy()).sum()) / degrees
    between = _between(means, n, within)
    precision = 1 / (between + within / n) if within + between > 0 else np.ones_like(n)
    overall = float((precision * means).sum() / precision.sum())
    reliability = between / (between + within / n) if between > 0 else np.zeros_like(n)
    estimate = overall + reliability * (means - overall)
    variance = reliability * within / n + (1 - reliability) ** 2 / precision.sum()
    half = Z_95 * np.sqrt(variance)
    found = grouped.drop("var").with_columns(
        pl.Series("reliability", reliability),
        pl.Series("estimate", estimate),
        pl.Series("low", estimate - half),
        pl.Series("high", estimate + half),
    )
    return found, Spread(len(n), within, between)


def _between(means: np.ndarray, n: np.ndarray, within: float) -> float:
    """DerSimonian and Laird's variance between groups, not below nought."""
    if within <= 0:
        return float(np.var(means, ddof=1))
    weights = n / within
    centre = float((weights * means).sum() / weights.sum())
    excess = float((weights * (means - centre) ** 2).sum()) - (len(n) - 1)
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    return max(0.0, excess / scale)


def _without(grouped: pl.DataFrame) -> pl.DataFrame:
    empty = [pl.lit(None, pl.Float64).alias(name) for name in ("reliability", "estimate", "low", "high")]
    return grouped.drop("var").with_columns(empty)


@dataclasses.dataclass(frozen=True)
class Projection:
    """A straight line through weekly values: its slope by week, and `frame` (week_index, estimate, low, high) of weeks to come."""

    slope: float
    slope_low: float
    slope_high: float
    frame: pl.DataFrame


def project(weeks: list[int], values: list[float], until_week: int) -> Projection | None:
    """Least squares through the weeks so far, drawn on to `until_week` with the 95 % interval of a single week's value.

    The interval is the line's prediction interval (Student's t with n - 2 degrees); it doesn't know what will change. None for
    fewer than LEAST_WEEKS weeks or nothing left to come.
    """
    if len(weeks) < LEAST_WEEKS or until_week <= max(weeks):
        return None
    x, y = np.asarray(weeks, float), np.asarray(values, float)
    n, centre = len(x), float(x.mean())
    spread = float(((x - centre) ** 2).sum())
    slope = float(((x - centre) * (y - y.mean())).sum()) / spread
    intercept = float(y.mean()) - slope * centre
    residual = float(((y - intercept - slope * x) ** 2).sum()) / (n - 2)
    t = float(stdtrit(n - 2, 0.975))
    ahead = np.arange(max(weeks) + 1, until_week + 1, dtype=float)
    line = intercept + slope * ahead
    half = t * np.sqrt(residual * (1 + 1 / n + (ahead - centre) ** 2 / spread))
    slope_half = t * math.sqrt(residual / spread)
    frame = pl.DataFrame(
        {
            "week_index": ahead.astype(int),
            "estimate": line.clip(0, 1),
            "low": (line - half).clip(0, 1),
            "high": (line + half).clip(0, 1),
        }
    )
    return Projection(slope, slope - slope_half, slope + slope_half, frame)
