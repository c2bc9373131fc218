"""What the marts say of a small school, built once: who, where, what, and the weeks."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable

import pytest

from tests.dbt_project import school
from tests.dbt_project.build import Warehouse
from tests.dbt_project.lake import (
    ASSESSMENT,
    HOME_PAGE,
    answered,
    attendance,
    concluded,
    logged_in,
    registered,
    statement,
    submitted,
    viewed,
    voiding,
)


@pytest.fixture(scope="module")
def built(module_warehouse: Callable[[], Warehouse]) -> Warehouse:
    warehouse = module_warehouse()
    quiz = (f"{HOME_PAGE}/quiz-1", ASSESSMENT)
    gone = viewed("k-a", "2026-09-10 08:00", course="c1", page="gone")
    warehouse.lake.append(
        [
            # spring, found by the enrolment that was active then
            viewed("k-a", "2026-03-02 10:00", course="c1"),
            # before the autumn's first day: week 0
            registered("k-a", "2026-08-20", course="c1", section="x1", prior=1, credits=120),
            viewed("k-a", "2026-09-06 23:59", section="x1"),
            # week 1
            logged_in("k-a", "2026-09-07 08:00"),
            viewed("k-a", "2026-09-07 08:01", section="x1", clicks=7, seconds=7200),
            answered(
                "k-a",
                "2026-09-08 10:00",
                True,
                section="x1",
                item="item-1",
                parent=quiz,
                response="4",
                seconds=30,
            ),
            answered("k-a", "2026-09-08 10:01", False, section="x1", item="item-2", parent=quiz),
            answered(
                "k-a",
                "2026-09-08 10:02",
                True,
                section="x1",
                item="item-9",
                skills=["carry", "add"],
                parent=quiz,
            ),
            attendance("k-a", "2026-09-09", "absent", section="x1"),
            attendance("k-a", "2026-09-09", "late", section="x1", at_time="09:30"),
            attendance("k-a", "2026-09-10", "excused", section="x1"),
            gone,
            # week 2: on time on the last minute of the day it is due; Bo a day late
            submitted("k-a", "2026-09-18 23:59", section="x1", score=0.5),
            submitted("k-b", "2026-09-19 00:00", section="x1", score=1.0),
            submitted("k-b", "2026-09-19 00:01", section="x1", quiz="quiz-2", banked=True, score=0.9),
            concluded("k-b", "2026-09-25", "withdrawn", course="c1", section="x1"),
            statement(
                "k-x", "http://adlnet.gov/expapi/verbs/shared", f"{HOME_PAGE}/page-1", None, "2026-09-20"
            ),
            voiding(gone, "2026-09-30"),
        ]
    )
    warehouse.build()
    return warehouse


def test_every_row_of_the_lake_is_one_row_of_fct_statement(built: Warehouse) -> None:
    assert built.rows(
        "select count(*), count(distinct statement_id), count_if(is_voided) from fct_statement"
    ) == [(18, 18, 1)]
    assert built.rows("select sum(lake_count), bool_and(is_equal) from qc_reconciliation") == [(18, True)]


def test_section_is_the_named_one_else_the_enrolment_active_on_the_day(built: Warehouse) -> None:
    assert built.rows("select section_key from fct_statement where occurred_date < '2026-06-01'") == [
        ("north:x0",)
    ]
    assert built.rows("select distinct course_key from fct_statement where section_key = 'north:x1'") == [
        ("north:c1",)
    ]


def test_unknown_actor_and_unknown_meaning_stay_and_are_listed(built: Warehouse) -> None:
    assert built.rows("select person_key, event from fct_statement where verb_id like '%shared'") == [
        (None, None)
    ]
    assert built.rows("select verb_id, object_activity_type, statement_count from qc_unmapped") == [
        ("http://adlnet.gov/expapi/verbs/shared", "Activity", 1)
    ]


def test_attempts_know_skill_combination_and_opportunity(built: Warehouse) -> None:
    assert built.rows(
        "select skill_key, is_correct, response_number, opportunity, response_text from fct_attempt order by response_number"
    ) == [
        ("north:add", True, 1, 1, "4"),
        ("north:add+carry", False, 2, 1, None),
        ("north:add+carry", True, 3, 2, None),
    ]
    assert built.rows("select distinct assessment_key from fct_attempt") == built.rows(
        "select activity_key from dim_activity where title = 'Quiz 1'"
    )
    assert built.rows(
        "select title, is_combination, component_skill_keys from dim_skill where skill_key = 'north:add+carry'"
    ) == [("Addition + Carrying", True, ["north:add", "north:carry"])]


def test_attendance_is_the_status_stored_last(built: Warehouse) -> None:
    assert built.rows("select attendance_date, status from fct_attendance order by 1") == [
        (dt.date(2026, 9, 9), "late"),
        (dt.date(2026, 9, 10), "excused"),
    ]


def test_days_late_count_from_the_due_day(built: Warehouse) -> None:
    assert built.rows(
        "select person_key, days_late, weight, is_banked from fct_assessment_result order by submitted_at"
    ) == [("p_a", 0, 40.0, False), ("p_b", 1, 40.0, False), ("p_b", -8, 60.0, True)]


def test_outcome_is_in_fct_outcome(built: Warehouse) -> None:
    assert built.rows("select person_key, outcome, is_adverse, decided_on from fct_outcome") == [
        ("p_b", "withdrawn", True, dt.date(2026, 9, 25))
    ]


WEEK = """select {} from msr_student_week
    where section_key = 'north:x1' and person_key = '{}' and week_index = {}"""


def test_week_one_of_ada(built: Warehouse) -> None:
    columns = "event_count, click_count, active_days, minutes_active, login_count, view_count, attempt_count, correct_count, skill_count"
    # view, 3 answers, attended late (the absence that it corrects is none); two hours count for 30 minutes
    assert built.rows(WEEK.format(columns, "p_a", 1)) == [(5, 7, 3, 30.5, 1, 1, 3, 2, 2)]
    columns = "meeting_count, absent_count, excused_count, late_count, last_active_date, prior_attempts, studied_credits, is_complete"
    assert built.rows(WEEK.format(columns, "p_a", 1)) == [(2, 0, 1, 1, dt.date(2026, 9, 9), 1, 120, True)]


def test_week_zero_is_left_out_without_an_earlier_begin_date(built: Warehouse) -> None:
    assert built.rows(WEEK.format("week_index", "p_a", 0)) == []


def test_week_two_counts_due_and_handed_in(built: Warehouse) -> None:
    columns = "due_count, due_weight, submitted_count, submitted_late_count, days_early_sum, on_time_due_count, score_sum, weighted_score_sum, score_weight_sum, banked_count, event_count"
    assert built.rows(WEEK.format(columns, "p_a", 2)) == [(1, 40.0, 1, 0, 0, 1, 0.5, 20.0, 40.0, 0, 1)]
    assert built.rows(WEEK.format(columns, "p_b", 2)) == [(1, 40.0, 1, 1, -1, 1, 1.0, 40.0, 40.0, 1, 1)]


def test_weeks_run_to_the_newest_that_has_begun(built: Warehouse) -> None:
    """2026-11-20 is a Friday in week 11 of autumn; spring is over, all its 19 weeks are complete."""
    assert built.rows(
        "select section_key, min(week_index), max(week_index), count_if(is_complete) from msr_student_week where person_key = 'p_a' group by 1 order by 1"
    ) == [("north:x0", 1, 19, 19), ("north:x1", 1, 11, 10)]
    assert built.rows(
        "select section_key, is_running, as_of_date, current_week, student_count from dim_class order by 1"
    ) == [
        ("north:x0", False, dt.date(2026, 6, 14), 19, 1),
        ("north:x1", True, dt.date(2026, 11, 20), 11, 2),
    ]


def test_class_week_sums_its_students(built: Warehouse) -> None:
    assert built.rows(
        "select student_count, active_student_count, mean_score, absence_rate from msr_class_week where section_key = 'north:x1' and week_index in (1, 2) order by week_index"
    ) == [(2, 1, None, 0.5), (2, 2, 0.75, None)]


def test_marts_hold_no_raw_json_and_no_identifier(built: Warehouse) -> None:
    columns = built.rows(
        "select table_name, column_name from duckdb_columns() where schema_name = 'main' and data_type = 'VARCHAR'"
    )
    places = [f"select '{t}.{c}' as place from {t} where contains({c}, 'secret-')" for t, c in columns]
    assert len(places) > 80
    assert built.rows(" union all ".join(places)) == []


def test_keys_relationships_and_unit_tests_hold(built: Warehouse) -> None:
    results = [result for result in built.dbt("test") if result.node.resource_type != "operation"]
    kinds = Counter(result.node.resource_type for result in results)
    assert kinds["test"] > 60 and kinds["unit_test"] >= 6
    assert {str(result.status) for result in results} == {"pass"}


def test_log_ins_to_the_application_count_from_the_first_day_of_the_session(
    module_warehouse: Callable[[], Warehouse],
) -> None:
    """Week 0 is open to the past: a year of earlier log-ins is nothing that this section has seen."""
    warehouse = module_warehouse()
    early = school.enrolment("p_a", "x1", begin_date=school.day("2026-08-20"))
    warehouse.people_dir = warehouse.lake.write("people", school.people(enrolment=[early]))
    warehouse.lake.append(
        [
            logged_in("k-a", "2026-03-02 08:00"),
            logged_in("k-a", "2026-09-06 23:59"),
            logged_in("k-a", "2026-09-06 23:59", section="x1"),
            logged_in("k-a", "2026-09-07 00:00"),
        ]
    )
    warehouse.build()
    assert [warehouse.rows(WEEK.format("login_count", "p_a", week)) for week in (0, 1)] == [[(1,)], [(1,)]]
