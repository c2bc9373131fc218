"""The at-risk model: fitting on finished sessions, the fitted model, and scoring the newest complete week of each section.

XGBoost on the features of `features`; nothing is refitted while scoring. Splitting and judging are in `evaluate`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.frames import as_frame
from models.risk.columns import KEYS, WEEK_COLUMNS
from models.risk.features import FEATURES, NEED_VIEWS, features
from models.risk.reasons import REASONS_GIVEN, changes, reasons
from models.risk.start import BROUGHT, StartOdds, fit_start

PARAMETERS: dict[str, Any] = {  # chosen by leaving one training presentation of OULAD out
    "objective": "binary:logistic",
    "tree_method": "hist",
    "max_depth": 4,
    "eta": 0.03,
    "min_child_weight": 50,
    "colsample_bytree": 0.3,
    "lambda": 5,
    "seed": 20130201,
    "nthread": 1,  # two threads were five times slower on a loaded small machine
}
ROUNDS = 400
MAX_ROWS = 250_000
"""Rows to fit on; above it every second, third, ... week of each section is used. More taught nothing in OULAD."""


@dataclasses.dataclass
class RiskModel:
    """A fitted model: trees that set out from the odds of `start`. A course that training had not seen is scored as an average one."""

    kind: ClassVar[str] = "risk"

    booster: Any
    start: StartOdds
    tenant: str
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    card: dict[str, Any] = dataclasses.field(default_factory=dict)
    name: str = "risk"
    version: str = "unregistered"

    def predict(self, rows: pl.DataFrame) -> NDArray[np.float64]:
        """Risk (0..1) of each row of `features(...)`, in its order."""
        if not len(rows):
            return np.empty(0)
        return np.asarray(self.booster.predict(_matrix(rows, self.start)), dtype=np.float64)

    def contributions(self, rows: pl.DataFrame) -> NDArray[np.float32]:
        """SHAP values [row, feature] in log-odds, the bias (average, course and month) left out."""
        if not len(rows):
            return np.empty((0, len(FEATURES)), dtype=np.float32)
        values = self.booster.predict(_matrix(rows, self.start), pred_contribs=True)
        found = np.array(values[:, :-1], dtype=np.float32)
        found[:, [FEATURES.index(name) for name in BROUGHT]] += self.start.brought(rows)
        return found

    def score(
        self,
        weeks: Any,
        as_of: dt.date,
        *,
        at_risk_share: float = 0.20,
        enrolments: Any | None = None,
    ) -> pl.DataFrame:
        """Rows of `prd_risk`: each section's newest week that is complete at `as_of`, with the week before for comparison.

        weeks: `msr_student_week`. enrolments: `brg_enrolment`; who has left by the week's end is then not listed.
        A section's `at_risk_share` of highest risks (rounded up) are at risk, unless nothing speaks against them: whoever is listed
        has a reason that somebody can act on. Outcomes are never read.
        """
        frame = as_frame(weeks, WEEK_COLUMNS, name="msr_student_week")
        complete = frame.filter(pl.col("is_complete") & (pl.col("week_end_date") <= as_of))
        newest = pl.col("week_index").max().over("tenant", "section_key")
        rows = features(complete).with_columns(newest=newest)
        if enrolments is not None:
            rows = _still_enrolled(rows, enrolments)
        now = rows.filter(pl.col("week_index") == pl.col("newest")).drop("newest")
        before = rows.filter(pl.col("week_index") == pl.col("newest") - 1).drop("newest")
        risks = now.select(*KEYS, "week_index").with_columns(
            risk=pl.Series(self.predict(now), dtype=pl.Float64)
        )
        earlier = before.select("tenant", "section_key", "person_key").with_columns(
            risk_previous=pl.Series(self.predict(before), dtype=pl.Float64)
        )
        values, given = now.select(FEATURES).to_numpy(), self.contributions(now)
        said = reasons(
            values, now.select(pl.col(FEATURES).median().over("tenant", "section_key")).to_numpy(), given
        )
        words: dict[str, list[str | None]] = {
            f"reason_{n + 1}": [row[n] for row in said] for n in range(REASONS_GIVEN)
        }
        student = ["tenant", "section_key", "person_key"]
        aligned = now.select(student).join(before, on=student, how="left", maintain_order="left")
        moved = changes(values, aligned.select(FEATURES).to_numpy(), given, self.contributions(aligned))
        is_new = aligned["week_index"].is_null()
        words["change_reason"] = [None if new else text for new, text in zip(is_new, moved, strict=True)]
        return self._as_mart(
            risks.with_columns(pl.Series(name, texts, dtype=pl.String) for name, texts in words.items()).join(
                earlier, on=["tenant", "section_key", "person_key"], how="left", maintain_order="left"
            ),
            as_of,
            at_risk_share,
        )

    def _as_mart(self, rows: pl.DataFrame, as_of: dt.date, at_risk_share: float) -> pl.DataFrame:
        section = ["tenant", "section_key"]
        ordered = rows.sort(*section, pl.col("risk"), "person_key", descending=[False, False, True, False])
        listed = (pl.len().over(section) * at_risk_share).ceil()
        return (
            ordered.with_columns(risk_rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over(section))
            .with_columns(
                is_at_risk=(pl.col("risk_rank") <= listed) & pl.col("reason_1").is_not_null(),
                model_name=pl.lit(self.name),
                model_version=pl.lit(self.version),
                as_of=pl.lit(as_of, dtype=pl.Date),
            )
            .select(
                *(*KEYS, "week_index", "risk", "risk_previous", "risk_rank", "is_at_risk"),
                *(f"reason_{n + 1}" for n in range(REASONS_GIVEN)),
                *("change_reason", "model_name", "model_version", "as_of"),
            )
        )

    def save(self, folder: Path) -> None:
        self.booster.save_model(folder / "booster.ubj")
        content = {
            "tenant": self.tenant,
            "features": FEATURES,
            "start": self.start.as_json(),
            "metrics": self.metrics,
            "card": self.card,
        }
        (folder / "risk.json").write_text(json.dumps(content))

    @classmethod
    def load(cls, folder: Path) -> RiskModel:
        """Read a saved model. Refuses one whose features are not today's."""
        import xgboost

        from learnlake.errors import ModelError

        content = json.loads((folder / "risk.json").read_text())
        if tuple(content.pop("features")) != FEATURES:
            raise ModelError(
                "The registered risk model was trained on other features than this release computes",
                where=str(folder),
                mend="run `learnlake train risk`",
            )
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(folder / "booster.ubj")
        return cls(booster=booster, start=StartOdds.from_json(content.pop("start")), **content)


