"""What runs at night: the heavy suites and drift; once a month: training. Times are UTC; the run queue keeps them one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dagster as dg

NIGHT = "0 2 * * *"
MONTH = "0 3 1 * *"
"""The first night of a month, behind that night's own work."""
"""After the last school of the day and before the first of the next, in the time zones of Europe and the Americas' east."""


def nightly(jobs: Iterable[Any]) -> list[dg.ScheduleDefinition]:
    """One schedule per job, all at the same hour."""
    return [_schedule(f"nightly_{job.name}", job, NIGHT) for job in jobs]


def monthly(job: Any) -> dg.ScheduleDefinition:
    """Once a month."""
    return _schedule(f"monthly_{job.name}", job, MONTH)


def _schedule(name: str, job: Any, cron: str) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
