"""Answers drawn from a known BKT, as `fct_attempt` rows: what the mastery tests share."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

TRUTH = {
    "skill-a": (0.3, 0.15, 0.20, 0.08),
    "skill-b": (0.5, 0.05, 0.25, 0.12),
    "skill-c": (0.1, 0.30, 0.10, 0.05),
}
"""prior, learn, guess, slip"""
ITEMS = 4
"""Items of each skill; all of a skill are equally hard."""


def draw_attempts(*, students: int, seed: int = 1, shortest: int = 1, longest: int = 12) -> pl.DataFrame:
    """`students` × 3 skills, each practised `shortest`..`longest` times, interleaved by rounds."""
    draw = np.random.default_rng(seed)
    rows = []
    for student in range(students):
        answers: list[tuple[str, bool]] = []
        for skill, (prior, learn, guess, slip) in TRUTH.items():
            known = draw.random() < prior
            for _ in range(int(draw.integers(shortest, longest + 1))):
                answers.append((skill, bool(draw.random() < (1 - slip if known else guess))))
                known = known or draw.random() < learn
        for number, (skill, is_correct) in enumerate(answers, start=1):
            rows.append(
                {
                    "tenant": "t",
                    "person_key": f"p_{student:04}",
                    "school_key": "t:school",
                    "section_key": "t:section",
                    "course_key": "t:course",
                    "skill_key": skill,
                    "activity_key": f"{skill}-item-{number % ITEMS}",
                    "is_correct": is_correct,
                    "responded_at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC) + dt.timedelta(hours=6 * number),
                    "response_number": number,
                }
            )
    return pl.DataFrame(rows).sample(fraction=1.0, shuffle=True, seed=seed)
