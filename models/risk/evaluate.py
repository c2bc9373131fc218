"""Labels, population, training with a later session held out, and the evaluation by decision week.

`fct_outcome` is read here and nowhere else in the room: as the label, and for who had already left.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from learnlake.errors import ModelError
from models.bootstrap import Ranking, auc_interval
from models.frames import as_frame, one_tenant
from models.metrics import risk_metrics
from models.risk.columns import OUTCOME_COLUMNS, SESSION_COLUMNS
from models.risk.features import features
from models.risk.model import MAX_ROWS, PARAMETERS, ROUNDS, RiskModel, fit
from models.risk.plans import plan_changes
from models.risk.subgroups import subgroups

PROTOCOL_WEEKS = (0, 2, 4, 8, 12, 16, 20)
"""Decision weeks of the OULAD protocol."""
_STUDENT = ["tenant", "section_key", "person_key"]


def labelled(weeks: Any, outcomes: Any) -> pl.DataFrame:
    """`features` of the population with `is_adverse`: enrolled by the decision day, not yet unregistered, outcome known."""
    known = as_frame(outcomes, OUTCOME_COLUMNS, name="fct_outcome").select(OUTCOME_COLUMNS)
    joined = features(weeks).join(known.drop_nulls("is_adverse"), on=_STUDENT, how="inner")
    is_there = pl.col("unregistered_on").is_null() | (pl.col("unregistered_on") > pl.col("week_end_date"))
    return joined.filter(is_there).drop("unregistered_on")


def train(weeks: Any, outcomes: Any, sessions: Any) -> RiskModel:
    """A model of all finished sessions of one tenant, with `metrics` from the newest of them held out first.

    weeks: `msr_student_week`, outcomes: `fct_outcome`, sessions: `dim_academic_session`. With one finished session only,
    every fifth student is held out instead, and the card says so. ModelError where nothing can be learned yet.
    """
    rows = finished_rows(weeks, outcomes, sessions)
    tenant = one_tenant(rows, name="msr_student_week")
    starts: list[dt.date] = rows["start_date"].unique().sort().to_list()
    if len(starts) > 1:
        is_held_out = rows["start_date"] == starts[-1]
        split = f"Trained on sessions before, tested on those that began {starts[-1]!s}; mean over the decision weeks."
    else:
        is_held_out = rows.select(
            pl.col("person_key").map_elements(_is_fifth, return_dtype=pl.Boolean)
        ).to_series()
        split = "One finished session only: every fifth student held out; a later session is usually harder."
    model = fit(rows, tenant=tenant)
    train_rows, test_rows = rows.filter(~is_held_out), rows.filter(is_held_out)
    if train_rows["is_adverse"].n_unique() == 2 and test_rows["is_adverse"].n_unique() == 2:
        by_week = evaluate_weeks(fit(train_rows), test_rows)
        model.metrics = {
            name: float(np.nanmean(by_week[name].to_numpy()))
            for name in ("auc", "pr_auc", "brier", "slope", "ece", "precision_top20", "adverse_rate")
        }
    model.card = _card_facts(rows, model, split)
    return model


def finished_rows(weeks: Any, outcomes: Any, sessions: Any) -> pl.DataFrame:
    """`labelled` rows of sessions that are over, with the session's `start_date`. ModelError where there are none."""
    known = as_frame(sessions, SESSION_COLUMNS, name="dim_academic_session")
    over = known.filter(~pl.col("is_running")).select("tenant", "session_key", "start_date")
    rows = labelled(weeks, outcomes).join(over, on=["tenant", "session_key"], how="inner")
    if not len(rows):
        raise ModelError(
            "No finished session has outcomes yet, so there is no at-risk model and no risk is shown",
            mend="send outcomes (`concluded` statements, docs/xapi-profile.md) of a finished session, then train again",
        )
    if rows["is_adverse"].n_unique() < 2:
        raise ModelError(
            "All students of the finished sessions have the same outcome, so there is nothing to tell apart",
            mend="train again when a finished session has both good and adverse outcomes",
        )
    return rows


def evaluate_weeks(
    model: RiskModel, test_rows: pl.DataFrame, *, decision_weeks: Sequence[int] | None = None
) -> pl.DataFrame:
    """One row per decision week: week, auc, pr_auc, brier, slope, ece, precision_top20, adverse_rate, count."""
    return _by_week(_predicted(model, test_rows), decision_weeks)


