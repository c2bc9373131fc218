"""How fresh every asset has to be, how often a job tries again, what its runs are tagged with: one place for all of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import dagster as dg

DAY = dt.timedelta(days=1)
FRESHNESS: dict[str, dg.FreshnessPolicy] = {
    # group of assets: a run ends at least once a day, since a new day starts one; statements bring many more
    "staging": dg.FreshnessPolicy.time_window(fail_window=2 * DAY, warn_window=DAY + DAY / 4),
    "intermediate": dg.FreshnessPolicy.time_window(fail_window=2 * DAY, warn_window=DAY + DAY / 4),
    "marts": dg.FreshnessPolicy.time_window(fail_window=2 * DAY, warn_window=DAY + DAY / 4),
    "predictions": dg.FreshnessPolicy.time_window(fail_window=2 * DAY, warn_window=DAY + DAY / 4),
    "published": dg.FreshnessPolicy.time_window(fail_window=2 * DAY, warn_window=DAY + DAY / 4),
    # trained once a month, and on drift
    "models": dg.FreshnessPolicy.time_window(fail_window=40 * DAY, warn_window=33 * DAY),
    "quality": dg.FreshnessPolicy.time_window(fail_window=4 * DAY, warn_window=2 * DAY),
}
"""By group, a limit that a school can rely on; how fresh each source is told to be stands in its contract."""
NO_POLICY = frozenset({"lake"})
"""Groups that others write: nothing new in the lake on a Sunday is no fault of the pipeline's."""

RETRIES = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL)
"""For jobs that stand alone: a full disk or a busy file may pass. What a contract refuses is not tried again (`dg.Failure`)."""
ATTEMPTS = 3
"""How often a sensor tries one state of lake, roster, catalogue, day and models before somebody has to look."""

KIND_TAG = "learnlake/kind"
REASONS_TAG = "learnlake/reasons"
SOURCE_TAG = "learnlake/started-by"
STATE_TAG = "learnlake/state"
AS_OF_TAG = "learnlake/as-of"


def run_tags(kind: str) -> dict[str, str]:
    """Tags of every run of a job."""
    return {KIND_TAG: kind}


def fresh(spec: dg.AssetSpec) -> dg.AssetSpec:
    """`spec` with the freshness policy of its group."""
    policy: Any = FRESHNESS.get(spec.group_name or "")
    return spec.replace_attributes(freshness_policy=policy) if policy else spec
