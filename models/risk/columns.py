"""Which columns of the marts the at-risk model reads, and under which names. No logic."""

from __future__ import annotations

KEYS = ("tenant", "person_key", "school_key", "section_key", "course_key", "session_key")

COUNTS = (
    *(
        "event_count",
        "click_count",
        "active_days",
        "minutes_active",
        "login_count",
        "view_count",
        "video_count",
    ),
    *("attempt_count", "correct_count", "skill_count", "due_count", "due_weight", "submitted_count"),
    *("submitted_late_count", "days_early_sum", "on_time_due_count", "score_sum", "score_count"),
    *("weighted_score_sum", "score_weight_sum", "banked_count", "meeting_count", "absent_count"),
    *("excused_count", "late_count"),
)
"""Columns of `msr_student_week` that count what happened in the week."""

STATIC = ("days_before_start_registered", "prior_attempts", "studied_credits")

WEEK_COLUMNS = (
    *KEYS,
    *("week_index", "week_end_date", "is_complete"),
    *COUNTS,
    "last_active_date",
    *STATIC,
)
"""What the model reads of `msr_student_week`. No attribute of a person beyond STATIC is among them."""

OUTCOME_COLUMNS = ("tenant", "person_key", "section_key", "is_adverse", "unregistered_on")
"""What training and evaluation read of `fct_outcome`; features and scoring never do."""

SESSION_COLUMNS = ("tenant", "session_key", "start_date", "end_date", "is_running")
"""What training reads of `dim_academic_session`."""
