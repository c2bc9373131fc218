"""Weekly rows into what a decision at the end of each week knows: so far, lately, and beside the class. Pure Polars.

A row of week w is made of the rows 0..w of its section, and of nothing else: no outcome, no later week, no attribute of
a person beyond prior attempts, credits and the day of registration.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from models.frames import as_frame
from models.risk.columns import COUNTS, KEYS, STATIC, WEEK_COLUMNS

RECENT_WEEKS = 4
DECIMALS = 6
"""Sums are rounded, so that equal ones tie in the ranks in whatever order a database added them up."""
_WHO = ["tenant", "section_key", "person_key"]
_CLASS = ["tenant", "section_key", "week_index"]

GROUPS: dict[str, tuple[str, ...]] = {
    "attendance": (
        *("active_days_per_week", "active_days_recent", "days_since_active", "logins_recent"),
        *("absent_share", "absent_recent", "late_arrival_share", "active_days_rank"),
    ),
    "engagement": (
        *(
            "clicks_before_start",
            "clicks_before_start_rank",
            "clicks_per_week",
            "clicks_recent",
            "clicks_trend",
            "clicks_rank",
            "events_recent",
            "events_rank",
        ),
        *("minutes_per_week", "minutes_recent", "minutes_trend", "views_recent", "videos_recent"),
        *("attempts_per_week", "attempts_recent", "skills_recent"),
    ),
    "results": (
        *(
            "mean_score",
            "weighted_mean_score",
            "last_score",
            "score_trend",
            "score_sum",
            "points_share",
            "points_rank",
            "score_rank",
        ),
        *("correct_share", "correct_recent", "correct_rank"),
    ),
    "pace": (
        *(
            "handed_in_count",
            "handed_in_share",
            "on_time_share",
            "missed_count",
            "missed_recent",
            "last_due_on_time",
            "late_share",
        ),
        *("days_early_mean", "last_days_early", "weeks_since_handed_in", "ahead_count", "handed_in_rank"),
    ),
    "background": ("week", *STATIC, "banked"),
}
"""Features by what a teacher would call them. `background` moves the risk but is never given as a reason.