def fit(rows: pl.DataFrame, *, tenant: str = "") -> RiskModel:
    """Fit on labelled rows: `features(...)` with `is_adverse`. Deterministic, one thread.

    A week with recorded views counts half as it is and half without them, so that the model also knows students whose platform
    records none by what they hand in.
    """
    import xgboost

    rows = thin(rows).sort(*FEATURES, "course_key", "week_end_date", "is_adverse", nulls_last=True)
    start = fit_start(rows)
    has_views = pl.col("active_days_per_week").is_not_null() & (pl.col("week_index") > 0)
    seen, rest = rows.filter(has_views), rows.filter(~has_views)
    unseen = seen.with_columns(pl.lit(None, dtype=pl.Float32).alias(name) for name in NEED_VIEWS)
    matrix = _matrix(taught := pl.concat([rest, seen, unseen]), start)
    matrix.set_info(
        label=taught["is_adverse"].cast(pl.Float32).to_numpy(),
        weight=np.concatenate([np.ones(len(rest)), np.full(len(seen) + len(unseen), 0.5)]),
    )
    return RiskModel(booster=xgboost.train(PARAMETERS, matrix, ROUNDS), start=start, tenant=tenant)


def _matrix(rows: pl.DataFrame, start: StartOdds) -> Any:
    import xgboost

    return xgboost.DMatrix(
        rows.select(FEATURES).to_numpy(), base_margin=start.log_odds(rows).astype(np.float32), nthread=1
    )


def thin(rows: pl.DataFrame) -> pl.DataFrame:
    """At most about MAX_ROWS rows: every n-th week of each section, week 0 among them."""
    stride = max(1, math.ceil(len(rows) / MAX_ROWS))
    return rows.filter(pl.col("week_index") % stride == 0)


def _still_enrolled(rows: pl.DataFrame, enrolments: Any) -> pl.DataFrame:
    """Without the rows of students whose enrolment ended before their section's newest week did.

    Where all enrolments of a section end within its newest week, as at the end of a session, that end counts instead.
    """
    section = ["tenant", "section_key"]
    columns = ("tenant", "person_key", "section_key", "role", "end_date")
    held = as_frame(enrolments, columns, name="brg_enrolment").filter(pl.col("role") == "student")
    end = pl.col("end_date").fill_null(dt.date.max).max()
    left = held.group_by(*section, "person_key").agg(left_on=end)
    over = held.group_by(section).agg(section_over=end)
    newest = pl.min_horizontal(pl.col("week_end_date").max().over(section), "section_over")
    return (
        rows.join(left, on=[*section, "person_key"], how="left", maintain_order="left")
        .join(over, on=section, how="left", maintain_order="left")
        .filter(pl.col("left_on").is_null() | (pl.col("left_on") >= newest))
        .drop("left_on", "section_over")
    )
