"""Planted drift raises its own alarm and no other; quiet weeks raise none; a course that changes its assessments is seen before outcomes."""

from __future__ import annotations

import polars as pl
import pytest

from models import drift_weeks
from tests.models.drifting import NOW, SCHOOLS, as_of, draw_answers, draw_weeks
from tests.models.weeks import draw_school
from tests.scale import scaled

WEEKS = 20
PLANTED = 17


def alarms(rows: pl.DataFrame) -> set[tuple[str, str]]:
    return set(rows.filter("has_drifted").select("scope", "feature").iter_rows())


def test_quiet_weeks_raise_no_alarm() -> None:
    """Fifty weeks with holidays and the beginnings of terms; `benchmarks.drift` prints the rate over many such years."""
    count = scaled(50, full=50)
    weeks, answers = draw_weeks(count, seed=3), draw_answers(count, seed=3)
    found = {week: alarms(as_of(weeks, answers, week)) for week in range(7, count + 1, scaled(4, full=1))}
    assert not any(found.values()), {week: names for week, names in found.items() if names}


@pytest.mark.parametrize("week", [PLANTED, PLANTED + 1, PLANTED + 3])
def test_an_lms_that_logs_twice_is_seen_in_its_school_after_two_weeks(week: int) -> None:
    weeks, answers = draw_weeks(WEEKS, seed=4, doubled_from=PLANTED), draw_answers(WEEKS, seed=4)
    expected = {(SCHOOLS[0], name) for name in ("events_per_active_day", "answers_per_active_day")}
    assert alarms(as_of(weeks, answers, week)) == (expected if week > PLANTED else set())


def test_a_new_item_bank_is_seen_as_new_items_and_as_answers_that_turn_out_otherwise() -> None:
    weeks, answers = draw_weeks(WEEKS, seed=5), draw_answers(WEEKS, seed=5, new_bank_from=PLANTED)
    rows = as_of(weeks, answers, PLANTED + 1)
    assert {(SCHOOLS[1], "new_item_share"), (SCHOOLS[1], "correct_minus_predicted")} <= alarms(rows)
    assert {scope for scope, _ in alarms(rows)} == {SCHOOLS[1]}
    row = rows.filter(pl.col("feature") == "new_item_share", pl.col("scope") == SCHOOLS[1]).row(0, named=True)
    assert "another item bank" in row["cause"] and row["kind"] == "input"


def test_a_changed_term_is_seen_before_its_outcomes() -> None:
    weeks, _, sessions = draw_school(sections=2, students=30)
    nothing = draw_answers(1, seed=1).clear()

    def compared(frame: pl.DataFrame) -> pl.DataFrame:
        return drift_weeks.compare(frame, nothing, sessions, model=None, checked_at=NOW)

    quiet = compared(weeks)
    assert quiet["feature"].to_list().count("term") == 2 and not alarms(quiet)
    now = (pl.col("session_key") == "t:term-2") & (pl.col("course_key") == "t:course-0")
    early = pl.when(now).then(pl.when(pl.col("week_index") == 1).then(40.0).otherwise(0.0))
    changed = weeks.with_columns(due_weight=early.otherwise(pl.col("due_weight")))
    assert alarms(compared(changed)) == {("t:course-0", "term")}


def test_too_little_says_nothing() -> None:
    weeks, answers = draw_weeks(5, seed=6), draw_answers(5, seed=6)
    assert as_of(weeks, answers, 5).filter(pl.col("feature") != "term").is_empty()
