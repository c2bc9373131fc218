"""The dbt project as Dagster shows it: one asset per source, seed and model, with the lineage that dbt itself has parsed.

Reads dbt's manifest. dbt is called once for each state of the project and its answer kept in the home folder, because
every process that loads the definitions, each run included, would otherwise spend seconds on it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg

from learnlake.errors import PipelineError
from learnlake.home import Home
from warehouse.watermark import DBT_PROJECT

LAYERS = ("staging", "intermediate", "marts")
PEOPLE = "people"
STATEMENTS = dg.AssetKey(["lake", "statement"])

_PARSE = """
import sys
from pathlib import Path
from learnlake.settings import get_settings
from warehouse.dbt_run import parse
Path(sys.argv[1]).write_bytes(parse(get_settings().home, get_settings()).read_bytes())
"""


def manifest(home: Home) -> dict[str, Any]:
    """dbt's manifest of the project as it is now."""
    kept = home.dagster / "manifests" / f"{_project_hash()}.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(".draft")
        _parse(draft)
        draft.replace(kept)
    found: dict[str, Any] = json.loads(kept.read_text())
    return found


def _project_hash() -> str:
    digest = hashlib.sha256()
    for path in sorted(DBT_PROJECT.rglob("*")):
        inside = path.relative_to(DBT_PROJECT)
        if path.suffix in {".sql", ".csv", ".yml", ".md"} and inside.parts[0] not in {"target", "logs"}:
            digest.update(f"{inside}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:32]


def dbt_specs(home: Home) -> list[dg.AssetSpec]:
    """One spec per seed and model. Sources are named in `deps` only: other rooms make them."""
    parsed = manifest(home)
    nodes = [n for n in parsed["nodes"].values() if n["resource_type"] in {"model", "seed"}]
    return [_spec(node, parsed) for node in sorted(nodes, key=lambda n: str(n["name"]))]


def source_specs(home: Home) -> list[dg.AssetSpec]:
    """One spec per dbt source: the tables that the store, people and the catalogue put into the lake."""
    sources = manifest(home)["sources"].values()
    return [
        dg.AssetSpec(
            _key(source), group_name="lake", description=source["description"] or None, kinds={"parquet"}
        )
        for source in sorted(sources, key=lambda s: (str(s["source_name"]), str(s["name"])))
    ]


def _spec(node: dict[str, Any], parsed: dict[str, Any]) -> dg.AssetSpec:
    known = {**parsed["nodes"], **parsed["sources"]}
    parents = [known[parent] for parent in node.get("depends_on", {}).get("nodes", []) if parent in known]
    return dg.AssetSpec(
        _key(node),
        deps=[_key(parent) for parent in parents],
        description=node["description"] or None,
        group_name=_layer(node),
        kinds={"dbt", "duckdb"},
        metadata={"dagster/table_name": f"{node['schema']}.{node['name']}"},
    )


def _key(node: dict[str, Any]) -> dg.AssetKey:
    return dg.AssetKey(
        [node["source_name"], node["name"]] if node["resource_type"] == "source" else [node["name"]]
    )


def _layer(node: dict[str, Any]) -> str:
    return next((layer for layer in LAYERS if layer in node["fqn"]), "staging")


def _parse(target: Path) -> None:
    """In a process of its own: dbt would cost every later run of the code server a hundred megabytes."""
    result = subprocess.run(
        [sys.executable, "-P", "-c", _PARSE, str(target)], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise PipelineError(
            "dbt cannot read its project.",
            where=f"{DBT_PROJECT}\n{(result.stdout + result.stderr)[-2000:]}",
            mend="mend the model that dbt names",
        )
