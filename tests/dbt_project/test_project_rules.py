"""The rules of dbt-project-evaluator, read off the parsed project: documentation, tests, layers, names, references.

Written here and not installed: dbt packages come from a hub, which a school's network need not reach. Exceptions stand beside their rule
with the reason; an exception that nothing needs any more fails.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dbt_project.build import Warehouse

PREFIXES = {"staging": ("stg_",), "intermediate": ("int_",), "marts": ("dim_", "brg_", "fct_", "msr_", "qc_")}
STAGED_BY_MACRO = {"people", "catalogue"}
"""Sources whose views `create_sources` names and casts column by column: they are staging already, without a model for each rename."""
PREDICTIONS = "predictions"
"""Made after dbt: only a view may read it, which answers when it is asked."""
MANY_LEAVES = {
    "stg_statement": "facts read there what fct_statement does not carry: segments, threads, progress, outcomes",
    "fct_statement": "facts are made of statements, quality marts count them",
    "int_touched_activity": "each fact of an activity replaces the slice that it names",
    "int_section": "the calendar of whatever belongs to a section",
    "brg_enrolment": "who is a student of a section is asked by each measure",
    "dim_person": "persons guard the rows of what has no section",
}
"""Models with more than `FANOUT` marts straight below them on which nothing stands, and why."""
FANOUT = 3
OWN_STATE = {"int_fingerprint": "intermediate.run_fingerprint"}
"""What on-run-end leaves for the next run is no model and has no ref."""


@pytest.fixture(scope="module")
def built(module_warehouse: Callable[[], Warehouse]) -> Warehouse:
    warehouse = module_warehouse()
    warehouse.build()
    return warehouse


@pytest.fixture(scope="module")
def nodes(built: Warehouse) -> dict[str, Any]:
    """Models, seeds, sources and tests of the project, by unique id."""
    manifest = built.dbt("parse")
    return {**manifest.nodes, **manifest.sources}


def of_kind(nodes: dict[str, Any], *kinds: str) -> Iterator[Any]:
    return (node for node in nodes.values() if str(node.resource_type) in kinds)


def layer(node: Any) -> str:
    return node.fqn[1] if str(node.resource_type) == "model" else str(node.resource_type)


def parents(nodes: dict[str, Any], model: Any) -> list[Any]:
    return [nodes[key] for key in model.depends_on.nodes if key in nodes]


def rules_of(nodes: dict[str, Any], node: Any) -> set[str]:
    return {
        test.test_metadata.name
        for test in of_kind(nodes, "test")
        if test.test_metadata and test.attached_node == node.unique_id
    }


def test_every_table_column_and_source_is_documented(built: Warehouse, nodes: dict[str, Any]) -> None:
    """Against the columns that the tables really have: what a model makes and nobody describes fails as well."""
    described = {
        (node.name, column.name): column.description.strip()
        for node in of_kind(nodes, "model", "seed")
        for column in node.columns.values()
    }
    made = {node.name for node in of_kind(nodes, "model", "seed")}
    columns = built.rows(
        "select table_name, column_name from duckdb_columns() where database_name = current_database()"
        " and schema_name in ('main', 'intermediate', 'staging')"
    )
    real = {(table, column) for table, column in columns if table in made}
    assert {place for place in real if not described.get(place)} == set()
    assert set(described) - real == set()
    assert len(real) > 500
    silent = [n.name for n in of_kind(nodes, "model", "seed", "source") if not n.description.strip()]
    assert silent == []


def test_every_model_has_a_key_that_is_tested(nodes: dict[str, Any]) -> None:
    lacking = []
    for node in of_kind(nodes, "model", "seed"):
        kinds = rules_of(nodes, node)
        if not ({"key_is_unique", "never_null"} <= kinds or "primary_key" in kinds):
            lacking.append(node.name)
    assert lacking == []


def test_facts_bridges_and_measures_have_relationships(nodes: dict[str, Any]) -> None:
    marts = [n for n in of_kind(nodes, "model") if n.name.startswith(("fct_", "brg_", "msr_"))]
    assert [n.name for n in marts if "points_to" not in rules_of(nodes, n)] == []
    assert len(marts) > 15


def test_names_say_the_layer(nodes: dict[str, Any]) -> None:
    models = list(of_kind(nodes, "model"))
    assert [n.name for n in models if not n.name.startswith(PREFIXES[layer(n)])] == []
    assert [n.original_file_path for n in models if Path(n.original_file_path).parts[1] != layer(n)] == []


def test_layers_are_read_in_order(nodes: dict[str, Any]) -> None:
    """The lake is read by staging only; staging reads nothing but sources; a table never reads what is made after it."""
    wrong = []
    for model in of_kind(nodes, "model"):
        for parent in parents(nodes, model):
            if layer(parent) == "source":
                allowed = (
                    parent.source_name in STAGED_BY_MACRO
                    or (parent.source_name == PREDICTIONS and model.config.materialized == "view")
                    or (parent.source_name == "lake" and layer(model) == "staging")
                )
            else:
                allowed = layer(model) != "staging" or layer(parent) == "seed"
            if not allowed:
                wrong.append(f"{model.name} reads {parent.name}")
    assert wrong == []


def test_each_source_is_read_and_none_is_there_twice(nodes: dict[str, Any]) -> None:
    read = {parent.unique_id for model in of_kind(nodes, "model") for parent in parents(nodes, model)}
    sources = list(of_kind(nodes, "source"))
    assert [s.name for s in sources if s.unique_id not in read] == []
    assert [place for place, n in Counter((s.schema, s.identifier) for s in sources).items() if n > 1] == []


def test_no_model_stands_alone(nodes: dict[str, Any]) -> None:
    """Root models; intermediate and staging models that nothing reads."""
    read = {parent.unique_id for model in of_kind(nodes, "model") for parent in parents(nodes, model)}
    assert [n.name for n in of_kind(nodes, "model") if not parents(nodes, n)] == []
    unread = [
        n.name for n in of_kind(nodes, "model", "seed") if n.unique_id not in read and layer(n) != "marts"
    ]
    assert unread == []


def test_nothing_is_named_but_by_reference(nodes: dict[str, Any]) -> None:
    """No `from schema.table`: such a reference has no place in the lineage, and dbt may build it too late."""
    found = {
        model.name: match[1]
        for model in of_kind(nodes, "model")
        if (
            match := re.search(
                r"(?<!distinct )\b(?:from|join) (\w+\.\w+)", re.sub(r"--.*", "", model.raw_code)
            )
        )
    }
    assert found == OWN_STATE


def test_few_leaves_hang_on_one_model(nodes: dict[str, Any]) -> None:
    """Fan-out: many marts that each read one model by themselves hint at a step that they should share."""
    below: dict[str, set[str]] = {}
    for model in of_kind(nodes, "model"):
        for parent in parents(nodes, model):
            below.setdefault(parent.unique_id, set()).add(model.unique_id)
    leaves = {
        nodes[parent].name: len([c for c in children if not below.get(c)])
        for parent, children in below.items()
        if layer(nodes[parent]) not in {"source", "seed"}
    }
    assert {name for name, count in leaves.items() if count > FANOUT} == set(MANY_LEAVES)


def test_no_view_stands_on_a_view(nodes: dict[str, Any]) -> None:
    views = {n.unique_id for n in of_kind(nodes, "model") if n.config.materialized == "view"}
    assert [nodes[v].name for v in views if any(p.unique_id in views for p in parents(nodes, nodes[v]))] == []


def test_marts_enforce_their_contract(nodes: dict[str, Any]) -> None:
    assert [n.name for n in of_kind(nodes, "model") if layer(n) == "marts" and not n.contract.enforced] == []