def _predicted(model: RiskModel, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(risk=pl.Series(model.predict(rows)))


def _by_week(
    ordered: pl.DataFrame, decision_weeks: Sequence[int] | None, *, has_intervals: bool = False
) -> pl.DataFrame:
    found = []
    for week in decision_weeks or ordered["week_index"].unique().sort().to_list():
        rows = ordered.filter(pl.col("week_index") == week)
        if len(rows):
            truth = rows["is_adverse"].cast(pl.Float64).to_numpy()
            found.append({"week": week, **risk_metrics(truth, rows["risk"].to_numpy())})
            if has_intervals:
                ranking = Ranking(truth, rows["risk"].to_numpy(), rows["person_key"].to_numpy())
                found[-1] |= dict(zip(("auc_low", "auc_high"), auc_interval([ranking]), strict=True))
    return pl.DataFrame(found).with_columns(pl.col("count").cast(pl.Int64))


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """`by_week` as `evaluate_weeks` answers it with the AUC's bootstrap interval (students drawn again), and what it was made of."""

    by_week: pl.DataFrame
    train_starts: list[dt.date]
    test_start: dt.date
    subgroups: pl.DataFrame
    """As `subgroups` answers it, over the decision weeks; by course where no other groups are given."""
    plan_changes: pl.DataFrame
    """Of the tested sections, from their deadlines alone."""
    held_out: pl.DataFrame
    """Keys and truth of the rows that were predicted."""


def evaluate(
    weeks: Any,
    outcomes: Any,
    sessions: Any,
    *,
    test_from: dt.date | None = None,
    decision_weeks: Sequence[int] = PROTOCOL_WEEKS,
    groups: pl.DataFrame | None = None,
) -> Evaluation:
    """Train on finished sessions that began before `test_from` (default: the newest), test on those that began then.

    groups: section_key, person_key and a column per attribute, to judge the predictions by; never a feature.
    """
    rows = finished_rows(weeks, outcomes, sessions)
    starts: list[dt.date] = rows["start_date"].unique().sort().to_list()
    test_start = test_from or starts[-1]
    earlier = rows.filter(pl.col("start_date") < test_start)
    later = rows.filter(pl.col("start_date") == test_start)
    if not len(earlier) or not len(later):
        raise ModelError(
            f"There is no finished session from {test_start:%Y-%m-%d} with an earlier finished one before it",
            where=f"finished sessions begin {', '.join(map(str, starts))}",
            mend="evaluate when two sessions with outcomes are over, or name one of these days",
        )
    judged = later.filter(pl.col("week_index").is_in(list(decision_weeks)))
    predicted = _predicted(fit(earlier), judged)
    by_course = later.select("section_key", "person_key", course="course_key").unique()
    tested = rows.select("tenant", "section_key", "start_date").unique()
    changed = plan_changes(weeks, tested).join(
        later.select("section_key").unique(), on="section_key", how="semi"
    )
    return Evaluation(
        _by_week(predicted, decision_weeks, has_intervals=True),
        [start for start in starts if start < test_start],
        test_start,
        subgroups(predicted, by_course if groups is None else groups),
        changed,
        judged.select("section_key", "person_key", "week_index", "is_adverse"),
    )


def _is_fifth(person_key: str) -> bool:
    return int.from_bytes(hashlib.sha256(person_key.encode()).digest()[:8], "big") % 5 == 0


def _card_facts(rows: pl.DataFrame, model: RiskModel, split: str) -> dict[str, Any]:
    return {
        "title": "Risk of failing or leaving a course (XGBoost on weekly features)",
        "intended_use": "Lists, week by week, the students whom a teacher should talk to first, with reasons. A person decides "
        "what to do. Not for marks, admission or any measure against a student.",
        "limits": "Learns from the finished sessions of this school only; sees what is in the learning systems only; a change in "
        "how a course is assessed makes it wrong until the next training. The listed share is a setting, not a finding.",
        "data": {
            "tenant": model.tenant,
            "student_weeks": len(rows),
            "students": rows["person_key"].n_unique(),
            "sections": rows["section_key"].n_unique(),
            "first_session_start": str(rows["start_date"].min()),
            "last_session_start": str(rows["start_date"].max()),
            "adverse_share": float(rows["is_adverse"].cast(pl.Float64).to_numpy().mean()),
        },
        "parameters": {**PARAMETERS, "rounds": ROUNDS, "max_rows": MAX_ROWS},
        "evaluation": split,
        "sensitive_attributes": "None: no gender, age, region, deprivation, education or disability. Prior attempts, credits, the "
        "day of registration, and how the course and sessions of this month ended so far are used.",
    }
