"""A small school's `msr_student_week`, outcomes and sessions: two finished terms and one running, risk caused by effort."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from models.risk.columns import COUNTS, WEEK_COLUMNS

STARTS = (dt.date(2025, 9, 1), dt.date(2026, 1, 12), dt.date(2026, 9, 7))
WEEKS = 10
RUNNING_WEEKS = 5
AS_OF = STARTS[2] + dt.timedelta(days=7 * RUNNING_WEEKS)
"""The day after the running term's fifth week."""


def draw_school(
    *, sections: int = 3, students: int = 40, seed: int = 5
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(weeks, outcomes, sessions). Students with little effort do less from week to week, and fail or leave more often."""
    draw = np.random.default_rng(seed)
    weeks, outcomes = [], []
    for term, start in enumerate(STARTS):
        for section in range(sections):
            for student in range(students):
                keys = {
                    "tenant": "t",
                    "person_key": f"p_{term}_{section}_{student:03}",
                    "school_key": "t:school",
                    "section_key": f"t:{term}-{section}",
                    "course_key": f"t:course-{section}",
                    "session_key": f"t:term-{term}",
                }
                effort = draw.normal()
                is_adverse = bool(draw.random() < 1 / (1 + np.exp(2.2 * effort + 0.7)))
                left_in = int(draw.integers(4, WEEKS)) if is_adverse and draw.random() < 0.4 else None
                count = RUNNING_WEEKS if term == 2 else WEEKS
                weeks += _student_weeks(draw, keys, start, effort, count, left_in)
                if term < 2:
                    unregistered = start + dt.timedelta(days=7 * left_in - 3) if left_in else None
                    outcomes.append(
                        {
                            **keys,
                            "outcome": "withdrawn" if left_in else "fail" if is_adverse else "pass",
                            "is_adverse": is_adverse,
                            "unregistered_on": unregistered,
                        }
                    )
    sessions = pl.DataFrame(
        {
            "tenant": "t",
            "session_key": [f"t:term-{n}" for n in range(3)],
            "start_date": STARTS,
            "end_date": [start + dt.timedelta(days=7 * WEEKS - 1) for start in STARTS],
            "is_running": [False, False, True],
        }
    )
    frame = pl.DataFrame(weeks, schema_overrides={"last_active_date": pl.Date}, infer_schema_length=None)
    return frame.select(WEEK_COLUMNS), pl.DataFrame(outcomes, infer_schema_length=None), sessions


def _student_weeks(
    draw: np.random.Generator,
    keys: dict[str, str],
    start: dt.date,
    effort: float,
    count: int,
    left_in: int | None,
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    last_active: dt.date | None = None
    for week in range(count + 1):
        is_gone = left_in is not None and week >= left_in
        level = 0.0 if is_gone else float(np.exp(0.6 * effort - (0.05 * week if effort < 0 else 0)))
        views, attempts = int(draw.poisson(6 * level)), int(draw.poisson(8 * level))
        correct = int(draw.binomial(attempts, 1 / (1 + np.exp(-0.8 - 0.5 * effort))))
        is_due = week > 0 and week % 2 == 0
        handed_in = int(is_due and not is_gone and draw.random() < 1 / (1 + np.exp(-1.5 - effort)))
        score = float(np.clip(0.7 + 0.12 * effort + 0.1 * draw.normal(), 0, 1)) * handed_in
        end = start + dt.timedelta(days=7 * week - 1)
        if views + attempts:
            last_active = end - dt.timedelta(days=int(draw.integers(0, 3)))
        values: dict[str, object] = dict.fromkeys(COUNTS, 0)
        values |= {
            "event_count": views + attempts + handed_in,
            "click_count": 2 * views,
            "active_days": min(5, views),
            "minutes_active": 4.0 * views,
            "view_count": views,
            "attempt_count": attempts,
            "correct_count": correct,
            "due_count": int(is_due),
            "due_weight": 20.0 * is_due,
            "submitted_count": handed_in,
            "on_time_due_count": handed_in,
            "days_early_sum": handed_in * int(draw.integers(0, 4)),
            "score_sum": score,
            "score_count": handed_in,
            "weighted_score_sum": 20.0 * score,
            "score_weight_sum": 20.0 * handed_in,
            "meeting_count": 3 * (week > 0),
            "absent_count": int(draw.binomial(3, 1.0 if is_gone else 0.15)) * (week > 0),
        }
        rows.append(
            {
                **keys,
                **values,
                "week_index": week,
                "week_end_date": end,
                "is_complete": True,
                "last_active_date": last_active,
                "days_before_start_registered": 20,
                "prior_attempts": None,
                "studied_credits": None,
            }
        )
    return rows
