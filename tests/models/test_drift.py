"""Drift: a platform that logs twice is seen, a term like the one before is not."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from learnlake.errors import ModelError
from models import drift, risk
from models.risk.columns import COUNTS
from tests.models.weeks import draw_school

WEEKS, OUTCOMES, SESSIONS = draw_school(students=60)
NOW = dt.datetime(2026, 10, 12, tzinfo=dt.UTC)
RUNNING = pl.col("session_key") == "t:term-2"


def test_no_drift_no_alarm_and_a_report(tmp_path: Path) -> None:
    model = risk.train(WEEKS, OUTCOMES, SESSIONS)
    html = tmp_path / "reports" / "drift.html"
    rows = drift.compare(drift.windows(WEEKS, SESSIONS), checked_at=NOW, model=model, html=html)
    assert rows.columns == [
        *("tenant", "scope", "kind", "feature", "cause", "reference_window", "current_window"),
        *("statistic_name", "statistic", "threshold", "has_drifted", "checked_at"),
    ]
    assert set(rows["feature"]) == {*drift.WATCHED, drift.RISK}
    assert rows.filter("has_drifted").height == 0, rows
    assert rows["reference_window"].unique().to_list() == ["session from 2026-01-12, weeks 1-5"]
    assert "<html" in html.read_text()[:2000]


def test_a_platform_that_logs_twice_is_seen() -> None:
    doubled = WEEKS.with_columns(
        pl.when(RUNNING).then(pl.col(name) * 2).otherwise(pl.col(name)).alias(name)
        for name in ("event_count", "click_count", "view_count")
    )
    rows = drift.compare(drift.windows(doubled, SESSIONS), checked_at=NOW)
    drifted = set(rows.filter("has_drifted")["feature"])
    assert {"clicks_per_week", "views_recent"} <= drifted
    assert not drifted & {"mean_score", "absent_share", "correct_share"}


def test_a_source_that_falls_silent_is_seen() -> None:
    silent = WEEKS.with_columns(
        pl.when(RUNNING).then(0).otherwise(pl.col(name)).alias(name) for name in ("score_count", "score_sum")
    )
    rows = drift.compare(drift.windows(silent, SESSIONS), checked_at=NOW)
    row = rows.filter(pl.col("feature") == "mean_score").row(0, named=True)
    assert row["has_drifted"] and row["statistic_name"] == "missing share"


def test_too_little_to_compare_is_said_plainly() -> None:
    with pytest.raises(ModelError, match="two sessions"):
        drift.windows(WEEKS.filter(RUNNING), SESSIONS)
    few = WEEKS.filter(~RUNNING | (pl.col("person_key") == "p_2_0_000"))
    with pytest.raises(ModelError, match="5 student-weeks"):
        drift.windows(few, SESSIONS)
    assert set(COUNTS) <= set(WEEKS.columns)
