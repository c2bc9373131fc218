"""dbt's manifest of the project, kept in the home folder by what the project's files say. Imports neither dbt nor Dagster.

dbt is asked once for each state of the project: every process that loads the definitions would otherwise wait seconds for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from learnlake.errors import PipelineError
from learnlake.home import Home
from warehouse import dbt_run
from warehouse.watermark import DBT_PROJECT

_PARSE = """
from learnlake.settings import get_settings
from warehouse.dbt_run import parse
parse(get_settings().home, get_settings())
"""


def manifest(home: Home) -> dict[str, Any]:
    """The manifest of the project as it is now."""
    kept = _kept(home)
    if not kept.exists():
        _parse(home)
        keep(home)
    found: dict[str, Any] = json.loads(kept.read_text())
    return found


def keep(home: Home) -> None:
    """Keep the manifest that a run of dbt has just left, for processes that need the lineage only."""
    kept = _kept(home)
    if kept.exists():
        return
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(".draft")
    shutil.copyfile(dbt_run.target(home) / dbt_run.MANIFEST, draft)
    draft.replace(kept)


def _kept(home: Home) -> Path:
    digest = hashlib.sha256()
    for path in sorted(DBT_PROJECT.rglob("*")):
        inside = path.relative_to(DBT_PROJECT)
        if path.suffix in {".sql", ".csv", ".yml", ".md"} and inside.parts[0] not in {"target", "logs"}:
            digest.update(f"{inside}\0".encode() + path.read_bytes())
    return home.dagster / "manifests" / f"{digest.hexdigest()[:32]}.json"


def _parse(home: Home) -> None:
    """In a process of its own: dbt would cost every later run of the code server a hundred megabytes."""
    environment = {**os.environ, "LEARNLAKE_HOME": str(home.path)}
    command = [sys.executable, "-P", "-c", _PARSE]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise PipelineError(
            "dbt cannot read its project.",
            where=f"{DBT_PROJECT}\n{(result.stdout + result.stderr)[-2000:]}",
            mend="mend the model that dbt names",
        )
