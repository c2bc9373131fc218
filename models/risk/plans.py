"""Whether a course's assessed work has changed since its last session: seen from deadlines, before any outcome is known.

Such a change makes an at-risk model wrong for the course without a single input looking odd. Pure Polars.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from models.frames import as_frame

PLAN_COLUMNS = ("tenant", "course_key", "section_key", "week_index", "due_count")
CHANGED_SHARE = 0.25
"""Share of the due pieces of work by which two sessions of a course have to differ."""
CHANGED_PIECES = 2
"""And this many at least: one piece may have moved by a week."""
LASTING_WEEKS = 2
"""For how many weeks more the difference has to have been there: work that is due at the end may be due a week or two later."""


def plan_changes(weeks: Any, starts: pl.DataFrame) -> pl.DataFrame:
    """Sections whose due work differs from that of the course's session before: tenant, course_key, section_key, before, due, due_before.

    weeks: `msr_student_week`, or any frame with PLAN_COLUMNS; starts: tenant, section_key, start_date. Only weeks that both have
    reached are compared, so that a running session is judged by what was due so far.
    """
    plan = (
        as_frame(weeks, PLAN_COLUMNS, name="msr_student_week")
        .group_by("tenant", "course_key", "section_key", "week_index")
        .agg(pl.col("due_count").cast(pl.Int64).max().fill_null(0))
        .join(starts.select("tenant", "section_key", "start_date"), on=["tenant", "section_key"])
        .sort("start_date", "section_key", "week_index")
    )
    found = []
    for (tenant, course), rows in plan.group_by("tenant", "course_key", maintain_order=True):
        sections = rows.partition_by("section_key", maintain_order=True)
        for now in sections:
            earlier = [one for one in sections if one["start_date"][0] < now["start_date"][0]]
            if not earlier:
                continue
            due = _due_in_common(earlier[-1], now)
            if all(abs(n - m) >= max(CHANGED_PIECES, CHANGED_SHARE * max(n, m)) for m, n in due):
                keys = {"section_key": now["section_key"][0], "before": earlier[-1]["section_key"][0]}
                found.append(
                    {
                        "tenant": tenant,
                        "course_key": course,
                        **keys,
                        "due": due[0][1],
                        "due_before": due[0][0],
                    }
                )
    schema = {
        **dict.fromkeys(("tenant", "course_key", "section_key", "before"), pl.String),
        **dict.fromkeys(("due", "due_before"), pl.Int64),
    }
    return pl.DataFrame(found, schema=schema).sort("tenant", "course_key", "section_key")


def _due_in_common(before: pl.DataFrame, now: pl.DataFrame) -> list[tuple[int, int]]:
    """Pieces due in the weeks that both sections have reached, then leaving out the last LASTING_WEEKS of them one by one."""
    last = min(int(one["week_index"].to_numpy().max()) for one in (before, now))
    return [
        (
            int(before.filter(pl.col("week_index") <= week)["due_count"].sum()),
            int(now.filter(pl.col("week_index") <= week)["due_count"].sum()),
        )
        for week in range(last, last - LASTING_WEEKS - 1, -1)
    ]
