"""Measures of the test school that are worked out from its weeks: students, terms, subgroups, growth, badges, streaks, attendance."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from tests.dashboards import school as s

Row = dict[str, Any]
SPRING = f"{s.TENANT}:spring"
SPRING_START, SPRING_END = dt.date(2026, 2, 2), dt.date(2026, 6, 26)
SPRING_CLASSES = (f"{s.TENANT}:pre-algebra-1", f"{s.TENANT}:pre-algebra-2")
SPRING_WEEKS = 12
CELEBRATED = 3
"""The first so many students of each class let themselves be celebrated by name."""


def spring_session() -> Row:
    """The finished term before the running one."""
    return {
        "tenant": s.TENANT,
        "session_key": SPRING,
        "title": "Spring 2026",
        "type": "term",
        "start_date": SPRING_START,
        "end_date": SPRING_END,
        "is_running": False,
        "as_of_date": SPRING_END,
    }


def spring_classes(like: Row) -> list[Row]:
    """The same students' classes of that term."""
    return [
        {
            **like,
            "section_key": key,
            "session_key": SPRING,
            "title": f"Pre-algebra, group {number}",
            "course_title": "Pre-algebra",
            "session_title": "Spring 2026",
            "start_date": SPRING_START,
            "end_date": SPRING_END,
            "is_running": False,
            "as_of_date": SPRING_END,
            "current_week": SPRING_WEEKS,
        }
        for number, key in enumerate(SPRING_CLASSES, 1)
    ]


def measures(school: s.School, effort: dict[str, float], weeks: list[Row]) -> dict[str, list[Row]]:
    """The measure marts by name, in agreement with `msr_student_week`."""
    students = [*_students(weeks), *_spring_students(school, effort)]
    attendance = _attendance(weeks)
    return {
        "msr_student": students,
        "msr_attendance": attendance,
        "msr_school_week": [*_school_weeks(weeks), *_spring_weeks(len(effort))],
        "msr_subgroup": _subgroups(students, attendance),
        "msr_growth": _growth(students),
        **_achievements(school, effort),
    }


def _students(weeks: list[Row]) -> list[Row]:
    rows = []
    for key, section in dict.fromkeys((w["person_key"], w["section_key"]) for w in weeks):
        own = [w for w in weeks if w["person_key"] == key and w["section_key"] == section]
        seen = [w["last_active_date"] for w in own if w["last_active_date"]]
        quiet = (s.AS_OF - max(seen)).days if seen else (s.AS_OF - s.START).days
        tasks, scores = sum(w["due_count"] for w in own), sum(w["score_count"] for w in own)
        done = min(tasks, sum(w["submitted_count"] for w in own))
        rows.append(
            {
                **{
                    k: own[0][k]
                    for k in (
                        "tenant",
                        "person_key",
                        "school_key",
                        "section_key",
                        "course_key",
                        "session_key",
                    )
                },
                "as_of_date": s.AS_OF,
                "is_enrolled": True,
                "active_days": sum(w["active_days"] for w in own),
                "minutes_active": sum(w["minutes_active"] for w in own),
                "last_active_date": max(seen) if seen else None,
                "days_since_active": quiet,
                "is_inactive": quiet >= 7,
                "attempt_count": sum(w["attempt_count"] for w in own),
                "correct_count": sum(w["correct_count"] for w in own),
                "mean_score": sum(w["score_sum"] for w in own) / scores if scores else None,
                "score_count": scores,
                "task_count": tasks,
                "done_count": done,
                "overdue_count": tasks - done,
                "completion_share": done / tasks if tasks else None,
                "is_completed": done >= 0.9 * tasks,
                "is_repeating": False,
                "is_late_joiner": False,
            }
        )
    return rows


def _spring_students(school: s.School, effort: dict[str, float]) -> list[Row]:
    dice = random.Random(7)
    return [
        {
            "tenant": s.TENANT,
            "person_key": key,
            "school_key": s.SCHOOL,
            "section_key": section,
            "course_key": s.COURSE,
            "session_key": SPRING,
            "as_of_date": SPRING_END,
            "is_enrolled": True,
            "active_days": 40,
            "minutes_active": 1800.0,
            "last_active_date": SPRING_END,
            "days_since_active": 0,
            "is_inactive": False,
            "attempt_count": 300,
            "correct_count": 200,
            # the first class has learnt more since than the second
            "mean_score": min(1, 0.38 + 0.5 * effort[key] + dice.uniform(-0.05, 0.05) + 0.06 * number),
            "score_count": 6,
            "task_count": 6,
            "done_count": 6,
            "overdue_count": 0,
            "completion_share": 1.0,
            "is_completed": True,
            "is_repeating": False,
            "is_late_joiner": False,
        }
        for number, (section, keys) in enumerate(zip(SPRING_CLASSES, school.students.values(), strict=True))
        for key in keys
    ]


