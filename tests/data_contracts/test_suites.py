"""Great Expectations finds what the SQL checks find; the page needs nothing from outside; the fast path never imports it."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl

from data_contracts import pages, suites
from data_contracts.load import mart_contracts, source_contracts
from data_contracts.sql_checks import RESULT_SCHEMA, check_marts

AT = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
CHOSEN = ("fct_attempt", "dim_person", "qc_reconciliation", "fct_attendance")


def test_suites_and_sql_checks_agree_on_good_and_on_faulty_rows(
    faulty: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    chosen = [c for c in mart_contracts() if c.name in CHOSEN]

    def failing(results: pl.DataFrame) -> set[tuple[str, str, str]]:
        return set(
            results.filter(~pl.col("is_passed")).select("contract", "check_name", "severity").iter_rows()
        )

    def both() -> tuple[set[tuple[str, str, str]], set[tuple[str, str, str]]]:
        by_suite = suites.validate(faulty, tenant="t", checked_at=AT, contracts=chosen)
        by_sql = check_marts(faulty, checked_at=AT, contracts=chosen)
        assert dict(by_suite.schema) == RESULT_SCHEMA
        assert set(by_suite["check_name"]) == set(by_sql["check_name"])
        pages.write(by_suite, tmp_path / "page.html")
        return failing(by_suite), failing(by_sql)

    assert both() == (set(), set())
    for fault in (
        "insert into fct_attempt from fct_attempt limit 2",
        "update dim_person set person_key = '<b>Ada</b>' where person_key = (select min(person_key) from dim_person)",
        "update qc_reconciliation set is_equal = false",
        "update fct_attempt set response_number = 0 where response_number = 1",
        "update fct_attempt set is_correct = null where response_number = 2",
        "insert into fct_attendance by name select 't' as tenant, person_key, section_key, date '2026-11-02' as attendance_date, 'ill' as status from brg_enrolment limit 1",
    ):
        faulty.execute(fault)
    by_suite, by_sql = both()
    assert by_suite == by_sql
    assert len(by_suite) >= 6
    page = (tmp_path / "page.html").read_text()
    assert "learnlake run --full-refresh" in page
    own = {path.stem: path.read_text() for path in (tmp_path / "contracts").iterdir()}
    assert own.keys() == {c.name for c in (*mart_contracts(), *source_contracts())}
    for name, text in own.items() | {("page", page)}:
        assert "<script" not in text
        assert not re.search(r"(src|href)=[\"']?(https?:|//)|@import|url\(", text), f"{name} loads something"
        assert name == "page" or f'href="contracts/{name}.html"' in page
    assert "opportunity_where_there_is_a_skill" in own["fct_attempt"]
    assert "Let the source divide by the best possible score" in own["learnlake-profile"]


def test_the_fast_path_does_not_import_great_expectations() -> None:
    code = "import sys, data_contracts.load, data_contracts.sql_checks, data_contracts.suites; sys.exit('great_expectations' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=120).returncode == 0
