"""Whether the at-risk model serves some people worse than others: each subgroup's ranking, calibration and share of the list.

Attributes are joined to finished predictions to judge them; no model ever sees them. No fitting.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from models.bootstrap import Ranking, auc_interval
from models.metrics import calibration_slope, expected_calibration_error

LEAST_STUDENTS = 100
"""Smaller groups move by chance; they are left out."""
LISTED_SHARE = 0.20
LARGEST_GAP = 0.05
"""Of predicted and observed rate, beyond the gap of all and two standard errors, before it is an alarm."""
LARGEST_RATIO = 1.25
"""Of a group's listed share to its adverse share, beside the same ratio of all."""
REPLICATES = 200


def subgroups(predicted: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """One row per attribute and value: attribute, value, students, adverse_rate, auc, auc_low, auc_high, slope, ece, gap, listed_rate, alarm.

    predicted: section_key, person_key, week_index, risk, is_adverse; groups: section_key, person_key, and a column per attribute.
    gap is the mean risk less the observed rate; listed_rate the share that is among its section's LISTED_SHARE of highest risks of the week.
    """
    place = ["section_key", "week_index"]
    listed = (pl.col("risk").rank("ordinal", descending=True) <= (pl.len() * LISTED_SHARE).ceil()).over(place)
    rows = predicted.with_columns(is_listed=listed).join(groups, on=["section_key", "person_key"], how="left")
    whole = _measured(rows)
    found = [{"attribute": "all", "value": "all", **whole, "alarm": None}]
    for attribute in (name for name in groups.columns if name not in ("section_key", "person_key")):
        for (value,), own in rows.group_by(attribute, maintain_order=True):
            if value is not None and own["person_key"].n_unique() >= LEAST_STUDENTS:
                measured = _measured(own)
                alarm = _alarm(measured, whole)
                found.append({"attribute": attribute, "value": str(value), **measured, "alarm": alarm})
    table = pl.DataFrame(found, schema_overrides={"alarm": pl.String}, infer_schema_length=None)
    return pl.concat([table.head(1), table.slice(1).sort("attribute", "value")])


def _measured(rows: pl.DataFrame) -> dict[str, float]:
    truth, risk = rows["is_adverse"].cast(pl.Float64).to_numpy(), rows["risk"].cast(pl.Float64).to_numpy()
    ranking = Ranking(truth, risk, rows["person_key"].to_numpy())
    low, high = auc_interval([ranking], replicates=REPLICATES)
    return {
        "students": rows["person_key"].n_unique(),
        "adverse_rate": float(truth.mean()),
        "auc": ranking.auc(),
        "auc_low": low,
        "auc_high": high,
        "slope": calibration_slope(truth, risk),
        "ece": expected_calibration_error(truth, risk),
        "gap": float(risk.mean() - truth.mean()),
        "listed_rate": float(rows["is_listed"].cast(pl.Float64).to_numpy().mean()),
    }


def _alarm(group: dict[str, float], whole: dict[str, float]) -> str | None:
    """What a person should look into, or None."""
    said = []
    error = float(np.sqrt(group["adverse_rate"] * (1 - group["adverse_rate"]) / group["students"]))
    if group["auc_high"] < whole["auc_low"]:
        said.append("ranked worse than all")
    beyond = group["gap"] - whole["gap"]
    if abs(beyond) > LARGEST_GAP and abs(beyond) > 2 * error:
        said.append(f"risk {'overstated' if beyond > 0 else 'understated'} beside all")
    if group["adverse_rate"] > 2 * error and whole["adverse_rate"] > 0:
        ratio = (group["listed_rate"] / group["adverse_rate"]) / (
            whole["listed_rate"] / whole["adverse_rate"]
        )
        if not 1 / LARGEST_RATIO <= ratio <= LARGEST_RATIO:
            said.append(f"listed {'more' if ratio > 1 else 'less'} often than its outcomes call for")
    return "; ".join(said) or None
