"""`msr_student_week`, `fct_outcome` and `dim_academic_session` straight from the OULAD files, for `evaluate risk --from files`.

The same definitions as the marts' (docs/architecture.md), from the shared Parquet copies or the publishers' CSV. Nothing
of gender, age, region, education, deprivation or disability is read into them; `read_groups` answers those apart, to judge finished
predictions by.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import polars as pl

from learnlake.errors import InputError
from models.risk.columns import COUNTS, WEEK_COLUMNS

TENANT = "oulad"
START_MONTH = {"B": 2, "J": 10}
"""Presentations named B start on 1 February, J on 1 October (Kuzilek et al. 2017)."""
_SECTION = ["code_module", "code_presentation"]
_STUDENT = [*_SECTION, "id_student"]


@dataclasses.dataclass(frozen=True)
class RiskFrames:
    """The three frames that training and evaluation take, with the marts' columns."""

    weeks: pl.DataFrame
    outcomes: pl.DataFrame
    sessions: pl.DataFrame


def read_oulad(folder: Path) -> RiskFrames:
    """Read the OULAD files under `folder` (or `folder/oulad`). InputError names a missing file."""
    place = folder / "oulad" if (folder / "oulad").is_dir() else folder
    sections = _sections(_table(place, "courses"))
    enrolments = _enrolments(place, sections)
    weeks = _week_grid(enrolments, sections)
    due = _assessments(place, sections)
    activity = _activity(place, due, enrolments)
    for part in (activity.drop("last_active_day"), _due(due), _results(place, due)):
        on = [c for c in (*_STUDENT, "week_index") if c in part.columns]
        weeks = weeks.join(part, on=on, how="left")
    weeks = _with_last_active(weeks, activity)
    return RiskFrames(weeks=_as_mart(weeks), outcomes=_outcomes(enrolments), sessions=_sessions(sections))


