"""How the at-risk model is judged: intervals by week, subgroups with an alarm, and changed assessment seen before outcomes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models import risk
from models.risk.oulad_files import read_groups, read_oulad, read_plans
from models.risk.plans import plan_changes
from models.risk.subgroups import subgroups
from tests.models.weeks import draw_school

WEEKS, OUTCOMES, SESSIONS = draw_school()
STARTS = (
    WEEKS.select("tenant", "section_key", "session_key")
    .unique()
    .join(SESSIONS.select("session_key", "start_date"), on="session_key")
)


def drawn(*, students: int = 800) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Calibrated risks of two equally large groups, and the groups."""
    draw = np.random.default_rng(8)
    chance = draw.beta(1.2, 1.8, students)
    rows = pl.DataFrame(
        {
            "section_key": "s",
            "person_key": [f"p_{n}" for n in range(students)],
            "week_index": 4,
            "risk": chance,
            "is_adverse": draw.random(students) < chance,
        }
    )
    return rows, rows.select("section_key", "person_key", side=pl.Series(["a", "b"] * (students // 2)))


def alarms(rows: pl.DataFrame, groups: pl.DataFrame) -> dict[str, str | None]:
    return dict(subgroups(rows, groups).select("value", "alarm").iter_rows())


def test_groups_that_are_served_alike_raise_no_alarm() -> None:
    assert alarms(*drawn()) == {"all": None, "a": None, "b": None}


def test_a_group_that_is_ranked_by_chance_is_told() -> None:
    rows, groups = drawn()
    shuffled = pl.Series(np.random.default_rng(1).permutation(rows["risk"].to_numpy()))
    spoilt = rows.with_columns(risk=pl.when(groups["side"] == "b").then(shuffled).otherwise("risk"))
    found = alarms(spoilt, groups)
    assert found["a"] is None or "ranked" not in found["a"]
    assert "ranked worse than all" in str(found["b"])


def test_a_group_whose_risk_is_overstated_and_that_is_listed_too_often_is_told() -> None:
    rows, groups = drawn()
    spoilt = rows.with_columns(
        risk=pl.when(groups["side"] == "b").then((pl.col("risk") + 0.2).clip(0, 1)).otherwise("risk")
    )
    found = alarms(spoilt, groups)
    assert "risk overstated beside all; listed more often" in str(found["b"])
    assert "risk understated beside all; listed less often" in str(found["a"])


def test_small_and_unknown_groups_are_left_out() -> None:
    rows, groups = drawn()
    rare = pl.when(pl.int_range(pl.len()) < 50).then(pl.lit("rare")).otherwise(None)
    assert alarms(rows, groups.with_columns(side=rare)) == {"all": None}


def test_evaluation_has_intervals_and_subgroups_by_course() -> None:
    found = risk.evaluate(WEEKS, OUTCOMES, SESSIONS, decision_weeks=(2, 6))
    for row in found.by_week.iter_rows(named=True):
        assert 0 < row["auc_low"] < row["auc"] < row["auc_high"] <= 1
    assert found.subgroups["attribute"].to_list()[0] == "all"
    assert found.plan_changes.is_empty()
    assert set(found.held_out["week_index"]) == {2, 6}


def test_changed_assessment_is_seen_while_the_session_runs() -> None:
    """The course drops most of its pieces of work; one that moved by a week is no change."""
    is_second = pl.col("section_key") == "t:1-0"
    fewer = WEEKS.with_columns(
        due_count=pl.when(is_second & (pl.col("week_index") > 2)).then(0).otherwise(pl.col("due_count"))
    )
    assert plan_changes(WEEKS, STARTS).is_empty()
    found = plan_changes(fewer, STARTS).filter(section_key="t:1-0")
    assert found.select("course_key", "before").row(0) == ("t:course-0", "t:0-0")
    assert found["due"][0] < found["due_before"][0]
    early = fewer.filter(~is_second | (pl.col("week_index") <= 2))
    assert plan_changes(early, STARTS).filter(section_key="t:1-0").is_empty(), "nothing differs so far"
    moved = WEEKS.filter(section_key="t:1-0").with_columns(week_index=pl.col("week_index") + 1)
    later = pl.concat([WEEKS.filter(~is_second), moved])
    assert plan_changes(later, STARTS).filter(section_key="t:1-0").is_empty()


@pytest.mark.real_data
def test_oulad_changed_assessment_is_found(public_data: Path) -> None:
    """DDD halved its pieces of work after 2013B, BBB for 2014J (whose students are not in the set); no other course did."""
    plans, starts = read_plans(public_data)
    found = plan_changes(plans, starts)
    assert found["section_key"].to_list() == ["oulad:BBB-2014J", "oulad:DDD-2013J"]
    assert dict(starts.select("section_key", "start_date").iter_rows())["oulad:BBB-2014J"] == dt.date(
        2014, 10, 1
    )


@pytest.mark.real_data
def test_attributes_are_read_apart_from_what_models_see(public_data: Path) -> None:
    groups = read_groups(public_data)
    assert {"gender", "disability", "imd_band"} <= set(groups.columns)
    frames = read_oulad(public_data)
    seen = {*frames.weeks.columns, *frames.outcomes.columns, *risk.FEATURES}
    assert not seen & (set(groups.columns) - {"section_key", "person_key", "course"})
