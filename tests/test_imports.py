"""Who may import whom (docs/architecture.md): no room reaches back up the way of a statement; nothing heavy at the command line's start."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = (
    "learnlake",
    "lrs",
    "people",
    "warehouse",
    "models",
    "sources",
    "data_contracts",
    "pipelines",
    "dashboards",
    "api",
    "cli",
)
_READERS = {"people", "models", "warehouse", "data_contracts"}
ALLOWED: dict[str, set[str]] = {
    "learnlake": set(),
    "lrs": set(),
    "people": set(),
    "models": set(),
    "sources": set(),
    "data_contracts": set(),
    "warehouse": {"people"},
    "pipelines": _READERS,
    "dashboards": _READERS,
    "api": _READERS,
    "cli": set(ROOMS),
}
HEAVY = (
    "great_expectations",
    "evidently",
    "mlflow",
    "pyBKT",
    "dagster",
    "dbt",
    "streamlit",
    "xgboost",
    "sklearn",
)


def imported_rooms(file: Path) -> set[str]:
    """The rooms that `file` imports anywhere, inside functions too."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.append(node.module)
    return {name.partition(".")[0] for name in names} & set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    wrong = {
        str(file.relative_to(ROOT)): sorted(beyond)
        for file in files
        if (beyond := imported_rooms(file) - ALLOWED[room] - {room, "learnlake"})
    }
    assert not wrong


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `statement`."""
    code = f"{statement}\nimport sys; print(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(result.stdout.split())


def test_the_command_line_starts_without_anything_heavy() -> None:
    assert not loaded_by("import cli.main, cli.up, cli.settings") & {
        *HEAVY,
        "polars",
        "duckdb",
        "pyarrow",
        "deltalake",
    }
