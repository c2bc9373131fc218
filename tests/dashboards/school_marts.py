"""The marts of the test school, by docs/architecture.md: seeded, and shaped so that every page has something to find."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from tests.dashboards import school as s
from tests.dashboards import school_materials, school_measures

Row = dict[str, Any]
TYPE = "http://adlnet.gov/expapi/activities/"


def all_marts(school: s.School) -> dict[str, list[Row]]:
    """Name of the mart -> rows."""
    effort = _effort(school)
    weeks = _student_weeks(school, effort)
    predictions = _predictions(school, effort)
    return {
        **_dimensions(school),
        **_records(school, effort),
        "msr_student_week": weeks,
        "msr_class_week": _class_weeks(school, weeks),
        **school_measures.measures(school, effort, weeks),
        **predictions,
        "msr_skill": school_measures.skills(predictions["prd_mastery"]),
        **_quality(),
        **school_materials.all_marts(school),
    }


def _effort(school: s.School) -> dict[str, float]:
    """How well each student does, 0..1: falling with the place in the class, so that the last ones are at risk."""
    return {
        key: max(0.06, 1 - number / (len(keys) - 1) * 0.95)
        for keys in school.students.values()
        for number, key in enumerate(keys)
    }


def _dimensions(school: s.School) -> dict[str, list[Row]]:
    tenant = {"tenant": s.TENANT}
    people = [(key, "student") for keys in school.students.values() for key in keys]
    people += [(key, "teacher") for key in ("p_teacher", "p_teacher2", "p_both")] + [
        ("p_guardian", "guardian")
    ]
    moment = dt.datetime(2026, 9, 28, 8, tzinfo=dt.UTC)
    celebrated = {key for keys in school.students.values() for key in keys[: school_measures.CELEBRATED]}
    return {
        "dim_organisation": [
            {
                **tenant,
                "school_key": s.SCHOOL,
                "parent_school_key": None,
                "type": "school",
                "title": "Lakeside High",
            },
            {
                **tenant,
                "school_key": s.OTHER_SCHOOL,
                "parent_school_key": None,
                "type": "school",
                "title": "Hill School",
            },
        ],
        "dim_person": [
            {
                **tenant,
                "person_key": key,
                "school_key": s.SCHOOL,
                "role": role,
                "grade": "09" if role == "student" else None,
                "is_rostered": True,
                "is_active": True,
                "is_generated": True,
                "allows_prediction": True,
                "allows_leaderboard": key in celebrated,
                "first_seen_at": moment,
                "last_seen_at": moment,
            }
            for key, role in people
        ],
        "dim_academic_session": [
            {
                **tenant,
                "session_key": s.SESSION,
                "title": "Autumn 2026",
                "type": "term",
                "start_date": s.START,
                "end_date": s.END,
                "is_running": True,
                "as_of_date": s.AS_OF,
            },
            school_measures.spring_session(),
        ],
        "dim_course": [
            {
                **tenant,
                "course_key": s.COURSE,
                "school_key": s.SCHOOL,
                "title": "Algebra I",
                "subject": "Mathematics",
                "grade": "09",
                "is_discovered": False,
            }
        ],
        "dim_class": [
            *[
                _class(key, f"Algebra I, group {n}", len(school.students[key]))
                for n, key in enumerate(s.CLASSES, 1)
            ],
            *school_measures.spring_classes(_class("", "", 20)),
            {
                **_class(s.DISCOVERED, "Digital literacy", 3),
                "school_key": s.PLATFORM,
                "course_title": "Digital literacy",
                "session_key": None,
                "session_title": None,
                "start_date": None,
                "end_date": None,
                "current_week": None,
                "is_discovered": True,
            },
        ],
        "dim_activity": _activities(),
        "dim_skill": [
            {
                **tenant,
                "skill_key": f"{s.TENANT}:k{n}",
                "title": title,
                "subject": "Mathematics",
                "course_key": s.COURSE,
                "is_combination": False,
                "component_skill_keys": [f"{s.TENANT}:k{n}"],
            }
            for n, title in enumerate(s.SKILLS)
        ],
        "brg_activity_skill": [
            {**tenant, "activity_key": f"{s.TENANT}:{kind}{n}", "skill_key": f"{s.TENANT}:k{n}"}
            for n in range(len(s.SKILLS))
            for kind in ("lesson", "cmi.interaction")
        ],
        "brg_enrolment": s.enrolments(school),
    }


def _class(key: str, title: str, students: int) -> Row:
    return {
        "tenant": s.TENANT,
        "section_key": key,
        "course_key": s.COURSE,
        "school_key": s.SCHOOL,
        "session_key": s.SESSION,
        "title": title,
        "course_title": "Algebra I",
        "subject": "Mathematics",
        "grade": "09",
        "session_title": "Autumn 2026",
        "start_date": s.START,
        "end_date": s.END,
        "is_running": True,
        "as_of_date": s.AS_OF,
        "current_week": s.WEEKS,
        "student_count": students,
        "is_discovered": False,
    }


def _activities() -> list[Row]:
    rows = []
    for n, skill in enumerate(s.SKILLS):
        for kind, title, minutes in (
            ("lesson", f"Lesson: {skill}", 25),
            ("assessment", f"Quiz: {skill}", 20),
            ("cmi.interaction", f"{skill}, question 1", 2),
        ):
            due = s.START + dt.timedelta(days=4 + 7 * n) if kind == "assessment" else None
            rows.append(
                {
                    "tenant": s.TENANT,
                    "activity_key": f"{s.TENANT}:{kind}{n}",
                    "iri": f"http://lms.test/{kind}/{n}",
                    "title": title,
                    "type": TYPE + kind,
                    "course_key": s.COURSE,
                    "unit_title": f"Unit {n // 4 + 1}",
                    "lesson_title": f"Lesson: {skill}",
                    "parent_activity_key": None,
                    "due_date": due,
                    "weight": 5.0 if due else None,
                    "duration_minutes": float(minutes),
                }
            )
    return rows


def _student_weeks(school: s.School, effort: dict[str, float]) -> list[Row]:
    dice = random.Random(2)
    rows = []
    for section, keys in school.students.items():
        for key in keys:
            last_active = None
            for week in range(s.WEEKS + 1):
                strength = effort[key] if effort[key] > 0.3 else max(0.0, effort[key] + 0.45 - 0.09 * week)
                start = s.START + dt.timedelta(days=7 * (week - 1))
                minutes = round(150 * strength * dice.uniform(0.7, 1.2)) if week else 0
                attempts = minutes // 6
                correct = round(attempts * (0.4 + 0.5 * effort[key]))
                handed_in = int(week > 0 and dice.random() < 0.35 + 0.7 * strength)
                absent = sum(dice.random() > 0.82 + 0.3 * strength for _ in range(4)) if week else 0
                if minutes:
                    last_active = start + dt.timedelta(days=4)
                rows.append(
                    {
                        "tenant": s.TENANT,
                        "person_key": key,
                        "school_key": s.SCHOOL,
                        "section_key": section,
                        "course_key": s.COURSE,
                        "session_key": s.SESSION,
                        "week_index": week,
                        "week_start_date": start if week else None,
                        "week_end_date": start + dt.timedelta(days=6),
                        "is_complete": start + dt.timedelta(days=6) < s.AS_OF,
                        "event_count": attempts * 2,
                        "click_count": attempts * 3,
                        "active_days": min(5, minutes // 20),
                        "minutes_active": float(minutes),
                        "login_count": min(5, minutes // 20),
                        "view_count": attempts,
                        "video_count": 1,
                        "attempt_count": attempts,
                        "correct_count": correct,
                        "skill_count": 1,
                        "due_count": int(week > 0),
                        "due_weight": 5.0,
                        "submitted_count": handed_in,
                        "submitted_late_count": int(handed_in and strength < 0.4),
                        "on_time_due_count": int(handed_in and strength >= 0.4),
                        "score_sum": (0.4 + 0.55 * effort[key]) * handed_in,
                        "score_count": handed_in,
                        "meeting_count": 4 if week else 0,
                        "absent_count": absent,
                        "excused_count": 0,
                        "late_count": int(absent < 4 and dice.random() < 0.1),
                        "last_active_date": last_active,
                    }
                )
    return rows


def _class_weeks(school: s.School, weeks: list[Row]) -> list[Row]:
    rows = []
    for section in s.CLASSES:
        for week in range(s.WEEKS + 1):
            part = [w for w in weeks if w["section_key"] == section and w["week_index"] == week]
            scores = sum(w["score_count"] for w in part)
            meetings = sum(w["meeting_count"] for w in part)
            rows.append(
                {
                    **{
                        k: part[0][k]
                        for k in ("tenant", "section_key", "school_key", "course_key", "session_key")
                    },
                    "grade": "09",
                    "week_index": week,
                    "week_start_date": part[0]["week_start_date"],
                    "week_end_date": part[0]["week_end_date"],
                    "student_count": len(part),
                    "active_student_count": sum(w["minutes_active"] > 0 for w in part),
                    "attempt_count": sum(w["attempt_count"] for w in part),
                    "correct_count": sum(w["correct_count"] for w in part),
                    "mean_score": sum(w["score_sum"] for w in part) / scores if scores else None,
                    "absence_rate": sum(w["absent_count"] for w in part) / meetings if meetings else None,
                    "minutes_active": sum(w["minutes_active"] for w in part),
                }
            )
    return rows


def _records(school: s.School, effort: dict[str, float]) -> dict[str, list[Row]]:
    dice = random.Random(3)
    attendance, results, attempts = [], [], []
    for section, keys in school.students.items():
        for key in keys:
            who = {"tenant": s.TENANT, "person_key": key, "school_key": s.SCHOOL, "section_key": section}
            for day in range(0, 7 * s.WEEKS - 2, 2):
                status = "absent" if dice.random() > 0.85 + 0.15 * effort[key] else "present"
                status = "late" if status == "present" and dice.random() < 0.06 else status
                attendance.append(
                    {**who, "attendance_date": s.START + dt.timedelta(days=day), "status": status}
                )
            for n in range(6):
                if dice.random() > 0.3 + effort[key]:
                    continue
                due = s.START + dt.timedelta(days=4 + 7 * n)
                late = int(effort[key] < 0.4) * 2
                results.append(
                    {
                        **who,
                        "statement_id": f"r{key}{n}",
                        "course_key": s.COURSE,
                        "activity_key": f"{s.TENANT}:assessment{n}",
                        "submitted_at": dt.datetime.combine(due, dt.time(15), dt.UTC)
                        + dt.timedelta(days=late),
                        "submitted_date": due + dt.timedelta(days=late),
                        "due_date": due,
                        "days_late": late,
                        "weight": 5.0,
                        "score_scaled": round(0.4 + 0.55 * effort[key] * dice.uniform(0.8, 1), 2),
                        "is_banked": False,
                        # a teacher has marked the first one since
                        "graded_score_scaled": 0.9 if n == 0 else None,
                        "graded_at": dt.datetime.combine(due, dt.time(18), dt.UTC) if n == 0 else None,
                    }
                )
                attempts += [
                    {
                        **who,
                        "statement_id": f"a{key}{n}{q}",
                        "course_key": s.COURSE,
                        "activity_key": f"{s.TENANT}:cmi.interaction{n}",
                        "assessment_key": f"{s.TENANT}:assessment{n}",
                        "skill_key": f"{s.TENANT}:k{n}",
                        "is_correct": dice.random() < 0.35 + 0.6 * effort[key],
                        "responded_at": dt.datetime.combine(due, dt.time(14, q), dt.UTC),
                        "source_sequence": None,
                        "response_number": 4 * n + q + 1,
                        "opportunity": q + 1,
                        "duration_seconds": dice.uniform(10, 120),
                        "response_text": "42",
                    }
                    for q in range(4)
                ]
    return {
        "fct_statement": _clicks(),
        "fct_attendance": attendance,
        "fct_assessment_result": results,
        "fct_attempt": attempts,
        "fct_task": school_measures.tasks(school, results),
        "fct_resource_use": school_measures.resource_use(school, effort),
    }


def _clicks() -> list[Row]:
    """fct_statement of the discovered section: three learners watch videos on some days."""
    return [
        {
            "tenant": s.TENANT,
            "statement_id": f"c{key}{day}{n}",
            "occurred_at": dt.datetime(2026, 11, 1 + day, 9 + n, tzinfo=dt.UTC),
            "occurred_date": dt.date(2026, 11, 1 + day),
            "stored_at": dt.datetime(2026, 11, 1 + day, 9 + n, tzinfo=dt.UTC),
            "person_key": key,
            "school_key": s.PLATFORM,
            "section_key": s.DISCOVERED,
            "activity_key": f"{s.TENANT}:lesson{(day + n) % 3}",
            "event": "video_played",
            "is_voided": False,
            "is_generated": False,
        }
        for number, key in enumerate(s.UNKNOWN)
        for day in range(0, 14, 3 + number)
        for n in range(4 - number)
    ]


def _predictions(school: s.School, effort: dict[str, float]) -> dict[str, list[Row]]:
    dice = random.Random(4)
    model = {"model_version": "3", "as_of": s.AS_OF}
    mastery, risk, proposed = [], [], []
    for section, keys in school.students.items():
        where = {"tenant": s.TENANT, "school_key": s.SCHOOL, "section_key": section, "course_key": s.COURSE}
        for rank, key in enumerate(sorted(keys, key=lambda k: effort[k]), 1):
            value = 0.92 - 0.85 * effort[key]
            listed = rank <= len(keys) // 5
            risk.append(
                {
                    **where,
                    "person_key": key,
                    "session_key": s.SESSION,
                    "week_index": s.WEEKS - 1,
                    "risk": value,
                    "risk_previous": 0.2 if rank == 2 else value + (0.07 if rank % 3 == 0 else -0.06),
                    "risk_rank": rank,
                    "is_at_risk": listed,
                    "reason_1": "No activity for 12 days" if listed else "Steady work every week",
                    "reason_2": "2 of 3 quizzes not handed in" if listed else "All quizzes handed in",
                    "reason_3": "Missed 3 of the last 8 lessons" if rank % 2 else None,
                    "model_name": "risk",
                    **model,
                }
            )
            for n in range(len(s.SKILLS)):
                if n > 3 + 9 * effort[key]:
                    continue
                answers = dice.randint(3, 14)
                known = min(0.995, max(0.04, effort[key] * 1.25 - n * 0.055 + dice.uniform(-0.12, 0.2)))
                mastery.append(
                    {
                        **where,
                        "person_key": key,
                        "skill_key": f"{s.TENANT}:k{n}",
                        "mastery": known,
                        "is_mastered": known >= 0.95,
                        "opportunity_count": answers,
                        "correct_count": round(answers * min(0.98, 0.3 + 0.65 * known)),
                        "last_attempt_at": dt.datetime(2026, 11, 1 + n, 10, tzinfo=dt.UTC),
                        "model_name": "mastery",
                        **model,
                    }
                )
            for place in range(1, 4):
                n = min(len(s.SKILLS) - 1, round(3 + 6 * effort[key]) + place)
                proposed.append(
                    {
                        **where,
                        "person_key": key,
                        "skill_key": f"{s.TENANT}:k{n}",
                        "activity_key": f"{s.TENANT}:lesson{n}",
                        "rank": place,
                        "kind": "practise",
                        "policy_version": "ranked-1",
                        "why": f"You are close to mastering {s.SKILLS[n].lower()}, and what it builds on is in place.",
                        **model,
                    }
                )
    return {"prd_mastery": mastery, "prd_risk": risk, "prd_next_activity": proposed}


def _quality() -> dict[str, list[Row]]:
    tenant = {"tenant": s.TENANT}
    moment = dt.datetime(2026, 11, 20, 6, tzinfo=dt.UTC)
    return {
        "qc_freshness": [
            {
                **tenant,
                "platform": "http://lms.test",
                "statement_count": 98_400,
                "last_stored_at": moment,
                "last_occurred_at": moment,
            },
            {
                **tenant,
                "platform": "http://video.test",
                "statement_count": 1_600,
                "last_stored_at": moment - dt.timedelta(days=9),
                "last_occurred_at": moment - dt.timedelta(days=9),
            },
        ],
        "qc_reconciliation": [
            {
                **tenant,
                "stored_date": s.AS_OF - dt.timedelta(days=n),
                "lake_count": 5_000 + 10 * n,
                "mart_count": 5_000 + 10 * n,
                "is_equal": True,
            }
            for n in range(20)
        ],
        "qc_check": [
            {
                **tenant,
                "contract": contract,
                "check_name": check,
                "severity": severity,
                "failing_count": failing,
                "is_passed": failing == 0,
                "message": message,
                "checked_at": moment,
            }
            for contract, check, severity, failing, message in (
                ("fct_statement", "statement_id is unique", "block", 0, ""),
                (
                    "fct_attempt",
                    "every answer has a skill",
                    "flag",
                    112,
                    "Add the items to activity_skills.csv.",
                ),
                ("dim_person", "person_key is unique", "block", 0, ""),
            )
        ],
        "qc_quarantine": [
            {
                **tenant,
                "seq": 100 * at + number,
                "source": source,
                "rule": rule,
                "found": found,
                "allowed": allowed,
                "reason": reason,
                "mend": mend,
                "is_excluded": is_excluded,
                "statement_id": f"00000000-0000-4000-8000-{100 * at + number:012}",
                "platform": "http://lms.test",
                "stored_date": s.AS_OF - dt.timedelta(days=number),
            }
            for at, (source, rule, found, allowed, reason, mend, is_excluded, count) in enumerate(
                (
                    (
                        "moodle",
                        "scaled_in_range",
                        "<b>7.5</b>",
                        "-1..1",
                        "A scaled score lies between -1 and 1 (xAPI 4.2.2).",
                        "Send result.score.raw with min and max, and scaled as their share.",
                        True,
                        3,
                    ),
                    (
                        "open-edx",
                        "actor_is_there",
                        None,
                        "an account",
                        "The actor is an e-mail address.",
                        "Switch the event sink to accounts.",
                        False,
                        5,
                    ),
                )
            )
            for number in range(count)
        ],
        "qc_unmapped": [
            {
                **tenant,
                "verb_id": "http://adlnet.gov/expapi/verbs/shared",
                "object_activity_type": "http://id.tincanapi.com/activitytype/resource",
                "statement_count": 42,
                "example_statement_id": "00000000-0000-4000-8000-000000000001",
            }
        ],
        "qc_build": [
            {
                **tenant,
                "build_id": "in the fixture",
                "run_id": "run-of-the-test",
                "built_at": moment,
                "as_of": s.AS_OF,
                "sealed_seq": 100_000,
                "statement_count": 100_000,
                "started_by": "test",
            }
        ],
        "qc_drift": [
            {
                **tenant,
                "feature": feature,
                "reference_window": "2026-09-28/2026-10-25",
                "current_window": "2026-10-26/2026-11-15",
                "statistic_name": "Wasserstein distance (normed)",
                "statistic": value,
                "threshold": 0.1,
                "has_drifted": value > 0.1,
                "checked_at": moment,
            }
            for feature, value in (("minutes_active", 0.21), ("login_count", 0.03), ("absent_count", 0.05))
        ],
    }