Values of the whole class are left out: there are as few of them as classes, and trees know a class by them rather than learn from it.
"""

FEATURES: tuple[str, ...] = tuple(name for group in GROUPS.values() for name in group)
NEED_VIEWS: tuple[str, ...] = (
    *("active_days_per_week", "active_days_recent", "days_since_active", "active_days_rank"),
    *(name for name in GROUPS["engagement"] if not name.startswith("clicks_before_start")),
)
"""Features that say nothing in a section whose platform records no views."""
_MADE_HERE = (*KEYS, "week_index", "week_end_date", "is_complete")


def features(msr_student_week: Any) -> pl.DataFrame:
    """One row per row of `msr_student_week`: its keys, week_index, week_end_date, is_complete, then FEATURES (Float32)."""
    weeks = as_frame(msr_student_week, WEEK_COLUMNS, name="msr_student_week").select(WEEK_COLUMNS)
    rows = weeks.sort(*_WHO, "week_index").with_columns(
        pl.col(COUNTS).cast(pl.Float64).round(DECIMALS).fill_null(0.0), pl.col(STATIC).cast(pl.Float64)
    )
    made = _with_history(rows).with_columns(**_own()).with_columns(**_beside_the_class())
    made = made.with_columns(pl.when(_is_recorded()).then(pl.col(NEED_VIEWS)).name.keep())
    return made.select(*_MADE_HERE, pl.col(FEATURES).cast(pl.Float64).round(DECIMALS).cast(pl.Float32))


def _with_history(rows: pl.DataFrame) -> pl.DataFrame:
    """Running totals (`all_`), totals of the last RECENT_WEEKS weeks (`lately_`), and the latest of what comes seldom."""
    before = {name: pl.col(f"all_{name}").shift(RECENT_WEEKS).over(_WHO).fill_null(0.0) for name in COUNTS}
    had = {name: pl.col(name) > 0 for name in ("due_count", "submitted_count", "score_count")}
    latest = {
        "last_due_on_time": pl.when(had["due_count"]).then(pl.col("on_time_due_count") / pl.col("due_count")),
        "last_days_early": pl.when(had["submitted_count"]).then(
            pl.col("days_early_sum") / pl.col("submitted_count")
        ),
        "last_score": pl.when(had["score_count"]).then(pl.col("score_sum") / pl.col("score_count")),
        "last_handed_in_week": pl.when(had["submitted_count"]).then(pl.col("week_index")),
    }
    return (
        rows.with_columns(pl.col(name).cum_sum().over(_WHO).alias(f"all_{name}") for name in COUNTS)
        .with_columns(
            (pl.col(f"all_{name}") - earlier).alias(f"lately_{name}") for name, earlier in before.items()
        )
        .with_columns(
            *(value.forward_fill().over(_WHO).alias(name) for name, value in latest.items()),
            views_before_start=pl.col("view_count").filter(pl.col("week_index") == 0).sum().over(_WHO),
            weeks_seen=pl.int_range(1, pl.len() + 1).over(_WHO).cast(pl.Float64),
        )
    )


def _is_recorded() -> pl.Expr:
    """Whether the section's platform records views at all once the course runs: where it doesn't, no view is no sign."""
    since_start = pl.col("all_view_count") - pl.col("views_before_start")
    return (since_start.sum().over(_CLASS) > 0) | (pl.col("week_index") == 0)


def _share(part: pl.Expr, whole: str) -> pl.Expr:
    return pl.when(pl.col(whole) > 0).then(part / pl.col(whole))


def _per_week(name: str) -> pl.Expr:
    return pl.col(f"all_{name}") / pl.col("weeks_seen")


def _trend(name: str) -> pl.Expr:
    """Lately beside all weeks: 1 is as ever, 0 is nothing lately; null where there never was anything."""
    lately = pl.col(f"lately_{name}") / pl.min_horizontal(pl.lit(float(RECENT_WEEKS)), "weeks_seen")
    return pl.when(pl.col(f"all_{name}") > 0).then(lately / _per_week(name))


def _own() -> dict[str, pl.Expr]:
    """Features of the student's own rows."""
    mean_score = _share(pl.col("all_score_sum"), "all_score_count")
    return {
        "active_days_per_week": _per_week("active_days"),
        "active_days_recent": pl.col("lately_active_days"),
        "days_since_active": (pl.col("week_end_date") - pl.col("last_active_date")).dt.total_days(),
        "logins_recent": pl.col("lately_login_count"),
        "absent_share": _share(pl.col("all_absent_count"), "all_meeting_count"),
        "absent_recent": _share(pl.col("lately_absent_count"), "lately_meeting_count"),
        "late_arrival_share": _share(pl.col("all_late_count"), "all_meeting_count"),
        "clicks_before_start": pl.col("click_count").filter(pl.col("week_index") == 0).first().over(_WHO),
        "clicks_per_week": _per_week("click_count"),
        "clicks_recent": pl.col("lately_click_count"),
        "clicks_trend": _trend("click_count"),
        "events_recent": pl.col("lately_event_count"),
        "minutes_per_week": _per_week("minutes_active"),
        "minutes_recent": pl.col("lately_minutes_active"),
        "minutes_trend": _trend("minutes_active"),
        "views_recent": pl.col("lately_view_count"),
        "videos_recent": pl.col("lately_video_count"),
        "attempts_per_week": _per_week("attempt_count"),
        "attempts_recent": pl.col("lately_attempt_count"),
        "skills_recent": pl.col("lately_skill_count"),
        "mean_score": mean_score,
        "weighted_mean_score": _share(pl.col("all_weighted_score_sum"), "all_score_weight_sum"),
        "score_sum": pl.col("all_score_sum"),
        "score_trend": pl.col("last_score") - mean_score,
        "points_share": _share(pl.col("all_weighted_score_sum"), "all_due_weight"),
        "correct_share": _share(pl.col("all_correct_count"), "all_attempt_count"),
        "correct_recent": _share(pl.col("lately_correct_count"), "lately_attempt_count"),
        "handed_in_count": pl.col("all_submitted_count"),
        "handed_in_share": _share(pl.col("all_submitted_count"), "all_due_count"),
        "on_time_share": _share(pl.col("all_on_time_due_count"), "all_due_count"),
        "missed_count": pl.col("all_due_count") - pl.col("all_on_time_due_count"),
        "missed_recent": pl.col("lately_due_count") - pl.col("lately_on_time_due_count"),
        "late_share": _share(pl.col("all_submitted_late_count"), "all_submitted_count"),
        "days_early_mean": _share(pl.col("all_days_early_sum"), "all_submitted_count"),
        "weeks_since_handed_in": pl.col("week_index") - pl.col("last_handed_in_week"),
        "ahead_count": pl.col("all_submitted_count") - pl.col("all_due_count"),
        "week": pl.col("week_index"),
        "banked": pl.col("all_banked_count"),
    }


def _beside_the_class() -> dict[str, pl.Expr]:
    """Where the student stands in the section in the same week (0 lowest, 1 highest)."""

    def rank(value: pl.Expr) -> pl.Expr:
        return value.rank("average").over(_CLASS) / value.count().over(_CLASS)

    return {
        "active_days_rank": rank(pl.col("all_active_days")),
        "clicks_before_start_rank": rank(pl.col("clicks_before_start")),
        "clicks_rank": rank(pl.col("all_click_count")),
        "events_rank": rank(pl.col("lately_event_count")),
        "points_rank": rank(pl.col("all_weighted_score_sum")),
        "score_rank": rank(pl.col("mean_score")),
        "correct_rank": rank(pl.col("correct_share")),
        "handed_in_rank": rank(pl.col("all_submitted_count")),
    }
