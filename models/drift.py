"""Whether what the at-risk model sees has changed: the running session beside the same weeks of the one before (Evidently).

Rows of `qc_drift` and an HTML report. Nothing is retrained here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from pathlib import Path
from typing import Any

import polars as pl

from learnlake.errors import ModelError
from models.frames import as_frame, one_tenant
from models.risk.columns import SESSION_COLUMNS, WEEK_COLUMNS
from models.risk.features import FEATURES, features

STATISTIC = "psi"
LARGE_CHANGE = 0.2
"""Population stability index from which a change is called large: the usual convention (.1 to .2 is moderate)."""
CHANCE_BINS = 10
"""About as many bins as Evidently cuts; what chance alone gives is (bins - 1)(1/n + 1/m) (Yurdakul 2018)."""
LEAST_ROWS = 50
"""Student-weeks a window needs; fewer move by chance."""
RISK = "risk"
"""The pseudo-feature under which the model's predictions are compared."""
WHOLE_TENANT = "all"
"""Scope of a comparison of a tenant's whole sessions."""
CAUSE = "students of this session differ from those of the session before, or are recorded otherwise"
_ALIKE = ("week", "days_before_start_registered", "weighted_mean_score", "score_sum", "points_share")
WATCHED: tuple[str, ...] = tuple(
    name for name in FEATURES if name not in _ALIKE and not name.endswith("_rank")
)
"""Compared features: those that say what students do, one of each kind. Left out are ranks, which cannot drift."""


@dataclasses.dataclass(frozen=True)
class Windows:
    """Two sets of student-weeks of `features(...)`, each with a name that says which sessions and weeks it holds."""

    reference: pl.DataFrame
    current: pl.DataFrame
    reference_name: str
    current_name: str


def windows(weeks: Any, sessions: Any) -> Windows:
    """The newest begun session's complete weeks, and the same weeks of the session that began before it.

    weeks: `msr_student_week` of one tenant, sessions: `dim_academic_session`. ModelError where there is nothing to compare.
    """
    frame = as_frame(weeks, WEEK_COLUMNS, name="msr_student_week")
    one_tenant(frame, name="msr_student_week")
    known = as_frame(sessions, SESSION_COLUMNS, name="dim_academic_session")
    rows = features(frame.filter(pl.col("is_complete"))).join(
        known.select("tenant", "session_key", "start_date"), on=["tenant", "session_key"]
    )
    rows = rows.filter(pl.col("week_index") > 0)
    starts: list[dt.date] = rows["start_date"].unique().sort().to_list()
    if len(starts) < 2:
        raise ModelError(
            "Drift needs two sessions with a complete week each",
            mend="run it again when a second session has begun",
        )
    current = rows.filter(pl.col("start_date") == starts[-1])
    last_week = int(current["week_index"].to_numpy().max())
    reference = rows.filter((pl.col("start_date") == starts[-2]) & (pl.col("week_index") <= last_week))
    for name, window in ((starts[-2], reference), (starts[-1], current)):
        if len(window) < LEAST_ROWS:
            raise ModelError(
                f"The session that began {name} has {len(window)} student-weeks; drift needs {LEAST_ROWS}",
                mend="run it again after more weeks",
            )
    return Windows(
        reference, current, *(f"session from {start:%Y-%m-%d}, weeks 1-{last_week}" for start in starts[-2:])
    )


def compare(
    found: Windows, *, checked_at: dt.datetime, model: Any | None = None, html: Path | None = None
) -> pl.DataFrame:
    """Rows of `qc_drift`: one per watched feature, and one for the predictions of `model` (a RiskModel) where it is given.

    The threshold is LARGE_CHANGE beyond what chance gives between so many students. The statistic is the population stability index; where a window has no values at all it is the difference of the shares
    of missing values. `html`: where Evidently's report is written. Imports Evidently, which takes seconds.
    """
    reference, current = (_columns(window, model) for window in (found.reference, found.current))
    names = reference.columns
    filled = [
        n
        for n in names
        if reference[n].null_count() < len(reference) and current[n].null_count() < len(current)
    ]
    threshold = LARGE_CHANGE + _by_chance(found)
    statistics = _evidently(reference.select(filled), current.select(filled), threshold, html)
    rows = []
    for name in names:
        missing = abs(
            reference[name].null_count() / len(reference) - current[name].null_count() / len(current)
        )
        is_measured = name in statistics
        value = statistics[name] if is_measured else missing
        rows.append(
            {
                "tenant": found.current["tenant"][0],
                "scope": WHOLE_TENANT,
                "kind": "prediction" if name == RISK else "input",
                "feature": name,
                "cause": CAUSE,
                "reference_window": found.reference_name,
                "current_window": found.current_name,
                "statistic_name": STATISTIC if is_measured else "missing share",
                "statistic": value,
                "threshold": threshold,
                "has_drifted": value >= threshold,
                "checked_at": checked_at,
            }
        )
    return pl.DataFrame(rows).sort("statistic", "feature", descending=[True, False])


def _columns(window: pl.DataFrame, model: Any | None) -> pl.DataFrame:
    """The watched features as float64, a value that is NaN counted as missing, and the model's risk."""
    chosen = window.select(pl.col(WATCHED).cast(pl.Float64).fill_nan(None))
    return chosen if model is None else chosen.with_columns(pl.Series(RISK, model.predict(window)))


def _by_chance(found: Windows) -> float:
    """The index expected without any change: a student's weeks resemble each other, so students count, not weeks."""
    students = [window["person_key"].n_unique() for window in (found.reference, found.current)]
    return (CHANCE_BINS - 1) * sum(1 / count for count in students)


def _evidently(
    reference: pl.DataFrame, current: pl.DataFrame, threshold: float, html: Path | None
) -> dict[str, float]:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    definition = DataDefinition(numerical_columns=reference.columns)
    report = Report(
        [ValueDrift(column=name, method=STATISTIC, threshold=threshold) for name in reference.columns]
    )
    data = [
        Dataset.from_pandas(frame.to_pandas(), data_definition=definition) for frame in (current, reference)
    ]
    snapshot = report.run(*data)
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        snapshot.save_html(str(html))
    found = {m["config"]["column"]: float(m["value"]) for m in snapshot.dict()["metrics"]}
    return {name: 0.0 if math.isnan(value) else value for name, value in found.items()}