def _attendance(weeks: list[Row]) -> list[Row]:
    rows = []
    for key in dict.fromkeys(w["person_key"] for w in weeks):
        own = [w for w in weeks if w["person_key"] == key]
        days, missed = sum(w["meeting_count"] for w in own), sum(w["absent_count"] for w in own)
        rows.append(
            {
                **{k: own[0][k] for k in ("tenant", "person_key", "school_key", "session_key")},
                "day_count": days,
                "missed_count": missed,
                "excused_count": 0,
                "late_count": sum(w["late_count"] for w in own),
                "absence_rate": missed / days,
                "is_chronically_absent": missed >= 0.1 * days,
            }
        )
    return rows


def _school_weeks(weeks: list[Row]) -> list[Row]:
    rows = []
    for number in range(s.WEEKS + 1):
        part = [w for w in weeks if w["week_index"] == number]
        scores = sum(w["score_count"] for w in part)
        meetings = sum(w["meeting_count"] for w in part)
        rows.append(
            {
                **{
                    k: part[0][k]
                    for k in ("tenant", "school_key", "session_key", "week_start_date", "week_end_date")
                },
                "week_index": number,
                "class_count": 2,
                "student_count": len(part),
                "active_student_count": sum(w["active_days"] > 0 for w in part),
                "attempt_count": sum(w["attempt_count"] for w in part),
                "correct_count": sum(w["correct_count"] for w in part),
                "mean_score": sum(w["score_sum"] for w in part) / scores if scores else None,
                "absence_rate": sum(w["absent_count"] for w in part) / meetings if meetings else None,
                "minutes_active": sum(w["minutes_active"] for w in part),
            }
        )
    return rows


def _spring_weeks(students: int) -> list[Row]:
    return [
        {
            "tenant": s.TENANT,
            "school_key": s.SCHOOL,
            "session_key": SPRING,
            "week_start_date": SPRING_START + dt.timedelta(days=7 * (week - 1)),
            "week_end_date": SPRING_START + dt.timedelta(days=7 * week - 1),
            "week_index": week,
            "class_count": 2,
            "student_count": students,
            "active_student_count": students - week // 3,
            "attempt_count": 500,
            "correct_count": 300 + 4 * week,
            "mean_score": 0.6 + 0.004 * week,
            "absence_rate": 0.08,
            "minutes_active": 3000.0,
        }
        for week in range(1, SPRING_WEEKS + 1)
    ]


def _subgroups(students: list[Row], attendance: list[Row]) -> list[Row]:
    chronic = {row["person_key"]: row["is_chronically_absent"] for row in attendance}
    now = [row for row in students if row["session_key"] == s.SESSION]
    scored = [row["mean_score"] for row in now if row["mean_score"] is not None]
    whole = {
        "tenant": s.TENANT,
        "school_key": s.SCHOOL,
        "session_key": s.SESSION,
        "student_count": len(now),
        "is_small": False,
        "inactive_share": sum(row["is_inactive"] for row in now) / len(now),
        "mean_score": sum(scored) / len(scored),
        "completion_share": sum(row["completion_share"] for row in now) / len(now),
        "chronic_absence_share": sum(chronic[row["person_key"]] for row in now) / len(now),
    }
    few = {"student_count": 3, "is_small": True, "inactive_share": 1.0, "mean_score": 0.31}
    return [
        {**whole, "dimension": "grade", "subgroup": "09"},
        {**whole, "dimension": "subject", "subgroup": "Mathematics"},
        {**whole, "dimension": "repeating", "subgroup": "first time"},
        {**whole, "dimension": "joined", "subgroup": "from the start"},
        {**whole, **few, "dimension": "joined", "subgroup": "after the start"},
    ]


def _growth(students: list[Row]) -> list[Row]:
    before = {row["person_key"]: row["mean_score"] for row in students if row["session_key"] == SPRING}
    pairs = [
        (before[row["person_key"]], row["mean_score"])
        for row in students
        if row["session_key"] == s.SESSION and row["mean_score"] is not None
    ]
    changes = [after - earlier for earlier, after in pairs]
    mean = sum(changes) / len(changes)
    spread = (sum((c - mean) ** 2 for c in changes) / (len(changes) - 1) / len(changes)) ** 0.5
    return [
        {
            "tenant": s.TENANT,
            "school_key": s.SCHOOL,
            "subject": "Mathematics",
            "session_key": s.SESSION,
            "previous_session_key": SPRING,
            "student_count": len(pairs),
            "mean_before": sum(b for b, _ in pairs) / len(pairs),
            "mean_after": sum(a for _, a in pairs) / len(pairs),
            "mean_change": mean,
            "change_low": mean - 1.96 * spread,
            "change_high": mean + 1.96 * spread,
        }
    ]


