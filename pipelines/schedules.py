"""What runs at night: the heavy suites, drift, training. Times are UTC; the run queue keeps them one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dagster as dg

NIGHT = "0 2 * * *"
"""After the last school of the day and before the first of the next, in the time zones of Europe and the Americas' east."""


def nightly(
    jobs: Iterable[Any],
) -> list[dg.ScheduleDefinition]:
    """One schedule per job, all at the same hour."""
    return [
        dg.ScheduleDefinition(
            name=f"nightly_{job.name}",
            job=job,
            cron_schedule=NIGHT,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
        for job in jobs
    ]
