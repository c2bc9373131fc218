"""An analyst's SQL runs on the school's own file only, and nothing it does reaches a file, the network or a neighbour."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from learnlake.errors import AccessError, InputError, LearnlakeError
from learnlake.settings import Settings
from people.sessions import Viewer
from tests.warehouse import school
from tests.warehouse.fixtures import publish_rows
from warehouse import snapshot
from warehouse.sandbox import run_as_operator, run_sql


@pytest.fixture
def analyst(engine: Engine, settings: Settings) -> Viewer:
    """Publish what policy knows only, and answer the analyst: a mart without rule shuts the file to everybody."""
    rows = school.marts()
    del rows["fct_new_and_without_rule"]
    publish_rows(settings.home, rows)
    return school.viewer("ana", "analyst")


def test_an_analyst_reads_the_whole_school_and_no_other(settings: Settings, analyst: Viewer) -> None:
    result = run_sql(settings, analyst, "select distinct tenant, person_key from fct_attempt order by all")
    assert result.table.to_pylist() == [
        {"tenant": "t", "person_key": school.key(n)} for n in ("ada", "ben", "cem", "dua")
    ]
    assert not result.is_truncated
    assert run_sql(settings, analyst, "describe fct_attempt").table.num_rows == 6
    assert "fct_attempt" in run_sql(settings, analyst, "show tables").table["name"].to_pylist()
    assert run_sql(settings, analyst, "explain select 1").table.num_rows > 0


def test_a_long_answer_is_cut_and_says_so(settings: Settings, analyst: Viewer) -> None:
    result = run_sql(settings, analyst, "select range as n from range(1000000) order by n desc", row_limit=10)
    assert result.table["n"].to_pylist()[:2] == [999999, 999998]
    assert (result.table.num_rows, result.is_truncated) == (10, True)
    assert "first 10 rows" in result.note


@pytest.mark.parametrize(
    "who", ["ada student", "tess teacher", "gil guardian", "pia principal", "adi administrator"]
)
def test_other_roles_are_refused_and_the_refusal_is_audited(
    settings: Settings, analyst: Viewer, who: str
) -> None:
    name, role = who.split()
    with pytest.raises(AccessError):
        run_sql(settings, school.viewer(name, role), "select 1")
    with sqlite3.connect(settings.home.audit_db) as connection:
        rows = connection.execute("select actor_key, action, result from entry").fetchall()
    assert rows == [(school.key(name), "run SQL", "refused")]


def test_a_role_that_has_ended_is_refused(settings: Settings, analyst: Viewer) -> None:
    with pytest.raises(AccessError):
        run_sql(settings, school.viewer("ada", "analyst"), "select 1")


def test_a_mart_without_rule_shuts_the_file(settings: Settings, engine: Engine) -> None:
    with pytest.raises(AccessError):
        run_sql(settings, school.viewer("ana", "analyst"), "select 1")


HOSTILE = (
    "select * from read_csv('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from read_text('{home}/secrets/identity')",
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
def test_hostile_statements_are_refused_and_leave_nothing(
    settings: Settings, analyst: Viewer, query: str
) -> None:
    folder = snapshot.current(settings.home)
    assert folder is not None
    other = snapshot.tenant_file(folder, "other")
    before = {p: p.stat().st_mtime_ns for p in settings.home.warehouse.rglob("*")}
    (settings.home.secrets / "identity").write_text("a secret")
    with pytest.raises(InputError) as caught:
        run_sql(settings, analyst, query.format(home=settings.home.path, other=other))
    assert "a secret" not in str(caught.value)
    assert {p: p.stat().st_mtime_ns for p in settings.home.warehouse.rglob("*")} == before
    assert not list(settings.home.path.glob("stolen*"))


BOMBS = (
    "with recursive r(n) as (select 1 union all select n + 1 from r) select max(n) from r",
    "select count(*) from range(10000000000) a, range(10000000000) b",
    "select list(n) from range(1000000000) t(n)",
    "select length(repeat('x', 2000000000) || repeat('y', 2000000000))",
    "select string_agg(repeat(n::varchar, 1000), '') from range(100000000) t(n)",
    "select repeat('x', 1000000) from range(9000)",
)


@pytest.mark.parametrize("query", BOMBS)
def test_bombs_end_in_time_and_memory_and_the_next_query_answers(
    settings: Settings,
    analyst,
    query: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = settings.model_copy(update={"sql_timeout_seconds": 2, "sql_memory_limit": "256MB"})
    started = time.monotonic()
    with pytest.raises(InputError):
        run_sql(small, analyst, query)
    assert time.monotonic() - started < 60
    assert run_sql(small, analyst, "select 1 as one").table["one"].to_pylist() == [1]


def test_before_the_first_publish_the_operator_is_told_so(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(LearnlakeError, match="Nothing has been published"):
        run_as_operator(settings, "t", "select 1")
