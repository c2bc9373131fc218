"""A warehouse per test over a lake of its own; dbt's parsed project is shared by all tests of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dbt_project import school
from tests.dbt_project.build import Warehouse
from tests.dbt_project.lake import Lake


@pytest.fixture(scope="session")
def dbt_target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dbt_target")


@pytest.fixture
def warehouse(tmp_path: Path, dbt_target: Path) -> Warehouse:
    """The small school with its catalogue, no statements yet, nothing built."""
    return _warehouse(tmp_path, dbt_target)


@pytest.fixture(scope="module")
def module_warehouse(tmp_path_factory: pytest.TempPathFactory, dbt_target: Path) -> Callable[[], Warehouse]:
    """Makes a warehouse that the tests of one module share."""
    return lambda: _warehouse(tmp_path_factory.mktemp("warehouse"), dbt_target)


def _warehouse(folder: Path, target: Path) -> Warehouse:
    lake = Lake(folder)
    return Warehouse(
        lake,
        folder / "working.duckdb",
        target,
        people_dir=lake.write("people", school.people()),
        catalogue_dir=lake.write("catalogue", school.catalogue()),
    )
