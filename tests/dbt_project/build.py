"""Runs the real dbt project on a lake, as the warehouse does, and reads the marts."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import duckdb

from tests.dbt_project.lake import Lake
from warehouse.dbt_run import let_go

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


@dataclasses.dataclass
class Warehouse:
    """One working file over one lake. `build` runs dbt from the last watermark on, under `definitions` where they aren't the defaults."""

    lake: Lake
    path: Path
    target: Path
    people_dir: Path | None = None
    catalogue_dir: Path | None = None
    as_of: str = "2026-11-20"
    from_seq: int = -1

    definitions: dict[str, Any] = dataclasses.field(default_factory=dict)

    def build(self, *, full_refresh: bool = False) -> None:
        if full_refresh:
            self.from_seq = -1
        self.dbt(
            "build",
            "--exclude-resource-type",
            "test",
            "--exclude-resource-type",
            "unit_test",
            *(["--full-refresh"] if full_refresh else []),
        )
        self.from_seq = self.lake.sealed_seq

    def dbt(self, command: str, *arguments: str) -> Any:
        """Runs one dbt command in this process and answers its result; raises when anything failed."""
        from dbt.cli.main import dbtRunner

        os.environ["LEARNLAKE_WORKING_FILE"] = str(self.path)
        os.environ["LEARNLAKE_DUCKDB_THREADS"] = "2"
        common = [
            "--project-dir",
            str(PROJECT),
            "--profiles-dir",
            str(PROJECT),
            "--target-path",
            str(self.target),
            "--log-path",
            str(self.target / "logs"),
            "--no-write-json",
            "--log-level-file",
            "none",
        ]
        variables = {
            "lake_files": self.lake.files(),
            "from_seq": self.from_seq,
            "to_seq": self.lake.sealed_seq,
            "people_dir": str(self.people_dir) if self.people_dir else None,
            "catalogue_dir": str(self.catalogue_dir) if self.catalogue_dir else None,
            "as_of": self.as_of,
            **self.definitions,
        }
        try:
            manifest = dbtRunner().invoke(["--quiet", "parse", *common]).result
            outcome = dbtRunner(manifest=manifest).invoke(
                ["--quiet", command, *arguments, *common, "--vars", json.dumps(variables)]
            )
        finally:
            let_go()
        if not outcome.success:
            failed = [
                f"{r.node.name}: {r.message}" for r in (outcome.result or []) if r.status in ("error", "fail")
            ]
            raise AssertionError(f"dbt {command}: {failed or outcome.exception}")
        return outcome.result

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(query).fetchall()
