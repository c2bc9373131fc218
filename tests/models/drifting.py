"""A school year of two schools in weekly rows and answers, quiet or with a planted change: what drift tests and `benchmarks.drift` share."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from models import drift_weeks
from models.mastery import MasteryModel, SkillParameters
from models.risk.columns import COUNTS, WEEK_COLUMNS

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
FIRST = dt.date(2025, 9, 1)
SKILLS, ITEMS, STUDENTS = 5, 8, 40
SCHOOLS = ("t:north", "t:south")
TRUTH = SkillParameters(0.3, 0.15, 0.0, 0.2, 0.1)


def model() -> MasteryModel:
    """The champion: it knows the truth and every item of the first item bank."""
    skills = {f"t:s{n}": TRUTH for n in range(SKILLS)}
    items = {skill: {f"{skill}-item-{n}": _emission() for n in range(ITEMS)} for skill in skills}
    return MasteryModel(skills, TRUTH, tenant="t", items=items)


def _emission():  # type: ignore[no-untyped-def]
    from models.mastery import Emission

    return Emission(TRUTH.guess, TRUTH.slip)


def draw_weeks(count: int, *, seed: int, doubled_from: int | None = None) -> pl.DataFrame:
    """Weekly rows of all students of both schools. From week `doubled_from` on the northern school's LMS logs each thing twice."""
    draw = np.random.default_rng(seed)
    rows = []
    for week in range(1, count + 1):
        holiday = 0.4 if week % 13 == 0 else 1.0
        for school in SCHOOLS:
            for student in range(STUDENTS):
                active_days = int(draw.binomial(5, 0.7 * holiday))
                events = int(draw.poisson(6 * active_days))
                answers = int(draw.poisson(3 * active_days))
                twice = 2 if doubled_from and week >= doubled_from and school == SCHOOLS[0] else 1
                values: dict[str, object] = dict.fromkeys(COUNTS, 0)
                values |= {
                    "event_count": events * twice,
                    "attempt_count": answers * twice,
                    "active_days": active_days,
                }
                rows.append(
                    {
                        "tenant": "t",
                        "person_key": f"p_{school}_{student}",
                        "school_key": school,
                        "section_key": f"{school}:1",
                        "course_key": "t:course",
                        "session_key": "t:year",
                        **values,
                        "week_index": week,
                        "week_end_date": FIRST + dt.timedelta(days=7 * week - 1),
                        "is_complete": True,
                        "last_active_date": FIRST,
                        "days_before_start_registered": 20,
                        "prior_attempts": None,
                        "studied_credits": None,
                    }
                )
    return pl.DataFrame(rows, infer_schema_length=None).select(WEEK_COLUMNS)


def draw_answers(count: int, *, seed: int, new_bank_from: int | None = None) -> pl.DataFrame:
    """Three answers a student and week, by the model's truth. From `new_bank_from` on the southern school asks other, harder items."""
    draw = np.random.default_rng(seed + 1)
    rows = []
    for school in SCHOOLS:
        for student in range(STUDENTS):
            is_known = draw.random(SKILLS) < TRUTH.prior
            number = 0
            for week in range(count + 1):  # the newest week is still going on
                is_new = bool(new_bank_from and week + 1 >= new_bank_from and school == SCHOOLS[1])
                # each term begins new skills, as in a real year: mastery goes up and begins again
                if week % 10 == 0:
                    is_known = draw.random(SKILLS) < TRUTH.prior
                for _ in range(3):
                    skill = int(draw.integers(SKILLS))
                    chance = (1 - TRUTH.slip if is_known[skill] else TRUTH.guess) - 0.35 * is_new
                    number += 1
                    item = f"t:s{skill}-{'new' if is_new else 'item'}-{int(draw.integers(ITEMS))}"
                    rows.append(
                        {
                            "tenant": "t",
                            "person_key": f"p_{school}_{student}_{week // 10}",
                            "school_key": school,
                            "section_key": f"{school}:1",
                            "course_key": "t:course",
                            "skill_key": f"t:s{skill}",
                            "activity_key": item,
                            "is_correct": bool(draw.random() < max(chance, 0.02)),
                            "responded_at": dt.datetime.combine(FIRST, dt.time(10))
                            + dt.timedelta(weeks=week),
                            "response_number": number,
                        }
                    )
                    is_known[skill] |= draw.random() < TRUTH.learn
    return pl.DataFrame(rows)


SESSIONS = pl.DataFrame(
    {
        "tenant": ["t"],
        "session_key": ["t:year"],
        "start_date": [FIRST],
        "end_date": [FIRST + dt.timedelta(days=700)],
        "is_running": [True],
    }
)


def as_of(weeks: pl.DataFrame, answers: pl.DataFrame, week: int) -> pl.DataFrame:
    """What a drift run at the end of `week` sees."""
    end = dt.datetime.combine(SESSIONS["start_date"][0], dt.time()) + dt.timedelta(weeks=week + 1)
    return drift_weeks.compare(
        weeks.filter(pl.col("week_index") <= week),
        answers.filter(pl.col("responded_at") < end),
        SESSIONS,
        model=model(),
        checked_at=NOW,
    )
