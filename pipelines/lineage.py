"""The dbt project as Dagster shows it: one asset per source, seed and model, with the lineage that dbt itself has parsed."""

from __future__ import annotations

import graphlib
from typing import Any

import dagster as dg

from learnlake.home import Home
from pipelines.manifest import manifest

LAYERS = ("staging", "intermediate", "marts")
PEOPLE = "people"
STATEMENTS = dg.AssetKey(["lake", "statement"])


def dbt_specs(home: Home) -> list[dg.AssetSpec]:
    """One spec per seed and model, each after those it is made from. Sources are named in `deps` only."""
    parsed = manifest(home)
    nodes = {name: n for name, n in parsed["nodes"].items() if n["resource_type"] in {"model", "seed"}}
    order = graphlib.TopologicalSorter(
        {name: sorted(set(_parents(node)) & nodes.keys()) for name, node in sorted(nodes.items())}
    )
    return [_spec(nodes[name], parsed) for name in order.static_order()]


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
    parents = [known[parent] for parent in _parents(node) if parent in known]
    return dg.AssetSpec(
        _key(node),
        deps=[_key(parent) for parent in parents],
        description=node["description"] or None,
        group_name=_layer(node),
        kinds={"dbt", "duckdb"},
        metadata={"dagster/table_name": f"{node['schema']}.{node['name']}"},
    )


def _parents(node: dict[str, Any]) -> list[str]:
    return list(node.get("depends_on", {}).get("nodes", []))


def _key(node: dict[str, Any]) -> dg.AssetKey:
    is_source = node["resource_type"] == "source"
    return dg.AssetKey([node["source_name"], node["name"]] if is_source else [node["name"]])


def _layer(node: dict[str, Any]) -> str:
    return next((layer for layer in LAYERS if layer in node["fqn"]), "staging")
