"""Drift week by week and school by school: what comes in, what is predicted, what turns out. Rows of `qc_drift` with the cause in words.

A control chart: the newest two whole weeks against the weeks before them. Comparing whole sessions with Evidently is `drift`'s business.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import polars as pl

from models.frames import as_frame
from models.mastery import MasteryModel
from models.mastery.sequences import usable_attempts
from models.risk.columns import SESSION_COLUMNS, WEEK_COLUMNS

REFERENCE_WEEKS = 8
LEAST_REFERENCE_WEEKS = 4
LEAST_STUDENTS = 20
"""Active students that a school's week needs to say anything."""
LIMIT = 4.0
"""How many spreads both weeks have to lie off the weeks before, on the same side, to be drift; see `benchmarks.drift` for how often chance does that."""
TERM_LIMIT = 0.25
"""Share of a course's due weight that may fall due in other weeks than in the session before."""
_MAD_TO_DEVIATION = 1.4826


@dataclasses.dataclass(frozen=True)
class Indicator:
    """One number per school and week. `floor` is the least spread, as a share of the usual value where `is_ratio`, else in its own unit."""

    kind: str
    floor: float
    is_ratio: bool
    cause: str


INDICATORS = {
    "events_per_active_day": Indicator(
        "input", 0.10, True, "a source logs more or less of the same activity, perhaps each thing twice"
    ),
    "answers_per_active_day": Indicator(
        "input", 0.15, True, "a source reports more or fewer answers for the same activity"
    ),
    "new_item_share": Indicator(
        "input", 0.05, False, "items that the model has not learned are asked: another item bank"
    ),
    "predicted_share": Indicator("prediction", 0.03, False, "the model expects other answers than before"),
    "correct_minus_predicted": Indicator(
        "outcome", 0.03, False, "answers turn out otherwise than the model expects"
    ),
}
TERM_CAUSE = (
    "the course's assessments fall due in other weeks, or with other weights, than in the session before"
)


def compare(
    weeks: Any, attempts: Any, sessions: Any, *, model: MasteryModel | None, checked_at: dt.datetime
) -> pl.DataFrame:
    """Rows of `qc_drift` of one tenant: each indicator of each school in its newest whole week, and each course's term.

    weeks: `msr_student_week`, attempts: `fct_attempt`, sessions: `dim_academic_session`. Schools with too few weeks or students have no row.
    """
    frame = as_frame(weeks, WEEK_COLUMNS, name="msr_student_week").filter(pl.col("is_complete"))
    charts = indicators(frame, attempts, model)
    found = [*_charted(charts), *_terms(frame, sessions)]
    tenant = frame["tenant"].first() if len(frame) else ""
    rows = [{"tenant": tenant, **row, "checked_at": checked_at} for row in found]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("has_drifted", "statistic", descending=True)


SCHEMA: dict[str, Any] = {
    "tenant": pl.String,
    "scope": pl.String,
    "kind": pl.String,
    "feature": pl.String,
    "cause": pl.String,
    "reference_window": pl.String,
    "current_window": pl.String,
    "statistic_name": pl.String,
    "statistic": pl.Float64,
    "threshold": pl.Float64,
    "has_drifted": pl.Boolean,
    "checked_at": pl.Datetime("us", "UTC"),
}


def indicators(weeks: pl.DataFrame, attempts: Any, model: MasteryModel | None) -> pl.DataFrame:
    """school_key, week (its Monday), and each indicator; null where the week has too few students."""
    active = (
        weeks.filter((pl.col("week_index") > 0) & (pl.col("active_days") > 0))
        .with_columns(week=_monday(pl.col("week_end_date")))
        .group_by("school_key", "week")
        .agg(
            pl.col("event_count", "attempt_count", "active_days").sum().cast(pl.Float64),
            students=pl.col("person_key").n_unique(),
        )
        .filter(pl.col("students") >= LEAST_STUDENTS)
        .select(
            "school_key",
            "week",
            events_per_active_day=pl.col("event_count") / pl.col("active_days"),
            answers_per_active_day=pl.col("attempt_count") / pl.col("active_days"),
        )
    )
    answered = _answered(attempts, model)
    return active.join(answered, on=["school_key", "week"], how="full", coalesce=True).sort(
        "school_key", "week"
    )


def _answered(attempts: Any, model: MasteryModel | None) -> pl.DataFrame:
    """The indicators of answers. Only whole weeks: the newest answer's week is still going on."""
    empty = {"school_key": pl.String, "week": pl.Date, **dict.fromkeys(list(INDICATORS)[2:], pl.Float64)}
    if model is None:
        return pl.DataFrame(schema=empty)
    rows = model.predict_responses(usable_attempts(attempts)).with_columns(
        week=_monday(pl.col("responded_at").dt.date())
    )
    known = pl.DataFrame(
        [(skill, item) for skill, items in model.items.items() for item in items],
        schema={"skill_key": pl.String, "activity_key": pl.String},
        orient="row",
    ).with_columns(is_known=True)
    whole = rows.filter(pl.col("week") < pl.col("week").max()).with_columns(practice=_PRACTICE)
    by_week = ["school_key", "week"]
    expected = (
        whole.group_by(*by_week, "practice")
        .agg(pl.col("predicted").mean())
        .join(whole.group_by("practice").len("weight"), on="practice")
        .group_by(by_week)
        .agg(predicted_share=(pl.col("predicted") * pl.col("weight")).sum() / pl.col("weight").sum())
    )
    return (
        whole.join(known, on=["skill_key", "activity_key"], how="left")
        .group_by(by_week)
        .agg(
            students=pl.col("person_key").n_unique(),
            new_item_share=pl.col("is_known").is_null().mean(),
            correct_minus_predicted=pl.col("is_correct").cast(pl.Float64).mean() - pl.col("predicted").mean(),
        )
        .join(expected, on=by_week)
        .filter(pl.col("students") >= LEAST_STUDENTS)
        .select(list(empty))
    )