def read_plans(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Due pieces of work by week, and the first day, of every presentation with a plan, students or not: for `plan_changes`."""
    place = folder / "oulad" if (folder / "oulad").is_dir() else folder
    sections = _sections(_table(place, "courses"))
    due = _due(_assessments(place, sections)).with_columns(_keys(has_students=False))
    return due, sections.with_columns(_keys(has_students=False)).rename({"start": "start_date"})


def read_groups(folder: Path) -> pl.DataFrame:
    """section_key, person_key and the attributes that a model must not see, for `subgroups` only."""
    place = folder / "oulad" if (folder / "oulad").is_dir() else folder
    attributes = ("gender", "age_band", "disability", "imd_band", "highest_education")
    info = _table(place, "studentInfo").with_columns(_keys())
    return info.select(
        "section_key",
        "person_key",
        *(name for name in attributes if name in info.columns),
        course="course_key",
    )


def _table(folder: Path, name: str) -> pl.DataFrame:
    """The table `name`: one Parquet or CSV file, or several that begin with the name and share its columns."""
    found = sorted([*folder.glob(f"{name}*.parquet"), *folder.glob(f"{name}*.csv")])
    if not found:
        raise InputError(
            f"The OULAD table {name} is not here",
            where=str(folder),
            mend="name a folder with the OULAD files as published (CSV) or as Parquet",
        )
    frames = [
        pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_csv(file, null_values=["?", ""])
        for file in found
    ]
    return pl.concat(frames, how="vertical_relaxed")


def _sections(courses: pl.DataFrame) -> pl.DataFrame:
    year = pl.col("code_presentation").str.slice(0, 4).cast(pl.Int32)
    month = pl.col("code_presentation").str.slice(4, 1).replace_strict(START_MONTH, return_dtype=pl.Int8)
    return courses.select(
        *_SECTION, start=pl.date(year, month, 1), length=pl.col("module_presentation_length").cast(pl.Int32)
    )


def _enrolments(folder: Path, sections: pl.DataFrame) -> pl.DataFrame:
    info = _table(folder, "studentInfo").select(
        *_STUDENT,
        "final_result",
        prior_attempts=pl.col("num_of_prev_attempts").cast(pl.Int64),
        studied_credits=pl.col("studied_credits").cast(pl.Int64),
    )
    registration = _table(folder, "studentRegistration").select(
        *_STUDENT,
        begin_day=pl.col("date_registration").cast(pl.Float64).fill_null(0).cast(pl.Int32),
        unregistered_day=pl.col("date_unregistration").cast(pl.Float64).cast(pl.Int32),
    )
    return info.join(registration, on=_STUDENT, how="left").join(sections, on=_SECTION)


def _week_grid(enrolments: pl.DataFrame, sections: pl.DataFrame) -> pl.DataFrame:
    """One row per enrolment and week, from the week in which it begins to the presentation's last."""
    weeks = sections.select(*_SECTION, week_index=pl.int_ranges(0, (pl.col("length") - 1) // 7 + 2)).explode(
        "week_index"
    )
    return enrolments.join(weeks, on=_SECTION).filter(pl.col("begin_day") <= 7 * pl.col("week_index") - 1)


def _with_last_active(weeks: pl.DataFrame, activity: pl.DataFrame) -> pl.DataFrame:
    """The latest active day up to the week's end, also of weeks before the enrolment's first row."""
    latest = activity.sort("week_index").select(
        *_STUDENT, "week_index", pl.col("last_active_day").cum_max().over(_STUDENT, order_by="week_index")
    )
    return weeks.sort("week_index").join_asof(
        latest, on="week_index", by=_STUDENT, strategy="backward", check_sortedness=False
    )


def _week_of(day: str) -> pl.Expr:
    return pl.when(pl.col(day) < 0).then(0).otherwise(pl.col(day) // 7 + 1).cast(pl.Int64)


def _assessments(folder: Path, sections: pl.DataFrame) -> pl.DataFrame:
    """id_assessment, section, due_day (the presentation's end where the file has none), weight."""
    return (
        _table(folder, "assessments")
        .join(sections, on=_SECTION)
        .select(
            *_SECTION,
            "id_assessment",
            due_day=pl.col("date").cast(pl.Float64).cast(pl.Int32).fill_null(pl.col("length") - 1),
            weight=pl.col("weight").cast(pl.Float64),
        )
    )


def _submissions(folder: Path, due: pl.DataFrame) -> pl.DataFrame:
    return (
        _table(folder, "studentAssessment")
        .join(due, on="id_assessment")
        .with_columns(day=pl.col("date_submitted").cast(pl.Int32), is_banked=pl.col("is_banked") == 1)
        .with_columns(score=pl.col("score").cast(pl.Float64) / 100)
    )


def _activity(folder: Path, due: pl.DataFrame, enrolments: pl.DataFrame) -> pl.DataFrame:
    """Views (click rows, or the pre-course total where a presentation has no click log) and hand-ins that are not banked."""
    clicks = _table(folder, "studentVle").select(
        *_STUDENT,
        day=pl.col("date").cast(pl.Int32),
        clicks=pl.col("sum_click").cast(pl.Int64),
        views=pl.lit(1),
    )
    parts = [clicks]
    if list(folder.glob("derived_precourse_clicks*")):
        logged = clicks.select(_SECTION).unique()
        parts.append(
            _table(folder, "derived_precourse_clicks")
            .join(logged, on=_SECTION, how="anti")
            .select(
                *_STUDENT,
                day=pl.lit(-1, dtype=pl.Int32),
                clicks=pl.col("pre_course_clicks").cast(pl.Int64),
                views=pl.lit(1),
            )
        )
    handed_in = (
        _submissions(folder, due)
        .filter(~pl.col("is_banked"))
        .select(*_STUDENT, "day", clicks=pl.lit(0, dtype=pl.Int64), views=pl.lit(0))
    )
    events = pl.concat([*parts, handed_in]).join(enrolments.select(_STUDENT), on=_STUDENT)
    return (
        events.with_columns(week_index=_week_of("day"))
        .group_by(*_STUDENT, "week_index")
        .agg(
            event_count=pl.len().cast(pl.Int64),
            click_count=pl.col("clicks").sum(),
            view_count=pl.col("views").sum().cast(pl.Int64),
            active_days=pl.col("day").n_unique().cast(pl.Int64),
            last_active_day=pl.col("day").max(),
        )
    )


def _due(due: pl.DataFrame) -> pl.DataFrame:
    return (
        due.with_columns(week_index=_week_of("due_day"))
        .group_by(*_SECTION, "week_index")
        .agg(due_count=pl.len().cast(pl.Int64), due_weight=pl.col("weight").sum())
    )


def _results(folder: Path, due: pl.DataFrame) -> pl.DataFrame:
    submissions = _submissions(folder, due)
    kept = submissions.filter(~pl.col("is_banked"))
    graded = pl.col("score").is_not_null()
    by_submission = (
        kept.with_columns(week_index=_week_of("day"))
        .group_by(*_STUDENT, "week_index")
        .agg(
            submitted_count=pl.len().cast(pl.Int64),
            submitted_late_count=(pl.col("day") > pl.col("due_day")).sum().cast(pl.Int64),
            days_early_sum=(pl.col("due_day") - pl.col("day")).sum().cast(pl.Int64),
            score_sum=pl.col("score").sum(),
            score_count=graded.sum().cast(pl.Int64),
            weighted_score_sum=(pl.col("weight") * pl.col("score")).sum(),
            score_weight_sum=pl.col("weight").filter(graded).sum(),
        )
    )
    on_time = (
        kept.with_columns(week_index=_week_of("due_day"))
        .filter(_week_of("day") <= pl.col("week_index"))
        .group_by(*_STUDENT, "week_index")
        .agg(on_time_due_count=pl.len().cast(pl.Int64))
    )
    banked = (
        submissions.filter("is_banked")
        .with_columns(week_index=_week_of("day"))
        .group_by(*_STUDENT, "week_index")
        .agg(banked_count=pl.len().cast(pl.Int64))
    )
    keys = [*_STUDENT, "week_index"]
    return by_submission.join(on_time, on=keys, how="full", coalesce=True).join(
        banked, on=keys, how="full", coalesce=True
    )


def _as_mart(weeks: pl.DataFrame) -> pl.DataFrame:
    start = pl.col("start")
    absent = [name for name in COUNTS if name not in weeks.columns]
    filled = weeks.with_columns(
        *(pl.lit(0, dtype=pl.Int64).alias(name) for name in absent),
    ).with_columns(pl.col(COUNTS).fill_null(0))
    return filled.with_columns(
        *_keys(),
        week_end_date=start + pl.duration(days=7 * pl.col("week_index") - 1),
        is_complete=pl.lit(True),
        last_active_date=start + pl.duration(days="last_active_day"),
        days_before_start_registered=-pl.col("begin_day").cast(pl.Int64),
    ).select(WEEK_COLUMNS)


def _keys(*, has_students: bool = True) -> list[pl.Expr]:
    section = pl.format(f"{TENANT}:{{}}-{{}}", "code_module", "code_presentation")
    return [
        pl.lit(TENANT).alias("tenant"),
        *([pl.format("student-{}", "id_student").alias("person_key")] if has_students else []),
        pl.lit(TENANT).alias("school_key"),
        section.alias("section_key"),
        pl.format(f"{TENANT}:{{}}", "code_module").alias("course_key"),
        section.alias("session_key"),
    ]


def _outcomes(enrolments: pl.DataFrame) -> pl.DataFrame:
    return enrolments.with_columns(_keys()).select(
        *("tenant", "person_key", "school_key", "section_key", "course_key", "session_key"),
        outcome=pl.col("final_result").str.to_lowercase(),
        is_adverse=pl.col("final_result").is_in(["Fail", "Withdrawn"]),
        unregistered_on=pl.col("start") + pl.duration(days="unregistered_day"),
    )


def _sessions(sections: pl.DataFrame) -> pl.DataFrame:
    name = pl.format(f"{TENANT}:{{}}-{{}}", "code_module", "code_presentation")
    return sections.select(
        tenant=pl.lit(TENANT),
        session_key=name,
        title=pl.col("code_presentation"),
        start_date="start",
        end_date=pl.col("start") + pl.duration(days=pl.col("length") - 1),
        is_running=pl.lit(False),
    )
