"""Items, videos and resources of the test school: one item is mis-keyed, one ambiguous; half of the viewers leave a video in its middle."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.dashboards import school as s

Row = dict[str, Any]
VIDEO_SECONDS = 600.0
MISKEYED, AMBIGUOUS = 3, 7


def all_marts(school: s.School) -> dict[str, list[Row]]:
    """Name of the mart -> rows."""
    return {
        **_items(),
        **_careers(school),
        "fct_video_segment": _segments(school),
        "msr_resource_effect": _effects(),
    }


def _items() -> dict[str, list[Row]]:
    items, responses = [], []
    for n in range(len(s.SKILLS)):
        key = {"tenant": s.TENANT, "activity_key": f"{s.TENANT}:cmi.interaction{n}"}
        items.append(
            {
                **key,
                "person_count": 40,
                "attempt_count": 60,
                "correct_count": 40,
                "difficulty": 0.9 - 0.05 * n,
                "discrimination": 0.3,
                "point_biserial": -0.4 if n == MISKEYED else 0.35,
                "rest_count": 40,
                "median_seconds": 41.0,
                "is_maybe_miskeyed": n == MISKEYED,
                "is_maybe_ambiguous": n == AMBIGUOUS,
            }
        )
        responses += [
            {
                **key,
                "response_text": text,
                "is_correct": text == "b",
                "is_rare": text is None,
                "person_count": count,
                "response_share": count / 40,
                "mean_rest_share": 0.7,
            }
            for text, count in (("b", 28), ("c", 9), (None, 3))
        ]
    return {"msr_item": items, "msr_item_response": responses}


def _segments(school: s.School) -> list[Row]:
    start = dt.datetime(2026, 11, 2, 15)
    return [
        {
            "tenant": s.TENANT,
            "person_key": person,
            "school_key": s.SCHOOL,
            "section_key": s.CLASSES[0],
            "course_key": s.COURSE,
            "activity_key": f"{s.TENANT}:lesson0",
            "visit_number": 1,
            "segment_number": 1,
            "visit_started_at": start,
            "from_seconds": 0.0,
            "to_seconds": VIDEO_SECONDS if number % 2 else VIDEO_SECONDS / 2,
            "video_length_seconds": VIDEO_SECONDS,
            "is_last": True,
            "is_completed": bool(number % 2),
            "is_reported": True,
        }
        for number, person in enumerate(school.students[s.CLASSES[0]])
    ]


def _effects() -> list[Row]:
    return [
        {
            "tenant": s.TENANT,
            "course_key": s.COURSE,
            "activity_key": f"{s.TENANT}:lesson{n}",
            "used_count": 25,
            "other_count": 15,
            "used_mean": 0.8,
            "other_mean": 0.7,
            "score_difference": 0.1,
            "difference_low": 0.02,
            "difference_high": 0.18,
        }
        for n in range(2)
    ]


def _careers(school: s.School) -> dict[str, list[Row]]:
    """One career that asks for four skills; the school teaches three of them."""
    career = {"tenant": s.TENANT, "career_key": f"{s.TENANT}:surveyor"}
    asked = [(0, 5, 0.9), (4, 4, 0.9), (11, 3, 0.9), (None, 2, 0.9)]
    counts = {"asked_count": 4, "taught_count": 3, "practised_count": 3, "met_count": 1, "readiness": 0.4}
    texts = dict.fromkeys(("met_skills", "missing_skills", "untaught_skills", "limits"), "")
    return {
        "dim_career": [{**career, "title": "Surveyor", "description": "Measures land", "is_example": True}],
        "brg_career_skill": [
            {
                **career,
                "skill_id": f"k{n}",
                "title": "Reading maps" if n is None else s.SKILLS[n],
                "importance": importance,
                "level": level,
                "skill_key": None if n is None else f"{s.TENANT}:k{n}",
            }
            for n, importance, level in asked
        ],
        "msr_career": [
            {**career, "person_key": key, "school_key": s.SCHOOL, **counts, **texts}
            for keys in school.students.values()
            for key in keys
        ],
    }
