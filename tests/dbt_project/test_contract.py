"""The marts' enforced contracts are those of docs/architecture.md, and every mart and column says what it means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BUILT_BY_PYTHON = ("prd_", "qc_check", "qc_build", "qc_drift", "qc_quarantine")


def promised() -> dict[str, list[str]]:
    """Mart -> columns, as docs/architecture.md names them; notes in parentheses are left out."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| `((?:dim|brg|fct|msr|qc)_\w+)` \| .*? \| (.*) \|$", text, re.MULTILINE)
    marts = {name: _names(columns) for name, columns in rows if not name.startswith(BUILT_BY_PYTHON)}
    paragraph = re.search(r"^Columns: (person_key, .*?)\n(?=[A-Z])", text, re.MULTILINE | re.DOTALL)
    assert paragraph, "docs/architecture.md names the columns of msr_student_week"
    return {**marts, "msr_student_week": _names(paragraph[1])}


def _names(columns: str) -> list[str]:
    return ["tenant", *re.findall(r"\w+", re.sub(r"\([^)]*\)", "", columns))]


def declared() -> dict[str, dict[str, Any]]:
    """Mart -> its properties in the dbt project."""
    files = sorted((ROOT / "dbt_project" / "models" / "marts").glob("_*.yml"))
    models = [model for file in files for model in yaml.safe_load(file.read_text()).get("models", [])]
    return {model["name"]: model for model in models}


def test_the_marts_are_those_of_the_contract() -> None:
    assert set(declared()) == set(promised())
    assert len(promised()) >= 29


@pytest.mark.parametrize("mart", sorted(promised()))
def test_a_mart_has_the_promised_columns_with_types_and_meanings(mart: str) -> None:
    model = declared()[mart]
    assert [column["name"] for column in model["columns"]] == promised()[mart]
    assert model["description"].startswith("One row per ")
    assert all(column["data_type"] and column["description"] for column in model["columns"])
    rules = {rule for test in model["data_tests"] for rule in test}
    assert {"key_is_unique", "never_null"} <= rules
