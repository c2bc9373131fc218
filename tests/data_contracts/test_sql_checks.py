"""What dbt builds keeps the contracts, and each planted fault is caught by the check that should catch it."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from data_contracts.load import mart_contracts
from data_contracts.sql_checks import RESULT_SCHEMA, check_marts

AT = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def failing(connection: duckdb.DuckDBPyConnection, *marts: str) -> dict[tuple[str, str], int]:
    """(mart, check) -> failing rows, of the checks on `marts` that fail."""
    chosen = [c for c in mart_contracts() if not marts or c.name in marts]
    results = check_marts(connection, checked_at=AT, contracts=chosen)
    assert dict(results.schema) == RESULT_SCHEMA
    return {
        (r["contract"], r["check_name"]): r["failing_count"]
        for r in results.iter_rows(named=True)
        if not r["is_passed"]
    }


def test_contracts_and_what_dbt_builds_agree_on_tables_columns_types_and_rules(
    built: duckdb.DuckDBPyConnection,
) -> None:
    assert failing(built) == {}


FAULTS = [
    # what is planted, the mart, the check that must catch it, rows
    ("insert into fct_statement from fct_statement", "fct_statement", "key_is_unique", 12),
    (
        "update fct_statement set statement_id = null where seq < 3",
        "fct_statement",
        "statement_id_is_there",
        2,
    ),
    ("update fct_statement set event = null where seq = 1", "fct_statement", "event_is_known", 1),
    ("update fct_statement set score_scaled = 7 where seq = 1", "fct_statement", "score_scaled_in_range", 1),
    (
        "update fct_statement set score_scaled = 'nan' where seq = 1",
        "fct_statement",
        "score_scaled_in_range",
        1,
    ),
    (
        "update fct_statement set course_key = 't:nowhere' where seq = 1",
        "fct_statement",
        "course_key_is_in_dim_course",
        1,
    ),
    (
        "delete from dim_person where person_key in (from (select person_key from fct_attempt limit 1))",
        "fct_attempt",
        "person_key_is_in_dim_person",
        4,
    ),
    (
        "update fct_attempt set opportunity = null where response_number = 1",
        "fct_attempt",
        "opportunity_where_there_is_a_skill",
        3,
    ),
    (
        "update fct_attempt set opportunity = 0 where response_number = 1",
        "fct_attempt",
        "opportunity_in_range",
        3,
    ),
    ("update dim_person set person_key = 'Ada Byron'", "dim_person", "person_key_has_its_form", 3),
    (
        "update qc_reconciliation set lake_count = 13, is_equal = false",
        "qc_reconciliation",
        "lake_equals_mart",
        1,
    ),
    ("alter table fct_attempt drop column response_text", "fct_attempt", "columns", 1),
    ("alter table fct_attempt add column actor_name varchar", "fct_attempt", "columns", 1),
    ("alter table fct_attempt alter opportunity type varchar", "fct_attempt", "columns", 1),
    ("drop table fct_attempt", "fct_attempt", "columns", 1),
    (
        "insert into fct_attendance by name select 't' as tenant, person_key, section_key, date '2026-11-02' as attendance_date, 'ill' as status from brg_enrolment limit 1",
        "fct_attendance",
        "status_is_known",
        1,
    ),
    (
        "insert into prd_mastery by name select 't' as tenant, person_key, skill_key, 1.2 as mastery, true as is_mastered, 'v' as model_version, date '2026-11-02' as as_of from fct_attempt limit 1",
        "prd_mastery",
        "mastery_in_range",
        1,
    ),
]


@pytest.mark.parametrize(
    ("fault", "mart", "check", "rows"), FAULTS, ids=[f"{m}-{c}-{n}" for n, (_, m, c, _) in enumerate(FAULTS)]
)
def test_a_planted_fault_is_caught_by_its_check(
    faulty: duckdb.DuckDBPyConnection, fault: str, mart: str, check: str, rows: int
) -> None:
    faulty.execute(fault)
    assert failing(faulty, mart).get((mart, check)) == rows


def test_a_failing_check_says_how_many_rows_what_and_how_to_mend(faulty: duckdb.DuckDBPyConnection) -> None:
    faulty.execute("update qc_reconciliation set is_equal = false")
    chosen = [c for c in mart_contracts() if c.name == "qc_reconciliation"]
    results = check_marts(faulty, checked_at=AT, contracts=chosen)
    bad = results.filter(~results["is_passed"]).row(0, named=True)
    assert (bad["tenant"], bad["severity"], bad["failing_count"]) == ("t", "block", 1)
    assert bad["message"].startswith("1 row(s): ")
    assert "learnlake run --full-refresh" in bad["message"]


def test_tenants_are_judged_apart(faulty: duckdb.DuckDBPyConnection) -> None:
    faulty.execute("insert into dim_organisation by name select 'u' as tenant, null as school_key")
    results = check_marts(
        faulty, checked_at=AT, contracts=[c for c in mart_contracts() if c.name == "dim_organisation"]
    )
    passed = {tenant: group["is_passed"].all() for (tenant,), group in results.group_by("tenant")}
    assert passed == {"t": True, "u": False}
