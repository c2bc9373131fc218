"""An analyst's SQL runs on the school's own file only, and nothing it does reaches a file, the network or a neighbour."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from learnlake.errors import AccessError, InputError, LearnlakeError
from learnlake.settings import Settings
from tests.warehouse import school
from warehouse import snapshot
from warehouse.sandbox import run_as_operator, run_sql

ANALYST = school.viewer("ana", "analyst")


def test_an_analyst_reads_the_whole_school_and_no_other(ruled: Settings) -> None:
    result = run_sql(ruled, ANALYST, "select distinct tenant, person_key from fct_attempt order by all")
    assert result.table.to_pylist() == [
        {"tenant": "t", "person_key": school.key(n)} for n in ("ada", "ben", "cem", "dua")
    ]
    assert not result.is_truncated
    assert run_sql(ruled, ANALYST, "describe fct_attempt").table.num_rows == 6
    assert "fct_attempt" in run_sql(ruled, ANALYST, "show tables").table["name"].to_pylist()
    assert run_sql(ruled, ANALYST, "explain select 1").table.num_rows > 0


def test_a_long_answer_is_cut_and_says_so(ruled: Settings) -> None:
    result = run_sql(ruled, ANALYST, "select range as n from range(1000000) order by n desc", row_limit=10)
    assert result.table["n"].to_pylist()[:2] == [999999, 999998]
    assert (result.table.num_rows, result.is_truncated) == (10, True)
    assert "first 10 rows" in result.note


@pytest.mark.parametrize(
    "who", ["ada student", "tess teacher", "gil guardian", "pia principal", "adi administrator"]
)
def test_other_roles_are_refused_and_the_refusal_is_audited(ruled: Settings, who: str) -> None:
    name, role = who.split()
    with pytest.raises(AccessError):
        run_sql(ruled, school.viewer(name, role), "select 1")
    with sqlite3.connect(ruled.home.audit_db) as connection:
        rows = connection.execute(
            "select actor_key, action, result from entry order by number desc limit 1"
        ).fetchall()
    assert rows == [(school.key(name), "run SQL", "refused")]


def test_a_role_that_has_ended_is_refused(ruled: Settings) -> None:
    with pytest.raises(AccessError):
        run_sql(ruled, school.viewer("ada", "analyst"), "select 1")


def test_a_mart_without_rule_shuts_the_file(settings: Settings, engine: Engine) -> None:
    with pytest.raises(AccessError):
        run_sql(settings, school.viewer("ana", "analyst"), "select 1")


HOSTILE = (
    "select * from read_csv('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from read_text('{home}/secrets/planted')",
    "select * from glob('/**')",
    "select * from parquet_scan('{other}')",
    "select getenv('HOME')",
    "copy fct_attempt to '{home}/stolen.csv'",
    "export database '{home}/stolen'",
    "attach '{other}' as other",
    "attach ':memory:' as m",
    "install httpfs",
    "load httpfs",
    "select * from read_parquet('http://127.0.0.1:9/x.parquet')",
    "set enable_external_access = true",
    "set memory_limit = '64GB'",
    "reset lock_configuration",
    "pragma threads = 64",
    "create table x as select 1",
    "create temp table x as select 1",
    "delete from fct_attempt",
    "update fct_attempt set number = 1",
    "drop table fct_attempt",
    "select 1; select 2",
    "call pragma_version()",
    "begin transaction",
    "vacuum",
    "prepare p as select 1",
    "select from where",
    "",
)


@pytest.mark.parametrize("query", HOSTILE)
def test_hostile_statements_are_refused_and_leave_nothing(ruled: Settings, query: str) -> None:
    folder = snapshot.current(ruled.home)
    assert folder is not None
    other = snapshot.tenant_file(folder, "other")
    before = {p: p.stat().st_mtime_ns for p in ruled.home.warehouse.rglob("*")}
    (ruled.home.secrets / "planted").write_text("a secret")
    with pytest.raises(InputError) as caught:
        run_sql(ruled, ANALYST, query.format(home=ruled.home.path, other=other))
    assert "a secret" not in str(caught.value)
    assert {p: p.stat().st_mtime_ns for p in ruled.home.warehouse.rglob("*")} == before
    assert not list(ruled.home.path.glob("stolen*"))


BOMBS = (
    "with recursive r(n) as (select 1 union all select n + 1 from r) select max(n) from r",
    "select count(*) from range(10000000000) a, range(10000000000) b",
    "select list(n) from range(1000000000) t(n)",
    "select length(repeat('x', 2000000000) || repeat('y', 2000000000))",
    "select string_agg(repeat(n::varchar, 1000), '') from range(100000000) t(n)",
    "select repeat('x', 1000000) from range(9000)",
)


@pytest.mark.parametrize("query", BOMBS)
def test_bombs_end_in_time_and_memory_and_the_next_query_answers(ruled: Settings, query: str) -> None:
    small = ruled.model_copy(update={"sql_timeout_seconds": 2, "sql_memory_limit": "256MB"})
    started = time.monotonic()
    with pytest.raises(InputError):
        run_sql(small, ANALYST, query)
    assert time.monotonic() - started < 60
    assert run_sql(small, ANALYST, "select 1 as one").table["one"].to_pylist() == [1]


def test_before_the_first_publish_the_operator_is_told_so(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(LearnlakeError, match="Nothing has been published"):
        run_as_operator(settings, "t", "select 1")
