"""The pages for analysts and on contracts: their queries run, and their tables of keys are those that are read."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from data_contracts import load

DOCS = Path(__file__).resolve().parents[2] / "docs"
QUERIES = re.findall(r"```sql\n(.*?)```", (DOCS / "analysts.md").read_text(), re.S)


def test_there_are_ten_worked_questions() -> None:
    assert len(QUERIES) == 10


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_a_worked_question_runs_as_it_stands(built: duckdb.DuckDBPyConnection, query: str) -> None:
    answer = built.sql(query)
    assert len(answer.columns) >= 2
    answer.fetchall()


@pytest.mark.parametrize("part", [load.Contract, load.Table, load.Column, load.Rule])
def test_every_key_that_is_read_is_on_the_page(part: type[load.Contract]) -> None:
    page = (DOCS / "data-contracts.md").read_text()
    for name, field in part.model_fields.items():
        assert f"`{field.alias or name}`" in page or f"`{field.alias or name}:" in page, field.alias or name