_PRACTICE = pl.min_horizontal(
    pl.col("response_number").rank("ordinal").over("person_key", "skill_key"), pl.lit(6)
)
"""How often the person has practised the skill. Predictions are compared at equal practice, or each term's course would look like drift."""


def _charted(charts: pl.DataFrame) -> list[dict[str, Any]]:
    """Each indicator of each school in its two newest weeks."""
    found = []
    for (school,), weeks in charts.group_by("school_key", maintain_order=True):
        for name, indicator in INDICATORS.items():
            values = weeks.select("week", name).drop_nulls()
            if len(values) < LEAST_REFERENCE_WEEKS + 2:
                continue
            reference = values.slice(0, len(values) - 2).tail(REFERENCE_WEEKS)
            usual, spread = usual_and_spread(reference[name], indicator)
            off = [(value - usual) / spread for value in values[name].tail(2)]
            is_same_side = off[0] * off[1] > 0
            statistic = min(map(abs, off)) if is_same_side else 0.0
            found.append(
                {
                    "scope": school,
                    "kind": indicator.kind,
                    "feature": name,
                    "cause": indicator.cause,
                    "reference_window": _span(reference["week"]),
                    "current_window": _span(values["week"].tail(2)),
                    "statistic_name": "spreads off the usual value",
                    "statistic": statistic,
                    "threshold": LIMIT,
                    "has_drifted": statistic >= LIMIT,
                }
            )
    return found


def usual_and_spread(reference: pl.Series, indicator: Indicator) -> tuple[float, float]:
    """Median of the reference weeks, and their spread: robust, so that a holiday among them does not hide what comes after."""
    values = reference.to_numpy()
    usual = float(pl.Series(values).median() or 0.0)  # type: ignore[arg-type]
    around = float(pl.Series(abs(values - usual)).median() or 0.0) * _MAD_TO_DEVIATION  # type: ignore[arg-type]
    floor = indicator.floor * abs(usual) if indicator.is_ratio else indicator.floor
    return usual, max(around, floor, 1e-9)


def _terms(weeks: pl.DataFrame, sessions: Any) -> list[dict[str, Any]]:
    """Of each course the newest session's due weight by week beside the session before, as far as the newest has come.

    Known before any outcome is: a course that has changed its assessments is flagged while its labels are years of marking away.
    """
    starts = as_frame(sessions, SESSION_COLUMNS, name="dim_academic_session").select(
        "tenant", "session_key", "start_date"
    )
    due = (
        weeks.filter(pl.col("week_index") > 0)
        .join(starts, on=["tenant", "session_key"])
        .group_by("course_key", "start_date", "week_index")
        .agg(pl.col("due_weight", "due_count").cast(pl.Float64).mean())
        .sort("course_key", "start_date", "week_index")
    )
    found = []
    for (course,), rows in due.drop_nulls("course_key").group_by("course_key", maintain_order=True):
        begun = rows["start_date"].unique().sort()
        if len(begun) < 2:
            continue
        before, now = (rows.filter(pl.col("start_date") == start) for start in begun.tail(2))
        last_week = int(now["week_index"].to_numpy().max())
        moved = max(_moved(before, now, column, last_week) for column in ("due_weight", "due_count"))
        found.append(
            {
                "scope": course,
                "kind": "input",
                "feature": "term",
                "cause": TERM_CAUSE,
                "reference_window": f"session from {begun[-2]}, weeks 1-{last_week}",
                "current_window": f"session from {begun[-1]}, weeks 1-{last_week}",
                "statistic_name": "share of what is due that has moved",
                "statistic": moved,
                "threshold": TERM_LIMIT,
                "has_drifted": moved >= TERM_LIMIT,
            }
        )
    return found


def _moved(before: pl.DataFrame, now: pl.DataFrame, column: str, last_week: int) -> float:
    """The largest difference of what was due by the end of a week, as a share of all that is due in the longer of the two."""
    due = [
        frame.filter(pl.col("week_index") <= last_week).select("week_index", pl.col(column).cum_sum())
        for frame in (before, now)
    ]
    both = due[0].join(due[1], on="week_index", suffix="_now")
    whole = max((float(frame[column].sum()) for frame in (before, now)), default=0.0)
    if not whole or not len(both):
        return 0.0
    return float((both[column] - both[f"{column}_now"]).abs().max()) / whole  # type: ignore[arg-type]


def _monday(day: pl.Expr) -> pl.Expr:
    return day.dt.truncate("1w")


def _span(weeks: pl.Series) -> str:
    days = weeks.sort().to_list()
    return f"weeks of {days[0]} to {days[-1]}"