def _achievements(school: s.School, effort: dict[str, float]) -> dict[str, list[Row]]:
    """Everybody has begun; who works more has earned more."""
    where = {"tenant": s.TENANT, "school_key": s.SCHOOL}
    badges = (
        ("first-day", "First day", 0.0),
        ("right-100", "A hundred right", 0.4),
        ("streak-week", "A whole week", 0.85),
    )
    keys = [key for members in school.students.values() for key in members]
    return {
        "msr_badge": [
            {
                **where,
                "person_key": key,
                "badge": badge,
                "title": title,
                "earned_date": s.START + dt.timedelta(days=7 * number + 2),
            }
            for key in keys
            for number, (badge, title, least) in enumerate(badges)
            if effort[key] >= least
        ],
        "msr_streak": [
            {
                **where,
                "person_key": key,
                "last_active_date": s.AS_OF if effort[key] > 0.3 else s.AS_OF - dt.timedelta(days=12),
                "current_days": round(20 * effort[key]) if effort[key] > 0.3 else 0,
                "longest_days": 2 + round(25 * effort[key]),
            }
            for key in keys
        ],
    }


def tasks(school: s.School, results: list[Row]) -> list[Row]:
    """fct_task: every assessment of the term for every student, done where there is a result."""
    done = {(row["person_key"], row["activity_key"]): row for row in results}
    rows = []
    for section, keys in school.students.items():
        for key in keys:
            for n in range(len(s.SKILLS)):
                due = s.START + dt.timedelta(days=4 + 7 * n)
                result = done.get((key, f"{s.TENANT}:assessment{n}"))
                state = "overdue" if due < s.AS_OF else "open"
                if result:
                    state = "late" if result["days_late"] else "on_time"
                rows.append(
                    {
                        "tenant": s.TENANT,
                        "person_key": key,
                        "school_key": s.SCHOOL,
                        "section_key": section,
                        "course_key": s.COURSE,
                        "activity_key": f"{s.TENANT}:assessment{n}",
                        "due_date": due,
                        "weight": 5.0,
                        "submitted_date": result["submitted_date"] if result else None,
                        "score_scaled": result["score_scaled"] if result else None,
                        "state": state,
                        "days_left": (due - s.AS_OF).days,
                    }
                )
    return rows


def resource_use(school: s.School, effort: dict[str, float]) -> list[Row]:
    """fct_resource_use: a lesson's page on two days of each week for those who work."""
    rows = []
    for section, keys in school.students.items():
        for key in keys:
            for week in range(s.WEEKS if effort[key] > 0.3 else 3):
                for day in (1, 3):
                    used = s.START + dt.timedelta(days=7 * week + day)
                    at = dt.datetime.combine(used, dt.time(16), dt.UTC)
                    rows.append(
                        {
                            "tenant": s.TENANT,
                            "person_key": key,
                            "school_key": s.SCHOOL,
                            "section_key": section,
                            "course_key": s.COURSE,
                            "activity_key": f"{s.TENANT}:lesson{week}",
                            "used_date": used,
                            "view_count": 2,
                            "download_count": 0,
                            "click_count": 2,
                            "minutes_used": 12.0,
                            "first_used_at": at,
                            "last_used_at": at,
                        }
                    )
    return rows


def skills(mastery: list[Row]) -> list[Row]:
    """msr_skill of what was practised and is mastered."""
    rows = []
    for section, skill in dict.fromkeys((row["section_key"], row["skill_key"]) for row in mastery):
        every = [row for row in mastery if row["skill_key"] == skill]
        own = [row for row in every if row["section_key"] == section]
        attempts, correct = (sum(row[name] for row in own) for name in ("opportunity_count", "correct_count"))
        share, mean = (
            [sum(row[name] for row in part) / len(part) for part in (own, every)]
            for name in ("is_mastered", "mastery")
        )
        rows.append(
            {
                "tenant": s.TENANT,
                "section_key": section,
                "skill_key": skill,
                "school_key": s.SCHOOL,
                "course_key": s.COURSE,
                "session_key": s.SESSION,
                "student_count": len(own),
                "attempt_count": attempts,
                "correct_count": correct,
                "correct_share": correct / attempts,
                "opportunities_per_student": attempts / len(own),
                "mastered_count": sum(row["is_mastered"] for row in own),
                "mastery_share": share[0],
                "mean_mastery": mean[0],
                "mastery_gap": mean[0] - mean[1],
            }
        )
    return rows
