"""Contracts are read strictly: a wrong key, a contradiction or a mart without contract is an error that names the place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from data_contracts import load
from learnlake.errors import InputError
from people.policy import MARTS
from warehouse.tables import FILLED

GOOD = load.FOLDER / "marts" / "fct_attempt.odcs.yaml"


def test_every_mart_that_policy_knows_has_a_contract_and_none_else() -> None:
    assert {contract.name for contract in load.mart_contracts()} == set(MARTS)
    assert set(FILLED) <= set(MARTS)


def test_every_contract_is_whole() -> None:
    for contract in (*load.mart_contracts(), *load.source_contracts()):
        assert contract.severity == ("block" if contract.domain == "marts" else "flag")
        for table in contract.tables:
            assert table.key[0] == "tenant"
            assert all(len(column.description) > 10 for column in table.columns), table.name
            assert all(len(rule.description) > 20 for rule in table.rules), table.name
            assert len({rule.name for rule in table.rules}) == len(table.rules)


def test_relationships_lead_to_columns_that_exist() -> None:
    columns = {
        (t.name, c.name) for contract in load.mart_contracts() for t in contract.tables for c in t.columns
    }
    for contract in load.mart_contracts():
        for table in contract.tables:
            for column in table.columns:
                for relationship in column.relationships:
                    assert tuple(relationship.to.split(".")) in columns, f"{table.name}.{column.name}"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda c: c.update(aversion="1"), "aversion"),
        (lambda c: c.pop("kind"), "kind"),
        (lambda c: c["schema"][0]["properties"][0].update(logicalType="text"), r"logicalType"),
        (lambda c: c["schema"][0]["properties"].append(c["schema"][0]["properties"][0]), "tenant: twice"),
        (lambda c: c["schema"][0].update(dataGranularityDescription="Rows."), "One row per"),
        (lambda c: [p.pop("primaryKey", None) for p in c["schema"][0]["properties"]], "primary key"),
        (
            lambda c: c["schema"][0]["properties"][0].update(relationships=[{"to": "person"}]),
            r"TABLE\.COLUMN",
        ),
    ],
)
def test_a_contract_that_is_wrong_is_refused(tmp_path: Path, change, named: str) -> None:  # type: ignore[no-untyped-def]
    contract = yaml.safe_load(GOOD.read_text())
    change(contract)
    path = tmp_path / "wrong.odcs.yaml"
    path.write_text(yaml.safe_dump(contract))
    with pytest.raises(InputError, match=named):
        load.read(path)


def test_a_file_that_is_no_yaml_and_a_table_without_contract_are_told(tmp_path: Path) -> None:
    path = tmp_path / "no.odcs.yaml"
    path.write_text("a: [b")
    with pytest.raises(InputError, match="not YAML"):
        load.read(path)
    with pytest.raises(InputError, match="no contract"):
        load.mart("fct_nothing")
