"""The warehouse's commands as someone types them."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli.warehouse import app
from learnlake.errors import InputError, RosterError
from learnlake.settings import Settings
from tests.warehouse import school
from tests.warehouse.fixtures import publish_rows
from tests.warehouse.sealed import ITEM, VIEWED, activity, seal, statement
from tests.warehouse.test_catalogue import write
from warehouse.reconcile import reconcile

DAY = dt.date(2026, 11, 2)


def call(*arguments: str, text: str | None = None) -> str:
    result = CliRunner().invoke(
        app, list(arguments), input=text, catch_exceptions=False, env={"COLUMNS": "200"}
    )
    assert result.exit_code == 0, result.output
    return result.output


def test_catalogue_import_prints_what_it_did(settings: Settings, tmp_path: Path) -> None:
    folder = write(tmp_path / "c")
    assert "activity" in call("catalogue", "import", str(folder), "--tenant", "t")
    assert "Nothing has changed" in call("catalogue", "import", str(folder), "--tenant", "t")
    (folder / "skills.csv").write_text("skill_id\nx\n")
    with pytest.raises(RosterError):
        call("catalogue", "import", str(folder), "--tenant", "t")


def test_sql_answers_a_query_and_what_is_piped_in(settings: Settings, engine: Engine) -> None:
    assert "p_ada" in call("sql", "select person_key from dim_person", "--tenant", "t")
    out = call(
        "sql", "--tenant", "t", text="select 41 + 1 as answer;\nselect nonsense;\nselect\n 'last' as word\n"
    )
    assert "42" in out
    assert "nonsense" in out
    assert "last" in out
    with pytest.raises(InputError, match="Which school"):
        call("sql", "select 1")
    with pytest.raises(InputError, match="Nothing is published"):
        call("sql", "select 1", "--tenant", "elsewhere")


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_export_writes_a_whole_mart_and_is_audited(
    settings: Settings, engine: Engine, tmp_path: Path, form: str
) -> None:
    out = tmp_path / f"rows.{form}"
    assert "4 rows" in call(
        "export", "msr_student_week", "--tenant", "t", "--format", form, "--out", str(out)
    )
    readers = {
        "csv": pl.read_csv,
        "parquet": pl.read_parquet,
        "json": lambda p: pl.DataFrame(json.loads(p.read_text())),
    }
    assert sorted(readers[form](out)["person_key"]) == sorted(school.key(n) for n in school.STUDENTS)
    with sqlite3.connect(settings.home.audit_db) as connection:
        assert connection.execute("select action, resource from entry").fetchall() == [
            ("export", "msr_student_week")
        ]


def test_export_of_what_is_no_mart_or_no_format_writes_nothing(
    settings: Settings, engine: Engine, tmp_path: Path
) -> None:
    out = tmp_path / "rows"
    for arguments in (("stg_statement", "csv"), ("dim_person", "xml")):
        with pytest.raises(InputError):
            call("export", arguments[0], "--tenant", "t", "--format", arguments[1], "--out", str(out))
    assert not out.exists()


def test_reconcile_shows_each_day_and_where_it_differs(settings: Settings) -> None:
    stored = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
    seal(
        settings.home,
        [statement("a", VIEWED, activity("https://x.test/1", ITEM), at=stored)] * 3,
        stored=stored,
    )
    publish_rows(settings.home, {"fct_statement": [{"tenant": "t", "stored_date": DAY}] * 3})
    equal = reconcile(settings.home, [("t", DAY, 3)])
    assert list(equal.iter_rows()) == [("t", DAY, 3, 3, 3, True)]
    later = DAY + dt.timedelta(days=1)
    different = reconcile(settings.home, [("t", DAY, 4), ("u", later, 1)])
    assert list(different.iter_rows()) == [("t", DAY, 4, 3, 3, False), ("u", later, 1, 0, 0, False)]
